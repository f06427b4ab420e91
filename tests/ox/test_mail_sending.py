"""Sending, drafts, files and emptying, from an OX that behaves unusually (``app.ox.mail``, ``app.ox.spool``)."""

from __future__ import annotations

import tracemalloc
from email import message_from_bytes

import pytest
import requests

from app.ox import spool
from app.usm.errors import FolderGone, ItemGone, ItemRefused, ItemUnreadable, SourceUnavailable
from app.usm.model import Body, BodyKind, ContentType, FolderRef, Outgoing, Written
from tests.ox.canned import Reply, error
from tests.ox.conftest import CONTACTS, INBOX

DRAFTS = FolderRef(3, "default0/Drafts", ContentType.MAIL)
MIME = b"To: berta@example.org\r\nMessage-ID: <m@x>\r\n\r\ntext"


def ready(canned):
    """An OX that takes all of it."""
    canned.on("mail?new", {"data": {"folder_id": "default0/Sent", "id": "9"}})
    canned.on("mail?update", {"data": {}})
    canned.on("mail?delete", {"data": []})
    canned.on("config/mail/folder/drafts", {"data": DRAFTS.id})
    canned.on("config/mail/folder/sent", {"data": "default0/Sent"})
    return canned


def entries(canned):
    """What the calls of ``multiple`` held."""
    return [entry for seen in canned.made("multiple?") for entry in seen.json]


# -- sending -------------------------------------------------------------------------------------------------


def test_a_message_goes_out_as_it_is_by_one_call(canned, canned_source):
    source = canned_source()
    ready(canned)
    source.send(Outgoing(MIME))
    (seen,) = canned.calls
    assert (seen.method, seen.body) == ("PUT", MIME)
    assert seen.headers["Content-Type"] == "message/rfc822"
    assert "folder" not in seen.params


def test_the_original_is_marked_and_an_unwanted_copy_deleted_by_one_call(canned, canned_source):
    source = canned_source()
    ready(canned)
    source.send(Outgoing(MIME, copy=False, answers=(INBOX, "5")))
    source.send(Outgoing(MIME, forwards=(INBOX, "6")))
    flag, delete, other = entries(canned)
    assert (flag["id"], flag["data"]) == ("5", {"flags": 1, "value": True})
    assert delete["data"] == [{"folder": "default0/Sent", "id": "9"}]
    assert delete["harddelete"] == "1"
    assert (other["id"], other["data"]) == ("6", {"flags": 256, "value": True})


@pytest.mark.parametrize("data", [{"folder_id": "default0/Sent", "id": "9"}, "default0/Sent/9"])
def test_the_copy_is_found_however_ox_names_it(canned, canned_source, data):
    source = canned_source()
    ready(canned).on("mail?new", {"data": data})
    source.send(Outgoing(MIME, copy=False))
    assert entries(canned)[0]["data"] == [{"folder": "default0/Sent", "id": "9"}]


@pytest.mark.parametrize("data", [None, {}, {"id": "9"}, "9"])
def test_a_copy_that_ox_does_not_name_stays(canned, canned_source, data):
    source = canned_source()
    ready(canned).on("mail?new", {"data": data})
    source.send(Outgoing(MIME, copy=False))
    assert entries(canned) == []


@pytest.mark.parametrize("answer", [error("MSG-0032", "USER_INPUT"), Reply(status=500)])
def test_what_goes_wrong_afterwards_is_no_failure(canned, canned_source, answer, caplog):
    source = canned_source()
    ready(canned).on("mail?update" if isinstance(answer, dict) else "multiple?", answer)
    source.send(Outgoing(MIME, answers=(INBOX, "5")))
    assert "not all is done" in caplog.text


def test_a_message_that_ox_will_not_send_is_refused(canned, canned_source):
    source = canned_source()
    ready(canned).on("mail?new", error("MSG-0056", "USER_INPUT"))
    with pytest.raises(ItemRefused, match="MSG-0056"):
        source.send(Outgoing(MIME))


