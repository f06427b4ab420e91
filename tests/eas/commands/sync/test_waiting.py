"""Requests that wait, empty requests, partial requests."""

from __future__ import annotations

import json

import pytest

from app.eas import memory
from app.usm.errors import SourceUnavailable
from app.usm.model import UsmSettings
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, known, plain, tree

NOTHING = ()


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX)


def wait(ready: Phone, *after: object, folders: tuple[str, ...] = (CONTACTS, INBOX)) -> Reply:
    return ready.sync_many(*(ready.collection(folder) for folder in folders), after=after)


def deliver(ready: Phone, folder: str = INBOX) -> None:
    def delivered() -> frozenset[str]:
        ready.world.source.put(folder, {"subject": "News", "last_name": "News"})
        return frozenset((folder,))

    ready.world.waiter.events.append(delivered)


@pytest.mark.parametrize(("after", "seconds"), [(("Wait", 8), 480), (("HeartbeatInterval", 300), 300)])
def test_nothing_happens_for_as_long_as_the_device_waits(after: object, seconds: int, ready: Phone) -> None:
    began = ready.world.clock.monotonic()
    reply = wait(ready, after)
    assert reply.http.status == 200
    assert reply.root is None
    assert ready.world.clock.monotonic() - began == seconds
    assert ready.world.waiter.parked == [(CONTACTS, INBOX)]


def test_a_change_ends_the_wait_with_its_data(ready: Phone) -> None:
    deliver(ready)
    reply = wait(ready, ("Wait", 8))
    assert known(reply) == ["Add"]
    assert [element.text for element in reply.all("AirSync:CollectionId")] == [ready.number(INBOX)]


def test_what_is_there_already_is_not_waited_for(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"subject": "x"})
    assert known(wait(ready, ("Wait", 8))) == ["Add"]
    assert ready.world.waiter.parked == []


