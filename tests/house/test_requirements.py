"""The count of requirements is made of what tests say and saw, and of nothing else."""

from __future__ import annotations

import re

import pytest

from tests.house import requirements
from tests.house.requirements import (
    AREAS,
    NAMED,
    PROJECT,
    Fact,
    Seen,
    compress,
    expand,
    is_shown,
    markers,
    sheets,
    states,
)

RECORD = {
    "Sync": {
        "response": {"Email:Read": [["12.1", "14.1"], ["0", "1"]]},
        "request": {"Email:Flag": [["16.0"], []]},
    }
}


def fact(kind: str, tag: str = "Read", value: str = "", direction: str = "", command: str = "") -> Fact:
    return Fact("MS-ASEMAIL", kind, tag, (command,) if command else (), direction, value, (1,))


@pytest.mark.parametrize("text", ["", "1", "1-3 7", "5 9-10 100"])
def test_numbers_are_written_short_and_read_again(text: str) -> None:
    assert compress(expand(text)) == text


@pytest.mark.parametrize(
    ("kind", "more", "shown"),
    [
        ("shape", {}, True),
        ("shape", {"direction": "request"}, False),
        ("shape", {"command": "Search"}, False),
        ("shape", {"tag": "Importance"}, False),
        ("in", {"value": "14.1"}, True),
        ("in", {"value": "16.0"}, False),
        ("never", {"value": "16.0"}, True),
        ("never", {"value": "12.1"}, False),
        ("never", {"value": "12.1", "tag": "Importance"}, True),
        ("never", {"value": "16.0", "tag": "Flag"}, True),
        ("never", {"value": "12.1", "tag": "Email:Read"}, False),
        ("never", {"value": "12.1", "tag": "Tasks:Read"}, True),
        ("value", {"value": "1"}, True),
        ("value", {"value": "2"}, False),
        ("ghost", {}, True),
    ],
)
def test_what_was_seen_shows_a_fact_and_nothing_else_does(
    kind: str, more: dict[str, str], shown: bool
) -> None:
    assert is_shown(fact(kind, **more), Seen(RECORD)) is shown


def test_a_marker_of_a_number_that_there_is_not_is_a_mistake() -> None:
    known = {document: sheet.numbers for document, sheet in sheets().items()}
    texts = (PROJECT / "tests").rglob("test_*.py")
    assert texts
    for document in markers():
        assert document in known or document == "MS-ASRM", document


def test_markers_are_found_in_the_source() -> None:
    found = markers()["MS-ASCMD"]
    assert "test_settings.py::test_parts_are_answered_in_their_order_each_with_its_status" in found[478]


@pytest.mark.parametrize("named", sorted({*NAMED.values(), *AREAS.values()}))
def test_a_test_that_shows_all_of_a_kind_is_there(named: str) -> None:
    path, _, name = named.partition("::")
    assert re.search(rf"^def {name}\(", (PROJECT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", sheets())
def test_every_requirement_has_one_state(document: str) -> None:
    state = states(document)
    assert set(state.states) == sheets()[document].numbers
    not_tested = {
        number for number, kind in state.states.items() if kind in (requirements.DONE, requirements.NOT_DONE)
    }
    assert set(state.reasons) == not_tested


def test_reasons_are_about_something() -> None:
    for document, rows in requirements.reasons().items():
        for kind, which, reason in rows:
            assert kind in (requirements.DONE, requirements.NOT_DONE)
            assert requirements._chosen(sheets()[document], which), (document, which)
            assert len(reason) > 10
