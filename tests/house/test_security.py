"""SECURITY.md: each line of its threats names tests, and they exist."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "SECURITY.md"

_NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")


def threats() -> list[list[str]]:
    """The cells of each line in the tables of threats."""
    section = DOCUMENT.read_text().split("\n## Threats\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return [row for row in rows if row[0] != "threat" and set(row[0]) != {"-"}]


@functools.cache
def names_in(path: Path) -> frozenset[str]:
    """Names of the tests of a file."""
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def faults(row: list[str]) -> list[str]:
    """What is wrong with a line."""
    if len(row) != 3 or not all(row):
        return ["a line has a threat, what is done, and tests"]
    named = _NAMED.findall(row[2])
    left = _NAMED.sub("", row[2]).strip()
    found = [f"{left!r} is no test"] if left else []
    for name, test in named:
        path = PROJECT / name
        if not path.is_file():
            found.append(f"{name} is not there")
        elif test not in names_in(path):
            found.append(f"{name} has no {test}")
    return found


@pytest.mark.parametrize("row", threats(), ids=lambda row: row[0])
def test_each_threat_names_tests_that_exist(row: list[str]) -> None:
    assert faults(row) == []


def test_a_line_without_tests_or_with_one_that_is_gone_is_seen() -> None:
    assert faults(["a", "b", ""])
    assert faults(["a", "b", "by hand"])
    assert faults(["a", "b", "`tests/house/test_security.py`"])
    assert faults(["a", "b", "`tests/house/test_nothing.py::test_x`"])
    assert faults(["a", "b", "`tests/house/test_security.py::test_nothing`"])
    assert not faults(["a", "b", "`tests/house/test_security.py::test_each_threat_names_tests_that_exist`"])


def test_every_attack_that_is_tried_is_in_the_document() -> None:
    """The tests of ``tests/security`` are for nothing else; one that only shows that another can fail stands here."""
    told = DOCUMENT.read_text()
    of_others = {
        "test_requests_in_a_row_are_answered_one_by_one",
        "test_it_is_the_copy_of_a_busy_life",
        "test_the_right_keys_open_it",
        "test_the_name_of_a_row_is_not_what_a_browser_has",
        "test_a_wrong_request_is_answered_without_a_look_inside",
    }
    names = {
        name
        for path in (PROJECT / "tests/security").glob("test_*.py")
        for name in names_in(path)
        if name.startswith("test_")
    }
    assert of_others <= names
    assert {name for name in names - of_others if f"::{name}`" not in told} == set()


def test_who_is_trusted_and_how_to_report_are_told() -> None:
    text = DOCUMENT.read_text()
    for title in (
        "Reporting",
        "Supported versions",
        "What is protected",
        "Who is trusted with what",
        "What is left",
    ):
        assert f"\n## {title}\n" in text
