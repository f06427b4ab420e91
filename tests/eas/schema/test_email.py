"""Mail as devices get it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.eas.errors import ConversionError
from app.eas.schema import email
from app.eas.versions import ADVERTISED, Version
from app.usm.content import MAIL_FIELDS, Address
from app.usm.model import Attachment, Body, BodyKind
from app.wbxml import Element
from tests.eas.phone import INBOX, Phone, Reply, World, plain, tree

ANNA = Address("anna@example.org", "Anna B")


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(INBOX)


def show(ready: Phone, **fields: object) -> Reply:
    """A mail with these fields, as the device gets it."""
    ready.world.source.put(INBOX, {name.rstrip("_"): value for name, value in fields.items()})
    return ready.sync(INBOX)


def tags(reply: Reply) -> set[str]:
    return {element.name for element in reply.one("AirSync:ApplicationData")}


FULL = {
    "subject": "AW: Re: Plan",
    "sender": (Address("secretary@example.org", "Secretary"),),
    "from": (ANNA,),
    "to": (Address("anton@example.org", "Anton"), Address("x@example.org")),
    "cc": (Address("cc@example.org"),),
    "bcc": (Address("bcc@example.org"),),
    "hidden": True,
    "reply_to": (Address("reply@example.org"),),
    "received": datetime(2026, 1, 10, 8, 30, 59, 999999, tzinfo=timezone(timedelta(hours=1))),
    "importance": 2,
    "read": True,
    "flagged": True,
    "answered": True,
    "forwarded": True,
    "draft": False,
    "message_id": "<1@example.org>",
    "conversation": "<0@example.org>",
    "conversation_index": b"12345",
    "size": 4711,
    "categories": ("Red", "Blue"),
    "body": Body(BodyKind.TEXT, "Hello"),
    "attachments": (Attachment("2", "plan.pdf", 1234, "application/pdf", "cid1", True),),
    "signed": False,
    "encrypted": False,
}


WRITTEN = {"add_attachments", "remove_attachments", "send"}
"""Only ever written; what a mail tells of a meeting has tests of its own."""


def test_the_sample_has_every_field() -> None:
    assert set(FULL) | WRITTEN | {"meeting"} == set(MAIL_FIELDS)


@pytest.mark.requirement("MS-ASEMAIL", 51, 55, 70, 71, 72, 328, 331, 400, 477, 514, 711, 721, 724, 787, 1073)
@pytest.mark.requirement("MS-ASEMAIL", 109, 342, 483, 753)
@pytest.mark.requirement("MS-ASDTYPE", 7, 20, 87, 91)
@pytest.mark.parametrize("version", ADVERTISED)
def test_a_mail_with_every_field(version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    phone.world.source.put(INBOX, FULL)
    reply = phone.sync(INBOX)
    expected = {
        "Email:To": '"Anton" <anton@example.org>, "x@example.org" <x@example.org>',
        "Email:Cc": '"cc@example.org" <cc@example.org>',
        "Email:From": '"Anna B" <anna@example.org>',
        "Email:ReplyTo": '"reply@example.org" <reply@example.org>',
        "Email:Subject": "AW: Re: Plan",
        "Email:ThreadTopic": "Plan",
        "Email:DisplayTo": "Anton; x@example.org",
        "Email:DateReceived": "2026-01-10T07:30:59.000Z",
        "Email:Importance": "2",
        "Email:Read": "1",
        "Email:MessageClass": "IPM.Note",
        "Email:InternetCPID": "65001",
    }
    for name, value in expected.items():
        assert reply.text(name) == value, name
    if version >= Version.V12_0:
        assert reply.text("Email:ContentClass") == "urn:content-classes:message"
        assert reply.text("AirSyncBase:NativeBodyType") == "1"
        assert plain(reply.one("Email:Flag")) == [("Status", "2"), ("FlagType", "for Follow Up")]
    newer = {
        "Email:Categories",
        "Email2:Sender",
        "Email2:ReceivedAsBcc",
        "Email2:LastVerbExecuted",
        "Email2:ConversationId",
        "Email2:ConversationIndex",
    }
    assert newer & tags(reply) == (newer if version >= Version.V14_0 else set())
    assert ("Email2:IsDraft" in tags(reply)) is (version >= Version.V16_0)
    assert "Email2:Bcc" not in tags(reply)


def test_a_mail_of_nothing_has_what_devices_cannot_do_without(ready: Phone) -> None:
    reply = show(ready)
    assert reply.text("Email:DateReceived") == "1970-01-01T00:00:00.000Z"
    assert reply.text("Email:From") == '"?" <unknown@unknown.invalid>'
    assert reply.text("Email:Importance") == "1"
    assert reply.text("Email:Read") == "0"
    assert plain(reply.one("Email:Flag")) == ""
    assert reply.text("AirSyncBase:NativeBodyType") == "1"
    assert not {"Email:To", "Email:Subject", "AirSyncBase:Attachments"} & tags(reply)


@pytest.mark.requirement("MS-ASEMAIL", 646, 648, 649, 1342, 1343, 1344, 1345, 13450)
@pytest.mark.parametrize("version", ADVERTISED)
def test_a_hidden_recipient_is_told_so_and_cannot_deny_it(version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    told = show(phone, hidden=True)
    if version < Version.V14_0:
        assert not told.all("Email2:ReceivedAsBcc")
        return
    assert told.text("Email2:ReceivedAsBcc") == "1"
    name = told.text("AirSync:ServerId")
    change = ("Change", ("ServerId", name), ("ApplicationData", ("Email2:ReceivedAsBcc", "0")))
    assert phone.commands(INBOX, change).one("AirSync:Change").text_of("AirSync:Status") == "6"
    assert not show(phone, subject="x").all("Email2:ReceivedAsBcc")


def test_the_sender_stands_in_for_a_missing_from(ready: Phone) -> None:
    reply = show(ready, sender=(ANNA,))
    assert reply.text("Email:From") == '"Anna B" <anna@example.org>'
    assert not reply.all("Email2:Sender")


@pytest.mark.requirement("MS-ASEMAIL", 722, 726, 1065)
def test_a_sender_who_is_the_author_is_not_named_twice(ready: Phone) -> None:
    assert not show(ready, from_=(ANNA,), sender=(ANNA,)).all("Email2:Sender")


@pytest.mark.requirement("MS-ASEMAIL", 331, 787)
@pytest.mark.requirement("MS-ASDTYPE", 99, 100)
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (Address("a@b"), '"a@b" <a@b>'),
        (Address("a@b", ' O"Neill \\ '), '"O\\"Neill \\\\" <a@b>'),
        (Address("a@b", "Ä\x00\r\nB: x"), '"Ä B: x" <a@b>'),
        (Address("", "undisclosed"), '"undisclosed"'),
    ],
)
def test_addresses_with_names(address: Address, expected: str) -> None:
    assert email.mailbox(address) == expected


def test_too_many_recipients_end_between_two_addresses(ready: Phone) -> None:
    many = tuple(Address(f"user{number:04}@example.org", f"User {number:04}") for number in range(2000))
    reply = show(ready, to=many, cc=many, from_=(ANNA,))
    for name in ("Email:To", "Email:Cc"):
        text = reply.text(name)
        assert 32000 < len(text) <= 32768
        assert text.endswith("@example.org>")


def test_a_sender_with_an_endless_name_is_cut(ready: Phone) -> None:
    assert len(show(ready, from_=(Address("a@b", "n" * 40000),)).text("Email:From")) == 32768


@pytest.mark.parametrize(
    ("subject", "topic"),
    [
        ("Plan", "Plan"),
        ("Re: Plan", "Plan"),
        ("RE: re[2]: Fwd: FW: AW: WG: Plan", "Plan"),
        ("Regarding: Plan", "Regarding: Plan"),
        ("Re : Plan", "Plan"),
    ],
)
def test_the_topic_of_a_thread(subject: str, topic: str, ready: Phone) -> None:
    assert show(ready, subject=subject).text("Email:ThreadTopic") == topic


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", [" ", "re ", "re[1] ", "\t", "re:"])
def test_a_hostile_subject_takes_no_time(piece: str, ready: Phone) -> None:
    show(ready, subject="re" + piece * 100000)


def test_a_subject_of_nothing_but_prefixes_has_no_topic(ready: Phone) -> None:
    reply = show(ready, subject="Re: ")
    assert not reply.all("Email:ThreadTopic")
    assert reply.text("Email:Subject") == "Re:"


def test_characters_that_xml_forbids_do_not_reach_the_device(ready: Phone) -> None:
    reply = show(ready, subject="a\x00b\x1bc\ufffe\ud83d", body=Body(BodyKind.TEXT, "x\x00\x0cy\ud800z"))
    assert reply.text("Email:Subject") == "a b c"
    assert reply.text("AirSyncBase:Data") == "xyz"


@pytest.mark.requirement("MS-ASEMAIL", 589, 601, 603)
@pytest.mark.parametrize(
    ("signed", "encrypted", "expected"),
    [
        (False, False, "IPM.Note"),
        (True, False, "IPM.Note.SMIME.MultipartSigned"),
        (False, True, "IPM.Note.SMIME"),
        (True, True, "IPM.Note.SMIME"),
    ],
)
def test_the_class_of_a_message(signed: bool, encrypted: bool, expected: str, ready: Phone) -> None:
    assert show(ready, signed=signed, encrypted=encrypted).text("Email:MessageClass") == expected


@pytest.mark.parametrize(
    ("answered", "forwarded", "verb"),
    [(True, False, "1"), (False, True, "3"), (True, True, "1"), (False, False, None)],
)
def test_the_last_verb(answered: bool, forwarded: bool, verb: str | None, ready: Phone) -> None:
    reply = show(ready, answered=answered, forwarded=forwarded)
    found = [element.text for element in reply.all("Email2:LastVerbExecuted")]
    assert found == ([verb] if verb and ready.version >= Version.V14_0 else [])


def test_drafts_show_hidden_recipients_from_16_0_on(ready: Phone) -> None:
    reply = show(ready, draft=True, bcc=(ANNA,) * 100)
    if ready.version >= Version.V16_0:
        assert reply.text("Email2:IsDraft") == "1"
        assert len(reply.text("Email2:Bcc")) <= 1024
    else:
        assert not reply.all("Email2:Bcc")


@pytest.mark.requirement("MS-ASAIRS", 91, 92, 93, 191, 217, 221, 224, 100298, 100299)
@pytest.mark.requirement("MS-ASAIRS", 164, 169, 170, 192, 193, 199, 200, 218, 219, 222, 223)
def test_attachments(ready: Phone) -> None:
    reply = show(
        ready,
        attachments=(
            Attachment("2", "plan.pdf", 1234, "application/pdf"),
            Attachment("3.1", "", -1),
            Attachment("4", "Fwd: hello", 99, "message/rfc822"),
            Attachment("5", "mail.EML", 99, "Message/RFC822"),
            Attachment("a/b:c", "logo\x00.png", 5, "image/png", "logo@1", True),
        ),
    )
    server_id = reply.text("AirSync:ServerId")
    found = [dict(plain(element)) for element in reply.all("AirSyncBase:Attachment")]
    assert found == [
        {
            "DisplayName": "plan.pdf",
            "FileReference": f"{server_id}:2",
            "Method": "1",
            "EstimatedDataSize": "1234",
        },
        {
            "DisplayName": "attachment-2",
            "FileReference": f"{server_id}:3.1",
            "Method": "1",
            "EstimatedDataSize": "0",
        },
        {
            "DisplayName": "Fwd: hello.eml",
            "FileReference": f"{server_id}:4",
            "Method": "5",
            "EstimatedDataSize": "99",
        },
        {
            "DisplayName": "mail.EML",
            "FileReference": f"{server_id}:5",
            "Method": "5",
            "EstimatedDataSize": "99",
        },
        {
            "DisplayName": "logo .png",
            "FileReference": f"{server_id}:a%2Fb%3Ac",
            "Method": "1",
            "EstimatedDataSize": "5",
            "ContentId": "logo@1",
            "IsInline": "1",
        },
    ]


@pytest.mark.parametrize(
    ("native", "expected"), [(BodyKind.TEXT, "1"), (BodyKind.HTML, "2"), (BodyKind.MIME, "2")]
)
def test_the_native_form_is_never_0(native: BodyKind, expected: str, ready: Phone) -> None:
    reply = show(ready, body=Body(BodyKind.TEXT, "x", native=native))
    assert reply.text("AirSyncBase:NativeBodyType") == expected


def test_the_oldest_moment_can_be_written(ready: Phone) -> None:
    assert (
        show(ready, received=datetime(1, 1, 1, tzinfo=UTC))
        .text("Email:DateReceived")
        .startswith("0001-01-01T")
    )


# -- drafts --------------------------------------------------------------------------------------------------

DRAFT = (
    tree("Email:To", '"Bauer; Anna" <anna@example.org>; bert@example.org, "C" <c@example.org>'),
    tree("Email:Cc"),
    tree("Email2:Bcc", "secret@example.org"),
    tree("Email:Subject", "Plan"),
    tree("Email:Importance", "2"),
    tree("Email:Read", "1"),
    tree("AirSyncBase:Body", ("Type", "2"), ("Data", "<p>Hello</p>")),
    tree("Email2:IsDraft", "1"),
)


@pytest.mark.parametrize("version", [Version.V16_0, Version.V16_1])
def test_a_draft_is_read(version: Version) -> None:
    expected = {
        "to": (
            Address("anna@example.org", "Bauer; Anna"),
            Address("bert@example.org"),
            Address("c@example.org", "C"),
        ),
        "cc": (),
        "bcc": (Address("secret@example.org"),),
        "subject": "Plan",
        "importance": 2,
        "read": True,
        "body": Body(BodyKind.HTML, "<p>Hello</p>", native=BodyKind.HTML),
    }
    assert email.read_new(DRAFT, version) == expected
    assert email.read_change([*DRAFT, tree("Email2:Send")], version) == {**expected, "send": True}


@pytest.mark.parametrize("version", [Version.V12_1, Version.V14_1])
def test_devices_of_earlier_versions_write_no_drafts(version: Version) -> None:
    with pytest.raises(ConversionError):
        email.read_new(DRAFT, version)
    with pytest.raises(ConversionError, match="cannot be changed"):
        email.read_change(DRAFT, version)


def test_a_draft_may_come_as_a_whole_message() -> None:
    mime = b"Subject: x\r\n\r\ntext"
    for data in (mime, mime.decode()):
        body = tree("AirSyncBase:Body", ("Type", "4"), ("Data", data))
        assert email.read_new([body], Version.V16_1) == {"body": Body(BodyKind.MIME, mime=mime)}


@pytest.mark.requirement("MS-ASCMD", 878)
@pytest.mark.parametrize(
    "body",
    [
        tree("AirSyncBase:Body", ("Type", "4"), ("Data", b" ")),
        tree("AirSyncBase:Body", ("Type", "4")),
        tree("AirSyncBase:Body", ("Type", "4"), ("Truncated", "1"), ("Data", b"half")),
        tree("AirSyncBase:Body", ("Type", "1"), ("Truncated", "1"), ("Data", "half")),
    ],
)
def test_a_body_that_is_not_all_there_changes_nothing(body: Element) -> None:
    assert email.read_change([body], Version.V16_1) == {}


@pytest.mark.requirement("MS-ASAIRS", 1325, 1326)
def test_files_are_added_and_taken_away() -> None:
    added = tree("AirSyncBase:Add", ("ClientId", "1"), ("Content", b"abc"), ("DisplayName", "a.txt"))
    gone = tree("AirSyncBase:Delete", ("FileReference", "3:7:1.2"))
    fields = email.read_change([tree("AirSyncBase:Attachments", added, gone)], Version.V16_1)
    assert [(each.name, each.data) for each in fields["add_attachments"]] == [("a.txt", b"abc")]
    assert fields["remove_attachments"] == ("1.2",)
    assert email.read_change([tree("AirSyncBase:Attachments")], Version.V16_1) == {}


@pytest.mark.parametrize(
    "element",
    [tree("Email:Importance", "9"), tree("Email:MeetingRequest"), tree("Contacts:LastName", "x")],
)
def test_what_makes_no_sense_in_a_draft_is_refused(element: Element) -> None:
    with pytest.raises(ConversionError):
        email.read_new([element], Version.V16_1)


DATES = {
    "Tasks:StartDate": "2026-03-01T00:00:00.000Z",
    "Tasks:DueDate": "2026-03-02T00:00:00.000Z",
    "Tasks:UtcStartDate": "2026-03-01T08:00:00.000Z",
    "Tasks:UtcDueDate": "2026-03-02T08:00:00.000Z",
}
LATE = "2026-03-09T00:00:00.000Z"


def flagged(dates: dict[str, str], status: str = "2") -> dict[str, object]:
    children = [Element("Email:Status", status), *(Element(tag, text) for tag, text in dates.items())]
    return email.read_change([Element("Email:Flag", children=children)], Version.V14_1)


def test_a_flag_may_have_dates() -> None:
    assert flagged(DATES) == flagged({}) == {"flagged": True}
    assert flagged({"Tasks:DueDate": "nonsense"}, status="1") == {"flagged": False}


@pytest.mark.requirement("MS-ASEMAIL", 406, 407, 409, 738, 739, 741, 850, 851, 853, 861, 862, 864)
@pytest.mark.parametrize(
    "dates",
    [
        *({tag: text for tag, text in DATES.items() if tag != missing} for missing in DATES),
        DATES | {"Tasks:StartDate": LATE},
        DATES | {"Tasks:UtcStartDate": LATE},
        DATES | {"Tasks:DueDate": "soon"},
        DATES | {"Tasks:DueDate": ""},
    ],
)
def test_dates_of_a_flag_without_sense_are_refused(dates: dict[str, str]) -> None:
    with pytest.raises(ConversionError):
        flagged(dates)
