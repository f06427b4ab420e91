"""Appointments against the stand-in OX of every generation: by ``calendar`` on 6 and 7, by ``chronos`` on 8."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from functools import partial

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.content import (
    CALENDAR_FIELDS,
    LAST,
    Attendee,
    AttendeeRole,
    Busy,
    Occurrence,
    Pattern,
    Recurrence,
    Reply,
    Sensitivity,
    Upload,
)
from app.usm.errors import FolderGone, ItemConflict, ItemGone, ItemRefused, UsmError
from app.usm.model import Body, BodyKind, ContentType, Credentials, Device, FolderRef, FolderRole, Item
from tests.ox.standin import StandIn, SystemClock, WebUser, make_data

ANTON, BERTA = "anton@example.org", "berta@example.org"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = "Europe/Berlin"
MONDAYS = Recurrence(Pattern.WEEKLY, weekdays=(0,), count=8)
FIRST = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)
"""Eleven o'clock in Berlin, three Mondays before the clocks change."""
BEFORE, AFTER = datetime(2026, 10, 19, 9, 0, tzinfo=UTC), datetime(2026, 10, 26, 10, 0, tzinfo=UTC)
"""Occurrences on both sides of the change."""

_uids = (f"test-uid-{number}" for number in itertools.count())


@pytest.fixture(scope="module", params=["6", "7", "8"])
def ox(request, tmp_path_factory):
    data = make_data(tmp_path_factory.mktemp(f"calendar{request.param}"), "empty")
    running = StandIn(data, request.param)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def provider(ox):
    made = OxSourceProvider(OxSettings(ox.url), SystemClock())
    yield made
    made.close()


def opened(provider, login=ANTON):
    return provider.open(Credentials(login, "secret"), Device("EAS", "phone"))


@pytest.fixture
def source(provider):
    return opened(provider)


def default_calendar(source):
    found = [
        each
        for each in source.folders()
        if each.content is ContentType.CALENDAR and each.role is FolderRole.DEFAULT
    ]
    return FolderRef(1, found[0].id, ContentType.CALENDAR)


@pytest.fixture
def folder(source):
    return default_calendar(source)


@pytest.fixture(scope="module")
def web(ox):
    user = WebUser(ox, ANTON)
    yield user
    user.close()


def plain(**values):
    fields = {
        "subject": "Besprechung",
        "start": FIRST,
        "end": FIRST + HOUR,
        "all_day": False,
        "time_zone": BERLIN,
        "busy": Busy.BUSY,
        "sensitivity": Sensitivity.NORMAL,
    }
    return {**fields, **values}


def weekly(**values):
    return plain(subject="Wöchentlich", recurrence=MONDAYS, **values)


_made = []


