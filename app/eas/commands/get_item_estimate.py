"""GetItemEstimate: how many changes the next Sync of each collection would bring (MS-ASCMD 2.2.1.9).

Up to 12.1 the class stands beside the collection and the filter directly in it; from 14.0 they are in Options. Options
for two classes have Status 4, unless one of them is SMS. MaxItems is for the cache of recipients alone, of which there
is none here: it has Status 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.eas import collection
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.collection import Collection
from app.eas.errors import Malformed, StatusError
from app.eas.folders import CLASSES, folder_number
from app.eas.options import SMS, Options
from app.eas.reading import boolean, identifier, only, required, whole
from app.eas.status import Common, EstimateStatus
from app.eas.versions import CLASS_IN_COLLECTION_UNTIL, Version
from app.usm.errors import FolderGone, UnknownSyncKey
from app.usm.model import ContentType, FolderRef
from app.wbxml.element import Element

NAME: Final = "GetItemEstimate"
MAX_COLLECTIONS: Final = 1000
START: Final = "0"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One collection of the request. ``filter`` and ``conversation`` are ``None`` where the last Sync's count;
    ``objection``: why there is nothing to estimate, whatever the collection holds."""

    id: str
    key: str
    filter: int | None
    conversation: bool | None
    objection: EstimateStatus | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """One collection of the answer; ``count`` is ``None`` when there is none to tell."""

    id: str
    status: EstimateStatus
    count: int | None = None
    content: ContentType | None = None


def read(root: Element) -> list[Wanted]:
    """Raises ``Malformed``."""
    collections = required(root, "GetItemEstimate:Collections")
    wanted = [_read_one(child) for child in collections if child.name == "GetItemEstimate:Collection"]
    if not 0 < len(wanted) <= MAX_COLLECTIONS:
        raise Malformed(f"{len(wanted)} collections in GetItemEstimate")
    return wanted


def _read_one(element: Element) -> Wanted:
    options = element.find_all("AirSync:Options")
    # Options of another class than the folder's own (SMS) have nothing to say here.
    others = [entry for entry in options if (entry.text_of("AirSync:Class") or "").strip() != SMS]
    own = others[0] if others else element
    chosen = only(own, "AirSync:FilterType") or only(element, "AirSync:FilterType")
    mode = only(element, "AirSync:ConversationMode")
    return Wanted(
        id=identifier(element, "GetItemEstimate:CollectionId"),
        key=identifier(element, "AirSync:SyncKey"),
        filter=None if chosen is None else whole(chosen, 0, 8),
        conversation=None if mode is None else boolean(mode),
        objection=_objection(others),
    )


def _objection(options: Sequence[Element]) -> EstimateStatus | None:
    """What is wrong with the options of one collection (MS-ASCMD 2.2.3.27.2, 2.2.3.103.1)."""
    if len(options) > 1:
        return EstimateStatus.INVALID_KEY
    if any(entry.find("AirSync:MaxItems") is not None for entry in options):
        return EstimateStatus.INVALID_COLLECTION
    return None


def do(call: Call, wanted: Wanted) -> Estimate:
    """Raises ``StatusError`` for a filter that the class does not have."""
    if wanted.objection is not None:
        return Estimate(wanted.id, wanted.objection)
    number = folder_number(wanted.id)
    try:
        folder = call.session.folder(number or 0)
        kept = collection.recall(folder.number, call.memory)
        options = _options(kept, folder, wanted)
        if kept is None or wanted.key == START:
            return Estimate(wanted.id, EstimateStatus.NOT_PRIMED, content=folder.content)
        since = options.since(folder.content, call.clock.now())
        whole = kept.conversations if wanted.conversation is None else wanted.conversation
        count = call.session.estimate(folder.number, wanted.key, since, whole)
    except FolderGone:
        return Estimate(wanted.id, EstimateStatus.INVALID_COLLECTION)
    except UnknownSyncKey:
        return Estimate(wanted.id, EstimateStatus.INVALID_KEY, content=folder.content)
    return Estimate(wanted.id, EstimateStatus.SUCCESS, count, folder.content)


def _options(kept: Collection | None, folder: FolderRef, wanted: Wanted) -> Options:
    if wanted.conversation is not None and folder.content is not ContentType.MAIL:
        raise StatusError(
            Common.INVALID_XML, f"ConversationMode on folder {folder.number}, which holds no mail"
        )
    if wanted.filter is None:
        return kept.options if kept is not None else Options()
    options = Options(filter=wanted.filter)
    if not options.fits(folder.content):
        raise StatusError(Common.SERVER_ERROR, f"FilterType {wanted.filter} on folder {folder.number}")
    return options


def write(estimates: list[Estimate], version: Version) -> Element:
    """The answer."""
    return Element(
        "GetItemEstimate:GetItemEstimate",
        children=[
            Element(
                "GetItemEstimate:Response",
                children=[
                    Element("GetItemEstimate:Status", str(estimate.status.value)),
                    Element("GetItemEstimate:Collection", children=_describe(estimate, version)),
                ],
            )
            for estimate in estimates
        ],
    )


def _describe(estimate: Estimate, version: Version) -> list[Element | None]:
    has_class = estimate.content is not None and version <= CLASS_IN_COLLECTION_UNTIL
    return [
        Element("GetItemEstimate:Class", CLASSES[estimate.content])
        if has_class and estimate.content
        else None,
        Element("GetItemEstimate:CollectionId", estimate.id),
        None if estimate.count is None else Element("GetItemEstimate:Estimate", str(estimate.count)),
    ]


def handle(call: Call, document: Element) -> Answer:
    """Answer one GetItemEstimate."""
    return Answer(write([do(call, wanted) for wanted in read(document)], call.version))
