"""Every setting as it stands in the files: from where, whether it is the default, and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.config.loading import Entry, Read, masked, place_of, read
from app.config.settings import KEYS, POLICY


class Origin(StrEnum):
    """Where a value comes from. ``EDIT``: it differs from the default; ``IDLE``: a later line of its key counts."""

    DEFAULT = "default"
    EDIT = "edit"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    IDLE = "no longer counts"


@dataclass(frozen=True, slots=True)
class Value:
    """``value`` shows no password; ``place``: file and line, ``""`` for a default that stands nowhere."""

    key: str
    value: str
    origin: Origin
    place: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Survey:
    """``values``: all settings in the order in which they are documented, then the policy's, then what is unknown or
    does not count. ``read`` has what is wrong and odd."""

    values: tuple[Value, ...]
    read: Read


def survey(etc: Path) -> Survey:
    """All that stands in the files of a folder; nothing is too wrong."""
    found = read(etc)
    values = [_setting(key, found) for key in KEYS]
    values += [_policy(entry, found) for key, entry in sorted(found.chosen.items()) if key.startswith(POLICY)]
    values += [_idle(entry) for entry in found.idle]
    return Survey(tuple(values), found)


def _setting(key: str, found: Read) -> Value:
    about, entry = KEYS[key].metadata, found.chosen.get(key)
    default, meaning = about["default"], about["meaning"]
    if entry is None or not entry.value:
        place = "" if entry is None else place_of(entry)
        return Value(key, masked(key, default), Origin.DEFAULT, place, meaning)
    if KEYS[key].name not in found.values:
        origin = Origin.WRONG
    else:
        same = bool(default) and found.values[KEYS[key].name] == about["read"](default)
        origin = Origin.DEFAULT if same else Origin.EDIT
    return Value(key, masked(key, entry.value), origin, place_of(entry), meaning)


def _policy(entry: Entry, found: Read) -> Value:
    name = entry.key.removeprefix(POLICY)
    is_used = name in found.values["policy"] or not entry.value
    meaning = f"{name} of the policy that devices must take (MS-ASPROV 2.2.2.28)."
    return Value(entry.key, entry.value, Origin.EDIT if is_used else Origin.WRONG, place_of(entry), meaning)


def _idle(entry: Entry) -> Value:
    known = entry.key in KEYS or entry.key.startswith(POLICY)
    meaning = "A later line of the same key counts." if known else "No setting of this program: ignored."
    origin = Origin.IDLE if known else Origin.UNKNOWN
    return Value(entry.key, masked(entry.key, entry.value), origin, place_of(entry), meaning)
