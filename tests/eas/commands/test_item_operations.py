"""ItemOperations and GetAttachment: items, files, ranges, several parts, and folders emptied."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

import pytest

from app.eas.server import EasResponse
from app.eas.versions import Version
from app.usm.errors import ItemFailed, ItemRefused, ItemUnreadable, SourceUnavailable
from app.usm.model import Body, BodyKind, ContentType, Download, Folder, FolderRole
from app.usm.queries import Document
from app.wbxml import Element, decode, encode
from tests.eas.calendars import START
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, World, plain, tree, whole
from tests.schemas import validate

FILE = bytes(range(256)) * 4


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(INBOX, CONTACTS)


def put(phone: Phone, **fields: object) -> str:
    """The ServerId of a mail with a file."""
    body = fields.pop("body", Body(BodyKind.TEXT, "Hello"))
    item = phone.world.source.put(INBOX, {"subject": "x", "body": body, "files": {"1.2": FILE}, **fields})
    return f"{phone.number(INBOX)}:{item}"


def operations(*content: object) -> Element:
    return tree("ItemOperations:ItemOperations", *content)


def fetch(*names: object, options: tuple[object, ...] = ()) -> tuple[object, ...]:
    return ("Fetch", ("Store", "Mailbox"), *names, ("Options", *options) if options else None)


def file_of(item: str, part: str = "1.2") -> tuple[str, str]:
    return ("AirSyncBase:FileReference", f"{item}:{part}")


def in_parts(phone: Phone, root: Element) -> tuple[Reply, list[bytes]]:
    """The answer in several parts, itself the first."""
    phone.headers["ms-asacceptmultipart"] = "T"
    response = phone.raw("ItemOperations", encode(root))
    phone.headers.clear()
    assert response.headers["Content-Type"] == "application/vnd.ms-sync.multipart"
    data = whole(response)
    (count,) = struct.unpack_from("<I", data)
    table = [struct.unpack_from("<II", data, 4 + 8 * position) for position in range(count)]
    parts = [data[offset : offset + length] for offset, length in table]
    validate(parts[0], phone.version.text)
    return Reply(response, decode(parts[0])), parts


def status_of(reply: Reply, operation: str = "Fetch") -> str:
    assert reply.status == "1"
    return reply.one(f"ItemOperations:{operation}").text_of("ItemOperations:Status") or ""


@pytest.mark.requirement("MS-ASCMD", 234)
@pytest.mark.requirement("MS-ASCMD", 2130, 2301, 3716, 5503, 6161, 6162, 6163, 6164, 6164100601)
@pytest.mark.requirement("MS-ASHTTP", 155, 440)
@pytest.mark.requirement("MS-ASAIRS", 405)
def test_a_file_comes_as_base64_in_the_document(ready: Phone) -> None:
    item = put(ready)
    reply = ready.send("ItemOperations", operations(fetch(file_of(item))))
    assert status_of(reply) == "1"
    assert reply.text("AirSyncBase:FileReference") == f"{item}:1.2"
    assert base64.b64decode(reply.text("ItemOperations:Data")) == FILE
    assert reply.text("AirSyncBase:ContentType") == "application/octet-stream"
    assert reply.all("ItemOperations:Range") == []
    assert reply.http.stream is not None


@pytest.mark.requirement("MS-ASCMD", 236)
@pytest.mark.requirement("MS-ASAIRS", 176)
@pytest.mark.requirement(
    "MS-ASCMD",
    2302,
    3633,
    5505,
    5506,
    5509,
    5510,
    5511,
    5512,
    5513,
    5517,
    5518,
    6937,
    6938,
)
@pytest.mark.requirement("MS-ASHTTP", 94, 95, 154, 534)
@pytest.mark.requirement("MS-ASAIRS", 244, 246)
def test_a_file_comes_as_a_part_of_its_own(ready: Phone) -> None:
    item = put(ready)
    reply, parts = in_parts(
        ready, operations(fetch(file_of(item)), fetch(file_of(item, "9")), fetch(file_of(item)))
    )
    assert [element.text for element in reply.all("ItemOperations:Part")] == ["1", "2"]
    assert parts[1:] == [FILE, FILE]


@pytest.mark.requirement("MS-ASCMD", 3711, 5422, 5423)
@pytest.mark.parametrize(
    ("asked", "told", "expected"),
    [("0-9", "0-9", FILE[:10]), ("1000-5000", "1000-1023", FILE[1000:]), ("5-5", "5-5", FILE[5:6])],
)
def test_a_range_of_a_file(ready: Phone, asked: str, told: str, expected: bytes) -> None:
    root = operations(fetch(file_of(put(ready)), options=(("Range", asked),)))
    reply = ready.send("ItemOperations", root)
    assert (reply.text("ItemOperations:Range"), reply.text("ItemOperations:Total")) == (told, "1024")
    assert base64.b64decode(reply.text("ItemOperations:Data")) == expected
    assert in_parts(ready, root)[1][1] == expected


@pytest.mark.requirement("MS-ASCMD", 4160)
@pytest.mark.parametrize("asked", ["1024-1025", "9-5", "x", "-1", "1-", "99999999999-99999999999"])
def test_a_range_that_cannot_be(ready: Phone, asked: str) -> None:
    reply = ready.send("ItemOperations", operations(fetch(file_of(put(ready)), options=(("Range", asked),))))
    assert status_of(reply) == "8"


@pytest.mark.requirement("MS-ASAIRS", 214)
@pytest.mark.parametrize("reference", ["", "x", "2", "2:1", "99:1:1", "2:999:1", "a:b:c", "2::1", "::"])
def test_a_file_that_is_not_there(ready: Phone, reference: str) -> None:
    reply = ready.send("ItemOperations", operations(fetch(("AirSyncBase:FileReference", reference))))
    assert status_of(reply) == "15"


@pytest.mark.requirement("MS-ASEMAIL", 59, 61, 62, 64)
@pytest.mark.requirement("MS-ASCMD", 913, 2952, 3879, 6269, 6275)
def test_an_item_comes_in_full(ready: Phone) -> None:
    item = put(ready, body=Body(BodyKind.HTML, "<p>Hello</p>", native=BodyKind.HTML))
    names = (("AirSync:CollectionId", ready.number(INBOX)), ("AirSync:ServerId", item))
    reply = ready.send("ItemOperations", operations(fetch(*names)))
    assert (reply.text("AirSync:ServerId"), reply.text("AirSync:Class")) == (item, "Email")
    assert reply.text("Email:Subject") == "x"
    assert reply.text("AirSyncBase:Data") == "<p>Hello</p>"
    plain_text = ("AirSyncBase:BodyPreference", ("Type", "1"))
    reply = ready.send("ItemOperations", operations(fetch(*names, options=(plain_text,))))
    assert reply.text("AirSyncBase:Data") == "Hello"
    reply, parts = in_parts(ready, operations(fetch(*names)))
    assert parts[1] == b"<p>Hello</p>"
    assert reply.text("ItemOperations:Part") == "1"
    assert reply.all("AirSyncBase:Data") == []


def test_who_wants_the_authors_own_part_gets_that_and_the_body_as_it_is(world: World) -> None:
    phone = world.phone(Version.V14_1).start(INBOX)
    item = put(phone, body=Body(BodyKind.HTML, "<p>new</p><blockquote>old</blockquote>"))
    wishes = (("AirSyncBase:BodyPartPreference", ("Type", "2")),)
    fetched = fetch(("AirSync:CollectionId", phone.number(INBOX)), ("AirSync:ServerId", item), options=wishes)
    reply = phone.send("ItemOperations", operations(fetched))
    assert "new" in (reply.one("AirSyncBase:BodyPart").text_of("AirSyncBase:Data") or "")
    assert "old" in (reply.one("AirSyncBase:Body").text_of("AirSyncBase:Data") or "")


@pytest.mark.requirement("MS-ASCMD", 3363)
@pytest.mark.requirement("MS-ASCMD", 3360, 3364, 3366, 3367, 3368)
def test_a_message_as_it_came(ready: Phone) -> None:
    raw = b"Subject: x\r\n\r\n\x00\xff"
    item = put(ready, body=Body(BodyKind.MIME, mime=raw))
    names = (("AirSync:CollectionId", ready.number(INBOX)), ("AirSync:ServerId", item))
    wishes = (("AirSync:MIMESupport", "2"), ("AirSyncBase:BodyPreference", ("Type", "4")))
    root = operations(fetch(*names, options=wishes))
    assert ready.send("ItemOperations", root).one("AirSyncBase:Data").value == raw
    assert in_parts(ready, root)[1][1] == raw


@pytest.mark.requirement("MS-ASCMD", 3365)
def test_a_signed_message_has_its_size_and_form(ready: Phone) -> None:
    raw = b"Subject: x\r\n\r\nsigned"
    item = put(ready, signed=True, body=Body(BodyKind.MIME, mime=raw))
    names = (("AirSync:CollectionId", ready.number(INBOX)), ("AirSync:ServerId", item))
    wishes = (("AirSync:MIMESupport", "1"), ("AirSyncBase:BodyPreference", ("Type", "4")))
    body = ready.send("ItemOperations", operations(fetch(*names, options=wishes))).one("AirSyncBase:Body")
    assert body.text_of("AirSyncBase:Type") == "4"
    assert body.text_of("AirSyncBase:EstimatedDataSize") == str(len(raw))
    assert body.find("AirSyncBase:Data").value == raw  # type: ignore[union-attr]


@pytest.mark.requirement("MS-ASCMD", 7091, 7092, 7094101801)
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (("Email:Subject", "Email:Read"), ["Email:Subject", "Email:Read"]),
        (("AirSyncBase:Body",), ["AirSyncBase:Body"]),
        (("Calendar:Subject",), []),
    ],
)
def test_only_what_the_schema_names_comes(ready: Phone, wanted: tuple[str, ...], told: list[str]) -> None:
    item = put(ready)
    names = (("AirSync:CollectionId", ready.number(INBOX)), ("AirSync:ServerId", item))
    schema = ("Schema", *((name,) for name in wanted))
    reply = ready.send("ItemOperations", operations(fetch(*names, options=(schema,))))
    assert sorted(child.name for child in reply.one("ItemOperations:Properties")) == sorted(told)


def test_a_schema_that_names_nothing_means_all(ready: Phone) -> None:
    item = put(ready)
    root = operations(fetch(("Search:LongId", item), options=(("Schema",),)))
    everything = operations(fetch(("Search:LongId", item)))
    found, whole_item = (ready.send("ItemOperations", each) for each in (root, everything))
    assert plain(found.root) == plain(whole_item.root)  # type: ignore[arg-type]


@pytest.mark.requirement("MS-ASCMD", 196)
def test_the_cache_of_recipients_has_no_operations(ready: Phone) -> None:
    names = (("AirSync:CollectionId", "RI"), ("AirSync:ServerId", "RI:1"))
    assert status_of(ready.send("ItemOperations", operations(fetch(*names)))) == "6"
    reply = ready.send("ItemOperations", operations(empty("RI")))
    assert status_of(reply, "EmptyFolderContents") == "6"


@pytest.mark.requirement("MS-ASCMD", 6274)
def test_there_are_no_notes_before_14_0(ready: Phone) -> None:
    source = ready.world.source
    source.tree.append(Folder("30", None, "Notes", ContentType.NOTES, FolderRole.DEFAULT))
    source.items["30"] = {}
    item = source.put("30", {"subject": "x", "modified": START})
    ready.folder_sync()
    name = f"{ready.number('30')}:{item}"
    reply = ready.send("ItemOperations", operations(fetch(("Search:LongId", name))))
    classes = [each.text for each in reply.all("AirSync:Class")]
    assert classes == ([] if ready.version is Version.V12_1 else ["Notes"])
    assert status_of(reply) == ("6" if ready.version is Version.V12_1 else "1")


def test_a_body_that_is_left_out_is_no_part(ready: Phone) -> None:
    item = put(ready, body=Body(BodyKind.TEXT, "long enough"))
    preference = ("AirSyncBase:BodyPreference", ("Type", "1"), ("TruncationSize", "3"), ("AllOrNone", "1"))
    names = (("AirSync:CollectionId", ready.number(INBOX)), ("AirSync:ServerId", item))
    _, parts = in_parts(ready, operations(fetch(*names, options=(preference,))))
    assert len(parts) == 1


@pytest.mark.requirement("MS-ASCNTC", 477, 483, 486)
def test_a_contact_and_the_long_id_of_a_search(ready: Phone) -> None:
    item = ready.world.source.put(CONTACTS, {"first_name": "Anna"})
    name = f"{ready.number(CONTACTS)}:{item}"
    reply = ready.send("ItemOperations", operations(fetch(("Search:LongId", name))))
    assert reply.text("Contacts:FirstName") == "Anna"
    assert reply.text("Search:LongId") == name


@pytest.mark.parametrize("name", ["2:999", "98:1", "nonsense"])
def test_an_item_that_is_not_there(ready: Phone, name: str) -> None:
    reply = ready.send("ItemOperations", operations(fetch(("Search:LongId", name))))
    assert status_of(reply) == "6"


@pytest.mark.requirement("MS-ASCMD", 4151, 4165)
def test_items_that_cannot_be_read_or_shown(ready: Phone) -> None:
    item = put(ready)
    ready.world.source.unreadable.add(item.partition(":")[2])
    reply = ready.send("ItemOperations", operations(fetch(("Search:LongId", item))))
    assert status_of(reply) == "14"
    items = ready.world.source.items[INBOX]
    items["9" * 70] = items[ready.world.source.put(INBOX, {"subject": "x"})]
    named = f"{ready.number(INBOX)}:{'9' * 70}"
    assert status_of(ready.send("ItemOperations", operations(fetch(("Search:LongId", named))))) == "14"


def test_a_name_longer_than_any_is_refused_and_not_repeated(ready: Phone) -> None:
    names = ("AirSync:CollectionId", "1" * 65), ("AirSync:ServerId", "1:1")
    reply = ready.send("ItemOperations", operations(fetch(*names)))
    assert reply.status == "2"
    assert reply.all("AirSync:CollectionId") == []


def test_another_store(ready: Phone) -> None:
    attic = ("Fetch", ("Store", "Attic"), ("DocumentLibrary:LinkId", "x"))
    assert status_of(ready.send("ItemOperations", operations(attic))) == "9"


def link(path: str, *options: object) -> tuple[object, ...]:
    wishes = ("Options", *options) if options else None
    return ("Fetch", ("Store", "DocumentLibrary"), ("DocumentLibrary:LinkId", path), wishes)


@pytest.mark.requirement("MS-ASCMD", 6473100701)
@pytest.mark.requirement("MS-ASDOC", 69, 103, 124)
@pytest.mark.requirement("MS-ASDOC", 77, 98, 101, 102, 104, 105, 107, 121)
def test_a_document_comes_as_base64_in_the_document(ready: Phone) -> None:
    ready.world.source.files = {("My files", "a.txt"): FILE}
    path = "\\\\ox\\infostore\\My files\\a.txt"
    reply = ready.send("ItemOperations", operations(link(path)))
    assert status_of(reply) == "1"
    assert reply.text("DocumentLibrary:LinkId") == path
    assert base64.b64decode(reply.text("ItemOperations:Data")) == FILE
    assert reply.text("AirSyncBase:ContentType") == "text/plain"
    assert reply.all("ItemOperations:Version") == []


@pytest.mark.requirement("MS-ASCMD", 5276, 5919)
def test_of_documents_alone_it_is_told_when_they_were_changed(ready: Phone) -> None:
    ready.world.source.library = [Document(("a.txt",), "a.txt", False, START, START, 4)]
    ready.world.source.files = {("a.txt",): FILE}
    for wishes in ((), (("Range", "0-3"),)):
        reply = ready.send("ItemOperations", operations(link("/a.txt", *wishes)))
        assert reply.text("ItemOperations:Version") == "2026-03-02T09:00:00.000Z"
    reply = ready.send("ItemOperations", operations(fetch(file_of(put(ready)))))
    assert reply.all("ItemOperations:Version") == []


@pytest.mark.requirement("MS-ASCMD", 1551, 1552, 1553, 1554, 5366, 6470, 6471, 6472, 6473, 6473100601)
@pytest.mark.requirement("MS-ASDOC", 76, 106, 120)
def test_a_part_of_a_document_comes_as_a_part_of_its_own(ready: Phone) -> None:
    ready.world.source.files = {("My files", "a.txt"): FILE}
    reply, parts = in_parts(ready, operations(link("https://ox/My%20files/a.txt", ("Range", "2-5"))))
    assert parts[1] == FILE[2:6]
    assert reply.text("ItemOperations:Part") == "1"
    assert reply.text("ItemOperations:Range") == "2-5"
    assert reply.text("ItemOperations:Total") == str(len(FILE))


@pytest.mark.requirement("MS-ASCMD", 3653, 5886)
def test_a_password_of_256_characters_is_taken(ready: Phone) -> None:
    ready.world.source.files = {("a.txt",): FILE}
    wishes = (("UserName", "anton"), ("Password", "x" * 256))
    assert status_of(ready.send("ItemOperations", operations(link("/a.txt", *wishes)))) == "1"


def test_documents_that_cannot_be_had(ready: Phone) -> None:
    ready.world.source.files = {("a.txt",): FILE}
    wrong = {
        "nonsense": "4",
        "/b.txt": "6",
    }
    for path, status in wrong.items():
        assert status_of(ready.send("ItemOperations", operations(link(path)))) == status
    for options, status in (
        ((("Range", "x"),), "8"),
        ((("Range", "9000-9001"),), "8"),
        ((("UserName", "berta"), ("Password", "x")), "18"),
        ((("UserName", "anton"), ("Password", "x")), "1"),
    ):
        assert status_of(ready.send("ItemOperations", operations(link("/a.txt", *options)))) == status


def empty(folder: str, below: bool = False) -> tuple[object, ...]:
    wishes = ("Options", ("DeleteSubFolders",)) if below else None
    return ("EmptyFolderContents", ("AirSync:CollectionId", folder), wishes)


def test_a_folder_is_emptied(ready: Phone) -> None:
    put(ready)
    reply = ready.send("ItemOperations", operations(empty(ready.number(INBOX), below=True)))
    assert status_of(reply, "EmptyFolderContents") == "1"
    assert ready.world.source.items[INBOX] == {}
    for wrong in ("98", "nonsense"):
        reply = ready.send("ItemOperations", operations(empty(wrong)))
        assert status_of(reply, "EmptyFolderContents") == "6"


def test_a_folder_that_the_device_emptied_is_empty_at_once(ready: Phone) -> None:
    for _ in range(30):
        put(ready)
    ready.sync(INBOX)
    ready.send("ItemOperations", operations(empty(ready.number(INBOX))))
    reply = ready.sync(INBOX)
    assert len(reply.all("AirSync:Delete")) == 30
    put(ready)
    assert len(ready.sync(INBOX).all("AirSync:Add")) == 1


def test_a_folder_that_was_never_synchronised_is_emptied(world: World) -> None:
    phone = world.phone(Version.V16_1).start()
    item = world.source.put(INBOX, {})
    reply = phone.send("ItemOperations", operations(empty(phone.number(INBOX))))
    assert status_of(reply, "EmptyFolderContents") == "1"
    assert item not in world.source.items[INBOX]


@pytest.mark.requirement("MS-ASCMD", 193, 194)
def test_answers_come_in_the_order_of_the_standard(ready: Phone) -> None:
    item = put(ready)
    reply = ready.send("ItemOperations", operations(fetch(file_of(item)), empty("98")))
    names = [child.name for child in reply.one("ItemOperations:Response")]
    assert names == ["ItemOperations:EmptyFolderContents", "ItemOperations:Fetch"]


@pytest.mark.requirement("MS-ASCMD", 4163)
@pytest.mark.parametrize(
    ("error", "status"),
    [(ItemRefused("no"), "5"), (ItemUnreadable("too large"), "11"), (ItemFailed("for now"), "3")],
)
def test_what_the_source_says_no_to(ready: Phone, error: Exception, status: str) -> None:
    def fail(name: str) -> None:
        if name == "attachment":
            raise error

    item = put(ready)
    ready.world.source.before = fail
    assert status_of(ready.send("ItemOperations", operations(fetch(file_of(item))))) == status


class Watched:
    """A file that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise StopIteration

    def close(self) -> None:
        self.closed = True


