"""Contacts between their stored form and the API's: what is derived, what is checked on the way in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from lab.ox.columns.contacts import CONTACT_COLUMNS, EMAIL_FIELDS
from lab.ox.columns.table import ColumnDef, stored
from lab.ox.errors import OXError, fault
from lab.ox.generation import Generation
from lab.ox.storage.objects import Stored
from lab.ox.zones import DAY_MS

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_NAMES = ("display_name", "company", "email1", "nickname")


def values(
    contact: Stored,
    image: tuple[str, int] | None,
    generation: Generation,
    files: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Everything the API shows of a contact by JSON name, moments as ms UTC. ``image``: its type and when; ``files``:
    how many are attached and when the newest came."""
    shown: dict[str, Any] = dict(contact.fields)
    as_id = str if generation.text_ids else int
    shown |= {
        "id": as_id(contact.id),
        "folder_id": as_id(contact.folder),
        "created_by": contact.created_by,
        "modified_by": contact.modified_by,
        "creation_date": contact.creation_date,
        "last_modified": contact.last_modified,
        "last_modified_utc": contact.last_modified,
        "number_of_images": 1 if image else 0,
        "number_of_attachments": files[0] if files else 0,
        "private_flag": bool(contact.fields.get("private_flag")),
        "mark_as_distributionlist": bool(contact.fields.get("distribution_list")),
        "useCount": 0,
    }
    if files:
        shown["lastModifiedOfNewestAttachmentUTC"] = files[1]
    if contact.uid:
        shown["uid"] = contact.uid
    if contact.user_id:
        shown["user_id"] = contact.user_id
    if members := contact.fields.get("distribution_list"):
        shown["number_of_distribution_list"] = len(members)
    if image:
        shown |= {
            "image1_content_type": image[0],
            "image_last_modified": image[1],
            "image1_url": f"/ajax/image/contact/picture?folder={contact.folder}&id={contact.id}&timestamp={image[1]}",
        }
    if "file_as" not in shown:
        derived = _file_as(contact.fields)
        if derived:
            shown["file_as"] = derived
    return shown


def accepted(body: Mapping[str, Any], generation: Generation, tz: ZoneInfo) -> dict[str, Any]:
    """The fields of a body as they are stored; ``None`` for those to delete. Names that are no writable columns are
    passed over. Raises CON-0100, CON-0154, CON-0168, CON-0177, SVL-0010."""
    fields: dict[str, Any] = {}
    too_long: list[tuple[ColumnDef, int]] = []
    for name, value in body.items():
        column = CONTACT_COLUMNS.by_name.get(name)
        if column is None or not column.writable or name == "image1":
            continue
        if value is None or value == "":
            fields[name] = None
            continue
        fields[name] = stored(column, _checked(column, value, generation), tz)
        if column.kind == "text" and column.size and len(fields[name]) > column.size:
            too_long.append((column, len(fields[name])))
    if too_long:
        raise _truncated(too_long)
    for name in EMAIL_FIELDS:
        if fields.get(name) and not _ADDRESS.fullmatch(fields[name].strip()):
            raise fault("CON-0100", fields[name])
    return fields


def _checked(column: ColumnDef, value: Any, generation: Generation) -> Any:
    if column.kind == "text":
        text = value if isinstance(value, str) else str(value)
        if "\x00" in text or (not generation.four_byte_text and any(ord(letter) > 0xFFFF for letter in text)):
            raise fault("CON-0168", column.name)
        return text
    if column.kind == "bool":
        return value is True or str(value).lower() == "true"
    if column.name == "distribution_list":
        return _members(value)
    try:
        whole = int(value)
    except (TypeError, ValueError):
        raise fault("SVL-0010", column.name, value) from None
    return whole // DAY_MS * DAY_MS if column.kind == "date" else whole


def _members(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise fault("SVL-0010", "distribution_list", value)
    members = []
    for entry in value:
        if not isinstance(entry, dict) or (not entry.get("mail_field") and not entry.get("mail")):
            raise fault("CON-0177")
        names = ("id", "folder_id", "display_name", "mail", "mail_field", "sort_name")
        members.append(
            {"mail_field": 0, **{name: entry[name] for name in names if entry.get(name) is not None}}
        )
    return members


def _truncated(too_long: list[tuple[ColumnDef, int]]) -> OXError:
    return fault(
        "CON-0154",
        ", ".join(column.name for column, _ in too_long),
        truncated=[column.number for column, _ in too_long],
        problematic=[
            {"id": column.number, "length": length, "max_size": column.size} for column, length in too_long
        ],
    )


def _file_as(fields: Mapping[str, Any]) -> str | None:
    if fields.get("last_name") and fields.get("first_name"):
        return f"{fields['last_name']}, {fields['first_name']}"
    return next((fields[name] for name in ("last_name", "first_name", *_NAMES) if fields.get(name)), None)
