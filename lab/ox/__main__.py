"""Command line of the stand-in: ``init``, ``serve``, ``admin``, ``install``."""

from __future__ import annotations

from gevent import monkey

# Before anything else makes a lock or a socket.
monkey.patch_all()

from lab.ox.cli import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="python -m lab.ox")
