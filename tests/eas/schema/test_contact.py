"""Contacts both ways, as a device sees them."""

from __future__ import annotations

import base64
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas.options import Options
from app.eas.schema import contact, table
from app.eas.schema.contact import BY_TAG, ROWS
from app.eas.versions import ADVERTISED, Version
from app.usm.content import CONTACT_FIELDS
from app.usm.model import Body, BodyKind
from app.wbxml import Element
from tests.eas.phone import CONTACTS, Phone, World, plain, tree
from tests.schemas import validate

SAMPLES: dict[type, object] = {
    str: "some text",
    tuple: ("one", "two"),
    date: date(1980, 2, 29),
    bytes: b"\xff\xd8\xff picture",
}


def sample(name: str) -> object:
    if name == "note":
        return Body(BodyKind.TEXT, "line one\nline two")
    return "a@example.org" if name.startswith("email") else SAMPLES[CONTACT_FIELDS[name]]


FULL = {name: sample(name) for name in CONTACT_FIELDS}


def data(*children: object) -> list[Element]:
    return tree("Contacts:X", *children).children


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS)


def test_every_field_has_its_row() -> None:
    by_hand = {"display_name", "file_as", "note"}
    assert {row.field for row in ROWS} | by_hand == set(CONTACT_FIELDS)
    assert len(BY_TAG) == len(ROWS) == len({row.field for row in ROWS})


@pytest.mark.requirement("MS-ASAIRS", 105, 233, 235)
@pytest.mark.parametrize("version", ADVERTISED)
def test_a_contact_with_every_field_comes_and_goes_unchanged(version: Version) -> None:
    world = World()
    phone = world.phone(version).start(CONTACTS)
    world.source.put(CONTACTS, FULL)
    reply = phone.sync(CONTACTS)
    received = reply.one("AirSync:ApplicationData").children
    other = world.phone(version, device_id="other").start(CONTACTS)
    other.sync(CONTACTS)
    sent = tuple(element for element in received if element.name != "AirSyncBase:NativeBodyType")
    other.commands(CONTACTS, ("Add", ("ClientId", "c"), Element("AirSync:ApplicationData", children=sent)))
    copies = list(world.source.items[CONTACTS].values())
    assert len(copies) == 2
    assert copies[1].fields == FULL | {"file_as": "some text"}


def test_a_contact_of_nothing_still_has_something_to_be_filed_under(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {})
    assert ready.sync(CONTACTS).text("Contacts:FileAs") == contact.UNNAMED


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"display_name": "D", "file_as": "F", "first_name": "A"}, "D"),
        ({"display_name": " \n", "file_as": "F"}, "F"),
        (
            {"title": "Dr.", "first_name": "Anna", "last_name": "Beispiel", "suffix": "jr."},
            "Dr. Anna Beispiel jr.",
        ),
        ({"company": "Example Ltd", "email1": "x@example.org"}, "Example Ltd"),
        ({"email2": "x@example.org"}, "x@example.org"),
        ({"mobile_phone": "123"}, "123"),
    ],
)
def test_what_a_contact_is_filed_under(fields: dict[str, str], expected: str) -> None:
    assert contact.file_as(fields) == expected


def test_a_new_contact_without_file_as_gets_a_display_name() -> None:
    assert contact.read_new(data(("FirstName", "A"), ("LastName", "B")))["display_name"] == "A B"


def test_file_as_of_a_device_becomes_both_names() -> None:
    fields = contact.read_new(data(("FileAs", "Beispiel, Anna"), ("FirstName", "Anna")))
    assert (fields["display_name"], fields["file_as"]) == ("Beispiel, Anna", "Beispiel, Anna")


def test_an_empty_file_as_changes_no_name() -> None:
    assert "display_name" not in contact.read_change(data(("FileAs",)), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1980-02-29T11:59:00.000Z", date(1980, 2, 29)),
        ("1980-02-29T00:00:00.000Z", date(1980, 2, 29)),
        ("1980-02-29T01:00:00.000Z", date(1980, 2, 29)),
        ("1980-02-29T08:00:00Z", date(1980, 2, 29)),
        ("1980-02-29T11:00:00Z", date(1980, 2, 29)),
        ("1980-02-29T12:00:00.000Z", date(1980, 2, 29)),
        ("1980-02-28T23:00:00.000Z", date(1980, 2, 29)),
        ("1980-02-28T22:00:00.000Z", date(1980, 2, 29)),
        ("1979-12-31T14:30:00.000Z", date(1980, 1, 1)),
        ("19800229T115900Z", date(1980, 2, 29)),
        (" 1980-02-29T11:59:00Z ", date(1980, 2, 29)),
    ],
)
def test_birthdays_as_devices_write_them(text: str, expected: date) -> None:
    assert contact.read_new(data(("Birthday", text)))["birthday"] == expected


