"""Sending, storing and importing mail, keywords, search (http-api section 8)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.standin.client import Client

_INBOX = "default0/INBOX"
_INNER = (
    b"From: inner@example.com\r\nTo: a@example.com\r\nSubject: Inner\r\n"
    b"X-Long: " + b"word " * 30 + b"\r\nMIME-Version: 1.0\r\n\r\nInside\r\n"
)
_NESTED = (
    b"Subject: Outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=n\r\n\r\n"
    b"--n\r\nContent-Type: text/plain\r\n\r\nOutside\r\n"
    b"--n\r\nContent-Type: message/rfc822\r\n\r\n" + _INNER + b"\r\n--n--\r\n"
)


def _rows(ox: Client, folder: str, columns: str) -> list[list[Any]]:
    envelope = ox.get("mail", "all", folder=folder, columns=columns, timezone="UTC")
    assert "error" not in envelope, envelope
    rows: list[list[Any]] = envelope["data"]
    return rows


def _with_subject(ox: Client, folder: str, subject: str) -> list[str]:
    return [row[0] for row in _rows(ox, folder, "600,607") if row[1] == subject]


def _source(ox: Client, folder: str, identity: str) -> bytes:
    content: bytes = ox.send(
        "GET", "mail", "get", folder=folder, id=identity, src=1, save=1, unseen="true"
    ).content
    return content


def _store(ox: Client, folder: str, raw: bytes, flags: int = 0) -> str:
    made = ox.put("mail", "new", raw, folder=folder, flags=flags)
    assert "error" not in made, made
    identity: str = made["data"]["id"]
    return identity


@pytest.fixture
def subject(ox: Client) -> Any:
    """A subject of the test's own; what carries it is gone afterwards."""
    yield f"Write {ox.session[:10]}"
    for folder in (_INBOX, ox.config("mail/folder/sent"), ox.config("mail/folder/drafts")):
        entries = [
            {"folder": folder, "id": row[0]}
            for row in _rows(ox, folder, "600,607")
            if ox.session[:10] in (row[1] or "")
        ]
        ox.put("mail", "delete", entries, harddelete=1)


@pytest.fixture
def message(ox: Client, subject: str) -> Callable[..., bytes]:
    """Makes messages of the user to some recipients."""

    def make(to: str, sender: str = "", more: str = "", body: str = "Text") -> bytes:
        sender = sender or ox.config("mail/defaultaddress")
        head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{more}MIME-Version: 1.0\r\n\r\n"
        return (head + body + "\r\n").encode()

    return make


def test_a_mail_to_several_users_arrives_once_with_each(
    ox: Client, berta: Client, message: Callable[..., bytes], subject: str
) -> None:
    own = ox.config("mail/defaultaddress")
    raw = message(f"Berta <BERTA@example.org>, berta.alias@example.org, {own}")
    sent = ox.put("mail", "new", raw)["data"]
    assert len(_with_subject(berta, _INBOX, subject)) == 1
    assert len(_with_subject(ox, _INBOX, subject)) == 1
    assert _with_subject(ox, sent["folder_id"], subject) == [sent["id"]]
    berta.put(
        "mail", "delete", [{"folder": _INBOX, "id": _with_subject(berta, _INBOX, subject)[0]}], harddelete=1
    )


@pytest.mark.usefixtures("seeded")
def test_a_mail_reaches_users_of_other_contexts(
    ox: Client, message: Callable[..., bytes], subject: str
) -> None:
    dora = ox.server.client("dora@example.org")
    assert "data" in ox.put("mail", "new", message("Dora.Alias@example.org"))
    found = _with_subject(dora, _INBOX, subject)
    assert len(found) == 1
    dora.put("mail", "delete", [{"folder": _INBOX, "id": found[0]}], harddelete=1)


