"""Which folders a device may have, from an OX that answers unusually (``app.ox.folders``)."""

from __future__ import annotations

import pytest

from app.ox.mapping.folder import COLUMNS
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.errors import FolderGone, ItemConflict, ItemFailed, ItemRefused, SourceUnavailable
from app.usm.model import ContentType, Credentials, Device, Folder, FolderRef, FolderRole
from tests.fakes.clock import ManualClock
from tests.ox.canned import BASE, Reply, capabilities, error

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
def selecting(canned):
    """The source of a user who chooses the folders of devices in OX."""
    settings = OxSettings(BASE, folder_selection=True)
    provider = OxSourceProvider(settings, ManualClock(), canned)
    source = provider.open(Credentials("anton@example.org", "secret"), Device("EAS", "phone1"))
    canned.calls.clear()
    return source


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
    assert source.cost.calls - 4 == 1 + 2 + 2
    canned.calls.clear()
    source.folders()
    assert len(canned.calls) == 4


def test_an_ox_that_names_no_default_folder_is_asked_for_it(canned, canned_source, folders):
    canned.on("config/folder/contacts", {"data": 31})
    found = folders(contacts=(row("30", "1", "A", "contacts", 1), row("31", "1", "B", "contacts", 1)))
    assert [found[each].role for each in ("30", "31")] == [FolderRole.NONE, FolderRole.DEFAULT]
    assert len(canned.calls) == 2


# -- notes ---------------------------------------------------------------------------------------------------


def notes_in(canned, canned_source, *mail):
    canned.on("folders?allVisible", visible(mail=(ROOT, INBOX, *mail)))
    found = canned_source().folders()
    return {folder.id: folder for folder in found if folder.content is ContentType.NOTES}, {
        folder.id for folder in found if folder.content is ContentType.MAIL
    }


def test_notes_have_a_folder_before_ox_has_it(canned, canned_source):
    notes, mail = notes_in(canned, canned_source)
    assert notes == {NOTES: Folder(NOTES, None, "Notes", ContentType.NOTES, FolderRole.DEFAULT)}
    assert mail == {"default0/INBOX"}


def test_notes_stand_beside_the_folders_of_sent_messages(canned, canned_source):
    sent = row("default0/INBOX/Sent", "default0/INBOX", "Sent", standard=10)
    assert set(notes_in(canned, canned_source, sent)[0]) == {"default0/INBOX/Notes"}


def test_a_folder_of_notes_that_is_there_is_taken_with_those_below(canned, canned_source):
    notes, mail = notes_in(
        canned,
        canned_source,
        row("default0/notes", "default0", "notes", subfolders=True),
        row("default0/notes/Work", "default0/notes", "Work"),
        row("default0/INBOX/Notes", "default0/INBOX", "Notes"),
        row("default0/Notes2", "default0", "Notes2"),
    )
    assert {folder.id: (folder.parent_id, folder.role) for folder in notes.values()} == {
        "default0/notes": (None, FolderRole.DEFAULT),
        "default0/notes/Work": ("default0/notes", FolderRole.NONE),
    }
    assert mail == {"default0/INBOX", "default0/INBOX/Notes", "default0/Notes2"}


# -- folders that users chose --------------------------------------------------------------------------------

CHOSEN = {
    "0": [],
    "1": [
        row("default0/INBOX", "1", "INBOX", standard=7),
        row("default0/Sent", "1", "Sent", standard=10),
        row("31", "1", "Kontakte", "contacts", 1, standard=3),
        row("6", "1", "Globales Adressbuch", "contacts", 5, rights=READER, subfolders=True),
    ],
    "6": [],
}


def test_the_choice_of_the_user_is_all_there_is(canned, selecting):
    canned.on("folders?list", lambda seen: {"data": CHOSEN[seen.params["parent"]]})
    found = {folder.id: folder for folder in selecting.folders()}
    assert set(found) == {"default0/INBOX", "default0/Sent", "31", "6"}
    assert not found["6"].writable
    assert found["default0/INBOX"].role is FolderRole.INBOX
    assert {call["tree"] for seen in canned.calls for call in seen.json} == {"20"}


