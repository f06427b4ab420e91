"""What goes back: HTTP status, headers and WBXML, still without any HTTP library (MS-ASHTTP 2.2.3).

A body is either there as a whole or comes in pieces: files are never held in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.eas import streams
from app.eas.status import HTTP_BEFORE_14, HTTP_OF_COMMAND, ROOTS, WRAPPED, Common
from app.eas.versions import COMMANDS, NEWEST, STATUS_IN_BODY, Version
from app.usm.model import Download
from app.usm.ports import Steps
from app.wbxml import Element, encode, encode_in_pieces

MULTIPART_TYPE: Final = "application/vnd.ms-sync.multipart"
WBXML_TYPE: Final = "application/vnd.ms-sync.wbxml"
SHORT_TYPE: Final = "application/vnd.ms-sync"
"""The same, as some devices write it."""

DEPTH: Final = 3
"""So many levels of a document may have the Status of a part."""

LATER: Final = 30
"""Seconds after which a device may come again that gets 503 in place of status 111."""


@dataclass(frozen=True, slots=True)
class EasResponse:
    """An answer; ``headers`` lack Content-Length and Date, which are the web server's. ``reason`` is for the log.

    ``stream``: the body in pieces, in place of ``body``; it has a size, and is read to its end or closed. ``refused``:
    the word for why the device itself is not served (:class:`app.eas.errors.Why`), ``""`` where it is. ``statuses``:
    the protocol's own, as :func:`statuses` finds them; none where the answer has none.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    reason: str = ""
    stream: Download | None = None
    refused: str = ""
    statuses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers: ``root`` is ``None`` for an empty body. ``starts_over``: the device began its folder
    hierarchy anew, and should hear which versions and commands there are (MS-ASHTTP 3.2.5.1). ``parts``: files that
    the document names by their numbers, ``None`` for an answer in one part. ``file``: an answer that is no document.
    """

    root: Element | None
    starts_over: bool = False
    parts: tuple[Download, ...] | None = None
    file: Download | None = None


Outcome = Answer | Steps[Answer]
"""What carrying out a command gives: the answer, or the way there of a command that waits."""


def headers() -> dict[str, str]:
    """The headers of every answer."""
    return {"MS-Server-ActiveSync": NEWEST.text, "Cache-Control": "private"}


def plain(status: int, more: Mapping[str, str] | None = None) -> EasResponse:
    """An answer without a body."""
    return EasResponse(status, headers() | dict(more or {}))


def document(root: Element | None, more: Mapping[str, str] | None = None) -> EasResponse:
    """A successful answer."""
    return plain(200, more) if root is None else _document(encode(root), more, statuses(root))


def _document(body: bytes, more: Mapping[str, str] | None, told: tuple[int, ...]) -> EasResponse:
    types = {"Content-Type": WBXML_TYPE}
    return EasResponse(200, headers() | types | dict(more or {}), body, statuses=told)


def statuses(root: Element) -> tuple[int, ...]:
    """How a command ended: the Status of the whole; where it has none, those of its parts (the collections of Sync, the
    items of MoveItems)."""
    level = root.children
    for _ in range(DEPTH):
        if found := tuple(int(each.text) for each in level if each.name.endswith(":Status")):
            return found
        level = [child for each in level for child in each.children]
    return ()


def whole(answer: Answer, more: Mapping[str, str] | None = None) -> EasResponse:
    """What a command answers, in one part or several."""
    if answer.file is not None:
        return _streamed(answer.file)
    if answer.root is None:
        return plain(200, more)
    told = statuses(answer.root)
    if answer.parts is not None:
        return _streamed(streams.multipart(encode(answer.root), answer.parts, MULTIPART_TYPE), told)
    pieces = encode_in_pieces(answer.root)
    if len(pieces) > 1:
        return _streamed(streams.joined(pieces, WBXML_TYPE), told)
    return _document(b"".join(piece for piece in pieces if isinstance(piece, bytes)), more, told)


def _streamed(download: Download, told: tuple[int, ...] = ()) -> EasResponse:
    types = {"Content-Type": download.content_type}
    return EasResponse(200, headers() | types, stream=download, statuses=told)


def failure(
    command: str, version: Version, status: int, details: tuple[Element, ...] = (), has_key: bool = True
) -> EasResponse:
    """The answer that a command ends with ``status``: in its root element, or by the HTTP status that stands in
    before 14.0 or where the version has no document of that command. ``has_key``: the request had a policy key."""
    has_document = command in ROOTS and COMMANDS[command].exists_in(version)
    if status > 100 and not (version >= STATUS_IN_BODY and has_document):
        if status == Common.REMOTE_WIPE and not has_key:
            return _instead(403, status)
        return _instead(HTTP_OF_COMMAND.get((command, status), HTTP_BEFORE_14.get(status, 400)), status)
    page = ROOTS[command]
    children = [Element(f"{page}:Status", str(status)), *details]
    if command in WRAPPED:
        children = [Element(f"{page}:{WRAPPED[command]}", children=children)]
    return document(Element(f"{page}:{command}", children=children))


def _instead(http: int, status: int) -> EasResponse:
    more = {"Retry-After": str(LATER)} if http == 503 else {}
    return EasResponse(http, headers() | more, statuses=(status,))
