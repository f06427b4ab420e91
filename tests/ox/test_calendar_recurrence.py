"""Rules of series both ways, for both of OX's calendar modules (``app.ox.mapping.recurrence``, ``recurrence_rule``)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.ox.mapping import recurrence, recurrence_rule, time_zone
from app.ox.mapping.time_zone import Clock
from app.usm.content import LAST, Pattern, Recurrence
from app.usm.errors import ItemRefused

NOON = Clock(UTC, time(12))
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
WEEKDAYS = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))
DAYS = st.dates(date(1971, 1, 1), date(2090, 1, 1))


@st.composite
def rules(draw):
    """Every rule that an appointment can have."""
    pattern = draw(st.sampled_from(list(Pattern)))
    by_weekday = pattern in (Pattern.MONTHLY_BY_WEEKDAY, Pattern.YEARLY_BY_WEEKDAY)
    by_day = pattern in (Pattern.MONTHLY_BY_DAY, Pattern.YEARLY_BY_DAY)
    yearly = pattern in (Pattern.YEARLY_BY_DAY, Pattern.YEARLY_BY_WEEKDAY)
    end = draw(st.sampled_from(("never", "count", "until")))
    return Recurrence(
        pattern,
        interval=draw(st.integers(1, 99)),
        weekdays=draw(WEEKDAYS) if by_weekday or pattern is Pattern.WEEKLY else (),
        day=draw(st.integers(1, 31)) if by_day else 0,
        week=draw(st.integers(1, LAST)) if by_weekday else 0,
        month=draw(st.integers(1, 12)) if yearly else 0,
        count=draw(st.integers(1, 999)) if end == "count" else None,
        until=draw(DAYS) if end == "until" else None,
        first_weekday=draw(st.none() | st.integers(1, 6)) if pattern is Pattern.WEEKLY else None,
    )


def row_of(written):
    """What OX then has in its columns."""
    by_name = {name: column for column, name in recurrence.COLUMNS.items()}
    return dict.fromkeys(recurrence.COLUMNS) | {by_name[name]: value for name, value in written.items()}


def first_days(rule, first, number=6):
    """The first days of a rule, worked out by somebody else's hand from its text."""
    text = recurrence_rule.rule_of(rule, NOON, all_day=False)
    text = ";".join(part for part in text.split(";") if not part.startswith("UNTIL"))
    found = rrulestr(text, dtstart=datetime.combine(first, time(12)))
    return [each.date() for each in islice(found, number) if rule.until is None or each.date() <= rule.until]


# -- the columns of generations up to 7 ----------------------------------------------------------------------


@given(rules())
def test_columns_give_back_every_rule_but_the_interval_of_years_which_becomes_months(rule):
    back = recurrence.of_columns(row_of(recurrence.columns_of(rule)))
    yearly = rule.pattern in (Pattern.YEARLY_BY_DAY, Pattern.YEARLY_BY_WEEKDAY)
    if yearly and rule.interval > 1:
        by_day = rule.pattern is Pattern.YEARLY_BY_DAY
        assert back.pattern is (Pattern.MONTHLY_BY_DAY if by_day else Pattern.MONTHLY_BY_WEEKDAY)
        assert back.interval == rule.interval * 12
        assert (back.day, back.week, back.weekdays) == (rule.day, rule.week, rule.weekdays)
    else:
        assert back.pattern is rule.pattern
        assert (back.interval, back.day, back.week, back.month) == (
            rule.interval,
            rule.day,
            rule.week,
            rule.month,
        )
        assert back.weekdays == rule.weekdays
    assert (back.count, back.until) == (rule.count, rule.until)


@given(rules())
def test_an_end_is_either_a_day_or_a_number_of_occurrences_in_what_is_written(rule):
    written = recurrence.columns_of(rule)
    assert not (written.get("occurrences") and written.get("until"))


