"""Dates, Times and Timestamps (http-api section 1.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.standin.client import Client

_BERLIN = ZoneInfo("Europe/Berlin")


def _offset(moment: int, zone: ZoneInfo) -> int:
    shift = datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).utcoffset()
    assert shift is not None
    return int(shift.total_seconds() * 1000)


def _new(ox: Client, folder: str, **fields: object) -> tuple[int, int]:
    made = ox.put("contacts", "new", {"folder_id": folder, "last_name": "Times", **fields})
    return made["data"]["id"], made["timestamp"]


def test_a_time_is_shifted_by_the_zone_that_is_asked_for(ox: Client, contacts: str) -> None:
    _, stamp = _new(ox, contacts)
    for name in ("UTC", "Europe/Berlin", "Asia/Tokyo"):
        row = ox.get("contacts", "all", folder=contacts, columns="5,6", timezone=name)["data"][0]
        assert row == [stamp + _offset(stamp, ZoneInfo(name)), stamp]


def test_without_a_zone_it_is_the_users_own(ox: Client, contacts: str) -> None:
    _, stamp = _new(ox, contacts)
    own = ZoneInfo(ox.config("timezone"))
    assert ox.get("contacts", "all", folder=contacts, columns="5")["data"] == [[stamp + _offset(stamp, own)]]


def test_a_date_is_never_shifted(ox: Client, contacts: str) -> None:
    birthday = 951_782_400_000  # 29 February 2000
    identity, _ = _new(ox, contacts, birthday=birthday)
    for name in ("UTC", "Asia/Tokyo", "America/New_York"):
        shown = ox.get("contacts", "get", id=identity, folder=contacts, timezone=name)["data"]
        assert shown["birthday"] == birthday


def test_a_date_before_1970_is_negative(ox: Client, contacts: str) -> None:
    identity, _ = _new(ox, contacts, birthday=-86_400_000)
    assert ox.get("contacts", "get", id=identity, folder=contacts)["data"]["birthday"] == -86_400_000


def test_summer_and_winter_have_their_own_offsets(ox: Client, mailbox: str) -> None:
    for month, wanted in ((1, 3_600_000), (7, 7_200_000)):
        mail = f"From: a@example.com\r\nDate: 15 {'Jan' if month == 1 else 'Jul'} 2024 12:00:00 +0000\r\n\r\nText\r\n"
        made = ox.put("mail", "new", mail.encode(), folder=mailbox)["data"]
        utc = ox.put("mail", "list", [{"folder": mailbox, "id": made["id"]}], columns="609", timezone="UTC")
        local = ox.put(
            "mail", "list", [{"folder": mailbox, "id": made["id"]}], columns="609", timezone="Europe/Berlin"
        )
        assert local["data"][0][0] - utc["data"][0][0] == wanted


def test_an_unknown_zone_is_an_error(ox: Client, contacts: str) -> None:
    _new(ox, contacts)
    assert "error" in ox.get("contacts", "all", folder=contacts, columns="5", timezone="Atlantis/Capital")
