"""Random lives of two phones and a source, and what must be true of them; see `test_lives`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.usm import anew, brakes, held, holding
from app.usm.errors import Busy
from app.usm.model import HIERARCHY, ConflictRule, ContentType, Move, Outgoing, UsmSettings
from tests.fakes.clock import ManualClock
from tests.fakes.store import MemoryStore
from tests.usm.conftest import CONTACTS, INBOX, World
from tests.usm.faults import ANSWERED, FATES, Crash, Fate, Faults
from tests.usm.lives import HORIZON, OLD, Answer, FolderWish, Phone

PHONES: Final = ("phone", "tablet")
NAMES: Final = st.sampled_from(PHONES)
TEXT: Final = st.sampled_from("xyz")
TRASH: Final = "default0/Trash"
KEPT: Final = (INBOX, TRASH, CONTACTS)
"""Folders that the source's side leaves alone."""
BRAKED: Final = UsmSettings(mass_delete_least=3, mass_delete_share=60)
FREE: Final = UsmSettings(mass_delete_share=100, mass_delete_least=1000)

MakeStore = Callable[[ManualClock], Any]


class Lives(RuleBasedStateMachine):
    """Random lives of two phones and a source."""

    make_store: ClassVar[MakeStore] = staticmethod(lambda clock: MemoryStore())

    @initialize(settings=st.sampled_from([FREE, FREE, BRAKED]))
    def begin(self, settings: UsmSettings) -> None:
        self.world = World(type(self).make_store)
        self.world.settings = settings
        self.faults = Faults(self.world)
        self.faults.meanwhile = self._meanwhile
        self.phones = {name: Phone(self.world, self.faults, name) for name in PHONES}
        self.asking = PHONES[0]
        self.born: set[str] = set()
        self.may_be_gone: set[str] = set()
        self.sent: list[str] = []
        self.titles = 0
        for folder, received in ((INBOX, OLD), (INBOX, HORIZON), (CONTACTS, None), (CONTACTS, None)):
            self._put(folder, received)
        for phone in self.phones.values():
            for number in (*phone.folders, *phone.folders):
                phone.sync(number, ANSWERED)

    # -- the source's own side -----------------------------------------------------------------------------------

    def _put(self, folder: str, received: Any, **fields: Any) -> str:
        name = f"source-{len(self.born)}"
        self.born.add(name)
        return self.world.source.put(folder, {"born": name, **fields}, received)

    def _folder(self, data: st.DataObject, mail: bool = False) -> str:
        return str(data.draw(st.sampled_from(self._folders(mail))))

    def _folders(self, mail: bool) -> list[str]:
        tree = self.world.source.tree
        return sorted(each.id for each in tree if not mail or each.content is ContentType.MAIL)

    def _item(self, data: st.DataObject, folder: str) -> str | None:
        items = sorted(self.world.source.items[folder])
        return data.draw(st.sampled_from(items)) if items else None

    def _drop(self, folder: str, item: str) -> None:
        self.may_be_gone.add(self.world.source.items[folder][item].fields["born"])
        self.world.source.drop(folder, item)

    @rule(data=st.data(), old=st.booleans(), draft=st.booleans())
    def source_adds(self, data: st.DataObject, old: bool, draft: bool) -> None:
        fields = {"draft": True} if draft else {}
        folder = self._folder(data)
        self._put(folder, OLD if old else HORIZON, **({} if folder == CONTACTS else fields))

    @rule(data=st.data(), text=st.sampled_from("abc"), name=st.sampled_from(["text", "note"]))
    def source_changes(self, data: st.DataObject, text: str, name: str) -> None:
        folder = self._folder(data)
        if (item := self._item(data, folder)) is not None:
            self.world.source.touch(folder, item, {name: text})

    @rule(data=st.data())
    def source_deletes(self, data: st.DataObject) -> None:
        folder = self._folder(data)
        if (item := self._item(data, folder)) is not None:
            self._drop(folder, item)

    @rule(data=st.data())
    def source_empties_a_folder(self, data: st.DataObject) -> None:
        folder = self._folder(data)
        for item in list(self.world.source.items[folder]):
            self._drop(folder, item)

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

    @rule(data=st.data())
    def source_item_cannot_be_read_for_a_while(self, data: st.DataObject) -> None:
        unreadable = self.world.source.unreadable
        if (item := self._item(data, self._folder(data))) is not None:
            unreadable ^= {item}

    def _meanwhile(self, fate: Fate) -> None:
        """What happens while a request is at work."""
        source, me = self.world.source, self.phones[self.asking]
        other = self.phones[PHONES[1 - PHONES.index(self.asking)]]
        items = [
            (folder, item) for folder in self._folders(mail=False) for item in sorted(source.items[folder])
        ]
        folder, item = items[fate.pick % len(items)] if items else ("", "")
        mail = self._folders(mail=True)
        target = mail[fate.pick % len(mail)]
        match fate.event:
            case "put":
                self._put(target, HORIZON)
            case "touch" if item:
                source.touch(folder, item, {"note": "m"})
            case "drop" if item:
                self._drop(folder, item)
            case "shift" if item and folder not in (CONTACTS, target):
                source.shift(folder, item, target)
            case "other folder" if me.folders:
                me.sync(sorted(me.folders)[fate.pick % len(me.folders)], ANSWERED)
            case "hierarchy":
                me.sync_folders(ANSWERED)
            case "other phone" if other.folders:
                other.sync(sorted(other.folders)[fate.pick % len(other.folders)], ANSWERED)

    # -- the phones ----------------------------------------------------------------------------------------------

    def _phone(self, name: str) -> Phone:
        self.asking = name
        return self.phones[name]

    def _held(self, data: st.DataObject, phone: Phone) -> int | None:
        ready = sorted(
            number
            for number, folder in phone.folders.items()
            if folder.in_flight is None and folder.key != "0"
        )
        return data.draw(st.sampled_from(ready)) if ready else None

    @rule(name=NAMES, data=st.data(), fate=FATES, send=st.booleans())
    def phone_adds(self, name: str, data: st.DataObject, fate: Fate, send: bool) -> None:
        phone = self._phone(name)
        number = self._held(data, phone)
        if number is None:
            return
        if phone.folders[number].content is ContentType.CONTACTS:
            self.born.add(phone.add(number))
        elif send:
            self.sent.append(phone.add(number, draft=True, send=True))
        else:
            self.born.add(phone.add(number, draft=True))
            self.may_be_gone.add(phone.new_name())
        phone.sync(number, fate)

    @rule(name=NAMES, data=st.data(), text=TEXT, fate=FATES, at_once=st.booleans())
    def phone_changes(self, name: str, data: st.DataObject, text: str, fate: Fate, at_once: bool) -> None:
        phone = self._phone(name)
        number = self._held(data, phone)
        if number is not None and (items := phone.idle(number)):
            phone.change(number, data.draw(st.sampled_from(items)), text=text)
            if at_once:
                phone.sync(number, fate)

    @rule(name=NAMES, data=st.data(), fate=FATES)
    def phone_sends_a_draft(self, name: str, data: st.DataObject, fate: Fate) -> None:
        phone = self._phone(name)
        number = self._held(data, phone)
        if number is None:
            return
        items = phone.folders[number].items
        drafts = [item for item in phone.idle(number) if items[item].get("draft")]
        if drafts:
            item = data.draw(st.sampled_from(drafts))
            self.may_be_gone.add(items[item]["born"])
            phone.change(number, item, send=True)
            phone.sync(number, fate)

    @rule(name=NAMES, data=st.data(), many=st.booleans())
    def phone_deletes(self, name: str, data: st.DataObject, many: bool) -> None:
        phone = self._phone(name)
        number = self._held(data, phone)
        if number is not None and (items := phone.idle(number)):
            for item in items if many else [data.draw(st.sampled_from(items))]:
                self.may_be_gone.add(phone.folders[number].items[item].get("born", ""))
                phone.delete(number, item)

    @rule(name=NAMES, data=st.data(), drop=st.booleans())
    def phone_gives_up_a_request(self, name: str, data: st.DataObject, drop: bool) -> None:
        phone = self._phone(name)
        waiting = sorted(number for number, folder in phone.folders.items() if folder.in_flight)
        if not waiting:
            return
        number = data.draw(st.sampled_from(waiting))
        added = sorted(
            name
            for name, change in phone.folders[number].unsent.items()
            if change.client_id and not change.fields.get("send")
        )
        if drop and added:
            self.may_be_gone.add(added[0].removeprefix("add:"))
            phone.give_up(number, added[0])
        else:
            phone.give_up(number)

    @rule(name=NAMES, data=st.data(), fate=FATES)
    def phone_moves(self, name: str, data: st.DataObject, fate: Fate) -> None:
        phone = self._phone(name)
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

    @rule(name=NAMES, data=st.data(), fate=FATES)
    def phone_empties_the_trash(self, name: str, data: st.DataObject, fate: Fate) -> None:
        phone = self._phone(name)
        for ref in self.world.store.folder_refs(self._id(name)):
            if ref.id == TRASH and ref.number in phone.folders:
                self._gone_with(TRASH)
                phone.empty(ref.number, fate if fate.kind != "meanwhile" else ANSWERED)

    @rule(name=NAMES, fate=FATES)
    def phone_writes_a_message(self, name: str, fate: Fate) -> None:
        phone = self._phone(name)
        client_id = phone.new_name()
        self.sent.append(client_id)
        phone.outbox[client_id] = Outgoing(client_id.encode(), mark=client_id)
        phone.send(fate)

    @rule(name=NAMES, data=st.data(), fate=FATES)
    def phone_answers_an_invitation(self, name: str, data: st.DataObject, fate: Fate) -> None:
        phone = self._phone(name)
        number = self._held(data, phone)
        if phone.answer is None and number is not None and (items := phone.idle(number)):
            item = data.draw(st.sampled_from(items))
            phone.answer = Answer(number, item, phone.new_name(), self.world.clock.monotonic())
        phone.reply(fate)

    @rule(name=NAMES, data=st.data(), what=st.sampled_from(["filter", "conflict"]))
    def phone_is_set_otherwise(self, name: str, data: st.DataObject, what: str) -> None:
        phone = self._phone(name)
        if (number := self._held(data, phone)) is None:
            return
        folder = phone.folders[number]
        if what == "filter":
            folder.filtered ^= True
        else:
            [folder.rule] = set(ConflictRule) - {folder.rule}

    @rule(name=NAMES, data=st.data(), verb=st.sampled_from(["create", "change", "delete"]), fate=FATES)
    def phone_wants_a_folder_changed(self, name: str, data: st.DataObject, verb: str, fate: Fate) -> None:
        phone = self._phone(name)
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
        phone = self._phone(name)
        if phone.folders:
            phone.sync(data.draw(st.sampled_from(sorted(phone.folders))), fate)

    @rule(name=NAMES)
    def phone_syncs_all(self, name: str) -> None:
        phone = self._phone(name)
        for number in list(phone.folders):
            if number in phone.folders:
                phone.sync(number, ANSWERED)

    @rule(name=NAMES, fate=FATES, anew=st.booleans())
    def phone_syncs_folders(self, name: str, fate: Fate, anew: bool) -> None:
        phone = self._phone(name)
        if anew:
            phone.key = "0"
        phone.sync_folders(fate)

    @rule(name=NAMES, fate=FATES, what=st.sampled_from(["send", "move", "reply", "folders"]))
    def phone_asks_again(self, name: str, fate: Fate, what: str) -> None:
        phone = self._phone(name)
        match what:
            case "send":
                phone.send(fate)
            case "move":
                phone.move(fate)
            case "reply":
                phone.reply(fate)
            case "folders":
                self.phone_changes_a_folder(name, fate)

    def phone_changes_a_folder(self, name: str, fate: Fate) -> None:
        phone = self._phone(name)
        if phone.wish is not None and phone.wish.verb == "delete":
            for ref in self.world.store.folder_refs(self._id(name)):
                if ref.number == phone.wish.number:
                    self._gone_with(ref.id)
            phone.change_folders(fate)
            if fate.kind == "meanwhile":  # what came to the folder just before it went has gone with it
                self.may_be_gone |= self.born - self._there()
        else:
            phone.change_folders(fate)

    # -- the administrator -----------------------------------------------------------------------------------------

    @rule(name=NAMES, let_through=st.booleans(), fate=FATES)
    def administrator_decides(self, name: str, let_through: bool, fate: Fate) -> None:
        world, session = self.world, self._id(name)
        for entry in holding.held_back(world.store, session):
            if let_through:
                self.may_be_gone |= self._there()
            if fate.kind == "crash":
                self.faults.on(fate)
            try:
                holding.decide(world.store, session, entry.folder, let_through, world.clock, world.tokens)
            except (Busy, Crash):
                continue
            finally:
                self.faults.off()

    @rule(name=NAMES, fate=FATES)
    def administrator_has_items_tried_again(self, name: str, fate: Fate) -> None:
        world, session = self.world, self._id(name)
        for folder in sorted({each.folder for each in holding.skipped(world.store, session)}):
            if fate.kind == "crash":
                self.faults.on(fate)
            try:
                holding.retry(world.store, session, folder)
            except (Busy, Crash):
                continue
            finally:
                self.faults.off()

    @rule(name=NAMES, data=st.data(), everything=st.booleans(), fate=FATES)
    def administrator_gives_a_folder_anew(
        self, name: str, data: st.DataObject, everything: bool, fate: Fate
    ) -> None:
        world, phone = self.world, self.phones[name]
        if not phone.folders:
            return
        folders = None if everything else [data.draw(st.sampled_from(sorted(phone.folders)))]
        phone.may_start_over = True
        if fate.kind == "crash":
            self.faults.on(fate)
        try:
            anew.order(world.store, self._id(name), folders, world.clock, world.tokens)
        except (Busy, Crash):
            return
        finally:
            self.faults.off()

    # -- what must be true -----------------------------------------------------------------------------------------

    @invariant()
    def nothing_was_made_or_sent_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        source = self.world.source
        born = Counter(item.fields["born"] for items in source.items.values() for item in items.values())
        assert not [name for name, count in born.items() if count > 1]
        assert not [message for message, count in self._sent().items() if count > 1]
        titles = Counter((each.parent_id, each.title, each.content) for each in source.tree)
        assert not [name for name, count in titles.items() if count > 1]

    def _there(self) -> set[str]:
        """The names of all items that there are."""
        items = self.world.source.items.values()
        return {item.fields["born"] for folder in items for item in folder.values()}

    def _sent(self) -> Counter[bytes]:
        return Counter(message.mime for message in self.world.source.sent)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.faults.off()
        self._come_to_rest()
        if self.world.source.unreadable:
            self.world.source.unreadable.clear()
            self.world.clock.advance(max(held.PAUSES) + 1)
            self._come_to_rest()
        self.nothing_was_made_or_sent_twice()
        for phone in self.phones.values():
            assert phone.at_rest
            self._holds_the_truth(phone)
        lost = {name for phone in self.phones.values() for name in phone.lost}
        assert self.born - self._there() <= self.may_be_gone | lost, "an item vanished"
        answers = [f"answer {name}" for phone in self.phones.values() for name in phone.answered]
        wanted = {name.encode() for name in (*self.sent, *answers) if name not in lost}
        assert wanted <= self._sent().keys(), "a message was not sent"

    def _come_to_rest(self) -> None:
        """Until nothing has changed twice: what a brake holds back for some minutes takes a round longer."""
        still = 0
        for _ in range(60):
            before = self._state()
            for phone in self.phones.values():
                if phone.wish is not None and phone.wish.verb == "delete":
                    self.phone_changes_a_folder(phone.name, ANSWERED)
                phone.come_to_rest()
            self.world.clock.advance(brakes.EMPTY)
            still = still + 1 if self._state() == before else 0
            if still == 2:
                return
        raise AssertionError("they never come to rest")

    def _state(self) -> str:
        own = ("key", "folders", "outbox", "moves", "answer", "wish")
        return repr([[getattr(phone, name) for name in own] for phone in self.phones.values()])

    def _holds_the_truth(self, phone: Phone) -> None:
        source, session = self.world.source, self.world.session(phone.name)
        refs = {ref.id: ref.number for ref in self.world.store.folder_refs(session.id)}
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
            since = HORIZON if held.filtered else None
            assert session.estimate(refs[each.id], held.key, since) == 0


def live(
    lives: int,
    phases: Sequence[Phase] = tuple(Phase),
    store: MakeStore | None = None,
    always_the_same: bool = False,
) -> None:
    """Try that many lives, over a store in memory or another one."""
    kind = Lives if store is None else type("Lives", (Lives,), {"make_store": staticmethod(store)})
    logging.disable()  # thousands of lives have a lot to tell
    try:
        run_state_machine_as_test(
            kind,
            settings=settings(
                max_examples=lives,
                stateful_step_count=50,
                deadline=None,
                database=None,
                phases=phases,
                derandomize=always_the_same,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        logging.disable(logging.NOTSET)
