"""One device of one user: everything a protocol can ask of USM.

A session's state lies in the store; this object lives for one request only. Any node may serve any request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from app.usm import choice, deeds, hierarchy, keys, quiet, renames, searching, sending, silence, watch, window
from app.usm.compared import Compared
from app.usm.content import Reply
from app.usm.deeds import Deeds, Kind
from app.usm.devices import Registry
from app.usm.errors import FolderGone, UnknownSyncKey
from app.usm.exchange import Exchange, begin
from app.usm.folder_changes import FolderChanges
from app.usm.journal import Record
from app.usm.model import (
    HIERARCHY,
    Absence,
    BodyKind,
    ChangeKind,
    ContentType,
    Cost,
    Device,
    Download,
    Event,
    ExchangeRequest,
    ExchangeResult,
    Folder,
    FolderChange,
    FolderRef,
    FolderRole,
    FolderWritten,
    HierarchyResult,
    Item,
    Move,
    MoveResult,
    Outgoing,
    SendOutcome,
    SessionId,
    User,
    UsmSettings,
    WatchResult,
)
from app.usm.moving import Mover, relocate
from app.usm.pieces import Stored
from app.usm.ports import (
    ENDED,
    Clock,
    DataSource,
    Glance,
    Heads,
    StateStore,
    Steps,
    Tokens,
    Waiter,
    Wish,
    never,
)
from app.usm.queries import BusyTime, Document, Hits, Person, Resolved, Search
from app.usm.replying import Answer

_LONG_AGO: Final = 1
"""When a folder that the device itself empties counts as first seen empty, in seconds since 1970."""


class _Noted(NamedTuple):
    """What is noted of a device's keys."""

    first: Event
    reset: Event
    lost: Event
    resent: Event


_ITEMS: Final = _Noted(Event.ITEMS_FIRST, Event.ITEMS_RESET, Event.ITEMS_LOST, Event.ITEMS_RESENT)
_FOLDERS: Final = _Noted(Event.FOLDERS_FIRST, Event.FOLDERS_RESET, Event.FOLDERS_LOST, Event.FOLDERS_RESENT)


