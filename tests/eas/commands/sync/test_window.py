"""How much comes in one answer: windows, filters, several collections."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.eas import memory
from app.usm.errors import AccessDenied, SourceUnavailable, StoreUnavailable
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, known, plain


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX, TRIPS)


def fill(ready: Phone, folder: str, count: int) -> None:
    for number in range(count):
        ready.world.source.put(folder, {"last_name": f"N{number}", "subject": f"S{number}"})


def sizes(reply: Reply) -> list[tuple[int, bool]]:
    """For each collection of the answer: how many commands, and whether there is more."""
    return [
        (
            len(commands.children) if (commands := element.find("AirSync:Commands")) else 0,
            element.find("AirSync:MoreAvailable") is not None,
        )
        for element in reply.all("AirSync:Collection")
    ]


@pytest.mark.requirement("MS-ASCMD", 5015)
@pytest.mark.requirement("MS-ASCMD", 4778, 5041)
@pytest.mark.requirement("MS-ASCMD", 3451, 3459, 3460, 4764, 4765, 4767, 4771, 5787)
@pytest.mark.parametrize(
    ("window", "expected"),
    [(None, 100), (1, 1), (99, 99), (100, 100), (0, 512), (512, 512), (513, 512), (4000000, 512)],
)
def test_the_window_of_a_collection(window: int | None, expected: int, phone: Phone) -> None:
    phone.start(CONTACTS)
    fill(phone, CONTACTS, 520)
    chosen = None if window is None else ("WindowSize", window)
    assert sizes(phone.sync(CONTACTS, chosen)) == [(expected, True)]


@pytest.mark.requirement("MS-ASCMD", 5593)
@pytest.mark.requirement("MS-ASCMD", 749, 3076)
def test_everything_comes_in_the_end_and_each_item_once(ready: Phone) -> None:
    fill(ready, CONTACTS, 23)
    seen: list[str] = []
    more = True
    while more:
        reply = ready.sync(CONTACTS, ("WindowSize", 5))
        seen += [element.text for element in reply.all("AirSync:ServerId")]
        more = bool(reply.all("AirSync:MoreAvailable"))
    assert len(seen) == len(set(seen)) == 23
    assert ready.sync(CONTACTS).root is None


@pytest.mark.requirement("MS-ASCMD", 3456)
def test_an_exact_fit_has_no_more(ready: Phone) -> None:
    fill(ready, CONTACTS, 5)
    assert sizes(ready.sync(CONTACTS, ("WindowSize", 5))) == [(5, False)]


def test_more_available_stands_between_status_and_commands(ready: Phone) -> None:
    fill(ready, CONTACTS, 3)
    add = ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:LastName", "A")))
    reply = ready.sync(CONTACTS, ("WindowSize", 1), ("Commands", add))
    names = [child.name.partition(":")[2] for child in reply.one("AirSync:Collection")]
    assert names[-4:] == ["Status", "MoreAvailable", "Responses", "Commands"]


@pytest.mark.requirement("MS-ASCMD", 4782)
@pytest.mark.requirement("MS-ASCMD", 4776, 4779)
def test_the_window_of_the_request_binds_over_all_collections(ready: Phone) -> None:
    for folder in (CONTACTS, INBOX, TRIPS):
        fill(ready, folder, 4)
    collections = [ready.collection(folder, ("WindowSize", 3)) for folder in (CONTACTS, INBOX, TRIPS)]
    reply = ready.sync_many(*collections, after=(("WindowSize", 5),))
    assert sizes(reply) == [(3, True), (2, True), (0, True)]


def test_a_collection_that_nothing_was_left_for_is_told_only_if_it_has_more(ready: Phone) -> None:
    fill(ready, CONTACTS, 2)
    fill(ready, TRIPS, 1)
    before = ready.keys[ready.number(TRIPS)]
    collections = [ready.collection(folder) for folder in (CONTACTS, INBOX, TRIPS)]
    reply = ready.sync_many(*collections, after=(("WindowSize", 2),))
    assert sizes(reply) == [(2, False), (0, True)]
    assert ready.keys[ready.number(TRIPS)] == before


def test_responses_do_not_count(ready: Phone) -> None:
    fill(ready, CONTACTS, 2)
    add = ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:LastName", "A")))
    assert sizes(ready.sync(CONTACTS, ("WindowSize", 2), ("Commands", add))) == [(2, False)]


def test_the_administrator_may_set_smaller_windows(ready: Phone) -> None:
    ready.world.configure(default_window=2, max_window=3)
    fill(ready, CONTACTS, 9)
    assert sizes(ready.sync(CONTACTS)) == [(2, True)]
    assert sizes(ready.sync(CONTACTS, ("WindowSize", 100))) == [(3, True)]


def test_only_collections_with_news_are_in_the_answer(ready: Phone) -> None:
    fill(ready, INBOX, 1)
    reply = ready.sync_many(*(ready.collection(folder) for folder in (CONTACTS, INBOX, TRIPS)))
    assert [element.text for element in reply.all("AirSync:CollectionId")] == [ready.number(INBOX)]


@pytest.mark.requirement("MS-ASCMD", 2987)
@pytest.mark.parametrize(("filter_type", "days"), [(0, None), (1, 1), (2, 3), (3, 7), (4, 14), (5, 31)])
def test_a_filter_looks_so_many_days_back(filter_type: int, days: int | None, ready: Phone) -> None:
    now = ready.world.clock.now()
    source = ready.world.source
    ages = (0, 2, 5, 10, 20, 60, 150, 1000)
    for age in ages:
        source.put(INBOX, {"subject": f"{age} days"}, received=now - timedelta(days=age))
    reply = ready.sync(INBOX, ("Options", ("FilterType", filter_type)))
    found = {element.text for element in reply.all("Email:Subject")}
    assert found == {f"{age} days" for age in ages if days is None or age <= days}


@pytest.mark.requirement("MS-ASCMD", 5876)
@pytest.mark.requirement("MS-ASCON", 228)
@pytest.mark.requirement("MS-ASCMD", 3967)
def test_what_leaves_the_filter_is_forgotten_and_not_deleted(ready: Phone) -> None:
    now = ready.world.clock.now()
    ready.world.source.put(INBOX, {"subject": "old"}, received=now - timedelta(days=5))
    assert known(ready.sync(INBOX, ("Options", ("FilterType", 3)))) == ["Add"]
    reply = ready.sync(INBOX, ("Options", ("FilterType", 1)))
    assert known(reply) == ["SoftDelete"]
    assert len(ready.world.source.items[INBOX]) == 1
    assert known(ready.sync(INBOX, ("Options", ("FilterType", 0)))) == ["Add"]


@pytest.mark.requirement("MS-ASCMD", 3078, 3079)
def test_contacts_have_no_filter(ready: Phone) -> None:
    now = ready.world.clock.now()
    ready.world.source.put(CONTACTS, {"last_name": "Old"}, received=now - timedelta(days=999))
    assert known(ready.sync(CONTACTS, ("Options", ("FilterType", 1)))) == ["Add"]


@pytest.mark.requirement("MS-ASCMD", 3598)
@pytest.mark.requirement("MS-ASCMD", 3599)
def test_options_stay_in_force_until_others_come(ready: Phone) -> None:
    now = ready.world.clock.now()
    ready.sync(INBOX, ("Options", ("FilterType", 1)))
    ready.world.source.put(INBOX, {"subject": "old"}, received=now - timedelta(days=5))
    assert ready.sync(INBOX).root is None
    assert known(ready.sync(INBOX, ("Options",))) == ["Add"]


@pytest.mark.parametrize(
    "garbage", ["", "[]", '{"options": 5}', '{"options": {"preferences": [{"x": 1}]}}', "{"]
)
def test_options_that_cannot_be_read_any_more_count_as_none(garbage: str, ready: Phone) -> None:
    ready.session().write_fields({f"{memory.COLLECTION}{ready.number(INBOX)}": garbage})
    ready.world.source.put(INBOX, {"subject": "x"})
    assert known(ready.sync(INBOX)) == ["Add"]


def test_starting_over_forgets_the_options(ready: Phone) -> None:
    now = ready.world.clock.now()
    ready.sync(INBOX, ("Options", ("FilterType", 1)))
    ready.world.source.put(INBOX, {"subject": "old"}, received=now - timedelta(days=5))
    ready.sync(INBOX, key="0")
    assert known(ready.sync(INBOX)) == ["Add"]


@pytest.mark.requirement("MS-ASCMD", 3119)
def test_deletions_are_told(ready: Phone) -> None:
    item = ready.world.source.put(INBOX, {"subject": "x"})
    ready.sync(INBOX)
    ready.world.source.drop(INBOX, item)
    reply = ready.sync(INBOX)
    assert plain(reply.one("AirSync:Commands")) == [
        ("Delete", [("ServerId", f"{ready.number(INBOX)}:{item}")])
    ]


def break_folder(ready: Phone, error: Exception, times: int = 10**6, method: str = "listing") -> None:
    """Calls of this method fail from now on, as often as said."""
    left = [times]

    def fail(name: str) -> None:
        if name == method and left[0] > 0:
            left[0] -= 1
            raise error

    ready.world.source.before = fail


@pytest.mark.parametrize("error", [SourceUnavailable("away", 9), StoreUnavailable("away", 9)])
def test_when_all_collections_fail_the_device_is_told_when_to_come_again(
    error: Exception, ready: Phone
) -> None:
    break_folder(ready, error)
    reply = ready.sync_many(ready.collection(CONTACTS), ready.collection(INBOX))
    assert (reply.http.status, reply.http.headers["Retry-After"]) == (503, "9")
    ready.world.source.before = lambda name: None
    fill(ready, CONTACTS, 1)
    assert known(ready.sync(CONTACTS)) == ["Add"]


def test_a_collection_that_fails_does_not_stop_the_others(ready: Phone) -> None:
    fill(ready, INBOX, 1)
    break_folder(ready, SourceUnavailable("away"), times=1)
    reply = ready.sync_many(ready.collection(CONTACTS), ready.collection(INBOX))
    statuses = [element.text_of("AirSync:Status") for element in reply.all("AirSync:Collection")]
    assert statuses == ["5", "1"]
    assert known(reply) == ["Add"]


@pytest.mark.requirement("MS-ASCMD", 4417)
def test_a_collection_with_an_unknown_key_does_not_stop_the_others(ready: Phone) -> None:
    fill(ready, INBOX, 1)
    reply = ready.sync_many(ready.collection(CONTACTS, key="nonsense"), ready.collection(INBOX))
    statuses = [element.text_of("AirSync:Status") for element in reply.all("AirSync:Collection")]
    assert statuses == ["3", "1"]


def test_a_collection_that_another_request_holds_is_to_be_asked_for_again(ready: Phone) -> None:
    fill(ready, INBOX, 1)
    fill(ready, CONTACTS, 1)
    with ready.world.store.lock(ready.session().id, int(ready.number(CONTACTS))):
        before = ready.keys[ready.number(CONTACTS)]
        reply = ready.sync_many(ready.collection(CONTACTS), ready.collection(INBOX))
    statuses = [element.text_of("AirSync:Status") for element in reply.all("AirSync:Collection")]
    assert statuses == ["16", "1"]
    assert ready.keys[ready.number(CONTACTS)] == before


def test_a_password_that_stopped_being_right_is_401(ready: Phone) -> None:
    break_folder(ready, AccessDenied("no"))
    assert ready.sync(CONTACTS).http.status == 401
