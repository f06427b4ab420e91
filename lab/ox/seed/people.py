"""Who there is: contexts, named users, and as many numbered ones as wanted."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "example.org"
PASSWORD = "secret"
SEEDS = ("small", "large", "empty")


@dataclass(frozen=True, slots=True)
class SeedContext:
    """One context. ``mail_prefix``: what stands before the names of the standard mail folders."""

    cid: int
    name: str
    schema: str
    mail_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """One user to be made. ``amount``: how much data: small, large, light or empty."""

    name: str
    cid: int
    first_name: str
    last_name: str
    language: str
    timezone: str
    amount: str = "small"
    synchronises: bool = True

    @property
    def login(self) -> str:
        """The login, which is the mail address too."""
        return f"{self.name}@{DOMAIN}"

    @property
    def display_name(self) -> str:
        """The full name."""
        return f"{self.first_name} {self.last_name}"


CONTEXTS = (
    SeedContext(1, "first", "oxdatabase_5"),
    SeedContext(2, "second", "oxdatabase_6"),
    SeedContext(3, "third", "oxdatabase_6", "INBOX/"),
)
_NAMED = (
    Person("anton", 1, "Anton", "Albers", "de_DE", "Europe/Berlin"),
    Person("berta", 1, "Berta", "Björnsen", "en_US", "America/New_York"),
    Person("caesar", 1, "Cäsar", "Çelik", "fr_FR", "Europe/Paris"),
    Person("nora", 1, "Nora", "Nørgaard", "en_GB", "Europe/London", synchronises=False),
    Person("dora", 2, "Dora", "Dvořák", "de_AT", "Europe/Vienna"),
    Person("emil", 2, "Emil", "Ebert", "ja_JP", "Asia/Tokyo"),
    Person("friedrich", 2, "Friedrich", "Fuß", "de_DE", "Europe/Berlin"),
    Person("gustav", 3, "Gustav", "Gärtner", "de_DE", "UTC"),
    Person("heinrich", 3, "Heinrich", "Hölderlin", "en_AU", "Australia/Sydney"),
)


def people(seed: str = "small", users: int = 0) -> list[Person]:
    """The users of a seed: the named ones, and numbered ones until there are ``users`` in all."""
    if seed not in SEEDS:
        raise ValueError(f"unknown seed {seed!r}: one of {', '.join(SEEDS)}")
    named = [_with_amount(person, seed) for person in _NAMED]
    numbered = [
        Person(
            f"user{number:04d}",
            1 + (number - 1) % 2,
            "User",
            f"{number:04d}",
            "en_US",
            "Europe/Berlin",
            "empty" if seed == "empty" else "light",
        )
        for number in range(1, users - len(named) + 1)
    ]
    return named + numbered


def _with_amount(person: Person, seed: str) -> Person:
    amount = "small" if seed == "large" and person.name != "anton" else seed
    return Person(
        person.name,
        person.cid,
        person.first_name,
        person.last_name,
        person.language,
        person.timezone,
        amount,
        person.synchronises,
    )
