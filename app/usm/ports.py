"""What USM asks of the world. ``ox``, ``store`` and ``notify`` fit themselves to these; nothing here knows them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Protocol, TypeVar, cast

from app.usm.content import Reply
from app.usm.model import (
    Absence,
    BodyKind,
    ContentType,
    Cost,
    Credentials,
    Device,
    Download,
    Folder,
    FolderRef,
    Item,
    Listing,
    Outgoing,
    SessionId,
    User,
    Written,
)
from app.usm.pieces import Stored
from app.usm.queries import BusyTime, Condition, Document, Hits, Person, Resolved

T = TypeVar("T")

IsKnown = Callable[[bytes], bool]
"""Whether an answer with this tag was read before, and need not be read again. A tag is a digest of all that an answer
consists of and of what was asked, so that answers with the same tag are the same; empty where the source has none."""


def never(_tag: bytes) -> bool:
    """No answer is known."""
    return False


class Clock(Protocol):
    """The time. A fake one stands still until told."""

    def now(self) -> datetime:
        """The present moment, with time zone UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...


class Tokens(Protocol):
    """Unpredictable values."""

    def number(self, bits: int) -> int:
        """An unpredictable whole number of at most so many bits, never 0."""
        ...

    def text(self) -> str:
        """At least 64 unpredictable bits as 16 or more hexadecimal digits."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a folder a device wants: see :meth:`DataSource.listing`."""

    folder: FolderRef
    since: datetime | None = None
    conversations: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """How folders are: see :meth:`DataSource.survey_unless`. ``texts``: as :meth:`DataSource.probe` gives them.
    ``tag``: of the whole answer, see :data:`IsKnown`."""

    listings: Sequence[Listing]
    texts: Mapping[str, str]
    tag: bytes = b""


@dataclass(frozen=True, slots=True)
class Tree:
    """The folders of a user: see :meth:`DataSource.folders_unless`. ``tag``: see :data:`IsKnown`."""

    folders: Sequence[Folder]
    tag: bytes = b""


