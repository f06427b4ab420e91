"""A source on prepared answers: what the modules of ``app.ox`` do with an OX that behaves unusually."""

from __future__ import annotations

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.model import ContentType, Credentials, Device, FolderRef
from tests.fakes.clock import ManualClock
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
