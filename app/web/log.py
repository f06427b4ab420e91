"""The log: one line a command, in the shape that administrators of the original know, and a request id on every line.

A command's line is ``context:user:login:EAS:device: Sync executed in 302 ms, 4 OX calls took 253 ms.`` Fields that
are not known (a refused login has no context and no user) are ``-``. What a device sent is cleaned of control
characters, so that it cannot forge a line. Passwords, bodies and subjects never reach this module.

The file is opened anew when it was moved away, and when gunicorn gets ``USR1``.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from logging.handlers import WatchedFileHandler
from typing import Final

from app.usm.model import Cost

STDERR: Final = "-"

LINE: Final = "%(asctime)s %(levelname)-7s [%(process)d] %(request)s %(message)s"

LOGGERS: Final = ("", "gunicorn.error")
"""The loggers that write to the one log; gunicorn's own does not hand its lines on."""

current_request: ContextVar[str] = ContextVar("current_request", default="-")
"""The id of the request that this greenlet works for."""

_commands = logging.getLogger("app.command")


@dataclass(slots=True)
class Subject:
    """Whom a line is about, as far as that is known by now."""

    context_id: int | None = None
    user_id: int | None = None
    login: str = ""
    protocol: str = "EAS"
    device_id: str = ""

    def __str__(self) -> str:
        parts = (self.context_id, self.user_id, self.login, self.protocol, self.device_id)
        return ":".join(clean(str(part)) if part not in (None, "") else "-" for part in parts)


class _RequestFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request = current_request.get()
        return True


def configure(path: str, level: str) -> None:
    """Send all lines of this process to ``path``, or to the standard error output for ``-``. Raises ``OSError``."""
    handler: logging.Handler
    if path == STDERR:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = WatchedFileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter(LINE))
    handler.addFilter(_RequestFilter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.WARNING if not name else level.upper())
    logging.getLogger("app").setLevel(level.upper())


def clean(text: str) -> str:
    """The text without anything that could end or colour a line."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "?" for character in text)
    return text[:200]


def executed(subject: Subject, command: str, seconds: float, cost: Cost) -> None:
    """A command was carried out."""
    _commands.info(
        "%s: %s executed in %d ms, %d OX calls took %d ms.",
        subject,
        clean(command),
        round(seconds * 1000),
        cost.calls,
        round(cost.seconds * 1000),
    )


def refused(
    subject: Subject, command: str, status: int, reason: str, seconds: float, client: str = ""
) -> None:
    """A command was answered by an HTTP status other than 200, to the address ``client``."""
    _commands.log(
        logging.WARNING if status >= 500 and status != 501 else logging.INFO,
        "%s: %s refused with %d after %d ms, asked from %s: %s",
        subject,
        clean(command),
        status,
        round(seconds * 1000),
        clean(client) or "-",
        clean(reason),
    )
