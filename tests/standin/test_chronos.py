"""Events by the module ``chronos`` (http-api section 7); generations before 8 do not have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.ox.process import StandIn
from tests.standin import appointments
from tests.standin.appointments import (
    HOUR,
    at,
    calendar_folder,
    calendar_lines,
    empty,
    invitations,
    own_calendar,
    sent_outside,
    session,
    user_id,
)
from tests.standin.client import FAR_FUTURE, Client, Server

_RANGE = {"rangeStart": "20310301T000000Z", "rangeEnd": "20320101T000000Z"}


@pytest.fixture(scope="session")
def server(stand_ins: Callable[[int], StandIn]) -> Server:
    """A server of the newest generation."""
    stand_in = stand_ins(8)
    return Server(stand_in.url, "anton@example.org", stand_in.password, 8, stand_in.root)


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


def _time(text: str, zone: str = "Europe/Berlin") -> dict[str, str]:
    return {"value": text, "tzid": zone}


def _new(ox: Client, folder: str, /, params: dict[str, Any] | None = None, **event: Any) -> dict[str, Any]:
    """Make an event on 24 March 2031 at nine; as it was stored."""
    event = {
        "summary": "Contract",
        "startDate": _time("20310324T090000"),
        "endDate": _time("20310324T100000"),
        **event,
    }
    made = ox.put("chronos", "new", event, folder=folder, **(params or {}))
    assert made.get("data", {}).get("created"), made
    return dict(made["data"]["created"][0])


def _series(ox: Client, folder: str, **event: Any) -> dict[str, Any]:
    """Mondays at nine, four times, over the beginning of summer time."""
    return _new(ox, folder, rrule="FREQ=WEEKLY;BYDAY=MO;COUNT=4", **event)


def _update(ox: Client, folder: str, identity: str, event: Any, **params: Any) -> Any:
    body = {"event": event}
    return ox.put(
        "chronos", "update", body, folder=folder, id=identity, **{"timestamp": FAR_FUTURE, **params}
    )


def _get(ox: Client, folder: str, identity: str, **params: Any) -> dict[str, Any]:
    shown = ox.get("chronos", "get", folder=folder, id=identity, **params)
    assert "error" not in shown, shown
    return dict(shown["data"])


def _delete(ox: Client, folder: str, identity: str, timestamp: int = FAR_FUTURE, **more: Any) -> Any:
    body = {"events": [{"id": identity, "folder": folder, **more}]}
    return ox.put("chronos", "delete", body, timestamp=timestamp)["data"][0]


def _all(ox: Client, folder: str, fields: str, **params: Any) -> list[Any]:
    found = ox.get(
        "chronos", "all", folder=folder, fields=fields, sort="startDate", order="ASC", **{**_RANGE, **params}
    )
    assert "error" not in found, found
    return list(found["data"])


@pytest.mark.parametrize("generation", [6, 7])
def test_earlier_generations_do_not_know_the_module(
    stand_ins: Callable[[int], StandIn], generation: int
) -> None:
    stand_in = stand_ins(generation)
    ox = Server(stand_in.url, "anton@example.org", stand_in.password, generation).client()
    assert ox.send("GET", "chronos", "all", **_RANGE).status_code == 404


def test_a_new_event_is_read_back_in_full(ox: Client, calendar: str) -> None:
    event = {
        "summary": "Feier 🎉",
        "location": "Saal",
        "description": "Eins\nZwei",
        "categories": ["Eins", "Zwei"],
        "class": "CONFIDENTIAL",
        "transp": "TRANSPARENT",
        "color": "#ff2968",
        "status": "TENTATIVE",
        "url": "https://example.com/",
        "geo": {"lat": 53.5, "long": 10.0},
        "extendedProperties": {"X-MICROSOFT-CDO-BUSYSTATUS": "OOF"},
        "startDate": _time("20310701T090000", "America/New_York"),
        "endDate": _time("20310701T103000", "America/New_York"),
    }
    made = _new(ox, calendar, **event)
    shown = _get(ox, calendar, made["id"])
    assert {name: shown[name] for name in event} == event
    assert shown["timestamp"] == shown["lastModified"] == made["timestamp"]
    assert shown["createdBy"]["entity"] == user_id(ox)
    assert not {"attendees", "organizer", "seriesId", "rrule", "recurrenceId"} & shown.keys()
    assert {"confidential", "transparent", "event_tentative"} <= set(shown["flags"])


def test_both_modules_show_the_same_event(ox: Client, calendar: str) -> None:
    made = _series(ox, calendar, alarms=[{"action": "DISPLAY", "trigger": {"duration": "-PT1H"}}])
    shown = appointments.get(ox, f"cal://0/{calendar}", made["id"])
    assert (shown["title"], shown["start_date"], shown["alarm"]) == ("Contract", at("2031-03-24 09:00"), 60)
    assert (shown["recurrence_type"], shown["days"], shown["occurrences"]) == (2, 2, 4)
    appointments.update(ox, calendar, made["id"], {"alarm": 5, "until": appointments.day("2031-03-31")})
    event = _get(ox, calendar, made["id"])
    assert event["rrule"] == "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;UNTIL=20310331T215959Z"
    assert event["alarms"][0]["trigger"]["duration"] == "-PT5M"


def test_a_rule_without_a_pattern_is_kept_and_the_old_module_shows_none(ox: Client, calendar: str) -> None:
    made = _new(ox, calendar, rrule="FREQ=MONTHLY;BYDAY=-2MO;COUNT=2")
    assert _get(ox, calendar, made["id"])["startDate"]["value"] == "20310324T090000"
    assert appointments.get(ox, calendar, made["id"])["recurrence_type"] == 0
    assert len(_all(ox, calendar, "id", expand="true")) == 2


def test_whole_days_have_no_zone_and_an_exclusive_end(ox: Client, calendar: str) -> None:
    made = _new(ox, calendar, startDate={"value": "20310329"}, endDate={"value": "20310401"})
    assert (made["startDate"], made["endDate"]) == ({"value": "20310329"}, {"value": "20310401"})
    one = _new(ox, calendar, startDate={"value": "20310329"}, endDate=None, rrule="FREQ=DAILY;COUNT=3")
    assert one["endDate"] == {"value": "20310330"}
    named = [each["recurrenceId"] for each in _all(ox, calendar, "recurrenceId", expand="true") if each]
    assert named == ["20310329", "20310330", "20310331"]


def test_a_series_is_listed_whole_or_as_its_occurrences(ox: Client, calendar: str) -> None:
    made = _series(ox, calendar)
    assert made["seriesId"] == made["id"]
    whole = _all(ox, calendar, "id,rrule,seriesId")
    assert whole == [{"id": made["id"], "seriesId": made["id"], "rrule": "FREQ=WEEKLY;BYDAY=MO;COUNT=4"}]
    found = _all(ox, calendar, "id,rrule,recurrenceId,startDate", expand="true")
    assert [each["recurrenceId"] for each in found] == [
        f"Europe/Berlin:2031{name}T090000" for name in ("0324", "0331", "0407", "0414")
    ]
    assert {each["id"] for each in found} == {made["id"]}
    assert not any("rrule" in each for each in found)


@pytest.mark.parametrize("recurrence_id", ["Europe/Berlin:20310331T090000", "20310331T070000Z", "20310331"])
def test_an_occurrence_has_several_names(ox: Client, calendar: str, recurrence_id: str) -> None:
    made = _series(ox, calendar)
    shown = _get(ox, calendar, made["id"], recurrenceId=recurrence_id)
    assert shown["startDate"] == _time("20310331T090000")
    other = ox.get("chronos", "get", folder=calendar, id=made["id"], recurrenceId="20310401T070000Z")
    assert other["code"] == "CAL-4042"
    broken = ox.get("chronos", "get", folder=calendar, id=made["id"], recurrenceId="tomorrow")
    assert broken["code"] == "CAL-4061"


def test_changing_an_occurrence_creates_an_exception(ox: Client, calendar: str) -> None:
    made = _series(ox, calendar, location="Hier")
    answer = _update(
        ox, calendar, made["id"], {"summary": "Anders", "startDate": _time("20310401T140000")},
        recurrenceId="20310331T070000Z", timestamp=made["timestamp"],
    )  # fmt: skip
    created, updated = answer["data"]["created"], answer["data"]["updated"]
    assert [each["id"] for each in updated] == [made["id"]]
    exception = created[0]
    assert (exception["seriesId"], exception["uid"]) == (made["id"], made["uid"])
    assert exception["recurrenceId"] == "Europe/Berlin:20310331T090000"
    assert (exception["summary"], exception["location"]) == ("Anders", "Hier")
    assert exception["endDate"] == _time("20310401T150000")
    assert "overridden" in exception["flags"]
    assert _get(ox, calendar, made["id"])["changeExceptionDates"] == ["Europe/Berlin:20310331T090000"]
    told = ox.get("chronos", "updates", folder=calendar, timestamp=made["timestamp"], fields="id")["data"]
    assert sorted(each["id"] for each in told["newAndModified"]) == sorted([made["id"], exception["id"]])
    again = _update(ox, calendar, made["id"], {"summary": "Wieder"}, recurrenceId="20310331T070000Z")
    assert (again["data"]["created"], again["data"]["updated"][0]["id"]) == ([], exception["id"])


def test_deleting_tells_what_is_gone_or_what_is_wrong(ox: Client, calendar: str) -> None:
    made = _series(ox, calendar)
    dropped = _delete(ox, calendar, made["id"], recurrenceId="20310331T070000Z")
    assert dropped["updated"][0]["deleteExceptionDates"] == ["Europe/Berlin:20310331T090000"]
    late = _delete(ox, calendar, made["id"], timestamp=made["timestamp"])
    assert late["error"]["code"] == "CAL-4120"
    since = ox.get("chronos", "updates", folder=calendar, timestamp=0)["timestamp"]
    gone = _delete(ox, calendar, made["id"])
    assert [each["id"] for each in gone["deleted"]] == [made["id"]]
    told = ox.get("chronos", "updates", folder=calendar, timestamp=since)
    assert [each["id"] for each in told["data"]["deleted"]] == [made["id"]]
    assert told["data"]["newAndModified"] == []
    assert told["timestamp"] > since
    assert _delete(ox, calendar, made["id"])["error"]["code"] == "CAL-4040"


def test_an_old_body_without_wrapper_is_taken_too(ox: Client, calendar: str) -> None:
    made = _new(ox, calendar)
    where = {"folder": calendar, "id": made["id"], "timestamp": FAR_FUTURE}
    assert ox.put("chronos", "update", {"summary": "Neu"}, **where)["data"]["updated"][0]["summary"] == "Neu"
    bare = ox.put("chronos", "delete", [{"id": made["id"], "folder": calendar}], timestamp=FAR_FUTURE)
    assert bare["data"][0]["deleted"]


def test_an_old_timestamp_is_a_conflict(ox: Client, calendar: str) -> None:
    made = _new(ox, calendar)
    _update(ox, calendar, made["id"], {"summary": "Eins"}, timestamp=made["timestamp"])
    late = _update(ox, calendar, made["id"], {"summary": "Zwei"}, timestamp=made["timestamp"])
    assert (late["code"], late["categories"]) == ("CAL-4120", "CONFLICT")


def test_from_an_occurrence_on_a_series_becomes_another(ox: Client, calendar: str) -> None:
    made = _series(ox, calendar)
    answer = _update(
        ox, calendar, made["id"], {"summary": "Später"}, recurrenceId="20310407T070000Z",
        recurrenceRange="THISANDFUTURE",
    )  # fmt: skip
    follower = answer["data"]["created"][0]
    assert (follower["summary"], follower["rrule"]) == ("Später", "FREQ=WEEKLY;BYDAY=MO;COUNT=2")
    assert follower["uid"] != made["uid"]
    found = _all(ox, calendar, "summary,startDate", expand="true")
    assert [(each["summary"], each["startDate"]["value"][:8]) for each in found] == [
        ("Contract", "20310324"), ("Contract", "20310331"), ("Später", "20310407"), ("Später", "20310414"),
    ]  # fmt: skip
    _delete(ox, calendar, made["id"], recurrenceId="20310331T070000Z", recurrenceRange="THISANDFUTURE")
    assert len(_all(ox, calendar, "id", expand="true")) == 3


def test_attendees_are_users_or_people_outside(ox: Client, calendar: str, berta: Client) -> None:
    attendees = [
        {"entity": user_id(berta)},
        {"uri": "mailto:caesar.alias@example.org", "role": "OPT-PARTICIPANT"},
        {"uri": "mailto:gast@example.com", "cn": "Gast", "partStat": "TENTATIVE"},
    ]
    made = _new(ox, calendar, attendees=attendees)
    shown = {each["email"]: each for each in made["attendees"]}
    assert set(shown) == {
        "anton@example.org", "berta@example.org", "caesar@example.org", "gast@example.com",
    }  # fmt: skip
    assert {name: each["partStat"] for name, each in shown.items() if each["partStat"] != "NEEDS-ACTION"} == {
        "anton@example.org": "ACCEPTED",
        "gast@example.com": "TENTATIVE",
    }
    assert shown["caesar@example.org"]["role"] == "OPT-PARTICIPANT"
    assert "entity" not in shown["gast@example.com"]
    assert made["organizer"]["entity"] == user_id(ox)
    theirs = _get(berta, own_calendar(berta), made["id"])
    assert theirs["folder"] == own_calendar(berta)
    assert {"attendee", "needs_action"} <= set(theirs["flags"])
    assert {"organizer", "accepted"} <= set(made["flags"])
    _delete(ox, calendar, made["id"])


def test_an_attendee_answers_and_sets_alarms_and_changes_nothing_else(
    ox: Client, calendar: str, berta: Client
) -> None:
    made = _new(ox, calendar, attendees=[{"entity": user_id(berta)}])
    folder = own_calendar(berta)
    waiting = berta.get("chronos", "needsAction", fields="id", **_RANGE)["data"]
    assert {"id": made["id"]} in waiting
    body = {
        "attendee": {"entity": user_id(berta), "partStat": "ACCEPTED", "comment": "Gern"},
        "alarms": [{"action": "DISPLAY", "trigger": {"duration": "-PT10M", "related": "START"}}],
    }
    where = {"folder": folder, "id": made["id"], "timestamp": made["timestamp"]}
    answer = berta.put("chronos", "updateAttendee", body, **where)
    assert answer["data"]["updated"][0]["alarms"][0]["trigger"]["duration"] == "-PT10M"
    mine = next(
        each for each in _get(ox, calendar, made["id"])["attendees"] if each["entity"] == user_id(berta)
    )
    assert (mine["partStat"], mine["comment"]) == ("ACCEPTED", "Gern")
    assert "alarms" not in _get(ox, calendar, made["id"])
    assert berta.put("chronos", "updateAttendee", body, **where)["code"] == "CAL-4120"
    assert _update(berta, folder, made["id"], {"summary": "x"})["code"] == "CAL-4038"
    someone = {"attendee": {"entity": user_id(ox), "partStat": "DECLINED"}}
    refused = berta.put("chronos", "updateAttendee", someone, **{**where, "timestamp": FAR_FUTURE})
    assert refused["code"] == "CAL-4033"
    _delete(ox, calendar, made["id"])


def test_an_answer_to_one_occurrence_makes_an_exception(ox: Client, calendar: str, berta: Client) -> None:
    made = _series(ox, calendar, attendees=[{"entity": user_id(berta)}])
    body = {"attendee": {"entity": user_id(berta), "partStat": "DECLINED"}}
    answer = berta.put(
        "chronos", "updateAttendee", body, folder=own_calendar(berta), id=made["id"], timestamp=FAR_FUTURE,
        recurrenceId="20310331T070000Z",
    )  # fmt: skip
    exception = answer["data"]["created"][0]
    stats = {each["entity"]: each["partStat"] for each in _get(ox, calendar, exception["id"])["attendees"]}
    assert stats == {user_id(ox): "ACCEPTED", user_id(berta): "DECLINED"}
    _delete(ox, calendar, made["id"])


def test_an_attendee_who_deletes_has_declined(ox: Client, calendar: str, berta: Client) -> None:
    made = _series(ox, calendar, attendees=[{"entity": user_id(berta)}])
    folder = own_calendar(berta)
    _delete(berta, folder, made["id"], recurrenceId="20310331T070000Z")
    assert _get(berta, folder, made["id"])["deleteExceptionDates"] == ["Europe/Berlin:20310331T090000"]
    shown = _get(ox, calendar, made["id"])
    assert shown["changeExceptionDates"] == ["Europe/Berlin:20310331T090000"]
    since = berta.get("chronos", "updates", folder=folder, timestamp=0, fields="id")["timestamp"]
    _delete(berta, folder, made["id"])
    gone = berta.get("chronos", "updates", folder=folder, timestamp=since, fields="id")["data"]["deleted"]
    assert made["id"] in {each["id"] for each in gone}
    stats = {each["entity"]: each["partStat"] for each in _get(ox, calendar, made["id"])["attendees"]}
    assert stats[user_id(berta)] == "DECLINED"
    _delete(ox, calendar, made["id"])


def test_conflicts_are_looked_for_only_on_request(ox: Client, calendar: str) -> None:
    # A Sunday night, when nobody has anything.
    times = {"startDate": _time("20310323T030000"), "endDate": _time("20310323T040000")}
    first = _new(ox, calendar, **times)
    _new(ox, calendar, **times)
    answer = ox.put("chronos", "new", {"summary": "x", **times}, folder=calendar, checkConflicts="true")
    assert "error" not in answer
    assert "created" not in answer["data"]
    found = answer["data"]["conflicts"]
    assert [each["hard_conflict"] for each in found] == [False, False]
    assert first["id"] in {each["event"]["id"] for each in found}
    assert len(_all(ox, calendar, "id")) == 2


def test_a_booked_resource_is_a_hard_conflict(ox: Client, calendar: str) -> None:
    room = {
        "entity": ox.put("resource", "search", {"pattern": "Elbe"})["data"][0]["id"],
        "cuType": "RESOURCE",
    }
    times = {"startDate": _time("20310323T030000"), "endDate": _time("20310323T040000")}
    made = _new(ox, calendar, attendees=[room], **times)
    assert [each["cn"] for each in made["attendees"] if each["cuType"] == "RESOURCE"] == [
        "Besprechungsraum Elbe"
    ]
    answer = ox.put("chronos", "new", {"summary": "x", "attendees": [room], **times}, folder=calendar)
    assert [each["hard_conflict"] for each in answer["data"]["conflicts"]] == [True]


def test_free_and_busy_times(ox: Client, calendar: str, berta: Client) -> None:
    times = {"startDate": _time("20310323T030000"), "endDate": _time("20310323T040000")}
    made = _new(ox, calendar, attendees=[{"entity": user_id(berta)}], **times)
    _new(ox, calendar, transp="TRANSPARENT", **times)
    body = {
        "attendees": [
            {"entity": user_id(ox)},
            {"uri": "mailto:berta@example.org"},
            {"uri": "mailto:x@y.example"},
        ]
    }
    span = {"from": "20310323T000000Z", "until": "20310323T040000Z"}
    mine, theirs, nobody = ox.put("chronos", "freeBusy", body, **span)["data"]
    start = at("2031-03-23 03:00")
    found = [(each["startTime"], each["endTime"], each["fbType"]) for each in mine["freeBusyTime"]]
    assert found == [(start, start + HOUR, "BUSY")]
    assert [each["fbType"] for each in theirs["freeBusyTime"]] == ["BUSY-TENTATIVE"]
    assert (nobody["freeBusyTime"], nobody["warnings"][0]["code"]) == ([], "CAL-4034")
    hidden = ox.put("chronos", "freeBusy", body, maskId=made["id"], **span)["data"]
    assert [each["freeBusyTime"] for each in hidden] == [[], [], []]
    _delete(ox, calendar, made["id"])


def test_the_uid_leads_to_the_event(ox: Client, calendar: str) -> None:
    made = _new(ox, calendar)
    found = ox.get("chronos", "resolve", id=made["uid"], fields="id,folder")["data"]
    assert found == {"id": made["id"], "folder": calendar}
    assert ox.get("chronos", "resolve", id="nobody's")["code"] == "CAL-4040"
    start = _time("20310324T090000")
    again = ox.put(
        "chronos", "new", {"summary": "x", "uid": made["uid"], "startDate": start}, folder=calendar
    )
    assert (again["code"], again["categories"]) == ("CAL-4090", "CONFLICT")


def test_lists_take_ids_and_hold_the_fields_that_are_asked_for(ox: Client, calendar: str) -> None:
    made = _series(ox, calendar, description="Lang")
    wanted = [
        {"id": made["id"], "folder": calendar},
        {"id": made["id"], "folder": f"cal://0/{calendar}", "recurrenceId": "20310407T070000Z"},
    ]
    rows = ox.put("chronos", "list", wanted, fields="id,recurrenceId,description")["data"]
    assert rows == [
        {"id": made["id"], "description": "Lang"},
        {"id": made["id"], "description": "Lang", "recurrenceId": "Europe/Berlin:20310407T090000"},
    ]
    assert "description" not in ox.put("chronos", "list", wanted)["data"][0]
    both = ox.put("chronos", "all", {"folders": [calendar, "999999"]}, fields="id", **_RANGE)["data"]
    assert both[0]["events"] == [{"id": made["id"]}]
    assert both[1]["error"]["code"] == "FLD-0008"


def test_an_event_moves_to_another_calendar_and_a_series_does_not(ox: Client, calendar: str) -> None:
    made, series = _new(ox, calendar), _series(ox, calendar)
    with calendar_folder(ox, "Contract target") as target:
        where = {"folder": calendar, "targetFolder": target, "timestamp": FAR_FUTURE}
        moved = ox.put("chronos", "move", {}, id=made["id"], **where)["data"]["updated"][0]
        assert (moved["id"], moved["folder"]) == (made["id"], target)
        assert ox.put("chronos", "move", {}, id=series["id"], **where)["code"] == "CAL-4224"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"startDate": None}, "CAL-4220"),
        ({"endDate": _time("20310324T080000")}, "CAL-4221"),
        ({"endDate": {"value": "20310325"}}, "CAL-4221"),
        ({"rrule": "FREQ=HOURLY"}, "CAL-4223"),
        ({"rrule": "nonsense"}, "CAL-4223"),
        ({"summary": "x" * 300}, "CAL-5070"),
        ({"attendees": [{"cn": "Niemand"}]}, "CAL-4034"),
        ({"startDate": _time("20310324T090000", "Atlantis/Capital")}, "SVL-0010"),
    ],
)
def test_what_is_wrong_has_its_own_code(ox: Client, calendar: str, event: dict[str, Any], code: str) -> None:
    whole = {
        "summary": "x",
        "startDate": _time("20310324T090000"),
        "endDate": _time("20310324T100000"),
        **event,
    }
    assert ox.put("chronos", "new", whole, folder=calendar).get("code") == code


def test_users_are_told_only_on_request_and_people_outside_always(
    ox: Client, calendar: str, berta: Client
) -> None:
    title = f"Chronos {calendar} {ox.session}"
    attendees = [{"entity": user_id(berta)}, {"uri": "mailto:gast@example.com"}]
    quiet = _new(ox, calendar, summary=f"{title} still", attendees=attendees)
    assert invitations(berta, title) == []
    assert len(sent_outside(ox, title)) == 1
    loud = _new(
        ox, calendar, {"sendInternalNotifications": "true"}, summary=f"{title} laut", attendees=attendees
    )
    assert len(invitations(berta, title)) == 1
    assert len(sent_outside(ox, title)) == 2
    body = {"events": [{"id": loud["id"], "folder": calendar}], "comment": "Fällt aus"}
    ox.put("chronos", "delete", body, timestamp=FAR_FUTURE, sendInternalNotifications="true")
    lines = calendar_lines(invitations(berta, title)[0])
    assert {"METHOD:CANCEL", "COMMENT:Fällt aus"} <= set(lines)
    _delete(ox, calendar, quiet["id"])


def test_an_event_keeps_files(ox: Client, calendar: str) -> None:
    event = {
        "summary": "Mit Datei",
        "startDate": _time("20310324T090000"),
        "endDate": _time("20310324T100000"),
        "attachments": [{"filename": "plan.txt", "fmtType": "text/plain", "uri": "cid:file_0"}],
    }
    made = ox.post(
        "chronos", "new", {"json_0": json.dumps(event)}, [("file_0", ("plan.txt", b"Plan", "text/plain"))],
        folder=calendar,
    )["data"]["created"][0]  # fmt: skip
    file = made["attachments"][0]
    assert (file["filename"], file["fmtType"], file["size"]) == ("plan.txt", "text/plain", 4)
    where = {"folder": calendar, "id": made["id"]}
    assert ox.send("GET", "chronos", "getAttachment", managedId=file["managedId"], **where).content == b"Plan"
    assert appointments.get(ox, calendar, made["id"])["number_of_attachments"] == 1
    _update(ox, calendar, made["id"], {"attachments": []})
    assert "attachments" not in _get(ox, calendar, made["id"])
    assert appointments.get(ox, calendar, made["id"])["number_of_attachments"] == 0


def test_an_invitation_is_answered_by_its_mail(ox: Client, calendar: str, berta: Client) -> None:
    title = f"Mail {calendar} {ox.session}"
    made = _new(
        ox, calendar, {"sendInternalNotifications": "true"}, summary=title,
        attendees=[{"entity": user_id(berta)}],
    )  # fmt: skip
    rows = berta.get("mail", "all", folder="default0/INBOX", columns="600,607")["data"]
    conversion = "com.openexchange.mail.conversion"
    body = {
        f"{conversion}.fullname": "default0/INBOX",
        f"{conversion}.mailid": next(row[0] for row in rows if title in (row[1] or "")),
        f"{conversion}.sequenceid": "2",
    }
    params = {"dataSource": "com.openexchange.mail.ical", "descriptionFormat": "html"}
    change = berta.put("chronos/itip", "analyze", body, **params)["data"][0]["changes"][0]
    assert change["currentEvent"]["id"] == made["id"]
    answered = berta.put("chronos/itip", "tentative", body, **params)["data"]
    assert [each["id"] for each in answered] == [made["id"]]
    stats = {each["entity"]: each["partStat"] for each in _get(ox, calendar, made["id"])["attendees"]}
    assert stats[user_id(berta)] == "TENTATIVE"
    assert ox.send("PUT", "chronos/nothing", "accept", body, **params).status_code == 404
    _delete(ox, calendar, made["id"])
