"""A canned server, and a phone that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.device import Phone
from tests.device.answers import HIERARCHY
from tests.device.canned import CannedServer

Make = Callable[..., Phone]


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with CannedServer() as server:
        yield server


@pytest.fixture
def make(server: CannedServer) -> Iterator[Make]:
    """Makes phones with the arguments of ``Phone`` for the canned server."""
    phones: list[Phone] = []

    def make(login: str = "anton@example.org", **options: object) -> Phone:
        phones.append(Phone(server.url, login, "sëcret", timeout=5, **options))
        return phones[-1]

    yield make
    for phone in phones:
        phone.close()


@pytest.fixture
def phone(make: Make, server: CannedServer) -> Phone:
    """A phone that knows its folders: ``m`` Inbox, ``c`` Contacts, ``p`` Projects."""
    phone = make()
    server.play(HIERARCHY)
    phone.folder_sync()
    server.received.clear()
    return phone
