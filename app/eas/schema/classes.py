"""The classes of items that are synchronised: one entry ties a content type to its table.

An entry knows how to show an item to a device and how to read what a device sends; a content type without one is
not shown to devices at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from app.eas.clients import Quirk, quirks
from app.eas.errors import ConversionError
from app.eas.folders import MAX_ID, server_id
from app.eas.options import Options
from app.eas.schema import calendar, contact, email, note, task
from app.eas.versions import Version
from app.usm.content import Address
from app.usm.model import ContentType, Device, Item
from app.wbxml.element import Element


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at a folder, and how. ``supported``: tags that the device named as known, ``None`` for all; ``now``:
    when, for what a device adds without a date; ``account``: the user."""

    folder: int
    device: Device
    version: Version
    options: Options
    supported: frozenset[str] | None = None
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    account: Address = calendar.NOBODY


@dataclass(frozen=True, slots=True)
class ItemClass:
    """Both directions of one class. The readers raise ``ConversionError``. ``read_occurrence``: a change of one
    occurrence of a series, for a class that has them; ``added``: what the answer to an Add tells of the new item;
    ``part``: of an item that the device holds the fields that differ, where it need not get the whole item again."""

    render: Callable[[Item, View], list[Element]]
    read_new: Callable[[Sequence[Element], View], dict[str, Any]]
    read_change: Callable[[Sequence[Element], View], dict[str, Any]]
    read_occurrence: Callable[[Sequence[Element], View], dict[str, Any]] | None = None
    added: Callable[[Mapping[str, Any], View], list[Element]] = lambda fields, view: []
    part: Callable[[Item, View], list[Element]] = lambda item, view: []


def _keeps_picture(device: Device) -> bool:
    return Quirk.EMPTY_PICTURES in quirks(device.device_type)


def _render_contact(item: Item, view: View) -> list[Element]:
    return contact.render(item.fields, view.options, view.version)


def _new_contact(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return contact.read_new(elements, _keeps_picture(view.device))


def _changed_contact(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return contact.read_change(elements, view.supported, _keeps_picture(view.device))


def _render_mail(item: Item, view: View) -> list[Element]:
    return email.render(item.fields, view.options, view.version, server_id(view.folder, item.id))


def _marks_of_mail(item: Item, view: View) -> list[Element]:
    return email.render_marks(item.fields, view.version)


def _new_mail(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return email.read_new(elements, view.version)


def _changed_mail(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return email.read_change(elements, view.version)


def _render_task(item: Item, view: View) -> list[Element]:
    return task.render(item.fields, view.options, view.version)


def _new_task(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return task.read_new(elements)


def _changed_task(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return task.read_change(elements, view.supported)


def _render_appointment(item: Item, view: View) -> list[Element]:
    name = server_id(view.folder, item.id)
    return calendar.render(item.fields, view.options, view.version, name, view.account)


def _new_appointment(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return calendar.read_new(elements, view.version, view.device.device_id, view.now, view.account)


def _changed_appointment(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return calendar.read_change(elements, view.version, view.supported)


def _changed_occurrence(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return calendar.read_occurrence(elements)


def _added_appointment(fields: Mapping[str, Any], view: View) -> list[Element]:
    return calendar.added(fields, view.version)


def _render_note(item: Item, view: View) -> list[Element]:
    return note.render(item.fields, view.options, view.version)


def _new_note(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return note.read_new(elements)


def _changed_note(elements: Sequence[Element], view: View) -> dict[str, Any]:
    return note.read_change(elements)


CLASSES: Final[Mapping[ContentType, ItemClass]] = {
    ContentType.CALENDAR: ItemClass(
        _render_appointment, _new_appointment, _changed_appointment, _changed_occurrence, _added_appointment
    ),
    ContentType.CONTACTS: ItemClass(_render_contact, _new_contact, _changed_contact),
    ContentType.MAIL: ItemClass(_render_mail, _new_mail, _changed_mail, part=_marks_of_mail),
    ContentType.TASKS: ItemClass(_render_task, _new_task, _changed_task),
    ContentType.NOTES: ItemClass(_render_note, _new_note, _changed_note),
}


def application_data(item: Item, view: View) -> Element:
    """An item as the device gets it. Raises ``ConversionError`` for one that no device can hold."""
    name = server_id(view.folder, item.id)
    if len(name) > MAX_ID:
        raise ConversionError(f"ServerId {name!r} is longer than {MAX_ID} characters")
    return Element("AirSync:ApplicationData", children=CLASSES[item.content].render(item, view))


def changed_data(item: Item, view: View) -> Element | None:
    """The fields that differ, of an item that the device holds; ``None`` where it knows nothing of them."""
    children = CLASSES[item.content].part(item, view)
    return Element("AirSync:ApplicationData", children=children) if children else None
