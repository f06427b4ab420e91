"""Where an appointment takes place: one text up to 14.1, from 16.0 on Location with its parts (MS-ASAIRS 2.2.2.28)."""

from __future__ import annotations

import pytest

from app.eas.versions import ADVERTISED, Version
from tests.eas.calendars import CALENDAR, MEETING, calendar_phone
from tests.eas.phone import Phone, plain

PARTS = (
    ("DisplayName", "Office"),
    ("Annotation", "Ask at the desk"),
    ("Street", "Main Street 1"),
    ("City", "Dortmund"),
    ("State", "NRW"),
    ("Country", "Germany"),
    ("PostalCode", "44135"),
    ("Latitude", "51.5136"),
    ("Longitude", "7.4653"),
    ("Accuracy", "10.5"),
    ("Altitude", "-86.25"),
    ("AltitudeAccuracy", "3"),
    ("LocationUri", "https://example.org/office"),
)
PLACES = [version for version in ADVERTISED if version >= Version.V16_0]


def holding(version: Version) -> tuple[Phone, str]:
    """A phone with the meeting, and its id in the source."""
    phone = calendar_phone(version)
    item = phone.world.source.put(CALENDAR, {**MEETING, "organized": True})
    phone.sync(CALENDAR)
    return phone, item


def place(phone: Phone, item: str, *parts: object) -> str | None:
    """What is kept after the device sent this Location."""
    data = ("ApplicationData", ("AirSyncBase:Location", *parts))
    reply = phone.commands(CALENDAR, ("Change", ("ServerId", f"{phone.number(CALENDAR)}:{item}"), data))
    assert not reply.all("AirSync:Responses")
    found: str | None = phone.world.source.items[CALENDAR][item].fields.get("location")
    return found


@pytest.mark.requirement("MS-ASAIRS", 1001013)
@pytest.mark.parametrize("version", PLACES)
def test_a_place_with_all_its_parts_is_kept_as_one_line_and_taken_off(version: Version) -> None:
    phone, item = holding(version)
    kept = place(phone, item, *PARTS)
    assert kept is not None
    assert kept.startswith("Office, Main Street 1")
    assert all(name in kept for name in ("Dortmund", "44135", "Germany"))
    assert place(phone, item) is None
    assert place(phone, item, ("DisplayName", "Café")) == "Café"


@pytest.mark.requirement("MS-ASAIRS", 1363, 1364, 1365)
@pytest.mark.parametrize("version", ADVERTISED)
def test_the_name_of_a_place_is_a_part_from_16_0_on(version: Version) -> None:
    phone = calendar_phone(version)
    phone.world.source.put(CALENDAR, MEETING)
    reply = phone.sync(CALENDAR)
    if version >= Version.V16_0:
        assert plain(reply.one("AirSyncBase:Location")) == [("DisplayName", MEETING["location"])]
    else:
        assert reply.text("Calendar:Location") == MEETING["location"]
        assert not reply.all("AirSyncBase:Location")
