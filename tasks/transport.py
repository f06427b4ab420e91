"""How the deployment talks to its hosts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import paramiko


class _Transport(paramiko.Transport):
    """One whose end is always told as an error of ssh: pyinfra, asking for a new channel of a connection that has just
    ended, would take anything else for a mistake in its own program, and end without a word on what to do."""

    def open_channel(self, *arguments: Any, **named: Any) -> paramiko.Channel:
        try:
            return super().open_channel(*arguments, **named)
        except EOFError as error:
            raise _ended() from error

    def get_exception(self) -> Exception | None:
        """Why the connection ended; its channels raise it when they are asked for anything (``sftp``)."""
        error = super().get_exception()
        return _ended() if isinstance(error, EOFError) else error


def _ended() -> paramiko.SSHException:
    return paramiko.SSHException("the host has ended the connection")


def attentive(silence: int) -> Callable[..., paramiko.Transport]:
    """A maker of ssh transports that send small packets at once (TCP_NODELAY), and that notice a network which is cut:
    a host from which nothing has come for ``silence`` seconds counts as lost.

    paramiko leaves Nagle's algorithm on; with the delayed acknowledgement of the other side, each command then waits
    for 40 ms before it leaves. And without questions of its own a connection over a cut network would wait for ever.
    """

    def connect(sock: Any, **kwargs: Any) -> paramiko.Transport:
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # What the keepalive below has sent must be acknowledged within this time, or the connection ends.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence * 1000)
        transport = _Transport(sock, **kwargs)
        transport.set_keepalive(max(1, silence // 4))
        return transport

    return connect
