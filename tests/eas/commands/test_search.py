"""Search: mail, people and documents, as devices of all versions ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from app.eas.schema.email import conversation_id
from app.eas.versions import Version
from app.usm.content import Address
from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from app.usm.queries import Document, Origin, Person
from app.wbxml import encode
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, World, plain, tree

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZOE = Address("zoe@example.com", "Zoë Quist")
FROM_14_1 = (Version.V14_1, Version.V16_0, Version.V16_1)


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start()


def mail(
    phone: Phone, subject: str, hours: int = 0, folder: str = INBOX, text: str = "Hello", **more: object
) -> str:
    """The LongId of a message that came some hours after noon."""
    fields = {
        "subject": subject,
        "from": (ZOE,),
        "received": NOON + timedelta(hours=hours),
        "body": Body(BodyKind.TEXT, text),
        **more,
    }
    item = phone.world.source.put(folder, fields, NOON)
    return f"{phone.number(folder)}:{item}"


def search(
    phone: Phone, *conditions: object, options: tuple[object, ...] = (), store: str = "Mailbox"
) -> Reply:
    content = (("Name", store), ("Query", ("And", *conditions)), ("Options", *options))
    return phone.send("Search", tree("Search:Search", ("Store", *content)))


def gal(phone: Phone, text: str, *options: object) -> Reply:
    content = (("Name", "GAL"), ("Query", text), ("Options", *options) if options else None)
    return phone.send("Search", tree("Search:Search", ("Store", *content)))


def documents(phone: Phone, link: str, *options: object) -> Reply:
    query = ("Query", ("EqualTo", ("DocumentLibrary:LinkId", ""), ("Value", link)))
    content = (("Name", "DocumentLibrary"), query, ("Options", *options) if options else None)
    return phone.send("Search", tree("Search:Search", ("Store", *content)))


def text(words: str) -> tuple[str, str]:
    return ("FreeText", words)


def later_than(moment: str) -> tuple[object, ...]:
    return ("GreaterThan", ("Email:DateReceived", ""), ("Value", moment))


def earlier_than(moment: str) -> tuple[object, ...]:
    return ("LessThan", ("Email:DateReceived", ""), ("Value", moment))


def store_status(reply: Reply) -> str:
    assert reply.status == "1"
    return reply.one("Search:Store").text_of("Search:Status") or ""


def found(reply: Reply) -> list[str]:
    """LongIds, in the order of the answer."""
    assert store_status(reply) == "1"
    return [element.text for element in reply.all("Search:LongId")]


def page(reply: Reply) -> tuple[str, str]:
    return reply.text("Search:Range"), reply.text("Search:Total")


# -- the mailbox ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("MS-ASEMAIL", 57, 66, 67)
@pytest.mark.requirement("MS-ASCMD", 6091, 7513, 7514, 7515, 7516)
@pytest.mark.requirement("MS-ASCMD", 5849, 1836, 3687, 3846, 3849, 4531, 2783, 420, 4638)
def test_what_was_found_comes_newest_first_with_its_folder_and_class(ready: Phone) -> None:
    old, new, _ = mail(ready, "Plan A", 1), mail(ready, "Plan B", 2, TRIPS), mail(ready, "Lunch", 3)
    reply = search(ready, text("plan"))
    assert found(reply) == [new, old]
    assert page(reply) == ("0-1", "2")
    first = reply.all("Search:Result")[0]
    assert [child.name for child in first] == [
        "AirSync:Class",
        "Search:LongId",
        "AirSync:CollectionId",
        "Search:Properties",
    ]
    assert first.text_of("AirSync:CollectionId") == ready.number(TRIPS)
    assert first.text_of("AirSync:Class") == "Email"
    assert reply.all("Email:Subject")[0].text == "Plan B"


@pytest.mark.requirement("MS-ASCMD", 3850)
def test_nothing_found_has_a_range_a_total_and_an_empty_result(ready: Phone) -> None:
    reply = search(ready, text("nowhere"))
    assert found(reply) == []
    assert [plain(each) for each in reply.all("Search:Result")] == [""]
    assert page(reply) == ("0-0", "0")


@pytest.mark.parametrize("folder", ["", "0"])
def test_no_folder_and_folder_0_mean_all_of_them(ready: Phone, folder: str) -> None:
    here, there = mail(ready, "Plan"), mail(ready, "Plan", folder=TRIPS)
    chosen = [("AirSync:CollectionId", folder)] if folder else []
    assert set(found(search(ready, *chosen, text("plan")))) == {here, there}


@pytest.mark.requirement("MS-ASCMD", 2146, 5856, 2031)
def test_one_folder_several_and_those_below(ready: Phone) -> None:
    here, there = mail(ready, "Plan", 1), mail(ready, "Plan", folder=TRIPS)
    inbox, trips = (
        ("AirSync:CollectionId", ready.number(INBOX)),
        ("AirSync:CollectionId", ready.number(TRIPS)),
    )
    assert found(search(ready, inbox, text("plan"))) == [here]
    assert found(search(ready, inbox, trips, text("plan"))) == [here, there]
    assert found(search(ready, inbox, text("plan"), options=(("DeepTraversal",),))) == [here, there]
    assert found(search(ready, trips, text("plan"), options=(("DeepTraversal",),))) == [there]


@pytest.mark.requirement("MS-ASCMD", 4358)
@pytest.mark.parametrize("folder", ["999", "nonsense", ""])
def test_a_folder_that_the_device_has_not_sends_it_to_folder_sync(ready: Phone, folder: str) -> None:
    assert store_status(search(ready, ("AirSync:CollectionId", folder), text("x"))) == "11"


def test_a_device_without_folders_is_sent_to_folder_sync(phone: Phone) -> None:
    phone.provision()
    assert store_status(search(phone, text("x"))) == "11"


@pytest.mark.requirement("MS-ASCMD", 6486, 6487, 6488, 6489, 6489100801)
@pytest.mark.requirement("MS-ASCMD", 3140)
def test_only_messages_of_some_time(ready: Phone) -> None:
    names = [mail(ready, "Plan", hours) for hours in (0, 5, 10)]
    after, before = later_than("2026-03-01T12:00:00.000Z"), earlier_than("2026-03-01T22:00:00.000Z")
    assert found(search(ready, text("plan"), after, before)) == [names[1]]
    assert found(search(ready, after)) == [names[2], names[1]]
    assert found(search(ready, text("plan"), before)) == [names[1], names[0]]


@pytest.mark.requirement("MS-ASCON", 176, 220, 221)
def test_the_messages_of_a_conversation(world: World) -> None:
    phone = world.phone().start()
    mine = mail(phone, "Plan", conversation="<1@example.com>")
    mail(phone, "Plan", conversation="<2@example.com>")
    assert found(search(phone, ("ConversationId", conversation_id("<1@example.com>")))) == [mine]
    assert found(search(phone, ("ConversationId", "text"))) == []


@pytest.mark.requirement("MS-ASCNTC", 475, 488, 490)
@pytest.mark.requirement("MS-ASCMD", 7522, 7523, 7524, 7526)
@pytest.mark.requirement("MS-ASCMD", 922)
def test_contacts_are_found_beside_mails_unless_one_class_is_wanted(ready: Phone) -> None:
    item = ready.world.source.put(
        CONTACTS, {"display_name": "Zoë Planck", "file_as": "Zoë Planck", "picture": b"\xff\xd8"}
    )
    contact = f"{ready.number(CONTACTS)}:{item}"
    message = mail(ready, "Plan")
    assert set(found(search(ready, text("plan")))) == {message, contact}
    assert found(search(ready, ("AirSync:Class", "Contacts"), text("plan"))) == [contact]
    reply = search(ready, ("AirSync:Class", "Email"), ("AirSync:Class", "Contacts"), text("zoë planck"))
    assert found(reply) == [contact]
    assert reply.text("AirSync:Class") == "Contacts"


@pytest.mark.requirement("MS-ASCMD", 6092, 7532, 7533, 7534, 7535, 7536)
@pytest.mark.requirement("MS-ASCMD", 6288, 6289, 920)
def test_classes_that_a_version_does_not_know(world: World) -> None:
    for version, expected in ((Version.V12_1, "2"), (Version.V14_0, "1")):
        phone = world.phone(version, device_id=f"phone{version.value}").start()
        for name in ("Notes", "SMS"):
            assert store_status(search(phone, ("AirSync:Class", name), text("x"))) == expected
    assert store_status(search(phone, ("AirSync:Class", "Journal"), text("x"))) == "2"


def test_no_text_message_is_ever_found(world: World) -> None:
    phone = world.phone().start()
    mail(phone, "Plan")
    assert found(search(phone, ("AirSync:Class", "SMS"), text("plan"))) == []
    assert world.source.calls.count("search") == 0


def test_bodies_only_for_those_who_ask(ready: Phone) -> None:
    mail(ready, "Plan", text="1234567890")
    assert search(ready, text("plan")).all("AirSyncBase:Body") == []
    wanted = ("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 4))
    reply = search(ready, text("plan"), options=(wanted,))
    assert reply.text("AirSyncBase:Data") == "1234"
    assert reply.text("AirSyncBase:Truncated") == "1"


@pytest.mark.requirement("MS-ASCMD", 3383, 3384, 3388)
def test_a_signed_mail_as_a_whole(world: World) -> None:
    phone = world.phone().start()
    mail(phone, "Plan", signed=True, body=Body(BodyKind.MIME, mime=b"Subject: x\r\n\r\n"))
    wishes = (("AirSync:MIMESupport", 2), ("AirSyncBase:BodyPreference", ("Type", 4)))
    reply = search(phone, text("plan"), options=wishes)
    assert reply.text("AirSyncBase:Type") == "4"
    assert reply.one("AirSyncBase:Data").value == b"Subject: x\r\n\r\n"
    assert reply.text("AirSyncBase:EstimatedDataSize") == "14"


@pytest.mark.requirement("MS-ASCMD", 3755, 3757)
def test_what_was_deleted_is_found_no_more(ready: Phone) -> None:
    kept, gone = mail(ready, "Plan A"), mail(ready, "Plan B")
    rebuilt = (("Range", "0-9"), ("RebuildResults",))
    assert set(found(search(ready, text("plan"), options=rebuilt))) == {kept, gone}
    ready.world.source.drop(INBOX, gone.partition(":")[2])
    for options in (rebuilt, rebuilt[:1]):
        assert found(search(ready, text("plan"), options=options)) == [kept]


@pytest.mark.requirement("MS-ASCMD", 431, 3725, 3729, 3733)
def test_a_page_in_the_middle(ready: Phone) -> None:
    names = [mail(ready, "Plan", hours) for hours in range(5)][::-1]
    reply = search(ready, text("plan"), options=(("Range", "1-2"),))
    assert found(reply) == names[1:3]
    assert page(reply) == ("1-2", "5")
    reply = search(ready, text("plan"), options=(("Range", "3-99"), ("RebuildResults",)))
    assert (found(reply), page(reply)) == (names[3:], ("3-4", "5"))
    assert found(search(ready, text("plan"), options=(("Range", "0-0"),))) == names[:1]


@pytest.mark.requirement("MS-ASCMD", 3736, 4361)
@pytest.mark.parametrize("wanted", ["0-100", "100-199", "5-9"])
def test_a_range_beyond_what_there_is(ready: Phone, wanted: str) -> None:
    mail(ready, "Plan")
    reply = search(ready, text("plan"), options=(("Range", wanted),))
    assert store_status(reply) == "12"


@pytest.mark.parametrize("wanted", ["", "1", "3-1", "a-b", "-1-2", "0-99999999999"])
def test_a_range_that_is_none(ready: Phone, wanted: str) -> None:
    assert store_status(search(ready, text("plan"), options=(("Range", wanted),))) == "2"


@pytest.mark.requirement("MS-ASCMD", 772, 2032, 2086, 3105, 3143, 3220, 4350, 923)
@pytest.mark.parametrize(
    "query",
    [
        (("FreeText", "x"),),
        (("And", ("FreeText", "x")), ("And", ("FreeText", "y"))),
        (("And", ("FreeText", "x")), ("AirSync:Class", "Email")),
        (("And", ("Or", ("FreeText", "x"))),),
        (("And", ("And", ("FreeText", "x"))),),
        (("Or", ("FreeText", "x")),),
        (("AirSync:CollectionId", "1"),),
        (("ConversationId", "1"),),
        (("GreaterThan", ("Value", "x")),),
        (("LessThan", ("Value", "x")),),
    ],
)
def test_a_query_that_is_too_complex(world: World, query: tuple[object, ...]) -> None:
    phone = world.phone().start()
    content = (("Name", "Mailbox"), ("Query", *query))
    assert store_status(phone.send("Search", tree("Search:Search", ("Store", *content)))) == "8"


@pytest.mark.requirement("MS-ASCMD", 4329, 2088)
@pytest.mark.parametrize(
    "conditions",
    [
        (text(""),),
        (text(' "" '),),
        (text("x" * 1025),),
        (text("a"), text("b")),
        (later_than("x"),),
        (("GreaterThan", ("Value", "2026-03-01T12:00:00.000Z")),),
        (("LessThan", ("Email:DateReceived", "")),),
        (("ConversationId", "1"), ("ConversationId", "2")),
        (text("x"), later_than("2026-03-01T12:00:00.000Z"), later_than("2026-03-01T12:00:00.000Z")),
    ],
)
def test_conditions_that_make_no_sense(world: World, conditions: tuple[object, ...]) -> None:
    phone = world.phone().start()
    assert store_status(search(phone, *conditions)) == "2"


@pytest.mark.parametrize(
    "content",
    [
        (("Name", "Mailbox"),),
        (("Name", "Mailbox"), ("Query", "")),
        (("Name", "Attic"), ("Query", "x")),
        (("Query", "x"),),
        (("Name", "GAL"), ("Query", "x"), ("Options", ("Range", "0-1"), ("Range", "0-1"))),
        (("Name", "GAL"), ("Query", "x"), ("Options",), ("Options",)),
    ],
)
def test_a_store_that_is_not_well_described(world: World, content: tuple[object, ...]) -> None:
    assert (
        store_status(world.phone().start().send("Search", tree("Search:Search", ("Store", *content)))) == "2"
    )


@pytest.mark.requirement("MS-ASCMD", 4534, 4321)
def test_no_store_and_two_stores(ready: Phone) -> None:
    store = ("Store", ("Name", "GAL"), ("Query", "x"))
    assert store_status(ready.send("Search", tree("Search:Search"))) == "2"
    assert store_status(ready.send("Search", tree("Search:Search", store, store))) == "2"


@pytest.mark.requirement("MS-ASCMD", 4354)
def test_a_search_that_takes_too_long(ready: Phone) -> None:
    ready.world.source.in_time = False
    assert store_status(search(ready, text("plan"))) == "10"
    mine = mail(ready, "Plan")
    assert found(search(ready, text("plan"))) == [mine]


def test_what_cannot_be_read_is_left_out(ready: Phone) -> None:
    mine, broken, gone, long = (mail(ready, "Plan", hours) for hours in range(4))
    source = ready.world.source
    source.unreadable.add(broken.partition(":")[2])
    source.missing.add(gone.partition(":")[2])
    source.items[INBOX]["1" * 80] = source.items[INBOX].pop(long.partition(":")[2])
    reply = search(ready, text("plan"))
    assert found(reply) == [mine]
    assert page(reply) == ("0-0", "4")


def test_a_folder_that_goes_while_it_is_searched(ready: Phone) -> None:
    mail(ready, "Plan", folder=TRIPS)
    mine = mail(ready, "Plan")
    real = ready.world.source.read

    def read(folder, ids, bodies):
        if folder.id == TRIPS:
            raise FolderGone("gone")
        return real(folder, ids, bodies)

    ready.world.source.read = read
    assert found(search(ready, text("plan"))) == [mine]


@pytest.mark.requirement("MS-ASCAL", 523, 533, 534, 535)
@pytest.mark.requirement("MS-ASCMD", 7517, 7518, 7519, 7520, 7521, 7525)
def test_an_appointment_is_told_without_what_results_have_not(world: World) -> None:
    world.source.tree.append(Folder("32", None, "Calendar", ContentType.CALENDAR, FolderRole.DEFAULT))
    world.source.items["32"] = {}
    phone = world.phone(Version.V16_1).start()
    fields = {"subject": "Plan", "start": NOON, "end": NOON, "categories": ("Red",), "uid": "1"}
    item = world.source.put("32", fields)
    reply = search(phone, ("AirSync:Class", "Calendar"), text("plan"))
    assert found(reply) == [f"{phone.number('32')}:{item}"]
    assert reply.text("Calendar:Subject") == "Plan"
    assert reply.all("Calendar:Categories") == []


def test_a_source_that_is_down_is_tried_again_later(ready: Phone) -> None:
    def fail(name: str) -> None:
        if name == "search":
            raise SourceUnavailable("down")

    ready.world.source.before = fail
    root = tree("Search:Search", ("Store", ("Name", "Mailbox"), ("Query", ("And", text("x")))))
    assert ready.raw("Search", encode(root)).status == 503


def test_a_long_id_opens_the_item(ready: Phone) -> None:
    mail(ready, "Plan", text="Hello")
    (name,) = found(search(ready, text("plan")))
    fetch = ("Fetch", ("Store", "Mailbox"), ("Search:LongId", name))
    reply = ready.send("ItemOperations", tree("ItemOperations:ItemOperations", fetch))
    assert reply.text("Email:Subject") == "Plan"


# -- the directory -------------------------------------------------------------------------------------------


def person(name: str, picture: str = "", **fields: str) -> Person:
    first, _, last = name.partition(" ")
    given: Mapping[str, str] = {
        "display_name": name,
        "first_name": first,
        "last_name": last,
        "email1": f"{first.lower()}@example.org",
        **fields,
    }
    return Person(Origin.DIRECTORY, {key: value for key, value in given.items() if value}, picture=picture)


def properties(reply: Reply) -> list[dict[str, object]]:
    return [dict(plain(each)) for each in reply.all("Search:Properties")]  # type: ignore[call-overload]


@pytest.mark.requirement("MS-ASCMD", 5337, 5361, 5371)
@pytest.mark.requirement("MS-ASCMD", 416, 417, 419, 426, 5711, 3691, 3692, 3848, 5286, 5287)
def test_people_by_their_names_with_all_that_is_known(ready: Phone) -> None:
    ready.world.source.directory = [
        person(
            "Berta Björnsen",
            business_phone="1",
            office="2",
            job_title="3",
            company="4",
            home_phone="5",
            mobile_phone="6",
        ),
        person("Anton Berg"),
        person("Caesar Celik"),
    ]
    reply = gal(ready, "ber")
    anton, berta = properties(reply)
    assert anton == {
        "DisplayName": "Anton Berg",
        "Alias": "anton",
        "FirstName": "Anton",
        "LastName": "Berg",
        "EmailAddress": "anton@example.org",
    }
    assert berta == {
        "DisplayName": "Berta Björnsen",
        "Phone": "1",
        "Office": "2",
        "Title": "3",
        "Company": "4",
        "Alias": "berta",
        "FirstName": "Berta",
        "LastName": "Björnsen",
        "HomePhone": "5",
        "MobilePhone": "6",
        "EmailAddress": "berta@example.org",
    }
    assert page(reply) == ("0-1", "2")


def test_the_first_name_is_there_even_where_there_is_none(ready: Phone) -> None:
    ready.world.source.directory = [Person(Origin.DIRECTORY, {"display_name": "Desk"})]
    assert properties(gal(ready, "desk")) == [{"DisplayName": "Desk", "FirstName": ""}]


@pytest.mark.requirement("MS-ASCMD", 7078, 3847)
def test_nobody_of_that_name(ready: Phone) -> None:
    reply = gal(ready, "nobody")
    assert reply.all("Search:Result") == []
    assert page(reply) == ("0-0", "0")


@pytest.mark.requirement("MS-ASCMD", 3735)
def test_a_page_of_people(ready: Phone) -> None:
    ready.world.source.directory = [person(f"Anton {number}") for number in range(5)]
    reply = gal(ready, "anton", ("Range", "2-3"))
    assert [each["LastName"] for each in properties(reply)] == ["2", "3"]
    assert page(reply) == ("2-3", "5")
    assert store_status(gal(ready, "anton", ("Range", "7-9"))) == "12"
    assert store_status(gal(ready, "anton", ("Range", "0-100"))) == "12"


@pytest.mark.requirement(
    "MS-ASCMD", 3294, 3295, 3296, 3297, 3310, 3311, 3674, 2135, 4371, 4372, 4373, 4374, 4375
)
@pytest.mark.parametrize("version", FROM_14_1)
def test_pictures_as_many_and_as_large_as_the_device_wants(world: World, version: Version) -> None:
    world.source.directory = [
        person("Anton A", "big"),
        person("Anton B"),
        person("Anton C", "small"),
        person("Anton D", "small"),
        person("Anton E", "lost"),
    ]
    world.source.pictures = {"big": b"x" * 200, "small": b"y" * 10}
    phone = world.phone(version).start()
    reply = gal(phone, "anton", ("Picture", ("MaxSize", 100), ("MaxPictures", 1)))
    assert [each.text_of("Gal:Status") for each in reply.all("Gal:Picture")] == [
        "174",
        "173",
        "1",
        "175",
        "175",
    ]
    assert reply.one("Gal:Data").value == b"y" * 10
    reply = gal(phone, "anton", ("Picture", ""))
    assert [each.text_of("Gal:Status") for each in reply.all("Gal:Picture")] == ["1", "173", "1", "1", "173"]


@pytest.mark.requirement("MS-ASCMD", 7273)
def test_no_pictures_before_14_1_and_none_unasked(world: World) -> None:
    world.source.directory = [person("Anton A", "big")]
    world.source.pictures = {"big": b"x"}
    old = world.phone(Version.V14_0).start()
    assert gal(old, "anton", ("Picture",)).all("Gal:Picture") == []
    new = world.phone(Version.V14_1, device_id="phone2").start()
    assert gal(new, "anton").all("Gal:Picture") == []
    assert "picture" not in world.source.calls


@pytest.mark.parametrize("limits", [("MaxSize", "x"), ("MaxPictures", "-1")])
def test_limits_that_are_no_numbers(world: World, limits: tuple[str, str]) -> None:
    assert store_status(gal(world.phone().start(), "anton", ("Picture", limits))) == "2"


# -- documents -----------------------------------------------------------------------------------------------


@pytest.fixture
def library(ready: Phone) -> Phone:
    source = ready.world.source
    source.library = [
        Document((), "infostore", True, NOON, NOON),
        Document(("My files",), "My files", True, NOON, None),
        Document(("My files", "Old"), "Old", True),
        Document(("My files", "50% off/now.txt"), "50% off/now.txt", False, NOON, NOON, 5, "text/plain"),
        Document(("My files", ".hidden"), ".hidden", False),
    ]
    source.files = {("My files", "50% off/now.txt"): b"12345"}
    return ready


def links(reply: Reply) -> list[str]:
    return [element.text for element in reply.all("DocumentLibrary:LinkId")]


@pytest.mark.requirement("MS-ASCMD", 1559, 1560, 1561, 1562)
@pytest.mark.requirement("MS-ASDOC", 45, 110)
@pytest.mark.requirement("MS-ASCMD", 3853, 3855, 3734)
@pytest.mark.requirement("MS-ASDOC", 29, 33, 36, 39, 42, 46, 47, 48, 51, 52, 53, 54, 118, 123, 111, 112, 114)
def test_a_folder_and_what_it_holds(library: Phone) -> None:
    reply = documents(library, "\\\\ox\\infostore\\My files")
    assert links(reply) == [
        "\\\\ox\\infostore\\My files",
        "\\\\ox\\infostore\\My files\\Old",
        "\\\\ox\\infostore\\My files\\50%25 off%2Fnow.txt",
        "\\\\ox\\infostore\\My files\\.hidden",
    ]
    assert page(reply) == ("0-3", "4")
    folder, _, file, hidden = properties(reply)
    assert folder == {
        "LinkId": "\\\\ox\\infostore\\My files",
        "DisplayName": "My files",
        "IsFolder": "1",
        "CreationDate": "2026-03-01T12:00:00.000Z",
        "LastModifiedDate": "2026-03-01T12:00:00.000Z",
        "IsHidden": "0",
        "ContentLength": "0",
    }
    assert (file["IsFolder"], file["ContentLength"], file["ContentType"]) == ("0", "5", "text/plain")
    assert hidden["IsHidden"] == "1"


@pytest.mark.requirement("MS-ASCMD", 3858)
def test_a_file_alone(library: Phone) -> None:
    assert len(links(documents(library, "/My files/50%25 off%2Fnow.txt"))) == 1


@pytest.mark.parametrize(
    ("link", "first", "second"),
    [
        ("\\\\ox", "\\\\ox\\", "\\\\ox\\My files"),
        ("\\\\ox\\Infostore\\", "\\\\ox\\Infostore\\", "\\\\ox\\Infostore\\My files"),
        ("https://ox.example.org/", "https://ox.example.org/", "https://ox.example.org/My%20files"),
        ("file:///infostore", "file:///infostore/", "file:///infostore/My%20files"),
        ("/", "/", "/My files"),
    ],
)
def test_links_are_answered_in_the_form_in_which_they_came(
    library: Phone, link: str, first: str, second: str
) -> None:
    assert links(documents(library, link)) == [first, second]


@pytest.mark.requirement("MS-ASCMD", 4336, 4342, 4339)
def test_links_that_lead_nowhere(library: Phone) -> None:
    for link in ("", "readme", "/a/../b", "ftp://x/", "/" + "x" * 3000, "/a\tb"):
        assert store_status(documents(library, link)) == "4", link
    assert store_status(documents(library, "/nowhere")) == "6"
    library.world.source.sees = False
    assert store_status(documents(library, "/")) == "5"


@pytest.mark.requirement("MS-ASDOC", 85)
def test_a_query_without_a_link(library: Phone) -> None:
    for query in ((), (("EqualTo", ("Value", "/")),), (("EqualTo", ("DocumentLibrary:LinkId", "")),)):
        content = (("Name", "Document Library"), ("Query", *query))
        assert store_status(library.send("Search", tree("Search:Search", ("Store", *content)))) == "2"


@pytest.mark.requirement("MS-ASCMD", 4367)
def test_only_the_users_own_credentials(library: Phone) -> None:
    for name in ("anton@example.org", "EXAMPLE\\Anton", ""):
        assert store_status(documents(library, "/", ("UserName", name), ("Password", "x"))) == "1"
    assert store_status(documents(library, "/", ("UserName", "berta"), ("Password", "x"))) == "14"


def test_a_page_of_documents(library: Phone) -> None:
    assert len(links(documents(library, "/My files", ("Range", "1-2")))) == 2
    assert store_status(documents(library, "/My files", ("Range", "9-12"))) == "12"
    assert store_status(documents(library, "/My files", ("Range", "0-1000"))) == "12"


# -- the oldest versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [Version.V2_5, Version.V12_0])
def test_devices_of_old_search_too(world: World, version: Version) -> None:
    world.configure(provisioning="off")
    phone = world.phone(version).start()
    world.source.directory = [person("Anton Berg", "big", business_phone="1")]
    reply = gal(phone, "ant", ("Range", "0-9"))
    assert properties(reply)[0]["Phone"] == "1"
    assert page(reply) == ("0-0", "1")


def test_only_people_are_searched_up_to_2_5(world: World) -> None:
    world.configure(provisioning="off")
    old, newer = (
        world.phone(version, device_id=version.name).start() for version in (Version.V2_5, Version.V12_0)
    )
    mine = mail(newer, "Plan")
    assert found(search(newer, ("AirSync:Class", "Email"), text("plan"))) == [mine]
    assert store_status(search(old, ("AirSync:Class", "Email"), text("plan"))) == "2"
    assert store_status(documents(old, "/")) == "2"
