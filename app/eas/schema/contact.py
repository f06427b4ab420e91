"""Contacts: every field ↔ its tag (MS-ASCNTC 2.2.2), both ways.

What no row can say:

* ``FileAs`` must always be there: it is the display name, or one made of what there is. A device's FileAs becomes
  display name and filing name alike.
* A Change names all that a contact has: a tag that is missing clears its field, unless the device said at its
  first Sync that it does not know the tag (Supported), or the tag is Body, Picture or FileAs.
* An empty Picture is no deletion when it comes from Apple's devices, which send one after any edit (quirk 26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from app.eas.errors import ConversionError
from app.eas.options import Options
from app.eas.schema import body, table
from app.eas.schema.table import DAY, MAIL, PICTURE, TEXT, Row
from app.eas.schema.text import line, with_lf
from app.eas.versions import Version
from app.usm.content import ADDRESS_PARTS
from app.usm.model import Body, BodyKind
from app.wbxml.element import Element

_ADDRESS_TAGS: Final = dict(
    zip(ADDRESS_PARTS, ("Street", "City", "State", "PostalCode", "Country"), strict=True)
)

ROWS: Final[Sequence[Row]] = (
    Row("Contacts:Title", "title", TEXT),
    Row("Contacts:FirstName", "first_name", TEXT),
    Row("Contacts:MiddleName", "middle_name", TEXT),
    Row("Contacts:LastName", "last_name", TEXT),
    Row("Contacts:Suffix", "suffix", TEXT),
    Row("Contacts2:NickName", "nickname", TEXT),
    Row("Contacts:YomiFirstName", "yomi_first_name", TEXT),
    Row("Contacts:YomiLastName", "yomi_last_name", TEXT),
    Row("Contacts:YomiCompanyName", "yomi_company", TEXT),
    Row("Contacts:CompanyName", "company", TEXT),
    Row("Contacts:Department", "department", TEXT),
    Row("Contacts:JobTitle", "job_title", TEXT),
    Row("Contacts:OfficeLocation", "office", TEXT),
    Row("Contacts2:ManagerName", "manager", TEXT),
    Row("Contacts:AssistantName", "assistant", TEXT),
    Row("Contacts:Spouse", "spouse", TEXT),
    Row("Contacts:Children", "children", table.texts("Contacts:Child")),
    Row("Contacts:Birthday", "birthday", DAY),
    Row("Contacts:Anniversary", "anniversary", DAY),
    Row("Contacts:Email1Address", "email1", MAIL),
    Row("Contacts:Email2Address", "email2", MAIL),
    Row("Contacts:Email3Address", "email3", MAIL),
    Row("Contacts2:IMAddress", "im1", TEXT),
    Row("Contacts2:IMAddress2", "im2", TEXT),
    Row("Contacts2:IMAddress3", "im3", TEXT),
    Row("Contacts:WebPage", "web_page", TEXT),
    Row("Contacts:MobilePhoneNumber", "mobile_phone", TEXT),
    Row("Contacts:HomePhoneNumber", "home_phone", TEXT),
    Row("Contacts:Home2PhoneNumber", "home_phone2", TEXT),
    Row("Contacts:HomeFaxNumber", "home_fax", TEXT),
    Row("Contacts:BusinessPhoneNumber", "business_phone", TEXT),
    Row("Contacts:Business2PhoneNumber", "business_phone2", TEXT),
    Row("Contacts:BusinessFaxNumber", "business_fax", TEXT),
    Row("Contacts:CarPhoneNumber", "car_phone", TEXT),
    Row("Contacts:PagerNumber", "pager", TEXT),
    Row("Contacts:RadioPhoneNumber", "radio_phone", TEXT),
    Row("Contacts:AssistantPhoneNumber", "assistant_phone", TEXT),
    Row("Contacts2:CompanyMainPhone", "company_phone", TEXT),
    *(
        Row(f"Contacts:{place.title()}Address{tag}", f"{place}_{part}", TEXT)
        for place in ("home", "business", "other")
        for part, tag in _ADDRESS_TAGS.items()
    ),
    Row("Contacts2:CustomerId", "customer_id", TEXT),
    Row("Contacts2:GovernmentId", "government_id", TEXT),
    Row("Contacts2:AccountName", "account_name", TEXT),
    Row("Contacts2:MMS", "mms", TEXT),
    Row("Contacts:Categories", "categories", table.texts("Contacts:Category")),
    Row("Contacts:Picture", "picture", PICTURE, ghosted=True),
)
BY_TAG: Final = table.by_tag(ROWS)

FILE_AS: Final = "Contacts:FileAs"
_PAGES: Final = ("Contacts:", "Contacts2:", "AirSyncBase:")
_NAME_PARTS: Final = ("title", "first_name", "middle_name", "last_name", "suffix")
_LAST_RESORTS: Final = ("company", "nickname", "email1", "email2", "email3", "mobile_phone", "home_phone")
UNNAMED: Final = "?"
"""FileAs of a contact that has nothing to be filed under."""


def render(fields: Mapping[str, Any], options: Options, version: Version) -> list[Element]:
    """The children of ApplicationData for the device."""
    note = fields.get("note") or Body(BodyKind.TEXT)
    return [
        Element(FILE_AS, file_as(fields)),
        *table.write(ROWS, fields, version),
        *body.elements(note, options, version, body.CONTACTS),
    ]


def file_as(fields: Mapping[str, Any]) -> str:
    """What a contact is filed under: never empty."""
    for name in ("display_name", "file_as"):
        if text := line(fields.get(name) or ""):
            return text
    name = " ".join(text for part in _NAME_PARTS if (text := line(fields.get(part) or "")))
    resorts = (line(fields.get(field) or "") for field in _LAST_RESORTS)
    return name or next((text for text in resorts if text), UNNAMED)


def read_new(elements: Sequence[Element], ignores_empty_picture: bool = False) -> dict[str, Any]:
    """The fields of a contact that a device adds. Raises ``ConversionError``."""
    found = _read(elements, ignores_empty_picture)
    fields = {name: value for name, value in found.items() if value is not None}
    fields.setdefault("display_name", file_as(fields))
    return fields


def read_change(
    elements: Sequence[Element], supported: frozenset[str] | None, ignores_empty_picture: bool = False
) -> dict[str, Any]:
    """The fields that a device's change sets, ``None`` to clear. ``supported``: the tags that the device named as
    known to it, ``None`` when it named none and so knows all. Raises ``ConversionError``."""
    cleared = {
        row.field: None for row in ROWS if not row.ghosted and (supported is None or row.tag in supported)
    }
    return cleared | _read(elements, ignores_empty_picture)


def _read(elements: Sequence[Element], ignores_empty_picture: bool) -> dict[str, Any]:
    for element in elements:
        if not element.name.startswith(_PAGES):
            raise ConversionError(f"{element.name} does not belong to a contact")
    fields = table.read(BY_TAG, elements)
    if ignores_empty_picture and fields.get("picture", b"") is None:
        del fields["picture"]
    for element in elements:
        if element.name == FILE_AS and (text := line(with_lf(element.text))):
            fields |= {"display_name": text, "file_as": text}
    with suppress(LookupError):
        fields["note"] = body.find(elements, body.CONTACTS)
    return fields
