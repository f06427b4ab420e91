"""MeetingResponse: answers to invitations, in mail and in the calendar (MS-ASCMD 2.2.1.11, 2.2.3.177.9).

* Any item will do: the mail that invites, or the appointment, in whatever folder (quirk 8); a ServerId says which. From
  14.1 the answer may be to one occurrence of a series.
* Each answer is stored once, and the organizer told once. If the source tells the organizer, nobody else does, and the
  mail that a device up to 14.1 sends of itself is swallowed (:mod:`app.eas.replies`). If it does not, the server sends
  the mail if the device asks for it (SendResponse, from 16.0), and for clients that never send one (quirk 38).
* An accepted meeting is named by its ServerId in the calendar; of a declined one there is no CalendarId.
* Where the mail that invites forbids it (DisallowNewTimeProposal), an answer that proposes another time is refused as a
  whole. An appointment does not tell: OX keeps no such mark.
* The mail that invites stays where it is: to move it away is the device's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from app.eas import itip, memory, replies
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.clients import Quirk, quirks
from app.eas.errors import ConversionError, Malformed, StatusError
from app.eas.folders import MAX_ID, folder_number, item_id, server_id
from app.eas.reading import only, required, whole
from app.eas.schema import body
from app.eas.schema.table import parse_moment
from app.eas.status import Common, MeetingStatus
from app.eas.versions import Version
from app.usm.content import Meeting, Reply
from app.usm.errors import FolderGone, ItemError, ItemFailed
from app.usm.model import BodyKind, ContentType, FolderRef, Outgoing
from app.wbxml.element import Element

NAME: Final = "MeetingResponse"
MAX_REQUESTS: Final = 100
SERVER_SENDS: Final = Version.V16_0
"""From here on a device leaves the mail to its server."""
OCCURRENCES: Final = Version.V14_1
PROPOSALS: Final = Version.V16_1

REPLIES: Final[Mapping[int, Reply]] = {1: Reply.ACCEPTED, 2: Reply.TENTATIVE, 3: Reply.DECLINED}
"""UserResponse (MS-ASCMD 2.2.3.188)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One answer. ``id``: the item as the device calls it, which ``long`` tells to be from a search; ``instance``: the
    one occurrence; ``mail``: whether the organizer is to be told, with what else there is to say."""

    id: str
    long: bool
    collection: str
    reply: Reply
    instance: str = ""
    mail: bool = False
    comment: str = ""
    proposed: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one. ``calendar_id``: the appointment's ServerId, ``""`` where there is none."""

    request: Request
    status: int
    calendar_id: str = ""


def handle(call: Call, document: Element) -> Answer:
    """Answer the invitations, one after the other. Raises ``Malformed``, ``StatusError``."""
    requests = [_read(element, call.version) for element in document]
    if not requests:
        raise Malformed("MeetingResponse without a Request")
    if len(requests) > MAX_REQUESTS:
        raise StatusError(Common.INVALID_XML, f"{len(requests)} answers in one request")
    results = [_answer(call, request) for request in requests]
    return Answer(Element("MeetingResponse:MeetingResponse", children=map(_write, results)))


# -- reading ----------------------------------------------------------------------------------------------------


def _read(element: Element, version: Version) -> Request:
    if element.name != "MeetingResponse:Request":
        raise Malformed(f"{element.name} in MeetingResponse")
    long_id = _text(element, "Search:LongId")
    name = long_id or _text(element, "MeetingResponse:RequestId")
    if not name or (long_id and element.find("MeetingResponse:RequestId") is not None):
        raise Malformed("an answer names its item once, by RequestId or by LongId")
    instance = only(element, "MeetingResponse:InstanceId")
    if instance is not None and version < OCCURRENCES:
        raise Malformed(f"there is no InstanceId in {version.text}")
    send = only(element, "MeetingResponse:SendResponse")
    return Request(
        id=name,
        long=bool(long_id),
        collection=_text(element, "MeetingResponse:CollectionId"),
        reply=REPLIES[whole(required(element, "MeetingResponse:UserResponse"), 1, 3)],
        instance=_text(element, "MeetingResponse:InstanceId"),
        mail=send is not None and version >= SERVER_SENDS,
        comment="" if send is None else _comment(send),
        proposed=_proposed(send) if send is not None and version >= PROPOSALS else None,
    )


def _text(element: Element, name: str) -> str:
    child = only(element, name)
    text = "" if child is None else child.text.strip()
    if len(text) > MAX_ID:
        raise Malformed(f"{name} has {len(text)} characters, {MAX_ID} are the most")
    return text


def _comment(send: Element) -> str:
    element = only(send, "AirSyncBase:Body")
    try:
        found = None if element is None else body.read(element)
    except (LookupError, ConversionError):
        return ""
    return "" if found is None else found.text.strip()


def _proposed(send: Element) -> tuple[datetime, datetime] | None:
    times = [_text(send, f"MeetingResponse:Proposed{which}Time") for which in ("Start", "End")]
    if not all(times):
        return None
    try:
        start, end = map(parse_moment, times)
    except ConversionError as error:
        raise Malformed(str(error)) from error
    return (start, end) if start <= end else None


# -- answering --------------------------------------------------------------------------------------------------