def test_notes_are_there_if_they_were_chosen(canned, selecting):
    chosen = {**CHOSEN, "1": [*CHOSEN["1"], row(NOTES, "1", "Notes")]}
    canned.on("folders?list", lambda seen: {"data": chosen[seen.params["parent"]]})
    assert {folder.id for folder in selecting.folders() if folder.content is ContentType.NOTES} == {NOTES}


def test_a_choice_without_inbox_is_no_answer(canned, selecting):
    canned.on("folders?list", {"data": []})
    with pytest.raises(SourceUnavailable):
        selecting.folders()


def test_a_new_folder_is_among_the_chosen_ones(canned, selecting):
    canned.on("folders?new", {"data": "90"})
    canned.on("folders?path", {"data": [row("90", "1", "New", "tasks", 1)]})
    selecting.create_folder(None, "New", ContentType.TASKS)
    assert canned.made("folders?new")[0].params["tree"] == "20"
    assert canned.made("folders?path")[0].params["tree"] == "0"


# -- writing -------------------------------------------------------------------------------------------------

WORK = FolderRef(5, "default0/Work", ContentType.MAIL)


def test_a_new_folder_of_mail_stands_beside_the_others(canned, canned_source):
    sent = row("default0/INBOX/Sent", "default0/INBOX", "Sent", standard=10)
    canned.on("folders?allVisible", visible(mail=(ROOT, INBOX, sent)))
    canned.on("folders?new", {"data": "default0/INBOX/Work"})
    canned.on("folders?path", {"data": [row("default0/INBOX/Work", "default0/INBOX", "Work")]})
    made = canned_source().create_folder(None, "Work", ContentType.MAIL)
    assert made == Folder("default0/INBOX/Work", None, "Work", ContentType.MAIL)
    new = canned.made("folders?new")[0]
    assert new.params["folder_id"] == "default0/INBOX"
    assert (new.json["title"], new.json["module"]) == ("Work", "mail")


@pytest.mark.parametrize(
    ("answer", "there", "raised"),
    [
        (error("FLD-1014", "CONFLICT"), [], ItemConflict),
        (error("IMAP-2018", "ERROR"), [row("default0/A", "default0", "WORK")], ItemConflict),
        (error("IMAP-2018", "ERROR"), [], ItemFailed),
        (error("FLD-1029", "PERMISSION_DENIED"), [], ItemRefused),
        (error("FLD-0003", "PERMISSION_DENIED"), [], FolderGone),
        ({"data": None}, [], SourceUnavailable),
    ],
)
def test_what_ox_says_to_a_new_folder(canned, canned_source, answer, there, raised):
    canned.on("folders?new", answer)
    canned.on("folders?list", {"data": there})
    with pytest.raises(raised):
        canned_source().create_folder(WORK, "Work", ContentType.MAIL)


def test_a_folder_of_what_the_user_may_not_use_is_refused(canned, canned_source):
    source = canned_source()
    for content in (ContentType.CALENDAR, ContentType.NOTES):
        with pytest.raises(ItemRefused):
            source.create_folder(None, "New", content)
    notes = FolderRef(9, NOTES, ContentType.NOTES)
    with pytest.raises(ItemRefused):
        source.change_folder(notes, None, "Other")
    with pytest.raises(ItemRefused):
        source.delete_folder(notes)
    assert not canned.calls


def test_the_name_of_the_folder_of_notes_is_taken(canned, canned_source):
    source = canned_source()
    with pytest.raises(ItemConflict):
        source.create_folder(None, "notes", ContentType.MAIL)
    with pytest.raises(ItemConflict):
        source.change_folder(WORK, None, "Notes")
    assert not canned.calls


def test_a_folder_is_changed_where_it_differs(canned, canned_source):
    above = row("default0", "1", "E-Mail")
    names = iter([row("default0/Work", "default0", "Work"), row("default0/Old", "default0", "Old")])
    canned.on("folders?path", lambda seen: {"data": [next(names), above]})
    canned.on("folders?update", {"data": "default0/Old"})
    assert canned_source().change_folder(WORK, None, "Old").id == "default0/Old"
    assert canned.made("folders?update")[0].json == {"title": "Old"}


