"""Commands on hosts that are longer than a line: the files under ``tasks/shell``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

SHELL = Path(__file__).resolve().parent / "shell"

PYTHON = "/opt/open-xchange/usm/sbin/python -c"


def text(name: str) -> str:
    """The text of ``tasks/shell/<name>.sh``."""
    return (SHELL / f"{name}.sh").read_text(encoding="utf-8")


def command(name: str, *arguments: object, stdin: str | None = None, before: str = "") -> StringCommand:
    """Runs ``tasks/shell/<name>.sh`` with these arguments. ``stdin`` is not shown in any log. ``before``: the text that
    stands before the script's own."""
    words = [QuoteString(str(argument)) for argument in arguments]
    given = {} if stdin is None else {"_stdin": stdin}
    script = QuoteString(before + text(name))
    return StringCommand("sh", "-c", script, f"{name}.sh", *words, **given)  # type: ignore[arg-type]


def program(name: str, *arguments: object) -> StringCommand:
    """Runs ``tasks/shell/<name>.py`` with the libraries of the installed package."""
    words = [QuoteString(str(argument)) for argument in arguments]
    source = (SHELL / f"{name}.py").read_text(encoding="utf-8")
    return StringCommand(PYTHON, QuoteString(source), *words)


def ask(host: Host, question: StringCommand, confidential: bool = False) -> tuple[bool, str, str]:
    """Runs a command that changes nothing, and whose standard output may hold a secret: a pyinfra fact would print it
    with ``-v``. Where it is ``confidential``, it stands in no log either. Returns whether it succeeded, its output and
    its complaints."""
    question.confidential = confidential  # type: ignore[attr-defined]
    succeeded, output = host.run_shell_command(question, **{**how(host), **question.connector_arguments})
    return succeeded, output.stdout, output.stderr


def how(host: Host) -> dict[str, Any]:
    """How commands are run on a host (``_sudo`` and the like), as its settings say; pyinfra looks there only for
    operations and facts of the host whose step it is."""
    settings = host.data.dict()  # type: ignore[no-untyped-call]
    return {name: settings[name] for name in CONNECTOR_ARGUMENT_KEYS if name in settings}
