"""Folders that a device makes, changes and deletes, each once; and those that somebody else renames."""

from __future__ import annotations

import json

import pytest

from app.usm import renames
from app.usm.errors import (
    FolderGone,
    ItemConflict,
    ItemFailed,
    ItemRefused,
    SourceUnavailable,
    StoreUnavailable,
    UnknownSyncKey,
)
from app.usm.model import HIERARCHY, ChangeKind, ContentType, ExchangeRequest, FolderRef, FolderRole
from tests.usm.conftest import CONTACTS, INBOX, World

MAIL = ContentType.MAIL
TRIPS = "default0/INBOX/Trips"
OLD, NEW = "default0/Old", "default0/New"


class Crash(BaseException):
    """The process is killed."""


@pytest.fixture
def key(world: World) -> str:
    return world.session().folders("0").key


def made(world: World, name: str) -> int:
    """How often the source was asked."""
    return world.source.calls.count(name)


def titles(world: World) -> list[str]:
    return sorted(folder.title for folder in world.source.tree)


def dies(world: World, when: str, at: str) -> None:
    """Kill the process at that call of the store or source, once."""

    def kill(name: str) -> None:
        if name == at:
            setattr(world.store if when == "store" else world.source, hook, lambda name: None)
            raise Crash

    hook = "before" if when in ("store", "before") else "after"
    setattr(world.store if when == "store" else world.source, hook, kill)


# -- making --------------------------------------------------------------------------------------------------


def test_a_new_folder_has_a_number_and_is_not_told_of_again(world: World, key: str) -> None:
    written = world.session().create_folder(key, 0, "Projects", MAIL)
    assert written.key != key
    assert world.session().folder(written.number).id == "default0/Projects"
    assert world.session().folders(written.key).changes == ()


def test_a_folder_below_another(world: World, key: str) -> None:
    inbox = world.number(INBOX)
    written = world.session().create_folder(key, inbox, "Sub", MAIL)
    assert world.source.tree[-1].parent_id == INBOX
    assert world.session().folders(written.key).changes == ()


def test_what_others_did_meanwhile_is_still_told(world: World, key: str) -> None:
    world.source.create_folder(None, "Theirs", MAIL)
    written = world.session().create_folder(key, 0, "Mine", MAIL)
    told = world.session().folders(written.key).changes
    assert [(change.kind, change.folder.title) for change in told if change.folder] == [
        (ChangeKind.ADD, "Theirs")
    ]


def test_a_title_that_the_source_alters_is_told(world: World, key: str) -> None:
    written = world.session().create_folder(key, 0, "Projects", MAIL)
    world.source.rename("default0/Projects", None, "PROJECTS")
    change = world.session().folders(written.key).changes[-1]
    assert change.folder is not None
    assert change.folder.title == "PROJECTS"


def test_a_lost_answer_is_given_again_and_nothing_is_made_twice(world: World, key: str) -> None:
    first = world.session().create_folder(key, 0, "Projects", MAIL)
    assert world.session().create_folder(key, 0, "Projects", MAIL) == first
    assert made(world, "create_folder") == 1


def test_another_wish_with_the_old_key_is_another_folder(world: World, key: str) -> None:
    world.session().create_folder(key, 0, "One", MAIL)
    second = world.session().create_folder(key, 0, "Two", MAIL)
    assert made(world, "create_folder") == 2
    told = world.session().folders(second.key).changes
    assert [change.folder.title for change in told if change.folder] == ["One"]


@pytest.mark.parametrize(
    ("when", "at"), [("before", "create_folder"), ("after", "create_folder"), ("store", "save")]
)
def test_a_folder_is_made_once_whenever_the_process_dies(world: World, key: str, when: str, at: str) -> None:
    dies(world, when, at)
    with pytest.raises(Crash):
        world.session().create_folder(key, 0, "Projects", MAIL)
    written = world.session().create_folder(key, 0, "Projects", MAIL)
    assert titles(world).count("Projects") == 1
    assert world.session().folder(written.number).id == "default0/Projects"
    assert world.session().folders(written.key).changes == ()


