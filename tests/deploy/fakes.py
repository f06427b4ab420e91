"""Stand-ins for what pyinfra gives an operation: a host with settings, facts and answers, and the state of the run."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyinfra.api.command import FileUploadCommand, FunctionCommand, QuoteString, StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_host, ctx_inventory, ctx_state

from tasks import nodes
from tasks.nodes import Node, NodeState

PROJECT = Path(__file__).resolve().parents[2]


class Data(dict[str, Any]):
    """Settings, read as pyinfra's are: by attribute, by ``get``, all by ``dict``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def dict(self) -> dict[str, Any]:
        return dict(self)


def defaults(**changed: Any) -> Data:
    """The settings of ``group_data/all.py`` with some of them changed."""
    found = runpy.run_path(str(PROJECT / "group_data" / "all.py"))
    return Data({**{name: value for name, value in found.items() if not name.startswith("_")}, **changed})


@dataclass(eq=False)
class FakeHost:
    """A host whose facts and answers a test has laid down. ``answers``: a part of a command -> (succeeds, output)."""

    name: str
    groups: list[str]
    data: Data
    facts: dict[type, Any] = field(default_factory=dict)
    answers: dict[str, tuple[bool, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Commands that were run to find something out, with their standard input."""
    given: dict[str, Any] = field(default_factory=dict)
    """Settings that are given for this host, be it with the value of everybody."""

    def get_fact(self, fact: type, **arguments: object) -> Any:
        assert fact in self.facts, f"{self.name} was asked for {fact.__name__}, which the test does not give"
        return self.facts[fact]

    def noop(self, description: str) -> None:
        assert description

    def run_shell_command(self, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        line = plain(command)
        self.asked.append((line, arguments.get("_stdin", "")))
        for part, (succeeds, output) in self.answers.items():
            if part in line:
                buffer = "stdout" if succeeds else "stderr"
                return succeeds, CommandOutput([OutputLine(buffer, each) for each in output.splitlines()])
        raise AssertionError(f"{self.name} was asked `{line}`, which the test does not answer")


@dataclass(eq=False)
class FakeInventory:
    hosts: list[FakeHost]

    def get_group(self, name: str) -> list[FakeHost]:
        return [host for host in self.hosts if name in host.groups]

    def get_host(self, name: str) -> FakeHost:
        return next(host for host in self.hosts if host.name == name)

    def get_active_hosts(self) -> list[FakeHost]:
        return list(self.hosts)

    def get_override_data(self) -> dict[str, Any]:
        return {}

    def get_host_data(self, name: str) -> dict[str, Any]:
        return self.get_host(name).given

    def get_groups_data(self, groups: list[str]) -> dict[str, Any]:
        return {}


@dataclass
class FakeState:
    is_executing: bool = True


def node(name: str = "ox1", state: Node | None = None, **settings: Any) -> FakeHost:
    """An application node in this state, with the default settings but for those named."""
    return FakeHost(name, ["ox"], defaults(**settings), {NodeState: state or Node()})


@contextmanager
def on(host: FakeHost, among: Sequence[FakeHost] = (), executing: bool = True) -> Iterator[None]:
    """Whatever runs inside runs on ``host``, in a run that works on the hosts ``among`` which it is (itself alone)."""
    nodes._known.clear()
    with ExitStack() as stack:
        stack.enter_context(ctx_state.use(FakeState(executing)))
        stack.enter_context(ctx_inventory.use(FakeInventory(list(among) or [host])))
        stack.enter_context(ctx_host.use(host))
        yield


def commands(operation: Any, **arguments: Any) -> list[str]:
    """What an operation would do on the host at hand, one line a command."""
    body: Callable[..., Iterator[Any]] = operation._inner
    return [plain(command) for command in body(**arguments)]


def plain(command: Any) -> str:
    """A command as a person would say it: a script of ours by its name, and none of its text."""
    if isinstance(command, str):
        return command
    if isinstance(command, FileUploadCommand):
        return f"upload {Path(str(command.src)).name} {command.dest}"
    if isinstance(command, FunctionCommand):
        return f"fail: {_closure(command.function)}"
    words = [str(bit.obj) if isinstance(bit, QuoteString) else str(bit) for bit in command.bits]
    if words[:2] == ["sh", "-c"]:
        return " ".join(words[3:])
    return " ".join(word for word in words if "\n" not in word)


def _closure(function: Callable[..., Any]) -> str:
    """The message that a failing command will show."""
    return next(
        str(cell.cell_contents) for cell in function.__closure__ or () if isinstance(cell.cell_contents, str)
    )