def _answer(call: Call, request: Request) -> Result:
    """One answer; what goes wrong with it is its own."""
    try:
        occurrence = parse_moment(request.instance) if request.instance else None
    except ConversionError:
        return Result(request, Common.INVALID_DATE)
    told = call.session.tells_organizers
    try:
        folder, item = _named(call, request)
        objection = _objection(call, folder, item, occurrence, request.proposed is not None)
        if objection is not None:
            return Result(request, objection)
        uid = _uid(call, folder, item) if told and call.version < SERVER_SENDS else ""
        # What the source tells of itself says nothing of another time.
        mails = request.proposed is not None or (not told and (request.mail or _is_silent(call)))
        message = _message(call, request, _invitation(call, folder, item), occurrence) if mails else None
        appointment = call.session.reply(
            folder.number, item, request.reply, request.comment, occurrence, message
        )
    except ItemFailed:
        return Result(request, MeetingStatus.MAILBOX_ERROR)
    except (ItemError, FolderGone):
        return Result(request, MeetingStatus.INVALID_REQUEST)
    if uid:
        replies.note(call.memory, uid, request.reply, call.clock.now())
    return Result(request, MeetingStatus.SUCCESS, _calendar_id(call, request, folder, appointment))


def _named(call: Call, request: Request) -> tuple[FolderRef, str]:
    """The item to answer. The folder is that of the ServerId: some devices name another (quirk 8)."""
    number = folder_number(request.id.partition(":")[0])
    item = item_id(number or 0, request.id)
    if number is None or item is None:
        raise FolderGone(f"there is no item {request.id!r}")
    folder = call.session.folder(number)
    if folder.content not in (ContentType.MAIL, ContentType.CALENDAR):
        raise FolderGone(f"folder {number} holds {folder.content.value}, and no invitations")
    return folder, item


def _objection(
    call: Call, folder: FolderRef, item: str, occurrence: datetime | None, proposes: bool
) -> IntEnum | None:
    """Why an item that is there cannot be answered so (MS-ASCMD 2.2.3.87.1, 2.2.3.177.9, MS-ASEMAIL 2.2.2.27)."""
    if folder.content is ContentType.MAIL:
        wrong = occurrence is not None or (proposes and _is_fixed(call, folder, item))
        return MeetingStatus.INVALID_REQUEST if wrong else None
    fields = _fields(call, folder, item)
    if fields.get("organized") and fields.get("attendees"):
        return MeetingStatus.INVALID_REQUEST
    if occurrence is not None and fields and fields.get("recurrence") is None:
        return Common.NO_SERIES
    return None


def _is_fixed(call: Call, folder: FolderRef, item: str) -> bool:
    """Whether who invites wants no other time proposed."""
    meeting = _fields(call, folder, item).get("meeting")
    return isinstance(meeting, Meeting) and meeting.fixed


def _fields(call: Call, folder: FolderRef, item: str) -> Mapping[str, Any]:
    found = call.session.read(folder.number, [item], (BodyKind.TEXT,)).get(item)
    return {} if found is None or isinstance(found, Exception) else found.fields


def _uid(call: Call, folder: FolderRef, item: str) -> str:
    fields = _fields(call, folder, item)
    meeting = fields.get("meeting")
    return meeting.uid if isinstance(meeting, Meeting) else fields.get("uid") or ""


def _invitation(call: Call, folder: FolderRef, item: str) -> itip.Invitation | None:
    """What is answered; ``None`` where it is gone: an answer that is repeated has been told."""
    if folder.content is ContentType.CALENDAR:
        return itip.from_fields(_fields(call, folder, item))
    try:
        return itip.from_message(call.session.mime(folder.number, item))
    except ItemError:
        return None


def _message(
    call: Call, request: Request, invitation: itip.Invitation | None, occurrence: datetime | None
) -> Outgoing | None:
    """The mail to the organizer, ``None`` where there is nobody to tell."""
    if invitation is None:
        return None
    user = call.session.user
    answer = itip.Answer(
        reply=request.reply,
        senders=call.session.senders() or tuple(filter(None, (user.mail,))),
        name=user.name,
        now=call.clock.now(),
        comment=request.comment,
        occurrence=occurrence,
        proposed=request.proposed,
    )
    mime = itip.compose(invitation, answer)
    return None if mime is None else Outgoing(mime)


def _is_silent(call: Call) -> bool:
    """Whether the device sends no mail though its version says that it does."""
    if call.version >= SERVER_SENDS:
        return False
    device_type, system = call.command.device.device_type, call.memory.get(f"{memory.DEVICE}OS")
    return Quirk.SILENT_REPLIES in quirks(device_type, system)


def _calendar_id(call: Call, request: Request, folder: FolderRef, appointment: str) -> str:
    if request.reply is Reply.DECLINED or not appointment:
        return ""
    if folder.content is ContentType.CALENDAR:
        return server_id(folder.number, appointment)
    calendar = call.session.default_folder(ContentType.CALENDAR)
    name = "" if calendar is None else server_id(calendar.number, appointment)
    return name if len(name) <= MAX_ID else ""


# -- writing ----------------------------------------------------------------------------------------------------


def _write(result: Result) -> Element:
    request = result.request
    done = result.status == MeetingStatus.SUCCESS
    return Element(
        "MeetingResponse:Result",
        children=[
            None if request.long else Element("MeetingResponse:RequestId", request.id),
            Element("MeetingResponse:Status", str(int(result.status))),
            Element("MeetingResponse:CalendarId", result.calendar_id) if result.calendar_id else None,
            Element("MeetingResponse:InstanceId", request.instance) if request.instance and done else None,
        ],
    )
