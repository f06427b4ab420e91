"""What an examination says: one line a thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is. ``NOT_ASKED``: it could not be looked at, or nobody asked for it."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Finding:
    """``name``: what was looked at; ``text``: how it is, in a sentence; ``advice``: what to do, ``""`` for nothing."""

    name: str
    state: State
    text: str
    advice: str = ""


def ok(name: str, text: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, text)


def warning(name: str, text: str, advice: str = "") -> Finding:
    """It works, and should be looked after."""
    return Finding(name, State.WARNING, text, advice)


def wrong(name: str, text: str, advice: str = "") -> Finding:
    """It does not work, or not as it is meant to."""
    return Finding(name, State.WRONG, text, advice)


def not_asked(name: str, text: str, advice: str = "") -> Finding:
    """It was not looked at."""
    return Finding(name, State.NOT_ASKED, text, advice)
