"""``python -m lab serve``: the application and the stand-in for OX on this machine, without hosts and without root.

What it starts, it ends, in whatever way it ends itself: Ctrl-C, ``TERM``, the death of a child, or even ``KILL`` (the
kernel then tells the children). Standard output carries one line, JSON, when everything answers; all else goes to the
standard error output. All files lie in one temporary folder that is removed at the end.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from lab.ox.seed.people import PASSWORD, people

ALIAS: Final = "/Microsoft-Server-ActiveSync"
PATIENCE: Final = 60.0
"""Seconds that the parts are given to answer."""
GRACE: Final = 10.0
"""Seconds that a part is given to end before it is killed."""
ENDS: Final = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG: Final = 1

QUICK: Final = {
    "com.openexchange.usm.session.sync.email_pull_delay": "1000",
    "com.openexchange.usm.session.sync.email_pull_min_delay": "1000",
    "com.openexchange.usm.session.sync.pull_interval": "1000",
    "com.openexchange.usm.graceful_timeout": "5",
}
"""Settings other than the product's: a person at a desk does not want to wait a minute for a mail."""

API: Final = {"6": "/ajax/", "7": "/ajax/", "8": "/appsuite/api/"}
"""Where the HTTP API lies in each generation of OX."""


class ServeError(Exception):
    """It cannot be started, or did not stay up; the message says why."""


class _Ended(Exception):
    """Somebody asked for the end."""


@dataclass(slots=True)
class Part:
    """A process that belongs to this one."""

    name: str
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raises :class:`ServeError` if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise ServeError(f"{self.name} has ended with status {status}; its last lines are above")

    def end(self) -> None:
        """Ask it to end, and do not take no for an answer."""
        if self.process.poll() is None:
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass(slots=True)
class Place:
    """Where everything lies: the temporary folder, the addresses, the parts that run."""

    folder: Path
    host: str
    port: int
    ox_port: int
    admin_port: int
    generation: str
    state: str
    parts: list[Part] = field(default_factory=list)

    @property
    def eas_url(self) -> str:
        """What a device is told."""
        return f"http://{_bracketed(_reachable(self.host))}:{self.port}{ALIAS}"

    @property
    def ox_url(self) -> str:
        """The HTTP API of the stand-in."""
        return f"http://127.0.0.1:{self.ox_port}{API[self.generation]}"

    @property
    def health_url(self) -> str:
        """Where the application tells how it is."""
        return f"http://127.0.0.1:{self.admin_port}/usm/health"


def main(arguments: Sequence[str]) -> int:
    """Run until told to stop. Returns the exit status: 0 when it was told to, 1 when something failed."""
    chosen = _parser().parse_args(arguments)
    for number in ENDS:
        signal.signal(number, _raise_ended)
    folder = Path(tempfile.mkdtemp(prefix="usm-serve-"))
    place: Place | None = None
    try:
        place = _place(folder, chosen)
        _start(place, chosen)
        print(json.dumps(_ready(place, chosen)), flush=True)
        while True:
            for part in place.parts:
                part.check()
            time.sleep(0.2)
    except _Ended:
        return 0
    except ServeError as error:
        print(f"lab serve: {error}", file=sys.stderr)
        return 1
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        for part in reversed(place.parts if place else []):
            part.end()
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab serve",
        description="Run the application and the stand-in for OX on this machine. Prints one JSON line when ready.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address for devices (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8010, help="port for devices, 0: any (default: %(default)s)"
    )
    parser.add_argument(
        "--ox-port", type=_port, default=8009, help="port of the stand-in, 0: any (default: %(default)s)"
    )
    parser.add_argument("--ox-generation", choices=sorted(API), default="7", help="(default: %(default)s)")
    parser.add_argument("--state", default="", metavar="URL", help="where the application keeps its state")
    parser.add_argument(
        "--users",
        type=_count,
        default=0,
        metavar="N",
        help="users in all: user0001 and so on come after the named ones",
    )
    parser.add_argument("--seed", choices=("small", "large", "empty"), default="small", help="how much data")
    parser.add_argument("--workers", type=_count, default=2, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=_setting,
        metavar="KEY=VALUE",
        help="a key of usm.properties or eas.properties; may be given more than once",
    )
    return parser


