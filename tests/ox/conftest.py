"""A source on prepared answers: what the modules of ``app.ox`` do with an OX that behaves unusually."""

from __future__ import annotations

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.ox.transport import Transport
from app.usm.model import ContentType, Credentials, Device, FolderRef
from tests.fakes.clock import ManualClock
from tests.ox import api_index
from tests.ox.canned import BASE, standard

INBOX = FolderRef(1, "default0/INBOX", ContentType.MAIL)
CONTACTS = FolderRef(2, "31", ContentType.CONTACTS)


@pytest.fixture
def canned():
    """The OX of one user, ready to be told more answers."""
    return standard()


@pytest.fixture
def canned_source(canned):
    """Opens the user's source; the calls of the login are not counted in ``canned.calls``."""
    provider = OxSourceProvider(OxSettings(BASE, mails_per_call=10), ManualClock(), canned)

    def open_source():
        source = provider.open(Credentials("anton@example.org", "secret"), Device("EAS", "phone1"))
        canned.calls.clear()
        return source

    return open_source


OF_THE_CLIENT = ("test_client", "test_meter", "test_transport")
"""Tests of the client alone ask what comes to their mind."""


@pytest.fixture(autouse=True)
def _as_indexed(request, monkeypatch):
    """Whatever a test lets the application ask of OX must be in the index of OX's API."""
    if not api_index.available() or request.module.__name__.rpartition(".")[2] in OF_THE_CLIENT:
        yield
        return
    made = set()
    receive = Transport.receive

    def recorded(self, call, cookies, take):
        made.update(api_index.calls_of(call))
        return receive(self, call, cookies, take)

    monkeypatch.setattr(Transport, "receive", recorded)
    yield
    assert api_index.faults(made) == []