@pytest.mark.parametrize(
    "collection",
    [
        ("Commands", ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:LastName", "A")))),
        ("Commands", ("Delete", ("ServerId", "9:9"))),
    ],
)
def test_a_device_with_changes_of_its_own_does_not_wait(collection: object, ready: Phone) -> None:
    reply = ready.sync(CONTACTS, collection, after=(("Wait", 8),))
    assert reply.all("AirSync:Responses")
    assert ready.world.waiter.parked == []


def test_the_first_sync_of_a_collection_does_not_wait(ready: Phone) -> None:
    assert ready.sync(CONTACTS, key="0", after=(("Wait", 8),)).text("AirSync:SyncKey") != "0"
    assert ready.world.waiter.parked == []


def test_a_failing_collection_does_not_wait(ready: Phone) -> None:
    reply = ready.sync(CONTACTS, key="nonsense", after=(("Wait", 8),))
    assert reply.text("AirSync:Status") == "3"
    assert ready.world.waiter.parked == []


def test_only_what_the_device_wants_is_waited_for(ready: Phone) -> None:
    reply = ready.sync_many(
        ready.collection(CONTACTS, ("GetChanges", 0)), ready.collection(INBOX), after=(("Wait", 8),)
    )
    assert reply.root is None
    assert ready.world.waiter.parked == [(INBOX,)]
    assert ready.sync(CONTACTS, ("GetChanges", 0), after=(("Wait", 8),)).root is None
    assert len(ready.world.waiter.parked) == 1


def test_a_newer_request_ends_the_wait(ready: Phone) -> None:
    ready.world.waiter.events.append(lambda: None)
    began = ready.world.clock.monotonic()
    assert wait(ready, ("Wait", 8)).root is None
    assert ready.world.clock.monotonic() - began < 60


def test_a_folder_that_disappears_while_waiting_is_status_12(ready: Phone) -> None:
    def drop() -> frozenset[str]:
        del ready.world.source.items[INBOX]
        return frozenset((INBOX,))

    ready.world.waiter.events.append(drop)
    assert plain(wait(ready, ("Wait", 8)).root) == [("Status", "12")]  # type: ignore[arg-type]


def test_a_source_that_keeps_crying_wolf_is_not_asked_for_ever(ready: Phone) -> None:
    """Something always seems to differ, and every look finds nothing."""
    ready.world.usm = UsmSettings()

    def away(name: str) -> None:
        if name == "listing" and ready.world.waiter.parked and not away.quiet:  # type: ignore[attr-defined]
            away.quiet = True  # type: ignore[attr-defined]
            raise SourceUnavailable("away")

    away.quiet = True  # type: ignore[attr-defined]

    def hint() -> frozenset[str]:
        away.quiet = False  # type: ignore[attr-defined]
        return frozenset((INBOX,))

    ready.world.source.before = away
    ready.world.waiter.events = [hint] * 10
    assert wait(ready, ("Wait", 8)).root is None
    assert len(ready.world.waiter.parked) == 3


def test_the_source_fails_while_waiting(ready: Phone) -> None:
    def away(name: str) -> None:
        raise SourceUnavailable("away", 30)

    def hint() -> frozenset[str]:
        ready.world.source.before = away
        return frozenset((INBOX,))

    ready.world.waiter.events.append(hint)
    assert wait(ready, ("Wait", 8)).http.status == 503


def test_with_new_keys_on_empty_syncs_a_wait_still_waits_and_then_tells_the_key(ready: Phone) -> None:
    ready.world.usm = UsmSettings(force_new_key=True)
    deliver(ready, CONTACTS)
    reply = wait(ready, ("Wait", 8))
    assert known(reply) == ["Add"]
    quiet = wait(ready, ("Wait", 8))
    assert not known(quiet)
    assert len(quiet.all("AirSync:SyncKey")) == 2


@pytest.mark.requirement("MS-ASCMD", 3160, 3225, 3227, 3229, 4459, 4460, 4461, 4746, 5780, 5781, 5782)
@pytest.mark.parametrize(
    ("after", "limit"),
    [
        (("Wait", 0), "1"),
        (("Wait", 30), "29"),
        (("Wait", 60), "29"),
        (("HeartbeatInterval", 59), "60"),
        (("HeartbeatInterval", 0), "60"),
        (("HeartbeatInterval", 1771), "1770"),
        (("HeartbeatInterval", 3541), "1770"),
    ],
)
def test_a_wait_out_of_range_is_told_the_limit(after: object, limit: str, ready: Phone) -> None:
    assert plain(wait(ready, after).root) == [("Status", "14"), ("Limit", limit)]  # type: ignore[arg-type]
    assert ready.world.waiter.parked == []


@pytest.mark.requirement("MS-ASCMD", 3228, 3230)
@pytest.mark.parametrize(("after", "limit"), [(("Wait", 60), "59"), (("HeartbeatInterval", 3541), "3540")])
def test_the_limits_are_the_administrators(after: object, limit: str, ready: Phone) -> None:
    ready.world.configure(max_heartbeat=3540)
    assert plain(wait(ready, after).root) == [("Status", "14"), ("Limit", limit)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "after", [("Wait", 1), ("Wait", 29), ("HeartbeatInterval", 60), ("HeartbeatInterval", 1770)]
)
def test_the_limits_themselves_are_taken(after: object, ready: Phone) -> None:
    assert wait(ready, after).root is None


@pytest.mark.requirement("MS-ASCMD", 656, 658, 666, 667, 673, 675, 679)
def test_an_empty_request_is_the_last_one_again(ready: Phone) -> None:
    wait(ready, ("Wait", 8))
    deliver(ready)
    began = ready.world.clock.monotonic()
    reply = ready.send("Sync")
    assert known(reply) == ["Add"]
    assert ready.world.clock.monotonic() - began < 480


@pytest.mark.requirement("MS-ASCMD", 674)
def test_a_full_request_takes_the_place_of_the_last_one(ready: Phone) -> None:
    ready.sync(CONTACTS)
    ready.sync(INBOX)
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    ready.world.source.put(INBOX, {"subject": "x"})
    reply = ready.send("Sync")
    assert [element.text for element in reply.all("AirSync:CollectionId")] == [ready.number(INBOX)]


def test_an_empty_request_waits_like_the_last_one(ready: Phone) -> None:
    wait(ready, ("HeartbeatInterval", 300))
    began = ready.world.clock.monotonic()
    assert ready.send("Sync").root is None
    assert ready.world.clock.monotonic() - began == 300


def test_an_empty_request_under_a_key_left_behind_asks_for_a_full_one(ready: Phone) -> None:
    """A full request with the device's own key then has a lost answer again, and none that arrived."""
    deliver(ready)
    before = dict(ready.keys)
    lost = wait(ready, ("Wait", 8))
    assert ready.send("Sync").status == "13"
    ready.keys = before
    again = wait(ready)
    assert [e.text for e in again.all("AirSync:ServerId")] == [e.text for e in lost.all("AirSync:ServerId")]


@pytest.mark.requirement("MS-ASCMD", 4456)
def test_an_empty_request_without_a_last_one_is_status_13(phone: Phone) -> None:
    phone.provision()
    assert phone.send("Sync").status == "13"


def test_a_request_with_commands_is_not_repeated(ready: Phone) -> None:
    wait(ready)
    ready.commands(CONTACTS, ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:LastName", "A"))))
    assert ready.send("Sync").status == "13"


def test_a_request_that_begins_a_collection_is_not_repeated(ready: Phone) -> None:
    assert ready.send("Sync").status == "13"


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"collections": 5}',
        '{"collections": [{"x": 1}]}',
        "{",
        '{"collections": [5]}',
    ],
)
def test_a_last_request_that_cannot_be_read_counts_as_none(garbage: str, ready: Phone) -> None:
    ready.session().write_fields({memory.SYNC: garbage})
    assert ready.send("Sync").status == "13"


