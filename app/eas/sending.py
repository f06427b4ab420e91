"""What SendMail, SmartReply and SmartForward have in common (MS-ASCMD 2.2.1.16 to 2.2.1.19).

From 14.0 on a document holds the message, up to 12.1 the body is the message and the query tells the rest. Success is
an empty answer; only failures have a document (a Status), and up to 12.1 an HTTP status.

* A message that was sent already under its ClientId is not sent again (Status 118). Up to 12.1 the message itself is
  its name: a repeated one is answered as the first was.
* There is one account: an AccountId is none that exists (Status 166).
* The original may be named by folder and item, or by the LongId of a search. One that is gone ends in Status 150; one
  that is no message (an appointment that is forwarded) is not quoted, since the device has put all into the message.
* From 16.0 on a meeting may be forwarded by naming people alone (:mod:`app.eas.forwarding`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.eas import compose, forwarding, original, replies
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.compose import Writer
from app.eas.errors import ConversionError, Malformed, StatusError
from app.eas.folders import folder_number, item_id
from app.eas.forwarding import Forwarding
from app.eas.original import Original
from app.eas.reading import only
from app.eas.schema.table import parse_moment
from app.eas.status import Common, Compose
from app.eas.versions import Version
from app.usm.content import Address
from app.usm.errors import FolderGone, ItemError, ItemGone, ItemRefused, ItemUnreadable
from app.usm.model import BodyKind, ContentType, FolderRef, Outgoing, SendOutcome
from app.usm.pieces import InMemory, Pieces, Text, beginning, digest
from app.wbxml.element import Block, Element

MAX_CLIENT_ID: Final = 40
FORWARDEES_SINCE: Final = Version.V16_0
_SOURCE_TAGS: Final = ("FolderId", "ItemId", "LongId")

Quote = Callable[[Text, Original], Text]
"""Puts the original into the message."""


@dataclass(frozen=True, slots=True)
class Source:
    """The original, as the device names it."""

    folder: str
    item: str
    occurrence: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """``mime``: the message as the device made it; ``complete``: it holds all that is to be sent."""

    mime: Text
    client_id: str = ""
    save: bool = False
    complete: bool = False
    source: Source | None = None
    forwarding: Forwarding | None = None


def read(call: Call) -> Request:
    """Raises ``Malformed``, ``StatusError`` 104, 105, 166, 178 and 179."""
    return _read_query(call) if call.document is None else _read_document(call.document, call.version)


def _read_query(call: Call) -> Request:
    parameters = call.command.parameters
    content = call.command.content
    if not content:
        raise StatusError(Common.INVALID_MIME, "there is no message")
    save = parameters.get("SaveInSent", "").strip().upper() == "T"
    source = _source(
        parameters.get("CollectionId", ""), parameters.get("ItemId", ""), parameters.get("LongId", "")
    )
    mime = content if isinstance(content, bytes) else Pieces((InMemory(content),))
    return Request(mime, save=save, source=source)


def _read_document(root: Element, version: Version) -> Request:
    page = "ComposeMail:"
    client_id = (root.text_of(f"{page}ClientId") or "").strip()
    if not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise Malformed(f"ClientId has {len(client_id)} characters, not 1 to {MAX_CLIENT_ID}")
    if only(root, f"{page}AccountId") is not None:
        raise StatusError(Common.INVALID_ACCOUNT, "there is one account, and it has no AccountId")
    named = only(root, f"{page}Source")
    source = None if named is None else _read_source(named)
    save = only(root, f"{page}SaveInSentItems") is not None
    if version >= FORWARDEES_SINCE and root.name == f"{page}SmartForward":
        forwarded = forwarding.read(root)
        if forwarded is not None:
            return Request(b"", client_id, save, source=source, forwarding=forwarded)
    mime = only(root, f"{page}Mime")
    if mime is None:
        raise Malformed(f"{root.name} without Mime")
    data: Text = Pieces((mime.value,)) if isinstance(mime.value, Block) else mime.data
    if not beginning(data).strip():
        raise StatusError(Common.INVALID_MIME, "the message is empty")
    return Request(data, client_id, save, only(root, f"{page}ReplaceMime") is not None, source)


def _read_source(element: Element) -> Source | None:
    page = "ComposeMail:"
    instance = (element.text_of(f"{page}InstanceId") or "").strip()
    try:
        occurrence = parse_moment(instance) if instance else None
    except ConversionError as error:
        raise StatusError(Common.INVALID_DATE, str(error)) from error
    named = _source(*((element.text_of(f"{page}{tag}") or "").strip() for tag in _SOURCE_TAGS))
    return None if named is None else replace(named, occurrence=occurrence)


def _source(folder: str, item: str, long_id: str) -> Source | None:
    if long_id:
        if folder or item:
            raise StatusError(Compose.INVALID_IDS, "a LongId stands alone")
        return Source(long_id.partition(":")[0], long_id)
    if not item:
        return None
    return Source(folder or item.partition(":")[0], item)


def send(call: Call) -> Answer:
    """Send a message that is no answer."""
    request = read(call)
    return _sent(call, request, request.mime)


def send_about(call: Call, quote: Quote, is_answer: bool) -> Answer:
    """Send a message that answers or forwards another, whose state follows. Raises ``StatusError`` 150."""
    request = read(call)
    if request.source is None:
        raise StatusError(Compose.SOURCE_MISSING, f"{call.command.name} names no item")
    folder, item = _found(call, request.source)
    if request.forwarding is not None:
        return _forwarded(call, request, request.forwarding, folder, item)
    if folder.content is not ContentType.MAIL:
        return _sent(call, request, request.mime)
    mime = request.mime
    if not request.complete:
        mime = quote(request.mime, _original(call, folder, item))
    about = {"answers" if is_answer else "forwards": (folder, item)}
    return _sent(call, request, mime, **about)


def _forwarded(call: Call, request: Request, wish: Forwarding, folder: FolderRef, item: str) -> Answer:
    """A meeting for the people that the device names."""
    if folder.content is ContentType.MAIL:
        found = _original(call, folder, item)
        subject = found.header.get("Subject", "")
        mime = compose.forwarded(forwarding.message(wish, subject).as_bytes(), found)
        return _sent(call, request, mime, forwards=(folder, item))
    appointment = call.session.read(folder.number, [item], (BodyKind.TEXT,)).get(item)
    if appointment is None or isinstance(appointment, Exception):
        raise StatusError(Compose.SOURCE_MISSING, str(appointment or f"item {item} is gone"))
    user = call.session.user
    occurrence = request.source.occurrence if request.source else None
    own = Address((*call.session.senders(), user.mail)[0], user.name)
    try:
        mime = forwarding.with_invitation(wish, appointment.fields, occurrence, own, call.clock.now())
    except ConversionError as error:
        raise StatusError(Compose.SOURCE_MISSING, str(error)) from error
    return _sent(call, request, mime)


def _found(call: Call, source: Source) -> tuple[FolderRef, str]:
    number = folder_number(source.folder)
    item = item_id(number or 0, source.item)
    try:
        if number is None or item is None:
            raise ItemGone(f"there is no item {source.item!r} in folder {source.folder!r}")
        return call.session.folder(number), item
    except (FolderGone, ItemGone) as error:
        raise StatusError(Compose.SOURCE_MISSING, str(error)) from error


def _original(call: Call, folder: FolderRef, item: str) -> Original:
    try:
        return original.of_mime(call.session.stored_mime(folder.number, item))
    except ItemUnreadable as error:
        return _in_words(call, folder, item, error)
    except (ItemGone, FolderGone) as error:
        raise StatusError(Compose.SOURCE_MISSING, str(error)) from error


def _in_words(call: Call, folder: FolderRef, item: str, error: ItemError) -> Original:
    """Of a message too large to be held: its words; a forwarded one would lack its files."""
    if call.command.name == "SmartForward":
        raise StatusError(Compose.TOO_LARGE, str(error)) from error
    found = call.session.read(folder.number, [item], (BodyKind.HTML, BodyKind.TEXT)).get(item)
    if found is None or isinstance(found, Exception):
        raise StatusError(Compose.SOURCE_MISSING, str(found or error)) from error
    return original.of_fields(found.fields)


def _sent(
    call: Call,
    request: Request,
    mime: Text,
    answers: tuple[FolderRef, str] | None = None,
    forwards: tuple[FolderRef, str] | None = None,
) -> Answer:
    user, session = call.session.user, call.session.id
    name = request.client_id or digest(request.mime)
    mark = f"{session.context_id}/{session.user_id}/{session.device_id}/{call.command.name}/{name}"
    writer = Writer(call.session.senders() or (user.mail,), user.name, mark, call.clock.now())
    try:
        ready = compose.finished(mime, writer)
    except ConversionError as error:
        raise StatusError(Common.INVALID_MIME, str(error)) from error
    if not compose.recipients(ready):
        raise StatusError(Compose.NO_RECIPIENT, "the message goes to nobody")
    if replies.is_told(call.memory, ready, call.clock.now()):
        return Answer(None)  # the organizer knows it already
    message = Outgoing(ready, request.save, answers, forwards)
    try:
        outcome = call.session.send(name, message)
    except ItemRefused as error:
        raise StatusError(Compose.REFUSED, str(error)) from error
    if outcome is SendOutcome.REPEATED and request.client_id:
        raise StatusError(Compose.SENT_BEFORE, f"ClientId {request.client_id!r} was sent before")
    return Answer(None)
