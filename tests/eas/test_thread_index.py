"""Answers and forwards have their place in Outlook's conversations (MS-ASCON 2.2.2.4)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.eas import compose, original, thread_index
from app.eas.original import Original
from app.ox.mapping import conversation
from app.usm.letters import parsed

BEGAN = datetime(2026, 1, 15, 9, tzinfo=UTC)
DATE = format_datetime(BEGAN)
HEADER = b"\1" + bytes((0xDC, 0x86, 1, 2, 3)) + b"0123456789abcdef"


def blocks(index: str | None) -> tuple[bytes, list[bytes]]:
    """Its header, and its answers."""
    data = base64.b64decode(index or "", validate=True)
    return data[:22], [data[start : start + 5] for start in range(22, len(data), 5)]


def later(**apart: int) -> str:
    return format_datetime(BEGAN + timedelta(**apart))


@pytest.mark.requirement("MS-ASCON", 87, 88)
@pytest.mark.parametrize("make", [compose.answered, compose.forwarded])
def test_each_answer_and_forward_adds_its_time(make: Callable[[bytes, Original], bytes]) -> None:
    message = f"Date: {DATE}\r\nMessage-ID: <a@example.org>\r\nSubject: Plan\r\n\r\nHello\r\n".encode()
    found = []
    for hour in (1, 2, 3):
        written = (
            f"To: b@example.org\r\nDate: {later(hours=hour)}\r\nSubject: Re: Plan\r\n\r\nYes\r\n".encode()
        )
        message = make(written, original.of_mime(message))
        found.append(str(parsed(message)["Thread-Index"]))
        message = f"Message-ID: <{hour}@example.org>\r\n".encode() + message
    places = [conversation.index(each, None) for each in found]
    assert [len(place or b"") for place in places] == [10, 15, 20]
    assert all(place is not None and place[:5] == conversation.index(None, BEGAN) for place in places)
    assert [(place or b"")[:10] for place in places] == [places[0]] * 3
    assert sorted(places, key=lambda place: place or b"") == places


def test_the_conversation_of_outlook_goes_on() -> None:
    given = base64.b64encode(HEADER + b"first").decode()
    header, answers = blocks(thread_index.answer(f"{given[:9]}\r\n {given[9:]}", DATE, "<a@x>", DATE))
    assert header == HEADER
    assert (answers[0], len(answers)) == (b"first", 2)


@pytest.mark.parametrize(
    ("apart", "high", "ticks"),
    [({"days": 600}, 0, 1 << 18), ({"days": 700}, 1 << 31, 1 << 23), ({"days": -1}, 0, 1)],
)
def test_how_long_after_the_beginning(apart: dict[str, int], high: int, ticks: int) -> None:
    _, [block] = blocks(thread_index.answer("", DATE, "<a@x>", later(**apart)))
    delta = int.from_bytes(block[:4], "big")
    assert delta & 1 << 31 == high
    seconds = (delta & (1 << 31) - 1) * ticks / 10_000_000
    assert seconds == pytest.approx(max(0, apart["days"]) * 86400, abs=1)


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Jan 2026 10:00:00 +0100"])
def test_without_a_beginning_there_is_none(date: str) -> None:
    assert thread_index.answer("", date, "<a@x>", DATE) is None
    assert thread_index.answer("AAAA", DATE, "", DATE) is None
    _, [block] = blocks(thread_index.answer("", DATE, "<a@x>", date))
    assert block == bytes(5)


def test_a_date_of_no_zone_is_utc() -> None:
    assert thread_index.answer("", "Thu, 15 Jan 2026 09:00:00 -0000", "<a@x>", DATE) == thread_index.answer(
        "", DATE, "<a@x>", DATE
    )


def test_no_conversation_is_endless() -> None:
    full = base64.b64encode(HEADER + bytes(1000)).decode()
    assert thread_index.answer(full, DATE, "<a@x>", DATE) is None


def test_a_phone_that_names_the_place_itself_is_believed() -> None:
    what = original.of_mime(f"Date: {DATE}\r\nMessage-ID: <a@x>\r\n\r\nHello\r\n".encode())
    made = compose.answered(b"To: b@example.org\r\nThread-Index: mine\r\n\r\nYes\r\n", what)
    assert parsed(bytes(made)).get_all("Thread-Index") == ["mine"]


@pytest.mark.parametrize("odd", ["no base64!", "AAAA", base64.b64encode(HEADER + b"12").decode()])
def test_an_index_that_is_none_counts_for_nothing(odd: str) -> None:
    assert thread_index.answer(odd, DATE, "<a@x>", DATE) == thread_index.answer("", DATE, "<a@x>", DATE)
