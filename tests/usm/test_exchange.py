"""What one round of synchronisation does to the device and to the source."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.usm.errors import FolderGone, ItemFailed, ItemUnreadable, SourceUnavailable, UnknownSyncKey
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ConflictRule,
    ExchangeRequest,
    ExchangeResult,
    Item,
    Outcome,
    UsmSettings,
)
from tests.usm.conftest import CONTACTS, INBOX, World


class Crash(Exception):
    """The process dies here."""


def ask(world: World, folder: str, key: str, *changes: ClientChange, **options: object) -> ExchangeResult:
    request = ExchangeRequest(world.number(folder), key, tuple(changes), **options)  # type: ignore[arg-type]
    session = world.session()
    if not changes and key != "0":
        session.glance([request.folder])
    return session.exchange(request)


def start(world: World, folder: str = CONTACTS) -> str:
    return ask(world, folder, "0").key


def add(client_id: str, **fields: object) -> ClientChange:
    return ClientChange(ChangeKind.ADD, client_id=client_id, fields=fields)


def change(item_id: str, **fields: object) -> ClientChange:
    return ClientChange(ChangeKind.CHANGE, item_id=item_id, fields=fields)


def delete(item_id: str) -> ClientChange:
    return ClientChange(ChangeKind.DELETE, item_id=item_id)


def kinds(result: ExchangeResult) -> list[tuple[ChangeKind, str]]:
    return [(entry.kind, entry.item_id) for entry in result.changes]


def test_key_zero_starts_without_data(world: World) -> None:
    world.source.put(CONTACTS, {"last_name": "Meier"})
    result = ask(world, CONTACTS, "0")
    assert result.changes == ()
    assert result.key != "0"


def test_everything_arrives_once_and_in_windows(world: World) -> None:
    made = {world.source.put(CONTACTS, {"last_name": f"n{count}"}) for count in range(7)}
    key, seen = start(world), []
    more = True
    while more:
        result = ask(world, CONTACTS, key, window=3)
        key, more = result.key, result.more
        seen += [entry.item_id for entry in result.changes]
    assert sorted(seen) == sorted(made)
    assert ask(world, CONTACTS, key).changes == ()


def test_nothing_new_keeps_the_key_and_costs_one_look(world: World) -> None:
    world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.calls.clear()
    assert ask(world, CONTACTS, key).key == key
    assert world.source.calls == ["listing"]


def test_an_answer_that_says_something_has_a_new_key(world: World) -> None:
    key = start(world)
    result = ask(world, CONTACTS, key, new_key=True)
    assert result.key != key
    assert ask(world, CONTACTS, key, new_key=True).key == result.key


def test_a_device_that_insists_gets_a_new_key(world: World) -> None:
    world.settings = UsmSettings(force_new_key=True)
    key = start(world)
    assert ask(world, CONTACTS, key).key != key


def test_changes_and_deletions_of_the_source_arrive(world: World) -> None:
    first = world.source.put(CONTACTS, {"last_name": "Meier"})
    second = world.source.put(CONTACTS, {"last_name": "Schmidt"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.touch(CONTACTS, first, {"last_name": "Maier"})
    world.source.drop(CONTACTS, second)
    result = ask(world, CONTACTS, key)
    assert kinds(result) == [(ChangeKind.DELETE, second), (ChangeKind.CHANGE, first)]
    assert result.changes[1].payload.fields == {"last_name": "Maier"}


def test_an_unknown_key_is_refused(world: World) -> None:
    start(world)
    with pytest.raises(UnknownSyncKey):
        ask(world, CONTACTS, "feedface-7")


def test_a_key_two_answers_old_is_refused(world: World) -> None:
    keys = [start(world)]
    for name in "ab":
        world.source.put(CONTACTS, {"last_name": name})
        keys.append(ask(world, CONTACTS, keys[-1]).key)
    with pytest.raises(UnknownSyncKey):
        ask(world, CONTACTS, keys[0])


def test_an_unknown_folder_is_gone(world: World) -> None:
    with pytest.raises(FolderGone):
        world.session().exchange(ExchangeRequest(999, "0"))


def test_what_the_device_adds_is_created_and_not_echoed(world: World) -> None:
    result = ask(world, CONTACTS, start(world), add("c1", last_name="Neu"))
    (answer,) = result.results
    assert answer.outcome is Outcome.DONE
    assert world.source.items[CONTACTS][answer.item_id].fields == {"last_name": "Neu"}
    assert result.changes == ()
    assert ask(world, CONTACTS, result.key).changes == ()


def test_other_devices_hear_of_a_change_but_not_its_maker(world: World) -> None:
    ask(world, CONTACTS, start(world), add("c1", last_name="Neu"))
    assert world.waiter.announced == [(1, 3, (CONTACTS,), world.session().id)]


def test_a_lost_answer_can_be_asked_for_again(world: World) -> None:
    world.source.put(CONTACTS, {"last_name": "Meier"})
    key = start(world)
    first = ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    again = ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    assert again == first
    assert len(world.source.items[CONTACTS]) == 2


def test_a_repeated_add_with_new_content_changes_the_item_it_made(world: World) -> None:
    key = start(world)
    made = ask(world, CONTACTS, key, add("c1", last_name="Neu")).results[0].item_id
    again = ask(world, CONTACTS, key, add("c1", last_name="Neuer"))
    assert again.results[0].item_id == made
    assert [item.fields["last_name"] for item in world.source.items[CONTACTS].values()] == ["Neuer"]


def test_a_repeated_add_of_an_item_deleted_meanwhile_is_not_made_again(world: World) -> None:
    key = start(world)
    made = ask(world, CONTACTS, key, add("c1", last_name="Neu")).results[0].item_id
    world.source.drop(CONTACTS, made)
    again = ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    assert again.results[0].outcome is Outcome.DONE
    assert kinds(again) == [(ChangeKind.DELETE, made)]
    assert world.source.items[CONTACTS] == {}


def test_a_repeated_change_is_no_conflict_with_itself(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    ask(world, CONTACTS, key, change(item, last_name="Maier"))
    again = ask(world, CONTACTS, key, change(item, last_name="Maier"))
    assert again.results[0].outcome is Outcome.DONE
    assert again.changes == ()
    assert world.source.calls.count("update") == 1


def test_a_repeated_delete_is_done(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    ask(world, CONTACTS, key, delete(item))
    again = ask(world, CONTACTS, key, delete(item))
    assert again.results[0].outcome is Outcome.DONE
    assert again.changes == ()


def test_a_crash_after_creating_does_not_create_twice(world: World) -> None:
    key = start(world)

    def die(name: str) -> None:
        if name == "create":
            raise Crash

    world.source.after = die
    with pytest.raises(Crash):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    world.source.after = lambda name: None
    result = ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    (made,) = world.source.items[CONTACTS]
    assert result.results[0].item_id == made
    assert kinds(result) == [(ChangeKind.CHANGE, made)], (
        "it may have been changed since; the device gets it as it is"
    )
    assert ask(world, CONTACTS, result.key).changes == ()


def test_a_crash_before_saving_repeats_nothing(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key

    def die(name: str) -> None:
        if name == "save":
            raise Crash

    world.store.before = die
    with pytest.raises(Crash):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"), delete(item))
    world.store.before = lambda name: None
    result = ask(world, CONTACTS, key, add("c1", last_name="Neu"), delete(item))
    assert [entry.outcome for entry in result.results] == [Outcome.DONE, Outcome.DONE]
    assert [entry.fields["last_name"] for entry in world.source.items[CONTACTS].values()] == ["Neu"]


def test_a_source_that_fails_half_way_is_asked_again_for_the_rest(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key

    def fail(name: str) -> None:
        if name == "delete":
            raise SourceUnavailable("down")

    changes = (add("c1", last_name="Neu"), change(item, last_name="Maier"), delete("nosuch"), delete(item))
    world.source.before = fail
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key, *changes)
    world.source.before = lambda name: None
    result = ask(world, CONTACTS, key, *changes)
    assert [entry.outcome for entry in result.results] == [
        Outcome.DONE,
        Outcome.DONE,
        Outcome.GONE,
        Outcome.DONE,
    ]
    assert world.source.calls.count("create") == 1
    assert world.source.calls.count("update") == 1


def test_the_server_wins_a_conflict_by_default(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.touch(CONTACTS, item, {"last_name": "Server"})
    result = ask(world, CONTACTS, key, change(item, last_name="Phone"))
    assert result.results[0].outcome is Outcome.CONFLICT
    assert result.changes[0].payload.fields["last_name"] == "Server"


def test_the_client_wins_a_conflict_when_it_says_so(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.touch(CONTACTS, item, {"last_name": "Server", "first_name": "Server"})
    result = ask(world, CONTACTS, key, change(item, last_name="Phone"), conflict=ConflictRule.CLIENT_WINS)
    assert result.results[0].outcome is Outcome.DONE
    merged = {"last_name": "Phone", "first_name": "Server"}
    assert world.source.items[CONTACTS][item].fields == merged
    assert [entry.payload.fields for entry in result.changes] == [merged], "of the rest it has the old"
    assert ask(world, CONTACTS, result.key).changes == ()


def test_a_change_between_look_and_write_is_a_conflict(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key

    def interfere(name: str) -> None:
        if name == "update":
            world.source.before = lambda name: None
            world.source.touch(CONTACTS, item, {"last_name": "Server"})

    world.source.before = interfere
    result = ask(world, CONTACTS, key, change(item, last_name="Phone"))
    assert result.results[0].outcome is Outcome.CONFLICT
    assert result.changes[0].payload.fields["last_name"] == "Server"
    assert ask(world, CONTACTS, result.key).changes == ()


def test_a_deletion_on_the_source_beats_a_change_of_the_device(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.drop(CONTACTS, item)
    result = ask(world, CONTACTS, key, change(item, last_name="Phone"))
    assert result.results[0].outcome is Outcome.GONE
    assert kinds(result) == [(ChangeKind.DELETE, item)]


def test_a_deletion_on_the_device_beats_a_change_of_the_source(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.touch(CONTACTS, item, {"last_name": "Server"})
    result = ask(world, CONTACTS, key, delete(item))
    assert result.results[0].outcome is Outcome.DONE
    assert world.source.items[CONTACTS] == {}
    assert result.changes == ()


def test_flags_changed_on_both_sides_are_merged(world: World) -> None:
    mail = world.source.put(INBOX, {"read": False, "flagged": False})
    key = ask(world, INBOX, start(world, INBOX)).key
    world.source.touch(INBOX, mail, {"flagged": True})
    result = ask(world, INBOX, key, change(mail, read=True))
    assert result.results[0].outcome is Outcome.DONE
    assert result.changes[0].payload.fields == {"read": True, "flagged": True}
    assert ask(world, INBOX, result.key).changes == ()


def test_what_was_merged_comes_again_when_the_answer_was_lost(world: World) -> None:
    mail = world.source.put(INBOX, {"read": False, "flagged": False})
    key = ask(world, INBOX, start(world, INBOX)).key
    world.source.touch(INBOX, mail, {"flagged": True})
    ask(world, INBOX, key, change(mail, read=True))
    result = ask(world, INBOX, key, change(mail, read=True))
    assert result.results[0].outcome is Outcome.DONE
    assert result.changes[0].payload.fields == {"read": True, "flagged": True}
    assert ask(world, INBOX, result.key).changes == ()


def test_an_item_nobody_knows_cannot_be_changed_or_deleted(world: World) -> None:
    result = ask(world, CONTACTS, start(world), change("77", last_name="x"), delete("78"))
    assert [entry.outcome for entry in result.results] == [Outcome.GONE, Outcome.GONE]


def test_a_refused_change_is_corrected_on_the_device(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.readonly.add(CONTACTS)
    result = ask(world, CONTACTS, key, change(item, last_name="Phone"), add("c1", last_name="Neu"))
    assert [entry.outcome for entry in result.results] == [Outcome.REFUSED, Outcome.REFUSED]
    assert result.changes[0].payload.fields["last_name"] == "Meier"


def test_a_refused_deletion_brings_the_item_back(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.readonly.add(CONTACTS)
    result = ask(world, CONTACTS, key, delete(item))
    assert result.results[0].outcome is Outcome.REFUSED
    assert kinds(result) == [(ChangeKind.ADD, item)]


def test_an_unreadable_item_never_blocks_its_folder(world: World) -> None:
    bad = world.source.put(CONTACTS, {"last_name": "Bad"})
    good = world.source.put(CONTACTS, {"last_name": "Good"})
    world.source.unreadable.add(bad)
    result = ask(world, CONTACTS, start(world))
    assert kinds(result) == [(ChangeKind.ADD, good)]
    world.source.calls.clear()
    assert ask(world, CONTACTS, result.key).key == result.key
    assert "read" not in world.source.calls


def test_an_unreadable_item_is_tried_again_when_it_changes(world: World) -> None:
    bad = world.source.put(CONTACTS, {"last_name": "Bad"})
    world.source.unreadable.add(bad)
    key = ask(world, CONTACTS, start(world)).key
    world.source.unreadable.clear()
    world.source.touch(CONTACTS, bad, {"last_name": "Better"})
    assert kinds(ask(world, CONTACTS, key)) == [(ChangeKind.ADD, bad)]


def test_an_unreadable_item_that_vanishes_is_not_deleted_on_the_device(world: World) -> None:
    bad = world.source.put(CONTACTS, {"last_name": "Bad"})
    world.source.unreadable.add(bad)
    key = ask(world, CONTACTS, start(world)).key
    world.source.drop(CONTACTS, bad)
    assert ask(world, CONTACTS, key).changes == ()


def test_a_held_item_that_becomes_unreadable_stays_and_is_deleted_rightly(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Good"})
    key = ask(world, CONTACTS, start(world)).key
    world.source.unreadable.add(item)
    world.source.touch(CONTACTS, item, {"last_name": "Bad"})
    result = ask(world, CONTACTS, key)
    assert result.changes == ()
    world.source.drop(CONTACTS, item)
    assert kinds(ask(world, CONTACTS, result.key)) == [(ChangeKind.DELETE, item)]


def test_an_item_the_protocol_cannot_render_is_skipped(world: World) -> None:
    world.source.put(CONTACTS, {"last_name": "Bad"})

    def render(item: Item) -> object:
        raise ItemUnreadable("no such shape")

    assert ask(world, CONTACTS, start(world), render=render).changes == ()


def test_what_leaves_the_time_span_is_forgotten_not_deleted(world: World) -> None:
    now = world.clock.now()
    mail = world.source.put(INBOX, {"subject": "old"}, received=now - timedelta(days=2))
    key = ask(world, INBOX, start(world, INBOX), since=now - timedelta(days=3)).key
    result = ask(world, INBOX, key, since=now - timedelta(days=1))
    assert kinds(result) == [(ChangeKind.FORGET, mail)]
    assert mail in world.source.items[INBOX]
    back = ask(world, INBOX, result.key, since=None)
    assert kinds(back) == [(ChangeKind.ADD, mail)]


def test_a_change_to_an_item_outside_the_time_span_still_counts(world: World) -> None:
    now = world.clock.now()
    mail = world.source.put(INBOX, {"read": False}, received=now - timedelta(days=2))
    key = ask(world, INBOX, start(world, INBOX)).key
    result = ask(world, INBOX, key, change(mail, read=True), since=now)
    assert result.results[0].outcome is Outcome.DONE
    assert world.source.items[INBOX][mail].fields["read"] is True
    assert kinds(result) == [(ChangeKind.FORGET, mail)]


def test_an_item_the_device_was_told_to_forget_cannot_be_deleted_by_it(world: World) -> None:
    now = world.clock.now()
    mail = world.source.put(INBOX, {"subject": "old"}, received=now - timedelta(days=2))
    key = ask(world, INBOX, start(world, INBOX)).key
    key = ask(world, INBOX, key, since=now).key
    result = ask(world, INBOX, key, delete(mail), since=now)
    assert result.results[0].outcome is Outcome.GONE
    assert mail in world.source.items[INBOX]


def test_a_full_folder_is_cut_and_nothing_of_it_deleted(world: World) -> None:
    items = [world.source.put(CONTACTS, {"n": str(count)}) for count in range(5)]
    key = ask(world, CONTACTS, start(world)).key
    world.settings = replace(world.settings, max_objects=3)
    result = ask(world, CONTACTS, key)
    assert kinds(result) == [(ChangeKind.FORGET, item) for item in sorted(items[:2], reverse=True)]
    assert len(world.source.items[CONTACTS]) == 5


def test_an_upload_without_download_loses_no_change_of_the_source(world: World) -> None:
    key = start(world)
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    result = ask(world, CONTACTS, key, add("c1", last_name="Neu"), want_changes=False)
    assert result.changes == ()
    assert kinds(ask(world, CONTACTS, result.key)) == [(ChangeKind.ADD, item)]


def test_single_items_can_be_fetched(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    result = ask(world, CONTACTS, start(world), fetch=(item, "nosuch"), want_changes=False)
    assert result.fetched[item].fields == {"last_name": "Meier"}
    assert result.fetched["nosuch"] is None


def test_two_changes_of_one_item_in_one_request_are_both_done(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    key = ask(world, CONTACTS, start(world)).key
    result = ask(world, CONTACTS, key, change(item, last_name="A"), change(item, first_name="B"))
    assert [entry.outcome for entry in result.results] == [Outcome.DONE, Outcome.DONE]
    assert world.source.items[CONTACTS][item].fields == {"last_name": "A", "first_name": "B"}
    assert result.changes == ()


def test_an_estimate_counts_what_a_request_would_get(world: World) -> None:
    key = start(world)
    for count in range(3):
        world.source.put(CONTACTS, {"n": str(count)})
    session, folder = world.session(), world.number(CONTACTS)
    assert session.estimate(folder, key, None) == 3
    newer = ask(world, CONTACTS, key).key
    assert session.estimate(folder, newer, None) == 0
    assert session.estimate(folder, key, None) == 3
    with pytest.raises(UnknownSyncKey):
        session.estimate(folder, "0", None)
    with pytest.raises(UnknownSyncKey):
        world.session("other").estimate(world.number(CONTACTS, "other"), key, None)


def test_an_item_that_is_listed_but_cannot_be_found_never_blocks_its_folder(world: World) -> None:
    ghost = world.source.put(CONTACTS, {"last_name": "Ghost"})
    good = world.source.put(CONTACTS, {"last_name": "Good"})
    world.source.missing.add(ghost)
    first = ask(world, CONTACTS, start(world), window=1)
    second = ask(world, CONTACTS, first.key, window=1)
    assert kinds(first) + kinds(second) == [(ChangeKind.ADD, good)]
    assert not second.more
    assert ask(world, CONTACTS, second.key).key == second.key


def test_a_skipped_item_is_tried_again_after_a_pause_that_grows(world: World) -> None:
    bad = world.source.put(CONTACTS, {"last_name": "Bad"})
    world.source.unreadable.add(bad)
    key = ask(world, CONTACTS, start(world)).key
    pauses = []
    for _ in range(3):
        waited = 0
        while (again := ask(world, CONTACTS, key).key) == key:
            world.clock.advance(30)
            waited += 30
        key = again
        pauses.append(waited)
    assert pauses == [60, 300, 1800]
    world.source.unreadable.clear()
    assert ask(world, CONTACTS, key).changes == ()
    world.clock.advance(7200)
    assert kinds(ask(world, CONTACTS, key)) == [(ChangeKind.ADD, bad)]


def test_a_source_that_never_answered_is_not_asked_to_make_the_item_again_at_once(world: World) -> None:
    key = start(world)

    def hang(name: str) -> None:
        if name == "create":
            raise SourceUnavailable("no answer", in_doubt=True)

    world.source.before = hang
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    world.source.before = lambda name: None
    with pytest.raises(SourceUnavailable) as caught:
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    assert 0 < caught.value.retry_after <= world.settings.doubt_seconds
    assert world.source.calls.count("create") == 1
    world.clock.advance(world.settings.doubt_seconds)
    assert ask(world, CONTACTS, key, add("c1", last_name="Neu")).results[0].outcome is Outcome.DONE
    assert len(world.source.items[CONTACTS]) == 1


def test_a_source_that_was_late_has_made_the_item_once(world: World) -> None:
    key = start(world)

    def late(name: str) -> None:
        if name == "create":
            raise SourceUnavailable("no answer", in_doubt=True)

    world.source.after = late
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    world.source.after = lambda name: None
    assert ask(world, CONTACTS, key, add("c1", last_name="Neu")).results[0].outcome is Outcome.DONE
    assert len(world.source.items[CONTACTS]) == 1


def test_a_source_that_was_never_reached_is_asked_again_at_once(world: World) -> None:
    key = start(world)

    def refuse(name: str) -> None:
        if name == "create":
            raise SourceUnavailable("connection refused")

    world.source.before = refuse
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    world.source.before = lambda name: None
    assert ask(world, CONTACTS, key, add("c1", last_name="Neu")).results[0].outcome is Outcome.DONE


def test_a_process_that_died_before_asking_leaves_a_doubt_that_passes(world: World) -> None:
    key = start(world)

    def die(name: str) -> None:
        if name == "create":
            raise Crash

    world.source.before = die
    with pytest.raises(Crash):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    world.source.before = lambda name: None
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    assert ask(world, CONTACTS, key).changes == (), "only what is in doubt has to wait"


def test_two_items_under_one_name_are_not_mixed_up(world: World) -> None:
    result = ask(world, CONTACTS, start(world), add("c1", last_name="One"), add("c1", last_name="Two"))
    assert [entry.outcome for entry in result.results] == [Outcome.DONE, Outcome.REFUSED]
    assert [entry.fields["last_name"] for entry in world.source.items[CONTACTS].values()] == ["One"]


def test_what_the_source_altered_comes_back_to_the_device(world: World) -> None:
    world.source.alters = True
    result = ask(world, CONTACTS, start(world), add("c1", last_name="Neu"))
    assert kinds(result) == [(ChangeKind.CHANGE, result.results[0].item_id)]
    assert ask(world, CONTACTS, result.key).changes == ()


def test_what_the_source_altered_comes_again_when_the_answer_was_lost(world: World) -> None:
    world.source.alters = True
    key = start(world)
    ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    result = ask(world, CONTACTS, key, add("c1", last_name="Neu"))
    assert kinds(result) == [(ChangeKind.CHANGE, result.results[0].item_id)]
    assert ask(world, CONTACTS, result.key).changes == ()


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_a_source_that_fails_at_one_item_lets_the_others_pass(world: World, verb: str) -> None:
    first, second = (world.source.put(CONTACTS, {"last_name": name}) for name in "ab")
    key = ask(world, CONTACTS, start(world)).key
    failing = {
        "create": add("c1", last_name="x"),
        "update": change(first, last_name="x"),
        "delete": delete(first),
    }

    def fail(name: str) -> None:
        if name == verb:
            world.source.before = lambda name: None
            raise ItemFailed("not now")

    world.source.before = fail
    result = ask(world, CONTACTS, key, failing[verb], change(second, first_name="B"))
    assert [entry.outcome for entry in result.results] == [Outcome.FAILED, Outcome.DONE]
    assert kinds(result) == ([(ChangeKind.ADD, first)] if verb == "delete" else [])
    again = ask(world, CONTACTS, result.key, failing[verb])
    assert again.results[0].outcome is Outcome.DONE


def test_a_folder_the_device_was_told_is_gone_cannot_be_begun(world: World) -> None:
    session = world.session()
    key = session.folders("0").key
    number = world.number(CONTACTS)
    world.source.tree = [folder for folder in world.source.tree if folder.id != CONTACTS]
    session.folders(key)
    with pytest.raises(FolderGone):
        world.session().exchange(ExchangeRequest(number, "0"))


def test_the_newest_key_of_a_folder_is_known(world: World) -> None:
    number = world.number(CONTACTS)
    assert world.session().key(number) == "0"
    key = start(world)
    assert world.session().key(number) == key


def test_a_repeated_add_whose_item_goes_at_that_very_moment_can_be_tried_again(world: World) -> None:
    key = start(world)
    made = ask(world, CONTACTS, key, add("c1", last_name="Neu")).results[0].item_id

    def go(name: str) -> None:
        if name == "update":
            world.source.drop(CONTACTS, made)

    world.source.before = go
    again = ask(world, CONTACTS, key, add("c1", last_name="Neuer"))
    assert again.results[0].outcome is Outcome.FAILED


def test_an_item_that_the_device_does_not_hold_cannot_be_changed(world: World) -> None:
    key = start(world)
    item = world.source.put(CONTACTS, {"last_name": "Meier"})
    assert ask(world, CONTACTS, key, change(item, last_name="x")).results[0].outcome is Outcome.GONE


def test_a_source_that_fails_while_nothing_was_done_leaves_no_word(world: World) -> None:
    world.source.put(CONTACTS, {"last_name": "Meier"})
    key = start(world)

    def down(name: str) -> None:
        if name == "read":
            raise SourceUnavailable("down")

    world.source.before = down
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key)
    assert world.store.journal(world.session().id, world.number(CONTACTS)) is None


DRAFTED = {"born": "d", "draft": True, "body": "one"}


def cut_off(world: World, folder: str, key: str, **fields: Any) -> str:
    """The process dies after it made what the device adds; the item's id."""

    def die(name: str) -> None:
        if name == "create":
            raise Crash

    world.source.after = die
    with pytest.raises(Crash):
        ask(world, folder, key, add("c1", **fields))
    world.source.after = lambda name: None
    world.clock.advance(UsmSettings().doubt_seconds + 1)
    return next(iter(world.source.items[folder]), "")


