"""Every class of items by every command that shows items: Sync, ItemOperations and Search, in every version."""

from __future__ import annotations

import pytest

from app.eas.folders import CLASSES as NAMES
from app.eas.folders import SINCE
from app.eas.versions import ADVERTISED, Version
from app.usm.content import FIELDS
from app.usm.model import Body, BodyKind, ContentType
from app.wbxml import Element
from tests.eas.phone import Reply, tree
from tests.eas.test_fields import Device, device
from tests.samples import BASE

TEXT = "Here are plans"
BODIES = {ContentType.CONTACTS: "note"}
"""Content → the field of its body where that is not ``body``."""
OWN = {
    ContentType.MAIL: "Email:Subject",
    ContentType.CONTACTS: "Contacts:LastName",
    ContentType.CALENDAR: "Calendar:Subject",
    ContentType.TASKS: "Tasks:Subject",
    ContentType.NOTES: "Notes:Subject",
}
"""Content → the tag of its first field."""
BODY = "AirSyncBase:Body"
PAIRS = [
    pytest.param(content, version, id=f"{content}-{version.text}")
    for content in FIELDS
    for version in ADVERTISED
    if version >= max(SINCE.get(content, Version.V12_0), Version.V12_0)
]
"""From 12.0 on there are ItemOperations, and bodies in AirSyncBase."""


def holding(content: ContentType, version: Version, **more: object) -> tuple[Device, str]:
    """A phone that holds one item of a class, and its ServerId."""
    phone = device(content, version)
    name = "last_name" if content is ContentType.CONTACTS else "subject"
    body = {BODIES.get(content, "body"): Body(BodyKind.TEXT, TEXT)}
    item = phone.world.source.put("f", {**BASE[content], name: "Plan", **body, **more})
    phone.sync("f")
    return phone, f"{phone.number('f')}:{item}"


def fetch(phone: Device, item: str, *options: object) -> Element:
    """The Properties of an item by ItemOperations."""
    chosen = ("Options", *options) if options else None
    names = (("AirSync:CollectionId", phone.number("f")), ("AirSync:ServerId", item))
    wanted = ("Fetch", ("Store", "Mailbox"), *names, chosen)
    reply = phone.send("ItemOperations", tree("ItemOperations:ItemOperations", wanted))
    assert reply.one("ItemOperations:Fetch").text_of("ItemOperations:Status") == "1"
    return reply.one("ItemOperations:Properties")


def search(phone: Device, *conditions: object, options: tuple[object, ...] = ()) -> Reply:
    store = ("Store", ("Name", "Mailbox"), ("Query", *conditions), ("Options", *options))
    return phone.send("Search", tree("Search:Search", store))


def page_of(content: ContentType) -> str:
    return OWN[content].partition(":")[0]


@pytest.mark.requirement("MS-ASCAL", 525, 528, 529, 530, 531)
@pytest.mark.requirement("MS-ASCNTC", 485)
@pytest.mark.requirement("MS-ASNOTE", 100, 101, 103, 104)
@pytest.mark.requirement("MS-ASTASK", 353, 356, 358, 359)
@pytest.mark.requirement("MS-ASAIRS", 1402, 1403, 1404, 1405, 1001082)
@pytest.mark.parametrize(("content", "version"), PAIRS)
def test_an_item_is_fetched_whole_or_by_the_elements_that_are_named(
    content: ContentType, version: Version
) -> None:
    phone, item = holding(content, version)
    whole = fetch(phone, item)
    assert {OWN[content], BODY, "AirSyncBase:NativeBodyType"} <= {child.name for child in whole}
    assert {child.name.partition(":")[0] for child in whole} <= {page_of(content), "AirSyncBase", "Email2"}
    for wanted in ((OWN[content],), (BODY,), (OWN[content], BODY)):
        named = fetch(phone, item, ("Schema", *((each,) for each in wanted)))
        assert {child.name for child in named} == set(wanted)
        assert [child for child in whole if child.name in wanted] == list(named)


@pytest.mark.requirement("MS-ASCMD", 7527, 7528, 7529, 7530, 7531)
@pytest.mark.requirement("MS-ASNOTE", 98, 106, 108)
@pytest.mark.requirement("MS-ASTASK", 351, 361, 363)
@pytest.mark.parametrize(("content", "version"), PAIRS)
def test_an_item_is_found_with_the_elements_of_its_class(content: ContentType, version: Version) -> None:
    phone, item = holding(content, version)
    reply = search(
        phone,
        (
            "And",
            ("AirSync:Class", NAMES[content]),
            ("AirSync:CollectionId", phone.number("f")),
            ("FreeText", "plan"),
        ),
        options=(("Range", "0-9"), ("AirSyncBase:BodyPreference", ("Type", 1))),
    )
    assert reply.text("Search:LongId") == item
    found = {child.name for child in reply.one("Search:Properties")}
    assert {OWN[content], BODY} <= found
    assert {name.partition(":")[0] for name in found} <= {page_of(content), "AirSyncBase", "Email2"}


