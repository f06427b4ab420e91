"""GetItemEstimate in the shapes of its versions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.eas.status import HTTP_BEFORE_14
from app.eas.versions import Version
from app.usm.model import ContentType, Folder, FolderRole
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, World, plain, tree

ROOT = "GetItemEstimate:GetItemEstimate"


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX)


def entry(ready: Phone, folder: str, *more: object, key: str | None = None) -> tuple[object, ...]:
    number = ready.number(folder)
    key = ready.keys.get(number, "0") if key is None else key
    if ready.version is Version.V12_1:
        kind = ("Class", "Contacts" if folder == CONTACTS else "Email")
        return ("Collection", kind, ("CollectionId", number), ("AirSync:SyncKey", key), *more)
    return ("Collection", ("AirSync:SyncKey", key), ("CollectionId", number), *more)


def filtered(ready: Phone, value: object) -> tuple[object, ...]:
    """A filter in the shape of the version."""
    if ready.version is Version.V12_1:
        return ("AirSync:FilterType", value)
    return ("AirSync:Options", ("FilterType", value))


def ask(ready: Phone, *collections: object) -> Reply:
    return ready.send("GetItemEstimate", tree(ROOT, ("Collections", *collections)))


def estimates(reply: Reply) -> list[tuple[str, str | None]]:
    return [
        (
            response.text_of("GetItemEstimate:Status") or "",
            response.children[1].text_of("GetItemEstimate:Estimate"),
        )
        for response in reply.all("GetItemEstimate:Response")
    ]


def status(reply: Reply) -> object:
    return reply.http.status if reply.http.status != 200 else reply.status


@pytest.mark.requirement("MS-ASCMD", 5056)
@pytest.mark.requirement("MS-ASCMD", 985, 2968, 4131, 5548, 5549, 5869)
@pytest.mark.requirement("MS-ASCMD", 2970, 4134)
def test_how_many_changes_there_are(ready: Phone) -> None:
    for _ in range(3):
        ready.world.source.put(CONTACTS, {"last_name": "A"})
    reply = ask(ready, entry(ready, CONTACTS), entry(ready, INBOX))
    assert estimates(reply) == [("1", "3"), ("1", "0")]
    classes = [element.text for element in reply.all("GetItemEstimate:Class")]
    assert classes == (["Contacts", "Email"] if ready.version is Version.V12_1 else [])


@pytest.mark.requirement("MS-ASCMD", 4591, 4593)
def test_an_estimate_changes_nothing(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    written: list[str] = []
    ready.world.store.before = written.append
    assert estimates(ask(ready, entry(ready, CONTACTS))) == estimates(ask(ready, entry(ready, CONTACTS)))
    assert written == []


@pytest.mark.requirement("MS-ASHTTP", 500)
@pytest.mark.requirement("MS-ASCMD", 171)
@pytest.mark.requirement("MS-ASCMD", 2967, 2969)
@pytest.mark.parametrize(("chosen", "count"), [(0, "2"), (1, "1"), (3, "2"), (5, "2")])
def test_the_filter_of_the_request_counts(chosen: int, count: str, ready: Phone) -> None:
    now = ready.world.clock.now()
    for age in (0, 5):
        ready.world.source.put(INBOX, {"subject": "x"}, received=now - timedelta(days=age))
    assert estimates(ask(ready, entry(ready, INBOX, filtered(ready, chosen)))) == [("1", count)]


@pytest.mark.requirement("MS-ASCMD", 3543)
def test_without_one_the_filter_of_the_last_sync_counts(ready: Phone) -> None:
    ready.sync(INBOX, ("Options", ("FilterType", 1)))
    old = ready.world.clock.now() - timedelta(days=5)
    ready.world.source.put(INBOX, {"subject": "x"}, received=old)
    assert estimates(ask(ready, entry(ready, INBOX))) == [("1", "0")]


def test_options_for_sms_have_nothing_to_say(ready: Phone) -> None:
    if ready.version is not Version.V12_1:
        sms = ("AirSync:Options", ("Class", "SMS"), ("FilterType", 8))
        assert estimates(ask(ready, entry(ready, INBOX, sms))) == [("1", "0")]


@pytest.mark.requirement("MS-ASCMD", 4130, 4135, 4136, 4142, 4594)
def test_what_can_be_wrong_with_a_collection(ready: Phone) -> None:
    reply = ask(
        ready,
        entry(ready, "77"),
        entry(ready, "nonsense"),
        entry(ready, TRIPS),
        entry(ready, CONTACTS, key="0"),
        entry(ready, INBOX, key="nonsense"),
    )
    assert estimates(reply) == [("2", None), ("2", None), ("3", None), ("3", None), ("4", None)]


@pytest.mark.requirement("MS-ASCMD", 4139, 4140)
def test_a_folder_never_synchronised_is_not_primed_whatever_the_key(ready: Phone) -> None:
    assert estimates(ask(ready, entry(ready, TRIPS, key="{x}5"))) == [("3", None)]


def test_a_folder_that_is_gone_is_status_2(ready: Phone) -> None:
    del ready.world.source.items[INBOX]
    assert estimates(ask(ready, entry(ready, INBOX))) == [("2", None)]


def of_classes(*names: str) -> list[object]:
    return [("AirSync:Options", ("Class", name)) for name in names]


@pytest.mark.requirement("MS-ASCMD", 907, 908)
@pytest.mark.parametrize("version", [Version.V14_0, Version.V14_1, Version.V16_1])
def test_only_text_messages_are_estimated_beside_mail(ready: Phone) -> None:
    wishes = [of_classes("Email", "SMS"), of_classes("Email", "Calendar"), of_classes("Email", "Email")]
    reply = ask(ready, *(entry(ready, INBOX, *each) for each in wishes))
    assert estimates(reply) == [("1", "0"), ("4", None), ("4", None)]


@pytest.mark.requirement("MS-ASCMD", 3265, 3269)
@pytest.mark.parametrize("version", [Version.V14_0, Version.V14_1, Version.V16_0, Version.V16_1])
def test_a_number_of_recipients_is_for_their_cache_alone(ready: Phone) -> None:
    most = ("AirSync:Options", ("MaxItems", 9))
    reply = ask(ready, entry(ready, INBOX, most), entry(ready, "RI", most))
    assert estimates(reply) == [("2", None), ("2", None)]


@pytest.mark.requirement("MS-ASCMD", 3009, 3010, 3011, 3016, 3018, 3019, 3020, 3021, 3022, 3023, 3024)
@pytest.mark.parametrize(
    ("content", "chosen"),
    [
        *((ContentType.CALENDAR, number) for number in (1, 2, 3, 8)),
        *((ContentType.TASKS, number) for number in range(1, 8)),
    ],
)
def test_a_span_that_appointments_or_tasks_do_not_have(
    content: ContentType, chosen: int, world: World
) -> None:
    world.source.tree.append(Folder("50", None, "Mine", content, FolderRole.DEFAULT))
    world.source.items["50"] = {}
    ready = world.phone(Version.V14_1).start("50")
    assert status(ask(ready, entry(ready, "50", filtered(ready, chosen)))) == "110"


@pytest.mark.requirement("MS-ASCMD", 3005, 3006, 3007)
@pytest.mark.requirement("MS-ASCMD", 4129)
@pytest.mark.parametrize(("folder", "chosen"), [(INBOX, 6), (INBOX, 7), (INBOX, 8)])
def test_a_filter_the_class_does_not_have(folder: str, chosen: int, ready: Phone) -> None:
    expected = 500 if ready.version is Version.V12_1 else "110"
    assert status(ask(ready, entry(ready, folder, filtered(ready, chosen)))) == expected


@pytest.mark.requirement("MS-ASCMD", 2973)
def test_contacts_have_no_filter(ready: Phone) -> None:
    assert estimates(ask(ready, entry(ready, CONTACTS, filtered(ready, 7)))) == [("1", "0")]


@pytest.mark.requirement("MS-ASCON", 336)
@pytest.mark.requirement("MS-ASCMD", 2100)
def test_conversations_are_for_mail(ready: Phone) -> None:
    mode = ("AirSync:ConversationMode", 1)
    assert estimates(ask(ready, entry(ready, INBOX, mode))) == [("1", "0")]
    expected = 400 if ready.version is Version.V12_1 else "103"
    assert status(ask(ready, entry(ready, CONTACTS, mode))) == expected


KEY, ID = ("AirSync:SyncKey", "0"), ("CollectionId", "1")
MALFORMED = [
    tree(ROOT),
    tree(ROOT, ("Collections",)),
    tree(ROOT, ("Collections",), ("Collections",)),
    tree(ROOT, ("Collections", ("Collection",))),
    tree(ROOT, ("Collections", ("Collection", KEY))),
    tree(ROOT, ("Collections", ("Collection", ID))),
    tree(ROOT, ("Collections", ("Collection", ID, ID, KEY))),
    tree(ROOT, ("Collections", ("Collection", ID, KEY, KEY))),
    tree(ROOT, ("Collections", ("Collection", ID, KEY, ("AirSync:FilterType", 9)))),
    tree(ROOT, ("Collections", ("Collection", ID, KEY, ("AirSync:FilterType", "x")))),
    tree(ROOT, ("Collections", ("Collection", ID, KEY, ("AirSync:Options", ("FilterType", 9))))),
    tree(ROOT, ("Collections", ("Collection", ID, KEY, ("AirSync:ConversationMode", 2)))),
    tree(ROOT, ("Collections", *[("Collection", ID, KEY)] * 1001)),
]


@pytest.mark.requirement("MS-ASCMD", 2984, 5647)
@pytest.mark.parametrize("document", MALFORMED)
def test_a_broken_document_is_status_103(document: object, ready: Phone) -> None:
    expected = HTTP_BEFORE_14[103] if ready.version is Version.V12_1 else "103"
    assert status(ready.send("GetItemEstimate", document)) == expected  # type: ignore[arg-type]


def test_1000_collections_are_taken(ready: Phone) -> None:
    reply = ask(ready, *[entry(ready, "77")] * 1000)
    assert len(estimates(reply)) == 1000
    assert plain(reply.all("GetItemEstimate:Status")[0]) == "2"
