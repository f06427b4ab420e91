"""Invitations, answers and cancellations by mail, and what is done with those that come (http-api section 6.1)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.standin.appointments import (
    at,
    calendar_folder,
    calendar_lines,
    calendar_part,
    day,
    delete,
    deliver,
    empty,
    get,
    invitations,
    new,
    own_calendar,
    sent_outside,
    session,
    starts,
    update,
    user_id,
)
from tests.standin.client import FAR_FUTURE, Client, Server

_SOURCE = "com.openexchange.mail.ical"
_CONVERSION = "com.openexchange.mail.conversion"
_EXTERNAL = "chefin@example.com"


@pytest.fixture(scope="module")
def ox(server: Server) -> Iterator[Client]:
    """A session of the user under test."""
    with session(server) as client:
        yield client


@pytest.fixture(scope="module")
def kept_calendar(ox: Client) -> Iterator[str]:
    """A calendar for the tests of the module."""
    with calendar_folder(ox) as folder:
        yield folder


@pytest.fixture
def calendar(ox: Client, kept_calendar: str) -> Iterator[str]:
    """An empty calendar."""
    yield kept_calendar
    empty(ox, kept_calendar)


@pytest.fixture(scope="module")
def berta(server: Server) -> Iterator[Client]:
    """A colleague."""
    with session(server, "berta@example.org") as client:
        yield client


def _people(berta: Client) -> list[dict[str, Any]]:
    return [
        {"type": 1, "id": user_id(berta)},
        {"type": 5, "mail": "gast@example.com", "display_name": "Gast"},
    ]


def _mail(method: str, *events: str) -> str:
    """A mail from outside with a calendar, as another server sends it."""
    body = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "PRODID:-//Other//EN",
            "VERSION:2.0",
            f"METHOD:{method}",
            *events,
            "END:VCALENDAR",
            "",
        ]
    )
    return (
        f"From: Chefin <{_EXTERNAL}>\r\nTo: anton@example.org\r\nSubject: =?utf-8?q?Besuch?=\r\n"
        "Date: Mon, 3 Mar 2031 10:00:00 +0000\r\nMessage-ID: <besuch@example.com>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="part"\r\n\r\n'
        "--part\r\nContent-Type: text/plain\r\n\r\nKommen Sie?\r\n"
        f'--part\r\nContent-Type: text/calendar; charset="UTF-8"; method={method}\r\n\r\n{body}\r\n--part--\r\n'
    )


def _event(
    uid: str, *more: str, sequence: int = 0, summary: str = "Besuch", start: str = "20310324T090000"
) -> str:
    lines = [
        "BEGIN:VEVENT", f"UID:{uid}", f"SEQUENCE:{sequence}", "DTSTAMP:20310301T100000Z", f"SUMMARY:{summary}",
        f"DTSTART;TZID=Europe/Berlin:{start}", "DURATION:PT1H", "LOCATION:Raum 1\\, Haus 2",
        f"ORGANIZER;CN=Chefin:mailto:{_EXTERNAL}",
        "ATTENDEE;CN=Anton;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:anton@example.org",
        "ATTENDEE;CN=\"Gast; einer\";PARTSTAT=ACCEPTED:mailto:gast@example.com", *more, "END:VEVENT",
    ]  # fmt: skip
    return "\r\n".join(lines)


def _itip(ox: Client, action: str, mail: str, part: str = "2", **params: Any) -> Any:
    body = {
        f"{_CONVERSION}.fullname": "default0/INBOX",
        f"{_CONVERSION}.mailid": mail,
        f"{_CONVERSION}.sequenceid": part,
    }
    params = {"dataSource": _SOURCE, "descriptionFormat": "html", "timezone": "UTC", **params}
    return ox.put("calendar/itip", action, body, **params)


def _arrived(ox: Client, method: str, *events: str) -> str:
    return deliver(ox, "anton@example.org", _mail(method, *events))


def _uid() -> str:
    return f"besuch-{uuid.uuid4()}@example.com"


def _resolved(ox: Client, uid: str) -> int:
    return int(ox.get("calendar", "resolveuid", uid=uid)["data"]["id"])


def test_nobody_is_told_unless_the_body_says_so(ox: Client, calendar: str, berta: Client) -> None:
    title = f"Still {calendar} {ox.session}"
    identity, _ = new(ox, calendar, title=title, participants=_people(berta))
    update(ox, calendar, identity, {"location": "Dort"})
    assert invitations(berta, title) == []
    assert sent_outside(ox, title) == []
    delete(ox, calendar, identity)


def test_an_invitation_is_a_mail_with_a_request(ox: Client, calendar: str, berta: Client) -> None:
    title = f"Einladung {calendar} {ox.session}"
    note = "Erstens; zweitens, drittens\nund eine sehr lange Zeile mit Umlauten: " + "ä" * 60
    identity, _ = new(
        ox, calendar, title=title, note=note, participants=_people(berta), notification=True,
        recurrence_type=2, interval=1, days=2, occurrences=4,
    )  # fmt: skip
    found = invitations(berta, title)
    assert len(found) == 1
    assert (found[0]["From"], found[0]["To"]) == ("Anton Albers <anton@example.org>", "berta@example.org")
    part = calendar_part(found[0])
    assert (part.get_param("method"), part.get_content_charset()) == ("REQUEST", "utf-8")
    lines = calendar_lines(found[0])
    shown = get(ox, calendar, identity)
    expected = [
        "METHOD:REQUEST",
        f"UID:{shown['uid']}",
        "SEQUENCE:0",
        "DTSTART;TZID=Europe/Berlin:20310324T090000",
        "DTEND;TZID=Europe/Berlin:20310324T100000",
        "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;COUNT=4",
        f"SUMMARY:{title}",
        "TZID:Europe/Berlin",
        'ORGANIZER;CN="Anton Albers":mailto:anton@example.org',
    ]
    assert [line for line in expected if line not in lines] == []
    assert "DESCRIPTION:" + note.replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n") in lines
    assert any(
        line.startswith("ATTENDEE")
        and line.endswith("PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:berta@example.org")
        for line in lines
    )
    assert [recipients for recipients, _ in sent_outside(ox, title)] == [["gast@example.com"]]
    delete(ox, calendar, identity)


def test_a_change_is_told_and_whoever_is_taken_out_gets_a_cancellation(
    ox: Client, calendar: str, berta: Client
) -> None:
    title = f"Wechsel {calendar} {ox.session}"
    identity, _ = new(ox, calendar, title=title, participants=_people(berta))
    body = {
        "notification": True, "start_date": at("2031-03-24 15:00"), "end_date": at("2031-03-24 16:00"),
        "participants": [{"type": 1, "id": user_id(ox)}, _people(berta)[1]],
    }  # fmt: skip
    update(ox, calendar, identity, body)
    methods = [calendar_part(mail).get_param("method") for mail in invitations(berta, title)]
    assert methods == ["CANCEL"]
    outside = [calendar_lines(message) for _, message in sent_outside(ox, title)]
    assert len(outside) == 1
    assert {"METHOD:REQUEST", "SEQUENCE:1", "DTSTART;TZID=Europe/Berlin:20310324T150000"} <= set(outside[0])
    delete(ox, calendar, identity)


def test_deleting_tells_all_and_an_occurrence_names_itself(ox: Client, calendar: str, berta: Client) -> None:
    title = f"Absage {calendar} {ox.session}"
    identity, _ = new(
        ox, calendar, title=title, participants=_people(berta), recurrence_type=1, interval=1, occurrences=3
    )
    delete(ox, calendar, identity, recurrence_position=2)
    lines = calendar_lines(invitations(berta, title)[0])
    assert {"METHOD:CANCEL", "STATUS:CANCELLED", "RECURRENCE-ID;TZID=Europe/Berlin:20310325T090000"} <= set(
        lines
    )
    delete(ox, calendar, identity)
    assert len(invitations(berta, title)) == 2
    assert len(sent_outside(ox, title)) == 2


def test_an_answer_goes_to_the_organizer_once(ox: Client, calendar: str, berta: Client) -> None:
    title = f"Antwort {calendar} {ox.session}"
    identity, _ = new(ox, calendar, title=title, participants=_people(berta))
    for _ in range(2):
        berta.put(
            "calendar", "confirm", {"confirmation": 2, "confirmmessage": "Leider, nein"}, id=identity,
            folder=own_calendar(berta), timestamp=FAR_FUTURE,
        )  # fmt: skip
    found = invitations(ox, title)
    assert len(found) == 1
    lines = calendar_lines(found[0])
    assert {"METHOD:REPLY", "COMMENT:Leider\\, nein"} <= set(lines)
    people = [line for line in lines if line.startswith("ATTENDEE")]
    assert len(people) == 1
    assert "PARTSTAT=DECLINED" in people[0]
    assert people[0].endswith("mailto:berta@example.org")
    delete(ox, calendar, identity)


def test_an_invitation_of_a_colleague_is_answered_by_its_mail(
    ox: Client, calendar: str, berta: Client
) -> None:
    title = f"Kollege {calendar} {ox.session}"
    identity, _ = new(ox, calendar, title=title, participants=_people(berta), notification=True)
    row = next(
        row
        for row in berta.get("mail", "all", folder="default0/INBOX", columns="600,607")["data"]
        if title in (row[1] or "")
    )
    answered = _itip(berta, "accept", row[0], message="Gern")
    assert [str(each["id"]) for each in answered["data"]] == [str(identity)]
    mine = next(each for each in get(ox, calendar, identity)["users"] if each["id"] == user_id(berta))
    assert (mine["confirmation"], mine["confirmmessage"]) == (1, "Gern")
    assert len(invitations(ox, title)) == 1
    delete(ox, calendar, identity)


@pytest.mark.parametrize(
    ("action", "reply", "status"),
    [("accept", 1, "ACCEPTED"), ("tentative", 3, "TENTATIVE"), ("decline", 2, "DECLINED")],
)
def test_an_invitation_from_outside_is_stored_with_the_answer(
    ox: Client, calendar: str, action: str, reply: int, status: str
) -> None:
    uid = _uid()
    mail = _arrived(ox, "REQUEST", _event(uid, summary=f"Besuch {uid}"))
    analysis = _itip(ox, "analyze", mail)["data"][0]
    assert set(analysis["actions"]) & {"accept", "accept_and_ignore_conflicts"}
    assert {"tentative", "decline"} <= set(analysis["actions"])
    change = analysis["changes"][0]
    assert (change["type"], change["newAppointment"]["title"]) == ("create", f"Besuch {uid}")
    assert _resolved(ox, uid) == 0
    answered = _itip(ox, action, mail)
    shown = get(ox, own_calendar(ox), answered["data"][0]["id"])
    assert (shown["uid"], shown["location"]) == (uid, "Raum 1, Haus 2")
    assert (shown["start_date"], shown["end_date"]) == (at("2031-03-24 09:00"), at("2031-03-24 10:00"))
    assert shown["organizer"] == _EXTERNAL
    assert [(each["id"], each["confirmation"]) for each in shown["users"]] == [(user_id(ox), reply)]
    assert {"type": 5, "mail": "gast@example.com", "display_name": "Gast; einer", "status": 1} in shown[
        "confirmations"
    ]
    sent = sent_outside(ox, uid)
    assert [recipients for recipients, _ in sent] == [[_EXTERNAL]]
    assert any(f"PARTSTAT={status}" in line for line in calendar_lines(sent[0][1]))
    refused = update(ox, own_calendar(ox), shown["id"], {"title": "Meins"})
    assert refused["categories"] == "PERMISSION_DENIED"
    assert "error" not in update(ox, own_calendar(ox), shown["id"], {"alarm": 5})
    delete(ox, own_calendar(ox), shown["id"])


def test_a_newer_request_changes_what_is_stored_and_an_older_one_does_not(ox: Client, calendar: str) -> None:
    uid = _uid()
    identity = _itip(ox, "accept", _arrived(ox, "REQUEST", _event(uid, sequence=1)))["data"][0]["id"]
    newer = _arrived(ox, "REQUEST", _event(uid, sequence=2, start="20310324T110000"))
    assert _itip(ox, "analyze", newer)["data"][0]["changes"][0]["type"] == "update"
    _itip(ox, "accept", newer)
    assert get(ox, own_calendar(ox), identity)["start_date"] == at("2031-03-24 11:00")
    older = _arrived(ox, "REQUEST", _event(uid, sequence=0))
    assert _itip(ox, "analyze", older)["data"][0]["actions"] == ["ignore"]
    _itip(ox, "accept", older)
    assert get(ox, own_calendar(ox), identity)["start_date"] == at("2031-03-24 11:00")
    delete(ox, own_calendar(ox), identity)


def test_a_series_with_an_exception_comes_as_one_message(ox: Client, calendar: str) -> None:
    uid = _uid()
    deleted = "EXDATE;TZID=Europe/Berlin:20310327T090000"
    series = _event(uid, "RRULE:FREQ=DAILY;COUNT=4", deleted, summary=f"Besuch {uid}")
    moved = _event(
        uid, "RECURRENCE-ID;TZID=Europe/Berlin:20310325T090000", summary="Später", start="20310325T170000"
    )
    identity = _itip(ox, "accept", _arrived(ox, "REQUEST", series, moved))["data"][0]["id"]
    shown = get(ox, own_calendar(ox), identity)
    assert (shown["recurrence_type"], shown["occurrences"]) == (1, 4)
    assert (shown["change_exceptions"], shown["delete_exceptions"]) == (
        [day("2031-03-25")],
        [day("2031-03-27")],
    )
    mine = [
        row[0]
        for row in starts(ox, own_calendar(ox), "2031-03-24", "2031-03-29", "201,206")
        if row[1] == int(identity)
    ]
    assert mine == [at(f"2031-03-{text}") for text in ("24 09:00", "25 17:00", "26 09:00")]
    cancelled = _event(
        uid, "RECURRENCE-ID;TZID=Europe/Berlin:20310326T090000", sequence=1, start="20310326T090000"
    )
    assert _itip(ox, "analyze", _arrived(ox, "CANCEL", cancelled))["data"][0]["actions"] == ["delete"]
    _itip(ox, "delete", _arrived(ox, "CANCEL", cancelled))
    assert get(ox, own_calendar(ox), identity)["delete_exceptions"] == [day("2031-03-26"), day("2031-03-27")]
    _itip(ox, "delete", _arrived(ox, "CANCEL", _event(uid, sequence=2)))
    assert _resolved(ox, uid) == 0
    # The acceptance went out, and nothing after it.
    assert len(sent_outside(ox, uid)) == 1


def test_an_answer_from_outside_is_noted_by_the_action_update(
    ox: Client, calendar: str, berta: Client
) -> None:
    identity, _ = new(ox, calendar, participants=_people(berta))
    uid = get(ox, calendar, identity)["uid"]
    event = "\r\n".join(
        ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20310301T100000Z", "DTSTART:20310324T080000Z", "SUMMARY:x",
         "COMMENT:Gern", "ORGANIZER:mailto:anton@example.org",
         "ATTENDEE;PARTSTAT=TENTATIVE:MAILTO:Gast@example.com", "END:VEVENT"]
    )  # fmt: skip
    mail = _arrived(ox, "REPLY", event)
    assert _itip(ox, "analyze", mail)["data"][0]["actions"] == ["update"]
    _itip(ox, "update", mail)
    confirmation = get(ox, calendar, identity)["confirmations"][0]
    assert (confirmation["status"], confirmation["message"]) == (3, "Gern")
    delete(ox, calendar, identity)


def test_a_zone_by_another_name_is_read_by_its_definition(ox: Client, calendar: str) -> None:
    uid = _uid()
    zone = "\r\n".join(
        ["BEGIN:VTIMEZONE", "TZID:Pacific Custom", "BEGIN:STANDARD", "DTSTART:16010101T000000",
         "TZOFFSETFROM:-0800", "TZOFFSETTO:-0800", "END:STANDARD", "END:VTIMEZONE"]
    )  # fmt: skip
    event = _event(uid).replace("TZID=Europe/Berlin", "TZID=Pacific Custom")
    identity = _itip(ox, "accept", _arrived(ox, "REQUEST", zone, event))["data"][0]["id"]
    assert get(ox, own_calendar(ox), identity)["start_date"] == at("2031-03-24 18:00")
    delete(ox, own_calendar(ox), identity)


def test_a_part_that_is_no_calendar_is_refused(ox: Client, calendar: str) -> None:
    mail = _arrived(ox, "REQUEST", _event(_uid()))
    assert _itip(ox, "accept", mail, part="1")["code"] == "SVL-0010"
    assert _itip(ox, "accept", mail, part="7")["code"] == "MSG-0034"
    assert _itip(ox, "accept", "999999")["code"] == "MSG-0032"
    assert _itip(ox, "accept", mail, dataSource="other")["code"] == "SVL-0010"
