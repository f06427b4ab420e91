"""Conditions of ``contacts?action=advancedSearch``, and days that come every year (http-api section 5)."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.ox.columns.contacts import CONTACT_COLUMNS
from lab.ox.errors import fault

Match = Callable[[Mapping[str, Any]], bool]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda have, wanted: have < wanted,
    ">": lambda have, wanted: have > wanted,
    "<=": lambda have, wanted: have <= wanted,
    ">=": lambda have, wanted: have >= wanted,
}


def condition(written: Any) -> Match:
    """A filter as a function over the shown values of a contact: ``["and"|"or"|"not", …]``, or
    ``["="|"<>"|…, {"field": F}, value]`` with ``*`` and ``?`` as wildcards. SVL-0010 for anything else."""
    if not isinstance(written, list) or not written:
        raise fault("SVL-0010", "filter", written)
    operator = str(written[0]).lower()
    if operator in ("and", "or", "not"):
        below = [condition(each) for each in written[1:]]
        if operator == "and":
            return lambda values: all(each(values) for each in below)
        if operator == "or":
            return lambda values: any(each(values) for each in below)
        return lambda values: not any(each(values) for each in below)
    if operator == "isnull" and len(written) == 2:
        name = _field(written[1])
        return lambda values: values.get(name) in (None, "")
    if len(written) != 3:
        raise fault("SVL-0010", "filter", written)
    name, wanted = _field(written[1]), written[2]
    if operator in ("=", "<>", "!="):
        return lambda values: _equals(values.get(name), wanted) == (operator == "=")
    if operator in _ORDERS:
        return lambda values: _compares(_ORDERS[operator], values.get(name), wanted)
    raise fault("SVL-0010", "operator", operator)


def folders_named(written: Any) -> list[str]:
    """The folders that a filter asks for, none when it asks for all."""
    if not isinstance(written, list) or not written:
        return []
    if str(written[0]) == "=" and len(written) == 3 and _field(written[1]) == "folder_id":
        return [str(written[2])]
    return [found for each in written[1:] for found in folders_named(each)]


def next_anniversary(day: int | None, after: int) -> int | None:
    """When a day of some year comes again, at or after a moment; the 29th of February only in leap years."""
    if day is None:
        return None
    born = _EPOCH + timedelta(milliseconds=day)
    begin = _EPOCH + timedelta(milliseconds=after)
    for year in range(begin.year, begin.year + 9):
        try:
            again = born.replace(year=year)
        except ValueError:
            continue
        if again >= begin:
            return int(again.timestamp()) * 1000
    return None


def _field(operand: Any) -> str:
    name = operand.get("field") if isinstance(operand, dict) else None
    if name not in CONTACT_COLUMNS.by_name:
        raise fault("SVL-0010", "field", name)
    return str(name)


def _equals(have: Any, wanted: Any) -> bool:
    if have is None:
        return wanted in (None, "")
    if isinstance(have, str) and isinstance(wanted, str):
        pattern = wanted.casefold().replace("[", "[[]")
        return fnmatch.fnmatchcase(have.casefold(), pattern)
    return str(have).casefold() == str(wanted).casefold()


def _compares(order: Callable[[Any, Any], bool], have: Any, wanted: Any) -> bool:
    if have is None:
        return False
    if isinstance(have, str):
        return order(have.casefold(), str(wanted).casefold())
    try:
        return order(have, int(wanted))
    except (TypeError, ValueError):
        raise fault("SVL-0010", "filter", wanted) from None
