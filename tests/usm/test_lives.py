"""Nothing twice, nothing lost, over all folders: two phones and the source live through whatever happens.

Items and folders are made, changed, moved and deleted on all three sides, messages are sent, filters change, and the
hierarchy is started over; requests and answers get lost, the server dies at any call or write, the source is down or
falls silent. At the end all three hold the same, every message was sent once, nothing was made twice, nothing vanished
that nobody deleted, and no phone was told to start over.

``USM_LIVES`` is how many such lives are tried (some minutes for 5000).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.usm.errors import UsmError
from app.usm.model import HIERARCHY, ContentType, Move, Outgoing
from tests.usm.conftest import INBOX, World
from tests.usm.lives import HORIZON, OLD, Fate, Faults, FolderWish, Phone
from tests.usm.mutants import PLANTS, QUICK, Plant

LIVES = int(os.environ.get("USM_LIVES", "400"))
PHONES = ("phone", "tablet")
FATES = st.one_of(
    st.sampled_from([Fate("answered"), Fate("request lost"), Fate("answer lost")]),
    st.builds(Fate, st.sampled_from(["crash", "crash", "source down", "source silent"]), st.integers(0, 7)),
)
NAMES = st.sampled_from(PHONES)
TEXT = st.sampled_from("xyz")
KEPT = (INBOX, "default0/Trash", "31")
"""Folders that the source's side leaves alone."""


