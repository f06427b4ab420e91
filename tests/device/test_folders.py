"""The folder table."""

from __future__ import annotations

import pytest

from lab.device import BadAnswer, CommandFailed, FolderChanges, Phone
from lab.device.story import folder_table
from tests.device.answers import HIERARCHY, folder, folder_delete, folders, status, sync, tree
from tests.device.canned import CannedServer


def test_folders_come_and_change_and_go(make, server: CannedServer) -> None:
    server.play(
        HIERARCHY, folders("h2", folder("Update", "p", "0", "Plans", 12), folder_delete("c")), folders("h3")
    )
    phone = make()
    assert phone.folder_sync() == FolderChanges(added=["m", "c", "p"])
    assert server.last.tree.text_of("FolderHierarchy:SyncKey") == "0"
    assert phone.folder_sync() == FolderChanges(updated=["p"], deleted=["c"])
    assert server.last.tree.text_of("FolderHierarchy:SyncKey") == "h1"
    assert phone.folder_sync() == FolderChanges()
    assert {folder.name for folder in phone.folders.values()} == {"Inbox", "Plans"}
    assert phone.anomalies == []


def test_an_unknown_key_makes_the_phone_start_over(phone: Phone, server: CannedServer) -> None:
    server.play(status("FolderHierarchy:FolderSync", 9), folders("h9", folder("Add", "m", "0", "Inbox", 2)))
    phone.folder_sync()
    assert [request.tree.text_of("FolderHierarchy:SyncKey") for request in server.received] == ["h1", "0"]
    assert list(phone.folders) == ["m"]
    assert phone.anomalies == []


def test_other_statuses_are_errors_and_change_nothing(phone: Phone, server: CannedServer) -> None:
    server.play(status("FolderHierarchy:FolderSync", 6))
    with pytest.raises(CommandFailed, match="FolderSync was answered with status 6"):
        phone.folder_sync()
    assert (phone.hierarchy_key, len(phone.folders)) == ("h1", 3)


def test_what_the_phone_held_of_a_folder_goes_with_it(phone: Phone, server: CannedServer) -> None:
    server.play(sync("c", "c1"), sync("m", "m1"), folders("h2", folder_delete("c")))
    phone.sync("c")
    phone.sync("m")
    phone.folder_sync()
    assert list(phone.collections) == ["m"]


def test_item_states_outlive_a_new_hierarchy(phone: Phone, server: CannedServer) -> None:
    server.play(sync("m", "m1"), status("FolderHierarchy:FolderSync", 9), HIERARCHY)
    phone.sync("m")
    phone.folder_sync()
    assert phone.collection("m").sync_key == "m1"


@pytest.mark.parametrize(
    ("answer", "anomaly"),
    [
        (folders("h2", folder("Add", "m", "0", "Inbox", 2)), "Add of the known folder m"),
        (folders("h2", folder("Update", "x", "0", "X", 12)), "Update of the unknown folder x"),
        (folders("h2", folder_delete("x")), "deletes the unknown folder x"),
        (folders("h2", folder("Add", "x", "y", "X", 12)), "under the unknown folder y"),
        (folders("h2", count=3), "counts 3 changes but sends 0"),
    ],
)
def test_what_the_server_should_not_send_is_noted(phone: Phone, server, answer, anomaly: str) -> None:
    server.play(answer)
    phone.folder_sync()
    assert any(anomaly in sentence for sentence in phone.anomalies)


def test_an_answer_without_a_key_or_count_is_bad(make, server: CannedServer) -> None:
    server.play(status("FolderHierarchy:FolderSync", 1))
    with pytest.raises(BadAnswer, match="has no FolderHierarchy:SyncKey"):
        make().folder_sync()
    changes = tree("FolderHierarchy:Changes", folder_delete("x"))
    server.play(tree("FolderHierarchy:FolderSync", *folders("h1").children[:2], changes))
    with pytest.raises(BadAnswer, match="Count"):
        make().folder_sync()


def test_folders_are_found_by_type(phone: Phone) -> None:
    assert phone.folder_of_type(2).name == "Inbox"
    with pytest.raises(KeyError, match="type 8"):
        phone.folder_of_type(8)


def test_folders_are_shown_as_a_tree(phone: Phone) -> None:
    assert [line.split() for line in folder_table(phone)] == [
        ["Inbox", "Inbox", "m"],
        ["Projects", "mail", "p"],
        ["Contacts", "Contacts", "c"],
    ]
