"""Planted bugs: each takes away one of the precautions, and the lives of `test_lives` must come to grief over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.usm import decide, exchange, hierarchy, keys, sending, session
from app.usm.deeds import Deed, Deeds
from app.usm.exchange import Exchange
from app.usm.journal import Entry, Record
from app.usm.model import FolderRef, HierarchyResult, Move, MoveOutcome
from app.usm.moving import Mover
from tests.fakes.store import MemoryStore

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


def items_begun_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchange, "_note_intents", lambda self: None)


def an_item_made_before_is_made_again(patch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Record, base: int) -> Mapping[str, Entry]:
        return {}

    patch.setattr(Record, "for_base", forgetful)


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


PLANTS: tuple[Plant, ...] = (
    nothing_is_remembered_of_what_was_sent_or_moved,
    what_is_begun_is_not_noted,
    a_doubtful_message_is_not_looked_for,
    a_doubtful_message_counts_as_sent,
    an_item_left_behind_by_a_crash_is_not_looked_for,
    items_begun_are_not_noted,
    an_item_made_before_is_made_again,
    the_older_key_is_taken_for_the_newest,
    the_older_key_is_not_kept,
    a_move_is_not_noted_where_the_item_came_to,
    a_move_changes_the_newest_key_only,
    a_doubtful_move_is_taken_for_done,
    an_item_found_after_a_crash_is_not_noted,
    a_repeated_move_does_not_look_at_the_target,
    folder_sync_0_starts_items_over,
    a_changed_folder_is_not_told,
    what_lies_outside_the_filter_is_deleted_at_the_source,
    what_lies_outside_the_filter_stays_on_the_device,
    a_conflict_goes_unnoticed,
    the_window_loses_what_does_not_fit,
)
"""All of them."""

QUICK: tuple[Plant, ...] = (
    nothing_is_remembered_of_what_was_sent_or_moved,
    a_doubtful_message_is_not_looked_for,
    an_item_made_before_is_made_again,
    the_older_key_is_not_kept,
    folder_sync_0_starts_items_over,
    what_lies_outside_the_filter_stays_on_the_device,
)
"""Those that are found soon."""
