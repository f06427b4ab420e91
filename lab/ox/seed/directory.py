"""Groups and resources that each context has besides what the server makes itself."""

from __future__ import annotations

from dataclasses import dataclass

from lab.ox.seed.people import DOMAIN


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """A group and the first names of its members; there where at least one of them is."""

    name: str
    display_name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeedResource:
    """A thing that can be booked."""

    name: str
    display_name: str
    description: str

    def address(self, cid: int) -> str:
        """Its mail address, which no resource of another context has."""
        return f"{self.name}{cid}@{DOMAIN}"


GROUPS = (
    SeedGroup("vertrieb", "Vertrieb", ("anton", "berta", "dora", "emil")),
    SeedGroup("leitung", "Geschäftsleitung", ("caesar", "friedrich", "gustav")),
)
RESOURCES = (
    SeedResource("raum", "Besprechungsraum Elbe", "Zweiter Stock, 12 Plätze"),
    SeedResource("beamer", "Beamer", "Beim Empfang abzuholen"),
)
