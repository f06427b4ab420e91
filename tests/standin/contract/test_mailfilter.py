"""Rules of the mail filter, and the vacation notice (http-api section 11.4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.standin.client import Client

_INBOX = "default0/INBOX"
_DAY = 86_400_000
_NOTICE = {"id": "vacation", "days": 7, "text": "Bin weg.\nBis bald", "subject": "Abwesend"}


@pytest.fixture
def path(ox: Client) -> str:
    """The newest form of the module that the generation has."""
    return "mailfilter" if ox.server.generation == 6 else "mailfilter/v2"


@pytest.fixture
def rules(ox: Client, path: str) -> Iterator[Any]:
    """Makes rules; they are gone afterwards."""
    made: list[int] = []

    def make(**fields: Any) -> int:
        body = {"rulename": "Regel", "test": {"id": "true"}, "actioncmds": [_NOTICE], **fields}
        answer = ox.put(path, "new", body)
        assert "error" not in answer, answer
        made.append(answer["data"])
        identity: int = answer["data"]
        return identity

    yield make
    for identity in made:
        ox.put(path, "delete", {"id": identity})


def _write(berta: Client, to: str, subject: str, more: str = "") -> set[str]:
    """Subjects of what came back."""
    before = {row[0] for row in berta.get("mail", "all", folder=_INBOX, columns="600")["data"]}
    raw = f"From: berta@example.org\r\nTo: {to}\r\nSubject: {subject}\r\n{more}\r\nHallo\r\n"
    sent = berta.put("mail", "new", raw.encode())
    assert "error" not in sent, sent
    rows = berta.get("mail", "all", folder=_INBOX, columns="600,607")["data"]
    new = [row for row in rows if row[0] not in before]
    berta.put("mail", "delete", [{"folder": _INBOX, "id": row[0]} for row in new], harddelete=1)
    berta.put(
        "mail", "delete", [{"folder": sent["data"]["folder_id"], "id": sent["data"]["id"]}], harddelete=1
    )
    return {row[1] for row in new}


def test_a_rule_is_kept_changed_and_deleted(ox: Client, path: str, rules: Any) -> None:
    identity = rules(flags=["vacation"])
    rule = ox.get(path, "list", flag="vacation")["data"][0]
    assert (rule["id"], rule["active"], rule["flags"]) == (identity, True, ["vacation"])
    assert rule["actioncmds"][0]["days"] == "7"
    ox.put(path, "update", {"id": identity, "active": False})
    rule = ox.get(path, "list", flag="vacation")["data"][0]
    assert (rule["active"], rule["rulename"]) == (False, "Regel")
    ox.put(path, "delete", {"id": identity})
    assert ox.get(path, "list", flag="vacation")["data"] == []
    assert "error" in ox.put(path, "update", {"id": identity, "active": True})


def test_rules_have_places(ox: Client, path: str, rules: Any) -> None:
    keep = [{"id": "keep"}]
    first, second = rules(actioncmds=keep), rules(actioncmds=keep)
    front = rules(actioncmds=keep, position=0)
    ids = [rule["id"] for rule in ox.get(path, "list")["data"]]
    assert [each for each in ids if each in (first, second, front)] == [front, first, second]
    ox.put(path, "reorder", [second, first, front])
    assert [rule["id"] for rule in ox.get(path, "list")["data"]][:3] == [second, first, front]


@pytest.mark.parametrize(
    "fields",
    [
        {"actioncmds": [{"id": "vacation", "text": "x"}]},
        {"actioncmds": [{"id": "vacation", "days": "1"}]},
        {"actioncmds": [{"id": "vacation", "days": "x", "text": "x"}]},
        {"actioncmds": [{"id": "dance"}]},
        {"actioncmds": []},
        {"test": {}},
    ],
)
def test_a_rule_that_says_too_little_is_refused(ox: Client, path: str, fields: dict[str, Any]) -> None:
    body = {"rulename": "x", "test": {"id": "true"}, "actioncmds": [_NOTICE], **fields}
    assert "error" in ox.put(path, "new", body)


def test_the_configuration_names_tests_and_commands(ox: Client, path: str) -> None:
    found = ox.get(path, "config")["data"]
    if ox.server.generation == 6:
        assert "vacation" in found["actioncommands"]
        assert ox.send("GET", "mailfilter/v2", "config").status_code == 404
        return
    assert {"id": "vacation"} in found["actioncmds"]
    assert "currentdate" in {test["id"] for test in found["tests"]}


def test_who_is_away_answers_once(ox: Client, berta: Client, path: str, rules: Any) -> None:
    identity = rules(flags=["vacation"])
    assert _write(berta, "anton@example.org", "Frage") == {"Abwesend"}
    assert _write(berta, "anton@example.org", "Frage") == set()
    ox.put(path, "update", {"id": identity, "active": False})
    assert _write(berta, "anton@example.org", "Frage") == set()
    ox.put(path, "update", {"id": identity, "active": True})
    assert _write(berta, "anton.alias@example.org", "Frage") == {"Abwesend"}


@pytest.mark.usefixtures("seeded")
def test_a_sender_that_nobody_can_be_is_no_trouble(ox: Client, rules: Any) -> None:
    rules()
    for sender in ("Müller@example.com", "<>", "a b@example.com", "x@exa\tmple.com"):
        raw = f"From: {sender}\r\nTo: anton@example.org\r\nSubject: {ox.session[:9]}\r\n\r\nx\r\n".encode()
        where = ox.server.root + "/lab/deliver"
        reply = ox.http.post(where, params={"login": "anton@example.org"}, data=raw, timeout=30)
        assert reply.status_code == 200
        ox.put("mail", "delete", [{"folder": _INBOX, "id": reply.json()["id"]}], harddelete=1)


def test_machines_and_lists_get_no_answer(berta: Client, rules: Any) -> None:
    rules()
    for field in ("Auto-Submitted: auto-generated", "Precedence: bulk", "List-Id: <l.example.org>"):
        assert _write(berta, "anton@example.org", "Rundbrief", field + "\r\n") == set()
    assert _write(berta, "caesar@example.org", "Verdeckt", "Bcc: anton@example.org\r\n") == set()


@pytest.mark.parametrize(
    ("first", "last", "answers"), [(-1, 1, True), (0, 0, True), (1, 5, False), (-5, -1, False)]
)
def test_a_notice_keeps_to_its_days(berta: Client, rules: Any, first: int, last: int, answers: bool) -> None:
    today = int(time.time() * 1000) // _DAY * _DAY
    tests = [
        {
            "id": "currentdate",
            "comparison": comparison,
            "datepart": "date",
            "datevalue": [today + offset * _DAY],
            "zone": "+0000",
        }
        for comparison, offset in (("ge", first), ("le", last))
    ]
    rules(test={"id": "allof", "tests": tests})
    assert bool(_write(berta, "anton@example.org", "Tage")) is answers