@pytest.mark.parametrize(
    "text",
    ["yesterday", "1980", "1980-02-29", "1980-02-30T00:00:00Z", "1980-02-29 00:00:00", "9999-12-31T23:00:00Z",
     "0000-01-01T00:00:00Z", "1980-02-29T25:00:00Z", "１９８０0229T115900Z", "19800229X115900Z", "T" * 15],
)  # fmt: skip
def test_birthdays_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"calendar|date and time"):
        contact.read_new(data(("Birthday", text)))


@given(st.dates())
def test_every_day_comes_back_as_itself(day: date) -> None:
    element = table.DAY.write("Contacts:Birthday", day)
    assert element is not None
    assert table.DAY.read(element) == day


@pytest.mark.requirement("MS-ASCNTC", 381, 382, 1021)
@pytest.mark.parametrize(
    ("size", "is_sent"), [(0, False), (1, True), (36864, True), (36865, False), (10**6, False)]
)
def test_pictures_that_devices_cannot_take_are_left_out(size: int, is_sent: bool, ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A", "picture": b"x" * size})
    assert bool(ready.sync(CONTACTS).all("Contacts:Picture")) is is_sent


@pytest.mark.requirement("MS-ASCNTC", 384)
def test_a_picture_that_is_too_large_is_status_6(ready: Phone) -> None:
    for size, status in ((36864, "1"), (36865, "6")):
        picture = base64.b64encode(b"x" * size).decode()
        add = ("Add", ("ClientId", str(size)), ("ApplicationData", ("Contacts:Picture", picture)))
        assert ready.commands(CONTACTS, add).one("AirSync:Add").text_of("AirSync:Status") == status


def test_a_picture_is_left_alone_by_a_change_without_one() -> None:
    assert "picture" not in contact.read_change(data(("LastName", "A")), None)


def test_an_empty_picture_takes_it_away_except_from_apples_devices(version: Version) -> None:
    for device_type, left in (("iPhone", True), ("iPad", True), ("Android", False)):
        world = World()
        phone = world.phone(version, device_type=device_type).start(CONTACTS)
        item = world.source.put(CONTACTS, {"last_name": "A", "picture": b"x"})
        server_id = phone.sync(CONTACTS).text("AirSync:ServerId")
        change = (
            "Change",
            ("ServerId", server_id),
            ("ApplicationData", ("Contacts:LastName", "B"), ("Contacts:Picture",)),
        )
        phone.commands(CONTACTS, change)
        assert ("picture" in world.source.items[CONTACTS][item].fields) is left


def test_a_new_contact_of_an_iphone_may_have_an_empty_picture() -> None:
    assert "picture" not in contact.read_new(
        data(("LastName", "A"), ("Picture",)), ignores_empty_picture=True
    )


@pytest.mark.parametrize("text", ["?", "not base64!", "YQ=", "ä"])
def test_a_picture_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        contact.read_new(data(("Picture", text)))


def test_a_picture_may_be_broken_into_lines() -> None:
    text = base64.encodebytes(b"x" * 200).decode()
    assert contact.read_new(data(("Picture", text)))["picture"] == b"x" * 200


STORED = {
    "display_name": "Anna B",
    "last_name": "B",
    "job_title": "Boss",
    "nickname": "Ann",
    "home_city": "Bonn",
    "picture": b"x",
    "note": Body(BodyKind.TEXT, "note"),
}


def after_change(version: Version, supported: object, *children: object) -> dict[str, object]:
    """What is left of STORED after a device that said ``supported`` changed it."""
    world = World()
    phone = world.phone(version).start(CONTACTS, supported=supported)
    item = world.source.put(CONTACTS, STORED)
    server_id = phone.sync(CONTACTS).text("AirSync:ServerId")
    reply = phone.commands(CONTACTS, ("Change", ("ServerId", server_id), ("ApplicationData", *children)))
    assert not reply.all("AirSync:Responses")
    return world.source.items[CONTACTS][item].fields


@pytest.mark.requirement("MS-ASCMD", 879, 881)
@pytest.mark.requirement("MS-ASCMD", 5906, 5911)
def test_without_supported_what_is_missing_is_cleared(version: Version) -> None:
    left = after_change(version, None, ("Contacts:LastName", "C"))
    assert set(left) == {"display_name", "last_name", "picture", "note"}
    assert left["last_name"] == "C"


@pytest.mark.requirement("MS-ASCMD", 5907, 5912)
def test_with_an_empty_supported_nothing_is_cleared(version: Version) -> None:
    left = after_change(version, ("Supported",), ("Contacts:LastName", "C"))
    assert left == STORED | {"last_name": "C"}


@pytest.mark.requirement("MS-ASCNTC", 455, 499)
@pytest.mark.requirement("MS-ASCMD", 5909)
def test_only_what_the_device_knows_is_cleared(version: Version) -> None:
    supported = ("Supported", ("Contacts:JobTitle",), ("Contacts2:NickName",))
    left = after_change(version, supported, ("Contacts:LastName", "C"))
    assert set(left) == set(STORED) - {"job_title", "nickname"}


def test_an_empty_tag_clears_whatever_the_device_said(version: Version) -> None:
    left = after_change(version, ("Supported",), ("Contacts:JobTitle",), ("Contacts:HomeAddressCity", ""))
    assert set(left) == set(STORED) - {"job_title", "home_city"}


@pytest.mark.requirement("MS-ASCMD", 4551, 4552)
def test_supported_counts_only_with_key_0(version: Version) -> None:
    world = World()
    phone = world.phone(version).start(CONTACTS)
    item = world.source.put(CONTACTS, STORED)
    server_id = phone.sync(CONTACTS, ("Supported",)).text("AirSync:ServerId")
    phone.commands(
        CONTACTS, ("Change", ("ServerId", server_id), ("ApplicationData", ("Contacts:LastName", "C")))
    )
    assert "job_title" not in world.source.items[CONTACTS][item].fields


@pytest.mark.requirement("MS-ASCNTC", 461)
@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ((("Type", "1"), ("Data", "new\r\ntext")), Body(BodyKind.TEXT, "new\ntext")),
        ((("Data", "new"),), Body(BodyKind.TEXT, "new")),
        ((("Type", "2"), ("Data", "<p>new<br>text</p>")), Body(BodyKind.TEXT, "new\ntext")),
        ((("Type", "1"), ("Data",)), None),
        ((("Type", "1"), ("Data", "  \n")), None),
        ((("Type", "1"),), STORED["note"]),
        ((("Type", "1"), ("Truncated", "1"), ("Data", "no")), STORED["note"]),
        ((), STORED["note"]),
    ],
)
def test_notes_from_the_device(children: tuple[object, ...], expected: object, version: Version) -> None:
    left = after_change(version, ("Supported",), ("AirSyncBase:Body", *children))
    assert left.get("note") == expected


