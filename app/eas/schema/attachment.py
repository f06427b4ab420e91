"""Files that hang on an item, both ways (MS-ASAIRS 2.2.2.2, 2.2.2.8, 2.2.2.17).

Out go names, sizes and references; from 16.0 a device adds files in the Attachments of a draft or an appointment, and
takes them away by their references. Their contents come as an opaque block, or as base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from app.eas.errors import ConversionError
from app.eas.options import BODY_PREFERENCES
from app.eas.schema.text import line
from app.eas.versions import NEWEST, Version
from app.usm.content import Attachment, Upload
from app.wbxml.element import Block, Element

TAG: Final = "AirSyncBase:Attachments"
NORMAL, EMBEDDED_MESSAGE = "1", "5"
"""Method (MS-ASAIRS 2.2.2.31)."""
UNKNOWN_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Edits:
    """What a device did to an item's files: those it adds, and the ids of those it takes away."""

    added: tuple[Upload, ...] = ()
    removed: tuple[str, ...] = ()


def file_reference(server_id: str, attachment_id: str) -> str:
    """The name under which a device may ask for an attachment: folder, item and part."""
    return f"{server_id}:{quote(attachment_id, safe='')}"


def render(attachments: Sequence[Attachment], server_id: str, version: Version = NEWEST) -> list[Element]:
    """The Attachments of an item; none where there are none. Up to 2.5 only messages have them, in their own page."""
    if version < BODY_PREFERENCES:
        tag, write = "Email:Attachments", _in_page
    else:
        tag, write = TAG, _element
    entries = [write(entry, number, server_id) for number, entry in enumerate(attachments, 1)]
    return [Element(tag, children=entries)] if entries else []


def _name_and_method(attachment: Attachment, number: int) -> tuple[str, str]:
    embedded = attachment.content_type.lower() == "message/rfc822"
    name = line(attachment.name) or f"attachment-{number}"
    if embedded and not name.lower().endswith(".eml"):
        name += ".eml"  # Android and Windows Phone open it by its name (quirk 30)
    return name, EMBEDDED_MESSAGE if embedded else NORMAL


def _in_page(attachment: Attachment, number: int, server_id: str) -> Element:
    name, method = _name_and_method(attachment, number)
    return Element(
        "Email:Attachment",
        children=[
            Element("Email:AttMethod", method),
            Element("Email:AttSize", str(max(attachment.size, 0))),
            Element("Email:DisplayName", name),
            Element("Email:AttName", file_reference(server_id, attachment.id)),
            Element("Email:AttOId", line(attachment.content_id)) if attachment.content_id else None,
        ],
    )


def _element(attachment: Attachment, number: int, server_id: str) -> Element:
    name, method = _name_and_method(attachment, number)
    return Element(
        "AirSyncBase:Attachment",
        children=[
            Element("AirSyncBase:DisplayName", name),
            Element("AirSyncBase:FileReference", file_reference(server_id, attachment.id)),
            Element("AirSyncBase:Method", method),
            Element("AirSyncBase:EstimatedDataSize", str(max(attachment.size, 0))),
            Element("AirSyncBase:ContentId", line(attachment.content_id)) if attachment.content_id else None,
            Element("AirSyncBase:IsInline", "1") if attachment.inline else None,
        ],
    )


def read(element: Element) -> Edits:
    """What a device's Attachments ask for; the files that it only names again stay. Raises ``ConversionError``."""
    return Edits(
        added=tuple(map(_upload, element.find_all("AirSyncBase:Add"))),
        removed=tuple(map(_removed, element.find_all("AirSyncBase:Delete"))),
    )


def _upload(element: Element) -> Upload:
    def text(name: str) -> str:
        return line(element.text_of(f"AirSyncBase:{name}") or "")

    content = element.find("AirSyncBase:Content")
    if content is None:
        raise ConversionError("an attachment has no Content")
    inline = element.find("AirSyncBase:IsInline")
    return Upload(
        client_id=text("ClientId"),
        name=text("DisplayName"),
        data=_bytes(content),
        content_type=text("ContentType") or UNKNOWN_TYPE,
        content_id=text("ContentId") or None,
        inline=inline is not None and inline.text.strip() != "0",
    )


def _bytes(content: Element) -> bytes | Block:
    if isinstance(content.value, bytes | Block):
        return content.value
    try:
        return base64.b64decode("".join(content.text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConversionError("the Content of an attachment is not base64") from None


def _removed(element: Element) -> str:
    reference = (element.text_of("AirSyncBase:FileReference") or "").strip()
    name = unquote(reference.rpartition(":")[2])
    if not name:
        raise ConversionError(f"there is no attachment {reference[:80]!r}")
    return name
