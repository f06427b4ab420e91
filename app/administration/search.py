"""Looking for devices among very many, over all schemas: page by page, in numbers, and who waits to be let in.

A schema that does not answer hides its own devices and no others; it is named among the failures.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from app.administration.estate import MODEL, OS
from app.administration.naming import ABOUT, Names
from app.eas import memory
from app.eas.admission_rules import Access, DeviceRules, Rule, Subject
from app.store import estate
from app.store.database import Database, Databases
from app.store.estate import UNDECIDED, Filter, Order, Place
from app.usm import holding
from app.usm.devices import AGENT, DEVICE_TYPE, LOGIN, VERSION, Standing
from app.usm.errors import UsmError
from app.usm.model import User
from app.usm.ports import STANDING, Remembered

T = TypeVar("T")

SIZE: Final = 50
"""Devices on a page."""
MOST: Final = 10_000
"""Devices are counted up to this number; more are "more"."""
SCANNED: Final = 5_000
"""So many devices are looked at for one page of those that wait."""
BATCH: Final = 100

TEXTS: Final = (LOGIN, DEVICE_TYPE, AGENT, MODEL, OS, f"{memory.DEVICE}FriendlyName", f"{memory.DEVICE}IMEI")
"""Fields in which a text is sought."""

SEEN: Final = {"day": 1, "week": 7, "month": 30, "quarter": 90}
"""Spans of time, in days."""

_FIELDS: Final = {"type": DEVICE_TYPE, "agent": AGENT}
"""Condition of a rule → the field that it means."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; empty: all. ``text``: anywhere in what is known; ``context``: number or name; ``standing``: a
    :class:`Standing`, or :data:`UNDECIDED`; ``device_type`` exactly; ``seen`` within a span of :data:`SEEN`, ``unseen``
    longer ago than that. ``problem``: ``ordered`` (to be wiped and not done yet), ``failed`` (could not carry that
    out), ``stuck`` (something of it may be, see :mod:`app.administration.stuck`), ``refused`` (blocked, in quarantine
    or wiped)."""

    text: str = ""
    context: str = ""
    standing: str = ""
    device_type: str = ""
    problem: str = ""
    seen: str = ""
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some devices. ``following``: by which the next page is asked for, ``""`` on the last one; ``failures``: what
    could not be asked."""

    devices: Sequence[Remembered]
    following: str = ""
    failures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The estate in numbers. ``seen``: devices that were seen in the last day and week, to the hour."""

    users: int
    standings: Counter[str]
    seen: tuple[int, int]
    failures: Sequence[str] = ()

    @property
    def devices(self) -> int:
        """All of them."""
        return self.standings.total()


class Search:
    """``rules``: which devices are let in. Every method may raise :class:`app.administration.naming.Unknown`."""

    def __init__(
        self, databases: Databases, names: Names, rules: DeviceRules, now: Callable[[], datetime]
    ) -> None:
        self._databases = databases
        self._names = names
        self._rules = rules
        self._now = now

    def page(self, wanted: Wanted, order: Order = Order.NAME, after: str = "", size: int = SIZE) -> Page:
        """The devices that are looked for. ``after``: what the page before said is following; ``""``, and what nobody
        ever said, begins at the beginning."""
        failures: list[str] = []
        found = self._rows(self._filter(wanted), order, parsed(after, order), size + 1, failures)
        following = text_of(found[size - 1][0]) if len(found) > size else ""
        return Page([device for _, device in found[:size]], following, failures)

    def count(self, wanted: Wanted) -> int:
        """How many there are; :data:`MOST` for as many and for more."""
        asked = self._filter(wanted)
        counts = self._each([], lambda database: _count(database, asked), asked.context_id)
        return min(sum(counts), MOST)

    def quarantine(self, after: str = "", size: int = SIZE) -> Page:
        """The devices that wait to be let in, by a decision or by a rule; those that came first come first."""
        failures: list[str] = []
        may_be = self._may_wait()
        found: list[Remembered] = []
        place, looked = parsed(after, Order.FIRST), 0
        while looked < SCANNED:
            rows = self._rows(may_be, Order.FIRST, place, BATCH, failures)
            for row_place, device in rows:
                if len(found) == size:
                    return Page(found, text_of(place or ()), failures)
                place = row_place
                if self.waits(device):
                    found.append(device)
            if len(rows) < BATCH:
                return Page(found, "", failures)
            looked += len(rows)
            if failures:  # what does not answer takes its time, each time that it is asked
                break
        return Page(found, text_of(place or ()), failures)

    def _may_wait(self) -> Filter:
        """Among whom those in quarantine are, as far as a database can tell."""
        decided = Standing.QUARANTINED.value
        rules = self._rules.quarantine
        if self._rules.default is Access.QUARANTINE:
            return Filter(standings=[decided, UNDECIDED])
        alike = [_alike(rule) for rule in rules]
        return Filter(
            standings=[decided, UNDECIDED] if rules else [decided],
            alike=alike if all(alike) else (),
        )

    def waits(self, device: Remembered) -> bool:
        """Whether a device is in quarantine."""
        return self.access(device)[0] is Access.QUARANTINE

    def access(self, device: Remembered) -> tuple[Access, str]:
        """What a device may do, and by which rule, ``""`` where that was decided of the device itself."""
        standing = Standing.parse(device.fields.get(STANDING, ""))
        if standing is Standing.QUARANTINED:
            return Access.QUARANTINE, ""
        if standing is not None:
            return (Access.ALLOW if standing is Standing.ALLOWED else Access.BLOCK), ""
        login, _, mail = device.fields.get(LOGIN, "").partition(" ")
        user = User(device.id.context_id, device.id.user_id, login, mail=mail)
        about = device.fields.get(DEVICE_TYPE, ""), device.fields.get(AGENT, "")
        return self._rules.access(Subject.of(user, *about))

    def numbers(self) -> Numbers:
        """The estate at a glance."""
        failures: list[str] = []
        spans = [self._ago(SEEN[span]) for span in ("day", "week")]
        standings: Counter[str] = Counter()
        users, seen = 0, [0, 0]
        for of_standing, (of_users, of_spans) in self._each(failures, lambda each: _numbers(each, spans)):
            standings += of_standing
            users += of_users
            seen = [before + more for before, more in zip(seen, of_spans, strict=True)]
        return Numbers(users, standings, (seen[0], seen[1]), failures)

    def versions(self, days: int = SEEN["month"]) -> dict[str, Counter[str]]:
        """What the devices are that were seen lately: name of a field → value → how many."""
        names = (VERSION, DEVICE_TYPE, AGENT, MODEL, OS)
        found: dict[str, Counter[str]] = {name: Counter() for name in names}
        since = self._ago(days)
        for counts in self._each([], lambda each: _values(each, names, since)):
            for (name, value), number in counts.items():
                found[name][value] += number
        return found

    # -- the schemas -----------------------------------------------------------------------------------------

    def _filter(self, wanted: Wanted) -> Filter:
        standings: Collection[str] = [wanted.standing] if wanted.standing else ()
        match wanted.problem:
            case "ordered":
                standings = [Standing.WIPE.value, Standing.WIPE_ACCOUNT.value]
            case "refused":
                refused = (Standing.BLOCKED, Standing.QUARANTINED, Standing.WIPED, Standing.ACCOUNT_WIPED)
                standings = [each.value for each in refused]
        return Filter(
            context_id=self._names.context(wanted.context) if wanted.context else None,
            text=wanted.text,
            texts=TEXTS,
            standings=standings,
            equal={DEVICE_TYPE: wanted.device_type} if wanted.device_type else {},
            having=memory.WIPE_FAILED if wanted.problem == "failed" else "",
            kept=[int(each) for each in holding.NOTED] if wanted.problem == "stuck" else (),
            seen_since=self._ago(SEEN[wanted.seen]) if wanted.seen else None,
            seen_before=self._ago(SEEN[wanted.unseen]) if wanted.unseen else None,
        )

    def _ago(self, days: int) -> int:
        return int((self._now() - timedelta(days=days)).timestamp() * 1000)

    def _rows(
        self, asked: Filter, order: Order, after: Place | None, size: int, failures: list[str]
    ) -> list[tuple[Place, Remembered]]:
        pages = self._each(
            failures, lambda database: _page(database, asked, order, after, size), asked.context_id
        )
        return sorted((row for rows in pages for row in rows), key=lambda row: _key(row[0], order))[:size]

    def _each(
        self, failures: list[str], work: Callable[[Database], T], context_id: int | None = None
    ) -> list[T]:
        """What each schema answers, or that of one context; ``failures`` gets which do not."""
        found = []
        for name, database in self._asked(context_id):
            try:
                found.append(work(database))
            except UsmError as error:
                failures.append(f"{name}: {error}")
        return found

    def _asked(self, context_id: int | None) -> list[tuple[str, Database]]:
        if context_id is not None:
            return [(f"context {context_id}", self._databases.database(context_id))]
        return [(schema.name, self._databases.unprepared(schema)) for schema in self._databases.schemas()]


def _alike(rule: Rule) -> dict[str, str]:
    """What the devices that a rule means have in common; nothing where it means users, as that takes a look at each."""
    found = {}
    for part in rule.text.lower().split("&"):
        name, _, pattern = (piece.strip() for piece in part.partition(":"))
        if name in _FIELDS:
            found[_FIELDS[name]] = pattern
    return found


def text_of(place: Place) -> str:
    """A place as addresses hold it."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def parsed(text: str, order: Order) -> Place | None:
    """What :func:`text_of` wrote for this order; ``None`` for anything else."""
    kinds = (int, int, str, str) if order is Order.NAME else (int, int, int)
    try:
        place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return None
    fits = isinstance(place, list) and [type(part) for part in place] == list(kinds)
    return tuple(place) if fits else None


def _key(place: Place, order: Order) -> tuple[Any, ...]:
    first, *rest = place
    return (-int(first), *rest) if order is Order.SEEN else place


def _page(
    database: Database, asked: Filter, order: Order, after: Place | None, size: int
) -> list[tuple[Place, Remembered]]:
    return database.read(lambda connection: estate.page(connection, asked, order, after, size, ABOUT))


def _count(database: Database, asked: Filter) -> int:
    return database.read(lambda connection: estate.count(connection, asked, MOST))


def _numbers(database: Database, spans: Sequence[int]) -> tuple[Counter[str], tuple[int, list[int]]]:
    return database.read(lambda connection: (estate.standings(connection), estate.seen(connection, spans)))


def _values(database: Database, names: Collection[str], since: int) -> Counter[tuple[str, str]]:
    return database.read(lambda connection: estate.values(connection, names, since))
