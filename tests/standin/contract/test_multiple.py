"""Several actions in one call (http-api section 1.5)."""

from __future__ import annotations

from typing import Any

from tests.standin.client import Client


def _multiple(ox: Client, entries: list[dict[str, Any]], **params: Any) -> Any:
    return ox.send("PUT", "multiple", "", entries, **params).json()


def test_the_answer_is_a_bare_array_of_envelopes_in_order(ox: Client, contacts: str) -> None:
    answers = _multiple(
        ox,
        [
            {"module": "contacts", "action": "new", "data": {"folder_id": contacts, "last_name": "Eins"}},
            {"module": "contacts", "action": "all", "folder": contacts, "columns": "502"},
            {"module": "folders", "action": "get", "id": contacts, "tree": 0},
        ],
    )
    assert isinstance(answers, list)
    assert "id" in answers[0]["data"]
    assert answers[1]["data"] == [["Eins"]]
    assert answers[2]["data"]["id"] == contacts


def test_it_ends_with_the_first_error_unless_told_to_go_on(ox: Client) -> None:
    good = {"module": "folders", "action": "root", "columns": "1"}
    bad = {"module": "contacts", "action": "get", "id": 999_999_999, "folder": ox.config("folder/contacts")}
    assert [("error" in answer) for answer in _multiple(ox, [good, bad, good])] == [False, True]
    told = _multiple(ox, [good, bad, good], **{"continue": "true"})
    assert [("error" in answer) for answer in told] == [False, True, False]


def test_login_and_multiple_are_not_allowed_inside(ox: Client) -> None:
    inner = [
        {"module": "login", "action": "logout", "session": ox.session},
        {"module": "multiple", "data": []},
        {"module": "mail", "action": "attachment", "folder": "default0/INBOX", "id": 1, "attachment": "1"},
    ]
    answers = _multiple(ox, inner, **{"continue": "true"})
    assert ["error" in answer for answer in answers] == [True, True, True]
    assert "data" in ox.get("folders", "root", columns="1")


def test_the_zone_is_asked_for_in_each_entry(ox: Client, contacts: str) -> None:
    ox.put("contacts", "new", {"folder_id": contacts, "last_name": "Zone"})
    entry = {"module": "contacts", "action": "all", "folder": contacts, "columns": "5"}
    utc, tokyo = _multiple(ox, [{**entry, "timezone": "UTC"}, {**entry, "timezone": "Asia/Tokyo"}])
    assert tokyo["data"][0][0] - utc["data"][0][0] == 9 * 3_600_000


def test_a_bad_session_is_an_ordinary_envelope(ox: Client) -> None:
    ox.session = "0" * 32
    answer = _multiple(ox, [{"module": "folders", "action": "root", "columns": "1"}])
    assert answer["code"] == "SES-0203"


def test_a_body_that_is_no_array_is_an_error(ox: Client) -> None:
    assert "error" in ox.send("PUT", "multiple", "", {"module": "folders"}).json()


def test_an_entry_without_a_known_module_is_an_error_of_its_own(ox: Client) -> None:
    answers = _multiple(ox, [{"module": "nosuch", "action": "x"}, {"action": "y"}, 7], **{"continue": "true"})  # type: ignore[list-item]
    assert ["error" in answer for answer in answers] == [True, True, True]
