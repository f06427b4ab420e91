"""The logins at Open-Xchange that the service of this host keeps, as its workers tell (:mod:`app.web.inquiry`)."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypedDict

from app.administration.estate import iso
from app.administration.naming import Unknown
from app.web.inquiry import INQUIRIES, answers

RUNTIME: Final = Path("/run/open-xchange-usm")
"""Where a service has its folder that systemd started; others have it among temporary files."""

USER: Final = "open-xchange"
PATTERN: Final = "open-xchange-usm-*"


class Row(TypedDict):
    """What a list tells of a kept login. ``by``: "password" or "token"; moments are ISO 8601, UTC; ``worker``: the
    process that keeps it."""

    worker: int
    context: int
    user: int
    login: str
    device: str
    by: str
    opened: str
    last_used: str


def rows(folders: list[Path]) -> Iterator[Row]:
    """The logins that the services keep which have these folders. Raises ``Unknown`` where there is none, ``OSError``
    where it may not be asked."""
    if not folders:
        raise Unknown("no service runs on this host, or this user may not ask it")
    for folder in folders:
        with suppress(FileNotFoundError):  # that service has just ended
            yield from map(_row, answers(folder))


def folders() -> list[Path]:
    """The folders of the services that run on this host: of our own, of root's, and of the service's user."""
    trusted = {0, os.geteuid()}
    with suppress(KeyError):
        trusted.add(pwd.getpwnam(USER).pw_uid)
    found = [
        each / INQUIRIES for place in (RUNTIME, Path(tempfile.gettempdir())) for each in place.glob(PATTERN)
    ]
    return sorted(each for each in found if _owner(each) in trusted)


def _owner(folder: Path) -> int | None:
    """Who made it; anybody may make folders among temporary files."""
    try:
        status = folder.lstat()
    except OSError:
        return None
    return status.st_uid if folder.is_dir() and not folder.is_symlink() else None


def _row(told: dict[str, Any]) -> Row:
    return {
        "worker": told["worker"],
        "context": told["context"],
        "user": told["user"],
        "login": told["login"],
        "device": told["device"],
        "by": "token" if told["by_token"] else "password",
        "opened": _moment(told["opened"]),
        "last_used": _moment(told["used"]),
    }


def _moment(seconds: float) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))
