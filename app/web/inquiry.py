"""What each worker knows alone, told to whoever may look into the folder that the workers of a service share.

A worker listens on a socket of its own there, ``<folder>/<pid>``. Whoever connects gets a line of JSON for each thing,
and the end of the stream. Nothing is read from him: there is only one question. The folder belongs to the service and
nobody else may enter it, so that only the service's user and root can ask.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger(__name__)

INQUIRIES: Final = "inquiries"
"""The name of that folder in the one that the workers share."""

PATIENCE: Final = 5.0
"""Seconds that a side may keep the other one waiting."""

LARGEST: Final = 1 << 20
"""Characters of a line at most."""

Tell = Callable[[], Iterable[Mapping[str, object]]]
"""What the worker knows now, as JSON values."""


class Inquiry:
    """A worker's ear. ``folder`` is made if it is missing."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        """Raises ``OSError`` when there cannot be a socket in this folder."""
        self._tell = tell
        folder.mkdir(mode=0o700, exist_ok=True)
        own = folder / str(os.getpid())
        own.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(own))
        self._listener.listen()
        threading.Thread(target=self._listen, name="inquiry", daemon=True).start()

    def _listen(self) -> None:
        while True:
            asking, _ = self._listener.accept()
            try:
                self._answer(asking)
            except OSError as error:
                _log.info("an inquiry was given up: %s", error)
            except Exception:  # noqa: BLE001  (the thread must live on for the next one)
                _log.exception("an inquiry led to an error")

    def _answer(self, asking: socket.socket) -> None:
        with asking:
            asking.settimeout(PATIENCE)
            for thing in self._tell():
                asking.sendall(json.dumps(thing).encode() + b"\n")


def answers(folder: Path) -> Iterator[dict[str, Any]]:
    """What all workers tell that are at work; each thing with the process id of its ``worker``. Raises ``OSError``
    where the folder cannot be looked into."""
    for path in sorted(folder.iterdir()):
        # That worker has ended, or has no time: the others are told of all the same.
        with suppress(ConnectionRefusedError, ConnectionResetError, FileNotFoundError, TimeoutError):
            yield from _answers(path)


def _answers(path: Path) -> Iterator[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE)
        line.connect(str(path))
        with line.makefile("r", encoding="utf-8") as told:
            while text := told.readline(LARGEST):
                yield {"worker": int(path.name), **json.loads(text)}
