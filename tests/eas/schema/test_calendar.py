"""Appointments both ways, as devices of every version see them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.eas.errors import ConversionError
from app.eas.options import Options, Preference
from app.eas.schema import attachment, calendar, time_zone
from app.eas.versions import ADVERTISED, Version
from app.usm.content import (
    CALENDAR_FIELDS,
    Address,
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
from app.usm.model import Attachment, Body, BodyKind
from app.wbxml import Element
from tests.eas.calendars import HOUR, MEETING, START
from tests.eas.phone import plain, tree
from tests.schemas import validate

NOW = datetime(2026, 3, 1, 12, 10, tzinfo=UTC)
PLAIN = Options(preferences=(Preference(1),))
DAY = timedelta(days=1)
BEFORE_16 = [Version.V12_1, Version.V14_0, Version.V14_1]
FROM_16 = [Version.V16_0, Version.V16_1]
ZONES = sorted(name for name in time_zone._names() if "/" in name)


def rendered(fields: Mapping[str, Any], version: Version, options: Options = PLAIN) -> list[Element]:
    """What a device gets, checked against the schemas."""
    elements = calendar.render(fields, options, version, "4:17")
    data = Element("AirSync:ApplicationData", children=elements)
    command = tree("AirSync:Add", ("ServerId", "4:17"), data)
    collection = tree(
        "AirSync:Collection", ("SyncKey", "1"), ("CollectionId", "4"), ("Status", "1"), ("Commands", command)
    )
    validate(tree("AirSync:Sync", ("Collections", collection)), version.text)
    return elements


def shown(fields: Mapping[str, Any], version: Version = Version.V14_1) -> dict[str, Any]:
    """The same as simple values by tag."""
    return {element.name.partition(":")[2]: plain(element) for element in rendered(fields, version)}


def data(*children: object) -> list[Element]:
    return tree("Calendar:X", *children).children


def new(*children: object, version: Version = Version.V14_1) -> dict[str, Any]:
    return calendar.read_new(data(*children), version, "phone1", NOW)


def changed(
    *children: object, version: Version = Version.V14_1, supported: frozenset[str] | None = None
) -> dict[str, Any]:
    return calendar.read_change(data(*children), version, supported)


def returned(fields: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """What comes back from a device that sends all that it got."""
    sent = [element for element in rendered(fields, version) if element.name not in SERVER_ONLY]
    return calendar.read_change(sent, version, None)


SERVER_ONLY = ("AirSyncBase:NativeBodyType", "Calendar:ResponseType")
NEVER_BACK = {"uid", "modified", "organizer", "organized", "reply", "attachments"}
"""What a device's change does not say."""


# -- single appointments ------------------------------------------------------------------------------------------


def test_every_field_is_known() -> None:
    known = {row.field for row in calendar.ROWS} | set(calendar.CLEARED.values()) | NEVER_BACK
    by_hand = {"body", "start", "end", "all_day", "time_zone", "exceptions", "cancelled"}
    assert known | by_hand | {"add_attachments", "remove_attachments"} == set(CALENDAR_FIELDS)
    assert set(MEETING) | {"recurrence", "exceptions", "cancelled"} == set(CALENDAR_FIELDS) - {
        "add_attachments",
        "remove_attachments",
    }


@pytest.mark.parametrize("version", ADVERTISED)
def test_a_meeting_comes_and_goes_unchanged(version: Version) -> None:
    expected = {name: value for name, value in MEETING.items() if name not in NEVER_BACK}
    if version < Version.V12_0:  # who comes as what, and who has answered, is not told yet
        unsaid = AttendeeRole.UNSAID
        expected["attendees"] = tuple(Attendee(each.mail, each.name, unsaid) for each in MEETING["attendees"])
    found = returned(MEETING, version)
    assert {name: value for name, value in found.items() if value is not None} == expected
    assert all(name == "recurrence" for name, value in found.items() if value is None)


@pytest.mark.requirement("MS-ASCAL", 364)
@pytest.mark.requirement("MS-ASCAL", 14, 565, 118, 123, 138, 235, 407, 428, 434, 434001)
@pytest.mark.requirement("MS-ASDTYPE", 18, 100, 122)
def test_a_meeting_as_a_device_gets_it() -> None:
    assert shown(MEETING, Version.V14_1) == {
        "Timezone": time_zone.write("Europe/Berlin", START),
        "AllDayEvent": "0",
        "OrganizerName": "Berta Böll",
        "OrganizerEmail": "berta@example.org",
        "DtStamp": "20260105T083000Z",
        "StartTime": "20260302T090000Z",
        "EndTime": "20260302T100000Z",
        "Location": "Room 1, Dortmund",
        "BusyStatus": "3",
        "Sensitivity": "3",
        "Subject": "Planning",
        "Reminder": "15",
        "Categories": [("Category", "one"), ("Category", "two")],
        "Attendees": [
            ("Attendee", [("Email", mail), ("Name", name), ("AttendeeStatus", reply), ("AttendeeType", role)])
            for mail, name, reply, role in (
                ("anton@example.org", "Anton", "3", "1"),
                ("caesar@example.org", "caesar@example.org", "2", "2"),
                ("dora@example.org", "Dora", "4", "1"),
                ("room1@example.org", "Room 1", "5", "3"),
            )
        ],
        "UID": "4711@example.org",
        "MeetingStatus": "3",
        "ResponseRequested": "1",
        "ResponseType": "3",
        "Body": [("Type", "1"), ("EstimatedDataSize", "18"), ("Data", "line one\r\nline two")],
        "NativeBodyType": "1",
    }


def test_what_a_version_does_not_know_it_does_not_get() -> None:
    old, middle, young = (
        set(shown(MEETING, version)) for version in (Version.V12_1, Version.V14_0, Version.V16_1)
    )
    assert middle - old == {"ResponseRequested", "ResponseType"}
    assert young - middle == {"Attachments"}
    place = next(
        element for element in rendered(MEETING, Version.V16_0) if element.name.endswith(":Location")
    )
    assert place == tree("AirSyncBase:Location", ("DisplayName", "Room 1, Dortmund"))


