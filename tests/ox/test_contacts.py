"""Contacts from an OX that behaves unusually (``app.ox.contacts``); the usual is in ``test_standin``."""

from __future__ import annotations

import pytest

from app.ox.mapping import contact as mapping
from app.usm.errors import FolderGone, ItemConflict, ItemGone, ItemRefused, ItemUnreadable, SourceUnavailable
from app.usm.model import Body, BodyKind, Written
from tests.ox.canned import Reply, error
from tests.ox.conftest import CONTACTS

PNG = b"\x89PNG\r\n\x1a\n0000"


def full(item_id, stamp=5, **values):
    """A row of all columns that are read."""
    by_column = {1: item_id, 6: stamp, **{int(name[1:]): value for name, value in values.items()}}
    return [by_column.get(column) for column in mapping.columns(legacy=False)]


def answering(rows):
    """``list``: those of the rows that are asked for."""

    def answer(seen):
        columns = [int(column) for column in seen.params["columns"].split(",")]
        assert columns == list(mapping.columns(legacy=False))
        wanted = {entry["id"] for entry in seen.json}
        return {"data": [row for row in rows if row[0] in wanted]}

    return answer


def test_a_listing_is_one_call_without_distribution_lists(canned, canned_source):
    canned.on("contacts?all", {"data": [[1, 10, None], [2, 20, True], [3, None, False]]})
    listing = canned_source().listing(CONTACTS, None)
    assert listing.stamps == {"1": "10", "3": "0"}
    assert not listing.outside
    assert len(canned.calls) == 1


def test_a_folder_that_is_gone_or_not_to_be_seen_any_more_is_gone(canned, canned_source):
    for answer in (
        error("FLD-0008"),
        error("CON-0104", "PERMISSION_DENIED"),
        error("FLD-0003", "PERMISSION_DENIED"),
    ):
        canned.on("contacts?all", answer)
        with pytest.raises(FolderGone):
            canned_source().listing(CONTACTS, None)


def test_reading_is_one_call_and_one_for_each_picture(canned, canned_source):
    rows = [
        full(1, _501="Jane", _518="a\r\nb"),
        full(2, _596=1, _606="/appsuite/api/image/contact/picture?id=2&folder=31&timestamp=7"),
    ]
    canned.on("contacts?list", answering(rows))
    canned.on("image/contact/picture", Reply(PNG))
    items = canned_source().read(CONTACTS, ["1", "2", "3"], ())
    assert set(items) == {"1", "2"}
    assert items["1"].fields == {"first_name": "Jane", "note": Body(BodyKind.TEXT, "a\nb")}
    assert items["2"].fields == {"picture": PNG}
    assert len(canned.calls) == 2
    picture = canned.calls[1].params
    assert (picture["id"], picture["folder"], picture["timestamp"]) == ("2", "31", "7")


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("/ajax/image/contact/picture?id=1", Reply(status=404)),
        ("/ajax/image/contact/picture?id=1", error("CON-0125")),
        ("/ajax/image/contact/picture?id=1", Reply(b"<html>not a picture</html>")),
        ("/ajax/image/contact/picture?id=1", Reply(PNG * 500_000)),
        ("http://elsewhere.invalid/steal?session=1", Reply(PNG)),
        (None, Reply(PNG)),
        (17, Reply(PNG)),
    ],
)
def test_a_contact_whose_picture_cannot_be_had_comes_without_it(canned, canned_source, url, answer):
    canned.on("contacts?list", answering([full(1, _501="Jane", _596=1, _606=url)]))
    canned.on("image/contact/picture", answer)
    assert canned_source().read(CONTACTS, ["1"], ())["1"].fields == {"first_name": "Jane"}


def test_an_ox_that_fails_at_a_picture_is_no_contact_without_picture(canned, canned_source):
    canned.on("contacts?list", answering([full(1, _596=1, _606="/ajax/image/contact/picture?id=1")]))
    canned.on("image/contact/picture", Reply(status=503))
    with pytest.raises(SourceUnavailable):
        canned_source().read(CONTACTS, ["1"], ())


def test_one_contact_that_ox_cannot_read_does_not_hide_the_others(canned, canned_source):
    good = answering([full(number) for number in range(1, 9)])
    canned.on(
        "contacts?list",
        lambda seen: error("CON-0200") if 5 in [entry["id"] for entry in seen.json] else good(seen),
    )
    items = canned_source().read(CONTACTS, [str(number) for number in range(1, 9)], ())
    assert isinstance(items.pop("5"), ItemUnreadable)
    assert sorted(items) == ["1", "2", "3", "4", "6", "7", "8"]
    assert not any(isinstance(item, Exception) for item in items.values())


