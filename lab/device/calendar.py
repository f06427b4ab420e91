"""What a phone does with a calendar: appointments, single occurrences, answers to invitations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.wbxml import Element
from lab.device import state
from lab.device.answers import number, required
from lab.device.calendar_items import SINGLE_INSTANCES, Change, Event, When, compact, dashed, elements, event
from lab.device.errors import BadAnswer, CommandFailed

if TYPE_CHECKING:
    from lab.device.phone import Phone
    from lab.device.state import SyncResult

ACCEPT, TENTATIVE, DECLINE = 1, 2, 3
OK = 1


def events(phone: Phone, collection_id: str) -> dict[str, Event]:
    """ServerId -> what the phone holds of a calendar."""
    return {server_id: event(data) for server_id, data in phone.items(collection_id).items()}


def add_event(phone: Phone, collection_id: str, change: Change) -> str:
    """A new appointment; its ServerId. Up to 14.1 the phone makes its UID, from 16.0 the server does."""
    fields = elements(change, phone.version)
    name = phone.new_client_id()
    fields.append(
        Element("Calendar:ClientUid" if phone.version in SINGLE_INSTANCES else "Calendar:UID", name)
    )
    return phone.add_item(collection_id, fields)


def change_event(phone: Phone, collection_id: str, server_id: str, change: Change) -> SyncResult:
    """Change an appointment or a whole series. Up to 14.1 the phone sends all that it holds, with the change in it."""
    fields = elements(change, phone.version)
    if phone.version not in SINGLE_INSTANCES:
        fields = _whole(phone.items(collection_id)[server_id], fields)
    return phone.change_item(collection_id, server_id, fields)


_SERVERS_OWN = ("AirSyncBase:NativeBodyType", "Calendar:ResponseType", "Calendar:AppointmentReplyTime")


def _whole(held: Element, fields: Sequence[Element]) -> list[Element]:
    """What is emptied is left out, as the standard asks of a phone."""
    named = {element.name for element in fields}
    kept = [child for child in held if child.name not in named and child.name not in _SERVERS_OWN]
    said = [element for element in fields if element.children or element.value is not None]
    return [*kept, *said]


def change_occurrence(
    phone: Phone, collection_id: str, server_id: str, original: When, change: Change
) -> SyncResult:
    """Change the one occurrence of a series that its rule lets begin then."""
    fields = elements(change, phone.version, of_occurrence=True)
    if phone.version in SINGLE_INSTANCES:
        return _single(phone, collection_id, "Change", server_id, original, fields)
    return _with_exception(phone, collection_id, server_id, original, fields)


def delete_occurrence(phone: Phone, collection_id: str, server_id: str, original: When) -> SyncResult:
    """Take one occurrence out of a series."""
    if phone.version in SINGLE_INSTANCES:
        return _single(phone, collection_id, "Delete", server_id, original, [])
    return _with_exception(phone, collection_id, server_id, original, None)


def _single(
    phone: Phone, collection_id: str, kind: str, server_id: str, original: When, fields: Sequence[Element]
) -> SyncResult:
    change = state.Change(kind, server_id, fields=tuple(fields), instance=compact(original))
    result = phone.sync(collection_id, changes=[change])
    status = result.statuses.get(change.name, OK)
    if status != OK:
        raise CommandFailed(f"Sync {kind}", status)
    return result


def _with_exception(
    phone: Phone, collection_id: str, server_id: str, original: When, fields: Sequence[Element] | None
) -> SyncResult:
    """Up to 14.1 the series is sent as a whole, with all its exceptions; ``None`` deletes."""
    held = phone.items(collection_id)[server_id]
    name = Element("Calendar:ExceptionStartTime", compact(original))
    entries = list(held.find("Calendar:Exceptions") or ())
    known = [entry for entry in entries if entry.text_of(name.name) == name.text]
    if fields is None:
        children = [Element("Calendar:Deleted", "1"), name]
    else:
        named = {element.name for element in fields}
        old: Sequence[Element] = known[0].children if known else [name]
        children = [*(child for child in old if child.name not in named), *fields]
    others = [entry for entry in entries if entry not in known]
    exceptions = Element(
        "Calendar:Exceptions", children=[*others, Element("Calendar:Exception", children=children)]
    )
    return phone.change_item(collection_id, server_id, _whole(held, [exceptions]))


def answer(
    phone: Phone,
    server_id: str,
    reply: int,
    *,
    occurrence: When | None = None,
    tell: bool = False,
    comment: str = "",
) -> str:
    """Answer the invitation of a mail or of an appointment; the ServerId in the calendar, ``""`` where there is none.

    ``tell``: the server is to send the organizer a mail, with the comment (16.x). ``CommandFailed`` for a status other
    than 1.
    """
    body = None
    if comment:
        data = [Element("AirSyncBase:Type", "1"), Element("AirSyncBase:Data", comment)]
        body = Element("AirSyncBase:Body", children=data)
    page = "MeetingResponse"
    request = Element(
        f"{page}:Request",
        children=[
            Element(f"{page}:UserResponse", str(reply)),
            Element(f"{page}:CollectionId", server_id.partition(":")[0]),
            Element(f"{page}:RequestId", server_id),
            Element(f"{page}:InstanceId", dashed(occurrence)) if occurrence is not None else None,
            Element(f"{page}:SendResponse", children=[body]) if tell or comment else None,
        ],
    )
    found = phone.answered(page, Element(f"{page}:{page}", children=[request]))
    result = found.find(f"{page}:Result")
    if result is None:
        raise BadAnswer("MeetingResponse was answered without a result")
    status = number(result, f"{page}:Status")
    if status != OK:
        raise CommandFailed(page, status)
    if required(result, f"{page}:RequestId") != server_id:
        raise BadAnswer(f"MeetingResponse was not answered for {server_id}")
    return result.text_of(f"{page}:CalendarId") or ""
