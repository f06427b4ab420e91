"""What the two calendar modules of OX have to offer: one class of this package each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from app.ox.client import Answer, Call
from app.ox.mapping.calendar_event import Event, Head
from app.usm.content import Reply, Upload
from app.usm.model import Download

UID_TAKEN: Final = frozenset({"APP-0100", "CAL-4090"})
"""What OX says of a ``uid`` that another appointment has."""

SPAN: Final = (-2_208_988_800_000, 7_258_118_400_000)
"""From 1900 to 2200 (ms UTC): OX lists appointments of a span of time only."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a write. ``id``: of what was written, which for an occurrence is its exception. ``modified``: its
    new timestamp, 0 where OX does not tell. ``times``: when it is or how often was changed. ``altered``: a detail had
    to be left out. ``wrote``: there was anything to write."""

    id: str
    modified: int = 0
    times: bool = False
    altered: bool = False
    wrote: bool = True


class Api(Protocol):
    """One of the two modules. ``folder`` is the number of the folder; errors are those of the ``DataSource`` port."""

    def asks_heads(self, folder: str) -> Call:
        """The call for all appointments, series once and exceptions by themselves."""
        ...

    def heads(self, answer: Answer) -> list[Head]:
        """What it answers."""
        ...

    def events(self, folder: str, ids: Sequence[str]) -> dict[str, Event | Exception]:
        """These in full, exceptions with their ``original``; one that is gone is absent."""
        ...

    def modified(self, folder: str, ids: Sequence[str]) -> dict[str, int]:
        """Id → when each was changed last, without those that are gone; one call."""
        ...

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Stored:
        """A new appointment or series without exceptions. Raises ``Rejected`` with a code of :data:`UID_TAKEN` for a
        ``uid`` that is taken."""
        ...

    def change(self, folder: str, event: Event, fields: Mapping[str, Any], force: bool) -> Stored:
        """Write what differs. ``force``: even if somebody has changed it since it was read."""
        ...

    def change_occurrence(
        self, folder: str, master: Event, original: datetime, fields: Mapping[str, Any]
    ) -> Stored:
        """Make an exception of one occurrence, if it differs at all."""
        ...

    def delete(self, folder: str, item_id: str, modified: int | None) -> None:
        """Delete an appointment, a series with its exceptions, or an exception, and the occurrence with it.
        ``modified``: ``None`` to delete whatever is there."""
        ...

    def delete_occurrence(self, folder: str, master: Event, original: datetime) -> None:
        """Take an occurrence that has no exception out of its series."""
        ...

    def move(self, folder: str, item_id: str, target: str) -> None:
        """To another folder, with all exceptions."""
        ...

    def confirm(
        self, folder: str, event: Event, reply: Reply, comment: str, original: datetime | None
    ) -> None:
        """The user's reply to an appointment, a series or one occurrence."""
        ...

    def answer(self, mail_folder: str, mail: str, part: str, reply: Reply, comment: str) -> str:
        """Reply to the invitation in a part of a message: the appointment's id, ``""`` where OX does not tell."""
        ...

    def resolve(self, uid: str) -> str:
        """The id of the appointment or series of this ``uid`` that the user takes part in, ``""`` for none."""
        ...

    def attach(self, folder: str, event: Event, files: Sequence[Upload]) -> None:
        """Add files."""
        ...

    def detach(self, folder: str, event: Event, ids: Sequence[str]) -> None:
        """Remove files, by OX's own ids."""
        ...

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """A file, by OX's own id."""
        ...

    def probes(self, folder: str) -> list[Call]:
        """See :class:`app.ox.module.Module`."""
        ...

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """See :class:`app.ox.module.Module`."""
        ...

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """See :meth:`app.ox.module.Module.agrees`."""
        ...
