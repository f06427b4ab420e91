"""What an administrator sees while a run goes on: what, where, how far, how long."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pytest

from tasks import progress
from tasks.progress import Progress, duration, listed

STEPS = {"a": "Begin", "b": "Restart the groupware", "c": "Run the service"}


@dataclass(eq=False)
class Host:
    name: str


@dataclass
class State:
    """What pyinfra tells of a run of three steps, the second of which is for the nodes alone."""

    web: Host = field(default_factory=lambda: Host("web1"))
    nodes: list[Host] = field(default_factory=lambda: [Host("ox1"), Host("ox2")])

    @property
    def hosts(self) -> list[Host]:
        return [self.web, *self.nodes]

    @property
    def inventory(self) -> Any:
        return type("Inventory", (), {"get_active_hosts": lambda _: self.hosts})()

    @property
    def ops(self) -> dict[Host, set[str]]:
        return {host: {"a", "c"} if host is self.web else set(STEPS) for host in self.hosts}

    def get_op_order(self) -> list[str]:
        return list(STEPS)

    def get_op_meta(self, op_hash: str) -> Any:
        return type("Meta", (), {"names": {STEPS[op_hash]}})()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Story:
    """A run that is told step by step."""

    def __init__(self, live: bool) -> None:
        self.clock = Clock()
        self.stream = io.StringIO()
        self.state: Any = State()
        self.told = Progress(self.stream, live, self.clock)

    def host(self, name: str) -> Any:
        return next(host for host in self.state.hosts if host.name == name)

    def start(self, step: str, *names: str) -> None:
        for name in names:
            self.told.operation_host_start(self.state, self.host(name), step)

    def end(self, step: str, *names: str) -> None:
        for name in names:
            self.told.operation_host_success(self.state, self.host(name), step)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.now += 0.5
            self.told.tick()

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def plain() -> Story:
    return Story(live=False)


def test_a_step_that_lasts_is_spoken_of_every_ten_seconds(plain: Story) -> None:
    plain.start("a", "web1", "ox1", "ox2")
    plain.end("a", "web1", "ox1", "ox2")
    plain.start("b", "web1", "ox1", "ox2")
    plain.end("b", "ox1")
    plain.wait(34)
    assert plain.lines[-1] == (
        "    still at it: step 2 of 3: Restart the groupware - 1 of 2 hosts done, at ox2 for 30 s - 30 s in all"
    )
    assert len(plain.lines) == 3


def test_short_steps_do_not_fill_the_screen(plain: Story) -> None:
    for step in "abc":
        plain.start(step, "ox1")
        plain.wait(1)
        plain.end(step, "ox1")
    assert plain.lines == []


def test_a_new_step_is_told_when_nothing_was_for_a_while(plain: Story) -> None:
    plain.start("a", "ox1")
    plain.wait(6)
    plain.end("a", "ox1")
    plain.start("b", "ox1", "ox2")
    assert plain.lines == ["    step 2 of 3, 6 s so far"]


def test_hosts_that_a_step_skips_are_not_waited_for(plain: Story) -> None:
    plain.start("b", "web1", "ox1", "ox2")
    assert "web1" not in plain.told.line()
    assert "0 of 2 hosts done, at ox1, ox2" in plain.told.line()


def test_a_failure_is_the_end_of_a_step_too(plain: Story) -> None:
    plain.start("b", "ox1", "ox2")
    plain.told.operation_host_error(plain.state, plain.host("ox1"), "b")
    assert "at ox2 for" in plain.told.line()
    plain.end("b", "ox2")
    assert plain.told.line() == ""
    assert plain.told.position == "step 2 of 3"


def test_hosts_that_do_not_wait_for_each_other_are_told_by_the_one_that_is_behind(plain: Story) -> None:
    plain.start("c", "ox1")
    plain.start("b", "ox2")
    assert plain.told.line().startswith("step 2 of 3: Restart the groupware - 0 of 2 hosts done, at ox2 for")


def test_what_a_host_is_at_within_a_long_step_is_told(plain: Story) -> None:
    plain.start("b", "ox1", "ox2")
    plain.told.doing("ox2", "waits for ox1")
    assert "(ox2: waits for ox1)" in plain.told.line()
    plain.told.doing("ox2")
    assert "waits" not in plain.told.line()


def test_how_far_the_preparation_is_told(plain: Story) -> None:
    plain.told.prepared(12, 50)
    plain.wait(10)
    assert plain.lines == ["    still at it: preparing: 12 of 50 hosts - 10 s so far"]


def test_on_a_terminal_one_line_is_written_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    story = Story(live=True)
    story.start("b", "ox1", "ox2")
    story.wait(2)
    written = story.stream.getvalue()
    assert "\n" not in written
    shown = [
        line.removeprefix(progress.CLEAR) for line in written.split("\r") if line.removeprefix(progress.CLEAR)
    ]
    assert len(shown) == 4
    assert shown[-1] == "    2/3 Restart the ...: 0/2 done, ox1, ox2 2 s, 2 s in all"
    assert max(map(len, shown)) < 60
    monkeypatch.setenv("COLUMNS", "200")
    assert story.told.short(190) == "2/3 Restart the groupware: 0/2 done, ox1, ox2 2 s, 2 s in all"
    story.told.stop()
    assert story.stream.getvalue().endswith(f"\r{progress.CLEAR}")


def test_a_terminal_that_is_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(live=True)
    story.stream.close()
    story.start("b", "ox1")
    story.wait(20)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0 s"), (59.9, "59 s"), (80, "1 min 20 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_are_told_as_a_person_would(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_of_many_hosts_the_first_are_named() -> None:
    assert listed(f"ox{number}" for number in range(1, 51)) == "ox1, ox2, ox3, ox4 and 46 more"
    assert listed(["ox1", "ox2"]) == "ox1, ox2"