def test_a_message_of_which_nobody_hears_may_have_been_sent(canned, canned_source):
    source = canned_source()
    ready(canned).on("mail?new", requests.ReadTimeout("late"))
    with pytest.raises(SourceUnavailable) as caught:
        source.send(Outgoing(MIME))
    assert caught.value.in_doubt
    assert len(canned.made("mail?new")) == 1


@pytest.mark.parametrize(
    "mime", [b"To: a@b\r\n\r\nMessage-ID: <no@x>", b"message-id: <m@x>\r\nTo: a@b\r\n\r\nx"]
)
def test_every_message_has_a_name_by_which_it_is_found_again(canned, canned_source, mime):
    source = canned_source()
    ready(canned)
    source.send(Outgoing(mime, mark="mark1"))
    sent = message_from_bytes(canned.made("mail?new")[0].body)
    assert sent.get_all("Message-ID") == (["<m@x>"] if mime.startswith(b"m") else ["<mark1@usm.invalid>"])


def test_what_is_not_ascii_is_coded(canned, canned_source):
    source = canned_source()
    ready(canned)
    source.send(Outgoing("To: a@b\r\nMessage-ID: <m@x>\r\n\r\nü".encode()))
    assert canned.made("mail?new")[0].body.isascii()


def test_a_user_writes_as_any_of_the_own_addresses(canned, canned_source):
    source = canned_source()
    canned.on("config/modules/mail/addresses", {"data": ["toni@example.org", "anton@example.org", "x"]})
    assert source.senders() == ("anton@example.org", "toni@example.org")
    canned.on("config/modules/mail/addresses", {"data": "none"})
    assert source.senders() == ("anton@example.org",)


# -- drafts --------------------------------------------------------------------------------------------------


def drafts(canned, *rows):
    """What the folder of drafts holds: id, flags, colour, Message-ID."""
    ready(canned).on("mail?all", {"data": [list(row) for row in rows]})
    canned.on("mail?list", {"data": [[row[0], row[1], row[2]] for row in rows[:1]]})
    canned.on("mail?get", Reply(b"Subject: old\r\nX-Kept: 1\r\n\r\nold"))
    canned.on("mail?new", {"data": {"folder_id": DRAFTS.id, "id": "20"}})


def test_a_draft_is_stored_with_its_mark(canned, canned_source):
    source = canned_source()
    ready(canned)
    fields = {"subject": "x", "flagged": True, "categories": ("Red",), "body": Body(BodyKind.TEXT, "a")}
    assert source.create(DRAFTS, fields, "mark1") == Written("9", "44.1")
    (seen,) = canned.made("mail?new")
    assert (seen.params["folder"], seen.params["flags"]) == (DRAFTS.id, "44")
    assert message_from_bytes(seen.body)["Message-ID"] == "<mark1@usm.invalid>"
    assert canned.made("mail?update")[0].json == {"color_label": 1}
    whole = {"body": Body(BodyKind.MIME, mime=b"Subject: y\r\n\r\nz")}
    assert source.create(DRAFTS, whole, "mark2").altered


def test_a_draft_of_which_ox_tells_no_id_may_be_there(canned, canned_source):
    source = canned_source()
    ready(canned).on("mail?new", {"data": {}})
    with pytest.raises(SourceUnavailable) as caught:
        source.create(DRAFTS, {"subject": "x"}, "mark1")
    assert caught.value.in_doubt


def test_a_created_draft_is_found_by_its_mark(canned, canned_source):
    source = canned_source()
    drafts(canned, ["21", 36, 1, "mark3"], ["22", 36, 0, ""])
    found = {"data": {"id": "20", "flags": 36}}
    canned.on("mail?get", lambda seen: found if "mark1" in seen.params["message_id"] else error("MSG-0032"))
    assert source.find_created(DRAFTS, ["mark1"]) == {"mark1": Written("20", "36")}
    assert canned.made("mail?all") == []
    # Somebody wrote on the third one meanwhile, which makes another message of it.
    made = {"mark1": Written("20", "36"), "mark3": Written("21", "36.1")}
    assert source.find_created(DRAFTS, ["mark1", "mark2", "mark3"]) == made
    assert canned.made("mail?all")[0].params["columns"] == "600,611,102,X-USM-Created"


