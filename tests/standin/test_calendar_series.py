"""Series, their occurrences and exceptions by the module ``calendar`` (http-api section 6.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.standin.appointments import (
    DAY,
    HOUR,
    at,
    calendar_folder,
    day,
    delete,
    empty,
    get,
    new,
    session,
    starts,
    update,
    updates,
)
from tests.standin.client import Client, Server

_PATTERN = ("recurrence_type", "interval", "days", "day_in_month", "month", "until", "occurrences")


@pytest.fixture(scope="module")
def ox(server: Server) -> Iterator[Client]:
    """A session of the user under test."""
    with session(server) as client:
        yield client


@pytest.fixture(scope="module")
def kept_calendar(ox: Client) -> Iterator[str]:
    """A calendar for the tests of the module."""
    with calendar_folder(ox) as folder:
        yield folder


@pytest.fixture
def calendar(ox: Client, kept_calendar: str) -> Iterator[str]:
    """An empty calendar."""
    yield kept_calendar
    empty(ox, kept_calendar)


def _code(ox: Client, old: str, new_one: str) -> str:
    return new_one if ox.server.generation == 8 else old


def _weekly(ox: Client, calendar: str, **fields: Any) -> tuple[Any, int]:
    """Mondays at nine, four times, over the beginning of summer time on 30 March 2031."""
    return new(ox, calendar, recurrence_type=2, interval=1, days=2, occurrences=4, **fields)


_MONDAYS = [f"2031-{name} 09:00" for name in ("03-24", "03-31", "04-07", "04-14")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"recurrence_type": 1, "interval": 2, "occurrences": 3}, ["03-24", "03-26", "03-28"]),
        (
            {"recurrence_type": 2, "interval": 2, "days": 2 + 8, "until": day("2031-04-09")},
            ["03-24", "03-26", "04-07", "04-09"],
        ),
        (
            {"recurrence_type": 3, "interval": 1, "day_in_month": 31, "occurrences": 3},
            ["03-31", "05-31", "07-31"],
        ),
        (
            {"recurrence_type": 3, "interval": 1, "days": 32, "day_in_month": 5, "occurrences": 2},
            ["03-28", "04-25"],
        ),
        (
            {"recurrence_type": 3, "interval": 2, "days": 62, "day_in_month": 1, "occurrences": 2},
            ["05-01", "07-01"],
        ),
        (
            {"recurrence_type": 4, "interval": 1, "day_in_month": 2, "month": 3, "occurrences": 1},
            ["04-02"],
        ),
        (
            {"recurrence_type": 4, "interval": 1, "days": 1, "day_in_month": 2, "month": 4, "occurrences": 1},
            ["05-11"],
        ),
    ],
)
def test_each_pattern_is_read_back_and_has_its_days(
    ox: Client, calendar: str, pattern: dict[str, int], expected: list[str]
) -> None:
    identity, _ = new(ox, calendar, **pattern)
    shown = get(ox, calendar, identity)
    assert {name: shown[name] for name in _PATTERN if name in shown} == pattern
    assert shown["recurrence_id"] == int(identity)
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31")
    assert [row[0] for row in rows] == [at(f"2031-{name} 09:00") for name in expected]
    # A series begins with its first occurrence, whatever start it was given.
    assert shown["start_date"] == rows[0][0]


def test_occurrences_keep_to_the_clock_of_the_series(ox: Client, calendar: str) -> None:
    _weekly(ox, calendar)
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31", "201,202,207,208")
    assert [row[0] for row in rows] == [at(text) for text in _MONDAYS]
    assert rows[1][0] - rows[0][0] == 7 * DAY - HOUR
    assert [row[1] - row[0] for row in rows] == [HOUR] * 4
    assert [row[2] for row in rows] == [1, 2, 3, 4]
    assert [row[3] for row in rows] == [day(text[:10]) for text in _MONDAYS]


def test_the_day_of_a_position_is_that_of_utc(ox: Client, calendar: str) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    start = at("2031-03-24 07:00", tokyo)
    new(
        ox, calendar, start_date=start, timezone="Asia/Tokyo", recurrence_type=2, interval=1, days=2,
        occurrences=2,
    )  # fmt: skip
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31", "201,208")
    assert rows == [[start, day("2031-03-23")], [start + 7 * DAY, day("2031-03-30")]]


def test_a_series_of_whole_days_stays_on_its_days(ox: Client, calendar: str) -> None:
    new(
        ox, calendar, start_date=day("2031-03-29"), end_date=day("2031-03-30"), full_time=True,
        recurrence_type=1, interval=1, occurrences=3,
    )  # fmt: skip
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31", "201,202")
    assert [row[0] for row in rows] == [day("2031-03-29"), day("2031-03-30"), day("2031-03-31")]
    assert all(row[1] - row[0] == DAY for row in rows)


def test_a_series_is_listed_whole_or_as_its_occurrences(ox: Client, calendar: str) -> None:
    identity, stamp = _weekly(ox, calendar)
    span = {"start": day("2031-03-01"), "end": day("2031-12-31"), "timezone": "UTC", "columns": "1,201,207"}
    whole = ox.get("calendar", "all", folder=calendar, recurrence_master="true", **span)["data"]
    assert whole == [[identity, at(_MONDAYS[0]), None]]
    assert len(ox.get("calendar", "all", folder=calendar, recurrence_master="false", **span)["data"]) == 4
    late = {**span, "start": day("2031-04-08")}
    assert ox.get("calendar", "all", folder=calendar, recurrence_master="true", **late)["data"] == whole
    assert updates(ox, calendar, stamp - 1, "1,201")["data"] == [[identity, at(_MONDAYS[0])]]
    told = updates(ox, calendar, stamp - 1, "201", start=span["start"], end=span["end"])["data"]
    assert [row[0] for row in told] == [at(text) for text in _MONDAYS]


def test_one_occurrence_is_read_by_its_position_or_its_day(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    shown = get(ox, calendar, identity, recurrence_position=2)
    assert (shown["start_date"], shown["recurrence_position"]) == (at(_MONDAYS[1]), 2)
    assert shown["recurrence_date_position"] == day("2031-03-31")
    wanted = [
        {"id": identity, "folder": calendar, "recurrence_position": 3},
        {"id": identity, "folder": calendar, "recurrence_date_position": day("2031-04-14")},
    ]
    rows = ox.put("calendar", "list", wanted, columns="201,207", timezone="UTC")["data"]
    assert rows == [[at(_MONDAYS[2]), 3], [at(_MONDAYS[3]), 4]]
    beyond = ox.get("calendar", "get", id=identity, folder=calendar, recurrence_position=5)
    assert beyond["code"] == _code(ox, "APP-0074", "CAL-4042")


@pytest.mark.parametrize(
    "place", [{"recurrence_position": 2}, {"recurrence_date_position": day("2031-03-31")}]
)
def test_changing_an_occurrence_makes_an_appointment_of_its_own(
    ox: Client, calendar: str, place: dict[str, int]
) -> None:
    identity, stamp = _weekly(ox, calendar, location="Hier", alarm=10)
    start = at("2031-04-01 14:00")
    body = {**place, "title": "Verschoben", "start_date": start, "end_date": start + HOUR}
    answer = update(ox, calendar, identity, body, stamp)
    exception = answer["data"]["id"]
    assert exception != identity
    shown = get(ox, calendar, exception)
    assert (shown["title"], shown["location"], shown["start_date"]) == ("Verschoben", "Hier", start)
    assert (shown["recurrence_id"], shown["recurrence_type"]) == (int(identity), 0)
    assert (shown["recurrence_position"], shown["recurrence_date_position"]) == (2, day("2031-03-31"))
    assert shown["alarm"] == 10
    series = get(ox, calendar, identity)
    assert series["uid"] == shown["uid"]
    assert series["change_exceptions"] == [day("2031-03-31")]
    assert sorted(row[0] for row in updates(ox, calendar, stamp)["data"]) == sorted([identity, exception])
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31")
    assert [row[0] for row in rows] == [at(_MONDAYS[0]), start, at(_MONDAYS[2]), at(_MONDAYS[3])]
    found = ox.get("calendar", "getChangeExceptions", id=identity, folder=calendar, columns="1,200")["data"]
    assert found == [[exception, "Verschoben"]]


def test_an_exception_is_changed_again_by_the_series_or_by_its_own_id(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    exception = update(ox, calendar, identity, {"recurrence_position": 2, "title": "Eins"})["data"]["id"]
    again = update(ox, calendar, identity, {"recurrence_position": 2, "note": "Zwei"})["data"]["id"]
    assert again == exception
    update(ox, calendar, exception, {"location": "Drei"})
    shown = get(ox, calendar, exception)
    assert (shown["title"], shown["note"], shown["location"]) == ("Eins", "Zwei", "Drei")
    assert get(ox, calendar, identity)["change_exceptions"] == [day("2031-03-31")]
    refused = update(ox, calendar, exception, {"recurrence_type": 1, "interval": 1})
    assert refused["code"] == _code(ox, "APP-0099", "CAL-4035")


@pytest.mark.parametrize(
    "place",
    [{"pos": 2}, {"recurrence_position": 2}, {"recurrence_date_position": day("2031-03-31")}],
)
def test_a_deleted_occurrence_is_a_change_of_the_series(
    ox: Client, calendar: str, place: dict[str, int]
) -> None:
    identity, stamp = _weekly(ox, calendar)
    assert delete(ox, calendar, identity, stamp, **place)["data"] == []
    assert get(ox, calendar, identity)["delete_exceptions"] == [day("2031-03-31")]
    assert updates(ox, calendar, stamp)["data"] == [[identity]]
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31", "201,207")
    assert rows == [[at(_MONDAYS[0]), 1], [at(_MONDAYS[2]), 3], [at(_MONDAYS[3]), 4]]
    gone = ox.get("calendar", "get", id=identity, folder=calendar, recurrence_position=2)
    assert gone["code"] == _code(ox, "APP-0074", "CAL-4042")


@pytest.mark.parametrize("by_series", [True, False])
def test_deleting_an_exception_deletes_the_occurrence(ox: Client, calendar: str, by_series: bool) -> None:
    identity, _ = _weekly(ox, calendar)
    answer = update(ox, calendar, identity, {"recurrence_position": 2, "title": "Anders"})
    exception, stamp = answer["data"]["id"], answer["timestamp"]
    if by_series:
        delete(ox, calendar, identity, recurrence_position=2)
    else:
        delete(ox, calendar, exception)
    series = get(ox, calendar, identity)
    assert "change_exceptions" not in series
    assert series["delete_exceptions"] == [day("2031-03-31")]
    assert updates(ox, calendar, stamp)["data"] == [[identity], exception]


def test_deleting_a_series_deletes_its_exceptions(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    answer = update(ox, calendar, identity, {"recurrence_position": 2, "title": "Anders"})
    delete(ox, calendar, identity)
    assert updates(ox, calendar, answer["timestamp"])["data"] == [answer["data"]["id"], identity]


def test_with_its_last_occurrence_a_series_is_gone(ox: Client, calendar: str) -> None:
    identity, stamp = new(ox, calendar, recurrence_type=1, interval=1, occurrences=2)
    delete(ox, calendar, identity, recurrence_position=1)
    delete(ox, calendar, identity, recurrence_position=2)
    assert updates(ox, calendar, stamp)["data"] == [identity]


def test_exceptions_follow_the_series_when_it_begins_at_another_time(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    update(ox, calendar, identity, {"recurrence_position": 2, "title": "Anders"})
    delete(ox, calendar, identity, recurrence_position=3)
    start = at("2031-03-24 23:30")
    update(ox, calendar, identity, {"start_date": start, "end_date": start + HOUR})
    shown = get(ox, calendar, identity)
    assert (shown["change_exceptions"], shown["delete_exceptions"]) == (
        [day("2031-03-31")],
        [day("2031-04-07")],
    )
    rows = starts(ox, calendar, "2031-03-01", "2031-12-31", "201,200")
    assert [row[0] for row in rows] == [start, at(_MONDAYS[1]), at("2031-04-14 23:30")]


def test_exceptions_that_are_no_occurrences_any_longer_go(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    answer = update(ox, calendar, identity, {"recurrence_position": 4, "title": "Anders"})
    update(ox, calendar, identity, {"occurrences": 2})
    assert "change_exceptions" not in get(ox, calendar, identity)
    assert updates(ox, calendar, answer["timestamp"])["data"] == [[identity], answer["data"]["id"]]


def test_a_series_becomes_single_and_a_single_one_a_series(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    update(ox, calendar, identity, {"recurrence_type": 0})
    shown = get(ox, calendar, identity)
    assert shown["recurrence_type"] == 0
    assert "recurrence_id" not in shown
    update(ox, calendar, identity, {"recurrence_type": 1, "interval": 1, "occurrences": 2})
    assert get(ox, calendar, identity)["occurrences"] == 2
    assert len(starts(ox, calendar, "2031-03-01", "2031-12-31")) == 2


def test_the_end_of_a_series_is_replaced_and_taken_away(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    update(ox, calendar, identity, {"until": day("2031-04-07")})
    shown = get(ox, calendar, identity)
    assert shown["until"] == day("2031-04-07")
    assert "occurrences" not in shown
    assert len(starts(ox, calendar, "2031-03-01", "2031-12-31")) == 3
    update(ox, calendar, identity, {"until": None})
    shown = get(ox, calendar, identity)
    assert not {"until", "occurrences"} & shown.keys()
    assert (shown["recurrence_type"], shown["days"]) == (2, 2)
    assert len(starts(ox, calendar, "2032-03-01", "2032-03-31")) == 5


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ({"recurrence_type": 9, "interval": 1}, "APP-0092"),
        ({"recurrence_type": 1}, "APP-0087"),
        ({"recurrence_type": 1, "interval": 0}, "APP-0055"),
        ({"recurrence_type": 2, "interval": 1}, "APP-0089"),
        ({"recurrence_type": 2, "interval": 1, "days": 300}, "APP-0056"),
        ({"recurrence_type": 3, "interval": 1}, "APP-0090"),
        ({"recurrence_type": 4, "interval": 1, "day_in_month": 3}, "APP-0091"),
        (
            {"recurrence_type": 1, "interval": 1, "until": day("2031-04-01"), "occurrences": 3},
            "APP-0095",
        ),
        ({"recurrence_type": 1, "interval": 1, "until": day("2031-03-01")}, "APP-0086"),
        ({"recurrence_type": 0, "interval": 1}, "APP-0096"),
    ],
)
def test_an_incomplete_or_wrong_pattern_is_refused(
    ox: Client, calendar: str, pattern: dict[str, int], code: str
) -> None:
    start = at("2031-03-24 09:00")
    body = {"folder_id": calendar, "title": "x", "start_date": start, "end_date": start + HOUR, **pattern}
    assert ox.put("calendar", "new", body, timezone="UTC")["code"] == code


def test_a_day_that_is_no_occurrence_is_refused(ox: Client, calendar: str) -> None:
    identity, _ = _weekly(ox, calendar)
    refused = update(ox, calendar, identity, {"recurrence_date_position": day("2031-04-01"), "title": "x"})
    assert refused["code"] == _code(ox, "APP-0075", "CAL-4042")
