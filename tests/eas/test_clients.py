"""What real clients do, spoken as they speak it; ``docs/clients.md`` names the tests that are elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from app.eas.clients import CLIENTS, Quirk, quirks
from app.eas.versions import ADVERTISED, Version
from app.usm.content import Address, Pattern, Recurrence
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from tests.eas.calendars import CALENDAR, MEETING, calendar_phone
from tests.eas.phone import CONTACTS, INBOX, Phone, World, known, plain, tree

TIMES = ("Calendar:StartTime", "20260302T090000Z"), ("Calendar:EndTime", "20260302T100000Z")
ORIGINAL = b"From: zoe@example.com\r\nSubject: Q\r\nContent-Type: text/plain\r\n\r\nasked\r\n"


@pytest.fixture(params=ADVERTISED, ids=lambda version: version.text)
def version(request: pytest.FixtureRequest) -> Version:
    return Version(request.param)


@pytest.fixture
def ready(world: World, version: Version) -> Phone:
    return world.phone(version).start(INBOX, CONTACTS)


@pytest.mark.parametrize(
    ("device_type", "system", "expected"),
    [
        ("iPhone", "iOS 17.1.2 21B101", set(Quirk)),
        ("iPad", "", {Quirk.EMPTY_PICTURES}),
        ("iphone12C1", "iOS 12.3.9 16G", {Quirk.EMPTY_PICTURES}),
        ("Phone", "iOS 12.4", {Quirk.SILENT_REPLIES}),
        ("Android", "Android 14", set()),
        ("WindowsOutlook15", "Windows 10", set()),
    ],
)
def test_who_has_which_quirks(device_type: str, system: str, expected: set[Quirk]) -> None:
    assert quirks(device_type, system) == expected
    assert {quirk for client in CLIENTS for quirk in client.quirks} == set(Quirk)


@pytest.mark.requirement("MS-ASHTTP", 482)
def test_an_iphone_gets_no_empty_list_of_collections(ready: Phone) -> None:
    reply = ready.sync(INBOX)
    assert not reply.all("AirSync:Collections") or reply.all("AirSync:Collection")
    assert ready.sync(INBOX, after=(("WindowSize", 10),)).root is None


DEFAULTS = {"7": "Mine tasks", "8": "Mine calendar", "9": "Contacts", "10": "Mine notes"}
OTHERS = {"15": "tasks", "13": "calendar", "14": "contacts", "17": "notes"}


def test_a_device_that_shows_one_folder_of_each_class_finds_the_users_own(
    world: World, version: Version
) -> None:
    for content in (ContentType.TASKS, ContentType.CALENDAR, ContentType.CONTACTS, ContentType.NOTES):
        for name in ("Before", "Mine", "Behind"):
            role = FolderRole.DEFAULT if name == "Mine" else None
            if role is None or content is not ContentType.CONTACTS:
                folder = Folder(f"{name}{content.value}", None, f"{name} {content.value}", content, role)
                world.source.tree.append(folder)
                world.source.items[folder.id] = {}
    told = [
        (each.text_of("FolderHierarchy:Type"), each.text_of("FolderHierarchy:DisplayName"))
        for each in world.phone(version).provision().folder_sync().all("FolderHierarchy:Add")
    ]
    has_notes = version >= Version.V14_0
    assert sorted(row for row in told if row[0] in DEFAULTS) == sorted(
        row for row in DEFAULTS.items() if has_notes or row[0] != "10"
    )
    assert sorted(row for row in told if row[0] in OTHERS) == sorted(
        (kind, f"{name} {content}")
        for kind, content in OTHERS.items()
        for name in ("Before", "Behind")
        if has_notes or content != "notes"
    )


def test_a_range_is_told_only_where_it_was_asked_for(ready: Phone) -> None:
    if ready.version < Version.V12_0:
        pytest.skip("files come by GetAttachment")
    item = ready.world.source.put(INBOX, {"subject": "x", "files": {"1": b"0123456789"}})
    reference = ("AirSyncBase:FileReference", f"{ready.number(INBOX)}:{item}:1")
    fetch = ("Fetch", ("Store", "Mailbox"), reference)
    reply = ready.send("ItemOperations", tree("ItemOperations:ItemOperations", fetch))
    assert not reply.all("ItemOperations:Range")
    asked = ("Fetch", ("Store", "Mailbox"), reference, ("Options", ("Range", "0-3")))
    reply = ready.send("ItemOperations", tree("ItemOperations:ItemOperations", asked))
    assert reply.text("ItemOperations:Range") == "0-3"


def test_what_the_server_writes_ends_its_lines_with_both_characters(ready: Phone) -> None:
    if ready.version < Version.V14_0:
        pytest.skip("the message comes as the device made it")
    item = ready.world.source.put(INBOX, {"mime": ORIGINAL})
    mime = "To: zoe@example.com\nContent-Type: text/plain; charset=utf-8\n\n" + "ü" * 200 + "\n"
    source = ("Source", ("FolderId", ready.number(INBOX)), ("ItemId", f"{ready.number(INBOX)}:{item}"))
    document = tree("ComposeMail:SmartReply", ("ClientId", "x"), source, ("Mime", mime.encode()))
    assert ready.send("SmartReply", document).root is None
    sent = ready.world.source.sent[0].mime
    assert sent.count(b"\n") == sent.count(b"\r\n") > 5
    assert max(map(len, sent.splitlines())) <= 998


def test_an_empty_flag_takes_the_flag_away(ready: Phone) -> None:
    item = ready.world.source.put(INBOX, {"subject": "x", "flagged": True})
    ready.sync(INBOX)
    name = f"{ready.number(INBOX)}:{item}"
    ready.commands(INBOX, ("Change", ("ServerId", name), ("ApplicationData", tree("Email:Flag"))))
    assert not ready.world.source.items[INBOX][item].fields.get("flagged")


@pytest.mark.parametrize("status", [1, 3])
def test_an_appointment_without_an_organizer_is_the_users_own(version: Version, status: int) -> None:
    """iOS names none (quirk 16); Outlook adds one of MeetingStatus 3 after an answer that failed (quirk 17)."""
    phone = calendar_phone(version)
    attendee = ("Calendar:Attendee", ("Email", "berta@example.org"), ("Name", "Berta"))
    data = ("ApplicationData", *TIMES, ("Calendar:MeetingStatus", status), ("Calendar:Attendees", attendee))
    reply = phone.commands(CALENDAR, ("Add", ("ClientId", "c"), data))
    assert reply.one("AirSync:Add").text_of("AirSync:Status") == "1"
    [stored] = phone.world.source.items[CALENDAR].values()
    assert "organizer" not in stored.fields
    other = phone.world.phone(version, device_id="other").start(CALENDAR).sync(CALENDAR)
    assert other.text("Calendar:OrganizerEmail") == "anton@example.org"


def test_an_appointment_of_somebody_else_keeps_its_organizer(version: Version) -> None:
    """Outlook adds what it could not accept, with the organizer that the invitation has (quirk 17)."""
    if version >= Version.V16_0:
        pytest.skip("OrganizerEmail is the server's to tell")
    phone = calendar_phone(version)
    organizer = ("Calendar:OrganizerEmail", "zoe@example.com"), ("Calendar:OrganizerName", "Zoe")
    data = ("ApplicationData", *TIMES, *organizer, ("Calendar:MeetingStatus", 3))
    phone.commands(CALENDAR, ("Add", ("ClientId", "c"), data))
    [stored] = phone.world.source.items[CALENDAR].values()
    assert stored.fields["organizer"] == Address("zoe@example.com", "Zoe")


def test_there_is_no_outbox_to_wait_for(ready: Phone) -> None:
    types = [each.text for each in ready.folder_sync().all("FolderHierarchy:Type")]
    assert "6" not in types


@pytest.mark.requirement("MS-ASDTYPE", 12, 15, 16, 20, 12211, 12213)
def test_mail_has_dates_with_dashes_and_calendars_have_none(version: Version) -> None:
    phone = calendar_phone(version).start(INBOX, CALENDAR)
    phone.world.source.put(INBOX, {"received": datetime(2026, 3, 1, tzinfo=UTC), "subject": "x"})
    phone.world.source.put(CALENDAR, MEETING)
    assert phone.sync(INBOX).text("Email:DateReceived") == "2026-03-01T00:00:00.000Z"
    reply = phone.sync(CALENDAR)
    assert reply.text("Calendar:StartTime") == "20260302T090000Z"
    assert reply.text("Calendar:DtStamp") == "20260105T083000Z"


def test_a_birthday_that_ends_when_it_begins_lasts_a_day(version: Version) -> None:
    phone = calendar_phone(version)
    day = ("Calendar:StartTime", "20260302T000000Z"), ("Calendar:EndTime", "20260302T000000Z")
    rule = ("Calendar:Recurrence", ("Type", 5), ("Interval", 1), ("DayOfMonth", 2), ("MonthOfYear", 3))
    data = ("ApplicationData", *day, ("Calendar:AllDayEvent", 1), rule)
    phone.commands(CALENDAR, ("Add", ("ClientId", "c"), data))
    [stored] = phone.world.source.items[CALENDAR].values()
    assert stored.fields["end"] - stored.fields["start"] == timedelta(days=1)


def test_a_message_always_has_importance_date_and_a_name_for_its_author(ready: Phone) -> None:
    """Android takes a missing Importance for low, iOS a missing date for today, HTC a missing name for an error."""
    ready.world.source.put(INBOX, {"from": (Address("zoe@example.com"),)})
    reply = ready.sync(INBOX)
    assert reply.text("Email:Importance") == "1"
    assert reply.text("Email:DateReceived")
    assert reply.text("Email:From") == '"zoe@example.com" <zoe@example.com>'


def test_a_series_of_whole_days_names_its_zone(version: Version) -> None:
    """Outlook heeds it, others do not (quirk 32)."""
    phone = calendar_phone(version)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    weekly = Recurrence(Pattern.WEEKLY, weekdays=(0,))
    fields = {"subject": "x", "start": start, "end": start + timedelta(days=1), "all_day": True}
    phone.world.source.put(CALENDAR, {**fields, "recurrence": weekly, "time_zone": "Europe/Berlin"})
    reply = phone.sync(CALENDAR)
    if version < Version.V16_0:
        assert reply.all("Calendar:Timezone")
    assert reply.text("Calendar:AllDayEvent") == "1"


def test_a_message_from_nobody_to_several_is_the_users_own(world: World) -> None:
    """Windows Mail sends an empty From, HTC and Android leave From and Date out (quirks 27, 52, 57)."""
    phone = world.phone(Version.V14_1).start(INBOX)
    for number, head in enumerate(
        (b"From: \r\nTo: a@example.com, b@example.com\r\n", b"To: a@example.com\r\n")
    ):
        mime = head + b"Subject: x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        document = tree("ComposeMail:SendMail", ("ClientId", number), ("Mime", mime))
        assert phone.send("SendMail", document).root is None
        sent = message_from_bytes(world.source.sent[-1].mime, policy=default)
        assert str(sent["From"]) == "Anton <anton@example.org>"
        assert sent["Date"]
        assert "a@example.com" in str(sent["To"])


def test_a_body_without_content_takes_the_note_away(world: World) -> None:
    """Nexus 5 sends an empty Data (quirk 53)."""
    phone = world.phone(Version.V14_1).start(CONTACTS)
    item = world.source.put(CONTACTS, {"last_name": "A", "note": Body(BodyKind.TEXT, "old")})
    phone.sync(CONTACTS)
    body = tree("AirSyncBase:Body", ("Type", 1), ("Data",))
    data = ("ApplicationData", ("Contacts:LastName", "A"), body)
    reply = phone.commands(CONTACTS, ("Change", ("ServerId", f"{phone.number(CONTACTS)}:{item}"), data))
    assert not reply.all("AirSync:Responses")
    assert world.source.items[CONTACTS][item].fields["last_name"] == "A"


def test_a_folder_whose_parent_is_not_shown_stands_at_the_top(world: World) -> None:
    """Outlook stops at a folder whose parent it does not know (quirk 54)."""
    world.source.tree.append(Folder("default0/Hidden/Sub", "default0/Hidden", "Sub", ContentType.MAIL))
    world.source.items["default0/Hidden/Sub"] = {}
    reply = world.phone(Version.V16_1).provision().folder_sync()
    adds = {each.text_of("FolderHierarchy:DisplayName"): each for each in reply.all("FolderHierarchy:Add")}
    assert adds["Sub"].text_of("FolderHierarchy:ParentId") == "0"
    numbers = {each.text_of("FolderHierarchy:ServerId") for each in adds.values()} | {"0"}
    assert {each.text_of("FolderHierarchy:ParentId") for each in adds.values()} <= numbers


def test_a_plain_note_that_is_asked_for_as_html_does_not_change_by_that(ready: Phone) -> None:
    """Exchange rewrites it at every look (quirk 60)."""
    ready.world.source.put(CONTACTS, {"last_name": "A", "note": Body(BodyKind.TEXT, "a < b")})
    wishes = ("Options", tree("AirSyncBase:BodyPreference", ("Type", 2)))
    ready.sync(CONTACTS, wishes)
    for _ in range(2):
        assert known(ready.sync(CONTACTS, wishes)) == []


def test_a_search_needs_neither_a_range_nor_many_letters(world: World) -> None:
    """Other servers want a Range, or four letters at least (quirk 61)."""
    phone = world.phone(Version.V14_1).start()
    store = ("Store", ("Name", "GAL"), ("Query", "x"))
    reply = phone.send("Search", tree("Search:Search", store))
    assert reply.status == "1"
    assert reply.one("Search:Store").text_of("Search:Status") == "1"


def test_android_that_tries_an_account_leaves_nothing_behind(world: World) -> None:
    phone = world.phone(Version.V14_1, device_id="validate")
    phone.provision()
    assert plain(phone.folder_sync().root)  # type: ignore[arg-type]
    assert world.store.fields(phone.session().id) == {}
