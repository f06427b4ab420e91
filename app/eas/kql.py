"""What a person types to find mail, as a condition: words, and the part of KQL that devices send (MS-KQL 2.1).

* All words must be found; ``AND``, ``OR``, ``NOT`` in capitals, ``-`` and brackets as usual. What stands in quotation
  marks is found as it stands; a ``*`` at the end of a word says nothing that is not so anyway.
* ``from:``, ``to:``, ``subject:`` and others name a place; two of them for the same place side by side mean either.
* ``received``, ``date`` and ``sent`` compare with a day, or lie in a span of two (``2024-01-01..2024-01-31``).
* What makes no sense is looked for as it stands: nobody gets an error for what he typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from app.usm.queries import AllOf, AnyOf, Condition, Mark, Marked, Not, Place, Received, Words

MAX_TERMS: Final = 40
MAX_DEPTH: Final = 15
MAX_WORD: Final = 200

PLACES: Final[Mapping[str, tuple[Place, ...]]] = {
    "from": (Place.SENDER,),
    "sender": (Place.SENDER,),
    "to": (Place.TO,),
    "cc": (Place.CC,),
    "bcc": (Place.BCC,),
    "recipients": (Place.TO, Place.CC, Place.BCC),
    "participants": (Place.SENDER, Place.TO, Place.CC, Place.BCC),
    "subject": (Place.SUBJECT,),
    "subjecttitle": (Place.SUBJECT,),
    "body": (Place.TEXT,),
    "attachment": (Place.FILES,),
    "attachmentnames": (Place.FILES,),
    "filename": (Place.FILES,),
}
MARKS: Final[Mapping[str, Mark]] = {
    "hasattachment": Mark.FILES,
    "hasattachments": Mark.FILES,
    "isread": Mark.READ,
    "read": Mark.READ,
    "isflagged": Mark.FLAGGED,
}
DATES: Final = frozenset(("received", "date", "sent"))
YES: Final = frozenset(("true", "yes", "1"))
NO: Final = frozenset(("false", "no", "0"))

_TOKEN: Final = re.compile(r'[()]|[^\s()"]*"[^"]*"?|[^\s()"]+')
_PROPERTY: Final = re.compile(r"([a-z]+)(:|>=|<=|>|<|=)(.*)", re.IGNORECASE | re.DOTALL)
_DAY: Final = timedelta(days=1)
_OPERATORS: Final = ("AND", "OR", "NOT")


def condition(text: str) -> Condition | None:
    """``None`` for a text without any words."""
    return _Reader(_TOKEN.findall(text)[: MAX_TERMS * 2]).read()


class _Reader:
    """Reads tokens from left to right; brackets that do not match are left out of account."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def read(self) -> Condition | None:
        found: list[Condition] = []
        while self._at < len(self._tokens):
            part = self._either(0)
            found += [] if part is None else [part]
            self._at += 1  # a bracket that nobody opened
        return _all(found)

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _either(self, depth: int) -> Condition | None:
        found = [self._together(depth)]
        while self._peek() == "OR":
            self._take()
            found.append(self._together(depth))
        known = [part for part in found if part is not None]
        return AnyOf(tuple(known)) if len(known) > 1 else known[0] if known else None

    def _together(self, depth: int) -> Condition | None:
        found: list[tuple[str, Condition]] = []
        while (piece := self._peek()) not in (None, ")", "OR"):
            if piece == "AND":
                self._take()
                continue
            name = _name(piece)
            part = self._single(depth)
            if part is not None:
                found.append((name, part))
        return _all(_grouped(found))

    def _single(self, depth: int) -> Condition | None:
        piece = self._take()
        if piece == "NOT":
            below = self._single(depth) if self._peek() not in (None, ")", *_OPERATORS) else None
            return None if below is None else Not(below)
        if piece == "(":
            return self._bracket(depth)
        if piece.startswith("-") and len(piece) > 1:
            below = term(piece[1:])
            return None if below is None else Not(below)
        places = PLACES.get(piece[:-1].lower()) if piece.endswith(":") else None
        if places and self._peek() == "(":
            self._take()
            inside = self._bracket(depth)
            return None if inside is None else _placed(inside, places)
        return term(piece)

    def _bracket(self, depth: int) -> Condition | None:
        if depth >= MAX_DEPTH:
            return None
        inside = self._either(depth + 1)
        if self._peek() == ")":
            self._take()
        return inside


def _name(piece: str | None) -> str:
    found = _PROPERTY.fullmatch(piece or "")
    name = found[1].lower() if found else ""
    return name if name in PLACES else ""


def _grouped(found: list[tuple[str, Condition]]) -> list[Condition]:
    """Neighbours for the same place become one that holds where either does."""
    grouped: list[tuple[str, list[Condition]]] = []
    for name, part in found:
        if name and grouped and grouped[-1][0] == name:
            grouped[-1][1].append(part)
        else:
            grouped.append((name, [part]))
    return [parts[0] if len(parts) == 1 else AnyOf(tuple(parts)) for _, parts in grouped]


def _all(found: list[Condition]) -> Condition | None:
    found = found[:MAX_TERMS]
    return AllOf(tuple(found)) if len(found) > 1 else found[0] if found else None


def _placed(inside: Condition, places: tuple[Place, ...]) -> Condition:
    """Words within brackets, at the place that stands before these."""
    match inside:
        case AllOf(parts):
            return AllOf(tuple(_placed(part, places) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_placed(part, places) for part in parts))
        case Not(part):
            return Not(_placed(part, places))
        case Words(text, Place.ANYWHERE):
            return _at(text, places)
        case _:
            return inside


def _at(text: str, places: tuple[Place, ...]) -> Condition:
    found = tuple(Words(text, place) for place in places)
    return found[0] if len(found) == 1 else AnyOf(found)


def term(token: str) -> Condition | None:
    """One word or property; ``None`` for one that holds no letter at all."""
    found = _PROPERTY.fullmatch(token)
    if found:
        name, operator, value = found[1].lower(), found[2], _plain(found[3])
        known = _property(name, operator, value)
        if known is not None:
            return known
    word = _plain(token)
    return Words(word) if word else None


def _property(name: str, operator: str, value: str) -> Condition | None:
    if not value:
        return None
    if name in PLACES and operator in (":", "="):
        return _at(value, PLACES[name])
    if name in MARKS and operator in (":", "=") and value.lower() in YES | NO:
        marked = Marked(MARKS[name])
        return marked if value.lower() in YES else Not(marked)
    return _dated(operator, value) if name in DATES else None


def _plain(text: str) -> str:
    return " ".join(text.replace('"', " ").split()).rstrip("*")[:MAX_WORD]


def _dated(operator: str, value: str) -> Condition | None:
    first, separator, last = value.partition("..")
    begin, end = _day(first), _day(last) if separator else _day(first)
    if begin is None or end is None:
        return None
    before = timedelta(milliseconds=1)
    spans = {
        ">": Received(after=begin + _DAY - before),
        ">=": Received(after=begin - before),
        "<": Received(before=begin),
        "<=": Received(before=begin + _DAY),
    }
    return spans.get(operator, Received(begin - before, end + _DAY))


def _day(text: str) -> datetime | None:
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:T.*)?", text.strip())
    # The first and the last years of the calendar leave no room for what is added to them.
    if found is None or not 1 < int(found[1]) < 9999:
        return None
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
    except ValueError:
        return None
