"""What a phone's owner reads of an item, in every version: 2.5 has other elements for it, and other commands."""

from __future__ import annotations

from app.wbxml import Element
from lab.device.answers import required
from lab.device.mail import IN_DOCUMENT_FROM, File, fetch_file, get_attachment, references
from lab.device.phone import Phone

BODIES_OF_2_5 = ("Email:Body", "Contacts:Body", "Calendar:Body", "Tasks:Body")


def text_of(item: Element) -> str:
    """The words of an item, as many of them as the phone holds; ``""`` for one that has none."""
    body = item.find("AirSyncBase:Body")
    if body is not None:
        return body.text_of("AirSyncBase:Data") or ""
    return next((text for name in BODIES_OF_2_5 if (text := item.text_of(name)) is not None), "")


def files_of(item: Element) -> dict[str, str]:
    """The files that hang on an item: name -> how to ask for it."""
    old = item.find("Email:Attachments")
    if old is None:
        return references(item)
    return {each.text_of("Email:DisplayName") or "": required(each, "Email:AttName") for each in old}


def open_file(phone: Phone, reference: str) -> File:
    """A file in full, by the command that devices of this version take."""
    if phone.version in IN_DOCUMENT_FROM:
        return fetch_file(phone, reference)
    return get_attachment(phone, reference)
