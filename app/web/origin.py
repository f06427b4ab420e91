"""Where a request comes from: by which address, and whether a password in it came over TLS.

The service speaks plain HTTP to the proxy in front of it, which ends TLS. So both are the proxy's to say, in
``X-Forwarded-For`` and ``X-Forwarded-Proto``, and it is believed if it is one of the proxies that the settings name;
whatever anybody else says there is passed over. A proxy adds to the end of these fields, so their ends count: what
stands before may be the client's own invention.

A proxy in front of the proxy is passed over if the settings name it by its own address; networks are for those that
connect to the service, as everybody within them could otherwise call himself somebody else.

A request that comes from this very machine and through no proxy never was on a line.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import falcon

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SOCKET: Final = "gunicorn.socket"

_PROXIED: Final = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)
"""What a proxy adds to a request (WSGI names)."""


class PlainHttp(Exception):
    """The request came without TLS, as far as is known, and may hold a password."""


@dataclass(frozen=True, slots=True)
class Origin:
    """``address``: who asks, ``""`` if nobody knows; ``is_secure``: whether nobody on the way could read along."""

    address: str
    is_secure: bool


class Proxies:
    """Those who are believed."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._single = frozenset(
            str(network.network_address) for network in self._networks if network.num_addresses == 1
        )
        self._is_proxy = lru_cache(1024)(self._listed)

    def origin(self, request: falcon.Request) -> Origin:
        """Of a request."""
        environ = request.env
        peer = request.remote_addr
        if not any(name in environ for name in _PROXIED):
            return Origin(peer, _is_here(peer, environ.get(SOCKET)))
        if not self._is_proxy(peer):
            return Origin(peer, False)
        told = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        return Origin(self._client(environ.get("HTTP_X_FORWARDED_FOR", "")) or peer, told == "https")

    def are_believed(self, request: falcon.Request) -> bool:
        """Whether a request comes from one of them."""
        return self._is_proxy(request.remote_addr)

    def _client(self, forwarded: str) -> str:
        """The last in the list who is no proxy; the first one if all are."""
        found = ""
        for name in reversed(forwarded.split(",")):
            found = name.strip() or found
            if found not in self._single:
                break
        return found

    def _listed(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


@lru_cache(1024)
def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _is_here(peer: str, connection: Any) -> bool:
    """Whether a peer is this machine itself: by loopback, or by the address that it listens at."""
    if _is_loopback(peer):
        return True
    return connection is not None and bool(connection.getsockname()[0] == peer)
