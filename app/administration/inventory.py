"""What is stored, of whom, and how long: the one table of it.

``usmctl data inventory`` and ``docs/data-protection.md`` show it. A test compares it with the tables and with the names
of fields in the program: what is not described here cannot be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from app.eas import memory
from app.usm import devices
from app.usm.ports import ENDED


class Person(StrEnum):
    """Of whom it tells. ``OTHERS``: also of those whom the user writes to, or meets."""

    USER = "user"
    OTHERS = "user and others"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Stored:
    """``place``: a table with ``names`` of its columns, a table of fields with the fields' names (``*``: anything), or
    what else holds it."""

    place: str
    names: tuple[str, ...]
    what: str
    person: Person
    until: str


_DEVICE_GOES: Final = "the device is forgotten"
_SESSION: Final = ("cid", "session")

COLUMNS: Final[tuple[Stored, ...]] = (
    Stored(
        "USMSession",
        ("cid", "id", "user", "protocol", "device"),
        "that a user synchronises with a device: numbers of context and user, the id that the device gives itself",
        Person.USER,
        "the device is forgotten: by its user or an administrator, after devices.expire_days without use, or when the"
        " user is deleted",
    ),
    Stored(
        "USMSession",
        ("created", "last_used"),
        "when the device was seen first, and last (up to an hour late)",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSession",
        ("standing", "decided"),
        "what an administrator or the user decided of the device (allowed, blocked, wipe ...), and when",
        Person.USER,
        "it is taken back, or the device forgotten; such a device never expires by itself",
    ),
    Stored(
        "USMSessionFields",
        (*_SESSION, "field", "value"),
        "what is remembered of a device: the fields below",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMDataStorage",
        (*_SESSION, "folder", "counter", "block", "entries", "data"),
        "which items of which folder a device holds: their ids in Open-Xchange and marks of their version, no content;"
        " titles of its folders; what it sent, moved and answered within the last week, by marks; deletions that were"
        " held back and items that could not be converted, by ids, and why, without their words",
        Person.USER,
        "the folder's next state, or the device is forgotten; what it sent, moved and answered: a week",
    ),
    Stored(
        "usmIdMapping",
        (*_SESSION, "number", "digest", "content", "folder"),
        "ids of the user's folders in Open-Xchange (of mail folders: their names), and the numbers that stand for them",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "easUIDMapping",
        (*_SESSION, "digest", "uid", "folder", "item"),
        "UIDs that a device gave to appointments; kept for older releases, nothing is written there now",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "usmAppPassword",
        ("cid", "id", "user", "login", "label", "created", "last_used"),
        "passwords of single devices: whose, what the user calls them, when they were made and last used",
        Person.USER,
        "it is taken back, or the user deleted",
    ),
    Stored(
        "usmAppPassword",
        ("salt", "verifier", "sealed"),
        "the user's password at Open-Xchange, encrypted with the app password, which is kept nowhere",
        Person.USER,
        "it is taken back, or the user deleted",
    ),
    Stored(
        "usmPageSession",
        ("cid", "id", "user", "created", "last_used"),
        "that a user is signed in to the web pages, and since when",
        Person.USER,
        "15 minutes without use, 8 hours, or signing out",
    ),
    Stored(
        "usmPageSession",
        ("sealed",),
        "the session with Open-Xchange, encrypted with the browser's cookie, which is kept nowhere",
        Person.USER,
        "15 minutes without use, 8 hours, or signing out",
    ),
    Stored(
        "usmUserField",
        ("cid", "user", "field", "value"),
        "what a user chose for all devices: the fields below",
        Person.USER,
        "the user chooses otherwise, or is deleted",
    ),
    Stored(
        "usmTrace",
        ("cid", "id", "user", "device", "login", "bodies", "begun", "ends"),
        "that an administrator has requests of a user, device or login written down, and until when",
        Person.USER,
        "its end, and the night after it",
    ),
)
"""The columns of all tables."""

FIELDS: Final[tuple[Stored, ...]] = (
    Stored(
        "USMSessionFields",
        (devices.LOGIN,),
        "the login, and the mail address if there is one",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        (devices.DEVICE_TYPE, devices.AGENT, devices.VERSION, devices.KIND),
        "what make the device says it is, which program speaks on it, and which version of the protocol",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        (f"{memory.DEVICE}*",),
        "what the device tells of itself: model, system, language, IMEI, phone number, name",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        ("eas.policy.*",),
        "which policy the device has taken, and when",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        (devices.ORDERED_BY_USER, memory.WIPE_TOLD, memory.WIPE_FAILED),
        "whether its user ordered a wipe, when the device heard of it, or could not carry it out",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        (memory.RECOVERY,),
        "the password that opens a locked device, encrypted with secret_keys",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        (f"{memory.COLLECTION}*", memory.SYNC, "eas.ping.*"),
        "which folders the device synchronises and waits for, and how much of each item it wants",
        Person.USER,
        "the device asks otherwise",
    ),
    Stored(
        "USMSessionFields",
        (memory.REPLIES,),
        "which invitations were answered lately, by a digest of the meeting's UID, and how",
        Person.OTHERS,
        "fifty later answers",
    ),
    Stored(
        "USMSessionFields",
        (memory.CONVERSATIONS,),
        "which conversations always go to which folder, by their ids",
        Person.OTHERS,
        "a hundred later ones, or the folder is gone",
    ),
    Stored(
        "USMSessionFields, usmUserField",
        ("usm.folders.*",),
        "which folders the user left out, by their ids: for this device, or for all",
        Person.USER,
        "the user chooses otherwise",
    ),
    Stored(
        "USMSessionFields",
        (ENDED,),
        "when an administrator ended the device's session with Open-Xchange",
        Person.USER,
        _DEVICE_GOES,
    ),
    Stored(
        "USMSessionFields",
        ("usm.folder.*",),
        "by what a folder is known again when it is renamed",
        Person.USER,
        _DEVICE_GOES,
    ),
)
"""The fields of sessions and users."""

ELSEWHERE: Final[tuple[Stored, ...]] = (
    Stored(
        "log (log.file)",
        (),
        "a line a command: context, user, login, device, command, time; of refused ones the address. No password, no"
        " content",
        Person.USER,
        "logrotate: eight weeks",
    ),
    Stored(
        "traces (trace.directory)",
        (),
        "what an administrator had written down: requests and answers of a user or device; with --bodies their content,"
        " never passwords",
        Person.OTHERS,
        "trace.days after the last line",
    ),
    Stored(
        "memory of the service",
        (),
        "sessions with Open-Xchange, digests of passwords and of what devices hold, what is being asked",
        Person.USER,
        "login_age at most, and the end of the process",
    ),
    Stored(
        "Redis (notify.redis_url)",
        (),
        "passes on which folders of a user changed, and keeps nothing",
        Person.USER,
        "at once",
    ),
    Stored(
        "backups of the deployment (/var/lib/open-xchange-usm/backup)",
        (),
        "dumps of the tables of an earlier product, from before an upgrade",
        Person.USER,
        "backups_kept later ones",
    ),
)
"""What lies outside of the tables."""


def described(field: str) -> bool:
    """Whether a field of a session or user is in the table."""
    return any(fnmatchcase(field, name) for entry in FIELDS for name in entry.names)


def rows() -> list[dict[str, str]]:
    """The whole table: ``place``, ``names``, ``what``, ``of``, ``until``."""
    return [
        {
            "place": entry.place,
            "names": ", ".join(entry.names),
            "what": entry.what,
            "of": entry.person.value,
            "until": entry.until,
        }
        for entry in (*COLUMNS, *FIELDS, *ELSEWHERE)
    ]
