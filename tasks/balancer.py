"""A node is taken out of the balancer before it is touched, and put back when it serves again.

Rules of this file:

* every web host of the inventory is asked, also one that ``--limit`` leaves out of the run, and before the node is
  touched: one that cannot be reached would go on sending phones to a node that is being changed;
* Apache is told through its balancer manager, which answers the web host itself alone. It is not reloaded for that:
  the processes of before would stay for as long as their phones wait;
* that a node is out is written down twice: on each web host, where Apache reads it when it starts or reloads, and on
  the node (:data:`DRAINED`), so that the next run puts it back when it is well. Nobody else does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.exceptions import ConnectError, NoGroupError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import inventory

from tasks import apache, nodes, report, scripts

DRAINED = f"{nodes.STATE}/drained"
"""Where a node remembers that it was taken out of the balancer and has not been put back."""

SECONDS = 30
"""How long a web host may take to answer one question."""

PAUSE = 0.5

Status = Literal["serving", "drained", "failed"]


class BalancerError(Exception):
    """A web host did not do what was asked of it; the message says which, what, and why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node as one web host's balancer sees it. ``busy`` counts the requests under way, parked ones too; ``failed`` is
    a node that does not answer this web host."""

    name: str
    status: Status
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Balancer:
    """The balancer of one web host: ``configured`` if our configuration is there, ``managed`` if it lets itself be told
    what to do, which one from before this was thought of does not."""

    members: dict[str, Member]
    configured: bool
    running: bool

    @property
    def managed(self) -> bool:
        return self.running and bool(self.members)


def member_name(node: Host) -> str:
    """What the balancer calls a node: its name, with nothing in it that a configuration would misread."""
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in str(node.name))


def ask(web: Host) -> Balancer:
    """The balancer of a web host now. Raises :class:`BalancerError` when the host cannot be reached."""
    members: dict[str, Member] = {}
    told: set[str] = set()
    for line in _run(web, _command(web, "state")).splitlines():
        name, _, value = line.partition("=")
        if name == "member":
            member = _member(value)
            members[member.name] = member
        else:
            told.add(name)
    return Balancer(members, "configured" in told, "running" in told)


def _member(line: str) -> Member:
    """A member from a line such as ``ox1 3 Init Ok``."""
    name, busy, *words = line.split()
    status: Status = "serving"
    if {"Dis", "Stop", "Drn"} & set(words):
        status = "drained"
    elif {"Err", "HcFl"} & set(words):
        status = "failed"
    return Member(name, status, int(busy))


def drain(node: Host) -> Iterator[PyinfraCommand]:
    """Takes a node out of every balancer and waits until the requests that it works on have been answered.

    No new request goes to it from then on. Phones that wait for changes may stay: the application answers them itself
    when it is stopped. With no other node, or before Apache was set up, there is nothing to do.
    """
    webs = _web_hosts()
    if not webs or len(nodes.all_nodes()) < 2:
        return
    yield _call(f"ask the balancers about {node.name}", lambda: _ask_all(webs, node))
    yield scripts.command("folder", nodes.STATE)
    yield StringCommand("touch", DRAINED)
    for web in webs:
        yield _call(f"take {node.name} out of the balancer of {web.name}", _taking_out(web, node))
    yield _call(f"wait for requests on {node.name}", lambda: _wait_until_idle(webs, node))


def restore(node: Host) -> Iterator[PyinfraCommand]:
    """Puts a node back into every balancer, and waits until each web server would send it requests."""
    webs = _web_hosts()
    if not webs or len(nodes.all_nodes()) < 2:
        return
    for web in webs:
        yield _call(f"put {node.name} back into the balancer of {web.name}", _putting_back(web, node))
    yield StringCommand("rm", "-f", DRAINED)


def putting_back(web: Host, node: Host) -> StringCommand:
    """The command by which a web host puts a node back into its balancer."""
    data = web.data
    return _command(web, "in", member_name(node), data.alias, data.restore_timeout, data.proxy_retry)


def _taking_out(web: Host, node: Host) -> Callable[[], None]:
    return lambda: _tell(web, _command(web, "out", member_name(node)))


def _putting_back(web: Host, node: Host) -> Callable[[], None]:
    return lambda: _tell(web, putting_back(web, node))


def _web_hosts() -> list[Host]:
    """All web hosts of the inventory, also those that this run leaves out."""
    try:
        return list(inventory.get_group("web"))
    except NoGroupError:
        return []


def _call(what: str, work: Callable[[], None]) -> FunctionCommand:
    """A command on a node that does its work elsewhere; it fails with what the work complains of."""

    def call(state: State, host: Host) -> bool:
        logger.debug("%s: %s", host.name, what)
        try:
            work()
        except BalancerError as error:
            host.log_styled(str(error), fg="red", log_func=logger.error)
            report.complain(str(error), host)
            return False
        return True

    return FunctionCommand(call, (), {})


def _ask_all(webs: list[Host], node: Host) -> None:
    """Makes sure that every web host can be told, and says when phones will notice."""
    for web in webs:
        found = ask(web)
        if found.configured and found.running and not found.managed:
            report.note(
                "warning",
                f"the balancer cannot be told to leave {node.name} out: its configuration is older than that."
                " Phones may have met a node that was being changed",
                web,
            )
        own = found.members.get(member_name(node))
        others = [each for each in found.members.values() if each.name != member_name(node)]
        if (
            own
            and own.status == "serving"
            and others
            and not any(each.status == "serving" for each in others)
        ):
            raise BalancerError(
                f"{node.name} is the only node that {web.name} has left to serve phones: it was not taken out. See to"
                f" the others first ({', '.join(f'{each.name}: {each.status}' for each in others)}), then run again"
            )


def _wait_until_idle(webs: list[Host], node: Host) -> None:
    """Waits until nothing but waiting phones is left on the node, for ``drain_timeout`` seconds at most."""
    deadline = time.monotonic() + node.data.drain_timeout
    while (under_way := _under_way(webs, node)) > 0:
        if time.monotonic() >= deadline:
            logger.info(
                f"    {under_way} requests on {node.name} are still under way; it goes on without them"
            )
            return
        time.sleep(PAUSE)


def _under_way(webs: list[Host], node: Host) -> int:
    """Requests that the node works on, without those that wait for changes."""
    name = member_name(node)
    found = [ask(web).members.get(name, Member(name, "drained")) for web in webs]
    busy = sum(member.busy for member in found)
    return max(0, busy - _parked(node)) if busy else 0


def _parked(node: Host) -> int:
    """Phones that wait for changes on the node, as the application counts them; 0 if it does not say."""
    where = (node.data.admin_host, node.data.admin_port)
    try:
        return int(float(_run(node, scripts.command("balancer-parked", *where)).strip() or 0))
    except (BalancerError, ValueError):
        return 0


def _tell(web: Host, command: StringCommand) -> None:
    _run(web, command, SECONDS + web.data.restore_timeout)


def _command(web: Host, what: str, *arguments: object) -> StringCommand:
    return apache.command("balancer", what, web.data.balancer, web.data.manager_port, *arguments)


def _run(host: Host, command: StringCommand, seconds: float = SECONDS) -> str:
    """What a command prints on any host of the inventory. Raises :class:`BalancerError`."""
    try:
        if not host.connected:
            host.connect(reason="to ask its balancer", show_errors=False, raise_exceptions=True)
        succeeded, output = host.run_shell_command(command, **{**scripts.how(host), "_timeout": seconds})
    except (ConnectError, OSError, EOFError, SSHException) as error:
        raise BalancerError(
            f"{host.name} cannot be reached, so its balancer cannot be told: {error}"
        ) from None
    if not succeeded:
        raise BalancerError(f"{host.name}: {output.stderr or output.stdout or 'no answer'}")
    return str(output.stdout)
