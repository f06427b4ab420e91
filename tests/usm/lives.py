"""Two phones and a source with a life of its own: what `test_lives` lets random things happen to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from app.usm.errors import FolderGone, ItemConflict, ItemRefused, SourceUnavailable
from app.usm.model import (
    HIERARCHY,
    ChangeKind,
    ClientChange,
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

HORIZON: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A phone with a filter holds items from then on."""
OLD: Final = datetime(2025, 12, 1, tzinfo=UTC)

Fields = dict[str, Any]


class Crash(Exception):
    """The server process dies here."""


@dataclass(frozen=True)
class Fate:
    """What becomes of a request. ``countdown``: at which of its calls to the source or writes to the store."""

    kind: str
    countdown: int = 0


class Faults:
    """Makes a fate happen in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.off()

    def off(self) -> None:
        """From now on all goes well."""
        self._set(lambda name: None, lambda name: None, lambda name: None)

    def on(self, fate: Fate) -> None:
        """Let it happen to the next request."""
        left = fate.countdown

        def step(act: Callable[[], None]) -> Callable[[str], None]:
            def passed(name: str) -> None:
                nonlocal left
                left -= 1
                if left == -1:
                    act()

            return passed

        def crash() -> None:
            raise Crash

        def down() -> None:
            raise SourceUnavailable("the source is down")

        def silent() -> None:
            raise SourceUnavailable("the source does not answer", in_doubt=True)

        if fate.kind == "crash":
            self._set(step(crash), step(crash), step(crash))
        elif fate.kind == "source down":
            self._set(step(down), lambda name: None, lambda name: None)
        elif fate.kind == "source silent":
            self._set(step(silent), step(silent), lambda name: None)

    def _set(
        self, before: Callable[[str], None], after: Callable[[str], None], write: Callable[[str], None]
    ) -> None:
        self._world.source.before = before
        self._world.source.after = after
        self._world.store.before = write


@dataclass
class Held:
    """A folder as a phone holds it."""

    title: str
    parent: int
    content: ContentType
    key: str = "0"
    filtered: bool = False
    items: dict[str, Fields] = field(default_factory=dict)
    unsent: dict[str, ClientChange] = field(default_factory=dict)
    in_flight: tuple[ClientChange, ...] | None = None


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
        self.wish: FolderWish | None = None
        self.made = 0
        self.sync_folders(Fate("answered"))

    def new_name(self) -> str:
        """One that nobody else gives."""
        self.made += 1
        return f"{self.name}-{self.made}"

    # -- what the person does ----------------------------------------------------------------------------------

    def add(self, number: int) -> None:
        """Write a new item."""
        name = self.new_name()
        change = ClientChange(ChangeKind.ADD, client_id=name, fields={"born": name})
        self.folders[number].unsent[f"add:{name}"] = change

    def change(self, number: int, item: str, text: str) -> None:
        """Edit an item."""
        folder = self.folders[number]
        folder.items[item] = {**folder.items[item], "text": text}
        folder.unsent[item] = ClientChange(ChangeKind.CHANGE, item_id=item, fields={"text": text})

    def delete(self, number: int, item: str) -> None:
        """Delete an item."""
        folder = self.folders[number]
        del folder.items[item]
        folder.unsent[item] = ClientChange(ChangeKind.DELETE, item_id=item)

    def idle(self, number: int) -> list[str]:
        """The items with which nothing is under way."""
        folder = self.folders[number]
        moving = {move.item_id for move in self.moves if move.folder == number}
        return sorted(folder.items.keys() - folder.unsent.keys() - moving)

    # -- requests ----------------------------------------------------------------------------------------------

    def _ask(self, fate: Fate, request: Callable[[Session], Any]) -> Any:
        """The answer, ``None`` where none arrives."""
        self.world.clock.advance(
            61
        )  # a phone does not ask again at once, and the source's doubts have passed
        if fate.kind == "request lost":
            return None
        self.faults.on(fate)
        try:
            answer = request(self.world.session(self.name))
        except (Crash, SourceUnavailable):
            return None
        finally:
            self.faults.off()
        return None if fate.kind == "answer lost" else answer

    def sync_folders(self, fate: Fate) -> None:
        """FolderSync."""
        key = self.key
        result: HierarchyResult | None = self._ask(fate, lambda session: session.folders(key))
        if result is None:
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

    def _drop(self, number: int) -> None:
        self.folders.pop(number, None)
        if self.wish is not None and number in (self.wish.number, self.wish.parent):
            self.wish = None

    def sync(self, number: int, fate: Fate) -> None:
        """Sync of one folder; what has no answer is sent again unchanged, under the same key."""
        folder = self.folders[number]
        if folder.in_flight is None:
            folder.in_flight = () if folder.key == "0" else tuple(folder.unsent.values())
        since = HORIZON if folder.filtered else None
        request = ExchangeRequest(number, folder.key, folder.in_flight, window=3, since=since)
        try:
            result = self._ask(fate, lambda session: session.exchange(request))
        except FolderGone:
            if fate.kind != "answer lost":
                folder.in_flight = None
                self.sync_folders(Fate("answered"))
            return
        if result is not None:
            self._take(folder, result)

    def _take(self, folder: Held, result: ExchangeResult) -> None:
        folder.key = result.key
        folder.in_flight = None
        for answer in result.results:
            change = answer.change
            name = f"add:{change.client_id}" if change.kind is ChangeKind.ADD else change.item_id
            folder.unsent.pop(name)
            assert answer.outcome in (Outcome.DONE, Outcome.CONFLICT, Outcome.GONE)
            if change.kind is ChangeKind.ADD:
                assert answer.outcome is Outcome.DONE
                assert answer.item_id not in folder.items, "the device got one item twice"
                folder.items[answer.item_id] = dict(change.fields)
        for told in result.changes:
            if told.kind in (ChangeKind.DELETE, ChangeKind.FORGET):
                folder.items.pop(told.item_id, None)
            elif told.kind is ChangeKind.ADD:
                assert told.item_id not in folder.items, "the device got one item twice"
                folder.items[told.item_id] = dict(told.payload.fields)
            elif told.item_id in folder.items:
                folder.items[told.item_id] = dict(told.payload.fields)

    def send(self, fate: Fate) -> None:
        """Send all that is in the outbox."""
        for client_id, message in list(self.outbox.items()):
            if self._ask(fate, lambda session: session.send(client_id, message)) is not None:  # noqa: B023
                del self.outbox[client_id]

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
        return not (busy or self.outbox or self.moves or self.wish)

    def come_to_rest(self) -> None:
        """Get all answers."""
        fine = Fate("answered")
        self.send(fine)
        self.move(fine)
        self.change_folders(fine)
        self.sync_folders(fine)
        for number in list(self.folders):
            if number in self.folders:
                self.sync(number, fine)
