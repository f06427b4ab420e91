"""Find: mail and people in 16.1."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.eas.versions import Version
from app.usm.content import Address
from app.usm.model import Attachment, Body, BodyKind
from app.usm.queries import Origin, Person
from tests.eas.phone import INBOX, TRIPS, Phone, Reply, World, plain, tree

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZOE = Address("zoe@example.com", "Zoë Quist")
SEARCH_ID = "BB81A0AC-0D3A-4D5C-9B7A-1C2D3E4F5A6B"


@pytest.fixture
def ready(world: World) -> Phone:
    return world.phone(Version.V16_1).start()


def mail(phone: Phone, subject: str, hours: int = 0, folder: str = INBOX, **more: object) -> str:
    fields = {
        "subject": subject,
        "from": (ZOE,),
        "to": (Address("anton@example.org", "Anton"),),
        "received": NOON + timedelta(hours=hours),
        "body": Body(BodyKind.TEXT, "Hello"),
        **more,
    }
    return f"{phone.number(folder)}:{phone.world.source.put(folder, fields, NOON)}"


def find(phone: Phone, words: str | None, *query: object, options: tuple[object, ...] | None = None) -> Reply:
    free = None if words is None else ("FreeText", words)
    criterion = (
        "MailBoxSearchCriterion",
        ("Query", ("AirSync:Class", "Email"), *query, free),
        None if options is None else ("Options", *options),
    )
    return execute(phone, criterion)


def find_people(phone: Phone, words: str, *options: object) -> Reply:
    wishes = ("Options", *options) if options else None
    return execute(phone, ("GalSearchCriterion", ("Query", words), wishes))


def execute(phone: Phone, *criteria: object, search_id: str = SEARCH_ID) -> Reply:
    root = tree("Find:Find", ("SearchId", search_id), ("ExecuteSearch", *criteria))
    return phone.send("Find", root)


def found(reply: Reply) -> list[str]:
    assert reply.status == "1"
    assert reply.one("Find:Response").text_of("Find:Status") == "1"
    return [element.text for element in reply.all("AirSync:ServerId")]


@pytest.mark.requirement(
    "MS-ASCMD", 45251801, 45251807, 9010602, 9820602, 38971801, 36841701, 72171802, 72172509
)
@pytest.mark.requirement("MS-ASCMD", 38391804, 72172520)
def test_a_mail_is_a_line_of_a_list(ready: Phone) -> None:
    files = (Attachment("1", "a.txt", 3), Attachment("2", "b.png", 3, inline=True))
    mine = mail(
        ready,
        "Plan",
        cc=(Address("b@example.org", "Berta"), Address("c@example.org")),
        bcc=(Address("d@example.org"),),
        attachments=files,
        read=True,
        importance=2,
        body=Body(BodyKind.HTML, "<p>Hello <b>you</b></p>"),
    )
    mail(ready, "Lunch")
    reply = find(ready, "plan")
    assert found(reply) == [mine]
    assert reply.text("ItemOperations:Store") == "Mailbox"
    assert reply.text("AirSync:Class") == "Email"
    assert reply.text("AirSync:CollectionId") == ready.number(INBOX)
    assert dict(plain(reply.one("Find:Properties"))) == {  # type: ignore[call-overload]
        "From": '"Zoë Quist" <zoe@example.com>',
        "Subject": "Plan",
        "DateReceived": "2026-03-01T12:00:00.000Z",
        "DisplayTo": "Anton",
        "Importance": "2",
        "Read": "1",
        "DisplayCc": "Berta; c@example.org",
        "DisplayBcc": "d@example.org",
        "HasAttachments": "1",
        "Preview": "Hello you",
    }
    assert (reply.text("Find:Range"), reply.text("Find:Total")) == ("0-0", "1")


def test_a_mail_of_which_little_is_known(ready: Phone) -> None:
    draft = mail(ready, "Plan", body=None, draft=True)
    reply = find(ready, "plan")
    assert found(reply) == [draft]
    assert reply.text("Email2:IsDraft") == "1"
    assert reply.text("Find:HasAttachments") == "0"
    assert reply.all("Find:Preview") == reply.all("Find:DisplayCc") == []


@pytest.mark.requirement("MS-ASCMD", 38391805)
def test_nothing_is_found(ready: Phone) -> None:
    reply = find(ready, "nowhere")
    assert found(reply) == []
    assert reply.all("Find:Result") == []
    assert (reply.text("Find:Range"), reply.text("Find:Total")) == ("0-0", "0")


def test_properties_and_operators_of_kql(ready: Phone) -> None:
    plan = mail(ready, "Plan", 3)
    lunch = mail(ready, "Lunch", 2, read=True)
    other = mail(ready, "Other plan", 1, **{"from": (Address("bob@example.com", "Bob"),)})
    assert found(find(ready, "from:zoe plan")) == [plan]
    assert found(find(ready, 'subject:"other plan" OR lunch')) == [lunch, other]
    assert found(find(ready, "NOT subject:lunch from:bob")) == [other]
    assert found(find(ready, "isread:true")) == [lunch]
    assert found(find(ready, "received>=2026-03-01 received<2026-03-02 plan -other")) == [plan]


def test_folders_and_those_below(ready: Phone) -> None:
    here, there = mail(ready, "Plan", 1), mail(ready, "Plan", folder=TRIPS)
    inbox = ("AirSync:CollectionId", ready.number(INBOX))
    assert found(find(ready, "plan")) == [here, there]
    assert found(find(ready, "plan", ("AirSync:CollectionId", "0"))) == [here, there]
    assert found(find(ready, "plan", inbox)) == [here]
    assert found(find(ready, "plan", inbox, options=(("DeepTraversal",),))) == [here, there]
    assert found(find(ready, None, inbox)) == [here]


@pytest.mark.requirement("MS-ASCMD", 72172515)
def test_a_folder_that_the_device_has_not(world: World, ready: Phone) -> None:
    for name in ("99", "nonsense"):
        assert find(ready, "plan", ("AirSync:CollectionId", name)).status == "3"
    fresh = world.phone(Version.V16_1, device_id="phone2").provision()
    assert find(fresh, "plan").status == "3"


@pytest.mark.requirement("MS-ASCMD", 10032019, 901100618, 6659100918)
@pytest.mark.requirement("MS-ASEMAIL", 6000, 6001)
@pytest.mark.requirement("MS-ASCMD", 37071811, 37071812, 37071816)
def test_a_range_says_how_many(ready: Phone) -> None:
    names = [mail(ready, "Plan", hours) for hours in range(5)][::-1]
    reply = find(ready, "plan", options=(("Range", "0-1"),))
    assert found(reply) == names[:2]
    assert (reply.text("Find:Range"), reply.text("Find:Total")) == ("0-1", "5")
    assert found(find(ready, "plan", options=(("Range", "0-999"),))) == names
    assert found(find(ready, "plan", options=())) == names


@pytest.mark.requirement("MS-ASCMD", 72172518)
@pytest.mark.parametrize("wanted", ["1-5", "0-1000", "", "x", "5-1"])
def test_a_range_that_does_not_begin_with_0(ready: Phone, wanted: str) -> None:
    for reply in (
        find(ready, "plan", options=(("Range", wanted),)),
        find_people(ready, "anton", ("Range", wanted)),
    ):
        assert reply.status == "1"
        assert reply.one("Find:Response").text_of("Find:Status") == "4"


@pytest.mark.requirement("MS-ASCMD", 72172512)
def test_what_is_no_search(ready: Phone) -> None:
    criterion = ("MailBoxSearchCriterion", ("Query", ("FreeText", "x")))
    people = ("GalSearchCriterion", ("Query", "x"))
    assert execute(ready, criterion, search_id="").status == "2"
    assert execute(ready, criterion, search_id="x" * 129).status == "2"
    assert execute(ready).status == "2"
    assert execute(ready, criterion, people).status == "2"
    assert find(ready, "").status == "2"
    assert find(ready, '""').status == "2"
    assert find(ready, "x" * 1025).status == "2"
    assert find_people(ready, "").status == "2"
    assert execute(ready, ("MailBoxSearchCriterion", ("Query", ("AirSync:Class", "Tasks")))).status == "2"
    assert execute(ready, ("MailBoxSearchCriterion",)).status == "2"


# -- people --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("MS-ASCMD", 3667, 32831609, 3283101615)
@pytest.mark.requirement("MS-ASCMD", 10031995, 10031996, 1002501, 131999, 132000, 132004)
@pytest.mark.requirement("MS-ASCMD", 61641061, 61641062, 32831607, 32831608, 32831610, 33001609, 33001610)
def test_people_with_pictures(ready: Phone) -> None:
    names = ("Anton Z", "Anton B")
    ready.world.source.directory = [
        Person(Origin.DIRECTORY, {"display_name": name, "email1": f"{name[-1]}@example.org"}, picture=name)
        for name in names
    ]
    ready.world.source.pictures = {"Anton B": b"123", "Anton Z": b"123"}
    reply = find_people(ready, "anton", ("Picture", ("MaxPictures", 1), ("MaxSize", 10)))
    assert reply.status == "1"
    assert [element.text for element in reply.all("Gal:DisplayName")] == ["Anton B", "Anton Z"]
    assert [each.text_of("Gal:Status") for each in reply.all("Gal:Picture")] == ["1", "175"]
    assert reply.one("Gal:Data").value == b"123"
    assert (reply.text("Find:Range"), reply.text("Find:Total")) == ("0-1", "2")
    reply = find_people(ready, "anton", ("Range", "0-0"))
    assert [element.text for element in reply.all("Gal:Alias")] == ["B"]
    assert reply.all("Gal:Picture") == []
    assert reply.text("Find:Total") == "2"


@pytest.mark.requirement("MS-ASCMD", 6865101723)
def test_people_with_their_offices(ready: Phone) -> None:
    fields = {"display_name": "Anton", "email1": "a@example.org", "office": "Room 7"}
    ready.world.source.directory = [Person(Origin.DIRECTORY, fields)]
    assert find_people(ready, "anton").text("Gal:Office") == "Room 7"


@pytest.mark.parametrize("version", [Version.V14_1, Version.V16_0])
def test_there_is_no_find_before_16_1(world: World, version: Version) -> None:
    phone = world.phone(version).start()
    response = phone.raw("Find", b"")
    assert response.status in (200, 400)
    assert "search" not in world.source.calls