@pytest.mark.parametrize("place", ["default0/Trash", "default0/INBOX/Trips"])
def test_what_was_made_before_a_crash_and_moved_since_is_not_made_again(world: World, place: str) -> None:
    key, other = start(world, INBOX), start(world, place)
    made = cut_off(world, INBOX, key, **DRAFTED)
    world.source.shift(INBOX, made, place)
    again = ask(world, INBOX, key, add("c1", **DRAFTED))
    name = again.results[0].item_id
    assert again.results[0].outcome is Outcome.DONE
    assert kinds(again) == [(ChangeKind.DELETE, name)], "the device has it in the other folder"
    assert world.source.items[INBOX] == {}
    assert [kind for kind, _ in kinds(ask(world, place, other))] == [ChangeKind.ADD]
    # That answer was lost, too.
    assert kinds(ask(world, INBOX, key, add("c1", **DRAFTED))) == [(ChangeKind.DELETE, name)]
    assert world.source.calls.count("create") == 1


def test_what_was_moved_since_has_a_name_that_no_other_item_has(world: World) -> None:
    key = start(world, INBOX)
    made = cut_off(world, INBOX, key, **DRAFTED)
    world.source.items["default0/Trash"]["7"] = world.source.items[INBOX].pop(made)
    world.source.items[INBOX]["7"] = world.source.items[INBOX][world.source.put(INBOX, {"born": "other"})]
    again = ask(world, INBOX, key, add("c1", **DRAFTED))
    assert again.results[0].item_id not in world.source.items[INBOX]


