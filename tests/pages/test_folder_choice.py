"""Folders that users choose on the pages, and app passwords."""

from __future__ import annotations

import itertools
import re

from app.main import SystemClock, ox_settings
from app.ox.sessions import OxSourceProvider
from app.pages import folder_pages, phones
from app.store.app_passwords import AppPasswords
from app.usm import choice
from app.usm.model import ContentType, Credentials, Device, Folder, FolderRole, SessionId
from tests.pages.conftest import CONTEXT, PASSWORD, USERS, Office, Person

MAIL = ContentType.MAIL

_numbers = itertools.count(1)


def optional(person: Person) -> list[str]:
    """The ids of the folders that can be left out."""
    return re.findall(r'name="shown" value="([^"]*)"', person.page)


def ticked(person: Person) -> list[str]:
    return re.findall(r'name="folder" value="([^"]*)" checked', person.page)


def a_folder(office: Office) -> str:
    """Makes one that can be left out; its id."""
    provider = OxSourceProvider(ox_settings(office.settings), SystemClock())
    try:
        source = provider.open(Credentials("anton@example.org", PASSWORD), Device("EAS", "maker"))
        return source.create_folder(None, f"Projects {next(_numbers)}", MAIL).id
    finally:
        provider.close()


def left_out(office: Office, session: SessionId) -> set[str]:
    return set(choice.left_out(office.store.fields(session)))


def test_folders_are_chosen_for_all_devices_those_to_come_included(office: Office, anton: Person) -> None:
    phone = office.device("anton", "phone1")
    made = a_folder(office)
    anton.get("/usm/folders")
    assert "INBOX" in anton.seen
    assert "Always there" in anton.seen
    assert made in ticked(anton)
    keep = [each for each in ticked(anton) if each != made]
    anton.follow(anton.post("/usm/folders", {"shown": optional(anton), "folder": keep}))
    assert "Your choice is kept." in anton.seen
    assert made not in ticked(anton)
    assert left_out(office, phone) == {made}
    assert choice.DUE in office.store.fields(phone)
    assert office.rows("SELECT count(*) FROM USMSession WHERE decided IS NOT NULL") == [(1,)], (
        "who waits is summoned"
    )
    assert set(choice.inherited(office.store, phone)) == {choice.LEFT_OUT}


def test_a_device_can_have_a_choice_of_its_own(office: Office, anton: Person) -> None:
    phone, tablet = office.device("anton", "phone1"), office.device("anton", "tablet")
    made = a_folder(office)
    page = f"/usm/phones/{phones.name_of(phone)}/folders"
    anton.get(page)
    anton.follow(anton.post(page, {"shown": [made], "folder": []}))
    assert "has a choice of its own" in anton.seen
    assert (left_out(office, phone), left_out(office, tablet)) == ({made}, set())
    anton.get("/usm/folders")
    assert "These have a choice of their own:" in anton.seen
    anton.get(page)
    anton.follow(anton.post(page, {"like": "all"}))
    assert left_out(office, phone) == set()
    assert "gets the same as all" in anton.seen


def test_what_the_form_has_not_shown_stays_as_it_was(office: Office, anton: Person) -> None:
    phone = office.device("anton", "phone1")
    choice.for_all(office.store, CONTEXT, USERS["anton"], ["away for now"])
    anton.get("/usm/folders")
    anton.post("/usm/folders", {"shown": ["x"], "folder": ["x", "never shown"]})
    assert left_out(office, phone) == {"away for now"}


def test_the_folders_of_others_are_theirs(office: Office, anton: Person) -> None:
    hers = office.device("berta", "hers")
    anton.get("/usm/folders")
    anton.post("/usm/folders", {"shown": ["x"], "folder": []})
    assert choice.LEFT_OUT not in office.store.fields(hers)


def test_once_ox_has_ended_its_session_one_signs_in_again(office: Office, anton: Person) -> None:
    office.ox.control("POST", "session/expire", {}, login="anton@example.org")
    assert anton.get("/usm/folders").headers["location"] == "/usm/sign-in?ended"
    assert office.rows("SELECT * FROM usmPageSession") == []


def test_folders_are_listed_below_their_parents_and_by_kind() -> None:
    folders = [
        Folder("b", None, "beta", MAIL),
        Folder("a", None, "Alpha", MAIL),
        Folder("a/1", "a", "One", MAIL),
        Folder("lost", "not there", "Lost", MAIL),
        Folder("in", None, "INBOX", MAIL, FolderRole.INBOX),
        Folder("k", None, "Contacts", ContentType.CONTACTS, FolderRole.DEFAULT),
    ]
    groups = folder_pages.entries(folders, {"a/1", "in"})
    assert [name for name, _ in groups] == ["Mail", "Contacts"]
    mail = [(entry.folder.id, entry.depth, entry.is_optional, entry.is_wanted) for entry in groups[0][1]]
    assert mail == [
        ("in", 0, False, True),
        ("a", 0, True, True),
        ("a/1", 1, True, False),
        ("b", 0, True, True),
        ("lost", 0, True, True),
    ]


# --- app passwords


def test_an_app_password_is_shown_once_and_works(office: Office, anton: Person) -> None:
    anton.get("/usm/app-passwords")
    assert "You have none." in anton.seen
    result = anton.post("/usm/app-passwords", {"label": "<b>My phone</b>", "password": PASSWORD})
    assert result.headers["location"] == "/usm/app-passwords"
    anton.follow(result)
    made = re.findall(r'<code class="secret" tabindex="0">(usm1-[a-z2-7-]+)</code>', anton.page)
    assert len(made) == 1
    assert "&lt;b&gt;My phone&lt;/b&gt;" in anton.page
    anton.get("/usm/app-passwords")
    assert made[0] not in anton.page
    assert "My phone" in anton.seen
    assert "Never used" in anton.seen
    kept = repr(office.rows("SELECT * FROM usmAppPassword") + office.rows("SELECT * FROM usmPageSession"))
    assert made[0] not in kept
    keys = AppPasswords(office.databases, SystemClock())
    assert keys.resolve(Credentials("anton@example.org", made[0])).password == PASSWORD


def test_none_is_made_without_the_password_or_a_name(office: Office, anton: Person) -> None:
    anton.get("/usm/app-passwords")
    assert anton.post("/usm/app-passwords", {"label": "x", "password": "Zq7 wrong"}).status_code == 403
    assert "The name or the password is wrong." in anton.seen
    assert anton.post("/usm/app-passwords", {"label": " ", "password": PASSWORD}).status_code == 403
    assert "which device" in anton.seen
    assert anton.post("/usm/app-passwords", {"label": "x" * 129, "password": PASSWORD}).status_code == 400
    assert office.rows("SELECT * FROM usmAppPassword") == []


def test_one_takes_back_ones_own_and_nobody_elses(office: Office, anton: Person) -> None:
    berta = Person(office)
    berta.sign_in("berta@example.org")
    for person, label in ((anton, "Antons"), (berta, "Bertas")):
        person.get("/usm/app-passwords")
        person.follow(person.post("/usm/app-passwords", {"label": label, "password": PASSWORD}))
    ids = {row[0]: row[1] for row in office.rows("SELECT label, id FROM usmAppPassword")}
    anton.follow(anton.post(f"/usm/app-passwords/{ids['Bertas']}/revoke"))
    assert "There is no such app password any more." in anton.seen
    anton.follow(anton.post(f"/usm/app-passwords/{ids['Antons']}/revoke"))
    assert "The app password for Antons is taken back." in anton.seen
    assert office.rows("SELECT label FROM usmAppPassword") == [("Bertas",)]
