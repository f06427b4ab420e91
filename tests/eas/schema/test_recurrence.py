"""Rules of series and their elements, on the pages of calendar, mail and tasks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas.errors import ConversionError
from app.eas.schema import recurrence
from app.eas.schema.recurrence import CALENDAR, EMAIL, TASKS, Page
from app.eas.versions import Version
from app.usm.content import Pattern, Recurrence
from app.wbxml import Element
from tests.eas.phone import plain, tree

DAY = date(2026, 12, 31)


def text(day: date) -> str:
    return day.isoformat()


def written(rule: Recurrence, version: Version = Version.V16_1, page: Page = CALENDAR) -> list[Element]:
    return recurrence.write(rule, page, version, text)


def read(*children: object, page: Page = CALENDAR) -> Recurrence | None:
    return recurrence.read(tree("Calendar:Recurrence", *children), page, date.fromisoformat)


weekdays = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))
ends = st.one_of(
    st.just({}),
    st.integers(1, 999).map(lambda count: {"count": count}),
    st.dates(date(1970, 1, 1), date(2100, 1, 1)).map(lambda day: {"until": day}),
)
QUALIFIERS: dict[Pattern, dict[str, st.SearchStrategy[object]]] = {
    Pattern.DAILY: {},
    Pattern.WEEKLY: {"weekdays": weekdays, "first_weekday": st.none() | st.integers(1, 6)},
    Pattern.MONTHLY_BY_DAY: {"day": st.integers(1, 31)},
    Pattern.MONTHLY_BY_WEEKDAY: {"weekdays": weekdays, "week": st.integers(1, 5)},
    Pattern.YEARLY_BY_DAY: {"day": st.integers(1, 31), "month": st.integers(1, 12)},
    Pattern.YEARLY_BY_WEEKDAY: {
        "weekdays": weekdays,
        "week": st.integers(1, 5),
        "month": st.integers(1, 12),
    },
}


@st.composite
def rules(draw: st.DrawFn) -> Recurrence:
    """Every rule that the vocabulary has."""
    pattern = draw(st.sampled_from(Pattern))
    qualifiers = {name: draw(values) for name, values in QUALIFIERS[pattern].items()}
    return Recurrence(pattern, draw(st.integers(1, 999)), **qualifiers, **draw(ends))  # type: ignore[arg-type]


@pytest.mark.requirement("MS-ASCAL", 146, 277, 326, 453, 476)
@given(rules(), st.sampled_from([CALENDAR, EMAIL, TASKS]), st.sampled_from(Version))
def test_every_rule_comes_back_as_it_was(rule: Recurrence, page: Page, version: Version) -> None:
    element = Element("Calendar:Recurrence", children=written(rule, version, page))
    found = recurrence.read(element, page, date.fromisoformat)
    assert found is not None
    if version < Version.V14_1:
        assert found.first_weekday is None
        rule = Recurrence(**{name: getattr(rule, name) for name in rule.__slots__} | {"first_weekday": None})
    assert found == rule


@pytest.mark.requirement("MS-ASEMAIL", 291, 369, 370, 375, 376, 620, 873)
@pytest.mark.requirement("MS-ASTASK", 167, 170)
@pytest.mark.requirement(
    "MS-ASCAL",
    52523,
    193,
    19411,
    19412,
    19511,
    19512,
    19513,
    19514,
    20411,
    20412,
    20413,
    20414,
    204112,
    204113,
    204114,
    32711,
    32712,
    32811,
    32812,
    32813,
    32814,
    478111,
    478112,
    478113,
    478114,
)
def test_the_elements_of_each_type() -> None:
    def shown(rule: Recurrence) -> object:
        return plain(Element("x:x", children=written(rule)))

    assert shown(Recurrence(Pattern.DAILY, 2, count=3)) == [
        ("Type", "0"),
        ("Interval", "2"),
        ("Occurrences", "3"),
    ]
    assert shown(Recurrence(Pattern.WEEKLY, weekdays=(0, 6))) == [
        ("Type", "1"),
        ("Interval", "1"),
        ("DayOfWeek", "3"),
        ("FirstDayOfWeek", "1"),
    ]
    assert shown(Recurrence(Pattern.MONTHLY_BY_DAY, day=31, until=DAY)) == [
        ("Type", "2"),
        ("Interval", "1"),
        ("Until", "2026-12-31"),
        ("DayOfMonth", "31"),
        ("CalendarType", "1"),
    ]
    assert shown(Recurrence(Pattern.YEARLY_BY_WEEKDAY, weekdays=tuple(range(7)), week=5, month=2)) == [
        ("Type", "6"),
        ("Interval", "1"),
        ("WeekOfMonth", "5"),
        ("DayOfWeek", "127"),
        ("MonthOfYear", "2"),
        ("CalendarType", "1"),
    ]


def test_younger_tags_are_for_younger_versions_and_have_their_own_page_in_mail() -> None:
    monthly, weekly = (
        Recurrence(Pattern.MONTHLY_BY_DAY, day=1),
        Recurrence(Pattern.WEEKLY, weekdays=(1,), first_weekday=6),
    )
    assert written(monthly, Version.V12_1)[-1].name == "Calendar:DayOfMonth"
    assert written(monthly, page=EMAIL)[-2:] == [
        Element("Email2:CalendarType", "1"),
        Element("Email2:IsLeapMonth", "0"),
    ]
    assert written(weekly, Version.V14_0)[-1].name == "Calendar:DayOfWeek"
    assert written(weekly, page=EMAIL)[-1] == Element("Email2:FirstDayOfWeek", "0")


def test_what_the_standard_cannot_count_goes_on() -> None:
    assert [child.name for child in written(Recurrence(Pattern.DAILY, 5000, count=1000))] == [
        "Calendar:Type",
        "Calendar:Interval",
    ]
    assert written(Recurrence(Pattern.DAILY, 5000))[1].text == "999"


def test_an_empty_rule_is_none() -> None:
    assert read() is None


@pytest.mark.requirement("MS-ASTASK", 37013)
@pytest.mark.requirement("MS-ASCAL", 53911, 5391111)
def test_a_count_is_worth_more_than_an_end() -> None:
    rule = read(("Type", 0), ("Occurrences", 3), ("Until", "2026-01-01"))
    assert rule == Recurrence(Pattern.DAILY, count=3)


@pytest.mark.requirement("MS-ASCAL", 3892311, 3892312, 28311)
def test_odd_rules_are_understood() -> None:
    assert read(("Type", 0), ("Interval", 0), ("Until", " ")) == Recurrence(Pattern.DAILY)
    assert read(("Type", 0), ("DayOfWeek", 62)) == Recurrence(Pattern.WEEKLY, weekdays=(0, 1, 2, 3, 4))
    assert read(("Type", 0), ("DayOfWeek", 127)) == Recurrence(Pattern.DAILY)
    assert read(("Type", 0), ("Occurrences",), ("WeekOfMonth",)) == Recurrence(Pattern.DAILY)
    assert read(("Type", 0), ("Tasks:Regenerate", 1)) == Recurrence(Pattern.DAILY)
    again = tree("Tasks:Recurrence", ("Type", 0), ("Regenerate", 1))
    assert recurrence.read(again, TASKS, date.fromisoformat) == Recurrence(Pattern.DAILY, regenerate=True)
    assert read(("Type", 2), ("DayOfMonth", 3), ("CalendarType", 2)) == Recurrence(
        Pattern.MONTHLY_BY_DAY, day=3
    )


@pytest.mark.requirement(
    "MS-ASCAL", 344, 345, 38929, 38935, 38941, 38943, 38948, 38950, 3893713, 3893717, 53913, 53914
)
@pytest.mark.requirement("MS-ASTASK", 171, 289, 382, 384, 386, 388, 390)
@pytest.mark.requirement("MS-ASCAL", 148, 152, 156, 160, 164, 167, 170, 174)
@pytest.mark.parametrize(
    "children",
    [
        (("Interval", 1),),
        (("Type", 4),),
        (("Type", 7),),
        (("Type", "one"),),
        (("Type", 1),),
        (("Type", 2),),
        (("Type", 3), ("DayOfWeek", 2)),
        (("Type", 3), ("WeekOfMonth", 2)),
        (("Type", 5), ("DayOfMonth", 2)),
        (("Type", 5), ("MonthOfYear", 2)),
        (("Type", 6), ("DayOfWeek", 2), ("MonthOfYear", 2)),
        (("Type", 6), ("WeekOfMonth", 2), ("MonthOfYear", 2)),
        (("Type", 6), ("WeekOfMonth", 2), ("DayOfWeek", 2)),
        (("Type", 0), ("Interval", 1000)),
        (("Type", 0), ("Interval", -1)),
        (("Type", 0), ("Occurrences", 1000)),
        (("Type", 1), ("DayOfWeek", 0)),
        (("Type", 1), ("DayOfWeek", 128)),
        (("Type", 2), ("DayOfMonth", 32)),
        (("Type", 3), ("DayOfWeek", 1), ("WeekOfMonth", 6)),
        (("Type", 5), ("DayOfMonth", 1), ("MonthOfYear", 13)),
        (("Type", 2), ("DayOfMonth", 3), ("CalendarType", 8)),
        *(
            (("Type", 2), ("DayOfMonth", 3), ("CalendarType", number))
            for number in (13, 16, 17, 18, 19, 21, 22, 23)
        ),
        (("Type", 1), ("DayOfWeek", 1), ("FirstDayOfWeek", 7)),
    ],
)
def test_a_rule_without_sense_cannot_be_converted(children: tuple[object, ...]) -> None:
    with pytest.raises(ConversionError):
        read(*children)


QUALIFIED = {
    0: (),
    1: (("DayOfWeek", 2),),
    2: (("DayOfMonth", 2),),
    3: (("WeekOfMonth", 2), ("DayOfWeek", 2)),
    5: (("DayOfMonth", 2), ("MonthOfYear", 2)),
    6: (("WeekOfMonth", 2), ("DayOfWeek", 2), ("MonthOfYear", 2)),
}
ELSEWHERE = {"DayOfMonth": (2, 5), "DayOfWeek": (0, 1, 3, 6), "MonthOfYear": (5, 6), "WeekOfMonth": (3, 6)}
"""Qualifier → the types that may have it."""


@pytest.mark.requirement("MS-ASCAL", 53912, 53916, 53917, 53918, 53919)
@pytest.mark.parametrize("kind", QUALIFIED)
def test_a_rule_of_an_appointment_has_what_its_type_has_and_nothing_else(kind: int) -> None:
    assert read(("Type", kind), *QUALIFIED[kind]) is not None
    for name, kinds in ELSEWHERE.items():
        if kind not in kinds:
            with pytest.raises(ConversionError, match=name):
                read(("Type", kind), *QUALIFIED[kind], (name, 1))
    if kind in (2, 3, 5, 6):
        with pytest.raises(ConversionError, match="two calendars"):
            read(("Type", kind), *QUALIFIED[kind], ("CalendarType", 1), ("CalendarType", 1))


@pytest.mark.requirement("MS-ASCAL", 290, 292, 293)
@pytest.mark.parametrize("leap", ["0", "1", ""])
def test_a_leap_month_means_nothing_to_the_gregorian_calendar(leap: str) -> None:
    rule = read(*(("Type", 2), ("DayOfMonth", 3), ("CalendarType", 1), ("IsLeapMonth", leap)))
    assert rule == read(("Type", 2), ("DayOfMonth", 3)) == Recurrence(Pattern.MONTHLY_BY_DAY, day=3)


@pytest.mark.requirement("MS-ASCAL", 3893714, 3893715, 3893716)
@pytest.mark.parametrize(("bits", "days"), [(127, range(7)), (62, range(5)), (65, (5, 6))])
def test_the_days_of_a_month_are_counted_among_those_that_are_named(bits: int, days: Iterable[int]) -> None:
    rule = read(("Type", 3), ("WeekOfMonth", 2), ("DayOfWeek", bits))
    assert rule == Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=tuple(days), week=2)


@pytest.mark.requirement("MS-ASCAL", 38916, 389161, 389162, 341, 467)
def test_a_rule_ends_by_a_count_or_a_day_or_never() -> None:
    ends = [(("Occurrences", 3),), (("Until", "2026-12-31"),), ()]
    rules = [read(("Type", 0), *end) for end in ends]
    assert rules == [
        Recurrence(Pattern.DAILY, count=3),
        Recurrence(Pattern.DAILY, until=DAY),
        Recurrence(Pattern.DAILY),
    ]
    both = Recurrence(Pattern.DAILY, count=3, until=DAY)
    for rule, names in zip((*rules, both), (["Occurrences"], ["Until"], [], ["Occurrences"]), strict=True):
        assert rule is not None
        assert [each.name.partition(":")[2] for each in written(rule)][2:-1] == names


@pytest.mark.requirement("MS-ASCAL", 200, 20011, 201)
def test_weekdays_begin_with_sunday_on_the_wire() -> None:
    assert recurrence.mask((6,)) == 1
    assert recurrence.mask((0, 1, 2, 3, 4)) == 62
    assert recurrence.weekdays(65) == (5, 6)


@pytest.mark.requirement("MS-ASCAL", 38923, 3892311, 3892312)
@pytest.mark.parametrize("page", [CALENDAR, EMAIL, TASKS], ids=lambda page: page.name)
@pytest.mark.parametrize("version", Version)
def test_every_day_is_all_days_of_the_week_and_every_second_is_not(version: Version, page: Page) -> None:
    tells = page is CALENDAR and version >= Version.V14_0
    every = written(Recurrence(Pattern.DAILY), version, page)
    found = {each.name: each.text for each in every}.get(page.tag("DayOfWeek"))
    assert found == ("127" if tells else None)
    again = tree(page.tag("Recurrence"), *((each.name, each.text) for each in every))
    assert recurrence.read(again, page, date.fromisoformat) == Recurrence(Pattern.DAILY)
    second = written(Recurrence(Pattern.DAILY, 2), version, page)
    assert page.tag("DayOfWeek") not in {each.name for each in second}
