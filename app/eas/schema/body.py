"""Bodies: which form a device gets, how much of it, and reading one (MS-ASAIRS 2.2.2.9, 2.2.2.10).

Rules

* The form that the source keeps is sent if the device takes it, else the device's other forms in order; a form
  nobody has is converted. Type 3 (RTF) is never sent: a device that wants nothing else gets plain text.
* ``TruncationSize`` counts bytes of what is delivered. Cuts fall between characters, in HTML between tags.
* ``AllOrNone`` passes over a form that does not fit; where none fits, the Body tells the size and has no Data.
* A device may send RTF (clients of old do); it is kept as text.
* ``Truncated`` is sent only when it is 1 (Windows Phone 8 stops otherwise, quirk 6), and with signed or encrypted mail
  (MS-ASCMD 2.2.3.110.3), of which that phone is not known to complain.
* MIME goes out as it is, and that of signed or encrypted mail whole (ZP-1154): half a signature is none.
* Up to 2.5 a body lies in the page of its item, as text; of a message also as MIME (:data:`PAGES`).
* A BodyPart is the message without what it quotes: as HTML, beside the Body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.eas.errors import ConversionError
from app.eas.options import BODY_PARTS, BODY_PREFERENCES, HTML, MIME, PLAIN, RTF, Options, Preference
from app.eas.schema import html, quotation, rtf
from app.eas.schema.text import cut, safe, with_crlf, with_lf
from app.eas.versions import PREVIEW, Version
from app.usm.model import Body, BodyKind
from app.wbxml.element import Element

MOST_FOR_PREVIEW: Final = 65536
"""Characters of a body that are looked at for its preview."""

BODY: Final = "AirSyncBase:Body"


@dataclass(frozen=True, slots=True)
class Page:
    """The tags of a body up to 2.5. ``size`` is ``""`` where the page has none; ``rich``: the text in RTF, which is
    only ever read."""

    text: str
    truncated: str
    size: str = ""
    rich: str = ""


CONTACTS: Final = Page(
    "Contacts:Body", "Contacts:BodyTruncated", "Contacts:BodySize", "Contacts:CompressedRTF"
)
CALENDAR: Final = Page("Calendar:Body", "Calendar:BodyTruncated", rich="Calendar:Compressed_RTF")
EMAIL: Final = Page("Email:Body", "Email:BodyTruncated", "Email:BodySize")
TASKS: Final = Page("Tasks:Body", "Tasks:BodyTruncated", "Tasks:BodySize", "Tasks:CompressedRTF")
NOTES: Final = Page("", "")
"""There are none before 14.0."""
_EMAIL_MIME: Final = Page("Email:MIMEData", "Email:MIMETruncated", "Email:MIMESize")

_NATIVE_TYPES: Final = {BodyKind.TEXT: PLAIN, BodyKind.HTML: HTML, BodyKind.MIME: HTML}


@dataclass(frozen=True, slots=True)
class _Form:
    """A body in one form. ``data`` is the whole; ``limit`` is what may go out, in bytes."""

    preference: Preference
    data: bytes
    limit: int | None

    @property
    def fits(self) -> bool:
        return self.limit is None or len(self.data) <= self.limit

    def cut(self) -> bytes:
        if self.limit is None:
            return self.data
        return (html.shorten if self.preference.type == HTML else cut)(self.data, self.limit)


def native_type(body: Body) -> int:
    """NativeBodyType: never 0, which stops Outlook (quirk 35)."""
    return _NATIVE_TYPES[body.native]


def elements(
    body: Body, options: Options, version: Version, page: Page, whole: bool = False, native: bool = True
) -> list[Element]:
    """All that a device gets of a body. ``page``: where it lies up to 2.5; ``whole``: MIME is not to be cut;
    ``native``: with the form in which the source keeps it."""
    if version < BODY_PREFERENCES:
        return _in_page(body, options, page, whole)
    kind = Element("AirSyncBase:NativeBodyType", str(native_type(body)))
    return [render(body, options, version, whole), *([kind] if native else [])]


def _in_page(body: Body, options: Options, page: Page, whole: bool) -> list[Element]:
    preference = _candidates(body, options)[0]
    form = _form(body, preference, options, whole)
    tags = _EMAIL_MIME if preference.type == MIME else page
    data = form.cut()
    found = [Element(tags.truncated, "1" if len(data) < len(form.data) else "0")]
    if tags.size:
        found.insert(0, Element(tags.size, str(len(form.data))))
    if data:
        # There is no opaque block in a text of 2.5: bytes that are no text cannot be told.
        found.append(Element(tags.text, safe(data.decode("utf-8", "replace"))))
    return found


def part(body: Body, options: Options, version: Version) -> list[Element]:
    """The BodyPart of a message, where the device wants one."""
    if options.part is None or version < BODY_PARTS:
        return []
    if body.kind is BodyKind.MIME:
        own = Body(BodyKind.HTML)  # what a message says that is only told as a whole lies inside
    else:
        own = replace(body, text=quotation.own(body.text, body.kind is BodyKind.HTML))
    form = _form(own, options.part, options, whole=False)
    whole = form.fits or not options.part.all_or_none
    data = form.cut() if whole else None
    element = _element(form, data, _preview(own, form, data or b"", version))
    return [Element("AirSyncBase:BodyPart", children=[Element("AirSyncBase:Status", "1"), *element])]


def render(body: Body, options: Options, version: Version, whole: bool = False) -> Element:
    """The Body element for this device. ``whole``: MIME is not to be cut."""
    passed_over = []
    for preference in _candidates(body, options):
        form = _form(body, preference, options, whole)
        if form.fits or not preference.all_or_none:
            data = form.cut()
            told = whole and preference.type == MIME
            return _element(form, data, _preview(body, form, data, version), told)
        passed_over.append(form)
    return _element(passed_over[0], None, "")


def _preview(body: Body, form: _Form, data: bytes, version: Version) -> str:
    """A body that goes out as plain text needs none (MS-ASAIRS 2.2.2.35.1)."""
    wanted = form.preference.preview if version >= PREVIEW else 0
    if not wanted or (form.preference.type == PLAIN and data):
        return ""
    # The beginning is enough, and converting a large mail as a whole takes its time.
    return html.preview(_plain_text(replace(body, text=body.text[:MOST_FOR_PREVIEW])), wanted)


def _candidates(body: Body, options: Options) -> list[Preference]:
    """The device's wishes that can be met, the best first; never empty."""
    if body.kind is BodyKind.MIME:
        return [options.preference(MIME) or Preference(MIME)]
    wanted = [entry for entry in options.preferences if entry.type in (PLAIN, HTML)]
    native = HTML if body.kind is BodyKind.HTML else PLAIN
    return sorted(wanted, key=lambda entry: (entry.type != native, -entry.type)) or [Preference(PLAIN)]


