"""Ping: wait until a folder has something for the device (MS-ASCMD 2.2.1.13).

* Interval and folders are remembered separately; a request names only what differs from the last one.
* Folders that were never synchronised are left out, not complained of: iOS names them and would loop (quirk 40).
* A Ping whose folders are all of that kind waits like any other, so that the device does not ask in a loop.
* A newer request of the device ends the wait with Status 1.
* A device that does not fetch what it is told of is not told of it without end (:mod:`app.eas.ping_guard`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas import collection, folders_due, memory, ping_guard
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed, StatusError
from app.eas.folders import folder_number
from app.eas.reading import only, required
from app.eas.status import PingStatus
from app.usm.errors import FolderGone
from app.usm.model import WatchOutcome, WatchResult
from app.usm.ports import Steps
from app.wbxml.element import Element

NAME: Final = "Ping"

_OUTCOMES: Final = {
    WatchOutcome.CHANGED: PingStatus.CHANGED,
    WatchOutcome.TIMEOUT: PingStatus.EXPIRED,
    WatchOutcome.SUPERSEDED: PingStatus.EXPIRED,
    WatchOutcome.HIERARCHY: PingStatus.HIERARCHY_CHANGED,
}


@dataclass(frozen=True, slots=True)
class Request:
    """``None`` stands for what the request leaves to the last one."""

    interval: int | None
    folders: tuple[str, ...] | None


def read(root: Element | None) -> Request:
    """Raises ``Malformed``."""
    if root is None:
        return Request(None, None)
    interval = only(root, "Ping:HeartbeatInterval")
    folders = only(root, "Ping:Folders")
    return Request(
        None if interval is None else _seconds(interval),
        # An empty list is as good as none: the devices that send it mean their last one (quirk 19).
        tuple(map(_id, folders)) or None if folders is not None else None,
    )


def _seconds(element: Element) -> int:
    text = element.text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Malformed(f"HeartbeatInterval is {text[:40]!r}, not a whole number")
    return int(text)


def _id(element: Element) -> str:
    if element.name != "Ping:Folder":
        raise Malformed(f"{element.name} in Folders")
    return required(element, "Ping:Id").text.strip()


def do(call: Call, request: Request) -> Steps[WatchResult]:
    """Raises ``StatusError`` where there is nothing to wait for."""
    interval = _interval(call, request)
    folders = _folders(call, request)
    call.memory.write({memory.PING_INTERVAL: str(interval), memory.PING_FOLDERS: memory.text_of(folders)})
    if folders_due.tell(call):
        raise StatusError(PingStatus.HIERARCHY_CHANGED, folders_due.REASON)
    known = {number: kept for number in folders if (kept := collection.recall(number, call.memory))}
    now = call.clock.now()
    since = {
        number: kept.options.since(call.session.folder(number).content, now) for number, kept in known.items()
    }
    whole = [number for number, kept in known.items() if kept.conversations]
    told = ping_guard.silenced(call, known)
    call.memory.let_go()
    result = yield from call.session.watch(list(known), interval, since, told=told, conversations=whole)
    ping_guard.note(call, result.folders)
    return result


def _interval(call: Call, request: Request) -> int:
    cached = call.memory.get(memory.PING_INTERVAL)
    interval = int(cached) if request.interval is None and cached.isdecimal() else request.interval
    if interval is None:
        raise StatusError(PingStatus.PARAMETERS_MISSING, "no HeartbeatInterval, and none is remembered")
    nearest = min(max(interval, call.settings.min_heartbeat), call.settings.max_heartbeat)
    if interval != nearest:
        raise StatusError(
            PingStatus.INTERVAL_OUT_OF_RANGE,
            f"HeartbeatInterval {interval} is out of range",
            (Element("Ping:HeartbeatInterval", str(nearest)),),
        )
    return interval


def _folders(call: Call, request: Request) -> list[int]:
    if request.folders is None:
        cached = call.memory.value(memory.PING_FOLDERS)
        if not isinstance(cached, list):
            raise StatusError(PingStatus.PARAMETERS_MISSING, "no Folders, and none are remembered")
        names: tuple[str, ...] = tuple(map(str, cached))
    else:
        names = request.folders
    if len(set(names)) < len(names):
        raise Malformed("one folder is named twice")
    if len(names) > call.settings.max_ping_folders:
        limit = Element("Ping:MaxFolders", str(call.settings.max_ping_folders))
        raise StatusError(PingStatus.TOO_MANY_FOLDERS, f"{len(names)} folders to watch", (limit,))
    call.session.glance([number for name in names if (number := folder_number(name))])
    return [_number(call, name) for name in names]


def _number(call: Call, name: str) -> int:
    try:
        return call.session.folder(folder_number(name) or 0).number
    except FolderGone as error:
        raise StatusError(PingStatus.HIERARCHY_CHANGED, str(error)) from error


def write(result: WatchResult) -> Element:
    """The answer."""
    names = [Element("Ping:Folder", str(number)) for number in result.folders]
    return Element(
        "Ping:Ping",
        children=[
            Element("Ping:Status", str(_OUTCOMES[result.outcome].value)),
            Element("Ping:Folders", children=names) if names else None,
        ],
    )


def handle(call: Call, document: Element | None) -> Steps[Answer]:
    """Answer one Ping, after as long as it takes."""
    return _answer(call.waiting(), read(document))


def _answer(call: Call, request: Request) -> Steps[Answer]:
    return Answer(write((yield from do(call, request))))
