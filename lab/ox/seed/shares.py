"""Folders that users of the first context share, and public folders of every context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Bits of a permission: see and read all; also make, and change and delete one's own; also change and delete all.
READER = 1 | 2 << 7
CONTRIBUTOR = 2 | 2 << 7 | 1 << 14 | 1 << 21
EDITOR = 2 | 2 << 7 | 2 << 14 | 2 << 21


@dataclass(frozen=True, slots=True)
class SeedShare:
    """A folder below its owner's default folder. ``allowed``: first name of a user, or name of a group → bits."""

    owner: str
    module: str
    title: str
    allowed: Mapping[str, int]


SHARES = (
    SeedShare("berta", "contacts", "Team", {"anton": READER}),
    SeedShare("berta", "calendar", "Außendienst", {"anton": READER}),
    SeedShare("berta", "contacts", "Kunden", {"anton": EDITOR}),
    SeedShare("berta", "tasks", "Projekt", {"anton": CONTRIBUTOR}),
    SeedShare("caesar", "calendar", "Équipe", {"vertrieb": CONTRIBUTOR}),
)
# Module → title of the public folder.
PUBLIC = {"contacts": "Firmenkontakte", "calendar": "Firmenkalender", "tasks": "Firmenaufgaben"}