def test_creating_sends_what_is_given_and_a_name_to_show(canned, canned_source):
    canned.on("contacts?new", {"data": {"id": 7}, "timestamp": 99})
    fields = {"first_name": "Jane", "last_name": "Doe", "home_city": "", "picture": None}
    assert canned_source().create(CONTACTS, fields, "mark") == Written("7", "99")
    assert canned.calls[0].json == {
        "first_name": "Jane",
        "last_name": "Doe",
        "display_name": "Jane Doe",
        "folder_id": 31,
        "uid": "mark",
    }
    assert len(canned.calls) == 1


def test_an_ox_that_tells_no_time_is_asked_for_it(canned, canned_source):
    canned.on("contacts?new", {"data": {"id": 7}})
    canned.on("contacts?list", {"data": [[7, 1234]]})
    assert canned_source().create(CONTACTS, {"first_name": "x"}, "mark") == Written("7", "1234")


def test_an_ox_that_tells_no_id_has_not_surely_stored_anything(canned, canned_source):
    canned.on("contacts?new", {"data": {}})
    with pytest.raises(SourceUnavailable):
        canned_source().create(CONTACTS, {"first_name": "x"}, "mark")


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("CON-0112", "PERMISSION_DENIED"), ItemRefused),
        (error("CON-0100", "USER_INPUT"), ItemRefused),
        (error("CON-0154", "TRUNCATED"), ItemRefused),
        (error("CON-0168", "ERROR"), ItemRefused),
        (error("CON-0167", "TRY_AGAIN"), ItemRefused),
        (error("FLD-0008"), FolderGone),
        (error("DBP-0001", "SERVICE_DOWN"), SourceUnavailable),
        (Reply(status=500), SourceUnavailable),
    ],
    ids=str,
)
def test_what_ox_says_to_a_new_contact_is_told(canned, canned_source, answer, raised):
    canned.on("contacts?new", answer)
    with pytest.raises(raised):
        canned_source().create(CONTACTS, {"first_name": "x"}, "mark")
    assert len(canned.made("contacts?new")) == 1


def test_a_picture_that_is_none_is_left_out(canned, canned_source):
    canned.on("contacts?new", {"data": {"id": 7}, "timestamp": 50})
    written = canned_source().create(CONTACTS, {"first_name": "x", "picture": b"<svg/>"}, "mark")
    assert written == Written("7", "50", altered=True)
    assert canned.calls[-1].json["first_name"] == "x"


TOO_LONG = {"truncated": [502], "problematic": [{"id": 502, "length": 9, "max_size": 4}]}


@pytest.mark.parametrize(
    ("complaint", "stored"),
    [
        (error("CON-0168", "ERROR"), {"last_name": "Mann", "note": None, "email1": "no address"}),
        (error("CON-0100", "USER_INPUT"), {"last_name": "Mann\U0001f600", "email1": None, "email2": "a@b"}),
        ({**error("CON-0154", "TRUNCATED"), **TOO_LONG}, {"last_name": "Mann", "email1": "no address"}),
    ],
    ids=["a character", "an address", "a text too long"],
)
def test_a_contact_is_stored_without_the_detail_that_ox_minds(canned, canned_source, complaint, stored):
    answers = iter([complaint, {"data": {"id": 7}, "timestamp": 50}])
    canned.on("contacts?new", lambda seen: next(answers))
    fields = {
        "last_name": "Mann\U0001f600",
        "note": Body(BodyKind.TEXT, "\U0001f600"),
        "email1": "no address",
        "email2": "a@b",
    }
    assert canned_source().create(CONTACTS, fields, "mark") == Written("7", "50", altered=True)
    sent = canned.made("contacts?new")[-1].json
    assert {name: sent[name] for name in stored} == stored


def test_a_contact_whose_fault_is_not_told_is_refused(canned, canned_source):
    canned.on("contacts?list", {"data": [full(7, 40)]})
    canned.on("contacts?update", error("CON-0154", "TRUNCATED"))
    with pytest.raises(ItemRefused):
        canned_source().update(CONTACTS, "7", {"web_page": "x"}, "40")
    assert len(canned.made("contacts?update")) == 1


def test_an_update_sends_what_differs_and_the_version_it_knows(canned, canned_source):
    canned.on("contacts?list", {"data": [full(7, 40, _518="n", _558="same", _602=None)]})
    canned.on("contacts?update", {"data": {}, "timestamp": 50})
    source = canned_source()
    fields = {"home_city": "Köln", "note": None, "web_page": " same ", "email1": None}
    assert source.update(CONTACTS, "7", fields, "40") == Written("7", "50")
    seen = canned.calls[1]
    assert seen.json == {"city_home": "Köln", "note": None}
    assert (seen.params["id"], seen.params["folder"], seen.params["timestamp"]) == ("7", "31", "40")
    source.update(CONTACTS, "7", {"home_city": "Bonn"}, None)
    assert int(canned.calls[-1].params["timestamp"]) > 9e15