def created(source, folder, fields):
    written = source.create(folder, fields, next(_uids))
    _made.append((source, folder, written.id))
    return written


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Calendars stay small: the stand-in works out every occurrence of what is in them."""
    yield
    for source, folder, item_id in _made:
        with suppress(UsmError):
            source.delete(folder, item_id, None, to_trash=True)
    _made.clear()


def fields_of(source, folder, item_id):
    item = source.read(folder, [item_id], ())[item_id]
    assert isinstance(item, Item), item
    assert item.fields.keys() <= CALENDAR_FIELDS.keys()
    assert item.stamp == source.listing(folder, None).stamps[item_id]
    return dict(item.fields)


def told(fields, *names):
    return {name: fields.get(name) for name in names}


# -- reading -------------------------------------------------------------------------------------------------


@pytest.fixture
def several(source, folder):
    """Appointments of every kind, gone by and to come."""
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    past, future = today - 30 * DAY, today + 30 * DAY
    rule = Recurrence(Pattern.DAILY, interval=3)
    dated = partial(plain, time_zone="UTC")
    moved = Occurrence(past + 3 * DAY, fields={"start": past + 4 * DAY, "end": past + 4 * DAY + HOUR})
    kinds = {
        "past": dated(start=past, end=past + HOUR),
        "future": dated(start=future, end=future + HOUR),
        "day": dated(start=past.replace(hour=0), end=past.replace(hour=0) + DAY, all_day=True),
        "over": dated(start=past, end=past + HOUR, recurrence=Recurrence(Pattern.DAILY, count=3)),
        "ended": dated(
            start=past, end=past + HOUR, recurrence=Recurrence(Pattern.DAILY, until=(today - 2 * DAY).date())
        ),
        "goes on": dated(start=past, end=past + HOUR, recurrence=rule, exceptions=(moved,)),
        "ends later": dated(start=past, end=past + HOUR, recurrence=Recurrence(Pattern.DAILY, count=50)),
    }
    return {name: created(source, folder, fields).id for name, fields in kinds.items()}


def test_all_that_is_listed_can_be_read_under_the_stamps_that_are_listed(source, folder, several):
    before = source.cost.calls
    listing = source.listing(folder, None)
    assert source.cost.calls - before == 1
    items = source.read(folder, list(listing.stamps), ())
    assert {item_id: item.stamp for item_id, item in items.items()} == dict(listing.stamps)
    assert listing.stamps.keys() >= set(several.values())
    assert items[several["goes on"]].fields["exceptions"]
    order = list(listing.stamps)
    assert order.index(several["goes on"]) < order.index(several["future"]) < order.index(several["past"])


@pytest.mark.requirement("MS-ASCMD", 2971, 5877, 5878)
def test_what_ended_before_lies_outside_and_a_series_that_goes_on_does_not(source, folder, several):
    everything, some = source.listing(folder, None), source.listing(folder, datetime.now(UTC) - DAY)
    assert some.stamps.keys() | some.outside == everything.stamps.keys()
    names = {item_id: name for name, item_id in several.items()}
    assert {names.get(each) for each in some.outside} - {None} == {"past", "day", "over", "ended"}
    assert {names.get(each) for each in some.stamps} - {None} == {"future", "goes on", "ends later"}


def test_a_series_lies_outside_once_its_last_occurrence_has_ended(source, folder):
    written = created(source, folder, weekly())
    last = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    assert written.id in source.listing(folder, last + HOUR).stamps
    assert written.id in source.listing(folder, last + HOUR + timedelta(seconds=1)).outside
    moved = {"start": last + 7 * DAY, "end": last + 7 * DAY + HOUR}
    source.update(folder, written.id, moved, None, last)
    assert written.id in source.listing(folder, last + 7 * DAY).stamps
    source.delete(folder, written.id, None, to_trash=True)


def test_a_folder_that_is_not_there_is_gone(source):
    with pytest.raises(FolderGone):
        source.listing(FolderRef(9, "99999", ContentType.CALENDAR), None)


def test_what_is_gone_is_left_out_of_what_is_read(source, folder):
    written = created(source, folder, plain())
    kept = created(source, folder, plain())
    source.delete(folder, written.id, None, to_trash=True)
    assert set(source.read(folder, [written.id, kept.id], ())) == {kept.id}


def test_a_change_shows_in_the_probe_and_nothing_else_does(source, folder):
    def probe():
        return source.probe([folder])[folder.id]

    before = probe()
    assert probe() == before
    written = created(source, folder, weekly())
    made = probe()
    assert made != before
    source.update(folder, written.id, {"subject": "Anders"}, None, BEFORE)
    changed = probe()
    assert changed != made
    source.delete(folder, written.id, None, to_trash=True)
    assert probe() != changed


# -- single appointments -------------------------------------------------------------------------------------


def test_every_field_comes_back_as_it_was_written(source, folder):
    fields = plain(
        location="Raum 7",
        body=Body(BodyKind.TEXT, "Tagesordnung\nzweite Zeile"),
        reminder=30,
        busy=Busy.TENTATIVE,
        categories=("Projekt", "Wichtig"),
    )
    written = created(source, folder, fields)
    assert not written.altered
    now = fields_of(source, folder, written.id)
    assert {name: now.get(name) for name in fields} == fields
    assert now["uid"]
    assert "attendees" not in now
    assert "organizer" not in now


@pytest.mark.parametrize("busy", list(Busy))
def test_busy_states_come_back_but_one_that_older_generations_lack(source, folder, ox, busy):
    written = created(source, folder, plain(busy=busy))
    lacking = busy is Busy.ELSEWHERE and ox.generation != "8"
    assert fields_of(source, folder, written.id)["busy"] is (Busy.AWAY if lacking else busy)


@pytest.mark.parametrize("sensitivity", list(Sensitivity))
def test_what_is_not_for_everybody_stays_so(source, folder, sensitivity):
    written = created(source, folder, plain(sensitivity=sensitivity))
    now = fields_of(source, folder, written.id)["sensitivity"]
    assert (now is Sensitivity.NORMAL) == (sensitivity is Sensitivity.NORMAL)


def test_whole_days_are_days_whatever_the_zone(source, folder):
    start = datetime(2026, 3, 28, tzinfo=UTC)
    written = created(source, folder, plain(start=start, end=start + 2 * DAY, all_day=True))
    now = fields_of(source, folder, written.id)
    assert told(now, "start", "end", "all_day") == {"start": start, "end": start + 2 * DAY, "all_day": True}


def test_a_whole_day_without_length_lasts_a_day(source, folder):
    start = datetime(2026, 3, 28, tzinfo=UTC)
    written = created(source, folder, plain(start=start, end=start, all_day=True))
    assert fields_of(source, folder, written.id)["end"] == start + DAY


def test_an_appointment_becomes_a_whole_day_and_an_hour_again(source, folder):
    written = created(source, folder, plain())
    day = datetime(2026, 10, 5, tzinfo=UTC)
    source.update(folder, written.id, {"all_day": True, "start": day, "end": day + DAY}, None)
    now = fields_of(source, folder, written.id)
    assert told(now, "start", "end", "all_day") == {"start": day, "end": day + DAY, "all_day": True}
    back = {"all_day": False, "start": FIRST, "end": FIRST + HOUR, "time_zone": BERLIN}
    source.update(folder, written.id, back, None)
    assert told(fields_of(source, folder, written.id), *back) == back


def test_only_what_is_named_changes_and_none_clears(source, folder):
    fields = plain(location="Raum 7", reminder=10, categories=("A",), body=Body(BodyKind.TEXT, "Text"))
    written = created(source, folder, fields)
    before = fields_of(source, folder, written.id)
    changed = source.update(folder, written.id, {"location": "Raum 8"}, written.stamp)
    assert not changed.altered
    now = fields_of(source, folder, written.id)
    assert {name for name in now if now[name] != before.get(name)} == {"location", "modified"}
    clear = dict.fromkeys(("location", "reminder", "categories", "body"))
    source.update(folder, written.id, clear, changed.stamp)
    assert not fields_of(source, folder, written.id).keys() & clear.keys()


def test_what_is_written_as_it_is_costs_no_change(source, folder, ox):
    written = created(source, folder, weekly(location="Raum 7", body=Body(BodyKind.TEXT, "Text")))
    before = fields_of(source, folder, written.id)
    same = {name: value for name, value in before.items() if name not in ("modified", "uid")}
    again = source.update(folder, written.id, {**same, "time_zone": "Europe/Vienna"}, written.stamp)
    assert again.stamp == written.stamp
    assert not again.altered


def test_without_a_title_ox_gets_one_and_the_device_hears_of_it(source, folder):
    fields = plain()
    del fields["subject"]
    written = created(source, folder, fields)
    assert written.altered
    assert fields_of(source, folder, written.id)["subject"]
    changed = source.update(folder, written.id, {"subject": None}, written.stamp)
    assert changed.altered


def test_an_appointment_without_times_is_refused(source, folder):
    with pytest.raises(ItemRefused):
        created(source, folder, {"subject": "Irgendwann"})


def test_it_keeps_the_uid_that_a_device_gives_it_and_is_found_by_the_mark_otherwise(source, folder):
    mark = next(_uids)
    own = source.create(folder, plain(uid="040000008200E00074C5B7101A82E008"), mark)
    assert fields_of(source, folder, own.id)["uid"] == "040000008200E00074C5B7101A82E008"
    marked = source.create(folder, weekly(), mark)
    assert source.find_created(folder, [mark, "never"]) == {mark: marked}
    assert source.find_created(folder, []) == {}


def test_the_same_uid_again_is_the_same_appointment_and_what_it_lacked_is_added(source, folder):
    uid = next(_uids)
    first = source.create(folder, weekly(uid=uid), next(_uids))
    whole = weekly(uid=uid, exceptions=(Occurrence(BEFORE, deleted=True),))
    again = source.create(folder, whole, next(_uids))
    assert again.id == first.id
    assert again.altered
    now = fields_of(source, folder, first.id)
    assert now["exceptions"] == (Occurrence(BEFORE, deleted=True),)
    assert len([each for each in source.listing(folder, None).stamps if each == first.id]) == 1


def test_an_older_version_is_a_conflict_and_nothing_is_written(source, folder):
    written = created(source, folder, plain())
    newer = source.update(folder, written.id, {"location": "dort"}, written.stamp)
    for action in (
        lambda: source.update(folder, written.id, {"location": "hier"}, written.stamp),
        lambda: source.delete(folder, written.id, written.stamp, to_trash=True),
    ):
        with pytest.raises(ItemConflict):
            action()
    assert fields_of(source, folder, written.id)["location"] == "dort"
    source.delete(folder, written.id, newer.stamp, to_trash=True)
    with pytest.raises(ItemGone):
        source.update(folder, written.id, {"location": "hier"}, None)


def test_a_time_that_is_taken_stops_nobody(source, folder):
    ids = {created(source, folder, plain(subject=f"Zugleich {number}")).id for number in range(2)}
    assert len(ids) == 2
    for each in ids:
        source.update(folder, each, {"start": FIRST + HOUR, "end": FIRST + 2 * HOUR}, None)
        assert fields_of(source, folder, each)["start"] == FIRST + HOUR


def test_a_moved_start_takes_the_end_along(source, folder):
    written = created(source, folder, plain())
    source.update(folder, written.id, {"start": FIRST + DAY}, None)
    now = fields_of(source, folder, written.id)
    assert told(now, "start", "end") == {"start": FIRST + DAY, "end": FIRST + DAY + HOUR}


# -- series --------------------------------------------------------------------------------------------------

RULES = [
    Recurrence(Pattern.DAILY, interval=2, count=5),
    Recurrence(Pattern.DAILY, until=date(2026, 12, 1)),
    Recurrence(Pattern.WEEKLY, interval=3, weekdays=(0, 3), until=date(2027, 1, 31)),
    Recurrence(Pattern.MONTHLY_BY_DAY, day=5),
    Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(0,), week=1, count=4),
    Recurrence(Pattern.MONTHLY_BY_WEEKDAY, interval=2, weekdays=(0, 1, 2, 3, 4), week=LAST),
    Recurrence(Pattern.YEARLY_BY_DAY, day=5, month=10, count=3),
    Recurrence(Pattern.YEARLY_BY_WEEKDAY, weekdays=(0,), week=1, month=10),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.pattern}-{rule.interval}")
def test_every_rule_comes_back(source, folder, rule):
    written = created(source, folder, plain(recurrence=rule))
    assert fields_of(source, folder, written.id)["recurrence"] == rule


def test_rules_become_other_rules_and_none(source, folder):
    written = created(source, folder, weekly())
    for rule in (
        Recurrence(Pattern.WEEKLY, weekdays=(0,)),
        Recurrence(Pattern.WEEKLY, weekdays=(0, 2), until=date(2026, 12, 31)),
        Recurrence(Pattern.MONTHLY_BY_DAY, day=5, count=3),
    ):
        source.update(folder, written.id, {"recurrence": rule}, None)
        assert fields_of(source, folder, written.id)["recurrence"] == rule
    source.update(folder, written.id, {"recurrence": None}, None)
    now = fields_of(source, folder, written.id)
    assert "recurrence" not in now
    assert now["start"] == FIRST
    source.update(folder, written.id, {"recurrence": MONDAYS}, None)
    assert fields_of(source, folder, written.id)["recurrence"] == MONDAYS


def test_exceptions_over_a_change_of_the_clocks_come_back(source, folder):
    exceptions = (
        Occurrence(BEFORE, fields={"start": BEFORE + HOUR, "end": BEFORE + 3 * HOUR, "subject": "Länger"}),
        Occurrence(AFTER, deleted=True),
        Occurrence(AFTER + 7 * DAY, fields={"location": "Anderswo"}),
    )
    written = created(source, folder, weekly(exceptions=exceptions))
    assert not written.altered
    assert fields_of(source, folder, written.id)["exceptions"] == exceptions


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Pacific/Auckland", datetime(2026, 9, 20, 19, 30, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 10, 30, 1, 30, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 10, 30, 20, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 23, 22, 30, tzinfo=UTC)),
    ],
)
def test_occurrences_whose_day_is_another_one_in_utc_are_the_right_ones(source, folder, zone, start):
    from zoneinfo import ZoneInfo

    local = start.astimezone(ZoneInfo(zone))
    third, fifth = (
        (local.replace(tzinfo=None) + number * DAY).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for number in (2, 4)
    )
    rule = Recurrence(Pattern.DAILY, count=9)
    fields = plain(start=start, end=start + HOUR, time_zone=zone, recurrence=rule)
    written = created(source, folder, fields)
    source.delete(folder, written.id, None, to_trash=True, occurrence=third)
    source.update(folder, written.id, {"subject": "Anders"}, None, fifth)
    exceptions = fields_of(source, folder, written.id)["exceptions"]
    assert exceptions == (Occurrence(third, deleted=True), Occurrence(fifth, fields={"subject": "Anders"}))


def test_whole_day_series_have_exceptions_too(source, folder):
    start = datetime(2026, 3, 23, tzinfo=UTC)
    fields = weekly(start=start, end=start + DAY, all_day=True)
    written = created(source, folder, fields)
    source.delete(folder, written.id, None, to_trash=True, occurrence=start + 7 * DAY)
    moved = {"start": start + 15 * DAY, "end": start + 16 * DAY}
    source.update(folder, written.id, moved, None, start + 14 * DAY)
    assert fields_of(source, folder, written.id)["exceptions"] == (
        Occurrence(start + 7 * DAY, deleted=True),
        Occurrence(start + 14 * DAY, fields=moved),
    )


def test_any_change_of_an_exception_changes_the_stamp_of_the_series(source, folder):
    written = created(source, folder, weekly())
    stamps = [written.stamp]
    steps = (
        lambda: source.update(folder, written.id, {"subject": "Anders"}, stamps[-1], BEFORE),
        lambda: source.update(folder, written.id, {"subject": "Wieder anders"}, stamps[-1], BEFORE),
        lambda: source.delete(folder, written.id, stamps[-1], to_trash=True, occurrence=BEFORE),
        lambda: source.delete(folder, written.id, stamps[-1], to_trash=True, occurrence=AFTER),
    )
    for step in steps:
        answer = step()
        now = source.listing(folder, None).stamps[written.id]
        assert answer is None or answer.stamp == now
        stamps.append(now)
    assert len(set(stamps)) == len(stamps)
    gone = (Occurrence(BEFORE, deleted=True), Occurrence(AFTER, deleted=True))
    assert fields_of(source, folder, written.id)["exceptions"] == gone


def test_an_exception_changed_at_the_web_is_a_conflict_for_the_series(source, folder, web, ox):
    written = created(source, folder, weekly())
    stamp = source.update(folder, written.id, {"subject": "Anders"}, None, BEFORE).stamp
    other = opened_again(source, folder)
    other.update(folder, written.id, {"location": "Web"}, None, BEFORE)
    with pytest.raises(ItemConflict):
        source.update(folder, written.id, {"subject": "Ganz anders"}, stamp)


def opened_again(source, folder):
    """Another request of the same user."""
    made = type(source)(source._context)
    made.listing(folder, None)
    return made


def test_a_deleted_occurrence_can_be_deleted_again_but_not_changed(source, folder):
    written = created(source, folder, weekly())
    for _ in range(2):
        source.delete(folder, written.id, None, to_trash=True, occurrence=BEFORE)
    with pytest.raises(ItemRefused):
        source.update(folder, written.id, {"subject": "Anders"}, None, BEFORE)
    with pytest.raises(ItemRefused):
        source.update(folder, written.id, {"subject": "Anders"}, None, BEFORE + DAY)
    single = created(source, folder, plain())
    with pytest.raises(ItemRefused):
        source.delete(folder, single.id, None, to_trash=True, occurrence=FIRST)
    with pytest.raises(ItemRefused):
        source.update(folder, single.id, {"subject": "Anders"}, None, FIRST)


def test_a_device_that_sends_all_exceptions_changes_only_those_that_differ(source, folder):
    first = Occurrence(BEFORE, fields={"start": BEFORE + HOUR, "end": BEFORE + 2 * HOUR, "subject": "Später"})
    written = created(source, folder, weekly(exceptions=(first,)))
    back = Occurrence(BEFORE, fields={"subject": "Später"})
    added = Occurrence(AFTER, deleted=True)
    changed = source.update(folder, written.id, {"exceptions": (back, added)}, written.stamp)
    assert not changed.altered
    assert fields_of(source, folder, written.id)["exceptions"] == (back, added)
    again = source.update(folder, written.id, {"exceptions": (back, added)}, changed.stamp)
    assert again.stamp == changed.stamp


def test_exceptions_that_a_device_does_not_mention_stay_and_it_gets_them_again(source, folder):
    kept = (Occurrence(BEFORE, deleted=True), Occurrence(AFTER, fields={"subject": "Anders"}))
    written = created(source, folder, weekly(exceptions=kept))
    other = Occurrence(AFTER + 7 * DAY, deleted=True)
    changed = source.update(folder, written.id, {"exceptions": (other,)}, written.stamp)
    assert changed.altered
    assert fields_of(source, folder, written.id)["exceptions"] == (*kept, other)


def test_an_exception_takes_over_what_changes_for_the_series(source, folder):
    moved = Occurrence(BEFORE, fields={"start": BEFORE + HOUR, "end": BEFORE + 2 * HOUR})
    named = Occurrence(AFTER, fields={"subject": "Eigener Titel"})
    written = created(source, folder, weekly(exceptions=(moved, named)))
    changed = source.update(folder, written.id, {"subject": "Neuer Titel"}, written.stamp)
    now = fields_of(source, folder, written.id)
    assert now["subject"] == "Neuer Titel"
    assert now["exceptions"] == (moved, named)
    assert changed.stamp == source.listing(folder, None).stamps[written.id]


def test_a_series_that_moves_is_sent_again_if_it_has_exceptions(source, folder):
    written = created(source, folder, weekly(exceptions=(Occurrence(BEFORE, deleted=True),)))
    later = {"start": FIRST + HOUR, "end": FIRST + 2 * HOUR}
    changed = source.update(folder, written.id, later, written.stamp)
    assert changed.altered
    assert fields_of(source, folder, written.id)["start"] == FIRST + HOUR


def test_a_new_rule_and_its_exceptions_are_written_together(source, folder):
    written = created(source, folder, weekly(exceptions=(Occurrence(BEFORE, deleted=True),)))
    rule = Recurrence(Pattern.DAILY, count=30)
    exception = Occurrence(AFTER + DAY, fields={"subject": "Dienstag"})
    source.update(folder, written.id, {"recurrence": rule, "exceptions": (exception,)}, None)
    now = fields_of(source, folder, written.id)
    assert now["recurrence"] == rule
    assert exception in now["exceptions"]


def test_a_series_is_deleted_with_its_exceptions(source, folder):
    exceptions = (Occurrence(BEFORE, fields={"subject": "Anders"}),)
    before = set(source.listing(folder, None).stamps)
    written = created(source, folder, weekly(exceptions=exceptions))
    assert set(source.listing(folder, None).stamps) == before | {written.id}
    source.delete(folder, written.id, written.stamp, to_trash=True)
    assert set(source.listing(folder, None).stamps) == before


def test_an_exception_that_somebody_deletes_meanwhile_does_not_hide_its_series(provider, source, folder):
    exceptions = (Occurrence(BEFORE, fields={"subject": "Anders"}),)
    written = created(source, folder, weekly(exceptions=exceptions))
    source.listing(folder, None)
    other = opened_again(source, folder)
    other.delete(folder, written.id, None, to_trash=True, occurrence=BEFORE)
    now = source.read(folder, [written.id], ())[written.id]
    assert now.fields["exceptions"] == (Occurrence(BEFORE, deleted=True),)


# -- others --------------------------------------------------------------------------------------------------

GUESTS = (Attendee(BERTA, "Berta Björnsen"), Attendee("gast@example.com", "Gast"))


def invited(fields):
    return {(each.mail, each.role) for each in fields.get("attendees", ())}


def test_a_meeting_tells_who_is_invited_by_whom(provider, source, folder):
    written = created(source, folder, plain(attendees=GUESTS))
    now = fields_of(source, folder, written.id)
    assert invited(now) == {(BERTA, AttendeeRole.REQUIRED), ("gast@example.com", AttendeeRole.REQUIRED)}
    assert (now["organizer"].mail, now["organized"]) == (ANTON, True)
    assert "reply" not in now
    berta = opened(provider, BERTA)
    hers = default_calendar(berta)
    seen = fields_of(berta, hers, written.id)
    assert (seen["organizer"].mail, seen["organized"], seen["reply"]) == (ANTON, False, Reply.NONE)
    assert BERTA in {each.mail for each in seen["attendees"]}


def test_replies_reach_the_organizer_with_their_comment(provider, source, folder):
    written = created(source, folder, plain(attendees=GUESTS))
    berta = opened(provider, BERTA)
    hers = default_calendar(berta)
    for reply in (Reply.TENTATIVE, Reply.ACCEPTED):
        assert berta.reply(hers, written.id, reply, "Gern") == written.id
        assert fields_of(berta, hers, written.id)["reply"] is reply
        now = fields_of(source, folder, written.id)
        answer = next(each for each in now["attendees"] if each.mail == BERTA)
        assert (answer.reply, answer.comment) == (reply, "Gern")


def test_a_reply_to_one_occurrence_is_for_that_one(provider, source, folder):
    written = created(source, folder, weekly(attendees=GUESTS))
    berta = opened(provider, BERTA)
    hers = default_calendar(berta)
    berta.reply(hers, written.id, Reply.ACCEPTED)
    berta.reply(hers, written.id, Reply.DECLINED, occurrence=AFTER)
    berta.reply(hers, written.id, Reply.TENTATIVE, occurrence=AFTER)
    now = fields_of(berta, hers, written.id)
    assert now["reply"] is Reply.ACCEPTED
    (exception,) = now["exceptions"]
    assert exception.original == AFTER
    assert exception.fields["reply"] is Reply.TENTATIVE


def test_guests_come_and_go_and_those_who_stay_keep_their_replies(provider, source, folder):
    written = created(source, folder, plain(attendees=GUESTS))
    berta = opened(provider, BERTA)
    berta.reply(default_calendar(berta), written.id, Reply.ACCEPTED, "Gern")
    guests = (Attendee(BERTA.upper()), Attendee("neu@example.com", "Neu"))
    source.update(folder, written.id, {"attendees": guests}, None)
    now = {each.mail: each for each in fields_of(source, folder, written.id)["attendees"]}
    assert now.keys() == {BERTA, "neu@example.com"}
    assert (now[BERTA].reply, now[BERTA].comment) == (Reply.ACCEPTED, "Gern")
    source.update(folder, written.id, {"attendees": None}, None)
    assert "attendees" not in fields_of(source, folder, written.id)


def test_a_guest_whose_role_is_not_said_stays_what_he_was(provider, source, folder):
    optional = Attendee("frei@example.com", "Frei", AttendeeRole.OPTIONAL)
    written = created(source, folder, plain(attendees=(*GUESTS, optional)))
    before = fields_of(source, folder, written.id)["attendees"]
    named = tuple(Attendee(each.mail, "", AttendeeRole.UNSAID) for each in before)
    source.update(folder, written.id, {"attendees": named, "subject": "B"}, None)
    assert fields_of(source, folder, written.id)["attendees"] == before
    more = (*named, Attendee("neu@example.com", "Neu", AttendeeRole.UNSAID))
    source.update(folder, written.id, {"attendees": more}, None)
    now = fields_of(source, folder, written.id)["attendees"]
    assert set(before) < set(now)
    assert {each.role for each in set(now) - set(before)} == {AttendeeRole.REQUIRED}


def test_who_is_invited_changes_the_reminder_but_not_the_guests(provider, source, folder):
    written = created(source, folder, plain(attendees=GUESTS))
    berta = opened(provider, BERTA)
    hers = default_calendar(berta)
    changed = berta.update(hers, written.id, {"reminder": 45, "attendees": GUESTS[1:]}, None)
    assert changed.altered
    assert fields_of(berta, hers, written.id)["reminder"] == 45
    now = fields_of(source, folder, written.id)
    assert invited(now) == {(each.mail, AttendeeRole.REQUIRED) for each in GUESTS}
    assert "reminder" not in now


def test_those_who_are_invited_hear_of_it_by_mail(provider, source, folder):
    berta = opened(provider, BERTA)
    role = FolderRole.INBOX
    inbox = FolderRef(2, next(each.id for each in berta.folders() if each.role is role), ContentType.MAIL)
    before = set(berta.listing(inbox, None).stamps)
    written = created(source, folder, plain(attendees=GUESTS))
    heard = set(berta.listing(inbox, None).stamps)
    assert len(heard - before) == 1
    source.update(folder, written.id, {"start": FIRST + DAY, "end": FIRST + DAY + HOUR}, None)
    assert len(set(berta.listing(inbox, None).stamps) - heard) == len(heard - before)
    source.update(folder, written.id, {"reminder": 5}, None)
    assert len(set(berta.listing(inbox, None).stamps) - heard) == len(heard - before)


def test_the_same_guests_in_another_order_change_nothing(source, folder):
    written = created(source, folder, plain(attendees=GUESTS))
    again = source.update(folder, written.id, {"attendees": GUESTS[::-1]}, written.stamp)
    assert again.stamp == written.stamp


# -- files ---------------------------------------------------------------------------------------------------


def downloaded(source, folder, item_id, file):
    return b"".join(source.attachment(folder, item_id, file.id).chunks)


def test_files_are_added_read_and_removed(source, folder):
    files = (Upload("c1", "plan.txt", b"der Plan", "text/plain"), Upload("c2", "bild.png", b"\x89PNG" * 9))
    written = created(source, folder, plain(add_attachments=files))
    assert source.listing(folder, None).stamps[written.id] == written.stamp
    now = fields_of(source, folder, written.id)["attachments"]
    assert [(each.name, each.size) for each in now] == [("plan.txt", 8), ("bild.png", 36)]
    assert [downloaded(source, folder, written.id, each) for each in now] == [b"der Plan", b"\x89PNG" * 9]
    more = {"add_attachments": (Upload("c3", "neu.txt", b"neu"),), "remove_attachments": (now[0].id,)}
    changed = source.update(folder, written.id, more, written.stamp)
    assert changed.stamp != written.stamp
    left = fields_of(source, folder, written.id)["attachments"]
    assert {each.name for each in left} == {"bild.png", "neu.txt"}
    with pytest.raises(ItemGone):
        downloaded(source, folder, written.id, now[0])
    with pytest.raises(ItemGone):
        source.attachment(folder, written.id, "no such file")


def test_an_appointment_completed_after_a_crash_gets_no_file_twice(source, folder):
    uid = next(_uids)
    one, two = Upload("c1", "eins.txt", b"1"), Upload("c2", "zwei.txt", b"22")
    first = source.create(folder, plain(uid=uid, add_attachments=(one,)), next(_uids))
    source.create(folder, plain(uid=uid, add_attachments=(one, two)), next(_uids))
    files = fields_of(source, folder, first.id)["attachments"]
    assert sorted(each.name for each in files) == ["eins.txt", "zwei.txt"]


def test_one_occurrence_can_have_a_file_of_its_own(source, folder):
    written = created(source, folder, weekly())
    extra = {"subject": "Mit Datei", "add_attachments": (Upload("c1", "extra.txt", b"extra"),)}
    source.update(folder, written.id, extra, None, BEFORE)
    now = fields_of(source, folder, written.id)
    assert "attachments" not in now
    (exception,) = now["exceptions"]
    (file,) = exception.fields["attachments"]
    assert downloaded(source, folder, written.id, file) == b"extra"
    source.update(folder, written.id, {"remove_attachments": (file.id,)}, None, BEFORE)
    (exception,) = fields_of(source, folder, written.id)["exceptions"]
    assert "attachments" not in exception.fields


def test_an_occurrence_has_the_files_of_its_series(source, folder):
    plan, other = Upload("c1", "plan.txt", b"Plan", "text/plain"), Upload("c2", "b.bin", b"\0\1")
    written = created(source, folder, {**weekly(), "add_attachments": (plan, other)})
    source.update(folder, written.id, {"subject": "Anders"}, None, BEFORE)
    now = fields_of(source, folder, written.id)
    files = {file.name: file for file in now["attachments"]}
    (exception,) = now["exceptions"]
    assert not exception.fields.get("attachments")
    source.update(folder, written.id, {"remove_attachments": (files["plan.txt"].id,)}, None, BEFORE)
    now = fields_of(source, folder, written.id)
    assert {file.name for file in now["attachments"]} == {"plan.txt", "b.bin"}
    (exception,) = now["exceptions"]
    assert {file.name for file in exception.fields.get("attachments") or ()} <= {"b.bin"}


# -- invitations by mail -------------------------------------------------------------------------------------


def invitation(uid, method="REQUEST"):
    """A message of an outsider that invites."""
    calendar = "\r\n".join(
        (
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//test//EN",
            f"METHOD:{method}",
            "BEGIN:VEVENT",
            f"UID:{uid}",
            "DTSTAMP:20261001T080000Z",
            "DTSTART:20261210T090000Z",
            "DTEND:20261210T100000Z",
            "SUMMARY:Von draußen",
            "ORGANIZER;CN=Boss:mailto:boss@example.com",
            f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{ANTON}",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:gast@example.com",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        )
    )
    message = EmailMessage()
    message["From"], message["To"] = "Boss <boss@example.com>", ANTON
    message["Subject"], message["Message-ID"] = "Einladung", f"<{uid}@example.com>"
    message.set_content("Bitte kommen")
    message.add_alternative(calendar.encode(), "text", "calendar", params={"method": method})
    return message.as_bytes()


@pytest.fixture
def inbox(source):
    role = FolderRole.INBOX
    return FolderRef(2, next(each.id for each in source.folders() if each.role is role), ContentType.MAIL)


@pytest.mark.parametrize("reply", [Reply.ACCEPTED, Reply.TENTATIVE])
def test_an_invitation_that_came_by_mail_becomes_an_appointment(source, folder, inbox, ox, reply):
    uid = next(_uids)
    mail = ox.deliver(ANTON, invitation(uid))
    item_id = source.reply(inbox, mail, reply, "Gern")
    _made.append((source, folder, item_id))
    now = fields_of(source, folder, item_id)
    assert told(now, "uid", "reply", "organized", "start") == {
        "uid": uid,
        "reply": reply,
        "organized": False,
        "start": datetime(2026, 12, 10, 9, tzinfo=UTC),
    }
    assert source.reply(folder, item_id, Reply.DECLINED) == item_id
    assert fields_of(source, folder, item_id)["reply"] is Reply.DECLINED


def test_a_declined_invitation_is_answered_too(source, folder, inbox, ox):
    uid = next(_uids)
    mail = ox.deliver(ANTON, invitation(uid))
    item_id = source.reply(inbox, mail, Reply.DECLINED)
    if item_id:
        _made.append((source, folder, item_id))
        assert fields_of(source, folder, item_id)["reply"] is Reply.DECLINED


def test_what_invites_nobody_cannot_be_answered(source, folder, inbox, ox):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "x@example.com", ANTON, "Hallo"
    message.set_content("Nur so")
    mail = ox.deliver(ANTON, message.as_bytes())
    with pytest.raises(ItemRefused):
        source.reply(inbox, mail, Reply.ACCEPTED)
    invites = ox.deliver(ANTON, invitation(next(_uids)))
    with pytest.raises(ItemRefused):
        source.reply(inbox, invites, Reply.NONE)
    cancels = ox.deliver(ANTON, invitation(next(_uids), "CANCEL"))
    with pytest.raises(ItemRefused):
        source.reply(inbox, cancels, Reply.ACCEPTED)
    with pytest.raises(ItemRefused):
        source.reply(FolderRef(3, "1", ContentType.TASKS), "1", Reply.ACCEPTED)


# -- moving --------------------------------------------------------------------------------------------------


@pytest.fixture
def other(source):
    made = source.create_folder(None, f"Kalender {next(_uids)}", ContentType.CALENDAR)
    ref = FolderRef(4, made.id, ContentType.CALENDAR)
    yield ref
    with suppress(UsmError):
        source.delete_folder(ref)


def test_an_appointment_moves_to_another_calendar(source, folder, other):
    written = created(source, folder, plain(location="Raum 7"))
    moved = source.move(folder, written.id, other)
    assert written.id not in source.listing(folder, None).stamps
    assert source.listing(other, None).stamps == {moved.id: moved.stamp}
    assert fields_of(source, other, moved.id)["location"] == "Raum 7"
    with pytest.raises((ItemGone, ItemRefused)):
        source.move(folder, written.id, other)


def test_a_series_stays_where_ox_moves_none(source, folder, other):
    written = created(source, folder, weekly())
    with pytest.raises(ItemRefused):
        source.move(folder, written.id, other)
    assert written.id in source.listing(folder, None).stamps
    assert source.listing(other, None).stamps == {}
