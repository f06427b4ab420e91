"""Sending a message once, however often a device asks for it.

The intent is noted, the message sent, and the note completed. A device that repeats a message that was sent learns
that it was. Where the process died in between, or the source never answered, the message is looked for among those
that were sent, once the source cannot be at it any more:

* it is there: it was sent;
* it is not there, though a copy was to be kept: it was not, and is sent;
* no copy was to be kept, so that nobody can know: it is sent. It may arrive twice, which is better than never.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from app.usm.deeds import Deed, Deeds, Kind, mark_of
from app.usm.errors import Busy, SourceUnavailable, StoreUnavailable, UsmError
from app.usm.model import Outgoing, SendOutcome, SessionId, UsmSettings
from app.usm.pieces import digest
from app.usm.ports import DataSource

_log = logging.getLogger(__name__)


def send(
    session: SessionId,
    source: DataSource,
    deeds: Deeds,
    settings: UsmSettings,
    client_id: str,
    message: Outgoing,
) -> SendOutcome:
    """Send a message, unless it was sent; see the module's head and :meth:`app.usm.session.Session.send`."""
    name = client_id or digest(message.mime)
    message = replace(message, mark=message.mark or mark_of(session, Kind.SENT, name))
    before = deeds.get(name)
    if before is not None and (before.done or _was_sent(source, deeds, settings, before, message)):
        if not before.done:
            deeds.note({name: Deed(deeds.now(), done=True)})
        return SendOutcome.REPEATED
    deeds.note({name: Deed(deeds.now())})
    try:
        source.send(message)
    except UsmError as error:
        in_doubt = isinstance(error, SourceUnavailable) and error.in_doubt
        deeds.note({name: Deed(deeds.now()) if in_doubt else None})
        raise
    try:
        deeds.note({name: Deed(deeds.now(), done=True)})
    except (StoreUnavailable, Busy) as error:
        # It was sent, and the device must hear so; should it ask again all the same, the message is looked for.
        _log.warning("a message of %s was sent, which could not be noted: %s", session, error)
    return SendOutcome.SENT


def _was_sent(
    source: DataSource, deeds: Deeds, settings: UsmSettings, before: Deed, message: Outgoing
) -> bool:
    """Whether a message of which nobody heard was sent. Raises ``SourceUnavailable`` while it may still be."""
    found = source.find_sent(message)
    if found:
        return True
    left = before.at + settings.doubt_seconds - deeds.now()
    if left > 0:
        raise SourceUnavailable("a message may still be on its way", left)
    if found is None:
        _log.warning("nobody can know whether a message was sent; it is sent (again)")
    return False