def test_what_a_device_wrote_on_since_is_kept_wherever_the_first_words_are(world: World) -> None:
    key = start(world, INBOX)
    world.source.shift(INBOX, cut_off(world, INBOX, key, **DRAFTED), "default0/Trash")
    again = ask(world, INBOX, key, add("c1", **{**DRAFTED, "body": "one two"}))
    (entry,) = world.source.items[INBOX].values()
    assert (again.results[0].outcome, entry.fields["body"]) == (Outcome.DONE, "one two")


def test_a_draft_sent_before_a_crash_is_not_sent_again_though_its_copy_was_moved(world: World) -> None:
    key = start(world, INBOX)
    fields = {**DRAFTED, "send": True}
    cut_off(world, INBOX, key, **fields)
    moved = world.source.put("default0/Trash", {"born": "d"})
    world.source.items["default0/Trash"][moved].uid = world.source.sent.pop().mark
    again = ask(world, INBOX, key, add("c1", **fields))
    assert (again.results[0].outcome, again.results[0].item_id) == (Outcome.DONE, "")
    assert (again.changes, world.source.sent) == ((), [])


def test_other_folders_are_searched_only_for_what_may_have_been_made(world: World) -> None:
    key = start(world, INBOX)

    def fail(name: str) -> None:
        if name == "create":
            raise SourceUnavailable("down")

    world.source.before = fail
    with pytest.raises(SourceUnavailable):
        ask(world, INBOX, key, add("c1", **DRAFTED))
    world.source.before = lambda name: None
    assert ask(world, INBOX, key, add("c1", **DRAFTED)).results[0].outcome is Outcome.DONE
    assert "find_elsewhere" not in world.source.calls


