"""The application as ``python -m app`` starts it, but impatient with slow clients, so that a test need not wait."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from app.__main__ import main
from app.web import server

HEAD = 2
"""Seconds that the head of a request may take."""
BODY = 1.5
"""Seconds that the beginning of its body may take."""

load = server.Server.load


def _load(self: server.Server) -> Any:
    """In a worker, once gevent has changed the standard library."""
    from app.web import pace

    pace.GRACE = BODY  # type: ignore[misc]
    return load(self)


if __name__ == "__main__":
    server.KEEPALIVE = HEAD  # type: ignore[misc]
    server.Server.load = _load  # type: ignore[method-assign]
    sys.exit(main(["--etc", str(Path(sys.argv[1]))]))
