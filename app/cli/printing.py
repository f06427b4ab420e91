"""How the commands print: every list, and the details of one thing, as a table, as CSV or as JSON.

Rules:

* Rows are printed as they come, however many there are: nobody waits for the last of 100,000 devices to see the first.
* A **table** is for people. Its columns are as wide as the first :data:`LOOK_AHEAD` rows need; a wider cell that comes
  later widens its column from there on. Where a terminal is too narrow, the columns that a command names for it are cut
  (``…``), and no others: an id must stay one that can be copied. No rows: no header either.
* **CSV** has a line of names and a line a row. What a device says of itself must not become a formula in a spreadsheet.
* **JSON** is an array with a line a row, or one object. It keeps numbers, lists and ``null``; nothing is cut.
* Characters that steer a terminal are never printed as they are. Wide ones count as two.
* Whoever reads may stop reading (``| head``): the command ends at once with :data:`app.cli.exits.NOBODY_READS`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final, TypeVar

import click

from app.cli import progress
from app.cli.exits import NOBODY_READS

FORMATS: Final = ("table", "csv", "json")

NOTHING: Final = "-"
"""What a table and CSV have in the place of no value."""

LOOK_AHEAD: Final = 1000
"""Rows that decide how wide the columns begin."""

LEAST: Final = 8
"""No column is cut to fewer cells."""

_GAP: Final = "  "
_CUT: Final = "…"
_PORTION: Final = 1 << 16
"""Characters written at once."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Row = Mapping[str, object]
"""JSON values by their names; every row of a list has the same names."""

F = TypeVar("F", bound=Callable[..., None])


def formats(command: F) -> F:
    """The options ``--format`` and ``--json`` of a command that prints a list or a thing; they come as ``form``."""
    option = click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default=FORMATS[0],
        show_default=True,
        help="How to print.",
    )
    short = click.option("--json", "form", flag_value="json", help="The same as --format json.")
    return short(option(command))


def print_rows(rows: Iterable[Row], names: Sequence[str], form: str, cut: Collection[str] = ()) -> None:
    """Print a list. ``names``: of the columns, in their order; ``cut``: those that a narrow terminal may cut."""
    match form:
        case "json":
            _write(_json(rows, names))
        case "csv":
            _write(_csv(chain([names], ([row[name] for name in names] for row in rows))))
        case _:
            _write(_table(rows, names, cut, _terminal_width()))


def print_thing(thing: Row, form: str) -> None:
    """Print the details of one thing. A value may be a list of rows: in a table it gets a section of its own."""
    match form:
        case "json":
            _write([json.dumps(thing), "\n"])
        case "csv":
            _write(_csv(chain([("field", "value")], _flat("", thing))))
        case _:
            _write(_sections(thing))


def moment(at: datetime | None) -> str | None:
    """A moment as all lists have it: ISO 8601 with its time zone, whole seconds."""
    return None if at is None else at.isoformat(timespec="seconds")


def text(value: object) -> str:
    """A value as a table and CSV have it."""
    match value:
        case None | "" | [] | ():
            return NOTHING
        case True | False:
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(text, value))
        case dict():
            return ", ".join(f"{name}={text(each)}" for name, each in value.items())
    return str(value)


# --- JSON and CSV


