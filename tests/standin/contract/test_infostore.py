"""Documents: folders, versions, rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.standin.client import FAR_FUTURE, Client

COLUMNS = "1,20,700,702,703,704,705,710,711"
NAMES = ("id", "folder_id", "title", "filename", "type", "size", "version", "current", "versions")


@pytest.fixture
def place(ox: Client) -> Iterator[str]:
    """An empty folder of documents, gone afterwards."""
    parent = str(ox.config("folder/infostore"))
    made = ox.put("folders", "new", {"title": "Contract", "module": "infostore"}, folder_id=parent, tree=0)
    assert "error" not in made, made
    yield str(made["data"])
    ox.put("folders", "delete", [str(made["data"])], timestamp=2**62, tree=0, hardDelete="true")


def upload(ox: Client, place: str, name: str, data: bytes, action: str = "new", **params: Any) -> Any:
    body = {"folder_id": place, "title": name, "filename": name}
    form = {"json": json.dumps(body if action == "new" else {})}
    return ox.post("infostore", action, form, [("file", (name, data, "text/plain"))], **params)


def listed(ox: Client, place: str) -> list[dict[str, Any]]:
    answer = ox.get("infostore", "all", folder=place, columns=COLUMNS, timezone="UTC")
    assert "error" not in answer, answer
    return [dict(zip(NAMES, row, strict=True)) for row in answer["data"]]


def content(ox: Client, place: str, item: Any, **more: Any) -> bytes:
    reply = ox.send("GET", "infostore", "document", folder=place, id=item, **more)
    return bytes(reply.content)


def test_a_file_is_stored_listed_and_read(ox: Client, place: str) -> None:
    made = upload(ox, place, "a.txt", b"one")
    (file,) = listed(ox, place)
    assert file["id"] == made["data"]
    assert str(file["folder_id"]) == place
    assert (file["title"], file["filename"], file["type"], file["size"]) == (
        "a.txt",
        "a.txt",
        "text/plain",
        3,
    )
    assert (str(file["version"]), file["current"], file["versions"]) == ("1", True, 1)
    assert content(ox, place, file["id"]) == b"one"
    if ox.server.generation == 6:
        assert isinstance(file["id"], int)
    else:
        assert file["id"].startswith(f"{place}/")


def test_a_new_version_is_the_current_one_and_the_old_one_stays(ox: Client, place: str) -> None:
    item = upload(ox, place, "a.txt", b"one")["data"]
    changed = upload(ox, place, "a.txt", b"three", "update", id=item, timestamp=FAR_FUTURE)
    assert "error" not in changed, changed
    (file,) = listed(ox, place)
    assert (str(file["version"]), file["size"], file["versions"]) == ("2", 5, 2)
    rows = ox.get("infostore", "versions", id=item, columns="705,704,710")["data"]
    assert [(str(row[0]), *row[1:]) for row in rows] == [("1", 3, False), ("2", 5, True)]
    assert content(ox, place, item) == b"three"
    assert content(ox, place, item, version=1) == b"one"


def test_get_list_and_search(ox: Client, place: str) -> None:
    item = upload(ox, place, "Plan.txt", b"one")["data"]
    found = ox.get("infostore", "get", id=item, folder=place)["data"]
    assert (found["id"], found["filename"], found["file_size"]) == (item, "Plan.txt", 3)
    rows = ox.put("infostore", "list", [{"id": item, "folder": place}], columns="1,702")["data"]
    assert rows == [[item, "Plan.txt"]]
    rows = ox.put("infostore", "search", {"pattern": "*pla*"}, folder=place, columns="1,702")["data"]
    assert rows == [[item, "Plan.txt"]]
    assert ox.put("infostore", "search", {"pattern": "lunch"}, folder=place, columns="1")["data"] == []


def test_a_name_is_there_once_and_a_document_may_go_by_another(ox: Client, place: str) -> None:
    item = upload(ox, place, "a.txt", b"one")["data"]
    assert upload(ox, place, "A.TXT", b"two")["code"].startswith("IFO-")
    renamed = ox.put("infostore", "update", {"filename": "b.txt"}, id=item, timestamp=FAR_FUTURE)
    assert "error" not in renamed, renamed
    assert [file["filename"] for file in listed(ox, place)] == ["b.txt"]


def test_updates_tell_what_came_and_what_went(ox: Client, place: str) -> None:
    item = upload(ox, place, "a.txt", b"one")["data"]
    first = ox.get("infostore", "updates", folder=place, columns="1", timestamp=0, ignore="false")
    assert first["data"] == [[item]]
    gone = ox.put("infostore", "delete", [{"id": item, "folder": place}], timestamp=FAR_FUTURE)
    assert gone["data"] == []
    since = first["timestamp"]
    assert ox.get("infostore", "updates", folder=place, columns="1", timestamp=since, ignore="false")[
        "data"
    ] == [item]
    assert (
        ox.get("infostore", "updates", folder=place, columns="1", timestamp=since, ignore="deleted")["data"]
        == []
    )
    assert ox.get("infostore", "get", id=item, folder=place)["code"].startswith("IFO-")


def test_an_outdated_change_is_a_conflict(ox: Client, place: str) -> None:
    item = upload(ox, place, "a.txt", b"one")["data"]
    assert "error" in ox.put("infostore", "update", {"title": "x"}, id=item, timestamp=1)
    assert len(ox.put("infostore", "delete", [{"id": item, "folder": place}], timestamp=1)["data"]) == 1
    assert len(listed(ox, place)) == 1


def test_others_do_not_see_it(ox: Client, berta: Client, place: str) -> None:
    item = upload(ox, place, "a.txt", b"one")["data"]
    assert "error" in berta.get("infostore", "all", folder=place, columns="1")
    assert "error" in berta.get("infostore", "get", folder=place, id=item)
    assert berta.send("GET", "infostore", "document", folder=place, id=item).json()["error"]


def test_a_folder_of_another_module(ox: Client) -> None:
    contacts = str(ox.config("folder/contacts"))
    assert "error" in ox.get("infostore", "all", folder=contacts, columns="1")


@pytest.mark.usefixtures("seeded")
def test_a_bookmark_has_no_file(ox: Client, place: str) -> None:
    body = {"folder_id": place, "title": "Link", "url": "https://example.org/"}
    item = ox.put("infostore", "new", body)["data"]
    (file,) = listed(ox, place)
    assert (file["filename"], file["size"], file["versions"]) == (None, 0, 0)
    assert ox.send("GET", "infostore", "document", folder=place, id=item).status_code == 404
