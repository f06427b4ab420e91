"""A phone's calendar: what it sends in each version, and how it reads what comes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.wbxml import Element
from lab.device import BadAnswer, CommandFailed, Phone, calendar
from lab.device.calendar_items import (
    Attendee,
    Change,
    compact,
    dashed,
    elements,
    event,
    meeting_request,
    uid_of,
    with_occurrence,
    zone_block,
)
from tests.device.answers import folder, folders, item, response, sync, tree
from tests.device.canned import CannedServer

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERIES = (
    Element("Calendar:StartTime", "20260302T090000Z"),
    Element("Calendar:Recurrence", None, [Element("Calendar:Type", "0")]),
    Element("Calendar:Location", "Room"),
    Element("AirSyncBase:NativeBodyType", "1"),
)


def diary(make: Any, server: CannedServer, version: str, *fields: Element) -> Phone:
    """A phone that holds the series ``k:1``."""
    phone = make(version=version)
    server.play(folders("h1", folder("Add", "k", "0", "Calendar", 8)))
    phone.folder_sync()
    server.play(sync("k", "k1"), sync("k", "k2", item("Add", "k:1", *(fields or SERIES))))
    phone.sync_all("k")
    server.received.clear()
    return phone


def sent(server: CannedServer) -> Element:
    """The one command of the last Sync."""
    collection = server.last.tree.find("AirSync:Collections").find("AirSync:Collection")
    [command] = collection.find("AirSync:Commands")
    return command


def tags(found: list[Element]) -> dict[str, str]:
    return {element.name: element.text for element in found}


def test_a_whole_day_has_a_zone_up_to_14_1_only() -> None:
    change = Change(start=date(2026, 3, 2), end=date(2026, 3, 4))
    old, new = tags(elements(change, "14.1")), tags(elements(change, "16.0"))
    assert old["Calendar:Timezone"] == zone_block("UTC")
    assert "Calendar:Timezone" not in new
    assert old["Calendar:StartTime"] == new["Calendar:StartTime"] == "20260302T000000Z"
    assert old["Calendar:AllDayEvent"] == "1"


def test_what_the_owner_enters_is_sent() -> None:
    change = Change(
        subject="", start=START, end=START + HOUR, location="Here", text="words", reminder=-1, busy=1,
        categories=["a"], attendees=["b@example.org"], recurrence=[("Type", "0")],
        add_files={"a.txt": b"x"}, remove_files=["k:1:7"],
    )  # fmt: skip
    old, new = tags(elements(change, "14.1")), tags(elements(change, "16.1"))
    assert old["Calendar:Location"] == "Here"
    assert "AirSyncBase:Location" in new
    assert old["Calendar:Reminder"] == old["Calendar:Subject"] == ""
    assert old["Calendar:MeetingStatus"] == "1"
    assert "AirSyncBase:Attachments" in new
    alone = tags(elements(change, "16.1", of_occurrence=True))
    assert "Calendar:Timezone" not in alone
    assert "Calendar:MeetingStatus" not in alone


def test_an_event_is_read_with_all_it_has() -> None:
    found = event(
        tree(
            "AirSync:ApplicationData",
            Element("Calendar:Timezone", zone_block("Europe/Berlin")),
            Element("Calendar:StartTime", "20260302T090000Z"),
            Element("Calendar:EndTime", "20260302T100000Z"),
            Element("Calendar:Subject", "S"),
            Element("Calendar:Reminder", "5"),
            Element("Calendar:BusyStatus", "2"),
            tree("AirSyncBase:Location", Element("AirSyncBase:DisplayName", "Here")),
            tree("AirSyncBase:Body", Element("AirSyncBase:Data", "a\r\nb")),
            tree(
                "Calendar:Attendees",
                tree(
                    "Calendar:Attendee",
                    Element("Calendar:Email", "b@example.org"),
                    Element("Calendar:Name", "B"),
                ),
            ),
            tree(
                "Calendar:Exceptions",
                tree(
                    "Calendar:Exception",
                    Element("Calendar:Deleted", "1"),
                    Element("AirSyncBase:InstanceId", "20260303T090000Z"),
                ),
                tree(
                    "Calendar:Exception",
                    Element("Calendar:ExceptionStartTime", "20260304T090000Z"),
                    Element("Calendar:AllDayEvent", "1"),
                    Element("Calendar:StartTime", "20260303T230000Z"),
                ),
                tree("Calendar:Exception", Element("Calendar:ExceptionStartTime", "20260305T090000Z")),
            ),
        )
    )
    assert (found.start, found.end, found.subject, found.location, found.text) == (
        START, START + HOUR, "S", "Here", "a\nb",
    )  # fmt: skip
    assert found.reminder == 5
    assert found.attendees == (Attendee("b@example.org", "B"),)
    assert found.extra == {"BusyStatus": "2"}
    assert found.deleted == (START + DAY,)
    assert found.changed[START + 2 * DAY].start == date(2026, 3, 4)
    assert found.changed[START + 3 * DAY].start == START + 3 * DAY


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "20260301T230000Z"),
        ("Europe/Berlin", "20260701T220000Z"),
        ("Australia/Sydney", "20260301T130000Z"),
        ("America/New_York", "20260701T040000Z"),
    ],
)
def test_the_phone_trusts_the_block_more_than_the_digits(zone: str, text: str) -> None:
    whole = Element("Calendar:AllDayEvent", "1")
    block = Element("Calendar:Timezone", zone_block(zone))
    data = tree("AirSync:ApplicationData", whole, block, Element("Calendar:StartTime", text))
    assert event(data).start in (date(2026, 3, 2), date(2026, 7, 1), date(2026, 7, 2))
    wrong = tree("AirSync:ApplicationData", whole, block, Element("Calendar:StartTime", "20260302T101500Z"))
    with pytest.raises(BadAnswer):
        event(wrong)


def test_an_exception_must_say_what_it_is_of() -> None:
    nameless = tree("Calendar:Exceptions", tree("Calendar:Exception", Element("Calendar:Deleted", "1")))
    with pytest.raises(BadAnswer):
        event(tree("AirSync:ApplicationData", nameless))


def test_up_to_14_1_the_whole_item_is_sent(make: Any, server: CannedServer) -> None:
    phone = diary(make, server, "14.1")
    server.play(sync("k", "k3"))
    calendar.change_event(phone, "k", "k:1", Change(subject="New", location=""))
    data = sent(server).find("AirSync:ApplicationData")
    assert [child.name for child in data] == [
        "Calendar:StartTime",
        "Calendar:Recurrence",
        "Calendar:Subject",
    ]


def test_from_16_0_only_the_change_is_sent(make: Any, server: CannedServer) -> None:
    phone = diary(make, server, "16.1")
    server.play(sync("k", "k3"))
    calendar.change_event(phone, "k", "k:1", Change(subject="New"))
    assert tags(list(sent(server).find("AirSync:ApplicationData"))) == {"Calendar:Subject": "New"}


def test_single_occurrences_from_16_0(make: Any, server: CannedServer) -> None:
    phone = diary(make, server, "16.1")
    server.play(sync("k", "k3"), sync("k", "k4"), sync("k", "k5"))
    for subject in ("Once", "Twice"):
        calendar.change_occurrence(phone, "k", "k:1", START + DAY, Change(subject=subject))
        command = sent(server)
        assert command.name == "AirSync:Change"
        assert command.text_of("AirSyncBase:InstanceId") == "20260303T090000Z"
    calendar.delete_occurrence(phone, "k", "k:1", START + 2 * DAY)
    command = sent(server)
    assert [child.name for child in command] == ["AirSync:ServerId", "AirSyncBase:InstanceId"]
    held = calendar.events(phone, "k")["k:1"]
    assert {when: change.subject for when, change in held.changed.items()} == {START + DAY: "Twice"}
    assert held.deleted == (START + 2 * DAY,)


def test_an_occurrence_that_the_server_refuses(make: Any, server: CannedServer) -> None:
    phone = diary(make, server, "16.1")
    refused = response("Change", "6", server_id="k:1")
    refused.children.insert(1, Element("AirSyncBase:InstanceId", "20260303T090000Z"))
    server.play(sync("k", "k3", responses=[refused]))
    with pytest.raises(CommandFailed) as failed:
        calendar.change_occurrence(phone, "k", "k:1", START + DAY, Change(subject="Once"))
    assert failed.value.status == 6
    assert not calendar.events(phone, "k")["k:1"].changed
    assert phone.anomalies == []


def test_single_occurrences_up_to_14_1(make: Any, server: CannedServer) -> None:
    phone = diary(make, server, "14.1")
    server.play(sync("k", "k3"), sync("k", "k4"), sync("k", "k5"))
    calendar.change_occurrence(phone, "k", "k:1", START + DAY, Change(subject="Once"))
    calendar.change_occurrence(phone, "k", "k:1", START + DAY, Change(location="There"))
    calendar.delete_occurrence(phone, "k", "k:1", START + 2 * DAY)
    assert len(sent(server).find("AirSync:ApplicationData").find("Calendar:Exceptions").children) == 2
    held = calendar.events(phone, "k")["k:1"]
    change = held.changed[START + DAY]
    assert (change.subject, change.location) == ("Once", "There")
    assert held.deleted == (START + 2 * DAY,)


@pytest.mark.parametrize(("version", "tag"), [("14.1", "Calendar:UID"), ("16.0", "Calendar:ClientUid")])
def test_a_new_appointment_has_a_name(make: Any, server: CannedServer, version: str, tag: str) -> None:
    phone = diary(make, server, version)
    server.play(sync("k", "k3", responses=[]))
    with pytest.raises(BadAnswer):
        calendar.add_event(phone, "k", Change(subject="New", start=START, end=START + HOUR))
    assert sent(server).find("AirSync:ApplicationData").text_of(tag)


def answered(status: str, request_id: str = "k:1", calendar_id: str = "") -> Element:
    page = "MeetingResponse"
    return tree(
        f"{page}:{page}",
        tree(
            f"{page}:Result",
            Element(f"{page}:RequestId", request_id),
            Element(f"{page}:Status", status),
            Element(f"{page}:CalendarId", calendar_id) if calendar_id else None,
        ),
    )


def test_an_answer(make: Any, server: CannedServer) -> None:
    phone = diary(make, server, "16.1")
    server.play(answered("1", calendar_id="k:9"), answered("1"))
    assert calendar.answer(phone, "k:1", calendar.ACCEPT, occurrence=START, comment="late") == "k:9"
    [request] = server.last.tree
    assert request.text_of("MeetingResponse:InstanceId") == dashed(START)
    assert request.find("MeetingResponse:SendResponse").find("AirSyncBase:Body") is not None
    assert calendar.answer(phone, "k:1", calendar.DECLINE) == ""
    assert server.last.tree.children[0].find("MeetingResponse:SendResponse") is None


@pytest.mark.parametrize(
    "wrong", [answered("2"), answered("1", "k:2"), tree("MeetingResponse:MeetingResponse")]
)
def test_a_wrong_answer(make: Any, server: CannedServer, wrong: Element) -> None:
    phone = diary(make, server, "16.1")
    server.play(wrong)
    with pytest.raises((CommandFailed, BadAnswer)):
        calendar.answer(phone, "k:1", calendar.ACCEPT)


def test_the_uid_of_an_invitation() -> None:
    assert meeting_request(tree("AirSync:ApplicationData")) == {}
    wrapped = "BAAAAIIA4AB0xbcQGoLgCAAAAAAAAAAAAAAAAAAAAAAAAAAADwAAAHZDYWwtVWlkAQAAAHh5AA=="
    told = tree("Email:MeetingRequest", Element("Email:GlobalObjId", wrapped))
    assert meeting_request(tree("AirSync:ApplicationData", told))["UID"] == "xy"
    with pytest.raises(BadAnswer):
        uid_of("AAAA")


def test_the_forms_of_a_date() -> None:
    assert (compact(START), dashed(START)) == ("20260302T090000Z", "2026-03-02T09:00:00.000Z")
    assert compact(date(2026, 3, 2)) == "20260302T000000Z"


def test_an_occurrence_changed_anew_keeps_what_it_had() -> None:
    data = tree("AirSync:ApplicationData", Element("Calendar:Subject", "S"))
    once = with_occurrence(data, "20260303T090000Z", [Element("Calendar:Location", "A")])
    again = with_occurrence(once, "20260303T090000Z", [Element("Calendar:Subject", "T")])
    change = event(again).changed[START + DAY]
    assert (change.location, change.subject) == ("A", "T")
    gone = with_occurrence(again, "20260303T090000Z", None)
    assert event(gone).deleted == (START + DAY,)
