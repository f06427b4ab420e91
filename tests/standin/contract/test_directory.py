"""Groups, resources and users (http-api section 11.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standin.client import FAR_FUTURE, Client

pytestmark = pytest.mark.usefixtures("seeded")


def _resource(ox: Client, pattern: str = "elbe") -> dict[str, Any]:
    found = ox.put("resource", "search", {"pattern": pattern})["data"]
    assert len(found) == 1
    resource: dict[str, Any] = found[0]
    return resource


def test_every_context_has_the_group_of_all_its_users(ox: Client) -> None:
    group = ox.get("group", "get", id=0)["data"]
    users = [row[0] for row in ox.get("user", "all", columns="1")["data"]]
    assert sorted(group["members"]) == sorted(users)


def test_a_group_is_found_by_a_part_of_its_name(ox: Client) -> None:
    found = ox.put("group", "search", {"pattern": "vertr*"})["data"]
    assert [group["display_name"] for group in found] == ["Vertrieb"]
    assert ox.config("identifier") in found[0]["members"]
    listed = ox.put("group", "list", [{"id": found[0]["id"]}, {"id": 99999}])["data"]
    assert listed == found
    assert {"Vertrieb", "All users"} <= {
        group["display_name"] for group in ox.put("group", "all", None)["data"]
    }


def test_a_group_is_made_changed_and_deleted(ox: Client) -> None:
    own = ox.config("identifier")
    made = ox.put("group", "new", {"display_name": "Neue", "name": "neue", "members": [own]})
    identity = made["data"]["id"]
    assert "error" in ox.put("group", "new", {"display_name": "Neue", "name": "NEUE"})
    late = ox.put("group", "update", {"display_name": "Anders"}, id=identity, timestamp=1)
    assert (late["code"], late["category"]) == ("GRP-0010", 9)
    changed = ox.put("group", "update", {"display_name": "Anders"}, id=identity, timestamp=made["timestamp"])
    assert ox.get("group", "get", id=identity)["data"]["members"] == [own]
    found = ox.get("group", "updates", timestamp=made["timestamp"])
    assert [group["display_name"] for group in found["data"]["modified"]] == ["Anders"]
    assert found["timestamp"] == changed["timestamp"]
    ox.put("group", "delete", [{"id": identity}], timestamp=FAR_FUTURE)
    assert ox.get("group", "updates", timestamp=changed["timestamp"])["data"]["deleted"] == [{"id": identity}]
    assert "error" in ox.get("group", "get", id=identity)


def test_the_group_of_all_users_stays_as_it_is(ox: Client) -> None:
    assert ox.put("group", "delete", [{"id": 0}], timestamp=FAR_FUTURE)["code"] == "GRP-0009"


def test_resources_are_listed_by_id_and_have_addresses(ox: Client) -> None:
    room = _resource(ox)
    assert room["id"] in ox.get("resource", "all")["data"]
    assert room["availability"] is True
    assert room["mailaddress"].endswith("@example.org")
    assert ox.get("resource", "get", id=room["id"])["data"]["display_name"] == room["display_name"]
    assert ox.put("resource", "list", [{"id": room["id"]}])["data"][0]["name"] == "raum"


def test_a_resource_is_made_changed_and_deleted(ox: Client) -> None:
    body = {"name": "auto", "display_name": "Auto", "mailaddress": "auto@example.org"}
    made = ox.put("resource", "new", body)
    identity = made["data"]["id"]
    assert "error" in ox.put("resource", "new", {**body, "name": "anderes"})
    assert ox.put("resource", "update", {}, id=identity, timestamp=1)["category"] == 9
    ox.put("resource", "update", {"description": "rot"}, id=identity, timestamp=made["timestamp"])
    found = ox.get("resource", "updates", timestamp=made["timestamp"])["data"]
    assert [each["description"] for each in found["modified"]] == ["rot"]
    ox.put("resource", "delete", [{"id": identity}], timestamp=FAR_FUTURE)
    assert {"id": identity} in ox.get("resource", "updates", timestamp=made["timestamp"])["data"]["deleted"]


def test_a_mail_to_a_resource_is_taken(ox: Client) -> None:
    own = ox.config("mail/defaultaddress")
    raw = f"From: {own}\r\nTo: {_resource(ox)['mailaddress']}\r\nSubject: room\r\n\r\nx\r\n".encode()
    sent = ox.put("mail", "new", raw)["data"]
    ox.put("mail", "delete", [{"folder": sent["folder_id"], "id": sent["id"]}], harddelete=1)


def test_users_are_found_by_a_part_of_name_or_address(ox: Client) -> None:
    found = ox.put("user", "search", {"pattern": "björn"}, columns="500,555,20")["data"]
    assert found == [["Berta Björnsen", "berta@example.org", 6]]
