"""Clients that need something of their own, as data. No other part of the protocol knows any client by name.

A row is a pattern of what a device calls its make (DeviceType) or its system (OS in DeviceInformation), and the quirks
that such a client has. What is done for every client alike needs no row; ``docs/clients.md`` lists both.
Whom the administrator exempts from the policy or counts as restless is settings (:mod:`app.eas.admission_rules`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Quirk(Enum):
    """What a client does otherwise than the standard says; the numbers are those of ``docs/clients.md``."""

    EMPTY_PICTURES = 26
    """It sends an empty Picture after any edit of a contact, which takes none away."""
    SILENT_REPLIES = 38
    """It leaves the mail to the organizer to its server, in every version."""


@dataclass(frozen=True, slots=True)
class Client:
    """``since``: the first release of the system that has the quirks, as ``system`` finds its numbers."""

    quirks: frozenset[Quirk]
    device_type: str = ""
    system: str = ""
    since: tuple[int, ...] = ()

    def fits(self, device_type: str, system: str) -> bool:
        """Whether a device is such a client."""
        if self.device_type and not re.match(self.device_type, device_type, re.IGNORECASE):
            return False
        if not self.system:
            return True
        found = re.match(self.system, system, re.IGNORECASE)
        return found is not None and tuple(map(int, found.groups())) >= self.since


CLIENTS: Final = (
    Client(frozenset((Quirk.EMPTY_PICTURES,)), device_type=r"iphone|ipad|ipod"),
    Client(frozenset((Quirk.SILENT_REPLIES,)), system=r"iOS (\d{1,4})\.(\d{1,4})", since=(12, 4)),
)


def quirks(device_type: str, system: str = "") -> frozenset[Quirk]:
    """The quirks of a device. ``system``: OS of its DeviceInformation, ``""`` where that is not known."""
    return frozenset(_all(device_type, system))


def _all(device_type: str, system: str) -> Iterator[Quirk]:
    for client in CLIENTS:
        if client.fits(device_type, system):
            yield from client.quirks
