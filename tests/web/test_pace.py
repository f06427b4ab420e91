"""How slowly a body may come, by a clock in the hands of the test."""

from __future__ import annotations

import io

import falcon
import gevent
import pytest
from falcon import testing

from app.web import body, pace
from app.web.body import BodyTooSlow
from app.web.errors import refusal
from app.web.pace import GRACE, LONGEST, RATE, Paced, paced


class Dribble:
    """A body of which each read takes so many seconds."""

    def __init__(self, size: int, seconds: float) -> None:
        self._file = io.BytesIO(b"x\n" * (size // 2))
        self._seconds = seconds
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def read(self, size: int = -1, /) -> bytes:
        self.now += self._seconds
        return self._file.read(size)

    def readline(self, size: int = -1, /) -> bytes:
        self.now += self._seconds
        return self._file.readline(size)


def read_all(dribble: Dribble, block: int) -> int:
    """The bytes that could be read."""
    slow, taken = Paced(dribble, dribble.clock), 0
    while data := slow.read(block):
        taken += len(data)
    return taken


def test_a_slow_line_may_take_its_time() -> None:
    assert read_all(Dribble(1_000_000, 20.0), 65536) == 1_000_000


def test_what_is_read_at_a_time_comes_in_time_at_the_least_pace() -> None:
    """A read ends with its last byte, and counts only then."""
    assert body.BLOCK / RATE < GRACE


@pytest.mark.parametrize(
    ("size", "block", "seconds"), [(100_000, 1, 1.0), (36_000_000, 65536, 60.0), (20, 1, 61.0)]
)
def test_one_that_hardly_comes_is_given_up(size: int, block: int, seconds: float) -> None:
    dribble = Dribble(size, seconds)
    with pytest.raises(BodyTooSlow):
        read_all(dribble, block)
    assert dribble.now - 1000.0 <= LONGEST + seconds


def test_the_time_grows_with_what_is_there() -> None:
    dribble = Dribble(10_000, 0.0)
    slow = Paced(dribble, dribble.clock)
    slow.read(5_000)
    dribble.now += GRACE + 5_000 / RATE - 1
    slow.read(1)
    dribble.now += 2
    with pytest.raises(BodyTooSlow, match="5001 bytes came in 71 seconds"):
        slow.read(1)


def test_a_read_that_never_ends_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Dribble):
        def read(self, size: int = -1, /) -> bytes:
            gevent.sleep(30)
            raise AssertionError

    monkeypatch.setattr(pace, "GRACE", 0.05)
    with pytest.raises(BodyTooSlow):
        Paced(Silent(2, 0.0)).read(2)


def test_lines_count_as_well() -> None:
    lines = Paced(Dribble(20, 1.0))
    assert lines.readline() == b"x\n"
    assert next(iter(lines)) == b"x\n"
    assert lines.readlines() == [b"x\n"] * 8
    dribble = Dribble(10_000, 5.0)
    with pytest.raises(BodyTooSlow):
        Paced(dribble, dribble.clock).readlines()


@pytest.mark.parametrize(
    ("environ", "is_bounded"),
    [
        ({"CONTENT_LENGTH": "5"}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
        ({"CONTENT_LENGTH": "0"}, False),
        ({"CONTENT_LENGTH": ""}, False),
        ({}, False),
    ],
)
def test_only_a_request_with_a_body_is_watched(environ: dict[str, object], is_bounded: bool) -> None:
    environ["wsgi.input"] = io.BytesIO(b"")
    paced(environ)
    assert isinstance(environ["wsgi.input"], Paced) is is_bounded


def test_who_is_given_up_hears_408_and_the_end_of_the_connection() -> None:
    dribble = Dribble(100, 61.0)
    environ = testing.create_environ("/", method="POST", headers={"Content-Length": "100"})
    environ["wsgi.input"] = Paced(dribble, dribble.clock)
    environ["wsgi.input"].read(1)
    with pytest.raises(BodyTooSlow) as caught:
        body.read(falcon.Request(environ), 1000)
    told = refusal(caught.value)
    assert (told.status, told.headers["Connection"]) == (408, "close")
