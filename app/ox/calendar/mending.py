"""An appointment that OX refuses for one detail is stored without it: better one without its privacy than none.

OX says what it minds by the code of its error and, for texts that are too long, by their columns or names (``facts``:
HTTP API section 1.8). Nothing is mended without that, and the device gets what was stored in place of what it sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.ox.client import Answer
from app.ox.errors import Refusal, Rejected

_log = logging.getLogger(__name__)

ROUNDS: Final = 3
"""How often one appointment is mended: OX names one kind of fault at a time."""

UNTITLED: Final = "(no title)"
"""The title of an appointment that a device gives none: OX wants one."""

_PRIVACY: Final = frozenset({"APP-0022", "APP-0023", "APP-0024", "CAL-4222", "CAL-4037", "CAL-4226"})
_PRIVATE_NAMES: Final = frozenset({"private_flag", "class"})
_CHARACTERS: Final = frozenset({"APP-0071", "CAL-4227"})
_BEYOND_BASIC_PLANE: Final = re.compile("[\U00010000-\U0010ffff]")

Body = Mapping[str, Any]


def stored(write: Callable[[Body], Answer], body: Body, names: Mapping[int, str]) -> tuple[Answer, bool]:
    """OX's answer, and whether a detail that it minds had to be left out. ``names``: of the columns by number."""
    draft = body
    for _ in range(ROUNDS):
        try:
            return write(draft), draft is not body
        except Rejected as error:
            better = _mended(draft, error.refusal, names)
            if better == draft:
                raise
            _log.warning("an appointment is stored without a detail: %s", error)
            draft = better
    return write(draft), True


def _mended(body: Body, refusal: Refusal, names: Mapping[int, str]) -> Body:
    if refusal.code in _PRIVACY:
        return {name: value for name, value in body.items() if name not in _PRIVATE_NAMES}
    if refusal.code in _CHARACTERS:
        return {name: _plain(value) for name, value in body.items()}
    shorter = dict(body)
    for column, longest in refusal.too_long.items():
        name = names.get(column, "")
        if longest and isinstance(shorter.get(name), str):
            shorter[name] = shorter[name][:longest]
    return shorter


def _plain(value: Any) -> Any:
    """Without emoji and other characters that a database with three bytes a character cannot hold."""
    return _BEYOND_BASIC_PLANE.sub("", value).strip() or None if isinstance(value, str) else value