def test_the_copy_in_sent_is_read_and_keeps_its_bcc(
    ox: Client, message: Callable[..., bytes], subject: str
) -> None:
    sent = ox.put(
        "mail", "new", message(ox.config("mail/defaultaddress"), more="Bcc: still@example.com\r\n")
    )["data"]
    row = next(row for row in _rows(ox, sent["folder_id"], "600,606,611") if row[0] == sent["id"])
    assert row[1] == [[None, "still@example.com"]]
    assert row[2] & 32
    arrived = _source(ox, _INBOX, _with_subject(ox, _INBOX, subject)[0])
    assert b"still@example.com" not in arrived


@pytest.mark.usefixtures("seeded")
def test_an_unknown_user_is_refused_and_nothing_is_sent_or_kept(
    ox: Client, message: Callable[..., bytes], subject: str
) -> None:
    own = ox.config("mail/defaultaddress")
    envelope = ox.put("mail", "new", message(f"{own}, nobody.here@example.org"))
    assert (envelope["code"], envelope["categories"]) == ("MSG-1013", "USER_INPUT")
    assert "nobody.here@example.org" in envelope["error"]
    assert _with_subject(ox, _INBOX, subject) == []
    assert _with_subject(ox, ox.config("mail/folder/sent"), subject) == []


@pytest.mark.usefixtures("seeded")
def test_a_domain_that_cannot_be_reached_is_reported_by_mail(
    ox: Client, message: Callable[..., bytes], subject: str
) -> None:
    before = {row[0] for row in _rows(ox, _INBOX, "600")}
    assert "data" in ox.put("mail", "new", message("far@nowhere.invalid"))
    new = [row for row in _rows(ox, _INBOX, "600,607,656") if row[0] not in before]
    assert [row[1:] for row in new] == [["Undelivered Mail Returned to Sender", "multipart/report"]]
    report = _source(ox, _INBOX, new[0][0])
    assert b"Final-Recipient: rfc822; far@nowhere.invalid" in report
    assert subject.encode() in report
    ox.put("mail", "delete", [{"folder": _INBOX, "id": new[0][0]}], harddelete=1)


def test_a_foreign_sender_is_refused_and_a_missing_one_filled_in(
    ox: Client, message: Callable[..., bytes], subject: str
) -> None:
    own = ox.config("mail/defaultaddress")
    assert ox.put("mail", "new", message(own, sender="boss@example.com"))["code"] == "MSG-0056"
    raw = message(own).split(b"\r\n", 1)[1]
    sent = ox.put("mail", "new", raw)["data"]
    stored = _source(ox, sent["folder_id"], sent["id"])
    assert stored.endswith(raw)
    head = stored[: -len(raw)].decode()
    assert own in head
    assert "Message-ID: <" in head
    assert "Date: " in head


def test_a_mail_without_recipients_is_refused(ox: Client) -> None:
    own = ox.config("mail/defaultaddress")
    assert "error" in ox.put("mail", "new", f"From: {own}\r\nSubject: x\r\n\r\nx\r\n".encode())


def test_a_mail_that_is_too_large_is_refused(ox: Client, message: Callable[..., bytes], subject: str) -> None:
    raw = message(ox.config("mail/defaultaddress"), body=("x" * 998 + "\r\n") * 52_500)
    assert ox.put("mail", "new", raw)["code"] == "MSG-1012"
    assert _with_subject(ox, _INBOX, subject) == []


def test_a_form_with_files_becomes_a_mail(ox: Client, subject: str) -> None:
    own = ox.config("mail/defaultaddress")
    described = {
        "from": [["Ich Selbst", own]],
        "to": [[None, own]],
        "cc": "Zwei <zwei@example.com>",
        "subject": subject,
        "priority": 1,
        "attachments": [{"content_type": "alternative", "content": "<p>Grüße</p>"}],
    }
    files = [("file_0", ("bild ü.png", io.BytesIO(b"\x89PNG\r\n\x1a\n123"), "image/png"))]
    made = ox.post("mail", "new", {"json_0": json.dumps(described)}, files)
    folder, _, identity = made["data"].rpartition("/")
    assert folder == ox.config("mail/folder/sent")
    mail = ox.get("mail", "get", folder=folder, id=identity, view="html", unseen="true")["data"]
    assert mail["from"] == [["Ich Selbst", own]]
    assert mail["priority"] == 1
    assert "<p>Grüße</p>" in mail["attachments"][0]["content"]
    assert [each["filename"] for each in mail["attachments"][1:]] == ["bild ü.png"]
    reply = ox.send("GET", "mail", "attachment", folder=folder, id=identity, attachment="2", save=1)
    assert reply.content == b"\x89PNG\r\n\x1a\n123"


