"""Mail (http-api section 8)."""

from __future__ import annotations

import io
from typing import Any

from tests.standin.client import Client

_ALTERNATIVE = (
    b'From: "M\xc3\xbcller, J\xc3\xbcrgen" <jm@example.com>\r\nTo: anton@example.org, Zwei <zwei@example.com>\r\n'
    b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 15 Jan 2024 10:00:00 +0100\r\nX-Priority: 1\r\n"
    b'Message-ID: <alt@contract>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b'--m\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick='x()'>Gr\xc3\xbc\xc3\x9fe</p>"
    b"<script>x()</script>\r\n--a--\r\n"
    b'--m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--m--\r\n"
)


def _store(ox: Client, folder: str, raw: bytes = b"Subject: x\r\n\r\nx\r\n", flags: int = 0) -> str:
    made = ox.put("mail", "new", raw, folder=folder, flags=flags)
    assert "error" not in made, made
    assert made["data"]["folder_id"] == folder
    assert isinstance(made["data"]["id"], str)
    identity: str = made["data"]["id"]
    return identity


def _all(ox: Client, folder: str, columns: str = "600,611", **params: Any) -> list[list[Any]]:
    envelope = ox.get("mail", "all", folder=folder, columns=columns, **params)
    assert "error" not in envelope, envelope
    rows: list[list[Any]] = envelope["data"]
    return rows


def _get(ox: Client, folder: str, identity: str, **params: Any) -> Any:
    return ox.get("mail", "get", folder=folder, id=identity, **params)["data"]


def test_ids_count_up_and_are_never_used_again(ox: Client, mailbox: str) -> None:
    first = _store(ox, mailbox)
    ox.put("mail", "delete", [{"folder": mailbox, "id": first}], harddelete=1)
    assert int(_store(ox, mailbox)) > int(first)


def test_rows_show_addresses_subject_and_dates(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _ALTERNATIVE)
    row = _all(ox, mailbox, "600,601,602,603,604,607,609,614,656", timezone="UTC")[0]
    assert row[:3] == [identity, mailbox, True]
    assert row[3] == [["Müller, Jürgen", "jm@example.com"]]
    assert row[4] == [[None, "anton@example.org"], ["Zwei", "zwei@example.com"]]
    assert row[5:8] == ["Grüße", 1_705_309_200_000, 1]


def test_columns_may_be_header_fields(ox: Client, mailbox: str) -> None:
    _store(ox, mailbox, _ALTERNATIVE)
    assert _all(ox, mailbox, "607,X-Priority", headers="Message-ID") == [["Grüße", "1", "<alt@contract>"]]


def test_sorting_and_limits_cut_a_window(ox: Client, mailbox: str) -> None:
    ids = [_store(ox, mailbox) for _ in range(4)]
    newest_first = [row[0] for row in _all(ox, mailbox, "600", sort=610, order="desc")]
    assert newest_first == ids[::-1]
    window = {"sort": 610, "order": "desc"}
    assert [row[0] for row in _all(ox, mailbox, "600", limit=2, **window)] == newest_first[:2]
    assert [row[0] for row in _all(ox, mailbox, "600", limit="1,3", **window)] == newest_first[1:3]
    limits = {"left_hand_limit": 2, "right_hand_limit": 4}
    assert [row[0] for row in _all(ox, mailbox, "600", **limits, **window)] == newest_first[2:4]


def test_getting_a_mail_marks_it_as_seen_unless_asked_not_to(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox)
    _get(ox, mailbox, identity, unseen="true")
    assert _all(ox, mailbox)[0][1] & 32 == 0
    _get(ox, mailbox, identity)
    assert _all(ox, mailbox)[0][1] & 32
    assert _all(ox, mailbox, unseen="true") == []


def test_the_body_is_the_first_attachment_in_the_wanted_form(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _ALTERNATIVE)
    text = _get(ox, mailbox, identity, view="text", unseen="true")["attachments"]
    assert (text[0]["content_type"], text[0]["content"].strip()) == ("text/plain", "Grüße")
    rich = _get(ox, mailbox, identity, view="html", unseen="true")["attachments"]
    assert rich[0]["content_type"] == "text/html"
    assert "<p>Grüße</p>" in rich[0]["content"]
    assert "script" not in rich[0]["content"]
    assert (rich[1]["filename"], rich[1]["size"], rich[1]["disp"]) == ("a.pdf", 4, "attachment")


