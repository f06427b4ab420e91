"""Recorded exchanges: what a device sent and what it was answered, as text that a person can read.

A file is one conversation. A line that begins with ``==`` opens an exchange; then stand the request's method and query,
its headers and its body, then the answer's status, headers and body. A line ``!!`` is what happened at the source in
between. Bodies are bytes in hex, behind ``>`` for requests and ``<`` for answers; what they mean stands before them
behind ``#``, for the reader alone.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.device.trace import meaning

WIDTH = 110
BYTES = 52
"""Of a body, in a line."""


@dataclass(frozen=True)
class Message:
    """A request (``first``: method and query) or an answer (``first``: the status)."""

    first: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer; ``title``: the command, and in words what it is about."""

    title: str
    request: Message
    answer: Message

    @property
    def command(self) -> str:
        return self.title.partition(":")[0]


@dataclass(frozen=True)
class Event:
    """Something that happens at the source between two exchanges, by its name."""

    name: str


Entry = Exchange | Event


# -- writing -------------------------------------------------------------------------------------------------


def written(head: str, entries: Sequence[Entry]) -> str:
    """The text of a conversation; ``head`` says what it is."""
    blocks = [textwrap.fill(head, WIDTH, initial_indent="# ", subsequent_indent="# ")]
    blocks += map(shown, entries)
    return "\n\n".join(blocks) + "\n"


def shown(entry: Entry) -> str:
    """The text of one exchange, or of what happened."""
    return "\n".join(_lines(entry))


def _lines(entry: Entry) -> Iterator[str]:
    if isinstance(entry, Event):
        yield f"!! {entry.name}"
        return
    yield f"== {entry.title}"
    yield from _message(entry.request, ">")
    yield from _message(entry.answer, "<")


def _message(message: Message, mark: str) -> Iterator[str]:
    yield message.first
    yield from (f"{name}: {value}" for name, value in message.headers)
    for line in meaning(message.header("Content-Type"), message.body):
        yield from textwrap.wrap(
            line, WIDTH, initial_indent="# ", subsequent_indent="#     ", break_on_hyphens=False
        )
    for at in range(0, len(message.body), BYTES):
        yield f"{mark} {message.body[at : at + BYTES].hex()}"


# -- reading -------------------------------------------------------------------------------------------------


def read(text: str) -> list[Entry]:
    """The conversation that a text holds. ``ValueError`` for one that is none."""
    found: list[Entry] = []
    for block in re.split(r"\n(?=== |!! )", text)[1:]:
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        kind, _, title = lines[0].partition(" ")
        if kind == "!!":
            found.append(Event(title))
            continue
        (second,) = (at for at, line in enumerate(lines) if line.isdecimal())
        found.append(Exchange(title, _parsed(lines[1:second]), _parsed(lines[second:])))
    return found


def _parsed(lines: Sequence[str]) -> Message:
    body = "".join(line[2:] for line in lines[1:] if line[:2] in ("> ", "< "))
    rows = (line.partition(": ") for line in lines[1:] if line[:2] not in ("> ", "< "))
    return Message(lines[0], tuple((name, value) for name, _, value in rows), bytes.fromhex(body))
