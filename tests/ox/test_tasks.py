"""Tasks: what becomes of a device's change (``app.ox.mapping.task``), and an OX that behaves unusually."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.ox.client import FORCE
from app.ox.mapping import task as mapping
from app.ox.tasks import _READ
from app.usm.content import TASK_FIELDS, Pattern, Recurrence, Sensitivity
from app.usm.errors import FolderGone, ItemConflict, ItemGone, ItemRefused, ItemUnreadable
from app.usm.model import Body, BodyKind, ContentType, FolderRef, Written
from tests.ox.canned import error

TASKS = FolderRef(3, "32", ContentType.TASKS)
DAY = date(2024, 2, 29)
DAY_MS = 1709164800000
MOMENT = datetime(2024, 2, 29, 8, 15, tzinfo=UTC)
MOMENT_MS = DAY_MS + 29_700_000
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)

FULL = {
    "subject": "Water the plants",
    "body": Body(BodyKind.TEXT, "one\ntwo"),
    "start": DAY,
    "due": DAY,
    "complete": False,
    "importance": 2,
    "sensitivity": Sensitivity.PRIVATE,
    "reminder": MOMENT,
    "recurrence": Recurrence(Pattern.WEEKLY, weekdays=(3,), count=4),
    "categories": ("home", "green"),
}


def full(item_id, stamp=5, **values):
    """A row of all columns that are read."""
    by_column = {1: item_id, 6: stamp, **{int(name[1:]): value for name, value in values.items()}}
    return [by_column.get(column) for column in _READ]


def change(fields, before=None):
    return mapping.change(fields, before or {}, NOW)


def test_every_field_of_a_task_has_its_place():
    assert {row.field for row in mapping.ROWS} | {"complete", "completed", "recurrence"} == set(TASK_FIELDS)


def test_a_task_with_every_field_comes_back_as_it_was_written():
    written = change(FULL)
    assert written.exact
    columns = {**{name: column for column, name in mapping.NAMES.items()}}
    columns |= {"recurrence_type": 209, "days": 212, "interval": 215, "occurrences": 222, "until": 216}
    row = {columns[name]: value for name, value in written.body.items()}
    assert mapping.fields_of(row) == FULL


def test_what_is_the_same_is_not_written():
    assert not change(FULL, FULL).body
    same = {**FULL, "body": Body(BodyKind.TEXT, " one\ntwo\n"), "importance": 2}
    assert not change(same, FULL).body
    assert change({**FULL, "subject": "Feed the cat"}, FULL).body == {"title": "Feed the cat"}


def test_clearing_is_null_or_what_every_task_has():
    cleared = dict.fromkeys(FULL)
    assert change(cleared, FULL).body == {
        "title": None,
        "note": None,
        "start_date": None,
        "end_date": None,
        "alarm": None,
        "priority": 2,
        "private_flag": False,
        "categories": None,
        "recurrence_type": 0,
    }


@pytest.mark.parametrize(("status", "percent"), [(1, 0), (2, 40), (4, 30), (5, 10)])
def test_state_and_percentage_stay_as_long_as_a_task_is_not_done(status, percent):
    before = mapping.fields_of({200: "T", 300: status, 301: percent})
    assert change({"subject": "T", "complete": False, "importance": 1}, before).body == {}
    assert change({"complete": True, "completed": MOMENT}, before).body == {
        "status": 3,
        "percent_completed": 100,
        "date_completed": MOMENT_MS,
    }


def test_a_task_is_done_now_if_nobody_says_when_and_can_be_taken_up_again():
    assert change({"complete": True}).body["date_completed"] == int(NOW.timestamp() * 1000)
    done = mapping.fields_of({300: 3, 315: MOMENT_MS})
    assert done["completed"] == MOMENT
    for hours in (-23, 0, 23):
        near = MOMENT + timedelta(hours=hours)
        assert change({"complete": True, "completed": near}, done).body == {}
    other = change({"complete": True, "completed": MOMENT - timedelta(days=1)}, done)
    assert other.body == {"date_completed": MOMENT_MS - 86_400_000}
    assert change({"complete": True, "completed": None}, done).body == {}
    assert change({"complete": False, "completed": MOMENT}, {}).body == {}
    unknown = mapping.fields_of({300: 3})
    assert change({"complete": True, "completed": MOMENT}, unknown).body == {"date_completed": MOMENT_MS}
    assert change({"complete": False}, done).body == {
        "status": 1,
        "percent_completed": 0,
        "date_completed": None,
    }


def test_a_task_begins_no_later_than_it_ends():
    later = date(2024, 3, 5)
    written = change({"start": later, "due": DAY})
    assert written.body == {"start_date": DAY_MS, "end_date": DAY_MS}
    assert not written.exact
    assert change({"due": DAY}, {"start": later, "due": later}).body == {
        "start_date": DAY_MS,
        "end_date": DAY_MS,
    }


def test_a_series_has_both_ends():
    rule = {"recurrence": Recurrence(Pattern.DAILY)}
    both = {"start_date", "end_date"}
    assert change({**rule, "due": DAY}).body["start_date"] == DAY_MS
    assert change({**rule, "start": DAY}).body["end_date"] == DAY_MS
    assert both <= set(change(rule).body)
    assert not change(rule).exact
    whole = {**rule, "start": DAY, "due": DAY, "importance": 1}
    assert not change({"start": None, "due": None}, whole).exact


def test_a_rule_is_written_when_it_is_another_one():
    before = {**FULL}
    same = Recurrence(Pattern.WEEKLY, weekdays=(3,), count=4, first_weekday=6)
    assert change({"recurrence": same}, before).body == {}
    assert change({"recurrence": same}, before).exact
    other = change({"recurrence": Recurrence(Pattern.DAILY, interval=2)}, before).body
    assert (other["recurrence_type"], other["interval"]) == (1, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"sensitivity": Sensitivity.PERSONAL},
        {"sensitivity": Sensitivity.CONFIDENTIAL},
        {
            "recurrence": Recurrence(Pattern.DAILY, regenerate=True),
            "start": DAY,
            "due": DAY,
        },
        {"categories": ("a,b",)},
    ],
)
def test_what_ox_cannot_hold_is_not_exact(fields):
    assert not change(fields).exact


@pytest.mark.parametrize("priority", [None, 0, 4, "high"])
def test_a_priority_that_is_none_is_a_normal_one(priority):
    assert mapping.fields_of({309: priority})["importance"] == 1


# -- the module ----------------------------------------------------------------------------------------------


def test_what_is_to_be_done_is_always_listed(canned, canned_source):
    rows = [[1, 10, 1, None], [2, 20, 3, MOMENT_MS], [3, 30, 3, None], [4, None, None, None]]
    canned.on("tasks?all", {"data": rows})
    source = canned_source()
    assert source.listing(TASKS, None).stamps == {"1": "10", "2": "20", "3": "30", "4": "0"}
    recent = source.listing(TASKS, datetime(2024, 2, 29, tzinfo=UTC))
    assert (set(recent.stamps), recent.outside) == ({"1", "2", "4"}, {"3"})
    to_do = source.listing(TASKS, datetime.max.replace(tzinfo=UTC))
    assert (set(to_do.stamps), to_do.outside) == ({"1", "4"}, {"2", "3"})


def test_a_task_whose_rule_makes_no_sense_stands_alone(canned, canned_source):
    canned.on("tasks?list", {"data": [full(1, _200="A"), full(2, _209=9)]})
    items = canned_source().read(TASKS, ["1", "2", "3"], ())
    assert items["1"].fields["subject"] == "A"
    assert isinstance(items["2"], ItemUnreadable)
    assert "3" not in items


def test_a_change_is_a_look_and_what_differs(canned, canned_source):
    canned.on("tasks?list", {"data": [full(7, 40, _200="A", _300=4, _301=30, _309=2)]})
    canned.on("tasks?update", {"data": {}, "timestamp": 50})
    fields = {"subject": "B", "complete": False, "importance": 1, "due": None}
    assert canned_source().update(TASKS, "7", fields, "40") == Written("7", "50")
    update = canned.made("tasks?update")[0]
    assert update.json == {"title": "B"}
    assert update.params["timestamp"] == "40"


def test_a_change_of_nothing_is_not_written(canned, canned_source):
    canned.on("tasks?list", {"data": [full(7, 40, _200="A")]})
    assert canned_source().update(TASKS, "7", {"subject": "A"}, "40") == Written("7", "40")
    assert not canned.made("tasks?update")


def test_a_change_of_somebody_else_is_never_written_over(canned, canned_source):
    canned.on("tasks?list", {"data": [full(7, 41, _200="A")]})
    with pytest.raises(ItemConflict):
        canned_source().update(TASKS, "7", {"subject": "A"}, "40")
    canned.on("tasks?update", error("TSK-0007", "CONFLICT"))
    with pytest.raises(ItemConflict):
        canned_source().update(TASKS, "7", {"subject": "B"}, "41")
    canned.on("tasks?update", {"data": {}, "timestamp": 50})
    canned_source().update(TASKS, "7", {"subject": "B"}, None)
    assert canned.made("tasks?update")[-1].params["timestamp"] == FORCE


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("TSK-0019"), ItemGone),
        (error("TSK-0048", "ERROR"), ItemGone),
        (error("TSK-0006", "PERMISSION_DENIED"), FolderGone),
        (error("TSK-0033", "PERMISSION_DENIED"), ItemRefused),
    ],
)
def test_what_ox_says_to_a_change(canned, canned_source, answer, raised):
    canned.on("tasks?list", {"data": [full(7, 40, _200="A")]})
    canned.on("tasks?update", answer)
    with pytest.raises(raised):
        canned_source().update(TASKS, "7", {"subject": "B"}, "40")
    canned.on("tasks?list", {"data": []})
    with pytest.raises(ItemGone):
        canned_source().update(TASKS, "7", {"subject": "B"}, "40")


def test_a_title_that_is_too_long_is_cut_and_the_device_told(canned, canned_source):
    long = "x" * 300

    def answer(seen):
        if len(seen.json["title"]) > 256:
            told = error("TSK-0041", "TRUNCATED")
            return {**told, "problematic": [{"id": 200, "length": 300, "max_size": 256}]}
        return {"data": {"id": 8}, "timestamp": 50}

    canned.on("tasks?new", answer)
    assert canned_source().create(TASKS, {"subject": long}, "mark") == Written("8", "50", altered=True)
    assert canned.made("tasks?new")[-1].json["uid"] == "mark"


def test_a_character_that_the_database_cannot_hold_is_left_out(canned, canned_source):
    def answer(seen):
        return (
            error("TSK-0058") if "\U0001f600" in seen.json["title"] else {"data": {"id": 8}, "timestamp": 50}
        )

    canned.on("tasks?new", answer)
    written = canned_source().create(TASKS, {"subject": "smile \U0001f600"}, "mark")
    assert written.altered
    assert canned.made("tasks?new")[-1].json["title"] == "smile"


def test_a_task_has_no_files_for_a_device(canned_source):
    with pytest.raises(ItemGone):
        canned_source().attachment(TASKS, "7", "1")
