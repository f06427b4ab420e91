"""Planted bugs: each takes away one of the precautions, and something must come to grief over it (`test_planted`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.usm import anew, brakes, decide, exchange, held, hierarchy, keys, renames, replying, sending, session
from app.usm.deeds import Deed, Deeds
from app.usm.exchange import Exchange
from app.usm.folder_changes import FolderChanges
from app.usm.journal import Entry, Record
from app.usm.model import ConflictRule, FolderRef, HierarchyResult, Listing, Move, MoveOutcome
from app.usm.moving import Mover
from tests.fakes.store import MemoryStore
from tests.usm import test_brakes, test_exchange, test_folder_changes, test_once
from tests.usm.conftest import INBOX

Plant = Callable[[pytest.MonkeyPatch], None]


def nothing_is_remembered_of_what_was_sent_or_moved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Deeds, "get", lambda self, name: None)


def what_is_begun_is_not_noted(patch: pytest.MonkeyPatch) -> None:
    note = Deeds.note

    def only_done(self: Deeds, deeds: Mapping[str, Deed | None]) -> None:
        note(self, {name: deed for name, deed in deeds.items() if deed is None or deed.done})

    patch.setattr(Deeds, "note", only_done)


def a_doubtful_message_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sending, "_was_sent", lambda *args: False)


def a_doubtful_message_counts_as_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sending, "_was_sent", lambda *args: True)


def an_item_left_behind_by_a_crash_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchange, "_recover", lambda self: None)


def an_item_moved_after_a_crash_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchange, "_look_elsewhere", lambda self, missing: None)


def a_device_that_lost_a_folder_has_what_was_moved_out_of_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Mover, "_has_folder", lambda self, folder: True)


def items_begun_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchange, "_note_intents", lambda self: None)


def an_item_made_before_is_made_again(patch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Record, base: int) -> Mapping[str, Entry]:
        return {}

    patch.setattr(Record, "for_base", forgetful)


def a_folder_is_begun_anew_whatever_is_under_way(patch: pytest.MonkeyPatch) -> None:
    def at_once(store: Any, session: Any, folders: Any, clock: Any, tokens: Any) -> None:
        for ref in store.folder_refs(session):
            if folders is None or ref.number in folders:
                exchange.begin(store, session, ref.number, tokens)

    patch.setattr(anew, "order", at_once)


def the_older_key_is_taken_for_the_newest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys, "head", lambda position, heads: heads.newest)


def the_older_key_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    save = MemoryStore.save

    def saves(self: MemoryStore, session: Any, folder: int, base: int, *rest: Any) -> None:
        save(self, session, folder, base, *rest)
        del self._session(session).folders[folder].heads[1:]

    patch.setattr(MemoryStore, "save", saves)


def a_move_is_not_noted_where_the_item_came_to(patch: pytest.MonkeyPatch) -> None:
    amend = MemoryStore.amend

    def amends(self: MemoryStore, session: Any, changes: Mapping[int, Mapping[str, str | None]]) -> None:
        gone = {
            folder: {item: stamp for item, stamp in stamps.items() if stamp is None or folder < 0}
            for folder, stamps in changes.items()
        }
        amend(self, session, gone)

    patch.setattr(MemoryStore, "amend", amends)


def a_move_changes_the_newest_key_only(patch: pytest.MonkeyPatch) -> None:
    amend = MemoryStore.amend

    def amends(self: MemoryStore, session: Any, changes: Mapping[int, Mapping[str, str | None]]) -> None:
        folders = self._session(session).folders
        older = {
            folder: {head.counter: kept.stamps[head.counter] for head in kept.heads[1:]}
            for folder, kept in folders.items()
            if folder in changes
        }
        amend(self, session, changes)
        for folder, stamps in older.items():
            folders[folder].stamps.update(stamps)

    patch.setattr(MemoryStore, "amend", amends)


def a_doubtful_move_is_taken_for_done(patch: pytest.MonkeyPatch) -> None:
    def settled(self: Mover, move: Move, deed: Deed) -> None:
        self._answer(move, MoveOutcome.DONE, move.item_id)

    patch.setattr(Mover, "_settled", settled)


def an_item_found_after_a_crash_is_not_noted(patch: pytest.MonkeyPatch) -> None:
    follow = Mover._follow

    def follows(self: Mover, folder: FolderRef, target: FolderRef, *rest: Any) -> None:
        if rest[-1] != ():
            follow(self, folder, target, *rest)

    patch.setattr(Mover, "_follow", follows)


def a_repeated_move_does_not_look_at_the_target(patch: pytest.MonkeyPatch) -> None:
    def again(self: Mover, move: Move, item_id: str, deed: Deed) -> None:
        self._answer(move, MoveOutcome.DONE, item_id)

    patch.setattr(Mover, "_answer_again", again)


def folder_sync_0_starts_items_over(patch: pytest.MonkeyPatch) -> None:
    folders = session.Session.folders

    def anew(self: session.Session, key: str) -> HierarchyResult:
        if key == "0":
            for ref in self._store.folder_refs(self.id):
                if self._store.heads(self.id, ref.number) is not None:
                    exchange.begin(self._store, self.id, ref.number, self._tokens)
        return folders(self, key)

    patch.setattr(session.Session, "folders", anew)


def a_changed_folder_is_not_told(patch: pytest.MonkeyPatch) -> None:
    compare = hierarchy.compare

    def less(held: Mapping[str, str], placed: Sequence[hierarchy.Placed]) -> Any:
        return [each for each in compare(held, placed) if each.kind.value != "change"]

    patch.setattr(hierarchy, "compare", less)


def what_lies_outside_the_filter_is_deleted_at_the_source(patch: pytest.MonkeyPatch) -> None:
    collect = Exchange._collect

    def collects(self: Exchange) -> Any:
        for item in self._listing.outside & self._held.keys():
            self._source.delete(self._folder, item, None, to_trash=False)
        return collect(self)

    patch.setattr(Exchange, "_collect", collects)


def what_lies_outside_the_filter_stays_on_the_device(patch: pytest.MonkeyPatch) -> None:
    pending = decide.pending

    def less(*args: Any) -> Any:
        return (each for each in pending(*args) if each[0].value != "forget")

    patch.setattr(decide, "pending", less)


def a_conflict_goes_unnoticed(patch: pytest.MonkeyPatch) -> None:
    decides = decide.decide
    patch.setattr(decide, "decide", lambda *args: replace(decides(*args), echo=False))


def the_window_loses_what_does_not_fit(patch: pytest.MonkeyPatch) -> None:
    remember = Exchange._remember

    def remembers(self: Exchange) -> str:
        self._held = {**self._listing.stamps}
        return remember(self)

    patch.setattr(Exchange, "_remember", remembers)


def the_device_never_wins(patch: pytest.MonkeyPatch) -> None:
    decides = decide.decide

    def server_wins(change: Any, held: Any, listing: Any, done: Any, rule: Any, *rest: Any) -> Any:
        return decides(change, held, listing, done, ConflictRule.SERVER_WINS, *rest)

    patch.setattr(decide, "decide", server_wins)


def the_device_always_wins(patch: pytest.MonkeyPatch) -> None:
    decides = decide.decide

    def client_wins(change: Any, held: Any, listing: Any, done: Any, rule: Any, *rest: Any) -> Any:
        return decides(change, held, listing, done, ConflictRule.CLIENT_WINS, *rest)

    patch.setattr(decide, "decide", client_wins)


def a_deletion_yields_to_a_change(patch: pytest.MonkeyPatch) -> None:
    decides = decide._decide_delete

    def yields(change: Any, held: Mapping[str, str], listing: Listing) -> decide.Step:
        item = change.item_id
        if item in listing.stamps and item in held and held[item] != listing.stamps[item]:
            return decide.Step(decide.Action.CONFLICT, item)
        return decides(change, held, listing)

    patch.setattr(decide, "_decide_delete", yields)


def what_came_back_is_not_repeated(patch: pytest.MonkeyPatch) -> None:
    short = Record.dumps

    def without(self: Record) -> str:
        entries = {name: replace(entry, echo=False) for name, entry in self.entries.items()}
        return short(replace(self, entries=entries))

    patch.setattr(Record, "dumps", without)


def any_number_may_be_deleted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(brakes, "too_many", lambda *args: False)


def a_folder_that_is_empty_at_once_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(brakes, "is_sudden", lambda *args: False)


def what_was_let_through_is_not_deleted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchange, "_let_go", lambda self: None)


def what_cannot_be_read_is_never_tried_again(patch: pytest.MonkeyPatch) -> None:
    pending = held.is_pending

    def never(stamp: str | None, now: str, moment: int) -> bool:
        return pending(stamp, now, 0)

    patch.setattr(decide, "is_pending", never)


def what_cannot_be_read_counts_as_read(patch: pytest.MonkeyPatch) -> None:
    def skips(self: Exchange, item_id: str, error: Exception) -> None:
        self._held[item_id] = self._listing.stamps[item_id]

    patch.setattr(Exchange, "_skip", skips)


def an_answer_given_again_is_another_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(replying, "REPEATED", 0)


def a_draft_that_was_sent_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Entry, "is_intent", property(lambda self: not self.item_id))


def a_folder_made_before_is_made_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FolderChanges, "_found", lambda *args: None)


def a_renamed_folder_is_another_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(renames, "recognise", lambda *args: None)
    patch.setattr(renames, "carry_over", lambda *args: None)


def a_change_before_a_move_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Mover, "_outdated", lambda self, folder: lambda written, item: False)


def the_journal_outlives_its_request(patch: pytest.MonkeyPatch) -> None:
    save = MemoryStore.save

    def saves(self: MemoryStore, session: Any, folder: int, *rest: Any) -> None:
        journal = self.journal(session, folder)
        save(self, session, folder, *rest)
        self._session(session).folders[folder].journal = journal

    patch.setattr(MemoryStore, "save", saves)


FOUND_BY_LIVES: tuple[Plant, ...] = (
    nothing_is_remembered_of_what_was_sent_or_moved,
    what_is_begun_is_not_noted,
    a_doubtful_message_is_not_looked_for,
    an_item_made_before_is_made_again,
    a_folder_is_begun_anew_whatever_is_under_way,
    the_older_key_is_taken_for_the_newest,
    the_older_key_is_not_kept,
    a_move_is_not_noted_where_the_item_came_to,
    folder_sync_0_starts_items_over,
    what_cannot_be_read_is_never_tried_again,
    what_cannot_be_read_counts_as_read,
    a_draft_that_was_sent_is_forgotten,
    the_window_loses_what_does_not_fit,
)
"""Those that the lives find soon."""

FOUND_BY_TESTS: Mapping[Plant, tuple[Callable[..., None], Mapping[str, Any]]] = {
    a_doubtful_message_counts_as_sent: (
        test_once.test_a_message_that_is_not_found_is_sent_once_it_cannot_be_on_its_way,
        {"copy": True},
    ),
    an_item_left_behind_by_a_crash_is_not_looked_for: (
        test_exchange.test_a_crash_after_creating_does_not_create_twice,
        {},
    ),
    an_item_moved_after_a_crash_is_not_looked_for: (
        test_exchange.test_what_was_made_before_a_crash_and_moved_since_is_not_made_again,
        {"place": "default0/Trash"},
    ),
    a_device_that_lost_a_folder_has_what_was_moved_out_of_it: (
        test_once.test_an_item_lost_with_its_folder_before_the_move_was_heard_of_comes_anew,
        {"target": INBOX},
    ),
    items_begun_are_not_noted: (test_exchange.test_a_crash_after_creating_does_not_create_twice, {}),
    a_move_changes_the_newest_key_only: (
        test_once.test_an_answer_to_a_sync_that_was_lost_before_the_move_is_repeated_without_the_item,
        {},
    ),
    a_doubtful_move_is_taken_for_done: (
        test_once.test_a_crash_at_any_step_moves_once,
        {"content": "mail", "where": "after", "what": "move"},
    ),
    an_item_found_after_a_crash_is_not_noted: (
        test_once.test_a_crash_at_any_step_moves_once,
        {"content": "mail", "where": "after", "what": "move"},
    ),
    a_repeated_move_does_not_look_at_the_target: (
        test_once.test_a_repeated_move_tells_what_happened_to_the_item_since,
        {},
    ),
    a_changed_folder_is_not_told: (test_folder_changes.test_folders_below_a_renamed_one_follow_it, {}),
    what_lies_outside_the_filter_is_deleted_at_the_source: (
        test_exchange.test_what_leaves_the_time_span_is_forgotten_not_deleted,
        {},
    ),
    what_lies_outside_the_filter_stays_on_the_device: (
        test_exchange.test_what_leaves_the_time_span_is_forgotten_not_deleted,
        {},
    ),
    a_conflict_goes_unnoticed: (test_exchange.test_flags_changed_on_both_sides_are_merged, {}),
    the_device_never_wins: (test_exchange.test_the_client_wins_a_conflict_when_it_says_so, {}),
    the_device_always_wins: (test_exchange.test_the_server_wins_a_conflict_by_default, {}),
    a_deletion_yields_to_a_change: (
        test_exchange.test_a_deletion_on_the_device_beats_a_change_of_the_source,
        {},
    ),
    what_came_back_is_not_repeated: (
        test_exchange.test_what_was_merged_comes_again_when_the_answer_was_lost,
        {},
    ),
    any_number_may_be_deleted: (
        test_brakes.test_deletions_in_portions_count_together_and_are_forgotten_in_time,
        {},
    ),
    a_folder_that_is_empty_at_once_is_believed: (
        test_brakes.test_changes_wait_while_nobody_knows_whether_a_folder_is_empty,
        {},
    ),
    what_was_let_through_is_not_deleted: (
        test_brakes.test_what_is_let_through_is_deleted_with_the_next_request,
        {},
    ),
    an_answer_given_again_is_another_one: (test_once.test_an_answer_is_stored_and_sent_once, {}),
    a_folder_made_before_is_made_again: (
        test_folder_changes.test_a_folder_is_made_once_whenever_the_process_dies,
        {"when": "after", "at": "create_folder"},
    ),
    a_renamed_folder_is_another_one: (
        test_folder_changes.test_a_renamed_folder_keeps_its_number_and_its_items,
        {},
    ),
    a_change_before_a_move_is_not_told: (
        test_once.test_an_item_changed_before_it_moved_is_told_as_it_is,
        {"source": INBOX, "target": f"{INBOX}/Trips"},
    ),
    the_journal_outlives_its_request: (test_exchange.test_a_lost_answer_can_be_asked_for_again, {}),
}
"""The others, which the lives find late or seldom, and the test of this directory that finds each: its function, and
what it is given besides a world."""
