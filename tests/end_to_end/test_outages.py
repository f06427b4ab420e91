"""What a phone is told while something behind us is down, and that it goes on afterwards. These tests stop things, so
they have a stack of their own."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.device import Phone, PhoneError, ServerUnavailable
from tests.end_to_end.stack import Stack, message, wait_until
from tests.end_to_end.test_story import CONTACTS, NEWS, Ping, set_up


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    quick = {"ox.connect_timeout": 1000, "ox.read_timeout": 1500, "database.lock_timeout": 1000}
    stack = Stack(tmp_path_factory.mktemp("fragile"), workers=1, graceful_timeout=18, **quick)
    try:
        stack.start()
        yield stack
        assert "Traceback" not in stack.app.text()
    finally:
        stack.stop()


@pytest.fixture
def phone(fragile: Stack, request: pytest.FixtureRequest) -> Phone:
    digits = abs(hash(request.node.name)) % 10**12
    found = fragile.phone("berta", device_id=f"outage{digits}", timeout=20.0)
    set_up(found)
    return found


def unavailable(phone: Phone) -> None:
    """The phone is told to come later, and not asked for a password."""
    answer = phone.raw(b"", command="FolderSync")
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "WWW-Authenticate" not in answer.headers
    assert answer.body == b""


def test_ox_stopped_means_later_and_then_all_goes_on(fragile, phone):
    contacts = phone.folder_of_type(CONTACTS).server_id
    fragile.ox.stop()
    try:
        with pytest.raises(ServerUnavailable) as caught:
            phone.sync(contacts)
        assert caught.value.retry_after
        newcomer = fragile.phone("dora", device_id="newcomer")
        with pytest.raises(ServerUnavailable):
            newcomer.options()
        unavailable(newcomer)
        assert not fragile.health()["checks"]["ox"]["up"]
    finally:
        fragile.start_ox()
    # OX has forgotten its sessions: the phone must not notice.
    phone.sync(contacts)
    assert phone.add_contact(contacts, {"Contacts:FirstName": "After", "Contacts:LastName": "Outage"})
    newcomer.options()


def test_ox_that_hangs_means_later_within_a_reasonable_time(fragile, phone):
    contacts = phone.folder_of_type(CONTACTS).server_id
    fragile.ox.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(ServerUnavailable):
            phone.sync(contacts)
        assert time.monotonic() - started < 15
        started = time.monotonic()
        assert not fragile.health()["checks"]["ox"]["up"]
        assert time.monotonic() - started < 4
    finally:
        fragile.ox.signal(signal.SIGCONT)
    assert wait_until(lambda: fragile.health()["ready"], 20)
    phone.sync(contacts)


@pytest.mark.parametrize("kind", ["http", "cut"])
def test_ox_that_answers_nonsense_means_later(fragile, phone, kind):
    contacts = phone.folder_of_type(CONTACTS).server_id
    fragile.fault(kind=kind, times=50, status=502)
    try:
        with pytest.raises(ServerUnavailable):
            phone.sync(contacts)
    finally:
        fragile.control("DELETE", "fault")
    phone.sync(contacts)


def test_ox_sessions_that_end_are_opened_anew_without_asking_the_phone(fragile, phone):
    contacts = phone.folder_of_type(CONTACTS).server_id
    assert fragile.control("POST", "session/expire")["expired"]
    phone.sync(contacts)
    phone.folder_sync()


def test_an_outage_of_ox_does_not_end_a_wait_and_the_news_comes_through_afterwards(fragile, phone):
    contacts, inbox = set_up(phone)
    ping = Ping(phone, [inbox, contacts], 60)
    ping.start()
    assert wait_until(lambda: fragile.parked() == 1, 10)
    fragile.ox.stop()
    time.sleep(1.5)
    assert ping.is_alive()
    fragile.start_ox()
    fragile.browser("berta").deliver(message("after the outage"))
    answer = ping.answer(40)
    assert (answer.status, answer.folders) == (NEWS, [inbox])


def test_a_database_that_is_away_means_later_and_then_all_goes_on(fragile, phone):
    contacts = phone.folder_of_type(CONTACTS).server_id
    away = fragile.state.parent.with_name("away")
    fragile.app.stop()
    fragile.state.parent.rename(away)
    fragile.start_app()
    try:
        with pytest.raises(ServerUnavailable) as caught:
            phone.sync(contacts)
        assert caught.value.retry_after
        unavailable(phone)
        assert not fragile.health()["checks"]["database"]["up"]
    finally:
        away.rename(fragile.state.parent)
    phone.sync(contacts)
    assert fragile.health()["ready"]


def test_a_database_that_is_damaged_means_later_and_no_state_is_lost_when_it_is_mended(fragile, phone):
    contacts = phone.folder_of_type(CONTACTS).server_id
    fragile.app.stop()
    kept = fragile.folder / "kept"
    shutil.copytree(fragile.state.parent, kept)
    for path in fragile.state.parent.iterdir():
        path.unlink()
    fragile.state.write_bytes(b"this is no database at all " * 100)
    fragile.start_app()
    try:
        unavailable(phone)
    finally:
        fragile.app.stop()
        shutil.rmtree(fragile.state.parent)
        kept.rename(fragile.state.parent)
        fragile.start_app()
    result = phone.sync(contacts)
    assert result.added == []


def test_the_service_ends_at_once_although_phones_wait(fragile, phone):
    contacts, inbox = set_up(phone)
    ping = Ping(phone, [inbox, contacts], 300)
    ping.start()
    assert wait_until(lambda: fragile.parked() == 1, 10)
    started = time.monotonic()
    assert fragile.app.stop() == 0
    took = time.monotonic() - started
    fragile.start_app()
    assert ping.answer(5).status == 1
    assert took < 10
    # The state outlives the process: the phone goes on where it was.
    assert phone.sync(contacts).added == []


def test_a_worker_killed_in_the_middle_of_a_sync_loses_nothing(fragile, phone):
    contacts = phone.folder_of_type(CONTACTS).server_id
    # The write reaches OX, and OX takes its time with the answer; then the worker dies.
    fragile.fault(kind="hang", module="contacts", seconds=1.0)
    name = f"Killed {os.getpid()}"
    done = threading.Event()

    def add() -> None:
        with suppress(PhoneError):
            phone.add_contact(contacts, {"Contacts:FirstName": name, "Contacts:LastName": "Once"})
        done.set()

    thread = threading.Thread(target=add)
    thread.start()
    time.sleep(0.6)
    for worker in fragile.app.children():
        os.kill(worker, signal.SIGKILL)
    assert done.wait(30)
    thread.join()
    fragile.control("DELETE", "fault")
    assert wait_until(lambda: fragile.health()["ready"])
    phone.sync_all(contacts)
    assert [row["first_name"] for row in fragile.browser("berta").contacts()].count(name) == 1
    mine = [item for item in phone.items(contacts).values() if item.text_of("Contacts:FirstName") == name]
    assert len(mine) == 1