class Lives(RuleBasedStateMachine):
    """Random lives of two phones and a source."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.faults = Faults(self.world)
        self.phones = {name: Phone(self.world, self.faults, name) for name in PHONES}
        self.born: set[str] = set()
        for folder, received in ((INBOX, OLD), (INBOX, HORIZON), ("31", None)):
            name = f"source-{len(self.born)}"
            self.born.add(name)
            self.world.source.put(folder, {"born": name}, received)
        for phone in self.phones.values():
            for number in (*phone.folders, *phone.folders):
                phone.sync(number, Fate("answered"))
        self.may_be_gone: set[str] = set()
        self.sent: list[str] = []
        self.titles = 0

    # -- the source's own side -----------------------------------------------------------------------------------

    def _folder(self, data: st.DataObject, mail: bool = False) -> str:
        source = self.world.source
        folders = [each.id for each in source.tree if not mail or each.content is ContentType.MAIL]
        return str(data.draw(st.sampled_from(sorted(folders))))

    def _item(self, data: st.DataObject, folder: str) -> str | None:
        items = sorted(self.world.source.items[folder])
        return data.draw(st.sampled_from(items)) if items else None

    @rule(data=st.data(), old=st.booleans())
    def source_adds(self, data: st.DataObject, old: bool) -> None:
        name = f"source-{len(self.born)}"
        self.born.add(name)
        self.world.source.put(self._folder(data), {"born": name}, OLD if old else HORIZON)

    @rule(data=st.data(), text=st.sampled_from("abc"), name=st.sampled_from(["text", "note"]))
    def source_changes(self, data: st.DataObject, text: str, name: str) -> None:
        folder = self._folder(data)
        if (item := self._item(data, folder)) is not None:
            self.world.source.touch(folder, item, {name: text})

    @rule(data=st.data())
    def source_deletes(self, data: st.DataObject) -> None:
        folder = self._folder(data)
        if (item := self._item(data, folder)) is not None:
            self.may_be_gone.add(self.world.source.items[folder][item].fields["born"])
            self.world.source.drop(folder, item)

    @rule(data=st.data())
    def source_moves(self, data: st.DataObject) -> None:
        folder, target = self._folder(data, mail=True), self._folder(data, mail=True)
        if folder != target and (item := self._item(data, folder)) is not None:
            self.world.source.shift(folder, item, target)

    @rule(data=st.data(), tells=st.booleans())
    def source_renames_a_folder(self, data: st.DataObject, tells: bool) -> None:
        folder, parent = self._folder(data, mail=True), self._folder(data, mail=True)
        if folder in KEPT or parent.startswith(folder):
            return
        self.titles += 1
        self.world.source.tells_was = tells
        self.world.source.rename(folder, parent, f"source-{self.titles}")

    @rule(data=st.data())
    def source_deletes_a_folder(self, data: st.DataObject) -> None:
        folder = self._folder(data, mail=True)
        if folder not in KEPT:
            self._gone_with(folder)
            self.world.source.remove(folder)

    def _gone_with(self, folder: str) -> None:
        for each in self.world.source.tree:
            if each.id == folder or each.id.startswith(folder + "/"):
                self.may_be_gone |= {
                    item.fields["born"] for item in self.world.source.items[each.id].values()
                }

    # -- the phones ----------------------------------------------------------------------------------------------

    def _held(self, data: st.DataObject, phone: Phone) -> int | None:
        ready = sorted(
            number
            for number, folder in phone.folders.items()
            if folder.in_flight is None and folder.key != "0"
        )
        return data.draw(st.sampled_from(ready)) if ready else None

    @rule(name=NAMES, fate=FATES)
    def phone_adds(self, name: str, fate: Fate) -> None:
        phone = self.phones[name]
        for number, folder in list(phone.folders.items()):
            if folder.content is ContentType.CONTACTS and folder.in_flight is None and folder.key != "0":
                phone.add(number)
                self.born.add(f"{name}-{phone.made}")
                phone.sync(number, fate)

    @rule(name=NAMES, data=st.data(), text=TEXT, fate=FATES, at_once=st.booleans())
    def phone_changes(self, name: str, data: st.DataObject, text: str, fate: Fate, at_once: bool) -> None:
        phone = self.phones[name]
        number = self._held(data, phone)
        if number is not None and (items := phone.idle(number)):
            phone.change(number, data.draw(st.sampled_from(items)), text)
            if at_once:
                phone.sync(number, fate)

    @rule(name=NAMES, data=st.data())
    def phone_deletes(self, name: str, data: st.DataObject) -> None:
        phone = self.phones[name]
        number = self._held(data, phone)
        if number is not None and (items := phone.idle(number)):
            item = data.draw(st.sampled_from(items))
            self.may_be_gone.add(phone.folders[number].items[item].get("born", ""))
            phone.delete(number, item)

    @rule(name=NAMES, data=st.data(), fate=FATES)
    def phone_moves(self, name: str, data: st.DataObject, fate: Fate) -> None:
        phone = self.phones[name]
        number = self._held(data, phone)
        if number is None or phone.folders[number].content is not ContentType.MAIL:
            return
        others = sorted(
            each
            for each, folder in phone.folders.items()
            if each != number and folder.content is ContentType.MAIL
        )
        if others and (items := phone.idle(number)):
            item = data.draw(st.sampled_from(items))
            phone.moves.append(Move(item, number, data.draw(st.sampled_from(others))))
            phone.move(fate)

    @rule(name=NAMES, fate=FATES)
    def phone_writes_a_message(self, name: str, fate: Fate) -> None:
        phone = self.phones[name]
        client_id = phone.new_name()
        self.sent.append(client_id)
        phone.outbox[client_id] = Outgoing(client_id.encode(), mark=client_id)
        phone.send(fate)

    @rule(name=NAMES, data=st.data())
    def phone_changes_its_filter(self, name: str, data: st.DataObject) -> None:
        phone = self.phones[name]
        if (number := self._held(data, phone)) is not None:
            phone.folders[number].filtered ^= True

    @rule(name=NAMES, data=st.data(), verb=st.sampled_from(["create", "change", "delete"]), fate=FATES)
    def phone_wants_a_folder_changed(self, name: str, data: st.DataObject, verb: str, fate: Fate) -> None:
        phone = self.phones[name]
        kept = {ref.number for ref in self.world.store.folder_refs(self._id(name)) if ref.id in KEPT}
        mail = sorted(
            number for number, folder in phone.folders.items() if folder.content is ContentType.MAIL
        )
        own = [number for number in mail if number not in kept]
        if phone.wish is not None or not mail or (verb != "create" and not own):
            return
        number = 0 if verb == "create" else data.draw(st.sampled_from(own))
        parents = [HIERARCHY, *(each for each in mail if each != number and each not in phone.below(number))]
        parent = data.draw(st.sampled_from(parents))
        phone.wish = FolderWish(verb, number, parent, phone.new_name())
        self.phone_changes_a_folder(name, fate)

    def _id(self, name: str) -> Any:
        return self.world.session(name).id

    # -- requests --------------------------------------------------------------------------------------------------

    @rule(name=NAMES, data=st.data(), fate=FATES)
    def phone_syncs(self, name: str, data: st.DataObject, fate: Fate) -> None:
        phone = self.phones[name]
        if phone.folders:
            phone.sync(data.draw(st.sampled_from(sorted(phone.folders))), fate)

    @rule(name=NAMES)
    def phone_syncs_all(self, name: str) -> None:
        phone = self.phones[name]
        for number in list(phone.folders):
            if number in phone.folders:
                phone.sync(number, Fate("answered"))

    @rule(name=NAMES, fate=FATES, anew=st.booleans())
    def phone_syncs_folders(self, name: str, fate: Fate, anew: bool) -> None:
        phone = self.phones[name]
        if anew:
            phone.key = "0"
        phone.sync_folders(fate)

    @rule(name=NAMES, fate=FATES)
    def phone_sends(self, name: str, fate: Fate) -> None:
        self.phones[name].send(fate)

    @rule(name=NAMES, fate=FATES)
    def phone_asks_for_its_moves(self, name: str, fate: Fate) -> None:
        self.phones[name].move(fate)

    @rule(name=NAMES, fate=FATES)
    def phone_repeats_its_change_of_a_folder(self, name: str, fate: Fate) -> None:
        self.phone_changes_a_folder(name, fate)

    def phone_changes_a_folder(self, name: str, fate: Fate) -> None:
        phone = self.phones[name]
        if phone.wish is not None and phone.wish.verb == "delete":
            for ref in self.world.store.folder_refs(self._id(name)):
                if ref.number == phone.wish.number:
                    self._gone_with(ref.id)
        phone.change_folders(fate)

    # -- what must be true -----------------------------------------------------------------------------------------

    @invariant()
    def nothing_was_made_or_sent_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        source = self.world.source
        born = Counter(item.fields["born"] for items in source.items.values() for item in items.values())
        assert not [name for name, count in born.items() if count > 1]
        sent = Counter(message.mark for message in source.sent)
        assert not [name for name, count in sent.items() if count > 1]
        titles = Counter((each.parent_id, each.title, each.content) for each in source.tree)
        assert not [name for name, count in titles.items() if count > 1]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.faults.off()
        for _ in range(60):
            before = repr([phone.__dict__ for phone in self.phones.values()])
            for phone in self.phones.values():
                if phone.wish is not None and phone.wish.verb == "delete":
                    self.phone_changes_a_folder(phone.name, Fate("answered"))
                phone.come_to_rest()
            if repr([phone.__dict__ for phone in self.phones.values()]) == before:
                break
        else:
            raise AssertionError("they never come to rest")
        self.nothing_was_made_or_sent_twice()
        for phone in self.phones.values():
            assert phone.at_rest
            self._holds_the_truth(phone)
        source = self.world.source
        there = {item.fields["born"] for items in source.items.values() for item in items.values()}
        assert self.born - there <= self.may_be_gone, "an item vanished"
        assert sorted(message.mark for message in source.sent) == sorted(self.sent), "a message was not sent"

    def _holds_the_truth(self, phone: Phone) -> None:
        source = self.world.source
        refs = {ref.id: ref.number for ref in self.world.store.folder_refs(self._id(phone.name))}
        tree = {
            refs[each.id]: (each.title, refs.get(each.parent_id or "", HIERARCHY)) for each in source.tree
        }
        assert {number: (held.title, held.parent) for number, held in phone.folders.items()} == tree
        for each in source.tree:
            held = phone.folders[refs[each.id]]
            truth = {
                item: entry.fields
                for item, entry in source.items[each.id].items()
                if not (held.filtered and entry.received and entry.received < HORIZON)
            }
            assert held.items == truth


def live(lives: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Try that many lives."""
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=lives,
            stateful_step_count=50,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_all_hold_the_same_in_the_end() -> None:
    live(LIVES)


@pytest.mark.parametrize("plant", PLANTS if LIVES > 1000 else QUICK, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, UsmError, KeyError)):
        live(max(LIVES, 600), (Phase.generate,))