class DataSource(Protocol):
    """Where a user's folders and items live. Made for one request of one user; all ids are the source's own.

    Every method may raise ``SourceUnavailable`` and ``AccessDenied``.
    """

    @property
    def user(self) -> User:
        """Whose data these are."""
        ...

    @property
    def cost(self) -> Cost:
        """What this request has cost at the source so far."""
        ...

    def renew(self, before: datetime) -> None:
        """Have the user's password checked again if it was checked before this moment, and not since."""
        ...

    def folders(self) -> Sequence[Folder]:
        """All folders that may be synchronised, parents before children; modules the user may not use are
        left out."""
        ...

    def folders_unless(self, is_known: IsKnown) -> Tree | None:
        """The same, with their tag; ``None`` where the answer is known."""
        ...

    def identities(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        """What a folder keeps when it is renamed or moved, though it may get another id: folder id → a text. A folder
        of which the source cannot tell is absent. At most one call."""
        ...

    def listing(self, folder: FolderRef, since: datetime | None, conversations: bool = False) -> Listing:
        """Ids and stamps of all items of a folder; costs one call. With ``conversations`` an older message of a
        conversation that has one within the time span is not outside. Raises ``FolderGone``."""
        ...

    def listing_unless(self, wish: Wish, is_known: IsKnown) -> Listing | None:
        """The same, with its tag; ``None`` where the answer is known."""
        ...

    def listings(self, wishes: Sequence[Wish]) -> Sequence[Listing]:
        """The same for several folders, in their order; one call for all. Raises ``FolderGone`` if any is gone."""
        ...

    def read(
        self, folder: FolderRef, ids: Sequence[str], bodies: Sequence[BodyKind]
    ) -> Mapping[str, Item | Exception]:
        """These items in full, without marking anything as read. An item that is gone is absent; one that
        cannot be read maps to an ``ItemUnreadable``. ``bodies``: the wanted forms, best first."""
        ...

    def difference(self, folder: FolderRef, before: str, after: str) -> Mapping[str, Any] | None:
        """The fields in which an item of the one stamp differs from that of the other, with the values of the latter,
        ``None`` for one that was cleared; no call. ``None``: only :meth:`read` can tell."""
        ...

    def create(self, folder: FolderRef, fields: Mapping[str, Any], uid: str) -> Written:
        """Store a new item. ``uid`` marks it, so that :meth:`find_created` finds it after a crash. Raises
        ``ItemRefused``, ``FolderGone``."""
        ...

    def find_created(self, folder: FolderRef, uids: Sequence[str]) -> Mapping[str, Written]:
        """Which of these marks are in the folder: uid → item, without an id for a draft that went out at once."""
        ...

    def find_elsewhere(self, folder: FolderRef, uids: Sequence[str]) -> Collection[str]:
        """Which of these marks are in another folder of the same content by now, wherever somebody may have moved what
        was created in this one. Asks for all folders, so it is for what went wrong."""
        ...

    def update(
        self,
        folder: FolderRef,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """Change the named fields only. ``stamp``: the version last seen, ``None`` to write over anything.
        ``occurrence``: only that one of a series. Raises ``ItemConflict`` when it is no longer that version,
        ``ItemGone``, ``ItemRefused``."""
        ...

    def delete(
        self,
        folder: FolderRef,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> Written | None:
        """Delete an item, or an occurrence of it; then the series as it is now, where the source tells. Raises like
        :meth:`update`."""
        ...

    def move(self, folder: FolderRef, item_id: str, target: FolderRef) -> Written:
        """Move an item to another folder of the same content; it may get another id there. Raises ``ItemGone``,
        ``ItemRefused``, and ``FolderGone`` for either folder."""
        ...

    def traces(self, folder: FolderRef, ids: Sequence[str]) -> Mapping[str, str]:
        """For each of these items a text by which :meth:`find_moved` finds it in another folder (its id, where that
        stays; a message's Message-ID and size, where it does not). An item that is gone is absent."""
        ...

    def find_moved(self, folder: FolderRef, traces: Sequence[str]) -> Mapping[str, Written]:
        """Which of these items are in the folder now: trace → item, the newest where there are several."""
        ...

    def attachment(self, folder: FolderRef, item_id: str, attachment_id: str) -> Download:
        """A file that hangs on an item. Raises ``ItemGone`` where either is not there (any more)."""
        ...

    def mime(self, folder: FolderRef, item_id: str) -> bytes:
        """A message as its bytes came, without marking it as read. Raises ``ItemGone``, ``ItemUnreadable``."""
        ...

    def stored_mime(self, folder: FolderRef, item_id: str) -> Stored:
        """The same of any size, not in memory. Raises ``ItemGone``, ``ItemUnreadable`` for one too large to be sent."""
        ...

    def send(self, message: Outgoing) -> None:
        """Send a message, once. Raises ``ItemRefused`` for one that the source will not send. What goes wrong after
        it was sent (the mark on the message it answers) raises nothing."""
        ...

    def find_sent(self, message: Outgoing) -> bool | None:
        """Whether this message is among those that were sent, by its Message-ID; ``None`` where that cannot be known
        (no copy was to be kept)."""
        ...

    @property
    def tells_organizers(self) -> bool:
        """Whether :meth:`reply` itself tells the organizer by mail, so that nobody else must."""
        ...

    def senders(self) -> Sequence[str]:
        """The mail addresses that the user may write as, the default one first; none for a user without mail."""
        ...

    def empty(self, folder: FolderRef, subfolders: bool) -> None:
        """Delete all that is in a folder of messages, as the user's settings say where to. ``subfolders``: the folders
        below it as well. Raises ``FolderGone``, ``ItemRefused``."""
        ...

    def reply(
        self,
        folder: FolderRef,
        item_id: str,
        reply: Reply,
        comment: str = "",
        occurrence: datetime | None = None,
    ) -> str:
        """Answer an invitation: ``item_id`` is an appointment, or the message that invites. Tells nobody by mail unless
        the source does so of itself. The appointment's id, ``""`` where there is none now. Raises ``ItemGone``,
        ``ItemRefused`` for what is no invitation."""
        ...

    def absence(self) -> Absence | None:
        """The answer to those who write while the user is away; ``None`` where the source has nothing of the kind."""
        ...

    def set_absence(self, absence: Absence) -> None:
        """Set that answer; what an :class:`Absence` cannot say stays as it is. Raises ``ItemRefused``, also where the
        source has nothing of the kind."""
        ...

    def create_folder(self, parent: FolderRef | None, title: str, content: ContentType) -> Folder:
        """A new folder, at the top without ``parent``. Raises ``ItemRefused``, ``ItemConflict`` where one of that title
        is there, ``FolderGone`` for the parent."""
        ...

    def change_folder(self, folder: FolderRef, parent: FolderRef | None, title: str) -> Folder:
        """Rename a folder, move it, or both; it may get another id. Raises like :meth:`create_folder`."""
        ...

    def delete_folder(self, folder: FolderRef) -> None:
        """Delete a folder with all that is in it. Raises ``FolderGone``, ``ItemRefused``."""
        ...

    def search(self, folders: Sequence[FolderRef], condition: Condition | None, most: int) -> Hits:
        """The items of these folders that meet a condition (``None``: all), the newest first, at most so many. A folder
        that is gone is left out; so is one that cannot be searched in reasonable time."""
        ...

    def people(self, text: str) -> Sequence[Person]:
        """Those in the directory of whom each of these words begins a name or an address, by their names; nobody where
        the user may not see the directory, or the text is too short for a search."""
        ...

    def resolve(self, names: Sequence[str]) -> Resolved:
        """The same for several names, over the directory and the user's own contacts, distribution lists and groups
        among them. A name that is somebody's mail address means nobody else. At most two calls."""
        ...

    def picture(self, person: Person) -> bytes | None:
        """The picture of somebody who was found, ``None`` without one."""
        ...

    def busy(self, mails: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[BusyTime]]:
        """When those who have these addresses are not free within a span; somebody whose calendar the source does not
        know, or does not tell of, is absent."""
        ...

    def documents(self, path: Sequence[str]) -> Sequence[Document]:
        """A file or folder of the user's documents by the names that lead to it, and what a folder holds, folders
        first. Raises ``ItemGone``, ``ItemRefused``."""
        ...

    def document(self, path: Sequence[str]) -> Download:
        """The newest version of a file. Raises ``ItemGone``, ``ItemRefused``, ``ItemUnreadable`` for one too large."""
        ...

    def probe(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        """A text for each folder id that differs when the folder has probably changed; one call for all. A
        folder that is gone is absent."""
        ...

    def survey_unless(
        self, wishes: Sequence[Wish], others: Sequence[FolderRef], is_known: IsKnown
    ) -> Survey | None:
        """:meth:`listings` of these, and :meth:`probe` of their folders and of others, so that no change is in the text
        of a folder that is not in its listing too: what the listing lacks shows in a later probe. One call, two if
        anything is changing at this moment. ``None`` where the answer is known. Raises ``FolderGone`` if a wish's
        folder is gone."""
        ...


class Keyring(Protocol):
    """Knows passwords that stand for another one."""

    def resolve(self, credentials: Credentials) -> Credentials:
        """What the source takes in place of these; the same for an ordinary password. Raises ``AccessDenied`` for one
        that is not good (any more), ``StoreUnavailable``."""
        ...

    def is_valid(self, credentials: Credentials) -> bool:
        """Whether what was resolved once may still be used. Raises ``StoreUnavailable``."""
        ...


class LoginGuard(Protocol):
    """Stands before every login, so that nobody can try one password after the other."""

    def trying(self, credentials: Credentials, device_id: str) -> AbstractContextManager[None]:
        """Around a login: what is raised inside tells how it went. Raises ``AccessDenied`` for what is known to be
        wrong, ``LoginPaused`` when it is not to be tried now."""
        ...


class SourceProvider(Protocol):
    """Opens the data source for a user."""

    def open(self, credentials: Credentials, device: Device) -> DataSource:
        """Raises ``AccessDenied`` for a wrong name or password, ``NotEnabled`` for a user without the right to
        synchronise, ``SourceUnavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """What is kept of one sync key besides the stamps. ``record`` is opaque to the store."""

    counter: int
    record: str


@dataclass(frozen=True, slots=True)
class Heads:
    """The at most two keys that are kept for a folder. ``generation`` changes with every start over."""

    generation: str
    newest: Head
    older: Head | None = None


@dataclass(frozen=True)
class Glance:
    """What is kept of a folder that was begun, all as it was at one moment, seen without its lock. ``ref``: which
    folder it is, ``None`` of the hierarchy; ``mark`` is another one after any write, and tells by its text what it is;
    ``unpack`` makes the ``stamps`` of what was read."""

    ref: FolderRef | None
    heads: Heads
    journal: str | None
    mark: object
    unpack: Callable[[], Mapping[str, str]]

    @cached_property
    def stamps(self) -> Mapping[str, str]:
        """Item id → stamp at the newest key."""
        return self.unpack()


ENDED: Final = "usm.session.ended"
"""The field with the moment, in seconds since 1970, at which an administrator ended what the source keeps of logins."""


STANDING: Final = "usm.standing"
"""The field of a session that tells what was decided of its device; only :meth:`StateStore.decide` writes it."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A device that is kept, and since when; moments in UTC. ``last_used`` may lag behind by an hour; ``decided``: when
    its standing was, ``None`` without one. ``fields``: those of :meth:`StateStore.fields` that were asked for."""

    id: SessionId
    created: datetime
    last_used: datetime
    decided: datetime | None
    fields: Mapping[str, str]


class StateStore(Protocol):
    """What outlives a process. Every method may raise ``StoreUnavailable``; each write is one transaction."""

    def lock(self, session: SessionId, folder: int) -> AbstractContextManager[None]:
        """One writer at a time per session and folder, over all nodes. Waits for some seconds, then raises
        ``Busy``. A process that dies lets go of it."""
        ...

    def heads(self, session: SessionId, folder: int) -> Heads | None:
        """The keys kept for a folder, ``None`` when it has never been begun."""
        ...

    def stamps(self, session: SessionId, folder: int, counter: int) -> dict[str, str]:
        """Item id → stamp at one of the kept keys."""
        ...

    def newest(self, session: SessionId, folders: Collection[int]) -> Mapping[int, Mapping[str, str]]:
        """Item id → stamp at the newest key of each of these folders, all as they were at one moment. A folder never
        begun is absent."""
        ...

    def glances(self, session: SessionId, folders: Collection[int]) -> Mapping[int, Glance]:
        """What is kept of each of these folders, all as they were at one moment. A folder never begun is absent."""
        ...

    def hierarchy(self, session: SessionId) -> tuple[Glance | None, Sequence[FolderRef]]:
        """What is kept of the folder hierarchy, ``None`` where it was never begun, and all folders that have a number,
        as they were at one moment."""
        ...

    def is_as(self, session: SessionId, folder: int, glance: Glance) -> bool:
        """Whether nothing was written since a glance; asked under the folder's lock."""
        ...

    def begin(self, session: SessionId, folder: int, generation: str, record: str) -> None:
        """Drop all keys of the folder and keep counter 1 with nothing in it."""
        ...

    def save(
        self,
        session: SessionId,
        folder: int,
        base: int,
        stamps: Mapping[str, str | None],
        record: str,
    ) -> None:
        """Keep counter ``base + 1`` (in place of an earlier one of that number): the stamps of ``base`` with
        these changed, ``None`` to remove. Counters below ``base`` go, and the journal with them."""
        ...

    def amend(self, session: SessionId, changes: Mapping[int, Mapping[str, str | None]]) -> None:
        """Change stamps of these folders at every kept key, ``None`` to remove, all at once: what a device did apart
        from their rounds, on whichever key it stands. Keys, records and journals stay. A folder never begun is left
        out."""
        ...

    def journal(self, session: SessionId, folder: int) -> str | None:
        """What :meth:`write_journal` left, ``None`` if there is nothing."""
        ...

    def write_journal(self, session: SessionId, folder: int, text: str) -> None:
        """Note an intent durably before acting on it. The next :meth:`save` or :meth:`begin` removes it."""
        ...

    def folder_refs(self, session: SessionId) -> Sequence[FolderRef]:
        """All folders that have a number in this session."""
        ...

    def number_folders(
        self, session: SessionId, folders: Sequence[tuple[str, ContentType]]
    ) -> Sequence[FolderRef]:
        """Give each source folder a number from 1 up; one that has a number keeps it for ever."""
        ...

    def rename_folder(self, session: SessionId, number: int, folder_id: str) -> None:
        """The folder with this number has another id in the source from now on; all that is kept of it stays. A number
        that the new id had before goes to the old one, so that no number ever comes back for another folder."""
        ...

    def fields(self, session: SessionId) -> dict[str, str]:
        """What a protocol remembers of a session (policy key, device information, options ...), and its
        :data:`STANDING` if it has one."""
        ...

    def write_fields(self, session: SessionId, fields: Mapping[str, str | None]) -> None:
        """Set these fields, remove those that are ``None``; the others stay."""
        ...

    def keep_secret(self, session: SessionId, field: str, text: str | None) -> None:
        """Set a field to what nobody can read in the store, nor by :meth:`fields`; ``None`` removes it. Asked for only
        where the settings give the store what it needs for that."""
        ...

    def user_fields(self, context_id: int, user_id: int) -> dict[str, str]:
        """What is remembered of a user, whatever the device."""
        ...

    def write_user_fields(self, context_id: int, user_id: int, fields: Mapping[str, str | None]) -> None:
        """Set these fields of a user, remove those that are ``None``; the others stay."""
        ...

    def remembered(self, context_id: int, user_id: int, about: Collection[str]) -> Sequence[Remembered]:
        """All devices of a user, by protocol and id, each with its standing and those fields whose names begin with
        one of ``about`` (at least one)."""
        ...

    def decide(
        self, session: SessionId, standing: str | None, instead_of: Collection[str] | None = None
    ) -> bool:
        """Keep what was decided of a device, also of one never seen; ``None`` takes it back. With ``instead_of`` only
        if it stands as one of these says now (``""``: nothing was decided); whether it was kept."""
        ...

    def forget(self, session: SessionId) -> bool:
        """Drop a session with all that is kept for it, its standing too. Whether there was one."""
        ...


class Ticket(Protocol):
    """A place in the waiting room; see :class:`Waiter`."""

    def wait(self, seconds: float) -> frozenset[str] | None:
        """Folder ids that probably changed since the ticket was drawn or since the last call; empty after
        ``seconds`` without any; ``None`` when a newer ticket of the same session took over."""
        ...

    def when_awake(self, call: Callable[[], None]) -> None:
        """Call, once, when :meth:`wait` would wait no longer: perhaps at once, and in any thread. The call must be
        quick."""
        ...


Steps = Generator[Ticket, None, T]
"""Work that waits on the way to its outcome: it hands out a ticket right before it waits for that. Whoever carries on
when the ticket is awake needs no thread meanwhile; whoever carries on at once has the thread itself wait."""


def outcome(steps: Steps[T]) -> T:
    """Carry on until the end, whatever time that takes."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)


class Waiter(Protocol):
    """Where requests wait for changes without holding a connection to the source or the store."""

    def park(
        self,
        session: SessionId,
        source: DataSource,
        folders: Sequence[FolderRef],
        seconds: float,
        look: Callable[[], Mapping[str, str]],
    ) -> AbstractContextManager[Ticket]:
        """Draw a ticket for these folders, for at most ``seconds``; an older ticket of the same session ends at
        once. ``look`` asks the source for what later looks are compared with, as ``source.probe`` would; not called
        without folders. Changes from its call on are seen. Raises what it raises."""
        ...

    def announce(
        self, context_id: int, user_id: int, folders: Sequence[str], by: SessionId | None = None
    ) -> None:
        """Tell everybody who waits for these folders of the user (except ``by``) that they changed."""
        ...

    def summon(self, session: SessionId) -> None:
        """End the waits of this session: its device has something to hear that is in no folder."""
        ...
