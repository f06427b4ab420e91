"""FolderCreate: a device makes a folder (MS-ASCMD 2.2.1.3).

A device makes folders of its own only: types of default folders, and such as hold nothing that is synchronised, break
the standard. A repeated request whose answer was lost gets that answer again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed
from app.eas.folders import USER_TYPES, exists_in
from app.eas.hierarchy import answering, key_in, parent_in, title_in
from app.eas.reading import required, whole
from app.eas.status import FolderStatus
from app.usm.model import ContentType, FolderWritten
from app.wbxml.element import Element

NAME: Final = "FolderCreate"

GENERIC: Final = 1
"""The type of a folder of no special kind: it holds messages."""
_LAST_TYPE: Final = 19

_CONTENTS: Final = {GENERIC: ContentType.MAIL, **{number: content for content, number in USER_TYPES.items()}}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a device asks for."""

    key: str
    parent: int
    title: str
    content: ContentType


def read(document: Element, call: Call) -> Wish:
    """Raises ``Malformed``, ``StatusError`` for a parent that cannot be."""
    kind = whole(required(document, "FolderHierarchy:Type"), GENERIC, _LAST_TYPE)
    content = _CONTENTS.get(kind)
    if content is None or not exists_in(content, call.version):
        raise Malformed(f"a device cannot make a folder of type {kind}")
    return Wish(key_in(document), parent_in(document), title_in(document), content)


def do(call: Call, wish: Wish) -> FolderWritten:
    """Raises ``StatusError``."""
    with answering(gone=FolderStatus.NO_PARENT, conflict=FolderStatus.EXISTS, refused=FolderStatus.SPECIAL):
        return call.session.create_folder(wish.key, wish.parent, wish.title, wish.content)


def write(written: FolderWritten) -> Element:
    """The answer."""
    return Element(
        "FolderHierarchy:FolderCreate",
        children=[
            Element("FolderHierarchy:Status", str(FolderStatus.SUCCESS.value)),
            Element("FolderHierarchy:SyncKey", written.key),
            Element("FolderHierarchy:ServerId", str(written.number)),
        ],
    )


def handle(call: Call, document: Element) -> Answer:
    """Answer one FolderCreate."""
    return Answer(write(do(call, read(document, call))))
