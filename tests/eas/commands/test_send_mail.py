"""SendMail, SmartReply and SmartForward in every version: what is sent, and which status says why not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from app.eas import forwarding
from app.eas.versions import Version
from app.usm.content import Address, Pattern, Recurrence
from app.usm.errors import ItemUnreadable, SourceUnavailable
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from app.wbxml import Element, encode
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, World, tree

ORIGINAL = (
    b"From: zoe@example.com\r\nTo: anton@example.org\r\nSubject: Frage\r\nMessage-ID: <q@example.com>\r\n"
    b"Content-Type: text/plain\r\n\r\nasked\r\n"
)
MAIL = b"To: berta@example.org\r\nSubject: Plan\r\nContent-Type: text/plain\r\n\r\nwritten\r\n"


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(INBOX, CONTACTS)


def send(
    phone: Phone,
    mime: bytes = MAIL,
    command: str = "SendMail",
    client_id: str = "c1",
    item: str = "",
    folder: str | None = None,
    **more: bool,
) -> Reply:
    """As a device of this version does it. ``item``: the original's ServerId; ``save`` and ``complete``."""
    collection = item.partition(":")[0] if folder is None else folder
    if phone.version < Version.V14_0:
        query = phone.query
        saves = "&SaveInSent=T" if more.get("save") else ""
        names = f"&CollectionId={collection}&ItemId={item}" if item else ""
        phone.query = lambda name: query(name) + saves + names  # type: ignore[method-assign]
        phone.headers["content-type"] = "message/rfc822"
        try:
            return phone.reply(phone.raw(command, mime))
        finally:
            phone.query = query  # type: ignore[method-assign]
            phone.headers.clear()
    return phone.send(
        command,
        tree(
            f"ComposeMail:{command}",
            ("ClientId", client_id),
            ("SaveInSentItems",) if more.get("save") else None,
            ("ReplaceMime",) if more.get("complete") else None,
            ("Source", ("FolderId", collection), ("ItemId", item)) if item else None,
            ("Mime", mime),
        ),
    )


def refused(phone: Phone, reply: Reply, status: int, http: int = 400) -> None:
    if phone.version < Version.V14_0:
        assert (reply.http.status, reply.root) == (http, None)
    else:
        assert (reply.http.status, reply.status) == (200, str(status))


def asked(phone: Phone, **fields: object) -> str:
    """The ServerId of a mail that is answered."""
    item = phone.world.source.put(INBOX, {"mime": ORIGINAL, **fields})
    return f"{phone.number(INBOX)}:{item}"


@pytest.mark.requirement("MS-ASCMD", 448, 721, 4379)
@pytest.mark.requirement("MS-ASHTTP", 92, 93, 121, 122, 437, 484, 531, 533)
@pytest.mark.requirement("MS-ASCMD", 443, 463)
@pytest.mark.parametrize("save", [True, False])
def test_a_message_is_sent_and_answered_with_nothing(ready: Phone, save: bool) -> None:
    reply = send(ready, save=save)
    assert (reply.http.status, reply.root) == (200, None)
    (sent,) = ready.world.source.sent
    assert sent.mime.endswith(b"\r\n\r\nwritten\r\n")
    assert b"From: =?utf-8?" in sent.mime or b"From: Anton <anton@example.org>" in sent.mime
    assert (sent.copy, sent.answers, sent.forwards) == (save, None, None)


@pytest.mark.requirement("MS-ASCMD", 4848, 7465)
def test_a_message_is_sent_once(ready: Phone) -> None:
    send(ready)
    again = send(ready)
    assert len(ready.world.source.sent) == 1
    if ready.version < Version.V14_0:
        assert again.http.status == 200
    else:
        refused(ready, again, 118)
    send(ready, MAIL + b"more", client_id="c2")
    assert len(ready.world.source.sent) == 2


def test_a_document_may_hold_the_message_in_every_version(world: World) -> None:
    old = world.phone(Version.V12_1).start(INBOX)
    root = tree("ComposeMail:SendMail", ("ClientId", "c1"), ("Mime", MAIL.decode()))
    assert old.raw("SendMail", encode(root)).status == 200
    assert len(world.source.sent) == 1


@pytest.mark.requirement("MS-ASCMD", 6111)
@pytest.mark.requirement("MS-ASCMD", 5776)
@pytest.mark.requirement("MS-ASHTTP", 88, 489, 525, 526, 527, 530)
@pytest.mark.requirement("MS-ASCMD", 569, 580, 605)
def test_an_answer_quotes_its_original(ready: Phone) -> None:
    item = asked(ready)
    assert send(ready, command="SmartReply", item=item, save=True).http.status == 200
    (sent,) = ready.world.source.sent
    assert b"written" in sent.mime
    assert b"asked" in sent.mime
    assert sent.answers is not None
    assert (sent.answers[0].id, sent.answers[1]) == (INBOX, item.partition(":")[2])
    assert sent.forwards is None


