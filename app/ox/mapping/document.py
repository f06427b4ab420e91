"""Files and folders of the infostore: OX rows and :class:`app.usm.queries.Document` (``facts``: HTTP API 10)."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any, Final

from app.ox.mapping import values
from app.usm.queries import Document

ROOT: Final = "9"
"""The folder above all others of the infostore."""

ID, CREATED, MODIFIED, TITLE, MODULE = 1, 4, 5, 300, 301
FOLDER_COLUMNS: Final = (ID, CREATED, MODIFIED, TITLE, MODULE)
FILE_TITLE, FILE_NAME, MIME_TYPE, SIZE = 700, 702, 703, 704
FILE_COLUMNS: Final = (ID, CREATED, MODIFIED, FILE_TITLE, FILE_NAME, MIME_TYPE, SIZE)

_ANY: Final = "application/octet-stream"
_MODULES: Final = ("infostore", "system")
"""What folders of the infostore say they hold; the one above all is a folder of the system."""


def is_place(row: Mapping[int, Any]) -> bool:
    """Whether a folder belongs to the infostore."""
    return row[MODULE] in _MODULES and values.line(row[TITLE]) is not None


def place(path: tuple[str, ...], row: Mapping[Any, Any], above: bool = False) -> Document:
    """A folder; ``above``: the row is that of the folder itself, and ``path`` its own."""
    title = values.line(row[TITLE]) or ""
    return Document(
        path if above else (*path, title),
        title,
        True,
        values.instant(row[CREATED]),
        values.instant(row[MODIFIED]),
    )


def name(row: Mapping[int, Any]) -> str | None:
    """The name of a file, ``None`` for an entry that is none (a bookmark)."""
    return values.line(row[FILE_NAME])


def file(path: tuple[str, ...], row: Mapping[int, Any]) -> Document:
    """A file in the folder of ``path``."""
    title = name(row) or ""
    size = row[SIZE]
    told = str(row[MIME_TYPE] or "").partition(";")[0].strip().lower()
    return Document(
        (*path, title),
        title,
        False,
        values.instant(row[CREATED]),
        values.instant(row[MODIFIED]),
        size if isinstance(size, int) and size > 0 else 0,
        told if told not in ("", _ANY) else mimetypes.guess_type(title)[0] or _ANY,
    )
