"""A device hears that its user chose other folders."""

from __future__ import annotations

import pytest

from app.usm import choice
from tests.eas.phone import INBOX, TRIPS, Phone, tree


@pytest.fixture
def ready(phone: Phone) -> Phone:
    phone.provision().start(INBOX, TRIPS)
    return phone


def leave_out(phone: Phone, *ids: str) -> None:
    choice.for_one(phone.world.store, phone.session().id, ids)


def ping(phone: Phone) -> str | None:
    folder = ("Folder", ("Id", phone.number(INBOX)), ("Class", "Email"))
    return phone.send("Ping", tree("Ping:Ping", ("HeartbeatInterval", 60), ("Folders", folder))).status


def test_a_ping_ends_so_that_the_device_asks_for_its_folders(ready: Phone) -> None:
    key = ready.folder_sync().text("FolderHierarchy:SyncKey")
    leave_out(ready, TRIPS)
    assert ping(ready) == "7"
    reply = ready.folder_sync(key)
    assert [each.text_of("FolderHierarchy:ServerId") for each in reply.all("FolderHierarchy:Delete")] == [
        ready.number(TRIPS)
    ]
    assert ping(ready) == "1"


def test_a_sync_does_so_too(ready: Phone) -> None:
    leave_out(ready, TRIPS)
    assert ready.sync(INBOX).status == "12"
    ready.folder_sync()
    assert ready.sync(INBOX).root is None


def test_what_the_device_has_changed_comes_first(ready: Phone) -> None:
    item = ready.world.source.put(TRIPS, {"subject": "x", "read": False})
    ready.sync(TRIPS)
    leave_out(ready, TRIPS)
    change = (
        "Change",
        ("ServerId", f"{ready.number(TRIPS)}:{item}"),
        ("ApplicationData", ("Email:Read", "1")),
    )
    assert ready.commands(TRIPS, change).status != "12"
    assert ready.sync(INBOX).status == "12"


def test_a_device_that_does_not_understand_goes_on_in_the_end(ready: Phone) -> None:
    leave_out(ready, TRIPS)
    assert [ready.sync(INBOX).status for _ in range(choice.HINTS)] == ["12"] * choice.HINTS
    assert ready.sync(INBOX).root is None
