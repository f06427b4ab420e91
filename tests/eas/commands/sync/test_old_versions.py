"""2.5 and 12.0: items in their own pages, options of their own, and what there was not yet."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime

import compressed_rtf
import pytest

from app.eas.options import TRUNCATIONS
from app.eas.versions import Version
from app.usm.content import Address, Attendee, AttendeeRole, Reply
from app.usm.model import Attachment, Body, BodyKind, ContentType, Folder, FolderRole
from app.usm.ports import outcome
from app.wbxml import Element
from tests.eas.phone import CONTACTS, INBOX, Phone, World, known, plain, tree

TASKS, CALENDAR = "40", "50"
MAIL = {"subject": "Plan", "body": Body(BodyKind.TEXT, "Häuser\nund " + "x" * 3000)}
NAMES = {INBOX: "Email", CONTACTS: "Contacts", TASKS: "Tasks", CALENDAR: "Calendar"}


class OldPhone(Phone):
    """A phone that names the class of each collection."""

    def collection(self, folder: str, *rest: object, key: str | None = None) -> tuple[object, ...]:
        number = self.number(folder)
        key = self.keys.get(number, "0") if key is None else key
        return ("Collection", ("Class", NAMES[folder]), ("SyncKey", key), ("CollectionId", number), *rest)

    def change(self, folder: str, item: str, *data: object) -> None:
        server_id = f"{self.number(folder)}:{item}"
        reply = self.commands(folder, ("Change", ("ServerId", server_id), ("ApplicationData", *data)))
        assert not reply.all("AirSync:Responses")

    def fields(self, folder: str, item: str) -> dict[str, object]:
        return self.world.source.items[folder][item].fields


def phone_of(version: Version) -> OldPhone:
    world = World(provisioning="off")
    for folder_id, content in ((TASKS, ContentType.TASKS), (CALENDAR, ContentType.CALENDAR)):
        world.source.tree.append(Folder(folder_id, None, content.value, content, FolderRole.DEFAULT))
        world.source.items[folder_id] = {}
    phone = OldPhone(world, version)
    phone.start(INBOX, CONTACTS, TASKS, CALENDAR)
    return phone


@pytest.fixture
def ready() -> OldPhone:
    return phone_of(Version.V2_5)


@pytest.fixture(params=[Version.V2_5, Version.V12_0], ids=lambda version: version.text)
def old(request: pytest.FixtureRequest) -> OldPhone:
    return phone_of(request.param)


def item(ready: OldPhone, folder: str, fields: dict[str, object], *options: object) -> dict[str, object]:
    """An item as the phone gets it."""
    ready.world.source.put(folder, fields)
    reply = ready.sync(folder, ("Options", *options) if options else None)
    return dict(plain(reply.one("AirSync:ApplicationData")))  # type: ignore[call-overload]


def test_a_message_lies_in_its_own_page(ready: OldPhone) -> None:
    ready.world.source.put(INBOX, MAIL | {"flagged": True, "categories": ("Red",)})
    names = {element.name for element in ready.sync(INBOX).one("AirSync:ApplicationData")}
    assert {"Email:Body", "Email:BodySize", "Email:BodyTruncated"} <= names
    assert all(name.startswith("Email:") for name in names)
    assert not names & {"Email:Flag", "Email:ContentClass", "Email:Categories"}


@pytest.mark.parametrize(("number", "size"), TRUNCATIONS.items())
def test_truncation_cuts_the_text(number: int, size: int | None, ready: OldPhone) -> None:
    whole = str(MAIL["body"].text).replace("\n", "\r\n").encode()  # type: ignore[attr-defined]
    found = item(ready, INBOX, MAIL, ("Truncation", number))
    data = str(found.get("Body", "")).encode()
    assert whole.startswith(data)
    assert found["BodySize"] == str(len(whole))
    assert found["BodyTruncated"] == ("0" if data == whole else "1")
    assert len(data) == (len(whole) if size is None else min(size, len(whole)))


@pytest.mark.parametrize("wrong", [10, "x", -1])
def test_a_truncation_that_there_is_not(wrong: object, ready: OldPhone) -> None:
    assert ready.sync(INBOX, ("Options", ("Truncation", wrong))).status == "4"


def test_mime_comes_where_the_device_wants_it(ready: OldPhone) -> None:
    mime = b"Subject: Plan\r\n\r\n" + b"x" * 3000
    fields = {"subject": "Plan", "body": Body(BodyKind.MIME, mime=mime)}
    found = item(ready, INBOX, fields, ("Truncation", 3), ("MIMESupport", 2))
    assert found["MIMEData"] == mime[:2048].decode()
    assert (found["MIMESize"], found["MIMETruncated"]) == (str(len(mime)), "1")
    assert not {"Body", "BodySize"} & found.keys()


def test_mime_of_signed_mail_is_whole_and_what_is_no_text_does_no_harm(ready: OldPhone) -> None:
    mime = b"Subject: Plan\r\n\r\n\xff" + b"x" * 3000
    fields = {"subject": "Plan", "signed": True, "body": Body(BodyKind.MIME, mime=mime)}
    found = item(ready, INBOX, fields, ("Truncation", 0), ("MIMESupport", 1), ("MIMETruncation", 0))
    assert found["MIMEData"] == mime.decode("utf-8", "replace")
    assert found["MIMETruncated"] == "0"


def test_an_attachment_is_named_as_get_attachment_takes_it(ready: OldPhone) -> None:
    ready.world.source.put(
        INBOX,
        {
            "attachments": (
                Attachment("2", "plan.pdf", 4, "application/pdf"),
                Attachment("3", "", 7, "message/rfc822", "cid@1", True),
            ),
            "files": {"2": b"%PDF"},
        },
    )
    reply = ready.sync(INBOX)
    first, second = (dict(plain(each)) for each in reply.all("Email:Attachment"))  # type: ignore[call-overload]
    assert first == {
        "AttMethod": "1",
        "AttSize": "4",
        "DisplayName": "plan.pdf",
        "AttName": f"{reply.text('AirSync:ServerId')}:2",
    }
    assert (second["AttMethod"], second["DisplayName"], second["AttOId"]) == (
        "5",
        "attachment-2.eml",
        "cid@1",
    )
    request = ready.world.eas.parse(
        "POST",
        f"{ready.query('GetAttachment')}&AttachmentName={first['AttName']}",
        {"ms-asprotocolversion": "2.5"},
        b"",
    )
    answer = outcome(ready.world.eas.handle(ready.session(), request))
    assert answer.stream is not None
    assert b"".join(answer.stream.chunks) == b"%PDF"


PIM = {
    CONTACTS: ({"last_name": "A"}, "note", "Contacts:LastName"),
    TASKS: ({"subject": "A", "due": date(2026, 3, 1)}, "body", "Tasks:Subject"),
    CALENDAR: (
        {
            "subject": "A",
            "start": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "end": datetime(2026, 3, 1, 10, tzinfo=UTC),
        },
        "body",
        "Calendar:Subject",
    ),
}
RICH = {CONTACTS: "Contacts:CompressedRTF", TASKS: "Tasks:CompressedRTF", CALENDAR: "Calendar:Compressed_RTF"}


@pytest.mark.parametrize("folder", PIM)
def test_a_note_lies_in_the_page_of_its_item_both_ways(folder: str, ready: OldPhone) -> None:
    fields, field, subject = PIM[folder]
    page = NAMES[folder]
    item_id = ready.world.source.put(folder, fields | {field: Body(BodyKind.TEXT, "one\ntwo")})
    reply = ready.sync(folder)
    assert reply.text(f"{page}:Body") == "one\r\ntwo"
    assert reply.text(f"{page}:BodyTruncated") == "0"
    assert bool(reply.all(f"{page}:BodySize")) is (folder != CALENDAR)
    ready.change(folder, item_id, (subject, "B"))
    assert ready.fields(folder, item_id)[field] == Body(BodyKind.TEXT, "one\ntwo")
    ready.change(folder, item_id, (subject, "B"), (f"{page}:Body", "three\r\nfour"))
    assert ready.fields(folder, item_id)[field] == Body(BodyKind.TEXT, "three\nfour")
    ready.change(folder, item_id, (subject, "B"), (f"{page}:Body", "thr"), (f"{page}:BodyTruncated", "1"))
    assert ready.fields(folder, item_id)[field] == Body(BodyKind.TEXT, "three\nfour")
    rich = base64.b64encode(compressed_rtf.compress(b"{\\rtf1 five}")).decode()
    ready.change(folder, item_id, (subject, "B"), (RICH[folder], rich))
    assert ready.fields(folder, item_id)[field] == Body(BodyKind.TEXT, "five")
    ready.change(folder, item_id, (subject, "B"), (RICH[folder],))
    assert ready.fields(folder, item_id)[field] == Body(BodyKind.TEXT, "five")
    ready.change(folder, item_id, (subject, "B"), (f"{page}:Body",))
    assert field not in ready.fields(folder, item_id)


def test_rtf_that_is_none_concerns_its_item_alone(ready: OldPhone) -> None:
    add = ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:CompressedRTF", "nonsense")))
    assert ready.commands(CONTACTS, add).one("AirSync:Add").text_of("AirSync:Status") == "6"


def test_attendees_have_neither_answers_nor_roles_in_2_5(old: OldPhone) -> None:
    fields = {
        **PIM[CALENDAR][0],
        "organizer": Address("b@example.org", "B"),
        "attendees": (Attendee("a@example.org", "A", AttendeeRole.OPTIONAL, Reply.ACCEPTED), Attendee("")),
    }
    old.world.source.put(CALENDAR, fields)
    attendee = dict(plain(old.sync(CALENDAR).one("Calendar:Attendee")))  # type: ignore[call-overload]
    more = {} if old.version is Version.V2_5 else {"AttendeeStatus": "3", "AttendeeType": "2"}
    assert attendee == {"Email": "a@example.org", "Name": "A", **more}


def test_what_a_device_does_not_say_of_attendees_stays(ready: OldPhone) -> None:
    attendees = (
        Attendee("a@example.org", "A", AttendeeRole.OPTIONAL, Reply.ACCEPTED),
        Attendee("r@example.org", "R", AttendeeRole.RESOURCE, Reply.ACCEPTED),
        Attendee("gone@example.org"),
    )
    item_id = ready.world.source.put(CALENDAR, {**PIM[CALENDAR][0], "attendees": attendees})
    ready.sync(CALENDAR)
    mails = ("r@example.org", "a@example.org", "new@example.org")
    told = [("Attendee", ("Email", mail), ("Name", mail)) for mail in mails]
    ready.change(CALENDAR, item_id, ("Calendar:Subject", "B"), ("Calendar:Attendees", *told))
    now = ready.fields(CALENDAR, item_id)["attendees"]
    assert now == (attendees[1], attendees[0], Attendee("new@example.org"))


def test_12_0_has_the_common_page_and_flags() -> None:
    old = phone_of(Version.V12_0)
    old.world.source.put(INBOX, MAIL | {"flagged": True, "categories": ("Red",)})
    wish = ("Options", ("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 7)))
    names = [element.name for element in old.sync(INBOX, wish).one("AirSync:ApplicationData")]
    assert {"Email:Flag", "Email:ContentClass", "AirSyncBase:Body", "AirSyncBase:NativeBodyType"} <= set(
        names
    )
    assert not {"Email:Categories", "Email:Body"} & set(names)


def test_an_answer_tells_the_class_of_its_collection(old: OldPhone) -> None:
    for folder, name in NAMES.items():
        reply = old.sync(folder, key="0")
        assert reply.one("AirSync:Collection").children[0].name == "AirSync:Class"
        assert reply.text("AirSync:Class") == name


def test_changes_come_without_being_asked_for(old: OldPhone) -> None:
    old.world.source.put(INBOX, MAIL)
    assert known(old.sync(INBOX)) == ["Add"]


def test_an_empty_sync_means_nothing_yet(old: OldPhone) -> None:
    assert old.send("Sync").http.status == 400


def test_a_body_part_and_text_messages_mean_nothing_yet(old: OldPhone) -> None:
    old.world.source.put(INBOX, MAIL)
    wish = ("Options", ("AirSyncBase:BodyPartPreference", ("Type", 1)))
    assert known(old.sync(INBOX, wish)) == ["Add"]
    add = ("Add", ("Class", "SMS"), ("ClientId", "c"), ("ApplicationData", ("Email:Subject", "x")))
    assert old.commands(INBOX, add).one("AirSync:Add").text_of("AirSync:Status") == "6"


def test_marks_on_a_message_reach_the_source(old: OldPhone) -> None:
    item_id = old.world.source.put(INBOX, MAIL)
    old.sync(INBOX)
    old.change(INBOX, item_id, ("Email:Read", "1"))
    assert old.fields(INBOX, item_id)["read"] is True


def test_the_hierarchy_has_no_notes(old: OldPhone) -> None:
    old.world.source.tree.append(Folder("60", None, "Notes", ContentType.NOTES, FolderRole.DEFAULT))
    old.world.source.items["60"] = {}
    reply = old.folder_sync()
    assert "Notes" not in [element.text for element in reply.all("FolderHierarchy:DisplayName")]
    assert reply.text("FolderHierarchy:Count") == str(len(reply.all("FolderHierarchy:Add")))


def test_an_estimate_names_its_class(old: OldPhone) -> None:
    old.world.source.put(INBOX, MAIL)
    collection = (
        "Collection",
        ("Class", "Email"),
        ("CollectionId", old.number(INBOX)),
        ("AirSync:FilterType", 0),
        ("AirSync:SyncKey", old.keys[old.number(INBOX)]),
    )
    reply = old.send("GetItemEstimate", tree("GetItemEstimate:GetItemEstimate", ("Collections", collection)))
    assert plain(reply.one("GetItemEstimate:Collection")) == [
        ("Class", "Email"),
        ("CollectionId", old.number(INBOX)),
        ("Estimate", "1"),
    ]


def test_a_ping_waits_in_old_versions_too(old: OldPhone) -> None:
    folders = Element(
        "Ping:Folders", None, [tree("Ping:Folder", ("Id", old.number(INBOX)), ("Class", "Email"))]
    )
    assert old.send("Ping", tree("Ping:Ping", ("HeartbeatInterval", 300), folders)).status == "1"