def test_a_name_that_is_taken_stays_taken_when_asked_again(world: World, key: str) -> None:
    world.source.create_folder(None, "Theirs", MAIL)
    for _ in range(2):
        with pytest.raises(ItemConflict):
            world.session().create_folder(key, 0, "Theirs", MAIL)


def test_a_folder_in_the_place_of_one_that_is_gone_is_another_one(world: World, key: str) -> None:
    inbox, trips = world.number(INBOX), world.number(TRIPS)
    world.source.remove(TRIPS)
    written = world.session().create_folder(key, inbox, "Trips", MAIL)
    assert written.number != trips
    assert kinds(world, written.key) == [(ChangeKind.DELETE, trips)]


def test_a_source_that_fails_lets_the_device_try_again(world: World, key: str) -> None:
    for error in (SourceUnavailable("away"), ItemFailed("broken"), StoreUnavailable("away")):

        def fail(name: str, error: Exception = error) -> None:
            if name == "create_folder":
                raise error

        world.source.before = fail
        with pytest.raises(type(error)):
            world.session().create_folder(key, 0, "Projects", MAIL)
    world.source.before = lambda name: None
    world.session().create_folder(key, 0, "Projects", MAIL)
    assert titles(world).count("Projects") == 1


def test_a_parent_that_the_device_does_not_have(world: World, key: str) -> None:
    with pytest.raises(FolderGone):
        world.session().create_folder(key, 999, "Projects", MAIL)
    assert made(world, "create_folder") == 0


@pytest.mark.parametrize("wrong", ["0", "nonsense", "0000-9"])
def test_a_key_that_is_none(world: World, key: str, wrong: str) -> None:
    session = world.session()
    for act in (
        lambda: session.create_folder(wrong, 0, "P", MAIL),
        lambda: session.change_folder(wrong, 1, 0, "P"),
        lambda: session.delete_folder(wrong, 1),
    ):
        with pytest.raises(UnknownSyncKey):
            act()


def test_a_hierarchy_that_was_never_asked_for(world: World) -> None:
    with pytest.raises(UnknownSyncKey):
        world.session().create_folder("0", 0, "P", MAIL)
    assert not world.session().holds_folder(1)


# -- changing ------------------------------------------------------------------------------------------------


def begun(world: World, folder: str) -> tuple[int, str]:
    """The folder's number and its key after the first items."""
    number = world.number(folder)
    world.source.put(folder, {"subject": "x"})
    first = world.session().exchange(ExchangeRequest(number, "0"))
    result = world.session().exchange(ExchangeRequest(number, first.key))
    assert len(result.changes) == 1
    return number, result.key


def test_a_renamed_folder_keeps_its_number_and_its_items(world: World, key: str) -> None:
    number, items_key = begun(world, TRIPS)
    written = world.session().change_folder(key, number, world.number(INBOX), "Journeys")
    assert written.number == number
    assert world.session().folder(number).id == "default0/INBOX/Journeys"
    assert world.session().folders(written.key).changes == ()
    assert world.session().exchange(ExchangeRequest(number, items_key)).changes == ()


def test_folders_below_a_moved_one_keep_their_numbers(world: World, key: str) -> None:
    trips = world.number(TRIPS)
    child = world.session().create_folder(key, trips, "2024", MAIL)
    written = world.session().change_folder(child.key, trips, 0, "Old")
    assert world.session().folder(trips).id == OLD
    assert world.session().folder(child.number).id == f"{OLD}/2024"
    assert world.session().folders(written.key).changes == ()


def test_a_repeated_change_is_answered_as_before(world: World, key: str) -> None:
    trips = world.number(TRIPS)
    first = world.session().change_folder(key, trips, 0, "Old")
    assert world.session().change_folder(key, trips, 0, "Old") == first
    assert made(world, "change_folder") == 1


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ("before", "change_folder"),
        ("after", "change_folder"),
        ("store", "rename_folder"),
        ("store", "save"),
    ],
)
def test_a_change_is_done_once_whenever_the_process_dies(world: World, key: str, when: str, at: str) -> None:
    number, items_key = begun(world, TRIPS)
    dies(world, when, at)
    with pytest.raises(Crash):
        world.session().change_folder(key, number, 0, "Old")
    written = world.session().change_folder(key, number, 0, "Old")
    assert world.session().folder(number).id == OLD
    assert world.session().folders(written.key).changes == ()
    assert world.session().exchange(ExchangeRequest(number, items_key)).changes == ()