@pytest.mark.parametrize("fields", [{}, {"home_city": None}, {"picture": None}, {"last_name": "Doe "}])
def test_an_update_of_nothing_is_no_write(canned, canned_source, fields):
    canned.on("contacts?list", {"data": [full(7, 33, _502="Doe")]})
    assert canned_source().update(CONTACTS, "7", fields, "33") == Written("7", "33")
    assert not canned.made("contacts?update")


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        ({"_500": "Jane Doe", "_599": "Doe, Jane"}, {"city_home": "Bonn"}),
        ({"_500": "Jane Doe"}, {"city_home": "Bonn"}),
        ({"_599": "Jane Doe"}, {"city_home": "Bonn"}),
        (
            {"_500": "Jane", "_599": "Doe, Jane"},
            {"city_home": "Bonn", "display_name": "Jane Doe", "file_as": "Jane Doe"},
        ),
    ],
)
def test_a_filing_name_lives_through_the_one_name_that_devices_have(canned, canned_source, names, sent):
    canned.on("contacts?list", {"data": [full(7, 40, **names)]})
    canned.on("contacts?update", {"data": {}, "timestamp": 50})
    fields = {"display_name": "Jane Doe", "file_as": "Jane Doe", "home_city": "Bonn"}
    canned_source().update(CONTACTS, "7", fields, "40")
    assert canned.made("contacts?update")[0].json == sent


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ("Jane Doe", {"last_name": "Smith", "display_name": "Jane Smith"}),
        (None, {"last_name": "Smith", "display_name": "Jane Smith"}),
        ("Mum", {"last_name": "Smith"}),
    ],
)
@pytest.mark.parametrize("file_as", [None, "same", "Doe, Jane"])
def test_the_shown_name_follows_the_others_unless_somebody_chose_it(
    canned, canned_source, shown, sent, file_as
):
    row = full(7, 40, _500=shown, _501="Jane", _502="Doe", _599=shown if file_as == "same" else file_as)
    canned.on("contacts?list", {"data": [row]})
    canned.on("contacts?update", {"data": {}, "timestamp": 50})
    canned_source().update(CONTACTS, "7", {"last_name": "Smith"}, "40")
    assert canned.made("contacts?update")[0].json == sent


def test_clearing_a_picture_is_null(canned, canned_source):
    canned.on("contacts?list", {"data": [full(7, 40, _596=1)]})
    canned.on("contacts?update", {"data": {}, "timestamp": 50})
    canned_source().update(CONTACTS, "7", {"picture": None}, "40")
    assert canned.made("contacts?update")[0].json == {"image1": None}


def test_a_change_of_somebody_else_meanwhile_is_a_conflict(canned, canned_source):
    canned.on("contacts?update", error("CON-0119", "CONFLICT"))
    for version in (40, 41):
        canned.on("contacts?list", {"data": [full(7, version)]})
        with pytest.raises(ItemConflict):
            canned_source().update(CONTACTS, "7", {"home_city": "x"}, "40")
    canned.on("contacts?list", {"data": []})
    with pytest.raises(ItemGone):
        canned_source().update(CONTACTS, "7", {"home_city": "x"}, "40")


def test_an_update_without_any_change_is_success(canned, canned_source):
    canned.on("contacts?update", error("CON-0122", "USER_INPUT"))

    def rows(seen):
        return {"data": [[7, 33]] if seen.params["columns"] == "1,6" else [full(7, 33)]}

    canned.on("contacts?list", rows)
    assert canned_source().update(CONTACTS, "7", {"home_city": "x"}, "33") == Written("7", "33")


def test_what_was_not_deleted_is_a_conflict_or_gone(canned, canned_source):
    canned.on("contacts?delete", {"data": [7]})
    canned.on("contacts?list", {"data": [[7, 33]]})
    with pytest.raises(ItemConflict):
        canned_source().delete(CONTACTS, "7", "30", to_trash=True)
    canned.on("contacts?list", {"data": []})
    with pytest.raises(ItemGone):
        canned_source().delete(CONTACTS, "7", "30", to_trash=True)


def test_created_contacts_are_found_by_their_mark(canned, canned_source):
    canned.on("contacts?all", {"data": [[1, 10, "a"], [2, 20, None], [3, 30, "b"]]})
    source = canned_source()
    assert source.find_created(CONTACTS, ["b", "c"]) == {"b": Written("3", "30")}
    assert len(canned.calls) == 1
    assert source.find_created(CONTACTS, []) == {}
    assert len(canned.calls) == 1
