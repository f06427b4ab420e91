"""usmctl devices against the running service: what is decided holds at once, and waiting devices hear of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from app.cli.usmctl import usmctl
from lab.device import AccessRefused, CommandFailed, Phone, Wiped
from tests.end_to_end.stack import Stack, wait_until

CONTACTS = 9
SUMMONED = 30.0
"""Seconds within which a waiting device hears of it on a busy machine: looks are ten seconds apart."""


def devices(stack: Stack, *words: str) -> str:
    done = CliRunner().invoke(usmctl, ["--etc", str(stack.etc), "devices", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def decide(stack: Stack, word: str, phone: Phone, *more: str) -> str:
    return devices(stack, word, *more, "1", phone.login, phone.device_id)


def metrics(stack: Stack) -> str:
    return requests.get(f"http://127.0.0.1:{stack.admin_port}/usm/metrics", timeout=20).text


def standing(stack: Stack, phone: Phone) -> str:
    shown = json.loads(devices(stack, "show", "1", phone.login, phone.device_id, "--json"))
    return str(shown["standing"])


def in_use(new_phone: Callable[..., Phone], version: str = "16.1") -> tuple[Phone, str]:
    phone = new_phone(version=version)
    phone.provision()
    phone.folder_sync()
    folder = phone.folder_of_type(CONTACTS).server_id
    phone.sync_all(folder)
    return phone, folder


def test_a_lost_phone_is_wiped(stack: Stack, new_phone: Callable[..., Phone], version: str) -> None:
    phone, folder = in_use(new_phone, version)
    decide(stack, "wipe", phone, "--yes")
    phone.fails_to_wipe = True
    with pytest.raises(Wiped, match="failed"):
        phone.sync(folder)
    assert standing(stack, phone) == "wipe"
    phone.fails_to_wipe = False
    with pytest.raises(Wiped, match="the device was wiped"):
        phone.sync(folder)
    assert standing(stack, phone) == "wiped"
    with pytest.raises(AccessRefused):
        phone.provision()
    decide(stack, "forget", phone)
    phone.provision()
    phone.folder_sync()


def test_only_the_account_is_wiped(stack: Stack, new_phone: Callable[..., Phone]) -> None:
    phone, folder = in_use(new_phone)
    decide(stack, "wipe-account", phone)
    with pytest.raises(Wiped, match="the account was wiped"):
        phone.sync(folder)
    assert standing(stack, phone) == "account-wiped"


def test_a_phone_that_cannot_wipe_an_account_is_blocked(
    stack: Stack, new_phone: Callable[..., Phone]
) -> None:
    phone, folder = in_use(new_phone, "14.1")
    decide(stack, "wipe-account", phone)
    for ask in (lambda: phone.sync(folder), phone.folder_sync, phone.provision):
        with pytest.raises(AccessRefused):
            ask()
    assert standing(stack, phone) == "wipe-account"


class Wait(threading.Thread):
    """A request that the server holds for a minute."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__()
        self._ask = ask
        self.answer: Any = None
        self.seconds = 0.0
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        self.answer = self._ask()
        self.seconds = time.monotonic() - began


def test_waiting_phones_hear_of_it_soon(stack: Stack, new_phone: Callable[..., Phone]) -> None:
    phone, folder = in_use(new_phone)
    lost, contacts = in_use(new_phone)
    stale, held = in_use(new_phone)
    before = dict(stale.items(held))
    waits = (
        Wait(lambda: phone.ping([folder], 60)),
        Wait(lambda: lost.sync(contacts, heartbeat=60)),
        Wait(lambda: stale.ping([held], 60)),
    )
    assert wait_until(lambda: stack.parked() == 3)
    decide(stack, "block", phone)
    decide(stack, "wipe", lost, "--yes")
    assert "gets 1 folders anew" in decide(stack, "resync", stale, "--all")
    for wait in waits:
        wait.join(90)
        assert wait.seconds < SUMMONED
    assert waits[0].answer.status == 1
    assert stale.ping([held], 60).folders == [held]
    with pytest.raises(CommandFailed, match="status 3"):
        stale.sync(held)
    assert not stale.items(held)
    stale.folder_sync()
    stale.sync_all(held)
    assert stale.items(held) == before
    with pytest.raises(AccessRefused):
        phone.ping([folder], 60)
    with pytest.raises(Wiped):
        lost.sync(contacts, heartbeat=60)
    log = stack.app.text()
    assert f"{phone.device_id}: Ping refused with 200" in log
    assert "the device is blocked by an administrator" in log
    assert 'usm_refused_devices_total{reason="blocked"}' in metrics(stack)
    decide(stack, "undecide", phone)
    assert phone.sync(folder) is not None


def test_a_phone_in_quarantine_gets_everything_once_it_is_allowed(
    stack: Stack, new_phone: Callable[..., Phone]
) -> None:
    phone = new_phone()
    devices(stack, "quarantine", "1", "3", phone.device_id)
    phone.provision()
    phone.folder_sync()
    assert phone.folders == {}
    decide(stack, "allow", phone)
    phone.folder_sync()
    folder = phone.folder_of_type(CONTACTS).server_id
    phone.sync_all(folder)
    assert phone.items(folder)
