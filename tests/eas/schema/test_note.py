"""Notes both ways, as a device sees them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.eas.errors import ConversionError
from app.eas.schema import note
from app.eas.versions import ADVERTISED, Version
from app.usm.content import NOTE_FIELDS
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from app.wbxml import Element
from tests.eas.phone import Phone, World, tree

NOTES = "default0/Notes"
FULL = {
    "subject": "Ideas",
    "body": Body(BodyKind.TEXT, "one\ntwo"),
    "modified": datetime(2024, 2, 29, 8, 15, tzinfo=UTC),
    "categories": ("blue", "work"),
}


def data(*children: object) -> list[Element]:
    return tree("Notes:X", *children).children


@pytest.fixture
def world() -> World:
    made = World()
    made.source.tree.append(Folder(NOTES, None, "Notes", ContentType.NOTES, FolderRole.DEFAULT))
    made.source.items[NOTES] = {}
    return made


def test_every_field_of_a_note_is_named_here() -> None:
    assert set(FULL) == set(NOTE_FIELDS)


@pytest.mark.requirement("MS-ASNOTE", 84, 96, 110, 125, 126, 128, 208, 209, 210)
@pytest.mark.requirement("MS-ASNOTE", 3, 37, 57)
@pytest.mark.parametrize("version", [version for version in ADVERTISED if version >= Version.V14_0])
def test_a_note_comes_with_every_field_and_goes_with_all_but_its_date(world: World, version: Version) -> None:
    world.source.put(NOTES, FULL)
    reply = Phone(world, version).start(NOTES).sync(NOTES)
    assert reply.text("Notes:MessageClass") == "IPM.StickyNote"
    assert reply.text("Notes:LastModifiedDate") == "20240229T081500Z"
    received = reply.one("AirSync:ApplicationData").children
    other = Phone(world, version, device_id="other").start(NOTES)
    other.sync(NOTES)
    sent = tuple(element for element in received if element.name != "AirSyncBase:NativeBodyType")
    other.commands(NOTES, ("Add", ("ClientId", "c"), Element("AirSync:ApplicationData", children=sent)))
    copies = [stored.fields for stored in world.source.items[NOTES].values()]
    assert copies[1] == {name: value for name, value in FULL.items() if name != "modified"}


def test_a_subject_is_one_line(world: World) -> None:
    world.source.put(NOTES, {"subject": "a\nb"})
    reply = Phone(world, Version.V14_1).start(NOTES).sync(NOTES)
    assert reply.text("Notes:Subject") == "a b"


@pytest.mark.requirement("MS-ASNOTE", 112, 113, 10002, 10003)
def test_a_change_clears_the_categories_it_leaves_out_and_nothing_else() -> None:
    assert note.read_change(data(("Subject", "S"))) == {"subject": "S", "categories": None}
    assert note.read_new(data(("Subject", ""), ("MessageClass", "IPM.StickyNote"))) == {}


@pytest.mark.requirement("MS-ASNOTE", 119)
@pytest.mark.parametrize("kind", ["IPM.Note", "IPM.StickyNoteX", "x"])
def test_the_class_of_something_else_is_refused(kind: str) -> None:
    with pytest.raises(ConversionError):
        note.read_new(data(("Subject", "S"), ("MessageClass", kind)))
    for own in ("IPM.StickyNote.Mine", ""):
        assert note.read_new(data(("Subject", "S"), ("MessageClass", own))) == {"subject": "S"}


def test_html_of_a_note_stays_html() -> None:
    body = Element(
        "AirSyncBase:Body",
        children=[Element("AirSyncBase:Type", "2"), Element("AirSyncBase:Data", "<b>x</b>")],
    )
    assert note.read_new([body])["body"] == Body(BodyKind.HTML, "<b>x</b>", native=BodyKind.HTML)
    cut = Element("AirSyncBase:Body", children=[*body.children, Element("AirSyncBase:Truncated", "1")])
    assert "body" not in note.read_change([cut])


def test_what_belongs_to_something_else_is_refused() -> None:
    with pytest.raises(ConversionError):
        note.read_new(data(("Tasks:Subject", "x")))


@pytest.mark.requirement("MS-ASNOTE", 38, 39, 43)
@pytest.mark.parametrize("version", [version for version in ADVERTISED if version >= Version.V14_0])
@pytest.mark.parametrize(("kind", "text"), [(1, "x"), (2, "<html><body>x</body></html>")])
def test_a_note_is_text_or_html_as_the_device_wants(
    kind: int, text: str, version: Version, world: World
) -> None:
    phone = Phone(world, version).start(NOTES)
    world.source.put(NOTES, {"subject": "S", "body": Body(BodyKind.TEXT, "x")})
    body = phone.sync(NOTES, ("Options", ("AirSyncBase:BodyPreference", ("Type", kind)))).one(
        "AirSyncBase:Body"
    )
    assert (body.text_of("AirSyncBase:Type"), body.text_of("AirSyncBase:Data")) == (str(kind), text)