def test_a_source_that_stops_answering_leaves_no_file_open(
    ready: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Watched] = []

    def attachment(*names: object) -> Download:
        if opened:
            raise SourceUnavailable("down")
        opened.append(Watched())
        return Download(opened[0], size=0)

    monkeypatch.setattr(ready.world.source, "attachment", attachment)
    item = put(ready)
    root = operations(fetch(file_of(item)), fetch(file_of(item)))
    assert ready.send("ItemOperations", root).http.status == 503
    assert opened[0].closed


@pytest.mark.requirement("MS-ASCMD", 765)
@pytest.mark.parametrize(
    "content",
    [
        (),
        (("Status", "1"),),
        (("Fetch", ("Store", "Mailbox")),),
        (("Fetch",),),
        (("EmptyFolderContents",),),
        (fetch(file_of("1:1"), file_of("1:2")),),
    ],
)
def test_a_document_that_is_none(ready: Phone, content: tuple[object, ...]) -> None:
    assert ready.send("ItemOperations", operations(*content)).status == "2"


def test_too_many_operations(world: World) -> None:
    phone = world.phone(Version.V16_1).start(INBOX)
    many = [fetch(("Search:LongId", "2:1")) for _ in range(101)]
    assert phone.send("ItemOperations", operations(*many)).status == "103"


