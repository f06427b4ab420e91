"""Replies that organizers were told of already, so that no device tells them again.

Up to 14.1 a device answers an invitation twice: by MeetingResponse to its server, and by a mail to the organizer, which
it sends by SendMail. Where the source tells the organizer of the first, the second is swallowed: that of the same
meeting and the same answer, for a day, unless the user says something in it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from app.eas import itip, memory
from app.eas.memory import Memory
from app.usm.content import Reply
from app.usm.pieces import Text

LASTS: Final = timedelta(days=1)
MOST: Final = 50
"""So many replies are remembered, the latest ones."""


def note(remembered: Memory, uid: str, reply: Reply, now: datetime) -> None:
    """The organizer was told this answer to the meeting of this UID."""
    told = _told(remembered)
    told.pop(_name(uid), None)
    told[_name(uid)] = (itip.STATES[reply], int(now.timestamp()))
    remembered.write_value(memory.REPLIES, dict(list(told.items())[-MOST:]))


def is_told(remembered: Memory, mime: Text, now: datetime) -> bool:
    """Whether a message is a reply that the organizer knows already."""
    told = _told(remembered)
    found = itip.state_of(mime) if told else None
    if found is None:
        return False
    uid, state = found
    answer, moment = told.get(_name(uid), ("", 0))
    return answer == state and now.timestamp() - moment < LASTS.total_seconds()


def _name(uid: str) -> str:
    return blake2b(uid.strip().casefold().encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _told(remembered: Memory) -> dict[str, tuple[str, int]]:
    value = remembered.value(memory.REPLIES)
    if not isinstance(value, dict):
        return {}
    return {
        name: (str(entry[0]), entry[1])
        for name, entry in value.items()
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], int)
    }
