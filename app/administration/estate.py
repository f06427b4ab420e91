"""What is known of devices, as plain values: a row of a list, and all the details of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TypedDict

from app.administration.naming import Names, login_of
from app.eas import memory
from app.store.state import SqlStateStore
from app.usm.devices import AGENT, DEVICE_TYPE, KIND
from app.usm.ports import STANDING, Remembered

NORMAL: Final = "-"
"""The standing of a device about which nothing was decided; the rules of eas.properties count."""

MODEL: Final = f"{memory.DEVICE}Model"
OS: Final = f"{memory.DEVICE}OS"


class Row(TypedDict):
    """What a list tells of a device; moments are ISO 8601, UTC, ``None`` where there was none."""

    context: int
    user: int
    login: str
    device: str
    type: str
    agent: str
    model: str
    os: str
    standing: str
    decided: str | None
    first_seen: str
    last_seen: str


def row(device: Remembered) -> Row:
    """A device in one line."""
    fields = device.fields
    return {
        "context": device.id.context_id,
        "user": device.id.user_id,
        "login": login_of(device),
        "device": device.id.device_id,
        "type": fields.get(DEVICE_TYPE, ""),
        "agent": fields.get(AGENT, ""),
        "model": fields.get(MODEL, ""),
        "os": fields.get(OS, ""),
        "standing": fields.get(STANDING, NORMAL),
        "decided": None if device.decided is None else iso(device.decided),
        "first_seen": iso(device.created),
        "last_seen": iso(device.last_used),
    }


def details(device: Remembered) -> dict[str, str | None]:
    """What is known of a device besides its row: what it tells of itself, and how orders and policies stand."""
    fields = device.fields
    told = {
        name.removeprefix(memory.DEVICE).lower(): text
        for name, text in fields.items()
        if name.startswith(memory.DEVICE) and name not in (MODEL, OS)
    }
    return {
        **told,
        "twins": fields.get(KIND, ""),
        "policy_taken": moment(fields.get(memory.POLICY_MOMENT, "")),
        "wipe_told": moment(fields.get(memory.WIPE_TOLD, "")),
        "wipe_failed": moment(fields.get(memory.WIPE_FAILED, "")),
        "recovery": "kept" if memory.RECOVERY in fields else None,
    }


def rows(
    names: Names,
    store: SqlStateStore,
    context: str | None = None,
    user: str | None = None,
    standing: str | None = None,
) -> Iterator[Row]:
    """All devices, or those of a context, of a user, of a standing (:data:`NORMAL`: undecided); by context, user and
    id. Raises :class:`app.administration.naming.Unknown`, ``StoreUnavailable``."""
    contexts = store.contexts() if context is None else [names.context(context)]
    for each in contexts:
        for device in names.devices(each, user):
            if standing in (None, device.fields.get(STANDING, NORMAL)):
                yield row(device)


def iso(at: datetime) -> str:
    """ISO 8601, to the second."""
    return at.isoformat(timespec="seconds")


def moment(text: str) -> str | None:
    """The same of a field that holds seconds since 1970; ``None`` for anything else."""
    return iso(datetime.fromtimestamp(int(text), UTC)) if text.isdecimal() else None