def test_a_changed_draft_takes_the_place_of_the_old_one(canned, canned_source):
    source = canned_source()
    drafts(canned, ["5", 4 | 8 | 32 | 128, 3, "<a@x>"], ["6", None, None, None])
    assert source.update(DRAFTS, "5", {"subject": "new", "read": False}, "44.3") == Written("20", "12.3")
    (seen,) = canned.made("mail?new")
    made = message_from_bytes(seen.body)
    assert (made["Subject"], made["X-Kept"], seen.params["flags"]) == ("new", "1", "12")
    assert canned.made("mail?delete")[0].json == [{"folder": DRAFTS.id, "id": "5"}]
    assert canned.made("mail?update")[0].json == {"color_label": 3}


def test_a_change_that_was_made_before_is_not_made_again(canned, canned_source):
    source = canned_source()
    drafts(canned, ["5", 36, 0, "<a@x>"])
    source.update(DRAFTS, "5", {"subject": "new", "categories": ("Blue",)}, None)
    name = message_from_bytes(canned.made("mail?new")[0].body)["Message-ID"]
    canned.calls.clear()
    # The answer was lost, and OX did not come to delete the old one.
    drafts(canned, ["5", 36, 0, "<a@x>"], ["20", 36, 0, name])
    assert source.update(DRAFTS, "5", {"subject": "new", "categories": ("Blue",)}, None).id == "20"
    assert canned.made("mail?new") == []
    assert canned.made("mail?delete")[0].json == [{"folder": DRAFTS.id, "id": "5"}]
    # It did, and the device asks again all the same.
    drafts(canned, ["20", 36, 0, name])
    assert source.update(DRAFTS, "5", {"subject": "new", "categories": ("Blue",)}, None).id == "20"
    # Another change of the old one takes the place of both.
    drafts(canned, ["5", 36, 0, "<a@x>"], ["19", 36, 0, name])
    assert source.update(DRAFTS, "5", {"subject": "newer"}, None).id == "20"
    assert canned.made("mail?delete")[-1].json == [{"folder": DRAFTS.id, "id": each} for each in ("5", "19")]


def test_a_draft_that_is_gone_is_gone(canned, canned_source):
    source = canned_source()
    drafts(canned)
    with pytest.raises(ItemGone):
        source.update(DRAFTS, "5", {"subject": "new"}, None)


@pytest.mark.parametrize("rows", [None, {}, [[None]]])
def test_an_answer_without_rows_never_looks_like_a_folder_without_drafts(canned, canned_source, rows):
    source = canned_source()
    drafts(canned)
    canned.on("mail?all", {"data": rows})
    canned.on("mail?get", error("MSG-0032"))
    with pytest.raises(SourceUnavailable):
        source.update(DRAFTS, "5", {"subject": "new"}, None)
    with pytest.raises(SourceUnavailable):
        source.find_created(DRAFTS, ["mark1"])


def test_a_draft_is_sent_unless_it_was(canned, canned_source, caplog):
    source = canned_source()
    drafts(canned, ["5", 36, 0, "<a@x>"])
    sent: list[str] = []

    def get(seen):
        if "src" in seen.params:
            return Reply(b"To: b@x.org\r\n\r\nold")
        return {"data": {"id": "30"}} if sent else error("MSG-0032", "USER_INPUT")

    canned.on("mail?get", get)
    assert source.update(DRAFTS, "5", {"send": True}, None) == Written("", "")
    (seen,) = canned.made("mail?new")
    assert "folder" not in seen.params
    sent.append(message_from_bytes(seen.body)["Message-ID"])
    assert sent[0].endswith("@example.org>")
    canned.on("mail?delete", Reply(status=500))
    assert source.update(DRAFTS, "5", {"send": True, "subject": "other"}, None) == Written("", "")
    assert len(canned.made("mail?new")) == 1
    assert "is still there" in caplog.text


def test_a_new_draft_may_go_out_at_once(canned, canned_source):
    source = canned_source()
    drafts(canned)
    assert source.create(DRAFTS, {"send": True, "subject": "x"}, "mark1") == Written("", "")
    (seen,) = canned.made("mail?new")
    assert "folder" not in seen.params
    assert message_from_bytes(seen.body)["Message-ID"] == "<s.mark1@example.org>"
    assert canned.made("mail?delete") == []


