"""Every field of every content type, each value of each of its kinds, through the whole server to a phone of every
version; what the phone gets is held against the schemas, and the phone sends it back as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.eas.folders import CLASSES as CLASS_NAMES
from app.eas.folders import SINCE
from app.eas.versions import ADVERTISED, Version
from app.usm.content import FIELDS, Address, Attendee, Meeting, MeetingMessage
from app.usm.model import Attachment, Body, BodyKind, ContentType, Folder, FolderRole
from app.wbxml import Element
from tests.eas.phone import Phone, Reply, World, tree
from tests.samples import BASE, NEEDED, SAMPLES

ROLES = {ContentType.MAIL: FolderRole.INBOX}
PREFERENCES = ("Options", ("AirSyncBase:BodyPreference", ("Type", 1)))
NOT_SENT = frozenset(
    {
        "AirSyncBase:NativeBodyType",
        "AirSyncBase:Attachments",
        "Calendar:ResponseType",
        "Calendar:AppointmentReplyTime",
    }
)
"""Tags that only a server sends."""


class Device(Phone):
    """A phone with one folder of one content type."""

    content = ContentType.MAIL

    def collection(self, folder: str, *rest: object, key: str | None = None) -> tuple[object, ...]:
        kind = ("Class", CLASS_NAMES[self.content]) if self.version <= Version.V12_1 else None
        number = self.number(folder)
        key = self.keys.get(number, "0") if key is None else key
        return ("Collection", kind, ("SyncKey", key), ("CollectionId", number), *rest)


def device(content: ContentType, version: Version) -> Device:
    world = World()
    folder = Folder("f", None, "F", content, ROLES.get(content, FolderRole.DEFAULT))
    world.source.tree.append(folder)
    world.source.items["f"] = {}
    made = Device(world, version)
    made.content = content
    made.provision()
    made.folder_sync()
    made.sync("f", key="0")
    return made


def items_of(content: ContentType) -> list[Mapping[str, Any]]:
    """An item for each sample of each field."""
    return [
        {**BASE[content], **NEEDED.get((content, field), {}), field: sample}
        for field in FIELDS[content]
        for sample in SAMPLES[content][field]
    ]


def added(reply: Reply) -> list[Element]:
    return reply.all("AirSync:Add")


@pytest.mark.requirement("MS-ASCNTC", 436, 470, 471, 473, 492, 493, 494)
@pytest.mark.requirement("MS-ASTASK", 349, 366, 368, 438)
@pytest.mark.requirement("MS-ASCAL", 521, 537, 538)
@pytest.mark.parametrize("version", ADVERTISED, ids=lambda version: version.text)
@pytest.mark.parametrize("content", FIELDS, ids=str)
def test_every_field_reaches_a_phone_and_comes_back(content: ContentType, version: Version) -> None:
    if version < SINCE.get(content, version):
        pytest.skip("the version has no such class")
    phone = device(content, version)
    items = items_of(content)
    for fields in items:
        phone.world.source.put("f", dict(fields))
    found: list[Element] = []
    while True:
        reply = phone.sync("f", ("WindowSize", 100), PREFERENCES)
        found += added(reply)
        if not reply.all("AirSync:MoreAvailable"):
            break
    assert len(found) == len(items)
    if content is ContentType.MAIL:
        return
    changes = [changed(element) for element in found]
    for start in range(0, len(changes), 50):
        reply = phone.commands("f", *changes[start : start + 50])
        failed = [
            each for each in reply.all("AirSync:Change") if each.text_of("AirSync:Status") not in (None, "1")
        ]
        assert [(each.text_of("AirSync:Status"), shown(found, each)) for each in failed] == []


def changed(added_item: Element) -> Element:
    """The item as a phone sends it after an edit that changed nothing."""
    data = added_item.find("AirSync:ApplicationData")
    assert data is not None
    sent = [child for child in data if child.name not in NOT_SENT]
    return tree(
        "AirSync:Change",
        ("ServerId", added_item.text_of("AirSync:ServerId")),
        Element("AirSync:ApplicationData", children=sent),
    )


def shown(found: list[Element], failed: Element) -> str:
    name = failed.text_of("AirSync:ServerId")
    return next(repr(each) for each in found if each.text_of("AirSync:ServerId") == name)


NASTY = "a\x00b\x0bc\x1bd\x7fe\x85f\ud800g\ufffeh\uffffi\U0010ffffj"
"""Whatever a source lets through by mistake: what XML cannot carry must not reach a document."""


def nasty(content: ContentType, field: str) -> Any:
    kind = FIELDS[content][field]
    if kind is Body:
        return Body(BodyKind.HTML, f"<p>{NASTY}</p>", native=BodyKind.HTML)
    if field == "categories" or field == "children":
        return (NASTY, NASTY)
    if kind is tuple and field in ("sender", "from", "to", "cc", "bcc", "reply_to"):
        return (Address(f"{NASTY}@example.org", NASTY),)
    if field == "organizer":
        return Address(f"{NASTY}@example.org", NASTY)
    if field == "attendees":
        return (Attendee(f"{NASTY}@example.org", NASTY, comment=NASTY),)
    if field == "attachments":
        return (Attachment("2", NASTY, 1, NASTY, NASTY),)
    if field == "meeting":
        return Meeting(MeetingMessage.REQUEST, NASTY, {**BASE[ContentType.CALENDAR], "location": NASTY})
    return NASTY if kind is str and field != "time_zone" else None


@pytest.mark.parametrize("version", [Version.V12_1, Version.V16_1], ids=lambda version: version.text)
@pytest.mark.parametrize("content", FIELDS, ids=str)
def test_what_xml_cannot_carry_reaches_no_phone(content: ContentType, version: Version) -> None:
    if version < SINCE.get(content, version):
        pytest.skip("the version has no such class")
    phone = device(content, version)
    fields = {field: value for field in FIELDS[content] if (value := nasty(content, field)) is not None}
    phone.world.source.put("f", {**BASE[content], **fields})
    for number in (1, 2):
        wish = ("Options", ("AirSyncBase:BodyPreference", ("Type", number)))
        reply = phone.sync("f", wish, key="0") and phone.sync("f", wish)
        assert len(added(reply)) == 1
        for element in reply.everything():
            text = element.value if isinstance(element.value, str) else ""
            assert not set(text) & set("\x00\x0b\x1b\ud800\ufffe\uffff"), element
