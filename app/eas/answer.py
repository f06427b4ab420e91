"""What goes back: HTTP status, headers and WBXML, still without any HTTP library (MS-ASHTTP 2.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.eas.status import HTTP_BEFORE_14, ROOTS, WRAPPED, Common
from app.eas.versions import COMMANDS, NEWEST, STATUS_IN_BODY, Version
from app.wbxml import Element, encode

WBXML_TYPE: Final = "application/vnd.ms-sync.wbxml"
SHORT_TYPE: Final = "application/vnd.ms-sync"
"""The same, as some devices write it."""


@dataclass(frozen=True, slots=True)
class EasResponse:
    """An answer; ``headers`` lack Content-Length and Date, which are the web server's. ``reason`` is for the log."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers: ``root`` is ``None`` for an empty body. ``starts_over``: the device began its folder
    hierarchy anew, and should hear which versions and commands there are (MS-ASHTTP 3.2.5.1)."""

    root: Element | None
    starts_over: bool = False


def headers() -> dict[str, str]:
    """The headers of every answer."""
    return {"MS-Server-ActiveSync": NEWEST.text, "Cache-Control": "private"}


def plain(status: int, more: Mapping[str, str] | None = None) -> EasResponse:
    """An answer without a body."""
    return EasResponse(status, headers() | dict(more or {}))


def document(root: Element | None, more: Mapping[str, str] | None = None) -> EasResponse:
    """A successful answer."""
    if root is None:
        return plain(200, more)
    usual = headers() | {"Content-Type": WBXML_TYPE}
    return EasResponse(200, usual | dict(more or {}), encode(root))


def failure(
    command: str, version: Version, status: int, details: tuple[Element, ...] = (), has_key: bool = True
) -> EasResponse:
    """The answer that a command ends with ``status``: in its root element, or by the HTTP status that stands in
    before 14.0 or where the version has no document of that command. ``has_key``: the request had a policy key."""
    has_document = command in ROOTS and COMMANDS[command].exists_in(version)
    if status > 100 and not (version >= STATUS_IN_BODY and has_document):
        if status == Common.REMOTE_WIPE and not has_key:
            return plain(403)
        return plain(HTTP_BEFORE_14.get(status, 400))
    page = ROOTS[command]
    children = [Element(f"{page}:Status", str(status)), *details]
    if command in WRAPPED:
        children = [Element(f"{page}:{WRAPPED[command]}", children=children)]
    return document(Element(f"{page}:{command}", children=children))
