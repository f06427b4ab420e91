"""A node is asked from the node itself, through the ssh connection; where that does not forward, programs there ask."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from paramiko import ChannelException, SSHException

from tasks import asking, checks, database, services
from tasks.nodes import Node, NodeState
from tasks.tunnel import ClosedTunnel
from tests.deploy import fakes
from tests.deploy.test_checks import Server, serving

PROHIBITED, CONNECT_FAILED = 1, 2
HEALTH = {"ready": True, "version": "1.0.0", "build": "46bf80ce715d3076"}


@dataclass
class Ssh:
    """A connection of ssh that forwards to where the test says, by port; a port that it does not name is closed."""

    ports: dict[int, int] = field(default_factory=dict)
    refuses: Exception | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)

    def open_channel(self, kind: str, address: tuple[str, int], source: Any, timeout: float) -> socket.socket:
        assert kind == "direct-tcpip"
        self.asked.append(address)
        if self.refuses:
            raise self.refuses
        if address[1] not in self.ports:
            raise ChannelException(CONNECT_FAILED, "Connect failed")
        return socket.create_connection(("127.0.0.1", self.ports[address[1]]), timeout)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        running.wrong["health"] = (200, {"Connection": "close"}, json.dumps(HEALTH).encode())
        yield running


@pytest.fixture
def ssh(server: Server) -> Ssh:
    port = int(urlsplit(server.url).port or 0)
    return Ssh({8010: port, 8011: port, 8009: port})


NODE = Node(
    version="1.0.0",
    build="46bf80ce715d3076",
    running=True,
    settings={
        "listen_host": "10.0.0.7",
        "listen_port": "8010",
        "admin_host": "0.0.0.0",
        "admin_port": "8011",
        "ox_url": "http://ox:8009/ajax/",
        "eas_alias": "/Microsoft-Server-ActiveSync",
    },
)


def reached(ssh: Ssh | None, node: Node = NODE, **settings: Any) -> fakes.FakeHost:
    host = fakes.node(state=node, **settings)
    client = SimpleNamespace(get_transport=lambda: ssh) if ssh else None
    host.connector = SimpleNamespace(client=client)  # type: ignore[attr-defined]
    return host


def problems(host: fakes.FakeHost) -> list[str]:
    with fakes.on(host):
        return [fakes.plain(command) for command in checks.node()]


def test_a_node_is_asked_at_its_own_addresses_and_starts_nothing_for_it(ssh: Ssh) -> None:
    host = reached(ssh)
    assert problems(host) == []
    assert host.asked == []
    assert set(ssh.asked) == {("127.0.0.1", 8011), ("10.0.0.7", 8010), ("ox", 8009)}


def test_what_is_wrong_is_told_as_if_a_program_on_the_node_had_asked(ssh: Ssh, server: Server) -> None:
    server.wrong["refused"] = (200, {}, b"")
    server.wrong["ox"] = (200, {}, b"<html>")
    [failure] = problems(reached(ssh))
    assert "asked on the node itself: http://ox:8009/ajax/ (ox_url) answers with HTTP status 200" in failure
    assert "OPTIONS without a password is answered with 200 instead of 401" in failure


def test_an_account_synchronises_through_ssh_too(
    ssh: Ssh, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USM_TEST_PASSWORD", "secret")
    assert problems(reached(ssh, test_login="anton@example.org")) == []
    assert server.asked == ["OPTIONS", "FolderSync", "Provision", "Provision", "FolderSync", "Sync", "Sync"]


def test_a_service_that_does_not_listen_is_waited_for_until_the_time_is_over(ssh: Ssh) -> None:
    del ssh.ports[8011]
    [failure] = problems(reached(ssh, check_timeout=0.5))
    assert "http://127.0.0.1:8011/usm/health does not answer: nobody answers at 127.0.0.1:8011" in failure
    assert ssh.asked.count(("127.0.0.1", 8011)) > 1


def test_a_connection_that_breaks_is_no_answer(ssh: Ssh) -> None:
    ssh.refuses = SSHException("Timeout opening channel.")
    [failure] = problems(reached(ssh, check_timeout=0.1))
    assert "does not answer: Timeout opening channel." in failure


@pytest.mark.parametrize("connection", ["forwards nothing", "is none"])
def test_where_nothing_is_forwarded_programs_on_the_node_ask(connection: str, ssh: Ssh) -> None:
    ssh.refuses = ChannelException(PROHIBITED, "Administratively prohibited")
    host = reached(ssh if connection == "forwards nothing" else None)
    host.answers = {"probe": (True, json.dumps(HEALTH)), "python -c": (True, '{"problems": []}')}
    assert problems(host) == []
    assert [line.split()[0] for line, _ in host.asked] == [checks.PROBE, "/opt/open-xchange/usm/sbin/python"]


@pytest.mark.parametrize("change", [{"ox_url": "https://ox/ajax/"}, {"eas_alias": "/a\\u0020b"}])
def test_what_does_not_go_through_ssh_is_asked_by_a_program(change: dict[str, str], ssh: Ssh) -> None:
    """TLS, and settings that are not written in so many words."""
    host = reached(ssh, Node(**{**_fields(NODE), "settings": {**NODE.settings, **change}}))
    host.answers = {"python -c": (True, '{"problems": ["of the program"]}')}
    [failure] = problems(host)
    assert "of the program" in failure


def _fields(node: Node) -> dict[str, Any]:
    return {name: getattr(node, name) for name in node.__dataclass_fields__}


# the tables


def stand(host: fakes.FakeHost) -> tuple[bool, str]:
    with fakes.on(host):
        return database._stand(host.facts[NodeState])


STARTED = Node(**{**_fields(NODE), "started": services.fingerprint(NODE)})


def test_a_service_that_runs_what_is_installed_tells_how_the_tables_stand(ssh: Ssh, server: Server) -> None:
    told = {"ready": True, "schemas": {"oxdb_5": "up to date", "oxdb_6": "up to date"}}
    server.wrong["tables"] = (200, {}, json.dumps(told).encode())
    host = reached(ssh, STARTED)
    assert stand(host) == (True, "oxdb_5: up to date; oxdb_6: up to date")
    assert host.asked == []


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (STARTED, b'{"ready": false, "schemas": {"oxdb_5": "revision 0001"}}'),
        (STARTED, b'{"error": "configdb does not answer"}'),
        (STARTED, b"no JSON"),
        (NODE, b'{"ready": true, "schemas": {}}'),
    ],
    ids=["there is something to do", "it cannot tell", "it is older", "it runs something else"],
)
def test_whatever_else_it_says_the_program_is_asked(
    node: Node, told: bytes, ssh: Ssh, server: Server
) -> None:
    server.wrong["tables"] = (200, {}, told)
    host = reached(ssh, node)
    host.answers = {"db status": (False, "oxdb_5: run the migration")}
    assert stand(host)[0] is False
    assert len(host.asked) == 1


def test_a_setting_that_is_not_known_is_not_guessed() -> None:
    with fakes.on(reached(None)), pytest.raises(ClosedTunnel):
        asking.url(Node(), "admin")
