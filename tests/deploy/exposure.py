"""What anybody could have seen of a secret while something went on: in command lines, and in files of hosts."""

from __future__ import annotations

import base64
import ctypes
import os
import select
import stat
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

_MODIFY, _ATTRIB, _MOVED_TO, _CREATE, _IS_DIR = 0x2, 0x4, 0x80, 0x100, 0x40000000
_EVENT = struct.Struct("iIII")

SKIPPED = ("proc", "sys", "dev", "usr", "opt/open-xchange/usm", "var/lib/dpkg", "var/cache", "var/lib/apt")
"""Folders where packages put their files and nothing else is written."""


def forms(secret: str) -> set[bytes]:
    """A secret as it may stand in a text: plain, in an URL, in base64 wherever it begins."""
    plain = secret.encode()
    coded = {
        base64.b64encode(b"x" * shift + plain)[4 * bool(shift) :].rstrip(b"=")[:-2] for shift in range(3)
    }
    return {plain, quote(secret, safe="").encode(), *coded}


def found_in(content: bytes, secrets: Iterable[str]) -> set[str]:
    """Those of the secrets that a text holds, in whatever form."""
    return {secret for secret in secrets if any(form in content for form in forms(secret))}


@contextmanager
def command_lines(secrets: Sequence[str]) -> Iterator[set[str]]:
    """Looks at the command lines of all processes of this machine, those of its hosts among them, again and again;
    yields the command lines that held a secret."""
    seen: set[str] = set()
    ended = threading.Event()
    wanted = [form for secret in secrets for form in forms(secret)]

    def look() -> None:
        while not ended.wait(0.02):
            for process in os.listdir("/proc"):
                if process.isdigit():
                    with suppress(OSError):
                        line = Path("/proc", process, "cmdline").read_bytes()
                        if any(form in line for form in wanted):
                            seen.add(line.replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@dataclass
class Exposed:
    """Files that anybody could open at some moment, be it an empty one: whoever has it open reads what is written
    later. ``looked_at``: how many these were."""

    secrets: Sequence[str]
    looked_at: int = 0
    files: dict[str, set[str]] = field(default_factory=dict)
    """Path -> the secrets that were in it."""


@contextmanager
def files(roots: Iterable[Path], secrets: Sequence[str]) -> Iterator[Exposed]:
    """Watches all files under these root directories, as somebody without any rights who is very fast. What was exposed
    is known at the end."""
    exposed = Exposed(secrets)
    watch = _Watch()
    for root in roots:
        watch.add(root, root)
    ended = threading.Event()
    thread = threading.Thread(target=watch.follow, args=(ended,))
    thread.start()
    try:
        yield exposed
    finally:
        ended.set()
        thread.join()
        exposed.looked_at = len(watch.open)
        for path, descriptor in watch.open.values():
            content = b""
            with suppress(OSError):
                content = os.pread(descriptor, 1 << 24, 0)
            if seen := found_in(content, secrets):
                exposed.files[path] = seen
            os.close(descriptor)
        os.close(watch.descriptor)
        assert not watch.lost, "events were lost; the test has seen too little"


class _Watch:
    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.open: dict[tuple[int, int], tuple[str, int]] = {}
        self.lost = False
        self._folders: dict[int, tuple[Path, Path]] = {}

    def add(self, folder: Path, root: Path, is_new: bool = False) -> None:
        """Watches a folder of a root directory and those in it. What lies in a new one already is looked at."""
        if str(folder.relative_to(root)) in SKIPPED:
            return
        number = self._libc.inotify_add_watch(
            self.descriptor, os.fsencode(folder), _MODIFY | _ATTRIB | _MOVED_TO | _CREATE
        )
        if number < 0:
            return
        self._folders[number] = (folder, root)
        with suppress(OSError):
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False):
                    self.add(Path(entry.path), root, is_new)
                elif is_new:
                    self._look(Path(entry.path), root)

    def follow(self, ended: threading.Event) -> None:
        while select.select([self.descriptor], [], [], 0.1)[0] or not ended.is_set():
            with suppress(BlockingIOError):
                self._read(os.read(self.descriptor, 1 << 20))

    def _read(self, events: bytes) -> None:
        at = 0
        while at < len(events):
            number, mask, _, length = _EVENT.unpack_from(events, at)
            name = events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            self.lost |= number < 0
            if number in self._folders and name:
                folder, root = self._folders[number]
                if mask & _IS_DIR:
                    self.add(folder / os.fsdecode(name), root, is_new=True)
                else:
                    self._look(folder / os.fsdecode(name), root)

    def _look(self, path: Path, root: Path) -> None:
        with suppress(OSError):
            if not stat.S_ISREG(os.lstat(path).st_mode):
                return
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            found = os.fstat(descriptor)
            key = (found.st_dev, found.st_ino)
            if not found.st_mode & 0o004 or key in self.open or not _is_reachable(path, root):
                os.close(descriptor)
                return
            self.open[key] = (str(path.relative_to(root)), descriptor)


def _is_reachable(path: Path, root: Path) -> bool:
    """Whether somebody without any rights can get to a file."""
    for folder in path.parents:
        if folder == root:
            return True
        if not os.stat(folder).st_mode & 0o001:
            return False
    return True
