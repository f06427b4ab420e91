"""Mail and looking for changes, from an OX that behaves unusually (``app.ox.mail``, ``app.ox.source``)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.usm.errors import FolderGone, ItemGone, ItemRefused, ItemUnreadable, SourceUnavailable
from app.usm.model import Body, BodyKind, ContentType, FolderRef, Written
from tests.ox.canned import Reply, error
from tests.ox.conftest import CONTACTS, INBOX

TEXT, HTML, MIME = BodyKind.TEXT, BodyKind.HTML, BodyKind.MIME
CALENDAR = FolderRef(9, "44", ContentType.CALENDAR)


def message(seen):
    """Any message, with its id as subject."""
    part = {"id": "1", "content_type": "text/plain", "content": "text", "disp": "inline"}
    return {
        "data": {"id": seen.params["id"], "subject": seen.params["id"], "flags": 32, "attachments": [part]}
    }


def test_a_listing_is_one_call_newest_first(canned, canned_source):
    rows = [["9", 3000, 0, 0], ["8", 2000, 33, 3], ["7", 1000, 34, 0], ["6", None, None, None]]
    canned.on("mail?all", {"data": rows})
    listing = canned_source().listing(INBOX, None)
    assert list(listing.stamps.items()) == [("9", "0"), ("8", "33.3"), ("6", "0")]
    assert len(canned.calls) == 1
    assert canned.calls[0].params["sort"] == "610"
    assert canned.calls[0].params["order"] == "desc"


def test_what_is_too_old_lies_outside(canned, canned_source):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    edge = int(since.timestamp() * 1000)
    canned.on("mail?all", {"data": [["3", edge, 0, 0], ["2", edge - 1, 0, 0], ["1", 0, 2, 0]]})
    listing = canned_source().listing(INBOX, since)
    assert set(listing.stamps) == {"3"}
    assert listing.outside == {"2"}


def test_an_older_message_of_a_living_conversation_is_not_outside(canned, canned_source):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    now, before = int(since.timestamp() * 1000), int(since.timestamp() * 1000) - 1
    rows = [
        ["5", now, 0, 0, "<e@x>", "<a@x>\r\n <b@x>", "<b@x>"],
        ["4", before, 0, 0, "<d@x>", None, "<a@x>"],
        ["3", before, 2, 0, "<c@x>", None, "<a@x>"],
        ["2", before, 0, 0, "<a@x>", None, None],
        ["1", before, 0, 0, "<z@x>", None, None],
        ["0", before, 0, 0, None, None, None],
    ]
    canned.on("mail?all", {"data": rows})
    listing = canned_source().listing(INBOX, since, conversations=True)
    assert (list(listing.stamps), listing.outside) == (["5", "4", "2"], {"1", "0"})
    assert canned.calls[0].params["columns"] == "600,610,611,102,Message-ID,References,In-Reply-To"
    assert len(canned.calls) == 1


def test_without_a_filter_conversations_cost_nothing(canned, canned_source):
    canned.on("mail?all", {"data": [["1", 0, 0, 0]]})
    assert set(canned_source().listing(INBOX, None, conversations=True).stamps) == {"1"}
    assert canned.calls[0].params["columns"] == "600,610,611,102"


def test_a_listing_of_conversations_that_is_none_is_no_empty_folder(canned, canned_source):
    canned.on("mail?all", {"data": {}})
    with pytest.raises(SourceUnavailable):
        canned_source().listing(INBOX, datetime(2026, 1, 1, tzinfo=UTC), conversations=True)


def test_reading_is_one_call_that_marks_nothing_as_read(canned, canned_source):
    canned.on("mail?get", message)
    items = canned_source().read(INBOX, ["1", "2", "3"], (TEXT,))
    assert {item_id: item.fields["subject"] for item_id, item in items.items()} == {
        "1": "1",
        "2": "2",
        "3": "3",
    }
    assert items["1"].stamp == "32"
    assert len(canned.calls) == 1
    assert all((entry["unseen"], entry["view"]) == ("true", "text") for entry in canned.calls[0].json)


def test_many_messages_are_read_in_parts(canned, canned_source):
    canned.on("mail?get", message)
    assert len(canned_source().read(INBOX, [str(number) for number in range(25)], (HTML,))) == 25
    assert [len(seen.json) for seen in canned.calls] == [10, 10, 5]
    assert canned.calls[0].json[0]["view"] == "raw"


def test_one_bad_message_spoils_only_itself(canned, canned_source):
    odd = {
        "2": error("MSG-0032", "USER_INPUT"),
        "3": error("MSG-0099", "ERROR"),
        "4": {"data": "text"},
        "5": {"data": None},
        "6": error("IMAP-9000", "PERMISSION_DENIED"),
    }
    canned.on("mail?get", lambda seen: odd.get(seen.params["id"]) or message(seen))
    items = canned_source().read(INBOX, [str(number) for number in range(1, 8)], (TEXT,))
    assert sorted(items) == ["1", "3", "4", "5", "6", "7"]
    assert [item_id for item_id, item in items.items() if isinstance(item, ItemUnreadable)] == [
        "3",
        "4",
        "5",
        "6",
    ]


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("IMAP-1002", "USER_INPUT"), FolderGone),
        (error("IMAP-2030", "CONNECTIVITY"), SourceUnavailable),
        (error("MSG-1001", "TRY_AGAIN"), SourceUnavailable),
    ],
)
def test_a_fault_that_is_not_the_messages_own_is_no_unreadable_message(canned, canned_source, answer, raised):
    canned.on("mail?get", lambda seen: answer if seen.params["id"] == "2" else message(seen))
    with pytest.raises(raised):
        canned_source().read(INBOX, ["1", "2"], (TEXT,))


def test_a_message_too_large_to_hold_spoils_only_itself(canned, canned_source):
    huge = {"data": {"id": "4", "subject": "x" * 40_000_000}}
    canned.on("mail?get", lambda seen: huge if seen.params["id"] == "4" else message(seen))
    items = canned_source().read(INBOX, [str(number) for number in range(1, 9)], (TEXT,))
    assert isinstance(items.pop("4"), ItemUnreadable)
    assert sorted(items) == ["1", "2", "3", "5", "6", "7", "8"]


def test_a_message_as_mime_comes_byte_for_byte(canned, canned_source):
    raw = b"Subject: \xe4\r\n\r\n\x00\xff binary"
    canned.on("mail?get", lambda seen: Reply(raw) if "src" in seen.params else message(seen))
    items = canned_source().read(INBOX, ["1"], (MIME, TEXT))
    assert items["1"].fields["body"] == Body(MIME, mime=raw)
    assert items["1"].fields["subject"] == "1"
    params = canned.calls[-1].params
    assert (params["src"], params["save"], params["unseen"]) == ("1", "1", "true")
    assert len(canned.calls) == 2


def test_signed_messages_alone_come_as_mime_where_mime_is_the_last_wish(canned, canned_source):
    def answer(seen):
        if "src" in seen.params:
            return Reply(b"signed bytes")
        found = message(seen)
        if seen.params["id"] == "2":
            found["data"]["headers"] = {"Content-Type": "multipart/signed"}
        return found

    canned.on("mail?get", answer)
    items = canned_source().read(INBOX, ["1", "2", "3"], (HTML, TEXT, MIME))
    assert [item.fields["body"].kind for item in items.values()] == [TEXT, MIME, TEXT]
    assert len(canned.calls) == 2


def test_a_message_too_large_for_mime_comes_as_text_where_that_will_do(canned, canned_source):
    big = Reply(b"x" * 33 * 1024 * 1024)
    canned.on("mail?get", lambda seen: big if "src" in seen.params else message(seen))
    source = canned_source()
    assert source.read(INBOX, ["1"], (MIME, TEXT))["1"].fields["body"] == Body(TEXT, "text")
    assert isinstance(source.read(INBOX, ["1"], (MIME,))["1"], ItemUnreadable)


def test_a_message_that_begins_like_an_error_is_still_a_message(canned, canned_source):
    raw = b'{"error": this is how somebody began a mail'
    canned.on("mail?get", lambda seen: Reply(raw) if "src" in seen.params else message(seen))
    assert canned_source().read(INBOX, ["1"], (MIME,))["1"].fields["body"].mime == raw


def flags_are(canned, flags):
    canned.on("mail?update", {"data": {"id": "5", "folder_id": INBOX.id}})
    canned.on("mail?list", {"data": [["5", flags, 0]]})


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"read": True}, [{"flags": 32, "value": True}]),
        ({"read": False}, [{"flags": 32, "value": False}]),
        ({"read": True, "flagged": True}, [{"flags": 40, "value": True}]),
        ({"read": True, "flagged": False}, [{"flags": 32, "value": True}, {"flags": 8, "value": False}]),
        ({"read": None}, [{"flags": 32, "value": False}]),
        ({}, []),
        ({"read": True, "categories": ()}, [{"flags": 32, "value": True}, {"color_label": 0}]),
        ({"categories": ("Work", "green Category", "Red")}, [{"color_label": 3}]),
    ],
)
def test_flags_are_written_by_one_call(canned, canned_source, fields, sent):
    flags_are(canned, 0)
    canned_source().update(INBOX, "5", fields, "0")
    assert len(canned.calls) == 1
    assert [entry["data"] for entry in canned.calls[0].json if entry["action"] == "update"] == sent


def test_the_new_stamp_is_what_the_device_knows_now(canned, canned_source):
    flags_are(canned, 32 | 8)  # somebody else flagged it meanwhile: the next listing tells the device
    source = canned_source()
    assert source.update(INBOX, "5", {"read": True}, "1") == Written("5", "33")
    assert source.update(INBOX, "5", {"read": True}, None) == Written("5", "40")


def test_a_category_that_is_no_colour_brings_the_message_back_to_the_device(canned, canned_source):
    flags_are(canned, 0)
    source = canned_source()
    assert source.update(INBOX, "5", {"categories": ("Blue",)}, "32") == Written("5", "32.2")
    assert source.update(INBOX, "5", {"categories": ("Blue", "Work")}, "32") == Written("5", "32.2", True)
    assert source.update(INBOX, "5", {"categories": ("Work",)}, "32.4") == Written("5", "32", True)
    assert source.update(INBOX, "5", {"categories": None}, "32.4") == Written("5", "32")
    assert source.update(INBOX, "5", {"read": True}, "0.4") == Written("5", "32.4")


def test_answers_that_ox_gives_in_another_order_are_understood(canned, canned_source):
    canned.on("multiple?", [{"data": [["5", 0, 0]]}, {"data": {"id": "5"}}])
    assert canned_source().update(INBOX, "5", {"read": True}, None) == Written("5", "32")


def test_the_answer_about_another_message_is_not_taken_for_this_one(canned, canned_source):
    canned.on("mail?get", {"data": {"id": "6", "subject": "six"}})
    assert isinstance(canned_source().read(INBOX, ["5"], (TEXT,))["5"], ItemUnreadable)


def test_ids_that_are_no_text_hurt_nobody(canned, canned_source):
    canned.on("mail?get", error("MSG-0032", "USER_INPUT"))
    canned.on("contacts?list", {"data": []})
    assert canned_source().read(INBOX, ["\udc80"], (TEXT,)) == {}
    assert canned_source().read(CONTACTS, ["\udc80"], ()) == {}


def test_a_message_that_is_gone_cannot_be_changed(canned, canned_source):
    canned.on("mail?update", {"data": {"id": "5"}})
    canned.on("mail?list", {"data": []})
    with pytest.raises(ItemGone):
        canned_source().update(INBOX, "5", {"read": True}, "0")
    canned.on("mail?update", error("MSG-0032", "USER_INPUT"))
    with pytest.raises(ItemGone):
        canned_source().update(INBOX, "5", {"read": True}, "0")


def test_what_is_no_draft_is_not_rewritten(canned, canned_source):
    flags_are(canned, 32)
    source = canned_source()
    for fields in ({"read": True, "subject": "x"}, {"send": True}):
        with pytest.raises(ItemRefused, match="no draft"):
            source.update(INBOX, "5", fields, "0")
    with pytest.raises(ItemRefused, match="received"):
        source.update(INBOX, "5", {"received": None}, "0")
    canned.on("config/mail/folder/drafts", {"data": "default0/Drafts"})
    with pytest.raises(ItemRefused, match="not the folder of drafts"):
        source.create(INBOX, {"subject": "x"}, "mark")
    assert {seen.module for seen in canned.calls} == {"multiple", "config/mail/folder/drafts"}


def test_deleting_goes_to_the_trash_or_for_good(canned, canned_source):
    canned.on("mail?delete", {"data": []})
    source = canned_source()
    source.delete(INBOX, "5", None, to_trash=True)
    source.delete(INBOX, "5", None, to_trash=False)
    assert ["harddelete" in seen.params for seen in canned.calls] == [False, True]
    assert canned.calls[0].json == [{"folder": INBOX.id, "id": "5"}]
    canned.on("mail?delete", {"data": [{"id": "5"}]})
    with pytest.raises(ItemRefused):
        source.delete(INBOX, "5", None, to_trash=True)


# -- looking for changes -------------------------------------------------------------------------------------


def examined(total=10, unread=2, following="11", validity="1"):
    return {"data": {"validity": validity, "total": total, "unread": unread, "next": following}}


def test_all_folders_are_looked_at_by_one_call(canned, canned_source):
    canned.on("mail?examine", examined())
    canned.on("contacts?updates", {"data": [], "timestamp": 1})
    source = canned_source()
    found = source.probe([INBOX, CONTACTS])
    assert set(found) == {INBOX.id, CONTACTS.id}
    assert source.probe([INBOX, CONTACTS]) == found
    assert len(canned.calls) == 2


@pytest.mark.parametrize(
    "later", [examined(total=11), examined(unread=1), examined(following="12"), examined(validity="2")]
)
def test_a_change_of_mail_shows(canned, canned_source, later):
    canned.on("mail?examine", examined())
    source = canned_source()
    before = source.probe([INBOX])
    canned.on("mail?examine", later)
    assert source.probe([INBOX]) != before


@pytest.mark.parametrize("rows", [[[1, 6]], [[1, 5], [2, 5]], [[1, 5], 7], [[1, 5], "7"]])
def test_a_change_of_contacts_shows(canned, canned_source, rows):
    canned.on("contacts?updates", {"data": [[1, 5]]})
    source = canned_source()
    before = source.probe([CONTACTS])
    canned.on("contacts?updates", {"data": rows})
    assert source.probe([CONTACTS]) != before
    asked = canned.calls[0].json[0]
    assert asked["ignore"] == "false"
    day = datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp() * 1000 - int(asked["timestamp"])
    assert 86_400_000 <= day < 2 * 86_400_000


def test_a_folder_that_is_gone_is_absent(canned, canned_source):
    canned.on("mail?examine", error("IMAP-1002", "USER_INPUT"))
    canned.on("contacts?updates", {"data": []})
    assert set(canned_source().probe([INBOX, CONTACTS, CALENDAR])) == {CONTACTS.id}


def test_a_folder_that_cannot_be_looked_at_is_not_gone(canned, canned_source):
    canned.on("mail?examine", error("IMAP-2030", "CONNECTIVITY"))
    with pytest.raises(SourceUnavailable):
        canned_source().probe([INBOX])


def test_an_ox_without_examine_is_asked_by_counters_and_newest_message(canned, canned_source):
    canned.on("mail?examine", error("SVL-0001"))
    canned.on("folders?get", {"data": {"id": INBOX.id, "total": 3, "unread": 1}})
    canned.on("mail?all", {"data": [["9", 32]]})
    source = canned_source()
    before = source.probe([INBOX])
    assert len(canned.calls) == 2
    assert source.probe([INBOX]) == before
    assert len(canned.calls) == 3
    canned.on("mail?all", {"data": [["10", 32]]})
    assert source.probe([INBOX]) != before


@pytest.mark.parametrize("times", [1, 2])
def test_an_ox_without_examine_may_be_found_out_by_several_requests_at_once(canned, canned_source, times):
    """Right after a start all phones ask at the same time: whoever comes second loses nothing."""
    source = canned_source()
    others: list[dict[str, str]] = []

    def examine(seen):
        if len(others) < times:
            others.append({})
            others.append(source.probe([INBOX, CONTACTS]))
        return error("SVL-0001")

    canned.on("mail?examine", examine)
    canned.on("contacts?updates", {"data": [[1, 5]]})
    canned.on("folders?get", {"data": {"id": INBOX.id, "total": 3, "unread": 1}})
    canned.on("mail?all", {"data": [["9", 32]]})
    found = source.probe([INBOX, CONTACTS])
    assert set(found) == {INBOX.id, CONTACTS.id}
    assert found in others


def test_a_folder_of_a_module_the_user_may_not_use_is_gone(canned_source):
    with pytest.raises(FolderGone):
        canned_source().listing(CALENDAR, None)