def test_what_went_out_at_once_is_found_among_the_sent_messages(canned, canned_source):
    source = canned_source()
    drafts(canned)
    found = {"data": {"id": "30"}}
    canned.on(
        "mail?get", lambda seen: found if "s.mark1@" in seen.params["message_id"] else error("MSG-0032")
    )
    assert source.find_created(DRAFTS, ["mark1", "mark2"]) == {"mark1": Written("", "")}
    canned.on("config/mail/folder/sent", error("SVL-0010"))
    canned.on("config/modules/mail/defaultFolder/sent", error("SVL-0010"))
    assert source.find_created(DRAFTS, ["mark1"]) == {}


# -- files ---------------------------------------------------------------------------------------------------


def test_a_file_has_its_size_type_and_name(canned, canned_source):
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": 'attachment; filename="a b.pdf"',
    }
    canned.on("mail?attachment", Reply(b"%PDF", headers=headers))
    file = canned_source().attachment(INBOX, "5", "2")
    assert (file.size, file.content_type, file.name) == (4, "application/pdf", "a b.pdf")
    assert b"".join(file.chunks) == b"%PDF"
    assert list(file.chunks) == []
    canned.on("mail?attachment", Reply(b'{"error": 1}x', headers={"Content-Type": "image/PNG; name=x"}))
    file = canned_source().attachment(INBOX, "5", "2")
    assert (file.content_type, file.name, b"".join(file.chunks)) == ("image/png", "", b'{"error": 1}x')


def test_a_large_file_is_never_in_memory_as_a_whole(canned, canned_source):
    size = 24 * 1024 * 1024
    canned.on("mail?attachment", Reply(bytes(size)))
    source = canned_source()
    tracemalloc.start()
    try:
        file = source.attachment(INBOX, "5", "2")
        read = sum(map(len, file.chunks))
        # What the canned OX holds of it is there once or twice already.
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == size
    assert most < size + 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("MSG-0034", "USER_INPUT"), ItemGone),
        (error("MSG-0032", "USER_INPUT"), ItemGone),
        (error("IMAP-1002", "USER_INPUT"), FolderGone),
        (Reply(status=500), SourceUnavailable),
    ],
)
def test_a_file_that_cannot_be_had(canned, canned_source, answer, raised):
    canned.on("mail?attachment", answer)
    with pytest.raises(raised):
        canned_source().attachment(INBOX, "5", "2")


def test_a_file_larger_than_the_disk_should_hold(canned, canned_source):
    source = canned_source()
    module = source._mail()
    object.__setattr__(module._settings, "attachment_bytes", 10)
    canned.on("mail?attachment", Reply(b"x" * 11))
    with pytest.raises(ItemUnreadable, match="10 bytes"):
        source.attachment(INBOX, "5", "2")


def test_a_spool_that_is_closed_has_nothing_more():
    held = spool.Spool()
    held.write(b"abc")
    assert held.head(2) == held.part(0, 2) == b"ab"
    assert not hasattr(held, "read")  # a server would take it for a file, and read it as one
    held.close()
    assert list(held) == []


# -- emptying ------------------------------------------------------------------------------------------------


def test_a_folder_is_emptied_with_those_below_it(canned, canned_source):
    source = canned_source()
    canned.on("mail?clear", {"data": []})
    canned.on("folders?list", {"data": [["default0/INBOX/a"], ["default0/INBOX/b"]]})
    canned.on("folders?delete", {"data": []})
    source.empty(INBOX, subfolders=False)
    assert [seen.action for seen in canned.calls] == ["clear"]
    source.empty(INBOX, subfolders=True)
    assert canned.made("folders?delete")[0].json == ["default0/INBOX/a", "default0/INBOX/b"]
    canned.on("folders?list", {"data": None})
    source.empty(INBOX, subfolders=True)
    assert len(canned.made("folders?delete")) == 1
    with pytest.raises(ItemRefused):
        source.empty(CONTACTS, subfolders=False)
