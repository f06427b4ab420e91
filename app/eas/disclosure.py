"""A document as XML that people can read, with or without what is personal: for traces.

* Without it, the values of all elements that may hold what a person wrote, names somebody or tells where he lives are
  left out, and how long they were is told: ``<Subject xmlns="Email:" hidden="23" />``. What is left is the protocol:
  keys, ids, kinds, statuses, times of appointments, settings. Of a page that is not in :data:`HIDDEN` nothing is shown.
* Passwords are left out in any case.
* The text is XML (namespaces as in MS-ASWBXML, ``AirSync:``), so that a program can make a document of it again:
  ``encoding="base64"`` marks an opaque value, ``cut="90000"`` one of which only the beginning is shown, with its whole
  length in characters or bytes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape  # nosec B406 # it writes, and reads nothing

from app.wbxml import Block, Element, Pieces

LONGEST: Final = 20_000
"""Characters or bytes of one value that are shown."""

SECRET: Final = frozenset({"Settings:Password", "ItemOperations:Password", "Search:Password"})

_ALL: Final = None
_NOTHING: Final[frozenset[str]] = frozenset()


def _tags(text: str) -> frozenset[str]:
    return frozenset(text.split())


HIDDEN: Final[Mapping[str, frozenset[str] | None]] = {
    "AirSync": _NOTHING,
    "AirSyncBase": _tags(
        "Data DisplayName Preview ContentId ContentLocation Location Annotation Street City State Country PostalCode"
        " Latitude Longitude Accuracy Altitude AltitudeAccuracy LocationUri"
    ),
    "Calendar": _tags(
        "Email Name Category Location OrganizerEmail OrganizerName Subject OnlineMeetingConfLink"
        " OnlineMeetingExternalLink"
    ),
    "ComposeMail": _tags("Mime Name Email"),
    "Contacts": _ALL,
    "Contacts2": _ALL,
    "DocumentLibrary": _tags("LinkId DisplayName"),
    "Email": _tags("DisplayTo Subject To Cc From ReplyTo Category Location Organizer ThreadTopic FlagType"),
    "Email2": _tags("UmCallerID UmUserNotes Sender Bcc"),
    "Find": _tags("Query FreeText Preview DisplayCc DisplayBcc Picture"),
    "FolderHierarchy": _tags("DisplayName"),
    "Gal": _tags(
        "DisplayName Phone Office Title Company Alias FirstName LastName HomePhone MobilePhone EmailAddress"
        " Picture Data"
    ),
    "GetItemEstimate": _NOTHING,
    "ItemOperations": _tags("Data UserName"),
    "MeetingResponse": _NOTHING,
    "Move": _NOTHING,
    "Notes": _tags("Subject Category"),
    "Ping": _NOTHING,
    "Provision": _NOTHING,
    "ResolveRecipients": _tags(
        "To DisplayName EmailAddress Certificate MiniCertificate MergedFreeBusy Picture Data"
    ),
    "Search": _tags("Query Value FreeText UserName Picture"),
    "Settings": _tags(
        "ReplyMessage IMEI FriendlyName PhoneNumber MobileOperator SMTPAddress PrimarySmtpAddress AccountName"
        " UserDisplayName"
    ),
    "Tasks": _tags("Category Subject"),
    "ValidateCert": _tags("Certificate"),
}
"""Page → tags whose values are personal; ``None``: all of the page."""

_NO_XML: Final = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold. A carriage return would be read as a line feed."""


def as_xml(root: Element, personal: bool) -> str:
    """The document in lines, each element indented by its depth. ``personal``: with what is personal."""
    return "\n".join(_lines(root, personal))


def _lines(root: Element, personal: bool) -> Iterator[str]:
    # Not by calls within calls: the depth of a document is the device's choice.
    todo: list[tuple[Element | str, int, str]] = [(root, 0, "")]
    while todo:
        element, depth, page = todo.pop()
        indent = "  " * depth
        if isinstance(element, str):
            yield f"{indent}</{element}>"
            continue
        mine, _, tag = element.name.partition(":")
        start = tag if mine == page else f'{tag} xmlns="{escape(mine, {chr(34): "&quot;"})}:"'
        if element.children:
            yield f"{indent}<{start}>"
            todo.append((tag, depth, page))
            todo += [(child, depth + 1, mine) for child in reversed(element.children)]
        elif element.value is None:
            yield f"{indent}<{start} />"
        else:
            yield f"{indent}{_leaf(element, tag, start, personal)}"


def _leaf(element: Element, tag: str, start: str, personal: bool) -> str:
    value = element.value
    size = value.size if isinstance(value, Block | Pieces) else len(value or "")
    if isinstance(value, Pieces) or not _is_shown(element.name, personal):
        return f'<{start} hidden="{size}" />'
    cut = f' cut="{size}"' if size > LONGEST else ""
    if isinstance(value, str):
        text = value[:LONGEST]
        if not _NO_XML.search(text):
            return f"<{start}{cut}>{escape(text)}</{tag}>"
        data, kind = text.encode("utf-8", "surrogatepass"), "base64-text"
    else:
        data = value.part(0, LONGEST) if isinstance(value, Block) else (value or b"")[:LONGEST]
        kind = "base64"
    return f'<{start} encoding="{kind}"{cut}>{base64.b64encode(data).decode()}</{tag}>'


def _is_shown(name: str, personal: bool) -> bool:
    if name in SECRET:
        return False
    page, _, tag = name.partition(":")
    hidden = HIDDEN.get(page)
    return personal or (hidden is not None and tag not in hidden)
