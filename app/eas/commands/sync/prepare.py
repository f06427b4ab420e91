"""From what a device asks to what is done: limits, folders and options of each collection, before anything happens.

All collections are looked up first. One unknown folder ends the request with Status 12, and it must be the
request's (BlackBerry, quirk 36); so no other collection may have been worked on by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from app.eas import collection, folders_due
from app.eas.call import Call
from app.eas.collection import Collection
from app.eas.commands.sync.request import Request, Wanted
from app.eas.errors import Malformed, StatusError
from app.eas.folders import CLASSES, RECIPIENT_CACHE, exists_in, folder_number
from app.eas.schema.classes import View
from app.eas.status import SyncStatus
from app.usm.content import Address
from app.usm.errors import FolderGone
from app.usm.model import ContentType, FolderRef
from app.wbxml.element import Element

MAX_WAIT: Final = 59
"""Longest Wait of the standard, in minutes."""
DEFAULT_TOTAL: Final = 512
"""Changes in one answer over all collections, when the request does not say."""


@dataclass(frozen=True, slots=True)
class Job:
    """One collection, ready to be worked on."""

    wanted: Wanted
    folder: FolderRef
    view: View
    conversations: bool = False
    """Whether whole conversations are wanted, of messages that are older than the filter too."""

    @property
    def wants_changes(self) -> bool:
        """By default with every key but 0 (MS-ASCMD 2.2.3.84)."""
        chosen = self.wanted.get_changes
        return not self.wanted.starts if chosen is None else chosen


def seconds_to_wait(request: Request, call: Call) -> int:
    """How long to wait for changes, 0 not to wait. Raises ``StatusError`` 14 with the nearest limit."""
    low, high = call.settings.min_heartbeat, call.settings.max_heartbeat
    if request.heartbeat is not None:
        _check_range(request.heartbeat, low, high)
        return request.heartbeat
    if request.wait is not None:
        _check_range(request.wait, max(1, -(-low // 60)), max(1, min(MAX_WAIT, high // 60)))
        return request.wait * 60
    return 0


def _check_range(value: int, low: int, high: int) -> None:
    nearest = min(max(value, low), high)
    if value != nearest:
        raise StatusError(
            SyncStatus.WAIT_OUT_OF_RANGE, f"a wait of {value} is out of range", (_limit(nearest),)
        )


def check_size(request: Request, call: Call) -> None:
    """Raises ``StatusError`` 15 for more collections than one request may have."""
    most = call.settings.max_collections
    if len(request.collections) > most:
        raise StatusError(
            SyncStatus.TOO_MANY_COLLECTIONS, f"{len(request.collections)} collections", (_limit(most),)
        )


def _limit(value: int) -> Element:
    return Element("AirSync:Limit", str(value))


def jobs(request: Request, call: Call) -> list[Job]:
    """All collections of the request. Raises ``StatusError`` 12 and 13, ``Malformed``."""
    # What the device has changed in a folder that is about to go from it comes first.
    if not any(wanted.commands for wanted in request.collections) and folders_due.tell(call):
        raise StatusError(SyncStatus.HIERARCHY_CHANGED, folders_due.REASON)
    call.session.glance([number for each in request.collections if (number := _only_asks(each))])
    found = [(wanted, _folder(call, wanted)) for wanted in request.collections]
    for wanted, folder in found:
        _check_class(wanted, folder)
        _check_key(call, wanted, folder)
    return [_job(call, wanted, folder) for wanted, folder in found]


def _only_asks(wanted: Wanted) -> int | None:
    """The number of the folder, if the device brings nothing for it and holds it already."""
    return None if wanted.starts or wanted.commands else folder_number(wanted.id)


def _folder(call: Call, wanted: Wanted) -> FolderRef:
    if wanted.id == RECIPIENT_CACHE and wanted.commands:
        raise Malformed("a device changes nothing in the cache of recipients")  # MS-ASCMD 2.2.3.7.2
    try:
        folder = call.session.folder(folder_number(wanted.id) or 0)
    except FolderGone as error:
        raise StatusError(SyncStatus.HIERARCHY_CHANGED, str(error)) from error
    if not exists_in(folder.content, call.version):
        raise Malformed(
            f"folder {folder.number} holds {folder.content.value}, of which {call.version.text} has none"
        )
    return folder


def _check_key(call: Call, wanted: Wanted, folder: FolderRef) -> None:
    """A key that the device did not name again must be the one it stands on. If not, it is asked for its own
    (Status 13): with that, an answer that got lost is repeated, and none that arrived."""
    if wanted.cached and wanted.key != call.session.key(folder.number):
        raise StatusError(
            SyncStatus.REQUEST_INCOMPLETE, f"the remembered key of folder {folder.number} is not the newest"
        )


def _check_class(wanted: Wanted, folder: FolderRef) -> None:
    if wanted.conversation is not None and folder.content is not ContentType.MAIL:
        raise Malformed(f"ConversationMode on folder {folder.number}, which holds no mail")
    if wanted.supported is not None and folder.content is ContentType.NOTES:
        raise Malformed(f"Supported on folder {folder.number}, which holds notes")  # MS-ASNOTE 3.2.5.3
    chosen = wanted.options
    if chosen is None:
        return
    if chosen.item_class not in ("", CLASSES[folder.content]):
        raise Malformed(f"Options for class {chosen.item_class[:40]!r} of folder {folder.number}")
    if not chosen.fits(folder.content):
        raise Malformed(
            f"FilterType {chosen.filter} on folder {folder.number}, which holds {folder.content.value}"
        )


def _job(call: Call, wanted: Wanted, folder: FolderRef) -> Job:
    """With the options in force; what the device says of them is remembered here."""
    last = collection.recall(folder.number, call.memory)
    kept = last or Collection()
    if wanted.starts:
        kept = Collection(supported=wanted.supported)
    if wanted.options is not None:
        kept = replace(kept, options=wanted.options)
    if wanted.conversation is not None:
        kept = replace(kept, conversations=wanted.conversation)
    if kept != last:
        collection.keep(folder.number, kept, call.memory)
    user = call.session.user
    view = View(
        folder.number,
        call.command.device,
        call.version,
        kept.options,
        kept.supported,
        call.clock.now(),
        Address(user.mail, user.name),
    )
    return Job(wanted, folder, view, kept.conversations)


def window(wanted: int | None, default: int, call: Call) -> int:
    """A WindowSize as it counts: 0 and more than 512 mean 512 (MS-ASCMD 2.2.3.199)."""
    chosen = default if wanted is None else wanted
    return min(chosen if 0 < chosen <= DEFAULT_TOTAL else DEFAULT_TOTAL, call.settings.max_window)