@pytest.mark.requirement("MS-ASCMD", 6106)
@pytest.mark.requirement("MS-ASCMD", 4407)
@pytest.mark.requirement("MS-ASHTTP", 116, 117, 120, 488, 524, 532)
@pytest.mark.requirement("MS-ASCMD", 532, 545, 568)
def test_a_forwarded_message_marks_its_original(ready: Phone) -> None:
    item = asked(ready)
    assert send(ready, command="SmartForward", item=item).http.status == 200
    (sent,) = ready.world.source.sent
    assert b"asked" in sent.mime
    assert sent.answers is None
    assert sent.forwards is not None


@pytest.mark.requirement("MS-ASCMD", 3775)
def test_a_phone_that_has_quoted_itself_is_not_quoted_again(world: World) -> None:
    phone = world.phone(Version.V16_1).start(INBOX)
    send(phone, command="SmartReply", item=asked(phone), complete=True)
    assert b"asked" not in world.source.sent[0].mime
    assert world.source.sent[0].answers is not None


def test_an_item_is_enough_to_find_its_folder(ready: Phone) -> None:
    item = asked(ready)
    assert send(ready, command="SmartReply", item=item, folder="").http.status == 200


@pytest.mark.requirement("MS-ASCMD", 4930, 5777)
@pytest.mark.parametrize("item", ["", "2:999", "99:1", "2", "x:y", ":"])
@pytest.mark.parametrize("command", ["SmartReply", "SmartForward"])
def test_an_original_that_is_not_there_is_told(ready: Phone, command: str, item: str) -> None:
    refused(ready, send(ready, command=command, item=item), 150, 404)
    assert ready.world.source.sent == []


def test_what_is_no_message_is_not_quoted(ready: Phone) -> None:
    item = ready.world.source.put(CONTACTS, {"first_name": "Anna"})
    name = f"{ready.number(CONTACTS)}:{item}"
    assert send(ready, command="SmartForward", item=name).http.status == 200
    (sent,) = ready.world.source.sent
    assert sent.mime.endswith(b"written\r\n")
    assert (sent.answers, sent.forwards) == (None, None)


@pytest.mark.requirement("MS-ASCMD", 5092)
@pytest.mark.requirement("MS-ASCMD", 4380, 4408, 4826, 4853, 4855)
@pytest.mark.parametrize(
    ("mime", "status", "http"),
    [
        (b"", 107, 400),
        (b" \r\n", 107, 400),
        (b"no header", 107, 400),
        (b"Subject: x\r\n\r\nto nobody", 119, 400),
        (b"To: undisclosed\r\n\r\nto nobody", 119, 400),
        (MAIL + b"refused", 120, 400),
    ],
)
def test_what_cannot_be_sent_is_told(ready: Phone, mime: bytes, status: int, http: int) -> None:
    refused(ready, send(ready, mime), status, http)
    assert ready.world.source.sent == []


def test_a_message_that_was_refused_may_be_mended_and_sent(ready: Phone) -> None:
    send(ready, MAIL + b"refused")
    assert send(ready, MAIL).http.status == 200
    assert len(ready.world.source.sent) == 1


def test_a_source_that_is_down_asks_the_device_to_wait(ready: Phone) -> None:
    def fail(name: str) -> None:
        if name == "send":
            raise SourceUnavailable("down", 7)

    ready.world.source.before = fail
    assert send(ready).http.status == 503
    ready.world.source.before = lambda name: None
    assert send(ready).http.status == 200
    assert len(ready.world.source.sent) == 1


def broken(*content: object) -> Element:
    return tree("ComposeMail:SmartReply", *content)


@pytest.mark.requirement("MS-ASCMD", 723, 724, 4817, 4821, 4956)
@pytest.mark.parametrize(
    ("root", "status"),
    [
        (broken(("Mime", MAIL)), "103"),
        (broken(("ClientId", ""), ("Mime", MAIL)), "103"),
        (broken(("ClientId", "x" * 41), ("Mime", MAIL)), "103"),
        (broken(("ClientId", "1")), "103"),
        (broken(("ClientId", "1"), ("Mime", MAIL), ("Mime", MAIL)), "103"),
        (broken(("ClientId", "1"), ("AccountId", "a"), ("Mime", MAIL)), "166"),
        (broken(("ClientId", "1"), ("Mime", "")), "107"),
        (broken(("ClientId", "1"), ("Source", ("ItemId", "2:1"), ("LongId", "2:1")), ("Mime", MAIL)), "105"),
        (broken(("ClientId", "1"), ("Source",), ("Mime", MAIL)), "150"),
    ],
)
def test_a_document_that_says_too_little_or_too_much(world: World, root: Element, status: str) -> None:
    phone = world.phone(Version.V16_1).start(INBOX)
    assert phone.send("SmartReply", root).status == status
    assert world.source.sent == []


