"""FolderCreate: a device makes a folder (MS-ASCMD 2.2.1.3).

A device makes folders of its own only: types of default folders, and such as hold nothing that is synchronised, break
the standard. A repeated request whose answer was lost gets that answer again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.commands import folder_sync
from app.eas.errors import Malformed, StatusError
from app.eas.folders import ROOT, USER_TYPES, exists_in, folder_number
from app.eas.reading import identifier, required, whole
from app.eas.schema.text import line, with_lf
from app.eas.status import FolderStatus
from app.usm.errors import FolderGone, ItemConflict, ItemError, ItemRefused, UnknownSyncKey
from app.usm.model import HIERARCHY, ContentType, FolderWritten
from app.wbxml.element import Element

NAME: Final = "FolderCreate"

GENERIC: Final = 1
"""The type of a folder of no special kind: it holds messages."""

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
    kind = whole(required(document, "FolderHierarchy:Type"), 1, 19)
    content = _CONTENTS.get(kind)
    if content is None or not exists_in(content, call.version):
        raise Malformed(f"a device cannot make a folder of type {kind}")
    return Wish(key_in(document), parent_in(document), title_in(document), content)


def key_in(document: Element) -> str:
    """The key of the hierarchy."""
    return identifier(document, "FolderHierarchy:SyncKey")


def parent_in(document: Element) -> int:
    """The number of the parent, 0 at the top. Raises ``StatusError`` for one that no folder has."""
    text = identifier(document, "FolderHierarchy:ParentId")
    if text == ROOT:
        return HIERARCHY
    number = folder_number(text)
    if number is None:
        raise StatusError(FolderStatus.NO_PARENT, f"no folder is called {text!r}")
    return number


def title_in(document: Element) -> str:
    """A folder's name."""
    title = line(with_lf(required(document, "FolderHierarchy:DisplayName").text))
    if not 0 < len(title) <= folder_sync.MAX_NAME:
        raise Malformed(f"DisplayName has {len(title)} characters, not 1 to {folder_sync.MAX_NAME}")
    return title


def do(call: Call, wish: Wish) -> FolderWritten:
    """Raises ``StatusError``."""
    try:
        return call.session.create_folder(wish.key, wish.parent, wish.title, wish.content)
    except UnknownSyncKey as error:
        raise StatusError(FolderStatus.INVALID_KEY, str(error)) from error
    except FolderGone as error:
        raise StatusError(FolderStatus.NO_PARENT, str(error)) from error
    except ItemConflict as error:
        raise StatusError(FolderStatus.EXISTS, str(error)) from error
    except ItemRefused as error:
        raise StatusError(FolderStatus.SPECIAL, str(error)) from error
    except ItemError as error:
        raise StatusError(FolderStatus.SERVER_ERROR, str(error)) from error


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