def test_a_last_request_of_an_older_program_is_understood(ready: Phone) -> None:
    """It may say more of a collection than is said now."""
    wait(ready)
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    value = json.loads(ready.session().fields()[memory.SYNC])
    for entry in value["collections"]:
        entry["conversation"] = False
    ready.session().write_fields({memory.SYNC: json.dumps(value)})
    assert known(ready.send("Sync")) == ["Add"]


def test_a_key_that_gets_lost_while_an_empty_request_waits_asks_for_a_full_one(ready: Phone) -> None:
    wait(ready, ("Wait", 8))

    def start_over() -> frozenset[str]:
        session = ready.session()
        ready.world.source.put(INBOX, {"subject": "x"})
        ready.world.store.begin(session.id, int(ready.number(INBOX)), "other", "{}")
        return frozenset((INBOX,))

    ready.world.waiter.events.append(start_over)
    assert ready.send("Sync").status == "13"


def test_remembered_keys_that_are_gone_ask_for_a_full_request(ready: Phone) -> None:
    wait(ready, ("Wait", 8))
    ready.sync(INBOX, key="0")
    session = ready.session()
    wait(ready)
    ready.world.store.begin(session.id, int(ready.number(INBOX)), "other", "{}")
    assert ready.send("Sync").status == "13"


def test_a_partial_request_leaves_the_other_collections_as_they_were(ready: Phone) -> None:
    wait(ready, ("Wait", 8))
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    ready.world.source.put(INBOX, {"subject": "x"})
    reply = ready.sync_many(ready.collection(INBOX, ("WindowSize", 1)), after=(("Partial",),))
    assert {element.text for element in reply.all("AirSync:CollectionId")} == {
        ready.number(CONTACTS),
        ready.number(INBOX),
    }


def test_a_partial_request_may_change_the_wait_alone(ready: Phone) -> None:
    wait(ready, ("Wait", 8))
    began = ready.world.clock.monotonic()
    assert ready.send("Sync", tree("AirSync:Sync", ("HeartbeatInterval", 120), ("Partial",))).root is None
    assert ready.world.clock.monotonic() - began == 120
    assert ready.world.waiter.parked[-1] == (CONTACTS, INBOX)


def test_a_partial_request_becomes_the_last_one_as_a_whole(ready: Phone) -> None:
    wait(ready, ("Wait", 8))
    ready.send("Sync", tree("AirSync:Sync", ("WindowSize", 9), ("Partial",)))
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    assert known(ready.send("Sync")) == ["Add"]


def test_a_partial_request_without_a_last_one_is_status_13(ready: Phone) -> None:
    assert wait(ready, ("Partial",), folders=(INBOX,)).status == "13"


def test_an_empty_list_means_the_collections_of_the_last_request(ready: Phone) -> None:
    """Android asks like that while it waits (quirk 19)."""
    wait(ready)
    deliver(ready)
    reply = ready.send("Sync", tree("AirSync:Sync", ("Collections",), ("HeartbeatInterval", 300)))
    assert known(reply) == ["Add"]


def test_a_key_that_a_partial_request_names_itself_is_its_own_fault(ready: Phone) -> None:
    wait(ready)
    collection = ready.collection(INBOX, key="nonsense")
    reply = ready.sync_many(collection, after=(("Partial",),))
    assert reply.text("AirSync:Status") == "3"
