"""FolderDelete: a device deletes a folder with all that is in it (MS-ASCMD 2.2.1.4).

What becomes of it is the source's affair: a folder of mail may reappear in the trash, as a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.hierarchy import answering, key_in, number_in
from app.eas.status import FolderStatus
from app.usm.model import FolderWritten
from app.wbxml.element import Element

NAME: Final = "FolderDelete"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a device asks for."""

    key: str
    number: int


def read(document: Element) -> Wish:
    """Raises ``Malformed``, ``StatusError`` for a folder that cannot be."""
    return Wish(key_in(document), number_in(document))


def do(call: Call, wish: Wish) -> FolderWritten:
    """Raises ``StatusError``."""
    with answering(gone=FolderStatus.MISSING, conflict=FolderStatus.SPECIAL, refused=FolderStatus.SPECIAL):
        return call.session.delete_folder(wish.key, wish.number)


def write(written: FolderWritten) -> Element:
    """The answer."""
    return Element(
        "FolderHierarchy:FolderDelete",
        children=[
            Element("FolderHierarchy:Status", str(FolderStatus.SUCCESS.value)),
            Element("FolderHierarchy:SyncKey", written.key),
        ],
    )


def handle(call: Call, document: Element) -> Answer:
    """Answer one FolderDelete."""
    return Answer(write(do(call, read(document))))
