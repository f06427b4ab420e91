"""Contacts (http-api sections 1.4, 1.8, 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.standin.client import FAR_FUTURE, Client

_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
    "dccc59e70000000049454e44ae426082"
)


def _new(ox: Client, folder: str, **fields: Any) -> tuple[int, int]:
    made = ox.put("contacts", "new", {"folder_id": folder, **fields})
    assert "error" not in made, made
    return made["data"]["id"], made["timestamp"]


def _delete(ox: Client, folder: str, identity: int, timestamp: int = FAR_FUTURE) -> Any:
    entry = {"id": identity, "folder": folder}
    body = entry if ox.server.generation == 6 else [entry]
    return ox.put("contacts", "delete", body, timestamp=timestamp)


def _updates(ox: Client, folder: str, since: int, **params: Any) -> Any:
    return ox.get("contacts", "updates", folder=folder, columns="1,502", timestamp=since, **params)


def test_a_new_contact_is_read_back_in_full(ox: Client, contacts: str) -> None:
    fields = {
        "display_name": "Müller, Jürgen",
        "first_name": "Jürgen",
        "last_name": "Müller",
        "email1": "jm@example.com",
        "note": "Zeile 1\nZeile 2",
        "categories": "Eins, Zwei",
        "street_home": "Gänsemarkt 1",
        "yomiFirstName": "ユルゲン",
        "userfield07": "sieben",
    }
    identity, stamp = _new(ox, contacts, **fields)
    shown = ox.get("contacts", "get", id=identity, folder=contacts, timezone="UTC")
    assert {name: shown["data"][name] for name in fields} == fields
    assert shown["timestamp"] == shown["data"]["last_modified"] == stamp
    assert str(shown["data"]["folder_id"]) == contacts
    assert shown["data"]["uid"]


def test_rows_come_in_the_order_of_the_columns_with_null_for_what_is_unset(ox: Client, contacts: str) -> None:
    identity, _ = _new(ox, contacts, last_name="Zeile", email1="z@example.com")
    rows = ox.get("contacts", "all", folder=contacts, columns="555,1,510,502")["data"]
    assert rows == [["z@example.com", identity, None, "Zeile"]]


def test_a_list_leaves_out_what_is_gone(ox: Client, contacts: str) -> None:
    first, _ = _new(ox, contacts, last_name="Eins")
    second, _ = _new(ox, contacts, last_name="Zwei")
    _delete(ox, contacts, first)
    wanted = [{"id": first, "folder": contacts}, {"id": second, "folder": contacts}]
    assert ox.put("contacts", "list", wanted, columns="1")["data"] == [[second]]


def test_sorting_needs_column_and_order(ox: Client, contacts: str) -> None:
    for name in ("Berta", "caesar", "Anton"):
        _new(ox, contacts, last_name=name)
    down = ox.get("contacts", "all", folder=contacts, columns="502", sort=502, order="desc")["data"]
    assert down == [["caesar"], ["Berta"], ["Anton"]]
    part = ox.get(
        "contacts", "all", folder=contacts, columns="502", sort=502, order="asc", right_hand_limit=2
    )
    assert part["data"] == [["Anton"], ["Berta"]]


def test_only_named_fields_change_and_null_deletes(ox: Client, contacts: str) -> None:
    identity, stamp = _new(ox, contacts, last_name="Vorher", company="Firma", nickname="Nick")
    changed = ox.put(
        "contacts", "update", {"company": None, "nickname": "", "note": "neu"},
        id=identity, folder=contacts, timestamp=stamp,
    )  # fmt: skip
    assert changed["timestamp"] > stamp
    shown = ox.get("contacts", "get", id=identity, folder=contacts)["data"]
    assert (shown["last_name"], shown["note"]) == ("Vorher", "neu")
    assert "company" not in shown
    assert "nickname" not in shown


def test_an_old_timestamp_is_a_conflict_and_a_huge_one_forces(ox: Client, contacts: str) -> None:
    identity, stamp = _new(ox, contacts, last_name="Streit")
    where = {"id": identity, "folder": contacts}
    ox.put("contacts", "update", {"note": "eins"}, timestamp=stamp, **where)
    late = ox.put("contacts", "update", {"note": "zwei"}, timestamp=stamp, **where)
    assert (late["code"], late["categories"], late["category"]) == ("CON-0119", "CONFLICT", 9)
    assert "error" not in ox.put("contacts", "update", {"note": "drei"}, timestamp=FAR_FUTURE, **where)


def test_deleting_lists_what_was_changed_meanwhile(ox: Client, contacts: str) -> None:
    identity, stamp = _new(ox, contacts, last_name="Bleibt")
    ox.put("contacts", "update", {"note": "neuer"}, id=identity, folder=contacts, timestamp=stamp)
    assert _delete(ox, contacts, identity, stamp)["data"] == [identity]
    assert _delete(ox, contacts, identity)["data"] == []
    assert ox.get("contacts", "get", id=identity, folder=contacts)["code"] == "CON-0125"


def test_the_oldest_generation_deletes_one_object_at_a_time(ox: Client, contacts: str) -> None:
    identity, _ = _new(ox, contacts, last_name="Einzeln")
    envelope = ox.put("contacts", "delete", [{"id": identity, "folder": contacts}], timestamp=FAR_FUTURE)
    assert ("error" in envelope) == (ox.server.generation == 6)


def test_updates_do_not_tell_deletions_unless_ignore_is_given_without_the_word(
    ox: Client, contacts: str
) -> None:
    kept, _ = _new(ox, contacts, last_name="Bleibt")
    gone, stamp = _new(ox, contacts, last_name="Geht")
    _delete(ox, contacts, gone)
    assert _updates(ox, contacts, 0)["data"] == [[kept, "Bleibt"]]
    assert _updates(ox, contacts, stamp, ignore="deleted")["data"] == []
    told = _updates(ox, contacts, stamp, ignore="false")
    assert [str(entry) for entry in told["data"]] == [str(gone)]
    assert told["timestamp"] > stamp


def test_updates_are_strictly_later_and_return_the_given_timestamp_when_nothing_changed(
    ox: Client, contacts: str
) -> None:
    _, stamp = _new(ox, contacts, last_name="Gleich")
    assert _updates(ox, contacts, stamp, ignore="false") == {"data": [], "timestamp": stamp}
    assert len(_updates(ox, contacts, stamp - 1, ignore="false")["data"]) == 1


def test_a_moved_contact_is_a_deletion_in_its_old_folder(ox: Client, contacts: str) -> None:
    target = str(ox.config("folder/contacts"))
    identity, stamp = _new(ox, contacts, last_name="Umzug")
    body = {"folder_id": target}
    moved = ox.put("contacts", "update", body, id=identity, folder=contacts, timestamp=stamp)
    assert "error" not in moved
    assert [str(entry) for entry in _updates(ox, contacts, stamp, ignore="false")["data"]] == [str(identity)]
    assert [identity, "Umzug"] in _updates(ox, target, stamp)["data"]
    assert ox.get("contacts", "get", id=identity, folder=contacts)["code"] == "CON-0174"
    _delete(ox, target, identity)


def test_a_contact_in_a_folder_of_mail_or_calendar_is_refused(ox: Client) -> None:
    envelope = ox.put("contacts", "new", {"folder_id": ox.config("folder/calendar"), "last_name": "x"})
    assert envelope["code"] == "CON-0103"


def test_a_text_that_is_too_long_names_the_column(ox: Client, contacts: str) -> None:
    envelope = ox.put("contacts", "new", {"folder_id": contacts, "title": "x" * 5000})
    assert (envelope["code"], envelope["categories"], envelope["category"]) == ("CON-0154", "TRUNCATED", 12)
    assert envelope["truncated"] == [505]
    assert envelope["problematic"][0]["id"] == 505
    assert envelope["problematic"][0]["max_size"] < envelope["problematic"][0]["length"] == 5000


def test_a_bad_address_is_refused(ox: Client, contacts: str) -> None:
    envelope = ox.put("contacts", "new", {"folder_id": contacts, "email1": "keine adresse"})
    assert (envelope["code"], envelope["category"]) == ("CON-0100", 1)


def test_a_distribution_list_keeps_its_members(ox: Client, contacts: str) -> None:
    members = [{"mail": f"m{n}@example.com", "display_name": f"M {n}", "mail_field": 0} for n in range(3)]
    identity, _ = _new(ox, contacts, display_name="Verteiler", distribution_list=members)
    shown = ox.get("contacts", "get", id=identity, folder=contacts)["data"]
    assert shown["mark_as_distributionlist"] is True
    assert shown["number_of_distribution_list"] == 3
    assert [each["mail"] for each in shown["distribution_list"]] == [each["mail"] for each in members]


def test_a_member_without_an_address_is_refused(ox: Client, contacts: str) -> None:
    body = {"folder_id": contacts, "display_name": "V", "distribution_list": [{"display_name": "x"}]}
    assert ox.put("contacts", "new", body)["code"] == "CON-0177"


def test_a_picture_goes_up_as_a_form_and_comes_down_by_its_url(ox: Client, contacts: str) -> None:
    body = json.dumps({"folder_id": contacts, "last_name": "Bild", "image1_content_type": "image/png"})
    made = ox.post("contacts", "new", {"json": body}, [("file", ("bild.png", _PNG, "image/png"))])
    row = ox.get("contacts", "all", folder=contacts, columns="606,601,596,570")["data"][0]
    assert row[1:] == ["image/png", 1, None]
    url = ox.server.url.split("/ajax/")[0] + row[0]
    reply = ox.http.get(url, params={"session": ox.session}, timeout=30)
    assert (reply.content, reply.headers["Content-Type"]) == (_PNG, "image/png")

    where = {"id": made["data"]["id"], "folder": contacts, "timestamp": FAR_FUTURE}
    assert "error" not in ox.put("contacts", "update", {"image1": ""}, **where)
    assert ox.get("contacts", "all", folder=contacts, columns="606,596")["data"] == [[None, 0]]


def test_a_picture_as_text_is_refused(ox: Client, contacts: str) -> None:
    assert "error" in ox.put("contacts", "new", {"folder_id": contacts, "image1": "iVBORw0KGgo="})


def test_what_is_no_picture_is_refused(ox: Client, contacts: str) -> None:
    body = json.dumps({"folder_id": contacts, "last_name": "Bild"})
    envelope = ox.post("contacts", "new", {"json": body}, [("file", ("x.png", b"no picture", "image/png"))])
    assert envelope["code"] == "CON-0101"


def test_a_search_takes_wildcards(ox: Client, contacts: str) -> None:
    for name in ("Suchmüller", "Suchmaier", "Anders"):
        _new(ox, contacts, last_name=name)
    body = {"pattern": "such*", "folder": contacts}
    found = ox.put("contacts", "search", body, columns="502", sort=502, order="asc")["data"]
    assert found == [["Suchmaier"], ["Suchmüller"]]


def test_the_global_address_book_holds_the_users_and_lets_nobody_delete_them(ox: Client) -> None:
    rows = ox.get("contacts", "all", folder=6, columns="1,524,555")["data"]
    mine = next(row for row in rows if row[1] == ox.config("identifier"))
    assert mine[2] == ox.config("mail/defaultaddress")
    assert _delete(ox, "6", mine[0])["code"] == "CON-0260"
    own = ox.get("contacts", "getuser", id=ox.config("identifier"))["data"]
    assert own["email1"] == mine[2]


def test_characters_beyond_the_basic_plane_need_a_new_database(ox: Client, contacts: str) -> None:
    envelope = ox.put("contacts", "new", {"folder_id": contacts, "note": "😀"})
    if ox.server.generation == 8:
        assert "error" not in envelope
    else:
        assert envelope["code"] == "CON-0168"


def test_the_oldest_generation_complains_of_an_update_without_a_change(ox: Client, contacts: str) -> None:
    identity, stamp = _new(ox, contacts, last_name="Gleich")
    envelope = ox.put(
        "contacts", "update", {"last_name": "Gleich"}, id=identity, folder=contacts, timestamp=stamp
    )
    assert envelope.get("code") == ("CON-0122" if ox.server.generation == 6 else None)


@pytest.mark.parametrize(("old", "new"), [(610, 616), (615, 621)])
def test_old_column_numbers_mean_the_new_ones(ox: Client, contacts: str, old: int, new: int) -> None:
    _new(ox, contacts, yomiFirstName="よみ", addressOther="Woanders 1")
    rows = ox.get("contacts", "all", folder=contacts, columns=f"{old},{new}")["data"]
    assert rows[0][0] == rows[0][1] is not None


def test_users_show_who_they_are(ox: Client) -> None:
    me = ox.get("user", "get")["data"]
    assert me["id"] == ox.config("identifier")
    assert me["email1"] in me["aliases"]
    rows = ox.get("user", "all", columns="1,611,614,20")["data"]
    assert [me["id"], ox.config("timezone"), ox.config("contact_id"), 6] in rows
