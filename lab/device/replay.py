"""A trace played again: the phone asks what another one asked, and says where it is answered otherwise.

The file is what ``usmctl trace`` has written on a node, or several of them one behind the other: an event a line, as
JSON. Each request that was answered is sent again, as this phone and with its login. What the server makes up anew is
translated: sync keys, policy keys and ids of the old answers stand for those at the same place of the new ones. What
the trace left out (values marked ``hidden``) is filled with as many letters, a message with one to the phone's owner.

An answer is as before if its HTTP status is, and the statuses in its document, one by one.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from app.wbxml import Element, WbxmlError, decode, encode
from lab.device.phone import Phone
from lab.device.trace import WBXML, in_words
from lab.device.transport import HttpAnswer

MAIL = "message/rfc822"
REFUSED = (401, 403)
"""Old answers that were about the password, or the way; this phone has its own."""

KEYS = ("SyncKey", "PolicyKey")
IDS = (
    "ServerId",
    "ParentId",
    "CollectionId",
    "Id",
    "SrcMsgId",
    "SrcFldId",
    "DstFldId",
    "DstMsgId",
    "FolderId",
    "ItemId",
    "LongId",
    "FileReference",
    "RequestId",
    "CalendarId",
    "ConversationId",
)
ADDRESSES = ("To", "Cc", "Bcc", "Email", "EmailAddress", "SMTPAddress")
_NAME = re.compile(r"\{([^}]*):\}(.*)")


@dataclass(frozen=True)
class Difference:
    """What is answered otherwise than before, to the ``number``\\ th request."""

    number: int
    command: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"request {self.number}, {self.command}: {self.before} before, {self.now} now"


@dataclass
class Asked:
    """A request of the trace, and how it was answered."""

    command: str
    method: str = "POST"
    query: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The protocol version, ``""`` where it says none."""
        if isinstance(self.query, str) and self.query:
            code = base64.b64decode(self.query + "=" * (-len(self.query) % 4), altchars=b"-_")[0]
            return f"{code // 10}.{code % 10}"
        return self.headers.get("ms-asprotocolversion", "")

    @property
    def parameters(self) -> dict[str, str]:
        """Those that say neither who asks nor for what."""
        pairs = self.query if isinstance(self.query, list) else []
        own = ("cmd", "user", "deviceid", "devicetype")
        return {name: value for name, value in pairs if name.lower() not in own}