@given(st.integers(2, 9), st.integers(1, 28), st.integers(1, 12), st.integers(1990, 2030))
def test_every_nth_year_is_the_same_days_as_so_many_months(interval, day, month, year):
    yearly = Recurrence(Pattern.YEARLY_BY_DAY, interval=interval, day=day, month=month)
    monthly = recurrence.of_columns(row_of(recurrence.columns_of(yearly)))
    first = date(year, month, day)
    assert first_days(monthly, first) == first_days(yearly, first)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({}, None),
        ({209: 0}, None),
        ({209: None}, None),
        ({209: True}, None),
        ({209: 1, 215: 3}, Recurrence(Pattern.DAILY, interval=3)),
        ({209: 1, 215: 0}, Recurrence(Pattern.DAILY)),
        ({209: 2, 212: 65, 215: 1}, Recurrence(Pattern.WEEKLY, weekdays=(5, 6))),
        ({209: 2, 215: 1}, Recurrence(Pattern.WEEKLY, weekdays=tuple(range(7)))),
        ({209: 3, 213: 31}, Recurrence(Pattern.MONTHLY_BY_DAY, day=31)),
        ({209: 3, 212: 1, 213: 5}, Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(6,), week=LAST)),
        ({209: 4, 213: 24, 214: 11}, Recurrence(Pattern.YEARLY_BY_DAY, day=24, month=12)),
        (
            {209: 4, 212: 2, 213: 1, 214: 0},
            Recurrence(Pattern.YEARLY_BY_WEEKDAY, weekdays=(0,), week=1, month=1),
        ),
        ({209: 1, 216: 86_400_000, 222: 4}, Recurrence(Pattern.DAILY, count=4)),
        ({209: 1, 216: 86_400_000}, Recurrence(Pattern.DAILY, until=date(1970, 1, 2))),
    ],
)
def test_columns_are_read(row, rule):
    assert recurrence.of_columns(row) == rule