@pytest.mark.requirement("MS-ASCAL", 52522, 525221)
@pytest.mark.parametrize("version", ADVERTISED)
def test_an_appointment_of_next_to_nothing_has_what_every_device_wants(version: Version) -> None:
    found = shown({"start": START}, version)
    assert found["EndTime"] == found["StartTime"] == "20260302T090000Z" == found["DtStamp"]
    assert found["UID"] == "usm-4:17"
    assert (found["MeetingStatus"], found["BusyStatus"], found["Sensitivity"]) == ("0", "2", "0")
    assert not {"Attendees", "Categories", "Exceptions", "Reminder", "Location", "ResponseType"} & set(found)


def test_an_appointment_without_a_beginning_cannot_be_shown() -> None:
    with pytest.raises(ConversionError):
        rendered({"subject": "x"}, Version.V14_1)


def test_one_at_the_end_of_time_cannot_be_shown() -> None:
    last = datetime(9999, 12, 31, tzinfo=UTC)
    with pytest.raises(ConversionError):
        rendered({"start": last, "all_day": True}, Version.V14_1)
    with pytest.raises(ConversionError):
        changed(("AllDayEvent", 1), ("StartTime", "99991231T230000Z"), ("EndTime", "99991231T230000Z"))


@pytest.mark.requirement("MS-ASCAL", 412)
@pytest.mark.requirement("MS-ASCAL", 309)
@pytest.mark.parametrize(
    ("fields", "status", "response"),
    [
        ({}, "0", None),
        ({"organized": True}, "0", None),
        ({"attendees": (Attendee("a@example.org"),)}, "1", "1"),
        ({"attendees": (Attendee("a@example.org"),), "organized": True}, "1", "1"),
        ({"organized": False}, "3", "5"),
        ({"organized": False, "reply": Reply.TENTATIVE}, "3", "2"),
        ({"organized": False, "reply": Reply.DECLINED}, "3", "4"),
        ({"organized": True, "cancelled": True}, "5", "1"),
        ({"organized": False, "cancelled": True}, "7", "5"),
    ],
)
def test_the_state_of_a_meeting(fields: dict[str, Any], status: str, response: str | None) -> None:
    found = shown({"start": START, **fields})
    assert (found["MeetingStatus"], found.get("ResponseType")) == (status, response)


@pytest.mark.requirement("MS-ASCAL", 314, 315, 316, 317, 318)
@pytest.mark.parametrize("state", range(16))
def test_the_high_bit_of_the_state_of_a_meeting_says_nothing(state: int) -> None:
    assert changed(("MeetingStatus", state)) == changed(("MeetingStatus", state % 8))
    assert changed(("MeetingStatus", state)) == ({"cancelled": True} if state & 4 else {})


def test_a_device_may_cancel_a_meeting() -> None:
    assert changed(("MeetingStatus", 5))["cancelled"] is True
    assert "cancelled" not in changed(("MeetingStatus", 1))
    assert "cancelled" not in changed(("MeetingStatus",))


def test_attendees_without_an_address_are_left_out_both_ways() -> None:
    assert "Attendees" not in shown({"start": START, "attendees": (Attendee("", "Group"),)})
    attendees = (
        "Attendees",
        ("Attendee", ("Email",), ("Name", "Group")),
        ("Attendee", ("Email", '"Anton" <anton@example.org>'), ("Name", "anton@example.org")),
        ("Attendee", ("Email", "b@example.org"), ("AttendeeType", 9), ("AttendeeStatus",)),
    )
    assert changed(attendees)["attendees"] == (
        Attendee("anton@example.org", role=AttendeeRole.UNSAID),
        Attendee("b@example.org", "", AttendeeRole.REQUIRED, Reply.NONE),
    )


@pytest.mark.requirement("MS-ASCAL", 13810, 2038001, 2043, 2044, 2235, 2043001, 2044001, 2235001)
def test_working_elsewhere_is_understood_and_shown_as_busy() -> None:
    assert changed(("BusyStatus", 4))["busy"] is Busy.ELSEWHERE
    assert changed(("BusyStatus", "-1"))["busy"] is Busy.BUSY
    for version in ADVERTISED:
        assert shown({"start": START, "busy": Busy.ELSEWHERE}, version)["BusyStatus"] == "2"


def test_a_reminder_of_0_is_one_and_an_empty_one_is_none() -> None:
    assert changed(("Reminder", 0))["reminder"] == 0
    assert changed(("Reminder",))["reminder"] is None
    assert shown({"start": START, "reminder": 0})["Reminder"] == "0"
    assert shown({"start": START, "reminder": -5})["Reminder"] == "0"


@pytest.mark.parametrize("version", BEFORE_16)
def test_a_place_is_a_text_up_to_14_1(version: Version) -> None:
    assert changed(("Location", " Here \r\n"), version=version)["location"] == "Here"
    assert changed(("Location",), version=version)["location"] is None


@pytest.mark.requirement("MS-ASCAL", 2134, 2134001)
@pytest.mark.requirement("MS-ASCAL", 2135, 2135001)
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("DisplayName", "Office")], "Office"),
        ([], None),
        ([("Annotation", "x"), ("Latitude", "7.5")], None),
        (
            [("DisplayName", "Office"), ("Street", "Main St 1"), ("City", "Bonn"), ("PostalCode", "53111")],
            "Office, Main St 1, 53111, Bonn",
        ),
        (
            [("DisplayName", "Office, main st 1, Bonn"), ("Street", "Main St 1"), ("City", "Bonn")],
            "Office, main st 1, Bonn",
        ),
        ([("City", "Bonn"), ("Country", "Germany")], "Bonn, Germany"),
    ],
)
def test_a_place_has_an_address_from_16_0(parts: list[tuple[str, str]], expected: str | None) -> None:
    found = changed(("AirSyncBase:Location", *parts), version=Version.V16_1)
    assert found == {"location": expected}


