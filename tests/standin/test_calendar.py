"""Single appointments by the module ``calendar`` (http-api sections 1.8 and 6)."""

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
    own_calendar,
    session,
    starts,
    update,
    updates,
)
from tests.standin.client import FAR_FUTURE, Client, Server


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


def test_a_new_appointment_is_read_back_in_full(ox: Client, calendar: str) -> None:
    fields = {
        "title": "Besprechung",
        "location": "Zimmer Ü",
        "note": "Zeile 1\nZeile 2",
        "categories": "Eins, Zwei",
        "shown_as": 3,
        "alarm": 15,
        "color_label": 4,
        "full_time": False,
        "timezone": "America/New_York",
    }
    identity, stamp = new(ox, calendar, **fields)
    shown = get(ox, calendar, identity)
    assert {name: shown[name] for name in fields} == fields
    assert shown["end_date"] - shown["start_date"] == HOUR
    assert shown["last_modified"] == stamp
    assert shown["recurrence_type"] == 0
    assert shown["uid"]
    assert shown["organizer" if ox.server.generation < 8 else "uid"]


def test_moments_are_shifted_by_the_zone_that_is_asked_for(ox: Client, calendar: str) -> None:
    identity, _ = new(ox, calendar, start_date=at("2031-07-01 09:00"))
    for name, shift in (("UTC", 0), ("Europe/Berlin", 2 * HOUR), ("Asia/Tokyo", 9 * HOUR)):
        shown = get(ox, calendar, identity, timezone=name)
        assert shown["start_date"] == at("2031-07-01 09:00") + shift
    body = {"start_date": at("2031-07-01 10:00") + 9 * HOUR, "end_date": at("2031-07-01 11:00") + 9 * HOUR}
    ox.put(
        "calendar", "update", body | {"ignore_conflicts": True}, id=identity, folder=calendar,
        timestamp=FAR_FUTURE, timezone="Asia/Tokyo",
    )  # fmt: skip
    assert get(ox, calendar, identity)["start_date"] == at("2031-07-01 10:00")


def test_whole_days_are_dates_that_no_zone_moves(ox: Client, calendar: str) -> None:
    days = {"start_date": day("2031-07-01"), "end_date": day("2031-07-03"), "full_time": True}
    identity, _ = new(ox, calendar, **days)
    for name in ("UTC", "Asia/Tokyo", "America/New_York"):
        shown = get(ox, calendar, identity, timezone=name)
        assert {field: shown[field] for field in days} == days


def test_a_span_finds_what_touches_it(ox: Client, calendar: str) -> None:
    new(ox, calendar, start_date=at("2031-03-24 23:30"))
    new(ox, calendar, start_date=day("2031-03-26"), end_date=day("2031-03-27"), full_time=True)
    assert len(starts(ox, calendar, "2031-03-24", "2031-03-28")) == 2
    assert starts(ox, calendar, "2031-03-20", "2031-03-24") == []
    assert starts(ox, calendar, "2031-03-27", "2031-03-29") == []


def test_a_span_must_be_named(ox: Client, calendar: str) -> None:
    assert ox.get("calendar", "all", folder=calendar, columns="1")["code"] == "SVL-0002"


def test_only_named_fields_change_and_null_deletes(ox: Client, calendar: str) -> None:
    identity, stamp = new(ox, calendar, location="Alt", note="Alt", alarm=15)
    changed = update(ox, calendar, identity, {"note": "Neu", "location": None, "alarm": -1}, stamp)
    assert changed["timestamp"] > stamp
    assert str(changed["data"]["id"]) == str(identity)
    shown = get(ox, calendar, identity)
    assert (shown["title"], shown["note"], shown["alarm"]) == ("Contract", "Neu", -1)
    assert "location" not in shown


def test_an_old_timestamp_is_a_conflict_and_a_huge_one_forces(ox: Client, calendar: str) -> None:
    identity, stamp = new(ox, calendar)
    update(ox, calendar, identity, {"note": "eins"}, stamp)
    late = update(ox, calendar, identity, {"note": "zwei"}, stamp)
    assert late["code"] == _code(ox, "OX-0001", "CAL-4120")
    assert (late["categories"], late["category"]) == ("CONFLICT", 9)
    assert "error" not in update(ox, calendar, identity, {"note": "drei"})


def test_deleting_lists_what_was_changed_meanwhile(ox: Client, calendar: str) -> None:
    identity, stamp = new(ox, calendar)
    update(ox, calendar, identity, {"note": "neuer"}, stamp)
    kept = delete(ox, calendar, identity, stamp)["data"]
    assert [str(entry["id"]) for entry in kept] == [str(identity)]
    assert delete(ox, calendar, identity)["data"] == []
    gone = ox.get("calendar", "get", id=identity, folder=calendar)
    assert gone["code"] == _code(ox, "OX-0001", "CAL-4040")
    assert gone["categories"] == ("ERROR" if ox.server.generation == 6 else "USER_INPUT")