def test_an_attachment_is_read_by_its_sequence_id(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _ALTERNATIVE)
    entry = _get(ox, mailbox, identity, unseen="true")["attachments"][-1]
    assert entry["id"] == "2"
    reply = ox.send("GET", "mail", "attachment", folder=mailbox, id=identity, attachment="2", save=1)
    assert reply.content == b"%PDF"


def test_the_source_comes_as_text_or_as_the_very_bytes(ox: Client, mailbox: str) -> None:
    raw = b"Subject: bytes\r\n\r\n\xe4\xf6\xfc\r\n"
    identity = _store(ox, mailbox, raw)
    reply = ox.send("GET", "mail", "get", folder=mailbox, id=identity, src=1, save=1, unseen="true")
    assert reply.content == raw
    text = _get(ox, mailbox, identity, src=1, unseen="true")
    assert text.startswith("Subject: bytes")
    assert "äöü" not in text


def test_the_header_alone(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _ALTERNATIVE)
    head = _get(ox, mailbox, identity, hdr=1, unseen="true")
    assert "Message-ID: <alt@contract>" in head
    assert "--m" not in head


def test_a_mail_that_is_gone_is_msg_0032_and_left_out_of_lists(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox)
    assert ox.get("mail", "get", folder=mailbox, id="99999")["code"] == "MSG-0032"
    wanted = [{"folder": mailbox, "id": "99999"}, {"folder": mailbox, "id": identity}]
    assert ox.put("mail", "list", wanted, columns="600")["data"] == [[identity]]


def test_an_unknown_mail_folder_is_an_error(ox: Client) -> None:
    assert ox.get("mail", "all", folder="default0/No such folder", columns="600")["code"] == "IMAP-1002"


def test_flags_are_added_and_removed(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox)
    ox.put("mail", "update", {"flags": 32 | 8, "value": True}, folder=mailbox, id=identity)
    assert _all(ox, mailbox)[0][1] & (32 | 8) == 32 | 8
    ox.put("mail", "update", {"flags": "8", "value": "false"}, folder=mailbox, id=identity)
    assert _all(ox, mailbox)[0][1] & (32 | 8) == 32
    ox.put("mail", "update", {"set_flags": 1, "clear_flags": 32}, folder=mailbox, id=identity)
    if ox.server.generation == 6:
        assert _all(ox, mailbox)[0][1] & (32 | 8 | 1) == 32
        return
    assert _all(ox, mailbox)[0][1] & (32 | 8 | 1) == 1


def test_recent_and_user_flags_cannot_be_set(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox)
    before = _all(ox, mailbox)[0][1]
    ox.put("mail", "update", {"flags": 16 | 64, "value": True}, folder=mailbox, id=identity)
    assert _all(ox, mailbox)[0][1] == before


def test_a_colour_is_a_label_of_its_own(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox)
    ox.put("mail", "update", {"color_label": 4}, folder=mailbox, id=identity)
    assert _all(ox, mailbox, "102") == [[4]]
    assert "$cl_4" in _get(ox, mailbox, identity, unseen="true")["user"]


def test_a_moved_mail_has_a_new_id(ox: Client, mailbox: str) -> None:
    target = ox.put("folders", "new", {"title": "Ziel", "module": "mail"}, folder_id=mailbox)["data"]
    _store(ox, target)
    identity = _store(ox, mailbox, flags=32)
    moved = ox.put("mail", "update", {"folder_id": target}, folder=mailbox, id=identity)["data"]
    assert moved["folder_id"] == target
    assert _all(ox, mailbox) == []
    assert [moved["id"], 32] in _all(ox, target)


