"""A connection that ends is told as an error of ssh, whatever was being asked of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest
from pyinfra.api.exceptions import ConnectError

from tasks import transport
from tasks.commands_log import CommandsLog, Logged


class Ending(paramiko.ServerInterface):
    """A host that lets a channel be opened, and is gone when something is asked of it."""

    def __init__(self, server: paramiko.Transport) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "none"

    def check_auth_none(self, username: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self._server.sock.close()
        return True


@pytest.fixture
def connection() -> Iterator[paramiko.Transport]:
    near, far = socket.socketpair()
    server = paramiko.Transport(far)
    server.add_server_key(paramiko.RSAKey.generate(2048))
    server.start_server(server=Ending(server), event=threading.Event())
    client = transport._Transport(near)
    client.start_client(timeout=20)
    client.auth_none("anybody")
    yield client
    client.close()
    server.close()


def test_a_connection_that_ends_as_a_file_is_about_to_go_is_an_error_of_ssh(
    connection: paramiko.Transport,
) -> None:
    with pytest.raises(paramiko.SSHException, match="the host has ended the connection"):
        paramiko.SFTPClient.from_transport(connection)


def test_a_file_that_cannot_go_for_want_of_a_connection_fails_its_step(tmp_path: Path) -> None:
    class Connector:
        def put_file(self, *words: Any, **options: Any) -> bool:
            raise ConnectError("Unable to establish SFTP connection")

    path = tmp_path / "log"
    state = SimpleNamespace(is_executing=True)
    host = SimpleNamespace(name="ox1", state=state, nested_executing_op_hash=None, executing_op_hash=None)
    logged = Logged(Connector(), host, CommandsLog(path))  # type: ignore[arg-type]
    with pytest.raises(paramiko.SSHException, match="Unable to establish SFTP connection"):
        logged.put_file("a", "b")
    assert "ConnectError" in path.read_text()
