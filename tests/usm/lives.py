"""Two phones and a source with a life of its own: what `test_lives` lets random things happen to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from app.usm import replying
from app.usm.content import Reply
from app.usm.errors import (
    Busy,
    FolderGone,
    ItemConflict,
    ItemFailed,
    ItemGone,
    ItemRefused,
    SourceUnavailable,
    StoreUnavailable,
    UnknownSyncKey,
)
from app.usm.model import (
    HIERARCHY,
    ChangeKind,
    ClientChange,
    ClientResult,
    ConflictRule,
    ContentType,
    ExchangeRequest,
    ExchangeResult,
    HierarchyResult,
    Move,
    MoveOutcome,
    Outcome,
    Outgoing,
)
from app.usm.session import Session
from tests.usm.conftest import World
from tests.usm.faults import ANSWERED, Crash, Fate, Faults

HORIZON: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A phone with a filter holds items from then on."""
OLD: Final = datetime(2025, 12, 1, tzinfo=UTC)

Fields = dict[str, Any]


@dataclass
class Held:
    """A folder as a phone holds it."""

    title: str
    parent: int
    content: ContentType
    key: str = "0"
    filtered: bool = False
    rule: ConflictRule = ConflictRule.SERVER_WINS
    items: dict[str, Fields] = field(default_factory=dict)
    unsent: dict[str, ClientChange] = field(default_factory=dict)
    in_flight: tuple[ClientChange, ...] | None = None
    repeats: bool = False
    """Whether it asked under this key before."""


@dataclass(frozen=True)
class Answer:
    """What a person answers to an invitation, until the phone has heard of it."""

    number: int
    item: str
    name: str
    since: float


@dataclass(frozen=True)
class FolderWish:
    """What a phone wants to do to a folder, until it has an answer."""

    verb: str
    number: int
    parent: int = HIERARCHY
    title: str = ""


