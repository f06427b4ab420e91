"""Tasks: OX columns and USM fields, a row each (``facts``: HTTP API section 4).

* Start and end are read and written as the days of columns 201 and 202, which every generation has. A task whose
  times are set keeps them as long as its days stay.
* OX knows five states and a percentage, a device only "done or not": they are written when that changes, and then
  alone.
* Sensitivity becomes OX's one flag: what is not for everybody is private.
* A series has a start and an end in OX. It makes its next task by itself when one is done; that the next one should
  begin only then (``regenerate``) is nothing it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from app.ox.mapping import recurrence, values
from app.ox.mapping.merging import same
from app.usm.content import Recurrence, Sensitivity

PRIVATE: Final = 101
STATUS: Final = 300
COMPLETED: Final = 315

CATEGORIES: Final = ","

NOT_STARTED, DONE = 1, 3
NORMAL: Final = 1
"""The importance of a task without a priority."""

_LOW, _HIGH = 1, 3
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One field. ``read`` and ``write`` turn OX's value into ours and back; ``None`` is absent."""

    field: str
    column: int
    name: str
    read: Callable[[Any], Any] = values.line
    write: Callable[[Any], Any] = values.from_text


def _importance(value: Any) -> int:
    """OX counts 1 low to 3 high; a task without a priority is a normal one."""
    return value - 1 if isinstance(value, int) and _LOW <= value <= _HIGH else NORMAL


def _priority(importance: int) -> int:
    return min(max(importance + 1, _LOW), _HIGH)


def _sensitivity(value: Any) -> Sensitivity:
    return Sensitivity.PRIVATE if value is True else Sensitivity.NORMAL


def _private(sensitivity: Sensitivity) -> bool:
    return sensitivity is not Sensitivity.NORMAL


def _moment(value: datetime) -> int:
    return (value - _EPOCH) // _MILLISECOND


ROWS: Final = (
    Row("subject", 200, "title"),
    Row("body", 203, "note", values.note, values.from_note),
    Row("start", 201, "start_date", values.day, values.from_day),
    Row("due", 202, "end_date", values.day, values.from_day),
    Row("reminder", 204, "alarm", values.instant, _moment),
    Row("importance", 309, "priority", _importance, _priority),
    Row("sensitivity", PRIVATE, "private_flag", _sensitivity, _private),
    Row("categories", 100, "categories", values.texts(CATEGORIES), values.from_texts(CATEGORIES)),
)

_DEFAULTS: Final[Mapping[str, Any]] = {
    "importance": NORMAL,
    "sensitivity": Sensitivity.NORMAL,
    "complete": False,
}
"""What a device means by clearing a field that every task has."""

NAMES: Final[Mapping[int, str]] = {row.column: row.name for row in ROWS}
COLUMNS: Final = (*NAMES, STATUS, COMPLETED, *recurrence.COLUMNS)
"""The columns to read a task in full, but for its id and version."""


def done(row: Mapping[int, Any]) -> bool:
    """Whether a task is complete."""
    return row.get(STATUS) == DONE


def completed(row: Mapping[int, Any]) -> datetime | None:
    """When a task was completed, ``None`` where it is not, or nobody knows."""
    return values.instant(row.get(COMPLETED)) if done(row) else None


def fields_of(row: Mapping[int, Any]) -> dict[str, Any]:
    """The fields of a task, column id → value."""
    found = {mapped.field: mapped.read(row.get(mapped.column)) for mapped in ROWS}
    found |= {
        "complete": done(row),
        "completed": completed(row),
        "recurrence": recurrence.of_columns(row),
    }
    return {field: value for field, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Change:
    """What to write, by OX's names, ``null`` to clear. ``exact``: OX can hold all of it as it was asked."""

    body: Mapping[str, Any]
    exact: bool = True


def change(fields: Mapping[str, Any], before: Mapping[str, Any], now: datetime) -> Change:
    """What turns a task with the fields ``before`` into one with these; only what differs is written, so that nothing
    is lost of what a device does not know. ``now``: when a task is completed whose device does not say when."""
    sound = _sound(fields, before, now.date())
    wanted = {field: _DEFAULTS.get(field) if value is None else value for field, value in sound.items()}
    body: dict[str, Any] = {}
    exact = sound == fields
    for row in ROWS:
        if row.field not in wanted or same(wanted[row.field], before.get(row.field)):
            continue
        value = wanted[row.field]
        body[row.name] = None if value is None else row.write(value)
        exact = exact and same(row.read(body[row.name]), value)
    if "recurrence" in wanted:
        rule = wanted["recurrence"]
        kept = None if rule is None else _kept(rule)
        if kept != before.get("recurrence"):
            body |= recurrence.NO_SERIES if rule is None else recurrence.columns_of(rule)
        exact = exact and (rule is None or kept == replace(rule, first_weekday=None))
    return Change(body | _completion(wanted, before, now), exact)


def _kept(rule: Recurrence) -> Recurrence | None:
    """The rule as it will be read again."""
    written = recurrence.columns_of(rule)
    return recurrence.of_columns({column: written.get(name) for column, name in recurrence.COLUMNS.items()})


def _sound(fields: Mapping[str, Any], before: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The fields as OX takes them: a task begins no later than it ends, and a series has a start and an end."""
    whole = {**before, **fields}
    start, due = whole.get("start"), whole.get("due")
    if whole.get("recurrence") is not None:
        start = start or due or today
        due = due or start
    if start is not None and due is not None:
        start = min(start, due)
    mended = {"start": start, "due": due}
    return {**fields, **{name: value for name, value in mended.items() if value != whole.get(name)}}


def _completion(wanted: Mapping[str, Any], before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """State and percentage, which go together (TSK-0031, TSK-0038)."""
    complete = wanted.get("complete")
    if complete is None or complete == before.get("complete", False):
        return _completed_otherwise(wanted.get("completed"), before)
    if not complete:
        return {"status": NOT_STARTED, "percent_completed": 0, "date_completed": None}
    moment = wanted.get("completed") or now
    return {"status": DONE, "percent_completed": 100, "date_completed": _moment(moment)}


def _completed_otherwise(moment: datetime | None, before: Mapping[str, Any]) -> dict[str, Any]:
    """A task that is done already, on another day than was thought. Devices know days: another hour means nothing."""
    told = before.get("completed")
    if moment is None or not before.get("complete") or (told is not None and abs(moment - told) < _DAY):
        return {}
    return {"date_completed": _moment(moment)}
