"""Appointments of OX as USM's fields, where OX or a device is unusual; the usual is in ``test_calendar``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.ox.mapping import calendar as legacy
from app.ox.mapping import calendar_chronos as chronos
from app.ox.mapping.calendar import People, Person
from app.ox.mapping.calendar_event import Series, milliseconds, settled
from app.usm.content import Attendee, AttendeeRole, Busy, Occurrence, Pattern, Recurrence, Reply, Sensitivity

ME = 3
START = datetime(2026, 7, 6, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEOPLE = People(
    ME,
    {
        (1, ME): Person(1, ME, "anton@example.org", "Anton"),
        (1, 4): Person(1, 4, "berta@example.org", "Berta"),
        (1, 5): Person(1, 5, "caesar@example.org", "Cäsar"),
        (3, 7): Person(3, 7, "room@example.org", "Room"),
        (3, 8): Person(3, 8, "", "Beamer"),
    },
)


def row(**values):
    """A row of the module ``calendar``: ``_201=…``."""
    given = {int(name[1:]): value for name, value in values.items()}
    times = {201: milliseconds(START), 202: milliseconds(START + HOUR)}
    return {**dict.fromkeys((*legacy.COLUMNS, *legacy.HEAD)), 1: 10, 2: ME, 6: 5, **times, **given}


def raw(**values):
    """An event of ``chronos``."""
    times = {
        "startDate": {"value": "20260706T100000", "tzid": "Europe/Berlin"},
        "endDate": {"value": "20260706T110000", "tzid": "Europe/Berlin"},
    }
    return {"id": "10", "timestamp": 5, **times, **values}


def person(number, **values):
    mail = {ME: "anton", 4: "berta", 5: "caesar"}[number] + "@example.org"
    return {"entity": number, "email": mail, "uri": f"mailto:{mail}", "cuType": "INDIVIDUAL", **values}


# -- heads ---------------------------------------------------------------------------------------------------


def head(**values):
    """A head of the module ``calendar``."""
    (found,) = legacy.heads([[row(**values)[column] for column in legacy.HEAD]])
    return found


LAST = milliseconds(START + HOUR)


def test_a_head_that_makes_no_sense_never_ends():
    assert head(_201=None).ends is None
    assert head(_202="soon").ends is None
    assert head(_209=9).ends is None
    assert head(_209=9, _222=3).ends is None
    assert head(_209=[1], _222=3).ends is None
    assert head(_209="x", _222=3).ends is None
    assert head(_201=10**18, _202=10**18, _209=1, _222=3).ends is None
    assert chronos.head({"id": 10, "startDate": {"value": "soon"}}).ends is None
    assert chronos.head({"id": 10, "lastModified": 7}).modified == 7
    assert chronos.head({"id": 10}).modified == 0


def test_a_head_ends_with_its_last_occurrence():
    later = milliseconds(START + 2 * DAY + HOUR)
    assert head().ends == LAST
    assert head(_209=1, _215=1).ends is None
    assert head(_209=1, _215=1, _222=3).ends == later
    assert head(_209=1, _215=1, _216=milliseconds(START + 2 * DAY)).ends == later
    assert head(_206=9, _209=1, _215=1).ends == LAST
    assert head(_206=9, _209=1, _215=1, _222=3).ends == LAST
    assert chronos.head(raw()).ends == LAST
    assert chronos.head(raw(rrule="FREQ=DAILY;COUNT=3")).ends == later
    assert chronos.head(raw(rrule="FREQ=DAILY")).ends is None
    assert chronos.head(raw(seriesId="9", rrule="FREQ=DAILY")).ends == LAST


# -- from OX -------------------------------------------------------------------------------------------------


def test_an_appointment_without_times_cannot_be_read():
    with pytest.raises(ValueError, match="no start"):
        legacy.event(row(_202=None), PEOPLE)
    with pytest.raises(KeyError):
        chronos.event({"id": "1"}, ME)


def test_values_that_make_no_sense_are_left_out():
    fields = legacy.event(row(_204="soon", _402="busy", _100="", _227=99, _221="nobody"), PEOPLE).fields
    assert not fields.keys() & {"reminder", "busy", "categories", "attendees", "organizer"}
    fields = chronos.event(raw(categories=7, alarms="no", attachments=None, attendees=["x"]), ME).fields
    assert not fields.keys() & {"reminder", "categories", "attachments", "attendees", "organizer"}


def test_an_event_without_an_end_lasts_no_time_or_a_day():
    timed = raw()
    del timed["endDate"]
    assert chronos.event(timed, ME).duration == timedelta(0)
    assert chronos.event({"id": 1, "startDate": {"value": "20260706"}}, ME).duration == DAY


def test_dates_of_unknown_zones_and_of_utc_are_read():
    assert chronos.when({"value": "20260706T080000Z", "tzid": "Europe/Berlin"}) == (START, False)
    assert chronos.when({"value": "20260706T080000", "tzid": "Mars/Olympus"}) == (START, False)
    assert chronos.when({"value": "20260706T080000"}) == (START, False)
    event = chronos.event(raw(startDate={"value": "20260706T080000", "tzid": "Mars/Olympus"}), ME)
    assert "time_zone" not in event.fields


@pytest.mark.parametrize("text", ["20260706T080000Z", "Europe/Berlin:20260706T100000"])
def test_an_occurrence_has_several_names(text):
    assert chronos.occurrence_of(text) == START
    assert chronos.occurrence_of("20260706") == datetime(2026, 7, 6, tzinfo=UTC)


def test_rooms_and_outsiders_are_attendees_with_what_they_answered():
    fields = legacy.event(
        row(
            _220=[
                {"type": 1, "id": ME},
                {"type": 2, "id": 1},
                {"type": 3, "id": 7},
                {"type": 3, "id": 8},
                {"type": 5, "mail": "gast@example.com", "display_name": "Gast"},
                {"type": 5},
            ],
            _221=[
                {"id": ME, "confirmation": 1},
                {"id": 4, "confirm": 2, "confirmmessage": "nein"},
                {"id": 99},
            ],
            _226=[{"mail": "GAST@example.com", "status": 3, "message": "vielleicht"}],
            _224="anton@example.org",
            _227=ME,
        ),
        PEOPLE,
    ).fields
    assert fields["attendees"] == (
        Attendee("berta@example.org", "Berta", reply=Reply.DECLINED, comment="nein"),
        Attendee("room@example.org", "Room", AttendeeRole.RESOURCE, Reply.ACCEPTED),
        Attendee("gast@example.com", "Gast", reply=Reply.TENTATIVE, comment="vielleicht"),
    )
    assert fields["organized"] is True


def test_a_meeting_of_an_outsider_is_not_the_users_own():
    users = [{"id": ME, "confirmation": 0}]
    outside = [{"type": 5, "mail": "boss@example.com"}]
    fields = legacy.event(row(_224="boss@example.com", _221=users, _220=outside), PEOPLE).fields
    assert [each.mail for each in fields["attendees"]] == ["anton@example.org"]
    assert (fields["organizer"].mail, fields["organized"]) == ("boss@example.com", False)
    assert fields["reply"] is Reply.NONE


def test_rooms_groups_and_people_of_the_same_number_are_not_confused():
    attendees = [
        person(ME, partStat="ACCEPTED"),
        person(4, role="OPT-PARTICIPANT", partStat="TENTATIVE", comment="evtl."),
        {"entity": ME, "cuType": "GROUP", "cn": "Alle", "uri": "urn:uuid:3"},
        {"entity": ME, "cuType": "ROOM", "email": "room@example.org", "cn": "Room", "partStat": "ACCEPTED"},
    ]
    fields = chronos.event(raw(attendees=attendees, organizer=person(ME, cn="Anton")), ME).fields
    assert fields["attendees"] == (
        Attendee("berta@example.org", "", AttendeeRole.OPTIONAL, Reply.TENTATIVE, "evtl."),
        Attendee("room@example.org", "Room", AttendeeRole.RESOURCE, Reply.ACCEPTED),
    )
    assert fields["organized"] is True
    assert "reply" not in fields


def test_an_organizer_from_outside_is_found_among_the_attendees_by_address():
    attendees = [person(ME, partStat="DECLINED"), {"uri": "MAILTO:Boss@example.com"}]
    fields = chronos.event(raw(attendees=attendees, organizer={"uri": "mailto:boss@example.com"}), ME).fields
    assert [each.mail for each in fields["attendees"]] == ["anton@example.org"]
    assert (fields["organized"], fields["reply"]) == (False, Reply.DECLINED)
    assert "attendees" not in chronos.event(raw(attendees=attendees), ME).fields


@pytest.mark.parametrize(
    ("values", "busy"),
    [
        ({}, Busy.BUSY),
        ({"transp": "TRANSPARENT"}, Busy.FREE),
        ({"status": "TENTATIVE"}, Busy.TENTATIVE),
        ({"extendedProperties": {"X-MICROSOFT-CDO-BUSYSTATUS": "oof"}}, Busy.AWAY),
        ({"extendedProperties": {"X-MICROSOFT-CDO-BUSYSTATUS": {"value": "TENTATIVE"}}}, Busy.TENTATIVE),
        (
            {"transp": "TRANSPARENT", "extendedProperties": {"X-MICROSOFT-CDO-BUSYSTATUS": "OOF"}},
            Busy.FREE,
        ),
        ({"extendedProperties": {"X-MICROSOFT-CDO-BUSYSTATUS": "FREE"}}, Busy.BUSY),
    ],
)
def test_busy_is_the_finer_word_where_it_does_not_contradict(values, busy):
    assert chronos.event(raw(**values), ME).fields["busy"] is busy


def alarm(duration=None, **values):
    trigger = {"duration": duration, "related": "START"} if duration else {}
    return {"action": "DISPLAY", "trigger": trigger, **values}


@pytest.mark.parametrize(
    ("alarms", "minutes"),
    [
        ([alarm("-PT15M")], 15),
        ([alarm("-P1D")], 1440),
        ([alarm("-P1W")], 10_080),
        ([alarm("-P1DT2H30M10S")], 1590),
        ([alarm("PT0S")], 0),
        ([alarm("PT15M")], None),
        ([alarm("-PT1H"), alarm("-PT10M"), alarm("-PT5M", action="EMAIL")], 10),
        ([alarm("sometime")], None),
        ([alarm()], None),
        ([{"action": "DISPLAY"}], None),
        ([{"trigger": {"duration": "-PT5M", "related": "END"}}], None),
        ([{"trigger": {"dateTime": "20260706T073000Z"}}], 30),
        ([{"trigger": {"dateTime": "20260706T083000Z"}}], None),
        ([{"trigger": {"dateTime": "whenever"}}], None),
    ],
)
def test_the_reminder_is_the_last_alarm_before_the_start(alarms, minutes):
    assert chronos.event(raw(alarms=alarms), ME).fields.get("reminder") == minutes


def test_files_without_an_id_are_left_out():
    files = [{"managedId": 1, "filename": "a", "size": 3}, {"filename": "b"}, {"managedId": 2, "size": "x"}]
    found = chronos.event(raw(attachments=files), ME).fields["attachments"]
    assert [(each.id, each.size) for each in found] == [("10.1", 3), ("10.2", 0)]


def test_a_cancelled_event_says_so():
    assert chronos.event(raw(status="CANCELLED"), ME).fields["cancelled"] is True


def test_an_occurrence_that_the_user_takes_no_part_in_is_gone_for_them():
    day = milliseconds(datetime(2026, 7, 8, tzinfo=UTC))
    master = legacy.event(row(_209=1, _215=1, _210=[day, None], _211="x"), PEOPLE)
    assert Series(master).fields()["exceptions"] == (Occurrence(START + 2 * DAY, deleted=True),)


def test_an_exception_whose_place_is_unknown_is_not_shown():
    master = legacy.event(row(_209=1, _215=1), PEOPLE)
    lost = legacy.event(row(_1=11, _206=10), PEOPLE)
    assert legacy.original(master, lost) is None
    assert "exceptions" not in Series(master, (lost,)).fields()


# -- to OX ---------------------------------------------------------------------------------------------------


def test_a_rule_that_no_device_can_be_told_survives_until_the_device_makes_another():
    event = chronos.event(raw(rrule="FREQ=MONTHLY;BYMONTHDAY=1,15"), ME)
    assert event.repeats
    assert "recurrence" not in event.fields
    assert "exceptions" not in Series(event).fields()
    body = chronos.changes(event, {"subject": "Neu", "recurrence": None}, ME, "")
    assert body == {"summary": "Neu"}
    daily = Recurrence(Pattern.DAILY)
    assert chronos.changes(event, {"recurrence": daily}, ME, "") == {"rrule": "FREQ=DAILY"}
    plain = chronos.event(raw(rrule="FREQ=DAILY"), ME)
    assert chronos.changes(plain, {"recurrence": None}, ME, "") == {"rrule": None}


def test_alarms_that_no_device_shows_survive_a_change_of_the_reminder():
    mail = alarm("-P1D", action="EMAIL", id=1)
    alarms = [mail, alarm("-PT1H", id=2), alarm("-PT15M", id=3, acknowledged=9)]
    event = chronos.event(raw(alarms=alarms), ME)
    changed = chronos.changes(event, {"reminder": 5}, ME, "")["alarms"]
    assert changed == [mail, alarms[1], alarm("-PT5M", id=3)]
    assert chronos.changes(event, {"reminder": None}, ME, "") == {"alarms": [mail]}
    assert chronos.changes(event, {"reminder": 15}, ME, "") == {}
    only_mail = chronos.event(raw(alarms=[mail]), ME)
    assert chronos.changes(only_mail, {"reminder": 0}, ME, "")["alarms"] == [mail, alarm("-PT0M")]
    quiet = chronos.event(raw(alarms=[alarm("-PT15M")]), ME)
    assert chronos.changes(quiet, {"reminder": None}, ME, "") == {"alarms": None}


def test_other_extended_properties_survive_a_change_of_busy():
    event = chronos.event(raw(extendedProperties={"X-OTHER": "kept"}), ME)
    changed = chronos.changes(event, {"busy": Busy.ELSEWHERE}, ME, "")
    assert changed == {
        "transp": "TRANSPARENT",
        "extendedProperties": {
            "X-OTHER": "kept",
            "X-MICROSOFT-CDO-BUSYSTATUS": {"value": "WORKINGELSEWHERE"},
        },
    }
    assert chronos.changes(event, {"busy": None}, ME, "") == {}
    assert chronos.changes(event, {"busy": Busy.FREE}, ME, "") == {"transp": "TRANSPARENT"}


def test_cleared_fields_get_what_ox_has_in_their_place():
    event = chronos.event(raw(summary="A", categories=["x"], **{"class": "PRIVATE"}), ME)
    cleared = dict.fromkeys(("subject", "categories", "sensitivity"))
    assert chronos.changes(event, cleared, ME, "") == {
        "summary": None,
        "categories": None,
        "class": "PUBLIC",
    }
    old = legacy.event(row(_200="A", _204=5, _101=True, _402=4), PEOPLE)
    cleared = dict.fromkeys(("subject", "reminder", "sensitivity", "busy", "uid"))
    assert legacy.changes(old, cleared) == {
        "title": None,
        "alarm": -1,
        "private_flag": False,
        "shown_as": 1,
    }
    assert legacy.changes(old, {"sensitivity": Sensitivity.PERSONAL}) == {}


def test_guests_keep_what_ox_knows_of_them_and_groups_stay_as_long_as_anybody_does():
    group = {"entity": 1, "cuType": "GROUP", "cn": "Alle", "uri": "urn:uuid:1"}
    berta = person(4, partStat="ACCEPTED", comment="Gern")
    event = chronos.event(raw(attendees=[person(ME), berta, group], organizer=person(ME)), ME)
    guests = (
        Attendee("BERTA@example.org", role=AttendeeRole.OPTIONAL),
        Attendee("neu@example.com", "Neu"),
        Attendee("NEU@example.com"),
        Attendee("raum@example.com", role=AttendeeRole.RESOURCE),
    )
    written = chronos.changes(event, {"attendees": guests}, ME, "anton@example.org")["attendees"]
    assert written[:3] == [person(ME), group, {**berta, "role": "OPT-PARTICIPANT"}]
    assert [(each["uri"], each["cuType"], each.get("cn")) for each in written[3:]] == [
        ("mailto:neu@example.com", "INDIVIDUAL", "Neu"),
        ("mailto:raum@example.com", "RESOURCE", None),
    ]
    same = event.fields["attendees"][0]
    kept = chronos.attendees_of((same, guests[1]), event.raw, ME, "")["attendees"]
    assert berta in kept
    assert chronos.changes(event, {"attendees": None}, ME, "") == {"attendees": [person(ME)]}


def test_a_group_stays_while_all_its_members_do():
    users = [{"id": ME}, {"id": 4}, {"id": 5}]
    group = {"type": 2, "id": 1}
    before = legacy.event(row(_220=[{"type": 1, "id": ME}, group], _221=users, _227=ME), PEOPLE).raw
    found = {each.mail: each for each in PEOPLE.known.values()}

    def written(*mails):
        return legacy.participants_of([Attendee(mail) for mail in mails], before, PEOPLE, found)

    me, berta, caesar = ({"type": 1, "id": number} for number in (ME, 4, 5))
    assert written("berta@example.org", "caesar@example.org") == [me, group]
    assert written("berta@example.org") == [berta, me]
    outsider = {"type": 5, "mail": "x@example.com"}
    assert written("caesar@example.org", "x@example.com") == [caesar, outsider, me]


def test_a_new_meeting_includes_its_owner():
    guest = Attendee("x@example.com", "X")
    assert legacy.participants_of([guest], {}, PEOPLE, {}) == [
        {"type": 5, "mail": "x@example.com", "display_name": "X"},
        {"type": 1, "id": ME},
    ]


def test_a_guest_from_outside_keeps_his_name_if_none_is_said():
    before = {"220": [{"type": 5, "mail": "X@example.com", "display_name": "X"}], "20": ME}
    for name, kept in (("", "X"), ("Y", "Y")):
        (guest, _) = legacy.participants_of([Attendee("x@example.com", name)], before, PEOPLE, {})
        assert guest == {"type": 5, "mail": "x@example.com", "display_name": kept}


def test_times_that_are_not_known_are_not_written():
    assert legacy.times_of({}, {}) == {"full_time": False}
    assert chronos.times_of({}, {}, "UTC") == {}
    assert settled({}, {"start": START})["end"] is None


def test_an_unknown_zone_is_written_as_utc():
    times = chronos.times_of({}, {"start": START, "end": START + HOUR, "time_zone": "Mars/Olympus"}, "UTC")
    assert times["startDate"] == {"value": "20260706T080000", "tzid": "UTC"}


def test_the_zone_of_a_single_appointment_changes_only_when_it_moves():
    event = legacy.event(row(_408="Europe/Berlin"), PEOPLE)
    assert legacy.changes(event, {"time_zone": "America/New_York"}) == {}
    moved = legacy.changes(event, {"time_zone": "America/New_York", "start": START + HOUR})
    assert moved["timezone"] == "America/New_York"


def test_a_reminder_of_what_has_no_start_is_not_written():
    assert chronos.body_of({"reminder": 5, "uid": "x"}, {}, None) == {}


def test_the_limits_of_a_range_are_moments():
    assert chronos.day_text(START.date()) == "20260706T000000Z"
