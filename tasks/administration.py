"""Open-Xchange's command line tools, with the password where nobody sees it.

The tools read ``ADMIN_PASSWORD`` from their environment. The password travels on the standard input of the command and
is put there by the shell on the host, so that it stands on no command line and in no log.
"""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from pyinfra.context import host

from tasks import scripts, secrets

SBIN = "/opt/open-xchange/sbin"


def as_nobody(tool: str, *options: str) -> StringCommand:
    """A tool that asks for no administrator."""
    return _command(tool, "", options, None)


def as_master(tool: str, *options: str) -> StringCommand:
    """A tool run as the master administrator."""
    return _command(tool, host.data.master_admin, options, secrets.master_password(host.data))


def as_context_admin(tool: str, context: int, *options: str) -> StringCommand:
    """A tool run as the administrator of a context."""
    admin = secrets.context_admin(context, host.data)
    return _command(tool, admin, ("-c", str(context), *options), secrets.context_password(context, host.data))


def _command(tool: str, admin: str, options: tuple[str, ...], password: str | None) -> StringCommand:
    words = ["-A", admin, *options] if admin else [*options]
    patience, limit = host.data.groupware_start_timeout, host.data.admin_tool_timeout
    return scripts.command("admin", patience, limit, f"{SBIN}/{tool}", *words, stdin=password or "")