# -- what a device adds -------------------------------------------------------------------------------------------


def test_a_new_appointment_keeps_the_uid_of_its_device_up_to_14_1() -> None:
    fields = new(
        ("UID", "ABC"),
        ("StartTime", "20260302T090000Z"),
        ("EndTime", "20260302T100000Z"),
        ("Subject", "S"),
        ("DtStamp", "20260302T090000Z"),
        ("OrganizerName", "Anton"),
        ("OrganizerEmail", "anton@example.org"),
        ("ClientUid", "never"),
    )
    assert fields == {
        "uid": "ABC",
        "start": START,
        "end": START + HOUR,
        "subject": "S",
        "organizer": Address("anton@example.org", "Anton"),
    }


@pytest.mark.requirement("MS-ASCAL", 2062, 2223, 46311)
def test_from_16_0_the_server_makes_the_uid_and_always_the_same() -> None:
    times = ("StartTime", "20260302T090000Z"), ("EndTime", "20260302T100000Z")
    first = new(*times, ("ClientUid", "A" * 32 + "\0"), ("UID", "never"), version=Version.V16_1)
    second = new(*times, ("ClientUid", "A" * 32), version=Version.V16_0)
    assert first["uid"] == second["uid"]
    assert len(first["uid"]) == 36
    assert new(*times, ("ClientUid", "B"), version=Version.V16_1)["uid"] != first["uid"]
    assert (
        calendar.read_new(data(*times, ("ClientUid", "B")), Version.V16_1, "other", NOW)["uid"]
        != first["uid"]
    )
    assert "uid" not in new(*times, ("UID", "never"), version=Version.V16_1)
    assert calendar.added(first, Version.V16_1) == [Element("Calendar:UID", first["uid"])]
    assert calendar.added({}, Version.V16_1) == calendar.added(first, Version.V14_1) == []


@pytest.mark.requirement("MS-ASCAL", 52511, 52516, 52517)
@pytest.mark.parametrize(
    ("children", "start", "end"),
    [
        ((), "12:30", "13:00"),
        ((("EndTime", "20260301T150000Z"),), "12:30", "15:00"),
        ((("StartTime", "20260301T080000Z"),), "08:00", "13:00"),
    ],
)
def test_missing_times_are_filled_in(children: tuple[object, ...], start: str, end: str) -> None:
    fields = new(*children)
    assert (f"{fields['start']:%H:%M}", f"{fields['end']:%H:%M}") == (start, end)


@pytest.mark.requirement("MS-ASCAL", 52515, 52518, 5251611)
@pytest.mark.parametrize(
    "children",
    [
        (("EndTime", "20260301T120000Z"),),
        (("EndTime", "20260301T122000Z"),),
        (("StartTime", "20260301T130000Z"),),
        (("StartTime", "20260302T100000Z"), ("EndTime", "20260302T090000Z")),
        (("StartTime", "tomorrow"),),
        (("Contacts:FirstName", "A"),),
        (("AllDayEvent", 2),),
        (("Reminder", "soon"),),
        (("Sensitivity", 4),),
        (("BusyStatus", 5),),
        (("Timezone", "AAAA"),),
    ],
)
def test_what_makes_no_sense_cannot_be_converted(children: tuple[object, ...]) -> None:
    with pytest.raises(ConversionError):
        new(*children)


def test_an_appointment_of_no_length_is_one() -> None:
    fields = new(("StartTime", "20260302T090000Z"), ("EndTime", "2026-03-02T09:00:00.000Z"))
    assert fields["start"] == fields["end"] == START


# -- what a change leaves out -------------------------------------------------------------------------------------

WHOLE = (("StartTime", "20260302T090000Z"), ("EndTime", "20260302T100000Z"))


@pytest.mark.parametrize("version", BEFORE_16)
def test_a_whole_item_clears_what_it_leaves_out(version: Version) -> None:
    cleared = {"subject": None, "location": None, "reminder": None, "categories": None, "recurrence": None}
    assert changed(*WHOLE, version=version) == {
        "start": START,
        "end": START + HOUR,
        "all_day": False,
        **cleared,
    }


@pytest.mark.requirement("MS-ASCAL", 548)
def test_supported_tags_alone_are_cleared() -> None:
    times = {"start": START, "end": START + HOUR, "all_day": False}
    assert changed(*WHOLE, supported=frozenset()) == times
    known = frozenset({"Calendar:Reminder", "Calendar:Attendees"})
    assert changed(*WHOLE, supported=known) == {**times, "reminder": None}


@pytest.mark.parametrize("version", BEFORE_16)
def test_what_is_no_whole_item_clears_nothing(version: Version) -> None:
    assert changed(("Reminder", 5), version=version) == {"reminder": 5}


@pytest.mark.requirement("MS-ASCAL", 53915)
@pytest.mark.parametrize("version", BEFORE_16)
def test_what_ends_must_begin(version: Version) -> None:
    with pytest.raises(ConversionError, match="does not begin"):
        changed(("EndTime", "20260302T100000Z"), version=version)


@pytest.mark.parametrize("version", FROM_16)
def test_from_16_0_the_end_may_change_alone(version: Version) -> None:
    assert changed(("EndTime", "20260302T100000Z"), version=version) == {"end": START + HOUR}


@pytest.mark.requirement("MS-ASCAL", 463, 2060)
def test_uids_of_300_characters_and_no_more() -> None:
    assert len(shown({"start": START, "uid": "u" * 400})["UID"]) == 300
    name = new(*WHOLE, ("ClientUid", "c" * 300), version=Version.V16_1)["uid"]
    assert name != new(*WHOLE, ("ClientUid", "c" * 299), version=Version.V16_1)["uid"]


