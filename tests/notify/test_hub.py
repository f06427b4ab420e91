"""The waiting room, with real threads and short times."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from app.notify.bus import Announcement, Arrival, LocalBus, Look
from app.notify.hub import Hub
from app.notify.pull import PullRule
from app.usm.errors import AccessDenied, SourceUnavailable
from app.usm.model import ContentType, Cost, FolderRef, Login, SessionId, User
from app.usm.ports import Ticket
from tests.waiting import within

INBOX = FolderRef(1, "default0/INBOX", ContentType.MAIL)
SENT = FolderRef(2, "default0/Sent", ContentType.MAIL)
CONTACTS = FolderRef(3, "31", ContentType.CONTACTS)

QUICK = PullRule(mail_delay=0.05, mail_min_delay=0.0, interval=0.05, longest_pause=0.2)
NEVER = PullRule(mail_delay=500, mail_min_delay=500, interval=500)


class RealClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Mailbox:
    """A data source that only knows versions of folders, counts the looks, and fails on demand."""

    def __init__(self, *folders: FolderRef) -> None:
        self.versions = {folder.id: 1 for folder in folders}
        self.looks: list[set[str]] = []
        self.error: Exception | None = None
        self.looked = threading.Event()
        self.user = User(1, 3, "anton")
        self.cost = Cost()

    def probe(self, folders):
        self.looks.append({folder.id for folder in folders})
        self.looked.set()
        if self.error is not None:
            raise self.error
        return {folder.id: str(self.versions[folder.id]) for folder in folders if folder.id in self.versions}

    def change(self, folder: FolderRef) -> None:
        self.versions[folder.id] += 1


def place(
    hub: Hub, session: SessionId, source: Mailbox, folders: Sequence[FolderRef], seconds: float
) -> AbstractContextManager[Ticket]:
    """A place in the waiting room, for which the folders are looked at as they are later."""
    return hub.park(session, source, folders, seconds, partial(source.probe, folders))


class Phone(threading.Thread):
    """A parked request: parks, waits once, and remembers what it was told."""

    def __init__(self, hub, source, folders=(INBOX,), device="phone1", seconds=5.0, user=3) -> None:
        super().__init__(daemon=True)
        self._hub, self._source, self._folders, self._seconds = hub, source, folders, seconds
        self.session = SessionId(1, user, "EAS", device)
        self.told: object = "nothing"
        self.took = 0.0
        self.parked = threading.Event()

    def run(self) -> None:
        started = time.monotonic()
        try:
            with place(self._hub, self.session, self._source, self._folders, self._seconds) as ticket:
                self.parked.set()
                self.told = ticket.wait(self._seconds)
        except Exception as error:  # noqa: BLE001  (what the request would have got)
            self.told = error
            self.parked.set()
        self.took = time.monotonic() - started


@contextmanager
def parked(*phones: Phone) -> Iterator[None]:
    for phone in phones:
        phone.start()
        assert phone.parked.wait(5)
    yield
    for phone in phones:
        phone.join(10)
        assert not phone.is_alive()


wait_until = within(5.0)


def hub_with(rule: PullRule, **more) -> Hub:
    return Hub(RealClock(), rule, **more)


def test_a_change_in_the_source_wakes_the_phone_with_the_folder_that_changed():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX, CONTACTS)
    phone = Phone(hub, mailbox, (INBOX, CONTACTS))
    with parked(phone):
        mailbox.change(CONTACTS)
    assert phone.told == frozenset({CONTACTS.id})


def test_without_a_change_the_wait_ends_after_its_time():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    phone = Phone(hub, mailbox, seconds=0.4)
    with parked(phone):
        pass
    assert not phone.told
    assert 0.38 <= phone.took < 1.5


def test_a_wait_never_lasts_longer_than_asked_and_a_little_less_only():
    hub = hub_with(NEVER, random_share=lambda: 1.0)
    phone = Phone(hub, Mailbox(INBOX), seconds=0.5)
    with parked(phone):
        pass
    assert phone.told == frozenset()
    assert 0.48 <= phone.took < 0.6


def test_all_devices_of_a_user_share_one_look():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX, SENT, CONTACTS)
    one = Phone(hub, mailbox, (INBOX, CONTACTS), "one", seconds=1.0)
    two = Phone(hub, mailbox, (INBOX, SENT), "two", seconds=1.0)
    with parked(one, two):
        assert hub.watched == 1
        assert wait_until(lambda: any({INBOX.id, SENT.id} <= look for look in mailbox.looks[2:]))
    assert len(mailbox.looks) < 60


def test_an_announcement_wakes_everybody_but_the_one_who_made_it():
    hub, mailbox = hub_with(NEVER), Mailbox(INBOX)
    maker, other = Phone(hub, mailbox, device="maker", seconds=0.5), Phone(hub, mailbox, device="other")
    stranger = Phone(hub, mailbox, device="stranger", seconds=0.5, user=4)
    with parked(maker, other, stranger):
        hub.announce(1, 3, [INBOX.id], by=maker.session)
    assert other.told == frozenset({INBOX.id})
    assert not maker.told
    assert not stranger.told


def test_an_announcement_of_another_folder_wakes_nobody():
    hub, mailbox = hub_with(NEVER), Mailbox(INBOX)
    phone = Phone(hub, mailbox, seconds=0.3)
    with parked(phone):
        hub.announce(1, 3, ["31"])
    assert not phone.told


def test_a_newer_wait_of_the_same_device_ends_the_older_one_at_once():
    hub, mailbox = hub_with(NEVER), Mailbox(INBOX)
    older, newer = Phone(hub, mailbox), Phone(hub, mailbox, seconds=0.3)
    with parked(older, newer):
        older.join(1)
        assert older.told is None
    assert not newer.told
    assert hub.parked == 0


def test_a_failing_source_wakes_nobody_and_changes_are_seen_when_it_is_back():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    phone = Phone(hub, mailbox)
    with parked(phone):
        mailbox.error = SourceUnavailable("OX does not answer")
        failed_at = len(mailbox.looks)
        assert wait_until(lambda: len(mailbox.looks) >= failed_at + 2)
        assert phone.is_alive()
        mailbox.change(INBOX)
        mailbox.error = None
    assert phone.told == frozenset({INBOX.id})


def test_a_failing_source_is_asked_less_and_less_often():
    rule = PullRule(mail_delay=0.02, mail_min_delay=0, interval=0.02, longest_pause=5)
    hub, mailbox = hub_with(rule), Mailbox(INBOX)
    phone = Phone(hub, mailbox, seconds=1.0)
    with parked(phone):
        mailbox.error = SourceUnavailable("OX does not answer")
    assert len(mailbox.looks) < 12
    assert not phone.told


def test_a_bug_in_the_source_does_not_end_the_watching(caplog):
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    phone = Phone(hub, mailbox)
    with parked(phone):
        mailbox.error = RuntimeError("a bug")
        assert wait_until(lambda: "unexpected" in caplog.text or "a bug" in caplog.text)
        mailbox.change(INBOX)
        mailbox.error = None
    assert phone.told == frozenset({INBOX.id})


def test_a_bug_after_a_look_does_not_end_the_watching(caplog):
    class Broken(LocalBus):
        def publish(self, news):
            if isinstance(news, Look):
                raise RuntimeError("a bug")
            super().publish(news)

    bus, mailbox = Broken(), Mailbox(INBOX)
    hub = hub_with(QUICK, bus=bus)
    phone = Phone(hub, mailbox)
    with parked(phone):
        bus.publish(Arrival(SessionId(1, 3, "EAS", "elsewhere"), 0.0))
        assert wait_until(lambda: caplog.text.count("RuntimeError: a bug") > 1)
        mailbox.change(INBOX)
    assert phone.told == frozenset({INBOX.id})


def test_a_source_that_fails_at_the_first_look_fails_the_request_and_leaves_nothing_behind():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    mailbox.error = SourceUnavailable("OX does not answer")
    phone = Phone(hub, mailbox)
    with parked(phone):
        pass
    assert isinstance(phone.told, SourceUnavailable)
    assert hub.parked == 0
    assert hub.watched == 0


def test_a_user_refused_while_waiting_gets_the_refusal_and_others_wait_on():
    hub, refusing, working = hub_with(QUICK), Mailbox(INBOX), Mailbox(INBOX)
    other = Phone(hub, working, device="other")
    refused = Phone(hub, refusing, device="refused")
    with parked(other, refused):
        refusing.error = AccessDenied("password changed")
        refused.join(5)
        assert isinstance(refused.told, AccessDenied)
        working.change(INBOX)
    assert other.told == frozenset({INBOX.id})


def test_watching_ends_when_nobody_is_parked():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    phone = Phone(hub, mailbox, seconds=0.2)
    before = threading.active_count()
    with parked(phone):
        assert hub.watched == 1
    assert wait_until(lambda: hub.watched == 0 and threading.active_count() <= before)
    looks = len(mailbox.looks)
    time.sleep(0.2)
    assert len(mailbox.looks) == looks


def test_a_parked_phone_without_folders_costs_no_look():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    phone = Phone(hub, mailbox, (), seconds=0.3)
    with parked(phone):
        pass
    assert mailbox.looks == []
    assert not phone.told


def test_mail_is_left_alone_when_pulling_is_switched_off_while_the_rest_is_looked_at():
    rule = PullRule(mail_min_delay=-1, interval=0.03)
    hub, mailbox = hub_with(rule), Mailbox(INBOX, CONTACTS)
    phone = Phone(hub, mailbox, (INBOX, CONTACTS), seconds=0.4)
    with parked(phone):
        mailbox.change(INBOX)
    assert not phone.told
    assert all(look == {CONTACTS.id} for look in mailbox.looks[1:])
    assert len(mailbox.looks) > 2


def test_a_folder_that_is_gone_is_reported_once_for_the_request_to_look_into():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX, CONTACTS)
    del mailbox.versions[CONTACTS.id]
    with place(hub, SessionId(1, 3, "EAS", "a"), mailbox, (INBOX, CONTACTS), 5) as ticket:
        assert ticket.wait(1) == frozenset({CONTACTS.id})
        assert not ticket.wait(0.3)


def test_a_change_is_reported_once():
    hub, mailbox = hub_with(QUICK), Mailbox(INBOX)
    with place(hub, SessionId(1, 3, "EAS", "a"), mailbox, (INBOX,), 5) as ticket:
        mailbox.change(INBOX)
        assert ticket.wait(2) == frozenset({INBOX.id})
        assert ticket.wait(0.3) == frozenset()


def test_the_first_look_of_one_device_is_news_for_the_others():
    hub, mailbox = hub_with(NEVER), Mailbox(INBOX)
    waiting = Phone(hub, mailbox, device="waiting")
    with parked(waiting):
        mailbox.change(INBOX)
        with place(hub, SessionId(1, 3, "EAS", "second"), mailbox, (INBOX,), 1):
            pass
    assert waiting.told == frozenset({INBOX.id})


def test_closing_ends_every_wait_and_later_ones_at_once():
    hub, mailbox = hub_with(NEVER), Mailbox(INBOX)
    phone = Phone(hub, mailbox)
    with parked(phone):
        hub.close()
    assert phone.told == frozenset()
    assert phone.took < 4
    late = Phone(hub, mailbox)
    with parked(late):
        pass
    assert late.told == frozenset()
    assert late.took < 1


@pytest.mark.parametrize(("seconds", "least", "most"), [(10.0, 0.7, 4.0), (0.1, 0.0, 0.6), (0.0, 0.0, 0.6)])
def test_closing_ends_so_many_waits_a_second_and_all_within_the_time_allowed(seconds, least, most):
    hub, mailbox = hub_with(NEVER), Mailbox(INBOX)
    phones = [Phone(hub, mailbox, device=f"phone{number}") for number in range(40)]
    with parked(*phones):
        began = time.monotonic()
        hub.close(seconds, per_second=50)
        took = time.monotonic() - began
    assert least < took < most
    assert {phone.told for phone in phones} == {frozenset()}


def test_the_number_of_parked_requests_is_told():
    counts: list[int] = []
    hub, mailbox = hub_with(NEVER, parked_changed=counts.append), Mailbox(INBOX)
    one, two = Phone(hub, mailbox, device="one", seconds=0.2), Phone(hub, mailbox, device="two", seconds=0.3)
    with parked(one, two):
        assert hub.parked == 2
    assert counts == [1, 2, 1, 0]


def test_news_that_is_not_for_waiting_rooms_is_passed_over():
    bus = LocalBus()
    hub, mailbox = Hub(RealClock(), NEVER, bus), Mailbox(INBOX)
    phone = Phone(hub, mailbox, seconds=0.2)
    phone.start()
    assert phone.parked.wait(5)
    bus.publish(Login("anton", "phone1", "192.0.2.1", "0123456789abcdef", is_good=True))
    phone.join(5)
    assert phone.told == frozenset()


def test_hubs_on_the_same_bus_hear_each_other():
    bus = LocalBus()
    here, there, mailbox = hub_with(NEVER, bus=bus), hub_with(NEVER, bus=bus), Mailbox(INBOX)
    phone = Phone(there, mailbox)
    with parked(phone):
        here.announce(1, 3, [INBOX.id])
    assert phone.told == frozenset({INBOX.id})


def test_a_hub_takes_announcements_that_only_its_bus_delivers():
    bus = LocalBus()
    hub, mailbox = hub_with(NEVER, bus=bus), Mailbox(INBOX)
    phone = Phone(hub, mailbox)
    with parked(phone):
        bus.publish(Announcement(1, 3, (INBOX.id,)))
    assert phone.told == frozenset({INBOX.id})


@pytest.mark.parametrize("users", [40])
def test_many_users_wait_at_the_same_time_with_few_looks_at_once(users):
    class Counting(Mailbox):
        running = most = 0
        lock = threading.Lock()

        def probe(self, folders):
            with Counting.lock:
                Counting.running += 1
                Counting.most = max(Counting.most, Counting.running)
            time.sleep(0.005)
            with Counting.lock:
                Counting.running -= 1
            return super().probe(folders)

    hub = hub_with(QUICK, looks=4)
    mailboxes = [Counting(INBOX) for _ in range(users)]
    phones = [Phone(hub, box, seconds=60, user=number) for number, box in enumerate(mailboxes)]
    with parked(*phones):
        assert hub.watched == users
        for box in mailboxes:
            box.change(INBOX)
    assert all(phone.told == frozenset({INBOX.id}) for phone in phones)
    assert Counting.most <= 4


def test_a_newer_wait_in_another_process_ends_the_older_one():
    bus = LocalBus()
    here, there, mailbox = hub_with(NEVER, bus=bus), hub_with(NEVER, bus=bus), Mailbox(INBOX)
    older, newer = Phone(here, mailbox), Phone(there, mailbox, seconds=0.5)
    with parked(older):
        time.sleep(0.01)
        with parked(newer):
            older.join(1)
            assert older.told is None
    assert not newer.told
    assert newer.took > 0.4


@pytest.mark.parametrize("name", ["anton", "ANTON", "Anton@Example.org"])
def test_a_user_is_woken_by_any_of_the_names_and_nobody_else(name):
    hub, mailbox, other = hub_with(NEVER), Mailbox(INBOX), Mailbox(INBOX)
    mailbox.user, other.user = User(1, 3, "anton", "anton@example.org"), User(1, 4, "berta")
    one, two = Phone(hub, mailbox, device="one"), Phone(hub, mailbox, device="two")
    stranger = Phone(hub, other, device="stranger", seconds=0.5, user=4)
    with parked(one, two, stranger):
        hub.mention(name, [INBOX.id])
        hub.mention("nobody", [INBOX.id])
    assert one.told == two.told == frozenset({INBOX.id})
    assert not stranger.told


def test_two_users_of_one_name_are_both_woken_and_forgotten_when_they_left():
    hub, here, there = hub_with(NEVER), Mailbox(INBOX), Mailbox(INBOX)
    phones = Phone(hub, here), Phone(hub, there, user=4)
    with parked(*phones):
        hub.mention("anton", [INBOX.id])
    assert [phone.told for phone in phones] == [frozenset({INBOX.id})] * 2
    assert wait_until(lambda: hub.watched == 0)
    hub.mention("anton", [INBOX.id])
    assert hub._names == {}


def test_a_source_that_answers_nobody_is_left_alone_by_all_users():
    rule = PullRule(mail_delay=0.02, mail_min_delay=0, interval=0.02, longest_pause=60)
    hub, boxes = hub_with(rule), [Mailbox(INBOX) for _ in range(30)]
    phones = [Phone(hub, box, user=number, seconds=60) for number, box in enumerate(boxes)]
    with parked(*phones):
        for box in boxes:
            box.looks.clear()
            box.error = SourceUnavailable("OX does not answer")
        assert wait_until(lambda: hub.breaker.is_open)
        failed = sum(len(box.looks) for box in boxes)
        time.sleep(0.3)
        # Some were under way; of 30 users that look every 20 ms, a few on trial are left.
        assert sum(len(box.looks) for box in boxes) - failed < 60
        for box in boxes:
            box.error = None
            box.change(INBOX)
    assert [phone.told for phone in phones] == [frozenset({INBOX.id})] * 30


def test_processes_that_watch_the_same_user_look_in_turn_and_not_each_for_itself():
    rule = PullRule(mail_delay=0.5, mail_min_delay=0.0, interval=0.5)
    bus = LocalBus()
    hubs, mailbox = [hub_with(rule, bus=bus) for _ in range(4)], Mailbox(INBOX, SENT, CONTACTS)
    folders = [(INBOX,), (INBOX, SENT), (SENT, CONTACTS), (INBOX, CONTACTS)]
    phones = [
        Phone(hub, mailbox, wanted, f"phone{number}", seconds=200)
        for number, (hub, wanted) in enumerate(zip(hubs, folders, strict=True))
    ]
    with parked(*phones):
        whole = {INBOX.id, SENT.id, CONTACTS.id}
        assert wait_until(lambda: mailbox.looks[-3:] == [whole] * 3, 60)
        began, before = time.monotonic(), len(mailbox.looks)
        assert wait_until(lambda: len(mailbox.looks) >= before + 8, 60)
        # Each for itself, four would have looked 32 times.
        assert len(mailbox.looks) - before <= (time.monotonic() - began) / 0.5 * 1.5 + 4
        mailbox.change(INBOX)
        mailbox.change(CONTACTS)
    assert all(phone.told for phone in phones)


def test_one_that_looks_at_mail_and_one_that_looks_at_the_rest_come_together():
    rule = PullRule(mail_delay=0.5, mail_min_delay=0.0, interval=0.5)
    bus = LocalBus()
    # Left alone, they would look in turn, a quarter of a second after each other.
    mail, rest = (
        hub_with(rule, bus=bus, random_share=lambda: 0.0),
        hub_with(rule, bus=bus, random_share=lambda: 0.5),
    )
    mailbox = Mailbox(INBOX, CONTACTS)
    phones = (
        Phone(mail, mailbox, device="mail", seconds=60),
        Phone(rest, mailbox, (CONTACTS,), "rest", seconds=60),
    )
    with parked(*phones):
        assert wait_until(lambda: mailbox.looks[-3:] == [{INBOX.id, CONTACTS.id}] * 3)
        mailbox.change(INBOX)
        mailbox.change(CONTACTS)
    assert all(phone.told for phone in phones)


def test_who_looks_for_others_as_well_is_followed_by_them_when_it_ends():
    rule = PullRule(mail_delay=0.1, mail_min_delay=0.0, interval=0.1)
    bus = LocalBus()
    one, two, mailbox = hub_with(rule, bus=bus), hub_with(rule, bus=bus), Mailbox(INBOX)
    stays, goes = (
        Phone(one, mailbox, device="stays", seconds=60),
        Phone(two, mailbox, device="goes", seconds=1),
    )
    with parked(stays, goes):
        goes.join()
        looks = len(mailbox.looks)
        assert wait_until(lambda: len(mailbox.looks) >= looks + 3)
        mailbox.change(INBOX)
    assert stays.told == frozenset({INBOX.id})


def test_what_another_process_saw_before_a_phone_came_is_no_news_to_it():
    hub, mailbox, clock = hub_with(NEVER), Mailbox(INBOX), RealClock()
    phone = Phone(hub, mailbox, seconds=60)
    with parked(phone):
        rows = ((INBOX.id, INBOX.content.value, "other"),)
        for moment in (clock.now().timestamp() - 100, clock.now().timestamp() + 1):
            assert phone.told == "nothing"
            hub._deliver(Look(1, 3, rows, moment, "somebody"))
            hub._deliver(Look(1, 4, rows, moment, "somebody"))
    assert phone.told == frozenset({INBOX.id})


def test_processes_at_which_phones_arrive_at_the_same_moment_know_of_each_other():
    bus, mailbox = LocalBus(), Mailbox(INBOX)
    rule = PullRule(mail_delay=0.1, mail_min_delay=0.0, interval=0.1)
    hubs = [hub_with(rule, bus=bus), hub_with(rule, bus=bus)]
    both = threading.Barrier(2)

    class Slow(Mailbox):
        def probe(self, folders):
            if not self.looks:
                self.looks.append(set())
                both.wait(10)
            return mailbox.probe(folders)

    boxes = [Slow(INBOX), Slow(INBOX)]
    phones = [
        Phone(hub, box, device=f"{n}", seconds=60)
        for n, (hub, box) in enumerate(zip(hubs, boxes, strict=True))
    ]
    for phone in phones:
        phone.start()
    assert wait_until(lambda: all(phone.parked.is_set() for phone in phones))
    assert wait_until(lambda: len(mailbox.looks) >= 4)
    began, before = time.monotonic(), len(mailbox.looks)
    assert wait_until(lambda: len(mailbox.looks) >= before + 12, 60)
    assert len(mailbox.looks) - before <= (time.monotonic() - began) / 0.1 * 1.5 + 2
    mailbox.change(INBOX)
    for phone in phones:
        phone.join(20)
    assert [phone.told for phone in phones] == [frozenset({INBOX.id})] * 2
