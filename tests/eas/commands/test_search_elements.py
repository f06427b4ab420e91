"""Which elements the answers of Search, Find and ResolveRecipients have in each version (MS-ASCMD 2.2.3).

Every answer is held against the schemas on its way here: what they say of parents, children, types and numbers of these
elements is shown by the elements being there.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.eas.schema.email import conversation_id
from app.eas.versions import Version
from app.usm.content import Address
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from app.usm.queries import Document, Origin, Person
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, World, tree

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = "<1@example.com>"
PERSON = Person(
    Origin.DIRECTORY,
    {
        "display_name": "Anton Albers",
        "first_name": "Anton",
        "last_name": "Albers",
        "email1": "anton@example.org",
        "business_phone": "1",
        "home_phone": "2",
        "mobile_phone": "3",
        "office": "4",
        "job_title": "5",
        "company": "6",
    },
    picture="a",
)
PEOPLE = {
    "Alias",
    "Company",
    "DisplayName",
    "EmailAddress",
    "FirstName",
    "HomePhone",
    "LastName",
    "MobilePhone",
    "Office",
    "Phone",
    "Title",
}
PICTURES = {"Picture", "Data"}
MOMENT = ("Email:DateReceived", "")


@pytest.fixture
def phone(world: World, version: Version) -> Phone:
    """A phone of a user with one of everything."""
    world.source.directory = [PERSON]
    world.source.pictures = {"a": b"1"}
    world.source.diary = {PERSON.mail: []}
    world.source.library = [Document((), "infostore", True)]
    made = world.phone(version).start()
    fields = {
        "subject": "Plan",
        "received": NOON,
        "conversation": NAME,
        "body": Body(BodyKind.TEXT, "Hello"),
        "cc": (Address("b@example.org"),),
        "bcc": (Address("c@example.org"),),
    }
    world.source.put(INBOX, fields, NOON)
    return made


def tags(*replies: Reply) -> set[str]:
    return {element.name.partition(":")[2] for reply in replies for element in reply.everything()}


VERSIONS = (
    pytest.param(
        Version.V12_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6087,
            6165,
            6284,
            6332,
            6352,
            6364,
            6392,
            6400,
            6466,
            6498,
            6660,
            6695,
            6778,
            6786,
            6810,
            6830,
            6959,
            6971,
            6987,
            6999,
            7065,
            7079,
            7095,
            7300,
            7342,
        ),
    ),
    pytest.param(
        Version.V14_0,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6088,
            6166,
            6285,
            6333,
            6353,
            6365,
            6393,
            6401,
            6467,
            6499,
            6661,
            6696,
            6779,
            6787,
            6811,
            6831,
            6960,
            6972,
            6988,
            7000,
            7066,
            7080,
            7096,
            7301,
            7331,
            7343,
        ),
    ),
    pytest.param(
        Version.V14_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6089,
            6167,
            6286,
            6334,
            6354,
            6366,
            6394,
            6402,
            6468,
            6500,
            6662,
            6697,
            6752,
            6780,
            6788,
            6812,
            6832,
            6961,
            6973,
            6989,
            7001,
            7067,
            7081,
            7097,
            7302,
            7332,
            7344,
        ),
    ),
    pytest.param(
        Version.V16_0,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6090,
            6168,
            6287,
            6335,
            6355,
            6367,
            6395,
            6403,
            6501,
            6663,
            6698,
            6753,
            6781,
            6789,
            6813,
            6833,
            6962,
            6974,
            6990,
            7002,
            7068,
            7082,
            7098,
            7303,
            7333,
            7345,
            64609,
        ),
    ),
    pytest.param(
        Version.V16_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6090100601,
            6168101072,
            6287100601,
            6335100601,
            6355100601,
            6367100701,
            6395100701,
            6403100701,
            6501100801,
            6663100901,
            6698101601,
            6753101601,
            6781101601,
            6789102101,
            6813101601,
            6833101701,
            6962101701,
            6974101701,
            6990101701,
            7002101801,
            7068101801,
            7082101801,
            7098101801,
            7303101801,
            7333101801,
            7345101801,
            64609100701,
        ),
    ),
)


@pytest.mark.requirement(
    "MS-ASCMD",
    1319,
    1320,
    1321,
    1322,
    1392,
    1393,
    1394,
    1395,
    1470,
    1471,
    1472,
    1473,
    1837,
    1838,
    1839,
    2380,
    2381,
    2382,
    2383,
    2402,
    2403,
    2405,
    2406,
    2423,
    2424,
    2425,
    2426,
    2500,
    2501,
    2502,
    2503,
    2512,
    2513,
    2514,
    2515,
    2545,
    2546,
    2547,
    2548,
    2747,
    2748,
    2749,
    2750,
    2784,
    2785,
    2786,
    2855,
    2856,
    2857,
    2858,
    5288,
    5289,
    5290,
    5291,
    5295,
    5296,
    5297,
    5298,
    5302,
    5303,
    5304,
    5305,
    5318,
    5319,
    5320,
    5321,
    5325,
    5326,
    5327,
    5328,
    5332,
    5333,
    5334,
    5335,
    5355,
    5356,
    5357,
    5358,
    5362,
    5363,
    5364,
    5365,
    5370,
    5372,
    5373,
    5393,
    5394,
    5395,
    5396,
    5751,
)
@pytest.mark.requirement(
    "MS-ASCMD", 3809, 3844, 3851, 3862, 3880, 4315, 4325, 4327, 4633, 4636, 5293, 5300, 5316, 5323
)
@pytest.mark.requirement("MS-ASCMD", 5330, 5353, 5360, 5368, 5391)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_elements_of_search(phone: Phone) -> None:
    conditions = (
        ("AirSync:Class", "Email"),
        ("AirSync:CollectionId", phone.number(INBOX)),
        ("FreeText", "plan"),
        ("ConversationId", conversation_id(NAME)) if phone.version >= Version.V14_0 else None,
        ("GreaterThan", MOMENT, ("Value", "2026-03-01T11:00:00.000Z")),
        ("LessThan", MOMENT, ("Value", "2026-03-01T13:00:00.000Z")),
    )
    wishes = (("AirSync:MIMESupport", 0), ("Range", "0-9"), ("RebuildResults",), ("DeepTraversal",))
    mails = search(phone, "Mailbox", ("Query", ("And", *conditions)), *wishes)
    pictures = phone.version >= Version.V14_1
    limits = ("Picture", ("MaxSize", 10), ("MaxPictures", 1)) if pictures else None
    people = search(phone, "GAL", ("Query", "anton"), ("Range", "0-9"), limits)
    equal = ("EqualTo", ("DocumentLibrary:LinkId", ""), ("Value", "/"))
    documents = search(
        phone, "DocumentLibrary", ("Query", equal), ("UserName", "anton"), ("Password", "secret")
    )
    frame = {"Search", "Status", "Response", "Store", "Result", "Properties", "Range", "Total"}
    assert tags(mails) >= frame | {"Class", "LongId", "CollectionId"}
    assert tags(mails) & (PEOPLE | PICTURES) == set()
    assert tags(people) == frame | PEOPLE | (PICTURES if pictures else set())
    assert tags(documents) & PEOPLE == {"DisplayName"}
    assert [reply.text("Search:Total") for reply in (mails, people, documents)] == ["1", "1", "1"]


def search(phone: Phone, store: str, query: object, *wishes: object) -> Reply:
    content = (("Name", store), query, ("Options", *wishes))
    return phone.send("Search", tree("Search:Search", ("Store", *content)))


FOUND_SINCE = (
    pytest.param(
        Version.V16_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            10032019,
            72171812,
            901100618,
            982100617,
            2127101905,
            3669101716,
            3684101711,
            3707101822,
            3839101810,
            4525101812,
            5749101711,
            6164101071,
            6351100615,
            6443100712,
            6559101916,
            6659100918,
            6694101616,
            6829101617,
            6865101732,
            6958101716,
            6990101762,
            7329101815,
            33001016015,
            38971018011,
        ),
    ),
)


@pytest.mark.requirement(
    "MS-ASCMD",
    99910,
    99911,
    99912,
    99913,
    9010609,
    9010610,
    9010611,
    9010612,
    9820608,
    9820609,
    9820610,
    9820611,
    21270702,
    21270703,
    21270704,
    21270705,
    36691708,
    36691709,
    36691710,
    36691711,
    36841703,
    36841704,
    36841705,
    36841706,
    38971803,
    38971804,
    38971805,
    38971806,
    45251803,
    45251804,
    61641063,
    61641064,
    61641065,
    61641066,
    63510607,
    63510608,
    63510609,
    63510610,
    64390706,
    64390707,
    64390708,
    64390709,
    64390719,
    64390720,
    64390721,
    64390722,
    64430704,
    64430705,
    64430706,
    64430707,
    65590808,
    65590809,
    65590810,
    65590811,
    65591908,
    65591909,
    65591910,
    65591911,
    66851603,
    66941607,
    66941608,
    66941609,
    66941610,
    68291608,
    68291610,
    68291611,
    68291612,
    68651724,
    68651725,
    68651726,
    68651727,
    69581708,
    69581709,
    69581710,
    69581711,
    69781705,
    69781706,
    69781707,
    72171804,
    72171805,
    72171806,
    72171807,
    73291807,
    73291808,
    73291809,
    73291810,
    3707101807,
    3707101808,
    3707101809,
    3707101810,
)
@pytest.mark.requirement(
    "MS-ASCMD", 65591902, 65590806, 63510605, 69581706, 72172506, 45251805, 45251806, 10031997
)
@pytest.mark.parametrize("version", FOUND_SINCE)
def test_the_elements_of_find(phone: Phone) -> None:
    query = ("Query", ("AirSync:Class", "Email"), ("FreeText", "plan"))
    mails = find(phone, ("MailBoxSearchCriterion", query, ("Options", ("Range", "0-9"), ("DeepTraversal",))))
    limits = ("Picture", ("MaxSize", 10), ("MaxPictures", 1))
    people = find(phone, ("GalSearchCriterion", ("Query", "anton"), ("Options", ("Range", "0-9"), limits)))
    frame = {"Find", "Status", "Response", "Store", "Result", "Properties", "Range", "Total"}
    line = {"DisplayCc", "DisplayBcc", "Preview", "HasAttachments", "Class", "ServerId", "CollectionId"}
    assert tags(mails) >= frame | line
    assert tags(people) == frame | PEOPLE | PICTURES


def find(phone: Phone, criterion: object) -> Reply:
    return phone.send("Find", tree("Find:Find", ("SearchId", "1"), ("ExecuteSearch", criterion)))


BEFORE_FIND = (
    pytest.param(
        Version.V12_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            10032015,
            72171808,
            901100614,
            982100613,
            2127101901,
            3283101611,
            3669101712,
            3684101707,
            3707101818,
            3839101806,
            3897101807,
            4525101808,
            5749101707,
            6164101067,
            6443100708,
            6559100812,
            6559101912,
            6659100914,
            6694101612,
            6829101613,
            6865101728,
            6958101712,
            6990101758,
            7329101811,
            33001016011,
        ),
    ),
    pytest.param(
        Version.V14_0,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            10032016,
            72171809,
            901100615,
            982100614,
            2127101902,
            3283101612,
            3669101713,
            3684101708,
            3707101819,
            3839101807,
            3897101808,
            4525101809,
            5749101708,
            6164101068,
            6443100709,
            6559100813,
            6559101913,
            6659100915,
            6694101613,
            6829101614,
            6865101729,
            6958101713,
            6990101759,
            7329101812,
            33001016012,
        ),
    ),
    pytest.param(
        Version.V14_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            10032017,
            72171810,
            901100616,
            982100615,
            2127101903,
            3283101613,
            3669101714,
            3684101709,
            3707101820,
            3839101808,
            3897101809,
            4525101810,
            5749101709,
            6164101069,
            6443100710,
            6559100814,
            6559101914,
            6659100916,
            6694101614,
            6829101615,
            6865101730,
            6958101714,
            6990101760,
            7329101813,
            33001016013,
        ),
    ),
    pytest.param(
        Version.V16_0,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            10032018,
            72171811,
            901100617,
            982100616,
            2127101904,
            3283101614,
            3669101715,
            3684101710,
            3707101821,
            3839101809,
            4525101811,
            5749101710,
            6164101070,
            6443100711,
            6559100815,
            6559101915,
            6659100917,
            6694101615,
            6829101616,
            6865101731,
            6958101715,
            6990101761,
            7329101814,
            33001016014,
            38971018010,
        ),
    ),
)


@pytest.mark.parametrize("version", BEFORE_FIND)
def test_before_16_1_there_is_nothing_of_find(phone: Phone) -> None:
    response = phone.raw("Find", b"")
    assert response.status == 400
    assert response.body == b""


RESOLVED = (
    pytest.param(
        Version.V12_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6081,
            6225,
            6388,
            6462,
            6494,
            6774,
            6782,
            6890,
            6967,
            7041,
            7061,
            7206,
            7400,
        ),
    ),
    pytest.param(
        Version.V14_0,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6082,
            6226,
            6389,
            6463,
            6495,
            6775,
            6783,
            6891,
            6968,
            7042,
            7062,
            7207,
            7401,
        ),
    ),
    pytest.param(
        Version.V14_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6083,
            6227,
            6390,
            6464,
            6496,
            6776,
            6784,
            6892,
            6969,
            7043,
            7063,
            7208,
            7267,
            7402,
        ),
    ),
    pytest.param(
        Version.V16_0,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6084,
            6228,
            6391,
            6465,
            6497,
            6777,
            6785,
            6893,
            6970,
            7044,
            7064,
            7209,
            7268,
            7403,
        ),
    ),
    pytest.param(
        Version.V16_1,
        marks=pytest.mark.requirement(
            "MS-ASCMD",
            6084100601,
            6228100701,
            6391100701,
            6465102101,
            6497100801,
            6785101601,
            6893101701,
            6970101701,
            7044101801,
            7064101801,
            7209101801,
            7268101801,
            7403101801,
        ),
    ),
)


@pytest.mark.requirement(
    "MS-ASCMD",
    1091,
    1092,
    1093,
    1094,
    1127,
    1128,
    1129,
    1130,
    1135,
    1136,
    1137,
    1138,
    1466,
    1467,
    1468,
    1469,
    1543,
    1544,
    1545,
    1546,
    1892,
    1893,
    1894,
    1895,
    2372,
    2373,
    2374,
    2375,
    2431,
    2432,
    2433,
    2434,
    2435,
    2436,
    2437,
    2438,
    2475,
    2476,
    2477,
    2478,
    2496,
    2497,
    2498,
    2499,
    2743,
    2744,
    2745,
    2746,
    2847,
    2848,
    2849,
    2850,
    2875,
    2876,
    2877,
    2878,
    5311,
    5312,
    5313,
    5314,
)
@pytest.mark.requirement("MS-ASCMD", 4264, 4267, 4269, 4273, 4274, 4290, 4297, 4301, 4309, 4609, 4686)
@pytest.mark.parametrize("version", RESOLVED)
def test_the_elements_of_resolve_recipients(phone: Phone) -> None:
    times = (("StartTime", "2026-03-01T12:00:00.000Z"), ("EndTime", "2026-03-01T13:00:00.000Z"))
    wishes = (
        ("CertificateRetrieval", 2),
        ("MaxCertificates", 1),
        ("MaxAmbiguousRecipients", 1),
        ("Availability", *times),
        ("Picture", ("MaxSize", 10), ("MaxPictures", 1)),
    )
    root = tree("ResolveRecipients:ResolveRecipients", ("To", "anton"), ("Options", *wishes))
    expected = {
        "ResolveRecipients",
        "Status",
        "Response",
        "To",
        "RecipientCount",
        "Recipient",
        "Type",
        "DisplayName",
        "EmailAddress",
        "Certificates",
        "CertificateCount",
    }
    if phone.version >= Version.V14_0:
        expected |= {"Availability", "MergedFreeBusy"}
    if phone.version >= Version.V14_1:
        expected |= PICTURES
    assert tags(phone.send("ResolveRecipients", root)) == expected


CLASSES = (
    pytest.param(Version.V12_0, marks=pytest.mark.requirement("MS-ASCMD", 6091, 7517, 7522, 7527)),
    pytest.param(Version.V12_1, marks=pytest.mark.requirement("MS-ASCMD", 7513, 7518, 7523, 7528)),
    pytest.param(
        Version.V14_0, marks=pytest.mark.requirement("MS-ASCMD", 7514, 7519, 7524, 7529, 6092, 7534)
    ),
    pytest.param(
        Version.V14_1, marks=pytest.mark.requirement("MS-ASCMD", 7515, 7520, 7525, 7530, 7532, 7535)
    ),
    pytest.param(
        Version.V16_0, marks=pytest.mark.requirement("MS-ASCMD", 7516, 7521, 7526, 7531, 7533, 7536)
    ),
)


@pytest.mark.parametrize("version", CLASSES)
def test_every_class_that_a_version_knows_is_found(world: World, version: Version) -> None:
    world.configure(provisioning="off")
    places = {
        "Calendar": ("32", ContentType.CALENDAR),
        "Tasks": ("33", ContentType.TASKS),
        "Notes": ("34", ContentType.NOTES),
    }
    for folder, content in places.values():
        world.source.tree.append(Folder(folder, None, content.value, content, FolderRole.DEFAULT))
        world.source.items[folder] = {}
    phone = world.phone(version).start()
    wanted = {"Email": INBOX, "Contacts": CONTACTS, "Calendar": "32", "Tasks": "33"}
    if version >= Version.V14_0:
        wanted |= {"Notes": "34"}
    for name, folder in wanted.items():
        text = {"display_name": "Plan"} if name == "Contacts" else {"subject": "Plan"}
        times = {"start": NOON, "end": NOON} if name == "Calendar" else {}
        world.source.put(folder, {**text, **times, "uid": "1"})
        query = ("Query", ("And", ("AirSync:Class", name), ("FreeText", "plan")))
        reply = search(phone, "Mailbox", query, ("Range", "0-9"))
        assert reply.text("AirSync:Class") == name
    sms = search(phone, "Mailbox", ("Query", ("And", ("AirSync:Class", "SMS"), ("FreeText", "plan"))))
    assert sms.one("Search:Store").text_of("Search:Status") == ("1" if version >= Version.V14_0 else "2")
