"""Where traces are written: a file each on each node, one event a line, as JSON.

Only the service's user can read them. Workers add to the same file: each writes its lines at once, at the file's end. A
file that is as large as allowed stays as it is, and says so in its last line.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger(__name__)

SUFFIX: Final = ".jsonl"
KEY: Final = ".key"
_KEY_SIZE: Final = 16
FULL: Final = "full"
"""The event that says that there would be more."""
DAY: Final = 86_400

_ID: Final = re.compile(r"[0-9a-f]{8,16}")


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace as it lies on this node; ``last``: when something was written last, UTC."""

    id: str
    path: Path
    size: int
    last: datetime


class TraceFiles:
    """All files of this node. ``size``: bytes of one, at most; ``days``: how long one is kept after its last line."""

    def __init__(self, directory: Path, size: int = 50_000_000, days: int = 7) -> None:
        self._directory = directory
        self._size = size
        self._days = days
        self._full: set[str] = set()
        self._keys: dict[str, bytes] = {}
        self._failed = False

    def path(self, trace_id: str) -> Path:
        """The file of a trace. Raises ``ValueError`` for what is no id."""
        if not _ID.fullmatch(trace_id):
            raise ValueError(f"{trace_id!r} is not the id of a trace")
        return self._directory / f"{trace_id}{SUFFIX}"

    def key(self, trace_id: str) -> bytes:
        """By which names are made into signs: the same for all workers of the node. It lies beside the trace, and is
        not to be handed on with it."""
        if trace_id not in self._keys:
            self._keys[trace_id] = self._kept_key(self.path(trace_id).with_suffix(KEY))
        return self._keys[trace_id]

    def _kept_key(self, path: Path) -> bytes:
        key = secrets.token_bytes(_KEY_SIZE)
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            draft = path.with_suffix(f".{secrets.token_hex(4)}")
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key)
            try:
                os.link(draft, path)  # whole, or another worker's
            except FileExistsError:
                key = path.read_bytes()
            finally:
                draft.unlink()
        except OSError as error:
            self._complain(error)
        return key

    def write(self, trace_id: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events. Raises nothing: that a trace cannot be written must not harm who is traced."""
        if trace_id in self._full:
            return
        try:
            self._write(self.path(trace_id), trace_id, b"".join(map(_line, events)))
        except OSError as error:
            self._complain(error)
        else:
            self._failed = False

    def _complain(self, error: OSError) -> None:
        if not self._failed:
            _log.warning("traces cannot be written to %s: %s", self._directory, error.strerror)
        self._failed = True

    def _write(self, path: Path, trace_id: str, data: bytes) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(path, flags, 0o600)
        try:
            if os.fstat(file).st_size + len(data) > self._size:
                self._full.add(trace_id)
                data = _line({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": FULL})
            os.write(file, data)
        finally:
            os.close(file)

    def remove_old(self) -> int:
        """Remove what was kept for long enough; how many files went."""
        before, removed = time.time() - self._days * DAY, 0
        for each in self.listed():
            if each.last.timestamp() < before:
                with suppress(OSError):
                    each.path.with_suffix(KEY).unlink(missing_ok=True)
                    each.path.unlink()
                    removed += 1
        return removed

    def listed(self) -> list[TraceFile]:
        """All files, by the time of their last line. Raises ``PermissionError`` for who may not look."""
        found = []
        try:
            paths = sorted(self._directory.glob(f"*{SUFFIX}"))
        except FileNotFoundError:
            return []
        for path in paths:
            if _ID.fullmatch(path.name.removesuffix(SUFFIX)):
                with suppress(FileNotFoundError):
                    kept = path.stat()
                    last = datetime.fromtimestamp(kept.st_mtime, UTC)
                    found.append(TraceFile(path.name.removesuffix(SUFFIX), path, kept.st_size, last))
        return sorted(found, key=lambda each: (each.last, each.id))


def read(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The events in lines of a file; a line that is none (cut off by a full disk) is left out."""
    for line in lines:
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
