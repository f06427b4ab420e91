"""What the commands that change folders have in common: how a folder is named, and what its faults are answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.eas.errors import Malformed, StatusError
from app.eas.folders import RECIPIENT_CACHE, ROOT, folder_number
from app.eas.reading import identifier, required
from app.eas.schema.text import line, with_lf
from app.eas.status import FolderStatus
from app.usm.errors import FolderGone, ItemConflict, ItemError, ItemRefused, UnknownSyncKey
from app.usm.model import HIERARCHY
from app.wbxml.element import Element

MAX_NAME: Final = 256
"""Longest DisplayName, in characters."""


def key_in(document: Element) -> str:
    """The key of the hierarchy."""
    return identifier(document, "FolderHierarchy:SyncKey")


def number_in(document: Element) -> int:
    """The folder's number. Raises ``StatusError`` for a name that no folder has, and for the cache of recipients."""
    if identifier(document, "FolderHierarchy:ServerId") == RECIPIENT_CACHE:
        raise StatusError(FolderStatus.SPECIAL, "the cache of recipients is neither changed nor deleted")
    return _number(document, "FolderHierarchy:ServerId", FolderStatus.MISSING)


def parent_in(document: Element) -> int:
    """The number of the parent, 0 at the top. Raises ``StatusError`` for a name that no folder has."""
    if identifier(document, "FolderHierarchy:ParentId") == ROOT:
        return HIERARCHY
    return _number(document, "FolderHierarchy:ParentId", FolderStatus.NO_PARENT)


def title_in(document: Element) -> str:
    """A folder's name."""
    title = line(with_lf(required(document, "FolderHierarchy:DisplayName").text))
    if not 0 < len(title) <= MAX_NAME:
        raise Malformed(f"DisplayName has {len(title)} characters, not 1 to {MAX_NAME}")
    return title


def _number(document: Element, name: str, status: FolderStatus) -> int:
    text = identifier(document, name)
    number = folder_number(text)
    if number is None:
        raise StatusError(status, f"no folder is called {text!r}")
    return number


@contextmanager
def answering(gone: FolderStatus, conflict: FolderStatus, refused: FolderStatus) -> Iterator[None]:
    """USM's errors as ``StatusError``: for a folder that is not there, a name that is taken, and a refusal."""
    try:
        yield
    except UnknownSyncKey as error:
        raise StatusError(FolderStatus.INVALID_KEY, str(error)) from error
    except FolderGone as error:
        raise StatusError(gone, str(error)) from error
    except ItemConflict as error:
        raise StatusError(conflict, str(error)) from error
    except ItemRefused as error:
        raise StatusError(refused, str(error)) from error
    except ItemError as error:
        raise StatusError(FolderStatus.SERVER_ERROR, str(error)) from error
