"""What is counted of requests, and what is looked at besides."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from falcon import testing
from prometheus_client.parser import text_string_to_metric_families

from app.usm.errors import AccountBlocked, LoginPaused, NotEnabled, PasswordExpired, SourceUnavailable
from app.wbxml import encode
from app.web import admin
from app.web.metrics import counting, node, numbers, sampling
from app.web.metrics.sampling import Sampler
from app.web.parking import PARK, PARKED
from tests.eas.phone import tree
from tests.fakes.source import ANTON
from tests.web.conftest import ADMIN, Front, basic

Told = dict[str, float]


def told(front: Front) -> Told:
    """All numbers: name and labels → value."""
    return numbers_in(front.request("GET", "/usm/metrics", port=ADMIN).text)


def numbers_in(text: str) -> Told:
    return {
        f"{sample.name}{tuple(sample.labels.values()) or ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextmanager
def counted(front: Front) -> Iterator[Told]:
    """What has grown when all is done, by how much."""
    before, grown = told(front), {}
    yield grown
    grown |= {name: value - before.get(name, 0.0) for name, value in told(front).items()}


def test_a_command_is_counted_with_its_own_status(front: Front) -> None:
    sync = encode(tree("FolderHierarchy:FolderSync", ("SyncKey", "never-1")))
    begin = encode(tree("FolderHierarchy:FolderSync", ("SyncKey", "0")))
    with counted(front) as grown:
        assert front.command("FolderSync", begin).status_code == 200
        assert front.command("FolderSync", begin).status_code == 200
        assert front.command("FolderSync", sync).status_code == 200
    assert grown["usm_commands_total('FolderSync', '200', '14.1')"] == 3
    assert grown["usm_command_statuses_total('FolderSync', '1')"] == 2
    assert grown["usm_command_statuses_total('FolderSync', '9')"] == 1
    assert grown["usm_sync_starts_total('first', 'folders')"] == 1
    assert grown["usm_sync_starts_total('reset', 'folders')"] == 1
    assert grown["usm_sync_starts_total('lost', 'folders')"] == 1
    assert grown["usm_command_seconds_count('FolderSync',)"] == 3


def test_a_request_that_cannot_be_read_is_counted_without_a_word_of_it(front: Front) -> None:
    query = "Cmd=Invented&User=anton&DeviceId=phone1&DeviceType=Phone"
    with counted(front) as grown:
        answer = front.command("Invented", query=query)
    [name] = [name for name, value in grown.items() if name.startswith("usm_commands_total") and value]
    assert name == f"usm_commands_total('-', '{answer.status_code}', '-')"


def raises(front: Front, error: Exception) -> None:
    def opened(*_words: object) -> object:
        raise error

    front.provider.open = opened  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AccountBlocked("x"), "locked"),
        (PasswordExpired("x"), "expired"),
        (NotEnabled("x"), "not_enabled"),
        (LoginPaused("x"), "paused"),
    ],
)
def test_logins_are_counted_by_why_they_are_refused(front: Front, error: Exception, reason: str) -> None:
    raises(front, error)
    with counted(front) as grown:
        front.command()
    assert _logins(grown) == {reason: 1}


def test_wrong_passwords_and_requests_without_any_are_told_apart(front: Front) -> None:
    with counted(front) as grown:
        front.command(headers=basic(ANTON.login, "wrong"))
        front.request("POST", headers={"Authorization": "Basic !"})
        front.request("OPTIONS", headers={"X-Forwarded-Proto": "http", **basic(ANTON.login)})
    assert _logins(grown) == {"wrong_password": 1, "none": 1, "plain_http": 1}
    front.source_fails(SourceUnavailable("down"))
    with counted(front) as grown:
        front.command()
    assert _logins(grown) == {}


def _logins(grown: Told) -> dict[str, float]:
    name = "usm_refused_logins_total"
    return {key[len(name) + 2 : -3]: value for key, value in grown.items() if key.startswith(name) and value}


def test_every_reason_of_a_refused_login_is_a_known_one() -> None:
    assert set(counting.LOGIN_REASONS.values()) == numbers.LOGIN_REASONS


@dataclass
class Offer:
    """As the worker makes one."""

    stands: bool = True
    taken_by: Any = None

    def take(self, parked: Any) -> None:
        self.taken_by = parked


def waits(front: Front) -> Offer:
    """A Ping is parked."""
    front.command("FolderSync", encode(tree("FolderHierarchy:FolderSync", ("SyncKey", "0"))))
    folders = ("Folders", ("Folder", ("Id", "1"), ("Class", "Email")))
    offer = Offer()
    body = encode(tree("Ping:Ping", ("HeartbeatInterval", "480"), folders))
    front.command("Ping", body, extras={PARK: offer})
    assert offer.taken_by is not None
    return offer


def test_the_time_of_waiting_is_counted_apart_from_that_of_the_work(front: Front) -> None:
    with counted(front) as grown:
        offer = waits(front)
        front.clock.advance(300)
        front.command("Ping", extras={PARKED: offer.taken_by, PARK: Offer(stands=False)})
    assert grown["usm_wait_seconds_sum('Ping',)"] == 300
    assert grown["usm_wait_seconds_count('Ping',)"] == 1
    assert grown["usm_command_seconds_count('Ping',)"] == 1


def test_a_device_that_hangs_up_has_waited_until_then(front: Front) -> None:
    with counted(front) as grown:
        offer = waits(front)
        front.clock.advance(20)
        offer.taken_by.give_up()
    assert grown["usm_wait_seconds_sum('Ping',)"] == 20
    assert grown["usm_command_seconds_sum('Ping',)"] == 0
    assert grown["usm_commands_total('Ping', '499', '14.1')"] == 1


def test_a_module_of_ox_that_nobody_knows_is_another_one(front: Front) -> None:
    with counted(front) as grown:
        for module in ("mail", "login", "../../etc", "quota"):
            counting.ox_request(module, "read", "answered", 0.2)
    assert grown["usm_ox_requests_total('read', 'mail', 'answered')"] == 1
    assert grown["usm_ox_requests_total('read', 'other', 'answered')"] == 2
    assert grown["usm_ox_request_seconds_sum('other',)"] == pytest.approx(0.4)


def test_what_is_down_is_told(front: Front) -> None:
    front.down["ox"] = SourceUnavailable("down")
    assert (told(front)["usm_part_up('ox',)"], told(front)["usm_part_up('database',)"]) == (0, 1)


# -- what is looked at ---------------------------------------------------------------------------------------------


@dataclass
class Tally:
    errors: dict[str, int] = field(default_factory=lambda: dict.fromkeys(numbers.DB_ERROR_KINDS, 0))
    locks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(numbers.LOCK_OUTCOMES, 0))
    lock_seconds: float = 0.0


def looked(*looks: Callable[[], None]) -> Told:
    app = testing.TestClient(admin.create({}, look=Sampler(looks).look))
    return numbers_in(app.simulate_get("/usm/metrics").text)


def test_what_only_grows_elsewhere_is_counted_on() -> None:
    tally = Tally()
    look = sampling.databases(dict, tally)
    before = looked(look)
    tally.errors["outage"] += 3
    tally.locks["waited"] += 2
    tally.lock_seconds += 1.5
    for _ in range(2):
        now = looked(look)
        assert (
            now["usm_database_errors_total('outage',)"] == before["usm_database_errors_total('outage',)"] + 3
        )
        assert now["usm_locks_total('waited',)"] == before["usm_locks_total('waited',)"] + 2
        assert now["usm_lock_wait_seconds_total"] == before["usm_lock_wait_seconds_total"] + 1.5


def test_what_a_worker_holds_is_told_as_it_is() -> None:
    pools = {"work": SimpleNamespace(in_use=3, idle=2, waiting=1, most=20)}
    found = looked(
        sampling.databases(lambda: pools, Tally()),
        sampling.requests(lambda: (24, 7)),
        sampling.devices(lambda: 6),
        sampling.waiting(lambda: 5, SimpleNamespace(is_open=True, stretch=2.5)),
        sampling.ox(lambda: 11, lambda: (4, 50)),
    )
    wanted = {
        "usm_database_connections('work', 'in_use')": 3,
        "usm_database_connections('work', 'idle')": 2,
        "usm_database_connections_limit('work',)": 20,
        "usm_database_waiting('work',)": 1,
        "usm_requests_carried_out": 24,
        "usm_requests_in_line": 7,
        "usm_throttled_devices": 6,
        "usm_watched_users": 5,
        "usm_ox_breakers_open": 1,
        "usm_ox_look_stretch": 2.5,
        "usm_ox_sessions": 11,
        "usm_ox_connections": 4,
        "usm_ox_connections_limit": 50,
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_a_number_that_cannot_be_told_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR):
        found = looked(broken, sampling.requests(lambda: (9, 0)))
    assert found["usm_requests_carried_out"] == 9
    assert "a number cannot be told" in caplog.text


def test_the_load_of_the_door_is_told(front: Front) -> None:
    assert front.door.load == (0, 0)


# -- processes -----------------------------------------------------------------------------------------------------


def test_a_process_is_told_as_the_kernel_does(tmp_path: Path) -> None:
    own = node.process(os.getpid())
    assert own is not None
    assert own.memory > 1_000_000
    assert own.cpu > 0
    (tmp_path / "7").mkdir()
    fields = [*"S", *"1" * 10, "100", "200", "300", "400", *"0" * 4, "5000", "0", "10"]
    (tmp_path / "7" / "stat").write_text(f"7 (a) name) with (all) {' '.join(fields)} 0 0\n")
    found = node.process(7, tmp_path)
    assert found is not None
    ticks = os.sysconf("SC_CLK_TCK")
    assert (found.cpu, found.of_ended) == (300 / ticks, 700 / ticks)
    assert found.memory == 10 * os.sysconf("SC_PAGE_SIZE")
    assert node.process(8, tmp_path) is None


def test_processes_that_are_gone_are_none() -> None:
    families = {each.name: each for each in node.processes(0, [os.getpid(), 2**22 + 1])}
    assert families["usm_workers"].samples[0].value == 1
    assert "usm_process_start_time_seconds" not in families
    assert [sample.labels for sample in families["usm_process_resident_memory_bytes"].samples] == [
        {"role": "worker"}
    ]
