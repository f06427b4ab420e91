"""Tasks (http-api section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.standin.client import FAR_FUTURE, Client

_DAY = 86_400_000
_MONDAY = 1_705_276_800_000  # 2024-01-15


@pytest.fixture
def tasks(ox: Client) -> Iterator[str]:
    """An empty folder of tasks, gone afterwards."""
    parent = str(ox.config("folder/tasks"))
    made = ox.put("folders", "new", {"title": "Contract tasks", "module": "tasks"}, folder_id=parent, tree=0)
    assert "error" not in made, made
    yield str(made["data"])
    ox.put("folders", "delete", [str(made["data"])], timestamp=FAR_FUTURE, tree=0)


def _new(ox: Client, folder: str, **fields: Any) -> Any:
    made = ox.put("tasks", "new", {"folder_id": folder, **fields}, timezone="UTC")
    assert "error" not in made, made
    return made["data"]["id"]


def _get(ox: Client, folder: str, identity: Any, **params: Any) -> Any:
    envelope = ox.get("tasks", "get", id=identity, folder=folder, **{"timezone": "UTC", **params})
    assert "error" not in envelope, envelope
    return envelope["data"]


def _update(ox: Client, folder: str, identity: Any, body: dict[str, Any], **params: Any) -> Any:
    at = {"timestamp": FAR_FUTURE, "timezone": "UTC", **params}
    return ox.put("tasks", "update", body, id=identity, folder=folder, **at)


def _rows(ox: Client, folder: str, columns: str = "1,200", **params: Any) -> list[list[Any]]:
    envelope = ox.get("tasks", "all", folder=folder, columns=columns, timezone="UTC", **params)
    assert "error" not in envelope, envelope
    rows: list[list[Any]] = envelope["data"]
    return rows


def test_every_field_comes_back_as_it_was_given(ox: Client, tasks: str) -> None:
    fields: dict[str, Any] = {
        "title": "Grüße",
        "note": "a\nb",
        "status": 2,
        "percent_completed": 40,
        "priority": 3,
        "categories": "Eins,Zwei",
        "color_label": 4,
        "start_date": _MONDAY,
        "end_date": _MONDAY + 2 * _DAY,
        "alarm": _MONDAY + 3_600_000,
        "actual_costs": 1.5,
        "target_costs": 2.0,
        "actual_duration": "90",
        "target_duration": "120",
        "billing_information": "B",
        "currency": "EUR",
        "trip_meter": "12 km",
        "companies": "Firma",
        "date_completed": _MONDAY + 5,
    }
    found = _get(ox, tasks, _new(ox, tasks, **fields))
    assert {name: found[name] for name in fields} == fields
    assert found["created_by"] == ox.config("identifier")


def test_only_days_make_a_task_of_whole_days(ox: Client, tasks: str) -> None:
    found = _get(ox, tasks, _new(ox, tasks, title="x", start_date=_MONDAY, end_date=_MONDAY))
    if ox.server.generation == 6:
        assert "start_time" not in found
        assert "error" in ox.get("tasks", "all", folder=tasks, columns="1,316")
        return
    assert (found["full_time"], found["start_time"], found["end_time"]) == (True, _MONDAY, _MONDAY)


def test_times_of_day_are_shifted_and_days_are_not(ox: Client, tasks: str) -> None:
    if ox.server.generation == 6:
        return
    nine = _MONDAY + 9 * 3_600_000
    timed = _new(ox, tasks, title="t", start_time=nine, end_time=nine + 1, full_time=False)
    assert _get(ox, tasks, timed)["start_time"] == nine
    found = _get(ox, tasks, timed, timezone="Asia/Tokyo")
    assert found["start_time"] == nine + 9 * 3_600_000
    assert found["start_date"] == _MONDAY
    whole = _new(ox, tasks, title="w", start_time=_MONDAY, full_time=True)
    assert _get(ox, tasks, whole, timezone="Asia/Tokyo")["start_time"] == _MONDAY


def test_an_alarm_is_a_time_and_each_users_own(ox: Client, tasks: str, berta: Client) -> None:
    people = [{"type": 1, "id": ox.config("identifier")}, {"type": 1, "id": berta.config("identifier")}]
    task = _new(ox, tasks, title="Wecker", alarm=_MONDAY, participants=people)
    assert _get(ox, tasks, task, timezone="Asia/Tokyo")["alarm"] == _MONDAY + 9 * 3_600_000
    hers = str(berta.config("folder/tasks"))
    assert "alarm" not in _get(berta, hers, task)
    _update(berta, hers, task, {"alarm": _MONDAY + 1000})
    assert _get(ox, tasks, task)["alarm"] == _MONDAY
    assert _get(berta, hers, task)["alarm"] == _MONDAY + 1000
    _update(ox, tasks, task, {"alarm": None})
    assert "alarm" not in _get(ox, tasks, task)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": 1, "percent_completed": 10}, "TSK-0031"),
        ({"status": 3, "percent_completed": 99}, "TSK-0038"),
        ({"status": 2, "percent_completed": 101}, "TSK-0030"),
        ({"priority": 4}, "TSK-0057"),
        ({"actual_duration": "1h"}, "TSK-0055"),
        ({"start_date": _MONDAY + _DAY, "end_date": _MONDAY}, "TSK-0040"),
        ({"title": "x" * 257}, "TSK-0041"),
        ({"recurrence_type": 3, "interval": 1, "start_date": _MONDAY}, "TSK-0037"),
        ({"recurrence_type": 1, "interval": 0, "start_date": _MONDAY}, "TSK-0036"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    ox: Client, tasks: str, body: dict[str, Any], code: str
) -> None:
    assert ox.put("tasks", "new", {"folder_id": tasks, **body})["code"] == code
    task = _new(ox, tasks, title="x")
    assert _update(ox, tasks, task, body)["code"] == code
    assert _rows(ox, tasks) == [[task, "x"]]


def test_too_long_texts_name_their_columns(ox: Client, tasks: str) -> None:
    envelope = ox.put("tasks", "new", {"folder_id": tasks, "title": "x" * 300})
    assert (envelope["categories"], envelope["truncated"]) == ("TRUNCATED", [200])
    assert envelope["problematic"] == [{"id": 200, "length": 300, "max_size": 256}]


def test_only_what_is_sent_changes_and_null_deletes(ox: Client, tasks: str) -> None:
    task = _new(ox, tasks, title="x", note="n", end_date=_MONDAY)
    _update(ox, tasks, task, {"note": None, "priority": 1})
    found = _get(ox, tasks, task)
    assert (found["title"], found.get("note"), found["priority"], found["end_date"]) == (
        "x",
        None,
        1,
        _MONDAY,
    )


def test_an_old_timestamp_is_a_conflict(ox: Client, tasks: str) -> None:
    task = _new(ox, tasks, title="x")
    late = _update(ox, tasks, task, {"title": "y"}, timestamp=1)
    assert (late["code"], late["category"]) == ("TSK-0007", 9)
    entry = {"id": task, "folder": tasks}
    body: Any = entry if ox.server.generation == 6 else [entry]
    assert ox.put("tasks", "delete", body, timestamp=1)["data"] == [task]
    assert ox.put("tasks", "delete", body, timestamp=FAR_FUTURE)["data"] == []
    assert ox.get("tasks", "get", id=task, folder=tasks)["code"] == "TSK-0019"


def test_updates_tell_changes_and_deletions_when_asked(ox: Client, tasks: str) -> None:
    first = _new(ox, tasks, title="a")
    since = ox.get("tasks", "updates", folder=tasks, columns="1", timestamp=0)["timestamp"]
    nothing = ox.get("tasks", "updates", folder=tasks, columns="1", timestamp=since, ignore="false")
    assert nothing == {"data": [], "timestamp": since}
    second = _new(ox, tasks, title="b")
    entry = {"id": first, "folder": tasks}
    body: Any = entry if ox.server.generation == 6 else [entry]
    ox.put("tasks", "delete", body, timestamp=FAR_FUTURE)
    found = ox.get("tasks", "updates", folder=tasks, columns="1,200", timestamp=since, ignore="false")
    assert found["data"] == [[second, "b"], first]
    silent = ox.get("tasks", "updates", folder=tasks, columns="1,200", timestamp=since)
    assert silent["data"] == [[second, "b"]]


def test_a_moved_task_leaves_its_folder(ox: Client, tasks: str) -> None:
    task = _new(ox, tasks, title="x")
    target = str(ox.config("folder/tasks"))
    since = ox.get("tasks", "updates", folder=tasks, columns="1", timestamp=0)["timestamp"]
    _update(ox, tasks, task, {"folder_id": target})
    assert ox.get("tasks", "get", id=task, folder=tasks)["code"] == "TSK-0048"
    found = ox.get("tasks", "updates", folder=tasks, columns="1", timestamp=since, ignore="false")
    assert found["data"] == [task]
    assert str(_get(ox, target, task)["folder_id"]) == target
    _update(ox, target, task, {"folder_id": tasks})
    assert [row[0] for row in _rows(ox, tasks)] == [task]


def test_a_list_leaves_out_what_is_gone(ox: Client, tasks: str) -> None:
    task = _new(ox, tasks, title="x")
    wanted = [{"id": 999_999, "folder": tasks}, {"id": task, "folder": tasks}]
    assert ox.put("tasks", "list", wanted, columns="1,200")["data"] == [[task, "x"]]


def test_rows_are_sorted_as_asked(ox: Client, tasks: str) -> None:
    for title, end in (("b", 3), ("a", 1), ("c", 2)):
        _new(ox, tasks, title=title, end_date=_MONDAY + end * _DAY)
    assert [row[1] for row in _rows(ox, tasks, sort=202, order="desc")] == ["b", "c", "a"]


def test_participants_see_the_task_in_their_own_folder_and_answer(
    ox: Client, tasks: str, berta: Client
) -> None:
    me, her, hers = ox.config("identifier"), berta.config("identifier"), str(berta.config("folder/tasks"))
    people = [{"type": 1, "id": me}, {"type": 1, "id": her}, {"type": 5, "mail": "gast@example.com"}]
    since = berta.get("tasks", "updates", folder=hers, columns="1", timestamp=0)["timestamp"]
    task = _new(ox, tasks, title="Gemeinsam", participants=people)
    assert [task, "Gemeinsam"] in _rows(berta, hers)
    assert str(_get(berta, hers, task)["folder_id"]) == hers

    answer = {"confirmation": 2, "confirmmessage": "Keine Zeit"}
    replied = berta.put("tasks", "confirm", answer, id=task, folder=hers, timestamp=FAR_FUTURE)
    assert "error" not in replied
    found = _get(ox, tasks, task)
    by_id = {each["id"]: each for each in found["users"]}
    assert (by_id[her]["confirmation"], by_id[her]["confirmmessage"]) == (2, "Keine Zeit")
    assert by_id[her]["display_name"] == "Berta Björnsen"
    assert by_id[me]["confirmation"] == 0
    assert found["confirmations"][0]["mail"] == "gast@example.com"
    assert found["last_modified_utc"] >= replied["timestamp"]

    entry = {"id": task, "folder": hers}
    body: Any = entry if ox.server.generation == 6 else [entry]
    assert berta.put("tasks", "delete", body, timestamp=FAR_FUTURE)["data"] == []
    assert task not in [row[0] for row in _rows(berta, hers)]
    gone = berta.get("tasks", "updates", folder=hers, columns="1", timestamp=since, ignore="false")["data"]
    assert task in gone
    assert [each["id"] for each in _get(ox, tasks, task)["users"]] == [me]


def test_a_group_stands_for_its_members(ox: Client, tasks: str, berta: Client) -> None:
    group = ox.put("group", "search", {"pattern": "Vertrieb"})["data"][0]
    task = _new(ox, tasks, title="Gruppe", participants=[{"type": 2, "id": group["id"]}])
    assert [each["id"] for each in _get(ox, tasks, task)["users"]] == group["members"]
    hers = str(berta.config("folder/tasks"))
    assert [task, "Gruppe"] in _rows(berta, hers)
    _update(ox, tasks, task, {"participants": []})
    assert [task, "Gruppe"] not in _rows(berta, hers)


def test_a_private_task_cannot_be_delegated(ox: Client, tasks: str, berta: Client) -> None:
    people = [{"type": 1, "id": berta.config("identifier")}]
    body = {"folder_id": tasks, "title": "x", "private_flag": True, "participants": people}
    assert ox.put("tasks", "new", body)["code"] == "TSK-0028"


def test_the_next_occurrence_is_made_when_one_is_done(ox: Client, tasks: str) -> None:
    pattern = {"recurrence_type": 2, "interval": 2, "days": 2 | 8, "occurrences": 3}
    ends = {"start_date": _MONDAY, "end_date": _MONDAY + _DAY, "alarm": _MONDAY + 1000}
    task = _new(ox, tasks, title="Wieder", **pattern, **ends)
    for _ in range(2):
        _update(ox, tasks, task, {"status": 3, "percent_completed": 100})
        _update(ox, tasks, task, {"status": 2, "percent_completed": 50})
    rows = _rows(ox, tasks, "1,201,202,204,300,222")
    assert [row[1:] for row in rows if row[0] != task] == [
        [_MONDAY + 2 * _DAY, _MONDAY + 3 * _DAY, _MONDAY + 2 * _DAY + 1000, 1, 2]
    ]
    follower = next(row[0] for row in rows if row[0] != task)
    _update(ox, tasks, follower, {"status": 3, "percent_completed": 100})
    last = next(row for row in _rows(ox, tasks, "1,201,222") if row[0] not in (task, follower))
    assert last[1:] == [_MONDAY + 14 * _DAY, 1]
    _update(ox, tasks, last[0], {"status": 3, "percent_completed": 100})
    assert len(_rows(ox, tasks)) == 3


@pytest.mark.parametrize(
    ("pattern", "days"),
    [
        ({"recurrence_type": 1, "interval": 3}, 3),
        ({"recurrence_type": 3, "interval": 1, "day_in_month": 15}, 31),
        ({"recurrence_type": 3, "interval": 1, "day_in_month": 5, "days": 32}, 11),
        ({"recurrence_type": 4, "interval": 1, "day_in_month": 15, "month": 0}, 366),
        ({"recurrence_type": 4, "interval": 1, "day_in_month": 1, "days": 2, "month": 3}, 77),
    ],
)
def test_every_pattern_knows_its_next_day(ox: Client, tasks: str, pattern: dict[str, Any], days: int) -> None:
    task = _new(ox, tasks, title="Muster", start_date=_MONDAY, **pattern)
    _update(ox, tasks, task, {"status": 3, "percent_completed": 100})
    assert [row[1] for row in _rows(ox, tasks, "1,201") if row[0] != task] == [_MONDAY + days * _DAY]


def test_a_search_looks_into_titles_and_notes(ox: Client, tasks: str) -> None:
    task = _new(ox, tasks, title="Finde mich 815", note="x", end_date=_MONDAY)
    found = ox.put("tasks", "search", {"pattern": "mich 815", "folder": tasks}, columns="1")["data"]
    assert found == [[task]]
    outside = {"pattern": "mich", "folder": tasks, "start": _MONDAY + _DAY, "end": _MONDAY + 2 * _DAY}
    assert ox.put("tasks", "search", outside, columns="1")["data"] == []


def test_a_folder_of_another_module_is_refused(ox: Client) -> None:
    folder = ox.config("folder/contacts")
    assert ox.get("tasks", "all", folder=folder, columns="1")["code"] == "TSK-0006"


@pytest.mark.usefixtures("seeded")
def test_the_seed_has_tasks_in_every_status(ox: Client) -> None:
    rows = _rows(ox, str(ox.config("folder/tasks")), "300,301,202,209")
    assert {row[0] for row in rows} == {1, 2, 3, 4, 5}
    assert all(row[1] == 100 for row in rows if row[0] == 3)
    assert any(row[3] == 2 for row in rows)
