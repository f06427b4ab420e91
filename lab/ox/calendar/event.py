"""An appointment as it is stored: one for all who take part, what is each one's own in its members.

``fields`` by name (absent: unset), moments in ms UTC:

==================  ==============================================================================================
``title`` …         ``title``, ``location``, ``note``, ``categories`` (comma separated), ``color_label``, ``url``
``start_date``      with ``full_time`` a Date, midnight UTC of a day; so is ``end_date``, which is exclusive
``timezone``        Olson name of where it takes place; a series follows its clock
``rrule``           RFC 5545 rule of a series, without ``RRULE:``
``original``        of an exception: when the series lets it begin
``deleted``         of a series: when the deleted occurrences would begin
``shown_as``        1 reserved, 2 temporary, 3 absent, 4 free
``class``           PUBLIC, CONFIDENTIAL or PRIVATE
``organizer``       ``{"entity"?, "mail", "name"?, "sent_by"?}``
``externals``       ``[{"mail", "name"?, "reply", "message"?, "role"?, "kind"?}]``
``groups``          ids of groups, whose members are members too
``resources``       ids of resources
``sequence``        counts changes that matter to those who take part
==================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NONE, ACCEPTED, DECLINED, TENTATIVE = range(4)
RESERVED, TEMPORARY, ABSENT, FREE = 1, 2, 3, 4
PUBLIC, CONFIDENTIAL, PRIVATE = "PUBLIC", "CONFIDENTIAL", "PRIVATE"
REQUIRED = "REQ-PARTICIPANT"


@dataclass(frozen=True, slots=True)
class Member:
    """A user who takes part. ``folder``: where the appointment is seen, ``None`` if only in a public folder.
    ``reply``: none, accepted, declined or tentative. ``hidden``: deleted from the user's own folder. ``grouped``:
    takes part by a group only. ``alarms``: the user's own, as ``chronos`` shows them."""

    user: int
    folder: int | None = None
    reply: int = NONE
    message: str = ""
    hidden: bool = False
    grouped: bool = False
    role: str = REQUIRED
    alarms: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One appointment, series or exception. ``folder``: where it was made. ``series``: the id of the series it is,
    or is an exception of."""

    id: int
    folder: int
    uid: str
    series: int | None
    created_by: int
    modified_by: int
    creation_date: int
    last_modified: int
    fields: Mapping[str, Any]
    members: tuple[Member, ...] = field(default=())

    @property
    def is_series(self) -> bool:
        """Whether it repeats."""
        return bool(self.fields.get("rrule"))

    @property
    def is_exception(self) -> bool:
        """Whether it stands for one occurrence of a series."""
        return self.series is not None and self.series != self.id

    @property
    def start(self) -> int:
        """When it begins; of a series the first occurrence."""
        return int(self.fields["start_date"])

    @property
    def end(self) -> int:
        """When it ends; of a series the first occurrence."""
        return int(self.fields["end_date"])

    @property
    def full_time(self) -> bool:
        """Whether it lasts whole days."""
        return bool(self.fields.get("full_time"))

    @property
    def is_private(self) -> bool:
        """Whether others may not see it."""
        return self.fields.get("class") == PRIVATE

    @property
    def is_meeting(self) -> bool:
        """Whether anybody besides the owner of the calendar takes part."""
        fields = self.fields
        others = fields.get("externals") or fields.get("groups") or fields.get("resources")
        return bool(others) or len(self.members) > 1 or bool(fields.get("scheduled"))

    def member(self, user_id: int) -> Member | None:
        """The part of a user."""
        return next((member for member in self.members if member.user == user_id), None)

    @property
    def folders(self) -> set[int]:
        """Every folder it is seen in, the one it was made in included."""
        return {self.folder, *(m.folder for m in self.members if m.folder is not None and not m.hidden)}
