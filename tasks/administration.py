"""Open-Xchange's command line tools, with the password where nobody sees it.

The tools read ``ADMIN_PASSWORD`` from their environment. The password travels on the standard input of the command and
is put there by the shell on the host, so that it stands on no command line and in no log.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.context import host

from tasks import run, scripts, secrets

SBIN = "/opt/open-xchange/sbin"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call of a tool ended: exit status, and what it printed."""

    status: int
    output: str
    complaint: str


def as_nobody(tool: str, *options: str) -> StringCommand:
    """A tool that asks for no administrator."""
    return _command(tool, "", options, None)


def as_master(tool: str, *options: str) -> StringCommand:
    """A tool run as the master administrator."""
    return _command(tool, host.data.master_admin, options, secrets.master_password(host.data))


def _command(tool: str, admin: str, options: tuple[str, ...], password: str | None) -> StringCommand:
    words = ["-A", admin, *options] if admin else [*options]
    patience, limit = host.data.groupware_start_timeout, host.data.admin_tool_timeout
    return scripts.command("admin", "run", patience, limit, f"{SBIN}/{tool}", *words, stdin=password or "")


def list_users(contexts: Iterable[int], patience: int | None = None) -> dict[int, Answer]:
    """``listuser --csv`` of some contexts, each as its own administrator, in one round trip. ``patience``: seconds for
    which an admin daemon that is still starting is waited for; None: as long as it may take to start."""
    wanted = list(contexts)
    lines = []
    for context in wanted:
        admin = secrets.context_admin(context, host.data)
        lines += [str(context), admin, secrets.context_password(context, host.data) or ""]
    question = scripts.command(
        *("admin", "list"),
        host.data.groupware_start_timeout if patience is None else patience,
        *(host.data.admin_tool_timeout, f"{SBIN}/listuser"),
        stdin="".join(f"{line}\n" for line in lines),
    )
    succeeded, output, complaint = scripts.ask(host, question, confidential=True)
    if not succeeded:
        raise run.DeployError(f"the accounts on {host.name} cannot be listed: {complaint or output}")
    told, complaints = _by_context(output), _by_context(complaint)
    return {context: _answer(told.get(context, ""), complaints.get(context, "")) for context in wanted}


def _by_context(text: str) -> dict[int, str]:
    """What stands between two lines ``=context ID``."""
    parts = re.split(r"(?m)^=context (\d+)\n?", text)
    return {int(context): told for context, told in zip(parts[1::2], parts[2::2], strict=True)}


def _answer(told: str, complaint: str) -> Answer:
    output, _, status = told.rstrip("\n").rpartition("=status ")
    return Answer(int(status) if status.isdigit() else -1, output, complaint.strip())


def change_users(context: int, calls: Sequence[Sequence[str]]) -> StringCommand:
    """``changeuser`` with each of these options, as the administrator of a context, in one round trip. Ends with the
    first call that fails."""
    admin = secrets.context_admin(context, host.data)
    who = ["-A", admin] if admin else []
    tool = f"{SBIN}/changeuser"
    lines = [shlex.join([tool, *who, "-c", str(context), *options]) for options in calls]
    patience, limit = host.data.groupware_start_timeout, host.data.admin_tool_timeout
    password = secrets.context_password(context, host.data) or ""
    return scripts.command("admin", "change", patience, limit, *lines, stdin=password)
