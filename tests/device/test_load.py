"""A load of phones: what is recorded of each request, what counts as what, and the account at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.wbxml import Element
from lab.device.account import Differences
from lab.device.line import Line
from lab.device.load import Load, Site, table
from lab.device.owner import HABITS, Owner, Pace, habit
from lab.device.record import Exchange, Record
from tests.device.answers import HIERARCHY
from tests.device.canned import Canned, CannedServer
from tests.end_to_end.stack import PASSWORD, ROOT, Stack, wait_until

SOON = {"Retry-After": "0"}


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def line(record: Record) -> Iterator[Line]:
    with Line("phone1", record, True) as line:
        yield line


def ask(line: Line, server: CannedServer, command: str = "Sync") -> requests.Response:
    return line.request("POST", f"{server.url}Microsoft-Server-ActiveSync?Cmd={command}", timeout=5)


def test_every_request_is_recorded_with_its_command_and_status(line, server, record):
    server.play(Canned(b"x"), Canned(status=500))
    ask(line, server)
    ask(line, server, "FolderSync")
    figures = record.figures()
    assert figures.by_command == {"Sync": 1, "FolderSync": 1}
    assert figures.by_status == {"200": 1, "500": 1}
    assert figures.failures == 1
    assert "FolderSync: HTTP 500" in figures.failed[0]


def test_a_refusal_for_now_is_repeated_until_the_phone_is_served_and_is_no_failure(line, server, record):
    server.play(
        Canned(status=503, headers={"Retry-After": "1"}), Canned(status=503, headers=SOON), Canned(b"x")
    )
    assert ask(line, server).status_code == 200
    figures = record.figures()
    assert (figures.requests, figures.refused_for_now, figures.failures) == (3, 2, 0)
    assert 1.0 <= figures.worst_wait < 3.0


def test_a_phone_that_is_refused_until_it_gives_up_has_waited_that_long(line, server, record, monkeypatch):
    monkeypatch.setattr("lab.device.line.PATIENCE", 0.3)
    monkeypatch.setattr("lab.device.line.LONGEST_PAUSE", 0.1)
    server.play(*[Canned(status=503, headers={"Retry-After": "1"})] * 50)
    assert ask(line, server).status_code == 503
    assert 0.3 < record.figures().worst_wait < 3.0


def test_a_refusal_that_names_no_time_is_a_failure(line, server, record):
    server.play(Canned(status=503))
    assert ask(line, server).status_code == 503
    assert (record.figures().refused_for_now, record.figures().failures) == (0, 1)


def test_a_connection_that_breaks_is_a_failure(line, record):
    with CannedServer() as server:
        url = server.url
    with pytest.raises(requests.ConnectionError):
        line.request("POST", f"{url}?Cmd=Ping", timeout=5)
    figures = record.figures()
    assert (figures.failures, figures.by_status) == (1, {"none": 1})
    assert "Ping: ConnectionError" in figures.failed[0]


def test_a_phone_that_is_switched_off_does_not_wait_and_its_broken_connection_is_no_failure(
    line, server, record
):
    released = threading.Event()
    server.play(lambda request: Canned(b"x" if released.wait(10) else b""))
    ended: list[type[BaseException]] = []

    def wait() -> None:
        with pytest.raises(requests.RequestException) as caught:
            ask(line, server, "Ping")
        ended.append(caught.type)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert wait_until(lambda: bool(server.received), 5)
    line.cut()
    waiting.join(5)
    released.set()
    assert ended
    assert record.figures().requests == 0
    server.play(Canned(b"x"))
    line.mend()
    assert ask(line, server).status_code == 200


def test_the_time_of_those_who_wait_for_news_says_nothing():
    record = Record()
    record.add(Exchange("p", "Sync", 0.0, 30.0, 200, waits=True))
    record.add(Exchange("p", "Sync", 0.0, 0.5, 200))
    assert record.figures().slowest == {"Sync": 0.5}


def test_figures_can_begin_later():
    record = Record()
    record.add(Exchange("p", "Sync", 1.0, 0.1, 500))
    record.add(Exchange("p", "Sync", 3.0, 0.1, 200))
    assert (record.figures(2.0).requests, record.figures(2.0).failures) == (1, 0)


# -- one phone and its owner --------------------------------------------------------------------------------------


@pytest.fixture
def owner(server: CannedServer, record: Record) -> Iterator[Owner]:
    """The owner of a phone that knows its folders: ``m`` Inbox, ``c`` Contacts."""
    found = Owner(
        "one",
        server.url,
        "anton@example.org",
        PASSWORD,
        record=record,
        stop=threading.Event(),
        pace=Pace(),
        habit="ping",
    )
    server.play(HIERARCHY)
    found.phone.folder_sync()
    found.is_set_up = True
    yield found
    found.line.close()


def status(root: str, page: str, number: int) -> Element:
    return Element(f"{page}:{root}", None, [Element(f"{page}:Status", str(number))])


def test_sync_status_3_is_a_start_over(owner, server, record):
    owner.phone.collection(owner.inbox).sync_key = "5"
    server.play(status("Sync", "AirSync", 3))
    with pytest.raises(Exception, match="status 3"):
        owner.fetch(owner.inbox)
    assert record.figures().restarts == 1


def test_folder_sync_status_9_is_a_start_over_although_the_phone_obeys(owner, server, record):
    server.play(status("FolderSync", "FolderHierarchy", 9), HIERARCHY)
    owner.phone.folder_sync()
    assert record.figures().restarts == 1


def test_folders_said_to_have_changed_are_a_start_over(owner, server, record):
    server.play(status("Ping", "Ping", 7), HIERARCHY)
    owner._ping()
    assert record.figures().restarts == 1


@pytest.mark.parametrize("refusal", [401, 403])
def test_a_phone_that_may_not_come_in_any_more_was_told_to_start_over(owner, server, record, refusal):
    server.play(Canned(status=refusal))
    life = threading.Thread(target=owner.live)
    life.start()
    assert wait_until(lambda: record.figures().restarts == 1, 5)
    owner._stop.set()
    life.join(5)
    assert not life.is_alive()


def test_all_habits_are_dealt_out():
    assert {habit(number) for number in range(20)} == set(HABITS) == {"ping", "look", "hang"}


# -- the account --------------------------------------------------------------------------------------------------


def test_what_is_there_twice_and_what_is_missing_is_named():
    found = Differences()
    found.add("phone1", Counter({("A", "x"): 2, ("B", ""): 1}), Counter({("A", "x"): 1, ("C", ""): 1}))
    assert found.twice == ["phone1 holds too much: A x", "phone1 holds too much: B"]
    assert found.lost == ["phone1 lacks C"]


# -- all together -------------------------------------------------------------------------------------------------

USERS = ("anton@example.org", "berta@example.org", "dora@example.org")
LIVELY = Pace(heartbeat=(2, 4), pause=(0.05, 0.4))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    quick = {"session.sync.pull_interval": 500, "session.sync.email_pull_delay": 500}
    found = Stack(
        tmp_path_factory.mktemp("load"), workers=2, **quick, **{"session.sync.email_pull_min_delay": 500}
    )
    try:
        found.start()
        yield found
    finally:
        found.stop()


def test_a_load_lives_and_nothing_is_lost_nor_there_twice(stack):
    load = Load(Site(stack.url, stack.ox_url, PASSWORD), USERS, 10, LIVELY)
    load.set_up()
    load.start(mails_per_second=3.0)
    time.sleep(5)
    load.stop()
    result = load.finish()
    assert result["good"], result
    assert (result["phones"], result["users"], result["compared"]) == (10, 3, True)
    assert {"Ping", "Sync"} <= set(result["by_command"])
    assert result["delivered"] > 3
    assert "there twice           0" in "\n".join(table(result))


def test_a_service_that_is_gone_for_a_while_is_noticed_and_yet_nothing_is_lost(stack):
    load = Load(Site(stack.url, stack.ox_url, PASSWORD), USERS, 6, LIVELY)
    load.set_up()
    load.start()
    time.sleep(1.5)
    stack.app.stop()
    time.sleep(0.5)
    stack.start_app()
    time.sleep(2.5)
    load.stop()
    result = load.finish()
    assert result["failures"] > 0
    assert not result["good"]
    assert [result[key] for key in ("restarts", "odd", "unfinished", "twice", "lost")] == [0, [], [], [], []]


def test_a_lost_contact_is_found_by_the_account(stack):
    load = Load(Site(stack.url, stack.ox_url, PASSWORD), USERS[:1], 1, LIVELY)
    load.set_up()
    load.start()
    load.stop()
    owner = load.owners[0]
    owner.phone.items(owner.contacts).popitem()
    result = load.finish()
    assert len(result["lost"]) == 1
    assert not result["good"]


def test_the_program_says_when_all_phones_are_set_up_and_ends_when_told(stack):
    command = [sys.executable, "-m", "lab.device.load", stack.url, "--ox", stack.ox_url, "--phones", "2"]
    command += ["--login", USERS[0], "--heartbeat", "2-4", "--seconds", "60"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"] is True
    process.send_signal(signal.SIGTERM)
    printed, told = process.communicate(timeout=60)
    assert json.loads(printed)["good"] is True
    assert "failed otherwise" in told
    assert process.returncode == 0


def test_a_server_that_is_not_there_is_said_in_one_line(tmp_path: Path):
    command = [sys.executable, "-m", "lab.device.load", "http://127.0.0.1:9", "--phones", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be set up" in done.stderr


def test_each_request_goes_to_any_of_the_nodes(record):
    with CannedServer() as one, CannedServer() as other:
        for server in (one, other):
            server.play(*[Canned(b"x")] * 40)
        nodes = [server.url.rstrip("/") for server in (one, other)]
        with Line("phone1", record, True, nodes) as line:
            for _ in range(20):
                line.request("POST", "http://nowhere.invalid/Microsoft-Server-ActiveSync?Cmd=Sync", timeout=5)
        assert len(one.received) + len(other.received) == 20
        assert one.received
        assert other.received
        assert {*one.commands, *other.commands} == {"Sync"}
