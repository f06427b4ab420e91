"""A guard against devices that are told of a change, do not fetch it, and ask again at once.

Such a device would ask many times a second. After :data:`OFTEN` answers about the same folder at the same sync key
within :data:`SECONDS`, what lies in the folder already no longer ends its Ping; what comes anew does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from app.eas import memory
from app.eas.call import Call

OFTEN: Final = 3
SECONDS: Final = 60


def silenced(call: Call, folders: Iterable[int]) -> list[int]:
    """The folders that the device has been told of often enough."""
    told = _recent(call)
    return [number for number in folders if (entry := told.get(str(number))) and _again(call, number, entry)]


def note(call: Call, folders: Collection[int]) -> None:
    """The device is told of these folders now."""
    if not folders:
        return
    told = _recent(call)
    now = _now(call)
    for number in folders:
        key, count, began = told.get(str(number), ["", 0, now])
        newest = call.session.key(number)
        told[str(number)] = [newest, count + 1, began] if key == newest else [newest, 1, now]
    call.memory.write_value(memory.PING_TOLD, told)


def _again(call: Call, number: int, entry: list[Any]) -> bool:
    return bool(entry[1] >= OFTEN and entry[0] == call.session.key(number))


def _recent(call: Call) -> dict[str, list[Any]]:
    kept = call.memory.value(memory.PING_TOLD)
    if not isinstance(kept, dict):
        return {}
    now = _now(call)
    return {number: entry for number, entry in kept.items() if _is_recent(entry, now)}


def _is_recent(entry: Any, now: int) -> bool:
    match entry:
        case [str(), int(), int(began)]:
            return 0 <= now - began < SECONDS
    return False


def _now(call: Call) -> int:
    return int(call.clock.now().timestamp())