# -- changes that stamps tell of -------------------------------------------------------------------------------


def told(world: World, key: str, *changes: ClientChange, **options: object) -> ExchangeResult:
    """What a device hears that takes differences but of ``categories``, of which it knows nothing."""

    def part(item: Item) -> object:
        return {name: value for name, value in item.fields.items() if name != "categories"} or None

    return ask(world, INBOX, key, *changes, render_part=part, **options)


def test_a_difference_that_stamps_tell_is_not_read(world: World) -> None:
    name = world.source.put(INBOX, {"subject": "x"})
    key = told(world, start(world, INBOX)).key
    world.source.touch(INBOX, name, {"read": True})
    world.source.calls.clear()
    result = told(world, key)
    assert [(each.kind, each.payload) for each in result.changes] == [(ChangeKind.CHANGE, {"read": True})]
    assert "read" not in world.source.calls
    assert told(world, result.key).changes == ()


def test_any_other_difference_is_read_as_a_whole(world: World) -> None:
    name = world.source.put(INBOX, {"subject": "x"})
    key = told(world, start(world, INBOX)).key
    world.source.touch(INBOX, name, {"read": True, "subject": "y"})
    [change] = told(world, key).changes
    assert change.payload.fields == {"subject": "y", "read": True}


def test_a_difference_of_which_the_device_knows_nothing_takes_no_window(world: World) -> None:
    names = [world.source.put(INBOX, {"subject": str(number)}) for number in range(4)]
    key = told(world, start(world, INBOX)).key
    for name in names:
        world.source.touch(INBOX, name, {"categories": ("Red",)})
    world.source.touch(INBOX, names[0], {"read": True})
    result = told(world, key, window=1)
    assert kinds(result) == [(ChangeKind.CHANGE, names[0])]
    assert not result.more
    assert told(world, result.key).changes == ()


def test_a_copy_that_is_wrong_is_replaced_as_a_whole(world: World) -> None:
    name = world.source.put(INBOX, {"subject": "x"})
    key = told(world, start(world, INBOX)).key
    world.source.readonly.add(INBOX)
    [sent] = told(world, key, change(name, read=True)).changes
    assert sent.payload.fields == {"subject": "x"}