def read(lines: Iterable[str], device: str = "") -> list[Asked]:
    """The requests of a trace that were answered, in the order in which they came; with ``device`` those of that one
    alone. Raises ``ValueError`` for a file that is no trace."""
    requests: dict[str, Asked] = {}
    for number, line in enumerate(filter(str.strip, lines), 1):
        try:
            event = json.loads(line)
            kind, request = event["event"], str(event.get("request", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number} is no event of a trace") from error
        if kind == "request":
            requests[request] = Asked("", event["method"], event["query"], event["headers"])
        elif request in requests and kind == "body":
            requests[request].body = event
        elif request in requests and kind == "answer":
            requests[request].answer = event
            requests[request].command = str(event.get("command", ""))
    return [each for each in requests.values() if each.answer and _is_of(each, device)]


def _is_of(asked: Asked, device: str) -> bool:
    pairs = asked.query if isinstance(asked.query, list) else []
    named = next((value for name, value in pairs if name.lower() == "deviceid"), "")
    return not device or named.lower() == device.lower()


class Replay:
    """Plays one trace on a phone. ``heartbeat``: seconds that the server is asked to wait where it was, at most."""

    def __init__(self, phone: Phone, heartbeat: int = 0) -> None:
        self._phone = phone
        self._heartbeat = heartbeat
        self._known: dict[tuple[str, str], str] = {}

    def play(self, requests: Iterable[Asked]) -> Iterator[tuple[Asked, list[Difference]]]:
        """Each request that is sent, with what is answered otherwise."""
        for number, asked in enumerate(requests, 1):
            if asked.answer.get("status") in REFUSED or asked.command in ("-", "Autodiscover"):
                continue
            answer = self._ask(asked)
            before = _document(asked.answer, self._phone.login)
            now = _decoded(answer)
            if before is not None and now is not None:
                self._learn(before, now)
            yield asked, list(self._compared(number, asked, before, answer, now))

    # -- asking ----------------------------------------------------------------------------------------------

    def _ask(self, asked: Asked) -> HttpAnswer:
        phone = self._phone
        if asked.method == "OPTIONS":
            return phone.transport.raw("OPTIONS", "", b"", {"User-Agent": phone.transport.user_agent})
        query, _ = phone.transport.addressed(
            asked.command, {name: self._new("id", value) for name, value in asked.parameters.items()}
        )
        document = _document(asked.body, phone.login)
        content = asked.headers.get("content-type", "")
        if document is not None:
            body = encode(self._translated(document))
        elif content.startswith(MAIL):
            body = _message(phone.login, int(asked.body.get("bytes", 0)))
        else:
            body = b""
        key = asked.headers.get("x-ms-policykey")
        headers = {
            "MS-ASProtocolVersion": asked.version or None,
            "X-MS-PolicyKey": None if key is None else self._new("key", key),
            "MS-ASAcceptMultiPart": asked.headers.get("ms-asacceptmultipart"),
            "User-Agent": asked.headers.get("user-agent", phone.transport.user_agent),
            "Content-Type": (content or WBXML) if body else None,
        }
        waits = _seconds(document) if document is not None else 0
        return phone.transport.raw("POST", query, body, headers, timeout=waits + phone.transport.timeout)

    def _translated(self, element: Element) -> Element:
        tag = element.name.partition(":")[2]
        if isinstance(element.value, str):
            value = self._new("key" if tag in KEYS else "id" if tag in IDS else "", element.value)
            if tag == "HeartbeatInterval" and self._heartbeat and value.isdecimal():
                value = str(min(int(value), self._heartbeat))
            return Element(element.name, value)
        return Element(element.name, element.value, [self._translated(child) for child in element])

    def _new(self, kind: str, value: str) -> str:
        return self._known.get((kind, value), value)

    # -- the answer --------------------------------------------------------------------------------------------

    def _learn(self, before: Element, now: Element) -> None:
        """What stands at the same place of both answers means the same."""
        tag = before.name.partition(":")[2]
        kind = "key" if tag in KEYS else "id" if tag in IDS else ""
        if kind and isinstance(before.value, str) and isinstance(now.value, str):
            self._known[kind, before.value] = now.value
        others = _by_kind(now)
        for kind_of_child, children in _by_kind(before).items():
            for old, new in zip(children, others.get(kind_of_child, ()), strict=False):
                self._learn(old, new)

    def _compared(
        self, number: int, asked: Asked, before: Element | None, answer: HttpAnswer, now: Element | None
    ) -> Iterator[Difference]:
        status = asked.answer.get("status")
        if status != answer.status:
            yield Difference(number, asked.command, f"HTTP {status}", f"HTTP {answer.status}")
            return
        if asked.answer.get("document") == "in pieces" or (before is None and now is None):
            return
        old, new = list(_statuses(before)), list(_statuses(now))
        for index in range(max(len(old), len(new))):
            was, is_now = (each[index] if index < len(each) else "nothing" for each in (old, new))
            if was != is_now:
                yield Difference(number, asked.command, was, is_now)
                return


def _by_kind(parent: Element) -> dict[tuple[str, str], list[Element]]:
    """The children in their order, those of a name apart, and folders of a type."""
    found: dict[tuple[str, str], list[Element]] = {}
    for child in parent:
        found.setdefault((child.name, child.text_of("FolderHierarchy:Type") or ""), []).append(child)
    return found


def _statuses(root: Element | None, path: str = "") -> Iterator[str]:
    """Where each status of a document stands, and which it is."""
    if root is None:
        return
    tag = root.name.partition(":")[2]
    here = f"{path}/{tag}" if path else tag
    if tag == "Status" and not root.children:
        yield f"{here} {root.text}"
    for child in root:
        yield from _statuses(child, here)


def _decoded(answer: HttpAnswer) -> Element | None:
    try:
        return decode(answer.body) if answer.body else None
    except WbxmlError:
        return None


def _seconds(document: Element) -> int:
    """How long the server is asked to wait."""
    page = document.name.partition(":")[0]
    minutes, seconds = (document.text_of(f"{page}:{name}") or "" for name in ("Wait", "HeartbeatInterval"))
    return int(seconds) if seconds.isdecimal() else 60 * int(minutes) if minutes.isdecimal() else 0


# -- documents as a trace has them -------------------------------------------------------------------------------


def _document(event: Mapping[str, Any], login: str) -> Element | None:
    text = event.get("document")
    if not text or text == "in pieces":
        return None
    try:
        return _element(ElementTree.fromstring(str(text)), login)
    except ElementTree.ParseError as error:
        raise ValueError(f"a document of the trace cannot be read: {error}") from error


def _element(node: ElementTree.Element, login: str) -> Element:
    match = _NAME.fullmatch(node.tag)
    if match is None:
        raise ValueError(f"a document of the trace has an element without a page: {node.tag}")
    name = f"{match[1]}:{match[2]}"
    if len(node):
        return Element(name, children=[_element(child, login) for child in node])
    return Element(name, _value(node, match[2], login))


def _value(node: ElementTree.Element, tag: str, login: str) -> str | bytes | None:
    size = int(node.get("hidden") or node.get("cut") or 0)
    if "hidden" in node.attrib:
        if tag == "Mime":
            return _message(login, size)
        return login if tag in ADDRESSES else "x" * size
    text = node.text or ""
    if node.get("encoding") == "base64":
        return base64.b64decode(text).ljust(size, b"x")
    if node.get("encoding") == "base64-text":
        text = base64.b64decode(text).decode("utf-8", "replace")
    return text.ljust(size, "x") or None


def _message(login: str, size: int) -> bytes:
    """A message of about so many bytes to the owner of the phone."""
    head = f"From: {login}\r\nTo: {login}\r\nSubject: replay\r\n\r\n".encode()
    return head + b"x" * max(size - len(head), 1)


def play(phone: Phone, path: Path, device: str, heartbeat: int, go_on: bool, say: Any) -> bool:
    """Play a file, and tell; whether all was answered as before. Ends at the first difference without ``go_on``."""
    with path.open(encoding="utf-8") as file:
        requests = read(file, device)
    same, count = True, 0
    for asked, differences in Replay(phone, heartbeat).play(requests):
        count += 1
        say(f"{asked.command or asked.method}: {'as before' if not differences else differences[0]}")
        if differences:
            same = False
            document = _document(asked.body, phone.login)
            if document is not None:
                say(f"    asked: {in_words(document)}")
            if not go_on:
                return False
    say(f"{count} requests were sent again" + (", all answered as before" if same else ""))
    return same
