"""What wakes a waiting request is told, once for each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.notify.bus import Announcement, LocalBus
from app.notify.hub import Hub
from app.notify.node import deliver, pack, unpack
from app.notify.waker import Waker
from app.usm.errors import AccessDenied
from tests.notify.test_hub import INBOX, NEVER, QUICK, Mailbox, Phone, RealClock, place, wait_until


class Room:
    """A waiting room with one phone that sleeps, and what is told of its end."""

    def __init__(self) -> None:
        self.told: list[Waker] = []
        self.bus = LocalBus()
        self.mailbox = Mailbox(INBOX)

    def run(self, act: Callable[[Room], object], rule=NEVER, seconds: float = 5.0) -> list[Waker]:
        """The phone sleeps, something happens, and the phone is gone."""
        self.hub = Hub(RealClock(), rule, self.bus, woken=self.told.append)
        self.phone = Phone(self.hub, self.mailbox, seconds=seconds)
        self.phone.start()
        assert wait_until(lambda: self.hub.parked == 1)
        act(self)
        self.phone.join(10)
        assert not self.phone.is_alive()
        return self.told

    def hear(self, announcement: Announcement, way: Waker) -> None:
        """Another process has said this."""
        deliver(pack(announcement), self.bus, way)


def again(room: Room) -> None:
    """The device waits anew, and then gives up."""
    second = Phone(room.hub, room.mailbox, seconds=0.0)
    second.start()
    second.join(5)


def refuse(room: Room) -> None:
    room.mailbox.error = AccessDenied("the password was changed")


OTHERS = Announcement(1, 3, (INBOX.id,))
MAIL = Announcement(1, 3, (INBOX.id,), source=Waker.DOVECOT)


@pytest.mark.parametrize(
    ("act", "waker"),
    [
        (lambda room: room.hub.announce(1, 3, [INBOX.id]), Waker.CHANGE),
        (lambda room: room.hear(OTHERS, Waker.WORKER), Waker.WORKER),
        (lambda room: room.hear(OTHERS, Waker.REDIS), Waker.REDIS),
        (lambda room: room.hub.announce(1, 3, [INBOX.id], source=Waker.DOVECOT), Waker.DOVECOT),
        (lambda room: room.hub.mention("ANTON", [INBOX.id]), Waker.DOVECOT),
        (lambda room: room.hear(MAIL, Waker.WORKER), Waker.DOVECOT),
        (again, Waker.SUPERSEDED),
        (lambda room: room.hub.summon(room.phone.session), Waker.ADMINISTRATOR),
        (lambda room: room.hub.close(), Waker.STOP),
    ],
)
def test_whoever_wakes_a_device_is_told(act: Callable[[Room], object], waker: Waker) -> None:
    assert Room().run(act) == [waker]


def test_looks_that_find_something_or_are_refused_are_told() -> None:
    assert Room().run(lambda room: room.mailbox.change(INBOX), QUICK) == [Waker.POLL]
    assert Room().run(refuse, QUICK) == [Waker.REFUSED]


def test_the_end_of_a_wait_is_told() -> None:
    assert Room().run(lambda room: None, seconds=0.3) == [Waker.END]


def test_what_concerns_nobody_who_sleeps_is_not_told() -> None:
    told: list[Waker] = []
    hub = Hub(RealClock(), NEVER, woken=told.append)
    hub.announce(1, 3, [INBOX.id])
    mailbox = Mailbox(INBOX)
    with place(hub, Phone(hub, mailbox).session, mailbox, [INBOX], 5) as ticket:
        hub.announce(1, 3, [INBOX.id])
        assert ticket.wait(5) == {INBOX.id}
    assert told == []


def test_what_an_earlier_version_sends_counts_as_a_change() -> None:
    data = pack(OTHERS).replace(b', "source": "change"', b"")
    assert b"source" not in data
    news = unpack(data)
    assert isinstance(news, Announcement)
    assert news.source is Waker.CHANGE
