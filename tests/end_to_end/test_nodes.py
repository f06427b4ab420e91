"""Two nodes with one state: a phone is led from one to the other in the middle of everything, and does not notice."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.device import AnswerLost, Phone, PhoneError, ServerUnavailable, SyncResult
from lab.device.transport import server_address
from lab.ports import free_ports
from tests.end_to_end.stack import Process, Stack, message, wait_until
from tests.end_to_end.test_story import NEWS, NOTHING, Ping, Waiting, set_up, unique


class Site(Stack):
    """A stack with a second node that has the same state."""

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(folder, **settings)
        port, admin_port = free_ports(2)
        etc = folder / "etc2"
        shutil.copytree(self.etc, etc)
        text = (etc / "usm.properties").read_text()
        text = text.replace(f"listen.port={self.port}\n", f"listen.port={port}\n")
        (etc / "usm.properties").write_text(text.replace(f"={self.admin_port}\n", f"={admin_port}\n"))
        self.other = Process(folder / "app2.log", "app", "--etc", str(etc))
        self.other_url = f"http://127.0.0.1:{port}"
        self._other_live = f"http://127.0.0.1:{admin_port}/usm/health/live"

    def start_other(self) -> None:
        self.other.start()
        assert wait_until(lambda: self._answers(self._other_live)), self.other.text()

    def stop(self) -> None:
        self.other.stop()
        super().stop()

    def move(self, phone: Phone, url: str = "") -> None:
        """From now on the phone is led to the other node, or to this one."""
        phone.transport.close()
        phone.transport.url = server_address(url or self.other_url)

    def logins(self) -> int:
        """How often OX was asked for a password since the count began."""
        calls = self.control("GET", "calls")
        return sum(call["count"] for call in calls if (call["module"], call["action"]) == ("login", "login"))


def repeated(request: Callable[[], SyncResult]) -> SyncResult:
    """Like a phone: again each second while it is told to come later."""
    for _ in range(10):
        with suppress(ServerUnavailable):
            return request()
        time.sleep(1)
    return request()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    quick = {"ox.connect_timeout": 1000, "ox.read_timeout": 3000, "graceful_timeout": 10}
    folder = tmp_path_factory.mktemp("nodes")
    found = Site(folder, **quick)
    with pytest.MonkeyPatch.context() as patch:
        # A service that is killed leaves its folder behind.
        patch.setenv("TMPDIR", str(folder))
        try:
            found.start()
            found.start_other()
            yield found
            assert "Traceback" not in found.app.text() + found.other.text()
        finally:
            found.stop()


@pytest.fixture
def phone(site: Site, request: pytest.FixtureRequest) -> Phone:
    digits = abs(hash(request.node.name)) % 10**12
    return site.phone("berta", device_id=f"moving{digits}")


def test_a_phone_goes_on_at_another_node_and_ox_is_asked_for_its_password_once_more(site, phone):
    contacts, inbox = set_up(phone)
    key = phone.policy_key
    site.control("DELETE", "calls")
    site.move(phone)
    assert phone.sync(contacts).from_server == 0
    phone.folder_sync()
    phone.add_contact(contacts, {"Contacts:FirstName": unique("Moved"), "Contacts:LastName": "Once"})
    assert phone.sync(inbox).from_server == 0
    assert phone.policy_key == key
    assert site.logins() == 1
    site.move(phone, site.url)
    assert phone.sync(contacts).from_server == 0
    assert site.logins() == 1
    assert phone.anomalies == []


def test_an_answer_that_was_lost_is_given_again_by_the_other_node(site, phone):
    contacts, inbox = set_up(phone)
    subject, name = unique("Lost"), unique("Lost")
    site.browser("berta").deliver(message(subject))
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.sync(inbox)
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.add_contact(contacts, {"Contacts:FirstName": name, "Contacts:LastName": "Once"})
    site.move(phone)
    assert len(phone.sync(inbox).added) == 1
    assert len(phone.sync(contacts).server_ids) == 1
    assert phone.sync(inbox).from_server == phone.sync(contacts).from_server == 0
    assert [row["first_name"] for row in site.browser("berta").contacts()].count(name) == 1
    assert phone.anomalies == []


@pytest.mark.parametrize("waits", ["Ping", "Sync"])
def test_a_phone_that_waits_at_a_node_that_ends_is_answered_at_once_and_waits_at_the_other(
    site, phone, waits
):
    contacts, inbox = set_up(phone)
    waiting = (
        Ping(phone, [inbox], 300) if waits == "Ping" else Waiting(lambda: phone.sync(inbox, heartbeat=300))
    )
    waiting.start()
    assert wait_until(lambda: site.parked() == 1, 10)
    began = time.monotonic()
    assert site.app.stop() == 0
    answer = waiting.answer(5)
    assert time.monotonic() - began < 8
    site.start_app()
    # Neither an error nor news: the phone just comes again, with what it has.
    assert (answer.status == NOTHING) if waits == "Ping" else (answer.from_server == 0)
    site.move(phone)
    ping = Ping(phone, [inbox, contacts], 300)
    ping.start()
    time.sleep(1)
    site.browser("berta").deliver(message(unique("After")))
    phone_elsewhere = site.phone("berta", device_id="elsewhere")
    site.move(phone_elsewhere)
    set_up(phone_elsewhere)
    phone_elsewhere.add_contact(contacts, {"Contacts:FirstName": unique("Wake"), "Contacts:LastName": "Up"})
    assert ping.answer(20).status == NEWS
    assert len(phone.sync(inbox).added) == 1
    assert phone.anomalies == []


def test_a_node_killed_in_the_middle_of_a_write_leaves_it_to_the_other_to_answer(site, phone):
    contacts, _ = set_up(phone)
    name = unique("Killed")
    # The write reaches OX, and OX takes its time with the answer; then the node dies as a whole.
    site.fault(kind="hang", module="contacts", action="new", seconds=1.0)
    writing = Waiting(
        lambda: phone.add_contact(contacts, {"Contacts:FirstName": name, "Contacts:LastName": "Once"})
    )
    writing.start()
    time.sleep(0.5)
    site.app.signal(signal.SIGKILL)
    with pytest.raises(PhoneError):
        writing.answer(10)
    with suppress(Exception):
        site.app.stop()
    site.move(phone)
    # While OX may still be at it the phone is told to come later. Then the repeated Add finds what the first has made.
    result = repeated(lambda: phone.sync(contacts))
    assert len(result.server_ids) == 1
    assert phone.sync(contacts).from_server == 0
    assert [row["first_name"] for row in site.browser("berta").contacts()].count(name) == 1
    held = [item.text_of("Contacts:FirstName") for item in phone.items(contacts).values()]
    assert held.count(name) == 1
    assert phone.anomalies == []
    site.start_app()
