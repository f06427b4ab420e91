"""Mail, both ways: phones of every version before OX of every generation, with real delivery between users."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

import pytest

from app.wbxml import Element
from lab.device import AnswerLost, CommandFailed, Phone, ServerUnavailable, mail
from lab.device.folders import create_folder
from tests.end_to_end.mail_world import MailWorld, before, eventually
from tests.ox.standin import PNG

VERSIONS = ("12.1", "14.1", "16.1")
INBOX, DRAFTS, TRASH, SENT = 2, 3, 4, 5
SEEN, DRAFT, FLAGGED, ANSWERED, FORWARDED = 32, 4, 8, 1, 256
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    with before("7", seed, tmp_path_factory.mktemp("ox7") / "data") as world:
        yield world


@pytest.fixture
def world(running: MailWorld) -> Iterator[MailWorld]:
    """The running one; fails a test in which a phone found something odd."""
    yield running
    running.ox.calm()
    assert running.odd() == []


@pytest.fixture
def title() -> str:
    """A subject that no other mail has."""
    return f"Plan {next(_numbers)}"


def folder(phone: Phone, kind: int) -> str:
    return phone.folder_of_type(kind).server_id


def item_of(phone: Phone, subject: str, kind: int = INBOX) -> str:
    """The mail of this subject on the phone, after a Sync; ``KeyError`` where there is none."""
    phone.sync_all(folder(phone, kind), body_type=1)
    found = [
        name
        for name, data in phone.items(folder(phone, kind)).items()
        if data.text_of("Email:Subject") == subject
    ]
    assert len(found) < 2, f"{len(found)} mails {subject!r}"
    if not found:
        raise KeyError(subject)
    return found[0]


def data_of(phone: Phone, server_id: str) -> Element:
    return phone.items(server_id.partition(":")[0])[server_id]


def arrived(world: MailWorld, subject: str, login: str = "berta") -> EmailMessage:
    """The one mail of this subject in somebody's INBOX."""
    found = eventually(lambda: world.find("inbox", subject, login))
    assert len(found) == 1
    return read(world.source("inbox", found[0]["id"], login))


def read(raw: bytes) -> EmailMessage:
    parsed: Any = message_from_bytes(raw, policy=default)
    return parsed


def rich(subject: str) -> bytes:
    """A mail with HTML, a picture within it, a file, and a message within the message."""
    inner = EmailMessage(policy=SMTP)
    inner["From"], inner["To"], inner["Subject"] = "x@example.com", "y@example.com", "Inner"
    inner.set_content("inside\n")
    outer = EmailMessage(policy=SMTP)
    outer["From"] = "Zoë Quist <zoe@example.com>"
    outer["To"] = "anton@example.org"
    outer["Subject"] = subject
    outer["Message-ID"] = f"<{subject.replace(' ', '-')}@example.com>"
    outer.set_content("Schöne Grüße\n")
    outer.add_alternative('<p>Schöne <b>Grüße</b> <img src="cid:dot"></p>', subtype="html")
    html: Any = outer.get_payload()
    html[1].add_related(PNG, "image", "png", cid="<dot>", filename="dot.png", disposition="inline")
    outer.add_attachment(b"a,b\n1,2\n" * 1000, "text", "csv", filename="tables ü.csv")
    outer.add_attachment(inner)
    return outer.as_bytes()


# -- sending -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mail_is_delivered_with_one_copy_in_sent(world: MailWorld, version: str, title: str) -> None:
    phone = world.phone(version=version)
    mail.send(phone, mail.message("berta@example.org", title, "Grüße\n"))
    got = arrived(world, title)
    assert got["From"] == "Anton Albers <anton@example.org>"
    assert got.get_content().strip() == "Grüße"
    assert got["Date"]
    assert got["Message-ID"]
    assert [each["flags"] & SEEN for each in world.find("sent", title)] == [SEEN]
    assert item_of(phone, title, SENT)


