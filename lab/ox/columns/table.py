"""A table of numbered columns: number ↔ JSON name, and the kind of value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from lab.ox.errors import fault
from lab.ox.zones import from_time, to_time


@dataclass(frozen=True, slots=True)
class ColumnDef:
    """One column. ``kind``: text, int, bool, date, time, timestamp or json. ``size``: most characters of a text.
    ``writable``: whether a client may set it."""

    number: int
    name: str
    kind: str = "text"
    size: int = 0
    writable: bool = True


class ColumnTable:
    """The columns of one module, found by number or name."""

    def __init__(self, columns: Iterable[ColumnDef], renumbered: Mapping[int, int] | None = None) -> None:
        self._columns = tuple(columns)
        self._by_number = {column.number: column for column in self._columns}
        self.by_name = {column.name: column for column in self._columns}
        self._renumbered = dict(renumbered or {})

    def __iter__(self) -> Any:
        return iter(self._columns)

    def pick(self, text: str | None) -> list[ColumnDef]:
        """The columns of a ``columns`` parameter, in its order. A missing parameter or an unknown number is an
        error."""
        if not text:
            raise fault("SVL-0002", "columns")
        return [self.number(part.strip()) for part in text.split(",") if part.strip()]

    def number(self, text: str) -> ColumnDef:
        """One column by its number as text."""
        if not text.isdigit():
            raise fault("SVL-0010", "columns", text)
        wanted = int(text)
        column = self._by_number.get(self._renumbered.get(wanted, wanted))
        if column is None:
            raise fault("SVL-0010", "columns", text)
        return column


def shown(column: ColumnDef, value: Any, tz: ZoneInfo) -> Any:
    """A stored value as the API shows it: a Time is shifted, everything else is as it is."""
    if column.kind == "time":
        return to_time(value, tz)
    return value


def stored(column: ColumnDef, value: Any, tz: ZoneInfo) -> Any:
    """The reverse of :func:`shown`."""
    if column.kind == "time" and isinstance(value, int):
        return from_time(value, tz)
    return value
