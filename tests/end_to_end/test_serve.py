"""``python -m lab serve``: one line when it is ready, a phone that works, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.browser import Browser
from lab.device import Phone, errands
from tests.end_to_end.stack import ROOT, message, wait_until
from tests.end_to_end.test_story import CONTACTS, INBOX, Ping, set_up
from tests.schemas import validate


class Served:
    """A running ``lab serve``; ``ready`` is its line."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.ready: dict[str, Any] = {}

    def read_ready(self, seconds: float = 30) -> None:
        assert self.process.stdout is not None
        found, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert found, "no line within 30 seconds"
        self.ready = json.loads(self.process.stdout.readline())

    def family(self) -> set[int]:
        """All processes below it."""
        found, todo = set(), [self.process.pid]
        while todo:
            try:
                text = Path(f"/proc/{todo[0]}/task/{todo[0]}/children").read_text()
            except OSError:
                text = ""
            children = [int(number) for number in text.split()]
            found |= set(children)
            todo = todo[1:] + children
        return found

    def phone(self, login: str = "anton@example.org", **more: Any) -> Phone:
        user = next(user for user in self.ready["users"] if user["login"] == login)
        check = lambda name, version, body: validate(body, version)  # noqa: E731
        return Phone(self.ready["eas"], user["login"], user["password"], on_answer=check, **more)

    def nothing_left(self, family: set[int]) -> bool:
        return not any(_lives(pid) for pid in family) and not list(self.folder.iterdir())


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Served]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "lab", "serve", "--port", "0", "--ox-port", "0", *words]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        served = Served(process, folder)
        try:
            yield served
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.mark.parametrize("generation", ["6", "7", "8"])
def test_a_phone_completes_against_each_generation_of_ox(tmp_path, generation):
    with serving(tmp_path / "tmp", "--ox-generation", generation, "--workers", "1") as served:
        served.read_ready()
        assert served.ready["ready"] is True
        assert served.ready["eas"].endswith("/Microsoft-Server-ActiveSync")
        assert served.ready["ox"].endswith("/appsuite/api/" if generation == "8" else "/ajax/")
        assert {
            "login": "dora@example.org",
            "password": "secret",
            "mail": "dora@example.org",
        } in served.ready["users"]
        phone = served.phone()
        contacts, inbox = set_up(phone)
        assert len(phone.items(contacts)) >= 100
        assert len(phone.items(inbox)) >= 200
        ping = Ping(phone, [contacts, inbox], 60)
        ping.start()
        time.sleep(1.0)
        browser = Browser(served.ready["ox"])
        browser.login("anton@example.org", "secret")
        browser.deliver(message("for the parked one"))
        assert ping.answer().folders == [inbox]
        phone.sync_all(inbox, body_type=1)
        assert "for the parked one" in {item.text_of("Email:Subject") for item in phone.items(inbox).values()}
        phone.add_contact(contacts, {"Contacts:FirstName": "From", "Contacts:LastName": "The Phone"})
        assert ("From", "The Phone") in {(row["first_name"], row["last_name"]) for row in browser.contacts()}
        other = served.phone()
        other.provision()
        told = errands.run(phone, "anton@example.org", other)
        assert len(told) == len(errands.ERRANDS)
        assert phone.anomalies + other.anomalies == []
        other.close()
        family = served.family()
        assert len(family) >= 3
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30) == 0
        assert served.process.stdout is not None
        assert served.process.stdout.read() == "", "more than one line on the standard output"
        assert wait_until(lambda: served.nothing_left(family), 10)


def test_more_users_and_an_empty_seed(tmp_path):
    words = ("--users", "12", "--seed", "empty", "--state", f"sqlite:///{tmp_path}/kept.sqlite")
    with serving(tmp_path / "tmp", *words) as served:
        served.read_ready()
        logins = [user["login"] for user in served.ready["users"]]
        assert "user0001@example.org" in logins
        assert "nora@example.org" not in logins
        assert served.ready["state"] == f"sqlite:///{tmp_path}/kept.sqlite"
        phone = served.phone("user0001@example.org")
        phone.provision()
        phone.folder_sync()
        assert {INBOX, CONTACTS} <= {folder.type for folder in phone.folders.values()}
    assert (tmp_path / "kept.sqlite").exists()


@pytest.mark.parametrize("when", ["starting", "ready"])
def test_killed_without_a_word_it_leaves_no_process(tmp_path, when):
    with serving(tmp_path / "tmp", "--seed", "empty") as served:
        if when == "ready":
            served.read_ready()
        else:
            assert wait_until(lambda: bool(served.family()), 20)
            time.sleep(0.3)
        family = served.family()
        served.process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not any(_lives(pid) for pid in family), 20)


def test_when_a_part_dies_it_says_so_and_ends_the_others(tmp_path):
    with serving(tmp_path / "tmp", "--seed", "empty") as served:
        served.read_ready()
        family = served.family()
        first = min(family)
        os.kill(first, signal.SIGKILL)
        assert served.process.wait(30) == 1
        assert wait_until(lambda: served.nothing_left(family), 10)


@pytest.mark.parametrize("option", ["--port", "--ox-port"])
def test_a_port_in_use_is_named(tmp_path, option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "lab", "serve", "--port", "0", "--ox-port", "0", option, number]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert found.returncode == 1
    assert found.stdout == ""
    assert f"{option}: 127.0.0.1:{number} cannot be used: Address already in use" in found.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("--port", "x"), ("--port", "70000"), ("--ox-generation", "5"), ("--set", "x"), ("--seed", "big")],
)
def test_wrong_options_are_refused_before_anything_starts(words):
    command = [sys.executable, "-m", "lab", "serve", *words]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert found.returncode == 2
    assert words[0] in found.stderr
