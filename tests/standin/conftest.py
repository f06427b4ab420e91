"""A stand-in of each generation for the whole run, started when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lab.ox.generation import GENERATIONS
from lab.ox.process import StandIn
from tests.mariadb import MariaDbServer
from tests.standin.client import Client, Server

_REAL = os.environ.get("OX_URL", "")
_GENERATIONS = [int(os.environ.get("OX_GENERATION", "7"))] if _REAL else sorted(GENERATIONS)


@contextmanager
def several() -> Iterator[Callable[[int], StandIn]]:
    """Generation → a stand-in with the small seed, started when it is asked for first."""
    running: dict[int, StandIn] = {}
    with ExitStack() as stack:

        def of(generation: int) -> StandIn:
            if generation not in running:
                options = ["--max-rate", "400"]
                running[generation] = stack.enter_context(StandIn(generation=generation, options=options))
            return running[generation]

        yield of


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[Callable[[int], StandIn]]:
    """Stand-ins that all tests of the session write to."""
    with several() as of:
        yield of


@pytest.fixture(scope="session", params=_GENERATIONS, ids=lambda generation: f"generation{generation}")
def server(request: pytest.FixtureRequest) -> Server:
    """The server under test: a real one if the environment names one, else the stand-in."""
    if _REAL:
        return Server(_REAL, os.environ["OX_LOGIN"], os.environ["OX_PASSWORD"], request.param)
    stand_in: StandIn = request.getfixturevalue("stand_ins")(request.param)
    return Server(stand_in.url, "anton@example.org", stand_in.password, request.param, stand_in.root)


@pytest.fixture(scope="module")
def maria() -> Iterator[MariaDbServer]:
    """A MariaDB of the module's own."""
    with MariaDbServer() as server:
        yield server


@pytest.fixture
def ox(server: Server) -> Iterator[Client]:
    """A session of the user under test."""
    client = server.client()
    assert client.session, client.answer
    yield client
    client.send("GET", "login", "logout")


@pytest.fixture
def seeded(server: Server) -> None:
    """Only the stand-in holds what the test looks for."""
    if not server.root:
        pytest.skip("a real server does not hold the seed")


@pytest.fixture
def berta(server: Server, seeded: None) -> Iterator[Client]:
    """A session of another user of the context."""
    client = server.client("berta@example.org")
    yield client
    client.send("GET", "login", "logout")


@pytest.fixture
def contacts(ox: Client) -> Iterator[str]:
    """An empty folder of contacts, gone afterwards."""
    parent = str(ox.config("folder/contacts"))
    body = {"title": "Contract contacts", "module": "contacts"}
    made = ox.put("folders", "new", body, folder_id=parent, tree=0)
    assert "error" not in made, made
    yield str(made["data"])
    ox.put("folders", "delete", [str(made["data"])], timestamp=2**62, tree=0)


@pytest.fixture
def mailbox(ox: Client) -> Iterator[str]:
    """An empty mail folder, gone afterwards."""
    body = {"title": "Contract mails", "module": "mail"}
    made = ox.put("folders", "new", body, folder_id="default0/INBOX", tree=0)
    assert "error" not in made, made
    yield str(made["data"])
    ox.put("folders", "delete", [str(made["data"])], tree=0, hardDelete="true")
