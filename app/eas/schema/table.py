"""The one interpreter of the field tables: rows of (tag, field, kind, since) ↔ values.

A module of this package that describes a class of items is a table of :class:`Row` and the few things that no row
can say. A :class:`Kind` turns a value of :mod:`app.usm.content` into an element and back.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parseaddr
from typing import Any, Final

from app.eas.errors import ConversionError
from app.eas.schema.text import safe, with_lf
from app.eas.versions import NEWEST, OLDEST, Version
from app.wbxml.element import Element

MAX_TEXTS: Final = 300
"""Most entries of a list (MS-ASCNTC 2.2.2.14, MS-ASEMAIL 2.2.2.16)."""
MAX_PICTURE: Final = 48 * 1024
"""Longest Picture, in characters of base64 (MS-ASCNTC 2.2.2.58)."""
MAX_MAIL: Final = 1024
"""Characters of an address that are kept: no real one is longer, and reading endless ones takes its time."""
NOON: Final = time(12)
"""Latest time of day at which a birthday is that very day: some devices send noon, others their local midnight."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one type look. ``write`` gives ``None`` for a value that is better left out; ``read`` gives
    ``None`` for an empty tag and raises ``ConversionError`` for one that makes no sense."""

    write: Callable[[str, Any], Element | None]
    read: Callable[[Element], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One field, in the versions ``since`` to ``until``. ``ghosted``: a device may leave it out of a change without
    clearing it, whatever it said in Supported (MS-ASCMD 2.2.3.179)."""

    tag: str
    field: str
    kind: Kind
    since: Version = OLDEST
    until: Version = NEWEST
    ghosted: bool = False


def write(rows: Iterable[Row], fields: Mapping[str, Any], version: Version) -> list[Element]:
    """The elements of all fields that have a value and that the version knows."""
    elements = []
    for row in rows:
        value = fields.get(row.field)
        if value is not None and row.since <= version <= row.until:
            element = row.kind.write(row.tag, value)
            if element is not None:
                elements.append(element)
    return elements


def read(rows: Mapping[str, Row], elements: Iterable[Element]) -> dict[str, Any]:
    """The fields of all elements that a row describes; ``None`` stands for an empty tag."""
    fields = {}
    for element in elements:
        row = rows.get(element.name)
        if row is not None:
            fields[row.field] = row.kind.read(element)
    return fields


def by_tag(rows: Iterable[Row]) -> Mapping[str, Row]:
    """The rows by their tags, for :func:`read`."""
    return {row.tag: row for row in rows}


def _write_text(tag: str, value: str) -> Element | None:
    text = safe(value)
    return Element(tag, text) if text else None


def _read_text(element: Element) -> str | None:
    return with_lf(element.text) or None


def _read_mail(element: Element) -> str | None:
    """A bare address: devices also send ``"Name" <address>`` (MS-ASDTYPE 2.7.3)."""
    text = with_lf(element.text).strip()[:MAX_MAIL]
    return (parseaddr(text)[1] if "<" in text else "") or text or None


def _write_date(tag: str, value: date) -> Element:
    # Noon or so: the same day from UTC-11 to UTC+12, and what the standard shows (MS-ASCNTC 2.2.2.6).
    return Element(tag, f"{value.isoformat()}T11:59:00.000Z")


def _read_date(element: Element) -> date | None:
    """The day that a device means: local midnights east of Greenwich lie on the evening before (quirk 43)."""
    if not element.text.strip():
        return None
    moment = parse_moment(element.text)
    try:
        return moment.date() + timedelta(days=moment.time() > NOON)
    except OverflowError:
        raise ConversionError(f"{element.name} {element.text!r} is out of the calendar") from None


def parse_moment(text: str) -> datetime:
    """A moment in either of the two forms, with or without fractions (MS-ASDTYPE 2.3)."""
    compact = text.strip().replace("-", "").replace(":", "").partition(".")[0].rstrip("Z")
    if not (
        len(compact) == 15 and compact[8] == "T" and compact.isascii() and compact.replace("T", "0").isdigit()
    ):
        raise ConversionError(f"{text[:40]!r} is no date and time")
    try:
        return datetime.strptime(compact, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise ConversionError(f"{text[:40]!r} is no date and time") from None


def moment_text(moment: datetime) -> str:
    """A moment in the form with dashes: ``2024-02-29T08:15:00.000Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + ".000Z"


def _write_picture(tag: str, value: bytes) -> Element | None:
    text = base64.b64encode(value).decode("ascii")
    return Element(tag, text) if 0 < len(text) <= MAX_PICTURE else None


def _read_picture(element: Element) -> bytes | None:
    text = "".join(element.text.split())
    if len(text) > MAX_PICTURE:
        raise ConversionError(f"{element.name} is longer than {MAX_PICTURE} characters")
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        raise ConversionError(f"{element.name} is not base64") from None


def texts(child: str) -> Kind:
    """A list of texts in children of this name. An empty list is no element: devices choke on empty containers."""

    def write_texts(tag: str, value: tuple[str, ...]) -> Element | None:
        children = [Element(child, text) for text in map(safe, value) if text][:MAX_TEXTS]
        return Element(tag, children=children) if children else None

    def read_texts(element: Element) -> tuple[str, ...] | None:
        found = (with_lf(entry.text).strip() for entry in element.find_all(child))
        return tuple(text for text in found if text) or None

    return Kind(write_texts, read_texts)


TEXT: Final = Kind(_write_text, _read_text)
MAIL: Final = Kind(_write_text, _read_mail)
DAY: Final = Kind(_write_date, _read_date)
PICTURE: Final = Kind(_write_picture, _read_picture)
