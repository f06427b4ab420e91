"""Shared and public folders, and what their rights allow in each module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.ox.process import StandIn
from tests.standin.client import FAR_FUTURE, Client, Server

_OWNER = 403_710_016
_EDITOR = 2 | 2 << 7 | 2 << 14 | 2 << 21
_AUTHOR = 2 | 2 << 7 | 1 << 14 | 1 << 21


@pytest.fixture(scope="module")
def here(stand_ins: Callable[[int], StandIn]) -> Server:
    """A stand-in of generation 8."""
    stand_in = stand_ins(8)
    return Server(stand_in.url, "anton@example.org", stand_in.password, 8, stand_in.root)


@pytest.fixture(scope="module")
def anton(here: Server) -> Client:
    """Who others share with."""
    return here.client()


@pytest.fixture(scope="module")
def berta(here: Server) -> Client:
    """Who shares."""
    return here.client("berta@example.org")


def _visible(client: Client, module: str, group: str, columns: str = "300,1") -> dict[str, Any]:
    found = client.get("folders", "allVisible", content_type=module, columns=columns, tree=0)
    assert "error" not in found, found
    return {row[0]: row[1] for row in found["data"].get(group, [])}


@pytest.fixture
def share(berta: Client, anton: Client) -> Iterator[Callable[..., str]]:
    """Makes folders of berta that anton may use; they are gone afterwards."""
    made: list[str] = []

    def make(module: str, bits: int, title: str = "Probe") -> str:
        permissions = [
            {"entity": berta.config("identifier"), "group": False, "bits": _OWNER},
            {"entity": anton.config("identifier"), "group": False, "bits": bits},
        ]
        body = {"title": title, "module": module, "permissions": permissions}
        answer = berta.put("folders", "new", body, folder_id=str(berta.config(f"folder/{module}")), tree=0)
        assert "error" not in answer, answer
        made.append(answer["data"])
        folder: str = answer["data"]
        return folder

    yield make
    berta.put("folders", "delete", made, timestamp=FAR_FUTURE, tree=0)


def test_the_seed_shares_folders_of_each_module(anton: Client) -> None:
    assert set(_visible(anton, "contacts", "shared")) == {"Team", "Kunden"}
    assert set(_visible(anton, "calendar", "shared")) == {"Außendienst", "Équipe"}
    assert set(_visible(anton, "tasks", "shared")) == {"Projekt"}
    owners = _visible(anton, "calendar", "shared", "300,3030")
    assert owners == {"Außendienst": "Berta Björnsen", "Équipe": "Cäsar Çelik"}


def test_the_seed_has_a_public_folder_of_each_module(anton: Client) -> None:
    for module, title in {
        "contacts": "Firmenkontakte",
        "calendar": "Firmenkalender",
        "tasks": "Firmenaufgaben",
    }.items():
        folder = _visible(anton, module, "public")[title]
        assert anton.get("folders", "get", id=folder, tree=0)["data"]["type"] == 2
        params = {"start": 0, "end": 2**42} if module == "calendar" else {}
        assert anton.get(module, "all", folder=folder, columns="1", **params)["data"]


def test_a_folder_to_be_read_refuses_every_change(anton: Client, share: Callable[..., str]) -> None:
    folder = share("tasks", 1 | 2 << 7)
    assert anton.get("tasks", "all", folder=folder, columns="1")["data"] == []
    assert anton.put("tasks", "new", {"folder_id": folder, "title": "x"})["code"] == "TSK-0025"


def test_an_author_changes_only_what_is_his(anton: Client, berta: Client, share: Callable[..., str]) -> None:
    folder = share("tasks", _AUTHOR)
    hers = berta.put("tasks", "new", {"folder_id": folder, "title": "hers"})["data"]["id"]
    his = anton.put("tasks", "new", {"folder_id": folder, "title": "his"})["data"]["id"]
    at = {"folder": folder, "timestamp": FAR_FUTURE}
    assert anton.put("tasks", "update", {"title": "y"}, id=hers, **at)["code"] == "TSK-0033"
    assert "error" not in anton.put("tasks", "update", {"title": "y"}, id=his, **at)
    gone = [{"id": hers, "folder": folder}]
    assert anton.put("tasks", "delete", gone, timestamp=FAR_FUTURE)["code"] == "TSK-0014"
    assert anton.put("tasks", "delete", [{"id": his, "folder": folder}], timestamp=FAR_FUTURE)["data"] == []


def test_an_editor_changes_everything(anton: Client, berta: Client, share: Callable[..., str]) -> None:
    folder = share("contacts", _EDITOR)
    hers = berta.put("contacts", "new", {"folder_id": folder, "last_name": "hers"})["data"]["id"]
    at = {"folder": folder, "timestamp": FAR_FUTURE}
    assert "error" not in anton.put("contacts", "update", {"note": "y"}, id=hers, **at)
    assert berta.get("contacts", "get", id=hers, folder=folder)["data"]["modified_by"] == anton.config(
        "identifier"
    )


@pytest.mark.parametrize(("module", "field"), [("contacts", "last_name"), ("tasks", "title")])
def test_what_is_private_is_not_shown_to_others(
    anton: Client, berta: Client, share: Callable[..., str], module: str, field: str
) -> None:
    folder = share(module, _EDITOR)
    body = {"folder_id": folder, field: "geheim", "private_flag": True}
    made = berta.put(module, "new", body)["data"]["id"]
    assert berta.get(module, "all", folder=folder, columns="1")["data"] == [[made]]
    assert anton.get(module, "all", folder=folder, columns="1")["data"] == []
    assert "error" in anton.get(module, "get", id=made, folder=folder)
    assert anton.get(module, "updates", folder=folder, columns="1", timestamp=0)["data"] == []


def test_a_folder_made_in_a_shared_one_belongs_to_its_owner(
    anton: Client, berta: Client, share: Callable[..., str]
) -> None:
    body = {"title": "Unter", "module": "tasks"}
    reader = share("tasks", 1 | 2 << 7)
    assert anton.put("folders", "new", body, folder_id=reader, tree=0)["code"] == "FLD-1029"
    folder = share("tasks", 4 | 2 << 7 | 2 << 14 | 2 << 21, "Zweite")
    made = anton.put("folders", "new", body, folder_id=folder, tree=0)
    found = berta.get("folders", "get", id=made["data"], tree=0)["data"]
    assert (found["own_rights"], found["folder_id"]) == (_OWNER, folder)
    assert anton.get("folders", "get", id=made["data"], tree=0)["data"]["type"] == 3


def test_only_who_administers_a_folder_changes_it(anton: Client, share: Callable[..., str]) -> None:
    folder = share("contacts", _EDITOR)
    renamed = anton.put("folders", "update", {"title": "x"}, id=folder, timestamp=FAR_FUTURE, tree=0)
    assert renamed["category"] == 3
    assert anton.put("folders", "delete", [folder], timestamp=FAR_FUTURE, tree=0)["category"] == 3


def test_a_folder_keeps_an_administrator(berta: Client, anton: Client, share: Callable[..., str]) -> None:
    folder = share("contacts", _EDITOR)
    nobody = [{"entity": anton.config("identifier"), "group": False, "bits": _EDITOR}]
    answer = berta.put("folders", "update", {"permissions": nobody}, id=folder, timestamp=FAR_FUTURE, tree=0)
    assert "error" in answer


def test_permissions_reach_the_folders_below_when_asked(
    berta: Client, anton: Client, share: Callable[..., str]
) -> None:
    folder = share("tasks", _EDITOR)
    below = berta.put("folders", "new", {"title": "Unter", "module": "tasks"}, folder_id=folder, tree=0)[
        "data"
    ]
    assert below in _visible(anton, "tasks", "shared").values()
    only = [{"entity": berta.config("identifier"), "group": False, "bits": _OWNER}]
    where = {"id": folder, "timestamp": FAR_FUTURE, "tree": 0}
    berta.put("folders", "update", {"permissions": only}, **where)
    assert below in _visible(anton, "tasks", "shared").values()
    berta.put("folders", "update", {"permissions": only}, cascadePermissions="true", **where)
    assert below not in _visible(anton, "tasks", "shared").values()


def test_shares_lists_what_one_shares_oneself(berta: Client, anton: Client) -> None:
    found = berta.get("folders", "shares", content_type="contacts", columns="300", tree=0)["data"]
    assert found == [["Kunden"], ["Team"]]
    assert anton.get("folders", "shares", content_type="contacts", columns="300", tree=0)["data"] == []


def test_a_private_folder_does_not_become_public(anton: Client) -> None:
    parent = str(anton.config("folder/tasks"))
    made = anton.put("folders", "new", {"title": "Wandert", "module": "tasks"}, folder_id=parent, tree=0)[
        "data"
    ]
    try:
        where = {"id": made, "timestamp": FAR_FUTURE, "tree": 0}
        assert anton.put("folders", "update", {"folder_id": "2"}, **where)["code"] == "FLD-1013"
        assert anton.put("folders", "update", {"folder_id": "1"}, **where)["data"] == made
        assert anton.get("folders", "get", id=made, tree=0)["data"]["folder_id"] == "1"
        assert anton.put("folders", "update", {"folder_id": made}, **where)["code"] == "FLD-1013"
    finally:
        anton.put("folders", "delete", [made], timestamp=FAR_FUTURE, tree=0)


def test_a_public_folder_needs_the_right_to_make_it(here: Server, anton: Client) -> None:
    body = {"title": "Öffentlich", "module": "contacts"}
    made = anton.put("folders", "new", body, folder_id="2", tree=0)
    assert anton.get("folders", "get", id=made["data"], tree=0)["data"]["type"] == 2
    anton.put("folders", "delete", [made["data"]], timestamp=FAR_FUTURE, tree=0)
    caesar = here.client("caesar@example.org")
    rights = {"login": "caesar@example.org", "remove": ["edit_public_folders"]}
    anton.http.post(here.root + "/lab/rights", json=rights, timeout=30).raise_for_status()
    try:
        assert caesar.put("folders", "new", body, folder_id="2", tree=0)["code"] == "FLD-1029"
    finally:
        rights = {"login": "caesar@example.org", "add": ["edit_public_folders"]}
        anton.http.post(here.root + "/lab/rights", json=rights, timeout=30).raise_for_status()


def test_a_deleted_folder_takes_its_tasks_from_everybody(
    anton: Client, berta: Client, share: Callable[..., str]
) -> None:
    folder, his = share("tasks", 0, "Ohne"), str(anton.config("folder/tasks"))
    people = [{"type": 1, "id": anton.config("identifier")}]
    body = {"folder_id": folder, "title": "Geht mit", "participants": people}
    task = berta.put("tasks", "new", body)["data"]["id"]
    since = anton.get("tasks", "updates", folder=his, columns="1", timestamp=0)
    assert [task] in since["data"]
    berta.put("folders", "delete", [folder], timestamp=FAR_FUTURE, tree=0)
    told = anton.get(
        "tasks", "updates", folder=his, columns="1", timestamp=since["timestamp"], ignore="false"
    )
    assert told["data"] == [task]


def test_the_tree_of_devices_holds_what_was_added(anton: Client) -> None:
    def titles() -> set[str]:
        return {row[0] for row in anton.get("folders", "list", parent="1", columns="300", tree=20)["data"]}

    team = _visible(anton, "contacts", "shared")["Team"]
    before = titles()
    assert "Team" not in before
    wanted = [{"id": team, "subscribe": True}, {"id": "default0/INBOX/Projekte", "subscribe": True}]
    assert "error" not in anton.put("folders", "subscribe", wanted, tree=20)
    assert titles() == before | {"Team", "Projekte"}
    anton.put("folders", "unsubscribe", [team, "default0/INBOX/Projekte"], tree=20)
    assert titles() == before
    strange = [{"id": "default0/Nirgends", "subscribe": True}]
    assert "error" in anton.put("folders", "subscribe", strange, tree=20)


def test_a_folder_made_or_renamed_in_the_tree_of_devices_stays_in_it(anton: Client) -> None:
    def ids() -> list[str]:
        return [row[0] for row in anton.get("folders", "list", parent="1", columns="1", tree=20)["data"]]

    inbox = "default0/INBOX"
    made = anton.put("folders", "new", {"title": "Neu", "module": "mail"}, folder_id=inbox, tree=20)["data"]
    assert made in ids()
    renamed = anton.put("folders", "update", {"title": "Anders"}, id=made, tree=20)["data"]
    assert renamed in ids()
    assert made not in ids()
    assert anton.put("folders", "delete", [renamed], tree=20)["data"] == []
    assert renamed not in ids()
    again = anton.put("folders", "new", {"title": "Anders", "module": "mail"}, folder_id=inbox, tree=0)[
        "data"
    ]
    assert again not in ids()
    anton.put("folders", "delete", [again], tree=0, hardDelete="true")
    own = str(anton.config("folder/contacts"))
    body = {"title": "Gerät", "module": "contacts"}
    made = anton.put("folders", "new", body, folder_id=own, tree=20)["data"]
    assert made in ids()
    anton.put("folders", "delete", [made], timestamp=FAR_FUTURE, tree=20)
    assert made not in ids()


def test_calendars_are_folders_of_events_when_asked_for(anton: Client) -> None:
    own = str(anton.config("folder/calendar"))
    found = anton.get("folders", "allVisible", content_type="event", columns="1,301", tree=0)["data"]
    assert [f"cal://0/{own}", "event"] in found["private"]
    folder = anton.get("folders", "get", id=f"cal://0/{own}", tree=0)["data"]
    assert (folder["id"], folder["module"]) == (f"cal://0/{own}", "event")
    body = {"title": "Ereignisse", "module": "event"}
    made = anton.put("folders", "new", body, folder_id=f"cal://0/{own}", tree=0)["data"]
    assert made.startswith("cal://0/")
    renamed = anton.put("folders", "update", {"title": "Anders"}, id=made, timestamp=FAR_FUTURE, tree=0)
    assert renamed["data"] == made
    plain = anton.get("folders", "get", id=made.rpartition("/")[2], tree=0)["data"]
    assert (plain["title"], plain["module"], plain["folder_id"]) == ("Anders", "calendar", own)
    assert anton.put("folders", "delete", [made], timestamp=FAR_FUTURE, tree=0)["data"] == []


def test_a_mail_folder_is_subscribed_or_not(anton: Client) -> None:
    inbox = "default0/INBOX"
    made = anton.put("folders", "new", {"title": "Abo", "module": "mail"}, folder_id=inbox)["data"]
    anton.put("folders", "update", {"subscribed": False}, id=made)
    shown = [row[0] for row in anton.get("folders", "list", parent=inbox, columns="1", tree=0)["data"]]
    every = [row[0] for row in anton.get("folders", "list", parent=inbox, columns="1", tree=0, all=1)["data"]]
    assert made not in shown
    assert made in every
    anton.put("folders", "delete", [made], hardDelete="true")
