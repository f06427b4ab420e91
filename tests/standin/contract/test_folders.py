"""Folders (http-api section 2)."""

from __future__ import annotations

from typing import Any

from tests.standin.client import FAR_FUTURE, Client

_OWNER = 403_710_016
_COLUMNS = "1,20,300,301,302,305,308,316"


def _rows(ox: Client, parent: str, columns: str = _COLUMNS, **params: Any) -> list[list[Any]]:
    envelope = ox.get("folders", "list", parent=parent, columns=columns, **params)
    assert "error" not in envelope, envelope
    rows: list[list[Any]] = envelope["data"]
    return rows


def test_the_root_holds_private_public_and_shared(ox: Client) -> None:
    ids = [row[0] for row in ox.get("folders", "root", columns="1", tree=0)["data"]]
    assert ids[:3] == ["1", "2", "3"]


def test_the_private_root_holds_the_default_folders_and_the_mail_account(ox: Client) -> None:
    rows = {row[0]: row for row in _rows(ox, "1", tree=0)}
    assert rows["default0"][3] == "mail"
    for module, standard_type in (("tasks", 1), ("calendar", 2), ("contacts", 3)):
        row = rows[str(ox.config(f"folder/{module}"))]
        assert row[1:] == ["1", row[2], module, 1, _OWNER, True, standard_type]


def test_the_standard_mail_folders_say_what_they_are(ox: Client) -> None:
    kinds = {"inbox": 7, "drafts": 9, "sent": 10, "spam": 11, "trash": 12}
    for kind, number in kinds.items():
        folder = ox.get("folders", "get", id=ox.config(f"mail/folder/{kind}"), tree=0)["data"]
        assert (folder["standard_folder_type"], folder["module"], folder["type"]) == (number, "mail", 7)


def test_mail_folders_count_their_mails(ox: Client, mailbox: str) -> None:
    for flags in (0, 32):
        ox.put("mail", "new", b"Subject: x\r\n\r\nx\r\n", folder=mailbox, flags=flags)
    folder = ox.get("folders", "get", id=mailbox, tree=0)["data"]
    assert (folder["total"], folder["unread"]) == (2, 1)


def test_in_the_outlook_tree_mail_folders_hang_below_the_private_root(ox: Client) -> None:
    ids = [row[0] for row in _rows(ox, "1", "1", tree=1)]
    assert "default0/INBOX" in ids
    assert "default0" not in ids


def test_the_tree_for_synchronisation_holds_only_default_folders(ox: Client) -> None:
    rows = _rows(ox, "1", "1,316", tree=20)
    assert {row[1] for row in rows} >= {1, 2, 3, 7}
    assert all(row[1] for row in rows)


def test_a_path_goes_from_the_folder_up_to_the_root(ox: Client, contacts: str) -> None:
    ids = [row[0] for row in ox.get("folders", "path", id=contacts, columns="1", tree=0)["data"]]
    assert ids == [contacts, str(ox.config("folder/contacts")), "1"]


def test_all_visible_sorts_folders_by_whose_they_are(ox: Client) -> None:
    groups = ox.get("folders", "allVisible", content_type="contacts", columns="1", tree=0)["data"]
    assert [str(ox.config("folder/contacts"))] in groups["private"]
    assert ["6"] in groups["public"]
    assert all(groups.values())


def test_get_shows_an_object_with_permissions_unpacked_and_packed(ox: Client) -> None:
    folder = ox.get("folders", "get", id=ox.config("folder/contacts"), tree=0)["data"]
    entry = {"entity": ox.config("identifier"), "group": False, "bits": _OWNER}
    assert entry in [{name: each[name] for name in entry} for each in folder["permissions"]]
    assert folder["own_rights"] == _OWNER


def test_a_folder_that_does_not_exist_is_an_error(ox: Client) -> None:
    assert ox.get("folders", "get", id="999999", tree=0)["code"] == "FLD-0008"


