"""Asks a server what a phone would ask, and says what is wrong with the answers. Changes nothing but what the server
remembers of the asking device, whose id is always the same.

It needs the standard library and the codec of the application (:mod:`app.wbxml`). So it runs on the machine of the
deployment, where it is imported, and asks a node from the node itself through ssh (:mod:`tasks.tunnel`). Where ssh does
not forward, it runs on the node with the libraries of the installed package: there it reads a :class:`Question` as JSON
from standard input, because that holds a password, and prints the answer as JSON. Where the node listens, and its
``ox_url``, come from the node's own settings.

OPTIONS without and with a wrong password must be refused with 401 and a challenge. With an account: OPTIONS must name a
version of the protocol, and Provision (where it is asked for), FolderSync and a first window of the inbox must succeed.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import pathlib
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app.wbxml import Element, WbxmlError, decode, encode

NOBODY = "nobody-by-this-name@invalid"
USER_AGENT = "open-xchange-usm deployment"
DEVICE_TYPE = "DeploymentCheck"

VERSIONS = ("14.1", "14.0", "12.1")
"""Versions of the protocol that this phone speaks, the best first."""

WITH_DEVICE_INFORMATION = ("14.1",)
WITH_CLASS = ("12.1",)

WBXML = "application/vnd.ms-sync.wbxml"
POLICY_TYPE = "MS-EAS-Provisioning-WBXML"
OK = "1"
NO_POLICY = "2"
INBOX = "2"
PROVISION_FIRST = 449
PROVISION_STATUSES = ("142", "143", "144")
WINDOW = 5

LONGEST_PAUSE = 5.0
"""Seconds after which a server that asked for patience is asked again, however long it asked for."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nosec B104 # compared, not bound
"""Addresses to listen at, and what the host itself then asks."""

REDIRECTS = (301, 302, 307, 308)


class Wrong(Exception):
    """The server's answer is not what a phone needs; the message says what is wrong."""


@dataclass(frozen=True)
class Question:
    """Whom to ask. ``url`` has no path; ``name`` is the site's, for which the certificate must be, else the host of
    ``url``; ``authority`` a file of certificates to trust, else those of the machine. Without ``login`` and
    ``password`` nothing is asked that needs an account. ``ox_url``: see :func:`wrong_with_ox`; empty, it is not asked.
    ``etc``: on a node, the folder of the settings that tell ``url``, ``path`` and ``ox_url``."""

    device: str
    url: str = ""
    path: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    name: str = ""
    authority: str = ""
    seconds: float = 30.0
    ox_url: str = ""
    etc: str = ""


@dataclass
class Findings:
    """What came out: what is wrong, how many folders and items the account has shown, and the second (Unix time) at
    which the server's certificate ends, 0 without one."""

    problems: list[str] = field(default_factory=list)
    folders: int = 0
    items: int = 0
    certificate_ends: float = 0