def _port(text: str) -> int:
    number = _count(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return number


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _raise_ended(number: int, frame: FrameType | None) -> None:
    raise _Ended


# --- where -----------------------------------------------------------------------------------------------------


def _place(folder: Path, chosen: argparse.Namespace) -> Place:
    port = _free(chosen.host, chosen.port, "--port")
    ox_port = _free("127.0.0.1", chosen.ox_port, "--ox-port", port)
    state = chosen.state or f"sqlite:///{folder / 'state.sqlite'}"
    admin_port = _free("127.0.0.1", 0, "health", port, ox_port)
    return Place(folder, chosen.host, port, ox_port, admin_port, chosen.ox_generation, state)


def _free(host: str, port: int, option: str, *taken: int) -> int:
    """The port, or any free one for 0. Raises :class:`ServeError` if somebody else has it."""
    if port in taken and port:
        raise ServeError(f"{option} {port} is given twice")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(
                f"{option}: {_bracketed(host)}:{port} cannot be used: {error.strerror}. "
                "Is another lab serve running? Choose another port."
            ) from error
        number = int(probe.getsockname()[1])
    return _free(host, 0, option, *taken) if number in taken else number


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


# --- start -----------------------------------------------------------------------------------------------------


def _start(place: Place, chosen: argparse.Namespace) -> None:
    _write_settings(place, chosen)
    database = f"sqlite:///{place.folder / 'ox'}"
    (place.folder / "ox").mkdir()
    _say("filling the stand-in for OX")
    fill = [
        "init",
        "--database",
        database,
        "--seed",
        chosen.seed,
        "--users",
        str(chosen.users),
        "--rights",
        "all",
    ]
    _run(place, "the stand-in's init", ["lab.ox", *fill])
    answer = ["serve", "--host", "127.0.0.1", "--port", str(place.ox_port), "--database", database]
    more = ["--generation", place.generation, "--control"]
    _launch(place, "the stand-in for OX", ["lab.ox", *answer, *more])
    _await(place, "the stand-in for OX", lambda: _answers(f"http://127.0.0.1:{place.ox_port}/lab/calls"))
    _launch(place, "the application", ["app", "--etc", str(place.folder)])
    _await(place, "the application", lambda: _answers(place.health_url))
    _say(f"health and metrics: {place.health_url.removesuffix('health')}{{health,metrics}}")


def _write_settings(place: Place, chosen: argparse.Namespace) -> None:
    prefix = "com.openexchange.usm."
    values = {
        f"{prefix}ox.url": place.ox_url,
        f"{prefix}listen.host": place.host,
        f"{prefix}listen.port": str(place.port),
        f"{prefix}admin.host": "127.0.0.1",
        f"{prefix}admin.port": str(place.admin_port),
        f"{prefix}workers": str(chosen.workers),
        # Phones on the desk come without TLS, by whatever address.
        f"{prefix}allow_plain_http": "true",
        f"{prefix}log.file": "-",
        f"{prefix}database.url": place.state,
        **QUICK,
        **dict(chosen.settings),
    }
    text = "".join(f"{key}={_escaped(value)}\n" for key, value in values.items())
    (place.folder / "usm.properties").write_text(text, encoding="ascii")
    (place.folder / "eas.properties").write_text("", encoding="ascii")


def _escaped(value: str) -> str:
    """As Java writes it."""
    plain = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "".join(character if ord(character) < 127 else f"\\u{ord(character):04x}" for character in plain)


def _run(place: Place, name: str, words: Sequence[str]) -> None:
    """Run one of our modules to its end."""
    part = _launch(place, name, words)
    status = part.process.wait()
    place.parts.remove(part)
    if status != 0:
        raise ServeError(f"{name} has ended with status {status}; its last lines are above")


def _launch(place: Place, name: str, words: Sequence[str]) -> Part:
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        stderr=sys.stderr.fileno(),
        cwd=Path(__file__).parent.parent,
        # A group of its own: Ctrl-C reaches this process only, which then ends the parts in order.
        start_new_session=True,
        preexec_fn=_end_with_parent(os.getpid()),
    )
    part = Part(name, process)
    place.parts.append(part)
    return part


def _end_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def _await(place: Place, name: str, answers: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not answers():
        for part in place.parts:
            part.check()
        if time.monotonic() > end:
            raise ServeError(f"{name} does not answer after {PATIENCE:.0f} seconds")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    """Whether it answers, and well."""
    try:
        # No proxy: this machine's own address needs none.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _ready(place: Place, chosen: argparse.Namespace) -> dict[str, object]:
    return {
        "ready": True,
        "eas": place.eas_url,
        "ox": place.ox_url,
        "state": place.state,
        "users": [
            {"login": person.login, "password": PASSWORD, "mail": person.login}
            for person in people(chosen.seed, chosen.users)
            if person.synchronises
        ],
    }


def _say(text: str) -> None:
    print(f"lab serve: {text}", file=sys.stderr, flush=True)
