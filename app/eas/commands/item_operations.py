"""ItemOperations: items and files by name, and folders emptied (MS-ASCMD 2.2.1.10).

* Files never lie in memory: in a multipart answer they follow the document, which names their numbers; in a document
  they are base64 that is made while it is sent.
* Each operation has its own Status and stops no other. Only a source that does not answer ends them all.
* A Range counts bytes of the file, both ends included; one that begins behind the end has Status 8. It is told only
  where it was asked for (iOS 10, quirk 5).
* A Schema names the properties that are wanted of an item, and there come no others. An empty one asks for nothing in
  particular, which is all.
* What the cache of recipients would hold has no operations: its name is that of no item here (Status 6).
* What comes to a moved conversation later follows it when the device synchronises (:mod:`app.eas.conversations`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from app.eas import conversations, options, streams
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.credentials import is_own
from app.eas.errors import ConversionError, Malformed, StatusError
from app.eas.files import open_file
from app.eas.folders import CLASSES as CLASS_NAMES
from app.eas.folders import exists_in, folder_number, item_id
from app.eas.options import HTML, MIME, PLAIN, Options, Preference
from app.eas.reading import only, required
from app.eas.schema.classes import View, application_data
from app.eas.schema.document import parse as parse_link
from app.eas.schema.table import moment_text
from app.eas.status import Common, OperationStatus
from app.eas.versions import Version
from app.usm.content import Address
from app.usm.errors import FolderGone, ItemError, ItemGone, ItemRefused, ItemUnreadable
from app.usm.model import BodyKind, Download, FolderRef
from app.wbxml.element import Element

NAME: Final = "ItemOperations"
MAX_OPERATIONS: Final = 100

_PAGE: Final = "ItemOperations:"
_AS_IT_IS: Final = (Preference(HTML), Preference(PLAIN))
"""What a device gets that does not say what it takes: the form that the source keeps."""


@dataclass(slots=True)
class _Parts:
    """The files of an answer: parts of their own in a multipart one, otherwise in the document."""

    multipart: bool
    files: list[Download] = field(default_factory=list)

    def place(self, file: Download) -> Element:
        """Where the document says that the file is."""
        self.files.append(file)
        if self.multipart:
            return Element(f"{_PAGE}Part", str(len(self.files)))
        return Element(f"{_PAGE}Data", streams.as_base64(file))

    def close(self) -> None:
        """Give up all files."""
        streams.close(file.chunks for file in self.files)


class _Failed(Exception):
    """One operation cannot be carried out."""

    def __init__(self, status: OperationStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def handle(call: Call, root: Element) -> Answer:
    """All operations, one after the other. Raises ``Malformed``, ``SourceUnavailable``."""
    operations = {
        f"{_PAGE}Fetch": _fetch,
        f"{_PAGE}EmptyFolderContents": _empty,
        f"{_PAGE}Move": _move,
    }
    if len(root.children) > MAX_OPERATIONS:
        raise StatusError(Common.INVALID_XML, f"{len(root.children)} operations in one request")
    if not root.children:
        raise Malformed("ItemOperations without an operation")
    parts = _Parts(call.command.accept_multipart)
    answers = []
    try:
        for element in root:
            if element.name not in operations:
                raise Malformed(f"{element.name} in ItemOperations")
            answers.append(_carried_out(call, element, operations[element.name], parts))
    except BaseException:
        parts.close()
        raise
    answers.sort(key=lambda answer: _ORDER.index(answer.name))
    document = Element(
        f"{_PAGE}ItemOperations",
        children=[
            Element(f"{_PAGE}Status", str(OperationStatus.SUCCESS.value)),
            Element(f"{_PAGE}Response", children=answers),
        ],
    )
    return Answer(document, parts=tuple(parts.files) if parts.multipart else None)


_ORDER: Final = (f"{_PAGE}Move", f"{_PAGE}EmptyFolderContents", f"{_PAGE}Fetch")
"""The order of the answers (MS-ASCMD 2.2.3.153)."""

_Operation = Callable[[Call, Element, _Parts], list[Element | None]]


def _carried_out(call: Call, element: Element, operation: _Operation, parts: _Parts) -> Element:
    named = _named_again(element)
    status, rest = OperationStatus.SUCCESS, None
    try:
        rest = operation(call, element, parts)
    except _Failed as error:
        status = error.status
    except FolderGone:
        status = OperationStatus.NOT_FOUND
    except ItemGone:
        status = OperationStatus.NOT_FOUND
    except ItemRefused:
        status = OperationStatus.DENIED
    except ItemUnreadable:
        status = OperationStatus.TOO_LARGE
    except ItemError:
        status = OperationStatus.SERVER_ERROR
    except ConversionError:
        status = OperationStatus.CONVERSION
    children = [Element(f"{_PAGE}Status", str(status.value)), *named, *(rest or ())]
    return Element(element.name, children=children)


def _named_again(element: Element) -> list[Element]:
    """What the device named, as the answer may say it: each once, in order, as text or bytes. Raises ``Malformed`` for
    what is longer than a name can be."""
    named = []
    for name in _NAMES:
        child = element.find(name)
        if child is None:
            continue
        if len(child.text) > _LONGEST.get(name, len(child.text)):
            raise Malformed(f"{name} of {len(child.text)} characters")
        named.append(Element(name, child.value if isinstance(child.value, bytes) else child.text))
    return named


_LONGEST: Final = {"AirSync:CollectionId": 64, "AirSync:ServerId": 64}
"""Characters (the schema of ItemOperations answers)."""

_NAMES: Final = (
    "AirSync:CollectionId",
    "AirSync:ServerId",
    "Search:LongId",
    "DocumentLibrary:LinkId",
    "AirSyncBase:FileReference",
    f"{_PAGE}ConversationId",
)
"""What an operation is about; its answer says it again."""


# -- fetching ------------------------------------------------------------------------------------------------


def _fetch(call: Call, element: Element, parts: _Parts) -> list[Element | None]:
    store = required(element, f"{_PAGE}Store").text.replace(" ", "").strip().lower()
    if store == "documentlibrary":
        return [_document(call, element, parts)]
    if store != "mailbox":
        raise _Failed(OperationStatus.UNKNOWN_STORE, f"there is no store {store[:40]!r}")
    wishes = only(element, f"{_PAGE}Options")
    reference = only(element, "AirSyncBase:FileReference")
    if reference is not None:
        return [_file(call, reference.text.strip(), _range(wishes), parts)]
    return _item(call, element, wishes, parts)


def _document(call: Call, element: Element, parts: _Parts) -> Element:
    """A file of the document library (MS-ASDOC 3.2.5.1)."""
    wishes = only(element, f"{_PAGE}Options")
    if not is_own(call, wishes, NAME):
        raise _Failed(OperationStatus.CREDENTIALS, "these credentials open nothing here")
    wanted = _range(wishes)
    try:
        link = parse_link(required(element, "DocumentLibrary:LinkId").text)
    except ConversionError as error:
        raise _Failed(OperationStatus.BAD_LINK, str(error)) from error
    return _placed(streams.sized(call.session.document(link.names)), wanted, parts)


def _file(call: Call, reference: str, wanted: tuple[int, int] | None, parts: _Parts) -> Element:
    try:
        file = open_file(call, reference)
    except ItemGone as error:
        raise _Failed(OperationStatus.INVALID_ATTACHMENT, str(error)) from error
    return _placed(file, wanted, parts)


def _placed(file: Download, wanted: tuple[int, int] | None, parts: _Parts) -> Element:
    """The Properties of a file that has a size. When it was changed is told of documents alone (MS-ASCMD 2.2.3.197)."""
    told: list[Element] = []
    modified = file.modified
    if wanted is not None:
        total = file.size
        try:
            file = streams.cut(file, *wanted)
        except ValueError as error:
            streams.close([file.chunks])
            raise _Failed(OperationStatus.BYTE_RANGE, str(error)) from error
        last = wanted[0] + (file.size or 1) - 1
        told = [Element(f"{_PAGE}Range", f"{wanted[0]}-{last}"), Element(f"{_PAGE}Total", str(total))]
    kind = Element("AirSyncBase:ContentType", file.content_type)
    version = None if modified is None else Element(f"{_PAGE}Version", moment_text(modified))
    return Element(f"{_PAGE}Properties", children=[*told, kind, parts.place(file), version])


def _range(wishes: Element | None) -> tuple[int, int] | None:
    element = None if wishes is None else only(wishes, f"{_PAGE}Range")
    if element is None:
        return None
    first, separator, last = element.text.strip().partition("-")
    if not (separator and _is_number(first) and _is_number(last) and int(first) <= int(last)):
        raise _Failed(OperationStatus.BYTE_RANGE, f"{element.text[:40]!r} is no range")
    return int(first), int(last)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _item(call: Call, element: Element, wishes: Element | None, parts: _Parts) -> list[Element | None]:
    folder, item = _named(call, element)
    chosen = _options(wishes, call.version)
    bodies = chosen.bodies
    if chosen.mime_support == 2 and chosen.preference(MIME) is not None:
        bodies = (BodyKind.MIME, *(kind for kind in bodies if kind is not BodyKind.MIME))
    found = call.session.read(folder.number, [item], bodies).get(item)
    if found is None:
        raise ItemGone(f"there is no item {item} in folder {folder.number}")
    if isinstance(found, Exception):
        raise _Failed(OperationStatus.CONVERSION, str(found)) from found
    user = call.session.user
    account = Address(user.mail, user.name)
    view = View(folder.number, call.command.device, call.version, chosen, account=account)
    properties = _chosen(application_data(found, view), wishes)
    if parts.multipart:
        properties = [_outside(each, parts) for each in properties]
    return [
        Element("AirSync:Class", CLASS_NAMES[folder.content]),
        Element(f"{_PAGE}Properties", children=properties),
    ]


def _named(call: Call, element: Element) -> tuple[FolderRef, str]:
    long_id = element.text_of("Search:LongId")
    name = (long_id or element.text_of("AirSync:ServerId") or "").strip()
    collection = name.partition(":")[0] if long_id else (element.text_of("AirSync:CollectionId") or "")
    if not name or not collection.strip():
        raise Malformed("Fetch names neither a file nor an item")
    number = folder_number(collection)
    item = item_id(number or 0, name)
    if number is None or item is None:
        raise ItemGone(f"there is no item {name!r} in folder {collection!r}")
    folder = call.session.folder(number)
    if not exists_in(folder.content, call.version):
        raise ItemGone(f"{call.version.text} knows no {folder.content.value}")
    return folder, item


def _options(wishes: Element | None, version: Version) -> Options:
    chosen = None if wishes is None else options.read([wishes], version)
    if chosen is None:
        return Options(preferences=_AS_IT_IS)
    return chosen if chosen.preferences else replace(chosen, preferences=_AS_IT_IS)


def _chosen(properties: Iterable[Element], wishes: Element | None) -> list[Element]:
    """Those that Schema names (MS-ASCMD 2.2.3.158), all without one."""
    schema = None if wishes is None else only(wishes, f"{_PAGE}Schema")
    named = {child.name for child in schema} if schema is not None else set()
    return [each for each in properties if not named or each.name in named]


def _outside(element: Element, parts: _Parts) -> Element:
    """A body whose text is a part of its own."""
    data = element.find("AirSyncBase:Data") if element.name == "AirSyncBase:Body" else None
    if data is None or data.value is None:
        return element
    value = data.value if isinstance(data.value, bytes) else data.text.encode()
    kept = [child for child in element if child is not data]
    return Element(element.name, children=[*kept, parts.place(Download(iter((value,)), size=len(value)))])


# -- other operations ----------------------------------------------------------------------------------------


def _empty(call: Call, element: Element, parts: _Parts) -> list[Element | None]:
    number = folder_number(required(element, "AirSync:CollectionId").text)
    if number is None:
        raise FolderGone("no folder can have this name")
    wishes = only(element, f"{_PAGE}Options")
    below = wishes is not None and wishes.find(f"{_PAGE}DeleteSubFolders") is not None
    call.session.empty(number, below)
    return []


def _move(call: Call, element: Element, parts: _Parts) -> list[Element | None]:
    conversation = required(element, f"{_PAGE}ConversationId")
    target = folder_number(required(element, f"{_PAGE}DstFldId").text)
    wishes = only(element, f"{_PAGE}Options")
    if wishes is None or wishes.find(f"{_PAGE}MoveAlways") is None:
        raise _Failed(OperationStatus.MOVE_ALWAYS_MISSING, "a conversation moves with MoveAlways only")
    value = conversation.value
    name = value if isinstance(value, bytes) else conversation.text.encode()
    status = conversations.move(call, name, target)
    if status is not OperationStatus.SUCCESS:
        raise _Failed(status, f"conversation {name.hex()[:32]} to folder {target}")
    return []
