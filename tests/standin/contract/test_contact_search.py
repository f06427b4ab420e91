"""Searches over contacts and the global address book (http-api section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standin.client import Client

_2024 = 1_704_067_200_000
_DAY = 86_400_000


@pytest.fixture
def people(ox: Client, contacts: str) -> str:
    """A folder with three contacts."""
    for fields in (
        {"first_name": "Eva", "last_name": "Öz", "email1": "eva@example.com", "birthday": 59 * _DAY},
        {"first_name": "Adam", "last_name": "Abt", "company": "Öl AG", "birthday": 10 * _DAY},
        {"display_name": "Liste", "distribution_list": [{"mail": "x@example.com", "mail_field": 0}]},
    ):
        made = ox.put("contacts", "new", {"folder_id": contacts, **fields})
        assert "error" not in made, made
    return contacts


def _found(ox: Client, written: Any) -> Any:
    return ox.put("contacts", "advancedSearch", {"filter": written}, columns="501,500", sort=501, order="asc")


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (["=", {"field": "last_name"}, "ö*"], ["Eva"]),
        (["or", ["=", {"field": "company"}, "*ag"], ["=", {"field": "email1"}, "EVA@*"]], ["Adam", "Eva"]),
        (["not", ["=", {"field": "first_name"}, "?va"]], ["Adam", None]),
        (["<>", {"field": "last_name"}, "abt"], ["Eva", None]),
        ([">", {"field": "birthday"}, 20 * _DAY], ["Eva"]),
        (["isNull", {"field": "birthday"}], [None]),
    ],
)
def test_a_filter_is_met(ox: Client, people: str, written: Any, wanted: list[str]) -> None:
    if ox.server.generation == 6:
        assert "error" in _found(ox, written)
        return
    answer = _found(ox, ["and", ["=", {"field": "folder_id"}, people], written])
    assert [row[0] for row in answer["data"]] == wanted


@pytest.mark.usefixtures("seeded")
def test_users_are_found_in_the_global_address_book(ox: Client) -> None:
    if ox.server.generation == 6:
        found = ox.put("contacts", "search", {"pattern": "ber", "folder": "6"}, columns="500,524")["data"]
    else:
        written = ["and", ["=", {"field": "folder_id"}, "6"], ["=", {"field": "display_name"}, "ber*"]]
        body = {"filter": written}
        found = ox.put("contacts", "advancedSearch", body, columns="500,524")["data"]
    assert [row[0] for row in found] == ["Berta Björnsen"]
    assert found[0][1] > 0


def test_a_bad_filter_is_an_error(ox: Client) -> None:
    for written in (["=", {"field": "weight"}, 1], ["~", {"field": "email1"}, 1], [], "x", ["=", 1]):
        assert "error" in _found(ox, written)


def test_what_is_typed_is_completed_to_contacts_with_addresses(ox: Client, people: str) -> None:
    if ox.server.generation == 6:
        return
    where = {"folder": people, "columns": "501"}
    assert ox.get("contacts", "autocomplete", query="ev", **where)["data"] == [["Eva"]]
    assert ox.get("contacts", "autocomplete", query="ada", **where)["data"] == []
    assert ox.get("contacts", "autocomplete", query="ada", email="false", **where)["data"] == [["Adam"]]


def test_birthdays_come_every_year_in_their_order(ox: Client, people: str) -> None:
    if ox.server.generation == 6:
        return
    where = {"folder": people, "columns": "501"}
    year = ox.get("contacts", "birthdays", start=_2024, end=_2024 + 366 * _DAY, **where)["data"]
    assert year == [["Adam"], ["Eva"]]
    spring = ox.get("contacts", "birthdays", start=_2024 + 59 * _DAY, end=_2024 + 61 * _DAY, **where)["data"]
    assert spring == [["Eva"]]
    assert ox.get("contacts", "anniversaries", start=_2024, end=_2024 + 366 * _DAY, **where)["data"] == []
