"""What OX refuses for one detail is stored without it: better a contact with a shorter note than none.

OX says what it minds by the code of its error and, for texts that are too long, by their columns (section 1.8). Nothing
is mended without that, and the device gets what was stored in place of what it sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.ox.client import Answer
from app.ox.errors import ADDRESS_CODES, CHARACTER_CODES, PICTURE_CODES, Refusal, Rejected

_log = logging.getLogger(__name__)

ROUNDS: Final = 4
"""How often one item is mended: OX names one kind of fault at a time."""

_ADDRESSES: Final = ("email1", "email2", "email3")
_ADDRESS: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_BEYOND_BASIC_PLANE: Final = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written: OX's names → values, and the picture, if there is one."""

    body: Mapping[str, Any]
    picture: bytes | None = None


def stored(
    send: Callable[[Draft], Answer], wanted: Draft, names: Mapping[int, str], what: str
) -> tuple[Answer, bool]:
    """OX's answer to the draft, and whether a detail that it minds had to be left out. ``names``: column → name;
    ``what`` it is, for the log."""
    draft = wanted
    for _ in range(ROUNDS):
        try:
            return send(draft), draft is not wanted
        except Rejected as error:
            better = mended(draft, error.refusal, names)
            if better is None:
                raise
            _log.warning("%s is stored without a detail: %s", what, error)
            draft = better
    return send(draft), True


def mended(draft: Draft, refusal: Refusal, names: Mapping[int, str]) -> Draft | None:
    """The draft without what OX minds; ``None`` when that cannot be told, or nothing would be left of it."""
    if refusal.code in PICTURE_CODES:
        better = replace(draft, picture=None)
    elif refusal.code in CHARACTER_CODES:
        better = replace(draft, body={name: _plain(value) for name, value in draft.body.items()})
    elif refusal.code in ADDRESS_CODES:
        better = replace(draft, body={name: _address(name, value) for name, value in draft.body.items()})
    else:
        better = replace(draft, body=_shortened(draft.body, refusal.too_long, names))
    return None if better == draft else better


def _plain(value: Any) -> Any:
    """Without emoji and other characters that a database with three bytes a character cannot hold."""
    return _BEYOND_BASIC_PLANE.sub("", value).strip() or None if isinstance(value, str) else value


def _address(name: str, value: Any) -> Any:
    wrong = name in _ADDRESSES and isinstance(value, str) and not _ADDRESS.fullmatch(value)
    return None if wrong else value


def _shortened(
    body: Mapping[str, Any], too_long: Mapping[int, int], names: Mapping[int, str]
) -> dict[str, Any]:
    shorter = dict(body)
    for column, longest in too_long.items():
        name = names.get(column, "")
        if longest and isinstance(shorter.get(name), str):
            shorter[name] = shorter[name][:longest]
    return shorter
