"""Logins at OX, kept and shared: :class:`OxSourceProvider`.

Rules
* One OX session for each (login, device) of a process. It is found only with the very password it was opened with;
  of that password nothing is kept but a hash under a key that the process draws at its start and never shows.
* A wrong password is tried at OX once, then refused from memory for a while: a phone with an old password must not
  lock the account. The right password is never held up by that, it has another hash.
* A guard stands before every login at OX, and hears how it went; whoever has a session here does not meet it.
* One login at a time for the same name and password; whoever comes meanwhile waits and takes the result.
* Whoever synchronises needs the rights for it, which are asked for again after a while.
* A password that stands for another one (a keyring knows) is exchanged for it right before the login and at no other
  time; whether it still stands is asked together with the rights.
* An access token takes the place of a login: OX's OAuth provider knows the user of each call by it (facts: HTTP API
  1.6 has no login for it). Of the token only the running entry holds a copy.
* A person who comes by himself, to the pages, has a session with OX of his own, which is not kept here.
* Sessions that are unused, too old or too many are logged out, by a thread of their own: no request waits for that.
"""

from __future__ import annotations

import hmac
import math
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final

from requests.adapters import BaseAdapter

from app.ox import access as rights
from app.ox import visits
from app.ox.access import Access, Traits
from app.ox.client import OxClient, OxSession, login
from app.ox.meter import Meter, Told, nobody
from app.ox.module import Context
from app.ox.observer import NOBODY, Observer
from app.ox.settings import OxSettings
from app.ox.source import OxSource
from app.ox.transport import Cookies, Transport
from app.usm.errors import AccessDenied, NotEnabled, SourceUnavailable, UsmError
from app.usm.model import Credentials, Device, User
from app.usm.ports import Clock, Keyring, LoginGuard

CLIENT: Final = "USM-EAS"
"""What the login names as client: OX treats its sessions as those of a mobility gateway (section 1.6)."""

_LOGOUTS: Final = 8
"""So many sessions are logged out at the same time at the end."""

_Key = tuple[str, str]


@dataclass(slots=True)
class _Entry:
    """One kept session. Times are monotonic seconds."""

    digest: bytes
    session: OxSession
    access: Access
    opened: float
    probed: float
    placed: float
    """When it was last put at the young end of the line."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept login, without anything that opens it; moments in seconds since 1970. ``by_token``: of an OAuth token."""

    context: int
    user: int
    login: str
    device: str
    opened: float
    used: float
    by_token: bool


class _Refusals:
    """Names and passwords that OX refused a short while ago, by their hash. Bounded, oldest out first."""

    def __init__(self, settings: OxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, UsmError]] = OrderedDict()

    def note(self, digest: bytes, error: AccessDenied | NotEnabled) -> None:
        """Remember a refusal."""
        wrong = isinstance(error, AccessDenied)
        seconds = self._settings.refusal_seconds if wrong else self._settings.disabled_seconds
        with self._lock:
            self._known[digest] = (self._clock.monotonic() + seconds, error)
            self._known.move_to_end(digest)
            while len(self._known) > self._settings.refusals:
                self._known.popitem(last=False)

    def check(self, digest: bytes) -> None:
        """Raises the refusal that is remembered, as a new exception."""
        with self._lock:
            until, error = self._known.get(digest, (0.0, None))
            if error is not None and until <= self._clock.monotonic():
                del self._known[digest]
                error = None
        if error is not None:
            raise type(error)(*error.args)


