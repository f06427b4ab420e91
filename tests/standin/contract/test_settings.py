"""Settings, signatures, quotas and reminders (http-api section 11.5)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.standin.client import FAR_FUTURE, Client


def test_settings_are_trees_that_grow(ox: Client) -> None:
    if ox.server.generation == 6:
        assert ox.send("GET", "jslob", "all").status_code == 404
        return
    ox.put("jslob", "update", {"a": {"b": 1}}, id="lab/test")
    ox.put("jslob", "update", {"a": {"c": [2]}}, id="lab/test")
    found = ox.put("jslob", "list", ["lab/test", "io.ox/mail"])["data"]
    assert found[0] == {"id": "lab/test", "tree": {"a": {"b": 1, "c": [2]}}, "meta": {}}
    assert found[1]["tree"]["defaultFolder"]["sent"] == ox.config("mail/folder/sent")
    assert {"lab/test", "io.ox/core"} <= {each["id"] for each in ox.get("jslob", "all")["data"]}
    ox.send("PUT", "jslob", "set", None, id="lab/test")
    assert ox.put("jslob", "list", ["lab/test"])["data"][0]["tree"] == {}


def test_a_signature_is_made_changed_and_deleted(ox: Client) -> None:
    if ox.server.generation == 6:
        assert ox.send("GET", "snippet", "all").status_code == 404
        return
    body = {"displayname": "Kurz", "type": "signature", "module": "io.ox/mail", "content": "Gruß"}
    made = ox.put("snippet", "new", {**body, "misc": {"insertion": "below"}})["data"]
    assert isinstance(made, str)
    assert "error" in ox.put("snippet", "new", {"content": "x"})
    changed = ox.put("snippet", "update", {"content": "Grüße"}, id=made)["data"]
    assert (changed["content"], changed["displayname"]) == ("Grüße", "Kurz")
    assert made in [each["id"] for each in ox.get("snippet", "all", type="signature")["data"]]
    assert ox.get("snippet", "all", type="other")["data"] == []
    assert ox.put("snippet", "list", [made, "999"])["data"][0]["misc"] == {"insertion": "below"}
    ox.put("snippet", "delete", None, id=made)
    assert "error" in ox.get("snippet", "get", id=made)


def test_the_mailbox_grows_with_its_mails(ox: Client, mailbox: str) -> None:
    before = ox.get("quota", "mail")["data"]
    raw = b"Subject: x\r\n\r\n" + b"x" * 5000
    ox.put("mail", "new", raw, folder=mailbox)
    after = ox.get("quota", "mail")["data"]
    assert after["use"] - before["use"] == len(raw)
    assert before["quota"] > 0
    assert ox.get("quota", "filestore")["data"]["quota"] == -1


@pytest.fixture
def alarmed(ox: Client) -> Any:
    """A task whose alarm is due; its id."""
    folder = ox.config("folder/tasks")
    due = int(time.time() * 1000) - 1000
    made = ox.put("tasks", "new", {"folder_id": folder, "title": "x", "alarm": due}, timezone="UTC")
    yield int(made["data"]["id"])
    entry = {"id": made["data"]["id"], "folder": folder}
    ox.put("tasks", "delete", entry if ox.server.generation == 6 else [entry], timestamp=FAR_FUTURE)


def _due(ox: Client, end: int) -> list[int]:
    found = ox.get("reminder", "range", end=end, timezone="UTC")["data"]
    return [each["target_id"] for each in found if each["module"] == 4]


def test_a_reminder_is_put_off_and_switched_off(ox: Client, alarmed: int) -> None:
    now = int(time.time() * 1000)
    assert alarmed in _due(ox, now)
    later = ox.put("reminder", "remindAgain", {"alarm": now + 60_000}, id=alarmed, timezone="UTC")["data"]
    assert later["alarm"] == now + 60_000
    assert alarmed not in _due(ox, now)
    assert alarmed in _due(ox, now + 61_000)
    assert ox.put("reminder", "delete", [{"id": alarmed}])["data"] == []
    assert alarmed not in _due(ox, now + 61_000)
    assert ox.put("reminder", "delete", [{"id": alarmed}])["data"] == [alarmed]
    assert "error" in ox.put("reminder", "remindAgain", {"alarm": now}, id=alarmed)
