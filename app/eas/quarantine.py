"""What a device in quarantine gets: an empty mailbox, until an administrator decides.

=============================  =====================================================================
Provision, OPTIONS             as ever: a policy, and the order to wipe
Settings (DeviceInformation)   as ever: the administrator wants to know what it is; nothing else is told
FolderSync                     success without any folder, under a key that stands for nothing; a device that
                               holds folders from before keeps them, and hears of no change
Ping                           waits, and hears of nothing
anything else                  refused like a blocked device, so that nothing that it sends is lost there
=============================  =====================================================================

When the device is let in, its Ping ends, the key of its FolderSync is unknown, and it gets everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from app.eas.answer import Answer, Outcome
from app.eas.call import Call
from app.eas.errors import DeviceRefused, Why
from app.eas.reading import identifier, only
from app.eas.status import Common, FolderSyncStatus, PingStatus
from app.usm.ports import Steps
from app.wbxml.element import Element

Normally = Callable[[Call], Outcome]
"""How the command is carried out for a device that is let in."""

KEY: Final = "quarantine"
"""The hierarchy key of a device that has no hierarchy; no real key is like it."""

START: Final = "0"


def refusal() -> DeviceRefused:
    """The refusal of what is not for a device in quarantine."""
    return DeviceRefused(Common.DEVICE_BLOCKED, Why.QUARANTINED, "the device is in quarantine")


def handle(call: Call, normally: Normally) -> Outcome:
    """Answer a device in quarantine. Raises ``DeviceRefused``, ``Malformed``."""
    return _ALLOWED.get(call.command.name, _refuse)(call, normally)


def _refuse(call: Call, normally: Normally) -> Outcome:
    raise refusal()


def _as_ever(call: Call, normally: Normally) -> Outcome:
    return normally(call)


def _information_only(call: Call, normally: Normally) -> Outcome:
    if any(child.name != "Settings:DeviceInformation" for child in call.document or ()):
        raise refusal()
    return normally(call)


def _no_folders(call: Call, normally: Normally) -> Outcome:
    if call.document is None:
        return normally(call)
    key = identifier(call.document, "FolderHierarchy:SyncKey")
    children = [
        Element("FolderHierarchy:Status", str(FolderSyncStatus.SUCCESS.value)),
        Element("FolderHierarchy:SyncKey", KEY if key == START else key),
        Element("FolderHierarchy:Changes", children=[Element("FolderHierarchy:Count", "0")]),
    ]
    return Answer(Element("FolderHierarchy:FolderSync", children=children), starts_over=key == START)


def _no_changes(call: Call, normally: Normally) -> Steps[Answer]:
    yield from call.session.watch([], _interval(call), {})
    return Answer(
        Element("Ping:Ping", children=[Element("Ping:Status", str(PingStatus.EXPIRED.value))]),
    )


def _interval(call: Call) -> int:
    """What the device asks for, within what it may."""
    wanted = None if call.document is None else only(call.document, "Ping:HeartbeatInterval")
    text = "" if wanted is None else wanted.text.strip()
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return min(max(seconds, call.settings.min_heartbeat), call.settings.max_heartbeat)


_ALLOWED: Final[Mapping[str, Callable[[Call, Normally], Outcome]]] = {
    "Provision": _as_ever,
    "Settings": _information_only,
    "FolderSync": _no_folders,
    "Ping": _no_changes,
}