@pytest.mark.requirement("MS-ASCAL", 568, 231, 52521)
@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        ("b@example.org", "b@example.org"),
        ('"Berta" <b@example.org>', "b@example.org"),
        ("Berta <b@example.org>", "b@example.org"),
        ("Berta <>", "Berta <>"),
        ("Berta", "Berta"),
    ],
)
def test_an_address_is_found_in_what_a_device_calls_one(mail: str, expected: str) -> None:
    attendee = ("Attendee", ("Email", mail), ("Name", "B."), ("AttendeeStatus", 0))
    assert changed(("Attendees", attendee))["attendees"] == (
        Attendee(expected, "B.", AttendeeRole.UNSAID, Reply.NONE),
    )


@pytest.mark.requirement("MS-ASCAL", 508)
def test_an_empty_tag_in_an_exception_takes_away_what_the_series_has() -> None:
    empty = (
        ("Subject",),
        ("Location",),
        ("Reminder",),
        ("Categories",),
        ("AirSyncBase:Body", ("Type", 1), ("Data",)),
    )
    exception = ("Exception", ("ExceptionStartTime", "20260303T090000Z"), *empty)
    (found,) = changed(*WHOLE, ("Recurrence", ("Type", 0)), ("Exceptions", exception))["exceptions"]
    assert found.fields == dict.fromkeys(("subject", "location", "reminder", "categories", "body"))


@pytest.mark.requirement("MS-ASCAL", 566, 567, 52522111, 287)
@pytest.mark.parametrize("version", ADVERTISED)
def test_nobody_is_told_when_an_answer_was_given_or_of_leap_months(version: Version) -> None:
    rule = Recurrence(Pattern.MONTHLY_BY_DAY, day=2)
    names = [
        element.name
        for each in rendered({**EXCEPTIONAL, "recurrence": rule}, version)
        for element in _all(each)
    ]
    assert not {"Calendar:AppointmentReplyTime", "Calendar:IsLeapMonth"} & set(names)


def _all(element: Element) -> list[Element]:
    return [element, *(each for child in element for each in _all(child))]


@pytest.mark.requirement("MS-ASCMD", 6236, 7309)
@pytest.mark.parametrize("version", FROM_16)
def test_from_16_0_nothing_is_cleared_but_by_an_empty_tag(version: Version) -> None:
    assert changed(*WHOLE, version=version) == {"start": START, "end": START + HOUR}
    emptied = changed(
        ("Recurrence",), ("Reminder",), ("Subject",), ("Attendees",), ("Categories",), version=version
    )
    assert emptied == dict.fromkeys(("recurrence", "reminder", "subject", "attendees", "categories"))


def test_attendees_stay_until_the_device_says_that_it_is_no_meeting() -> None:
    assert "attendees" not in changed(*WHOLE, ("MeetingStatus", 1))
    assert "attendees" not in changed(*WHOLE)
    assert changed(*WHOLE, ("MeetingStatus", 0))["attendees"] is None


def test_a_body_that_the_device_holds_in_part_stays() -> None:
    part = ("AirSyncBase:Body", ("Type", 1), ("Truncated", 1), ("Data", "beg"))
    assert "body" not in changed(*WHOLE, part)
    assert changed(("AirSyncBase:Body", ("Type", 1), ("Data", "all")))["body"] == Body(BodyKind.TEXT, "all")
    assert changed(("AirSyncBase:Body", ("Type", 1), ("Data",)))["body"] is None


@pytest.mark.requirement("MS-ASCAL", 2169, 2169001, 2175, 2175001)
def test_what_is_not_a_devices_to_say_is_not_heard() -> None:
    told = changed(
        ("UID", "x"),
        ("DtStamp", "20260302T090000Z"),
        ("OrganizerEmail", "x@example.org"),
        ("ResponseType", 3),
        ("ResponseRequested", 1),
        ("DisallowNewTimeProposal", 1),
        ("AppointmentReplyTime", "20260302T090000Z"),
    )
    assert told == {}


def test_attachments_are_added_and_taken_away_from_16_0() -> None:
    edits = (
        "AirSyncBase:Attachments",
        ("Add", ("ClientId", "c1"), ("Method", 1), ("Content", b"\0\1"), ("DisplayName", "a.bin")),
        (
            "Add", ("ClientId", "c2"), ("Content", base64.b64encode(b"text").decode()), ("DisplayName", "b.txt"),
            ("ContentType", "text/plain"), ("ContentId", "cid"), ("IsInline", 1),
        ),
        ("Delete", ("FileReference", "4:17:sp%2Fam")),
        ("Attachment", ("FileReference", "4:17:kept")),
    )  # fmt: skip
    assert changed(edits, version=Version.V16_1) == {
        "add_attachments": (
            Upload("c1", "a.bin", b"\0\1"),
            Upload("c2", "b.txt", b"text", "text/plain", "cid", True),
        ),
        "remove_attachments": ("sp/am",),
    }
    assert changed(("AirSyncBase:Attachments",), version=Version.V16_1) == {}


def test_a_reference_that_went_out_comes_back_as_the_id() -> None:
    [element] = attachment.render([Attachment("a:b/c", "x", -1, "message/rfc822")], "4:17")
    assert element.children[0].text_of("AirSyncBase:DisplayName") == "x.eml"
    reference = element.children[0].text_of("AirSyncBase:FileReference")
    gone = tree("AirSyncBase:Attachments", ("Delete", ("FileReference", reference)))
    assert attachment.read(gone).removed == ("a:b/c",)


@pytest.mark.parametrize(
    "edit",
    [
        ("Add", ("ClientId", "c")),
        ("Add", ("ClientId", "c"), ("Content", "ä")),
        ("Delete", ("FileReference",)),
        ("Delete",),
    ],
)
def test_attachments_without_sense_cannot_be_converted(edit: tuple[object, ...]) -> None:
    with pytest.raises(ConversionError):
        changed(("AirSyncBase:Attachments", edit), version=Version.V16_1)


# -- whole days ---------------------------------------------------------------------------------------------------

