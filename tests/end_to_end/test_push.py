"""What happens elsewhere reaches a phone that waits: by Dovecot's notification, and by Redis from another node. Nothing
is found by looking here: the looks are an hour apart, and at mail there are none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from lab import base, dovecot, hosts, redis
from lab.device import Phone
from lab.plan import LOGS, Lab
from tests.end_to_end.stack import message, wait_until
from tests.end_to_end.test_nodes import Site
from tests.end_to_end.test_story import NEWS, Ping, Waiting, set_up, unique
from tests.web.conftest import basic

HUSH = "hush:5b1/%&@"
HOUR = 3_600_000
NOTIFY = "/preliminary/http-notify/v1/notify"


class Push(Site):
    """Two nodes with one state and one Redis, which Dovecot may tell of new mail."""

    def __init__(self, folder: Path, server: redis.RedisServer) -> None:
        self.redis = server
        looks = {
            "session.sync.email_pull_delay": HOUR,
            "session.sync.email_pull_min_delay": -1,
            "session.sync.pull_interval": HOUR,
        }
        super().__init__(
            folder, seed="empty", **looks, **{"notify.redis_url": server.url, "notify.secret": HUSH}
        )

    def are_joined(self, nodes: int = 2) -> bool:
        """Whether so many nodes listen to each other."""
        return self.redis.command("PUBLISH", "open-xchange-usm:0", "hello") == f":{nodes}"

    def metric(self, name: str) -> str:
        """A number about the first node, as it tells it."""
        text = requests.get(f"http://127.0.0.1:{self.admin_port}/usm/metrics", timeout=20).text
        return next(line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} "))

    def notify(self, body: bytes, password: str = HUSH) -> int:
        """What Dovecot would send, to the first node."""
        headers = basic("dovecot", password)
        return requests.put(f"{self.url}{NOTIFY}", data=body, headers=headers, timeout=10).status_code


@pytest.fixture(scope="module")
def push(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Push]:
    if not redis.is_installed():
        pytest.skip("redis-tools is not installed")
    with redis.RedisServer() as server:
        found = Push(tmp_path_factory.mktemp("push"), server)
        try:
            found.start()
            found.start_other()
            assert wait_until(found.are_joined)
            yield found
            assert "Traceback" not in found.app.text() + found.other.text()
        finally:
            found.stop()


@dataclass(frozen=True)
class People:
    """Two phones of anton at different nodes and one of berta, up to date, and the folders they wait for."""

    near: Phone
    far: Phone
    stranger: Phone
    contacts: str
    inbox: str

    def waiting(self, push: Push) -> tuple[Ping, Waiting, Ping]:
        """All three wait for mail."""
        found = (
            Ping(self.near, [self.inbox], 60),
            Waiting(lambda: self.far.sync(self.inbox, heartbeat=60)),
            Ping(self.stranger, [self.inbox], 60),
        )
        for each in found:
            each.start()
        # The other node counts its own.
        assert wait_until(lambda: push.parked() == 2)
        return found


@pytest.fixture(scope="module")
def people(push: Push) -> Iterator[People]:
    near, far = (push.phone("anton", device_id=f"push{number}") for number in (1, 2))
    stranger = push.phone("berta", device_id="push3")
    push.move(far)
    contacts, inbox = set_up(near)
    for phone in (far, stranger):
        assert set_up(phone) == (contacts, inbox)
    yield People(near, far, stranger, contacts, inbox)
    assert near.anomalies == far.anomalies == stranger.anomalies == []


def notice(user: str) -> bytes:
    return f'{{"user":"{user}","event":"messageNew","folder":"INBOX","imap-uid":1}}'.encode()


def test_what_one_node_is_told_of_new_mail_wakes_the_users_phones_at_every_node(push, people):
    # User 3 of context 1 is the first one of the stand-in.
    for user in ("3@1", "Anton@example.org"):
        ping, sync, still = people.waiting(push)
        push.browser("anton").deliver(message(unique("News")))
        assert push.notify(notice(user), "wrong") == 401
        assert push.notify(b"nonsense") == 400
        assert push.notify(notice(user)) == 200
        assert ping.answer(20).status == NEWS
        assert len(sync.answer(20).added) == len(people.near.sync(people.inbox).added) == 1
        assert push.parked() == 1
        assert push.metric('usm_notifications_total{outcome="refused"}') != "0.0"
        assert push.metric('usm_wakeups_total{source="dovecot"}') != "0.0"
        push.browser("berta").deliver(message(unique("News")))
        assert push.notify(notice("berta@example.org")) == 200
        assert still.answer(20).status == NEWS
        assert len(people.stranger.sync(people.inbox).added) == 1


def test_a_notice_of_nothing_new_ends_no_wait(push, people):
    ping = Ping(people.near, [people.inbox, people.contacts], 60)
    ping.start()
    assert wait_until(lambda: push.parked() == 1)
    push.control("DELETE", "calls")
    for _ in range(3):
        assert push.notify(notice("3@1")) == 200
    assert push.notify(notice("4@1")) == 200
    fields = {"Contacts:FirstName": unique("Wake"), "Contacts:LastName": "Up"}
    people.far.add_contact(people.contacts, fields)
    answer = ping.answer(20)
    assert (answer.status, answer.folders) == (NEWS, [people.contacts])
    # A hint costs a phone that waits for that folder one call, and nobody else any.
    calls = push.control("GET", "calls")
    assert 1 <= sum(row["count"] for row in calls if row["module"] == "mail") <= 3
    people.near.sync(people.contacts)


def test_a_change_through_another_node_wakes_the_phone_and_again_after_redis_was_away(push, people):
    def change() -> None:
        fields = {"Contacts:FirstName": unique("Change"), "Contacts:LastName": "Far"}
        people.far.add_contact(people.contacts, fields)

    def wait() -> Waiting:
        sync = Waiting(lambda: people.near.sync(people.contacts, heartbeat=60))
        sync.start()
        assert wait_until(lambda: push.parked() == 1)
        return sync

    sync = wait()
    change()
    assert len(sync.answer(20).added) == 1
    # Without Redis nobody's request fails, and what was changed meanwhile is not lost.
    sync = wait()
    push.redis.stop()
    change()
    assert push.parked() == 1
    assert wait_until(lambda: push.metric("usm_redis_connected") == "0.0")
    push.redis.start()
    assert wait_until(push.are_joined)
    assert wait_until(lambda: push.metric("usm_redis_connected") == "1.0")
    change()
    assert len(sync.answer(20).added) == 2


@pytest.fixture(scope="module")
def mail_host(push: Push) -> Iterator[dovecot.Dovecot]:
    """A real Dovecot that tells the first node."""
    if os.geteuid() != 0:
        pytest.skip("mounting a root file system needs root")
    lab = Lab(f"test{os.getpid()}p")
    base.ensure(hosts.steps(lab, "layers"), {dovecot.ROLE})
    try:
        with dovecot.running(lab.directory / "mail", [push.port], "dovecot", HUSH) as found:
            yield found
    finally:
        shutil.rmtree(lab.directory, ignore_errors=True)
        for log in LOGS.glob(f"{lab.name}-*"):
            log.unlink()


@pytest.mark.lab
def test_a_mail_that_dovecot_delivers_wakes_the_phones_of_its_owner_and_nobody_elses(push, people, mail_host):
    mail_host.register("anton@example.org", 3, 1)
    ping, sync, still = people.waiting(push)
    # OX would look into the same mailbox; the stand-in has one of its own. It tells nobody.
    mail = message(unique("Delivered"))
    push.browser("anton").deliver(mail)
    assert push.parked() == 2
    mail_host.deliver("anton@example.org", mail)
    assert ping.answer(20).status == NEWS
    assert len(sync.answer(20).added) == 1
    assert mail_host.mails("anton@example.org") == 1
    # Who is not registered in the mailbox is not told of.
    mail_host.deliver("berta@example.org", mail)
    assert mail_host.mails("berta@example.org") == 1
    assert push.parked() == 1
    push.notify(notice("berta@example.org"))
    push.browser("berta").deliver(mail)
    push.notify(notice("berta@example.org"))
    assert still.answer(20).status == NEWS
