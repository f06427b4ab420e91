"""Find: mail and people, in 16.1 (MS-ASCMD 2.2.1.2).

* What is looked for in the mailbox is written in KQL (:mod:`app.eas.kql`); only messages are found.
* A range begins with 0, or ends in Status 4; a device asks for more by a longer one.
* A result is a line of a list: no bodies, but a preview.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from app.eas import kql, pictures, results, search_query
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed, StatusError
from app.eas.folders import CLASSES, folder_number, server_id
from app.eas.options import PLAIN, Options, Preference
from app.eas.reading import only, required
from app.eas.schema import gal, html
from app.eas.schema.body import MOST_FOR_PREVIEW
from app.eas.schema.text import line
from app.eas.search_query import Refused
from app.eas.status import FindStatus
from app.usm.errors import FolderGone, UnknownSyncKey
from app.usm.model import Body, BodyKind, ContentType
from app.usm.queries import Hits, Search
from app.wbxml.element import Element

NAME: Final = "Find"
MOST: Final = 1000
DEFAULT: Final = 100
"""Results where a device names no range."""
MAX_QUERY: Final = 1024
MAX_ID: Final = 128
PREVIEW: Final = 255

_PAGE: Final = "Find:"
_STORE: Final = "Mailbox"
_TOLD: Final = (
    "Email:Subject",
    "Email:DateReceived",
    "Email:DisplayTo",
    "Email:Importance",
    "Email:Read",
    "Email2:IsDraft",
    "Email:From",
)
"""What a result tells of a message besides its own elements."""
_FORM: Final = Options(preferences=(Preference(PLAIN, 0),))


def handle(call: Call, root: Element) -> Answer:
    """Raises ``Malformed``, ``StatusError`` 3, ``SourceUnavailable``."""
    name = required(root, f"{_PAGE}SearchId").text.strip()
    if not 0 < len(name) <= MAX_ID:
        raise Malformed(f"SearchId has {len(name)} characters")
    execute = required(root, f"{_PAGE}ExecuteSearch")
    criteria = [child for child in execute if child.name in _SEARCHES]
    if len(criteria) != 1:
        raise Malformed("ExecuteSearch has one criterion")
    try:
        children = _SEARCHES[criteria[0].name](call, criteria[0])
    except (UnknownSyncKey, FolderGone) as error:
        raise StatusError(FindStatus.HIERARCHY_CHANGED, str(error)) from error
    response = Element(f"{_PAGE}Response", children=[Element("ItemOperations:Store", _STORE), *children])
    return Answer(Element(f"{_PAGE}{NAME}", children=[_status(FindStatus.SUCCESS), response]))


def _status(status: FindStatus) -> Element:
    return Element(f"{_PAGE}Status", str(status.value))


def _most(wishes: Element | None) -> int | None:
    """How many results are wanted; ``None`` for a range that is none, or does not begin with 0."""
    element = None if wishes is None else only(wishes, f"{_PAGE}Range")
    if element is None:
        return DEFAULT
    try:
        first, last = search_query.read_range(element.text, MOST)
    except (Malformed, Refused):
        return None
    return last + 1 if first == 0 else None


def _answered(found: Sequence[Element], total: int) -> list[Element]:
    return [
        _status(FindStatus.SUCCESS),
        *found,
        Element(f"{_PAGE}Range", f"0-{max(len(found) - 1, 0)}"),
        Element(f"{_PAGE}Total", str(total)),
    ]


def _text(query: Element, text: str) -> str:
    found = text.strip()
    if not 0 < len(found) <= MAX_QUERY:
        raise Malformed(f"{query.name} has {len(found)} characters")
    return found


# -- mail ----------------------------------------------------------------------------------------------------


def _mails(call: Call, criterion: Element) -> list[Element]:
    query, wishes = required(criterion, f"{_PAGE}Query"), only(criterion, f"{_PAGE}Options")
    item_class = only(query, "AirSync:Class")
    if item_class is not None and item_class.text.strip() != CLASSES[ContentType.MAIL]:
        raise Malformed(f"Find in class {item_class.text[:40]!r}")
    most = _most(wishes)
    if most is None:
        return [_status(FindStatus.BAD_RANGE)]
    free = only(query, f"{_PAGE}FreeText")
    condition = None if free is None else kql.condition(_text(free, free.text))
    if free is not None and condition is None:
        raise Malformed("FreeText holds no word")
    below = wishes is not None and wishes.find(f"{_PAGE}DeepTraversal") is not None
    contents = frozenset((ContentType.MAIL,))
    found: Hits = call.session.search(Search(condition, contents, _folders(query), below, most))
    shown = [_mail(result) for result in results.read(call, found.hits, _FORM)]
    return _answered(shown, found.total)


def _folders(query: Element) -> tuple[int, ...]:
    element = only(query, "AirSync:CollectionId")
    if element is None or element.text.strip() == search_query.ALL_FOLDERS:
        return ()
    number = folder_number(element.text)
    if number is None:
        raise FolderGone(f"no folder is called {element.text[:40]!r}")
    return (number,)


def _mail(result: results.Result) -> Element:
    fields = result.item.fields
    files = [each for each in fields.get("attachments") or () if not each.inline]
    properties = [each for each in result.properties if each.name in _TOLD]
    properties += [
        Element(f"{_PAGE}{tag}", _names(fields[field]))
        for tag, field in (("DisplayCc", "cc"), ("DisplayBcc", "bcc"))
        if fields.get(field)
    ]
    properties.append(Element(f"{_PAGE}HasAttachments", str(int(bool(files)))))
    preview = _preview(fields.get("body"))
    if preview:
        properties.append(Element(f"{_PAGE}Preview", preview))
    return Element(
        f"{_PAGE}Result",
        children=[
            Element("AirSync:Class", CLASSES[result.folder.content]),
            Element("AirSync:ServerId", server_id(result.folder.number, result.item.id)),
            Element("AirSync:CollectionId", str(result.folder.number)),
            Element(f"{_PAGE}Properties", children=properties),
        ],
    )


def _names(addresses: Sequence[Any]) -> str:
    return "; ".join(line(each.name) or line(each.mail) for each in addresses)


def _preview(body: Body | None) -> str:
    if body is None:
        return ""
    text = body.text[:MOST_FOR_PREVIEW]
    return html.preview(html.to_text(text) if body.kind is BodyKind.HTML else text, PREVIEW)


# -- people --------------------------------------------------------------------------------------------------


def _people(call: Call, criterion: Element) -> list[Element]:
    query, wishes = required(criterion, f"{_PAGE}Query"), only(criterion, f"{_PAGE}Options")
    text = _text(query, query.text)
    shown_pictures = pictures.wanted(wishes, NAME, call.version, call.session)
    most = _most(wishes)
    if most is None:
        return [_status(FindStatus.BAD_RANGE)]
    people = call.session.people(text)
    shown = []
    for person in people[:most]:
        properties = gal.render(person)
        if shown_pictures is not None:
            properties.append(shown_pictures.element(person, gal.PAGE))
        shown.append(Element(f"{_PAGE}Result", children=[Element(f"{_PAGE}Properties", children=properties)]))
    return _answered(shown, len(people))


_SEARCHES: Final[dict[str, Callable[[Call, Element], list[Element]]]] = {
    f"{_PAGE}MailBoxSearchCriterion": _mails,
    f"{_PAGE}GalSearchCriterion": _people,
}