def test_a_reply_marks_the_original_and_a_forward_takes_it_along(
    ox: Client, mailbox: str, subject: str
) -> None:
    original = _store(ox, mailbox, _INNER)
    own = ox.config("mail/defaultaddress")
    described = {"to": own, "subject": subject, "msgref": f"{mailbox}/{original}"}
    text = {"content_type": "text/plain", "content": "Re"}
    ox.post(
        "mail",
        "new",
        {"json_0": json.dumps({**described, "sendtype": 1, "attachments": [text]})},
        [("x", "")],
    )
    assert _rows(ox, mailbox, "611")[0][0] & 1
    whole = {"msgref": f"{mailbox}/{original}"}
    body = {**described, "sendtype": 2, "attachments": [text, whole]}
    made = ox.post("mail", "new", {"json_0": json.dumps(body)}, [("x", "")])
    assert _rows(ox, mailbox, "611")[0][0] & 256
    folder, _, identity = made["data"].rpartition("/")
    mail = ox.get("mail", "get", folder=folder, id=identity, unseen="true")["data"]
    assert [each["subject"] for each in mail["nested_msgs"]] == ["Inner"]


def test_a_draft_is_kept_and_gone_once_it_is_sent(ox: Client, subject: str) -> None:
    own = ox.config("mail/defaultaddress")
    text = {"content_type": "text/plain", "content": "Entwurf"}
    described = {"to": own, "subject": subject, "attachments": [text]}
    made = ox.post("mail", "new", {"json_0": json.dumps({**described, "sendtype": 4})}, [("x", "")])["data"]
    drafts = ox.config("mail/folder/drafts")
    assert made.rpartition("/")[0] == drafts
    assert [row[1] & 4 for row in _rows(ox, drafts, "600,611") if row[0] == made.rpartition("/")[2]] == [4]
    body = {**described, "sendtype": 3, "msgref": made}
    sent = ox.post("mail", "new", {"json_0": json.dumps(body)}, [("x", "")])["data"]
    assert sent.rpartition("/")[0] == ox.config("mail/folder/sent")
    assert _with_subject(ox, drafts, subject) == []


def test_a_nested_message_is_read_byte_for_byte(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _NESTED)
    mail = ox.get("mail", "get", folder=mailbox, id=identity, unseen="true")["data"]
    nested = mail["nested_msgs"][0]
    assert nested["subject"] == "Inner"
    reply = ox.send("GET", "mail", "attachment", folder=mailbox, id=identity, attachment=nested["id"], save=1)
    assert reply.content == _INNER


def test_an_import_without_force_takes_only_mails_of_the_user(ox: Client, mailbox: str) -> None:
    own = ox.config("mail/defaultaddress").encode()
    files = [
        (
            "file_0",
            ("a.eml", io.BytesIO(b"From: " + own + b"\r\nSubject: mine\r\n\r\nx\r\n"), "message/rfc822"),
        ),
        ("file_1", ("b.eml", io.BytesIO(_INNER), "message/rfc822")),
    ]
    made = ox.post("mail", "import", {}, files, folder=mailbox)["data"]
    assert made[0]["folder_id"] == mailbox
    assert made[1]["code"] == "MSG-0056"
    assert [row[0] for row in _rows(ox, mailbox, "607")] == ["mine"]


