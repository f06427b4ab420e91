"""GetHierarchy: the folders of mail in one list, as devices up to 12.1 may ask for it (MS-ASCMD 2.2.1.9).

It changes nothing of what FolderSync told. The request has no document, and the answer is a list without a Status.
"""

from __future__ import annotations

from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.folders import ROOT, folder_type
from app.eas.schema.text import line
from app.usm.model import ContentType, FolderChange
from app.wbxml.element import Element

NAME: Final = "GetHierarchy"
GENERIC: Final = 1
_PAGE: Final = "FolderHierarchy:"
_SPECIAL: Final = range(2, 7)
"""Types of the list besides :data:`GENERIC` (MS-ASCMD 2.2.3.186.4)."""


def handle(call: Call) -> Answer:
    """Answer one GetHierarchy."""
    folders = [
        placed
        for placed in call.session.hierarchy()
        if placed.folder is not None and placed.folder.content is ContentType.MAIL
    ]
    shown = {placed.number for placed in folders}
    if not folders:
        return Answer(None)  # a list without a folder is none (MS-ASCMD 2.2.3.71.1)
    return Answer(Element(f"{_PAGE}Folders", children=[_describe(placed, shown) for placed in folders]))


def _describe(placed: FolderChange, shown: set[int]) -> Element:
    folder = placed.folder
    assert folder is not None  # noqa: S101  # nosec B101 # folders that are there alone are listed
    kind = folder_type(folder.content, folder.role)
    return Element(
        f"{_PAGE}Folder",
        children=[
            Element(f"{_PAGE}DisplayName", line(folder.title) or str(placed.number)),
            Element(f"{_PAGE}ServerId", str(placed.number)),
            Element(f"{_PAGE}Type", str(kind if kind in _SPECIAL else GENERIC)),
            Element(f"{_PAGE}ParentId", str(placed.parent) if placed.parent in shown else ROOT),
        ],
    )
