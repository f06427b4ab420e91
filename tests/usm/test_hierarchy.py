"""The folder hierarchy of a device."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.usm.errors import UnknownSyncKey
from app.usm.model import ChangeKind, ContentType, ExchangeRequest, Folder, UsmSettings
from tests.fakes.source import STANDARD_FOLDERS
from tests.usm.conftest import CONTACTS, World


def test_all_folders_come_with_parents_first(world: World) -> None:
    result = world.session().folders("0")
    numbers = {change.number for change in result.changes}
    assert len(numbers) == len(STANDARD_FOLDERS)
    seen = {0}
    for change in result.changes:
        assert change.kind is ChangeKind.ADD
        assert change.parent in seen
        seen.add(change.number)


def test_an_unchanged_hierarchy_keeps_its_key(world: World) -> None:
    key = world.session().folders("0").key
    again = world.session().folders(key)
    assert (again.key, again.changes) == (key, ())


def test_a_device_that_insists_gets_a_new_hierarchy_key(world: World) -> None:
    world.settings = UsmSettings(force_new_key=True)
    key = world.session().folders("0").key
    assert world.session().folders(key).key != key


def test_new_renamed_and_deleted_folders_arrive(world: World) -> None:
    key = world.session().folders("0").key
    trips = next(folder for folder in world.source.tree if folder.title == "Trips")
    world.source.tree = [
        replace(folder, title="Address book") if folder.id == CONTACTS else folder
        for folder in world.source.tree
        if folder is not trips
    ]
    world.source.tree.append(Folder("55", None, "Friends", ContentType.CONTACTS))
    result = world.session().folders(key)
    assert [change.kind for change in result.changes] == [
        ChangeKind.DELETE,
        ChangeKind.CHANGE,
        ChangeKind.ADD,
    ]
    assert world.session().folders(result.key).changes == ()


def test_a_lost_answer_comes_again(world: World) -> None:
    key = world.session().folders("0").key
    world.source.tree.append(Folder("55", None, "Friends", ContentType.CONTACTS))
    first = world.session().folders(key)
    assert world.session().folders(key) == first
    with pytest.raises(UnknownSyncKey):
        world.session().folders("nonsense")


def test_starting_the_hierarchy_over_keeps_the_states_of_the_folders(world: World) -> None:
    number = world.number(CONTACTS)
    world.source.put(CONTACTS, {"last_name": "Meier"})
    key = world.session().exchange(ExchangeRequest(number, "0")).key
    key = world.session().exchange(ExchangeRequest(number, key)).key
    again = world.session().folders("0")
    assert number in {change.number for change in again.changes}
    assert world.session().exchange(ExchangeRequest(number, key)).changes == ()


def test_a_parent_that_is_not_synchronised_puts_its_children_at_the_top(world: World) -> None:
    world.source.tree = [Folder("8", "7", "Child", ContentType.CONTACTS)]
    (change,) = world.session().folders("0").changes
    assert change.parent == 0


def test_a_hierarchy_never_synchronised_has_no_keys(world: World) -> None:
    with pytest.raises(UnknownSyncKey):
        world.session().folders("0000000000000001-1")