def test_a_mail_whose_copy_is_not_wanted_leaves_none(world: MailWorld, title: str) -> None:
    phone = world.phone()
    mail.send(phone, mail.message("berta@example.org", title), save=False)
    assert arrived(world, title)
    assert world.find("sent", title) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mail_whose_answer_is_lost_is_not_sent_twice(world: MailWorld, version: str, title: str) -> None:
    phone = world.phone(version=version)
    text = mail.message("berta@example.org", title)
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        mail.send(phone, text, client_id=f"once-{title}")
    if version == "12.1":
        mail.send(phone, text)
    else:
        with pytest.raises(CommandFailed, match="status 118"):
            mail.send(phone, text, client_id=f"once-{title}")
    assert arrived(world, title)
    assert len(world.find("sent", title)) == 1


def test_a_blind_copy_is_seen_by_its_reader_and_the_sender_alone(world: MailWorld, title: str) -> None:
    phone = world.phone()
    text = mail.message("berta@example.org", title)
    text["Bcc"] = "caesar@example.org"
    mail.send(phone, text)
    assert arrived(world, title)["Bcc"] is None
    assert arrived(world, title, "caesar")["Bcc"] is None
    (copy,) = world.find("sent", title)
    assert read(world.source("sent", copy["id"]))["Bcc"] == "caesar@example.org"


def test_nobody_writes_as_somebody_else(world: MailWorld, title: str) -> None:
    phone = world.phone()
    mail.send(phone, mail.message("berta@example.org", title, sender="Boss <boss@example.net>"))
    assert arrived(world, title)["From"] == "Anton Albers <anton@example.org>"


def test_a_message_without_a_reader_is_not_sent(world: MailWorld, title: str) -> None:
    phone = world.phone()
    with pytest.raises(CommandFailed, match="status 119"):
        mail.send(phone, b"Subject: " + title.encode() + b"\r\n\r\ntext\r\n")
    assert world.find("sent", title) == []


def test_a_signed_mail_goes_out_byte_for_byte(world: MailWorld, title: str) -> None:
    signed = (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b; micalg=sha1\r\n'
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nmixed\nline ends\r\n\r\n--b\r\n"
        b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nMIIB\r\n--b--\r\n"
    )
    head = f"From: anton@example.org\r\nTo: berta@example.org\r\nSubject: {title}\r\n".encode()
    phone = world.phone()
    mail.send(phone, head + signed)
    (found,) = eventually(lambda: world.find("inbox", title, "berta"))
    assert world.source("inbox", found["id"], "berta").endswith(signed)