def _form(body: Body, preference: Preference, options: Options, whole: bool) -> _Form:
    if preference.type == MIME:
        limits = [limit for limit in (preference.size, options.mime_limit) if limit is not None]
        return _Form(preference, body.mime, min(limits) if limits and not whole else None)
    if preference.type == HTML:
        text = safe(body.text) if body.kind is BodyKind.HTML else html.from_text(safe(body.text))
    else:
        text = with_crlf(_plain_text(body))
    return _Form(preference, text.encode(), preference.size)


def _plain_text(body: Body) -> str:
    if body.kind is BodyKind.MIME:
        return ""  # its text lies inside, and nobody asked for that
    return html.to_text(body.text) if body.kind is BodyKind.HTML else safe(body.text)


def _element(form: _Form, data: bytes | None, preview: str, told: bool = False) -> Element:
    """``told``: that nothing is cut is said too."""
    truncated = data is None or len(data) < len(form.data)
    value: Element | None = None
    if data or not truncated:
        # MIME goes as an opaque block: its bytes need not be text at all.
        value = Element("AirSyncBase:Data", data if form.preference.type == MIME else (data or b"").decode())
    return Element(
        "AirSyncBase:Body",
        children=[
            Element("AirSyncBase:Type", str(form.preference.type)),
            Element("AirSyncBase:EstimatedDataSize", str(len(form.data))),
            Element("AirSyncBase:Truncated", "1" if truncated else "0") if truncated or told else None,
            value,
            Element("AirSyncBase:Preview", preview) if preview else None,
        ],
    )


def find(elements: Sequence[Element], page: Page, rich: bool = False) -> Body | None:
    """The body among the elements of an item, wherever its version has it; see :func:`read`. Raises
    ``ConversionError``, ``LookupError``."""
    by_name: Mapping[str, Element] = {element.name: element for element in elements}
    if BODY in by_name:
        return read(by_name[BODY], rich)
    truncated = by_name.get(page.truncated)
    if truncated is not None and truncated.text.strip() == "1":
        raise LookupError("the device does not hold the whole body")
    if page.text in by_name:
        text = with_lf(by_name[page.text].text)
    elif page.rich in by_name and by_name[page.rich].text.strip():
        text = with_lf(rtf.to_text(by_name[page.rich].text))
    else:
        raise LookupError("the device says nothing of the body")
    return Body(BodyKind.TEXT, text) if text.strip() else None


def read(element: Element, rich: bool = False) -> Body | None:
    """A Body from a device: its text, ``None`` for an empty one. ``rich``: HTML stays what it is, for a source that
    keeps it (a draft).

    Raises ``ConversionError`` for a Type that cannot be kept, ``LookupError`` for a Body that holds nothing new:
    one without Data, or one that the device itself knows only in part.
    """
    kind = (element.text_of("AirSyncBase:Type") or str(PLAIN)).strip()
    data = element.find("AirSyncBase:Data")
    if data is None or (element.text_of("AirSyncBase:Truncated") or "").strip() == "1":
        raise LookupError("the device does not hold the whole body")
    if kind == str(PLAIN):
        text = data.text
    elif kind == str(HTML):
        if rich:
            markup = safe(data.text)
            return Body(BodyKind.HTML, markup, native=BodyKind.HTML) if markup.strip() else None
        text = html.to_text(data.text)
    elif kind == str(RTF):
        text = rtf.to_text(data.text)
    else:
        raise ConversionError(f"a body of type {kind[:20]!r} cannot be kept")
    text = with_lf(text)
    return Body(BodyKind.TEXT, text) if text.strip() else None
