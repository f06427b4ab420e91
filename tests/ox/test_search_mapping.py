"""Searches in OX's words, people, times and documents in ours (``app.ox.mapping``), and an OX that answers oddly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from app.ox.mapping import availability, document, person, search
from app.usm.content import Address, Busy
from app.usm.errors import ItemGone, ItemRefused, ItemUnreadable, SourceUnavailable
from app.usm.model import ContentType, FolderRef
from app.usm.queries import (
    AllOf,
    AnyOf,
    BusyTime,
    Conversation,
    Document,
    Mark,
    Marked,
    Not,
    Origin,
    Person,
    Place,
    Received,
    Words,
    verdict,
)
from tests.ox.canned import Reply, error
from tests.ox.conftest import CONTACTS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = 86_400_000
NOON_MS = int(NOON.timestamp() * 1000)
THREAD = Conversation(lambda name: name == "<1@x>")
SUBJECT = ["=", {"field": "subject"}, "a"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            Words("a"),
            [
                "or",
                ["=", {"field": "from"}, "a"],
                ["=", {"field": "to"}, "a"],
                ["=", {"field": "cc"}, "a"],
                SUBJECT,
                ["=", {"field": "content"}, "a"],
            ],
        ),
        (Words("a", Place.SUBJECT), SUBJECT),
        (Words("a", Place.FILES), ["=", {"attachment": "name"}, "a"]),
        (Marked(Mark.READ), ["=", {"field": "flags"}, "32"]),
        (Marked(Mark.FLAGGED), ["=", {"field": "flags"}, "8"]),
        (Marked(Mark.FILES), ["=", {"field": "content_type"}, "multipart/mixed"]),
        (THREAD, None),
        (Not(THREAD), None),
        (Received(), None),
        (Received(after=NOON), [">", {"field": "received_date"}, str(NOON_MS - DAY)]),
        (Received(before=NOON), ["<", {"field": "received_date"}, str(NOON_MS + DAY)]),
        (
            Not(Received(after=NOON)),
            ["not", [">", {"field": "received_date"}, str(NOON_MS + DAY)]],
        ),
        (AllOf((Words("a", Place.SUBJECT), THREAD)), SUBJECT),
        (Not(AllOf((Words("a", Place.SUBJECT), THREAD))), None),
        (AnyOf((Words("a", Place.SUBJECT), THREAD)), None),
        (AnyOf((Words("a", Place.SUBJECT), Words("a", Place.SUBJECT))), ["or", SUBJECT, SUBJECT]),
        (
            Not(AllOf((Words("a", Place.SUBJECT), Words("a", Place.SUBJECT)))),
            ["not", ["and", SUBJECT, SUBJECT]],
        ),
        (AllOf(()), None),
    ],
)
def test_a_condition_as_a_filter(condition, expected):
    assert search.filter_of(condition) == expected


def test_a_word_in_any_field_of_a_contact():
    body = search.contact_search("a*b")
    assert body["display_name"] == body["email3"] == "*a?b*"
    assert body["orSearch"] is True


def test_the_texts_of_an_item_by_where_they_stand():
    assert search.texts_of({200: "a", 203: "b", 100: None}, search.TASK) == {
        Place.SUBJECT: "a",
        Place.TEXT: "b",
    }
    event = {"summary": "a", "location": "c"}
    assert search.texts_of(event, search.EVENT_FIELDS) == {Place.SUBJECT: "a", Place.TEXT: "c"}


def test_what_only_header_fields_tell():
    assert search.needs_links(AllOf((Words("a"), Not(THREAD))))
    assert not search.needs_links(AnyOf((Words("a"), Not(Received()))))


def test_what_a_row_tells_of_a_message():
    row = {600: "1", 610: NOON_MS, 611: 32, -1: "<2@x>", -2: "<1@x> <0@x>", -3: None}
    for condition, expected in (
        (Marked(Mark.READ), True),
        (Marked(Mark.FLAGGED), False),
        (Marked(Mark.FILES), None),
        (Words("a"), None),
        (THREAD, True),
        (Received(after=NOON), False),
    ):
        assert verdict(condition, search.judge_row(row)) is expected
    nameless = {**row, 611: None, -1: None, -2: None}
    assert verdict(THREAD, search.judge_row(nameless)) is False


# -- people --------------------------------------------------------------------------------------------------


def row(name, mail, folder=6, **more):
    by_column = {20: folder, 500: name, 555: mail, **{int(key[1:]): value for key, value in more.items()}}
    return {column: by_column.get(column) for column in person.COLUMNS}


def test_a_person_who_is_in_the_directory_and_an_address_book_stands_there_once():
    rows = [
        row("Berta", "berta@example.org", 31),
        row("Berta B", "Berta@example.org"),
        row("Desk", None, 31),
        row("Desk", None, 31),
        row("Anton", "anton@example.org", 31, _596=1, _606="/ajax/image/contact/picture?id=1"),
    ]
    found = person.people(rows)
    assert [(each.name, each.origin) for each in found] == [
        ("Anton", Origin.CONTACTS),
        ("Berta B", Origin.DIRECTORY),
        ("Desk", Origin.CONTACTS),
        ("Desk", Origin.CONTACTS),
    ]
    assert found[0].picture.endswith("id=1")


def test_members_of_a_list():
    (team,) = person.people(
        [row("Team", None, _602=True, _592=[{"mail": "a@x", "display_name": "A"}, {}, 7])]
    )
    assert team.members == (Address("a@x", "A"),)
    (empty,) = person.people([row("Team", None, _602=True, _592=None)])
    assert empty.members == ()


def test_groups_of_users_stand_for_their_members():
    data = [
        {"id": 0, "display_name": "All users", "members": [3]},
        {"id": 7, "display_name": "Team", "members": [3, 4, 5, "x"]},
        {"id": 8, "display_name": "", "members": [3]},
        {"id": 9, "display_name": "Nobody", "members": None},
        {"id": 10, "display_name": "Everybody", "members": list(range(200))},
        7,
    ]
    found = person.groups(data)
    assert found == [person.Group("Team", (3, 4, 5))]
    assert person.groups(None) == []
    rows = [{1: 3, 500: "Anton", 555: "anton@x"}, {1: 4, 500: None, 555: "b@x"}, {1: 5, 500: "C", 555: None}]
    (team,) = person.people_of_groups(found, rows)
    assert (team.name, team.members) == ("Team", (Address("anton@x", "Anton"), Address("b@x")))


def test_groups_that_ox_does_not_tell_of(canned, canned_source):
    canned.on("contacts?search", {"data": []}).on("group?search", error("SVL-0021"))
    source = canned_source()
    assert source.resolve(["team"]) == {"team": []}
    canned.on("group?search", {"data": [{"id": 7, "display_name": "Team", "members": [3]}]})
    canned.on("user?list", error("USR-0010"))
    (team,) = source.resolve(["team"])["team"]
    assert team.members == ()


def test_what_is_asked_of_ox():
    assert person.body('"Anton" al')["last_name"] == "*anton*"
    assert set(person.body("a@x")) == {"email1", "email2", "email3", "orSearch"}
    assert person.body("a*")["company"] == "*a*"
    assert person.words('Albers, "Anton*"') == ("albers", "anton")


def test_names_begin_with_words():
    someone = Person(
        Origin.DIRECTORY, {"display_name": "Anna-Maria O'Neil", "email1": "am@x", "company": "Öl AG"}
    )
    for text in ("anna", "maria", "neil", "öl", "am@x", "o'n maria"):
        assert person.is_meant(someone, text), text
    for text in ("nna", "anna x", "", "x"):
        assert not person.is_meant(someone, text), text
    assert person.meant([someone], "AM@X ") == person.meant([someone], "anna") == [someone]
    assert person.meant([someone], "nobody") == []


# -- times ---------------------------------------------------------------------------------------------------


def test_times_as_either_module_tells_them():
    hour = 3_600_000
    begin, end = NOON_MS, NOON_MS + hour
    entry = {
        "freeBusyTime": [
            {"startTime": begin, "endTime": end, "fbType": "BUSY-UNAVAILABLE"},
            {"startTime": begin, "endTime": end, "fbType": "SOMETHING"},
            {"startTime": None, "endTime": end},
            7,
        ]
    }
    times = (BusyTime(NOON, NOON + timedelta(hours=1), Busy.AWAY), BusyTime(NOON, NOON + timedelta(hours=1)))
    assert availability.of_chronos(entry) == times
    assert availability.of_chronos({**entry, "warnings": [{}]}) is None
    assert availability.of_chronos(None) is None
    assert availability.of_chronos({"freeBusyTime": None}) == ()
    old = [
        {"start_date": begin, "end_date": end, "shown_as": 3},
        {"start_date": begin, "end_date": end, "shown_as": 1},
    ]
    assert availability.of_calendar(old) == times
    assert availability.milliseconds(NOON) == NOON_MS
    assert availability.moment_text(NOON) == "20260301T120000Z"


# -- documents -----------------------------------------------------------------------------------------------


def test_a_file_and_its_kind():
    values = {
        document.ID: "1/2",
        document.CREATED: NOON_MS,
        document.MODIFIED: None,
        document.FILE_TITLE: "x",
        document.FILE_NAME: "a.pdf",
        document.MIME_TYPE: "application/octet-stream",
        document.SIZE: 5,
    }
    assert document.file(("My",), values) == Document(
        ("My", "a.pdf"), "a.pdf", False, NOON, None, 5, "application/pdf"
    )
    odd = {**values, document.FILE_NAME: "a.nokind", document.MIME_TYPE: None, document.SIZE: None}
    assert document.file((), odd).content_type == "application/octet-stream"
    assert document.file((), {**values, document.MIME_TYPE: "Image/GIF; x=1"}).content_type == "image/gif"
    assert document.file((), {**values, document.FILE_NAME: None}).title == ""


# -- an OX that answers oddly --------------------------------------------------------------------------------


def mails(number):
    return [FolderRef(each, f"default0/F{each}", ContentType.MAIL) for each in range(1, number + 1)]


def test_one_folder_that_fails_leaves_the_others(canned, canned_source):
    def answer(seen):
        if seen.params["folder"].endswith("F2"):
            return error("MSG-0001", "CONNECTIVITY")
        return {"data": [["7", NOON_MS, 0], ["8", NOON_MS, 2], [None, None, None]]}

    canned.on("mail?search", answer)
    found = canned_source().search(mails(3), Words("a"), 10)
    assert [(hit.folder.number, hit.item_id) for hit in found.hits] == [(1, "7"), (3, "7")]
    assert (found.total, found.complete) == (2, False)


def test_no_folder_that_can_be_searched_is_a_source_that_is_down(canned, canned_source):
    canned.on("mail?search", error("MSG-0001", "CONNECTIVITY"))
    with pytest.raises(SourceUnavailable):
        canned_source().search(mails(2), Words("a"), 10)


def test_folders_that_cannot_be_seen_hold_nothing(canned, canned_source):
    canned.on("mail?search", error("IMAP-1002", "USER_INPUT"))
    found = canned_source().search(mails(2), Words("a"), 10)
    assert (found.hits, found.complete) == ((), True)


def test_time_is_up_after_a_while(canned, canned_source):
    source = canned_source()
    clock = source._context.clock

    def slow(seen):
        clock.advance(1.5)
        return {"data": [["7", NOON_MS, 0]]}

    canned.on("mail?search", slow)
    found = source.search(mails(60), Words("a"), 100)
    assert (found.total, found.complete) == (20, False)


def test_a_source_that_is_silent_for_long_ends_the_search(canned, canned_source):
    source = canned_source()
    clock = source._context.clock

    def silent(seen):
        if seen.params["folder"] == "default0/F21":
            clock.advance(60)
            return requests.exceptions.ReadTimeout()
        return {"data": [["7", NOON_MS, 0]]}

    canned.on("mail?search", silent)
    found = source.search(mails(60), Words("a"), 100)
    assert (found.total, found.complete) == (20, False)
    canned.on("mail?search", requests.exceptions.ConnectionError())
    with pytest.raises(SourceUnavailable):
        source.search(mails(3), Words("a"), 100)


def test_a_directory_that_cannot_be_searched_now(canned, canned_source):
    canned.on("contacts?search", error("DBP-0001", "SERVICE_DOWN"))
    source = canned_source()
    with pytest.raises(SourceUnavailable):
        source.people("anton")
    canned.on("contacts?search", error("CON-1000", "USER_INPUT"))
    assert source.people("anton") == []


def test_a_letter_that_begins_too_many_names(canned, canned_source):
    rows = [[None] * len(person.COLUMNS)]
    rows[0][person.COLUMNS.index(500)] = "Anton"

    def answer(seen):
        many = seen.json["display_name"] == "*a*"
        return {"data": [["x" * 1000] * len(person.COLUMNS)] * 50 if many else rows}

    canned.on("contacts?search", answer).on("group?search", {"data": []})
    source = canned_source()
    object.__setattr__(source._context.settings, "answer_bytes", 20_000)
    assert source.people("a") == []
    found = source.resolve(["a", "anton"])
    assert (found["a"], [each.name for each in found["anton"]]) == ([], ["Anton"])


def test_other_items_whose_search_fails(canned, canned_source):
    canned.on("contacts?search", error("CON-1000", "USER_INPUT"))
    source = canned_source()
    assert source.search([CONTACTS], Words("a"), 10).hits == ()
    canned.on("contacts?search", error("DBP-0001", "SERVICE_DOWN"))
    with pytest.raises(SourceUnavailable):
        source.search([CONTACTS], Words("a"), 10)


def test_a_module_that_fails_does_not_spoil_the_others(canned, canned_source):
    canned.on("contacts?search", error("DBP-0001", "SERVICE_DOWN"))
    canned.on("mail?search", {"data": [["7", NOON_MS, 0]]})
    found = canned_source().search([CONTACTS, *mails(1)], Words("a"), 10)
    assert ([hit.item_id for hit in found.hits], found.complete) == (["7"], False)


def test_no_further_module_is_asked_once_time_is_up(canned, canned_source):
    source = canned_source()
    clock = source._context.clock

    def slow(seen):
        clock.advance(30)
        return {"data": [["7", NOON_MS, 0]]}

    canned.on("mail?search", slow)
    found = source.search([CONTACTS, *mails(1)], Words("a"), 10)
    assert ([hit.item_id for hit in found.hits], found.complete) == (["7"], False)
    assert len(canned.calls) == 1


def test_documents_that_ox_refuses(canned, canned_source):
    canned.on("folders?get", {"data": {"id": "9", "title": "infostore"}})
    canned.on("folders?list", {"data": [[10, NOON_MS, NOON_MS, "userstore", "infostore"]]})
    canned.on("infostore?all", {"data": [["10/1", NOON_MS, NOON_MS, "a", "a.txt", "text/plain", 3]]})
    source = canned_source()
    canned.on("infostore", Reply(b"x" * 10))
    canned.on("infostore?document", error("IFO-0300", "USER_INPUT"))
    with pytest.raises(ItemGone):
        source.document(["userstore", "a.txt"])
    canned.on("infostore?all", error("IFO-0400", "PERMISSION_DENIED"))
    assert [each.title for each in source.documents(["userstore"])] == ["userstore", "userstore"]
    below = {"10": [], "9": [[10, NOON_MS, NOON_MS, "userstore", "infostore"]]}
    canned.on("folders?list", lambda seen: {"data": below[seen.params["parent"]]})
    with pytest.raises(ItemRefused):
        source.documents(["userstore"])
    canned.on("infostore?all", error("DBP-0001", "SERVICE_DOWN"))
    with pytest.raises(SourceUnavailable):
        source.documents(["userstore"])


def test_a_document_too_large(canned, canned_source):
    canned.on("folders?get", {"data": {"id": "9", "title": "infostore"}})
    canned.on("folders?list", {"data": [[10, NOON_MS, NOON_MS, "userstore", "infostore"]]})
    canned.on("infostore?all", {"data": [["10/1", NOON_MS, NOON_MS, "a", "a.txt", "text/plain", 3]]})
    canned.on("infostore?document", Reply(b"x" * 100))
    source = canned_source()
    object.__setattr__(source._context.settings, "attachment_bytes", 10)
    with pytest.raises(ItemUnreadable):
        source.document(["userstore", "a.txt"])
