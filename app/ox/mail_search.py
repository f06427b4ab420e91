"""Searching messages (``facts``: HTTP API section 8.1): ``mail?action=search``, a folder each, many in one call.

* What comes back of a message is its id and date, so that thousands of them cost little; the device gets a page.
* Time is bounded: after :data:`PATIENCE` seconds no further folders are asked, and the search says that it is not
  complete; so it does where OX is silent for longer than that. The folders come in the order of the device's own.
* A folder that is gone, or that OX cannot search, does not spoil the search of the others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.ox.client import Answer, Call
from app.ox.errors import TooLarge
from app.ox.mapping import mail
from app.ox.mapping import search as mapping
from app.ox.mapping.values import instant
from app.ox.module import Context
from app.usm.errors import SourceUnavailable, UsmError
from app.usm.model import FolderRef
from app.usm.queries import Condition, Hit, verdict

PATIENCE: Final = 20.0
"""Seconds after which a search asks no further folders."""
FOLDERS_PER_CALL: Final = 20

_log = logging.getLogger(__name__)

_MODULE: Final = "mail"


class MailSearch:
    """One search in some folders of messages."""

    def __init__(self, context: Context, condition: Condition | None) -> None:
        self._client = context.client
        self._clock = context.clock
        self._condition = condition
        self._filter = None if condition is None else mapping.filter_of(condition)
        self._linked = condition is not None and mapping.needs_links(condition)
        self._columns = mapping.LINKED if self._linked else mapping.COLUMNS
        self.complete = True

    def run(self, folders: Sequence[FolderRef]) -> Iterator[Hit]:
        """What is found, folder by folder. Raises ``SourceUnavailable`` where not one can be searched."""
        begun = self._clock.monotonic()
        failures: list[SourceUnavailable] = []
        waiting = list(folders)
        while waiting:
            if self._clock.monotonic() - begun > PATIENCE:
                self.complete = False
                return
            part, waiting = waiting[:FOLDERS_PER_CALL], waiting[FOLDERS_PER_CALL:]
            try:
                answers = self._asked(part)
            except SourceUnavailable:
                if self._clock.monotonic() - begun <= PATIENCE:
                    raise
                self.complete = False
                return
            for folder, answer in zip(part, answers, strict=True):
                if isinstance(answer, Answer):
                    yield from self._hits(folder, answer)
                elif isinstance(answer, SourceUnavailable):
                    failures.append(answer)
        if failures:
            _log.warning("%d of %d folders cannot be searched: %s", len(failures), len(folders), failures[0])
            if len(failures) == len(folders):
                raise failures[0]
            self.complete = False

    def _asked(self, folders: Sequence[FolderRef]) -> list[Answer | UsmError]:
        try:
            return self._client.multiple([self._call(folder) for folder in folders], repeatable=True)
        except TooLarge as error:
            if len(folders) == 1:
                return [error]
            middle = len(folders) // 2
            return [*self._asked(folders[:middle]), *self._asked(folders[middle:])]

    def _call(self, folder: FolderRef) -> Call:
        columns = [*map(str, mapping.COLUMNS), *(mapping.LINKS if self._linked else ())]
        params = {"folder": folder.id, "columns": ",".join(columns), "sort": mail.RECEIVED, "order": "desc"}
        if self._filter is None:
            return Call(_MODULE, "all", params)
        return Call(_MODULE, "search", params, {"filter": self._filter})

    def _hits(self, folder: FolderRef, answer: Answer) -> Iterator[Hit]:
        for row in answer.rows(self._columns):
            if row[mail.ID] is not None and self._is_wanted(row):
                yield Hit(folder, str(row[mail.ID]), instant(row[mail.RECEIVED]))

    def _is_wanted(self, row: Mapping[int, Any]) -> bool:
        flags = row[mail.FLAGS]
        if mail.has_flag(flags, mail.DELETED):
            return False
        return self._condition is None or verdict(self._condition, mapping.judge_row(row)) is not False
