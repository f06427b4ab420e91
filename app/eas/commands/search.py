"""Search: the mailbox, the directory, and documents (MS-ASCMD 2.2.1.16, MS-ASDOC).

* What is wrong with a search is told by the Status of its store; the command itself went well.
* Range and Total are always there (Android 4 shows nothing without them, quirk 24), ``0-0`` and 0 where nothing was
  found; of the mailbox an empty Result as well (MS-ASCMD 2.2.3.155.3).
* Results are those of the moment: nothing is kept between two pages of a search, so that RebuildResults asks for what
  happens anyway.
* The LongId of an item is its ServerId: it goes on working in ItemOperations, SmartReply and SmartForward.
* Bodies are told only to a device that says which form of them it takes.
* One who is signed in needs no other credentials; a UserName that is somebody else's opens nothing here (Status 14).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from app.eas import options, pictures, results, search_query
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.credentials import is_own
from app.eas.errors import ConversionError, Malformed
from app.eas.folders import CLASSES, server_id
from app.eas.options import Options
from app.eas.reading import only, required
from app.eas.schema import document, gal
from app.eas.search_query import Refused
from app.eas.status import SearchStatus
from app.eas.versions import Version
from app.usm.errors import FolderGone, ItemGone, ItemRefused, UnknownSyncKey
from app.usm.queries import Search
from app.wbxml.element import Element

NAME: Final = "Search"
MOST: Final = 100
MOST_DOCUMENTS: Final = 1000
"""The longest ranges (MS-ASCMD 2.2.3.143.3)."""
MAX_QUERY: Final = 256

_PAGE: Final = "Search:"
_BODY: Final = "AirSyncBase:Body"
_UNKNOWN_TAGS: Final = frozenset(("Calendar:Categories", "Calendar:ClientUid"))
"""What items have and results of a search have not (MS-ASCMD 6.38)."""

_Store = Callable[[Call, Element, Element | None], list[Element]]


def handle(call: Call, root: Element) -> Answer:
    """Raises ``SourceUnavailable``."""
    try:
        children = [_status(SearchStatus.SUCCESS), *_searched(call, required(root, f"{_PAGE}Store"))]
    except Refused as error:
        children = [_status(error.status)]
    except Malformed:
        children = [_status(SearchStatus.PROTOCOL_ERROR)]
    except (UnknownSyncKey, FolderGone):
        children = [_status(SearchStatus.HIERARCHY_CHANGED)]
    response = Element(f"{_PAGE}Response", children=[Element(f"{_PAGE}Store", children=children)])
    return Answer(Element(f"{_PAGE}{NAME}", children=[_status(SearchStatus.SUCCESS), response]))


def _status(status: SearchStatus) -> Element:
    return Element(f"{_PAGE}Status", str(status.value))


def _searched(call: Call, store: Element) -> list[Element]:
    name = required(store, f"{_PAGE}Name").text.replace(" ", "").strip().lower()
    search = _STORES.get(name)
    if search is None or call.version < _SINCE.get(name, call.version):
        raise Malformed(f"there is no store {name[:40]!r}")
    return search(call, required(store, f"{_PAGE}Query"), only(store, f"{_PAGE}Options"))


def _range(wishes: Element | None, most: int) -> tuple[int, int]:
    element = None if wishes is None else only(wishes, f"{_PAGE}Range")
    return search_query.read_range(None if element is None else element.text, most)


def _page(found: Sequence[Element], first: int, total: int, empty: bool = False) -> list[Element]:
    """Results with their Range and Total."""
    last = first + max(len(found) - 1, 0)
    shown = list(found) or ([Element(f"{_PAGE}Result")] if empty else [])
    return [
        *shown,
        Element(f"{_PAGE}Range", f"{first}-{last}"),
        Element(f"{_PAGE}Total", str(total)),
    ]


def _check_begin(first: int, total: int) -> None:
    if first and first >= total:
        raise Refused(SearchStatus.RANGE_EXCEEDED, f"results from {first} on, of {total}")


# -- the mailbox ---------------------------------------------------------------------------------------------


def _mailbox(call: Call, query: Element, wishes: Element | None) -> list[Element]:
    wanted = search_query.read(query, call.version)
    first, last = _range(wishes, MOST)
    chosen = Options() if wishes is None else options.read([wishes], call.version) or Options()
    below = wishes is not None and wishes.find(f"{_PAGE}DeepTraversal") is not None
    search = Search(wanted.condition, wanted.contents, wanted.folders, below, last + 1)
    found = call.session.search(search)
    if not found.complete and not found.hits:
        raise Refused(SearchStatus.TIMED_OUT, "the search was not done in time")
    _check_begin(first, found.total)
    has_bodies = bool(chosen.preferences or chosen.mime_support)
    shown = [_item(result, has_bodies) for result in results.read(call, found.hits[first : last + 1], chosen)]
    return _page(shown, first, found.total, empty=True)


def _item(result: results.Result, has_bodies: bool) -> Element:
    properties = [
        each
        for each in result.properties
        if each.name not in _UNKNOWN_TAGS and (has_bodies or each.name != _BODY)
    ]
    return Element(
        f"{_PAGE}Result",
        children=[
            Element("AirSync:Class", CLASSES[result.folder.content]),
            Element(f"{_PAGE}LongId", server_id(result.folder.number, result.item.id)),
            Element("AirSync:CollectionId", str(result.folder.number)),
            Element(f"{_PAGE}Properties", children=properties),
        ],
    )


# -- the directory -------------------------------------------------------------------------------------------


def _directory(call: Call, query: Element, wishes: Element | None) -> list[Element]:
    first, last = _range(wishes, MOST)
    shown_pictures = pictures.wanted(wishes, NAME, call.version, call.session)
    people = call.session.people(query.text.strip()[:MAX_QUERY])
    _check_begin(first, len(people))
    shown = []
    for person in people[first : last + 1]:
        properties = gal.render(person)
        if shown_pictures is not None:
            properties.append(shown_pictures.element(person, gal.PAGE))
        shown.append(Element(f"{_PAGE}Result", children=[Element(f"{_PAGE}Properties", children=properties)]))
    return _page(shown, first, len(people))


# -- documents -----------------------------------------------------------------------------------------------


def _documents(call: Call, query: Element, wishes: Element | None) -> list[Element]:
    first, last = _range(wishes, MOST_DOCUMENTS)
    if not is_own(call, wishes, NAME):
        raise Refused(SearchStatus.CREDENTIALS, "these credentials open nothing here")
    comparison = only(query, f"{_PAGE}EqualTo")
    if comparison is None or comparison.find("DocumentLibrary:LinkId") is None:
        raise Malformed("a Query of documents names no link")
    try:
        link = document.parse(required(comparison, f"{_PAGE}Value").text)
        found = call.session.documents(link.names)
    except ConversionError as error:
        raise Refused(SearchStatus.BAD_LINK, str(error)) from error
    except ItemGone as error:
        raise Refused(SearchStatus.NOT_FOUND, str(error)) from error
    except ItemRefused as error:
        raise Refused(SearchStatus.DENIED, str(error)) from error
    _check_begin(first, len(found))
    shown = [
        Element(
            f"{_PAGE}Result",
            children=[Element(f"{_PAGE}Properties", children=document.render(each, link))],
        )
        for each in found[first : last + 1]
    ]
    return _page(shown, first, len(found))


_STORES: Final[dict[str, _Store]] = {
    "mailbox": _mailbox,
    "gal": _directory,
    "documentlibrary": _documents,
}
_SINCE: Final[dict[str, Version]] = {"mailbox": Version.V12_0, "documentlibrary": Version.V12_0}
"""Before that only people are searched."""
