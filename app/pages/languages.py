"""The languages of the pages: English, as it stands in the source, and those of ``locale/<language>*.po``.

A text of Python is marked by :func:`said` where it is written, and translated where a page shows it (``tell`` in
templates). In all texts a per cent sign that is none of a value (``%(name)s``) is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import polib

LOCALE: Final = Path(__file__).with_name("locale")

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch"}
"""Tag → what its speakers call it. The first one is that of the source."""

SOURCE: Final = "en"

MOST_RANGES: Final = 20
"""Languages of an ``Accept-Language`` that are looked at."""

_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,30})?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?"
)


def said(text: str) -> str:
    """Marks a text that a page will show in the language of its reader."""
    return text


class Catalogue:
    """The texts of one language."""

    def __init__(self, language: str) -> None:
        self._texts: dict[str, str] = {}
        self._plurals: dict[str, Mapping[int, str]] = {}
        for path in sorted(LOCALE.glob(f"{language}*.po")):
            for entry in polib.pofile(str(path)):
                if entry.obsolete or entry.fuzzy:
                    continue
                if entry.msgid_plural:
                    self._plurals[entry.msgid] = entry.msgstr_plural
                elif entry.msgstr:
                    self._texts[entry.msgid] = entry.msgstr

    def gettext(self, text: str) -> str:
        """A text in this language; as it is in the source where there is no translation."""
        return self._texts.get(text, text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """A text that depends on a number. English and German have the same two forms."""
        which = 0 if number == 1 else 1
        return self._plurals.get(one, {}).get(which) or (one, many)[which]

    def __contains__(self, text: object) -> bool:
        """Whether there is a translation."""
        return text in self._texts or text in self._plurals


@cache
def catalogue(language: str) -> Catalogue:
    """The texts of a language, read once."""
    return Catalogue(language)


def chosen(cookie: str, accept: str) -> str:
    """The language for a reader: what he chose, else the best of what his browser accepts (RFC 9110 12.5.4)."""
    if cookie in LANGUAGES:
        return cookie
    return next((tag for tag in _accepted(accept) if tag in LANGUAGES), SOURCE)


def _accepted(header: str) -> Sequence[str]:
    """Primary tags by their weight, the heaviest first; what cannot be read is left out."""
    found = []
    for part in header.split(",", MOST_RANGES)[:MOST_RANGES]:
        match = _RANGE.fullmatch(part)
        if match is not None and (weight := float(match[2] or 1)) > 0:
            found.append((weight, match[1].lower()))
    return [tag for _, tag in sorted(found, key=lambda pair: -pair[0])]