class _Gates:
    """One at a time for each key; a key that nobody waits for takes no memory."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._gates: dict[bytes, tuple[threading.Lock, int]] = {}

    @contextmanager
    def passing(self, key: bytes) -> Iterator[None]:
        """Wait for the others with this key. Raises ``SourceUnavailable`` when that takes too long."""
        with self._lock:
            gate, users = self._gates.get(key, (threading.Lock(), 0))
            self._gates[key] = (gate, users + 1)
        try:
            if not gate.acquire(timeout=self._patience):
                raise SourceUnavailable("another login of the same user still waits for OX")
            try:
                yield
            finally:
                gate.release()
        finally:
            with self._lock:
                gate, users = self._gates[key]
                if users > 1:
                    self._gates[key] = (gate, users - 1)
                else:
                    del self._gates[key]


class OxSourceProvider:
    """The ``SourceProvider`` port on OX. ``adapter`` is the seam for tests; without a ``keyring`` every password is
    OX's own, without a ``guard`` anybody may try any number of them; ``observer`` looks on, and ``told`` hears
    how each request ended."""

    def __init__(
        self,
        settings: OxSettings,
        clock: Clock,
        adapter: BaseAdapter | None = None,
        keyring: Keyring | None = None,
        observer: Observer = NOBODY,
        told: Told = nobody,
        guard: LoginGuard | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keyring = keyring
        self._guard = guard
        self._transport = Transport(settings, clock, adapter, observer)
        self._told = told
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._refusals = _Refusals(settings, clock)
        self._gates = _Gates(settings.connect_timeout + settings.read_timeout)
        self._traits = Traits()
        self._leaving: deque[OxSession] = deque()
        self._sweeping = False

    def open(self, credentials: Credentials, device: Device) -> OxSource:
        """See the port. At best no call to OX at all."""
        named = credentials.is_token or _is_text(credentials.login)
        if not named or not _is_text(credentials.password):
            raise AccessDenied("a login needs a name and a password in UTF-8")
        digest = self._digest(credentials)
        # Two users may say the same name beside their tokens, or none at all.
        key = (digest.hex() if credentials.is_token else credentials.login, device.device_id)
        meter = Meter(self._clock, self._told)
        entry = self._found(key, digest) or self._login(key, digest, credentials, meter)

        def renew(stale: OxSession) -> OxSession:
            return self._renew(key, digest, credentials, meter, stale, entry.access)

        client = OxClient(self._transport, self._clock, entry.session, meter, renew)
        if self._due(entry):
            self._probe_again(key, entry, client, digest, credentials)
        return OxSource(Context(client, entry.access, self._settings, self._traits, self._clock))

    def visit(self, credentials: Credentials) -> tuple[User, str]:
        """Log in a person, and keep nothing of it here: who that is, and a text that opens the session with OX on any
        node (:meth:`visited`). Whoever asks has seen to it that it is no password of a device. Raises like
        :meth:`open`."""
        if not (_is_text(credentials.login) and _is_text(credentials.password)):
            raise AccessDenied("a login needs a name and a password in UTF-8")
        digest = self._digest(credentials)
        meter = Meter(self._clock, self._told)
        self._refusals.check(digest)
        with self._gates.passing(digest):
            entry = self._tried(digest, credentials, "", meter)
        return entry.access.user, visits.written(entry.session, entry.access)

    def visited(self, opens: str) -> OxSource:
        """The source of somebody who came by :meth:`visit`. It raises ``AccessDenied`` once OX has forgotten him."""
        session, access = visits.read(opens, self._clock)
        meter = Meter(self._clock, self._told)
        client = OxClient(self._transport, self._clock, session, meter, visits.over)
        return OxSource(Context(client, access, self._settings, self._traits, self._clock))

    def leave(self, opens: str) -> None:
        """Have such a session logged out soon."""
        self._leave(visits.read(opens, self._clock)[0])

    def close(self, seconds: float = 3.0) -> None:
        """Log out the kept sessions, as many as can be in this time, and close the connections. For the end of the
        process; what is left ends by OX's own clock."""
        with self._lock:
            self._leaving.extend(entry.session for entry in self._entries.values())
            self._entries.clear()
            self._sweeping = True
            helpers = min(len(self._leaving), _LOGOUTS)
        end = self._clock.monotonic() + seconds
        sweepers = [threading.Thread(target=self._sweep, args=(end,), daemon=True) for _ in range(helpers)]
        for each in sweepers:
            each.start()
        for each in sweepers:
            each.join(max(end - self._clock.monotonic(), 0.0))
        self._transport.close()

    def kept(self) -> list[Kept]:
        """The logins that are kept now, the one unused for longest first."""
        with self._lock:
            entries = [(*key, entry) for key, entry in self._entries.items()]
        now, moment = self._clock.monotonic(), self._clock.now().timestamp()
        return [
            Kept(
                entry.access.user.context_id,
                entry.access.user.user_id,
                entry.access.user.login if entry.session.token else login,
                device,
                moment - (now - entry.opened),
                moment - (now - entry.session.used),
                bool(entry.session.token),
            )
            for login, device, entry in entries
        ]

    def count(self) -> int:
        """How many OX sessions are kept now."""
        with self._lock:
            return len(self._entries)

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections to OX are in use, and how many may be."""
        return self._transport.in_use, self._settings.connections

    # -- what is known ---------------------------------------------------------------------------------------

    def _digest(self, credentials: Credentials) -> bytes:
        kind = "token" if credentials.is_token else "password"
        text = f"{kind}{len(credentials.login)}:{credentials.login}{credentials.password}"
        return hmac.digest(self._secret, text.encode(), "sha256")

    def _found(self, key: _Key, digest: bytes) -> _Entry | None:
        now = self._clock.monotonic()
        with self._lock:
            self._expire(now)
            entry = self._entries.get(key)
            if entry is None or not hmac.compare_digest(entry.digest, digest):
                return None
            if self._spent(entry, now):
                del self._entries[key]
                self._leave(entry.session)
                return None
            self._to_young_end(key, entry)
            return entry

    def _spent(self, entry: _Entry, now: float) -> bool:
        idle = now - entry.session.used > self._settings.session_idle
        return idle or now - entry.opened > self._settings.session_age

    def _expire(self, now: float) -> None:
        """Let go of the sessions at the old end of the line that are spent, and of those that are too many."""
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if len(self._entries) > self._settings.sessions or self._spent(entry, now):
                del self._entries[key]
                self._leave(entry.session)
            elif entry.session.used > entry.placed:
                self._to_young_end(key, entry)
            else:
                return

    def _to_young_end(self, key: _Key, entry: _Entry) -> None:
        entry.placed = entry.session.used
        self._entries.move_to_end(key)

    # -- logging in ------------------------------------------------------------------------------------------

    def _login(self, key: _Key, digest: bytes, credentials: Credentials, meter: Meter) -> _Entry:
        self._refusals.check(digest)
        with self._gates.passing(digest):
            if (entry := self._found(key, digest)) is not None:
                return entry
            entry = self._tried(digest, credentials, key[1], meter)
            self._keep(key, entry)
            return entry

    def _tried(self, digest: bytes, credentials: Credentials, device_id: str, meter: Meter) -> _Entry:
        """A new login, if the refusals and the guard let it pass; how it went is noted with both."""
        self._refusals.check(digest)
        try:
            with self._guard.trying(credentials, device_id) if self._guard else nullcontext():
                return self._fresh(digest, credentials, meter)
        except (AccessDenied, NotEnabled) as error:
            self._refusals.note(digest, error)
            raise

    def _fresh(self, digest: bytes, credentials: Credentials, meter: Meter) -> _Entry:
        """Log in and ask for the rights; a user without them is logged out again."""
        now = self._clock.monotonic()
        session, answer = self._session(credentials, meter)
        session.opened = self._clock.now().timestamp()
        client = OxClient(self._transport, self._clock, session, meter)
        try:
            found = rights.identify(client, credentials.login, answer)
        except UsmError:
            self._leave(session)
            raise
        return _Entry(digest, session, found, opened=now, probed=now, placed=now)

    def _session(self, credentials: Credentials, meter: Meter) -> tuple[OxSession, Mapping[str, Any]]:
        if credentials.is_token:
            return OxSession("", Cookies(), self._clock.monotonic(), credentials.password), {}
        if self._keyring is not None:
            credentials = self._keyring.resolve(credentials)
        form = {
            "name": credentials.login,
            "password": credentials.password,
            "client": CLIENT,
            "version": self._settings.version,
        }
        return login(self._transport, self._clock, meter, form)

    def _keep(self, key: _Key, entry: _Entry) -> None:
        with self._lock:
            before = self._entries.pop(key, None)
            self._entries[key] = entry
            if before is not None:
                self._leave(before.session)
            self._expire(self._clock.monotonic())

    def _renew(
        self,
        key: _Key,
        digest: bytes,
        credentials: Credentials,
        meter: Meter,
        stale: OxSession,
        access: Access,
    ) -> OxSession:
        """A living session in place of one that OX has forgotten."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.session is stale:
                del self._entries[key]
        fresh = self._found(key, digest) or self._login(key, digest, credentials, meter)
        now, then = fresh.access.user, access.user
        if (now.context_id, now.user_id) != (then.context_id, then.user_id):
            raise AccessDenied(f"the login {credentials.login} belongs to another user now")
        return fresh.session

    # -- rights ----------------------------------------------------------------------------------------------

    def _due(self, entry: _Entry) -> bool:
        """Whether it is this request's turn to ask for the rights again."""
        now = self._clock.monotonic()
        with self._lock:
            if now - entry.probed <= self._settings.rights_age:
                return False
            entry.probed = now
            return True

    def _probe_again(
        self, key: _Key, entry: _Entry, client: OxClient, digest: bytes, credentials: Credentials
    ) -> None:
        try:
            if self._keyring is not None and not self._keyring.is_valid(credentials):
                raise AccessDenied("this app password was taken back")
            entry.access = rights.check(client, entry.access)
        except (AccessDenied, NotEnabled) as error:
            self._refusals.note(digest, error)
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
                    self._leave(entry.session)
            raise
        except UsmError:
            with self._lock:
                entry.probed = entry.opened  # not answered: the next request asks again
            raise

    # -- logging out -----------------------------------------------------------------------------------------

    def _leave(self, session: OxSession) -> None:
        """Have a session logged out soon."""
        self._leaving.append(session)
        if not self._sweeping:
            self._sweeping = True
            threading.Thread(target=self._sweep, name="ox-logout", daemon=True).start()

    def _sweep(self, until: float = math.inf) -> None:
        while self._clock.monotonic() < until:
            try:
                session = self._leaving.popleft()
            except IndexError:
                self._sweeping = False
                if not self._leaving:
                    return
                continue
            with suppress(UsmError):
                OxClient(self._transport, self._clock, session, Meter(self._clock, self._told)).logout()


def _is_text(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeError:
        return False
