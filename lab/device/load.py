"""``python -m lab.device.load URL``: many phones at once, and an account of what they met.

    python -m lab.device.load http://127.0.0.1:8010 --ox http://127.0.0.1:8009/ajax --phones 40 --seconds 30

All phones are set up first; then one JSON line says so, ``{"ready": true, ...}``. They live until ``--seconds`` are
over or ``TERM`` or Ctrl-C comes, fetch what is left, and are compared with OX. The result is a table on the standard
error output, and one JSON line on the standard output. The exit status is 0 if no request failed other than with 503
and ``Retry-After``, no phone was told to start over, and nothing is lost or there twice; else 1.
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from urllib3.exceptions import InsecureRequestWarning

from lab.browser import BrowserError
from lab.device import account
from lab.device.account import Differences, Post
from lab.device.errors import PhoneError
from lab.device.owner import Owner, Pace, habit
from lab.device.record import SHOWN, Record

AT_ONCE = 8
"""So many phones are set up, and fetch what is left, at the same time."""
STARTS_PER_SECOND = 50
"""People do not all take their phones out at the same moment."""
MOST_PHONES = 2000
MOST_SECONDS = 3600.0


class LoadError(Exception):
    """The load could not be put on, or its outcome not be told; the message says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where phones go. ``ox``: the groupware's HTTP API, empty where it cannot be asked; ``verify`` as in requests;
    ``nodes``: addresses without a path, to any of which each request goes."""

    url: str
    ox: str = ""
    password: str = "secret"
    verify: bool | str = True
    nodes: tuple[str, ...] = ()


class Load:
    """So many phones, dealt out to ``logins`` in turn."""

    def __init__(self, site: Site, logins: Sequence[str], phones: int, pace: Pace | None = None) -> None:
        self.record = Record()
        self._site = site
        self._logins = logins
        self._stop = threading.Event()
        self._began = 0.0
        self._ended = 0.0
        self._post: Post | None = None
        # Names of an earlier load must not be taken for this one's.
        run = secrets.token_hex(3)
        self.owners = [
            Owner(
                f"{run}p{number:04d}",
                site.url,
                logins[(number - 1) % len(logins)],
                site.password,
                record=self.record,
                stop=self._stop,
                pace=pace or Pace(),
                habit=habit(number - 1),
                verify=site.verify,
                nodes=site.nodes,
            )
            for number in range(1, phones + 1)
        ]
        self._lives = [
            threading.Thread(target=each.live, name=each.name, daemon=True) for each in self.owners
        ]

    def set_up(self) -> float:
        """All phones provision and synchronise; how many seconds that took. Raises :class:`LoadError`."""
        began = self.record.now()
        problems = self._together(Owner.set_up)
        if problems:
            raise LoadError(f"{len(problems)} phones cannot be set up: {problems[0]}")
        return self.record.now() - began

    def start(self, mails_per_second: float = 0.0) -> None:
        """Let them live, and mail come to their users. Raises ``BrowserError``."""
        if mails_per_second:
            self._post = Post(
                self._site.ox,
                dict.fromkeys(self._logins),
                self._site.password,
                self._site.verify,
                mails_per_second,
            )
            self._post.start()
        self._began = self.record.now()
        for life in self._lives:
            life.start()
            time.sleep(1 / STARTS_PER_SECOND)

    def stop(self) -> None:
        """Switch the phones off; what is under way is given up."""
        if self._post is not None:
            self._post.end()
        self._ended = self.record.now()
        self._stop.set()
        for each in self.owners:
            each.line.cut()
        for life in self._lives:
            life.join()

    def finish(self) -> dict[str, Any]:
        """Every phone fetches what is left; the whole outcome as JSON knows it."""
        problems = self._together(Owner.finish)
        if not problems:
            # Once more: what a phone still had to send may have come after the others had fetched.
            problems = self._together(Owner.finish)
        differences = Differences()
        if self._site.ox:
            try:
                differences = account.compare(
                    self.owners, self._site.ox, self._site.password, self._site.verify
                )
            except BrowserError as error:
                problems.append(f"OX cannot be asked what it holds: {error}")
        for each in self.owners:
            for anomaly in each.phone.anomalies:
                self.record.odd(each.name, anomaly)
        figures = asdict(self.record.figures(self._began))
        return {
            "phones": len(self.owners),
            "users": len(set(self._logins)),
            "seconds": round(self._ended - self._began, 1),
            "delivered": self._post.delivered if self._post else 0,
            **figures,
            "compared": bool(self._site.ox),
            "unfinished": problems,
            "twice": differences.twice[:SHOWN],
            "lost": differences.lost[:SHOWN],
            "good": _is_good(figures, differences, problems),
        }

    def _together(self, act: Callable[[Owner], None]) -> list[str]:
        """All phones, some at a time; what went wrong, a sentence each."""

        def attempt(owner: Owner) -> str:
            try:
                act(owner)
            except (PhoneError, KeyError) as error:
                return f"{owner.name} of {owner.login}: {error}"
            return ""

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [problem for problem in pool.map(attempt, self.owners) if problem]


def _is_good(figures: dict[str, Any], differences: Differences, problems: list[str]) -> bool:
    bad = figures["failures"] or figures["restarts"] or figures["oddities"]
    return not (bad or differences.twice or differences.lost or problems)


def table(result: dict[str, Any]) -> list[str]:
    """The outcome as lines for a person."""
    rows = [
        ("phones", f"{result['phones']} of {result['users']} users, for {result['seconds']} s"),
        ("requests", f"{result['requests']}: {_listed(result['by_command'])}"),
        ("by status", _listed(result["by_status"])),
        ("mails delivered", result["delivered"]),
        ("refused for now", f"{result['refused_for_now']} (503 with Retry-After)"),
        ("longest until served", f"{result['worst_wait']} s"),
        ("slowest answers", _listed(result["slowest"])),
        ("failed otherwise", result["failures"]),
        ("told to start over", result["restarts"]),
        ("sent what must not be", result["oddities"]),
        ("there twice", len(result["twice"]) if result["compared"] else "not compared"),
        ("lost", len(result["lost"]) if result["compared"] else "not compared"),
    ]
    lines = [f"  {name:22}{value}" for name, value in rows]
    for name in ("failed", "started_over", "odd", "unfinished", "twice", "lost"):
        lines += [f"  {name}: {sentence}" for sentence in result[name][:5]]
    return lines


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "-"


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.insecure:
        warnings.simplefilter("ignore", InsecureRequestWarning)
    logins = chosen.login or [f"user{number:04d}@example.org" for number in range(1, chosen.users + 1)]
    verify: bool | str = False if chosen.insecure else chosen.ca or True
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    load = Load(
        Site(chosen.url, chosen.ox, chosen.password, verify, tuple(chosen.node)),
        logins,
        chosen.phones,
        Pace(heartbeat=chosen.heartbeat, pause=chosen.pause),
    )
    try:
        result = _run(load, chosen, ended)
    except (LoadError, BrowserError, ValueError) as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(result)), file=sys.stderr, flush=True)
    print(json.dumps(result), flush=True)
    return 0 if result["good"] else 1


def _run(load: Load, chosen: argparse.Namespace, ended: threading.Event) -> dict[str, Any]:
    took = load.set_up()
    load.start(chosen.mails if chosen.ox else 0.0)
    print(json.dumps({"ready": True, "phones": chosen.phones, "seconds": round(took, 1)}), flush=True)
    ended.wait(chosen.seconds)
    load.stop()
    return load.finish()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab.device.load", description="Many ActiveSync phones at once."
    )
    parser.add_argument("url", help="the server, such as https://mail.example.org/")
    parser.add_argument("--ox", default="", metavar="URL", help="OX's HTTP API, to deliver mail and compare")
    parser.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="URL",
        help="http://host:port of a node; again for more: each request goes to one of them",
    )
    parser.add_argument("--phones", type=_up_to(MOST_PHONES, int), default=40, metavar="N", help="(40)")
    parser.add_argument(
        "--users", type=_up_to(MOST_PHONES, int), default=8, metavar="N", help="user0001 and so on (8)"
    )
    parser.add_argument("--login", action="append", metavar="NAME", help="a user by name; again for more")
    parser.add_argument("--password", default="secret", help="of all of them (secret)")
    parser.add_argument(
        "--seconds", type=_up_to(MOST_SECONDS, float), default=30.0, metavar="N", help="to live (30)"
    )
    parser.add_argument("--mails", type=float, default=1.0, metavar="N", help="delivered a second (1)")
    parser.add_argument(
        "--heartbeat", type=_bounds(int), default=(60, 120), metavar="MIN-MAX", help="(60-120)"
    )
    parser.add_argument("--pause", type=_bounds(float), default=(5.0, 20.0), metavar="MIN-MAX", help="(5-20)")
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--ca", metavar="FILE", help="the authority that signed the server's certificate")
    trust.add_argument("--insecure", action="store_true", help="accept any certificate")
    return parser


def _up_to(most: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = kind(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {most:g}")
        return value

    return read


def _bounds(kind: Callable[[str], Any]) -> Callable[[str], tuple[Any, Any]]:
    def read(text: str) -> tuple[Any, Any]:
        low, dash, high = text.partition("-")
        bounds = kind(low), kind(high if dash else low)
        if not 0 < bounds[0] <= bounds[1]:
            raise argparse.ArgumentTypeError(f"{text} is not MIN-MAX")
        return bounds

    return read


if __name__ == "__main__":
    sys.exit(main())
