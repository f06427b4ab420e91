"""Notes: every field ↔ its tag (MS-ASNOTE 2.2.2), both ways.

``MessageClass`` and ``LastModifiedDate`` are the server's: what a device says of them is not kept. A Change clears the
categories by leaving them out; subject and body stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from app.eas.errors import ConversionError
from app.eas.options import Options
from app.eas.schema import body, table
from app.eas.schema.table import TEXT, Row
from app.eas.schema.text import line
from app.eas.versions import Version
from app.usm.model import Body, BodyKind
from app.wbxml.element import Element

ROWS: Final[Sequence[Row]] = (
    Row("Notes:Subject", "subject", TEXT, ghosted=True),
    Row("Notes:Categories", "categories", table.texts("Notes:Category")),
)
BY_TAG: Final = table.by_tag(ROWS)

MESSAGE_CLASS: Final = "IPM.StickyNote"
_CLASS: Final = "Notes:MessageClass"
_PAGES: Final = ("Notes:", "AirSyncBase:")


def render(fields: Mapping[str, Any], options: Options, version: Version) -> list[Element]:
    """The children of ApplicationData for the device."""
    text = fields.get("body") or Body(BodyKind.TEXT)
    modified = fields.get("modified")
    return [
        *table.write(ROWS, {**fields, "subject": line(fields.get("subject") or "")}, version),
        Element(_CLASS, MESSAGE_CLASS),
        *([] if modified is None else [Element("Notes:LastModifiedDate", _compact(modified))]),
        *body.elements(text, options, version, body.NOTES),
    ]


def _compact(moment: datetime) -> str:
    """As ``20240229T081500Z``, the form that notes have (MS-ASDTYPE 2.7.2)."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def read_new(elements: Sequence[Element]) -> dict[str, Any]:
    """The fields of a note that a device adds. Raises ``ConversionError``."""
    return {field: value for field, value in _read(elements).items() if value is not None}


def read_change(elements: Sequence[Element]) -> dict[str, Any]:
    """The fields that a device's change sets, ``None`` to clear. Raises ``ConversionError``."""
    cleared = {row.field: None for row in ROWS if not row.ghosted}
    return cleared | _read(elements)


def _is_class(text: str) -> bool:
    """MessageClass of a note, or of a kind of notes (MS-ASNOTE 2.2.2.5)."""
    return text in ("", MESSAGE_CLASS) or text.startswith(f"{MESSAGE_CLASS}.")


def _read(elements: Sequence[Element]) -> dict[str, Any]:
    for element in elements:
        if not element.name.startswith(_PAGES):
            raise ConversionError(f"{element.name} does not belong to a note")
        if element.name == _CLASS and not _is_class(element.text.strip()):
            raise ConversionError(f"{element.text[:40]!r} is no class of notes")
    fields = table.read(BY_TAG, elements)
    with suppress(LookupError):
        fields["body"] = body.find(elements, body.NOTES, rich=True)
    return fields