@pytest.mark.parametrize(
    "row",
    [
        {209: 5},
        {209: 3},
        {209: 3, 213: 32},
        {209: 3, 212: 1, 213: 6},
        {209: 4, 213: 1, 214: 12},
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_read(row):
    with pytest.raises(ValueError, match=r"series|recurrence"):
        recurrence.of_columns(row)


def test_every_working_day_is_a_weekly_rule():
    rule = Recurrence(Pattern.DAILY, weekdays=(0, 1, 2, 3, 4))
    assert recurrence.columns_of(rule) == {"recurrence_type": 2, "interval": 1, "days": 62, "until": None}


@pytest.mark.parametrize("pattern", [Pattern.WEEKLY, Pattern.MONTHLY_BY_WEEKDAY, Pattern.YEARLY_BY_WEEKDAY])
def test_a_rule_without_its_weekdays_is_refused_by_both(pattern):
    rule = Recurrence(pattern, week=1, month=1)
    with pytest.raises(ItemRefused, match="weekday"):
        recurrence.columns_of(rule)
    with pytest.raises(ItemRefused, match="weekdays"):
        recurrence_rule.rule_of(rule, NOON, all_day=False)


# -- the text of generations from 8 on -----------------------------------------------------------------------


@settings(max_examples=300)
@given(rules(), st.sampled_from(ZONES), st.times(), st.booleans())
def test_text_gives_back_every_rule_in_every_zone_of_the_world(rule, zone, at, all_day):
    clock = Clock(UTC, time()) if all_day else Clock(ZoneInfo(zone), at.replace(microsecond=0))
    if rule.until is not None:
        # A zone that leaves out a whole day, as Samoa did, has no such day.
        assume(clock.day(clock.on(rule.until)) == rule.until)
    text = recurrence_rule.rule_of(rule, clock, all_day)
    assert recurrence_rule.of_rule(text, date(2020, 1, 1), clock) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FREQ=DAILY", Recurrence(Pattern.DAILY)),
        ("RRULE:freq=daily;interval=2", Recurrence(Pattern.DAILY, interval=2)),
        ("FREQ=DAILY;INTERVAL=0", Recurrence(Pattern.DAILY)),
        ("FREQ=DAILY;BYDAY=SA,SU", Recurrence(Pattern.WEEKLY, weekdays=(5, 6))),
        ("FREQ=WEEKLY", Recurrence(Pattern.WEEKLY, weekdays=(2,))),
        ("FREQ=WEEKLY;WKST=SU;BYDAY=MO", Recurrence(Pattern.WEEKLY, weekdays=(0,), first_weekday=6)),
        ("FREQ=WEEKLY;WKST=MO;BYDAY=MO", Recurrence(Pattern.WEEKLY, weekdays=(0,))),
        ("FREQ=MONTHLY", Recurrence(Pattern.MONTHLY_BY_DAY, day=15)),
        ("FREQ=MONTHLY;WKST=MO;BYMONTHDAY=7", Recurrence(Pattern.MONTHLY_BY_DAY, day=7)),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=tuple(range(7)), week=LAST),
        ),
        ("FREQ=MONTHLY;BYDAY=2TU", Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(1,), week=2)),
        ("FREQ=MONTHLY;BYDAY=+2TU", Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(1,), week=2)),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(1,), week=2)),
        ("FREQ=MONTHLY;BYDAY=-1FR", Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(4,), week=LAST)),
        ("FREQ=YEARLY", Recurrence(Pattern.YEARLY_BY_DAY, day=15, month=7)),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", Recurrence(Pattern.YEARLY_BY_DAY, day=29, month=2)),
        (
            "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
            Recurrence(Pattern.YEARLY_BY_WEEKDAY, weekdays=(3,), week=4, month=11),
        ),
        ("FREQ=DAILY;COUNT=3;UNTIL=20300101", Recurrence(Pattern.DAILY, count=3)),
        ("FREQ=DAILY;UNTIL=20300101", Recurrence(Pattern.DAILY, until=date(2030, 1, 1))),
        ("FREQ=DAILY;UNTIL=20300101T120000Z", Recurrence(Pattern.DAILY, until=date(2030, 1, 1))),
        ("FREQ=DAILY;UNTIL=20300101T115959Z", Recurrence(Pattern.DAILY, until=date(2029, 12, 31))),
        ("FREQ=DAILY;UNTIL=20300101T235959", Recurrence(Pattern.DAILY, until=date(2030, 1, 1))),
    ],
)
def test_text_of_other_programs_is_read(text, rule):
    assert recurrence_rule.of_rule(text, date(2026, 7, 15), NOON) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "COUNT=3",
        "FREQ=HOURLY",
        "FREQ=DAILY;BYHOUR=8,12",
        "FREQ=DAILY;BYMONTH=1",
        "FREQ=DAILY;INTERVAL=2;BYDAY=MO,TU",
        "FREQ=DAILY;INTERVAL=often",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=WEEKLY;BYMONTH=1;BYDAY=MO",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=MONTHLY;BYMONTH=1",
        "FREQ=MONTHLY;BYMONTHDAY=1,15",
        "FREQ=MONTHLY;BYMONTHDAY=-2",
        "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
        "FREQ=MONTHLY;BYMONTHDAY=13;BYSETPOS=1",
        "FREQ=MONTHLY;BYDAY=MO",
        "FREQ=MONTHLY;BYDAY=1MO,3MO",
        "FREQ=MONTHLY;BYDAY=5MO",
        "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-2",
        "FREQ=YEARLY;BYDAY=20MO",
        "FREQ=YEARLY;BYMONTHDAY=1",
        "FREQ=YEARLY;BYMONTH=1,6",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=1;BYDAY=MO",
        "FREQ=YEARLY;BYWEEKNO=20",
    ],
)
def test_a_rule_that_no_device_can_be_told_has_no_equivalent(text):
    assert recurrence_rule.of_rule(text, date(2026, 7, 15), NOON) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("FREQ=DAILY", None),
        ("FREQ=DAILY;COUNT=1", date(2026, 7, 15)),
        ("FREQ=DAILY;COUNT=3", date(2026, 7, 17)),
        ("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=3", date(2026, 7, 22)),
        ("FREQ=WEEKLY;BYDAY=WE;UNTIL=20260801", date(2026, 8, 1)),
        ("FREQ=DAILY;COUNT=99999999", None),
        ("FREQ=DAILY;COUNT=many", None),
        ("FREQ=NEVER;COUNT=3", None),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", None),
    ],
)
def test_the_last_day_of_a_series_is_known_where_it_has_one(text, day):
    assert recurrence_rule.last_day(text, date(2026, 7, 15), NOON) == day


