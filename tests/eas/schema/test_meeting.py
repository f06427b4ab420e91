"""Mails about meetings, as devices of every version see them."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.eas.options import Options
from app.eas.schema import calendar, email, meeting, time_zone
from app.eas.versions import ADVERTISED, Version
from app.usm.content import Address, Busy, Meeting, MeetingMessage, Pattern, Recurrence
from app.wbxml import Element
from tests.eas.calendars import HOUR, MEETING, START
from tests.eas.phone import plain, tree
from tests.schemas import validate

REQUEST = Meeting(MeetingMessage.REQUEST, "4711@example.org", MEETING)
OUTLOOK_UID = (
    "040000008200E00074C5B7101A82E008"
    "00000000B0A1C2D3E4F5D9010000000000000000"
    "100000000102030405060708090A0B0C0D0E0F10"
)


def rendered(told: Meeting | None, version: Version) -> dict[str, Element]:
    """A mail as a device gets it, by tag, checked against the schemas."""
    fields = {"subject": "Planning", "from": (Address("berta@example.org", "Berta"),), "meeting": told}
    elements = email.render(fields, Options(), version, "4:17")
    data = Element("AirSync:ApplicationData", children=elements)
    collection = tree(
        "AirSync:Collection",
        ("SyncKey", "1"),
        ("CollectionId", "4"),
        ("Status", "1"),
        ("Commands", ("Add", ("ServerId", "4:17"), data)),
    )
    validate(tree("AirSync:Sync", ("Collections", collection)), version.text)
    return {element.name: element for element in elements}


def request(told: Meeting, version: Version = Version.V14_1) -> dict[str, Any]:
    content = plain(rendered(told, version)["Email:MeetingRequest"])
    assert isinstance(content, list)
    return dict(content)


def with_fields(**fields: Any) -> Meeting:
    return replace(REQUEST, fields={**MEETING, **fields})


@pytest.mark.requirement("MS-ASEMAIL", 265, 491, 532, 730, 936)
def test_an_invitation_as_a_device_gets_it() -> None:
    assert request(REQUEST) == {
        "AllDayEvent": "0",
        "StartTime": "2026-03-02T09:00:00.000Z",
        "DtStamp": "2026-01-05T08:30:00.000Z",
        "EndTime": "2026-03-02T10:00:00.000Z",
        "InstanceType": "0",
        "Location": "Room 1, Dortmund",
        "Organizer": '"Berta Böll" <berta@example.org>',
        "Reminder": "900",
        "ResponseRequested": "1",
        "Sensitivity": "3",
        "BusyStatus": "3",
        "TimeZone": time_zone.write("Europe/Berlin", START),
        "GlobalObjId": meeting.global_object_id("4711@example.org"),
        "MeetingMessageType": "1",
    }


@pytest.mark.requirement(
    "MS-ASEMAIL",
    1252,
    1253,
    1310,
    1311,
    12540,
    13110,
    13111,
    20016,
    20018,
    20019,
    20021,
)
@pytest.mark.requirement("MS-ASEMAIL", 1000)
@pytest.mark.parametrize("version", ADVERTISED)
def test_the_mail_and_the_appointment_have_the_same_uid(version: Version) -> None:
    told = request(REQUEST, version)
    [uid] = [
        element.text
        for element in calendar.render(MEETING, Options(), version, "4:17")
        if element.name == "Calendar:UID"
    ]
    if version >= Version.V16_0:
        assert told["UID"] == uid
        assert "GlobalObjId" not in told
    else:
        data = base64.b64decode(told["GlobalObjId"])
        assert data[40:52] == b"vCal-Uid\x01\0\0\0"
        assert data[52:-1].decode() == uid
        assert data[-1:] == b"\0"
        assert int.from_bytes(data[36:40], "little") == len(data) - 40
        assert ("MeetingMessageType" in told) is (version >= Version.V14_1)


@pytest.mark.requirement("MS-ASEMAIL", 20000, 20013, 20015)
def test_a_uid_of_outlook_is_its_own_object() -> None:
    for uid in (OUTLOOK_UID, OUTLOOK_UID.lower()):
        assert base64.b64decode(meeting.global_object_id(uid)).hex().upper() == OUTLOOK_UID
    for uid in ("0400", OUTLOOK_UID[:78], OUTLOOK_UID[:-1], "FF" * 60):
        assert uid.encode() in base64.b64decode(meeting.global_object_id(uid))


@pytest.mark.requirement("MS-ASEMAIL", 1001, 1002, 10000, 20001, 20003, 20005, 20007, 20009, 20011, 20022)
@pytest.mark.requirement("MS-ASEMAIL", 935, 679)
def test_one_occurrence_names_its_day_in_the_object_and_is_an_exception() -> None:
    told = replace(REQUEST, occurrence=datetime(2026, 3, 9, 9, tzinfo=UTC))
    found = request(told)
    assert found["InstanceType"] == "3"
    assert found["RecurrenceId"] == "2026-03-09T09:00:00.000Z"
    data = base64.b64decode(found["GlobalObjId"])
    assert data[16:20] == bytes((0x07, 0xEA, 3, 9))
    whole = base64.b64decode(request(REQUEST)["GlobalObjId"])
    assert data[:16] + bytes(4) + data[20:] == whole


@pytest.mark.requirement("MS-ASEMAIL", 377, 424, 684, 792)
@pytest.mark.parametrize("version", ADVERTISED)
def test_a_series_is_told_with_its_rule(version: Version) -> None:
    rule = Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(0,), week=1, until=date(2026, 5, 4))
    found = request(with_fields(recurrence=rule), version)
    assert found["InstanceType"] == "1"
    [(_, told)] = found["Recurrences"]
    assert dict(told)["Until"] == "20260504T080000Z"
    weekly = Recurrence(Pattern.WEEKLY, weekdays=(0,), first_weekday=0, count=3)
    assert request(with_fields(recurrence=weekly), version)["Recurrences"]


@pytest.mark.requirement("MS-ASEMAIL", 235, 236)
def test_a_whole_day_is_a_date() -> None:
    day = {
        "start": datetime(2026, 3, 2, tzinfo=UTC),
        "end": datetime(2026, 3, 4, tzinfo=UTC),
        "all_day": True,
    }
    for version in ADVERTISED:
        found = request(with_fields(**day), version)
        assert (found["AllDayEvent"], found["TimeZone"]) == ("1", time_zone.UTC_BLOCK)
        assert found["StartTime"] == "2026-03-02T00:00:00.000Z"
        assert found["EndTime"] == "2026-03-04T00:00:00.000Z"


@pytest.mark.requirement("MS-ASEMAIL", 270)
def test_an_invitation_of_next_to_nothing() -> None:
    for version in ADVERTISED:
        found = request(Meeting(MeetingMessage.REQUEST, "x", {"start": START}), version)
        assert (found["BusyStatus"], found["Sensitivity"]) == ("2", "0")
        assert found["DtStamp"] == "2026-03-02T09:00:00.000Z"
        assert not {"Organizer", "Location", "Reminder", "Recurrences"} & set(found)


def test_values_that_do_not_fit_are_left_out_or_made_to() -> None:
    assert "Reminder" not in request(with_fields(reminder=1093))
    assert "Email:MeetingRequest" not in rendered(
        with_fields(start=datetime(9999, 12, 31, tzinfo=UTC), all_day=True), Version.V14_1
    )


@pytest.mark.requirement("MS-ASEMAIL", 1150, 1151, 1152, 1153, 1154)
@pytest.mark.parametrize("version", ADVERTISED)
@pytest.mark.parametrize("busy", Busy)
def test_nobody_works_elsewhere_before_16_0(busy: Busy, version: Version) -> None:
    told = request(with_fields(busy=busy), version)["BusyStatus"]
    if busy is Busy.ELSEWHERE:
        assert told == ("4" if version >= Version.V16_0 else "2")
    else:
        assert told == str(calendar.BUSY[busy])


@pytest.mark.requirement("MS-ASEMAIL", 295, 508, 509, 847)
@pytest.mark.parametrize("version", ADVERTISED)
@pytest.mark.parametrize("pattern", Pattern)
def test_a_rule_is_of_the_gregorian_calendar_and_of_no_leap_month(pattern: Pattern, version: Version) -> None:
    rule = Recurrence(pattern, weekdays=(0,), day=2, week=1, month=3, until=date(2031, 3, 3))
    [(_, children)] = request(with_fields(recurrence=rule), version)["Recurrences"]
    told = dict(children)
    by_months = pattern not in (Pattern.DAILY, Pattern.WEEKLY)
    assert told.get("CalendarType") == ("1" if by_months and version >= Version.V14_0 else None)
    assert told.get("IsLeapMonth") == ("0" if version >= Version.V14_0 else None)
    assert datetime.strptime(told["Until"], "%Y%m%dT%H%M%SZ")


@pytest.mark.requirement("MS-ASEMAIL", 911, 530, 533, 535, 896, 898)
@pytest.mark.parametrize("version", [version for version in ADVERTISED if version >= Version.V14_1])
@pytest.mark.parametrize("updated", [False, True])
def test_a_request_says_what_kind_it_is(updated: bool, version: Version) -> None:
    asked = "2" if updated else "1"
    for message, kind in ((MeetingMessage.REQUEST, asked), (MeetingMessage.CANCELLATION, "0")):
        told = request(replace(REQUEST, message=message, updated=updated), version)
        assert told["MeetingMessageType"] == kind
        assert {"StartTime", "EndTime"} <= told.keys()


@pytest.mark.requirement("MS-ASEMAIL", 1355, 13550)
@pytest.mark.parametrize("version", [Version.V16_0, Version.V16_1])
def test_an_occurrence_alone_has_its_id_too(version: Version) -> None:
    told = replace(REQUEST, fields={"start": START}, occurrence=START)
    assert request(told, version)["RecurrenceId"] == "2026-03-02T09:00:00.000Z"


@pytest.mark.requirement("MS-ASEMAIL", 1299, 13000, 13001, 13002)
@pytest.mark.parametrize("version", ADVERTISED)
def test_where_a_meeting_is_lies_in_another_page_from_16_0_on(version: Version) -> None:
    found = {child.name for child in rendered(REQUEST, version)["Email:MeetingRequest"]}
    here = "AirSyncBase:Location" if version >= Version.V16_0 else "Email:Location"
    assert {"AirSyncBase:Location", "Email:Location"} & found == {here}


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [
        (MeetingMessage.REQUEST, "IPM.Schedule.Meeting.Request", True),
        (MeetingMessage.CANCELLATION, "IPM.Schedule.Meeting.Canceled", True),
        (MeetingMessage.ACCEPTED, "IPM.Schedule.Meeting.Resp.Pos", False),
        (MeetingMessage.TENTATIVE, "IPM.Schedule.Meeting.Resp.Tent", False),
        (MeetingMessage.DECLINED, "IPM.Schedule.Meeting.Resp.Neg", False),
        (MeetingMessage.OTHER, "IPM.Note", False),
    ],
)
def test_the_class_of_each_message(message: MeetingMessage, kind: str, told: bool) -> None:
    for version in ADVERTISED:
        found = rendered(replace(REQUEST, message=message), version)
        assert found["Email:MessageClass"].text == kind
        assert ("Email:MeetingRequest" in found) is told
        about = "calendarmessage" if message is not MeetingMessage.OTHER else "message"
        if version >= Version.V12_0:
            assert found["Email:ContentClass"].text == f"urn:content-classes:{about}"


@pytest.mark.parametrize("version", ADVERTISED)
def test_who_proposes_another_time_is_not_certain(version: Version) -> None:
    told = replace(REQUEST, message=MeetingMessage.PROPOSAL, proposed=(START, START + HOUR))
    found = rendered(told, version)
    assert found["Email:MessageClass"].text == "IPM.Schedule.Meeting.Resp.Tent"
    if version < Version.V16_1:
        assert "Email:MeetingRequest" not in found
        return
    content = request(told, version)
    assert content["ProposedStartTime"] == "20260302T090000Z"
    assert content["ProposedEndTime"] == "20260302T100000Z"
    assert content["ResponseRequested"] == "0"


def test_a_cancellation_asks_for_no_answer() -> None:
    found = request(replace(REQUEST, message=MeetingMessage.CANCELLATION))
    assert (found["ResponseRequested"], found["MeetingMessageType"]) == ("0", "0")


def test_a_message_that_does_not_say_when_has_no_meeting() -> None:
    found = rendered(Meeting(MeetingMessage.REQUEST, "x"), Version.V14_1)
    assert "Email:MeetingRequest" not in found
    assert found["Email:MessageClass"].text == "IPM.Schedule.Meeting.Request"
    assert "Email:MeetingRequest" not in rendered(None, Version.V14_1)


@pytest.mark.requirement("MS-ASEMAIL", 389)
@pytest.mark.parametrize("version", Version)
def test_where_no_other_time_is_wanted_a_device_proposes_none(version: Version) -> None:
    told = request(Meeting(MeetingMessage.REQUEST, "x", MEETING, fixed=True), version)
    assert told.get("DisallowNewTimeProposal") == ("1" if version >= Version.V14_0 else None)
    assert "DisallowNewTimeProposal" not in request(REQUEST, version)
