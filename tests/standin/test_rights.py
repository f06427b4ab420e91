"""Rights are really enforced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from lab.ox.process import StandIn
from tests.standin.client import Client, Server


@pytest.fixture(scope="module")
def here(stand_ins: Callable[[int], StandIn]) -> Server:
    """A stand-in of generation 7."""
    stand_in = stand_ins(7)
    return Server(stand_in.url, "caesar@example.org", stand_in.password, 7, stand_in.root)


@pytest.fixture
def rights(here: Server) -> Iterator[Callable[..., None]]:
    """Give or take rights of caesar; afterwards he has them all again."""

    def change(**changes: Any) -> None:
        body = {"login": "caesar@example.org", **changes}
        requests.post(here.root + "/lab/rights", json=body, timeout=30).raise_for_status()

    yield change
    change(
        add=["webmail", "contacts", "calendar", "tasks", "usm", "active_sync", "read_create_shared_folders"]
    )


@pytest.mark.parametrize(
    ("right", "module", "action"),
    [
        ("webmail", "mail", "all"),
        ("contacts", "contacts", "all"),
        ("tasks", "tasks", "all"),
        ("calendar", "calendar", "all"),
    ],
)
def test_a_module_without_its_right_is_refused(
    here: Server, rights: Callable[..., None], right: str, module: str, action: str
) -> None:
    client = here.client()
    rights(remove=[right])
    envelope = client.get(module, action, folder="default0/INBOX", columns="1")
    assert (envelope["code"], envelope["categories"]) == ("SVL-0016", "PERMISSION_DENIED")


def test_folders_of_a_module_without_its_right_are_not_shown(
    here: Server, rights: Callable[..., None]
) -> None:
    rights(remove=["webmail", "tasks"])
    rows = here.client().get("folders", "list", parent="1", columns="1,301", tree=0)["data"]
    assert {row[1] for row in rows} == {"calendar", "contacts"}


def test_capabilities_follow_the_rights(here: Server, rights: Callable[..., None]) -> None:
    rights(remove=["active_sync"])
    names = {entry["id"] for entry in here.client().get("capabilities", "all")["data"]}
    assert "usm" in names
    assert "active_sync" not in names


def test_nora_may_not_synchronise_even_when_all_others_may(here: Server) -> None:
    names = {entry["id"] for entry in here.client("nora@example.org").get("capabilities", "all")["data"]}
    assert not names & {"usm", "active_sync"}


def _shared_team(client: Client) -> str:
    owners = client.get("folders", "list", parent="3", columns="1,300", tree=0)["data"]
    owner = next(owner[0] for owner in owners if owner[1] == "Berta Björnsen")
    rows = client.get("folders", "list", parent=owner, columns="1,300,302,3030,20", tree=0)["data"]
    team = next(row for row in rows if row[1] == "Team")
    assert team[1:] == ["Team", 3, "Berta Björnsen", owner]
    folder: str = team[0]
    return folder


def test_a_shared_folder_hangs_below_its_owner_and_can_be_read_only(here: Server) -> None:
    anton = here.client("anton@example.org")
    team = _shared_team(anton)
    rows = anton.get("contacts", "all", folder=team, columns="1")["data"]
    assert len(rows) == 8
    assert anton.put("contacts", "new", {"folder_id": team, "last_name": "x"})["code"] == "CON-0112"
    change = anton.put("contacts", "update", {"note": "x"}, id=rows[0][0], folder=team, timestamp=2**62)
    assert change["code"] == "CON-0176"
    gone = anton.put("contacts", "delete", [{"id": rows[0][0], "folder": team}], timestamp=2**62)
    assert gone["code"] == "CON-0169"


def test_strangers_neither_see_nor_open_a_folder(here: Server) -> None:
    team = _shared_team(here.client("anton@example.org"))
    caesar = here.client()
    shared = caesar.get("folders", "allVisible", content_type="contacts", columns="1", tree=0)["data"]
    assert "shared" not in shared
    assert caesar.get("folders", "get", id=team, tree=0)["code"] == "FLD-0003"
    assert caesar.get("contacts", "all", folder=team, columns="1")["code"] == "FLD-0003"


def test_without_the_right_to_share_shared_folders_are_hidden(
    here: Server, rights: Callable[..., None]
) -> None:
    anton = here.client("anton@example.org")
    _shared_team(anton)
    body = {"login": "anton@example.org", "remove": ["read_create_shared_folders"]}
    requests.post(here.root + "/lab/rights", json=body, timeout=30).raise_for_status()
    try:
        assert anton.get("folders", "list", parent="3", columns="1", tree=0)["data"] == []
    finally:
        body = {"login": "anton@example.org", "add": ["read_create_shared_folders"]}
        requests.post(here.root + "/lab/rights", json=body, timeout=30).raise_for_status()


def test_a_withdrawn_folder_is_told_as_deleted(here: Server) -> None:
    berta, anton = here.client("berta@example.org"), here.client("anton@example.org")
    me, him = berta.config("identifier"), anton.config("identifier")
    owner = {"entity": me, "group": False, "bits": 403_710_016}
    reader = {"entity": him, "group": False, "bits": 257}
    body = {"title": "Auf Zeit", "module": "contacts", "permissions": [owner, reader]}
    made = berta.put("folders", "new", body, folder_id=str(berta.config("folder/contacts")), tree=0)
    seen = anton.get("folders", "updates", timestamp=made["timestamp"] - 1, columns="1", tree=0)
    assert [made["data"]] in seen["data"]
    berta.put("folders", "update", {"permissions": [owner]}, id=made["data"], timestamp=2**62, tree=0)
    told = anton.get("folders", "updates", timestamp=seen["timestamp"], columns="1", tree=0)
    assert told["data"] == [made["data"]]
    berta.put("folders", "delete", [made["data"]], timestamp=2**62, tree=0)


def test_a_locked_account_is_lgi_0001(here: Server) -> None:
    lock = {"login": "caesar@example.org", "locked": True}
    requests.post(here.root + "/lab/lock", json=lock, timeout=30).raise_for_status()
    try:
        assert here.anonymous().log_in("caesar@example.org")["code"] == "LGI-0001"
    finally:
        requests.post(here.root + "/lab/lock", json={**lock, "locked": False}, timeout=30).raise_for_status()


@pytest.mark.parametrize("login", ["anton@example.org", "anton", "anton@1", "anton@first", "ANTON@first"])
def test_a_login_is_found_by_its_mapping_then_by_what_follows_the_at(here: Server, login: str) -> None:
    answer = here.anonymous().log_in(login)
    assert ("session" in answer) == (login != "ANTON@first")


def test_users_of_other_contexts_are_other_users(here: Server) -> None:
    answer = here.anonymous().log_in("gustav@example.org")
    assert answer["context_id"] == 3
    assert here.anonymous().log_in("gustav@first")["code"] == "LGI-0006"
