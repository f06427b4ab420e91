"""Wrong passwords, counted, with nothing around."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from app.usm.errors import AccessDenied, AccountBlocked, LoginPaused, PasswordExpired, SourceUnavailable
from app.usm.model import Credentials, Login
from app.web import login_throttle
from app.web.login_throttle import (
    FIRST,
    KNOWN,
    NAME_FORGIVEN,
    Limits,
    LoginThrottle,
    network,
)
from tests.fakes.clock import ManualClock

KEY = bytes(32)
HOME, OFFICE, EVIL = "192.0.2.1", "192.0.2.2", "198.51.100.66"
LIMITS = Limits(name=3, address=6, longest=80.0, memory=300.0)


class Bench:
    """A throttle, and somebody who knows anton's password."""

    def __init__(self, limits: Limits = LIMITS, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.asked = 0
        self.throttle = LoginThrottle(limits, self.clock, KEY)

    def login(
        self,
        password: str,
        origin: str = EVIL,
        device: str = "",
        name: str = "anton",
        error: Exception | None = None,
    ) -> None:
        """One try; the right password is ``right``."""
        with self.throttle.trying(Credentials(name, password, origin=origin), device):
            self.asked += 1
            if error is not None:
                raise error
            if password != "right":
                raise AccessDenied("wrong")

    def outcome(self, password: str, **more: str) -> str:
        try:
            self.login(password, **more)
        except LoginPaused as error:
            return f"again in {error.retry_after}"
        except AccessDenied:
            return "wrong"
        return "right"

    def guesses(self, count: int, **more: str) -> list[str]:
        """So many different wrong passwords, never the same again."""
        return [self.outcome(f"guess {self.asked} {number}", **more) for number in range(count)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_some_wrong_passwords_are_free_and_each_further_one_doubles_the_pause(bench: Bench) -> None:
    assert bench.guesses(4, origin="") == ["wrong", "wrong", "wrong", "again in 6"]
    pauses = []
    for _ in range(7):
        bench.clock.advance(LIMITS.longest)
        assert bench.guesses(1, origin="") == ["wrong"]
        pauses.append(bench.outcome("right", origin=""))
    assert pauses == [f"again in {seconds + 1}" for seconds in (10, 20, 40, 80, 80, 80, 80)]


def test_what_is_paused_is_not_asked_and_says_nothing_of_the_password(bench: Bench) -> None:
    bench.guesses(3)
    asked = bench.asked
    assert bench.outcome("right") == bench.outcome("wrong again") == "again in 6"
    assert bench.asked == asked
    bench.clock.advance(FIRST)
    assert bench.outcome("right") == "right"


def test_the_same_wrong_password_is_one_and_is_refused_from_memory(bench: Bench) -> None:
    assert [bench.outcome("old", device="phone") for _ in range(100)] == ["wrong"] * 100
    assert bench.asked == 1
    bench.clock.advance(LIMITS.memory)
    assert bench.outcome("old", device="phone") == "wrong"
    assert bench.asked == 2
    assert bench.outcome("right") == "right"


def test_a_password_that_became_right_is_tried_once_the_memory_ends(bench: Bench) -> None:
    assert bench.outcome("next") == "wrong"
    bench.clock.advance(LIMITS.memory)
    bench.login("right", name="anton")
    with bench.throttle.trying(Credentials("anton", "next", origin=HOME)):
        pass
    assert bench.outcome("next") == "wrong"


def test_names_are_told_apart_but_not_by_letter_case_or_blanks(bench: Bench) -> None:
    for name in ("anton", "ANTON", " Anton "):
        assert bench.outcome(f"x{name}", name=name) == "wrong"
    assert bench.outcome("y", name="aNTON").startswith("again")
    assert bench.outcome("y", name="berta") == "wrong"


def test_one_who_tries_many_names_is_paused_by_his_address(bench: Bench) -> None:
    tries = [bench.outcome("Summer2026", name=f"user{number}") for number in range(7)]
    assert tries == ["wrong"] * 6 + ["again in 6"]
    assert bench.outcome("Summer2026", name="user99", origin=HOME) == "wrong"


def test_one_name_tried_from_many_addresses_is_paused_for_all_strangers(bench: Bench) -> None:
    tries = [bench.guesses(1, origin=f"198.51.100.{number}")[0] for number in range(5)]
    assert tries == ["wrong", "wrong", "wrong", "again in 6", "again in 6"]


def test_the_addresses_of_one_ipv6_network_are_one(bench: Bench) -> None:
    tries = [
        bench.outcome("Summer2026", name=f"user{number}", origin=f"2001:db8:1:2::{number:x}")
        for number in range(7)
    ]
    assert tries[-1] == "again in 6"
    assert bench.outcome("Summer2026", name="berta", origin="2001:db8:1:3::1") == "wrong"


@pytest.mark.parametrize("attack", ["from one address", "from many", "on the phone's own address"])
def test_nobody_is_locked_out_of_a_phone_that_has_logged_in_before(bench: Bench, attack: str) -> None:
    assert bench.outcome("right", device="phone1", origin=HOME) == "right"
    for number in range(200):
        origin = {"from one address": EVIL, "from many": f"10.9.{number}.1"}.get(attack, HOME)
        bench.outcome(f"guess {number}", origin=origin, device=f"evil{number}")
        bench.clock.advance(1)
    assert bench.asked < 20
    # Wherever the phone is now.
    assert bench.outcome("right", device="phone1", origin=OFFICE) == "right"


def test_a_new_phone_gets_in_where_the_user_is_known_to_be(bench: Bench) -> None:
    assert bench.outcome("right", device="phone1", origin=HOME) == "right"
    bench.guesses(5)
    assert bench.outcome("right", device="phone2", origin=OFFICE).startswith("again")
    assert bench.outcome("right", device="phone2", origin=HOME) == "right"


def test_a_known_phone_in_the_wrong_hands_is_paused_and_nobody_else(bench: Bench) -> None:
    assert bench.outcome("right", device="phone1", origin=HOME) == "right"
    assert bench.guesses(4, device="phone1", origin=HOME)[-1] == "again in 6"
    assert bench.outcome("right", device="phone2", origin=OFFICE) == "right"


def test_who_knows_the_password_after_all_begins_anew(bench: Bench) -> None:
    assert bench.outcome("right", device="phone1", origin=HOME) == "right"
    for _ in range(5):
        assert bench.guesses(2, device="phone1", origin=HOME) == ["wrong", "wrong"]
        assert bench.outcome("right", device="phone1", origin=HOME) == "right"


def test_after_a_new_company_password_the_phones_of_an_office_do_not_shut_it_out(bench: Bench) -> None:
    """A hundred phones behind one address still have the old one."""
    for number in range(100):
        assert bench.outcome("right", name=f"user{number}", device=f"d{number}", origin=OFFICE) == "right"
    for number in range(100):
        assert bench.outcome("old", name=f"user{number}", device=f"d{number}", origin=OFFICE) == "wrong"
    assert bench.outcome("right", name="somebody", device="new", origin=OFFICE) == "right"


def test_what_is_no_device_cannot_be_known(bench: Bench) -> None:
    for device in ("", "autodiscover"):
        assert bench.outcome("right", device=device, origin=HOME) == "right"
    bench.guesses(5)
    assert bench.outcome("right", device="autodiscover").startswith("again")


def test_a_device_that_has_not_come_for_long_is_a_stranger(bench: Bench) -> None:
    bench.login("right", device="phone1", origin=HOME)
    bench.clock.advance(KNOWN)
    bench.guesses(3, origin=EVIL)
    assert bench.outcome("right", device="phone1", origin=HOME).startswith("again")


def test_wrong_passwords_are_forgiven_as_time_goes_by(bench: Bench) -> None:
    bench.guesses(3)
    bench.clock.advance(NAME_FORGIVEN * 3)
    assert bench.guesses(4) == ["wrong", "wrong", "wrong", "again in 6"]


def test_without_limits_nobody_is_paused() -> None:
    bench = Bench(Limits(name=0, address=0))
    assert set(bench.guesses(200)) == {"wrong"}


def test_with_a_limit_for_names_alone_addresses_are_free() -> None:
    bench = Bench(Limits(name=3, address=0))
    assert {bench.outcome("x", name=f"user{number}") for number in range(200)} == {"wrong"}


def test_with_no_memory_every_try_is_asked_but_the_same_one_counts_once() -> None:
    bench = Bench(Limits(name=3, memory=0))
    assert [bench.outcome("old") for _ in range(10)] == ["wrong"] * 10
    assert bench.asked == 10


def test_a_locked_account_is_counted_but_its_password_is_not_called_wrong(bench: Bench) -> None:
    for _ in range(10):
        with pytest.raises(AccountBlocked):
            bench.login("right", error=AccountBlocked("locked"))
    assert bench.outcome("right") == "right"
    for number in range(3):
        with pytest.raises(AccountBlocked):
            bench.login(f"guess {number}", error=AccountBlocked("locked"))
    assert bench.outcome("guess").startswith("again")


@pytest.mark.parametrize("error", [PasswordExpired("expired"), SourceUnavailable("down")])
def test_what_tells_of_no_wrong_password_does_not_count(bench: Bench, error: Exception) -> None:
    for number in range(20):
        with pytest.raises(type(error)):
            bench.login(f"p{number}", error=error)
    assert bench.outcome("right") == "right"


def test_a_token_counts_for_its_address_alone(bench: Bench) -> None:
    def token(text: str, device: str = "phone1") -> str:
        return bench.outcome(text, name="", origin=EVIL, device=device)

    assert [token(f"t{number}") for number in range(7)] == ["wrong"] * 6 + ["again in 6"]
    assert bench.outcome("right", name="", origin=HOME, device="phone2") == "right"
    assert bench.outcome("right", name="", origin=EVIL, device="phone2") == "right"


def test_who_has_no_address_is_counted_by_name(bench: Bench) -> None:
    assert bench.guesses(4, origin="")[-1] == "again in 6"
    assert {bench.outcome("x", name=f"u{number}", origin="") for number in range(20)} == {"wrong"}


# -- workers and nodes ----------------------------------------------------------------------------------------------


class Line:
    """Several throttles that hear of each other; ``sent`` is what went over it."""

    def __init__(self, count: int, keys: Callable[[int], bytes] = lambda number: KEY) -> None:
        self.clock = ManualClock()
        self.sent: list[Login] = []
        self.benches = [Bench(clock=self.clock) for _ in range(count)]
        for number, bench in enumerate(self.benches):
            bench.throttle = LoginThrottle(LIMITS, self.clock, keys(number), self.publish)

    def publish(self, login: Login) -> None:
        self.sent.append(login)
        for bench in self.benches:
            bench.throttle.hear(login)


def test_workers_count_together_and_tell_only_what_was_asked_of_ox() -> None:
    line = Line(3)
    for number in range(30):
        line.benches[number % 3].outcome(f"guess {number}")
    assert len(line.sent) == sum(bench.asked for bench in line.benches) == 3


def test_an_old_password_is_asked_once_whichever_worker_gets_it() -> None:
    line = Line(3)
    assert [line.benches[number % 3].outcome("old") for number in range(30)] == ["wrong"] * 30
    assert [bench.asked for bench in line.benches] == [1, 0, 0]


def test_nodes_without_a_common_key_count_an_old_password_once_each() -> None:
    line = Line(2, lambda number: bytes([number]) * 32)
    assert [line.benches[number % 2].outcome("old") for number in range(10)] == ["wrong"] * 10
    assert [bench.asked for bench in line.benches] == [1, 1]
    assert line.benches[0].outcome("right") == "right"


def test_a_phone_is_known_to_all_and_that_is_told_now_and_then() -> None:
    line = Line(2)
    one, two = line.benches
    for _ in range(50):
        one.login("right", device="phone1", origin=HOME)
    assert len(line.sent) == 1
    two.guesses(5)
    assert two.outcome("right", device="phone1", origin=OFFICE) == "right"


def test_other_news_is_passed_over(bench: Bench) -> None:
    bench.throttle.hear("something else")
    bench.throttle.hear(Login("anton", "", EVIL, "m" * 1000, is_good=False))
    assert not bench.throttle._memory.marks
    assert bench.outcome("right") == "right"


def test_nothing_that_is_told_holds_a_password() -> None:
    line = Line(1)
    line.benches[0].outcome("my-secret-password")
    assert "my-secret" not in repr(line.sent)
    assert "my-secret" not in repr(Credentials("anton", "my-secret-password", origin=HOME))


# -- the rest ------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_and_keeps_what_is_in_use(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COUNTS", "DEVICES", "MARKS"):
        monkeypatch.setattr(login_throttle, name, 20)
    bench = Bench(Limits(name=3, address=0))
    for number in range(100):
        bench.outcome("x", name=f"stranger{number}", origin="")
        bench.outcome("right", name=f"user{number}", device=f"d{number}", origin=HOME)
        bench.guesses(1, name="victim", origin="")
    memory = bench.throttle._memory
    assert max(len(memory.counts), len(memory.known), len(memory.marks)) <= 20
    assert bench.outcome("right", name="victim").startswith("again")


def test_a_pause_is_told_once_in_the_log_without_the_password_and_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(Limits(name=3, address=0))
    for number in range(20):
        bench.outcome(f"hush{number}", name="an\nton")
        bench.clock.advance(30)
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line == f"logins are paused after 3 wrong passwords: name an?ton, the last one from {EVIL}"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_what_an_address_is_counted_by(address: str, counted: str) -> None:
    assert network(address) == counted