@pytest.mark.requirement("MS-ASHTTP", 118, 512, 528)
def test_the_long_id_of_a_search_names_the_original_too(world: World) -> None:
    phone = world.phone(Version.V14_1).start(INBOX)
    root = broken(("ClientId", "1"), ("Source", ("LongId", asked(phone))), ("Mime", MAIL))
    assert phone.send("SmartReply", root).root is None
    assert b"asked" in world.source.sent[0].mime


@pytest.mark.requirement("MS-ASCMD", 4860)
def test_a_message_too_large_to_be_read_is_answered_in_words(world: World) -> None:
    phone = world.phone(Version.V16_1).start(INBOX)
    item = asked(phone, body=Body(BodyKind.TEXT, "words alone"))

    def fail(name: str) -> None:
        if name == "mime":
            raise ItemUnreadable("too large")

    world.source.before = fail
    assert send(phone, command="SmartReply", item=item).root is None
    assert b"words alone" in world.source.sent[0].mime
    refused(phone, send(phone, command="SmartForward", item=item, client_id="c2"), 122)
    world.source.unreadable.add(item.partition(":")[2])
    refused(phone, send(phone, command="SmartReply", item=item, client_id="c3"), 150)


# -- forwarded by naming people (16.0) -----------------------------------------------------------------------

BERTA = ("Forwardee", ("Email", "berta@example.org"), ("Name", "Berta B"))
SAYS = tree("AirSyncBase:Body", ("Type", 1), ("Data", "Please come"))
CALENDAR = "50"


def forward(phone: Phone, item: str, *content: object, instance: str = "") -> Reply:
    occurrence = ("InstanceId", instance) if instance else None
    source = ("Source", ("FolderId", item.partition(":")[0]), ("ItemId", item), occurrence)
    return phone.send("SmartForward", tree("ComposeMail:SmartForward", ("ClientId", "f1"), source, *content))


@pytest.fixture
def planner(world: World) -> Phone:
    world.source.tree.append(Folder(CALENDAR, None, "Calendar", ContentType.CALENDAR, FolderRole.DEFAULT))
    world.source.items[CALENDAR] = {}
    return world.phone(Version.V16_1).start(INBOX, CONTACTS, CALENDAR)


def meeting(phone: Phone, **fields: object) -> str:
    """The ServerId of an appointment."""
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    basic = {"subject": "Jour fixe", "uid": "u1", "start": start, "end": start + timedelta(hours=1)}
    item = phone.world.source.put(CALENDAR, {**basic, **fields})
    return f"{phone.number(CALENDAR)}:{item}"


def invitation(phone: Phone) -> tuple[str, str]:
    """The header of what was sent, and the calendar in it."""
    message = message_from_bytes(phone.world.source.sent[-1].mime, policy=default)
    part = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REQUEST"
    return str(message["To"]), part.get_content().replace("\r\n ", "")


@pytest.mark.requirement("MS-ASAIRS", 1333, 1000954)
@pytest.mark.requirement("MS-ASCMD", 532, 568)
def test_people_are_enough_to_forward_a_meeting(planner: Phone) -> None:
    item = meeting(planner, organizer=Address("zoe@example.com", "Zoe"))
    assert forward(planner, item, ("Forwardees", BERTA), SAYS).root is None
    to, calendar = invitation(planner)
    assert to == "Berta B <berta@example.org>"
    assert "ORGANIZER;CN=Zoe:mailto:zoe@example.com" in calendar
    assert "mailto:berta@example.org" in calendar
    assert "DTSTART:20260302T090000Z" in calendar
    assert b"Subject: FW: Jour fixe" in planner.world.source.sent[-1].mime
    text = message_from_bytes(planner.world.source.sent[-1].mime, policy=default).get_body(("plain",))
    assert text is not None
    assert text.get_content().split() == ["Please", "come"]


@pytest.mark.requirement("MS-ASCMD", 538, 539)
def test_a_series_is_forwarded_whole_or_by_one_occurrence(planner: Phone) -> None:
    weekly = Recurrence(Pattern.WEEKLY, weekdays=(0,), until=date(2026, 6, 1))
    item = meeting(planner, recurrence=weekly)
    assert forward(planner, item, ("Forwardees", BERTA)).root is None
    _, calendar = invitation(planner)
    assert "RRULE:FREQ=WEEKLY;UNTIL=20260601T235959Z;INTERVAL=1;BYDAY=MO" in calendar
    assert "ORGANIZER;CN=Anton:mailto:anton@example.org" in calendar
    source = tree(
        "ComposeMail:SmartForward",
        ("ClientId", "f2"),
        (
            "Source",
            ("FolderId", item.partition(":")[0]),
            ("ItemId", item),
            ("InstanceId", "20260309T090000Z"),
        ),
        ("Forwardees", BERTA),
    )
    assert planner.send("SmartForward", source).root is None
    _, calendar = invitation(planner)
    assert "RECURRENCE-ID:20260309T090000Z" in calendar
    assert "DTEND:20260309T100000Z" in calendar
    assert "RRULE" not in calendar


