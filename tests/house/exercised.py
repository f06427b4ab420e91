"""A pytest plugin: which tags and commands went through the whole server during tests that passed.

Used by ``python -m tests.house.coverage_document``; writes ``tests/house/exercised.json`` at the end of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from app.eas.server import ActiveSync
from app.wbxml import Element, WbxmlError, decode
from tests.house.coverage_document import EXERCISED

BROKEN: Final = ("test_malformed", "test_server")
"""Tests that send nonsense: that a tag was in it shows nothing."""

_all: set[str] = set()
_now: set[str] = set()


def _tags(data: bytes) -> Iterator[str]:
    try:
        todo: list[Element] = [decode(data)]
    except WbxmlError:
        return
    while todo:
        element = todo.pop()
        yield element.name
        todo += element.children


@pytest.fixture(autouse=True)
def _recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = ActiveSync.handle

    def recording(self: ActiveSync, session: Any, command: Any) -> Any:
        answer = handle(self, session, command)
        if answer.status == 200:
            _now.update((command.name, *_tags(command.content), *_tags(answer.body)))
        return answer

    monkeypatch.setattr(ActiveSync, "handle", recording)
    _now.clear()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Only what a test that passed exercised counts."""
    if report.when == "call" and report.passed and not any(f"/{name}.py" in report.nodeid for name in BROKEN):
        _all.update(_now)


def pytest_sessionfinish() -> None:
    """Keep it, in an order that does not depend on the run."""
    EXERCISED.write_text(json.dumps(sorted(_all), indent=0) + "\n")