def _json(rows: Iterable[Row], names: Sequence[str]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n{json.dumps({name: row[name] for name in names})}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _csv(lines: Iterable[Sequence[object]]) -> Iterator[str]:
    for line in lines:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow([_harmless(value) for value in line])
        yield buffer.getvalue()


def _harmless(value: object) -> str:
    field = text(value)
    if isinstance(value, int | float) or field == NOTHING:
        return field
    return f"'{field}" if field.startswith(_FORMULA) else field


def _flat(prefix: str, thing: Row) -> Iterator[tuple[str, object]]:
    for name, value in thing.items():
        if _is_rows(value):
            for number, row in enumerate(value, 1):  # type: ignore[arg-type,var-annotated]
                yield from _flat(f"{prefix}{name}.{number}.", row)
        else:
            yield f"{prefix}{name}", value


def _is_rows(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)


# --- tables


def _table(
    rows: Iterable[Row], names: Sequence[str], cut: Collection[str], width: int | None
) -> Iterator[str]:
    found = ([row[name] for name in names] for row in rows)
    first = list(islice(found, LOOK_AHEAD))
    if not first:
        if width is not None and sys.stdout.isatty():  # a person wonders whether anything was done
            click.echo("nothing to list", err=True)
        return
    is_number = [all(_is_number(row[at]) for row in first) for at in range(len(names))]
    lines = [list(names), *([_shown(value) for value in row] for row in first)]
    widths = [max(_cells(line[at]) for line in lines) for at in range(len(names))]
    most = _limits(names, widths, cut, width)
    widths = [min(each, limit) for each, limit in zip(widths, most, strict=True)]
    for line in chain(lines, ([_shown(value) for value in row] for row in found)):
        cells = [_shortened(cell, limit) for cell, limit in zip(line, most, strict=True)]
        widths = [max(each, _cells(cell)) for each, cell in zip(widths, cells, strict=True)]
        padded = map(_padded, cells, widths, is_number)
        yield f"{_GAP.join(padded).rstrip()}\n"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _limits(
    names: Sequence[str], widths: Sequence[int], cut: Collection[str], width: int | None
) -> list[int]:
    """The most cells of each column, so that a line fits into ``width`` if that can be: the widest of those that may
    be cut gives first."""
    most = list(widths)
    if width is not None:
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
        able = [at for at, name in enumerate(names) if name in cut]
        while over > 0 and able:
            widest = max(able, key=lambda at: most[at])
            if most[widest] <= LEAST:
                break
            most[widest] -= 1
            over -= 1
    return [limit if limit < each else sys.maxsize for limit, each in zip(most, widths, strict=True)]


def _shown(value: object) -> str:
    """A value on a terminal: nothing in it does anything."""
    shown = text(value)
    return shown if shown.isprintable() else "".join(map(_visible, shown))


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    if unicodedata.category(letter) == "Zs":
        return " "
    return letter.encode("unicode_escape").decode("ascii")


def _cells(shown: str) -> int:
    return len(shown) if shown.isascii() else sum(map(_width, shown))


@lru_cache(maxsize=4096)
def _width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _shortened(cell: str, most: int) -> str:
    if _cells(cell) <= most:
        return cell
    room, kept = most - 1, []
    for letter in cell:
        room -= _width(letter)
        if room < 0:
            break
        kept.append(letter)
    return "".join(kept) + _CUT


def _padded(cell: str, width: int, to_the_right: bool) -> str:
    blanks = " " * (width - _cells(cell))
    return blanks + cell if to_the_right else cell + blanks


def _sections(thing: Row) -> Iterator[str]:
    plain = {name: value for name, value in thing.items() if not _is_rows(value)}
    width = max(map(len, plain), default=0)
    for name, value in plain.items():
        yield f"{name:<{width}}{_GAP}{_shown(value)}\n"
    for name, value in thing.items():
        if _is_rows(value):
            rows: Sequence[Row] = value  # type: ignore[assignment]
            yield f"\n{name}:\n"
            for line in _table(rows, list(rows[0]), (), None):
                yield f"{_GAP}{line}"


def _terminal_width() -> int | None:
    """Cells of a line, ``None`` where no terminal is written to."""
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


# --- writing


def _write(parts: Iterable[str]) -> None:
    """Write in portions; what the output cannot express is written as an escape."""
    waiting: list[str] = []
    length = 0
    for part in parts:
        waiting.append(part)
        length += len(part)
        if length >= _PORTION:
            _send("".join(waiting))
            waiting, length = [], 0
    _send("".join(waiting))


def _send(portion: str) -> None:
    progress.erase()
    output: Any = sys.stdout
    encoding = output.encoding or "utf-8"
    try:
        output.write(portion.encode(encoding, "backslashreplace").decode(encoding))
        output.flush()
    except BrokenPipeError:
        # What is still in the buffer would fail once more at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        sys.exit(NOBODY_READS)
