"""A vacation notice of OX's mail filter ↔ what USM knows of it (``facts``: HTTP API 11.4).

A rule answers to everybody who writes, and knows whole days in a time zone. Of a rule that is there only what
differs is written: its subject, addresses, days between answers, other tests and other commands are those of the web
interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.ox.mapping.values import clean
from app.usm.model import Absence

COMMAND: Final = "vacation"
FLAG: Final = "vacation"
ALWAYS: Final[Mapping[str, Any]] = {"id": "true"}
_NAME: Final = "vacation notice"
_DAYS: Final = "7"
"""Nobody is answered more often than once in so many days."""
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TINY: Final = timedelta(microseconds=1)
_DEEPEST: Final = 10


def read(rule: Mapping[str, Any] | None, zone: ZoneInfo) -> Absence:
    """What a rule says, ``None``: there is none. ``zone``: that of the days."""
    if rule is None:
        return Absence(False)
    first, last = _days(rule.get("test"))
    return Absence(
        rule.get("active") is not False,
        clean(str((_command(rule) or {}).get("text") or "")),
        None if first is None else _midnight(first, zone),
        None if last is None else _midnight(last + 1, zone),
    )


def write(rule: Mapping[str, Any] | None, absence: Absence, zone: ZoneInfo) -> dict[str, Any]:
    """What to store so that the rule says this; empty where it does already."""
    now = read(rule, zone)
    body: dict[str, Any] = {}
    if rule is None:
        body = {"rulename": _NAME, "flags": [FLAG]}
    if rule is None or now.active is not absence.active:
        body["active"] = absence.active
    days = _day(absence.start, zone), _day(absence.end and absence.end - _TINY, zone)
    if rule is None or (absence.active and days != _days(rule.get("test"))):
        body["test"] = _test(rule, days, absence.start or absence.end, zone)
    if rule is None or (absence.text and absence.text != now.text):
        body["actioncmds"] = _commands(rule, absence.text)
    return body if rule is None or not body else {"id": rule.get("id"), **body}


def _commands(rule: Mapping[str, Any] | None, text: str) -> list[Any]:
    known = _command(rule) if rule else None
    if rule is None or known is None:
        return [{"id": COMMAND, "days": _DAYS, "text": text}, *((rule or {}).get("actioncmds") or ())]
    return [{**each, "text": text} if each is known else each for each in rule["actioncmds"]]


def _command(rule: Mapping[str, Any]) -> Mapping[str, Any] | None:
    commands = rule.get("actioncmds") or ()
    found = (each for each in commands if isinstance(each, dict) and each.get("id") == COMMAND)
    return next(found, None)


def _test(
    rule: Mapping[str, Any] | None,
    days: tuple[int | None, int | None],
    moment: datetime | None,
    zone: ZoneInfo,
) -> Mapping[str, Any]:
    others = [
        test for test in _tests((rule or {}).get("test")) if not _is_day(test) and test.get("id") != "true"
    ]
    offset = (moment or _EPOCH).astimezone(zone).strftime("%z")
    bounds = [
        {
            "id": "currentdate",
            "comparison": comparison,
            "datepart": "date",
            "datevalue": [day * 86_400_000],
            "zone": offset,
        }
        for comparison, day in zip(("ge", "le"), days, strict=True)
        if day is not None
    ]
    tests = [*others, *bounds]
    if len(tests) < 2:
        return tests[0] if tests else ALWAYS
    return {"id": "allof", "tests": tests}


def _tests(test: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The tests that must all hold."""
    if not isinstance(test, dict):
        return
    if test.get("id") == "allof" and isinstance(test.get("tests"), list) and depth < _DEEPEST:
        for each in test["tests"]:
            yield from _tests(each, depth + 1)
    else:
        yield test


def _is_day(test: Mapping[str, Any]) -> bool:
    values = test.get("datevalue")
    return (
        test.get("id") == "currentdate"
        and test.get("comparison") in ("ge", "le")
        and test.get("datepart", "date") == "date"
        and isinstance(values, Sequence)
        and len(values) == 1
        and isinstance(values[0], int)
        and abs(values[0]) < 2**47
    )


def _days(test: Any) -> tuple[int | None, int | None]:
    """The first and the last day, counted from 1970."""
    found: dict[str, int] = {}
    for each in filter(_is_day, _tests(test)):
        found.setdefault(each["comparison"], each["datevalue"][0] // 86_400_000)
    return found.get("ge"), found.get("le")


def _day(moment: datetime | None, zone: ZoneInfo) -> int | None:
    if moment is None:
        return None
    return (moment.astimezone(zone).replace(tzinfo=UTC) - _EPOCH) // _DAY


def _midnight(day: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + day * _DAY).replace(tzinfo=zone).astimezone(UTC)
