"""Contacts of a user: a few that were made by hand to be difficult, the others put together at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from lab.ox.columns.contacts import CONTACT_COLUMNS
from lab.ox.seed import images, words
from lab.ox.seed.people import DOMAIN, Person
from lab.ox.zones import DAY_MS

# Amount → contacts in the default folder.
COUNTS = {"small": 110, "large": 200, "light": 10, "empty": 0}
SUBFOLDER = "Geschäftlich"
SUBFOLDER_COUNT = 10


@dataclass(frozen=True, slots=True)
class SeedContact:
    """One contact: its fields by JSON name, and its picture."""

    fields: dict[str, Any]
    image: bytes | None = None


def default_folder(person: Person) -> list[SeedContact]:
    """What lies in the default folder."""
    random = Random(f"contacts of {person.name if person.amount != 'light' else 'light'}")
    count = COUNTS[person.amount]
    special = _special(random)[:count]
    return special + [_ordinary(random, number) for number in range(len(special), count)]


def subfolder(person: Person) -> list[SeedContact]:
    """What lies in the user's own folder below the default one."""
    if person.amount not in ("small", "large"):
        return []
    random = Random(f"business contacts of {person.name}")
    return [_ordinary(random, 500 + number) for number in range(SUBFOLDER_COUNT)]


def team(random_name: str, count: int = 8) -> list[SeedContact]:
    """Contacts of a shared or public folder."""
    random = Random(random_name)
    return [_ordinary(random, 800 + number) for number in range(count)]


def of_user(person: Person, aliases: Sequence[str]) -> SeedContact:
    """The user's own entry in the global address book."""
    fields = {
        "display_name": person.display_name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email1": person.login,
        "department": "Lab",
        "company": "Example GmbH",
        "telephone_business1": f"+49 30 555-{1000 + len(person.name) * 7}",
        **({"email2": aliases[0]} if aliases else {}),
    }
    picture = images.png(Random(person.name)) if person.name in ("anton", "dora") else None
    return SeedContact(fields, picture)


def _date(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


def _ordinary(random: Random, number: int) -> SeedContact:
    first, last = words.person(random)
    address = (
        f"{words.ascii_only(first)}.{words.ascii_only(last)}{number}@{random.choice(('example.com', DOMAIN))}"
    )
    fields: dict[str, Any] = {
        "display_name": f"{last}, {first}",
        "first_name": first,
        "last_name": last,
        "email1": address,
        "telephone_business1": f"+49 {random.randint(30, 999)} {random.randint(10000, 9999999)}",
    }
    optional: dict[str, Any] = {
        "cellular_telephone1": f"+49 17{random.randint(0, 9)} {random.randint(1000000, 9999999)}",
        "telephone_home1": f"0{random.randint(200, 999)}/{random.randint(1000, 999999)}",
        "company": random.choice(words.COMPANIES),
        "position": random.choice(("Geschäftsführerin", "Engineer", "Vorstand", "")),
        "street_business": f"{random.choice(words.STREETS)} {random.randint(1, 200)}",
        "postal_code_business": f"{random.randint(1000, 99999):05d}",
        "city_business": random.choice(words.CITIES),
        "country_business": random.choice(words.COUNTRIES),
        "street_home": f"{random.choice(words.STREETS)} {random.randint(1, 99)}\n3. Stock",
        "city_home": random.choice(words.CITIES),
        "birthday": random.randrange(_date(1930, 1, 1), _date(2010, 1, 1)) // DAY_MS * DAY_MS,
        "email2": f"privat.{address}",
        "url": f"https://www.example.com/~{words.ascii_only(last)}",
        "note": words.sentences(random, random.randint(1, 6)),
        "categories": ", ".join(random.sample(("Freunde", "Kunden", "VIP", "Familie", "Lieferanten"), 2)),
        "nickname": first[:3],
    }
    for name, value in optional.items():
        if value and random.random() < 0.5:
            fields[name] = value
    image = images.png(random) if number % 25 == 3 else None
    return SeedContact(fields, image)


def _special(random: Random) -> list[SeedContact]:
    everything: dict[str, Any] = {
        column.name: f"{column.name} ü{column.number}"[: column.size or 64]
        for column in CONTACT_COLUMNS
        if column.kind == "text" and column.writable and column.name not in ("uid", "categories", "file_as")
    }
    everything |= {
        "display_name": "Alles, Gesetzt",
        "first_name": "Gesetzt",
        "last_name": "Alles",
        "email1": "alles.eins@example.com",
        "email2": "alles.zwei@example.com",
        "email3": "alles.drei@example.com",
        "url": "https://www.example.com/alles",
        "categories": "Eins, Zwei, Drei",
        "birthday": _date(1980, 2, 29),
        "anniversary": _date(2004, 12, 31),
        "default_address": 1,
        "color_label": 3,
    }
    members = [
        {"mail": f"mitglied{number}@example.com", "display_name": f"Mitglied {number}", "mail_field": 0}
        for number in range(1, 6)
    ]
    return [
        SeedContact(everything, images.png(random, 64)),
        SeedContact({"display_name": "Nur Anzeigename"}),
        SeedContact({"email1": "nur.adresse@example.com"}),
        SeedContact({"company": "Nur Firma & Co. <KG>"}),
        SeedContact({"last_name": "Ohne-Vornamen", "telephone_home1": "0000"}),
        SeedContact({"display_name": "Lange Notiz", "last_name": "Notiz", "note": _long_note(random)}),
        SeedContact({"display_name": "Alt, Sehr", "last_name": "Alt", "birthday": _date(1900, 1, 1)}),
        SeedContact({"display_name": "Neujahr", "last_name": "Neujahr", "birthday": _date(1970, 1, 1)}),
        SeedContact({"display_name": "Verteiler Eins", "distribution_list": members}),
        SeedContact({"display_name": "Verteiler Zwei", "distribution_list": members[:1]}),
        SeedContact({"display_name": "Privat", "last_name": "Privat", "private_flag": True}),
        SeedContact({"display_name": "Bild Groß", "last_name": "Groß"}, images.png(random, 160, noise=True)),
        SeedContact({"display_name": "Bild Klein", "last_name": "Klein"}, images.GIF),
        SeedContact(
            {"display_name": 'Tab\tund <Klammern> & "Zeichen"', "last_name": "Tab", "note": "a\r\nb\n\n\tc"}
        ),
        SeedContact({"display_name": "X" * 320, "last_name": "Lang"}),
    ]


def _long_note(random: Random) -> str:
    return words.paragraphs(random, 120)[:30_000]