days = st.dates(date(1971, 1, 2), date(2100, 1, 1))
HOLIDAY = {
    "start": datetime(2026, 3, 29, tzinfo=UTC),
    "end": datetime(2026, 3, 31, tzinfo=UTC),
    "all_day": True,
}


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.mark.requirement("MS-ASCAL", 2006, 2007)
@pytest.mark.parametrize("version", ADVERTISED)
def test_whole_days_come_and_go_unchanged(version: Version) -> None:
    fields = {**HOLIDAY, "time_zone": "America/New_York"}
    found = shown(fields, version)
    assert (found["StartTime"], found["EndTime"]) == ("20260329T000000Z", "20260331T000000Z")
    assert found.get("Timezone") == (time_zone.UTC_BLOCK if version < Version.V16_0 else None)
    assert {name: value for name, value in returned(fields, version).items() if name in HOLIDAY} == HOLIDAY


def test_a_day_is_never_shorter_than_a_day() -> None:
    found = shown({"start": START, "end": START + HOUR, "all_day": True})
    assert (found["StartTime"], found["EndTime"]) == ("20260302T000000Z", "20260303T000000Z")
    zero = ("AllDayEvent", 1), ("StartTime", "20260302T000000Z"), ("EndTime", "20260302T000000Z")
    assert new(*zero)["end"] == datetime(2026, 3, 3, tzinfo=UTC)
    assert new(*zero[:2])["end"] == datetime(2026, 3, 3, tzinfo=UTC)


def as_exchange(day: date, zone: str) -> str:
    """A day as the moment when it begins in a zone."""
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return calendar.moment_text(begin)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(ZONES), days.filter(lambda day: day.year < 2037), st.integers(1, 20))
def test_a_day_is_read_from_local_midnight_in_every_zone(zone: str, day: date, length: int) -> None:
    end = day + length * DAY
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    block = time_zone.write(zone, begin)
    fields = changed(
        ("Timezone", block), ("AllDayEvent", 1), ("StartTime", as_exchange(day, zone)),
        ("EndTime", as_exchange(end, zone)),
    )  # fmt: skip
    switches = time_zone._switches(zone, day.year) + time_zone._switches(zone, end.year)
    # On the day of a switch, midnight may not exist, and an old block can be wrong about a later year's.
    if all(
        abs(switch[0] - moment) > 1.5 * DAY
        for switch in switches
        for moment in (midnight(day), midnight(end))
    ):
        assert fields["start"] == midnight(day)
    assert abs(fields["start"] - midnight(day)) <= timedelta(0) or switches


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), days, st.integers(1, 20))
def test_a_day_is_read_from_its_digits_whatever_the_block_says(zone: str, day: date, length: int) -> None:
    digits = f"{day:%Y%m%d}T000000Z".rjust(16, "0")
    end = day + length * DAY
    fields = changed(
        ("Timezone", time_zone.write(zone, midnight(day))), ("AllDayEvent", 1), ("StartTime", digits),
        ("EndTime", f"{end:%Y%m%d}T000000Z"),
    )  # fmt: skip
    assert (fields["start"], fields["end"]) == (midnight(day), midnight(end))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), days, st.sampled_from(ADVERTISED))
def test_all_clients_read_the_same_day(zone: str, day: date, version: Version) -> None:
    """Those that take the digits, and those that take the moment by the block that came with it."""
    fields = {"start": midnight(day), "end": midnight(day) + DAY, "all_day": True, "time_zone": zone}
    found = {element.name: element.text for element in calendar.render(fields, PLAIN, version, "4:17")}
    text = found["Calendar:StartTime"]
    assert text == f"{day:%Y%m%d}T000000Z"
    if version < Version.V16_0:
        block = time_zone.unpack(found["Calendar:Timezone"])
        assert block is not None
        assert block.rules.offset(midnight(day)) == 0
    else:
        assert "Calendar:Timezone" not in found


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20260301T230000Z", 2),  # Berlin
        ("20260301T110000Z", 2),  # Auckland in summer
        ("20260302T103000Z", 2),  # the Marquesas and further east
        ("20260302T050000Z", 2),  # New York
    ],
)
def test_a_day_without_a_block_is_that_of_the_nearest_midnight(text: str, day: int) -> None:
    fields = changed(("AllDayEvent", 1), ("StartTime", text), ("EndTime", text), version=Version.V16_1)
    assert fields["start"] == datetime(2026, 3, day, tzinfo=UTC)


def test_a_device_that_errs_by_an_hour_or_a_minute_means_the_nearest_midnight() -> None:
    berlin = ("Timezone", time_zone.write("Europe/Berlin", START))
    fields = changed(
        berlin, ("AllDayEvent", 1), ("StartTime", "20260301T220000Z"), ("EndTime", "20260302T225900Z")
    )
    assert fields["start"] == datetime(2026, 3, 2, tzinfo=UTC)
    assert fields["end"] == datetime(2026, 3, 3, tzinfo=UTC)


# -- series -------------------------------------------------------------------------------------------------------

WEEKLY = Recurrence(Pattern.WEEKLY, weekdays=(0,), until=date(2026, 5, 4))
SERIES = {**MEETING, "recurrence": WEEKLY}
MONDAYS = [datetime(2026, 3, 2, 9, tzinfo=UTC) + week * 7 * DAY for week in range(4)] + [
    datetime(2026, 3, 30, 8, tzinfo=UTC) + week * 7 * DAY for week in range(6)
]
"""Ten in the morning in Berlin, across the switch to summer time."""


@pytest.mark.parametrize("version", ADVERTISED)
def test_the_end_of_a_series_is_when_its_last_occurrence_begins(version: Version) -> None:
    found = dict(shown(SERIES, version)["Recurrence"])
    assert found["Until"] == "20260504T080000Z"
    assert returned(SERIES, version)["recurrence"] == WEEKLY


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    st.integers(0, 3000),
    st.sampled_from(ADVERTISED),
    st.booleans(),
)
def test_the_last_day_of_a_series_comes_back_in_every_zone(
    zone: str, start: datetime, length: int, version: Version, all_day: bool
) -> None:
    begin = start.replace(microsecond=0, second=0, tzinfo=ZoneInfo(zone))
    first = begin.astimezone(UTC)
    rule = Recurrence(Pattern.DAILY, until=(begin + length * DAY).date())
    fields = {"start": first, "end": first + HOUR, "all_day": all_day, "time_zone": zone, "recurrence": rule}
    if all_day:
        fields["recurrence"] = rule = Recurrence(Pattern.DAILY, until=first.date() + length * DAY)
    sent = [
        element
        for element in calendar.render(fields, PLAIN, version, "4:17")
        if element.name not in SERVER_ONLY
    ]
    assert calendar.read_change(sent, version, None)["recurrence"] == rule


