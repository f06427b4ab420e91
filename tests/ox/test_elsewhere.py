"""What was created and moved to another folder before anybody knew (``OxSource.find_elsewhere``)."""

from __future__ import annotations

import pytest

from app.usm.errors import SourceUnavailable
from app.usm.model import ContentType, FolderRef
from tests.ox.canned import error
from tests.ox.conftest import CONTACTS, INBOX
from tests.ox.test_folders import INBOX as INBOX_ROW
from tests.ox.test_folders import OWN, READER, ROOT, row, visible

DRAFTS = FolderRef(3, "default0/Drafts", ContentType.MAIL)
MAIL = (ROOT, INBOX_ROW, *(row(f"default0/{each}", "default0", each) for each in ("Drafts", "Sent", "Trash")))
DOWN = error("MSG-1000", "SERVICE_DOWN")
NOT_THERE = error("MSG-0032")


def with_messages(canned, answers):
    """An OX that answers a search by folder, or says that nothing is there; the folders asked."""
    asked: list[str] = []

    def get(seen):
        asked.append(seen.params["folder"])
        answer = answers.get(seen.params["folder"], NOT_THERE)
        return answer if "mark1" in seen.params["message_id"] else NOT_THERE

    canned.on("folders?allVisible", visible(mail=MAIL))
    canned.on("mail?get", get)
    return asked


def test_a_message_is_looked_for_in_all_folders_but_its_own_by_one_call(canned, canned_source):
    source = canned_source()
    asked = with_messages(canned, {"default0/Trash": {"data": {"id": "30"}}, INBOX.id: DOWN})
    assert source.find_elsewhere(DRAFTS, ["mark1", "mark2"]) == {"mark1"}
    assert set(asked) == {INBOX.id, "default0/Sent", "default0/Trash", "default0/Notes"}
    assert len(canned.calls) == 2


def test_a_folder_that_cannot_be_searched_does_not_spoil_the_others(canned, canned_source, caplog):
    source = canned_source()
    with_messages(canned, {"default0/Trash": DOWN})
    assert source.find_elsewhere(DRAFTS, ["mark1"]) == set()
    assert "2 of 8 searches for a message fail" in caplog.text


def test_where_no_folder_can_be_searched_nobody_knows(canned, canned_source):
    source = canned_source()
    with_messages(canned, {})
    canned.on("mail?get", DOWN)
    with pytest.raises(SourceUnavailable):
        source.find_elsewhere(DRAFTS, ["mark1"])


def test_a_contact_is_looked_for_where_the_user_may_write(canned, canned_source):
    source = canned_source()
    others = [
        row("40", "1", "A", "contacts"),
        row("41", "1", "B", "contacts"),
        row("42", "3", "C", "contacts"),
    ]
    others[2][6] = READER
    canned.on("folders?allVisible", visible(contacts=(OWN, *others)))
    rows = {"40": error("CON-0104", "PERMISSION_DENIED"), "41": {"data": [[3, 30, "mark1"], [4, 40, "x"]]}}
    canned.on("contacts?all", lambda seen: rows[seen.params["folder"]])
    assert source.find_elsewhere(CONTACTS, ["mark1", "mark2"]) == {"mark1"}
