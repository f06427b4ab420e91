"""The same work on any ActiveSync servers, side by side: ``python -m bench.peers [servers.json]``.

The file lists the servers, each with an account of its own that may be filled with mails, contacts and appointments::

    [{"name": "ours", "url": "https://eas.example.org/", "login": "anton@example.org", "address": "anton@example.org",
      "password_file": "anton.password", "version": "14.1", "processes": [4711]},
     {"name": "theirs", ...}]

``password_file`` holds the password alone; ``verify`` may be false, or the file of an authority; ``processes`` are the
server's, where it runs on this machine: then its processor time and its memory are measured as well. The data are
brought there through ActiveSync itself, so nothing else has to be known of a server. Servers take turns, so that a busy
machine is busy for all of them. Without a file, this application is measured, with the stand-in for OX.

A server that limits how many devices one has, or how often they may ask, must be told to let this one pass.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from bench import same_work
from bench.figures import Figure, tell
from bench.same_work import Server, Taken, WorkError
from bench.serving import serving
from lab.device import PhoneError

NEEDED: Final = {"name", "url", "login", "address", "password_file"}
OPTIONAL: Final = {"version", "verify", "processes"}

OUR_SETTINGS: Final = (
    "com.openexchange.usm.eas.devices.max=0",
    "com.openexchange.usm.session.sync.email_pull_delay=10000",
    "com.openexchange.usm.session.sync.email_pull_min_delay=1000",
)
"""Devices without number; mail is looked for every ten seconds, as SOGo does by default."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done: items of each kind, runs, phones that wait, messages to one that waits, requests of a kind that
    find nothing new in each run, phones that look at the same time."""

    items: Mapping[str, int]
    runs: int
    parked: int
    pushes: int
    looks: int = 20
    at_once: int = 8


class Results:
    """The figures of one server, as they come."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._taken: dict[str, Taken] = {}
        self._figures: dict[str, tuple[float, str]] = {}

    def taken(self, work: str) -> Taken:
        """Where the times of a piece of work are noted."""
        return self._taken.setdefault(work, Taken())

    def note(self, figure: str, value: float, unit: str) -> None:
        """A figure that is no time of a piece of work."""
        self._figures[figure] = (value, unit)

    def figures(self) -> dict[str, tuple[float, str]]:
        """Name -> value and unit: the median of what each piece of work took, and the processor's time for one."""
        rows: dict[str, tuple[float, str]] = {}
        for work, taken in self._taken.items():
            rows[work] = (statistics.median(taken.seconds) * 1000, "ms")
            if self.server.processes:
                rows[f"{work}, processor"] = (taken.cpu / len(taken.seconds) * 1000, "ms CPU")
        return rows | self._figures


def measure(servers: Sequence[Server], extent: Extent, say: Callable[[str], None]) -> list[Figure]:
    """Has every server do the work; its figures, and after the first server's how the others compare. Raises
    :class:`~bench.same_work.WorkError` or :class:`~lab.device.PhoneError`."""
    results = [Results(server) for server in servers]
    for server in servers:
        same_work.fill(server, dict(extent.items), say)
    for number in range(extent.runs):
        for result in results:
            say(f"{result.server.name}: run {number + 1} of {extent.runs}")
            _run(result, extent)
    for result in results:
        say(f"{result.server.name}: {extent.pushes} messages to phones that wait")
        _push(result, extent)
    for result in results:
        if extent.parked:
            say(f"{result.server.name}: {extent.parked} phones wait")
            _park(result, extent)
    return list(_rows(results))


def _run(result: Results, extent: Extent) -> None:
    server = result.server
    for kind, count in extent.items.items():
        same_work.first_sync(server, kind, count, result.taken(f"first Sync of {count} {kind}"))
    phone, folder = same_work.settled(server)
    same_work.look_again(server, phone, folder, extent.looks, result.taken("Sync, nothing new"))
    same_work.look_at_folders(server, phone, extent.looks, result.taken("FolderSync, nothing new"))
    settlers = [same_work.settled(server) for _ in range(extent.at_once)]
    rate = same_work.many_look_again(settlers, extent.looks)
    result.note(f"Syncs a second, {extent.at_once} phones", rate, "/s")


