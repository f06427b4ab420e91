"""HTML of mails: to plain text, from plain text, and the white-list filter of ``view=html``."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_DROPPED = {"script", "style", "head", "title", "object", "embed", "iframe", "applet", "noscript"}
_VOID = {"br", "hr", "img", "col", "area", "wbr"}
_TAG_NAMES = (
    "a abbr address b bdo big blockquote body caption center cite code colgroup dd del dfn div dl dt em "
    "font h1 h2 h3 h4 h5 h6 html i ins kbd li map ol p pre q s samp small span strike strong sub sup "
    "table tbody td tfoot th thead tr tt u ul var"
)
_TAGS = _VOID.union(_TAG_NAMES.split())
_ATTRIBUTE_NAMES = (
    "abbr align alt axis bgcolor border cellpadding cellspacing char class clear color cols colspan "
    "coords dir face height href hspace id lang name nowrap rel rowspan rules scope shape size span src "
    "start style summary target title type valign value vspace width"
)
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_BAD_URL = re.compile(r"^[\s\x00-\x20]*(javascript|vbscript|data):", re.IGNORECASE)
_BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "hr"}


class _Filter(HTMLParser):
    def __init__(self, images: bool, cid_url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.images = images
        self.cid_url = cid_url
        self.out: list[str] = []
        self._muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._muted += 1
            return
        if self._muted or tag not in _TAGS or (tag == "img" and not self.images):
            return
        self.out.append(f"<{tag}{''.join(self._attribute(name, value) for name, value in attrs)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._muted = max(0, self._muted - 1)
        elif not self._muted and tag in _TAGS and tag not in _VOID:
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._muted:
            self.out.append(html.escape(data, quote=False))

    def _attribute(self, name: str, value: str | None) -> str:
        if name not in _ATTRIBUTES or value is None or _BAD_URL.match(value):
            return ""
        if name == "style" and ("expression" in value.lower() or "url(" in value.lower()):
            return ""
        if name == "src" and value.lower().startswith("cid:") and self.cid_url:
            value = self.cid_url + value[4:]
        return f' {name}="{html.escape(value)}"'


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._muted += 1
        elif tag in _BLOCKS:
            self.out.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._muted = max(0, self._muted - 1)
        elif tag in _BLOCKS and tag != "br":
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._muted:
            self.out.append(re.sub(r"\s+", " ", data))


def filtered(source: str, images: bool = True, cid_url: str = "") -> str:
    """HTML with only harmless tags and attributes. ``cid_url``: what inline images point to instead of ``cid:``."""
    parser = _Filter(images, cid_url)
    parser.feed(source)
    parser.close()
    return "".join(parser.out)


def to_text(source: str) -> str:
    """The text of an HTML document."""
    parser = _Text()
    parser.feed(source)
    parser.close()
    lines = [line.strip() for line in "".join(parser.out).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def from_text(source: str) -> str:
    """Plain text as HTML, line by line."""
    return html.escape(source, quote=False).replace("\r\n", "\n").replace("\n", "<br />\n")