def test_a_device_may_send_the_digits_of_the_last_day() -> None:
    berlin = ("Timezone", time_zone.write("Europe/Berlin", START))

    def until(text: str, *more: object) -> date | None:
        rule = ("Recurrence", ("Type", 0), ("Until", text))
        return changed(berlin, *WHOLE, rule, *more)["recurrence"].until  # type: ignore[no-any-return]

    assert until("20260504T000000Z") == date(2026, 5, 4)
    assert until("20260504T215959Z") == date(2026, 5, 4)
    assert until("20260504T225959Z") == date(2026, 5, 5)
    assert until("20260503T220000Z", ("AllDayEvent", 1)) == date(2026, 5, 4)
    partial = changed(("Recurrence", ("Type", 0), ("Until", "20260504T080000Z")), version=Version.V16_1)
    assert partial["recurrence"].until == date(2026, 5, 4)
    odd = ("Timezone", time_zone.pack(time_zone.Rules(77)))
    rule = ("Recurrence", ("Type", 0), ("Until", "20260504T225000Z"))
    found = changed(odd, *WHOLE, rule)
    assert "time_zone" not in found
    assert found["recurrence"].until == date(2026, 5, 5)


def moved(original: datetime, start: datetime, **fields: Any) -> Occurrence:
    return Occurrence(original, fields={"start": start, "end": start + HOUR, **fields})


EXCEPTIONS = (
    Occurrence(MONDAYS[1], deleted=True),
    moved(MONDAYS[2], MONDAYS[2] + DAY, subject="Tuesday", reminder=None, location=None),
    Occurrence(
        MONDAYS[4], fields={"subject": "After the switch", "location": "Elsewhere", "busy": Busy.FREE}
    ),
    moved(
        MONDAYS[5],
        MONDAYS[5] - 30 * DAY,
        body=Body(BodyKind.TEXT, "own"),
        categories=("c",),
        sensitivity=Sensitivity.PRIVATE,
        attendees=(Attendee("anton@example.org", "Anton", reply=Reply.ACCEPTED),),
    ),
    Occurrence(
        MONDAYS[6],
        fields={
            "start": datetime(2026, 4, 13, tzinfo=UTC),
            "end": datetime(2026, 4, 15, tzinfo=UTC),
            "all_day": True,
        },
    ),
)
EXCEPTIONAL = {**SERIES, "exceptions": EXCEPTIONS}


@pytest.mark.requirement("MS-ASCAL", 539, 543)
def test_exceptions_as_a_device_gets_them() -> None:
    def tags(version: Version) -> list[dict[str, Any]]:
        return [dict(entry) for _, entry in shown(EXCEPTIONAL, version)["Exceptions"]]

    deleted, tuesday, after, early, whole = tags(Version.V14_1)
    assert deleted == {"Deleted": "1", "ExceptionStartTime": "20260309T090000Z"}
    assert tuesday == {
        "ExceptionStartTime": "20260316T090000Z",
        "StartTime": "20260317T090000Z",
        "EndTime": "20260317T100000Z",
        "Subject": "Tuesday",
        "Reminder": "",
        "Location": "",
    }
    assert after == {
        "ExceptionStartTime": "20260330T080000Z",
        "StartTime": "20260330T080000Z",
        "EndTime": "20260330T090000Z",
        "Subject": "After the switch",
        "Location": "Elsewhere",
        "BusyStatus": "0",
    }
    assert early["Body"][-1] == ("Data", "own")
    assert len(early["Attendees"]) == 1
    assert whole == {
        "ExceptionStartTime": "20260413T080000Z",
        "StartTime": "20260412T220000Z",
        "EndTime": "20260414T220000Z",
        "AllDayEvent": "1",
    }
    assert "Attendees" not in tags(Version.V12_1)[3]
    assert tags(Version.V16_1)[0] == {"Deleted": "1", "InstanceId": "20260309T090000Z"}
    assert tags(Version.V16_1)[4]["StartTime"] == "20260413T000000Z"


@pytest.mark.parametrize("version", BEFORE_16)
def test_exceptions_come_and_go_unchanged(version: Version) -> None:
    found = returned(EXCEPTIONAL, version)["exceptions"]
    expected = list(EXCEPTIONS)
    if version < Version.V14_0:
        fields = {name: value for name, value in EXCEPTIONS[3].fields.items() if name != "attendees"}
        expected[3] = Occurrence(EXCEPTIONS[3].original, fields=fields)
    assert list(found) == expected


@pytest.mark.requirement("MS-ASDTYPE", 48, 50, 56, 57)
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    st.integers(1, 3000),
    st.integers(-100_000, 100_000),
    st.booleans(),
)
def test_a_moved_occurrence_comes_back_in_every_zone(
    zone: str, begin: datetime, days: int, shift: int, all_day: bool
) -> None:
    local = begin.replace(microsecond=0, second=0, tzinfo=ZoneInfo(zone))
    start, original = local.astimezone(UTC), (local + days * DAY).astimezone(UTC)
    following = (local + (days + 1) * DAY).astimezone(UTC)
    move = timedelta(minutes=shift)
    if all_day:
        start, original, move = (
            midnight(start.date()),
            midnight(start.date()) + days * DAY,
            shift // 1000 * DAY,
        )
        following = original + DAY
    entry = Occurrence(original, fields={"start": original + move, "end": original + move + 2 * DAY})
    fields = {
        "start": start, "end": start + DAY, "all_day": all_day, "time_zone": zone,
        "recurrence": Recurrence(Pattern.DAILY), "exceptions": (entry, Occurrence(following, deleted=True)),
    }  # fmt: skip
    for version in ADVERTISED:
        sent = [
            element
            for element in calendar.render(fields, PLAIN, version, "4:17")
            if element.name not in SERVER_ONLY
        ]
        found = calendar.read_change(sent, version, None)["exceptions"]
        assert found == fields["exceptions"]


