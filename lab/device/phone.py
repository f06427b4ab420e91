"""The phone: what its user does, in the protocol's commands.

It keeps what a real phone keeps (policy key, folders, items, keys, changes not yet confirmed), provisions again
when the server asks for it, and repeats an unconfirmed request with its old key. It stores nothing on disk.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.wbxml import Element
from lab.device import documents
from lab.device.answers import number, required
from lab.device.collection import INVALID_KEY, Collection
from lab.device.device import OK, Device, expect
from lab.device.documents import SyncOptions, SyncRequest
from lab.device.errors import BadAnswer, CommandFailed
from lab.device.hierarchy import Hierarchy
from lab.device.state import NO_KEY, Change, Folder, FolderChanges, PingResult, SyncResult, elements

INVALID_HIERARCHY_KEY = 9
PING_ANSWERS = (1, 2, 5, 6, 7)

DEFAULT_WINDOW = 100
MAX_WINDOW = 512
# A Sync that never says "done" is a server's fault, not a reason to go on for ever.
MAX_ROUNDS = 2000
# The server may answer a Ping that late after its interval (networks, sleeping radios).
PING_MARGIN = 30.0

Fields = Mapping[str, str | bytes | Sequence[Element]] | Sequence[Element]


class Phone(Device):
    """One device of one user, as ``Device`` (which names the arguments), with its folders and items. ``client_prefix``:
    what its ClientIds begin with, for one that is to do the same again; by default no other has it."""

    def __init__(self, *args: Any, client_prefix: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.collections: dict[str, Collection] = {}
        self.hierarchy = Hierarchy(self.anomalies)
        self._client_prefix = client_prefix or uuid.uuid4().hex[:12]
        self._client_ids = itertools.count(1)

    @property
    def folders(self) -> dict[str, Folder]:
        """ServerId -> folder, as of the last ``folder_sync``."""
        return self.hierarchy.folders

    @property
    def hierarchy_key(self) -> str:
        return self.hierarchy.key

    def folder_of_type(self, folder_type: int) -> Folder:
        """The first folder of a type (2 Inbox, 8 Calendar, 9 Contacts ...); ``KeyError`` where there is none."""
        for folder in self.folders.values():
            if folder.type == folder_type:
                return folder
        raise KeyError(f"the server named no folder of type {folder_type}")

    def items(self, collection_id: str) -> dict[str, Element]:
        """ServerId -> ``ApplicationData`` of what the phone holds of a folder."""
        return self.collection(collection_id).items

    def collection(self, collection_id: str) -> Collection:
        """What the phone knows of a folder; a new one where it never synchronised it."""
        if collection_id not in self.collections:
            folder = self.folders.get(collection_id)
            content_class = folder.content_class if folder else None
            self.collections[collection_id] = Collection(collection_id, content_class, self.anomalies)
        return self.collections[collection_id]

    def folder_sync(self) -> FolderChanges:
        """Bring the folder table up to date; a key that the server does not know is given up, once."""
        answer = self.answered("FolderSync", documents.folder_sync(self.hierarchy_key))
        status = number(answer, "FolderHierarchy:Status")
        if status == INVALID_HIERARCHY_KEY and self.hierarchy_key != NO_KEY:
            self.hierarchy.reset()
            answer = self.answered("FolderSync", documents.folder_sync(NO_KEY))
            status = number(answer, "FolderHierarchy:Status")
        expect("FolderSync", status)
        changes = self.hierarchy.apply(answer)
        for gone in self.collections.keys() - self.folders.keys():
            del self.collections[gone]
        return changes

    def sync(
        self,
        collection_id: str,
        *,
        changes: Iterable[Change] = (),
        window: int | None = None,
        get_changes: bool | None = None,
        deletes_as_moves: bool | None = None,
        supported: Sequence[str] | None = None,
        filter_type: int | None = None,
        body_type: int | None = None,
        truncation: int | None = None,
        mime_support: int | None = None,
        conflict: int | None = None,
        all_or_none: bool | None = None,
        preview: int | None = None,
        part: bool = False,
        conversations: bool | None = None,
        wait: int | None = None,
        heartbeat: int | None = None,
    ) -> SyncResult:
        """One round with one collection, its answer taken over. What the arguments mean: :class:`SyncOptions`;
        ``conversations``: older messages of a conversation as well (14.0).

        With key 0 the round only fetches the first key; everything else of the call waits for the next one.
        ``changes`` are sent after those of earlier requests that stayed without an answer. ``wait`` (minutes) or
        ``heartbeat`` (seconds) let the server hold its answer until something changes. ``CommandFailed``
        for a status other than 1; after status 3 the collection is empty and starts at key 0 again.
        """
        collection = self.collection(collection_id)
        collection.outbox.extend(changes)
        options = SyncOptions(
            filter_type, body_type, truncation, mime_support, conflict, all_or_none, preview, part
        )
        if collection.sync_key == NO_KEY:
            request = self._sync_request(collection, supported=supported)
            held_back, collection.outbox = collection.outbox, []
        else:
            request = self._sync_request(
                collection,
                window=window,
                get_changes=get_changes,
                deletes_as_moves=deletes_as_moves,
                conversations=conversations,
                options=options,
                changes=tuple(collection.outbox),
                wait=wait,
                heartbeat=heartbeat,
            )
            held_back = []
        try:
            return self._sync_round(collection, request)
        finally:
            collection.outbox.extend(held_back)

    def _sync_request(self, collection: Collection, **details: Any) -> SyncRequest:
        return SyncRequest(
            self.version,
            collection.collection_id,
            collection.content_class,
            collection.sync_key,
            **details,
        )

    def _sync_round(self, collection: Collection, request: SyncRequest) -> SyncResult:
        answered = self._sync_answer(documents.sync(request), request.seconds, [collection])
        if not answered:
            if request.changes:
                self.anomalies.append(
                    f"Sync of collection {collection.collection_id} answers changes with nothing"
                )
            return SyncResult(collection.sync_key, is_empty=True)
        if len(answered) != 1:
            raise BadAnswer(f"Sync of one collection was answered for {len(answered)}")
        return collection.apply(answered[0], _counted(request.window))

    def _sync_answer(
        self, request: Element | None, seconds: int, collections: Iterable[Collection]
    ) -> list[Element]:
        """What the server says of collections; nothing where the answer is empty."""
        answer = self.command("Sync", request, timeout=seconds + self.transport.timeout)
        if answer is None:
            return []
        status = number(answer, "AirSync:Status", OK)
        if status == INVALID_KEY:
            for collection in collections:
                collection.reset()
        expect("Sync", status)
        found = answer.find("AirSync:Collections")
        answered = found.find_all("AirSync:Collection") if found else []
        if not answered:
            raise BadAnswer("Sync was answered with a document without collections")
        return answered

    def sync_many(
        self, collection_ids: Iterable[str], *, partial: bool = False, total: int | None = None, **wishes: Any
    ) -> dict[str, SyncResult]:
        """One request for several collections that have a key, each with the ``wishes`` of :class:`SyncRequest`:
        CollectionId -> what came, of those that the server says something of. ``partial``: the collections of the last
        request are meant too, ``total``: changes over all of them."""
        named = [self.collection(each) for each in collection_ids]
        requests = [self._sync_request(each, changes=tuple(each.outbox), **wishes) for each in named]
        seconds = requests[0].seconds if requests else 0
        document = documents.sync(*requests, partial=partial, window=total)
        answered = self._sync_answer(document, seconds, named)
        return self._take_over(answered, wishes.get("window"))

    def sync_again(self, seconds: int = 0) -> dict[str, SyncResult]:
        """An empty request, which means the last one again; it may wait for so many seconds, if that one did."""
        return self._take_over(self._sync_answer(None, seconds, ()), None)

    def _take_over(self, answered: Sequence[Element], window: int | None) -> dict[str, SyncResult]:
        results = {}
        for element in answered:
            name = required(element, "AirSync:CollectionId")
            results[name] = self.collection(name).apply(element, _counted(window))
        return results

    def sync_all(self, collection_id: str, *, changes: Iterable[Change] = (), **wishes: Any) -> SyncResult:
        """Rounds of ``sync``, with its arguments, until the server has no more; what all of them brought.

        The phone starts over, once, when the server no longer knows its key.
        """
        self.collection(collection_id).outbox.extend(changes)
        started_over = False
        total = SyncResult(self.collection(collection_id).sync_key)
        for _ in range(MAX_ROUNDS):
            first = self.collection(collection_id).sync_key == NO_KEY
            try:
                result = self.sync(collection_id, **wishes)
            except CommandFailed as error:
                if error.status != INVALID_KEY or started_over or first:
                    raise
                started_over, total = True, SyncResult(NO_KEY)
                continue
            _add_up(total, result)
            if not first and not result.more_available:
                return total
        raise BadAnswer(f"Sync of collection {collection_id} did not end within {MAX_ROUNDS} rounds")

    def new_client_id(self) -> str:
        """An identifier that no other Add has, not even one of this device before it was set up anew."""
        return f"{self._client_prefix}-{next(self._client_ids)}"

    def add_item(self, collection_id: str, fields: Fields) -> str:
        """Make an item on the phone and send it; its ServerId."""
        client_id = self.new_client_id()
        result = self._send_change(collection_id, Change("Add", client_id=client_id, fields=elements(fields)))
        return result.server_ids[client_id]

    def add_contact(self, collection_id: str, fields: Fields) -> str:
        """``add_item`` for the address book: ``{"Contacts:FirstName": "Zoë", ...}``."""
        return self.add_item(collection_id, fields)

    def change_item(self, collection_id: str, server_id: str, fields: Fields) -> SyncResult:
        """Change fields of an item on the phone and send them."""
        return self._send_change(collection_id, Change("Change", server_id, fields=elements(fields)))

    def delete_item(
        self, collection_id: str, server_id: str, *, deletes_as_moves: bool | None = None
    ) -> SyncResult:
        """Delete an item on the phone and tell the server."""
        change = Change("Delete", server_id)
        return self._send_change(collection_id, change, deletes_as_moves=deletes_as_moves)

    def mark_read(self, collection_id: str, server_id: str, is_read: bool = True) -> SyncResult:
        """Set the read flag of a mail."""
        return self.change_item(collection_id, server_id, {"Email:Read": "1" if is_read else "0"})

    def _send_change(
        self, collection_id: str, change: Change, *, deletes_as_moves: bool | None = None
    ) -> SyncResult:
        """One round with this change; ``CommandFailed`` when the server did not take it."""
        if self.collection(collection_id).sync_key == NO_KEY:
            self.sync(collection_id)
        result = self.sync(collection_id, changes=[change], deletes_as_moves=deletes_as_moves)
        status = result.statuses.get(change.client_id or change.server_id, OK)
        expect(f"Sync {change.kind}", status)
        if change.client_id and change.client_id not in result.server_ids:
            raise BadAnswer(f"Sync did not answer the Add of {change.client_id}")
        return result

    def get_item_estimate(self, collection_id: str, *, filter_type: int | None = None) -> int:
        """How many changes the server holds for a collection with a key (MS-ASCMD 2.2.1.9)."""
        request = self._sync_request(
            self.collection(collection_id), options=SyncOptions(filter_type=filter_type)
        )
        answer = self.answered("GetItemEstimate", documents.get_item_estimate(request))
        expect("GetItemEstimate", number(answer, "GetItemEstimate:Status", OK))
        response = answer.find("GetItemEstimate:Response")
        if response is None:
            raise BadAnswer("GetItemEstimate was answered without a response")
        expect("GetItemEstimate", number(response, "GetItemEstimate:Status"))
        collection = response.find("GetItemEstimate:Collection")
        if collection is None or required(collection, "GetItemEstimate:CollectionId") != collection_id:
            raise BadAnswer(f"GetItemEstimate was not answered for collection {collection_id}")
        return number(collection, "GetItemEstimate:Estimate")

    def ping(
        self, folders: Iterable[str] = (), heartbeat: int | None = None, *, timeout: float | None = None
    ) -> PingResult:
        """Wait until one of ``folders`` changes or ``heartbeat`` seconds pass (MS-ASCMD 2.2.1.13).

        Without both, the server repeats the last Ping. Status 1, 2, 5, 6 and 7 are answers, others raise.
        """
        rows = [(server_id, self.collection(server_id).content_class or "Email") for server_id in folders]
        request = documents.ping(heartbeat, rows)
        patience = timeout or (heartbeat or 0) + max(PING_MARGIN, self.transport.timeout)
        answer = self.command("Ping", request, timeout=patience)
        if answer is None:
            raise BadAnswer("Ping was answered with nothing")
        status = number(answer, "Ping:Status")
        expect("Ping", status, *PING_ANSWERS)
        changed = answer.find("Ping:Folders")
        bounds = {
            key: number(answer, name)
            for key, name in (("heartbeat", "Ping:HeartbeatInterval"), ("max_folders", "Ping:MaxFolders"))
            if answer.find(name) is not None
        }
        return PingResult(status, [folder.text for folder in changed or ()], **bounds)


def _counted(window: int | None) -> int:
    """A WindowSize as it counts."""
    wanted = DEFAULT_WINDOW if window is None else window
    return wanted if 0 < wanted <= MAX_WINDOW else MAX_WINDOW


def _add_up(total: SyncResult, result: SyncResult) -> None:
    for name, value in asdict(result).items():
        if isinstance(value, list):
            getattr(total, name).extend(value)
        elif isinstance(value, dict):
            getattr(total, name).update(value)
        else:
            setattr(total, name, value)
