"""A contact that OX refuses for one detail is stored without it: better a contact with a shorter note than none.

OX says what it minds by the code of its error and, for texts that are too long, by their columns (section 1.8). Nothing
is mended without that, and the device gets what was stored in place of what it sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.ox.errors import ADDRESS_CODES, CHARACTER_CODES, PICTURE_CODES, Refusal
from app.ox.mapping import contact as mapping

ROUNDS: Final = 4
"""How often one contact is mended: OX names one kind of fault at a time."""

_NAMES: Final[Mapping[int, str]] = {row.column: row.name for row in mapping.ROWS}
_ADDRESSES: Final = ("email1", "email2", "email3")
_ADDRESS: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_BEYOND_BASIC_PLANE: Final = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written: OX's names → values, and the picture, if there is one."""

    body: Mapping[str, Any]
    picture: bytes | None = None


def mended(draft: Draft, refusal: Refusal) -> Draft | None:
    """The draft without what OX minds; ``None`` when that cannot be told, or nothing would be left of it."""
    if refusal.code in PICTURE_CODES:
        better = replace(draft, picture=None)
    elif refusal.code in CHARACTER_CODES:
        better = replace(draft, body={name: _plain(value) for name, value in draft.body.items()})
    elif refusal.code in ADDRESS_CODES:
        better = replace(draft, body={name: _address(name, value) for name, value in draft.body.items()})
    else:
        better = replace(draft, body=_shortened(draft.body, refusal.too_long))
    return None if better == draft else better


def _plain(value: Any) -> Any:
    """Without emoji and other characters that a database with three bytes a character cannot hold."""
    return _BEYOND_BASIC_PLANE.sub("", value).strip() or None if isinstance(value, str) else value


def _address(name: str, value: Any) -> Any:
    wrong = name in _ADDRESSES and isinstance(value, str) and not _ADDRESS.fullmatch(value)
    return None if wrong else value


def _shortened(body: Mapping[str, Any], too_long: Mapping[int, int]) -> dict[str, Any]:
    shorter = dict(body)
    for column, longest in too_long.items():
        name = _NAMES.get(column, "")
        if longest and isinstance(shorter.get(name), str):
            shorter[name] = shorter[name][:longest]
    return shorter