def test_flags_colour_and_move_come_in_one_call(ox: Client, mailbox: str) -> None:
    target = ox.put("folders", "new", {"title": "Ziel", "module": "mail"}, folder_id=mailbox)["data"]
    identity = _store(ox, mailbox, _INNER)
    body = {"folder_id": target, "color_label": 5, "flags": 32 | 1, "value": True}
    moved = ox.put("mail", "update", body, folder=mailbox, id=identity)["data"]
    rows = _rows(ox, target, "600,102,611")
    assert [[row[0], row[1], row[2] & 33] for row in rows] == [[moved["id"], 5, 33]]


def test_keywords_of_the_user_are_kept_on_the_way(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _INNER)
    change = {"set_user_flags": ["$label1", "Wichtig"], "color_label": 2}
    ox.put("mail", "update", change, folder=mailbox, id=identity)
    found = ox.get("mail", "get", folder=mailbox, id=identity, unseen="true")["data"]["user"]
    if ox.server.generation < 8:
        assert found == ["$cl_2"]
        return
    assert found == ["$cl_2", "$label1", "Wichtig"]
    ox.put("mail", "update", {"clear_user_flags": ["WICHTIG"]}, folder=mailbox, id=identity)
    copied = ox.put("mail", "copy", {"folder_id": mailbox}, folder=mailbox, id=identity)["data"]["id"]
    found = ox.get("mail", "get", folder=mailbox, id=copied, unseen="true")["data"]["user"]
    assert found == ["$cl_2", "$label1"]
    assert "error" in ox.put("mail", "update", {"set_user_flags": ["\\Seen"]}, folder=mailbox, id=identity)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (["=", {"field": "subject"}, "inn"], ["Inner"]),
        (["and", ["=", {"field": "from"}, "inner@"], ["<>", {"field": "subject"}, "outer"]], ["Inner"]),
        (
            ["or", ["=", {"field": "content"}, "outside"], ["=", {"field": "content"}, "inside"]],
            ["Inner", "Outer"],
        ),
        (["not", ["=", {"field": "content_type"}, "multipart/mixed"]], ["Inner"]),
        ([">", {"field": "size"}, 300], ["Outer"]),
        ([">", {"field": "received_date"}, 4_000_000_000_000], []),
        ([">", {"field": "received_date"}, 1_000_000_000_000], ["Inner", "Outer"]),
        (["=", {"field": "flags"}, 32], ["Outer"]),
    ],
)
def test_a_search_meets_its_filter(ox: Client, mailbox: str, written: Any, wanted: list[str]) -> None:
    _store(ox, mailbox, _INNER)
    _store(ox, mailbox, _NESTED, flags=32)
    for body in (written, {"filter": written}):
        envelope = ox.put("mail", "search", body, folder=mailbox, columns="607")
        assert sorted(row[0] for row in envelope["data"]) == wanted


def test_a_bad_filter_is_an_error(ox: Client, mailbox: str) -> None:
    _store(ox, mailbox, _INNER)
    for body in (["=", {"field": "weight"}, 1], ["~", {"field": "size"}, 1], {"filter": 1}, ["="]):
        assert "error" in ox.put("mail", "search", body, folder=mailbox, columns="607")


def test_the_older_search_names_columns_and_patterns(ox: Client, mailbox: str) -> None:
    _store(ox, mailbox, _INNER)
    _store(ox, mailbox, _NESTED)
    found = ox.put("mail", "search", [{"col": 607, "pattern": "inn"}], folder=mailbox, columns="607")["data"]
    assert found == [["Inner"]]


def test_clearing_a_folder_moves_its_mails_to_the_trash(ox: Client, mailbox: str, subject: str) -> None:
    _store(ox, mailbox, f"Subject: {subject}\r\n\r\nx\r\n".encode())
    assert ox.put("mail", "clear", [mailbox])["data"] == []
    assert _rows(ox, mailbox, "600") == []
    trash = ox.config("mail/folder/trash")
    found = _with_subject(ox, trash, subject)
    assert len(found) == 1
    ox.put("mail", "delete", [{"folder": trash, "id": found[0]}])
    assert _with_subject(ox, trash, subject) == []