def test_times_of_the_rule_are_none_of_the_exceptions_own() -> None:
    usual = Occurrence(MONDAYS[5], fields={"subject": "x"})
    for version in ADVERTISED:
        assert returned({**SERIES, "exceptions": (usual,)}, version)["exceptions"] == (usual,)
    # An hour by the clocks of Berlin, on the night of the switch.
    night = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    series = {
        "start": night, "end": night + HOUR, "time_zone": "Europe/Berlin", "recurrence": Recurrence(Pattern.DAILY),
        "exceptions": (Occurrence(night + 28 * DAY, fields={"subject": "x"}),),
    }  # fmt: skip
    [(_, entry)] = shown(series)["Exceptions"]
    assert dict(entry)["EndTime"] == "20260329T013000Z"


@pytest.mark.requirement("MS-ASCMD", 876, 877)
@pytest.mark.requirement("MS-ASCAL", 541, 542, 54111)
def test_the_whole_set_of_exceptions_is_read_and_its_absence_says_nothing() -> None:
    rule = ("Recurrence", ("Type", 0))
    assert "exceptions" not in changed(*WHOLE, rule)
    assert changed(*WHOLE, rule, ("Exceptions",))["exceptions"] == ()
    entries = (
        "Exceptions",
        ("Exception", ("ExceptionStartTime", "20260304T090000Z"), ("Deleted", 1)),
        ("Exception", ("ExceptionStartTime", "20260303T090000Z"), ("Subject", "x"), ("Deleted", 0)),
        ("Exception", ("ExceptionStartTime", "20260305T090000Z"), ("StartTime", "20260305T120000Z")),
    )
    assert changed(*WHOLE, rule, entries)["exceptions"] == (
        Occurrence(START + DAY, fields={"subject": "x"}),
        Occurrence(START + 2 * DAY, deleted=True),
        Occurrence(START + 3 * DAY, fields={"start": START + 3 * DAY + 3 * HOUR}),
    )


def test_an_exception_named_by_a_wrong_time_is_that_of_its_day() -> None:
    """iOS and Android, after they moved the series (quirk 15)."""
    berlin = ("Timezone", time_zone.write("Europe/Berlin", START))
    entries = (
        "Exceptions",
        ("Exception", ("ExceptionStartTime", "20260309T110000Z"), ("Subject", "x")),
        ("Exception", ("ExceptionStartTime", "20260330T110000Z"), ("Deleted", 1)),
        ("Exception", ("ExceptionStartTime", "20260406T080000Z"), ("Deleted", 1)),
    )
    found = changed(berlin, *WHOLE, ("Recurrence", ("Type", 0)), entries)["exceptions"]
    assert found == (
        Occurrence(MONDAYS[1], fields={"subject": "x"}),
        Occurrence(MONDAYS[4], deleted=True),
        Occurrence(MONDAYS[5], deleted=True),
    )


def test_a_name_that_errs_by_the_hour_of_summer_time_is_that_of_the_next_day() -> None:
    night = ("StartTime", "20260301T230000Z"), ("EndTime", "20260302T000000Z")
    berlin = ("Timezone", time_zone.write("Europe/Berlin", START))
    names = ("20260401T220000Z", "20260402T210000Z", "20260403T230000Z")
    entries = [("Exception", ("ExceptionStartTime", name), ("Deleted", 1)) for name in names]
    found = changed(berlin, *night, ("Recurrence", ("Type", 0)), ("Exceptions", *entries))["exceptions"]
    assert [entry.original.isoformat() for entry in found] == [
        "2026-04-01T22:00:00+00:00",
        "2026-04-02T22:00:00+00:00",
        "2026-04-03T22:00:00+00:00",
    ]


def test_a_whole_day_in_a_series_of_times_is_one_in_the_zone_of_the_series() -> None:
    berlin = ("Timezone", time_zone.write("Europe/Berlin", START))
    entry = (
        "Exception", ("ExceptionStartTime", "20260309T090000Z"), ("AllDayEvent", 1),
        ("StartTime", "20260308T230000Z"), ("EndTime", "20260309T230000Z"),
    )  # fmt: skip
    [found] = changed(berlin, *WHOLE, ("Recurrence", ("Type", 0)), ("Exceptions", entry))["exceptions"]
    assert found.fields == {
        "all_day": True,
        "start": datetime(2026, 3, 9, tzinfo=UTC),
        "end": datetime(2026, 3, 10, tzinfo=UTC),
    }
    only = {**SERIES, "exceptions": (Occurrence(MONDAYS[0] + 15 * HOUR, fields={"all_day": True}),)}
    [(_, shown_as)] = shown(only, Version.V16_1)["Exceptions"]
    assert dict(shown_as)["StartTime"] == "20260303T000000Z"
    assert dict(shown_as)["EndTime"] == "20260304T000000Z"


def test_a_time_in_a_series_of_whole_days_is_a_moment() -> None:
    first = datetime(2026, 3, 2, tzinfo=UTC)
    entry = Occurrence(
        first + DAY, fields={"all_day": False, "start": START + DAY, "end": START + DAY + HOUR}
    )
    series = {
        "start": first, "end": first + DAY, "all_day": True, "recurrence": Recurrence(Pattern.DAILY),
        "exceptions": (entry, Occurrence(first + 2 * DAY, fields={"subject": "x"})),
    }  # fmt: skip
    for version in ADVERTISED:
        assert returned(series, version)["exceptions"] == series["exceptions"]