class Session:
    """The synchronisation of one device. Made by :meth:`app.usm.manager.Manager.open`."""

    def __init__(
        self,
        device: Device,
        source: DataSource,
        store: StateStore,
        waiter: Waiter,
        clock: Clock,
        tokens: Tokens,
        settings: UsmSettings,
        compared: Compared,
    ) -> None:
        self.device = device
        self.user: User = source.user
        self.id = SessionId(source.user.context_id, source.user.user_id, device.protocol, device.device_id)
        self._source = source
        self._store = store
        self._waiter = waiter
        self._clock = clock
        self._tokens = tokens
        self._settings = settings
        self._compared = compared
        self._refs: dict[int, FolderRef] | None = None
        self._glances: dict[int, Glance | None] = {}
        """Of folders that were never begun: ``None``."""
        self._left_out: str | None = None
        self._is_due = False
        """What the fields say of the folders that the device gets, once they were read; see :mod:`app.usm.choice`."""
        self.events: list[Event] = []
        """What happened in this request, for whoever counts it."""

    @property
    def cost(self) -> Cost:
        """What this request has cost at the source so far."""
        return self._source.cost

    def fields(self) -> dict[str, str]:
        """What the protocol remembers of this session. Raises ``AccessDenied`` where the password has to be checked
        again and is wrong by now."""
        found = self._store.fields(self.id)
        if ended := found.get(ENDED):
            self._source.renew(datetime.fromtimestamp(float(ended), UTC))
        self._left_out, self._is_due = found.get(choice.LEFT_OUT, ""), choice.DUE in found
        return found

    def write_fields(self, fields: Mapping[str, str | None]) -> None:
        """Remember these; ``None`` forgets."""
        self._store.write_fields(self.id, fields)

    def keep_secret(self, field: str, text: str | None) -> None:
        """Remember a text that only an administrator can read again; ``None`` forgets."""
        self._store.keep_secret(self.id, field, text)

    @property
    def registry(self) -> Registry:
        """This device among those of its user."""
        return Registry(self.id, self._store, self._clock)

    def folders(self, key: str) -> HierarchyResult:
        """What the device's folder hierarchy lacks. Key ``"0"`` starts it over; the folders' numbers and the
        states of their items stay (MS-ASCMD 3.1.5.3). Raises ``UnknownSyncKey``, ``Busy``."""
        without = self._without()
        (glance, refs), seen = self._hierarchy_glance(key), None
        if glance is not None:
            numbered = sorted((ref.number, ref.id) for ref in refs)
            pairs = self._compared.of(self.id, [(HIERARCHY, glance)], numbered, sorted(without))
            tree = self._source.folders_unless(pairs.is_known)
            if tree is None:
                return HierarchyResult(key)
            seen = tree.folders
            if self._has_all(glance, refs, choice.shown(seen, without)):
                pairs.keep(tree.tag)
                return HierarchyResult(key)
        with self._store.lock(self.id, HIERARCHY):
            self._refs = None
            position = self._located(key, self._store.heads(self.id, HIERARCHY), _FOLDERS)
            if position is keys.Position.START:
                begin(self._store, self.id, HIERARCHY, self._tokens)
                position = keys.Position.NEWEST
            heads = self._kept(self._store.heads(self.id, HIERARCHY))
            if glance is None or not self._store.is_as(self.id, HIERARCHY, glance):
                seen = None
            result = hierarchy.update(
                self.id, self._source, self._store, self._settings, heads, position, without, seen
            )
        if self._is_due:
            self.write_fields({choice.DUE: None})
        return result

    def _without(self) -> Collection[str]:
        """The folders that the device does not get."""
        if self._left_out is None:
            self.fields()
        return choice.left_out({choice.LEFT_OUT: self._left_out or "[]"})

    def _hierarchy_glance(self, key: str) -> tuple[Glance | None, Sequence[FolderRef]]:
        """What is kept of the hierarchy and of the folders' numbers, if a device with this key may be told that nothing
        changed without a lock (:mod:`app.usm.quiet`)."""
        if key == keys.START or self._settings.force_new_key or self._is_due:
            return None, ()
        glance, refs = self._store.hierarchy(self.id)
        return (glance, refs) if glance is not None and keys.is_newest(key, glance.heads) else (None, ())

    def _has_all(self, glance: Glance, refs: Sequence[FolderRef], folders: Sequence[Folder]) -> bool:
        """Whether the device holds the hierarchy that the source has, and all of its folders have numbers."""
        numbered = {ref.id for ref in refs}
        if any(folder.id not in numbered for folder in folders):
            return False
        return not hierarchy.compare(glance.stamps, hierarchy.place(self.id, folders, self._store, refs))

    def hierarchy(self) -> Sequence[FolderChange]:
        """All folders as they are now, parents first, whatever the device holds: no key follows. Raises ``Busy``."""
        with self._store.lock(self.id, HIERARCHY):
            self._refs = None
            folders = self._source.folders()
            numbered = renames.recognise(self.id, self._source, self._store, folders)
            wanted = choice.shown(folders, self._without())
            placed = hierarchy.place(self.id, wanted, self._store, numbered)
        return [FolderChange(ChangeKind.ADD, each.number, each.parent, each.folder) for each in placed]

    def _kept(self, heads: Heads | None) -> Heads:
        if heads is None:
            raise UnknownSyncKey("the folder hierarchy was never synchronised")
        return heads

    def glance(self, numbers: Sequence[int]) -> None:
        """Read, by one statement and without a lock, what is kept of the folders with these numbers, for what this
        request is about to ask of all of them."""
        if numbers:
            found = self._store.glances(self.id, numbers)
            self._glances.update({number: found.get(number) for number in numbers})

    def folder(self, number: int) -> FolderRef:
        """The folder with this number. Raises ``FolderGone`` for one this device never heard of."""
        glance = self._glances.get(number)
        if glance is not None and glance.ref is not None:
            return glance.ref
        try:
            return self._known()[number]
        except KeyError:
            raise FolderGone(
                f"folder number {number} is not known to device {self.device.device_id!r}"
            ) from None

    def holds_folder(self, number: int) -> bool:
        """Whether the device holds this folder, as of its newest key."""
        heads = self._store.heads(self.id, HIERARCHY)
        return heads is not None and str(number) in self._store.stamps(
            self.id, HIERARCHY, heads.newest.counter
        )

    def _known(self) -> Mapping[int, FolderRef]:
        if self._refs is None:
            self._refs = {ref.number: ref for ref in self._store.folder_refs(self.id)}
        return self._refs

    def exchange(self, request: ExchangeRequest) -> ExchangeResult:
        """One round for one folder; see :mod:`app.usm.exchange`. Key ``"0"`` starts over and carries no data.

        Raises ``UnknownSyncKey``, ``FolderGone``, ``Busy``, ``SourceUnavailable``, ``StoreUnavailable``.
        """
        folder = self.folder(request.folder)
        glance, seen = self._glances.get(folder.number), None
        if glance is not None and quiet.may_be(glance, request, self._settings):
            pairs = self._compared.of(self.id, [(folder.number, glance)])
            wish = Wish(folder, request.since, request.conversations)
            seen = self._source.listing_unless(wish, never if silence.is_broken() else pairs.is_known)
            if seen is None:
                return ExchangeResult(request.key)
            limited = window.bounded(seen, self._settings.max_objects)
            if quiet.has_no_news(glance, limited, self._settings, self._now()):
                silence.explain(self.id, folder, request, glance.stamps, limited)
                if not silence.is_empty_handed(glance.stamps):
                    quiet.remember(pairs, seen.tag, [(glance.stamps, limited)])
                return ExchangeResult(request.key)
        self._glances.pop(folder.number, None)
        with self._store.lock(self.id, folder.number):
            heads = self._store.heads(self.id, folder.number)
            position = self._located(request.key, heads, _ITEMS)
            if position is keys.Position.START:
                self._check_alive(folder)
                renames.remember(self.id, self._source, self._store, folder)
                return ExchangeResult(begin(self._store, self.id, folder.number, self._tokens))
            work = Exchange(
                self.id,
                folder,
                self._source,
                self._store,
                self._clock,
                self._tokens,
                self._settings,
                request,
                self._kept(heads),
                position,
                self.events,
                seen if glance is not None and self._store.is_as(self.id, folder.number, glance) else None,
            )
            result = work.run()
        if work.wrote:
            self._waiter.announce(self.id.context_id, self.id.user_id, [folder.id], by=self.id)
        return result

    def _located(self, key: str, heads: Heads | None, noted: _Noted) -> keys.Position:
        """Where a device stands, which is noted where it is not as usual. Raises ``UnknownSyncKey``."""
        try:
            position = keys.locate(key, heads)
        except UnknownSyncKey:
            self.events.append(noted.lost)
            raise
        if position is keys.Position.START:
            self.events.append(noted.first if heads is None else noted.reset)
        elif position is keys.Position.OLDER:
            self.events.append(noted.resent)
        return position

    def _check_alive(self, folder: FolderRef) -> None:
        """A folder keeps its number for ever; whether it is still there, the device's hierarchy tells."""
        heads = self._store.heads(self.id, HIERARCHY)
        if heads is not None:
            held = self._store.stamps(self.id, HIERARCHY, heads.newest.counter)
            if str(folder.number) not in held:
                raise FolderGone(f"folder {folder.id!r} is gone from the hierarchy of {self.id}")

    def key(self, folder: int) -> str:
        """The newest key of a folder, ``"0"`` where it was never synchronised."""
        glance = self._glances.get(folder)
        heads = self._store.heads(self.id, folder) if glance is None else glance.heads
        return keys.START if heads is None else keys.text(heads.generation, heads.newest.counter)

    def estimate(self, folder: int, key: str, since: datetime | None, conversations: bool = False) -> int:
        """How many changes a request with this key would get. Raises ``UnknownSyncKey``, ``FolderGone``."""
        ref = self.folder(folder)
        heads = self._kept(self._store.heads(self.id, folder))
        position = keys.locate(key, heads)
        if position is keys.Position.START:
            raise UnknownSyncKey("key 0 has no state to estimate against")
        kept = keys.head(position, heads)
        now = self._now()
        held = self._store.stamps(self.id, folder, kept.counter)
        listing = self._source.listing(ref, since, conversations)
        return sum(1 for _ in watch.lacking(self.id, folder, held, listing, self._store, self._settings, now))

    def watch(
        self,
        folders: Sequence[int],
        seconds: float,
        since: Mapping[int, datetime | None],
        told: Collection[int] = (),
        conversations: Collection[int] = (),
    ) -> Steps[WatchResult]:
        """Wait until one of these folders has something for the device. ``since``: number → oldest wanted moment;
        ``conversations``: folders of which whole conversations are wanted.

        Folders never synchronised are left out of account; of those in ``told`` the device knows already that they
        changed, so that only what is new in them ends the wait. Raises ``FolderGone``, ``SourceUnavailable``.
        """
        refs = [self.folder(number) for number in folders]
        waiting = watch.Watch(
            self.id,
            self._source,
            self._store,
            self._waiter,
            self._clock,
            self._settings,
            self._compared,
            since,
            conversations,
        )
        if not all(number in self._glances for number in folders):
            self.glance(folders)
        glances = {number: glance for number in folders if (glance := self._glances[number]) is not None}
        self._refs = None  # not to be held while waiting
        self._glances.clear()
        return waiting.run(refs, seconds, glances, told)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    # -- single items ------------------------------------------------------------------------------------------

    def read(
        self, folder: int, ids: Sequence[str], bodies: Sequence[BodyKind]
    ) -> Mapping[str, Item | Exception]:
        """These items in full; see :meth:`app.usm.ports.DataSource.read`. Raises ``FolderGone``."""
        return self._source.read(self.folder(folder), ids, bodies)

    def attachment(self, folder: int, item_id: str, attachment_id: str) -> Download:
        """A file that hangs on an item. Raises ``ItemGone``, ``FolderGone``."""
        return self._source.attachment(self.folder(folder), item_id, attachment_id)

    def mime(self, folder: int, item_id: str) -> bytes:
        """A message as its bytes came. Raises ``ItemGone``, ``ItemUnreadable``, ``FolderGone``."""
        return self._source.mime(self.folder(folder), item_id)

    def stored_mime(self, folder: int, item_id: str) -> Stored:
        """The same of any size, not in memory. Raises like :meth:`mime`."""
        return self._source.stored_mime(self.folder(folder), item_id)

    @property
    def tells_organizers(self) -> bool:
        """Whether the source tells an organizer by mail what :meth:`reply` answers."""
        return self._source.tells_organizers

    def default_folder(self, content: ContentType) -> FolderRef | None:
        """The user's default folder of this content, if the device knows it; costs as much as the hierarchy."""
        ids = {
            folder.id
            for folder in self._source.folders()
            if folder.content is content and folder.role is FolderRole.DEFAULT
        }
        return next((ref for ref in self._known().values() if ref.id in ids), None)

    def senders(self) -> Sequence[str]:
        """The mail addresses that the user may write as, the default one first."""
        return self._source.senders()

    def absence(self) -> Absence | None:
        """The answer to those who write while the user is away; ``None`` where the source has nothing of the kind."""
        return self._source.absence()

    def set_absence(self, absence: Absence) -> None:
        """Set that answer. Raises ``ItemRefused``."""
        self._source.set_absence(absence)

    def empty(self, folder: int, subfolders: bool) -> None:
        """Delete all that is in a folder of messages, and with ``subfolders`` the folders below it. Raises
        ``FolderGone``, ``ItemRefused``, ``Busy``."""
        ref = self.folder(folder)
        with self._store.lock(self.id, folder):
            if self._store.heads(self.id, folder) is not None:
                # That it is empty all of a sudden surprises nobody: no brake (``brakes.EMPTY``) keeps it full.
                journal = Record.loads(self._store.journal(self.id, folder))
                self._store.write_journal(self.id, folder, replace(journal, emptied=_LONG_AGO).dumps())
            self._source.empty(ref, subfolders)
        self._waiter.announce(self.id.context_id, self.id.user_id, [ref.id])

    # -- searching -------------------------------------------------------------------------------------------

    def search(self, search: Search) -> Hits:
        """The items that meet a search, the newest first; see :mod:`app.usm.searching`. Raises ``UnknownSyncKey`` where
        the device never asked for its folders, ``FolderGone`` for one that it has not."""
        heads = self._kept(self._store.heads(self.id, HIERARCHY))
        held = self._store.stamps(self.id, HIERARCHY, heads.newest.counter)
        return searching.find(self._source, self._known(), held, search)

    def people(self, text: str) -> Sequence[Person]:
        """Those in the directory whom a text means; see :meth:`app.usm.ports.DataSource.people`."""
        return self._source.people(text)

    def resolve(self, names: Sequence[str]) -> Resolved:
        """Those whom names may mean; see :meth:`app.usm.ports.DataSource.resolve`."""
        return self._source.resolve(names)

    def picture(self, person: Person) -> bytes | None:
        """The picture of somebody who was found."""
        return self._source.picture(person)

    def busy(self, mails: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[BusyTime]]:
        """When people are not free; see :meth:`app.usm.ports.DataSource.busy`."""
        return self._source.busy(mails, start, end)

    def documents(self, path: Sequence[str]) -> Sequence[Document]:
        """A file or folder of the user's documents, and what a folder holds. Raises ``ItemGone``, ``ItemRefused``."""
        return self._source.documents(path)

    def document(self, path: Sequence[str]) -> Download:
        """A file of the user's documents. Raises ``ItemGone``, ``ItemRefused``, ``ItemUnreadable``."""
        return self._source.document(path)

    # -- what happens once -------------------------------------------------------------------------------------

    def send(self, client_id: str, message: Outgoing) -> SendOutcome:
        """Send a message exactly once for each ``client_id``, the device's name for it (``""``: the message itself is
        its name); see :mod:`app.usm.sending`. Raises ``ItemRefused``, ``Busy``, ``SourceUnavailable``,
        ``StoreUnavailable``."""
        with self._deeds(Kind.SENT) as sent:
            return sending.send(self.id, self._source, sent, self._settings, client_id, message)

    def move(self, moves: Sequence[Move]) -> Sequence[MoveResult]:
        """Move items, each exactly once: a move that is repeated after a lost answer gets that answer again. The
        states of both folders follow, so that neither tells the device of it; see :mod:`app.usm.moving`. Raises
        ``Busy``, ``SourceUnavailable``, ``StoreUnavailable``."""
        with self._deeds(Kind.MOVED) as moved:
            mover = Mover(self.id, self._source, self._store, moved, self._settings, self._known())
            try:
                return mover.run(moves)
            finally:
                if mover.touched:
                    self._announce(mover.touched)

    def relocate(self, moves: Sequence[Move]) -> Sequence[MoveResult]:
        """Move items without the device's having them where they come: both folders tell it, as if somebody else had
        moved them. A move that is repeated finds its item gone. Raises ``SourceUnavailable``."""
        touched: set[str] = set()
        try:
            return relocate(self._source, self._known(), moves, touched)
        finally:
            if touched:
                self._waiter.announce(self.id.context_id, self.id.user_id, sorted(touched))

    def reply(
        self,
        folder: int,
        item_id: str,
        reply: Reply,
        comment: str = "",
        occurrence: datetime | None = None,
        message: Outgoing | None = None,
    ) -> str:
        """Answer an invitation, once; see :meth:`app.usm.ports.DataSource.reply` and :mod:`app.usm.replying`.
        ``message`` tells the organizer and is sent once, after the answer is stored. The appointment's id. Raises
        ``ItemGone``, ``ItemRefused``, ``FolderGone``, ``Busy``, ``SourceUnavailable``, ``StoreUnavailable``."""
        ref = self.folder(folder)
        with self._deeds(Kind.REPLIED) as replied:
            answer = Answer(replied, self._tokens, ref, item_id, occurrence)
            if answer.begin(reply, comment):
                appointment = answer.store(self._source, reply, comment)
                if message is not None:
                    self.send(answer.message_name, message)
                answer.end(appointment)
                self._announce([ref.id])
            return answer.result

    def _deeds(self, kind: Kind) -> AbstractContextManager[Deeds]:
        return deeds.opened(self._store, self.id, kind, self._clock, self._tokens)

    def _announce(self, folders: Iterable[str]) -> None:
        self._waiter.announce(self.id.context_id, self.id.user_id, sorted(folders), by=self.id)

    def create_folder(self, key: str, parent: int, title: str, content: ContentType) -> FolderWritten:
        """A new folder, made once, under the folder of this number (0: at the top); the device that stood on ``key`` is
        not told of it again. Raises ``UnknownSyncKey``, ``ItemConflict`` where one of that title is there,
        ``FolderGone`` for the parent, ``ItemRefused``, ``Busy``, ``SourceUnavailable``, ``StoreUnavailable``."""
        with self._store.lock(self.id, HIERARCHY):
            return self._folder_changes(key).create(parent, title, content)

    def change_folder(self, key: str, number: int, parent: int, title: str) -> FolderWritten:
        """Rename a folder, move it, or both; it keeps its number. Raises like :meth:`create_folder`, ``FolderGone`` for
        either folder."""
        with self._store.lock(self.id, HIERARCHY):
            return self._folder_changes(key).change(number, parent, title)

    def delete_folder(self, key: str, number: int) -> FolderWritten:
        """Delete a folder with all that is in it. Raises like :meth:`create_folder`."""
        with self._store.lock(self.id, HIERARCHY):
            return self._folder_changes(key).delete(number)

    def _folder_changes(self, key: str) -> FolderChanges:
        self._refs = None
        heads = self._kept(self._store.heads(self.id, HIERARCHY))
        return FolderChanges(self.id, self._source, self._store, heads, key)