@dataclass(frozen=True)
class Answer:
    """Status, headers with their names in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


Dial = Callable[[tuple[str, int], float], AbstractContextManager[Any]]
"""Connects with an address within some seconds; what it gives is what :mod:`http.client` needs of a socket."""


class Line:
    """The way to one server, which must have answered everything within the question's seconds. ``dial``: how plain
    HTTP gets there, if not directly."""

    def __init__(self, question: Question, dial: Dial | None = None) -> None:
        self.question = question
        self._dial = dial
        self.certificate_ends = 0.0
        self._deadline = time.monotonic() + question.seconds
        self._url = question.url
        self._name = question.name

    def send(
        self,
        method: str,
        path: str,
        login: str | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request. ``login`` is ``name:password``. From http to https on the same host the way goes on there, and
        who is told to come back later comes back, as a phone does. Raises :class:`OSError`."""
        answer = self._send_again_if_told(method, path, login, body, headers or {})
        target = urlsplit(answer.headers.get("location", ""))
        plain = urlsplit(self._url)
        if answer.status in REDIRECTS and plain.scheme == "http" and target.scheme == "https":
            port = f":{target.port}" if target.port else ""
            self._name = self._name or target.hostname or ""
            self._url = f"https://{_bracketed(plain.hostname or '')}{port}"
            answer = self._send_again_if_told(method, path, login, body, headers or {})
        return answer

    def _send_again_if_told(
        self, method: str, path: str, login: str | None, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        while True:
            answer = self._send(method, path, login, body, headers)
            told = answer.headers.get("retry-after", "")
            if answer.status != http.HTTPStatus.SERVICE_UNAVAILABLE or not told.isdigit():
                return answer
            pause = min(float(told), LONGEST_PAUSE)
            if time.monotonic() + pause >= self._deadline:
                return answer
            time.sleep(pause)

    def _send(
        self, method: str, path: str, login: str | None, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no complete answer within {self.question.seconds:g} s")
        words = {"User-Agent": USER_AGENT, **headers}
        if self._name:
            # Web servers choose the site by it; the address that is asked may be that of one web server of many.
            port = urlsplit(self._url).port
            words["Host"] = f"{self._name}:{port}" if port else self._name
        if login is not None:
            words["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        try:
            with contextlib.ExitStack() as stack:
                connection = stack.enter_context(contextlib.closing(self._connection(left)))
                if self._dial and not isinstance(connection, http.client.HTTPSConnection):
                    address = (connection.host, connection.port)
                    connection.sock = stack.enter_context(self._dial(address, left))
                connection.request(method, path, body or None, words)
                answer = connection.getresponse()
                return Answer(
                    answer.status,
                    {name.lower(): value for name, value in answer.getheaders()},
                    answer.read(),
                )
        except http.client.HTTPException as error:
            raise OSError(f"no proper HTTP: {error!r}") from error

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        address = parts.hostname or ""
        if parts.scheme != "https":
            return http.client.HTTPConnection(address, parts.port, timeout=seconds)
        context = ssl.create_default_context(cafile=self.question.authority or None)
        connection = http.client.HTTPSConnection(address, parts.port, timeout=seconds, context=context)
        # Connected here, because the name in the certificate need not be the address.
        wire = socket.create_connection((address, connection.port), seconds)
        connection.sock = secure = context.wrap_socket(wire, server_hostname=self._name or address)
        ends = (secure.getpeercert() or {}).get("notAfter")
        self.certificate_ends = ssl.cert_time_to_seconds(str(ends)) if ends else 0.0
        return connection


def ask(question: Question, dial: Dial | None = None) -> Findings:
    """Everything that the question gives means to ask. Raises nothing but what ``dial`` raises beside
    :class:`OSError`."""
    found = Findings()
    line = Line(question, dial)
    if question.ox_url:
        # First, because it explains what else is wrong.
        found.problems += wrong_with_ox(question.ox_url, question.seconds, dial)
    try:
        found.problems += wrong_with_refusals(line)
        if question.login and question.password:
            _synchronise(line, found)
    except Wrong as problem:
        found.problems.append(str(problem))
    except OSError as error:
        found.problems.append(f"{question.url} does not answer: {error}")
    found.certificate_ends = line.certificate_ends
    return found


def wrong_with_refusals(line: Line) -> Iterator[str]:
    """Whether nobody comes in without a password, or with a wrong one. Raises :class:`OSError`."""
    for what, login in (("without a password", None), ("with a wrong password", f"{NOBODY}:wrong")):
        answer = line.send("OPTIONS", line.question.path, login)
        if answer.status != http.HTTPStatus.UNAUTHORIZED:
            yield f"OPTIONS {what} is answered with {answer.status} instead of 401"
        elif not answer.headers.get("www-authenticate", "").startswith("Basic"):
            yield f"OPTIONS {what} is refused without asking for a password (WWW-Authenticate)"


def wrong_with_ox(url: str, seconds: float, dial: Dial | None = None) -> Iterator[str]:
    """Whether what answers at ``ox_url`` is Open-Xchange: asked for folders without a session it says, in JSON, which
    error that is."""
    parts = urlsplit(url)
    line = Line(Question("", f"{parts.scheme}://{parts.netloc}", seconds=seconds), dial)
    try:
        answer = line._send("GET", f"{parts.path.rstrip('/')}/folders?action=root", None, b"", {})
    except OSError as error:
        yield f"{url} (ox_url) does not answer: {error}"
        return
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not {"error", "code"} <= told.keys():
        yield f"{url} (ox_url) answers with HTTP status {answer.status}, but not as Open-Xchange does"


def _synchronise(line: Line, found: Findings) -> None:
    """The account's folders, and a first window of its inbox. Raises :class:`Wrong`, :class:`OSError`."""
    phone = _Phone(line)
    phone.introduce()
    answer = phone.command(
        "FolderSync", _tree("FolderHierarchy:FolderSync", ("FolderHierarchy:SyncKey", "0"))
    )
    phone.expect(answer, "FolderSync", "FolderHierarchy:Status")
    folders = _within(answer, "FolderHierarchy:Changes").find_all("FolderHierarchy:Add")
    found.folders = len(folders)
    inbox = next((each for each in folders if each.text_of("FolderHierarchy:Type") == INBOX), None)
    if inbox is None:
        raise Wrong(
            f"FolderSync as {line.question.login} names {len(folders)} folders, and no inbox among them"
        )
    number = inbox.text_of("FolderHierarchy:ServerId") or ""
    key = phone.sync(number, "0").text_of("AirSync:SyncKey") or ""
    collection = phone.sync(number, key)
    found.items = len(_within(collection, "AirSync:Commands").children)


class _Phone:
    """The account's device."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asked = line.question
        self._login = f"{self._asked.login}:{self._asked.password}"
        self._version = ""
        self._policy_key = "0"

    def introduce(self) -> None:
        """Asks which versions of the protocol there are."""
        answer = self._line.send("OPTIONS", self._asked.path, self._login)
        if answer.status != http.HTTPStatus.OK:
            hint = {401: ": the password is wrong", 403: ": the account may not synchronise"}.get(
                answer.status, ""
            )
            raise Wrong(
                f"OPTIONS as {self._asked.login} is answered with {answer.status} instead of 200{hint}"
            )
        offered = [each.strip() for each in answer.headers.get("ms-asprotocolversions", "").split(",")]
        self._version = next((each for each in VERSIONS if each in offered), "")
        if not self._version:
            raise Wrong(
                f"OPTIONS as {self._asked.login} does not name the versions of the protocol (MS-ASProtocolVersions):"
                f" {', '.join(offered) or 'none'}"
            )

    def command(self, name: str, request: Element, again: bool = True) -> Element:
        """The tree that a command is answered with; provisions first where the server wants that."""
        answer = self._post(name, request)
        tree = None if answer.status == PROVISION_FIRST else self._read(name, answer)
        page = request.name.partition(":")[0]
        if again and (tree is None or tree.text_of(f"{page}:Status") in PROVISION_STATUSES):
            self._provision()
            return self.command(name, request, again=False)
        if tree is None:
            raise Wrong(f"{name} as {self._asked.login} wants the device to provision, again and again")
        return tree

    def sync(self, folder: str, key: str) -> Element:
        """One round of the folder; its ``Collection``."""
        wanted = [
            Element("AirSync:Class", "Email") if self._version in WITH_CLASS else None,
            Element("AirSync:SyncKey", key),
            Element("AirSync:CollectionId", folder),
        ]
        if key != "0":
            wanted += [Element("AirSync:GetChanges", "1"), Element("AirSync:WindowSize", str(WINDOW))]
        collections = Element("AirSync:Collections", None, [Element("AirSync:Collection", None, wanted)])
        answer = self.command("Sync", Element("AirSync:Sync", None, [collections]))
        if key != "0" and not answer.children:
            return Element("AirSync:Collection")
        self.expect(answer, "Sync", "AirSync:Status", optional=True)
        collection = _within(answer, "AirSync:Collections", "AirSync:Collection")
        self.expect(collection, "Sync of the inbox", "AirSync:Status")
        return collection

    def expect(self, answer: Element, what: str, status: str, optional: bool = False) -> None:
        """Raises :class:`Wrong` unless the status is 1."""
        found = answer.text_of(status)
        if found != OK and not (optional and found is None):
            raise Wrong(
                f"{what} as {self._asked.login} is answered with status {found or 'none'} instead of 1"
            )

    def _provision(self) -> None:
        """Asks for the policy, and agrees to it."""
        self._policy_key = "0"
        policy = self._phase([("Provision:PolicyType", POLICY_TYPE)], introduce=True)
        if policy.text_of("Provision:Status") == NO_POLICY:
            return
        self._policy_key = policy.text_of("Provision:PolicyKey") or "0"
        agreed = [
            ("Provision:PolicyType", POLICY_TYPE),
            ("Provision:PolicyKey", self._policy_key),
            ("Provision:Status", OK),
        ]
        self._policy_key = self._phase(agreed).text_of("Provision:PolicyKey") or "0"

    def _phase(self, policy: list[tuple[str, str]], introduce: bool = False) -> Element:
        about = None
        if introduce and self._version in WITH_DEVICE_INFORMATION:
            details = _tree(
                "Settings:Set", ("Settings:Model", DEVICE_TYPE), ("Settings:FriendlyName", USER_AGENT)
            )
            about = Element("Settings:DeviceInformation", None, [details])
        policies = Element("Provision:Policies", None, [_tree("Provision:Policy", *policy)])
        answer = self._read(
            "Provision", self._post("Provision", Element("Provision:Provision", None, [about, policies]))
        )
        self.expect(answer, "Provision", "Provision:Status")
        return _within(answer, "Provision:Policies", "Provision:Policy")

    def _post(self, name: str, request: Element) -> Answer:
        who = {
            "Cmd": name,
            "User": self._asked.login,
            "DeviceId": self._asked.device,
            "DeviceType": DEVICE_TYPE,
        }
        headers = {
            "Content-Type": WBXML,
            "MS-ASProtocolVersion": self._version,
            "X-MS-PolicyKey": self._policy_key,
        }
        path = f"{self._asked.path}?{urlencode(who, quote_via=quote)}"
        return self._line.send("POST", path, self._login, encode(request), headers)

    def _read(self, name: str, answer: Answer) -> Element:
        if answer.status != http.HTTPStatus.OK:
            raise Wrong(f"{name} as {self._asked.login} is answered with {answer.status} instead of 200")
        if not answer.body:
            # How a server says that there is nothing new (MS-ASCMD 2.2.1.21).
            return Element(f"{name}:Empty")
        try:
            return decode(answer.body)
        except WbxmlError as error:
            raise Wrong(
                f"{name} as {self._asked.login} is answered with what is no WBXML: {error}"
            ) from error


def _tree(name: str, *children: tuple[str, str]) -> Element:
    return Element(name, None, [Element(child, value) for child, value in children])


def _within(element: Element, *names: str) -> Element:
    """The descendant behind these names; an empty one where there is none."""
    for name in names:
        element = element.find(name) or Element(name)
    return element


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def of_node(question: Question) -> Question:
    """The question with what the settings of this node tell. Works on a node alone, where the package brings the
    module that reads them."""
    from app import config

    settings = config.load(pathlib.Path(question.etc)).settings
    url = url_of(settings.listen_host, settings.listen_port)
    return dataclasses.replace(question, url=url, path=settings.alias, ox_url=settings.ox_url)


def url_of(listens: str, port: int | str) -> str:
    """Where a host asks itself what listens at this address of its own."""
    return f"http://{_bracketed(ANYWHERE.get(listens, listens))}:{port}"


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(ask(of_node(Question(**json.load(sys.stdin)))))))
