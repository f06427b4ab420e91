"""Calendars of an OX that behaves unusually (``app.ox.calendar``); the usual is in ``test_calendar``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.ox.mapping import calendar as mapping
from app.ox.mapping.calendar_event import milliseconds
from app.usm.content import Attendee, AttendeeRole, Reply, Sensitivity
from app.usm.errors import (
    AccessDenied,
    FolderGone,
    ItemConflict,
    ItemFailed,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
)
from app.usm.model import ContentType, FolderRef
from tests.ox.canned import EVERYTHING, capabilities, error
from tests.ox.canned import Reply as Answer

CALENDAR = FolderRef(3, "20", ContentType.CALENDAR)
INBOX = FolderRef(1, "default0/INBOX", ContentType.MAIL)
START = datetime(2026, 7, 6, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = {"subject": "Neu", "start": START, "end": START + HOUR, "all_day": False, "time_zone": "UTC"}


@pytest.fixture
def older(canned):
    """An OX with the module ``calendar`` only."""
    canned.on("capabilities?all", capabilities(*EVERYTHING, "calendar"))
    return canned.on("multiple?", lambda seen: [{"data": []} for _ in seen.json])


@pytest.fixture
def newer(older):
    """An OX with ``chronos``."""
    return older.on("chronos?all", {"data": []})


def row(columns, **values):
    given = {1: 10, 2: 3, 6: 5, 201: milliseconds(START), 202: milliseconds(START + HOUR)}
    given |= {int(name[1:]): value for name, value in values.items()}
    return [given.get(column) for column in columns]


def rows(*made):
    """Answers rows of the columns that are asked for."""

    def answer(seen):
        columns = [int(each) for each in seen.params["columns"].split(",")]
        return {"data": [row(columns, **values) for values in made]}

    return answer


def event(**values):
    times = {"startDate": {"value": "20260706T080000Z"}, "endDate": {"value": "20260706T090000Z"}}
    return {"id": "10", "timestamp": 5, **times, **values}


# -- which module --------------------------------------------------------------------------------------------


def test_the_module_is_asked_for_once_in_a_process(older, canned_source):
    older.on("calendar?all", {"data": []})
    first = canned_source()
    first.listing(CALENDAR, None)
    assert [seen.module for seen in older.calls] == ["chronos", "calendar"]
    older.calls.clear()
    first.listing(CALENDAR, None)
    assert [seen.module for seen in older.calls] == ["calendar"]


def test_any_answer_but_unknown_module_shows_that_chronos_is_there(older, canned_source):
    older.on("chronos?all", error("CAL-4030", "PERMISSION_DENIED"))
    source = canned_source()
    with pytest.raises(FolderGone):
        source.listing(CALENDAR, None)
    assert {seen.module for seen in older.calls} == {"chronos"}


def test_an_ox_that_does_not_answer_is_asked_again(older, canned_source):
    older.on("chronos?all", Answer(status=503))
    source = canned_source()
    with pytest.raises(SourceUnavailable):
        source.listing(CALENDAR, None)
    older.on("chronos?all", {"data": []})
    assert source.listing(CALENDAR, None).stamps == {}


def test_an_ox_that_was_upgraded_meanwhile_is_asked_anew(older, canned_source):
    older.on("calendar?all", {"data": []})
    source = canned_source()
    source.listing(CALENDAR, None)
    del older.answers["calendar?all"]
    older.on("chronos?all", {"data": []})
    with pytest.raises(SourceUnavailable):
        source.listing(CALENDAR, None)
    assert source.listing(CALENDAR, None).stamps == {}


def test_who_has_no_calendar_answers_nothing(canned_source):
    with pytest.raises(ItemRefused, match="no calendar"):
        canned_source().reply(CALENDAR, "1", Reply.ACCEPTED)


# -- reading -------------------------------------------------------------------------------------------------


def test_an_appointment_that_cannot_be_read_blocks_no_other(older, canned_source):
    older.on("calendar?all", rows({"_1": 10}, {"_1": 11}))
    older.on("calendar?list", rows({"_1": 10, "_201": None}, {"_1": 11, "_200": "gut"}))
    found = canned_source().read(CALENDAR, ["10", "11"], ())
    assert isinstance(found["10"], ItemUnreadable)
    assert found["11"].fields["subject"] == "gut"


def test_an_event_that_cannot_be_read_blocks_no_other(newer, canned_source):
    newer.on("chronos?list", {"data": [event(), event(id="11", startDate={"value": "soon"}), "x"]})
    found = canned_source().read(CALENDAR, ["10", "11"], ())
    assert found["10"].stamp == "5"
    assert isinstance(found["11"], ItemUnreadable)


def test_a_change_of_what_cannot_be_read_says_so(newer, canned_source):
    newer.on("chronos?list", {"data": [event(startDate={"value": "soon"})]})
    with pytest.raises(ItemUnreadable):
        canned_source().update(CALENDAR, "10", {"subject": "x"}, None)


def test_what_ox_refuses_to_show_although_it_lists_it_is_unreadable(newer, canned_source):
    newer.on("chronos?all", {"data": [event()]})
    newer.on("chronos?list", error("CAL-4030", "PERMISSION_DENIED"))
    found = canned_source().read(CALENDAR, ["10"], ())
    assert isinstance(found["10"], ItemUnreadable)


def test_an_exception_without_its_series_is_an_item_of_its_own(newer, canned_source):
    lone = event(id="12", seriesId="9", recurrenceId="20260706T080000Z", summary="Nur einmal")
    newer.on("chronos?all", {"data": [lone]})
    newer.on("chronos?list", {"data": [lone]})
    source = canned_source()
    assert source.listing(CALENDAR, None).stamps == {"12": "5"}
    assert "exceptions" not in source.read(CALENDAR, ["12"], ())["12"].fields


def test_people_whom_ox_does_not_name_are_left_out(older, canned_source):
    users = [{"id": 3, "confirmation": 1}, {"id": 4, "confirmation": 0}]
    older.on("calendar?all", rows({}))
    older.on("calendar?list", rows({"_221": users, "_220": [{"type": 1, "id": 3}, {"type": 3, "id": 7}]}))
    found = {"user": error("USR-0010"), "resource": {"data": [{"id": 7, "mailaddress": "r@example.org"}]}}
    older.on("multiple?", lambda seen: [found[each["module"]] for each in seen.json])
    fields = canned_source().read(CALENDAR, ["10"], ())["10"].fields
    assert [each.role for each in fields["attendees"]] == [AttendeeRole.RESOURCE]
    older.on("multiple?", lambda seen: [error("LGI-0002", "TRY_AGAIN") for _ in seen.json])
    with pytest.raises((SourceUnavailable, AccessDenied)):
        canned_source().read(CALENDAR, ["10"], ())


# -- writing -------------------------------------------------------------------------------------------------


def test_an_appointment_is_stored_without_a_room_that_is_taken(older, canned_source):
    def new(seen):
        kinds = [each["type"] for each in seen.json["participants"]]
        return {
            "data": {"conflicts": [{"hard_conflicts": True}]} if 3 in kinds else {"id": 9},
            "timestamp": 7,
        }

    room = {"data": [{"id": 7, "mailaddress": "r@example.org", "display_name": "R"}]}
    older.on("calendar?new", new)
    older.on(
        "multiple?",
        lambda seen: [room if each["module"] == "resource" else {"data": []} for each in seen.json],
    )
    written = canned_source().create(
        CALENDAR, {**NEW, "attendees": (Attendee("r@example.org"), Attendee("x@example.com"))}, "u"
    )
    assert (written.id, written.stamp, written.altered) == ("9", "7", True)
    assert all(seen.json["ignore_conflicts"] for seen in older.made("calendar?new"))


def test_conflicts_in_spite_of_all_are_a_refusal_and_no_success(older, canned_source):
    older.on("calendar?new", {"data": {"conflicts": [{"id": 1}]}})
    with pytest.raises(ItemRefused):
        canned_source().create(CALENDAR, NEW, "u")


def test_an_answer_without_an_id_leaves_in_doubt_what_was_stored(older, newer, canned_source):
    newer.on("chronos?new", {"data": {"created": []}})
    with pytest.raises(SourceUnavailable) as raised:
        canned_source().create(CALENDAR, NEW, "u")
    assert raised.value.in_doubt


def test_an_answer_without_an_id_of_the_older_module_too(older, canned_source):
    older.on("calendar?new", {"data": {}})
    with pytest.raises(SourceUnavailable) as raised:
        canned_source().create(CALENDAR, NEW, "u")
    assert raised.value.in_doubt


@pytest.mark.parametrize("code", ["APP-0022", "APP-0023"])
def test_an_appointment_is_stored_without_its_privacy_where_ox_wants_none(older, canned_source, code):
    def new(seen):
        return (
            error(code, "USER_INPUT")
            if seen.json.get("private_flag")
            else {"data": {"id": 9}, "timestamp": 7}
        )

    older.on("calendar?new", new)
    written = canned_source().create(CALENDAR, {**NEW, "sensitivity": Sensitivity.PRIVATE}, "u")
    assert written.altered


def test_texts_that_ox_cannot_hold_are_mended(older, canned_source):
    def new(seen):
        title = seen.json["title"]
        if "😀" in title:
            return error("APP-0071", "USER_INPUT")
        if len(title) > 5:
            return {
                **error("APP-0072", "TRUNCATED"),
                "problematic": [{"id": 200, "max_size": 5}],
                "truncated": [200],
            }
        return {"data": {"id": 9}, "timestamp": 7}

    older.on("calendar?new", new)
    assert canned_source().create(CALENDAR, {**NEW, "subject": "😀 Party am Abend"}, "u").altered
    assert older.made("calendar?new")[-1].json["title"] == "Party"


def test_what_cannot_be_mended_is_refused(older, canned_source):
    older.on("calendar?new", error("APP-0063", "PERMISSION_DENIED"))
    with pytest.raises(ItemRefused):
        canned_source().create(CALENDAR, NEW, "u")
    assert len(older.made("calendar?new")) == 1


def test_a_uid_that_is_taken_elsewhere_is_left_to_that_appointment(newer, canned_source):
    def new(seen):
        if seen.json["uid"] == "taken":
            return error("CAL-4090", "CONFLICT")
        return {"data": {"created": [event(id="9", timestamp=7)]}}

    newer.on("chronos?new", new)
    written = canned_source().create(CALENDAR, {**NEW, "uid": "taken"}, "mark")
    assert (written.id, written.altered) == ("9", True)
    newer.on("chronos?new", error("CAL-4220", "USER_INPUT"))
    with pytest.raises(ItemRefused):
        canned_source().create(CALENDAR, {**NEW, "uid": "x"}, "mark")


def test_an_appointment_without_a_zone_lives_where_the_user_does(newer, canned_source):
    newer.on("config/timezone", {"data": "Asia/Tokyo"})
    newer.on("chronos?new", {"data": {"created": [event()]}})
    source = canned_source()
    fields = {name: value for name, value in NEW.items() if name != "time_zone"}
    for _ in range(2):
        source.create(CALENDAR, fields, "u")
    assert newer.made("chronos?new")[0].json["startDate"] == {
        "value": "20260706T170000",
        "tzid": "Asia/Tokyo",
    }
    assert len(newer.made("config/timezone?")) == 1


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ({"error": error("CAL-4120", "CONFLICT")}, ItemConflict),
        ({"error": error("CAL-4040", "USER_INPUT")}, ItemGone),
        ({"error": error("CAL-4032", "PERMISSION_DENIED")}, ItemRefused),
        ({"error": {"no": "code"}}, ItemFailed),
    ],
)
def test_an_error_within_the_answer_to_a_deletion_is_one(newer, canned_source, answer, raised):
    newer.on("chronos?delete", {"data": [answer], "timestamp": 9})
    with pytest.raises(raised):
        canned_source().delete(CALENDAR, "10", None, to_trash=True)


def test_a_deletion_that_ox_lists_as_not_done_is_a_conflict_or_gone(older, canned_source):
    older.on("calendar?delete", {"data": [{"id": 10, "folder": 20}]})
    older.on("calendar?list", rows({}))
    with pytest.raises(ItemConflict):
        canned_source().delete(CALENDAR, "10", None, to_trash=True)
    older.on("calendar?list", {"data": []})
    with pytest.raises(ItemGone):
        canned_source().delete(CALENDAR, "10", None, to_trash=True)


def test_a_change_without_a_timestamp_in_the_answer_is_looked_up(newer, canned_source):
    newer.on("chronos?list", {"data": [event(timestamp=8)]})
    newer.on("chronos?update", {"data": {"updated": []}})
    written = canned_source().update(CALENDAR, "10", {"subject": "x"}, "8")
    assert (written.id, written.stamp) == ("10", "8")


# -- invitations ---------------------------------------------------------------------------------------------

ICS = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:u1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def invited(older):
    """An OX with a message that invites."""
    parts = [
        {"id": "1", "content_type": "text/plain"},
        {"id": "2", "content_type": "text/calendar; method=x"},
    ]
    older.on("mail?get", {"data": {"id": "5", "attachments": parts}})
    return older.on("mail?attachment", Answer(ICS))


def test_an_older_itip_knows_only_plain_acceptance(invited, canned_source):
    invited.on("calendar/itip?accept", {"data": [{"id": 77}]})
    assert canned_source().reply(INBOX, "5", Reply.ACCEPTED) == "77"


def test_an_appointment_that_ox_does_not_name_is_found_by_its_uid(invited, canned_source):
    invited.on("calendar/itip?tentative", {"data": []})
    invited.on(
        "calendar?resolveuid", lambda seen: {"data": {"id": 78}} if seen.params["uid"] == "u1" else None
    )
    assert canned_source().reply(INBOX, "5", Reply.TENTATIVE) == "78"
    invited.on("calendar?resolveuid", error("OX-0001"))
    assert canned_source().reply(INBOX, "5", Reply.TENTATIVE) == ""


def test_an_ox_without_itip_confirms_what_is_in_the_calendar(invited, canned_source):
    invited.on("calendar?resolveuid", {"data": {"id": 10}})
    invited.on("config/folder/calendar", {"data": 20})
    invited.on("calendar?all", {"data": []})
    invited.on("calendar?list", rows({}))
    invited.on("calendar?confirm", {"data": {}})
    assert canned_source().reply(INBOX, "5", Reply.DECLINED, "nein") == "10"
    assert invited.made("calendar?confirm")[0].json == {"confirmation": 2, "confirmmessage": "nein"}
    invited.on("mail?attachment", Answer(b"no calendar"))
    with pytest.raises(ItemRefused):
        canned_source().reply(INBOX, "5", Reply.DECLINED)


def test_columns_have_names_to_be_mended_by():
    assert mapping.NAMES[200] == "title"
