"""Which folders a device may have, from an OX that answers unusually (``app.ox.folders``)."""

from __future__ import annotations

import pytest

from app.ox.mapping.folder import COLUMNS
from app.usm.errors import SourceUnavailable
from app.usm.model import ContentType, Folder, FolderRole
from tests.ox.canned import capabilities, error

NOTES = "default0/Notes"
OWNER = 403710016
READER = 257


def row(
    folder_id, parent, title, module="mail", kind=7, subfolders=False, rights=OWNER, standard=0, owner=None
):
    return [folder_id, parent, title, module, kind, subfolders, rights, standard, owner]


ROOT = row("default0", "1", "E-Mail", subfolders=True)
INBOX = row("default0/INBOX", "default0", "INBOX", standard=7)
OWN = row("31", "1", "Kontakte", "contacts", 1, standard=3)


def visible(mail=(ROOT, INBOX), contacts=(OWN,), public=(), shared=()):
    def answer(seen):
        if seen.params["content_type"] == "mail":
            return {"data": {"private": list(mail)}}
        return {"data": {"private": list(contacts), "public": list(public), "shared": list(shared)}}

    return answer


@pytest.fixture
def folders(canned, canned_source):
    def ask(**rows):
        canned.on("folders?allVisible", visible(**rows))
        found = canned_source().folders()
        return {folder.id: folder for folder in found if folder.content is not ContentType.NOTES}

    return ask


def test_all_folders_come_by_one_call(canned, folders):
    found = folders()
    assert list(found) == ["default0/INBOX", "31"]
    assert len(canned.calls) == 1
    assert canned.calls[0].json[0]["columns"] == ",".join(map(str, COLUMNS))
    assert canned.calls[0].json[0]["tree"] == "0"


def test_the_mail_root_is_no_folder_and_its_children_stand_at_the_top(folders):
    found = folders(
        mail=(
            ROOT,
            row("default0/INBOX/Work/Old", "default0/INBOX/Work", "Old"),
            row("default0/INBOX/Work", "default0/INBOX", "Work"),
            INBOX,
        )
    )
    assert [folder.id for folder in found.values()][:3] == [
        "default0/INBOX",
        "default0/INBOX/Work",
        "default0/INBOX/Work/Old",
    ]
    assert found["default0/INBOX"] == Folder(
        "default0/INBOX", None, "INBOX", ContentType.MAIL, FolderRole.INBOX
    )
    assert found["default0/INBOX/Work"].parent_id == "default0/INBOX"


def test_each_role_is_given_once(folders):
    found = folders(
        mail=(
            INBOX,
            row("default0/Gesendet", "default0", "Gesendet", standard=10),
            row("default0/Sent", "default0", "Sent", standard=10),
            row("default0/Papierkorb", "default0", "Papierkorb", standard=12),
            row("default0/Entwürfe", "default0", "Entwürfe", standard=9),
            row("default0/Spam", "default0", "Spam", standard=11),
            row("default0/Other", "default0", "Other", standard=7),
        )
    )
    roles = {folder.id.removeprefix("default0/"): folder.role.value for folder in found.values()}
    assert roles == {
        "INBOX": "inbox",
        "Gesendet": "sent",
        "Sent": "none",
        "Papierkorb": "trash",
        "Entwürfe": "drafts",
        "Spam": "spam",
        "Other": "none",
        "31": "default",
    }


def test_other_accounts_and_views_are_left_out(folders):
    found = folders(mail=(INBOX, row("default2/INBOX", "default2", "INBOX"), row("virtual/all", "1", "All")))
    assert set(found) == {"default0/INBOX", "31"}


def test_the_global_address_book_and_guests_are_left_out(folders):
    found = folders(
        public=(row("6", "2", "Global", "contacts", 5), row("16", "2", "Guests", "contacts", 5)),
        contacts=(OWN, row("77", "1", "Termine", "calendar", 1)),
    )
    assert set(found) == {"default0/INBOX", "31"}


def test_shared_folders_name_their_owner_and_are_nobodys_default(folders):
    shared = row("50", "u:4", "Kontakte", "contacts", 3, rights=READER, standard=3, owner="Berta B.")
    found = folders(shared=(shared,))
    assert found["50"] == Folder(
        "50", None, "Kontakte (Berta B.)", ContentType.CONTACTS, FolderRole.NONE, writable=False
    )


@pytest.mark.parametrize(
    ("rights", "visible_", "writable"),
    [
        (OWNER, True, True),
        (READER, True, False),
        (1, False, False),
        (0, False, False),
        (2 | 2 << 7 | 2 << 14 | 2 << 21, True, True),
        (2 | 2 << 7 | 2 << 14, True, False),
        (1 | 2 << 7 | 2 << 14 | 2 << 21, True, False),
        (None, True, True),
    ],
)
def test_rights_decide_what_is_seen_and_written(folders, rights, visible_, writable):
    found = folders(public=(row("60", "2", "Team", "contacts", 2, rights=rights),))
    assert ("60" in found) is visible_
    assert not visible_ or found["60"].writable is writable