def test_an_occurrence_that_the_user_answered_otherwise_or_that_was_cancelled() -> None:
    series = {
        **SERIES,
        "exceptions": (
            Occurrence(MONDAYS[1], fields={"reply": Reply.DECLINED}),
            Occurrence(MONDAYS[2], fields={"cancelled": True}),
        ),
    }
    declined, cancelled = (dict(entry) for _, entry in shown(series)["Exceptions"])
    assert declined["ResponseType"] == "4"
    assert "MeetingStatus" not in declined
    assert cancelled["MeetingStatus"] == "7"
    assert all("ResponseType" not in dict(entry) for _, entry in shown(series, Version.V12_1)["Exceptions"])


def test_only_so_many_exceptions_are_shown() -> None:
    entries = tuple(Occurrence(START + day * DAY, deleted=True) for day in range(1200))
    found = shown({**SERIES, "exceptions": entries})["Exceptions"]
    assert len(found) == 1000
    assert found[-1][1][1] == ("ExceptionStartTime", calendar.moment_text(START + 1199 * DAY))


def test_a_series_gets_present_rules() -> None:
    def march(fields: dict[str, Any]) -> tuple[int, ...]:
        block = base64.b64decode(shown({"time_zone": "America/New_York", **fields})["Timezone"])
        return struct.unpack_from("<8H", block, 152)

    start = datetime(2005, 6, 1, 13, tzinfo=UTC)
    old, present = (0, 4, 0, 1, 2, 0, 0, 0), (0, 3, 0, 2, 2, 0, 0, 0)
    daily = Recurrence(Pattern.DAILY)
    ended = Recurrence(Pattern.DAILY, until=date(2006, 1, 1))
    modified = datetime(2026, 1, 1, tzinfo=UTC)
    assert march({"start": start, "modified": modified}) == old
    assert march({"start": start, "modified": modified, "recurrence": daily}) == present
    assert march({"start": start, "modified": modified, "recurrence": ended}) == old


def test_one_occurrence_is_changed_from_16_0() -> None:
    found = calendar.read_occurrence(
        data(("Subject", "x"), ("StartTime", "20260309T120000Z"), ("Timezone", time_zone.UTC_BLOCK))
    )
    assert found == {"subject": "x", "start": datetime(2026, 3, 9, 12, tzinfo=UTC)}


@pytest.mark.parametrize("tag", ["Deleted", "Recurrence", "Exceptions"])
def test_what_only_a_series_has_is_no_change_of_an_occurrence(tag: str) -> None:
    with pytest.raises(ConversionError):
        calendar.read_occurrence(data((tag, ("Type", 0)) if tag == "Recurrence" else (tag,)))


def test_who_organizes_nothing_organizes_the_appointment() -> None:
    """Android cannot change one that nobody organizes (quirk 31)."""
    anton = Address("anton@example.org", "Anton")

    def organizer(fields: dict[str, Any]) -> list[str]:
        elements = calendar.render({"start": START, **fields}, PLAIN, Version.V14_1, "4:17", anton)
        return [element.text for element in elements if element.name.startswith("Calendar:Organizer")]

    assert organizer({}) == organizer({"organized": True}) == ["Anton", "anton@example.org"]
    assert organizer({"organized": False}) == []
    assert organizer({"organizer": Address("b@example.org")}) == ["b@example.org", "b@example.org"]
    own = data(*WHOLE, ("OrganizerEmail", "Anton@Example.org"), ("OrganizerName", "Anton"))
    assert "organizer" not in calendar.read_new(own, Version.V14_1, "phone1", NOW, anton)
    assert calendar.read_new(own, Version.V14_1, "phone1", NOW)["organizer"].mail == "Anton@Example.org"


NAMES = (
    *("Timezone", "AllDayEvent", "StartTime", "EndTime", "DtStamp", "UID", "Subject", "Location", "Reminder"),
    *(
        "BusyStatus",
        "Sensitivity",
        "MeetingStatus",
        "Deleted",
        "ExceptionStartTime",
        "Until",
        "Type",
        "Interval",
    ),
    *(
        "DayOfWeek",
        "DayOfMonth",
        "WeekOfMonth",
        "MonthOfYear",
        "Occurrences",
        "CalendarType",
        "Email",
        "Name",
    ),
    *(
        "Attendees",
        "Attendee",
        "Exceptions",
        "Exception",
        "Recurrence",
        "Categories",
        "Category",
        "ClientUid",
    ),
)
BASE_NAMES = ("Body", "Type", "Data", "Attachments", "Add", "Delete", "Content", "FileReference", "Location")
texts = st.sampled_from(
    [
        *("", "0", "1", "2", "3", "5", "6", "62", "-1", "99999999999", "x", "\0", "20260302T090000Z"),
        *("00010101T000000Z", "99991231T235959Z", "00010101T120000Z", "2026-03-02T09:00:00.000Z"),
        *(time_zone.write("Europe/Berlin", START), time_zone.pack(time_zone.Rules(-900)), "a@example.org"),
    ]
)
names = st.one_of(
    st.sampled_from([f"Calendar:{name}" for name in NAMES]),
    st.sampled_from([f"AirSyncBase:{name}" for name in BASE_NAMES]),
)
leaves = st.builds(Element, names, texts)
trees = st.recursive(
    leaves, lambda inner: st.builds(Element, names, st.none(), st.lists(inner, max_size=5)), max_leaves=12
)


@settings(max_examples=400, deadline=None)
@given(st.lists(trees, max_size=8), st.sampled_from(ADVERTISED), st.booleans())
def test_whatever_a_device_sends_is_read_or_refused(
    elements: list[Element], version: Version, whole: bool
) -> None:
    if whole:
        elements = [*data(*WHOLE), *elements]
    for read in (
        lambda: calendar.read_new(elements, version, "phone1", NOW),
        lambda: calendar.read_change(elements, version, None),
        lambda: calendar.read_occurrence(elements),
    ):
        try:
            fields = read()
        except ConversionError:
            continue
        assert set(fields) <= set(CALENDAR_FIELDS)
        if fields.get("start") is not None:
            try:
                rendered(fields, version)
            except ConversionError:
                continue
