"""FolderDelete: a device deletes a folder with all that is in it (MS-ASCMD 2.2.1.4).

What becomes of it is the source's affair: a folder of mail may reappear in the trash, as a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.commands.folder_create import key_in
from app.eas.errors import StatusError
from app.eas.folders import folder_number
from app.eas.reading import identifier
from app.eas.status import FolderStatus
from app.usm.errors import FolderGone, ItemConflict, ItemError, ItemRefused, UnknownSyncKey
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


def number_in(document: Element) -> int:
    """The folder's number. Raises ``StatusError`` for one that no folder has."""
    text = identifier(document, "FolderHierarchy:ServerId")
    number = folder_number(text)
    if number is None:
        raise StatusError(FolderStatus.MISSING, f"no folder is called {text!r}")
    return number


def do(call: Call, wish: Wish) -> FolderWritten:
    """Raises ``StatusError``."""
    try:
        return call.session.delete_folder(wish.key, wish.number)
    except UnknownSyncKey as error:
        raise StatusError(FolderStatus.INVALID_KEY, str(error)) from error
    except FolderGone as error:
        raise StatusError(FolderStatus.MISSING, str(error)) from error
    except (ItemConflict, ItemRefused) as error:
        raise StatusError(FolderStatus.SPECIAL, str(error)) from error
    except ItemError as error:
        raise StatusError(FolderStatus.SERVER_ERROR, str(error)) from error


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