@pytest.mark.parametrize(
    ("recurrence", "text"),
    [
        (Recurrence(Pattern.DAILY, 2, count=5), "FREQ=DAILY;COUNT=5;INTERVAL=2"),
        (
            Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(4,), week=5),
            "FREQ=MONTHLY;INTERVAL=1;BYDAY=FR;BYSETPOS=-1",
        ),
        (
            Recurrence(Pattern.YEARLY_BY_DAY, day=29, month=2),
            "FREQ=YEARLY;INTERVAL=1;BYMONTHDAY=29;BYMONTH=2",
        ),
    ],
)
def test_every_kind_of_series_has_its_rule(recurrence: Recurrence, text: str) -> None:
    assert forwarding.rule(recurrence).to_ical().decode() == text


def test_a_meeting_of_whole_days_stays_one(planner: Phone) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    item = meeting(planner, all_day=True, start=start, end=start + timedelta(days=1))
    assert forward(planner, item, ("Forwardees", BERTA), instance="20260309T000000Z").root is None
    _, calendar = invitation(planner)
    assert "DTSTART;VALUE=DATE:20260309" in calendar
    assert "DTEND;VALUE=DATE:20260310" in calendar


def test_an_invitation_in_a_mail_goes_with_the_mail(planner: Phone) -> None:
    item = asked(planner)
    assert forward(planner, item, ("Forwardees", BERTA), SAYS).root is None
    (sent,) = planner.world.source.sent
    assert b"FW: Frage" in sent.mime
    assert sent.forwards is not None
    assert "asked" in message_from_bytes(sent.mime, policy=default).get_content()


@pytest.mark.requirement("MS-ASCMD", 7467, 7468, 7470)
@pytest.mark.parametrize(
    ("content", "status"),
    [
        ([("Forwardees", BERTA), ("Mime", MAIL)], "178"),
        ([("Forwardees", BERTA), ("ReplaceMime",)], "178"),
        ([SAYS, ("Mime", MAIL)], "178"),
        ([("Forwardees",)], "179"),
        ([SAYS], "179"),
        ([("Forwardees", ("Forwardee", ("Name", "x")))], "179"),
        ([("Forwardees", ("Forwardee", ("Email", "x")))], "179"),
        ([("Forwardees", BERTA), tree("AirSyncBase:Body", ("Type", 1))], "179"),
        ([("Forwardees", BERTA), tree("AirSyncBase:Body", ("Type", 9), ("Data", "x"))], "179"),
    ],
)
def test_people_do_not_go_with_everything(content: list[object], status: str, planner: Phone) -> None:
    assert forward(planner, meeting(planner), *content).status == status
    assert planner.world.source.sent == []


def test_a_meeting_that_cannot_be_read_is_not_forwarded(planner: Phone) -> None:
    gone = meeting(planner).partition(":")[0] + ":999"
    assert forward(planner, gone, ("Forwardees", BERTA)).status == "150"
    assert forward(planner, meeting(planner, start=None), ("Forwardees", BERTA)).status == "150"
    broken = meeting(planner)
    planner.world.source.unreadable.add(broken.partition(":")[2])
    assert forward(planner, broken, ("Forwardees", BERTA)).status == "150"


@pytest.mark.requirement("MS-ASCMD", 4819)
@pytest.mark.requirement("MS-ASCMD", 541, 578)
@pytest.mark.parametrize("command", ["SmartReply", "SmartForward"])
def test_an_occurrence_that_is_no_moment_is_told(command: str, planner: Phone) -> None:
    item = meeting(planner)
    source = ("Source", ("FolderId", item.partition(":")[0]), ("ItemId", item), ("InstanceId", "soon"))
    document = tree(f"ComposeMail:{command}", ("ClientId", "x"), source, ("Mime", MAIL))
    assert planner.send(command, document).status == "104"


def test_an_occurrence_of_nothing_is_nothing(planner: Phone) -> None:
    source = ("Source", ("InstanceId", "20260309T000000Z"))
    document = tree("ComposeMail:SmartReply", ("ClientId", "x"), source, ("Mime", MAIL))
    assert planner.send("SmartReply", document).status == "150"


def test_before_16_there_are_no_forwardees(world: World) -> None:
    phone = world.phone(Version.V14_1).start(INBOX)
    assert forward(phone, asked(phone), ("Forwardees", BERTA)).status == "103"
