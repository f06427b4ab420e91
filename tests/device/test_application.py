"""The phone and the application face to face: real HTTP and a real protocol, with a memory behind them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from app.eas.server import ActiveSync
from app.eas.settings import EasSettings
from app.usm.content import Address
from app.usm.errors import SourceUnavailable
from app.usm.manager import Manager
from app.usm.model import User
from app.web.application import device_app
from app.web.auth import Schemes
from app.web.resource import Door, Gateway, WebSettings
from lab.device import (
    AccessRefused,
    AnswerLost,
    AuthenticationFailed,
    CommandFailed,
    Phone,
    ServerUnavailable,
)
from lab.device.story import set_up
from tests.fakes.clock import CountingTokens, ManualClock
from tests.fakes.source import ANTON, MemoryProvider, MemorySource
from tests.fakes.store import MemoryStore
from tests.fakes.waiter import ScriptedWaiter
from tests.schemas import validate

VERSIONS = ("12.1", "14.0", "14.1", "16.0", "16.1")
CAESAR = User(1, 5, "caesar@example.org")
BOOK, INBOX = "31", "default0/INBOX"
NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class World:
    """Anton, who has mails and contacts, and Caesar, who may not synchronise."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.source = MemorySource()
        self.provider = MemoryProvider({ANTON.login: self.source, CAESAR.login: MemorySource(CAESAR)})
        self.provider.disabled.add(CAESAR.login)
        self.waiter = ScriptedWaiter(self.clock)
        self.store = MemoryStore()
        tokens = CountingTokens()
        manager = Manager(self.provider, self.store, self.waiter, self.clock, tokens)
        eas = ActiveSync(EasSettings(), self.clock, tokens)
        web = WebSettings(Schemes("$USER"), max_body=1_000_000)
        gateway = Gateway(eas, Door(manager, self.clock, tokens, web))
        app = device_app(gateway, "/Microsoft-Server-ActiveSync")
        self.http = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.phones: list[Phone] = []

    def phone(self, login: str = ANTON.login, password: str = "secret", **options: Any) -> Phone:
        self.phones.append(Phone(self.url, login, password, on_answer=schemas_hold, timeout=20, **options))
        return self.phones[-1]

    def mail(self, number: int) -> str:
        received = NOON + timedelta(minutes=number)
        sender = (Address("berta@example.org", "Berta"),)
        fields = {"subject": f"Mail {number}", "from": sender, "received": received, "read": False}
        return self.source.put(INBOX, fields, received)

    def contact(self, name: str) -> str:
        return self.source.put(BOOK, {"first_name": name, "display_name": name})


