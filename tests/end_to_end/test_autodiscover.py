"""From an address of mail to a phone that synchronises, against the running service."""

from __future__ import annotations

import requests

from lab.device.discovery import discover
from tests.end_to_end.stack import PASSWORD, Stack

ALIAS = "/Microsoft-Server-ActiveSync"


def test_a_phone_finds_its_server_by_the_short_question(stack: Stack) -> None:
    found = discover(stack.url, "anton@example.org", PASSWORD)
    assert found == f"https://127.0.0.1:{stack.port}{ALIAS}"


def test_a_phone_finds_its_server_by_the_long_question(stack: Stack, monkeypatch) -> None:
    monkeypatch.setattr("lab.device.discovery._short", lambda *words: "")
    found = discover(f"{stack.url}/any/path", "anton@example.org", PASSWORD)
    assert found == f"https://127.0.0.1:{stack.port}{ALIAS}"


def test_many_questions_of_a_user_are_one_login_at_ox(stack: Stack, monkeypatch) -> None:
    monkeypatch.setattr("lab.device.discovery._short", lambda *words: "")
    stack.control("DELETE", "calls")
    for _ in range(5):
        discover(stack.url, "gustav@example.org", PASSWORD)
    logins = [row for row in stack.control("GET", "calls") if row["module"] == "login"]
    assert sum(row["count"] for row in logins) == 1


def test_what_is_asked_without_a_password_never_reaches_ox(stack: Stack) -> None:
    stack.control("DELETE", "calls")
    for address in ("anton@example.org", "nobody@example.org"):
        params = {"Email": address, "Protocol": "ActiveSync"}
        answer = requests.get(f"{stack.url}/Autodiscover/Autodiscover.json", params=params, timeout=20)
        assert answer.json()["Url"].endswith(ALIAS)
    refused = requests.post(f"{stack.url}/autodiscover/autodiscover.xml", data=b"<x/>", timeout=20)
    assert refused.status_code == 401
    assert stack.control("GET", "calls") == []
