"""The timetable, with real threads and short times."""

from __future__ import annotations

import threading
import time

from app.notify.timetable import FEW, Timetable
from tests.notify.test_hub import RealClock, wait_until


class Waiting:
    """A timetable and what it called."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.table = Timetable(self.guard, RealClock())
        self.called: list[object] = []

    def at(self, seconds: float, name: object) -> list:
        with self.guard:
            return self.table.at(time.monotonic() + seconds, lambda: self.called.append(name))

    def cancel(self, entry: list) -> None:
        with self.guard:
            self.table.cancel(entry)


def test_calls_come_in_the_order_of_their_moments():
    waiting = Waiting()
    for seconds in (0.09, 0.03, 0.06, -1.0):
        waiting.at(seconds, seconds)
    assert wait_until(lambda: len(waiting.called) == 4)
    assert waiting.called == [-1.0, 0.03, 0.06, 0.09]


def test_what_is_cancelled_is_not_called_and_the_thread_ends_with_the_last():
    waiting, before = Waiting(), threading.active_count()
    entries = [waiting.at(500, number) for number in range(10)]
    assert threading.active_count() == before + 1
    for entry in entries:
        waiting.cancel(entry)
    waiting.cancel(entries[0])
    assert wait_until(lambda: threading.active_count() == before)
    assert waiting.called == []


def test_planning_goes_on_after_the_thread_has_ended():
    waiting = Waiting()
    waiting.cancel(waiting.at(500, "never"))
    waiting.at(0.0, "first")
    assert wait_until(lambda: waiting.called == ["first"])
    waiting.at(0.0, "second")
    assert wait_until(lambda: waiting.called == ["first", "second"])


def test_devices_that_come_and_go_leave_nothing_behind():
    waiting = Waiting()
    stays = waiting.at(500, "stays")
    for _ in range(20 * FEW):
        waiting.cancel(waiting.at(400, "goes"))
    assert len(waiting.table._entries) <= FEW + 2
    soon = waiting.at(0.0, "soon")
    assert wait_until(lambda: waiting.called == ["soon"])
    waiting.cancel(soon)
    waiting.cancel(stays)


def test_a_call_that_fails_does_not_keep_the_others_from_being_made(caplog):
    waiting = Waiting()
    with waiting.guard:
        waiting.table.at(time.monotonic(), lambda: [].pop())
    waiting.at(0.01, "next")
    assert wait_until(lambda: waiting.called == ["next"])
    assert "IndexError" in caplog.text
