"""Wrong passwords, counted: whoever tries one after the other has to wait longer and longer, unheard by OX.

Rules
* Counted are *different* wrong passwords. A phone with an old password sends the same one for days: that is one, on
  whatever worker, and while OX's answer is remembered it is refused without a question to OX.
* A login name has some tries that are free, and so has an address (of IPv6 a network of 64 bits). After that each wrong
  password doubles the pause in which no further one is tried. Pauses are forgiven one by one as time goes by.
* Nobody is locked out by what strangers do. Who has logged in before, as this user on this device, has a count of his
  own, which nobody else can fill; so has who comes from an address where this user has logged in, as far as the name
  is concerned. What strangers try counts for strangers alone, and a session that is open asks nobody here.
* What is paused is answered with 503 and ``Retry-After``, never with 401: nobody shall be asked for another password
  because somebody else has guessed. The pause says nothing of whether a user exists, or the password is right.
* All workers of a node know of each other's tries at once, and so do all nodes with a Redis between them: each try that
  OX has answered is news on the bus. Tries that are not made are none, so an attack makes little news. Without Redis an
  attacker has so many tries at each node; the same goes for a node that has just started.
* Memory is bounded; what was longest unused is forgotten first. Passwords are kept nowhere: a mark of 64 bits under a
  key of the node, or of the installation, tells one from another.

The same serves whatever has names and passwords: users of OX wherever they log in, administrators, a mail server. Each
of them has a throttle of its own.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from app.usm.errors import AccessDenied, AccountBlocked, LoginPaused, PasswordExpired
from app.usm.model import Credentials, Login
from app.usm.ports import Clock
from app.web.log import clean

_log = logging.getLogger(__name__)

FIRST: Final = 5.0
"""Seconds of the first pause."""
NAME_FORGIVEN: Final = 1800.0
"""Seconds after which one wrong password of a name is forgiven."""
ADDRESS_FORGIVEN: Final = 300.0
"""The same of an address."""

KNOWN: Final = 30 * 86_400.0
"""Seconds for which a device is known that logged in."""
AGAIN: Final = 3600.0
"""Seconds after which it is told again that it did."""

COUNTS: Final = 20_000
DEVICES: Final = 200_000
MARKS: Final = 20_000
LONGEST: Final = 256
"""Characters of a name or device that are told apart."""

SHARED: Final = frozenset({"", "autodiscover"})
"""What is no device: anybody can say that."""

NAME: Final = "name"
ADDRESS: Final = "address"
"""What is paused."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Wrong passwords that are free for a ``name`` and for an ``address``, 0: any number; seconds of the ``longest``
    pause, and for which a wrong password is refused from ``memory``."""

    name: int = 10
    address: int = 50
    longest: float = 900.0
    memory: float = 300.0


@dataclass(slots=True)
class _Count:
    """Wrong passwords of somebody; moments in monotonic seconds."""

    since: float
    wrong: float = 0.0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Lane:
    """What a try is counted by. ``key``: of its count; ``free``: wrong passwords that cost no pause; ``forgiven``:
    seconds for each; ``what``: :data:`NAME` or :data:`ADDRESS`."""

    key: int
    free: int
    forgiven: float
    what: str


@dataclass(slots=True)
class _Memory:
    """What is remembered, each part the least recently used first."""

    counts: OrderedDict[int, _Count] = field(default_factory=OrderedDict)
    known: OrderedDict[int, float] = field(default_factory=OrderedDict)
    marks: OrderedDict[str, float] = field(default_factory=OrderedDict)


class LoginThrottle:
    """See the module's rules; :class:`app.usm.ports.LoginGuard`. ``publish`` tells all throttles that share it of a
    try, this one included, each of which must then :meth:`hear`; without it there is only this one. ``key``: what
    marks are made with, the same for all who share, or the same wrong password counts once for each."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        key: bytes,
        publish: Callable[[Login], None] | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._key = key
        self._guard = threading.Lock()
        self._memory = _Memory()
        self._publish = publish or self.hear

    @contextmanager
    def trying(self, credentials: Credentials, device_id: str = "") -> Iterator[None]:
        """Around the check of a password: what is raised inside tells how it went, ``AccessDenied`` that the password
        is wrong. Raises ``AccessDenied`` for what is known to be wrong, ``LoginPaused`` when it is not to be tried
        now."""
        login = self._login(credentials, device_id)
        self._check(login)
        try:
            yield
        except PasswordExpired:
            raise
        except AccessDenied as error:
            # Of a locked account nobody knows whether the password is wrong: once it is open, it may be tried again.
            is_locked = isinstance(error, AccountBlocked)
            self._publish(replace(login, mark=f"locked {login.mark}") if is_locked else login)
            raise
        good = replace(login, is_good=True)
        if self._is_news(good):
            self._publish(good)

    def _login(self, credentials: Credentials, device_id: str) -> Login:
        name = credentials.login.strip().casefold()
        text = f"{len(name)}:{name}{credentials.password}".encode("utf-8", "surrogatepass")
        mark = hmac.digest(self._key, text, "sha256")[:8].hex()
        return Login(name[:LONGEST], device_id[:LONGEST], network(credentials.origin), mark, False)

    def _check(self, login: Login) -> None:
        """Raises :class:`LoginPaused`, or ``AccessDenied`` for what is known to be wrong."""
        now = self._clock.monotonic()
        with self._guard:
            when = self._memory.marks.get(login.mark)
            is_wrong = when is not None and now - when < self._limits.memory
            left, what = max(
                ((self._left(lane, now), lane.what) for lane in self._lanes(login, now)),
                default=(0.0, ""),
            )
        if is_wrong:
            raise AccessDenied("this password was wrong a short while ago")
        if left > 0:
            raise LoginPaused(f"too many wrong passwords of this {what}", retry_after=int(left) + 1)

    def _left(self, lane: _Lane, now: float) -> float:
        count = self._memory.counts.get(lane.key)
        return 0.0 if count is None else count.until - now

    def _lanes(self, login: Login, now: float) -> Iterator[_Lane]:
        """What a try of this user, device and address is counted by."""
        device, place = _keys(login)
        limits = self._limits
        if self._is_known(device, now):
            yield _Lane(device, limits.name, NAME_FORGIVEN, NAME)
            return
        if limits.name and login.name:
            # A token says nothing of its user.
            of_name = place if self._is_known(place, now) else hash(("name", login.name))
            yield _Lane(of_name, limits.name, NAME_FORGIVEN, NAME)
        if limits.address and login.address:
            yield _Lane(hash(("address", login.address)), limits.address, ADDRESS_FORGIVEN, ADDRESS)

    def _is_known(self, key: int, now: float) -> bool:
        since = self._memory.known.get(key)
        return since is not None and now - since < KNOWN

    def _is_news(self, login: Login) -> bool:
        """Whether it is worth telling that this user has logged in here: it is not known, or not lately, or something
        was held against him."""
        now = self._clock.monotonic()
        with self._guard:
            memory = self._memory
            return login.mark in memory.marks or any(
                key in memory.counts or now - memory.known.get(key, -math.inf) >= AGAIN
                for key in _keys(login)
                if key
            )

    # -- what all have tried ---------------------------------------------------------------------------------

    def hear(self, news: object) -> None:
        """A try, of this worker or of another one; other news is passed over."""
        if not isinstance(news, Login) or len(news.mark) > LONGEST:
            return
        now = self._clock.monotonic()
        with self._guard:
            paused = [] if news.is_good else self._count(news, now)
            if news.is_good:
                self._know(news, now)
        for lane in paused:
            whom = news.address if lane.what == ADDRESS else news.name
            _log.warning(
                "logins are paused after %d wrong passwords: %s %s, the last one from %s",
                lane.free,
                lane.what,
                clean(whom),
                clean(news.address) or "-",
            )

    def _know(self, login: Login, now: float) -> None:
        memory = self._memory
        memory.marks.pop(login.mark, None)
        for key in _keys(login):
            if key:
                memory.known[key] = now
                memory.known.move_to_end(key)
                # Whoever knows the password may have mistyped it before.
                memory.counts.pop(key, None)
        _shorten(memory.known, DEVICES)

    def _count(self, login: Login, now: float) -> list[_Lane]:
        """Count a wrong password, unless it is an old one. Returns what is paused from now on that was not before."""
        marks, counts = self._memory.marks, self._memory.counts
        is_new = login.mark not in marks
        marks[login.mark] = now
        marks.move_to_end(login.mark)
        _shorten(marks, MARKS)
        paused = []
        for lane in self._lanes(login, now) if is_new else ():
            count = counts.setdefault(lane.key, _Count(now))
            counts.move_to_end(lane.key)
            count.wrong = max(count.wrong - (now - count.since) / lane.forgiven, 0.0) + 1
            count.since = now
            above = math.ceil(count.wrong) - lane.free
            if lane.free and above >= 0:
                # The number is bounded, or it would grow beyond what a float holds.
                count.until = now + min(FIRST * 2.0 ** min(above, 32), self._limits.longest)
                if not above:
                    paused.append(lane)
        _shorten(counts, COUNTS)
        return paused


def _keys(login: Login) -> tuple[int, int]:
    """By what it is known that the user has logged in: on this device, and from this address; 0: it never is."""
    device = 0 if login.device in SHARED else hash(("device", login.name, login.device))
    place = hash(("place", login.name, login.address)) if login.name and login.address else 0
    return device, place


def network(address: str) -> str:
    """What an address is counted by: IPv4 as it is, of IPv6 the first 64 bits, which one customer has; ``""`` for what
    is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))


def _shorten(
    memory: OrderedDict[int, float] | OrderedDict[int, _Count] | OrderedDict[str, float], most: int
) -> None:
    while len(memory) > most:
        memory.popitem(last=False)