def test_a_folder_that_is_so_already_is_left_alone(canned, canned_source):
    hidden = row("u:4", "3", "Berta", "system", 5)
    shared = row("50", "u:4", "Ihre", "contacts", 3, owner="Berta")
    canned.on("folders?path", {"data": [shared, hidden]})
    ref = FolderRef(7, "50", ContentType.CONTACTS)
    assert canned_source().change_folder(ref, None, "Ihre (Berta)").title == "Ihre (Berta)"
    assert not canned.made("folders?update")


def test_the_owners_name_is_not_written_into_a_title(canned, canned_source):
    shared = row("50", "u:4", "Ihre", "contacts", 3, owner="Berta")
    canned.on("folders?path", {"data": [shared, row("u:4", "3", "Berta", "system", 5)]})
    canned.on("folders?update", {"data": "50"})
    canned_source().change_folder(FolderRef(7, "50", ContentType.CONTACTS), None, "Unsere (Berta)")
    assert canned.made("folders?update")[0].json == {"title": "Unsere"}


def test_a_folder_is_moved_to_the_top_or_below_another(canned, canned_source):
    above = row("33", "1", "Mine", "contacts", 1)
    canned.on("folders?path", {"data": [row("34", "33", "Below", "contacts", 1), above]})
    canned.on("folders?update", {"data": "34"})
    source, ref = canned_source(), FolderRef(7, "34", ContentType.CONTACTS)
    source.change_folder(ref, None, "Below")
    source.change_folder(ref, FolderRef(8, "35", ContentType.CONTACTS), "Below")
    assert [seen.json for seen in canned.made("folders?update")] == [{"folder_id": "1"}, {"folder_id": "35"}]


def test_a_folder_that_is_gone_is_told_as_such(canned, canned_source):
    canned.on("folders?path", {"data": []})
    with pytest.raises(FolderGone):
        canned_source().change_folder(WORK, None, "Old")
    canned.on("folders?delete", error("FLD-0008"))
    with pytest.raises(FolderGone):
        canned_source().delete_folder(WORK)


def test_a_folder_that_ox_does_not_delete_is_told_as_such(canned, canned_source):
    canned.on("folders?delete", {"data": ["default0/Work"]})
    with pytest.raises(ItemFailed):
        canned_source().delete_folder(WORK)


def test_validity_tells_a_folder_unless_all_have_the_same(canned, canned_source):
    validities = {"default0/INBOX": "1", "default0/Work": "7", "default0/Same": "1"}

    def answer(seen):
        validity = validities.get(seen.params["folder"])
        return {"data": {"validity": validity}} if validity else error("IMAP-1002")

    canned.on("mail?examine", answer)
    refs = [FolderRef(0, folder, ContentType.MAIL) for folder in (*validities, "default0/Gone")]
    source = canned_source()
    assert source.identities([*refs, FolderRef(0, "31", ContentType.CONTACTS)]) == {"default0/Work": "7"}
    assert len(canned.calls) == 1
    assert source.identities([FolderRef(0, "31", ContentType.CONTACTS)]) == {}


def test_old_servers_name_owners_by_the_node_above(canned, canned_source):
    def short(*values, **more):
        return row(*values, **more)[:-1]

    def answer(seen):
        if seen.params["content_type"] == "contacts":
            shared = [short("50", "u:4", "Ihre", "contacts", 3), short("51", "50", "Below", "contacts", 3)]
            return {"data": {"shared": [*shared, short("52", "u:9", "Other", "contacts", 3)]}}
        return {"data": {"private": [short("default0/INBOX", "default0", "INBOX", standard=7)]}}

    canned.on("capabilities?all", Reply(status=404))
    leaves = {name: {"module": True} for name in ("mail", "contacts")}
    canned.on("config/modules", {"data": {**leaves, "usm": {"module": True, "eas": True}}})
    canned.on("folders?allVisible", answer)
    canned.on("folders?list", {"data": [short("u:4", "3", "Berta", "system", 5)]})
    found = {folder.id: folder.title for folder in canned_source().folders()}
    assert (found["50"], found["51"], found["52"]) == ("Ihre (Berta)", "Below (Berta)", "Other")
