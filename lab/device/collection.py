"""The items a phone holds of one folder, and how the answer to a Sync changes them (MS-ASCMD 2.2.1.21).

Changes of the phone wait in the outbox until an answer has come: after a lost answer the next request repeats
them, with the same ClientIds, as a phone must.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.wbxml import Element
from lab.device.answers import number, required
from lab.device.calendar_items import with_occurrence
from lab.device.errors import BadAnswer, CommandFailed
from lab.device.state import NO_KEY, Anomalies, Change, SyncResult

OK = 1
INVALID_KEY = 3
ITEM_GONE = 8

# A Change that leaves these out does not delete them (MS-ASCMD 2.2.3.24).
KEPT_WHEN_ABSENT = ("AirSyncBase:Body", "Contacts:Picture", "Contacts:Body", "Calendar:Body", "Tasks:Body")


class Collection:
    """One folder's items: ServerId -> ``ApplicationData``, the key, and the changes not yet confirmed."""

    def __init__(self, collection_id: str, content_class: str | None, anomalies: Anomalies) -> None:
        self.collection_id = collection_id
        self.content_class = content_class
        self.sync_key = NO_KEY
        self.items: dict[str, Element] = {}
        self.outbox: list[Change] = []
        self._anomalies = anomalies

    def reset(self) -> None:
        """Start over: only what the server never had is kept for sending."""
        self.sync_key = NO_KEY
        self.items.clear()
        self.outbox = [change for change in self.outbox if change.kind == "Add"]

    def apply(self, answer: Element, window: int) -> SyncResult:
        """Take over one ``Collection`` of the answer to a Sync of this collection with the whole outbox."""
        if (named := answer.text_of("AirSync:CollectionId")) != self.collection_id:
            raise BadAnswer(f"Sync of collection {self.collection_id} was answered for {named}")
        status = number(answer, "AirSync:Status", OK)
        if status != OK:
            if status == INVALID_KEY:
                self.reset()
            raise CommandFailed("Sync", status)
        result = SyncResult(required(answer, "AirSync:SyncKey"))
        result.more_available = answer.find("AirSync:MoreAvailable") is not None
        self._apply_responses(answer.find("AirSync:Responses") or (), result)
        for command in answer.find("AirSync:Commands") or ():
            self._apply_command(command, result)
        self._look_for_oddities(result, window)
        self.sync_key = result.key
        self.outbox.clear()
        return result

    def _look_for_oddities(self, result: SyncResult, window: int) -> None:
        progress = result.from_server + len(result.statuses)
        if progress and result.key == self.sync_key:
            self._note(f"answers key {result.key} with changes and the same key")
        if result.more_available and not progress:
            self._note("announces more, but sends nothing")
        if result.from_server > window:
            self._note(f"sends {result.from_server} changes for a window of {window}")
        if self.sync_key == NO_KEY and result.from_server:
            self._note("sends changes for key 0")

    def _apply_responses(self, responses: Element | Sequence[Element], result: SyncResult) -> None:
        answers = {_identity(response): response for response in responses}
        for change in self.outbox:
            identity = change.name
            response = answers.pop((change.kind, identity), None)
            if response is None:
                if change.kind in ("Add", "Fetch"):
                    self._note(f"does not answer the {change.kind} of {identity}")
                else:
                    self._take_over(change, None)
                continue
            status = number(response, "AirSync:Status")
            result.statuses[identity] = status
            if status == OK:
                server_id = self._take_over(change, response)
                result.server_ids.update({change.client_id: server_id} if change.client_id else {})
            elif status == ITEM_GONE and change.kind == "Delete":
                self.items.pop(change.server_id, None)
        for kind, identity in answers:
            self._note(f"answers the {kind} of {identity}, which was not asked")

    def _take_over(self, change: Change, response: Element | None) -> str:
        """Make the phone's own change in its table, now that the server has it; the item's ServerId."""
        server_id = change.server_id
        if change.instance and server_id in self.items:
            fields = change.fields if change.kind == "Change" else None
            self.items[server_id] = with_occurrence(self.items[server_id], change.instance, fields)
        elif change.kind == "Delete":
            self.items.pop(server_id, None)
        elif change.kind == "Add" and response is not None:
            server_id = required(response, "AirSync:ServerId")
            if server_id in self.items:
                self._note(f"answers the Add of {change.client_id} with the known item {server_id}")
            self.items[server_id] = _data(change.fields)
        elif change.kind == "Change" and server_id in self.items:
            self.items[server_id] = _merged(self.items[server_id], change.fields)
        altered = None if response is None else response.find("AirSync:ApplicationData")
        if altered is not None and server_id in self.items:
            self.items[server_id] = _merged(self.items[server_id], altered)
        return server_id

    def _apply_command(self, command: Element, result: SyncResult) -> None:
        kind = command.name.partition(":")[2]
        server_id = required(command, "AirSync:ServerId")
        known = self.items.get(server_id)
        if (kind == "Add") is (known is not None):
            self._note(f"sends {kind} of the {'unknown' if known is None else 'known'} item {server_id}")
        if kind in ("Delete", "SoftDelete"):
            self.items.pop(server_id, None)
            (result.deleted if kind == "Delete" else result.soft_deleted).append(server_id)
            return
        data = command.find("AirSync:ApplicationData")
        if data is None:
            raise BadAnswer(f"Sync: {kind} of {server_id} has no ApplicationData")
        if kind == "Add" or known is None:
            self.items[server_id] = data
        elif self.content_class == "Email":
            self.items[server_id] = _merged(known, data)
        else:
            kept = [child for child in known if child.name in KEPT_WHEN_ABSENT and not data.find(child.name)]
            self.items[server_id] = _data([*data, *kept])
        (result.added if kind == "Add" else result.changed).append(server_id)

    def _note(self, sentence: str) -> None:
        self._anomalies.append(f"Sync of collection {self.collection_id} {sentence}")


def _identity(response: Element) -> tuple[str, str]:
    kind = response.name.partition(":")[2]
    name = required(response, "AirSync:ClientId" if kind == "Add" else "AirSync:ServerId")
    return kind, " ".join(filter(None, (name, response.text_of("AirSyncBase:InstanceId"))))


def _data(fields: Sequence[Element]) -> Element:
    return Element("AirSync:ApplicationData", None, fields)


def _merged(known: Element, fields: Sequence[Element] | Element) -> Element:
    """``known`` with the named fields replaced."""
    replaced = {element.name for element in fields}
    return _data([*(child for child in known if child.name not in replaced), *fields])
