"""SendMail, SmartReply and SmartForward in every version: what is sent, and which status says why not."""

from __future__ import annotations

import pytest

from app.eas.versions import Version
from app.usm.errors import ItemUnreadable, SourceUnavailable
from app.usm.model import Body, BodyKind
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


@pytest.mark.parametrize("save", [True, False])
def test_a_message_is_sent_and_answered_with_nothing(ready: Phone, save: bool) -> None:
    reply = send(ready, save=save)
    assert (reply.http.status, reply.root) == (200, None)
    (sent,) = ready.world.source.sent
    assert sent.mime.endswith(b"\r\n\r\nwritten\r\n")
    assert b"From: =?utf-8?" in sent.mime or b"From: Anton <anton@example.org>" in sent.mime
    assert (sent.copy, sent.answers, sent.forwards) == (save, None, None)


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


def test_an_answer_quotes_its_original(ready: Phone) -> None:
    item = asked(ready)
    assert send(ready, command="SmartReply", item=item, save=True).http.status == 200
    (sent,) = ready.world.source.sent
    assert b"written" in sent.mime
    assert b"asked" in sent.mime
    assert sent.answers is not None
    assert (sent.answers[0].id, sent.answers[1]) == (INBOX, item.partition(":")[2])
    assert sent.forwards is None


def test_a_forwarded_message_marks_its_original(ready: Phone) -> None:
    item = asked(ready)
    assert send(ready, command="SmartForward", item=item).http.status == 200
    (sent,) = ready.world.source.sent
    assert b"asked" in sent.mime
    assert sent.answers is None
    assert sent.forwards is not None


def test_a_phone_that_has_quoted_itself_is_not_quoted_again(world: World) -> None:
    phone = world.phone(Version.V16_1).start(INBOX)
    send(phone, command="SmartReply", item=asked(phone), complete=True)
    assert b"asked" not in world.source.sent[0].mime
    assert world.source.sent[0].answers is not None


def test_an_item_is_enough_to_find_its_folder(ready: Phone) -> None:
    item = asked(ready)
    assert send(ready, command="SmartReply", item=item, folder="").http.status == 200


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


def test_the_long_id_of_a_search_names_the_original_too(world: World) -> None:
    phone = world.phone(Version.V14_1).start(INBOX)
    root = broken(("ClientId", "1"), ("Source", ("LongId", asked(phone))), ("Mime", MAIL))
    assert phone.send("SmartReply", root).root is None
    assert b"asked" in world.source.sent[0].mime


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
