"""What a mail tells of a meeting (``app.ox.mapping.mail_meeting``), and how it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.ox.mapping.mail_meeting import is_calendar, meeting_of
from app.usm.content import (
    Address,
    Attendee,
    AttendeeRole,
    Busy,
    MeetingMessage,
    Pattern,
    Reply,
    Sensitivity,
)
from app.usm.model import Attachment, Body, BodyKind
from tests.ox.canned import Reply as Answer
from tests.ox.canned import error
from tests.ox.conftest import INBOX

ATTENDEES = (
    'ATTENDEE;CN="Anton";ROLE=OPT-PARTICIPANT;PARTSTAT=TENTATIVE:MAILTO:anton@example.org',
    "ATTENDEE;CUTYPE=ROOM:mailto:room@example.org",
    "ATTENDEE;CN=Nobody:invalid",
)


def calendar(*lines, method="REQUEST"):
    event = ("UID:u1", "DTSTAMP:20260101T000000Z", *lines)
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", *([f"METHOD:{method}"] if method else []), "BEGIN:VEVENT")
    return "\r\n".join((*head, *event, "END:VEVENT", "END:VCALENDAR", "")).encode()


TIMED = ("DTSTART;TZID=Europe/Berlin:20260302T100000", "DTEND;TZID=Europe/Berlin:20260302T110000")


def at(hour, day=2):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_an_invitation_tells_all_that_a_mail_shows():
    found = meeting_of(
        calendar(
            *TIMED,
            *ATTENDEES,
            "SUMMARY:Pläne",
            "LOCATION:Raum 1",
            "DESCRIPTION:Zeile 1\\nZeile 2",
            "ORGANIZER;CN=Bea:mailto:bea@example.com",
            "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3",
            "CLASS:PRIVATE",
            "X-MICROSOFT-CDO-INTENDEDSTATUS:OOF",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            "TRIGGER:-PT15M",
            "END:VALARM",
        )
    )
    assert (found.message, found.uid, found.occurrence) == (MeetingMessage.REQUEST, "u1", None)
    fields = dict(found.fields)
    rule = fields.pop("recurrence")
    assert (rule.pattern, rule.weekdays, rule.count) == (Pattern.WEEKLY, (0,), 3)
    assert fields == {
        "subject": "Pläne",
        "location": "Raum 1",
        "body": Body(BodyKind.TEXT, "Zeile 1\nZeile 2"),
        "start": at(9),
        "end": at(10),
        "all_day": False,
        "time_zone": "Europe/Berlin",
        "uid": "u1",
        "modified": datetime(2026, 1, 1, tzinfo=UTC),
        "organizer": Address("bea@example.com", "Bea"),
        "attendees": (
            Attendee("anton@example.org", "Anton", AttendeeRole.OPTIONAL, Reply.TENTATIVE),
            Attendee("room@example.org", "", AttendeeRole.RESOURCE),
        ),
        "sensitivity": Sensitivity.PRIVATE,
        "busy": Busy.AWAY,
        "reminder": 15,
    }


@pytest.mark.parametrize(("word", "fixed"), [("TRUE", True), ("true", True), ("FALSE", False), ("", False)])
def test_an_organizer_may_want_no_other_time(word, fixed):
    assert meeting_of(calendar(*TIMED, f"X-MICROSOFT-DISALLOW-COUNTER:{word}")).fixed is fixed
    assert meeting_of(calendar(*TIMED)).fixed is False


@pytest.mark.parametrize(("number", "updated"), [("0", False), ("", False), ("1", True), ("10", True)])
def test_a_meeting_that_was_sent_before_is_an_update(number, updated):
    assert meeting_of(calendar(*TIMED, f"SEQUENCE:{number}")).updated is updated
    assert meeting_of(calendar(*TIMED)).updated is False


@pytest.mark.parametrize(
    ("lines", "start", "end", "all_day"),
    [
        (("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260304"), at(0), at(0, 4), True),
        (("DTSTART;VALUE=DATE:20260302",), at(0), at(0, 3), True),
        (("DTSTART:20260302T090000Z", "DURATION:PT2H"), at(9), at(11), False),
        (("DTSTART:20260302T090000Z",), at(9), at(9), False),
        (("DTSTART:20260302T090000",), at(9), at(9), False),
        (("DTSTART:20260302T090000Z", "DTEND:20260302T080000Z"), at(9), at(9), False),
    ],
)
def test_when_it_is(lines, start, end, all_day):
    fields = meeting_of(calendar(*lines)).fields
    assert (fields["start"], fields["end"], fields["all_day"]) == (start, end, all_day)
    assert "time_zone" not in fields


def test_what_makes_no_sense_is_left_out():
    fields = meeting_of(
        calendar("DTSTART;VALUE=DATE:99991231", "ORGANIZER:nobody", "RRULE:FREQ=HOURLY")
    ).fields
    assert not {"organizer", "recurrence", "attendees", "busy", "reminder"} & set(fields)
    assert "start" not in meeting_of(calendar("SUMMARY:x")).fields
    assert "start" not in meeting_of(calendar("DTSTART;TZID=Europe/Berlin:00010101T000000")).fields
    two = meeting_of(calendar(*TIMED, "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY")).fields
    assert two["recurrence"].pattern is Pattern.DAILY
    assert "recurrence" not in meeting_of(calendar(*TIMED, "RRULE:FREQ=NONSENSE")).fields
    assert meeting_of(calendar(*TIMED, "TRANSP:TRANSPARENT")).fields["busy"] is Busy.FREE


@pytest.mark.parametrize(
    ("lines", "meets", "proposed"),
    [
        (TIMED, (at(9), at(10)), (at(9), at(10))),
        (
            (*TIMED, "X-MS-OLK-ORIGINALSTART:20260303T090000Z", "X-MS-OLK-ORIGINALEND:20260303T110000Z"),
            (at(9, 3), at(11, 3)),
            (at(9), at(10)),
        ),
        (
            (
                *TIMED,
                "X-MS-OLK-ORIGINALSTART;TZID=Europe/Berlin:20260303T100000",
                "X-MS-OLK-ORIGINALEND;TZID=Europe/Berlin:20260303T120000",
            ),
            (at(9, 3), at(11, 3)),
            (at(9), at(10)),
        ),
        (
            (*TIMED, "X-MS-OLK-ORIGINALSTART:tomorrow", "X-MS-OLK-ORIGINALEND:PT1H"),
            (at(9), at(10)),
            (at(9), at(10)),
        ),
        ((), (None, None), None),
    ],
)
def test_another_time_may_be_proposed(lines, meets, proposed):
    found = meeting_of(calendar(*lines, method="COUNTER"))
    assert (found.fields.get("start"), found.fields.get("end")) == meets
    assert found.proposed == proposed
    assert meeting_of(calendar(*lines)).proposed is None


def test_an_alarm_that_counts_from_elsewhere_is_none():
    alarm = ("BEGIN:VALARM", "TRIGGER;VALUE=DATE-TIME:20260101T000000Z", "END:VALARM")
    assert "reminder" not in meeting_of(calendar(*TIMED, *alarm)).fields


def test_one_occurrence_is_named():
    found = meeting_of(calendar(*TIMED, "RECURRENCE-ID:20260301T090000Z", "RRULE:FREQ=DAILY"))
    assert found.occurrence == at(9, 1)
    assert "recurrence" not in found.fields


@pytest.mark.parametrize(
    ("method", "state", "message"),
    [
        ("CANCEL", "", MeetingMessage.CANCELLATION),
        ("REPLY", "ACCEPTED", MeetingMessage.ACCEPTED),
        ("REPLY", "TENTATIVE", MeetingMessage.TENTATIVE),
        ("REPLY", "DECLINED", MeetingMessage.DECLINED),
        ("REPLY", "NEEDS-ACTION", MeetingMessage.OTHER),
        ("COUNTER", "ACCEPTED", MeetingMessage.PROPOSAL),
        ("REFRESH", "", MeetingMessage.OTHER),
    ],
)
def test_what_it_wants(method, state, message):
    attendee = f"ATTENDEE;PARTSTAT={state}:mailto:a@b.org" if state else "ATTENDEE:mailto:a@b.org"
    assert meeting_of(calendar(*TIMED, attendee, method=method)).message is message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR",
        calendar(*TIMED, method=""),
        calendar(*TIMED, method="PUBLISH"),
        calendar(*TIMED).replace(b"UID:u1\r\n", b""),
        b"BEGIN:VEVENT\r\nUID:1",
        b"\xff\xfe",
    ],
)
def test_what_asks_nothing_is_no_meeting(data):
    assert meeting_of(data) is None


def test_parts_are_known_by_their_type():
    assert is_calendar({"content_type": "Text/Calendar; method=REQUEST"})
    assert not is_calendar({"content_type": "text/plain"})
    assert not is_calendar({})


# -- asking for it -------------------------------------------------------------------------------------------


def message(**part):
    parts = [
        {"id": "1", "content_type": "text/plain", "content": "text", "disp": "inline"},
        {"id": "2", "content_type": "text/calendar", "size": 9, "disp": "attachment", **part},
    ]
    return {"data": {"id": "5", "subject": "x", "flags": 0, "attachments": parts}}


def read(canned, canned_source, answer, calendar_answer):
    canned.on("mail?get", answer)
    canned.on("mail?attachment", calendar_answer)
    return canned_source().read(INBOX, ["5"], (BodyKind.TEXT,))["5"].fields


def test_a_part_that_is_nothing_but_the_invitation_is_no_file(canned, canned_source):
    fields = read(canned, canned_source, message(), Answer(calendar(*TIMED)))
    assert fields["meeting"].uid == "u1"
    assert "attachments" not in fields
    assert len(canned.calls) == 2


def test_a_part_with_a_name_is_both(canned, canned_source):
    fields = read(canned, canned_source, message(filename="invite.ics"), Answer(calendar(*TIMED)))
    assert fields["meeting"].uid == "u1"
    assert fields["attachments"] == (Attachment("2", "invite.ics", 9, "text/calendar"),)


@pytest.mark.parametrize("answer", [error("MSG-0034", "ERROR"), Answer(b"junk"), Answer(b"x" * 5_000_000)])
def test_a_calendar_that_cannot_be_read_is_a_file(canned, canned_source, answer):
    fields = read(canned, canned_source, message(), answer)
    assert "meeting" not in fields
    assert [each.id for each in fields["attachments"]] == ["2"]


def test_a_part_without_a_place_is_not_asked_for(canned, canned_source):
    assert "meeting" not in read(canned, canned_source, message(id=None), Answer(b""))
    assert len(canned.calls) == 1
