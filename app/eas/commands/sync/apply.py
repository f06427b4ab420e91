"""A device's commands ↔ the changes of USM: which of them can be carried out, and what is answered to each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from app.eas.commands.sync.prepare import Job
from app.eas.commands.sync.request import Command
from app.eas.errors import ConversionError
from app.eas.folders import item_id, server_id
from app.eas.options import SMS
from app.eas.schema import email
from app.eas.schema.classes import CLASSES
from app.eas.schema.table import parse_moment
from app.eas.status import ITEM, SyncStatus
from app.eas.versions import TEXT_MESSAGES
from app.usm.errors import UsmError
from app.usm.model import ChangeKind, ClientChange, ContentType, ExchangeResult, Item, Outcome
from app.usm.session import Session
from app.wbxml.element import Element

_SMS_ID: Final = "sms-"
"""How the ids of text messages begin; no source has such."""

_SPOKEN_OF: Final = ("Add", "Fetch")
"""Commands that are answered even when they succeed; of the others silence is success (MS-ASCMD 2.2.3.7.2)."""


@dataclass(slots=True)
class Slot:
    """One command and what becomes of it. ``change`` or ``fetch`` is set where USM has something to do; without,
    ``status`` says why not."""

    command: Command
    status: SyncStatus = SyncStatus.SUCCESS
    change: ClientChange | None = None
    fetch: str | None = None
    server_id: str = ""
    payload: Element | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """All commands of one collection, in order."""

    slots: list[Slot] = field(default_factory=list)

    @property
    def changes(self) -> tuple[ClientChange, ...]:
        """What USM has to do."""
        return tuple(slot.change for slot in self.slots if slot.change is not None)

    @property
    def fetches(self) -> tuple[str, ...]:
        """The items wanted again, each once."""
        return tuple(dict.fromkeys(slot.fetch for slot in self.slots if slot.fetch is not None))


def understand(job: Job) -> Work:
    """What the commands of one collection come down to."""
    return Work([_slot(job, command) for command in job.wanted.commands])


def _slot(job: Job, command: Command) -> Slot:
    slot = Slot(command, server_id=command.server_id)
    if command.verb == "Add":
        _understand_add(job, command, slot)
        return slot
    item = item_id(job.folder.number, command.server_id)
    if item is not None and item.startswith(_SMS_ID):
        slot.status = SyncStatus.NOT_FOUND if command.verb == "Fetch" else SyncStatus.SUCCESS
    elif item is None:
        slot.status = SyncStatus.NOT_FOUND
    elif command.verb == "Fetch":
        slot.fetch = item
    else:
        try:
            slot.change = _change(job, command, item)
        except ConversionError:
            slot.status = SyncStatus.CONVERSION
    return slot


def _understand_add(job: Job, command: Command, slot: Slot) -> None:
    if command.item_class == SMS:
        _swallow(job, command, slot)
        return
    try:
        fields = CLASSES[job.folder.content].read_new(command.data, job.view)
    except ConversionError:
        slot.status = SyncStatus.CONVERSION
    else:
        slot.change = ClientChange(ChangeKind.ADD, client_id=command.client_id, fields=fields)


def _swallow(job: Job, command: Command, slot: Slot) -> None:
    """Some devices send their text messages unasked, and again until they are taken (quirk 42). There is no place for
    them: they are taken, and forgotten. The id is the same whenever the device sends one again."""
    if job.view.version < TEXT_MESSAGES or job.folder.content is not ContentType.MAIL:
        slot.status = SyncStatus.CONVERSION
        return
    digest = blake2b(command.client_id.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    slot.server_id = server_id(job.folder.number, _SMS_ID + digest)


def _change(job: Job, command: Command, item: str) -> ClientChange | None:
    """A Change or Delete, of an item or of one occurrence of it; ``None`` for a change of nothing, which is done
    already. Raises ``ConversionError``."""
    rules = CLASSES[job.folder.content]
    occurrence = parse_moment(command.instance) if command.instance else None
    if occurrence is not None and rules.read_occurrence is None:
        raise ConversionError(f"item {item} has no occurrences")
    if command.verb == "Delete":
        return ClientChange(ChangeKind.DELETE, item_id=item, occurrence=occurrence)
    read = rules.read_change if occurrence is None or rules.read_occurrence is None else rules.read_occurrence
    fields = read(command.data, job.view)
    return (
        ClientChange(ChangeKind.CHANGE, item_id=item, fields=fields, occurrence=occurrence)
        if fields
        else None
    )


def settle(job: Job, work: Work, result: ExchangeResult) -> None:
    """Note in each slot what USM made of it."""
    results = iter(result.results)
    for slot in work.slots:
        if slot.change is not None:
            done = next(results)
            slot.status = _status(slot.command, done.outcome)
            if slot.command.verb == "Add" and slot.status is SyncStatus.SUCCESS:
                # A draft that was sent at once is in no folder that the device could name.
                slot.server_id = server_id(job.folder.number, done.item_id) if done.item_id else ""
                told = CLASSES[job.folder.content].added(slot.change.fields, job.view)
                slot.payload = Element("AirSync:ApplicationData", children=told) if told else None
        elif slot.fetch is not None:
            slot.payload = result.fetched.get(slot.fetch)
            if slot.payload is None:
                slot.status = SyncStatus.NOT_FOUND


def tell_conversations(job: Job, work: Work, session: Session) -> None:
    """The answer to the Add of a draft tells its conversation (MS-ASEMAIL 2.2.2.21, 2.2.2.22), which the source knows.
    Where it cannot be asked now, the draft is stored all the same."""
    drafts = {
        item: slot
        for slot in work.slots
        if slot.change is not None
        and slot.change.kind is ChangeKind.ADD
        and slot.status is SyncStatus.SUCCESS
        and (item := item_id(job.folder.number, slot.server_id)) is not None
    }
    if not drafts or job.folder.content is not ContentType.MAIL:
        return
    with suppress(UsmError):
        for item, found in session.read(job.folder.number, list(drafts), job.view.options.bodies).items():
            if isinstance(found, Item):
                slot = drafts[item]
                told = email.conversation(found.fields, job.view.version, slot.server_id)
                slot.payload = Element("AirSync:ApplicationData", children=told)


def _status(command: Command, outcome: Outcome) -> SyncStatus:
    """A Delete that is refused is answered as done, and the item comes as a new one: devices have deleted their copy
    before they ask, and know nothing to do about a refusal."""
    if command.verb == "Delete" and outcome is Outcome.REFUSED:
        return SyncStatus.SUCCESS
    return ITEM[outcome]


def responses(slots: Sequence[Slot]) -> list[Element]:
    """The children of Responses (MS-ASCMD 2.2.3.154)."""
    return [
        _response(slot)
        for slot in slots
        if slot.command.verb in _SPOKEN_OF or slot.status is not SyncStatus.SUCCESS
    ]


def _response(slot: Slot) -> Element:
    command = slot.command
    return Element(
        f"AirSync:{command.verb}",
        children=[
            Element("AirSync:Class", SMS) if command.item_class == SMS and slot.server_id else None,
            Element("AirSync:ClientId", command.client_id) if command.verb == "Add" else None,
            Element("AirSync:ServerId", slot.server_id) if slot.server_id else None,
            Element("AirSyncBase:InstanceId", command.instance) if command.instance else None,
            Element("AirSync:Status", str(slot.status.value)),
            slot.payload,
        ],
    )
