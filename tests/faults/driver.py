"""pyinfra, with somebody who is told of each command before it is carried out and may have it fail.

``python -m tests.faults.driver SOCKET ARGUMENT...`` is ``pyinfra ARGUMENT...``. Before each command of a step a line of
JSON goes to the socket, ``{"step": name, "host": name, "kind": class}``, and the run waits for the answer: ``go`` or
``fail``. Questions (facts) are not told of: they change nothing.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from gevent.lock import BoundedSemaphore
from pyinfra.api.command import FileUploadCommand, FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra_cli.main import main  # type: ignore[import-untyped]

MADE_TO_FAIL: Final = "made to fail by a test"
KINDS: Final[tuple[type[PyinfraCommand], ...]] = (StringCommand, FileUploadCommand, FunctionCommand)


def observe(path: str) -> None:
    """Has every command of a step ask at the socket first."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    answers = connection.makefile("r")
    one_at_a_time = BoundedSemaphore()

    def asked(step: str, host: str, kind: str) -> str:
        with one_at_a_time:
            connection.sendall(json.dumps({"step": step, "host": host, "kind": kind}).encode() + b"\n")
            return answers.readline().strip()

    for kind in KINDS:
        _wrap(kind, asked)


def _wrap(kind: Any, asked: Callable[[str, str, str], str]) -> None:
    execute = kind.execute

    def first_ask(self: PyinfraCommand, state: State, host: Host, arguments: Any) -> Any:
        if asked(_step(state, host), host.name, kind.__name__) == "fail":
            failed = CommandOutput([OutputLine("stderr", MADE_TO_FAIL)])
            return (False, failed) if kind is StringCommand else False
        return execute(self, state, host, arguments)

    kind.execute = first_ask


def _step(state: State, host: Host) -> str:
    op_hash = host.executing_op_hash
    return ", ".join(sorted(state.get_op_meta(op_hash).names)) if op_hash else ""


if __name__ == "__main__":
    observe(sys.argv[1])
    sys.argv = ["pyinfra", *sys.argv[2:]]
    main()
