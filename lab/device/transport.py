"""HTTP as a phone speaks it (MS-ASHTTP): one address, a password or an access token, cookies, the policy key.

``Transport.command`` sends a command and turns the answer's HTTP status into a value or an error;
``Transport.raw`` sends any bytes with any headers and judges nothing.

Proxies of the environment and redirects are never followed: the phone talks to the address it was given, until a server
sends it to another one for good (451).
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from lab.device.errors import AccessRefused, AuthenticationFailed, BadAnswer, ServerUnavailable
from lab.device.query import Identity, base64_query, plain_query

PATH = "/Microsoft-Server-ActiveSync"
WBXML = "application/vnd.ms-sync.wbxml"
NEEDS_PROVISION = 449
MOVED = 451
MOST_MOVES = 3

QueryForm = Literal["plain", "base64"]


@dataclass(frozen=True)
class HttpAnswer:
    """What came back, with header names that do not care about case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_empty(self) -> bool:
        return not self.body

    def listed(self, header: str) -> list[str]:
        """The values of a header with commas between them, each once."""
        values = (value.strip() for value in self.headers.get(header, "").split(","))
        return list(dict.fromkeys(value for value in values if value))


def server_address(url: str) -> str:
    """``url`` with the path of ActiveSync where it has none of its own."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not the address of a server, such as https://mail.example.org/")
    path = parts.path if parts.path.strip("/") else PATH
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


class Bearer(AuthBase):
    """An access token in place of name and password (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """One phone's way to its server. ``policy_key`` is set by who provisions; 0 means none. ``token``: sent in place of
    the password; ``compress``: bodies go out in gzip. Answers are taken in gzip in any case."""

    def __init__(
        self,
        url: str,
        identity: Identity,
        password: str,
        *,
        user_agent: str,
        query: QueryForm,
        timeout: float,
        session: requests.Session | None,
        verify: bool | str,
        token: str = "",
        compress: bool = False,
    ) -> None:
        self.url = server_address(url)
        self.identity = identity
        self.user_agent = user_agent
        self.query = query
        self.timeout = timeout
        self.policy_key = 0
        self._compress = compress
        basic = HTTPBasicAuth(identity.login.encode(), password.encode())
        self._credentials: AuthBase = Bearer(token) if token else basic
        self._session = session or _session(verify)

    @property
    def cookies(self) -> dict[str, str]:
        return self._session.cookies.get_dict()

    def close(self) -> None:
        """Give up the connections; the next request opens new ones."""
        self._session.close()

    def options(self) -> HttpAnswer:
        answer = self._asked("OPTIONS", "", b"", {"User-Agent": self.user_agent}, self.timeout)
        _check("OPTIONS", answer)
        return answer

    def command(
        self,
        command: str,
        body: bytes,
        *,
        parameters: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> HttpAnswer:
        """The answer to a command; HTTP 449 is answered as it is, every other failure raises."""
        query, headers = self.addressed(command, parameters or {})
        if body:
            headers["Content-Type"] = WBXML
        if body and self._compress:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body)
        answer = self._asked("POST", query, body, headers, timeout or self.timeout)
        if answer.status != NEEDS_PROVISION:
            _check(command, answer)
        return answer

    def raw(
        self,
        method: str,
        query: str,
        body: bytes,
        headers: Mapping[str, str | None],
        *,
        with_credentials: bool = True,
        timeout: float | None = None,
    ) -> HttpAnswer:
        """Whatever the server says to this. A header that is ``None`` is not sent at all."""
        return self._send(method, query, body, headers, timeout or self.timeout, with_credentials)

    def addressed(self, command: str, parameters: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """The query string and the headers that go with it."""
        headers = {"User-Agent": self.user_agent}
        if self.query == "base64":
            return base64_query(self.identity, command, parameters, self.policy_key), headers
        headers["MS-ASProtocolVersion"] = self.identity.version
        headers["X-MS-PolicyKey"] = str(self.policy_key)
        return plain_query(self.identity, command, parameters), headers

    def _asked(
        self, method: str, query: str, body: bytes, headers: Mapping[str, str | None], timeout: float
    ) -> HttpAnswer:
        """The answer of the server where the user lives; the phone remembers where that is."""
        for _ in range(MOST_MOVES):
            answer = self._send(method, query, body, headers, timeout)
            place = answer.headers.get("X-MS-Location", "")
            if answer.status != MOVED or not place:
                return answer
            self.url = server_address(place)
        raise BadAnswer(f"{self.url}: sent from server to server", MOVED)

    def _send(
        self,
        method: str,
        query: str,
        body: bytes,
        headers: Mapping[str, str | None],
        timeout: float,
        with_credentials: bool = True,
    ) -> HttpAnswer:
        try:
            response = self._session.request(
                method,
                f"{self.url}?{query}" if query else self.url,
                data=body,
                headers=headers,
                auth=self._credentials if with_credentials else None,
                timeout=timeout,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise ServerUnavailable(f"{self.url}: no trusted connection: {error}") from error
        except requests.exceptions.Timeout as error:
            raise ServerUnavailable(f"{self.url} did not answer within {timeout:g} s") from error
        except requests.exceptions.RequestException as error:
            raise ServerUnavailable(f"{self.url} cannot be reached: {_reason(error)}") from error
        return HttpAnswer(response.status_code, response.headers, response.content)


def _reason(error: requests.exceptions.RequestException) -> object:
    """The innermost cause, without the names of the libraries around it."""
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None) or cause
    return getattr(reason, "__cause__", None) or reason


def _session(verify: bool | str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = verify
    return session


def _check(command: str, answer: HttpAnswer) -> None:
    status = answer.status
    if status == 200:
        return
    if status == 401:
        raise AuthenticationFailed(f"{command}: the server refused the login or the password (HTTP 401)")
    if status in (403, 456, 457):
        raise AccessRefused(f"{command}: this user or device may not synchronise (HTTP {status})")
    if status in (502, 503, 504):
        after = answer.headers.get("Retry-After", "")
        retry_after = int(after) if after.isdecimal() else None
        raise ServerUnavailable(f"{command}: the server cannot answer now (HTTP {status})", retry_after)
    raise BadAnswer(f"{command}: unexpected HTTP status {status}", status)
