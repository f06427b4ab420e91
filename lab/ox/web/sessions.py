"""Sessions of one node, in memory as in the real server; cookies and their names."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.ox.errors import fault
from lab.ox.settings import Settings

SECRET_PREFIX = "open-xchange-secret-"
PUBLIC_PREFIX = "open-xchange-public-session-"
MOBILITY_CLIENTS = ("usm-eas", "usm-json")


@dataclass(slots=True)
class Session:
    """One login. ``secret`` travels in a cookie, ``public`` may replace it for pictures."""

    cid: int
    user_id: int
    login: str
    client: str
    user_agent: str
    address: str
    auth_id: str
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    public: str = field(default_factory=lambda: secrets.token_hex(16))
    random: str = field(default_factory=lambda: secrets.token_hex(16))
    used: float = field(default_factory=time.monotonic)

    @property
    def is_mobility(self) -> bool:
        """Whether the client is one of the vendor's own synchronisation clients."""
        return self.client.lower().startswith(MOBILITY_CLIENTS)


def cookie_hash(*parts: str) -> str:
    """The hash in cookie names: base64 of the MD5 without every character that is no word character."""
    digest = hashlib.md5("".join(parts).encode(), usedforsecurity=False).digest()
    return re.sub(r"\W", "", base64.b64encode(digest).decode())


def secret_cookie(user_agent: str, client: str) -> str:
    """The name of the cookie that holds the secret."""
    return SECRET_PREFIX + cookie_hash(user_agent, client)


def public_cookie(user_agent: str) -> str:
    """The name of the cookie of the public session."""
    return PUBLIC_PREFIX + cookie_hash(user_agent)


class Sessions:
    """All sessions of this node."""

    def __init__(self, settings: Settings, precise_errors: bool) -> None:
        self._settings = settings
        self._precise = precise_errors
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def add(self, session: Session) -> None:
        """Keep a new session, within the limits."""
        with self._lock:
            self._drop_expired()
            if len(self._sessions) >= self._settings.max_sessions:
                raise fault("SES-0002", self._settings.max_sessions)
            same = [
                s for s in self._sessions.values() if (s.cid, s.user_id) == (session.cid, session.user_id)
            ]
            if len(same) >= self._settings.max_sessions_per_user > 0:
                raise fault("SES-0007", session.user_id, session.cid, self._settings.max_sessions_per_user)
            if session.auth_id and any(s.auth_id == session.auth_id for s in self._sessions.values()):
                raise fault("SES-0008", session.auth_id)
            self._sessions[session.id] = session

    def check(self, session_id: str, user_agent: str, cookies: Mapping[str, str], address: str) -> Session:
        """The live session of an id if the request carries its secret under the name that its User-Agent leads
        to; using it keeps it alive."""
        session = self._live(session_id)
        if session is None:
            raise fault("SES-0203", session_id)
        name = secret_cookie(user_agent, session.client)
        if not secrets.compare_digest(cookies.get(name, ""), session.secret):
            raise fault("SES-0206" if self._precise else "SES-0203", session_id)
        if self._settings.check_addresses and address != session.address and not session.is_mobility:
            raise fault("SES-0203", session_id)
        session.used = time.monotonic()
        return session

    def by_public(self, public: str) -> Session | None:
        """The live session of a public session cookie."""
        with self._lock:
            found = next((s for s in self._sessions.values() if public and s.public == public), None)
        return self._live(found.id) if found else None

    def remove(self, session_id: str) -> None:
        """Forget a session."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def expire(self, login: str = "") -> int:
        """Drop all sessions, or those of one login; returns how many."""
        with self._lock:
            gone = [s.id for s in self._sessions.values() if not login or s.login == login]
            for session_id in gone:
                del self._sessions[session_id]
        return len(gone)

    def __len__(self) -> int:
        return len(self._sessions)

    def _live(self, session_id: str) -> Session | None:
        session = self._sessions.get(session_id)
        if session and time.monotonic() - session.used > self._settings.session_idle:
            self.remove(session_id)
            return None
        return session

    def _drop_expired(self) -> None:
        oldest = time.monotonic() - self._settings.session_idle
        for session in [s for s in self._sessions.values() if s.used < oldest]:
            del self._sessions[session.id]
