"""Waiting devices hear of what was decided about them."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from app.notify.hub import Hub
from app.notify.summons import MARGIN, Summons
from app.usm.errors import StoreUnavailable
from app.usm.model import SessionId
from tests.notify.test_hub import INBOX, NEVER, Mailbox, Phone, RealClock


class Decisions:
    """What the database would tell, and what it was asked."""

    def __init__(self) -> None:
        self.news: list[tuple[SessionId, datetime]] = []
        self.asked: list[tuple[set[int], datetime]] = []
        self.fails = False

    def __call__(self, contexts: Collection[int], since: datetime) -> Sequence[tuple[SessionId, datetime]]:
        self.asked.append((set(contexts), since))
        if self.fails:
            raise StoreUnavailable("gone")
        return [(session, moment) for session, moment in self.news if moment >= since]

    def decide(self, phone: Phone, ago: float = 0.0) -> None:
        self.news.append((phone.session, datetime.now(UTC) - timedelta(seconds=ago)))


def parked(hub: Hub, device: str = "phone1") -> Phone:
    phone = Phone(hub, Mailbox(INBOX), device=device)
    phone.start()
    phone.parked.wait(5)
    return phone


def test_a_waiting_device_is_summoned() -> None:
    hub, decisions = Hub(RealClock(), NEVER), Decisions()
    summons = Summons(hub, decisions, 999)
    phone, other = parked(hub), parked(hub, "phone2")
    decisions.decide(phone)
    summons.look()
    phone.join(5)
    assert phone.told is None
    assert other.told == "nothing"
    assert decisions.asked[0][0] == {1}
    hub.close()


def test_a_device_that_knows_it_already_goes_on_waiting() -> None:
    hub, decisions = Hub(RealClock(), NEVER), Decisions()
    summons = Summons(hub, decisions, 999)
    phone = parked(hub)
    decisions.decide(phone, ago=45)
    summons.look()
    assert phone.told == "nothing"
    assert phone.is_alive()
    hub.close()
    phone.join(5)


def test_a_device_that_does_not_wait_is_passed_over() -> None:
    hub, decisions = Hub(RealClock(), NEVER), Decisions()
    phone = parked(hub)
    decisions.news.append((SessionId(1, 3, "EAS", "elsewhere"), datetime.now(UTC)))
    Summons(hub, decisions, 999).look()
    assert phone.told == "nothing"
    hub.close()


def test_nothing_is_asked_while_nobody_waits() -> None:
    decisions = Decisions()
    Summons(Hub(RealClock(), NEVER), decisions, 999).look()
    assert decisions.asked == []


def test_a_database_that_does_not_answer_loses_no_decision() -> None:
    hub, decisions = Hub(RealClock(), NEVER), Decisions()
    summons = Summons(hub, decisions, 999)
    phone = parked(hub)
    decisions.fails = True
    for _ in range(2):
        summons.look()
    assert decisions.asked[0][1] == decisions.asked[1][1]
    decisions.fails = False
    summons.look()
    summons.look()
    assert decisions.asked[3][1] > decisions.asked[2][1]
    assert datetime.now(UTC) - decisions.asked[3][1] > MARGIN
    hub.close()
    phone.join(5)


def test_an_error_that_nobody_foresaw_does_not_end_the_looks(caplog) -> None:
    decisions = Decisions()
    errors = [RuntimeError("broken")]

    def decided(contexts: Collection[int], since: datetime) -> Sequence[tuple[SessionId, datetime]]:
        if errors:
            raise errors.pop()
        return decisions(contexts, since)

    made: list[Summons] = []
    hub = Hub(RealClock(), NEVER, parked_changed=lambda count: made[0].parked(count))
    made.append(Summons(hub, decided, 0.02))
    phone = parked(hub)
    decisions.decide(phone)
    phone.join(5)
    assert phone.told is None
    assert "RuntimeError: broken" in caplog.text


def test_looks_go_on_as_long_as_somebody_waits() -> None:
    decisions = Decisions()
    others = set(threading.enumerate())
    made: list[Summons] = []
    hub = Hub(RealClock(), NEVER, parked_changed=lambda count: made[0].parked(count))
    made.append(Summons(hub, decisions, 0.02))
    phone = parked(hub)
    decisions.decide(phone)
    phone.join(5)
    assert phone.told is None
    asked = len(decisions.asked)
    time.sleep(0.1)
    assert len(decisions.asked) <= asked + 1
    again = parked(hub)
    assert sum(thread.name == "summons" for thread in set(threading.enumerate()) - others) == 1
    decisions.decide(again)
    again.join(5)
    assert again.told is None
    hub.close()
