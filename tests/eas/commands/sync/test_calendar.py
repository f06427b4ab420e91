"""Sync of a calendar: what only appointments have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.eas.options import Options
from app.eas.versions import ADVERTISED, Version
from app.usm.content import Pattern, Recurrence
from app.usm.model import ContentType
from tests.eas.calendars import CALENDAR, HOUR, MEETING, START, calendar_phone
from tests.eas.phone import CONTACTS, Phone, known, plain

SERIES = {**MEETING, "recurrence": Recurrence(Pattern.WEEKLY, weekdays=(0,))}
MONDAY = START + timedelta(weeks=1)
INSTANCE = ("AirSyncBase:InstanceId", "20260309T090000Z")
TIMES = (("Calendar:StartTime", "20260302T090000Z"), ("Calendar:EndTime", "20260302T100000Z"))


@pytest.fixture(params=ADVERTISED, ids=lambda version: version.text)
def phone(request: pytest.FixtureRequest) -> Phone:
    return calendar_phone(Version(request.param))


@pytest.fixture
def modern() -> Phone:
    return calendar_phone(Version.V16_1)


def series(phone: Phone) -> tuple[str, str]:
    """A series that the device has: its id and its ServerId."""
    item = phone.world.source.put(CALENDAR, SERIES)
    phone.sync(CALENDAR)
    return item, f"{phone.number(CALENDAR)}:{item}"


@pytest.fixture
def updates(modern: Phone) -> list[tuple[str, object, object]]:
    """Method, occurrence and fields of all that the source is asked to write."""
    found: list[tuple[str, object, object]] = []
    source = modern.world.source
    update, delete = source.update, source.delete

    def note_update(folder, item, fields, stamp, occurrence=None):  # type: ignore[no-untyped-def]
        found.append(("update", occurrence, dict(fields)))
        return update(folder, item, fields, stamp, occurrence)

    def note_delete(folder, item, stamp, to_trash, occurrence=None):  # type: ignore[no-untyped-def]
        found.append(("delete", occurrence, None))
        return delete(folder, item, stamp, to_trash, occurrence)

    source.update, source.delete = note_update, note_delete  # type: ignore[method-assign]
    return found


def test_a_calendar_is_synchronised_in_every_version(phone: Phone) -> None:
    _, name = series(phone)
    other = phone.world.phone(phone.version, device_id="other").start(CALENDAR)
    reply = other.sync(CALENDAR)
    assert known(reply) == ["Add"]
    assert reply.text("AirSync:ServerId") == name
    assert reply.text("Calendar:Subject") == "Planning"
    assert len(reply.all("Calendar:Recurrence")) == 1


@pytest.mark.requirement("MS-ASEMAIL", 14)
def test_an_appointment_is_added_in_every_version(phone: Phone) -> None:
    name = "Calendar:ClientUid" if phone.version >= Version.V16_0 else "Calendar:UID"
    data = ("ApplicationData", *TIMES, ("Calendar:Subject", "New"), (name, "device-uid"))
    reply = phone.commands(CALENDAR, ("Add", ("ClientId", "c"), data))
    [stored] = phone.world.source.items[CALENDAR].values()
    assert stored.fields["subject"] == "New"
    if phone.version >= Version.V16_0:
        assert reply.text("Calendar:UID") == stored.fields["uid"] != "device-uid"
    else:
        assert stored.fields["uid"] == "device-uid"
        assert not reply.all("AirSync:ApplicationData")


@pytest.mark.requirement("MS-ASCAL", 52514)
def test_an_add_without_dates_is_now(modern: Phone) -> None:
    modern.commands(CALENDAR, ("Add", ("ClientId", "c"), ("ApplicationData", ("Calendar:Subject", "New"))))
    [stored] = modern.world.source.items[CALENDAR].values()
    now = modern.world.clock.now()
    assert now <= stored.fields["start"] < now + timedelta(minutes=30)
    assert stored.fields["end"] == stored.fields["start"] + timedelta(minutes=30)


@pytest.mark.requirement("MS-ASAIRS", 1180)
@pytest.mark.requirement("MS-ASCMD", 6238)
def test_one_occurrence_is_changed(modern: Phone, updates: list[object]) -> None:
    _, name = series(modern)
    data = ("ApplicationData", ("Calendar:Subject", "Once"), ("Calendar:StartTime", "20260310T090000Z"))
    reply = modern.commands(CALENDAR, ("Change", ("ServerId", name), INSTANCE, data))
    assert not reply.all("AirSync:Responses")
    assert updates == [("update", MONDAY, {"subject": "Once", "start": datetime(2026, 3, 10, 9, tzinfo=UTC)})]


@pytest.mark.requirement("MS-ASCMD", 6420)
def test_one_occurrence_is_deleted_and_the_series_stays(modern: Phone, updates: list[object]) -> None:
    item, name = series(modern)
    reply = modern.commands(CALENDAR, ("Delete", ("ServerId", name), INSTANCE))
    assert not reply.all("AirSync:Responses")
    assert updates == [("delete", MONDAY, None)]
    assert item in modern.world.source.items[CALENDAR]


def test_an_occurrence_and_its_series_are_changed_in_one_request(
    modern: Phone, updates: list[object]
) -> None:
    """As iOS does (quirk 46)."""
    _, name = series(modern)
    reply = modern.commands(
        CALENDAR,
        (
            "Change",
            ("ServerId", name),
            INSTANCE,
            ("ApplicationData", ("Calendar:Subject", "Once")),
        ),
        ("Change", ("ServerId", name), ("ApplicationData", ("Calendar:Subject", "All"))),
    )
    assert not reply.all("AirSync:Responses")
    assert updates == [("update", MONDAY, {"subject": "Once"}), ("update", None, {"subject": "All"})]


@pytest.mark.requirement("MS-ASAIRS", 1178)
@pytest.mark.parametrize(
    ("verb", "instance", "data"),
    [
        ("Change", "20260309T090000Z", (("Calendar:Deleted", "1"),)),
        ("Change", "20260309T090000Z", (("Calendar:Recurrence", ("Type", 0)),)),
        ("Change", "monday", (("Calendar:Subject", "x"),)),
        ("Delete", "monday", None),
    ],
)
def test_what_is_wrong_with_one_occurrence_is_status_6(
    modern: Phone, updates: list[object], verb: str, instance: str, data: tuple[object, ...] | None
) -> None:
    _, name = series(modern)
    more = () if data is None else (("ApplicationData", *data),)
    identity = ("AirSyncBase:InstanceId", instance)
    reply = modern.commands(CALENDAR, (verb, ("ServerId", name), identity, *more))
    told = [("ServerId", name), ("InstanceId", instance), ("Status", "6")]
    assert plain(reply.one("AirSync:Responses")) == [(verb, told)]
    assert not updates


def test_a_contact_has_no_occurrences(modern: Phone) -> None:
    modern.sync(CONTACTS, key="0")
    item = modern.world.source.put(CONTACTS, {"last_name": "A"})
    modern.sync(CONTACTS)
    name = f"{modern.number(CONTACTS)}:{item}"
    reply = modern.commands(CONTACTS, ("Delete", ("ServerId", name), INSTANCE))
    assert reply.one("AirSync:Delete").text_of("AirSync:Status") == "6"
    assert item in modern.world.source.items[CONTACTS]


def test_a_change_of_nothing_in_an_occurrence_is_done(modern: Phone, updates: list[object]) -> None:
    _, name = series(modern)
    data = ("ApplicationData", ("Calendar:DtStamp", "20260309T090000Z"))
    reply = modern.commands(CALENDAR, ("Change", ("ServerId", name), INSTANCE, data))
    assert not reply.all("AirSync:Responses")
    assert not updates


@pytest.mark.requirement("MS-ASAIRS", 1052, 1368, 1000955, 1001000)
def test_who_adds_a_file_is_told_its_name(modern: Phone) -> None:
    _, name = series(modern)
    file = ("Add", ("ClientId", "f"), ("Method", 1), ("Content", b"x"), ("DisplayName", "a.txt"))
    data = ("ApplicationData", ("AirSyncBase:Attachments", file))
    reply = modern.commands(CALENDAR, ("Change", ("ServerId", name), data))
    assert known(reply) == ["Change"]
    assert reply.text("AirSyncBase:FileReference") == f"{name}:7"


# -- filters ------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 12, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "number", "days"),
    [
        (ContentType.CALENDAR, 0, None),
        (ContentType.CALENDAR, 1, None),
        (ContentType.CALENDAR, 3, None),
        (ContentType.CALENDAR, 4, 14),
        (ContentType.CALENDAR, 5, 31),
        (ContentType.CALENDAR, 6, 92),
        (ContentType.CALENDAR, 7, 183),
        (ContentType.CALENDAR, 8, None),
        (ContentType.MAIL, 1, 1),
        (ContentType.CONTACTS, 5, None),
    ],
)
def test_each_class_has_its_filters(content: ContentType, number: int, days: int | None) -> None:
    since = Options(filter=number).since(content, NOW)
    expected = None if days is None else datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=days)
    assert since == expected


@pytest.mark.requirement("MS-ASCMD", 3065)
def test_what_leaves_the_time_span_is_forgotten_and_not_deleted(phone: Phone) -> None:
    source, now = phone.world.source, phone.world.clock.now()
    old = source.put(CALENDAR, {**MEETING, "start": now - timedelta(days=20)}, now - timedelta(days=20))
    source.put(CALENDAR, {**MEETING, "start": now + 1000 * HOUR}, now + 1000 * HOUR)
    phone.sync(CALENDAR)
    reply = phone.sync(CALENDAR, ("Options", ("FilterType", 4)))
    assert known(reply) == ["SoftDelete"]
    assert reply.text("AirSync:ServerId").endswith(f":{old}")
    assert len(source.items[CALENDAR]) == 2
