"""What a server holds of a large draft in memory while it is made, changed or sent: blocks."""

from __future__ import annotations

from hashlib import sha256

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.ox.source import OxSource
from app.usm.content import Upload
from app.usm.model import Body, BodyKind, ContentType, Credentials, Device, FolderRef
from tests.fakes.clock import ManualClock
from tests.ox.canned import BASE, standard
from tests.ox.piped import DIGEST, DRAFTS, FILE, LINES, Piped, files, lines, measured

FOLDER = FolderRef(3, DRAFTS, ContentType.MAIL)


@pytest.fixture
def ox() -> Piped:
    return Piped(standard().answers).on("mail?all", {"data": [["5", 36, 0, "<a@x>"]]})  # type: ignore[return-value]


@pytest.fixture
def source(ox: Piped) -> OxSource:
    provider = OxSourceProvider(OxSettings(BASE), ManualClock(), ox)
    return provider.open(Credentials("anton@example.org", "secret"), Device("EAS", "phone1"))


def test_a_large_draft_is_changed(ox: Piped, source: OxSource) -> None:
    words = {"subject": "new", "body": Body(BodyKind.TEXT, "ge\u00e4ndert")}
    assert measured(lambda: source.update(FOLDER, "5", words, None)).id == "9"
    made = ox.got()
    assert (files(made), made["Subject"]) == ([DIGEST], "new")


def test_a_large_draft_is_sent(ox: Piped, source: OxSource) -> None:
    measured(lambda: source.update(FOLDER, "5", {"send": True}, None))
    (file,) = ox.taken
    assert file.seek(0, 2) > FILE * 4 / 3


def test_a_draft_gets_a_large_file(ox: Piped, source: OxSource) -> None:
    data = b"".join(line * LINES for line in lines())[: 8 * 1024 * 1024]
    fields = {"subject": "x", "add_attachments": (Upload("1", "a.pdf", data, "application/pdf"),)}
    measured(lambda: source.create(FOLDER, fields, "mark1"))
    assert files(ox.got()) == [sha256(data).hexdigest()]
