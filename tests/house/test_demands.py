"""Every test that ``docs/demands.md`` names is there, and no demand is without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
DEMAND = re.compile(r"^### (\d+)\. ", re.MULTILINE)


def text() -> str:
    return (PROJECT / "docs/demands.md").read_text()


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a file, none for a file that is not there."""
    if not (PROJECT / path).exists():
        return frozenset()
    tree = ast.parse((PROJECT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(text())
    assert len(named) > 50
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_every_demand_is_shown_by_a_test() -> None:
    pieces = DEMAND.split(text())[1:]
    found = {
        int(number): NAMED.findall(piece) for number, piece in zip(pieces[::2], pieces[1::2], strict=True)
    }
    assert sorted(found) == list(range(1, 22))
    assert [number for number, named in found.items() if not named] == []


def test_the_check_itself_would_notice() -> None:
    assert "test_the_check_itself_would_notice" in names_in("tests/house/test_demands.py")
    assert names_in("tests/nowhere.py") == frozenset()