@pytest.mark.parametrize("kind", ["3", "4", "0", "x"])
def test_notes_of_a_kind_that_cannot_be_kept(kind: str) -> None:
    with pytest.raises(ValueError, match="body of type"):
        contact.read_new(tree("AirSyncBase:X", ("Body", ("Type", kind), ("Data", "x"))).children)


def test_the_note_of_a_contact_that_lost_it_is_sent_empty(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    body = dict(plain(ready.sync(CONTACTS).one("AirSyncBase:Body")))
    assert body == {"Type": "1", "EstimatedDataSize": "0", "Data": ""}


def test_containers_are_never_empty(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A", "children": (), "categories": ("", "\x00")})
    reply = ready.sync(CONTACTS)
    assert not reply.all("Contacts:Children")
    assert not reply.all("Contacts:Categories")


def test_empty_containers_from_a_device_clear() -> None:
    fields = contact.read_change(data(("Children",), ("Categories", ("Category", " "))), frozenset())
    assert (fields["children"], fields["categories"]) == (None, None)


@pytest.mark.requirement("MS-ASCNTC", 194)
@pytest.mark.requirement("MS-ASCNTC", 183, 507)
def test_no_more_than_300_categories_and_children_are_sent(ready: Phone) -> None:
    many = tuple(map(str, range(400)))
    ready.world.source.put(CONTACTS, {"last_name": "A", "categories": many, "children": many})
    reply = ready.sync(CONTACTS)
    assert len(reply.all("Contacts:Category")) == len(reply.all("Contacts:Child")) == 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Anna B" <anna@example.org>', "anna@example.org"),
        ("<anna@example.org>", "anna@example.org"),
        ("anna@example.org", "anna@example.org"),
        ("ä@example.org", "ä@example.org"),
        ("no address at all", "no address at all"),
        ("< broken", "broken"),
        ("", None),
    ],
)
def test_addresses_are_kept_without_the_name(text: str, expected: str | None) -> None:
    assert contact.read_change(data(("Email1Address", text)), frozenset())["email1"] == expected


@pytest.mark.parametrize("tag", ["Email:Subject", "Calendar:Subject", "Tasks:Subject", "AirSync:Class"])
def test_tags_of_another_class_are_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="contact"):
        contact.read_new([Element(tag, "x")])


def test_tags_that_mean_nothing_here_are_passed_over() -> None:
    fields = contact.read_new(data(("LastName", "A"), ("WeightedRank", "5"), ("Alias", "x")))
    assert fields == {"last_name": "A", "display_name": "A"}


@given(
    st.dictionaries(st.sampled_from([n for n, t in CONTACT_FIELDS.items() if t is str]), st.text(max_size=40))
)
def test_any_text_becomes_a_right_answer(fields: dict[str, str]) -> None:
    for version in (Version.V12_1, Version.V16_1):
        children = contact.render(fields, Options(), version)
        command = Element(
            "AirSync:Add",
            children=[
                Element("AirSync:ServerId", "1:1"),
                Element("AirSync:ApplicationData", children=children),
            ],
        )
        collection = Element("AirSync:Collection", children=[Element("AirSync:Commands", children=[command])])
        validate(
            Element("AirSync:Sync", children=[Element("AirSync:Collections", children=[collection])]),
            version.text,
        )
