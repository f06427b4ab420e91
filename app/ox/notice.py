"""What Dovecot's push driver ``ox`` tells of new mail (``facts``: HTTP API 11.6).

It was made for OX's own end point, so that a user is the one of OX: ``<user id>@<context id>`` as OX notes it in the
mailbox, or the name that Dovecot knows (without ``user_from_metadata``). Only the INBOX is told of as yet.

The driver writes its JSON by hand, and in old releases what comes out of a message without ``From`` is none: what
stands before that, which is all that counts here, is read all the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

PATH: Final = "/preliminary/http-notify/v1/notify"
"""Where OX itself takes it."""

NEW: Final = "messagenew"

ACCOUNT: Final = "default0/"
"""What OX puts before the names of the mail server's folders."""

_FIELD: Final = re.compile(r'"(user|event|folder)"\s*:\s*("(?:[^"\\]|\\.)*")')
_NUMBERS: Final = re.compile(r"([0-9]{1,18})@([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Notice:
    """New mail in a folder (OX's id) of somebody: ``user`` is (context id, user id), or ``login`` who it is."""

    folder: str
    login: str
    user: tuple[int, int] | None = None


def read(body: bytes) -> Notice | None:
    """What is told; ``None`` for news of another kind. Raises ``ValueError`` where no user or folder is named."""
    fields = _fields(body.decode("utf-8", "replace"))
    event, who, folder = (fields.get(name) for name in ("event", "user", "folder"))
    if not isinstance(who, str) or not isinstance(folder, str) or not who.strip() or not folder:
        raise ValueError("user and folder are missing")
    if str(event).lower() != NEW:
        return None
    numbers = _NUMBERS.fullmatch(who.strip())
    user = (int(numbers[2]), int(numbers[1])) if numbers else None
    return Notice(ACCOUNT + folder, who.strip(), user)


def _fields(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = {name: _text(value) for name, value in reversed(_FIELD.findall(text))}
    if not isinstance(found, dict):
        raise ValueError("the notification is no object")
    return found


def _text(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        return ""
