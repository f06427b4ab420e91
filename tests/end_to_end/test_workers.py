"""Several worker processes are one service: what one of them does, the others know. Nothing is found by looking here:
the looks are an hour apart."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
import requests

from app.pages.admin.logins import hashed
from lab.device import Phone
from tests.end_to_end.stack import Stack, wait_until
from tests.end_to_end.test_story import CONTACTS, NEWS, NOTHING, Ping

ADMIN = "correct horse battery"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    hour = 3_600_000
    looks = {
        "session.sync.email_pull_delay": hour,
        "session.sync.email_pull_min_delay": hour,
        "session.sync.pull_interval": hour,
    }
    logins = {"admin.logins": f"anna:{hashed(ADMIN)}"}
    stack = Stack(tmp_path_factory.mktemp("many"), "empty", workers=4, **looks, **logins)
    try:
        stack.start()
        yield stack
        assert "Traceback" not in stack.app.text()
    finally:
        stack.stop()


def ready_phone(stack: Stack, **more: str) -> Phone:
    phone = stack.phone("anton", **{"device_id": f"workers{next(_numbers)}", **more})
    phone.provision()
    phone.folder_sync()
    phone.sync_all(phone.folder_of_type(CONTACTS).server_id)
    return phone


def test_a_change_made_by_any_worker_wakes_a_phone_that_waits_at_another(many):
    waiting, busy = ready_phone(many), ready_phone(many)
    folder = waiting.folder_of_type(CONTACTS).server_id
    for number in range(6):
        ping = Ping(waiting, [folder], 60)
        ping.start()
        assert wait_until(lambda: many.parked() == 1, 10)
        # A new connection may go to another worker each time.
        busy.close()
        busy.add_contact(folder, {"Contacts:FirstName": "Round", "Contacts:LastName": str(number)})
        answer = ping.answer(5)
        assert (answer.status, answer.folders) == (NEWS, [folder])
        waiting.sync_all(folder)
        waiting.close()


def test_a_newer_wait_at_any_worker_ends_the_older_one_at_another(many):
    phone = ready_phone(many)
    folder = phone.folder_of_type(CONTACTS).server_id
    older = Ping(phone, [folder], 60)
    older.start()
    assert wait_until(lambda: many.parked() == 1, 10)
    for _ in range(6):
        again = many.phone("anton", device_id=phone.device_id)
        again.transport.policy_key = phone.policy_key
        newer = Ping(again, [folder], 60)
        newer.start()
        assert older.answer(5).status == NOTHING
        assert wait_until(lambda: many.parked() == 1, 10)
        older = newer
    many.app.stop()
    assert older.answer(5).status == NOTHING
    many.start_app()


def test_a_state_made_at_one_worker_is_known_to_all(many):
    phone = ready_phone(many)
    folder = phone.folder_of_type(CONTACTS).server_id
    for number in range(12):
        phone.close()
        name = f"Everywhere {number}"
        phone.add_contact(folder, {"Contacts:FirstName": name, "Contacts:LastName": "Known"})
        phone.close()
        assert phone.sync(folder).from_server == 0


def test_an_administrator_signs_in_at_one_worker_and_is_known_to_all(many):
    base = f"http://127.0.0.1:{many.admin_port}/usm/admin"
    phone = ready_phone(many)
    with requests.Session() as browser:
        browser.headers["Connection"] = "close"  # a new connection may go to another worker each time
        found = re.search(r'name="proof" value="([^"]+)"', browser.get(f"{base}/sign-in", timeout=20).text)
        form = {"proof": found[1] if found else "", "name": "anna", "password": ADMIN}
        page = browser.post(f"{base}/sign-in", form, timeout=20)
        assert page.url == f"{base}/"
        for _ in range(12):
            page = browser.get(f"{base}/devices", params={"text": phone.device_id}, timeout=20)
            assert f"device={phone.device_id}" in page.text
        assert browser.get(f"{base}/storms", timeout=20).status_code == 200
    assert "administrator anna (127.0.0.1): signed in" in many.app.text()
    assert ADMIN not in many.app.text()
    for path in (
        "/usm/admin/",
        "/usm/admin",
        "/usm/admin/sign-in",
        "/usm//admin/",
        "/usm/%61dmin/",
        "/USM/admin/",
    ):
        outside = requests.get(f"http://127.0.0.1:{many.port}{path}", timeout=20, allow_redirects=False)
        assert outside.status_code == 404, path
        assert "administrator" not in outside.text
