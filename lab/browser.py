"""A person at OX's own web interface: the few calls of the HTTP API that the demo needs to see both sides.

Shares nothing with the application's client of the same API, and has a session of its own, so that what a phone
did is seen as any other program would see it.
"""

from __future__ import annotations

import uuid
from email.message import EmailMessage
from typing import Any

import requests

CLIENT = "com.openexchange.ox.gui.dhtml"
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) Lab/1.0"
INBOX = "default0/INBOX"
# Column number -> name, of the contacts' columns that are asked for.
CONTACT_COLUMNS = {
    1: "id",
    500: "display_name",
    501: "first_name",
    502: "last_name",
    555: "email1",
    602: "mark_as_distributionlist",
}
SECONDS = 20


class BrowserError(Exception):
    """OX answered with an error, or not as its HTTP API does."""


class Browser:
    """One session at ``url`` (``https://host/ajax``); ``verify`` is the file of the certificate authority."""

    def __init__(self, url: str, verify: str | bool = True) -> None:
        self.url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = verify
        self._http.headers["User-Agent"] = USER_AGENT
        self._session = ""

    def login(self, name: str, password: str) -> None:
        """Opens a session; BrowserError when OX refuses."""
        # OX counts requests by address and browser, and here all people sit at one address.
        self._http.headers["User-Agent"] = f"{USER_AGENT} {name}"
        form = {"name": name, "password": password, "client": CLIENT, "version": "1"}
        parameters = {"action": "login", "authId": str(uuid.uuid4())}
        answer = self._send("POST", "login", parameters, data=form)
        self._session = str(_envelope("login", answer)["session"])

    def logout(self) -> None:
        """Closes the session."""
        parameters = {"action": "logout", "session": self._session}
        self._send("GET", "login", parameters)

    @property
    def node(self) -> str:
        """The OX host that this session sticks to, by the route of JSESSIONID; empty where there is none."""
        return str(self._http.cookies.get("JSESSIONID", "")).rpartition(".")[2].lower()

    def contacts_folder(self) -> str:
        """The user's own address book."""
        return str(self._get("config/folder/contacts", ""))

    def contacts(self) -> list[dict[str, Any]]:
        """The contacts of the user's own address book, by column name."""
        columns = ",".join(map(str, CONTACT_COLUMNS))
        rows = self._get("contacts", "all", folder=self.contacts_folder(), columns=columns)
        return [dict(zip(CONTACT_COLUMNS.values(), row, strict=True)) for row in rows]

    def deliver(self, message: EmailMessage) -> str:
        """Puts a mail into the INBOX as the mail server does, unread; the id it got."""
        parameters = {"action": "new", "session": self._session, "folder": INBOX, "flags": "0"}
        headers = {"Content-Type": "message/rfc822"}
        answer = self._send("PUT", "mail", parameters, data=message.as_bytes(), headers=headers)
        return str(_envelope("mail new", answer)["data"]["id"])

    def _get(self, module: str, action: str, **parameters: str) -> Any:
        parameters = {"session": self._session, "timezone": "UTC", **parameters}
        if action:
            parameters["action"] = action
        answer = self._send("GET", module, parameters)
        return _envelope(f"{module} {action}".strip(), answer)["data"]

    def _send(
        self, method: str, module: str, parameters: dict[str, str], **content: Any
    ) -> requests.Response:
        url = f"{self.url}/{module}"
        try:
            return self._http.request(method, url, params=parameters, timeout=SECONDS, **content)
        except requests.RequestException as problem:
            raise BrowserError(f"{module}: {url} cannot be reached: {type(problem).__name__}") from problem


def _envelope(call: str, answer: requests.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise BrowserError(f"{call}: HTTP {answer.status_code}")
    try:
        content = answer.json()
    except ValueError:
        raise BrowserError(f"{call}: the answer is not JSON but {answer.text[:80]!r}") from None
    if "error" in content:
        raise BrowserError(f"{call}: {content.get('code', '')} {content['error']}".strip())
    return dict(content)
