"""One deployment at a time: while one is at work on an estate, another is refused before it touches anything.

Rules of this file:

* who is about to change something holds every application node from the first question on (``tasks/shell/node.sh``): a
  note in ``/run`` of the node names the run and the ssh connection by which it came;
* it holds the node for as long as that connection lasts, and so lets go by itself when it has ended, whatever ended
  it. A connection over which nothing has come for 25 seconds does not count: the machine of that run is off, or its
  network;
* a run with ``--dry`` and a look at the estate (:mod:`tasks.verify`) change nothing, hold nothing, and are never
  refused;
* of two that begin in the same moment both may be refused, and never both let through.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Mapping

from tasks import report

_began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())


def claim() -> str:
    """What this run is called on the nodes that it holds; empty if it changes nothing."""
    if report.run.dry:
        return ""
    return f"{_user()} on {socket.gethostname()}, process {os.getpid()}, since {_began}"


def refusal(busy: Mapping[str, str]) -> str:
    """Why a run must not go on: other runs, by the name of the node that each
    of them holds; empty where there is none."""
    nodes: dict[str, list[str]] = {}
    for name, who in busy.items():
        if who:
            nodes.setdefault(who, []).append(name)
    return "; ".join(
        f"another deployment is at work on {', '.join(names)}: {who}. Wait until it has ended, and run again"
        for who, names in nodes.items()
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