def test_a_folder_without_another_id_is_only_called_otherwise(world: World, key: str) -> None:
    world.source.tree.append(
        world.source.create_folder(None, "Friends", ContentType.CONTACTS),
    )
    world.source.tree.pop()
    told = world.session().folders(key)
    number = told.changes[0].number
    written = world.session().change_folder(told.key, number, 0, "Foes")
    assert world.session().folders(written.key).changes == ()
    assert "Foes" in titles(world)


def test_special_folders_stay_what_they_are(world: World, key: str) -> None:
    for folder in (INBOX, CONTACTS):
        number = world.number(folder)
        with pytest.raises(ItemRefused):
            world.session().change_folder(key, number, 0, "Mine")
        with pytest.raises(ItemRefused):
            world.session().delete_folder(key, number)
    assert {FolderRole.INBOX, FolderRole.DEFAULT} <= {folder.role for folder in world.source.tree}


def test_a_folder_cannot_be_put_into_itself(world: World, key: str) -> None:
    trips = world.number(TRIPS)
    child = world.session().create_folder(key, trips, "2024", MAIL)
    for parent in (trips, child.number):
        with pytest.raises(ItemRefused):
            world.session().change_folder(child.key, trips, parent, "Trips")


def test_a_folder_that_the_device_does_not_have_is_not_changed(world: World, key: str) -> None:
    with pytest.raises(FolderGone):
        world.session().change_folder(key, 999, 0, "P")
    with pytest.raises(FolderGone):
        world.session().change_folder(key, world.number(TRIPS), 999, "P")
    world.source.remove(TRIPS)
    with pytest.raises(FolderGone):
        world.session().change_folder(key, world.number(TRIPS), 0, "P")


# -- deleting ------------------------------------------------------------------------------------------------


def test_a_deleted_folder_goes_with_those_below(world: World, key: str) -> None:
    trips = world.number(TRIPS)
    child = world.session().create_folder(key, trips, "2024", MAIL)
    written = world.session().delete_folder(child.key, trips)
    assert not {"Trips", "2024"} & set(titles(world))
    assert not world.session().holds_folder(trips)
    assert not world.session().holds_folder(child.number)
    assert world.session().folders(written.key).changes == ()
    assert world.session().delete_folder(child.key, trips) == written


@pytest.mark.parametrize(
    ("when", "at"), [("before", "delete_folder"), ("after", "delete_folder"), ("store", "save")]
)
def test_a_folder_is_deleted_once_whenever_the_process_dies(
    world: World, key: str, when: str, at: str
) -> None:
    trips = world.number(TRIPS)
    dies(world, when, at)
    with pytest.raises(Crash):
        world.session().delete_folder(key, trips)
    written = world.session().delete_folder(key, trips)
    assert "Trips" not in titles(world)
    assert world.session().folders(written.key).changes == ()


def test_a_folder_that_somebody_else_deleted_is_deleted(world: World, key: str) -> None:
    trips = world.number(TRIPS)
    world.source.remove(TRIPS)
    written = world.session().delete_folder(key, trips)
    assert world.session().folders(written.key).changes == ()
    with pytest.raises(FolderGone):
        world.session().delete_folder(written.key, trips)


# -- what others rename --------------------------------------------------------------------------------------


def kinds(world: World, key: str) -> list[tuple[ChangeKind, int]]:
    return [(change.kind, change.number) for change in world.session().folders(key).changes]


def test_a_folder_that_others_rename_keeps_its_number_if_its_identity_tells(world: World, key: str) -> None:
    world.source.known_as[TRIPS] = "4711"
    number, items_key = begun(world, TRIPS)
    renamed = world.source.rename(TRIPS, None, "Old")
    world.source.known_as = {renamed: "4711"}
    assert kinds(world, key) == [(ChangeKind.CHANGE, number)]
    assert world.session().folder(number).id == OLD
    assert world.session().exchange(ExchangeRequest(number, items_key)).changes == ()


