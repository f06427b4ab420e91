"""Ping: what it waits for, what it remembers, and how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.eas import memory
from app.usm.errors import SourceUnavailable
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, plain, tree


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX)


def ping(ready: Phone, *folders: str, interval: object = 600) -> Reply:
    entries = [("Folder", ("Id", ready.number(folder)), ("Class", "Email")) for folder in folders]
    return ready.send(
        "Ping",
        tree(
            "Ping:Ping",
            None if interval is None else ("HeartbeatInterval", interval),
            ("Folders", *entries) if entries else None,
        ),
    )


def deliver(ready: Phone, folder: str = INBOX) -> None:
    def delivered() -> frozenset[str]:
        ready.world.source.put(folder, {"subject": "News", "last_name": "News"})
        return frozenset((folder,))

    ready.world.waiter.events.append(delivered)


def test_nothing_happened_within_the_interval(ready: Phone) -> None:
    began = ready.world.clock.monotonic()
    assert plain(ping(ready, CONTACTS, INBOX).root) == [("Status", "1")]  # type: ignore[arg-type]
    assert ready.world.clock.monotonic() - began == 600


@pytest.mark.requirement("MS-ASCMD", 306, 5636)
@pytest.mark.requirement("MS-ASHTTP", 504)
@pytest.mark.requirement("MS-ASCMD", 4235, 4236)
def test_a_change_is_told_with_its_folder_and_no_data(ready: Phone) -> None:
    deliver(ready)
    reply = ping(ready, CONTACTS, INBOX)
    assert plain(reply.root) == [("Status", "2"), ("Folders", [("Folder", ready.number(INBOX))])]  # type: ignore[arg-type]


def test_a_change_that_is_not_fetched_yet_is_told_at_once(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"subject": "x"})
    assert ping(ready, INBOX).status == "2"
    ready.sync(INBOX)
    assert ping(ready, INBOX).status == "1"


@pytest.mark.requirement("MS-ASCMD", 5831, 5832, 5836)
def test_interval_and_folders_are_remembered_separately(ready: Phone) -> None:
    ping(ready, INBOX, interval=300)
    began = ready.world.clock.monotonic()
    assert ping(ready, CONTACTS, interval=None).status == "1"
    assert ready.world.clock.monotonic() - began == 300
    assert ready.world.waiter.parked[-1] == (CONTACTS,)
    began = ready.world.clock.monotonic()
    assert ping(ready, interval=120).status == "1"
    assert ready.world.clock.monotonic() - began == 120
    assert ready.world.waiter.parked[-1] == (CONTACTS,)


@pytest.mark.requirement("MS-ASCMD", 335)
@pytest.mark.requirement("MS-ASCMD", 322, 3152, 5632, 5634)
@pytest.mark.requirement("MS-ASHTTP", 515)
@pytest.mark.parametrize("document", [None, tree("Ping:Ping")])
def test_an_empty_request_is_the_last_one_again(document: object, ready: Phone) -> None:
    ping(ready, INBOX)
    deliver(ready)
    assert ready.send("Ping", document).text("Ping:Folder") == ready.number(INBOX)  # type: ignore[arg-type]


def test_an_empty_list_of_folders_means_the_last_ones(ready: Phone) -> None:
    ping(ready, INBOX)
    deliver(ready)
    document = tree("Ping:Ping", ("HeartbeatInterval", 600), ("Folders",))
    assert ready.send("Ping", document).status == "2"


@pytest.mark.requirement("MS-ASCMD", 4240, 4241, 4228)
@pytest.mark.parametrize(
    "document",
    [None, tree("Ping:Ping"), tree("Ping:Ping", ("HeartbeatInterval", 600)), tree("Ping:Ping", ("Folders",))],
)
def test_without_anything_remembered_parameters_are_missing(document: object, ready: Phone) -> None:
    assert ready.send("Ping", document).status == "3"  # type: ignore[arg-type]


def test_an_interval_alone_is_missing(ready: Phone) -> None:
    assert ping(ready, INBOX, interval=None).status == "3"


@pytest.mark.requirement("MS-ASCMD", 5690, 5691, 4249, 5837)
@pytest.mark.parametrize(("interval", "nearest"), [(0, "60"), (59, "60"), (1771, "1770"), (10**9, "1770")])
def test_an_interval_out_of_range_is_told_the_nearest(interval: int, nearest: str, ready: Phone) -> None:
    reply = ping(ready, INBOX, interval=interval)
    assert plain(reply.root) == [("Status", "5"), ("HeartbeatInterval", nearest)]  # type: ignore[arg-type]
    assert ready.send("Ping").status == "3", "a refused interval is not remembered"


@pytest.mark.requirement("MS-ASCMD", 6686)
@pytest.mark.parametrize("interval", [60, 1770])
def test_the_limits_themselves_are_taken(interval: int, ready: Phone) -> None:
    assert ping(ready, INBOX, interval=interval).status == "1"


def test_a_remembered_interval_that_became_too_long_is_told(ready: Phone) -> None:
    ping(ready, INBOX, interval=1770)
    ready.world.configure(max_heartbeat=900)
    assert ready.send("Ping").text("Ping:HeartbeatInterval") == "900"


@pytest.mark.requirement("MS-ASCMD", 4231)
@pytest.mark.requirement("MS-ASCMD", 3259)
def test_too_many_folders_are_told_the_limit(ready: Phone) -> None:
    ready.world.configure(max_ping_folders=1)
    reply = ping(ready, CONTACTS, INBOX)
    assert plain(reply.root) == [("Status", "6"), ("MaxFolders", "1")]  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", ["77", "0", "nonsense", "1:2"])
def test_an_unknown_folder_needs_a_folder_sync(folder: str, ready: Phone) -> None:
    assert ping(ready, INBOX, folder).status == "7"


@pytest.mark.requirement("MS-ASCMD", 4257, 4258)
def test_a_folder_that_is_gone_needs_a_folder_sync(ready: Phone) -> None:
    del ready.world.source.items[INBOX]
    assert ping(ready, INBOX).status == "7"


def test_folders_never_synchronised_are_left_out(ready: Phone) -> None:
    ready.world.source.put(TRIPS, {"subject": "x"})
    assert ping(ready, INBOX, TRIPS).status == "1"
    assert ready.world.waiter.parked[-1] == (INBOX,)


def test_folders_never_synchronised_alone_wait_all_the_same(ready: Phone) -> None:
    began = ready.world.clock.monotonic()
    assert ping(ready, TRIPS).status == "1"
    assert ready.world.clock.monotonic() - began == 600


def test_a_newer_request_ends_the_wait(ready: Phone) -> None:
    ready.world.waiter.events.append(lambda: None)
    began = ready.world.clock.monotonic()
    assert ping(ready, INBOX).status == "1"
    assert ready.world.clock.monotonic() - began < 60


def test_the_filter_of_the_last_sync_counts(ready: Phone) -> None:
    ready.sync(INBOX, ("Options", ("FilterType", 1)))
    old = ready.world.clock.now() - timedelta(days=9)
    ready.world.source.put(INBOX, {"subject": "old"}, received=old)
    assert ping(ready, INBOX).status == "1"


def test_the_source_is_away(ready: Phone) -> None:
    def away(name: str) -> None:
        raise SourceUnavailable("away", 60)

    ready.world.source.before = away
    assert ping(ready, INBOX).http.status == 503


PING = "Ping:Ping"
INTERVAL = ("HeartbeatInterval", 600)
MALFORMED = [
    tree(PING, ("HeartbeatInterval", "soon"), ("Folders", ("Folder", ("Id", "1")))),
    tree(PING, ("HeartbeatInterval",), ("Folders", ("Folder", ("Id", "1")))),
    tree(PING, ("HeartbeatInterval", "-60"), ("Folders", ("Folder", ("Id", "1")))),
    tree(PING, ("HeartbeatInterval", "6" * 30), ("Folders", ("Folder", ("Id", "1")))),
    tree(PING, INTERVAL, INTERVAL, ("Folders", ("Folder", ("Id", "1")))),
    tree(PING, INTERVAL, ("Folders", ("Folder",))),
    tree(PING, INTERVAL, ("Folders", ("Folder", ("Class", "Email")))),
    tree(PING, INTERVAL, ("Folders", ("Folder", ("Id", "1"), ("Id", "2")))),
    tree(PING, INTERVAL, ("Folders", ("Id", "1"))),
    tree(PING, INTERVAL, ("Folders", ("Folder", ("Id", "1"))), ("Folders", ("Folder", ("Id", "2")))),
    tree(PING, INTERVAL, ("Folders", ("Folder", ("Id", "1")), ("Folder", ("Id", "1")))),
]


@pytest.mark.requirement("MS-ASCMD", 6699)
@pytest.mark.requirement("MS-ASCMD", 4244)
@pytest.mark.parametrize("document", MALFORMED)
def test_a_broken_document_is_status_4(document: object, ready: Phone) -> None:
    assert ready.send("Ping", document).status == "4"  # type: ignore[arg-type]


@pytest.mark.parametrize("garbage", ["", "null", "{}", "5", "["])
def test_remembered_folders_that_cannot_be_read_count_as_none(garbage: str, ready: Phone) -> None:
    ping(ready, INBOX)
    ready.session().write_fields({memory.PING_FOLDERS: garbage})
    assert ready.send("Ping").status == "3"


def test_a_remembered_interval_that_cannot_be_read_counts_as_none(ready: Phone) -> None:
    ping(ready, INBOX)
    ready.session().write_fields({memory.PING_INTERVAL: "soon"})
    assert ready.send("Ping").status == "3"


def test_a_repeated_ping_writes_nothing(ready: Phone) -> None:
    ping(ready, INBOX)
    written: list[str] = []
    ready.world.store.before = written.append
    ping(ready, INBOX)
    assert written == []


def test_a_device_that_does_not_fetch_what_it_is_told_of_is_held_after_three_times(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"subject": "x"})
    assert [ping(ready, INBOX).status for _ in range(3)] == ["2", "2", "2"]
    began = ready.world.clock.monotonic()
    assert ping(ready, INBOX).status == "1"
    assert ready.world.clock.monotonic() - began == 600
    assert ping(ready, INBOX).status == "2", "after a minute it is told again"


def test_a_held_device_is_told_of_news_and_of_other_folders(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"subject": "x"})
    for _ in range(3):
        ping(ready, INBOX)
    deliver(ready)
    assert ping(ready, INBOX).status == "2"
    ready.world.source.put(CONTACTS, {"last_name": "x"})
    assert plain(ping(ready, CONTACTS, INBOX).root) == [  # type: ignore[arg-type]
        ("Status", "2"),
        ("Folders", [("Folder", ready.number(CONTACTS))]),
    ]


def test_a_device_that_fetches_is_never_held(ready: Phone) -> None:
    for _ in range(5):
        ready.world.source.put(INBOX, {"subject": "x"})
        assert ping(ready, INBOX).status == "2"
        ready.sync(INBOX)


@pytest.mark.parametrize("garbage", ["", "nonsense", "[]", '{"1": 7}', '{"1": ["k", "x", null]}'])
def test_garbage_about_what_was_told_counts_as_nothing(garbage: str, ready: Phone) -> None:
    ready.session().write_fields({memory.PING_TOLD: garbage})
    ready.world.source.put(INBOX, {"subject": "x"})
    assert ping(ready, INBOX).status == "2"
