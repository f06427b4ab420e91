"""Every kind of malformed request gets the answer that the rules ask for, and the service is none the worse for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from app.wbxml import Element, decode
from lab.device import Phone
from tests.end_to_end.malformed import Kind, address, kinds
from tests.end_to_end.stack import Stack
from tests.schemas import validate

KINDS = kinds()
PATH = "/Microsoft-Server-ActiveSync"


@pytest.fixture(scope="module")
def phones(running: Stack) -> Iterator[dict[str, Phone]]:
    """Provisioned phones, so that a request fails by its own fault only. Heinrich has nothing that others test."""
    made = {
        version: running.phone("heinrich", version=version, device_id=f"malformed{version[:2]}")
        for version in ("12.1", "14.1")
    }
    for phone in made.values():
        phone.provision()
        phone.folder_sync()
    before = len(running.app.text())
    workers = running.app.children()
    yield made
    assert running.app.children() == workers, "a worker has died"
    written = running.app.text()[before:]
    assert "Traceback" not in written, written[written.index("Traceback") :][:3000]
    assert "unexpected error" not in written
    for phone in made.values():
        phone.folder_sync()


def test_there_are_more_than_three_hundred_kinds():
    assert len(KINDS) > 300


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_malformed_request_is_answered_by_the_rules(phones, kind: Kind):
    phone = phones[kind.version]
    answer = phone.raw(
        kind.body,
        command=kind.command,
        method=kind.method,
        query=address(kind, phone.transport.identity, phone.policy_key),
        headers=kind.headers,
        with_credentials=kind.with_credentials,
        timeout=20,
    )
    assert answer.status in kind.statuses
    assert b"Traceback" not in answer.body
    assert answer.status != 503
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    if answer.status != 200:
        assert answer.body == b""
        return
    assert answer.body, "an empty answer means: all is well"
    validate(answer.body, kind.version)
    if kind.must_fail:
        assert set(_statuses(decode(answer.body))) - {"1"}


def _statuses(root: Element) -> Iterator[str]:
    for child in root:
        if child.name.endswith(":Status"):
            yield child.text
        yield from _statuses(child)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/microsoft-server-activesync",
        "/Microsoft-Server-ActiveSync/",
        "/Microsoft-Server-ActiveSync/x",
    ],
)
def test_other_addresses_are_not_found(stack, path):
    answer = requests.post(stack.url + path, auth=("anton@example.org", "secret"), timeout=10)
    assert (answer.status_code, answer.content) == (404, b"")


def test_what_is_for_administrators_is_no_page_for_users(stack):
    answer = requests.get(stack.url + "/usm/metrics", auth=("anton@example.org", "secret"), timeout=10)
    assert (answer.status_code, "usm_commands" in answer.text) == (404, False)


def test_a_body_larger_than_allowed_is_refused(stack, new_phone):
    phone = new_phone("heinrich")
    answer = phone.raw(b"x" * 36_700_161, command="SendMail", timeout=30)
    assert answer.status == 413