# -- answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_quotes_and_marks_the_original(world: MailWorld, version: str, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone(version=version)
    answered = item_of(phone, title)
    text = mail.message("berta@example.org", f"Re: {title}", "Ja.\n", html="<p>Ja.</p>")
    mail.reply(phone, answered, text)
    got = arrived(world, f"Re: {title}")
    plain, html = got.get_body(("plain",)), got.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().startswith("Ja.")
    assert "Schöne Grüße" in plain.get_content()
    assert "<b>Grüße</b>" in html.get_content()
    assert html.get_content().index("Ja.") < html.get_content().index("Zoë Quist")
    assert got["In-Reply-To"] == f"<{title.replace(' ', '-')}@example.com>"
    assert [part["Content-ID"] for part in got.walk() if part.get_content_type() == "image/png"] == ["<dot>"]
    assert world.find("inbox", title)[0]["flags"] & ANSWERED
    phone.sync_all(folder(phone, INBOX))
    if version != "12.1":
        assert data_of(phone, answered).text_of("Email2:LastVerbExecuted") == "1"
    assert len(world.find("sent", f"Re: {title}")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_forwarded_mail_takes_its_files_along(world: MailWorld, version: str, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone(version=version)
    forwarded = item_of(phone, title)
    mail.forward(phone, forwarded, mail.message("berta@example.org", f"Fwd: {title}", "Siehe unten"))
    got = arrived(world, f"Fwd: {title}")
    kinds = [part.get_content_type() for part in got.walk()]
    assert got.get_body(("plain",)).get_content().startswith("Siehe unten")
    assert "Schöne Grüße" in got.get_body(("plain",)).get_content()
    files = {part.get_filename(): part for part in got.walk() if part.get_filename()}
    assert files["tables ü.csv"].get_payload(decode=True) == b"a,b\n1,2\n" * 1000
    assert "message/rfc822" in kinds
    assert world.find("inbox", title)[0]["flags"] & FORWARDED
    phone.sync_all(folder(phone, INBOX))
    if version != "12.1":
        assert data_of(phone, forwarded).text_of("Email2:LastVerbExecuted") == "3"


def test_a_phone_that_quotes_itself_is_taken_at_its_word(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    answered = item_of(phone, title)
    text = mail.message("berta@example.org", f"Re: {title}", "All of it.\n")
    mail.reply(phone, answered, text, complete=True)
    assert arrived(world, f"Re: {title}").get_content().splitlines() == ["All of it."]
    assert world.find("inbox", title)[0]["flags"] & ANSWERED


def test_a_signed_mail_is_forwarded_as_it_came(world: MailWorld, title: str) -> None:
    raw = (
        f"From: x@example.com\r\nTo: anton@example.org\r\nSubject: {title}\r\n"
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nmixed\nends \r\n--b\r\n"
        "Content-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--b--\r\n"
    ).encode()
    world.deliver(raw)
    phone = world.phone()
    mail.forward(phone, item_of(phone, title), mail.message("berta@example.org", f"Fwd: {title}", "Da"))
    (found,) = eventually(lambda: world.find("inbox", f"Fwd: {title}", "berta"))
    assert raw in world.source("inbox", found["id"], "berta")


def test_an_original_that_is_gone_is_told(world: MailWorld) -> None:
    phone = world.phone()
    with pytest.raises(CommandFailed, match="status 150"):
        mail.reply(phone, f"{folder(phone, INBOX)}:99999", mail.message("berta@example.org", "Re"))
    old = world.phone(version="12.1")
    with pytest.raises(CommandFailed, match="404"):
        mail.reply(old, f"{folder(old, INBOX)}:99999", mail.message("berta@example.org", "Re"))


# -- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["plain", "base64"])
def test_files_come_whole_in_part_and_in_parts(world: MailWorld, title: str, query: Any) -> None:
    world.deliver(rich(title))
    phone = world.phone(query=query)
    found = mail.references(data_of(phone, item_of(phone, title)))
    assert set(found) == {"dot.png", "tables ü.csv", "Inner.eml"}
    whole = b"a,b\n1,2\n" * 1000
    for multipart in (False, True):
        file = mail.fetch_file(phone, found["tables ü.csv"], multipart=multipart)
        assert (file.data, file.content_type, file.span) == (whole, "text/csv", None)
        part = mail.fetch_file(phone, found["tables ü.csv"], span="10-99", multipart=multipart)
        assert (part.data, part.span) == (whole[10:100], ("10-99", 8000))
        rest = mail.fetch_file(phone, found["tables ü.csv"], span="7990-9000", multipart=multipart)
        assert (rest.data, rest.span) == (whole[7990:], ("7990-7999", 8000))
        with pytest.raises(CommandFailed, match="status 8"):
            mail.fetch_file(phone, found["tables ü.csv"], span="8000-8001", multipart=multipart)
    assert mail.fetch_file(phone, found["dot.png"]).data == PNG
    assert b"inside" in mail.fetch_file(phone, found["Inner.eml"]).data


def test_an_old_phone_gets_files_by_get_attachment(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone(version="12.1")
    found = mail.references(data_of(phone, item_of(phone, title)))
    file = mail.get_attachment(phone, found["tables ü.csv"])
    assert (file.data, file.content_type) == (b"a,b\n1,2\n" * 1000, "text/csv")
    for wrong in ("", "1", "2:1", "99:1:1", found["dot.png"] + "9"):
        with pytest.raises(CommandFailed, match="404"):
            mail.get_attachment(phone, wrong)


@pytest.mark.parametrize("multipart", [False, True])
def test_a_large_file_comes_whole(world: MailWorld, title: str, multipart: bool) -> None:
    data = bytes(range(256)) * 24 * 1024
    text = mail.message("anton@example.org", title, sender="x@example.com")
    text.add_attachment(data, "application", "octet-stream", filename="large.bin")
    world.deliver(text.as_bytes())
    phone = world.phone()
    (reference,) = mail.references(data_of(phone, item_of(phone, title))).values()
    assert mail.fetch_file(phone, reference, multipart=multipart).data == data
    part = mail.fetch_file(phone, reference, span="6000000-6000009", multipart=multipart)
    assert part.data == data[6000000:6000010]


def test_a_signed_mail_is_synchronised_byte_for_byte(world: MailWorld, title: str) -> None:
    raw = (
        f"From: x@example.com\r\nTo: anton@example.org\r\nSubject: {title}\r\n"
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nmixed\nends \r\n--b\r\n"
        "Content-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--b--\r\n"
    ).encode()
    world.deliver(raw)
    phone = world.phone(version="14.0")
    inbox = folder(phone, INBOX)
    phone.sync_all(inbox, body_type=4, mime_support=1, truncation=10)
    (item,) = [each for each in phone.items(inbox).values() if each.text_of("Email:Subject") == title]
    body = item.find("AirSyncBase:Body")
    assert body is not None
    data = body.find("AirSyncBase:Data")
    assert data is not None
    assert data.value == raw
    assert item.text_of("Email:MessageClass") == "IPM.Note.SMIME.MultipartSigned"


def test_pictures_within_the_text_keep_their_name_in_it(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    item = item_of(phone, title)
    entries = {
        each.text_of("AirSyncBase:DisplayName"): each
        for each in data_of(phone, item).find("AirSyncBase:Attachments") or ()
    }
    assert entries["dot.png"].text_of("AirSyncBase:ContentId") == "dot"
    assert entries["dot.png"].text_of("AirSyncBase:IsInline") == "1"
    assert entries["Inner.eml"].text_of("AirSyncBase:Method") == "5"


@pytest.mark.parametrize("multipart", [False, True])
def test_a_mail_is_fetched_in_full_and_as_it_came(world: MailWorld, title: str, multipart: bool) -> None:
    raw = rich(title)
    world.deliver(raw)
    phone = world.phone()
    item = item_of(phone, title)
    properties, text = mail.fetch_item(phone, item, body_type=2, multipart=multipart)
    assert properties["Email:Subject"].text == title
    assert "<b>Grüße</b>" in text.decode()
    assert mail.fetch_item(phone, item, mime=True, multipart=multipart)[1] == raw
    with pytest.raises(CommandFailed, match="status 6"):
        mail.fetch_item(phone, f"{folder(phone, INBOX)}:99999", multipart=multipart)


# -- folders and flags ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mark_set_elsewhere_comes_without_the_mail(version: str, world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone(version=version)
    item = item_of(phone, title)
    [mail] = world.find("inbox", title)
    entry = {"folder": world.folder("inbox"), "id": mail["id"]}
    for body in ({"flags": FLAGGED, "value": True}, {"color_label": 1}):
        world.web().call("PUT", "mail", "update", body, **entry)
    before = phone.items(folder(phone, INBOX))[item]
    world.ox.forget_calls()
    phone.sync_all(folder(phone, INBOX))
    assert ("mail", "get") not in {
        (call["module"], call["action"]) for call in world.ox.control("GET", "calls")
    }
    after = phone.items(folder(phone, INBOX))[item]
    assert [child.text for flag in after.find_all("Email:Flag") for child in flag][:1] == ["2"]
    assert bool(after.find("Email:Categories")) is (version >= "14.0")
    marks = ("Email:Flag", "Email:Categories")
    assert [each for each in after if each.name not in marks] == [
        each for each in before if each.name not in marks
    ]


def test_a_mail_is_moved_once_and_told_once(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    item = item_of(phone, title)
    trash = folder(phone, TRASH)
    phone.sync_all(trash)
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        mail.move(phone, [item], trash)
    moved = mail.move(phone, [item], trash)
    assert len(world.find("trash", title)) == 1
    assert world.find("inbox", title) == []
    assert phone.sync_all(folder(phone, INBOX)).from_server == 0
    assert phone.sync_all(trash).from_server == 0
    assert moved[item] == item_of(phone, title, TRASH)
    phone.mark_read(trash, moved[item])
    assert world.find("trash", title)[0]["flags"] & SEEN


def test_a_move_that_cannot_be_is_told(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    item = item_of(phone, title)
    inbox = folder(phone, INBOX)
    for wanted, target, status in (
        ([f"{inbox}:99999"], folder(phone, TRASH), 1),
        ([item], "99", 2),
        ([item], inbox, 4),
    ):
        with pytest.raises(CommandFailed, match=f"status {status}"):
            mail.move(phone, wanted, target)
    assert world.find("inbox", title)


def test_a_deleted_mail_lies_in_the_trash_and_is_then_gone(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    phone.delete_item(folder(phone, INBOX), item_of(phone, title))
    assert world.find("inbox", title) == []
    phone.delete_item(folder(phone, TRASH), item_of(phone, title, TRASH))
    assert world.find("trash", title) == []


def test_a_folder_is_emptied(world: MailWorld) -> None:
    for _ in range(3):
        world.deliver(rich("Werbung"), "dora")
    phone = world.phone("dora")
    phone.sync_all(folder(phone, INBOX))
    mail.empty_folder(phone, folder(phone, INBOX), subfolders=False)
    assert world.mails("inbox", "dora") == []
    phone.sync_all(folder(phone, INBOX))
    assert phone.items(folder(phone, INBOX)) == {}
    mail.empty_folder(phone, folder(phone, TRASH))
    assert world.mails("trash", "dora") == []
    with pytest.raises(CommandFailed, match="status 6"):
        mail.empty_folder(phone, "77")


def test_a_folder_is_emptied_with_those_below_it(world: MailWorld) -> None:
    phone = world.phone("dora")
    inbox = folder(phone, INBOX)
    below = create_folder(phone, "Below", parent=inbox)
    world.deliver(rich("Werbung"), "dora")
    mail.empty_folder(phone, inbox, subfolders=True)
    assert world.mails("inbox", "dora") == []
    phone.folder_sync()
    assert phone.folders.get(below) is None or phone.folders[below].parent_id != inbox


def test_colours_are_categories_both_ways(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    inbox = folder(phone, INBOX)
    item = item_of(phone, title)
    number = item.partition(":")[2]
    world.web().call("PUT", "mail", "update", {"color_label": 3}, folder=world.folder("inbox"), id=number)
    phone.sync_all(inbox)
    assert categories(phone, item) == ["Green"]
    phone.change_item(inbox, item, {"Email:Categories": [Element("Email:Category", "Blue")]})
    assert world.find("inbox", title)[0]["color"] == 2
    names = [Element("Email:Category", name) for name in ("Work", "Red")]
    phone.change_item(inbox, item, {"Email:Categories": names})
    phone.sync_all(inbox)
    assert categories(phone, item) == ["Red"]
    phone.mark_read(inbox, item)
    assert world.find("inbox", title)[0]["color"] == 1
    phone.change_item(inbox, item, {"Email:Categories": []})
    assert world.find("inbox", title)[0]["color"] == 0


def categories(phone: Phone, item: str) -> list[str]:
    found = data_of(phone, item).find("Email:Categories")
    return [each.text for each in found or ()]


# -- drafts --------------------------------------------------------------------------------------------------


def test_a_draft_is_written_changed_and_sent(world: MailWorld, title: str) -> None:
    phone = world.phone()
    drafts = folder(phone, DRAFTS)
    phone.sync_all(drafts)
    first = mail.add_draft(
        phone, drafts, to="Berta <berta@example.org>; caesar@example.org", subject=title, text="Entwurf"
    )
    (stored,) = world.find("drafts", title)
    assert stored["flags"] & DRAFT
    assert read(world.source("drafts", stored["id"]))["To"] == "Berta <berta@example.org>, caesar@example.org"

    phone.sync_all(drafts)
    files = mail.attachments({"ü.txt": b"eins", "two.bin": b"\x00\xff"})
    mail.change_draft(phone, first, [mail.body("", "<p>Schön</p>"), files])
    phone.sync_all(drafts)
    second = item_of(phone, title, DRAFTS)
    assert first not in phone.items(drafts)
    found = mail.references(data_of(phone, second))
    assert set(found) == {"ü.txt", "two.bin"}
    assert mail.fetch_file(phone, found["two.bin"]).data == b"\x00\xff"

    mail.change_draft(phone, second, [mail.attachments({}, [found["ü.txt"]])])
    phone.sync_all(drafts)
    third = item_of(phone, title, DRAFTS)
    assert set(mail.references(data_of(phone, third))) == {"two.bin"}
    assert len(world.find("drafts", title)) == 1

    mail.send_draft(phone, third)
    phone.sync_all(drafts)
    assert phone.items(drafts) == {}
    assert world.find("drafts", title) == []
    assert len(world.find("sent", title)) == 1
    for login in ("berta", "caesar"):
        got = arrived(world, title, login)
        assert got.get_body(("html",)).get_content().strip() == "<p>Schön</p>"
        assert [part.get_filename() for part in got.iter_attachments()] == ["two.bin"]


def test_a_draft_is_there_once_and_sent_once_whatever_answer_is_lost(world: MailWorld, title: str) -> None:
    phone = world.phone()
    drafts = folder(phone, DRAFTS)
    phone.sync_all(drafts)

    def lost(action: Any) -> None:
        phone.lose_next_answer()
        with pytest.raises(AnswerLost):
            action()
        phone.sync(drafts)
        phone.sync_all(drafts)

    lost(lambda: mail.add_draft(phone, drafts, to="berta@example.org", subject=title, text="a"))
    first = item_of(phone, title, DRAFTS)
    lost(lambda: mail.change_draft(phone, first, [mail.body("b")]))
    assert len(world.find("drafts", title)) == 1
    second = item_of(phone, title, DRAFTS)
    lost(lambda: mail.send_draft(phone, second, [mail.body("c")]))
    assert phone.items(drafts) == {}
    assert world.find("drafts", title) == []
    assert len(world.find("sent", title)) == 1
    assert arrived(world, title).get_content().strip() == "c"


@pytest.mark.parametrize("action", ["delete", "new", "all"])
def test_an_ox_that_fails_in_mid_change_leaves_one_draft(world: MailWorld, title: str, action: str) -> None:
    phone = world.phone()
    drafts = folder(phone, DRAFTS)
    phone.sync_all(drafts)
    first = mail.add_draft(phone, drafts, to="berta@example.org", subject=title, text="a")
    phone.sync_all(drafts)
    world.ox.fault("cut", module="mail", action=action)
    with pytest.raises(ServerUnavailable):
        mail.change_draft(phone, first, [mail.body("b")])
    phone.sync(drafts)
    item = item_of(phone, title, DRAFTS)
    assert len(world.find("drafts", title)) == 1
    words = data_of(phone, item).find("AirSyncBase:Body")
    assert words is not None
    assert (words.text_of("AirSyncBase:Data") or "").strip() == "b"

    world.ox.fault("cut", module="mail", action="delete")
    mail.send_draft(phone, item)
    assert len(world.find("sent", title)) == 1
    assert len(world.find("drafts", title)) == 1
    mail.send_draft(phone, item_of(phone, title, DRAFTS))
    assert world.find("drafts", title) == []
    assert len(world.find("sent", title)) == 1
    assert arrived(world, title)


def test_a_draft_of_the_web_interface_is_edited_without_losing_what_a_phone_cannot_show(
    world: MailWorld, title: str
) -> None:
    raw = (
        f"From: anton@example.org\r\nTo: berta@example.org\r\nSubject: {title}\r\n"
        "In-Reply-To: <q@example.com>\r\nX-Mark: kept\r\nContent-Type: text/plain\r\n\r\nabc\r\n"
    )
    user = world.web()
    user.http.put(
        f"{world.ox.url}mail",
        params={
            "action": "new",
            "session": user.session,
            "folder": world.folder("drafts"),
            "flags": DRAFT,
        },
        data=raw.encode(),
        timeout=20,
    )
    phone = world.phone()
    item = item_of(phone, title, DRAFTS)
    mail.change_draft(phone, item, [Element("Email:Subject", f"{title} neu")])
    (stored,) = world.find("drafts", f"{title} neu")
    kept = read(world.source("drafts", stored["id"]))
    assert (kept["In-Reply-To"], kept["X-Mark"], kept["To"]) == (
        "<q@example.com>",
        "kept",
        "berta@example.org",
    )
    assert kept.get_content().strip() == "abc"
    phone.delete_item(folder(phone, DRAFTS), item_of(phone, f"{title} neu", DRAFTS))


def test_what_is_no_draft_is_not_rewritten(world: MailWorld, title: str) -> None:
    world.deliver(rich(title))
    phone = world.phone()
    item = item_of(phone, title)
    with pytest.raises(CommandFailed, match="status 6"):
        mail.change_draft(phone, item, [Element("Email:Subject", "other")])
    assert len(world.find("inbox", title)) == 1
    with pytest.raises(CommandFailed, match="status 6"):
        mail.add_draft(phone, folder(phone, INBOX), to="berta@example.org", subject=f"{title} x")
    assert world.find("inbox", f"{title} x") == []


# -- meetings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", ["6", "8"])
def test_the_same_holds_before_other_generations(generation: str, seed: Path, tmp_path: Path) -> None:
    with before(generation, seed, tmp_path / "data") as world:
        test_a_mail_is_delivered_with_one_copy_in_sent(world, "16.1", "one")
        test_a_mail_whose_copy_is_not_wanted_leaves_none(world, "two")
        test_an_answer_quotes_and_marks_the_original(world, "14.1", "three")
        test_a_forwarded_mail_takes_its_files_along(world, "12.1", "four")
        test_files_come_whole_in_part_and_in_parts(world, "five", "plain")
        test_a_mail_is_moved_once_and_told_once(world, "six")
        test_a_draft_is_written_changed_and_sent(world, "seven")
        test_colours_are_categories_both_ways(world, "eight")
        test_a_folder_is_emptied(world)
        assert world.odd() == []


def test_an_invitation_is_no_file(world: MailWorld, title: str) -> None:
    text = EmailMessage(policy=SMTP)
    text["From"], text["To"], text["Subject"] = "bea@example.com", "anton@example.org", title
    text.set_content("Kommst du?\n")
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:u1\r\n"
        "DTSTAMP:20260101T000000Z\r\nDTSTART:20260301T100000Z\r\nDTEND:20260301T110000Z\r\n"
        "SUMMARY:Treffen\r\nORGANIZER:mailto:bea@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    text.add_alternative(calendar, subtype="calendar", params={"method": "REQUEST"})
    world.deliver(text.as_bytes())
    phone = world.phone()
    item = item_of(phone, title)
    shown = data_of(phone, item)
    assert shown.find("AirSyncBase:Attachments") is None
    assert shown.text_of("Email:MessageClass") == "IPM.Schedule.Meeting.Request"
    meeting = shown.find("Email:MeetingRequest")
    assert meeting is not None
    assert meeting.text_of("Email:StartTime") == "2026-03-01T10:00:00.000Z"