def test_updates_tell_what_is_new_changed_and_gone(ox: Client, calendar: str) -> None:
    kept, first = new(ox, calendar)
    gone, second = new(ox, calendar)
    told = updates(ox, calendar, first)
    assert (told["data"], told["timestamp"]) == ([[gone]], second)
    deleted = delete(ox, calendar, gone)
    update(ox, calendar, kept, {"note": "neu"})
    told = updates(ox, calendar, second)
    assert told["data"] == [[kept], gone]
    assert told["timestamp"] > deleted["timestamp"]
    assert updates(ox, calendar, second, ignore="deleted")["data"] == [[kept]]
    assert updates(ox, calendar, second, ignore="changed")["data"] == [gone]
    assert updates(ox, calendar, second, ignore="changed,deleted")["data"] == []
    same = updates(ox, calendar, told["timestamp"])
    assert (same["data"], same["timestamp"]) == ([], told["timestamp"])


def test_without_a_folder_updates_need_a_span_and_no_deletions(ox: Client, calendar: str) -> None:
    identity, stamp = new(ox, calendar)
    assert "error" in ox.get("calendar", "updates", columns="1", timestamp=stamp - 1)
    span = {"start": day("2031-03-24"), "end": day("2031-03-25")}
    told = ox.get("calendar", "updates", columns="1", timestamp=stamp - 1, ignore="deleted", **span)
    assert [identity] in told["data"]


def test_a_list_leaves_out_what_is_gone(ox: Client, calendar: str) -> None:
    first, _ = new(ox, calendar)
    second, _ = new(ox, calendar)
    delete(ox, calendar, first)
    wanted = [{"id": first, "folder": calendar}, {"id": second, "folder": calendar}]
    assert ox.put("calendar", "list", wanted, columns="1,200")["data"] == [[second, "Contract"]]


def test_a_single_appointment_moves_and_is_gone_from_its_old_folder(ox: Client, calendar: str) -> None:
    with calendar_folder(ox, "Contract target") as target:
        identity, stamp = new(ox, calendar)
        moved = update(ox, calendar, identity, {"folder_id": target}, stamp)
        assert "error" not in moved
        assert updates(ox, calendar, stamp)["data"] == [identity]
        assert updates(ox, target, stamp)["data"] == [[identity]]
        assert ox.get("calendar", "get", id=identity, folder=calendar)["code"] == _code(
            ox, "APP-0059", "CAL-4041"
        )


def test_a_series_cannot_move(ox: Client, calendar: str) -> None:
    identity, _ = new(ox, calendar, recurrence_type=1, interval=1, occurrences=3)
    refused = update(ox, calendar, identity, {"folder_id": own_calendar(ox)})
    assert refused["code"] == _code(ox, "APP-0093", "CAL-4224")


def test_a_uid_is_kept_found_and_not_given_twice(ox: Client, calendar: str) -> None:
    identity, stamp = new(ox, calendar, uid=f"contract-{calendar}@example.org")
    found = ox.get("calendar", "resolveuid", uid=f"contract-{calendar}@example.org")["data"]
    assert found["id"] == identity
    assert int(ox.get("calendar", "resolveuid", uid="nobody's")["data"]["id"]) == 0
    again = ox.put(
        "calendar", "new",
        {"folder_id": calendar, "title": "x", "start_date": stamp, "end_date": stamp, "ignore_conflicts": True,
         "uid": f"contract-{calendar}@example.org"},
    )  # fmt: skip
    assert again["code"] == _code(ox, "APP-0100", "CAL-4090")


@pytest.mark.parametrize(
    ("fields", "old", "new_one"),
    [
        ({"start_date": None}, "APP-0026", "CAL-4220"),
        ({"end_date": None}, "APP-0027", "CAL-4220"),
        ({"end_date": 0}, "APP-0020", "CAL-4221"),
        ({"shown_as": 7}, "APP-0025", "CAL-4035"),
        ({"color_label": 11}, "APP-0021", "CAL-4035"),
        ({"title": "x" * 256}, "APP-0072", "CAL-5070"),
        ({"timezone": "Atlantis/Capital"}, "SVL-0010", "SVL-0010"),
        ({"participants": [{"type": 5, "display_name": "x"}]}, "APP-0008", "CAL-4034"),
    ],
)
def test_what_is_wrong_has_its_own_code(
    ox: Client, calendar: str, fields: dict[str, Any], old: str, new_one: str
) -> None:
    start = at("2031-03-24 09:00")
    body = {"folder_id": calendar, "title": "x", "start_date": start, "end_date": start + HOUR, **fields}
    refused = ox.put("calendar", "new", body, timezone="UTC")
    assert refused.get("code") == _code(ox, old, new_one)
    assert starts(ox, calendar, "2031-01-01", "2031-12-31") == []


def test_too_long_texts_are_named(ox: Client, calendar: str) -> None:
    identity, _ = new(ox, calendar)
    refused = update(ox, calendar, identity, {"location": "x" * 300})
    assert (refused["truncated"], refused["category"]) == ([400], 12)
    assert refused["problematic"] == [{"id": 400, "length": 300, "max_size": 255}]


