"""The folders that users choose for their devices."""

from __future__ import annotations

import pytest

from app.usm import choice
from app.usm.devices import Limits
from app.usm.model import ChangeKind, ContentType, Folder, FolderRole, SessionId
from tests.fakes.source import ANTON
from tests.usm.conftest import CONTACTS, World

TRIPS = "default0/INBOX/Trips"
INBOX = "default0/INBOX"
PROJECTS = Folder("default0/Projects", None, "Projects", ContentType.MAIL)
WITHIN = Folder("default0/Projects/One", "default0/Projects", "One", ContentType.MAIL)


def session_id(device: str = "phone1") -> SessionId:
    return SessionId(ANTON.context_id, ANTON.user_id, "EAS", device)


def choose(world: World, *ids: str, device: str = "phone1") -> None:
    choice.for_one(world.store, session_id(device), ids)


def titles(world: World, device: str = "phone1") -> set[str]:
    return {change.folder.title for change in world.session(device).folders("0").changes if change.folder}


def test_a_folder_that_is_left_out_leaves_the_device_and_nothing_else(world: World) -> None:
    item = world.source.put(TRIPS, {"subject": "x"})
    key = world.session().folders("0").key
    number = world.number(TRIPS)
    choose(world, TRIPS)
    result = world.session().folders(key)
    assert [(change.kind, change.number) for change in result.changes] == [(ChangeKind.DELETE, number)]
    assert item in world.source.items[TRIPS]
    assert any(folder.id == TRIPS for folder in world.source.tree)


def test_a_folder_that_comes_again_is_the_same_one(world: World) -> None:
    key = world.session().folders("0").key
    number = world.number(TRIPS)
    choose(world, TRIPS)
    key = world.session().folders(key).key
    choose(world)
    (change,) = world.session().folders(key).changes
    assert (change.kind, change.number) == (ChangeKind.ADD, number)


def test_a_folder_below_one_that_is_left_out_stands_at_the_top(world: World) -> None:
    world.source.tree += [PROJECTS, WITHIN]
    choose(world, PROJECTS.id)
    found = {
        change.folder.title: change.parent for change in world.session().folders("0").changes if change.folder
    }
    assert "Projects" not in found
    assert found["One"] == 0
    whole = {each.folder.title: each.parent for each in world.session().hierarchy() if each.folder}
    assert whole == found


def test_the_default_folders_always_come(world: World) -> None:
    choose(world, INBOX, CONTACTS, TRIPS)
    assert {"INBOX", "Contacts", "Trash"} <= titles(world)
    assert "Trips" not in titles(world)


def test_a_new_folder_comes_though_others_were_left_out(world: World) -> None:
    choose(world, TRIPS)
    world.source.tree.append(PROJECTS)
    assert "Projects" in titles(world)


def test_a_choice_for_all_is_for_those_without_one_of_their_own(world: World) -> None:
    world.source.tree.append(PROJECTS)
    for device in ("phone1", "phone2"):
        world.session(device).folders("0")
        world.session(device).write_fields({"x": "1"})
    choose(world, PROJECTS.id, device="phone2")
    told = choice.for_all(world.store, ANTON.context_id, ANTON.user_id, [TRIPS])
    assert told == [session_id("phone1")]
    assert {"Trips", "Projects"} & titles(world, "phone1") == {"Projects"}
    assert {"Trips", "Projects"} & titles(world, "phone2") == {"Trips"}


def test_a_device_can_go_by_the_choice_for_all_again(world: World) -> None:
    choice.for_all(world.store, ANTON.context_id, ANTON.user_id, [TRIPS])
    choose(world, device="phone1")
    assert "Trips" in titles(world)
    choice.for_one(world.store, session_id(), None)
    assert "Trips" not in titles(world)
    assert choice.OWN not in world.store.fields(session_id())
    choice.for_all(world.store, ANTON.context_id, ANTON.user_id, [])
    assert "Trips" in titles(world)


def test_a_device_that_is_new_has_the_choice_for_all(world: World) -> None:
    choice.for_all(world.store, ANTON.context_id, ANTON.user_id, [TRIPS])
    assert world.session("new").registry.admit({"about": "it"}, "", Limits())
    assert "Trips" not in titles(world, "new")


def test_one_that_was_never_chosen_for_keeps_nothing_of_the_kind(world: World) -> None:
    assert world.session("new").registry.admit({"about": "it"}, "", Limits())
    assert not [name for name in world.store.fields(session_id("new")) if name.startswith(choice.FIELDS)]
    choice.for_one(world.store, session_id("new"), None)
    assert choice.LEFT_OUT not in world.store.fields(session_id("new"))


def test_a_device_is_told_some_times_and_no_more_once_it_has_looked(world: World) -> None:
    key = world.session().folders("0").key
    choose(world, TRIPS)
    session = world.session()
    told = 0
    while (news := choice.hint(session.fields())) is not None:
        session.write_fields(news)
        told += 1
    assert told == choice.HINTS
    choose(world)
    assert choice.hint(world.session().fields()) is not None
    world.session().folders(key)
    assert choice.hint(world.session().fields()) is None
    assert choice.DUE not in world.session().fields()


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "7", "null", '"x"'])
def test_what_cannot_be_read_leaves_nothing_out(text: str) -> None:
    assert choice.left_out({choice.LEFT_OUT: text}) == frozenset()
    assert choice.hint({choice.DUE: text.replace("7", "x")}) is None


def test_only_folders_without_a_role_can_be_left_out() -> None:
    for role in FolderRole:
        folder = Folder("x", None, "x", ContentType.MAIL, role)
        assert choice.is_optional(folder) == (role is FolderRole.NONE)
