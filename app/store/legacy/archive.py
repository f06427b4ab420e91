"""The folder with the dumps: what is in it, and how it gets there without ever being half true.

    manifest.json        what was saved, and whether the dump has been tried; mode 0600
    <schema>.sql.gz      the dump of its tables

Rules:

* A file is written under another name, brought to the disk, and then renamed; the manifest comes after the files that
  it speaks of.
* The folder is for its owner alone: the dumps hold what phones know of their users' mail.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Self

from app.store.legacy.client import BLOCK
from app.store.legacy.errors import LegacyError, told
from app.store.legacy.names import KINDS, Kind
from app.store.legacy.schema import Procedure, Table

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
RESERVE: Final = 16 << 20
"""Bytes that stay free beside a dump."""


@dataclass(frozen=True, slots=True)
class Dump:
    """A file of the folder: its name, size in bytes and SHA-256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What was saved of a schema. Moments are ISO 8601 in UTC; empty: not yet.

    ``kind`` names the product (:data:`app.store.legacy.names.KINDS`). ``dump`` is ``None`` where there was no table.
    ``version``: Open-Xchange's number for the schema at the time, ``None`` where it has none. ``verified``: when the
    dump was restored into a scratch schema and found equal. ``dropped``: when the last object was gone. ``reset``: when
    the number was reset. ``restored``: when all of it was back.
    """

    kind: str
    server: str
    schema: str
    context: int | None
    server_version: str
    saved: str
    version: int | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    procedures: dict[str, Procedure] = field(default_factory=dict)
    dump: Dump | None = None
    verified: str = ""
    dropped: str = ""
    reset: str = ""
    restored: str = ""

    @property
    def product(self) -> Kind:
        """The product whose tables and procedures these are."""
        return KINDS[self.kind]

    @classmethod
    def read(cls, told: dict[str, Any]) -> Self:
        """From the manifest."""
        return cls(
            **{
                **told,
                "tables": {name: Table(**table) for name, table in told["tables"].items()},
                "procedures": {name: Procedure(**each) for name, each in told["procedures"].items()},
                "dump": Dump(**told["dump"]) if told["dump"] else None,
            }
        )


class Archive:
    """The folder. ``complete``: every schema that was asked for has been saved and verified."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.complete = ""
        self.entries: dict[str, Entry] = {}
        self._read()

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, make: bool = False) -> Iterator[Self]:
        """The folder, for this process alone. ``make``: it need not be there. Raises :class:`LegacyError`."""
        with told(str(folder)):
            if make:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            if not (folder / MANIFEST).is_file() and not make:
                raise LegacyError(f"{folder}: there is no {MANIFEST}, so nothing was saved here")
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise LegacyError(
                        f"{folder}: another process works in this folder; run the command again when it has ended"
                    ) from None
                yield cls(folder)
            finally:
                os.close(handle)

    def put(self, key: str, entry: Entry, **changed: Any) -> Entry:
        """Note an entry, with some of its fields changed; returns it."""
        entry = replace(entry, **changed)
        self.entries[key] = entry
        self.write()
        return entry

    def put_aside(self, key: str, stamp: str) -> None:
        """Keep an entry and its dump under another name."""
        entry = self.entries.pop(key)
        if entry.dump is not None:
            aside = f"{key}.{stamp}.sql.gz"
            # A second name: under the first one the file is still what the manifest on the disk speaks of.
            (self.folder / aside).hardlink_to(self.folder / entry.dump.file)
            entry = replace(entry, dump=replace(entry.dump, file=aside))
        self.put(f"{key}.{stamp}", entry)

    def write(self) -> None:
        """Bring the manifest to the disk."""
        told = {
            "format": FORMAT,
            "complete": self.complete,
            "schemas": {key: asdict(entry) for key, entry in self.entries.items()},
        }
        with self._replacing(self.folder / MANIFEST) as file:
            file.write(json.dumps(told, indent=1).encode() + b"\n")

    def keep(self, key: str, blocks: Iterable[bytes]) -> Dump:
        """Write a dump, compressed."""
        path = self.folder / f"{key}.sql.gz"
        # No name and no time inside: the same rows make the same file.
        with (
            self._replacing(path) as file,
            gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=file, mtime=0) as packed,
        ):
            for block in blocks:
                packed.write(block)
        return Dump(path.name, path.stat().st_size, _sha256(path))

    def blocks(self, dump: Dump) -> Iterator[bytes]:
        """The statements of a dump. Raises :class:`LegacyError` if the file is not the one that was written."""
        path = self.folder / dump.file
        self.check(dump)
        with gzip.open(path, "rb") as packed:
            while block := packed.read(BLOCK):
                yield block

    def check(self, dump: Dump) -> None:
        """Raise :class:`LegacyError` unless the file is the one that was written."""
        path = self.folder / dump.file
        if not path.is_file():
            raise LegacyError(f"the dump {path} is missing")
        if path.stat().st_size != dump.bytes or _sha256(path) != dump.sha256:
            raise LegacyError(f"the dump {path} is not what was saved (its checksum is another)")

    def need(self, size: int) -> None:
        """Raise :class:`LegacyError` unless a dump of so many bytes surely fits."""
        free = shutil.disk_usage(self.folder).free
        if free < size + RESERVE:
            raise LegacyError(
                f"{self.folder}: the dump may need {megabytes(size + RESERVE)} and {megabytes(free)} are free; make"
                " room there. Nothing was changed"
            )

    def _read(self) -> None:
        path = self.folder / MANIFEST
        for left in self.folder.glob("*.new"):
            left.unlink()
        if not path.exists():
            return
        try:
            read = json.loads(path.read_text())
            if read["format"] != FORMAT:
                raise LegacyError(f"{path}: format {read['format']} is not known to this program")
            self.complete = str(read["complete"])
            self.entries = {key: Entry.read(entry) for key, entry in read["schemas"].items()}
        except (ValueError, KeyError, TypeError) as error:
            raise LegacyError(f"{path} cannot be read: {error!r}") from error

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[IO[bytes]]:
        """A file that takes the place of ``path`` when all of it lies on the disk; removed if that fails."""
        new = path.with_name(f"{path.name}.new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._sync()

    def _sync(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def now() -> str:
    """This moment, as the manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / (1 << 20):.0f} MB"
