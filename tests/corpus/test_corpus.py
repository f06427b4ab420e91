"""Nasty mails, calendars and cards on the whole way: delivered into OX, through the application, onto phones of every
version. Every answer is decoded by the phone's codec and held against the schemas (which also refuse what XML cannot
carry); no message may stop those behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from app.eas.versions import Version
from app.wbxml import Element
from tests.corpus.archives import CALENDAR, CARD, MAIL, Sample, samples
from tests.end_to_end.stack import Stack, message

INBOX = 2
LAST = "the last of all"
PLAIN, HTML, MIME = 1, 2, 4
FORMS = (
    (Version.V12_1, PLAIN),
    (Version.V14_0, HTML),
    (Version.V14_1, MIME),
    (Version.V16_0, PLAIN),
    (Version.V16_1, HTML),
)
"""Every version, and every form of a body."""


@pytest.fixture(scope="module")
def corpus() -> list[Sample]:
    return list(samples())


def as_message(sample: Sample) -> bytes:
    """The sample as it comes by mail: a calendar as an invitation has it, a card as a file."""
    if sample.kind == MAIL:
        return sample.data
    outer = EmailMessage()
    outer["From"] = "zoe@example.com"
    outer["To"] = "anton@example.org"
    outer["Subject"] = sample.origin
    outer.set_content("see below")
    if sample.kind == CALENDAR:
        outer.add_alternative(
            b"", maintype="text", subtype="calendar", params={"method": "REQUEST", "charset": "utf-8"}
        )
    else:
        outer.add_attachment(b"", maintype="text", subtype="vcard", filename="card.vcf")
    outer.set_boundary("corpus")
    part = list(outer.walk())[-1]
    part.replace_header("Content-Transfer-Encoding", "8bit")
    # As it is, whatever it is: no library may put it right.
    head, _, tail = outer.as_bytes().rpartition(b"\n\n\n--")
    return head + b"\n\n" + sample.data.rstrip(b"\n") + b"\n\n--" + tail


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, corpus: list[Sample]) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("corpus"), seed="empty")
    try:
        stack.start()
        for number, sample in enumerate(corpus):
            # The mail server's time, not the header's: the order is that of the corpus.
            received = str(1_700_000_000_000 + number * 60_000)
            stack.control(
                "POST",
                "deliver",
                data=as_message(sample),
                params={"login": "anton@example.org", "received": received},
            )
        stack.browser().deliver(message(LAST))
        yield stack
    finally:
        stack.stop()


def test_the_corpus_is_large_enough(corpus: list[Sample]) -> None:
    kinds = Counter(sample.kind for sample in corpus)
    assert kinds[MAIL] >= 50
    assert kinds[CALENDAR] >= 100
    assert kinds[CARD] >= 20
    assert len({sample.data for sample in corpus}) >= 200


def test_samples_travel_as_they_are(corpus: list[Sample]) -> None:
    for sample in corpus:
        assert sample.data.strip() in as_message(sample)


@pytest.mark.parametrize(("version", "form"), FORMS, ids=lambda value: getattr(value, "text", str(value)))
def test_every_message_reaches_a_phone(
    filled: Stack, corpus: list[Sample], version: Version, form: int
) -> None:
    before = len(filled.app.text())
    phone = filled.phone("anton", version=version.text, device_id=f"corpus{version}{form}")
    phone.provision()
    phone.folder_sync()
    inbox = phone.folder_of_type(INBOX).server_id
    options = {"body_type": form, "mime_support": 2 if form == MIME else None}
    phone.sync_all(inbox, **options)
    items = phone.items(inbox)
    subjects = [item.text_of("Email:Subject") for item in items.values()]
    assert LAST in subjects
    assert len(items) == len(corpus) + 1
    assert not phone.sync(inbox).from_server, "something comes twice"
    assert phone.anomalies == []
    written = filled.app.text()[before:]
    assert "Traceback" not in written
    for item in items.values():
        check(item)
    if form == MIME:
        came = {with_lf(data) for item in items.values() if isinstance(data := mime_of(item), bytes)}
        assert {with_lf(as_message(sample)) for sample in corpus} <= came
    phone.close()


def with_lf(data: bytes) -> bytes:
    """A message whatever line ends it travelled with."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n")


def mime_of(item: Element) -> bytes | str | None:
    body = item.find("AirSyncBase:Body")
    data = None if body is None else body.find("AirSyncBase:Data")
    return None if data is None else data.value


def check(item: Element) -> None:
    """What every message must have, however broken it is."""
    assert item.text_of("Email:From")
    assert item.text_of("Email:DateReceived")
    body = item.find("AirSyncBase:Body")
    assert body is not None
    assert int(body.text_of("AirSyncBase:EstimatedDataSize") or -1) >= 0
    attachments = item.find("AirSyncBase:Attachments")
    for attachment in attachments or ():
        assert attachment.text_of("AirSyncBase:FileReference")
        assert attachment.text_of("AirSyncBase:DisplayName")
