"""Documents that users have."""

from __future__ import annotations

from dataclasses import dataclass

from lab.ox.seed import images
from lab.ox.seed.people import Person


@dataclass(frozen=True, slots=True)
class SeedDocument:
    """A file and the contents of its versions, the oldest first."""

    filename: str
    content_type: str
    versions: tuple[bytes, ...]


def default_folder(person: Person) -> list[SeedDocument]:
    """What lies in the default folder of a user, nothing for one who has no data."""
    if person.amount == "empty":
        return []
    letter = f"Files of {person.display_name}.\n".encode()
    return [
        SeedDocument("Welcome.txt", "text/plain", (b"Draft\n", letter)),
        SeedDocument("Übersicht 100%.gif", "image/gif", (images.GIF,)),
    ]
