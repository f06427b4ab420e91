"""Files attached to appointments, tasks and contacts (http-api section 9)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.standin.client import FAR_FUTURE, Client

_MONDAY = 1_705_276_800_000  # 2024-01-15
_PDF = b"%PDF-1.4 \x00\xff\r\n"
_NEW: dict[str, dict[str, Any]] = {
    "calendar": {"title": "x", "start_date": _MONDAY, "end_date": _MONDAY + 1000, "ignore_conflicts": True},
    "tasks": {"title": "x"},
    "contacts": {"last_name": "x"},
}
_KINDS = {"calendar": 1, "tasks": 4, "contacts": 7}


@dataclass
class Owner:
    """The object that files are attached to."""

    client: Client
    module: str
    folder: str
    id: Any

    @property
    def where(self) -> dict[str, Any]:
        """The object as parameters of the module name it."""
        return {"module": _KINDS[self.module], "attached": self.id, "folder": self.folder}

    def attach(self, *files: tuple[str, bytes, str]) -> Any:
        """Attach files; the envelope."""
        form = {f"json_{index}": json.dumps(self.where) for index in range(len(files))}
        sent = [
            (f"file_{index}", (name, io.BytesIO(data), kind))
            for index, (name, data, kind) in enumerate(files)
        ]
        return self.client.post("attachment", "attach", form, sent)

    def get(self) -> Any:
        """The object itself."""
        return self.client.get(self.module, "get", id=self.id, folder=self.folder, timezone="UTC")


@pytest.fixture(params=sorted(_NEW))
def owner(ox: Client, request: pytest.FixtureRequest) -> Iterator[Owner]:
    """A new object of each module, gone afterwards."""
    module = request.param
    folder = str(ox.config(f"folder/{module}"))
    body = {"folder_id": folder, **_NEW[module]}
    made = ox.put(module, "new", body, timezone="UTC")
    assert "error" not in made, made
    yield Owner(ox, module, folder, made["data"]["id"])
    entry = {"id": made["data"]["id"], "folder": folder}
    gone: Any = entry if ox.server.generation == 6 else [entry]
    ox.put(module, "delete", gone, timestamp=FAR_FUTURE)


def test_a_file_comes_back_as_it_was_attached(owner: Owner) -> None:
    before = owner.get()["data"]["last_modified"]
    made = owner.attach(("Größe.pdf", _PDF, "application/pdf"))
    assert len(made["data"]) == 1
    rows = owner.client.get("attachment", "all", columns="1,801,802,803,804,805", **owner.where)["data"]
    described = [int(owner.id), _KINDS[owner.module], "Größe.pdf", len(_PDF), "application/pdf"]
    assert rows == [[made["data"][0], *described]]
    reply = owner.client.send("GET", "attachment", "document", id=made["data"][0], **owner.where)
    assert reply.content == _PDF
    after = owner.get()["data"]
    assert after["number_of_attachments"] == 1
    assert after["last_modified"] > before


def test_several_files_come_at_once_and_one_goes(owner: Owner) -> None:
    made = owner.attach(("a.txt", b"a", "text/plain"), ("b.txt", b"bb", "text/plain"))["data"]
    since = owner.client.get("attachment", "updates", columns="1", timestamp=0, **owner.where)["timestamp"]
    stamp = owner.get()["timestamp"]
    assert "error" not in owner.client.put("attachment", "detach", made[:1], **owner.where)
    rows = owner.client.put("attachment", "list", made, columns="1,803", **owner.where)["data"]
    assert rows == [[made[1], "b.txt"]]
    found = owner.client.get("attachment", "updates", columns="1", timestamp=since, **owner.where)["data"]
    assert found == made[:1]
    assert owner.get()["data"]["number_of_attachments"] == 1
    assert owner.get()["timestamp"] > stamp
    gone = owner.client.get("attachment", "get", id=made[0], **owner.where)
    assert "error" in gone
    assert owner.client.get("attachment", "get", id=made[1], **owner.where)["data"]["file_size"] == 2


def test_an_unknown_object_has_no_files(owner: Owner) -> None:
    where = {**owner.where, "attached": 999_999}
    assert "error" in owner.client.get("attachment", "all", columns="1", **where)
    assert "error" in owner.client.get("attachment", "all", columns="1", **{**owner.where, "module": 99})


def test_another_user_cannot_attach_to_what_is_not_shared(owner: Owner, berta: Client) -> None:
    stranger = Owner(berta, owner.module, owner.folder, owner.id)
    assert "error" in stranger.attach(("a.txt", b"a", "text/plain"))
    assert owner.get()["data"].get("number_of_attachments", 0) == 0
