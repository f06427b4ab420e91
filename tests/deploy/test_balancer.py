"""Draining a node: who is asked, in which order, and what is left when a web host does not answer. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from pyinfra.api.command import FunctionCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput, OutputLine

from tasks import balancer, report
from tasks.nodes import Node
from tests.deploy.fakes import FakeHost, defaults, node, on, plain

SERVING = "configured=yes\nrunning=yes\nmember=ox1 0 Init Ok\nmember=ox2 0 Init Ok"
OLD = "configured=yes\nrunning=yes"
STOPPED = "configured=yes"


@dataclass(eq=False)
class Web(FakeHost):
    """A web host that can be connected to, or not, and answers one question after the other."""

    connected: bool = False
    reachable: bool = True
    states: list[str] = field(default_factory=list)
    refusal: str = ""
    told: list[str] = field(default_factory=list)

    def connect(self, **arguments: Any) -> None:
        if not self.reachable:
            raise ConnectError("no route to host")
        self.connected = True

    def run_shell_command(self, command: Any, **arguments: Any) -> tuple[bool, CommandOutput]:
        assert self.connected
        line = plain(command)
        self.told.append(line)
        self.asked.append((line, repr(sorted(arguments))))
        if " state " in line:
            answer = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return True, CommandOutput([OutputLine("stdout", each) for each in answer.splitlines()])
        return not self.refusal, CommandOutput([OutputLine("stderr", self.refusal)])

    def log_styled(self, message: str, **arguments: Any) -> None:
        self.told.append(message)


@dataclass(eq=False)
class OxNode(Web):
    parked: str = "0"

    def run_shell_command(self, command: Any, **arguments: Any) -> tuple[bool, CommandOutput]:
        return True, CommandOutput([OutputLine("stdout", self.parked)])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancer, "PAUSE", 0.001)
    monkeypatch.setattr(report, "notes", [])


def web(name: str = "web1", *states: str, **changed: Any) -> Web:
    return Web(name, ["web"], defaults(), states=list(states or (SERVING,)), **changed)


def ox(name: str, parked: str = "0", **settings: Any) -> OxNode:
    return OxNode(name, ["ox"], defaults(**settings), connected=True, parked=parked)


def carried_out(commands: Iterator[Any], host: Any) -> list[str]:
    """What was done on the node itself, up to the first failure."""
    done: list[str] = []
    for command in commands:
        if isinstance(command, FunctionCommand):
            if command.function(None, host) is False:
                return [*done, "failed"]
        else:
            done.append(plain(command))
    return done


def drained(node: OxNode, *others: FakeHost) -> list[str]:
    with on(node, [node, *others]):
        return carried_out(balancer.drain(cast(Host, node)), node)


def restored(node: OxNode, *others: FakeHost) -> list[str]:
    with on(node, [node, *others]):
        return carried_out(balancer.restore(cast(Host, node)), node)


REMEMBER = ["folder.sh /var/lib/open-xchange-usm", "touch /var/lib/open-xchange-usm/drained"]


def test_a_node_is_taken_out_on_every_web_host_and_remembers_it() -> None:
    first, second = web("web1"), web("web2")
    assert drained(ox("ox1"), ox("ox2"), first, second) == REMEMBER
    for each in (first, second):
        assert each.told[:2] == ["balancer.sh state usm_cluster 8008", "balancer.sh out usm_cluster 8008 ox1"]


def test_a_web_host_that_cannot_be_reached_stops_it_before_anything_is_touched() -> None:
    first, second, node = web("web1"), web("web2", reachable=False), ox("ox1")
    assert drained(node, ox("ox2"), first, second) == ["failed"]
    assert node.told == ["web2 cannot be reached, so its balancer cannot be told: no route to host"]
    assert not any(" out " in line for line in first.told)


def test_an_apache_that_does_not_obey_stops_it_before_the_node_is_changed() -> None:
    one, node = web(refusal="Apache does not take ox1 out of the balancer"), ox("ox1")
    assert drained(node, ox("ox2"), one) == [*REMEMBER, "failed"]
    assert node.told == ["web1: Apache does not take ox1 out of the balancer"]


def test_it_waits_for_requests_under_way_but_not_for_parked_phones() -> None:
    def out(busy: int) -> str:
        return f"configured=yes\nrunning=yes\nmember=ox1 {busy} Init Dis\nmember=ox2 9 Init Ok"

    one = web("web1", SERVING, out(5), out(4), out(3), out(2))
    assert drained(ox("ox1", parked="3"), ox("ox2"), one) == REMEMBER
    assert one.states == [out(2)]


def test_it_waits_no_longer_than_the_setting_says() -> None:
    one = web("web1", "configured=yes\nrunning=yes\nmember=ox1 7 Init Dis\nmember=ox2 0 Init Ok")
    assert drained(ox("ox1", drain_timeout=0.05), ox("ox2"), one) == REMEMBER


@pytest.mark.parametrize("hosts", [[], [web()]], ids=["no web host", "no other node"])
def test_there_is_nothing_to_do_where_no_other_node_or_no_web_host_is(hosts: list[FakeHost]) -> None:
    others = hosts or [ox("ox2")]
    assert drained(ox("ox1"), *others) == restored(ox("ox1"), *others) == []


@pytest.mark.parametrize("state", ["", OLD, STOPPED])
def test_before_apache_can_be_told_it_is_drained_without_waiting(state: str) -> None:
    assert drained(ox("ox1"), ox("ox2"), web("web1", state)) == REMEMBER
    warned = [each.kind for each in report.notes]
    assert warned == (["warning"] if state == OLD else [])


def test_the_last_one_that_serves_is_not_taken_out() -> None:
    one = web("web1", "configured=yes\nrunning=yes\nmember=ox1 0 Init Ok\nmember=ox2 0 Init Dis")
    first = ox("ox1")
    with on(first, [first, ox("ox2"), one]), pytest.raises(balancer.BalancerError, match="ox2: drained"):
        balancer._ask_all([one], first)  # type: ignore[list-item, arg-type]


def test_a_node_is_put_back_everywhere_and_then_forgets() -> None:
    first, second = web("web1"), web("web2")
    assert restored(ox("ox1"), ox("ox2"), first, second) == ["rm -f /var/lib/open-xchange-usm/drained"]
    expected = ["balancer.sh in usm_cluster 8008 ox1 /Microsoft-Server-ActiveSync 20 5"]
    assert first.told == second.told == expected


def test_a_node_that_a_web_host_does_not_reach_stays_out_and_remembers() -> None:
    one, node = web(refusal="ox1 does not answer this web server"), ox("ox1")
    assert restored(node, ox("ox2"), one) == ["failed"]


def test_nothing_is_done_while_a_run_is_prepared() -> None:
    one, first = web(reachable=False), ox("ox1")
    with on(first, [first, ox("ox2"), one], executing=False):
        assert len(list(balancer.drain(cast(Host, first)))) > 0
    assert one.told == []


@pytest.mark.parametrize(
    ("line", "member"),
    [
        ("ox1 3 Init Ok", balancer.Member("ox1", "serving", 3)),
        ("ox1 0 Init Dis Ok", balancer.Member("ox1", "drained", 0)),
        ("ox1 0 Init Dis HcFl", balancer.Member("ox1", "drained", 0)),
        ("ox1 0 Init Err", balancer.Member("ox1", "failed", 0)),
        ("ox1 0 Init HcFl", balancer.Member("ox1", "failed", 0)),
    ],
)
def test_what_apache_says_of_a_member(line: str, member: balancer.Member) -> None:
    assert balancer._member(line) == member


def test_commands_on_web_hosts_are_run_as_their_own_settings_say() -> None:
    one = web()
    one.data["_sudo"] = True
    drained(ox("ox1"), ox("ox2"), one)
    assert {arguments for _, arguments in one.asked} == {"['_sudo', '_timeout']"}


def test_the_name_of_a_member_holds_nothing_that_a_configuration_misreads() -> None:
    assert balancer.member_name(node('a b"c/ox-1.example.org', Node())) == "a_b_c_ox-1.example.org"  # type: ignore[arg-type]
