"""Where the mail server tells of new mail: who may, and what becomes of what it says."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.web.application import device_app
from app.web.login_throttle import Limits, LoginThrottle
from app.web.notification import LARGEST, Entrance, Notification
from app.web.origin import Proxies
from tests.web.conftest import ALIAS, Front, basic

PATH = "/preliminary/http-notify/v1/notify"


class Ear:
    """Hears what is told; ``nonsense`` is none."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def __call__(self, body: bytes) -> bool:
        if body == b"nonsense":
            raise ValueError("no user")
        self.heard.append(body)
        return body != b"other"


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def client(front, ear) -> Front:
    entrance = Entrance("dovecot", "hush: %ü")
    notification = (PATH, Notification(entrance, ear))
    front.app._devices = device_app(front.gateway, ALIAS, notification=notification)
    return front


def put(client, body=b"{}", method="PUT", **headers):
    return client.request(method, PATH, body=body, headers=headers or basic("dovecot", "hush: %ü"))


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("body", [b"news", b"other"])
def test_what_is_told_with_the_password_is_heard(client, ear, method, body):
    answer = put(client, body, method)
    assert (answer.status_code, answer.json) == (200, {"success": True})
    assert ear.heard == [body]


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "nothing"},
        {"Authorization": "Bearer x"},
        basic("dovecot", "wrong"),
        basic("dovecot", ""),
        basic("other", "hush: %ü"),
    ],
)
def test_without_the_password_nothing_is_heard(client, ear, headers):
    answer = put(client, **headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="notify"'
    assert answer.text == ""
    assert ear.heard == []


def test_what_cannot_be_read_is_a_bad_request(client):
    assert put(client, b"nonsense").status_code == 400


def test_more_than_a_notification_can_be_is_refused(client, ear):
    assert put(client, b"x" * (LARGEST + 1)).status_code == 413
    assert put(client, b"x" * LARGEST).status_code == 200
    assert len(ear.heard) == 1


def test_guesses_are_paused_and_the_mail_server_is_not(front, ear):
    guard = LoginThrottle(Limits(name=3, address=5), front.clock, bytes(32))
    proxies = Proxies([ip_network("127.0.0.1")])
    notification = (PATH, Notification(Entrance("dovecot", "hush"), ear, guard, proxies))
    front.app._devices = device_app(front.gateway, ALIAS, notification=notification)

    def told(password: str, address: str) -> int:
        return put(front, **basic("dovecot", password), **{"X-Forwarded-For": address}).status_code

    assert told("hush", "10.0.0.25") == 200
    assert [told(f"guess {number}", "10.0.0.66") for number in range(5)] == [401, 401, 401, 503, 503]
    # Not even the right one, from there.
    answer = put(front, **basic("dovecot", "hush"), **{"X-Forwarded-For": "10.0.0.66"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "6")
    assert told("hush", "10.0.0.25") == 200
    assert len(ear.heard) == 2


def test_other_methods_are_not_known(client):
    assert put(client, method="GET").status_code == 405


def test_without_a_password_configured_there_is_no_such_place(front):
    answer = front.request("PUT", PATH, body=b"{}", headers=basic("dovecot", ""))
    assert answer.status_code == 404
