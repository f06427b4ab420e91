"""Time zone blocks: every zone of the tz database there and back, and the blocks of real devices."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.eas.errors import ConversionError
from app.eas.schema import time_zone
from app.eas.schema.time_zone import Block, Rules, Switch, pack, unpack
from lab.device.calendar_items import zone_block

ZONES = sorted(time_zone._names())
PLACES = [name for name in ZONES if "/" in name]
SUMMER_2026 = datetime(2026, 7, 1, 9, tzinfo=UTC)


def moments(first: int = 1971, last: int = 2037) -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(first, 1, 2), datetime(last, 12, 30), timezones=st.just(UTC))


def offset(name: str, moment: datetime) -> float:
    """Minutes east of UTC."""
    found = moment.astimezone(ZoneInfo(name)).utcoffset()
    assert found is not None
    return found / timedelta(minutes=1)


def read(text: str) -> Block:
    found = unpack(text)
    assert found is not None
    return found


@pytest.mark.requirement("MS-ASDTYPE", 41, 42, 43, 44, 45, 46, 135)
@pytest.mark.parametrize("name", ZONES)
def test_every_zone_is_told_with_its_offset_and_those_with_a_place_come_back_by_name(name: str) -> None:
    for month in (1, 4, 7, 10):
        start = datetime(2026, month, 15, 9, tzinfo=UTC)
        block = read(time_zone.write(name, start))
        assert abs(block.rules.offset(start) - offset(name, start)) <= 0.5
        if "/" in name:
            assert time_zone.zone(block, start) == name


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PLACES), moments())
def test_a_device_that_echoes_a_block_never_changes_the_zone(name: str, start: datetime) -> None:
    assert time_zone.zone(read(time_zone.write(name, start)), start) == name


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ZONES), moments())
def test_a_device_with_names_of_its_own_does_not_change_the_time(name: str, start: datetime) -> None:
    rules = time_zone.rules(name, start)
    found = time_zone.zone(Block(rules, ("Sommerzeit", "CET")), start)
    assert found is not None
    assert abs(offset(found, start) - offset(name, start)) <= 0.5


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ZONES), moments())
def test_the_zone_that_was_chosen_is_chosen_again(name: str, start: datetime) -> None:
    def chosen(zone: str) -> str:
        found = time_zone.zone(Block(time_zone.rules(zone, start)), start)
        assert found is not None
        return found

    first = chosen(name)
    # Rules that nobody has are taken for a plain offset, and that one for a place that has it.
    again = chosen(first)
    assert again == first or first.startswith("Etc/")
    assert chosen(again) == again


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ZONES), moments(2000, 2030), st.integers(0, 364))
def test_within_the_year_a_block_knows_the_offset_of_every_day(name: str, start: datetime, days: int) -> None:
    block = read(time_zone.write(name, start))
    local = start.astimezone(ZoneInfo(name))
    other = local.replace(month=1, day=1, hour=12) + timedelta(days=days)
    switches = time_zone._switches(name, local.year)
    expressible = not switches or time_zone._yearly(name, local.year) == block.rules
    if expressible and len(switches) in (0, 2) and other.year == local.year:
        near = any(abs(other.astimezone(UTC) - switch[0]) < timedelta(days=1) for switch in switches)
        assert near or block.rules.offset(other.astimezone(UTC)) == pytest.approx(
            offset(name, other.astimezone(UTC)), abs=0.5
        )


@pytest.mark.requirement("MS-ASDTYPE", 103, 104, 107, 110, 112, 114, 117, 119, 121, 122)
@pytest.mark.requirement("MS-ASDTYPE", 109, 116)
def test_the_block_of_a_zone_with_summer_time() -> None:
    data = base64.b64decode(time_zone.write("America/Los_Angeles", SUMMER_2026))
    assert len(data) == 172
    assert struct.unpack_from("<l", data)[0] == 480
    assert struct.unpack_from("<8H", data, 68) == (0, 11, 0, 1, 2, 0, 0, 0)
    assert struct.unpack_from("<l", data, 84)[0] == 0
    assert struct.unpack_from("<8H", data, 152) == (0, 3, 0, 2, 2, 0, 0, 0)
    assert struct.unpack_from("<l", data, 168)[0] == -60
    assert data[4:68].decode("utf-16-le").rstrip("\0") == "America/Los_Angeles"


IRREGULAR = ("Casablanca", "El_Aaiun", "Gaza", "Hebron", "Godthab", "Nuuk", "Scoresbysund")
"""Places that follow the moon, or change their clocks on the eve of the last Sunday."""


@pytest.mark.parametrize("name", [name for name in ZONES if not name.endswith(IRREGULAR)])
def test_a_block_says_what_the_rule_in_the_zones_file_says(name: str) -> None:
    """The phone makes its block of that rule; here it is found by looking at the clocks."""
    assert read(zone_block(name)).rules == time_zone.rules(name, datetime(2037, 7, 1, tzinfo=UTC))


def test_the_last_sunday_is_not_the_fourth_one() -> None:
    for year in range(2000, 2037):
        told = time_zone.rules("Europe/Berlin", datetime(year, 6, 1, tzinfo=UTC))
        assert told.to_daylight == Switch(3, 0, 5, 120)
        assert told.to_standard == Switch(10, 0, 5, 180)


def test_a_switch_at_midnight_and_one_that_lies_south() -> None:
    cairo = time_zone.rules("Africa/Cairo", SUMMER_2026)
    assert (cairo.to_daylight, cairo.to_standard) == (Switch(4, 5, 5, 0), Switch(10, 5, 5, 0))
    sydney = time_zone.rules("Australia/Sydney", SUMMER_2026)
    assert sydney.to_daylight == Switch(10, 0, 1, 120)
    assert sydney.offset(datetime(2026, 1, 15, tzinfo=UTC)) == 660
    assert sydney.offset(datetime(2026, 6, 15, tzinfo=UTC)) == 600


def test_a_year_that_no_block_can_tell_of_is_told_by_the_offset() -> None:
    # Summer time was given up for good in the middle of the year.
    assert time_zone.rules("Europe/Istanbul", datetime(2016, 5, 1, tzinfo=UTC)) == Rules(180)
    assert time_zone.rules("Europe/Istanbul", datetime(2016, 2, 1, tzinfo=UTC)) == Rules(120)
    # Summer time paused for Ramadan.
    assert time_zone.rules("Africa/Casablanca", datetime(2014, 7, 10, tzinfo=UTC)) == Rules(0)


def test_a_series_gets_the_present_rules_unless_they_move_its_first_occurrence() -> None:
    begun, now = datetime(2005, 6, 1, 13, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert time_zone.rules("America/New_York", begun).to_daylight == Switch(4, 0, 1, 120)
    assert time_zone.rules("America/New_York", begun, now).to_daylight == Switch(3, 0, 2, 120)
    between = datetime(2005, 3, 20, 13, tzinfo=UTC)
    assert time_zone.rules("America/New_York", between, now).to_daylight == Switch(4, 0, 1, 120)
    assert time_zone.rules("America/New_York", now, begun).to_daylight == Switch(3, 0, 2, 120)


def test_a_zone_that_nobody_knows_is_told_as_utc() -> None:
    for name in (None, "", "Mars/Olympus", "../../etc/passwd"):
        assert time_zone.write(name, SUMMER_2026) == time_zone.UTC_BLOCK
    assert time_zone.zone(read(time_zone.UTC_BLOCK), SUMMER_2026) == "UTC"


@pytest.mark.parametrize(
    ("rules", "names", "expected"),
    [
        (Rules(60, 120, Switch(10, 0, 5, 180), Switch(3, 0, 5, 120)), (), "Europe/Berlin"),
        (
            Rules(60, 120, Switch(10, 0, 5, 180), Switch(3, 0, 5, 120)),
            ("Romance Standard Time",),
            "Europe/Paris",
        ),
        (Rules(60, 120, Switch(10, 0, 5, 180), Switch(3, 0, 5, 120)), ("Europe/Vienna",), "Europe/Vienna"),
        (Rules(60, 120, Switch(10, 0, 5, 180), Switch(3, 0, 5, 120)), ("Asia/Tokyo",), "Europe/Berlin"),
        # Some devices give the clock after the change.
        (Rules(60, 120, Switch(10, 0, 5, 120), Switch(3, 0, 5, 180)), (), "Europe/Berlin"),
        (Rules(330), (), "Asia/Kolkata"),
        (Rules(345), (), "Asia/Katmandu"),
        (Rules(0), (), "UTC"),
        (Rules(77), (), None),
        # A summer time that nobody has: the offset at that moment is kept.
        (Rules(60, 120, Switch(9, 0, 1, 180), Switch(5, 0, 1, 120)), (), "Etc/GMT-2"),
        (Rules(-60, 0, Switch(9, 0, 1, 180), Switch(5, 0, 1, 120)), (), "UTC"),
        (Rules(300, 330, Switch(9, 0, 1, 180), Switch(5, 0, 1, 120)), (), "Asia/Kolkata"),
    ],
)
def test_the_zone_of_a_block(rules: Rules, names: tuple[str, ...], expected: str | None) -> None:
    assert time_zone.zone(Block(rules, names), SUMMER_2026) == expected


def test_present_rules_name_the_zone_of_an_old_appointment() -> None:
    now = time_zone.rules("America/New_York", SUMMER_2026)
    assert time_zone.zone(Block(now), datetime(2003, 7, 1, tzinfo=UTC)) == "America/New_York"
    assert (
        time_zone.zone(Block(now, ("America/Toronto",)), datetime(2003, 7, 1, tzinfo=UTC))
        == "America/Toronto"
    )


def test_years_beyond_all_tables_do_no_harm() -> None:
    rules = time_zone.rules("Europe/Berlin", SUMMER_2026)
    for year in (1, 1604, 9999):
        moment = datetime(year, 7, 1, tzinfo=UTC)
        assert time_zone.zone(Block(rules), moment) == "Europe/Berlin"
        assert read(time_zone.write("Europe/Berlin", moment))
    assert rules.offset(datetime(1, 1, 1, tzinfo=UTC)) == 60
    assert rules.offset(datetime(9999, 12, 31, 23, 59, tzinfo=UTC)) == 60


def block(
    bias: int,
    standard: tuple[int, ...] = (0,) * 8,
    daylight: tuple[int, ...] = (0,) * 8,
    biases: tuple[int, int] = (0, -60),
    names: tuple[str, str] = ("", ""),
) -> str:
    """A block as any device might make it."""
    labels = [name.encode("utf-16-le") for name in names]
    data = struct.pack(
        "<l64s8Hl64s8Hl", bias, labels[0], *standard, biases[0], labels[1], *daylight, biases[1]
    )
    return base64.b64encode(data).decode()


OCTOBER, MARCH = (0, 10, 0, 5, 3, 0, 0, 0), (0, 3, 0, 5, 2, 0, 0, 0)


def test_blocks_of_many_kinds_are_understood() -> None:
    berlin = Rules(60, 120, Switch(10, 0, 5, 180), Switch(3, 0, 5, 120))
    assert read(block(-60, OCTOBER, MARCH)).rules == berlin
    assert read(block(0, OCTOBER, MARCH, (-60, -120))).rules == berlin
    # Ireland counts summer as standard, and winter as the exception.
    assert read(block(-120, MARCH, OCTOBER, (0, 60))).rules == berlin
    assert read(block(-60, OCTOBER, MARCH, (0, 0))).rules == Rules(60)
    assert read(block(-60)).rules == Rules(60)
    late = (0, 10, 4, 5, 23, 59, 59, 999)
    assert read(block(-60, late, MARCH)).rules.to_standard == Switch(10, 4, 5, 1440)
    assert read(block(0, names=("Ost", "West"))).names == ("Ost", "West")


def test_a_switch_on_a_date_holds_on_that_date() -> None:
    told = read(block(-60, (2026, 10, 0, 31, 3, 0, 0, 0), (2026, 3, 0, 31, 2, 0, 0, 0))).rules
    assert told.to_standard == Switch(10, 0, 31, 180, 2026)
    assert told.offset(datetime(2026, 3, 31, 0, 59, tzinfo=UTC)) == 60
    assert told.offset(datetime(2026, 3, 31, 1, tzinfo=UTC)) == 120
    assert Switch(2, 0, 31, 0, 2026).moment(2026) == datetime(2026, 2, 28, tzinfo=UTC)


@pytest.mark.requirement("MS-ASDTYPE", 95)
@pytest.mark.parametrize(
    "text",
    [
        "ä",
        "AAAA",
        base64.b64encode(b"\0" * 171).decode(),
        block(2000),
        block(0, (0, 13, 0, 1, 0, 0, 0, 0), MARCH),
        block(0, (0, 10, 7, 1, 0, 0, 0, 0), MARCH),
        block(0, (0, 10, 0, 6, 0, 0, 0, 0), MARCH),
        block(0, (0, 10, 0, 0, 0, 0, 0, 0), MARCH),
        block(0, (0, 10, 0, 1, 25, 0, 0, 0), MARCH),
        block(0, (2026, 10, 0, 32, 0, 0, 0, 0), MARCH),
    ],
)
def test_what_is_no_block_cannot_be_converted(text: str) -> None:
    with pytest.raises(ConversionError):
        unpack(text)


def test_an_empty_block_says_nothing() -> None:
    assert unpack("") is None
    assert unpack(" \n") is None


@settings(deadline=None)
@given(st.binary(min_size=172, max_size=172), moments(2020, 2026))
def test_no_block_breaks_anything(data: bytes, start: datetime) -> None:
    try:
        found = unpack(base64.b64encode(data).decode())
    except ConversionError:
        return
    assert found is not None
    time_zone.zone(found, start)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(-900, 900),
    st.builds(Switch, st.integers(1, 12), st.integers(0, 6), st.integers(1, 5), st.integers(0, 1439)),
    st.builds(Switch, st.integers(1, 12), st.integers(0, 6), st.integers(1, 5), st.integers(0, 1439)),
    st.sampled_from([datetime(1995, 7, 1, tzinfo=UTC), SUMMER_2026]),
)
def test_every_block_that_is_written_is_read(
    standard: int, to_standard: Switch, to_daylight: Switch, start: datetime
) -> None:
    rules = Rules(standard, standard + 60, to_standard, to_daylight)
    assert read(pack(rules, "x" * 40)).rules == rules
    found = time_zone.zone(Block(rules), start)
    if found is not None and time_zone._agrees(found, rules, start.year, time_zone.MINUTE):
        assert offset(found, start) == rules.offset(start)
