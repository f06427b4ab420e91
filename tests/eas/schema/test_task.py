"""Tasks both ways, as a device sees them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.eas.errors import ConversionError
from app.eas.options import NEVER, Options
from app.eas.schema import task
from app.eas.versions import ADVERTISED, Version
from app.usm.content import LAST, TASK_FIELDS, Pattern, Recurrence, Sensitivity
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from app.wbxml import Element
from tests.eas.phone import Phone, World, tree

TASKS = "32"
DAY = date(2024, 2, 29)
MOMENT = datetime(2024, 2, 29, 8, 15, tzinfo=UTC)

FULL = {
    "subject": "Water the plants",
    "body": Body(BodyKind.TEXT, "line one\nline two"),
    "start": DAY,
    "due": date(2024, 3, 2),
    "complete": True,
    "completed": MOMENT,
    "importance": 2,
    "sensitivity": Sensitivity.CONFIDENTIAL,
    "reminder": MOMENT,
    "recurrence": Recurrence(Pattern.WEEKLY, interval=2, weekdays=(0, 3), until=date(2024, 12, 31)),
    "categories": ("home", "green"),
}

RULES = [
    Recurrence(Pattern.DAILY, interval=3, count=10),
    Recurrence(Pattern.WEEKLY, weekdays=(6,)),
    Recurrence(Pattern.MONTHLY_BY_DAY, day=31, until=date(2030, 1, 1)),
    Recurrence(Pattern.MONTHLY_BY_WEEKDAY, week=LAST, weekdays=(4,)),
    Recurrence(Pattern.YEARLY_BY_DAY, day=29, month=2, regenerate=True),
    Recurrence(Pattern.YEARLY_BY_WEEKDAY, week=1, weekdays=(0, 1, 2, 3, 4), month=12),
]


def world() -> World:
    made = World()
    made.source.tree.append(Folder(TASKS, None, "Tasks", ContentType.TASKS, FolderRole.DEFAULT))
    made.source.items[TASKS] = {}
    return made


def data(*children: object) -> list[Element]:
    return tree("Tasks:X", *children).children


def read_new(*children: object) -> dict[str, object]:
    return task.read_new(data(*children))


@pytest.fixture
def ready(version: Version) -> Phone:
    return _Tasks(world(), version).start(TASKS)


class _Tasks(Phone):
    """A phone whose Class is that of tasks."""

    def collection(self, folder: str, *rest: object, key: str | None = None) -> tuple[object, ...]:
        found = super().collection(folder, *rest, key=key)
        return tuple(("Class", "Tasks") if part == ("Class", "Email") else part for part in found)


def test_every_field_of_a_task_is_named_here() -> None:
    assert set(FULL) == set(TASK_FIELDS)


@pytest.mark.requirement(
    "MS-ASTASK", 119, 141, 210, 249, 259, 292, 317, 319, 409, 410, 433, 525, 4221, 84, 201
)
@pytest.mark.parametrize("version", ADVERTISED)
@pytest.mark.parametrize("rule", [FULL["recurrence"], *RULES])
def test_a_task_with_every_field_comes_and_goes_unchanged(version: Version, rule: Recurrence) -> None:
    there = world()
    fields = {**FULL, "recurrence": rule}
    there.source.put(TASKS, fields)
    received = _Tasks(there, version).start(TASKS).sync(TASKS).one("AirSync:ApplicationData").children
    other = _Tasks(there, version, device_id="other").start(TASKS)
    other.sync(TASKS)
    sent = tuple(element for element in received if element.name != "AirSyncBase:NativeBodyType")
    other.commands(TASKS, ("Add", ("ClientId", "c"), Element("AirSync:ApplicationData", children=sent)))
    copies = [stored.fields for stored in there.source.items[TASKS].values()]
    assert copies == [fields, fields]


@pytest.mark.requirement("MS-ASTASK", 264)
def test_a_task_of_nothing_has_what_devices_insist_on(ready: Phone) -> None:
    ready.world.source.put(TASKS, {})
    reply = ready.sync(TASKS)
    assert reply.text("Tasks:Importance") == "1"
    assert reply.text("Tasks:Sensitivity") == "0"
    assert reply.text("Tasks:Complete") == "0"
    assert reply.text("Tasks:ReminderSet") == "0"


def test_days_are_midnights_both_in_utc_and_locally(ready: Phone) -> None:
    ready.world.source.put(TASKS, {"due": DAY})
    reply = ready.sync(TASKS)
    assert reply.text("Tasks:DueDate") == reply.text("Tasks:UtcDueDate") == "2024-02-29T00:00:00.000Z"
    assert not reply.all("Tasks:StartDate")


@pytest.mark.parametrize(
    ("utc", "local", "day"),
    [
        ("2024-02-28T23:00:00.000Z", "2024-02-29T00:00:00.000Z", DAY),
        ("2024-02-29T08:00:00.000Z", "2024-02-29T00:00:00.000Z", DAY),
        ("2024-02-29T16:00:00Z", "20240229T170000Z", DAY),
        ("2024-02-28T23:00:00.000Z", None, DAY),
        ("2024-02-29T00:00:00.000Z", None, DAY),
        ("2024-02-29T08:00:00.000Z", None, DAY),
        (None, "2024-02-29T23:59:00.000Z", DAY),
        ("", "", None),
        (None, "", None),
    ],
)
def test_the_local_time_tells_the_day(utc: str | None, local: str | None, day: date | None) -> None:
    children = [("UtcDueDate", utc)] if utc is not None else []
    children += [("DueDate", local)] if local is not None else []
    assert task.read_change(data(*children), None)["due"] == day


@pytest.mark.requirement("MS-ASTASK", 124)
def test_a_task_that_is_done_says_when_as_well_as_is_known() -> None:
    def told(fields: dict[str, object]) -> str | None:
        elements = task.render({"complete": True, **fields}, Options(), Version.V16_1)
        return next((each.text for each in elements if each.name == "Tasks:DateCompleted"), None)

    assert told({"completed": MOMENT}) == "2024-02-29T08:15:00.000Z"
    assert told({"due": DAY}) == "2024-02-29T00:00:00.000Z"
    assert told({}) is None


def test_a_series_without_any_day_goes_out_as_a_single_task() -> None:
    rule = Recurrence(Pattern.DAILY)
    names = [each.name for each in task.render({"recurrence": rule}, Options(), Version.V14_1)]
    assert "Tasks:Recurrence" not in names


def test_a_copy_of_what_is_done_is_no_series() -> None:
    rule = ("Recurrence", ("Type", 0), ("Start", "2024-02-29T00:00:00Z"), ("DeadOccur", 1))
    assert read_new(("Subject", "Copy"), ("Complete", 1), rule) == {"subject": "Copy", "complete": True}


@pytest.mark.requirement("MS-ASTASK", 158)
def test_a_series_begins_where_its_rule_says_if_nothing_else_does() -> None:
    rule = ("Recurrence", ("Type", 0), ("Start", "2024-02-29T00:00:00Z"))
    assert read_new(rule) == {"recurrence": Recurrence(Pattern.DAILY), "start": DAY}
    assert read_new(("StartDate", "2024-03-01T00:00:00Z"), rule)["start"] == date(2024, 3, 1)


@pytest.mark.requirement("MS-ASTASK", 37011)
def test_a_series_must_say_when_it_begins() -> None:
    for start in ((), (("Start",),)):
        with pytest.raises(ConversionError):
            read_new(("StartDate", "2024-03-01T00:00:00Z"), ("Recurrence", ("Type", 0), *start))


def test_an_empty_rule_ends_a_series() -> None:
    assert task.read_change(data(("Recurrence",)), None)["recurrence"] is None


@pytest.mark.requirement("MS-ASTASK", 369, 370)
def test_a_change_clears_what_it_leaves_out_but_no_reminder_nor_what_every_task_has() -> None:
    cleared = {"start", "due", "recurrence", "categories"}
    assert task.read_change(data(("Subject", "S")), None) == {"subject": "S", **dict.fromkeys(cleared)}


def test_a_change_clears_only_what_the_device_knows() -> None:
    supported = frozenset({"Tasks:DueDate"})
    assert task.read_change(data(("Complete", 0)), supported) == {"complete": False, "due": None}


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ([("ReminderSet", 0), ("ReminderTime", "2024-02-29T08:15:00Z")], {"reminder": None}),
        ([("ReminderSet", 1), ("ReminderTime", "2024-02-29T08:15:00Z")], {"reminder": MOMENT}),
        ([("ReminderTime", "20240229T081500Z")], {"reminder": MOMENT}),
        ([("ReminderSet", 1)], {}),
        ([("ReminderSet", "")], {}),
    ],
)
def test_a_reminder_needs_its_time(children: list[object], expected: dict[str, object]) -> None:
    found = task.read_change(data(*children), None)
    assert {name: value for name, value in found.items() if name == "reminder"} == expected
    assert "reminder" not in read_new(("ReminderSet", 1))


def test_texts_that_are_empty_or_cut_are_not_taken_for_the_body() -> None:
    cut = Element(
        "AirSyncBase:Body",
        children=[Element("AirSyncBase:Type", "1"), Element("AirSyncBase:Truncated", "1")],
    )
    assert "body" not in task.read_change([cut], None)


def test_empty_numbers_say_nothing() -> None:
    empty = data(("Importance", ""), ("Sensitivity", ""), ("Complete", ""))
    assert not task.read_new(empty)
    assert not {"importance", "sensitivity", "complete"} & set(task.read_change(empty, None))


@pytest.mark.requirement("MS-ASTASK", 252)
@pytest.mark.parametrize(
    "child",
    [
        ("Importance", "high"),
        ("Sensitivity", "4"),
        ("Complete", "yes"),
        ("Complete", "2"),
        ("Complete", "1111"),
        ("ReminderSet", "٣"),
        ("ReminderSet", "2"),
        ("DueDate", "tomorrow"),
        ("Recurrence", ("Type", 4)),
        ("Recurrence", ("Type", 1)),
        ("Calendar:Subject", "x"),
    ],
)
def test_what_makes_no_sense_is_refused(child: tuple[object, ...]) -> None:
    with pytest.raises(ConversionError):
        read_new(child)


def test_the_filter_for_what_is_to_be_done_means_completion() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    assert Options(filter=8).since(ContentType.TASKS, now) == NEVER
    assert Options(filter=0).since(ContentType.TASKS, now) is None
    assert Options(filter=2).since(ContentType.TASKS, now) is None
    assert Options(filter=8).since(ContentType.CALENDAR, now) is None


BEGIN = ("Start", "2024-02-29T00:00:00.000Z")
QUALIFIED = {
    0: (),
    1: (("DayOfWeek", 2),),
    2: (("DayOfMonth", 2),),
    3: (("DayOfWeek", 2), ("WeekOfMonth", 2)),
    5: (("DayOfMonth", 2), ("MonthOfYear", 2)),
    6: (("DayOfWeek", 2), ("WeekOfMonth", 2), ("MonthOfYear", 2)),
}
"""Type of a rule → what it must have."""
FOREIGN = [
    *((kind, ("CalendarType", 1)) for kind in (0, 1)),
    *((kind, ("DayOfMonth", 2)) for kind in (0, 1, 3, 6)),
    *((kind, ("DayOfWeek", 2)) for kind in (2, 5)),
    *((kind, ("WeekOfMonth", 2)) for kind in (0, 1, 2, 5)),
]


def add(phone: Phone, *children: object) -> tuple[str, dict[str, object] | None]:
    """Status of an Add, and what is kept then."""
    sent = Element("AirSync:ApplicationData", children=data(*children))
    reply = phone.commands(TASKS, ("Add", ("ClientId", "c"), sent))
    stored = [each.fields for each in phone.world.source.items[TASKS].values()]
    [answer] = reply.one("AirSync:Responses")
    return answer.text_of("AirSync:Status") or "", stored[0] if stored else None


@pytest.mark.requirement("MS-ASTASK", 81, 132, 320, 532, 533)
@pytest.mark.parametrize(("kind", "foreign"), FOREIGN)
def test_a_rule_with_something_of_another_type_is_status_6(
    kind: int, foreign: tuple[str, int], ready: Phone
) -> None:
    rule = ("Recurrence", ("Type", kind), BEGIN, *QUALIFIED[kind])
    assert add(ready, (*rule, foreign)) == ("6", None)
    assert add(ready, rule)[0] == "1"


@pytest.mark.requirement("MS-ASTASK", 135, 404, 406, 530, 531, 191, 192, 225, 226, 238, 304)
@pytest.mark.parametrize("version", ADVERTISED)
@pytest.mark.parametrize("interval", [1, 999, 5000])
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_goes_out_with_all_that_its_type_must_have(
    rule: Recurrence, interval: int, version: Version
) -> None:
    there = world()
    until = date(2031, 5, 5) if rule.count is None else None
    there.source.put(TASKS, {"start": DAY, "recurrence": replace(rule, interval=interval, until=until)})
    found = _Tasks(there, version).start(TASKS).sync(TASKS).one("Tasks:Recurrence")
    told = {child.name.partition(":")[2]: child.text for child in found}
    assert {name for name, _ in QUALIFIED[int(told["Type"])]} <= told.keys()
    assert told["Start"] == BEGIN[1]
    assert told["Interval"] == str(min(interval, 999))
    assert ("FirstDayOfWeek" in told) is (told["Type"] == "1" and version >= Version.V14_1)
    assert told.get("Until") == (None if until is None else "2031-05-05T00:00:00.000Z")


@pytest.mark.requirement("MS-ASTASK", 187)
@pytest.mark.parametrize("importance", range(7))
def test_an_importance_beyond_those_there_are_is_no_error(importance: int, ready: Phone) -> None:
    status, fields = add(ready, ("Subject", "S"), ("Importance", importance))
    assert status == "1"
    assert fields is not None
    assert fields["importance"] == min(importance, 2)


@pytest.mark.requirement("MS-ASTASK", 204, 283)
@pytest.mark.parametrize("version", ADVERTISED)
def test_what_has_no_place_in_a_task_hurts_nobody(version: Version) -> None:
    phone = _Tasks(world(), version).start(TASKS)
    young = (("CalendarType", 1), ("IsLeapMonth", 0)) if version >= Version.V14_0 else ()
    rule = ("Recurrence", ("Type", 2), BEGIN, ("DayOfMonth", 2), ("DeadOccur", 0), ("Regenerate", 0), *young)
    order = (("OrdinalDate", "2024-02-29T00:00:00.000Z"), ("SubOrdinalDate", "any words"))
    status, fields = add(phone, ("Subject", "S"), rule, *(order if version >= Version.V12_1 else ()))
    expected = Recurrence(Pattern.MONTHLY_BY_DAY, day=2)
    assert (status, fields) == ("1", {"subject": "S", "start": DAY, "recurrence": expected})
