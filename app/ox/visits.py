"""The session with OX of a person who comes by himself: written as a text, and read again on any node.

Whoever has the text has the session: it is kept by nobody but who seals it.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import NoReturn

from app.ox.access import Access
from app.ox.client import OxSession
from app.ox.transport import Cookies
from app.usm.errors import AccessDenied
from app.usm.model import ContentType, User
from app.usm.ports import Clock


def written(session: OxSession, access: Access) -> str:
    """A session, and what its user may do."""
    contents = sorted(content.value for content in access.contents)
    return json.dumps([session.id, session.cookies.header(), astuple(access.user), contents, access.legacy])


def read(text: str, clock: Clock) -> tuple[OxSession, Access]:
    """What :func:`written` was given."""
    session_id, header, user, contents, legacy = json.loads(text)
    cookies = Cookies()
    cookies.bring(header)
    access = Access(User(*user), frozenset(map(ContentType, contents)), legacy)
    return OxSession(session_id, cookies, clock.monotonic()), access


def over(session: OxSession) -> NoReturn:
    """What becomes of a session that OX has forgotten: only its user can open another one. Raises ``AccessDenied``."""
    raise AccessDenied("OX has ended this session")
