"""By which address a request came, and whether by TLS."""

from __future__ import annotations

from ipaddress import ip_network

import falcon
import pytest
from falcon import testing

from app.web.origin import SOCKET, Origin, Proxies
from app.web.resource import WebSettings
from tests.fakes.source import ANTON
from tests.web.conftest import ALIAS, Front, basic

PROXIES = Proxies([ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("192.0.2.80")])


class Connection:
    """Of gunicorn."""

    def __init__(self, own: str) -> None:
        self._own = own

    def getsockname(self) -> tuple[str, int]:
        return self._own, 8010


def origin(peer: str | None, connection: Connection | None = None, **headers: str) -> Origin:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = testing.create_environ("/", headers=named, remote_addr=peer)
    if connection is not None:
        environ[SOCKET] = connection
    return PROXIES.origin(falcon.Request(environ))


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("1.1.1.1,198.51.100.7 ", "198.51.100.7"),
        # Within a network that may connect, everybody could call himself somebody else.
        ("1.1.1.1, 10.9.9.9", "10.9.9.9"),
        # A proxy in front of the proxy, by its own address.
        ("1.1.1.1, 198.51.100.7, 192.0.2.80", "198.51.100.7"),
        ("192.0.2.80", "192.0.2.80"),
        ("", "10.0.0.11"),
        (" , ", "10.0.0.11"),
    ],
)
def test_the_address_is_what_our_own_proxy_saw(forwarded: str, address: str) -> None:
    assert origin("10.0.0.11", X_Forwarded_For=forwarded).address == address


@pytest.mark.parametrize("peer", ["203.0.113.9", "fe80::1%eth0", "2001:db8::1", "nonsense"])
def test_nobody_else_is_believed(peer: str) -> None:
    told = origin(peer, X_Forwarded_For="127.0.0.1", X_Forwarded_Proto="https")
    assert told == Origin(peer, False)


@pytest.mark.parametrize(
    ("told", "is_secure"),
    [
        ("https", True),
        ("HTTPS", True),
        ("http, https", True),
        ("https, http", False),
        ("http", False),
        ("httpsx", False),
        ("", False),
    ],
)
def test_tls_is_what_our_own_proxy_says(told: str, is_secure: bool) -> None:
    assert origin("10.0.0.11", X_Forwarded_Proto=told).is_secure is is_secure


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X_Forwarded_Host", "Forwarded", "Via"])
def test_a_proxy_that_does_not_say_so_has_no_tls(name: str) -> None:
    assert not origin("127.0.0.1", **{name: "x"}).is_secure


def test_an_ipv4_proxy_may_come_by_ipv6() -> None:
    assert origin("::ffff:10.0.0.11", X_Forwarded_Proto="https").is_secure


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", None])
def test_what_never_left_the_machine_needs_no_tls(peer: str | None) -> None:
    assert origin(peer) == Origin(peer or "127.0.0.1", True)


def test_the_machine_may_ask_itself_by_the_address_that_it_listens_at() -> None:
    assert origin("10.0.0.7", Connection("10.0.0.7")).is_secure
    assert not origin("10.0.0.8", Connection("10.0.0.7")).is_secure
    assert not origin("10.0.0.7").is_secure
    assert not origin("nonsense").is_secure


# -- at the front door ----------------------------------------------------------------------------------------------

PLAIN = {"X-Forwarded-Proto": "http"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("OPTIONS", ALIAS, basic(ANTON.login)),
        ("POST", ALIAS, basic(ANTON.login)),
        # Or the next request would bring the password.
        ("OPTIONS", ALIAS, {}),
        ("GET", "/autodiscover/autodiscover.xml", {}),
        ("POST", "/AutoDiscover/AutoDiscover.xml", basic(ANTON.login)),
    ],
)
def test_without_tls_nobody_is_served_or_asked_for_a_password(
    front: Front, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = front.request(method, path, headers={**headers, **PLAIN, "Host": "localhost"})
    assert answer.status_code == 403
    assert answer.text.startswith("ActiveSync is served over TLS only")
    assert "WWW-Authenticate" not in answer.headers


def test_the_way_to_the_server_is_told_without_tls_as_no_password_is_needed(front: Front) -> None:
    front = Front("https://eas.example.org/Microsoft-Server-ActiveSync")
    answer = front.request("GET", "/autodiscover/autodiscover.xml", headers={**PLAIN, "Host": "x.example"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://")


def test_an_administrator_may_allow_it() -> None:
    front = Front(plain_http=True)
    assert front.request("OPTIONS", headers={**basic(ANTON.login), **PLAIN}).status_code == 200


def test_nobody_is_believed_and_no_plain_http_allowed_unless_somebody_says_so() -> None:
    settings = WebSettings()
    assert not settings.plain_http
    environ = testing.create_environ("/", headers={"X-Forwarded-Proto": "https"}, remote_addr="127.0.0.1")
    assert not settings.proxies.origin(falcon.Request(environ)).is_secure
