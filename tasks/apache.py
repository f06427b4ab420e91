"""The Apache on a web host: what is asked of it and done to it knows one table of where things are.

``tasks/shell/apache-layout.sh`` tells Debian's, RHEL's and SLES's ways apart by what lies on the host, and stands
before every script that :func:`command` runs.
"""

from __future__ import annotations

from pyinfra.api.command import StringCommand

from tasks import scripts

NAME = "open-xchange-usm"
"""What the names of all our files on a web host contain."""

SITE = "zzz-open-xchange-usm"
"""The name of our virtual host's file, which sorts after all others."""

ROLES = ("conf", "site", "certificate", "key", "chain")
"""The files of ours: what is read before everything else, our virtual host, and its certificate."""


def command(name: str, *arguments: object, stdin: str | None = None) -> StringCommand:
    """Runs ``tasks/shell/<name>.sh`` on a web host, which finds Apache's layout in variables."""
    return scripts.command(name, *arguments, stdin=stdin, before=scripts.text("apache-layout"))
