"""Every element in every version that has it: one device of each walks through all commands with all that they take.

What the answers mean is tested elsewhere; here each is one that the schemas allow, and none complains.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from app.eas.schema.email import conversation_id
from app.eas.settings import Provisioning
from app.eas.versions import ADVERTISED, Version
from app.usm.content import Address, Attendee, Meeting, MeetingMessage
from app.usm.devices import Standing
from app.usm.model import Body, BodyKind, ContentType, Folder, FolderRole
from app.usm.queries import Document, Origin, Person
from app.wbxml import encode
from tests.eas import phone as phones
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, World, tree, whole

CALENDAR, TASKS, NOTES = "50", "40", "60"
DEVICE = ("Model", "IMEI", "FriendlyName", "OS", "OSLanguage", "PhoneNumber")
OF_14_0 = ("UserAgent", "EnableOutboundSMS", "MobileOperator")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MAIL = b"To: berta@example.org\r\nSubject: Plan\r\nContent-Type: text/plain\r\n\r\nwritten\r\n"
POLICY = {
    "DevicePasswordEnabled": "1",
    "PasswordRecoveryEnabled": "1",
    "MinDevicePasswordLength": "4",
    "MaxInactivityTimeDeviceLock": "900",
    "MaxDevicePasswordFailedAttempts": "8",
    "MaxAttachmentSize": "100000",
    "MinDevicePasswordComplexCharacters": "2",
    "UnapprovedInROMApplicationList": "a.exe",
    "ApprovedApplicationList": "QUJD",
}


@pytest.fixture(params=ADVERTISED, ids=lambda version: version.text)
def version(request: pytest.FixtureRequest) -> Version:
    return Version(request.param)


@pytest.fixture
def phone(world: World, version: Version) -> Phone:
    source = world.source
    for folder, title, content in (
        (CALENDAR, "Calendar", ContentType.CALENDAR),
        (TASKS, "Tasks", ContentType.TASKS),
        (NOTES, "Notes", ContentType.NOTES),
    ):
        source.tree.append(Folder(folder, None, title, content, FolderRole.DEFAULT))
        source.items[folder] = {}
    world.configure(policy=POLICY, provisioning=Provisioning.OFF)
    return world.phone(version).start(INBOX, TRIPS, CONTACTS, CALENDAR, TASKS)


def put_mail(phone: Phone, **fields: object) -> str:
    item = phone.world.source.put(
        INBOX, {"subject": "x", "mime": MAIL, "files": {"1": b"0123456789"}, **fields}
    )
    return f"{phone.number(INBOX)}:{item}"


def test_settings(phone: Phone) -> None:
    if phone.version < Version.V12_0:
        return
    names = (*DEVICE, *(OF_14_0 if phone.version >= Version.V14_0 else ()))
    information = ("DeviceInformation", ("Set", *((name, "1") for name in names)))
    parts = (("UserInformation", ("Get",)), ("DevicePassword", ("Set", ("Password", "1234"))))
    times = ("StartTime", "2026-12-24T00:00:00.000Z"), ("EndTime", "2027-01-02T00:00:00.000Z")
    messages = [
        ("OofMessage", (audience,), ("Enabled", 1), ("ReplyMessage", "Away"), ("BodyType", "HTML"))
        for audience in ("AppliesToInternal", "AppliesToExternalKnown", "AppliesToExternalUnknown")
    ]
    away = ("Oof", ("Set", ("OofState", 2), *times, *messages))
    reply = phone.send("Settings", tree("Settings:Settings", away, information, *parts))
    assert {each.text for each in reply.all("Settings:Status")} == {"1"}
    reply = phone.send("Settings", tree("Settings:Settings", ("Oof", ("Get", ("BodyType", "HTML")))))
    assert reply.text("Settings:OofState") == "2"


def test_the_policy(phone: Phone, version: Version) -> None:
    if version < Version.V12_0:
        return  # its policy is a text
    phone.world.configure(policy=POLICY)
    phone.provision()
    assert phone.folder_sync().status == "1"


VALUES = [
    ("AttachmentsEnabled", "0"),
    *(("MaxCalendarAgeFilter", value) for value in "456"),
    *(("MaxEmailAgeFilter", value) for value in "1234"),
    *(("RequireEncryptionSMIMEAlgorithm", value) for value in "123"),
]


@pytest.mark.requirement("MS-ASPROV", 206, 247, 248, 249, 259, 260, 261, 262, 340, 341, 342)
def test_a_number_of_the_policy_goes_out_as_it_is(world: World) -> None:
    for name, value in VALUES:
        world.configure(policy={**POLICY, name: value})
        assert world.phone().ask_policy().text(f"Provision:{name}") == value


def test_a_device_that_is_to_be_wiped_is_told_so(phone: Phone) -> None:
    phone.world.configure(policy=POLICY)
    phone.provision()
    phone.world.store.decide(phone.session().id, Standing.WIPE)
    reply = phone.send("Provision", tree("Provision:Provision"))
    assert reply.one("Provision:RemoteWipe").text == ""


def test_news_of_the_hierarchy(phone: Phone) -> None:
    key = phone.folder_sync().text("FolderHierarchy:SyncKey")
    source = phone.world.source
    source.tells_was = True
    source.rename(TRIPS, INBOX, "Journeys")
    source.remove("default0/Trash")
    reply = phone.folder_sync(key)
    assert reply.one("FolderHierarchy:Update").text_of("FolderHierarchy:DisplayName") == "Journeys"
    assert reply.one("FolderHierarchy:Delete").children


def test_limits_are_told(phone: Phone) -> None:
    folders = [("Folder", ("Id", phone.number(name)), ("Class", "Email")) for name in (INBOX, TRIPS)]
    phone.world.configure(policy=POLICY, provisioning=Provisioning.OFF, max_ping_folders=1, max_heartbeat=600)
    reply = phone.send("Ping", tree("Ping:Ping", ("HeartbeatInterval", 80), ("Folders", *folders)))
    assert reply.text("Ping:MaxFolders") == "1"
    if phone.version >= Version.V12_1:
        assert phone.sync(INBOX, after=(("Wait", 59),)).text("AirSync:Limit") == "10"
        assert phone.sync(INBOX, after=(("Wait", 5),)).root is None
    if phone.version >= Version.V14_0:
        assert phone.sync(INBOX, after=(("HeartbeatInterval", 601),)).text("AirSync:Limit") == "600"
        assert phone.sync(INBOX, after=(("HeartbeatInterval", 300),)).root is None


def test_tags_that_a_device_knows(phone: Phone) -> None:
    reply = phone.sync(CONTACTS, ("Supported", tree("Contacts:LastName")), key="0")
    assert reply.text("AirSync:Status") == "1"


def test_recipients_that_are_wanted(phone: Phone) -> None:
    reply = phone.sync(INBOX, ("Options", ("MaxItems", 9)))
    assert reply.root is None or reply.text("AirSync:Status") == "1"


def test_names_of_a_search_open_items(phone: Phone) -> None:
    item = put_mail(phone, body=Body(BodyKind.TEXT, "text"))
    if phone.version >= Version.V12_0:
        fetch = ("Fetch", ("Store", "Mailbox"), tree("Search:LongId", item))
        reply = phone.send("ItemOperations", tree("ItemOperations:ItemOperations", fetch))
        assert reply.text("Search:LongId") == item
        phone.world.source.files = {("a.txt",): b"0123456789"}
        wishes = ("Options", ("UserName", "anton"), ("Password", "secret"))
        fetch = ("Fetch", ("Store", "DocumentLibrary"), tree("DocumentLibrary:LinkId", "/a.txt"), wishes)
        reply = phone.send("ItemOperations", tree("ItemOperations:ItemOperations", fetch))
        assert reply.one("ItemOperations:Fetch").text_of("ItemOperations:Status") == "1"
    for number, command in enumerate(("SmartReply", "SmartForward")):
        if phone.version >= Version.V14_0:
            source = ("Source", ("LongId", item))
            document = tree(f"ComposeMail:{command}", ("ClientId", f"l{number}"), source, ("Mime", MAIL))
            assert phone.send(command, document).root is None


@pytest.mark.requirement("MS-ASCMD", 7416)
def test_what_a_device_calls_its_program(phone: Phone) -> None:
    if phone.version >= Version.V12_0:
        information = ("DeviceInformation", ("Set", ("UserAgent", "Lab/1")))
        reply = phone.send("Settings", tree("Settings:Settings", information))
        assert reply.one("Settings:DeviceInformation").text_of("Settings:Status") == "1"


def test_rights_are_asked_for(phone: Phone) -> None:
    if phone.version >= Version.V14_1:
        part = ("RightsManagementInformation", ("Get",))
        reply = phone.send("Settings", tree("Settings:Settings", part))
        assert reply.one("Settings:RightsManagementInformation").text_of("Settings:Status") == "168"


@pytest.mark.requirement("MS-ASCMD", 6300, 6419)
def test_text_messages_are_taken_and_their_deletion_is_not_answered(phone: Phone) -> None:
    if phone.version < Version.V14_0:
        return
    data = ("ApplicationData", tree("Email:Subject", "hello"))
    reply = phone.commands(INBOX, ("Add", ("Class", "SMS"), ("ClientId", "s"), data))
    name = reply.text("AirSync:ServerId")
    assert reply.text("AirSync:Class") == "SMS"
    reply = phone.commands(INBOX, ("Delete", ("Class", "SMS"), ("ServerId", name)))
    assert reply.root is None or not {"AirSync:Delete", "AirSync:Class"} & {
        each.name for each in reply.everything()
    }


@pytest.mark.requirement("MS-ASCAL", 214)
def test_what_of_an_appointment_means_nothing_does_no_harm(phone: Phone) -> None:
    """No other calendar than the Gregorian one has leap months, and OX lets everybody propose another time."""
    if phone.version < Version.V14_0:
        return
    times = ("Calendar:StartTime", "20260302T090000Z"), ("Calendar:EndTime", "20260302T100000Z")
    rule = ("Type", 2), ("Interval", 1), ("DayOfMonth", 2), ("CalendarType", 1)
    said = {
        value: (
            tree("Calendar:DisallowNewTimeProposal", value),
            tree("Calendar:Recurrence", *rule, ("IsLeapMonth", value)),
        )
        for value in "01"
    }
    for name, more in {"unsaid": (tree("Calendar:Recurrence", *rule),), **said}.items():
        data = ("ApplicationData", *(tree(*each) for each in times), *more)
        reply = phone.commands(CALENDAR, ("Add", ("ClientId", name), data))
        assert reply.one("AirSync:Responses").find("AirSync:Add").text_of("AirSync:Status") == "1"  # type: ignore[union-attr]
    stored = [{**each.fields, "uid": ""} for each in phone.world.source.items[CALENDAR].values()]
    assert stored == [stored[0]] * 3


NOT_YET: dict[Version, tuple[tuple[str, str], ...]] = {
    Version.V12_1: (
        *((f"AirSync:{name}", "AirSync:Class") for name in ("Options", "Add", "Change", "Delete")),
        ("ResolveRecipients:Recipient", "ResolveRecipients:Availability"),
        ("ResolveRecipients:Availability", "ResolveRecipients:EndTime"),
    ),
    Version.V14_0: (("AirSync:Collection", "AirSync:Class"),),
    Version.V14_1: (("AirSync:Collection", "AirSync:Class"),),
    Version.V16_0: (("AirSync:Collection", "AirSync:Class"),),
}
"""Version → parent and child that it has not, beside those of every version before 16.0."""
NEVER = (
    ("ComposeMail:Forwardee", "ComposeMail:Email"),
    ("ComposeMail:Forwardee", "ComposeMail:Name"),
    ("Find:Properties", "Find:Preview"),
)
NO_PICTURES = (
    ("Search:Properties", "Gal:Picture"),
    ("Gal:Picture", "Gal:Data"),
    ("ResolveRecipients:Recipient", "ResolveRecipients:Picture"),
    ("ResolveRecipients:Picture", "ResolveRecipients:Status"),
    ("Settings:RightsManagementInformation", "Settings:Status"),
)


@pytest.mark.requirement("MS-ASCMD", 6261, 6291, 6292, 6294, 6296, 6296100601, 6392, 6393, 6518, 6971)
@pytest.mark.requirement("MS-ASCMD", 7262, 7265, 7278, 7280, 6485100812, 6485100813, 6485100814)
@pytest.mark.requirement("MS-ASCMD", 6865101712, 6865101713, 6865101714, 6978101709, 6978101710, 6978101711)
@pytest.mark.parametrize("version", NOT_YET, ids=lambda version: version.text)
def test_no_answer_has_an_element_where_its_version_has_none(phone: Phone) -> None:
    source = phone.world.source
    source.directory = [Person(Origin.DIRECTORY, {"display_name": "Anton", "email1": "a@b.org"}, picture="p")]
    source.pictures = {"p": b"123"}
    put_mail(phone, body=Body(BodyKind.TEXT, "text"), received=START)
    picture, times = ("Picture", ("MaxSize", 99)), ("Availability", ("StartTime", "2026-03-02T09:00:00.000Z"))
    people = ("Store", ("Name", "GAL"), ("Query", "anton"), ("Options", picture))
    asked = tree("ResolveRecipients:ResolveRecipients", ("To", "anton"), ("Options", times, picture))
    estimated = (
        (("Class", "Email"), ("CollectionId", phone.number(INBOX)), tree("AirSync:FilterType", "0"))
        if phone.version < Version.V14_0
        else (("CollectionId", phone.number(INBOX)),)
    )
    key = tree("AirSync:SyncKey", phone.keys[phone.number(INBOX)])
    estimate = ("Collections", ("Collection", *estimated, key))
    replies = [
        phone.sync(INBOX),
        phone.send("Search", tree("Search:Search", people)),
        phone.send("ResolveRecipients", asked),
        phone.send("GetItemEstimate", tree("GetItemEstimate:GetItemEstimate", estimate)),
        phone.send("Settings", tree("Settings:Settings", ("UserInformation", ("Get",)))),
    ]
    found = {(each.name, child.name) for reply in replies for each in reply.everything() for child in each}
    missing = {*NOT_YET[phone.version], *NEVER}
    if phone.version < Version.V14_1:
        missing |= set(NO_PICTURES)
        part = ("RightsManagementInformation", ("Get",))
        assert phone.send("Settings", tree("Settings:Settings", part)).status == "2"
    else:
        assert ("Gal:Picture", "Gal:Data") in found
    assert not found & missing
    assert "Email:Subject" in {child for _, child in found}


def test_folders(phone: Phone) -> None:
    page = "FolderHierarchy:"
    key = phone.folder_sync().text(f"{page}SyncKey")
    made = phone.send(
        "FolderCreate",
        tree(f"{page}FolderCreate", ("SyncKey", key), ("ParentId", 0), ("DisplayName", "New"), ("Type", 12)),
    )
    number = made.text(f"{page}ServerId")
    changed = phone.send(
        "FolderUpdate",
        tree(
            f"{page}FolderUpdate",
            ("SyncKey", made.text(f"{page}SyncKey")),
            ("ServerId", number),
            ("ParentId", 0),
            ("DisplayName", "Other"),
        ),
    )
    gone = phone.send(
        "FolderDelete",
        tree(f"{page}FolderDelete", ("SyncKey", changed.text(f"{page}SyncKey")), ("ServerId", number)),
    )
    assert made.status == changed.status == gone.status == "1"


def test_moves_and_estimates(phone: Phone) -> None:
    item = put_mail(phone)
    move = ("Move", ("SrcMsgId", item), ("SrcFldId", phone.number(INBOX)), ("DstFldId", phone.number(TRIPS)))
    assert phone.send("MoveItems", tree("Move:MoveItems", move)).text("Move:Status") == "3"
    key, number = phone.keys[phone.number(INBOX)], phone.number(INBOX)
    if phone.version >= Version.V14_0:
        wishes = tree("AirSync:Options", ("Class", "Email"), ("FilterType", 3))
        content = (
            tree("AirSync:SyncKey", key),
            tree("AirSync:ConversationMode", "1"),
            ("CollectionId", number),
            wishes,
        )
    elif phone.version >= Version.V12_1:
        content = (tree("AirSync:SyncKey", key), ("CollectionId", number))
    else:
        filtered = tree("AirSync:FilterType", "3")
        content = (("Class", "Email"), ("CollectionId", number), filtered, tree("AirSync:SyncKey", key))
    page = "GetItemEstimate:"
    reply = phone.send(
        "GetItemEstimate", tree(f"{page}GetItemEstimate", ("Collections", ("Collection", *content)))
    )
    assert {each.text for each in reply.all(f"{page}Status")} == {"1"}


@pytest.mark.requirement("MS-ASCMD", 7241)
@pytest.mark.requirement("MS-ASEMAIL", 63)
def test_single_items(phone: Phone) -> None:
    if phone.version < Version.V12_0:
        return
    item = put_mail(phone, body=Body(BodyKind.TEXT, "text"))
    page = "ItemOperations:"
    named = (tree("AirSync:CollectionId", phone.number(INBOX)), tree("AirSync:ServerId", item))
    preference = tree("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 100), ("AllOrNone", 0))
    wishes = ("Options", tree("AirSync:MIMESupport", "2"), preference)
    schema = ("Options", ("Schema", tree("Email:Subject"), tree("AirSyncBase:Body")), preference)
    file = (tree("AirSyncBase:FileReference", f"{item}:1"), ("Options", ("Range", "0-3")))
    fetches = [("Fetch", ("Store", "Mailbox"), *named, wishes), ("Fetch", ("Store", "Mailbox"), *file)]
    if phone.version >= Version.V12_1:
        fetches.append(("Fetch", ("Store", "Mailbox"), *named, schema))
    empty = (
        "EmptyFolderContents",
        tree("AirSync:CollectionId", phone.number(TRIPS)),
        ("Options", ("DeleteSubFolders",)),
    )
    document = tree(f"{page}ItemOperations", *fetches, empty)
    reply = phone.send("ItemOperations", document)
    assert {each.text for each in reply.all(f"{page}Status")} == {"1"}
    if phone.version >= Version.V14_0:
        item = put_mail(phone, conversation="<a@b>")
        always = ("Options", ("MoveAlways",))
        move = (
            "Move",
            ("ConversationId", conversation_id("<a@b>")),
            ("DstFldId", phone.number(TRIPS)),
            always,
        )
        assert phone.send("ItemOperations", tree(f"{page}ItemOperations", move)).status == "1"


def test_parts_of_their_own(phone: Phone) -> None:
    if phone.version < Version.V12_1:
        return
    item = put_mail(phone, body=Body(BodyKind.TEXT, "text"))
    file = ("Fetch", ("Store", "Mailbox"), tree("AirSyncBase:FileReference", f"{item}:1"))
    named = (tree("AirSync:CollectionId", phone.number(INBOX)), tree("AirSync:ServerId", item))
    preference = tree("AirSyncBase:BodyPreference", ("Type", 1))
    mail = ("Fetch", ("Store", "Mailbox"), *named, ("Options", preference))
    phone.headers["ms-asacceptmultipart"] = "T"
    data = whole(phone.raw("ItemOperations", encode(tree("ItemOperations:ItemOperations", file, mail))))
    phone.headers.clear()
    count, offset, length = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4, 8))
    assert count == 3
    phones.validate(data[offset : offset + length], phone.version.text)


def test_documents(phone: Phone) -> None:
    if phone.version < Version.V12_0:
        return
    source = phone.world.source
    source.library = [
        Document((), "infostore", True, START, START),
        Document(("My files",), "My files", True, START, START),
        Document(("My files", "a.txt"), "a.txt", False, START, START, 10, "text/plain"),
    ]
    source.files = {("My files", "a.txt"): b"0123456789"}
    path = "\\\\ox\\infostore\\My files"
    query = ("Query", ("EqualTo", tree("DocumentLibrary:LinkId"), ("Value", path)))
    store = ("Store", ("Name", "DocumentLibrary"), query, ("Options", ("Range", "0-9")))
    reply = phone.send("Search", tree("Search:Search", store))
    assert {each.text for each in reply.all("Search:Status")} == {"1"}
    link = tree("DocumentLibrary:LinkId", f"{path}\\a.txt")
    fetch = ("Fetch", ("Store", "DocumentLibrary"), link, ("Options", ("Range", "0-3")))
    reply = phone.send("ItemOperations", tree("ItemOperations:ItemOperations", fetch))
    assert {each.text for each in reply.all("ItemOperations:Status")} == {"1"}


def test_certificates(phone: Phone) -> None:
    some = ("Certificate", base64.b64encode(b"0\x00x").decode())
    document = tree(
        "ValidateCert:ValidateCert", ("CertificateChain", some), ("Certificates", some), ("CheckCRL", 1)
    )
    assert phone.send("ValidateCert", document).status == "1"


def test_searches(phone: Phone) -> None:
    put_mail(phone, subject="found", body=Body(BodyKind.TEXT, "text"), received=START)
    page = "Search:"
    query = (
        "Query",
        (
            "And",
            tree("AirSync:Class", "Email"),
            tree("AirSync:CollectionId", phone.number(INBOX)),
            ("FreeText", "found"),
            ("GreaterThan", tree("Email:DateReceived"), ("Value", "2026-01-01T00:00:00.000Z")),
            ("LessThan", tree("Email:DateReceived"), ("Value", "2027-01-01T00:00:00.000Z")),
        ),
    )
    preference = tree("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 100))
    wishes = (
        "Options",
        tree("AirSync:MIMESupport", "0"),
        preference,
        ("RebuildResults",),
        ("DeepTraversal",),
        ("Range", "0-9"),
    )
    if phone.version >= Version.V12_0:
        reply = phone.send("Search", tree(f"{page}Search", ("Store", ("Name", "Mailbox"), query, wishes)))
        assert reply.status == "1"
    people = ("Store", ("Name", "GAL"), ("Query", "anton"), ("Options", ("Range", "0-9")))
    assert phone.send("Search", tree(f"{page}Search", people)).status == "1"


def test_recipients(phone: Phone) -> None:
    page = "ResolveRecipients:"
    certificates = ("CertificateRetrieval", 2), ("MaxCertificates", 9), ("MaxAmbiguousRecipients", 9)
    later = ()
    if phone.version >= Version.V14_0:
        times = ("StartTime", "2026-03-02T09:00:00.000Z"), ("EndTime", "2026-03-02T11:00:00.000Z")
        later = (("Availability", *times),)
    if phone.version >= Version.V14_1:
        later += (("Picture", ("MaxSize", 1000), ("MaxPictures", 3)),)
    document = tree(
        f"{page}ResolveRecipients", ("To", "anton@example.org"), ("Options", *certificates, *later)
    )
    assert phone.send("ResolveRecipients", document).status == "1"


def test_messages(phone: Phone) -> None:
    if phone.version < Version.V14_0:
        return
    item = put_mail(phone)
    for number, command in enumerate(("SendMail", "SmartReply", "SmartForward")):
        source = ("Source", ("FolderId", phone.number(INBOX)), ("ItemId", item)) if number else None
        document = tree(
            f"ComposeMail:{command}",
            ("ClientId", number),
            ("SaveInSentItems",),
            source,
            ("ReplaceMime",) if number else None,
            ("Mime", MAIL),
        )
        assert phone.send(command, document).root is None
        broken = tree(
            f"ComposeMail:{command}", ("ClientId", f"b{number}"), ("AccountId", "x"), ("Mime", MAIL)
        )
        assert phone.send(command, broken).status == "166"


def test_answers(phone: Phone) -> None:
    fields = {
        "subject": "x",
        "uid": "u",
        "start": START,
        "end": START + timedelta(hours=1),
        "organized": False,
    }
    people = {"organizer": Address("zoe@example.com"), "attendees": (Attendee("anton@example.org"),)}
    item = phone.world.source.put(CALENDAR, {**fields, **people})
    name = f"{phone.number(CALENDAR)}:{item}"
    body = tree("AirSyncBase:Body", ("Type", 1), ("Data", "yes"))
    send = ("SendResponse", body) if phone.version >= Version.V16_0 else None
    request = (
        "Request",
        ("UserResponse", 1),
        ("CollectionId", phone.number(CALENDAR)),
        ("RequestId", name),
        send,
    )
    reply = phone.send("MeetingResponse", tree("MeetingResponse:MeetingResponse", request))
    assert reply.status == "1"
    assert reply.text("MeetingResponse:CalendarId")


def test_another_time_that_somebody_proposes(phone: Phone) -> None:
    times = START, START + timedelta(hours=1)
    fields = {"start": START, "end": times[1]}
    put_mail(phone, meeting=Meeting(MeetingMessage.PROPOSAL, "u", fields, proposed=times))
    reply = phone.sync(INBOX)
    assert reply.text("Email:MessageClass") == "IPM.Schedule.Meeting.Resp.Tent"
    told = [each.text for each in reply.all("MeetingResponse:ProposedStartTime")]
    assert told == (["20260302T090000Z"] if phone.version >= Version.V16_1 else [])


def test_waiting(phone: Phone) -> None:
    folder = ("Folder", ("Id", phone.number(INBOX)), ("Class", "Email"))
    reply = phone.send("Ping", tree("Ping:Ping", ("HeartbeatInterval", 80), ("Folders", folder)))
    assert reply.status == "1"
    put_mail(phone)
    reply = phone.send("Ping", tree("Ping:Ping", ("HeartbeatInterval", 80), ("Folders", folder)))
    assert reply.text("Ping:Folder") == phone.number(INBOX)


@pytest.mark.requirement("MS-ASEMAIL", 53)
@pytest.mark.requirement("MS-ASCON", 188)
@pytest.mark.requirement("MS-ASCMD", 942, 945, 6299, 9945)
def test_rounds(phone: Phone) -> None:
    """Every option of a Sync, and every command in it."""
    number, version = phone.number(CONTACTS), phone.version
    phone.sync(CONTACTS)
    data = ("ApplicationData", ("Contacts:LastName", "A"))
    added = phone.commands(CONTACTS, ("Add", ("ClientId", "c"), data))
    name = added.text("AirSync:ServerId")
    phone.commands(CONTACTS, ("Change", ("ServerId", name), ("ApplicationData", ("Contacts:LastName", "B"))))
    fetched = phone.commands(CONTACTS, ("Fetch", ("ServerId", name)))
    assert fetched.text("Contacts:LastName") == "B"
    phone.commands(CONTACTS, ("Delete", ("ServerId", name)))
    put_mail(phone, body=Body(BodyKind.TEXT, "text"), received=START)
    conflict = ("Conflict", 1), ("MIMETruncation", 4), ("MIMESupport", 1), ("FilterType", 0)
    preference = (
        tree("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 2))
        if version >= Version.V12_0
        else None
    )
    later = (tree("AirSync:ConversationMode", "1"),) if version >= Version.V14_0 else ()
    wishes = ("Options", *conflict, preference)
    reply = phone.sync(INBOX, ("DeletesAsMoves", 0), ("GetChanges", 1), ("WindowSize", 5), *later, wishes)
    assert reply.all("AirSync:Add")
    assert number


EMAIL, CALENDARS, OPEN = range(6), (0, 4, 5, 6, 7), (0, 8)
SPANS = [
    (folder, span)
    for folder, spans in ((INBOX, EMAIL), (CALENDAR, CALENDARS), (TASKS, OPEN))
    for span in spans
]


@pytest.mark.requirement(
    "MS-ASCMD",
    2999,
    3000,
    3001,
    3002,
    3003,
    3004,
    3008,
    3012,
    3013,
    3014,
    3015,
    3017,
    3025,
    3035,
    3036,
    3037,
    3038,
    3039,
    3040,
    3044,
    3048,
    3049,
    3050,
    3051,
    3053,
    3061,
)
@pytest.mark.parametrize(("folder", "span"), SPANS)
def test_each_class_takes_its_time_spans(folder: str, span: int, phone: Phone) -> None:
    reply = phone.sync(folder, ("Options", ("FilterType", span)))
    assert reply.root is None or {each.text for each in reply.all("AirSync:Status")} == {"1"}
    if phone.version < Version.V14_0:
        return
    key = phone.sync(folder, key="0").text("AirSync:SyncKey")
    wishes = tree("AirSync:Options", ("FilterType", span))
    content = (tree("AirSync:SyncKey", key), ("CollectionId", phone.number(folder)), wishes)
    document = tree("GetItemEstimate:GetItemEstimate", ("Collections", ("Collection", *content)))
    reply = phone.send("GetItemEstimate", document)
    assert {each.text for each in reply.all("GetItemEstimate:Status")} == {"1"}
