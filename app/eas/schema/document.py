"""Documents: what a device learns of a file or folder, and the links by which it names them (MS-ASDOC 2.2.2).

A link is what a person types: a share of files (``\\\\server\\infostore\\Folder\\File.txt``), a URL with ``file:``,
``http:`` or ``https:``, or a plain path from the top (``/Folder/File.txt``). Which server it names does not matter, as
there is one store; a share called "infostore" is that store. What is found has links of the same form as the one that
was asked for, so that a device may use what it understands. Within a name, characters that separate names are escaped
with a percent sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from app.eas.errors import ConversionError
from app.eas.schema.table import moment_text
from app.eas.schema.text import line
from app.usm.queries import Document
from app.wbxml.element import Element

MAX_LINK: Final = 2048
SHARE: Final = "infostore"

_UNKNOWN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHARE: Final = re.compile(r"(\\\\[^\\/]+)(.*)", re.DOTALL)
_URL: Final = re.compile(r"((?:file|https?)://[^/\\]*)(.*)", re.IGNORECASE | re.DOTALL)
_PATH: Final = re.compile(r"()(/.*)", re.DOTALL)
_SEPARATOR: Final = re.compile(r"[\\/]+")
_ESCAPED: Final = str.maketrans({"%": "%25", "/": "%2F", "\\": "%5C"})


@dataclass(frozen=True, slots=True)
class Link:
    """A link taken apart. ``root``: all before the names."""

    root: str
    separator: str
    names: tuple[str, ...]
    is_url: bool = False

    def to(self, path: tuple[str, ...]) -> str:
        """The link to another path, in this form."""
        written = (quote(name, safe="") if self.is_url else name.translate(_ESCAPED) for name in path)
        return self.separator.join((self.root, *written)) if path else self.root + self.separator


def parse(text: str) -> Link:
    """Raises ``ConversionError`` for what is no link."""
    link = text.strip()
    if len(link) <= MAX_LINK:
        for form, separator, is_url in ((_SHARE, "\\", False), (_URL, "/", True), (_PATH, "/", False)):
            found = form.fullmatch(link)
            if found:
                return _parsed(found[1], found[2], separator, is_url)
    raise ConversionError(f"a link of {len(link)} characters is none")


def _parsed(root: str, rest: str, separator: str, is_url: bool) -> Link:
    names = [unquote(name) for name in _SEPARATOR.split(rest) if name]
    if any(name in (".", "..") or line(name) != name for name in names):
        raise ConversionError("a link leads from the top to the bottom")
    if names and names[0].casefold() == SHARE:
        root += separator + names.pop(0)
    return Link(root, separator, tuple(names), is_url)


def render(document: Document, link: Link) -> list[Element]:
    """All that is told of a document."""
    page = "DocumentLibrary"
    modified = document.modified or document.created or _UNKNOWN
    values = {
        "LinkId": link.to(document.path),
        "DisplayName": line(document.title),
        "IsFolder": str(int(document.is_folder)),
        "CreationDate": moment_text(document.created or modified),
        "LastModifiedDate": moment_text(modified),
        "IsHidden": str(int(document.title.startswith("."))),
        "ContentLength": str(document.size),
    }
    if not document.is_folder:
        values["ContentType"] = document.content_type
    return [Element(f"{page}:{tag}", value) for tag, value in values.items()]