def test_a_deleted_mail_goes_to_the_trash_and_from_there_for_good(ox: Client, mailbox: str) -> None:
    trash = ox.config("mail/folder/trash")
    identity = _store(ox, mailbox, b"Subject: Abfall 4711\r\n\r\nx\r\n")
    assert ox.put("mail", "delete", [{"folder": mailbox, "id": identity}])["data"] == []
    assert _all(ox, mailbox) == []
    found = [row[0] for row in _all(ox, trash, "600,607") if row[1] == "Abfall 4711"]
    assert len(found) == 1
    ox.put("mail", "delete", [{"folder": trash, "id": found[0]}])
    assert "Abfall 4711" not in [row[0] for row in _all(ox, trash, "607")]


def test_examine_shows_changes_cheaply(ox: Client, mailbox: str) -> None:
    if ox.server.generation == 6:
        assert "error" in ox.get("mail", "examine", folder=mailbox)
        return
    before = ox.get("mail", "examine", folder=mailbox)["data"]
    identity = _store(ox, mailbox)
    after = ox.get("mail", "examine", folder=mailbox)["data"]
    assert after == {"validity": before["validity"], "total": 1, "unread": 1, "next": str(int(identity) + 1)}
    assert before["next"] == identity


def test_a_folder_made_anew_has_another_validity(ox: Client) -> None:
    if ox.server.generation == 6:
        return
    seen = []
    for _ in range(2):
        made = ox.put("folders", "new", {"title": "Wieder", "module": "mail"}, folder_id="default0/INBOX")[
            "data"
        ]
        seen.append(ox.get("mail", "examine", folder=made)["data"]["validity"])
        ox.put("folders", "delete", [made], hardDelete="true")
    assert seen[0] != seen[1]


def test_updates_are_always_empty(ox: Client, mailbox: str) -> None:
    _store(ox, mailbox)
    assert ox.get("mail", "updates", folder=mailbox, columns="600", timestamp=0)["data"] == []


def test_count_copy_and_all_seen(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox)
    ox.put("mail", "copy", {"folder_id": mailbox}, folder=mailbox, id=identity)
    assert ox.get("mail", "count", folder=mailbox)["data"] == 2
    ox.put("mail", "all_seen", None, folder=mailbox)
    assert {row[1] & 32 for row in _all(ox, mailbox)} == {32}


def test_an_import_stores_files_as_they_are(ox: Client, mailbox: str) -> None:
    files = [("file", ("a.eml", io.BytesIO(_ALTERNATIVE), "message/rfc822"))]
    made = ox.post("mail", "import", {}, files, folder=mailbox, flags=32, force="true")
    assert made["data"][0]["folder_id"] == mailbox
    identity = made["data"][0]["id"]
    reply = ox.send("GET", "mail", "get", folder=mailbox, id=identity, src=1, save=1)
    assert reply.content == _ALTERNATIVE


def test_a_message_by_its_message_id(ox: Client, mailbox: str) -> None:
    identity = _store(ox, mailbox, _ALTERNATIVE)
    envelope = ox.get("mail", "get", folder=mailbox, message_id="<alt@contract>", unseen="true")
    assert envelope["data"]["id"] == identity


def test_a_sent_mail_is_kept_in_sent_and_arrives(ox: Client) -> None:
    address = ox.config("mail/defaultaddress")
    subject = f"Contract {ox.session[:8]}"
    raw = f"From: {address}\r\nTo: {address}\r\nBcc: geheim@example.com\r\nSubject: {subject}\r\n\r\nText\r\n"
    sent = ox.put("mail", "new", raw.encode())["data"]
    assert sent["folder_id"] == ox.config("mail/folder/sent")
    arrived = [row for row in _all(ox, "default0/INBOX", "600,607,611") if row[1] == subject]
    assert len(arrived) == 1
    assert arrived[0][2] & 32 == 0
    received = ox.send("GET", "mail", "get", folder="default0/INBOX", id=arrived[0][0], src=1, save=1).content
    assert b"geheim@example.com" not in received
    entries = [
        {"folder": "default0/INBOX", "id": arrived[0][0]},
        {"folder": sent["folder_id"], "id": sent["id"]},
    ]
    ox.put("mail", "delete", entries, harddelete=1)


def test_an_empty_message_is_refused(ox: Client, mailbox: str) -> None:
    assert "error" in ox.put("mail", "new", b"", folder=mailbox)
    assert _all(ox, mailbox) == []
