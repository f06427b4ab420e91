"""Requests that no device should send, made from good ones by rule: each gets an answer, and a right one.

For each kind of request and each version a good document is cut at every byte, loses each of its elements, has each
of them twice, and has each value replaced by ones that make no sense. Whatever comes of it, the answer is one that
the standard has, the schemas allow, and that loses nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.eas.versions import Version
from app.wbxml import Element, encode
from tests.eas.phone import CONTACTS, INBOX, Phone, World, tree

VERSIONS = [Version.V12_1, Version.V14_1, Version.V16_1]
HTTP = {200, 400, 403, 449, 500, 501, 503}
NONSENSE = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "nonsense",
    "\u0664",
    "1e3",
    "0x1",
    "x" * 5000,
    "\t\n",
]


def ready(version: Version) -> Phone:
    world = World()
    world.source.put(CONTACTS, {"last_name": "A"})
    world.source.put(INBOX, {"subject": "x"})
    phone = world.phone(version).start(CONTACTS, INBOX)
    phone.sync_many(phone.collection(CONTACTS), phone.collection(INBOX))
    return phone


def sync_document(phone: Phone) -> Element:
    contacts, inbox = phone.number(CONTACTS), phone.number(INBOX)
    preference = (
        "AirSyncBase:BodyPreference",
        ("Type", 2),
        ("TruncationSize", 500),
        ("AllOrNone", 0),
        ("Preview", 50),
    )
    options = (
        "Options",
        ("FilterType", 3),
        ("Conflict", 1),
        ("MIMESupport", 1),
        ("MIMETruncation", 4),
        preference,
    )
    commands = (
        "Commands",
        (
            "Add",
            ("ClientId", "c1"),
            (
                "ApplicationData",
                ("Contacts:LastName", "B"),
                ("Contacts:Birthday", "1980-02-29T11:59:00.000Z"),
            ),
        ),
        (
            "Change",
            ("ServerId", f"{contacts}:1"),
            ("ApplicationData", ("Contacts:LastName", "C"), ("Contacts:Picture", "eA==")),
        ),
        ("Fetch", ("ServerId", f"{contacts}:1")),
    )
    marks = (
        "Commands",
        (
            "Change",
            ("ServerId", f"{inbox}:2"),
            ("ApplicationData", ("Email:Read", 1), ("Email:Flag", ("Status", 2))),
        ),
    )
    window = ("WindowSize", 50)
    return tree(
        "AirSync:Sync",
        (
            "Collections",
            phone.collection(CONTACTS, ("DeletesAsMoves", 1), ("GetChanges", 1), window, commands),
            phone.collection(INBOX, ("GetChanges", 1), window, ("ConversationMode", 0), options, marks),
        ),
        ("HeartbeatInterval", 300),
        ("WindowSize", 100),
    )


def first_sync_document(phone: Phone) -> Element:
    supported = ("Supported", ("Contacts:JobTitle",), ("Contacts2:NickName",))
    return tree("AirSync:Sync", ("Collections", phone.collection(CONTACTS, supported, key="0")))


def ping_document(phone: Phone) -> Element:
    folders = [("Folder", ("Id", phone.number(folder)), ("Class", "Email")) for folder in (CONTACTS, INBOX)]
    return tree("Ping:Ping", ("HeartbeatInterval", 300), ("Folders", *folders))


def provision_document(phone: Phone) -> Element:
    policy = ("Policy", ("PolicyType", "MS-EAS-Provisioning-WBXML"))
    return tree("Provision:Provision", phone.information(), ("Policies", policy))


def acknowledgement(phone: Phone) -> Element:
    key = phone.ask_policy().text("Provision:PolicyKey")
    policy = ("Policy", ("PolicyType", "MS-EAS-Provisioning-WBXML"), ("PolicyKey", key), ("Status", 1))
    return tree("Provision:Provision", ("Policies", policy))


def folder_document(phone: Phone) -> Element:
    return tree("FolderHierarchy:FolderSync", ("SyncKey", "0"))


def settings_document(phone: Phone) -> Element:
    return tree("Settings:Settings", phone.information(), ("UserInformation", ("Get",)))


def estimate_document(phone: Phone) -> Element:
    number = phone.number(INBOX)
    options = ("AirSync:Options", ("FilterType", 3), ("Class", "Email"))
    entry = ("Collection", ("AirSync:SyncKey", phone.keys[number]), ("CollectionId", number), options)
    return tree("GetItemEstimate:GetItemEstimate", ("Collections", entry))


DOCUMENTS = {
    "sync": ("Sync", sync_document),
    "first sync": ("Sync", first_sync_document),
    "ping": ("Ping", ping_document),
    "provision": ("Provision", provision_document),
    "acknowledge": ("Provision", acknowledgement),
    "folders": ("FolderSync", folder_document),
    "settings": ("Settings", settings_document),
    "estimate": ("GetItemEstimate", estimate_document),
}


def elements(root: Element) -> Iterator[tuple[Element, int]]:
    """Every element but the root, by parent and place."""
    for place, child in enumerate(root.children):
        yield root, place
        yield from elements(child)


def variants(root: Element) -> Iterator[Element]:
    """The document with one thing wrong (or merely odd) with it."""
    count = sum(1 for _ in elements(root))
    for number in range(count):
        for change in (remove, double, empty, to_the_end, strangers):
            other = copy.deepcopy(root)
            parent, place = list(elements(other))[number]
            change(parent, place)
            yield other
        for value in NONSENSE:
            other = copy.deepcopy(root)
            parent, place = list(elements(other))[number]
            parent.children[place] = Element(parent.children[place].name, value)
            yield other


def remove(parent: Element, place: int) -> None:
    del parent.children[place]


def double(parent: Element, place: int) -> None:
    parent.children.insert(place, copy.deepcopy(parent.children[place]))


def empty(parent: Element, place: int) -> None:
    parent.children[place] = Element(parent.children[place].name)


def to_the_end(parent: Element, place: int) -> None:
    parent.children.append(parent.children.pop(place))


def strangers(parent: Element, place: int) -> None:
    child = parent.children[place]
    stranger = Element("Tasks:Subject", "x")
    parent.children[place] = Element(child.name, children=[stranger, *child.children])


def check(phone: Phone, command: str, content: bytes) -> None:
    response = phone.raw(command, content)
    assert response.status in HTTP
    phone.reply(response)


@pytest.mark.parametrize("kind", list(DOCUMENTS))
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.text)
def test_the_good_document_is_good(kind: str, version: Version) -> None:
    phone = ready(version)
    command, make = DOCUMENTS[kind]
    assert phone.reply(phone.raw(command, encode(make(phone)))).http.status == 200


@pytest.mark.parametrize("kind", list(DOCUMENTS))
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.text)
def test_a_document_with_one_thing_wrong_gets_a_right_answer(kind: str, version: Version) -> None:
    phone = ready(version)
    command, make = DOCUMENTS[kind]
    seen = 0
    for document in variants(make(phone)):
        check(phone, command, encode(document))
        seen += 1
    assert seen >= 17
    assert phone.world.source.items[INBOX], "no mail was lost over it"


@pytest.mark.parametrize("kind", list(DOCUMENTS))
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.text)
def test_a_document_cut_anywhere_is_no_document(kind: str, version: Version) -> None:
    phone = ready(version)
    command, make = DOCUMENTS[kind]
    content = encode(make(phone))
    for length in range(1, len(content)):
        response = phone.raw(command, content[:length])
        if version is Version.V12_1:
            assert response.status == 400
        else:
            assert phone.reply(response).status == "102"


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.text)
def test_a_document_with_a_wrong_byte_gets_a_right_answer(version: Version) -> None:
    phone = ready(version)
    for kind in ("ping", "settings", "estimate", "acknowledge"):
        command, make = DOCUMENTS[kind]
        content = encode(make(phone))
        for place in range(len(content)):
            for byte in (0x00, 0x01, 0x03, 0x45, 0x80, 0xC3, 0xFF, content[place] ^ 0x40):
                check(phone, command, content[:place] + bytes([byte]) + content[place + 1 :])


@settings(max_examples=200, deadline=None)
@given(
    command=st.sampled_from([command for command, _ in DOCUMENTS.values()]),
    version=st.sampled_from(VERSIONS),
    content=st.binary(min_size=1, max_size=200),
)
def test_any_bytes_get_a_right_answer(command: str, version: Version, content: bytes) -> None:
    check(PHONES[version], command, b"\x03\x01\x6a\x00" + content)


PHONES = {version: ready(version) for version in VERSIONS}
