"""Notes in a folder of mail: the messages they are (``app.ox.mapping.note``), and what a change does to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from app.ox.mapping import note as mapping
from app.usm.errors import (
    FolderGone,
    ItemConflict,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
)
from app.usm.model import Body, BodyKind, ContentType, FolderRef, Listing, Written
from app.usm.ports import Wish, never
from tests.ox.canned import Reply, error

FOLDER = "default0/Notes"
NOTES = FolderRef(4, FOLDER, ContentType.NOTES)
NAME = "870af518-28d7-5092-8749-c4dfaa67e68a"
NOW = datetime(2024, 2, 29, 8, 15, tzinfo=UTC)
KIND = mapping.KIND
TEXT, HTML = BodyKind.TEXT, BodyKind.HTML


def parsed(source):
    return message_from_bytes(source, policy=default)


def made(**fields):
    return mapping.made(fields, NAME, "anton@example.org", NOW)


def changed(source, **fields):
    return parsed(mapping.changed(source, fields, NAME, "7", NOW))


def text_of(message):
    part = message.get_body(("html", "plain"))
    return part.get_content().replace("\r\n", "\n").strip()


# -- messages ------------------------------------------------------------------------------------------------


def test_a_note_is_a_message_that_imap_clients_know():
    source = made(subject="Idées", body=Body(TEXT, "a\nb €"), categories=("blau", "Büro, oben"))
    assert source.isascii()
    message = parsed(source)
    assert message["X-Uniform-Type-Identifier"] == "com.apple.mail-note"
    assert message["X-Universally-Unique-Identifier"] == NAME
    assert (message["Subject"], text_of(message)) == ("Idées", "a\nb €")
    assert message["Keywords"] == "blau, Büro oben"
    assert message["From"] == "anton@example.org"
    assert message["Message-ID"]
    assert message["Date"].datetime == NOW


@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        ({}, None),
        ({"body": Body(TEXT, "\n  first line \nsecond")}, "first line"),
        ({"body": Body(HTML, "<p>bold <b>words</b></p><p>more</p>")}, "bold words"),
        ({"subject": "s" * 300}, "s" * 255),
        ({"subject": "a\r\nBcc: x@example.org"}, "a Bcc: x@example.org"),
    ],
)
def test_a_note_without_a_subject_is_called_by_its_first_line(fields, subject):
    assert parsed(made(**fields))["Subject"] == subject


def test_a_change_names_what_it_replaces_and_keeps_the_rest():
    before = made(subject="S", body=Body(TEXT, "text"), categories=("x",))
    message = changed(before, subject="T")
    assert (message["Subject"], text_of(message), message["Keywords"]) == ("T", "text", "x")
    assert message["X-USM-Replaces"] == "7"
    assert message["X-Mail-Created-Date"] == parsed(before)["X-Mail-Created-Date"]
    assert message["Message-ID"] != parsed(before)["Message-ID"]
    bare = changed(before, categories=None, body=None)
    assert (bare["Keywords"], text_of(bare)) == (None, "")


@pytest.mark.parametrize(
    ("same", "kind"),
    [
        (Body(TEXT, "Hello world\nagain"), "text/html"),
        (Body(TEXT, "Hello\nworld again "), "text/html"),
        (Body(TEXT, "Hello world, again"), "text/plain"),
        (Body(HTML, "<p>Hello moon</p>"), "text/html"),
    ],
)
def test_html_lives_through_a_change_that_says_the_same_in_plain_text(same, kind):
    before = made(subject="S", body=Body(HTML, "<p>Hello <b>world</b></p><p>again</p>"))
    message = changed(before, body=same, subject="T")
    assert message.get_content_type() == kind
    assert ("<b>world" in text_of(message)) is (kind == "text/html" and "moon" not in same.text)


def test_what_hangs_on_a_note_stays():
    before = EmailMessage()
    before["Subject"] = "S"
    before.set_content("old")
    before.add_attachment(b"\x00\xff", maintype="image", subtype="png", filename="p.png")
    message = changed(before.as_bytes(), body=Body(TEXT, "new"))
    assert text_of(message) == "new"
    assert [part.get_content() for part in message.iter_attachments()] == [b"\x00\xff"]


def test_two_forms_of_one_text_give_way_to_the_new_one():
    before = EmailMessage()
    before.set_content("old")
    before.add_alternative("<p>old</p>", subtype="html")
    message = changed(before.as_bytes(), body=Body(TEXT, "new"))
    assert message.get_content_type() == "text/plain"
    assert text_of(message) == "new"


def test_bytes_of_any_charset_come_out_in_ascii():
    before = b"Subject: gr\xfc\xdfe\r\nContent-Type: text/plain; charset=latin-1\r\n\r\ngr\xfc\xdfe\r\n"
    source = mapping.changed(before, {"categories": ("x",)}, NAME, "7", NOW)
    assert source.isascii()
    assert text_of(parsed(source)) == "grüße"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (NAME, NAME),
        (f" {NAME.upper()} ", NAME.upper()),
        (None, "message-12"),
        ("", "message-12"),
        ("x", "message-12"),
        ("a" * 49, "message-12"),
        ("a b c d e f g h", "message-12"),
        ("message-7.1", "message-7.1"),
    ],
)
def test_the_name_of_a_note(header, name):
    assert mapping.name_of(header, "12") == name


def test_what_ox_tells_of_a_note():
    told = {
        "id": "7",
        "subject": "S",
        "sent_date": 1709194500000,
        "received_date": 5,
        "headers": {"Keywords": "=?utf-8?q?B=C3=BCro?=, home"},
        "attachments": [{"id": "1", "content_type": "text/plain", "content": "a\r\nb\r\n", "disp": "inline"}],
    }
    assert mapping.fields_of(told, (TEXT,)) == {
        "subject": "S",
        "body": Body(TEXT, "a\nb"),
        "modified": NOW,
        "categories": ("Büro", "home"),
    }
    del told["sent_date"], told["headers"]
    bare = mapping.fields_of(told, (TEXT,))
    assert bare["modified"].year == 1970
    assert "categories" not in bare


def test_keywords_are_read_whatever_they_say_they_are():
    told = {"headers": {"Keywords": ["=?no-such-charset?q?x?=", "=?utf-8?q?B=C3=BCro?=", "=?=?home"]}}
    assert mapping.fields_of(told, (TEXT,))["categories"] == ("x", "Büro", "=?=?home")


@pytest.mark.parametrize(
    "source",
    [
        b"Content-Type: image/png\r\n\r\n\xff\xfe\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nbefore\xff\r\n--x\r\n\r\na\r\n--x--\r\n",
        b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\r\n",
    ],
)
def test_bytes_that_no_charset_explains_make_no_new_message(source):
    with pytest.raises(ValueError, match="note"):
        mapping.changed(source, {"subject": "T"}, NAME, "7", NOW)


def test_a_message_that_cannot_be_taken_apart_makes_no_new_one(monkeypatch):
    def fail(*args, **options):
        raise LookupError("no such charset")

    monkeypatch.setattr(mapping, "message_from_bytes", fail)
    with pytest.raises(ValueError, match="no such charset"):
        mapping.changed(b"", {"subject": "S"}, NAME, "7", NOW)


# -- the module ----------------------------------------------------------------------------------------------


class Mailbox:
    """A folder of mail behind prepared answers: message id → its source; ``None``: there is no such folder."""

    def __init__(self, canned):
        self.messages = {}
        self.made = True
        self.trash = []
        self.next = 100
        canned.on("mail?all", self.all)
        canned.on("mail?get", self.get)
        canned.on("mail?new", self.new)
        canned.on("mail?delete", self.delete)
        canned.on("folders?new", self.make)

    def put(self, source):
        self.next += 1
        self.messages[str(self.next)] = source
        return str(self.next)

    def all(self, seen):
        if not self.made:
            return error("IMAP-1002")
        columns = seen.params["columns"].split(",")
        rows = []
        for item, source in self.messages.items():
            message = parsed(source)
            known = {"600": item, "611": 32}
            rows.append([known.get(column, message[column]) for column in columns])
        return {"data": rows}

    def get(self, seen):
        source = self.messages.get(seen.params["id"])
        if source is None:
            return error("MSG-0032", "USER_INPUT")
        if seen.params.get("src"):
            return Reply(source)
        message = parsed(source)
        body = {"id": "1", "content_type": message.get_content_type(), "content": text_of(message)}
        return {
            "data": {
                "id": seen.params["id"],
                "subject": message["Subject"],
                "attachments": [{**body, "disp": "inline"}],
            }
        }

    def new(self, seen):
        if not self.made:
            return error("IMAP-1002")
        assert seen.params["flags"] == "32"
        return {"data": {"folder_id": FOLDER, "id": self.put(seen.body)}}

    def delete(self, seen):
        for entry in json.loads(seen.body):
            source = self.messages.pop(entry["id"], None)
            if seen.params.get("harddelete") != "1":
                self.trash.append(source)
        return {"data": []}

    def make(self, seen):
        assert (seen.params["folder_id"], seen.json["title"]) == ("default0", "Notes")
        self.made = True
        return {"data": FOLDER}


@pytest.fixture
def mailbox(canned):
    return Mailbox(canned)


@pytest.fixture
def source(mailbox, canned_source):
    return canned_source()


def test_the_folder_is_shown_before_it_is_made_and_made_with_the_first_note(mailbox, source, canned):
    mailbox.made = False
    assert source.listing(NOTES, None) == Listing({})
    canned.on("mail?examine", error("IMAP-1002"))
    assert source.probe([NOTES]) == {FOLDER: ""}
    written = source.create(NOTES, {"subject": "S"}, NAME)
    assert written == Written(NAME, "101")
    assert mailbox.made
    assert source.listing(NOTES, None).stamps == {NAME: "101"}


def test_notes_that_are_not_made_yet_are_listed_along_with_mail(mailbox, source, canned):
    mailbox.made = False
    canned.on(
        "mail?all", lambda seen: error("IMAP-1002") if seen.params["folder"] == FOLDER else {"data": []}
    )
    inbox = FolderRef(1, "default0/INBOX", ContentType.MAIL)
    assert source.listings([Wish(inbox), Wish(NOTES)]) == [Listing({}), Listing({})]
    canned.on("mail?all", error("IMAP-1002"))
    with pytest.raises(FolderGone):
        source.listings([Wish(NOTES), Wish(inbox)])


def test_a_listing_is_one_call_of_notes_alone(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    mailbox.put(b"Subject: no note\r\n\r\nx")
    mailbox.put(f"X-Uniform-Type-Identifier: {KIND}\r\nSubject: unnamed\r\n\r\nx".encode())
    assert source.listing(NOTES, NOW).stamps == {NAME: "101", "message-103": "103"}
    assert len(canned.calls) == 1


def test_notes_are_read_under_their_names(mailbox, source):
    mailbox.put(made(subject="A", body=Body(TEXT, "a")))
    items = source.read(NOTES, [NAME, "gone-1234"], (TEXT,))
    assert set(items) == {NAME}
    assert items[NAME].stamp == "101"
    assert items[NAME].fields["subject"] == "A"


def test_a_note_that_cannot_be_read_stands_alone(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?get", error("MSG-0001"))
    assert isinstance(source.read(NOTES, [NAME], (TEXT,))[NAME], ItemUnreadable)


def test_a_change_is_a_new_message_under_the_same_name(mailbox, source):
    mailbox.put(made(subject="A", body=Body(TEXT, "a")))
    assert source.update(NOTES, NAME, {"subject": "B"}, "101") == Written(NAME, "102")
    assert source.listing(NOTES, None).stamps == {NAME: "102"}
    assert list(mailbox.messages) == ["102"]
    assert source.read(NOTES, [NAME], (TEXT,))[NAME].fields["body"].text == "a"


def test_an_unnamed_note_keeps_its_id_through_changes(mailbox, source):
    mailbox.put(f"X-Uniform-Type-Identifier: {KIND}\r\nSubject: unnamed\r\n\r\nx".encode())
    assert source.update(NOTES, "message-101", {"subject": "B"}, "101") == Written("message-101", "102")
    assert source.update(NOTES, "message-101", {"subject": "C"}, "102") == Written("message-101", "103")


def test_a_change_that_ended_between_the_two_steps_leaves_one_note(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?delete", Reply(status=503))
    with pytest.raises(SourceUnavailable):
        source.update(NOTES, NAME, {"subject": "B"}, "101")
    assert set(mailbox.messages) == {"101", "102"}
    canned.on("mail?delete", mailbox.delete)
    assert source.listing(NOTES, None).stamps == {NAME: "102"}
    assert list(mailbox.messages) == ["102"]


def test_a_second_message_that_somebody_else_made_of_a_note_stays_until_the_note_goes(mailbox, source):
    mailbox.put(made(subject="A"))
    mailbox.put(made(subject="A again"))
    assert source.listing(NOTES, None).stamps == {NAME: "102"}
    assert set(mailbox.messages) == {"101", "102"}
    source.delete(NOTES, NAME, "102", to_trash=True)
    assert mailbox.messages == {}
    assert [parsed(each)["Subject"] for each in mailbox.trash] == ["A again"]


def test_a_note_that_another_client_changed_meanwhile_is_a_conflict(mailbox, source):
    mailbox.put(made(subject="A"))
    with pytest.raises(ItemConflict):
        source.update(NOTES, NAME, {"subject": "B"}, "99")
    with pytest.raises(ItemConflict):
        source.delete(NOTES, NAME, "99", to_trash=False)
    with pytest.raises(ItemGone):
        source.update(NOTES, "gone-1234", {"subject": "B"}, None)


def test_a_note_created_before_a_crash_is_found(mailbox, source):
    mailbox.put(made(subject="A"))
    assert source.find_created(NOTES, [NAME, "other-mark"]) == {NAME: Written(NAME, "101")}


def test_a_message_that_cannot_be_stored_is_refused(mailbox, source, canned):
    canned.on("mail?new", error("MSG-0066", "USER_INPUT"))
    with pytest.raises(ItemRefused):
        source.create(NOTES, {"subject": "S"}, NAME)


def test_a_date_alone_changes_nothing(mailbox, source):
    mailbox.put(made(subject="A"))
    assert source.update(NOTES, NAME, {"modified": NOW}, "101") == Written(NAME, "101")


def test_a_note_has_no_files_for_a_device(source):
    with pytest.raises(ItemGone):
        source.attachment(NOTES, NAME, "2")


def test_a_note_moves_under_its_name(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?update", {"data": {"folder_id": "default0/Notes/Old", "id": "5"}})
    target = FolderRef(9, "default0/Notes/Old", ContentType.NOTES)
    assert source.move(NOTES, NAME, target) == Written(NAME, "5")


def test_a_note_that_ox_stores_without_telling_its_id_is_looked_for(mailbox, source, canned):
    def store(seen):
        mailbox.put(seen.body)
        return {"data": {}}

    canned.on("mail?new", store)
    assert source.create(NOTES, {"subject": "A"}, NAME) == Written(NAME, "101")
    canned.on("mail?new", {"data": {}})
    with pytest.raises(SourceUnavailable):
        source.create(NOTES, {"subject": "A"}, "another-mark")


@pytest.mark.parametrize("answer", [{"data": {}}, {"data": [["1", 2]]}])
def test_rows_that_make_no_sense_are_no_empty_folder(source, canned, answer):
    canned.on("mail?all", answer)
    with pytest.raises(SourceUnavailable):
        source.listing(NOTES, None)


def test_a_note_that_ox_does_not_delete_stays(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?delete", {"data": ["101"]})
    with pytest.raises(ItemRefused):
        source.delete(NOTES, NAME, "101", to_trash=False)


def test_a_message_that_is_too_broken_is_made_anew_and_kept_in_the_trash(mailbox, source, canned):
    head = f"X-Uniform-Type-Identifier: {KIND}\r\nX-Universally-Unique-Identifier: {NAME}\r\nSubject: A\r\n"
    broken = head.encode() + b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfetext\r\n"
    mailbox.put(broken)
    part = {"id": "1", "content_type": "text/plain", "content": "what OX makes of it", "disp": "inline"}
    told = {"data": {"id": "101", "subject": "A", "attachments": [part]}}
    canned.on("mail?get", lambda seen: Reply(broken) if seen.params.get("src") else told)
    assert source.update(NOTES, NAME, {"subject": "B"}, "101") == Written(NAME, "102")
    assert source.listing(NOTES, None).stamps == {NAME: "102"}
    assert mailbox.trash == [broken]
    message = parsed(mailbox.messages["102"])
    assert (message["Subject"], text_of(message)) == ("B", "what OX makes of it")


def test_a_message_that_is_too_large_is_not_changed(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?get", Reply(b"x" * (33 * 1024 * 1024)))
    with pytest.raises(ItemRefused):
        source.update(NOTES, NAME, {"subject": "B"}, "101")
    assert list(mailbox.messages) == ["101"]


def test_a_text_of_no_known_charset_gives_way_to_a_new_one():
    before = b"Content-Type: text/plain; charset=klingon\r\n\r\nold\r\n"
    assert text_of(changed(before, body=Body(TEXT, "new"))) == "new"


def test_a_message_that_goes_while_it_is_read_is_gone(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?get", error("MSG-0032", "USER_INPUT"))
    assert source.read(NOTES, [NAME], (HTML,)) == {}
    canned.on("mail?get", error("IMAP-1002"))
    with pytest.raises(FolderGone):
        source.read(NOTES, [NAME], (TEXT,))
    canned.on("mail?get", {"data": {"id": "999"}})
    assert isinstance(source.read(NOTES, [NAME], (TEXT,))[NAME], ItemUnreadable)


def test_a_folder_of_notes_shows_that_it_changed(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    counted = {"validity": "1", "next": "102", "total": 1, "unread": 0}
    canned.on("mail?examine", {"data": counted})
    first = source.probe([NOTES])[FOLDER]
    canned.on("mail?examine", {"data": {**counted, "next": "103"}})
    assert source.probe([NOTES])[FOLDER] != first


def surveyed(source):
    """A survey of the notes, and how many calls it took."""
    before = source.cost.calls
    found = source.survey_unless([Wish(NOTES)], [], never)
    return found, source.cost.calls - before


def test_notes_are_listed_again_if_there_are_others_than_were_counted(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    counted = {"validity": "1", "next": "102", "total": 1, "unread": 0}
    canned.on("mail?examine", {"data": counted})
    survey, calls = surveyed(source)
    assert (calls, survey.texts) == (1, source.probe([NOTES]))
    assert survey.listings == [source.listing(NOTES, None)]
    canned.on("mail?examine", {"data": {**counted, "total": 2}})
    assert surveyed(source)[1] == 2
    canned.on("mail?examine", {"data": None})
    assert surveyed(source)[1] == 2


def test_notes_that_nobody_made_yet_are_not_listed_twice(mailbox, source, canned):
    mailbox.made = False
    canned.on("mail?examine", error("IMAP-1002"))
    survey, calls = surveyed(source)
    assert (calls, survey.texts, survey.listings) == (1, {FOLDER: ""}, [Listing({})])
    canned.on("mail?examine", {"data": {"validity": "1", "next": "1", "total": 0, "unread": 0}})
    assert surveyed(source)[1] == 2


def test_an_old_server_is_asked_for_its_newest_note(mailbox, source, canned):
    mailbox.put(made(subject="A"))
    canned.on("mail?examine", error("SVL-0001"))
    canned.on("folders?get", {"data": {"total": 1}})
    first = source.probe([NOTES])[FOLDER]
    mailbox.put(made(subject="B"))
    assert source.probe([NOTES])[FOLDER] != first


def test_a_note_whose_parts_make_no_sense_stands_alone(mailbox, source, canned, monkeypatch):
    mailbox.put(made(subject="A"))

    def fail(message, bodies):
        raise TypeError("odd")

    monkeypatch.setattr(mapping, "fields_of", fail)
    assert isinstance(source.read(NOTES, [NAME], (TEXT,))[NAME], ItemUnreadable)