def schemas_hold(command: str, version: str, body: bytes) -> None:
    validate(body, version)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    thread = threading.Thread(target=world.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield world
    for phone in world.phones:
        phone.close()
    world.http.shutdown()
    thread.join()
    world.http.server_close()


@pytest.fixture
def phone(world: World) -> Phone:
    phone = world.phone()
    phone.folder_sync()
    return phone


def book(phone: Phone) -> str:
    return phone.folder_of_type(9).server_id


def inbox(phone: Phone) -> str:
    return phone.folder_of_type(2).server_id


@pytest.mark.parametrize("query", ["plain", "base64"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_phone_gets_everything(world: World, version: str, query: str) -> None:
    for number in range(130):
        world.mail(number)
    for name in ("Anna", "Bert"):
        world.contact(name)
    phone = world.phone(version=version, query=query)
    told: list[str] = []
    set_up(phone, told.append)
    assert len(phone.items(inbox(phone))) == 130
    assert sorted(item.text_of("Contacts:FirstName") for item in phone.items(book(phone)).values()) == [
        "Anna",
        "Bert",
    ]
    assert phone.policy_key
    assert phone.anomalies == []
    assert any("Mail 129" in line for line in told)


@pytest.mark.parametrize("version", VERSIONS)
def test_changes_go_both_ways(world: World, version: str) -> None:
    phone = world.phone(version=version)
    phone.folder_sync()
    mail, contact = world.mail(1), world.contact("Anna")
    phone.sync_all(inbox(phone))
    phone.sync_all(book(phone))
    (mail_id,), (contact_id,) = phone.items(inbox(phone)), phone.items(book(phone))

    phone.mark_read(inbox(phone), mail_id)
    assert world.source.items[INBOX][mail].fields["read"] is True
    phone.change_item(book(phone), contact_id, {"Contacts:FirstName": "Hanna"})
    assert world.source.items[BOOK][contact].fields["first_name"] == "Hanna"
    phone.add_contact(book(phone), {"Contacts:FirstName": "Zoë", "Contacts:FileAs": "Zoë"})
    assert len(world.source.items[BOOK]) == 2
    phone.delete_item(book(phone), contact_id)
    assert contact not in world.source.items[BOOK]

    world.source.touch(INBOX, mail, {"read": False})
    world.source.drop(BOOK, next(iter(world.source.items[BOOK])))
    phone.sync_all(inbox(phone))
    phone.sync_all(book(phone))
    assert phone.items(inbox(phone))[mail_id].text_of("Email:Read") == "0"
    assert phone.items(book(phone)) == {}
    assert phone.anomalies == []


def test_a_contact_added_before_a_lost_answer_is_there_once(world: World, phone: Phone) -> None:
    phone.sync_all(book(phone))
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.add_contact(book(phone), {"Contacts:FirstName": "Zoë"})
    result = phone.sync(book(phone))
    assert len(result.server_ids) == 1
    phone.sync_all(book(phone))
    assert len(world.source.items[BOOK]) == len(phone.items(book(phone))) == 1
    assert phone.anomalies == []


def test_any_answer_may_get_lost_on_the_way(world: World) -> None:
    for number in range(30):
        world.mail(number)
    phone = world.phone()
    for _ in range(3):
        phone.lose_next_answer()
        with pytest.raises(AnswerLost):
            phone.folder_sync()
        phone.folder_sync()
    while len(phone.items(inbox(phone))) < 30:
        phone.lose_next_answer()
        with pytest.raises(AnswerLost):
            phone.sync(inbox(phone), window=7)
        phone.sync(inbox(phone), window=7)
    assert phone.anomalies == []


def test_an_estimate_counts_what_comes(world: World, phone: Phone) -> None:
    for number in range(5):
        world.mail(number)
    phone.sync(inbox(phone))
    assert phone.get_item_estimate(inbox(phone)) == 5
    phone.sync_all(inbox(phone))
    assert phone.get_item_estimate(inbox(phone)) == 0


def test_a_ping_tells_of_news(world: World, phone: Phone) -> None:
    phone.sync_all(inbox(phone))
    phone.sync_all(book(phone))

    def deliver() -> frozenset[str]:
        world.mail(1)
        return frozenset({INBOX})

    world.waiter.events.append(deliver)
    answer = phone.ping([inbox(phone), book(phone)], 60)
    assert (answer.status, answer.folders) == (2, [inbox(phone)])
    assert len(phone.sync_all(inbox(phone)).added) == 1
    assert phone.ping().status == 1


@pytest.mark.parametrize("patience", [{"wait": 1}, {"heartbeat": 60}])
def test_a_sync_may_wait_for_news(world: World, phone: Phone, patience: dict[str, int]) -> None:
    phone.sync_all(inbox(phone))

    def deliver() -> frozenset[str]:
        world.mail(1)
        return frozenset({INBOX})

    assert phone.sync(inbox(phone), **patience).is_empty
    world.waiter.events.append(deliver)
    assert len(phone.sync(inbox(phone), **patience).added) == 1


def test_who_may_not_is_told(world: World) -> None:
    with pytest.raises(AuthenticationFailed):
        world.phone(password="wrong").options()
    with pytest.raises(AccessRefused):
        world.phone(login=CAESAR.login).folder_sync()
    with pytest.raises(AccessRefused):
        world.phone(login=CAESAR.login, version="12.1").folder_sync()


def test_a_forgotten_device_starts_over(world: World, phone: Phone) -> None:
    world.mail(1)
    phone.sync_all(inbox(phone))
    phone.collection(inbox(phone)).sync_key = "4711"
    with pytest.raises(CommandFailed, match="status 3"):
        phone.sync(inbox(phone))
    phone.sync_all(inbox(phone))
    assert len(phone.items(inbox(phone))) == 1


def test_a_source_that_is_down_is_a_server_that_is_unavailable(world: World, phone: Phone) -> None:
    def fail(name: str) -> None:
        raise SourceUnavailable("OX does not answer")

    phone.sync(inbox(phone))
    key = phone.collection(inbox(phone)).sync_key
    world.source.before = fail
    with pytest.raises(ServerUnavailable) as caught:
        phone.sync(inbox(phone))
    assert caught.value.retry_after
    world.source.before = lambda name: None
    world.mail(1)
    assert (phone.collection(inbox(phone)).sync_key, len(phone.sync(inbox(phone)).added)) == (key, 1)