def test_updates_tell_new_changed_and_deleted_folders(ox: Client) -> None:
    parent = str(ox.config("folder/contacts"))
    before = ox.get("folders", "get", id=parent, tree=0)["timestamp"]
    made = ox.put("folders", "new", {"title": "Neu", "module": "contacts"}, folder_id=parent, tree=0)
    since = made["timestamp"]
    found = ox.get("folders", "updates", parent=0, timestamp=before, columns="1,300", tree=0)
    assert [made["data"], "Neu"] in found["data"]

    changed = ox.put("folders", "update", {"title": "Umbenannt"}, id=made["data"], timestamp=since, tree=0)
    assert changed["data"] == made["data"]
    found = ox.get("folders", "updates", parent=0, timestamp=since, columns="1,300", tree=0)
    assert [made["data"], "Umbenannt"] in found["data"]

    since = found["timestamp"]
    assert ox.put("folders", "delete", [made["data"]], timestamp=FAR_FUTURE, tree=0)["data"] == []
    found = ox.get("folders", "updates", parent=0, timestamp=since, columns="1,300", tree=0)
    assert found["data"] == [made["data"]]
    assert found["timestamp"] > since
    ignored = ox.get(
        "folders", "updates", parent=0, timestamp=since, columns="1,300", tree=0, ignore="deleted"
    )
    assert ignored["data"] == []


def test_without_changes_the_timestamp_comes_back(ox: Client) -> None:
    now = ox.get("folders", "updates", parent=0, timestamp=0, columns="1", tree=0)["timestamp"]
    again = ox.get("folders", "updates", parent=0, timestamp=now, columns="1", tree=0)
    assert again == {"data": [], "timestamp": now}


def test_updates_hold_mail_folders_only_when_asked(ox: Client) -> None:
    without = ox.get("folders", "updates", parent=0, timestamp=0, columns="1,301", tree=0)["data"]
    assert "mail" not in {row[1] for row in without if isinstance(row, list)}
    asked = ox.get("folders", "updates", parent=0, timestamp=0, columns="1,301", tree=0, mail=1)["data"]
    assert "mail" in {row[1] for row in asked if isinstance(row, list)}


def test_an_old_timestamp_is_a_conflict(ox: Client, contacts: str) -> None:
    envelope = ox.put("folders", "update", {"title": "Spät"}, id=contacts, timestamp=1, tree=0)
    assert (envelope["code"], envelope["category"]) == ("FLD-1022", 9)


def test_equal_names_side_by_side_are_refused(ox: Client, contacts: str) -> None:
    parent = str(ox.config("folder/contacts"))
    envelope = ox.put(
        "folders", "new", {"title": "Contract contacts", "module": "contacts"}, folder_id=parent
    )
    assert envelope["code"] == "FLD-1014"


def test_a_default_folder_cannot_be_deleted(ox: Client) -> None:
    envelope = ox.put("folders", "delete", [str(ox.config("folder/contacts"))], timestamp=FAR_FUTURE, tree=0)
    assert envelope["code"] == "FLD-1026"


def test_renaming_a_mail_folder_gives_it_another_id(ox: Client, mailbox: str) -> None:
    made = ox.put("folders", "new", {"title": "Alt", "module": "mail"}, folder_id=mailbox)["data"]
    ox.put("mail", "new", b"Subject: x\r\n\r\nx\r\n", folder=made)
    renamed = ox.put("folders", "update", {"title": "Neu"}, id=made)["data"]
    assert renamed == made.replace("Alt", "Neu")
    assert "error" in ox.get("mail", "all", folder=made, columns="600")
    assert len(ox.get("mail", "all", folder=renamed, columns="600")["data"]) == 1


def test_a_deleted_mail_folder_goes_into_the_trash(ox: Client, mailbox: str) -> None:
    made = ox.put("folders", "new", {"title": "Wegwerfen", "module": "mail"}, folder_id=mailbox)["data"]
    assert ox.put("folders", "delete", [made])["data"] == []
    trash = ox.config("mail/folder/trash")
    assert [f"{trash}/Wegwerfen"] in _rows(ox, trash, "1", all=1)
    assert ox.put("folders", "delete", [f"{trash}/Wegwerfen"])["data"] == []
    assert [f"{trash}/Wegwerfen"] not in _rows(ox, trash, "1", all=1)


def test_clearing_a_folder_keeps_the_folder(ox: Client, contacts: str) -> None:
    ox.put("contacts", "new", {"folder_id": contacts, "last_name": "Weg"})
    assert ox.put("folders", "clear", [contacts])["data"] == []
    assert ox.get("contacts", "all", folder=contacts, columns="1")["data"] == []


def test_a_folder_may_come_wrapped_since_7_8(ox: Client) -> None:
    parent = str(ox.config("folder/contacts"))
    made = ox.put("folders", "new", {"folder": {"title": "Verpackt", "module": "contacts"}}, folder_id=parent)
    assert ox.put("folders", "delete", [made["data"]], timestamp=FAR_FUTURE)["data"] == []
