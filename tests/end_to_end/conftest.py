"""One running stack for the tests that leave it running, and phones with ids of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.device import Phone
from tests.end_to_end.stack import Stack
from tests.ox.standin import make_data

VERSIONS = ("12.1", "14.1", "16.1")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), workers=1)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The running stack; fails a test after which a traceback is in the log, or a part is down."""
    before = len(running.app.text())
    yield running
    written = running.app.text()[before:]
    assert "Traceback" not in written, written[-4000:]
    assert running.health()["ready"]


@pytest.fixture
def new_phone(stack: Stack) -> Iterator[Callable[..., Phone]]:
    """Makes phones that the server has never seen; what they found odd fails the test."""
    phones: list[Phone] = []

    def make(login: str = "anton", version: str = "16.1", **more: Any) -> Phone:
        device_id = more.pop("device_id", f"e2e{next(_numbers):029d}")
        phones.append(stack.phone(login, version=version, device_id=device_id, **more))
        return phones[-1]

    yield make
    for phone in phones:
        phone.close()
    assert [anomaly for phone in phones for anomaly in phone.anomalies] == []


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an OX holds in which nobody has done anything yet."""
    folder = tmp_path_factory.mktemp("seed")
    make_data(folder, "empty")
    return folder