# -- clocks --------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.sampled_from(ZONES), DAYS, st.times())
def test_an_occurrence_is_found_again_by_its_day_of_utc(zone, day, at):
    clock = Clock(ZoneInfo(zone), at.replace(microsecond=0))
    begin = clock.on(day)
    found = clock.at_utc_day(begin.date())
    # Where the offset changes at midnight of UTC, one day of it can hold two beginnings.
    twice = {clock.on(day + timedelta(days=shift)).date() for shift in (-1, 0, 1)}
    assert found == begin or len(twice) < 3


def test_a_series_keeps_to_its_clock_when_the_time_changes():
    clock = Clock.of(datetime(2026, 10, 19, 9, tzinfo=UTC), "Europe/Berlin", all_day=False)
    assert clock.on(date(2026, 10, 24)) == datetime(2026, 10, 24, 9, tzinfo=UTC)
    assert clock.on(date(2026, 10, 26)) == datetime(2026, 10, 26, 10, tzinfo=UTC)
    assert clock.day(datetime(2026, 10, 25, 23, 30, tzinfo=UTC)) == date(2026, 10, 26)


def test_the_day_of_utc_may_be_the_day_before_or_after():
    tokyo = Clock(ZoneInfo("Asia/Tokyo"), time(8))
    assert tokyo.at_utc_day(date(2026, 3, 1)) == datetime(2026, 3, 1, 23, tzinfo=UTC)
    york = Clock(ZoneInfo("America/New_York"), time(20))
    assert york.at_utc_day(date(2026, 3, 1)) == datetime(2026, 3, 1, 1, tzinfo=UTC)


def test_a_day_without_a_beginning_gets_the_one_of_its_own_day():
    samoa = Clock(ZoneInfo("Pacific/Apia"), time(12))  # there was no 30 December 2011
    days = [date(2011, 12, day) for day in (28, 29, 30, 31)]
    assert all(samoa.at_utc_day(day) for day in days)


def test_whole_days_and_unknown_zones_keep_to_utc():
    start = datetime(2026, 7, 1, tzinfo=UTC)
    assert Clock.of(start, "Europe/Berlin", all_day=True) == Clock(UTC, time())
    assert Clock.of(start, "Mars/Olympus", all_day=False) == Clock(UTC, time())


@pytest.mark.parametrize(
    "name", [None, "", 7, "Mars/Olympus", "../etc/passwd", "Europe/\0", "x" * 300, "Europe"]
)
def test_what_is_no_zone_is_none(name):
    assert time_zone.find(name) is None


def test_zones_are_alike_when_they_tell_the_same_time():
    around = datetime(2026, 1, 1, tzinfo=UTC)
    assert time_zone.alike("Europe/Berlin", "Europe/Vienna", around)
    assert time_zone.alike("UTC", "Etc/GMT", around)
    assert not time_zone.alike("Europe/Berlin", "Europe/London", around)
    assert not time_zone.alike("Europe/Berlin", "Africa/Lagos", around)  # alike in winter only
    assert not time_zone.alike("Europe/Berlin", None, around)
    assert time_zone.alike(None, None, around)
