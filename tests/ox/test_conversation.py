"""Which conversation a message belongs to (``app.ox.mapping.conversation``)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from app.ox.mapping import conversation

SENT = datetime(2024, 2, 29, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message_id", "references", "answers", "name"),
    [
        ("<a@x>", None, None, "<a@x>"),
        ("<b@x>", "<a@x>", "<a@x>", "<a@x>"),
        ("<c@x>", "<a@x>\r\n\t<b@x>", "<b@x>", "<a@x>"),
        ("<b@x>", None, "<a@x> (Anton's message)", "<a@x>"),
        ("<b@x>", "nonsense", "", "<b@x>"),
        ("no brackets", None, None, None),
        (None, None, None, None),
    ],
)
def test_the_first_message_names_the_conversation(message_id, references, answers, name):
    assert conversation.name(message_id, references, answers) == name


@pytest.mark.requirement("MS-ASCON", 90, 97)
@pytest.mark.requirement("MS-ASCON", 81, 93, 95, 304, 308, 309)
def test_an_index_is_the_time_of_the_message():
    data = conversation.index(None, SENT)
    ticks = int.from_bytes(data + b"\0\0", "big") | 1 << 56
    assert len(data) == 5
    assert abs(ticks / 10_000_000 - (SENT - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) < 0.01


@pytest.mark.requirement("MS-ASEMAIL", 352, 1054)
@pytest.mark.requirement("MS-ASCON", 92, 305, 306, 307, 400)
def test_an_index_of_outlook_keeps_its_answers():
    header = bytes([1, 0xD9, 1, 2, 3, 4]) + bytes(16)
    text = base64.b64encode(header + b"first" + b"secnd").decode()
    assert (
        conversation.index(f"{text[:20]}\r\n {text[20:]}", SENT) == bytes([0xD9, 1, 2, 3, 4]) + b"firstsecnd"
    )


@pytest.mark.parametrize("text", ["", "short", "AQID", base64.b64encode(bytes(24)).decode(), "ä"])
def test_an_index_that_is_none_counts_for_nothing(text):
    assert conversation.index(text, SENT) == conversation.index(None, SENT)
    assert conversation.index(text, None) is None


def test_an_endless_index_is_cut():
    text = base64.b64encode(bytes(22) + bytes(5 * 5000)).decode()
    assert len(conversation.index(text, SENT)) == 5 + 5 * conversation.MOST_LEVELS
