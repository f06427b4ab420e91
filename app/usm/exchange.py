"""One round of synchronisation of one folder: decide, then act, then remember.

The order is what keeps the promise "nothing twice, nothing lost":

1. the folder is locked, so that a repeated request waits for the first;
2. the key tells what the device holds (:mod:`app.usm.keys`);
3. one look at the source tells what is there now;
4. each change of the device is decided (:mod:`app.usm.decide`) and done; before the first item is created, the
   journal holds the intent (:mod:`app.usm.journal`);
5. what the device lacks is read and rendered;
6. the new state is saved in one transaction, and only then is there an answer.

Stop it anywhere: the device repeats its request with the key it holds, and gets there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from app.usm import anew, brakes, decide, held, hierarchy, holding, keys, silence, window
from app.usm.errors import (
    ItemConflict,
    ItemError,
    ItemFailed,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
    UnknownSyncKey,
    UsmError,
    unquoted,
)
from app.usm.journal import Entry, Record, digest_of, found, name_of, uid_of, words_of
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ClientResult,
    ContentType,
    Event,
    ExchangeRequest,
    ExchangeResult,
    FolderRef,
    FolderRole,
    Item,
    Listing,
    Outcome,
    ServerChange,
    SessionId,
    UsmSettings,
    Written,
)
from app.usm.ports import Clock, DataSource, Heads, StateStore, Tokens

_log = logging.getLogger(__name__)


def begin(store: StateStore, session: SessionId, folder: int, tokens: Tokens) -> str:
    """Start over with a folder: forget what the device held; the answer is its first key."""
    generation = tokens.text()[:16]
    store.begin(session, folder, generation, Record(0, {}).dumps())
    return keys.text(generation, 1)


class Exchange:
    """The work on one request for one folder; made anew for each, under the folder's lock."""

    def __init__(
        self,
        session: SessionId,
        folder: FolderRef,
        source: DataSource,
        store: StateStore,
        clock: Clock,
        tokens: Tokens,
        settings: UsmSettings,
        request: ExchangeRequest,
        heads: Heads,
        position: keys.Position,
        events: list[Event],
        seen: Listing | None = None,
    ) -> None:
        """``events``: where to note what happens. ``seen``: what the source has, if somebody has looked since the
        state was as it is now."""
        self._session = session
        self._folder = folder
        self._source = source
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._settings = settings
        self._request = request
        self._events = events
        self._generation = heads.generation
        self._repeated = position is keys.Position.OLDER
        self._base = keys.head(position, heads).counter
        stamps = store.stamps(session, request.folder, self._base)
        self._anew = anew.is_ordered(stamps)
        self._known = anew.without(stamps)
        self._held = dict(self._known)
        self._done: dict[str, Entry] = {}
        self._asking = ""
        """The name of the Add that the source is being asked to carry out."""
        self._added: set[str] = set()
        self._ours: dict[str, set[str]] = {}
        """Item → stamps that it got by this device's changes since its key."""
        self._again: set[str] = set()
        """Items that the device must get once more, whatever else becomes of them."""
        if self._repeated:
            self._done.update(Record.loads(heads.newest.record).for_base(self._base))
        self._deleted = Record.loads(keys.head(position, heads).record).deleted
        self._held_back: frozenset[str] = frozenset()
        self._faults: dict[str, holding.Fault] = {}
        """Items that this request could not convert."""
        self._released: tuple[str, ...] = ()
        self._emptied = 0
        self._seen = seen
        self._listing = Listing({})
        self.wrote = False
        """Whether anything was written to the source, so that other devices should hear of it."""

    def run(self) -> ExchangeResult:
        """Do it all; see the module's head. Raises ``SourceUnavailable``, ``StoreUnavailable``, ``FolderGone``, and
        ``UnknownSyncKey`` where the device is to begin anew (:mod:`app.usm.anew`)."""
        request = self._request
        self._recover()
        if self._anew and not (self._repeated or request.changes or self._released):
            raise UnknownSyncKey(f"folder {self._folder.id!r} is to be begun anew, an administrator says")
        if request.want_changes or request.changes or self._released:
            self._listing = self._look()
        for entry in self._done.values():
            self._ours.setdefault(entry.item_id, set()).add(entry.stamp)
        self._brake()
        self._note_intents()
        try:
            self._let_go()
            results = [self._apply(change) for change in request.changes]
            for item in self._again & self._held.keys():
                self._held[item] = held.WRONG
            changes, more = self._collect() if request.want_changes else ([], False)
            if not changes:
                silence.explain(self._session, self._folder, self._request, self._held, self._listing)
            fetched = self._fetch()
        except UsmError as error:
            self._leave_word(error)
            raise
        key = self._remember()
        return ExchangeResult(key, tuple(results), tuple(changes), fetched, more)

    # -- what was done before ------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Take in what a request that never ended left in the journal."""
        journal = Record.loads(self._store.journal(self._session, self._folder.number))
        self._released, self._emptied = journal.released, journal.emptied
        left = journal.for_base(self._base)
        intents = {name: entry for name, entry in left.items() if entry.is_intent}
        self._done.update(left)
        if intents:
            created = self._source.find_created(self._folder, [entry.uid for entry in intents.values()])
            missing: dict[str, tuple[Entry, ClientChange]] = {}
            for name, entry in intents.items():
                if (item := created.get(entry.uid)) is not None:
                    # Somebody may have changed it since: the device gets it back as it is now.
                    self._done[name] = found(entry, item.id, held.WRONG)
                elif (change := self._repeats(name)) is not None:
                    self._wait_out(entry)
                    if entry.asked and not self._says_more(change, entry):
                        missing[name] = entry, change
            self._look_elsewhere(missing)

    def _repeats(self, name: str) -> ClientChange | None:
        """The change of this request that goes by this name."""
        changes = self._request.changes
        return next((each for each in changes if name in (name_of(each), words_of(each))), None)

    def _says_more(self, change: ClientChange, entry: Entry) -> bool:
        """Whether a device wrote on since it asked first: words that must not be lost, wherever the first ones are."""
        return self._folder.content is ContentType.MAIL and digest_of(change) != entry.digest

    def _look_elsewhere(self, missing: Mapping[str, tuple[Entry, ClientChange]]) -> None:
        """What was made, and moved to another folder before anybody knew, is not made again. It is told to the device
        under a name that no item of this folder has, and taken from it at once as all that was moved away; the other
        folder tells of it by itself."""
        if not missing:
            return
        moved = self._source.find_elsewhere(self._folder, [entry.uid for entry, _ in missing.values()])
        for name, (entry, change) in missing.items():
            if entry.uid in moved:
                self._done[name] = found(entry, "" if change.fields.get("send") else entry.uid, held.WRONG)

    def _wait_out(self, entry: Entry) -> None:
        """The source was asked to make this item and has not made it, yet: asking again now could make it twice."""
        left = entry.asked + self._settings.doubt_seconds - self._now()
        if left > 0:
            raise SourceUnavailable(f"an item may still be on its way to folder {self._folder.id!r}", left)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _look(self) -> Listing:
        request = self._request
        listing = self._seen or self._source.listing(self._folder, request.since, request.conversations)
        listing = self._believed(listing)
        # A copy: what the device's own changes do to the source is noted in it as they are made.
        limited = window.bounded(listing, self._settings.max_objects)
        return Listing(dict(limited.stamps), limited.outside)

    # -- brakes ----------------------------------------------------------------------------------------------

    def _believed(self, listing: Listing) -> Listing:
        """The listing, or one without any news while a folder that is empty all of a sudden is not believed."""
        before = self._emptied
        if not brakes.is_sudden(self._known, listing, self._settings):
            if before:
                self._emptied = 0
                self._write_journal()
            return listing
        if not before:
            self._emptied = self._now()
            self._events.append(Event.EMPTIED)
            _log.warning(
                "folder %s of %s is empty all of a sudden; the device keeps what it holds until this lasted",
                self._folder.id,
                self._session,
            )
            self._write_journal()
        left = self._emptied + brakes.EMPTY - self._now()
        if left <= 0:
            return listing
        if self._request.changes:
            raise SourceUnavailable(f"folder {self._folder.id!r} is empty all of a sudden", left)
        return brakes.unchanged(self._known)

    def _brake(self) -> None:
        """Hold back the deletions of this request when they are too many."""
        fresh = {
            change.item_id
            for change in self._request.changes
            if change.kind is ChangeKind.DELETE
            and change.occurrence is None
            and held.on_device(self._held.get(change.item_id))
        }
        if not fresh:
            return
        there = self._listing.stamps.keys() | self._listing.outside
        now = self._now()
        if brakes.too_many(self._deleted, len(fresh), len(there | fresh), self._settings, now) and not (
            self._is_harmless() or fresh.isdisjoint(there)
        ):
            self._held_back = frozenset(fresh & there)
            self._events.append(Event.HELD_BACK)
            holding.hold_back(
                self._store, self._session, self._folder, self._held_back, self._clock, self._tokens
            )
        else:
            self._deleted = brakes.counted(self._deleted, len(fresh), now)

    def _is_harmless(self) -> bool:
        """Whether what is deleted goes to the trash, or is there already."""
        if self._folder.content is ContentType.MAIL and self._request.deletes_as_moves:
            return True
        _, role = hierarchy.shown(self._store, self._session).get(self._folder.number, ("", ""))
        return role == FolderRole.TRASH

    def _let_go(self) -> None:
        """Carry out the deletions that were held back and have been let through since."""
        for item in self._released:
            if item in self._listing.stamps or item in self._listing.outside:
                self.wrote = True
                try:
                    self._source.delete(self._folder, item, None, self._request.deletes_as_moves)
                except ItemError as error:
                    _log.warning("folder %s of %s: %s", self._folder.id, self._session, error)
                else:
                    self._source_has(item, None)

    # -- what the device sent --------------------------------------------------------------------------------

    def _note_intents(self) -> None:
        fresh = {}
        for change in self._request.changes:
            name = name_of(change)
            if change.kind is ChangeKind.ADD and (name not in self._done or self._done[name].is_intent):
                uid = uid_of(
                    self._session, self._folder.number, self._generation, self._base, change.client_id
                )
                fresh[name] = Entry(digest_of(change), uid, asked=self._now())
        if fresh:
            self._done.update(fresh)
            self._write_journal()

    def _leave_word(self, error: UsmError) -> None:
        """A fault ends the request: note what was done, and what nobody can know."""
        mine = {name for change in self._request.changes for name in (name_of(change), words_of(change))}
        for name, entry in self._done.items():
            if entry.is_intent and name in mine:
                in_doubt = name == self._asking and isinstance(error, SourceUnavailable) and error.in_doubt
                self._done[name] = replace(entry, asked=self._now() if in_doubt else 0)
        if self.wrote or any(entry.is_intent for entry in self._done.values()):
            self._write_journal()

    def _write_journal(self) -> None:
        record = Record(self._base, self._done, released=self._released, emptied=self._emptied)
        self._store.write_journal(self._session, self._folder.number, record.dumps())

    def _apply(self, change: ClientChange) -> ClientResult:
        name = name_of(change)
        if change.kind is ChangeKind.ADD:
            if name in self._added:
                return ClientResult(
                    change, Outcome.REFUSED
                )  # one name for two items: only one can be answered
            self._added.add(name)
        if change.item_id in self._held_back and change.occurrence is None:
            outcome, item_id = self._refused(change)
            return ClientResult(change, outcome, item_id)
        done = self._done.get(name)
        step = decide.decide(
            change,
            self._held,
            self._listing,
            done,
            self._request.conflict,
            self._folder.content,
            self._ours.get(change.item_id, ()),
        )
        try:
            outcome, item_id = self._act(step, change, done)
        except ItemConflict:
            outcome, item_id = self._conflict(change)
        except ItemGone:
            self._keep_words(change)
            outcome, item_id = self._gone(change)
        except ItemRefused as error:
            _log.warning("folder %s of %s: %s", self._folder.id, self._session, error)
            outcome, item_id = self._refused(change)
        except ItemFailed as error:
            _log.warning("folder %s of %s: %s", self._folder.id, self._session, error)
            outcome, item_id = self._failed(change)
        return ClientResult(change, outcome, item_id)

    def _act(self, step: decide.Step, change: ClientChange, done: Entry | None) -> tuple[Outcome, str]:
        match step.action:
            case decide.Action.CREATE:
                return self._create(change)
            case decide.Action.UPDATE:
                return self._update(step, change)
            case decide.Action.DELETE:
                return self._delete(change)
            case decide.Action.DELETE_ONE:
                return self._delete_one(step, change)
            case decide.Action.ALREADY:
                assert done is not None  # noqa: S101  # nosec B101 # decide() says ALREADY only of an entry
                return self._already(done, step.item_id)
            case decide.Action.CONFLICT:
                return self._conflict(change)
            case decide.Action.GONE:
                if self._has_words(change):  # the source knows whether a crash cut off this very change
                    return self._update(decide.Step(decide.Action.UPDATE, change.item_id), change)
                return self._gone(change)
        self._held.pop(step.item_id, None)  # NOTHING
        return Outcome.DONE, step.item_id

    def _already(self, done: Entry, item_id: str) -> tuple[Outcome, str]:
        if done.spent:
            return Outcome.DONE, item_id
        item_id = done.item_id or item_id
        self._held[item_id] = done.stamp
        if done.echo:  # the answer that brought it may be the one that was lost
            self._again.add(item_id)
        return Outcome.DONE, item_id

    def _create(self, change: ClientChange) -> tuple[Outcome, str]:
        name = name_of(change)
        entry = self._done.get(name) or Entry(digest_of(change))
        self.wrote = True
        self._asking = name
        written = _with_names(change, self._source.create(self._folder, change.fields, entry.uid))
        self._asking = ""
        entry = replace(entry, digest=digest_of(change), echo=written.altered)
        self._done[name] = found(entry, written.id, written.stamp)
        if written.id:
            self._now_held(written)
        return Outcome.DONE, written.id

    def _update(self, step: decide.Step, change: ClientChange) -> tuple[Outcome, str]:
        self.wrote = True
        written = self._source.update(
            self._folder, step.item_id, change.fields, step.stamp, change.occurrence
        )
        self._now_changed(step, change, _with_names(change, written))
        return Outcome.DONE, step.item_id

    def _delete_one(self, step: decide.Step, change: ClientChange) -> tuple[Outcome, str]:
        self.wrote = True
        series = self._source.delete(
            self._folder, step.item_id, None, self._request.deletes_as_moves, change.occurrence
        )
        if series is not None:
            self._now_changed(step, change, series)
        elif step.item_id not in self._listing.outside:
            self._send_again(step.item_id)
        return Outcome.DONE, step.item_id

    def _now_changed(self, step: decide.Step, change: ClientChange, written: Written) -> None:
        name = name_of(change)
        uid = self._done[name].uid if name in self._done else ""
        replaced = written.id != step.item_id
        echo = step.echo or written.altered
        self._done[name] = Entry(
            digest_of(change), uid, step.item_id, written.stamp, spent=replaced, echo=echo and not replaced
        )
        if replaced:  # the device drops its item, and gets the new one as any other
            self._source_has(step.item_id, None)
            if written.id:
                self._source_has(written.id, written.stamp)
        elif step.item_id not in self._listing.outside:
            self._now_held(written)
            if step.echo:
                self._again.add(written.id)

    def _delete(self, change: ClientChange) -> tuple[Outcome, str]:
        self.wrote = True
        self._source.delete(self._folder, change.item_id, None, self._request.deletes_as_moves)
        self._forget(change.item_id)
        return Outcome.DONE, change.item_id

    def _now_held(self, written: Written) -> None:
        self._held[written.id] = held.WRONG if written.altered else written.stamp
        self._ours.setdefault(written.id, set()).add(written.stamp)
        self._source_has(written.id, written.stamp)

    def _source_has(self, item_id: str, stamp: str | None) -> None:
        stamps = cast(dict[str, str], self._listing.stamps)
        if stamp is None:
            stamps.pop(item_id, None)
        else:
            stamps[item_id] = stamp

    def _forget(self, item_id: str) -> None:
        self._held.pop(item_id, None)
        self._source_has(item_id, None)

    def _has_words(self, change: ClientChange) -> bool:
        """Whether a device wrote on a draft that it holds. If that is there no more, somebody deleted it, sent it, or
        wrote on it elsewhere, which makes another draft of it."""
        is_writing = change.kind is ChangeKind.CHANGE and not decide.WORDS.isdisjoint(change.fields)
        is_mail = self._folder.content is ContentType.MAIL
        return is_mail and is_writing and held.on_device(self._held.get(change.item_id))

    def _keep_words(self, change: ClientChange) -> None:
        """Store what was written on a draft that is gone as a new one, once: no words are lost, and none of those that
        somebody else wrote."""
        name = words_of(change)
        entry = self._done.get(name)
        if not self._has_words(change) or (entry is not None and not entry.is_intent):
            return
        uid = uid_of(self._session, self._folder.number, self._generation, self._base, name)
        entry = self._done[name] = Entry(digest_of(change), uid, asked=self._now())
        self._write_journal()
        fields = {name: value for name, value in change.fields.items() if name not in decide.OF_ONE_DRAFT}
        self._asking = name
        try:
            written = self._source.create(self._folder, fields, uid)
        except ItemError as error:
            del self._done[name]
            _log.warning("folder %s of %s: %s", self._folder.id, self._session, error)
            return
        self._asking = ""
        self._done[name] = found(entry, written.id, written.stamp)
        self._source_has(written.id, written.stamp)

    def _conflict(self, change: ClientChange) -> tuple[Outcome, str]:
        """The source's copy wins, and the device gets it."""
        self._send_again(change.item_id)
        return Outcome.CONFLICT, change.item_id

    def _gone(self, change: ClientChange) -> tuple[Outcome, str]:
        if change.kind is ChangeKind.ADD:
            # A repeated Add with new content whose item was deleted meanwhile: the device's next try makes it anew.
            self._done.pop(name_of(change), None)
            return Outcome.FAILED, ""
        if change.occurrence is not None:
            return self._occurrence_gone(change)
        self._source_has(change.item_id, None)
        if change.kind is ChangeKind.DELETE:
            self._held.pop(change.item_id, None)
        return Outcome.GONE, change.item_id

    def _occurrence_gone(self, change: ClientChange) -> tuple[Outcome, str]:
        """It, or its whole series: the device gets what there is. Of what should go, that is as wanted."""
        self._send_again(change.item_id)
        not_held = change.item_id in self._listing.stamps and change.item_id not in self._held
        done = change.kind is ChangeKind.DELETE and not not_held
        return (Outcome.DONE if done else Outcome.GONE), change.item_id

    def _send_again(self, item_id: str) -> None:
        if held.on_device(self._held.get(item_id)):
            self._again.add(item_id)

    def _refused(self, change: ClientChange) -> tuple[Outcome, str]:
        """The device has what the source will not take: it gets the source's copy back."""
        if change.kind is ChangeKind.ADD:
            self._done.pop(name_of(change), None)
        elif change.kind is ChangeKind.DELETE and change.occurrence is None:
            self._held.pop(change.item_id, None)
        else:
            self._send_again(change.item_id)
        return Outcome.REFUSED, change.item_id

    def _failed(self, change: ClientChange) -> tuple[Outcome, str]:
        """The device may try again; what it deleted comes back until then."""
        if change.kind is ChangeKind.ADD:
            self._done.pop(name_of(change), None)
        elif change.kind is ChangeKind.DELETE and change.occurrence is None:
            self._held.pop(change.item_id, None)
        elif change.kind is ChangeKind.DELETE:
            self._send_again(change.item_id)
        return Outcome.FAILED, change.item_id

    # -- what the device gets --------------------------------------------------------------------------------

    def _collect(self) -> tuple[list[ServerChange], bool]:
        for item in decide.vanished(self._held, self._listing):
            del self._held[item]
        pending = self._pending()
        parts = self._parts(pending)
        now, more = window.split(self._audible(pending, parts), self._request.window)
        wanted = [
            item for kind, item in now if kind in (ChangeKind.ADD, ChangeKind.CHANGE) and item not in parts
        ]
        items = self._source.read(self._folder, wanted, self._request.bodies) if wanted else {}
        changes = []
        for kind, item_id in now:
            if kind in (ChangeKind.DELETE, ChangeKind.FORGET):
                self._held.pop(item_id)
                changes.append(ServerChange(kind, item_id))
            elif item_id in parts:
                self._held[item_id] = self._listing.stamps[item_id]
                changes.append(ServerChange(kind, item_id, parts[item_id]))
            elif (change := self._render(kind, item_id, items)) is not None:
                changes.append(change)
        return changes, more

    def _parts(self, pending: Sequence[tuple[ChangeKind, str]]) -> dict[str, Any]:
        """Of the changed items where the source can tell what differs without reading them: that, rendered."""
        render = self._request.render_part
        if render is None:
            return {}
        parts: dict[str, Any] = {}
        for kind, item_id in pending:
            before = self._held.get(item_id, held.WRONG)
            if kind is ChangeKind.CHANGE and held.is_version(before):
                after = self._listing.stamps[item_id]
                fields = self._source.difference(self._folder, before, after)
                if fields is not None:
                    parts[item_id] = render(Item(item_id, after, self._folder.content, fields))
        return parts

    def _audible(
        self, pending: Sequence[tuple[ChangeKind, str]], parts: Mapping[str, Any]
    ) -> list[tuple[ChangeKind, str]]:
        """Without the changes that the device knows nothing of: no window is spent on them."""
        silent = {item_id for item_id, part in parts.items() if part is None}
        for item_id in silent:
            self._held[item_id] = self._listing.stamps[item_id]
        return [(kind, item_id) for kind, item_id in pending if item_id not in silent]

    def _pending(self) -> list[tuple[ChangeKind, str]]:
        return list(decide.pending(self._held, self._listing, self._now()))

    def _render(
        self, kind: ChangeKind, item_id: str, items: Mapping[str, Item | Exception]
    ) -> ServerChange | None:
        """The change for the device; an item that cannot be read is skipped for a while, and noted as such."""
        item = items.get(item_id)
        try:
            if item is None:
                raise ItemUnreadable("it is listed, but cannot be found")
            stamp, payload = self._payload(item)
        except (ItemUnreadable, ValueError) as error:
            self._skip(item_id, error)
            return None
        self._held[item_id] = stamp
        return ServerChange(kind, item_id, payload)

    def _skip(self, item_id: str, error: Exception) -> None:
        skipped = held.skip(self._held.get(item_id), self._listing.stamps[item_id], self._now())
        self._held[item_id] = str(skipped)
        self._faults[item_id] = holding.Fault(skipped.tries, unquoted(error))
        self._events.append(Event.SKIPPED if skipped.tries == 1 else Event.SKIPPED_AGAIN)
        _log.warning(
            "item %s of folder %s cannot be synchronised (%s, try %d): %s",
            item_id,
            self._folder.id,
            self._session,
            skipped.tries,
            unquoted(error),
        )

    def _payload(self, item: Item | Exception) -> tuple[str, object]:
        if isinstance(item, Exception):
            raise item
        return item.stamp, self._request.render(item)

    def _fetch(self) -> dict[str, object]:
        """The items asked for by name, ``None`` for one that is gone or cannot be read."""
        ids = self._request.fetch
        items = self._source.read(self._folder, ids, self._request.bodies) if ids else {}
        fetched: dict[str, object] = dict.fromkeys(ids)
        for item_id, item in items.items():
            with suppress(ItemUnreadable, ValueError):
                fetched[item_id] = self._payload(item)[1]
        return fetched

    # -- what is remembered ----------------------------------------------------------------------------------

    def _remember(self) -> str:
        """Save what the device holds after this answer. Nothing new keeps the key."""
        delta: dict[str, str | None] = {}
        if self._held != self._known:
            delta |= {item: stamp for item, stamp in self._held.items() if self._known.get(item) != stamp}
            delta |= {item: None for item in self._known if item not in self._held}
        asked = self._request.changes or self._request.new_key
        idle = not delta and not asked and not self._released
        if idle and not self._repeated and not self._settings.force_new_key:
            return keys.text(self._generation, self._base)
        if self._faults:
            holding.note_skipped(
                self._store, self._session, self._folder.number, self._faults, self._clock, self._tokens
            )
        done = {name: entry for name, entry in self._done.items() if not entry.is_intent}
        record = Record(self._base, done, self._deleted)
        self._store.save(self._session, self._folder.number, self._base, delta, record.dumps())
        return keys.text(self._generation, self._base + 1)


def _with_names(change: ClientChange, written: Written) -> Written:
    """A device that adds files must learn what they are called now."""
    return replace(written, altered=True) if change.fields.get("add_attachments") else written