# -- GetAttachment -------------------------------------------------------------------------------------------


def get(phone: Phone, name: str) -> EasResponse:
    query = phone.query
    phone.query = lambda command: f"{query(command)}&AttachmentName={name}"  # type: ignore[method-assign]
    try:
        return phone.raw("GetAttachment", b"")
    finally:
        phone.query = query  # type: ignore[method-assign]


@pytest.mark.requirement("MS-ASCMD", 157, 160, 5501, 6020)
@pytest.mark.requirement("MS-ASHTTP", 115, 230, 487, 490)
@pytest.mark.requirement("MS-ASCMD", 158)
def test_an_old_device_gets_the_file_itself(world: World) -> None:
    phone = world.phone(Version.V12_1).start(INBOX)
    response = get(phone, f"{put(phone)}:1.2")
    assert (response.status, whole(response)) == (200, FILE)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert get(phone, "nonsense").status == 404
    assert phone.raw("GetAttachment", b"ignored").status == 404


def test_a_file_too_large_for_an_old_device(world: World) -> None:
    def fail(name: str) -> None:
        if name == "attachment":
            raise ItemUnreadable("too large")

    phone = world.phone(Version.V12_1).start(INBOX)
    item = put(phone)
    world.source.before = fail
    assert get(phone, f"{item}:1.2").status == 413


@pytest.mark.requirement("MS-ASCMD", 6021, 6022, 6023, 6023100601)
def test_there_is_no_get_attachment_later(world: World) -> None:
    phone = world.phone(Version.V14_1).start(INBOX)
    assert get(phone, f"{put(phone)}:1.2").status == 400
