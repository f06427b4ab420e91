"""Looking for devices among many: over all kinds of databases, and over two schemas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.administration import search
from app.administration.naming import Names
from app.administration.search import Page, Search, Wanted
from app.eas import memory
from app.eas.admission_rules import Access, DeviceRules, parse
from app.store import SqlStateStore
from app.store.estate import Order
from app.usm.devices import AGENT, DEVICE_TYPE, LOGIN, VERSION
from app.usm.errors import StoreUnavailable
from app.usm.model import SessionId

START = datetime(2026, 5, 1, tzinfo=UTC)
KINDS = ("sqlite memory", pytest.param("configdb", marks=pytest.mark.mariadb))


@dataclass
class Estate:
    """Devices of three contexts, of which the second and third have a schema of their own where there are two."""

    store: SqlStateStore
    now: datetime = START

    def device(self, context: int, user: int, device: str, **fields: str) -> SessionId:
        session = SessionId(context, user, "EAS", device)
        self.now += timedelta(minutes=1)
        named = {
            LOGIN: f"user{user} u{user}@example.org",
            **{name.replace("__", "."): v for name, v in fields.items()},
        }
        self.store.write_fields(session, named)
        return session

    def search(self, rules: DeviceRules | None = None) -> Search:
        databases = self.store._databases
        names = Names(databases, self.store)
        return Search(databases, names, rules or DeviceRules(), lambda: self.now)

    def found(self, order: Order = Order.NAME, **wanted: str) -> list[str]:
        page = self.search().page(Wanted(**wanted), order)
        assert not page.failures
        return ids(page)


def ids(page: Page) -> list[str]:
    return [each.id.device_id for each in page.devices]


@pytest.fixture(params=KINDS)
def estate(request: pytest.FixtureRequest, open_stores: Callable[[str], Any]) -> Estate:
    opened = open_stores(request.param)()
    made = Estate(opened)
    opened._now = lambda: made.now.timestamp()
    for context in (1, 2, 3):
        opened._databases.database(context)
    return made


def test_pages_go_through_all_schemas_in_every_order_and_pass_nobody_over(estate: Estate) -> None:
    made = [estate.device(1 + number % 3, 7 - number, f"d{number}") for number in range(7)]
    names = {
        Order.NAME: [s.device_id for s in sorted(made, key=lambda s: (s.context_id, s.user_id))],
        Order.SEEN: [s.device_id for s in reversed(made)],
        Order.FIRST: [s.device_id for s in made],
    }
    for order, expected in names.items():
        found: list[str] = []
        page = estate.search().page(Wanted(), order, "", 2)
        found += ids(page)
        while page.following:
            page = estate.search().page(Wanted(), order, page.following, 2)
            found += ids(page)
        assert found == expected


def test_a_page_goes_on_behind_a_row_that_is_gone_and_a_place_of_another_order_is_none(
    estate: Estate,
) -> None:
    made = [estate.device(1, 3, f"d{number}") for number in range(4)]
    page = estate.search().page(Wanted(), Order.NAME, "", 2)
    estate.store.forget(made[1])
    estate.device(1, 3, "d0a")
    assert ids(estate.search().page(Wanted(), Order.NAME, page.following, 2)) == ["d2", "d3"]
    assert len(ids(estate.search().page(Wanted(), Order.SEEN, page.following))) == 4
    for nonsense in ("x", "W10", "eyJ9", "////"):
        assert len(ids(estate.search().page(Wanted(), Order.NAME, nonsense))) == 4


def test_devices_are_found_by_what_is_known(estate: Estate) -> None:
    first = estate.device(
        1, 3, "ABC_1", **{DEVICE_TYPE: "iPhone", f"{memory.DEVICE}Model": "100% Phone", "eas.sync": "abc"}
    )
    estate.device(2, 4, "XYZ", **{AGENT: "Android-Mail/7", memory.WIPE_FAILED: "5"})
    estate.store.decide(first, "wipe")
    for wanted, expected in (
        ({"text": "abc_"}, ["ABC_1"]),
        ({"text": "a%c"}, []),
        ({"text": "100% p"}, ["ABC_1"]),
        ({"text": "U4@EXAMPLE"}, ["XYZ"]),
        ({"text": "4"}, ["XYZ"]),
        ({"text": "android-mail"}, ["XYZ"]),
        ({"context": "2"}, ["XYZ"]),
        ({"context": "3"}, []),
        ({"device_type": "iPhone"}, ["ABC_1"]),
        ({"standing": "-"}, ["XYZ"]),
        ({"standing": "wipe"}, ["ABC_1"]),
        ({"problem": "ordered"}, ["ABC_1"]),
        ({"problem": "failed"}, ["XYZ"]),
        ({"problem": "stuck"}, []),
        ({"problem": "refused"}, []),
        ({"seen": "day"}, ["ABC_1", "XYZ"]),
        ({"unseen": "day"}, []),
    ):
        assert estate.found(**wanted) == expected, wanted  # type: ignore[arg-type]
        assert estate.search().count(Wanted(**wanted)) == len(expected)
    estate.now += timedelta(days=8)
    assert estate.found(unseen="week") == ["ABC_1", "XYZ"]
    estate.store.begin(first, -4, "g", "")
    assert estate.found(problem="stuck") == ["ABC_1"]


def test_a_device_comes_with_all_that_is_told_of_it(estate: Estate) -> None:
    estate.device(2, 3, "one", **{f"{memory.DEVICE}Model": "M", "eas.sync": "large"})
    estate.device(3, 3, "two")
    one, two = estate.search().page(Wanted()).devices
    assert one.fields == {LOGIN: "user3 u3@example.org", f"{memory.DEVICE}Model": "M"}
    assert two.fields == {LOGIN: "user3 u3@example.org"}


def test_numbers_are_of_all_schemas(estate: Estate) -> None:
    estate.device(1, 3, "a", **{VERSION: "16.1", DEVICE_TYPE: "iPhone"})
    estate.device(1, 3, "b", **{VERSION: "16.1"})
    estate.now += timedelta(days=3)
    estate.store.decide(estate.device(2, 3, "c", **{VERSION: "14.1"}), "blocked")
    numbers = estate.search().numbers()
    assert (numbers.devices, numbers.users, numbers.seen) == (3, 2, (1, 3))
    assert dict(numbers.standings) == {"-": 2, "blocked": 1}
    versions = estate.search().versions()
    assert versions[VERSION] == {"16.1": 2, "14.1": 1}
    assert versions[DEVICE_TYPE] == {"iPhone": 1}
    assert estate.search().versions(days=1)[VERSION] == {"14.1": 1}


def test_those_wait_of_whom_it_was_decided_or_whom_a_rule_keeps(estate: Estate) -> None:
    estate.store.decide(estate.device(3, 3, "decided"), "quarantined")
    estate.device(1, 3, "android", **{DEVICE_TYPE: "Android", AGENT: "Mail/1.2"})
    estate.store.decide(estate.device(1, 3, "let in", **{DEVICE_TYPE: "Android", AGENT: "Mail/1"}), "allowed")
    estate.device(2, 4, "newer", **{DEVICE_TYPE: "Android", AGENT: "Mail/2.0"})
    estate.device(2, 5, "by user")
    estate.device(1, 6, "under_score", **{DEVICE_TYPE: "my_phone"})
    estate.device(1, 6, "no under_score", **{DEVICE_TYPE: "myxphone"})
    rules = DeviceRules(quarantine=parse("type:Android & agent:*/1.?, user:user5, type:my_phone*"))
    assert ids(estate.search(rules).quarantine()) == ["decided", "android", "by user", "under_score"]
    assert ids(estate.search().quarantine()) == ["decided"]
    everybody = DeviceRules(default=Access.QUARANTINE, allow=parse("type:Android"))
    search = estate.search(everybody)
    page = search.quarantine(size=2)
    assert ids(page) == ["decided", "by user"]
    assert ids(search.quarantine(page.following)) == ["under_score", "no under_score"]


def test_a_page_of_those_who_wait_ends_before_it_takes_too_long(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        estate.device(1, 3, f"d{number}")
    estate.store.decide(estate.device(1, 3, "last"), "quarantined")
    monkeypatch.setattr(search, "BATCH", 2)
    monkeypatch.setattr(search, "SCANNED", 2)
    rules = DeviceRules(quarantine=parse("user:nobody"))
    pages = [estate.search(rules).quarantine()]
    while pages[-1].following:
        pages.append(estate.search(rules).quarantine(pages[-1].following))
    assert [ids(page) for page in pages] == [[], [], ["last"], []]


def test_what_a_device_may_do_is_told_with_the_rule(estate: Estate) -> None:
    rules = DeviceRules(block=parse("type:Bad"), default=Access.ALLOW)
    for name, standing, expected in (
        ("bad", "", (Access.BLOCK, "rule type:Bad")),
        ("bad", "allowed", (Access.ALLOW, "")),
        ("bad", "wiped", (Access.BLOCK, "")),
        ("bad", "quarantined", (Access.QUARANTINE, "")),
        ("good", "", (Access.ALLOW, "the default for devices")),
    ):
        session = estate.device(1, 3, "x", **{DEVICE_TYPE: name.title()})
        estate.store.decide(session, standing or None)
        [device] = estate.search().page(Wanted()).devices
        assert estate.search(rules).access(device) == expected


@pytest.mark.parametrize("estate", KINDS[1:], indirect=True)
def test_a_schema_that_does_not_answer_hides_nobody_else(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases = estate.store._databases
    estate.device(1, 3, "there")
    estate.device(2, 3, "hidden")
    second = databases.database(2)

    def down(work: Any) -> Any:
        raise StoreUnavailable("down")

    monkeypatch.setattr(second, "read", down)
    monkeypatch.setattr(search, "BATCH", 2)
    page = estate.search().page(Wanted())
    assert ids(page) == ["there"]
    assert page.failures == [f"{second.name}: down"]
    assert estate.search().numbers().failures
    for number in range(5):
        estate.store.decide(estate.device(1, 3, f"d{number}"), "quarantined")
    waiting = [estate.search().quarantine()]
    while waiting[-1].following:
        waiting.append(estate.search().quarantine(waiting[-1].following))
    assert [name for page in waiting for name in ids(page)] == [f"d{number}" for number in range(5)]
    assert all(page.failures for page in waiting)
