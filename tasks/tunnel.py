"""A connection from a host to where only the host itself gets, through the ssh connection that is there already.

The service of a node listens where web hosts reach it, and for health on the node alone. The machine of the deployment
may reach neither; sshd on the node does, and forwards (RFC 4254, 7.2). So no program has to be started there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paramiko import Channel, ChannelException, SSHException
from pyinfra.api.host import Host

CONNECT_FAILED = 2
"""Why no channel is opened (RFC 4254, 5.1): sshd would forward, but nobody answers there."""


class ClosedTunnel(Exception):
    """Nothing is forwarded on this host (``AllowTcpForwarding no``), or it was not reached by ssh."""


class Wire:
    """As much of a socket as :mod:`http.client` wants. It closes a socket before it has read an answer to its end, and
    relies on that it still can: so this one is closed by who has opened it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def sendall(self, data: bytes) -> None:
        self._channel.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._channel))

    def close(self) -> None:
        """Nothing."""


class _Reading(io.RawIOBase):
    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        data: bytes = self._channel.recv(len(room))
        room[: len(data)] = data
        return len(data)


@contextmanager
def connected(host: Host, address: tuple[str, int], seconds: float) -> Iterator[Wire]:
    """Connected from the host to an address. Raises :class:`ClosedTunnel`, and :class:`OSError` where nobody answers at
    that address within so many seconds."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    if transport is None:
        raise ClosedTunnel(f"{host.name} was not reached by ssh")
    try:
        channel = transport.open_channel("direct-tcpip", address, ("127.0.0.1", 0), timeout=seconds)
    except ChannelException as error:
        if error.code == CONNECT_FAILED:
            raise ConnectionRefusedError(f"nobody answers at {address[0]}:{address[1]}") from None
        raise ClosedTunnel(f"{host.name} forwards nothing: {error.text}") from None
    except SSHException as error:
        raise OSError(str(error)) from error
    try:
        channel.settimeout(seconds)
        yield Wire(channel)
    finally:
        channel.close()
