"""Command line of the stand-in: ``init``, ``serve``, ``admin``, ``install``."""

from __future__ import annotations

from gevent import monkey

# Before anything else makes a lock or a socket.
monkey.patch_all()

from lab.ox.cli import main  # noqa: E402

if __name__ == "__main__":
    # Options may come from the environment (LAB_OX_INSTALL_DATABASE): a command line shows its passwords to everybody.
    main(prog_name="python -m lab.ox", auto_envvar_prefix="LAB_OX")