def test_a_folder_keeps_its_number_if_the_source_says_what_it_was(world: World, key: str) -> None:
    number, _ = begun(world, TRIPS)
    world.source.tells_was = True
    world.source.rename(TRIPS, None, "Old")
    assert kinds(world, key) == [(ChangeKind.CHANGE, number)]


def test_a_folder_that_nobody_can_tell_is_another_one(world: World, key: str) -> None:
    begun(world, TRIPS)
    world.source.rename(TRIPS, None, "Old")
    assert [kind for kind, _ in kinds(world, key)] == [ChangeKind.DELETE, ChangeKind.ADD]


@pytest.mark.parametrize("identities", [{OLD: "1"}, {OLD: "4711", NEW: "4711"}, {}])
def test_only_one_that_fits_alone_is_the_same(world: World, key: str, identities: dict[str, str]) -> None:
    world.source.known_as[TRIPS] = "4711"
    number, _ = begun(world, TRIPS)
    world.source.rename(TRIPS, None, "Old")
    world.source.create_folder(None, "New", MAIL)
    world.source.known_as = identities
    told = kinds(world, key)
    assert (ChangeKind.DELETE, number) in told
    assert len(told) == 3


def test_folders_below_a_renamed_one_follow_it(world: World, key: str) -> None:
    child = world.session().create_folder(key, world.number(TRIPS), "2024", MAIL)
    world.source.known_as[TRIPS] = "4711"
    number, _ = begun(world, TRIPS)
    world.source.rename(TRIPS, None, "Old")
    world.source.known_as = {OLD: "4711"}
    assert sorted(kinds(world, child.key), key=str) == [(ChangeKind.CHANGE, number)]
    assert world.session().folder(child.number).id == f"{OLD}/2024"


def test_a_folder_below_that_went_elsewhere_does_not_follow(world: World, key: str) -> None:
    child = world.session().create_folder(key, world.number(TRIPS), "2024", MAIL)
    world.source.known_as[TRIPS] = "4711"
    number, _ = begun(world, TRIPS)
    world.source.rename(f"{TRIPS}/2024", None, "Elsewhere")
    world.source.rename(TRIPS, None, "Old")
    world.source.known_as = {OLD: "4711"}
    told = kinds(world, child.key)
    assert (ChangeKind.CHANGE, number) in told
    assert (ChangeKind.DELETE, child.number) in told


def test_a_neighbour_whose_name_begins_alike_does_not_follow() -> None:
    told: dict[int, str] = {}

    class Store:
        def rename_folder(self, session: object, number: int, folder_id: str) -> None:
            told[number] = folder_id

    gone = [FolderRef(1, "A/Trips", MAIL), FolderRef(2, "A/Trips24", MAIL), FolderRef(3, "A/Trips/24", MAIL)]
    there = {"A/Old", "A/Old24", "A/Old/24"}
    renames.carry_over(None, Store(), gone[0], "A/Old", gone, there)  # type: ignore[arg-type]
    assert told == {1: "A/Old", 3: "A/Old/24"}


def test_identities_are_asked_for_only_when_a_known_folder_is_gone(world: World, key: str) -> None:
    begun(world, TRIPS)
    world.source.calls.clear()
    world.session().folders(key)
    world.source.create_folder(None, "New", MAIL)
    world.session().folders(key)
    assert "identities" not in world.source.calls


def test_a_source_that_cannot_tell_an_identity_now_is_no_fault(world: World, key: str) -> None:
    def fail(name: str) -> None:
        if name == "identities":
            raise SourceUnavailable("away")

    world.source.before = fail
    begun(world, TRIPS)


def test_the_record_of_the_hierarchy_can_be_read(world: World, key: str) -> None:
    session = world.session()
    session.create_folder(key, 0, "Projects", MAIL)
    heads = world.store.heads(session.id, HIERARCHY)
    assert heads is not None
    assert next(iter(json.loads(heads.newest.record)["entries"])).startswith("create:mail:")