class Phone:
    """A phone that asks again until it is answered, as phones do."""

    def __init__(self, world: World, faults: Faults, name: str) -> None:
        self.world = world
        self.faults = faults
        self.name = name
        self.key = "0"
        self.folders: dict[int, Held] = {}
        self.outbox: dict[str, Outgoing] = {}
        self.moves: list[Move] = []
        self.answer: Answer | None = None
        self.answered: list[str] = []
        self.wish: FolderWish | None = None
        self.made = 0
        self.may_start_over = False
        """Whether an administrator said that it shall have something anew."""
        self.lost: set[str] = set()
        """Names of items that were to be added to a folder that is gone."""
        self.sync_folders(ANSWERED)

    def new_name(self) -> str:
        """One that nobody else gives."""
        self.made += 1
        return f"{self.name}-{self.made}"

    # -- what the person does ----------------------------------------------------------------------------------

    def add(self, number: int, **fields: Any) -> str:
        """Write a new item; its name."""
        name = self.new_name()
        change = ClientChange(ChangeKind.ADD, client_id=name, fields={"born": name, **fields})
        self.folders[number].unsent[f"add:{name}"] = change
        return name

    def change(self, number: int, item: str, **fields: Any) -> None:
        """Edit an item, or send a draft."""
        folder = self.folders[number]
        if "send" not in fields:
            folder.items[item] = {**folder.items[item], **fields}
        folder.unsent[item] = ClientChange(ChangeKind.CHANGE, item_id=item, fields=fields)

    def delete(self, number: int, item: str) -> None:
        """Delete an item."""
        folder = self.folders[number]
        del folder.items[item]
        folder.unsent[item] = ClientChange(ChangeKind.DELETE, item_id=item)

    def give_up(self, number: int, drop: str = "") -> None:
        """Wait no longer for an answer: ask anew under the same key, with what is to be said by then. ``drop``: an item
        that was to be added, and is not any more."""
        folder = self.folders[number]
        folder.in_flight = None
        folder.unsent.pop(drop, None)

    def idle(self, number: int) -> list[str]:
        """The items with which nothing is under way."""
        folder = self.folders[number]
        moving = {move.item_id for move in self.moves if move.folder == number}
        answering = {self.answer.item} if self.answer is not None else set()
        return sorted(folder.items.keys() - folder.unsent.keys() - moving - answering)

    # -- requests ----------------------------------------------------------------------------------------------

    def _ask(self, fate: Fate, request: Callable[[Session], Any]) -> Any:
        """The answer, ``None`` where none arrives."""
        # A phone does not ask again at once, and the source's doubts have passed.
        self.world.clock.advance(61)
        if fate.kind == "request lost":
            return None
        self.faults.on(fate)
        try:
            answer = request(self.world.session(self.name))
        except (Busy, Crash, ItemFailed, SourceUnavailable, StoreUnavailable):
            return None
        finally:
            self.faults.off()
        return None if fate.kind == "answer lost" else answer

    def sync_folders(self, fate: Fate) -> None:
        """FolderSync."""
        key = self.key
        try:
            result: HierarchyResult | None = self._ask(fate, lambda session: session.folders(key))
        except UnknownSyncKey:
            self._starts_over()
            if fate.kind != "answer lost" and self.key == key:
                self.key = "0"
            return
        if result is None or self.key != key:  # it asked twice at once
            return
        if key == "0":
            told = {change.number for change in result.changes}
            for number in self.folders.keys() - told:
                self._drop(number)
        self.key = result.key
        for change in result.changes:
            if change.folder is None:
                self._drop(change.number)
                continue
            held = self.folders.get(change.number)
            if held is None:
                self.folders[change.number] = Held(change.folder.title, change.parent, change.folder.content)
            else:
                held.title, held.parent = change.folder.title, change.parent

    def _starts_over(self) -> None:
        assert self.may_start_over, "the device was told to start over"

    def _drop(self, number: int) -> None:
        folder = self.folders.pop(number, None)
        if folder is not None:
            self.lost |= {change.client_id for change in folder.unsent.values()}
        if self.wish is not None and number in (self.wish.number, self.wish.parent):
            self.wish = None

    def sync(self, number: int, fate: Fate) -> None:
        """Sync of one folder; what has no answer is sent again unchanged, under the same key."""
        folder = self.folders[number]
        if folder.in_flight is None:
            folder.in_flight = () if folder.key == "0" else tuple(folder.unsent.values())
        since = HORIZON if folder.filtered else None
        request = ExchangeRequest(
            number, folder.key, folder.in_flight, window=3, since=since, conflict=folder.rule
        )
        try:
            result = self._ask(fate, lambda session: _exchanged(session, request))
        except FolderGone:
            if fate.kind != "answer lost":
                folder.in_flight = None
                self.sync_folders(ANSWERED)
            return
        except UnknownSyncKey:
            self._starts_over()
            assert not request.changes, "what the device had to say was refused"
            if fate.kind != "answer lost" and folder.key == request.key:
                folder.key, folder.in_flight, folder.repeats = "0", None, False
                folder.items.clear()
            return
        if result is None:
            folder.repeats = True
            return
        if not folder.repeats and fate.kind != "meanwhile":
            self._is_true(number, result)
        folder.repeats = False
        self._take(folder, result, fate.kind)

    def _is_true(self, number: int, result: ExchangeResult) -> None:
        """What is said to be done is done."""
        refs = self.world.store.folder_refs(self.world.session(self.name).id)
        there = self.world.source.items.get(next(ref.id for ref in refs if ref.number == number), {})
        for answer in result.results:
            change, stored = answer.change, there.get(answer.item_id)
            if answer.outcome is not Outcome.DONE or change.fields.get("send"):
                continue
            if change.kind is ChangeKind.DELETE:
                assert stored is None, "it was to be deleted"
            elif stored is not None:
                assert change.fields.items() <= stored.fields.items(), "the source has it otherwise"
            else:
                assert change.kind is ChangeKind.CHANGE, "it was to be added"  # a draft becomes another

    def _take(self, folder: Held, result: ExchangeResult, fate: str) -> None:
        folder.key = result.key
        folder.in_flight = None
        for answer in result.results:
            self._take_answer(folder, answer, fate)
        for told in result.changes:
            if told.kind in (ChangeKind.DELETE, ChangeKind.FORGET):
                folder.items.pop(told.item_id, None)
            elif told.kind is ChangeKind.ADD:
                assert told.item_id not in folder.items, "the device got one item twice"
                folder.items[told.item_id] = dict(told.payload.fields)
            elif told.item_id in folder.items:
                folder.items[told.item_id] = dict(told.payload.fields) | self._to_say(folder, told.item_id)

    def _to_say(self, folder: Held, item: str) -> Fields:
        """What the person changed of an item that could not be stored yet; the phone goes on showing it."""
        change = folder.unsent.get(item)
        fields = {} if change is None else dict(change.fields)
        return {} if "send" in fields else fields

    def _take_answer(self, folder: Held, answer: ClientResult, fate: str) -> None:
        change, outcome = answer.change, answer.outcome
        name = f"add:{change.client_id}" if change.kind is ChangeKind.ADD else change.item_id
        is_delete = change.kind is ChangeKind.DELETE
        if outcome is Outcome.FAILED:
            if is_delete:
                del folder.unsent[name]  # it comes back, and may be deleted again
            return
        sent = folder.unsent.pop(name)
        assert outcome in (Outcome.DONE, Outcome.CONFLICT, Outcome.GONE) or (
            outcome is Outcome.REFUSED and is_delete and self.world.settings.mass_delete_share < 100
        )
        if outcome is Outcome.CONFLICT and fate != "meanwhile":
            assert folder.rule is ConflictRule.SERVER_WINS, "the device was to win"
            assert folder.content is not ContentType.MAIL, "flags do not collide"
        if change.kind is ChangeKind.ADD:
            assert outcome is Outcome.DONE
            if answer.item_id:
                assert answer.item_id not in folder.items, "the device got one item twice"
                folder.items[answer.item_id] = dict(sent.fields)

    def send(self, fate: Fate) -> None:
        """Send all that is in the outbox."""
        for client_id, message in list(self.outbox.items()):
            if self._ask(fate, lambda session: session.send(client_id, message)) is not None:  # noqa: B023
                self.outbox.pop(client_id, None)

    def reply(self, fate: Fate) -> None:
        """MeetingResponse, with a message that tells the organizer."""
        answer = self.answer
        if answer is None:
            return
        if self.world.clock.monotonic() - answer.since > replying.REPEATED - 300:
            self.answer = None  # it would be another answer from then on
            return
        message = Outgoing(b"answer " + answer.name.encode())
        try:
            done = self._ask(
                fate,
                lambda session: session.reply(
                    answer.number, answer.item, Reply.ACCEPTED, answer.name, message=message
                ),
            )
        except (FolderGone, ItemGone):
            self.answer = None
            return
        if done is not None:
            self.answered.append(answer.name)
            self.answer = None

    def empty(self, number: int, fate: Fate) -> None:
        """EmptyFolderContents, asked once."""
        try:
            self._ask(fate, lambda session: session.empty(number, subfolders=False))
        except FolderGone:
            self.sync_folders(ANSWERED)

    def move(self, fate: Fate) -> None:
        """MoveItems with all that is to be moved."""
        if not self.moves:
            return
        results = self._ask(fate, lambda session: session.move(self.moves))
        if results is None:
            return
        self.moves = []
        for result in results:
            source, target = (self.folders.get(each) for each in (result.move.folder, result.move.target))
            if result.outcome in (MoveOutcome.BUSY, MoveOutcome.FAILED):
                self.moves.append(result.move)
                continue
            assert result.outcome in (MoveOutcome.DONE, MoveOutcome.GONE, MoveOutcome.TARGET_GONE)
            if result.outcome is not MoveOutcome.DONE:
                continue
            item = {} if source is None else source.items.pop(result.move.item_id, {})
            if target is not None and target.key != "0":
                assert result.item_id not in target.items, "the device got one item twice"
                target.items[result.item_id] = item

    def change_folders(self, fate: Fate) -> None:
        """FolderCreate, FolderUpdate or FolderDelete."""
        wish, key = self.wish, self.key
        if wish is None or key == "0":
            return

        def request(session: Session) -> Any:
            if wish.verb == "create":
                return session.create_folder(key, wish.parent, wish.title, ContentType.MAIL)
            if wish.verb == "change":
                return session.change_folder(key, wish.number, wish.parent, wish.title)
            return session.delete_folder(key, wish.number)

        try:
            written = self._ask(fate, request)
        except (FolderGone, ItemConflict, ItemRefused):
            if fate.kind != "answer lost":
                self.wish = None
            return
        except UnknownSyncKey:
            self._starts_over()
            self.sync_folders(ANSWERED)
            return
        if written is None:
            return
        self.wish = None
        self.key = written.key
        if wish.verb == "create":
            assert written.number not in self.folders, "the device got one folder twice"
            self.folders[written.number] = Held(wish.title, wish.parent, ContentType.MAIL)
        elif wish.verb == "change":
            folder = self.folders[written.number]
            folder.title, folder.parent = wish.title, wish.parent
        else:
            for number in (written.number, *self.below(written.number)):
                self._drop(number)

    def below(self, number: int) -> set[int]:
        """The folders under a folder."""
        found: set[int] = set()
        layer = {number}
        while layer:
            layer = {child for child, folder in self.folders.items() if folder.parent in layer} - found
            found |= layer
        return found

    @property
    def at_rest(self) -> bool:
        """Whether it waits for no answer."""
        busy = any(folder.unsent or folder.in_flight for folder in self.folders.values())
        return not (busy or self.outbox or self.moves or self.answer or self.wish)

    def come_to_rest(self) -> None:
        """Get all answers."""
        fine = ANSWERED
        self.reply(fine)
        self.send(fine)
        self.move(fine)
        self.change_folders(fine)
        self.sync_folders(fine)
        for number in list(self.folders):
            if number in self.folders:
                self.sync(number, fine)


def _exchanged(session: Session, request: ExchangeRequest) -> ExchangeResult:
    """As a protocol does it: what a request without changes needs may be seen without a lock."""
    if not request.changes and request.key != "0":
        session.glance([request.folder])
    return session.exchange(request)
