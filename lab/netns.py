"""Network namespaces: made, owned, entered, emptied and removed.

The namespaces of a lab are its one record that cannot lie: every process of a host lives in the host's namespace,
so the processes to end are exactly those found in there, whoever started them and whatever happened to the
program that did. Each namespace carries the directory of its owner as the alias of its loopback device, so that
two clones do not take each other's labs for their own.
"""

from __future__ import annotations

import _thread
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lab.steps import LabError

RUN = Path("/run/netns")
CLONE_NEWNET = 0x40000000
# The kernel keeps 255 bytes of an alias.
ALIAS_BYTES = 250
LOCK_SECONDS = 60.0

T = TypeVar("T")


def ip(*words: str, namespace: str | None = None) -> None:
    """Runs ip(8), inside a namespace if one is named."""
    command = ["ip", *(["-n", namespace] if namespace else []), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two programs must not add and remove namespaces at once; a lock on /run itself leaves no file behind."""
    descriptor = os.open("/run", os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LabError(
                    f"another program has been adding or removing a network namespace for {LOCK_SECONDS:.0f} s; "
                    "/proc/locks says which one has the lock on /run"
                ) from None
            time.sleep(0.01)


def exists(name: str) -> bool:
    return (RUN / name).exists()


def names_of(lab: str) -> list[str]:
    """The namespaces there are with the name of that lab: its own, then those of its hosts."""
    if not RUN.is_dir():
        return []
    found = [path.name for path in RUN.iterdir() if path.name.partition("-")[0] == lab]
    return sorted(found, key=lambda name: (name != lab, name))


def add(name: str, owner: Path) -> None:
    """Makes a namespace with its loopback up."""
    with _one_at_a_time():
        ip("netns", "add", name)
    ip("link", "set", "lo", "alias", _alias(owner), namespace=name)
    ip("link", "set", "lo", "up", namespace=name)


def _alias(owner: Path) -> str:
    return os.fsencode(owner)[-ALIAS_BYTES:].decode(errors="replace")


def owner(name: str) -> str:
    """The directory written on the namespace, empty if there is none."""
    command = ["ip", "-n", name, "link", "show", "lo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "alias":
            return rest
    return ""


def belongs_to(name: str, directory: Path) -> bool:
    """Whether a namespace is ours, or nobody's any more: no owner written, or one whose directory is gone."""
    written = owner(name)
    if written in ("", _alias(directory)):
        return True
    return written.startswith("/") and len(os.fsencode(written)) < ALIAS_BYTES and not Path(written).exists()


def processes(name: str) -> list[int]:
    """The processes that are in the namespace now."""
    try:
        wanted = (RUN / name).stat()
    except OSError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            status = os.stat(f"/proc/{entry}/ns/net")
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry))
    return found


def first_process(name: str) -> int | None:
    """The process that is PID 1 of a process tree inside the namespace; None when there is none."""
    for pid in processes(name):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("NSpid:") and len(line.split()) > 2 and line.split()[-1] == "1":
                return pid
    return None


def _ancestors() -> set[int]:
    """This process and those it was started by: emptying a namespace must not end them."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def signal_all(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Sends a signal to those of the processes that still are there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def empty(name: str, patience: float) -> None:
    """Ends every process in the namespace: SIGTERM and ``patience`` seconds, then SIGKILL.

    With no patience, PID 1 of a host goes first: the kernel then ends all of its tree at once.
    """
    spared = _ancestors()

    def remaining() -> list[int]:
        return [pid for pid in processes(name) if pid not in spared]

    if patience and remaining():
        signal_all(remaining(), signal.SIGTERM)
        deadline = time.monotonic() + patience
        while remaining() and time.monotonic() < deadline:
            time.sleep(0.05)
    deadline = time.monotonic() + 20
    while pids := remaining():
        first = first_process(name)
        signal_all([first] if first else pids)
        if time.monotonic() > deadline:
            raise LabError(f"processes {pids} in the namespace {name} do not end")
        time.sleep(0.02)


def remove(name: str) -> None:
    """Removes a namespace, and with the last one the mount that ip(8) keeps them under."""
    with _one_at_a_time():
        if exists(name):
            ip("netns", "delete", name)
        if RUN.is_dir() and not any(RUN.iterdir()):
            while _is_mounted(RUN):
                subprocess.run(["umount", str(RUN)], check=True)
            RUN.rmdir()


def _is_mounted(path: Path) -> bool:
    """Whether something is mounted there; ip(8) mounts the directory on itself, which only the kernel's list tells."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(path) for line in lines)


def command_inside(name: str, hosts_file: Path, command: list[str]) -> list[str]:
    """The command that runs ``command`` inside a namespace, with its own /etc/hosts and no name server.

    The process keeps its PID through all the steps, so that signals reach the command itself.
    """
    script = (
        '[ ! -e /etc/hosts ] || mount --bind "$0" /etc/hosts || exit; '
        "[ ! -e /etc/resolv.conf ] || mount --bind /dev/null /etc/resolv.conf || exit; "
        'exec "$@"'
    )
    enter = ["nsenter", f"--net={RUN / name}", "unshare", "--mount", "--propagation", "private"]
    return [*enter, "sh", "-c", script, str(hosts_file), *command]


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))


def _start_thread(function: Callable[..., None], arguments: tuple[()]) -> None:
    gevent = sys.modules.get("gevent.monkey")
    start = gevent.get_original("_thread", "start_new_thread") if gevent else _thread.start_new_thread
    start(function, arguments)


def call_inside(name: str, function: Callable[[], T]) -> T:
    """Calls a function in a thread of its own whose sockets are made inside the namespace.

    It is a thread of the kernel also in a program where gevent has replaced threads by its own (pyinfra does so): one
    of those would take the whole program into the namespace.
    """
    outcome: list[T] = []
    problem: list[BaseException] = []

    def work() -> None:
        try:
            descriptor = os.open(RUN / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _enter(descriptor)
            finally:
                os.close(descriptor)
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            problem.append(error)

    _start_thread(work, ())
    pause = 0.0005
    while not (outcome or problem):  # sleeping lets signals through, and gevent's other work
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    if problem:
        raise problem[0]
    return outcome[0]
