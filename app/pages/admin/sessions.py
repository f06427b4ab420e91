"""Which administrators are signed in on this node: a small file each, in a folder that all its workers share.

A file is named by the digest of what the browser holds, so that who reads the folder signs in nowhere. It lives in the
service's own folder, which goes with the service: after a restart everybody signs in anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from app.pages.browser import Token

IDLE: Final = 15 * 60
"""Seconds without a request after which a session is over."""
LIFE: Final = 8 * 3600
"""Seconds after which it is over in any case."""
NOTED: Final = 60
"""Seconds between two notes of when it was in use."""
MOST: Final = 200
"""Sessions at the same time; the one not used for longest goes."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in. ``mark``: of the password he came with; moments in seconds since 1970."""

    name: str
    mark: str
    began: float
    used: float


class Sessions:
    """``folder``: where they lie; without one, somewhere of this process alone."""

    def __init__(self, folder: Path | None, now: Callable[[], float]) -> None:
        self._alone = None if folder else tempfile.TemporaryDirectory(prefix="usm-admin-")
        self._folder = folder or Path(self._alone.name if self._alone else "")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._now = now

    def begin(self, name: str, mark: str) -> Token:
        """Somebody signs in."""
        paths = sorted(self._folder.glob("*.json"), key=_age)
        for path in paths[: max(len(paths) + 1 - MOST, 0)]:
            path.unlink(missing_ok=True)
        token, now = Token.drawn(), self._now()
        self._write(self._path(token), SignedIn(name, mark, now, now))
        return token

    def find(self, token: Token | None) -> SignedIn | None:
        """Who has this token; ``None`` if nobody has (any more)."""
        if token is None:
            return None
        path, now = self._path(token), self._now()
        try:
            found = SignedIn(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None
        if not (0 <= now - found.used < IDLE and now - found.began < LIFE):
            path.unlink(missing_ok=True)
            return None
        if now - found.used >= NOTED:
            found = replace(found, used=now)
            self._write(path, found)
        return found

    def end(self, token: Token | None) -> None:
        """Nobody has this token any more."""
        if token is not None:
            self._path(token).unlink(missing_ok=True)

    def _path(self, token: Token) -> Path:
        return self._folder / f"{hashlib.sha256(token.secret).hexdigest()}.json"

    def _write(self, path: Path, content: SignedIn) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as file:
            json.dump(asdict(content), file)
        os.replace(file.name, path)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