@pytest.mark.requirement("MS-ASEMAIL", 68)
@pytest.mark.requirement("MS-ASTASK", 364)
@pytest.mark.parametrize(("content", "version"), PAIRS)
def test_elements_of_a_class_are_no_conditions_of_a_search(content: ContentType, version: Version) -> None:
    phone, _ = holding(content, version)
    reply = search(
        phone,
        ("And", ("AirSync:Class", NAMES[content]), ("FreeText", "plan"), (OWN[content], "Plan")),
        options=(("Range", "0-9"),),
    )
    assert reply.one("Search:Store").text_of("Search:Status") == "2"


@pytest.mark.requirement("MS-ASCNTC", 459, 460, 512)
@pytest.mark.parametrize(("content", "version"), PAIRS)
def test_a_body_is_cut_until_the_device_wants_it_whole(content: ContentType, version: Version) -> None:
    phone, _ = holding(content, version)
    field = BODIES.get(content, "body")

    def told(*options: object) -> tuple[str, str | None]:
        phone.world.source.put("f", {**BASE[content], field: Body(BodyKind.TEXT, TEXT)})
        body = phone.sync("f", ("GetChanges", 1), *options).one(BODY)
        return body.text_of("AirSyncBase:Data") or "", body.text_of("AirSyncBase:Truncated")

    cut = ("Options", ("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 4)))
    assert [told(cut), told(), told()] == [("Here", "1")] * 3
    whole = ("Options", ("AirSyncBase:BodyPreference", ("Type", 1)))
    assert [told(whole), told()] == [(TEXT, None)] * 2


@pytest.mark.requirement("MS-ASAIRS", 386)
@pytest.mark.parametrize(("content", "version"), PAIRS)
def test_an_item_that_is_new_or_has_changed_has_a_body(content: ContentType, version: Version) -> None:
    phone = device(content, version)
    name = "last_name" if content is ContentType.CONTACTS else "subject"
    item = phone.world.source.put("f", {**BASE[content], name: "A"})
    assert phone.sync("f").one("AirSync:Add").find("AirSync:ApplicationData").find(BODY)  # type: ignore[union-attr]
    phone.world.source.touch("f", item, {name: "B"})
    assert phone.sync("f").one("AirSync:Change").find("AirSync:ApplicationData").find(BODY)  # type: ignore[union-attr]


@pytest.mark.requirement("MS-ASAIRS", 55, 375, 380, 409, 422)
@pytest.mark.parametrize(("content", "version"), PAIRS)
def test_a_body_that_must_be_whole_is_found_whole_or_not_at_all(
    content: ContentType, version: Version
) -> None:
    phone, _ = holding(content, version)
    conditions = ("And", ("AirSync:Class", NAMES[content]), ("FreeText", "plan"))
    for whole, size, expected in (
        (1, 4, None),
        (1, 99, TEXT),
        (0, 4, "Here"),
        (0, 99, TEXT),
        (None, 4, "Here"),
        (None, 99, TEXT),
    ):
        last = () if whole is None else (("AllOrNone", whole),)
        wish = ("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", size), *last)
        reply = search(phone, conditions, options=(("Range", "0-9"), wish))
        assert reply.one(BODY).text_of("AirSyncBase:Data") == expected


@pytest.mark.requirement("MS-ASNOTE", 114)
@pytest.mark.parametrize("version", [each for each in ADVERTISED if each >= Version.V14_0])
def test_of_notes_a_device_knows_all_or_nothing(version: Version) -> None:
    phone = device(ContentType.NOTES, version)
    supported = ("Supported", ("Notes:Subject",))
    assert phone.sync("f", supported, key="0").status == "4"


@pytest.mark.requirement("MS-ASNOTE", 43001)
@pytest.mark.parametrize("version", [each for each in ADVERTISED if each < Version.V14_0])
def test_no_notes_before_14_0(version: Version) -> None:
    phone = device(ContentType.NOTES, version)
    phone.world.source.put("f", dict(BASE[ContentType.NOTES]))
    assert phone.sync("f", key="0").status == "4"
    assert phone.number("f") not in {
        each.text for each in phone.folder_sync().all("FolderHierarchy:ServerId")
    }


@pytest.mark.requirement("MS-ASCNTC", 415, 2262)
@pytest.mark.parametrize("version", ADVERTISED)
def test_a_contact_has_no_rank_and_old_versions_no_cache_of_recipients(version: Version) -> None:
    phone = device(ContentType.CONTACTS, version)
    phone.world.source.put("f", dict(BASE[ContentType.CONTACTS]))
    assert not phone.sync("f").all("Contacts:WeightedRank")
    if version < Version.V14_0:
        assert "19" not in {each.text for each in phone.folder_sync().all("FolderHierarchy:Type")}
        assert phone.sync("RI", key="0").status == "12"
