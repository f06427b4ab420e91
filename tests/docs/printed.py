"""What a document says that a command prints, compared with what it has printed.

* Each line stands for one line, from its beginning to its end; as many blanks as you like count as one, and those
  before it as none.
* ``…`` in a line stands for anything: a time, a number, what is too long.
* A line of nothing but ``…`` stands for any lines, or none.
* A word of :data:`NAMES` stands for one word, which later commands and lines mean by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

NAMES: Final = ("TRACE",)
ANYTHING: Final = "…"

_LINES: Final = r"(?:[^\n]*\n)*?"
_TOKEN: Final = re.compile(rf"{ANYTHING}|\b(?:{'|'.join(NAMES)})\b|[ \t]+")


class Different(AssertionError):
    """The document tells something else than the command."""


def compare(told: str, printed: str, meant: Mapping[str, str]) -> dict[str, str]:
    """``told``: the document's lines; ``meant``: the words that :data:`NAMES` stood for so far. Returns them with those
    that this output has added; raises :class:`Different`."""
    found = re.fullmatch(_pattern(told, meant), _normal(printed))
    if found is None:
        raise Different(f"the document says\n{told}\nand this was printed\n{printed}")
    return {**meant, **found.groupdict()}


def with_meaning(command: str, meant: Mapping[str, str]) -> str:
    """A command with the words in it that its names stand for."""
    for name, word in meant.items():
        command = re.sub(rf"\b{name}\b", lambda _, word=word: word, command)  # type: ignore[misc]
    return command


def _normal(text: str) -> str:
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines)


def _pattern(told: str, meant: Mapping[str, str]) -> str:
    known = dict(meant)
    return "".join(
        _LINES if line.strip() == ANYTHING else f"{_line(line.strip(), known)}\n"
        for line in told.splitlines()
    )


def _line(line: str, known: dict[str, str]) -> str:
    parts, at = [], 0
    for token in _TOKEN.finditer(line):
        parts += [re.escape(line[at : token.start()]), _token(token[0], known)]
        at = token.end()
    return "".join([*parts, re.escape(line[at:])])


def _token(token: str, known: dict[str, str]) -> str:
    if token == ANYTHING:
        return r"[^\n]*"
    if token not in NAMES:
        return " "
    if token in known:
        return re.escape(known[token]) if known[token] else rf"(?P={token})"
    known[token] = ""
    return rf"(?P<{token}>\S+)"