def test_letters_beyond_the_basic_plane_need_the_newest_database(ox: Client, calendar: str) -> None:
    identity, _ = new(ox, calendar)
    answer = update(ox, calendar, identity, {"title": "Feier 🎉"})
    if ox.server.generation == 8:
        assert get(ox, calendar, identity)["title"] == "Feier 🎉"
    else:
        assert answer["code"] == "APP-0071"


def test_an_appointment_needs_a_calendar(ox: Client) -> None:
    start = at("2031-03-24 09:00")
    body = {"folder_id": ox.config("folder/tasks"), "title": "x", "start_date": start, "end_date": start}
    assert ox.put("calendar", "new", body)["code"] == _code(ox, "APP-0054", "CAL-4060")
    assert ox.put("calendar", "new", {**body, "folder_id": 999999})["code"] == "FLD-0008"


def test_a_conflict_is_an_answer_without_error_and_nothing_is_stored(ox: Client, calendar: str) -> None:
    first, _ = new(ox, calendar, title="Schon da")
    start = at("2031-03-24 09:30")
    body = {"folder_id": calendar, "title": "Neu", "start_date": start, "end_date": start + HOUR}
    answer = ox.put("calendar", "new", body, timezone="UTC")
    assert "error" not in answer
    assert "id" not in answer["data"]
    mine = [each for each in answer["data"]["conflicts"] if each.get("title") == "Schon da"]
    assert [(each["id"], each["start_date"]) for each in mine] == [(first, at("2031-03-24 09:00"))]
    assert len(starts(ox, calendar, "2031-03-24", "2031-03-25")) == 1


def test_free_time_later_time_and_ignored_conflicts_are_stored(ox: Client, calendar: str) -> None:
    # A Sunday night, when nobody has anything.
    start = at("2031-03-23 03:00")
    new(ox, calendar, start_date=start)
    body = {"folder_id": calendar, "title": "Neu", "start_date": start, "end_date": start + HOUR}
    assert "conflicts" in ox.put("calendar", "new", body, timezone="UTC")["data"]
    for more in (
        {"shown_as": 4},
        {"ignore_conflicts": True},
        {"start_date": start + HOUR, "end_date": start + 2 * HOUR},
    ):
        assert "id" in ox.put("calendar", "new", {**body, **more}, timezone="UTC")["data"], more


def test_a_change_of_the_time_looks_for_conflicts_and_another_does_not(ox: Client, calendar: str) -> None:
    start = at("2031-03-23 03:00")
    new(ox, calendar, start_date=start)
    identity, _ = new(ox, calendar, start_date=start + 5 * HOUR)
    where = {"id": identity, "folder": calendar, "timestamp": FAR_FUTURE, "timezone": "UTC"}
    moved = ox.put("calendar", "update", {"start_date": start, "end_date": start + HOUR}, **where)
    assert "conflicts" in moved["data"]
    assert get(ox, calendar, identity)["start_date"] == start + 5 * HOUR
    assert "id" in ox.put("calendar", "update", {"title": "Anders"}, **where)["data"]


def test_a_booked_resource_is_a_conflict_that_cannot_be_ignored(ox: Client, calendar: str) -> None:
    found = ox.put("resource", "search", {"pattern": "Elbe"})["data"]
    room = {"type": 3, "id": found[0]["id"]}
    start = at("2031-03-23 03:00")
    first, _ = new(ox, calendar, start_date=start, participants=[room])
    shown = get(ox, calendar, first)["participants"]
    assert [each["display_name"] for each in shown if each["type"] == 3] == ["Besprechungsraum Elbe"]
    body = {
        "folder_id": calendar, "title": "Neu", "start_date": start, "end_date": start + HOUR,
        "participants": [room], "ignore_conflicts": True, "shown_as": 4,
    }  # fmt: skip
    answer = ox.put("calendar", "new", body, timezone="UTC")
    assert [each["hard_conflicts"] for each in answer["data"]["conflicts"]] == [True]
    busy = ox.get(
        "calendar", "freebusy", id=room["id"], type=3, start=start - DAY, end=start + DAY, timezone="UTC"
    )["data"]
    assert [(each["start_date"], each["end_date"]) for each in busy] == [(start, start + HOUR)]


def test_days_with_appointments_are_told(ox: Client, calendar: str) -> None:
    new(ox, calendar, start_date=day("2041-03-24"), end_date=day("2041-03-26"), full_time=True)
    rows = ox.get("calendar", "has", start=day("2041-03-22"), end=day("2041-03-28"))["data"]
    zone = ZoneInfo(ox.config("timezone"))
    assert zone
    assert len(rows) == 6
    assert rows[2:4] == [True, True]


def test_a_search_finds_titles(ox: Client, calendar: str) -> None:
    identity, _ = new(ox, calendar, title=f"Suchmich {calendar}")
    found = ox.put("calendar", "search", {"pattern": f"suchmich {calendar}"}, columns="1")["data"]
    assert found == [[identity]]
