"""A pytest plugin: which tags and commands went through the whole server during tests that passed.

Used by ``python -m tests.house.coverage_document``; writes ``tests/house/exercised.json`` at the end of the run, and
``tests/house/observed.json``: for each command and direction the tags, with the versions in which they were seen and
the short numbers that stood in them. Of answers counts what the phone has checked against the schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from app.eas.server import ActiveSync
from app.wbxml import Element, WbxmlError, decode
from tests import schemas
from tests.eas import phone
from tests.house.coverage_document import EXERCISED
from tests.house.requirements import OBSERVED

BROKEN: Final = ("test_malformed", "test_refused", "test_server")
"""Tests that send what is refused: that a tag was in it shows nothing."""

_all: set[str] = set()
_now: set[str] = set()

Sight = tuple[str, str, str, str, str]
"""Command, direction, tag, version, and the short number in it or ``""``."""
_seen: set[Sight] = set()
_seen_now: set[Sight] = set()
_command = ""


def _elements(data: bytes) -> Iterator[Element]:
    """All of a document; none of bytes that are no document."""
    try:
        todo: list[Element] = [decode(data)]
    except WbxmlError:
        return
    while todo:
        element = todo.pop()
        yield element
        todo += element.children


def _sights(data: bytes, command: str, direction: str, version: str) -> Iterator[Sight]:
    for element in _elements(data):
        text = element.value if isinstance(element.value, str) else ""
        short = text if text.isascii() and text.isdigit() and len(text) <= 3 else ""
        yield command, direction, element.name, version, short


def _tags(data: bytes) -> Iterator[str]:
    return (element.name for element in _elements(data))


@pytest.fixture(autouse=True)
def _recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = ActiveSync.handle

    def recording(self: ActiveSync, session: Any, command: Any) -> Any:
        global _command
        _command = command.name
        answer = yield from handle(self, session, command)
        if answer.status == 200:
            _seen_now.update(_sights(command.content, command.name, "request", command.version.text))
            _now.update((command.name, *_tags(command.content), *_tags(answer.body)))
        return answer

    validate = schemas.validate

    def validated(data: bytes, version: str) -> None:
        validate(data, version)
        _seen_now.update(_sights(data, _command, "response", version))

    monkeypatch.setattr(ActiveSync, "handle", recording)
    if schemas.available():
        monkeypatch.setattr(phone, "validate", validated)
    _now.clear()
    _seen_now.clear()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Only what a test that passed exercised counts."""
    if report.when == "call" and report.passed and not any(f"/{name}.py" in report.nodeid for name in BROKEN):
        _all.update(_now)
        _seen.update(_seen_now)


def pytest_sessionfinish() -> None:
    """Keep it, in an order that does not depend on the run."""
    EXERCISED.write_text(json.dumps(sorted(_all), indent=0) + "\n")
    found: dict[str, dict[str, dict[str, tuple[set[str], set[str]]]]] = {}
    for command, direction, tag, version, short in _seen:
        tags = found.setdefault(command, {}).setdefault(direction, {})
        versions, values = tags.setdefault(tag, (set(), set()))
        versions.add(version)
        values.update([short] if short else [])
    rows = []
    for command, directions in sorted(found.items()):
        for direction, tags in sorted(directions.items()):
            lines = [
                f"   {json.dumps(tag)}: {json.dumps([sorted(versions), sorted(values)])}"
                for tag, (versions, values) in sorted(tags.items())
            ]
            rows.append((command, f'  "{direction}": {{\n' + ",\n".join(lines) + "\n  }"))
    blocks = [
        f' "{command}": {{\n' + ",\n".join(text for name, text in rows if name == command) + "\n }"
        for command in sorted(found)
    ]
    OBSERVED.write_text("{\n" + ",\n".join(blocks) + "\n}\n")