def _push(result: Results, extent: Extent) -> None:
    server, random = result.server, Random(1)
    waiting, folder = same_work.settled(server)
    sender = server.phone()
    seconds = [same_work.push(server, waiting, sender, folder, random) for _ in range(extent.pushes)]
    if seconds:
        result.note("a mail reaches a phone that waits, median", statistics.median(seconds), "s")
        result.note("a mail reaches a phone that waits, slowest", max(seconds), "s")


def _park(result: Results, extent: Extent) -> None:
    memory, beside = same_work.parked(result.server, extent.parked)
    if result.server.processes:
        result.note(f"memory a phone that waits, of {extent.parked}", memory * 1000, "kB")
    result.note("FolderSync of another phone meanwhile", beside * 1000, "ms")


def _rows(results: Sequence[Results]) -> Iterator[Figure]:
    first, *others = results
    for figure, (value, unit) in first.figures().items():
        yield Figure(f"{figure}: {first.server.name}", value, unit)
        for other in others:
            there = other.figures().get(figure)
            if there is not None:
                yield Figure(f"{figure}: {other.server.name}", there[0], unit)
                if value > 0:
                    yield Figure(
                        f"{figure}: {other.server.name} / {first.server.name}", there[0] / value, "x"
                    )


# -- which servers ----------------------------------------------------------------------------------------------


def listed(file: Path) -> list[Server]:
    """The servers of a file. Raises ``SystemExit`` with what is wrong in it."""
    try:
        entries = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{file} cannot be read: {error}")
    if not isinstance(entries, list) or not entries:
        sys.exit(f"{file} must be a list of servers: python -m bench.peers --help")
    return [_server(entry, file) for entry in entries]


def _server(entry: Any, file: Path) -> Server:
    if not isinstance(entry, dict) or not NEEDED <= entry.keys() <= NEEDED | OPTIONAL:
        found = ", ".join(sorted(entry)) if isinstance(entry, dict) else repr(entry)
        sys.exit(
            f"{file}: a server has {', '.join(sorted(NEEDED))}, and may have {', '.join(sorted(OPTIONAL))}; "
            f"this one has {found}"
        )
    given = dict(entry)
    secret = file.parent / given.pop("password_file")
    try:
        password = secret.read_text().strip()
    except OSError as error:
        sys.exit(f"{file}: the password of {entry['name']} cannot be read: {error}")
    return Server(password=password, **given | {"processes": tuple(given.get("processes", ()))})


@contextmanager
def ourselves() -> Iterator[Server]:
    """This application and the stand-in, for as long as the block lasts."""
    with serving(settings=OUR_SETTINGS) as service:
        user = service.users[-1]
        yield Server(
            "this application",
            service.url,
            user["login"],
            user["password"],
            user["login"],
            processes=(service.worker,),
        )


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints the table, writes ``results/peers.json``."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("servers", nargs="?", type=Path, help="the file (without: this application)")
    parser.add_argument("--mails", type=int, default=1000)
    parser.add_argument("--contacts", type=int, default=200)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5, help="of which the median is told (5)")
    parser.add_argument("--parked", type=int, default=20, help="phones that wait at the same time (20)")
    parser.add_argument("--pushes", type=int, default=16, help="messages to a phone that waits (16)")
    options = parser.parse_args(arguments)
    items = {"mails": options.mails, "contacts": options.contacts, "events": options.events}
    extent = Extent(items, options.runs, options.parked, options.pushes)
    try:
        if options.servers:
            figures = measure(listed(options.servers), extent, _say)
        else:
            with ourselves() as server:
                figures = measure([server], extent, _say)
    except (WorkError, PhoneError, KeyError) as error:
        sys.exit(f"{type(error).__name__}: {error.args[0] if error.args else error}")
    return tell("peers", figures)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
