"""The index of OX's API, against which every test of ``tests/ox`` holds the calls it lets the application make."""

from __future__ import annotations

import json

import pytest

from app.ox.transport import Request
from tests.ox import api_index
from tests.ox.api_index import EXTRA, OPTIONAL, UNLISTED, calls_of, faults, operations

pytestmark = pytest.mark.skipif(not api_index.available(), reason="the index is not beside the checkout")


def said(method: str, module: str, data: bytes | None = None, **params: str) -> list[str]:
    return faults(calls_of(Request(method, module, params, data=data)))


def test_the_index_is_read() -> None:
    assert len(operations()) > 300
    contacts = operations()["contacts", "update"]
    assert contacts.methods == {"PUT", "POST"}
    assert contacts.required >= {"id", "folder", "timestamp"}


def test_a_right_call_is_right() -> None:
    assert said("GET", "contacts", action="all", folder="31", columns="1", session="s", timezone="UTC") == []
    assert said("GET", "config/modules/mail/defaultaddress", session="s") == []
    assert said("GET", "mail", action="get", src="1", save="1", folder="f", id="1") == []


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("GET", {"action": "everything"}, "GET contacts?action=everything: no such call"),
        (
            "PUT",
            {"action": "all", "folder": "1", "columns": "1"},
            "PUT contacts?action=all: made with GET only",
        ),
        ("GET", {"action": "all", "folder": "1"}, "GET contacts?action=all: needs columns"),
        (
            "GET",
            {"action": "all", "folder": "1", "columns": "1", "colums": "2"},
            "GET contacts?action=all: takes no colums",
        ),
    ],
)
def test_a_wrong_call_is_told(method: str, params: dict[str, str], expected: str) -> None:
    assert said(method, "contacts", **params) == [expected]


def test_what_multiple_holds_is_looked_at_too() -> None:
    entries = [
        {"module": "contacts", "action": "delete", "timestamp": 1, "data": []},
        {"module": "contacts", "action": "get", "id": "1", "filder": "2"},
    ]
    data = json.dumps(entries).encode()
    assert said("PUT", "multiple", data, **{"continue": "true"}) == [
        "multiple: GET contacts?action=get: needs folder",
        "multiple: GET contacts?action=get: takes no filder",
    ]


def test_no_exception_is_made_for_what_the_index_knows() -> None:
    for method, module, action in UNLISTED:
        found = operations().get((module, action))
        assert found is None or method not in found.methods
    for (_, module, action), params in EXTRA.items():
        assert not params.keys() & operations()[module, action].known
    for (_, module, action), params in OPTIONAL.items():
        assert params.keys() <= operations()[module, action].required


def test_every_exception_has_its_reason() -> None:
    reasons = [
        *UNLISTED.values(),
        *(reason for each in (EXTRA, OPTIONAL) for told in each.values() for reason in told.values()),
    ]
    assert all(len(reason) > 20 for reason in reasons)
