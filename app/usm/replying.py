"""Answering an invitation once.

An answer has no name of its own: it is the same when the same is answered to the same invitation again, with no other
answer in between. Within :data:`REPEATED` such an answer counts as repeated, and the first one's result is told again;
later it counts as a new one, since somebody may have answered otherwise elsewhere meanwhile. To store an answer
that is stored already does no harm, so a doubt after a crash is no reason to wait; the message that tells the organizer
is sent under a name drawn for this answer (:mod:`app.usm.sending`), and so once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Final

from app.usm.content import Reply
from app.usm.deeds import Deed, Deeds
from app.usm.errors import ItemError
from app.usm.model import FolderRef
from app.usm.ports import DataSource, Tokens

REPEATED: Final = 3600
"""Seconds within which the same answer again is taken for a repeated request."""


class Answer:
    """One answer to one invitation; made anew for each request, under the lock of its deeds."""

    def __init__(
        self, deeds: Deeds, tokens: Tokens, folder: FolderRef, item_id: str, occurrence: datetime | None
    ) -> None:
        moment = "" if occurrence is None else occurrence.isoformat()
        self._deeds = deeds
        self._tokens = tokens
        self._folder = folder
        self._item_id = item_id
        self._occurrence = occurrence
        self._name = f"{folder.number}:{moment}:{item_id}"
        self._deed = Deed(0)

    def begin(self, reply: Reply, comment: str) -> bool:
        """Note the intent; false where this was answered just now, so that only :attr:`result` is left to tell."""
        what = blake2b(f"{reply}\0{comment}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        before = self._deeds.get(self._name)
        if before is not None and before.what == what and self._deeds.now() - before.at < REPEATED:
            self._deed = before
            return not before.done
        self._deed = Deed(self._deeds.now(), what=what, trace=self._tokens.text())
        self._deeds.note({self._name: self._deed})
        return True

    def store(self, source: DataSource, reply: Reply, comment: str) -> str:
        """Have the source store it; the appointment's id. Raises ``ItemGone``, ``ItemRefused``, ``FolderGone``."""
        try:
            return source.reply(self._folder, self._item_id, reply, comment, self._occurrence)
        except ItemError:
            self._deeds.note({self._name: None})
            raise

    def end(self, appointment: str) -> None:
        """Note that all of it is done."""
        self._deed = replace(self._deed, done=True, result=appointment)
        self._deeds.note({self._name: self._deed})

    @property
    def message_name(self) -> str:
        """The name under which the message to the organizer is sent."""
        return f"reply {self._deed.trace}"

    @property
    def result(self) -> str:
        """The appointment's id, once it is done."""
        return self._deed.result
