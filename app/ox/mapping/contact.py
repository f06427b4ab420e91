"""Contacts: OX columns and USM fields, a row each (``facts``: HTTP API section 5).

Six fields have no column of their own in OX. They go to the last of OX's twenty free fields, ``userfield15`` to
``userfield20``, so that what one phone writes another phone reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from app.ox.mapping import values
from app.ox.mapping.merging import same

ID: Final = 1
LAST_MODIFIED: Final = 6
UID: Final = 223
PICTURES: Final = 596
PICTURE_URL: Final = 606
IS_LIST: Final = 602

CATEGORIES: Final = ","
SEVERAL: Final = "; "


@dataclass(frozen=True, slots=True)
class Row:
    """One field. ``read`` and ``write`` turn OX's value into ours and back; ``None`` is absent."""

    field: str
    column: int
    name: str
    read: Callable[[Any], Any] = values.line
    write: Callable[[Any], Any] = values.from_text
    since: int = 6


ROWS: Final = (
    Row("display_name", 500, "display_name"),
    Row("file_as", 599, "file_as"),
    Row("title", 505, "title"),
    Row("first_name", 501, "first_name"),
    Row("middle_name", 503, "second_name"),
    Row("last_name", 502, "last_name"),
    Row("suffix", 504, "suffix"),
    Row("nickname", 515, "nickname"),
    Row("yomi_first_name", 616, "yomiFirstName", since=7),
    Row("yomi_last_name", 617, "yomiLastName", since=7),
    Row("yomi_company", 618, "yomiCompany", since=7),
    Row("company", 569, "company"),
    Row("department", 519, "department"),
    Row("job_title", 520, "position"),
    Row("office", 522, "room_number"),
    Row("manager", 536, "manager_name"),
    Row("assistant", 537, "assistant_name"),
    Row("spouse", 516, "spouse_name"),
    Row("birthday", 511, "birthday", values.day, values.from_day),
    Row("anniversary", 517, "anniversary", values.day, values.from_day),
    Row("email1", 555, "email1"),
    Row("email2", 556, "email2"),
    Row("email3", 557, "email3"),
    Row("im1", 565, "instant_messenger1"),
    Row("im2", 566, "instant_messenger2"),
    Row("web_page", 558, "url"),
    Row("mobile_phone", 551, "cellular_telephone1"),
    Row("home_phone", 548, "telephone_home1"),
    Row("home_phone2", 549, "telephone_home2"),
    Row("home_fax", 550, "fax_home"),
    Row("business_phone", 542, "telephone_business1"),
    Row("business_phone2", 543, "telephone_business2"),
    Row("business_fax", 544, "fax_business"),
    Row("car_phone", 546, "telephone_car"),
    Row("pager", 560, "telephone_pager"),
    Row("radio_phone", 562, "telephone_radio"),
    Row("assistant_phone", 568, "telephone_assistant"),
    Row("company_phone", 547, "telephone_company"),
    Row("home_street", 506, "street_home", values.text),
    Row("home_city", 508, "city_home"),
    Row("home_state", 509, "state_home"),
    Row("home_postal_code", 507, "postal_code_home"),
    Row("home_country", 510, "country_home"),
    Row("business_street", 523, "street_business", values.text),
    Row("business_city", 526, "city_business"),
    Row("business_state", 527, "state_business"),
    Row("business_postal_code", 525, "postal_code_business"),
    Row("business_country", 528, "country_business"),
    Row("other_street", 538, "street_other", values.text),
    Row("other_city", 539, "city_other"),
    Row("other_state", 598, "state_other"),
    Row("other_postal_code", 540, "postal_code_other"),
    Row("other_country", 541, "country_other"),
    Row("im3", 585, "userfield15"),
    Row("children", 586, "userfield16", values.texts(SEVERAL), values.from_texts(SEVERAL)),
    Row("customer_id", 587, "userfield17"),
    Row("government_id", 588, "userfield18"),
    Row("account_name", 589, "userfield19"),
    Row("mms", 590, "userfield20"),
    Row("note", 518, "note", values.note, values.from_note),
    Row("categories", 100, "categories", values.texts(CATEGORIES), values.from_texts(CATEGORIES)),
)

BY_FIELD: Final[Mapping[str, Row]] = {row.field: row for row in ROWS}
NAMES: Final[Mapping[int, str]] = {row.column: row.name for row in ROWS}

_READ: Final = tuple((row.field, row.column, row.read) for row in ROWS)

PICTURE: Final = "picture"
"""The one field that no column carries: it has calls of its own."""


@cache
def columns(legacy: bool) -> tuple[int, ...]:
    """The columns to read a contact in full."""
    fields = tuple(row.column for row in ROWS if row.since <= 6 or not legacy)
    return (ID, LAST_MODIFIED, PICTURES, PICTURE_URL, *fields)


def fields_of(row: Mapping[int, Any]) -> dict[str, Any]:
    """The fields of a contact, column id → value."""
    fields = {}
    for field, column, read in _READ:
        raw = row.get(column)
        # Most of what a contact could have it has not.
        if raw is not None and (value := read(raw)) is not None:
            fields[field] = value
    return fields


def body_of(fields: Mapping[str, Any], legacy: bool) -> dict[str, Any]:
    """What to write: the named fields only; ``null`` clears. The picture is left to its own call."""
    body = {}
    for field, value in fields.items():
        row = BY_FIELD.get(field)
        if row is not None and (row.since <= 6 or not legacy):
            body[row.name] = None if value is None else row.write(value)
    return body


def differing(fields: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose value is another one than before. A device has one name for the shown and the filing name: when
    it only repeats the one that it was told, neither is new."""
    found = {name: value for name, value in fields.items() if not same(value, before.get(name))}
    told = before.get("display_name") or before.get("file_as")
    if told is not None and fields.get("display_name") == fields.get("file_as") == told:
        found.pop("display_name", None)
        found.pop("file_as", None)
    return found


def display_name(fields: Mapping[str, Any]) -> str:
    """The name that OX shows for a contact without one of its own, ``""`` when nothing gives one."""
    full = " ".join(fields[part] for part in ("first_name", "middle_name", "last_name") if fields.get(part))
    candidates = (
        full,
        fields.get("file_as"),
        fields.get("company"),
        fields.get("email1"),
        fields.get("nickname"),
    )
    return next((str(name) for name in candidates if name), "")


NAMING: Final = frozenset(
    {"file_as", "first_name", "middle_name", "last_name", "company", "email1", "nickname"}
)
"""The fields :func:`display_name` is made of."""
