"""The log: one line a command, in the shape that administrators of the original know, and a request id on every line.

As an option each line is a JSON object (:data:`FORMATS`), with the parts of a command's line as values of their own.

A command's line is ``context:user:login:EAS:device: Sync executed in 302 ms, 4 OX calls took 253 ms.`` Fields that
are not known (a refused login has no context and no user) are ``-``. What a device sent is cleaned of control
characters, so that it cannot forge a line. Passwords, bodies and subjects never reach this module: of an exception that
nobody foresaw only its type and its way are told (:mod:`app.web.defects`), as its words may hold anything.

The file is opened anew when it was moved away, and when gunicorn gets ``USR1``.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Any, Final

from app.usm.model import Cost
from app.web import defects

STDERR: Final = "-"

LINE: Final = "%(asctime)s %(levelname)-7s [%(process)d] %(request)s %(message)s"

LOGGERS: Final = ("", "gunicorn.error")
"""The loggers that write to the one log; gunicorn's own does not hand its lines on."""

current_request: ContextVar[str] = ContextVar("current_request", default="-")
"""The id of the request that this greenlet works for."""

COMMANDS: Final = "app.command"
"""The logger of the line a command."""

_commands = logging.getLogger(COMMANDS)
_log = logging.getLogger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9@_.+/=:-]{8,64}", re.ASCII)
"""As Apache's mod_unique_id and other proxies write it; UUIDs are of this shape, too."""

EXECUTED: Final = "%s: %s executed in %d ms, %d OX calls took %d ms."
REFUSED: Final = "%s: %s refused with %d after %d ms, asked from %s: %s"
COMMAND_VALUES: Final[Mapping[object, tuple[str, ...]]] = {
    EXECUTED: ("subject", "command", "ms", "ox_calls", "ox_ms"),
    REFUSED: ("subject", "command", "status", "ms", "client", "reason"),
}
"""Line of a command → what its parts are called in JSON; a subject counts as its own parts."""


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


class TextFormat(logging.Formatter):
    """A line for people; an exception follows in more lines, without what it says."""

    def __init__(self) -> None:
        super().__init__(LINE)

    def formatException(self, ei: Any) -> str:
        """See :func:`app.web.defects.told`."""
        return defects.told(ei[1])


class JsonFormat(logging.Formatter):
    """A line for programs: one JSON object. Lines of commands also have what :data:`COMMAND_VALUES` names."""

    def format(self, record: logging.LogRecord) -> str:
        """A record in one line."""
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": record.process,
            "request": getattr(record, "request", "-"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        names = COMMAND_VALUES.get(record.msg) if isinstance(record.args, tuple) else None
        for name, value in zip(names or (), record.args or (), strict=False):
            row |= asdict(value) if isinstance(value, Subject) else {name: value}
        if record.exc_info and record.exc_info[1] is not None:
            row["exception"] = defects.told(record.exc_info[1])
        return json.dumps(row, ensure_ascii=False)


FORMATS: Final[Mapping[str, type[logging.Formatter]]] = {"text": TextFormat, "json": JsonFormat}
"""The value of the setting → how lines look."""


def configure(path: str, level: str, form: str = "text") -> None:
    """Send all lines of this process to ``path``, or to the standard error output for ``-``; ``form``: one of
    :data:`FORMATS`. Raises ``OSError``."""
    handler: logging.Handler
    if path == STDERR:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = WatchedFileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(FORMATS[form]())
    handler.addFilter(_RequestFilter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.WARNING if not name else level.upper())
    logging.getLogger("app").setLevel(level.upper())
    defects.hear_threads(_thread_ended)


def _thread_ended(name: str, error: BaseException) -> None:
    _log.error("thread %s ended in an error nobody foresaw", name, exc_info=error)


def current_number() -> str:
    """The number of the request that this greenlet works for, ``""`` where it works for none."""
    number = current_request.get()
    return "" if number == "-" else number


def request_id(sent: str | None) -> str:
    """The number that the proxy has given a request, if it can be one; ``""`` otherwise. It is written into logs and
    headers, so it must be short and of plain characters."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else ""


def clean(text: str) -> str:
    """The text without anything that could end or colour a line."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "?" for character in text)
    return text[:200]


def executed(subject: Subject, command: str, seconds: float, cost: Cost) -> None:
    """A command was carried out."""
    _commands.info(
        EXECUTED,
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
        REFUSED,
        subject,
        clean(command),
        status,
        round(seconds * 1000),
        clean(client) or "-",
        clean(reason),
    )