def test_titles_are_one_line_without_control_characters(folders):
    found = folders(
        mail=(INBOX, row("default0/a", "default0", "a\x00b\r\nc\td"), row("default0/x/y", "default0", None))
    )
    assert found["default0/a"].title == "ab c d"
    assert found["default0/x/y"].title == "y"
    assert all(
        len(folder.title) <= 255
        for folder in folders(contacts=(row("9", "1", "x" * 999, "contacts", 1),)).values()
    )


def test_a_loop_of_parents_ends(folders):
    found = folders(mail=(INBOX, row("default0/a", "default0/b", "a"), row("default0/b", "default0/a", "b")))
    assert set(found) == {"default0/INBOX", "31"}


def test_a_module_that_the_user_may_not_use_is_left_out(canned, folders):
    canned.on("capabilities?all", capabilities("usm", "active_sync", "contacts"))
    assert set(folders()) == {"31"}


def test_a_module_that_ox_denies_at_the_call_is_left_out(canned, canned_source):
    both = visible()
    canned.on(
        "folders?allVisible",
        lambda seen: (
            error("SVL-0016", "PERMISSION_DENIED")
            if seen.params["content_type"] == "contacts"
            else both(seen)
        ),
    )
    assert [folder.id for folder in canned_source().folders()] == ["default0/INBOX", NOTES]


def test_without_any_module_there_is_no_folder_and_no_call(canned, canned_source):
    canned.on("capabilities?all", capabilities("usm", "active_sync"))
    assert canned_source().folders() == []
    assert not canned.calls


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {}},
        {"data": {"private": []}, "error": "IMAP is down", "code": "IMAP-2030", "categories": "WARNING"},
        error("IMAP-2030", "SERVICE_DOWN"),
        error("MSG-1000", "ERROR"),
        {"data": {"private": [ROOT]}},
    ],
    ids=str,
)
def test_a_mail_server_that_does_not_answer_never_looks_like_an_empty_mailbox(canned, canned_source, answer):
    both = visible()
    canned.on("folders?list", {"data": []})
    canned.on(
        "folders?allVisible",
        lambda seen: answer if seen.params["content_type"] == "mail" else both(seen),
    )
    with pytest.raises(SourceUnavailable):
        canned_source().folders()


def test_contacts_that_are_only_warned_of_never_look_like_none(canned, canned_source):
    both = visible()
    warning = {"data": {}, "error": "careful", "code": "FLD-1", "categories": "WARNING"}
    canned.on(
        "folders?allVisible",
        lambda seen: warning if seen.params["content_type"] == "contacts" else both(seen),
    )
    with pytest.raises(SourceUnavailable):
        canned_source().folders()


TREE = {
    "default0": [INBOX, row("default0/A", "default0", "A", subfolders=True)],
    "default0/A": [row("default0/A/B", "default0/A", "B")],
    "1": [OWN, row("32", "1", "Kalender", "calendar", 1), row("33", "1", "Mine", "contacts", 1, True)],
    "2": [row("6", "2", "Global", "contacts", 5), row("2x", "2", "sub", "system", 5, True)],
    "3": [row("u:4", "3", "Berta", "system", 3, True)],
    "u:4": [row("50", "u:4", "Ihre", "contacts", 3, owner="Berta")],
    "33": [row("34", "33", "Below", "contacts", 1)],
    "2x": [row("61", "2x", "Public", "contacts", 2)],
}


def test_an_ox_that_cannot_list_the_visible_folders_is_walked_level_by_level(canned, canned_source):
    canned.on("folders?allVisible", error("SVL-0001"))
    canned.on("folders?list", lambda seen: {"data": TREE[seen.params["parent"]]})
    source = canned_source()
    found = {folder.id: folder.parent_id for folder in source.folders()}
    assert found == {
        "default0/INBOX": None,
        "default0/A": None,
        "default0/A/B": "default0/A",
        "31": None,
        "33": None,
        "34": "33",
        "50": None,
        "61": None,
        NOTES: None,
    }
    assert source.cost.calls - 3 == 1 + 2 + 2
    canned.calls.clear()
    source.folders()
    assert len(canned.calls) == 4


def test_an_ox_that_names_no_default_folder_is_asked_for_it(canned, canned_source, folders):
    canned.on("config/folder/contacts", {"data": 31})
    found = folders(contacts=(row("30", "1", "A", "contacts", 1), row("31", "1", "B", "contacts", 1)))
    assert [found[each].role for each in ("30", "31")] == [FolderRole.NONE, FolderRole.DEFAULT]
    assert len(canned.calls) == 2
