"""The list of clients names tests that are there, and leaves no quirk out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from app.eas.clients import Quirk

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "clients.md"
QUIRKS = 61
ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows() -> dict[int, str]:
    return {int(number): rest for number, rest in ROW.findall(DOCUMENT.read_text())}


@cache
def names_in(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    return frozenset(
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    )


def test_every_quirk_has_one_row() -> None:
    numbers = [int(number) for number, _ in ROW.findall(DOCUMENT.read_text())]
    assert numbers == list(range(1, QUIRKS + 1))


def test_every_row_names_a_test_that_is_there_or_says_why_not() -> None:
    missing = []
    for number, rest in rows().items():
        named = TEST.findall(rest)
        if not named and "not done: " not in rest:
            missing.append(f"row {number} names no test")
        missing += [
            f"row {number}: {path}::{name}"
            for path, name in named
            if name not in names_in(PROJECT / "tests" / path)
        ]
    assert missing == []


def test_what_depends_on_the_client_is_in_the_table() -> None:
    named = {number for number, rest in rows().items() if "`app/eas/clients.py`" in rest}
    assert named == {quirk.value for quirk in Quirk}


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    assert "test_nothing_of_the_kind" not in names_in(PROJECT / "tests/eas/test_clients.py")
    assert names_in(PROJECT / "tests/eas/test_nowhere.py") == frozenset()
