"""A phone's owner writes, answers, forwards, moves and opens mail (MS-ASCMD 2.2.1.8 to 2.2.1.19).

Up to 12.1 a message is the body of the request and the query names the rest; from 14.0 on a document holds it all.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP

from app.wbxml import Element, WbxmlError, decode, encode
from lab.device.answers import number, required
from lab.device.device import PROVISION_AGAIN, expect
from lab.device.errors import AnswerLost, BadAnswer, CommandFailed
from lab.device.phone import Phone
from lab.device.state import NO_KEY, Change, SyncResult
from lab.device.transport import HttpAnswer

MOVED = 3
MESSAGE = "message/rfc822"
IN_DOCUMENT_FROM = ("14.0", "14.1", "16.0", "16.1")


@dataclass
class File:
    """A file as it came, or the part of it that was asked for. ``span``: the range and the size of all of it, where the
    server told."""

    data: bytes
    content_type: str
    span: tuple[str, int] | None = None


@dataclass
class Fetched:
    """An item of ItemOperations: its properties by name; ``parts`` of a multipart answer by number."""

    properties: dict[str, Element] = field(default_factory=dict)
    parts: Sequence[bytes] = ()


def message(
    to: str, subject: str, text: str = "", *, html: str | None = None, sender: str | None = None
) -> EmailMessage:
    """A message as phones write them."""
    mail = EmailMessage(policy=SMTP)
    if sender is not None:
        mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail


# -- sending -------------------------------------------------------------------------------------------------


def send(phone: Phone, mime: bytes | EmailMessage, *, client_id: str | None = None, save: bool = True) -> str:
    """Send a message; its ClientId. ``CommandFailed`` with the status that says why not."""
    return _send(phone, "SendMail", mime, client_id, save)


def reply(
    phone: Phone,
    server_id: str,
    mime: bytes | EmailMessage,
    *,
    client_id: str | None = None,
    save: bool = True,
    complete: bool = False,
) -> str:
    """Answer a message; the server quotes it, unless the phone says that all is in there."""
    return _send(phone, "SmartReply", mime, client_id, save, server_id, complete)


def forward(
    phone: Phone,
    server_id: str,
    mime: bytes | EmailMessage,
    *,
    client_id: str | None = None,
    save: bool = True,
    complete: bool = False,
) -> str:
    """Forward a message; the server adds it."""
    return _send(phone, "SmartForward", mime, client_id, save, server_id, complete)


def _send(
    phone: Phone,
    command: str,
    mime: bytes | EmailMessage,
    client_id: str | None,
    save: bool,
    server_id: str = "",
    complete: bool = False,
) -> str:
    data = mime if isinstance(mime, bytes) else mime.as_bytes()
    client_id = client_id or phone.new_client_id()
    if phone.version not in IN_DOCUMENT_FROM:
        parameters = {"SaveInSent": "T"} if save else {}
        if server_id:
            parameters |= {"CollectionId": server_id.partition(":")[0], "ItemId": server_id}
        answer = _raw(phone, command, data, parameters, {"Content-Type": MESSAGE})
        if answer.body:
            raise BadAnswer(f"{command} was answered with {len(answer.body)} bytes")
        return client_id
    page = "ComposeMail:"
    source = [Element(f"{page}FolderId", server_id.partition(":")[0]), Element(f"{page}ItemId", server_id)]
    document = Element(
        f"{page}{command}",
        children=[
            Element(f"{page}ClientId", client_id),
            Element(f"{page}SaveInSentItems") if save else None,
            Element(f"{page}ReplaceMime") if complete else None,
            Element(f"{page}Source", children=source) if server_id else None,
            Element(f"{page}Mime", data),
        ],
    )
    if phone.command(command, document) is not None:
        raise BadAnswer(f"{command} was answered with a document that is no failure")
    return client_id


# -- moving --------------------------------------------------------------------------------------------------


def move(phone: Phone, server_ids: Iterable[str], target: str) -> dict[str, str]:
    """Move items; their old and new ServerIds. What the phone holds of the folders follows, as on a real one.
    ``CommandFailed`` for the first that could not be moved."""
    wanted = list(server_ids)
    page = "Move:"
    moves = [
        Element(
            f"{page}Move",
            children=[
                Element(f"{page}SrcMsgId", server_id),
                Element(f"{page}SrcFldId", server_id.partition(":")[0]),
                Element(f"{page}DstFldId", target),
            ],
        )
        for server_id in wanted
    ]
    answer = phone.answered("MoveItems", Element(f"{page}MoveItems", children=moves))
    responses = answer.find_all(f"{page}Response")
    if [required(each, f"{page}SrcMsgId") for each in responses] != wanted:
        raise BadAnswer(f"MoveItems of {wanted} was answered for other items")
    for response in responses:
        expect("MoveItems", number(response, f"{page}Status"), MOVED)
    moved = {required(each, f"{page}SrcMsgId"): required(each, f"{page}DstMsgId") for each in responses}
    for old, new in moved.items():
        data = phone.items(old.partition(":")[0]).pop(old, None)
        if data is not None and phone.collection(target).sync_key != NO_KEY:
            phone.items(target)[new] = data
    return moved


# -- drafts --------------------------------------------------------------------------------------------------


def add_draft(
    phone: Phone,
    collection_id: str,
    *,
    to: str = "",
    subject: str = "",
    text: str = "",
    html: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> str:
    """Write a draft (16.0 and later); its ServerId."""
    fields = [Element("Email:To", to), Element("Email:Subject", subject), body(text, html)]
    if files:
        fields.append(attachments(files))
    return phone.add_item(collection_id, fields)


def change_draft(phone: Phone, server_id: str, fields: Sequence[Element]) -> SyncResult:
    """Change a draft; ``send_draft`` sends one as it is."""
    return phone.change_item(server_id.partition(":")[0], server_id, fields)


def send_draft(phone: Phone, server_id: str, fields: Sequence[Element] = ()) -> SyncResult:
    """Send a draft, changed before or not. The phone drops it, as the server says."""
    return change_draft(phone, server_id, [*fields, Element("Email2:Send")])


def repeat_change(phone: Phone, server_id: str, fields: Sequence[Element]) -> SyncResult:
    """One round with a change whatever the outbox holds: as after a lost answer."""
    change = Change("Change", server_id, fields=tuple(fields))
    return phone.sync(server_id.partition(":")[0], changes=[change])


def body(text: str, html: str | None = None) -> Element:
    """The words of a draft."""
    children = [
        Element("AirSyncBase:Type", "1" if html is None else "2"),
        Element("AirSyncBase:Data", text if html is None else html),
    ]
    return Element("AirSyncBase:Body", children=children)


def attachments(files: Mapping[str, bytes], removed: Iterable[str] = ()) -> Element:
    """Files that a draft gets, by name, and the FileReferences of those that it loses."""
    page = "AirSyncBase:"
    added = [
        Element(
            f"{page}Add",
            children=[
                Element(f"{page}ClientId", f"file-{position}"),
                Element(f"{page}Content", data),
                Element(f"{page}Method", "1"),
                Element(f"{page}DisplayName", name),
            ],
        )
        for position, (name, data) in enumerate(files.items(), 1)
    ]
    gone = [
        Element(f"{page}Delete", children=[Element(f"{page}FileReference", reference)])
        for reference in removed
    ]
    return Element(f"{page}Attachments", children=[*added, *gone])


# -- fetching ------------------------------------------------------------------------------------------------


def references(item: Element) -> dict[str, str]:
    """Name → FileReference of the files of an item that the phone holds."""
    listed = item.find("AirSyncBase:Attachments")
    return {
        each.text_of("AirSyncBase:DisplayName") or "": required(each, "AirSyncBase:FileReference")
        for each in listed or ()
    }


def get_attachment(phone: Phone, reference: str) -> File:
    """The file of a message, as devices up to 12.1 ask for it."""
    answer = _raw(phone, "GetAttachment", b"", {"AttachmentName": reference}, {"Content-Type": None})
    return File(answer.body, answer.headers.get("Content-Type", ""))


def fetch_file(phone: Phone, reference: str, *, span: str | None = None, multipart: bool = False) -> File:
    """A file of an item, or the bytes of a range of it (``"0-99"``)."""
    return fetch(phone, Element("AirSyncBase:FileReference", reference), "Mailbox", span, multipart)


def fetch(phone: Phone, name: Element, store: str, span: str | None, multipart: bool) -> File:
    """A file of a store by its name there."""
    wishes = [Element("ItemOperations:Range", span)] if span else []
    fetched = _fetch(phone, [name], wishes, multipart, store)
    told = fetched.properties
    whole = told.get("ItemOperations:Total")
    asked = told.get("ItemOperations:Range")
    return File(
        _data(fetched, told, "ItemOperations:Data"),
        told["AirSyncBase:ContentType"].text,
        (asked.text, int(whole.text)) if whole is not None and asked is not None else None,
    )


def fetch_item(
    phone: Phone, server_id: str, *, body_type: int | None = None, mime: bool = False, multipart: bool = False
) -> tuple[dict[str, Element], bytes]:
    """An item in full: its properties, and the bytes of its body."""
    wishes = []
    if mime:
        wishes.append(Element("AirSync:MIMESupport", "2"))
    kind = 4 if mime else body_type
    if kind is not None:
        preference = [Element("AirSyncBase:Type", str(kind))]
        wishes.append(Element("AirSyncBase:BodyPreference", children=preference))
    names = [
        Element("AirSync:CollectionId", server_id.partition(":")[0]),
        Element("AirSync:ServerId", server_id),
    ]
    fetched = _fetch(phone, names, wishes, multipart)
    words = fetched.properties["AirSyncBase:Body"]
    return fetched.properties, _data(fetched, {each.name: each for each in words}, "AirSyncBase:Data")


def empty_folder(phone: Phone, collection_id: str, *, subfolders: bool = False) -> None:
    """Delete all that is in a folder of mail."""
    below = [Element("ItemOperations:DeleteSubFolders")] if subfolders else []
    operation = Element(
        "ItemOperations:EmptyFolderContents",
        children=[
            Element("AirSync:CollectionId", collection_id),
            Element("ItemOperations:Options", children=below) if below else None,
        ],
    )
    answer = phone.answered("ItemOperations", Element("ItemOperations:ItemOperations", children=[operation]))
    _one(answer, "EmptyFolderContents")


def _fetch(
    phone: Phone,
    names: Sequence[Element],
    wishes: Sequence[Element],
    multipart: bool,
    store: str = "Mailbox",
) -> Fetched:
    operation = Element(
        "ItemOperations:Fetch",
        children=[
            Element("ItemOperations:Store", store),
            *names,
            Element("ItemOperations:Options", children=wishes) if wishes else None,
        ],
    )
    document = Element("ItemOperations:ItemOperations", children=[operation])
    parts: Sequence[bytes] = ()
    if multipart:
        answer, parts = _multipart(phone, document)
    else:
        answer = phone.answered("ItemOperations", document)
    found = _one(answer, "Fetch").find("ItemOperations:Properties")
    if found is None:
        raise BadAnswer("ItemOperations answers a Fetch without Properties")
    return Fetched({child.name: child for child in found}, parts)


def _one(answer: Element, operation: str) -> Element:
    """The answer to the one operation of a request; ``CommandFailed`` for a status other than 1."""
    expect("ItemOperations", number(answer, "ItemOperations:Status"))
    responses = answer.find("ItemOperations:Response")
    found = responses.find(f"ItemOperations:{operation}") if responses is not None else None
    if found is None:
        raise BadAnswer(f"ItemOperations does not answer the {operation}")
    expect("ItemOperations", number(found, "ItemOperations:Status"))
    return found


def _data(fetched: Fetched, told: Mapping[str, Element], name: str) -> bytes:
    """What a document holds, or the part that it names. Files are base64 in a document, bodies are text."""
    part = told.get("ItemOperations:Part")
    if part is not None:
        return fetched.parts[int(part.text)]
    data = told.get(name)
    if data is None:
        raise BadAnswer(f"ItemOperations answers without {name}")
    if isinstance(data.value, bytes):
        return data.value
    if name == "ItemOperations:Data":
        return base64.b64decode(data.text, validate=True)
    return data.text.encode()


def _multipart(phone: Phone, document: Element) -> tuple[Element, list[bytes]]:
    """The document and all parts, itself the first (MS-ASCMD 2.2.1.10.1)."""
    parameters = {"AcceptMultiPart": "T"} if phone.transport.query == "base64" else {}
    headers = {"MS-ASAcceptMultiPart": "T"} if phone.transport.query == "plain" else {}
    answer = _raw(phone, "ItemOperations", encode(document), parameters, headers)
    if answer.headers.get("Content-Type") != "application/vnd.ms-sync.multipart":
        raise BadAnswer(f"a multipart answer is {answer.headers.get('Content-Type')!r}")
    parts = split(answer.body)
    if phone.on_answer is not None:
        phone.on_answer("ItemOperations", phone.version, parts[0])
    try:
        return decode(parts[0]), parts
    except WbxmlError as error:
        raise BadAnswer(f"the first part of an answer is not WBXML: {error}") from error


def split(answer: bytes) -> list[bytes]:
    """The parts of a multipart answer; ``BadAnswer`` where its table is wrong."""
    if len(answer) < 4:
        raise BadAnswer("a multipart answer has no table")
    (count,) = struct.unpack_from("<I", answer)
    end = 4 + 8 * count
    if not 0 < count < 10_000 or end > len(answer):
        raise BadAnswer(f"a multipart answer of {len(answer)} bytes tells of {count} parts")
    parts = []
    for position in range(count):
        offset, length = struct.unpack_from("<II", answer, 4 + 8 * position)
        if offset != end:
            raise BadAnswer(f"part {position} begins at {offset}, not {end}")
        parts.append(answer[offset : offset + length])
        end = offset + length
    if end != len(answer):
        raise BadAnswer(f"the parts end at {end}, the answer at {len(answer)}")
    return parts


def _raw(
    phone: Phone,
    command: str,
    content: bytes,
    parameters: Mapping[str, str],
    headers: Mapping[str, str | None],
) -> HttpAnswer:
    """What no tree can be made of; the phone provisions where it is told to, once. ``CommandFailed`` with the HTTP
    status of a refusal."""
    answer = _once(phone, command, content, parameters, headers)
    if answer.status in PROVISION_AGAIN:
        phone.provision()
        answer = _once(phone, command, content, parameters, headers)
    if answer.status != 200:
        raise CommandFailed(command, answer.status)
    if phone.takes_answer():
        return answer
    raise AnswerLost(f"{command} was answered, and the answer thrown away")


def _once(
    phone: Phone,
    command: str,
    content: bytes,
    parameters: Mapping[str, str],
    headers: Mapping[str, str | None],
) -> HttpAnswer:
    query, _ = phone.transport.addressed(command, parameters)
    return phone.raw(content, command=command, query=query, headers=headers)


__all__ = [
    "File",
    "add_draft",
    "attachments",
    "body",
    "change_draft",
    "empty_folder",
    "fetch_file",
    "fetch_item",
    "forward",
    "get_attachment",
    "message",
    "move",
    "references",
    "repeat_change",
    "reply",
    "send",
    "send_draft",
    "split",
]
