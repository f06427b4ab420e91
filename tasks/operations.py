"""Steps as pyinfra's operations, with one difference: a host that is lost in the middle fails its step, and the run
goes on to what must be done on the others (starting what was stopped, putting back what was moved).

pyinfra itself ends the run at once where the connection breaks while an operation finds out how a host stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ParamSpec

from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.command import FunctionCommand, PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.operation import operation as pyinfra_operation
from pyinfra.api.state import State
from pyinfra.context import host, state

from tasks import report

P = ParamSpec("P")
Step = Callable[P, Generator[Any, None, None]]

LOST = (OSError, EOFError, SSHException, PyinfraError)
"""What a broken connection looks like, to paramiko and to pyinfra."""


def operation() -> Callable[[Step[P]], Any]:
    """In place of pyinfra's decorator of the same name."""

    def decorate(step: Step[P]) -> Any:
        @wraps(step)
        def carry_out(*arguments: P.args, **named: P.kwargs) -> Generator[PyinfraCommand, None, None]:
            try:
                yield from step(*arguments, **named)
            except LOST as error:
                if not state.is_executing:
                    raise
                yield failure(f"{host.name}: {error or type(error).__name__}")

        return pyinfra_operation()(carry_out)

    return decorate


def failure(message: str) -> FunctionCommand:
    """A command that fails the host with this message."""

    def fail(state: State, host: Host) -> bool:
        host.log_styled(message, fg="red", log_func=logger.error)
        report.complain(message, host)
        return False

    return FunctionCommand(fail, (), {})
