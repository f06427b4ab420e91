"""FolderUpdate: a device renames a folder, moves it, or both (MS-ASCMD 2.2.1.8).

The folder keeps its ServerId and its items their keys, whatever becomes of it in the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed
from app.eas.hierarchy import answering, key_in, number_in, parent_in, title_in
from app.eas.status import FolderStatus
from app.usm.model import HIERARCHY, FolderWritten
from app.wbxml.element import Element

NAME: Final = "FolderUpdate"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a device asks for."""

    key: str
    number: int
    parent: int
    title: str


def read(document: Element) -> Wish:
    """Raises ``Malformed``, ``StatusError`` for folders that cannot be."""
    if document.find("FolderHierarchy:Status") is not None:
        raise Malformed("a request has no Status")  # MS-ASCMD 2.2.3.77
    return Wish(key_in(document), number_in(document), parent_in(document), title_in(document))


def do(call: Call, wish: Wish) -> FolderWritten:
    """Raises ``StatusError``."""
    with answering(gone=_missing(call, wish), conflict=FolderStatus.EXISTS, refused=FolderStatus.EXISTS):
        return call.session.change_folder(wish.key, wish.number, wish.parent, wish.title)


def _missing(call: Call, wish: Wish) -> FolderStatus:
    """Which of the two folders it is, if one is gone."""
    if wish.parent != HIERARCHY and not call.session.holds_folder(wish.parent):
        return FolderStatus.NO_PARENT
    return FolderStatus.MISSING


def write(written: FolderWritten) -> Element:
    """The answer."""
    return Element(
        "FolderHierarchy:FolderUpdate",
        children=[
            Element("FolderHierarchy:Status", str(FolderStatus.SUCCESS.value)),
            Element("FolderHierarchy:SyncKey", written.key),
        ],
    )


def handle(call: Call, document: Element) -> Answer:
    """Answer one FolderUpdate."""
    return Answer(write(do(call, read(document))))
