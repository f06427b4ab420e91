"""The vacation notice: what OX's rule says, and what of it is written."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.ox.mapping import vacation as mapping
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.errors import ItemRefused
from app.usm.model import Absence, Credentials, Device
from tests.ox.canned import error
from tests.ox.standin import StandIn, SystemClock, make_data

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400_000
WEEK = Absence(True, "Bin weg", datetime(2026, 12, 23, 23, tzinfo=UTC), datetime(2027, 1, 1, 23, tzinfo=UTC))
"""Christmas in Berlin: from the 24th to the 1st, both included."""


def bound(comparison: str, day: int, **more: object) -> dict[str, object]:
    return {
        "id": "currentdate",
        "comparison": comparison,
        "datepart": "date",
        "datevalue": [day * DAY],
        "zone": "+0100",
        **more,
    }


def rule(test: object = mapping.ALWAYS, text: str = "Bin weg", **more: object) -> dict[str, object]:
    command = {"id": "vacation", "days": "3", "text": text, "subject": "Abwesend", "addresses": ["a@x"]}
    return {"id": 5, "active": True, "test": test, "actioncmds": [{"id": "keep"}, command], **more}


CHRISTMAS = (datetime(2026, 12, 24, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_days_are_those_of_the_users_zone() -> None:
    body = mapping.write(None, WEEK, BERLIN)
    assert body["test"] == {"id": "allof", "tests": [bound("ge", CHRISTMAS), bound("le", CHRISTMAS + 8)]}
    assert mapping.read(body, BERLIN) == WEEK
    assert body["actioncmds"] == [{"id": "vacation", "days": "7", "text": "Bin weg"}]
    assert (body["active"], body["flags"]) == (True, ["vacation"])


def test_moments_within_a_day_mean_the_day() -> None:
    part = Absence(True, "x", datetime(2026, 12, 24, 9, tzinfo=UTC), datetime(2026, 12, 24, 17, tzinfo=UTC))
    test = mapping.write(None, part, BERLIN)["test"]
    assert [each["datevalue"] for each in test["tests"]] == [[CHRISTMAS * DAY]] * 2


def test_one_bound_is_no_list() -> None:
    assert mapping.write(None, Absence(True, "x", start=WEEK.start), BERLIN)["test"] == bound("ge", CHRISTMAS)
    open_end = mapping.read(rule(bound("ge", CHRISTMAS)), BERLIN)
    assert (open_end.start, open_end.end) == (WEEK.start, None)
    assert mapping.read(rule(bound("le", CHRISTMAS)), BERLIN).start is None


def test_what_is_so_already_is_not_written() -> None:
    assert mapping.write(rule(), Absence(True, "Bin weg"), BERLIN) == {}
    test = {"id": "allof", "tests": [bound("ge", CHRISTMAS), bound("le", CHRISTMAS + 8)]}
    assert mapping.write(rule(test), WEEK, BERLIN) == {}
    assert mapping.write(rule(active=False), Absence(False), BERLIN) == {}


def test_what_a_device_cannot_say_stays() -> None:
    other = {"id": "header", "comparison": "contains", "headers": ["to"], "values": ["a@x"]}
    was = rule({"id": "allof", "tests": [other, {"id": "allof", "tests": [bound("ge", 1)]}]})
    body = mapping.write(was, Absence(True, "Neu"), BERLIN)
    assert body == {
        "id": 5,
        "test": other,
        "actioncmds": [
            {"id": "keep"},
            {"id": "vacation", "days": "3", "text": "Neu", "subject": "Abwesend", "addresses": ["a@x"]},
        ],
    }
    assert mapping.write(was, Absence(False, ""), BERLIN) == {"id": 5, "active": False}
    assert mapping.write(was, WEEK, BERLIN)["test"]["tests"][0] == other


def test_a_rule_without_a_notice_gets_one() -> None:
    bare = rule(actioncmds=[{"id": "stop"}], test=None)
    assert mapping.read(bare, BERLIN) == Absence(True)
    body = mapping.write(bare, Absence(True, "Neu"), BERLIN)
    assert body["actioncmds"] == [{"id": "vacation", "days": "7", "text": "Neu"}, {"id": "stop"}]


@pytest.mark.parametrize(
    "test",
    [
        bound("is", 1),
        bound("ge", 1, datevalue=[]),
        bound("ge", 1, datevalue=["x"]),
        bound("ge", 1, datevalue=7),
        bound("ge", 1, datepart="time"),
        bound("ge", 2**60),
        {"id": "allof", "tests": "x"},
        {"id": "allof", "tests": [7]},
        "x",
    ],
)
def test_tests_of_another_kind_are_no_bounds(test: object) -> None:
    found = mapping.read(rule(test), BERLIN)
    assert (found.start, found.end) == (None, None)


def test_tests_within_tests_end_somewhere() -> None:
    test: object = bound("ge", 1)
    for _ in range(50):
        test = {"id": "allof", "tests": [test]}
    assert mapping.read(rule(test), BERLIN).start is None


# -- with an OX ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["6", "8"])
def ox(request, tmp_path_factory):
    data = make_data(tmp_path_factory.mktemp(f"vacation{request.param}"), "empty")
    running = StandIn(data, request.param)
    yield running
    running.stop()


@pytest.fixture
def source(ox):
    provider = OxSourceProvider(OxSettings(ox.url), SystemClock())
    yield provider.open(Credentials("anton@example.org", "secret"), Device("EAS", "phone1"))
    provider.close()


def test_a_notice_is_made_changed_and_ended(ox, source) -> None:
    assert source.absence() == Absence(False)
    source.set_absence(Absence(False))
    with pytest.raises(ItemRefused):
        source.set_absence(Absence(True))
    source.set_absence(WEEK)
    assert source.absence() == WEEK
    source.set_absence(WEEK)
    source.set_absence(Absence(False, "Bin weg"))
    assert source.absence() == Absence(False, "Bin weg", WEEK.start, WEEK.end)
    source.set_absence(Absence(True))
    assert source.absence() == Absence(True, "Bin weg")


def test_a_user_without_a_mail_filter_has_no_notice(canned, canned_source) -> None:
    source = canned_source()
    assert source.absence() is None  # the module is not known
    with pytest.raises(ItemRefused):
        source.set_absence(Absence(False))
    canned.on("mailfilter/v2?list", error("SVL-0016", "PERMISSION_DENIED"))
    assert source.absence() is None


def test_a_zone_that_nobody_knows_is_utc(canned, canned_source) -> None:
    canned.on("mailfilter?list", {"data": [7, rule(bound("ge", CHRISTMAS))]})
    canned.on("config/timezone", {"data": "../etc"})
    source = canned_source()
    start = datetime(2026, 12, 24, tzinfo=UTC)
    assert source.absence() == Absence(True, "Bin weg", start)
    canned.on("mailfilter?list", {"data": "nothing"})
    assert source.absence() == Absence(False)
