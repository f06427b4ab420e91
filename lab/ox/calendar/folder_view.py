"""What a user sees of the appointments in a folder.

In the user's own folder everything; in shared and public ones what the folder's rights allow. Of private appointments
of others, in shared folders, only their time is shown, if it is asked for; of confidential ones always.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.ox.calendar.event import CONFIDENTIAL, PUBLIC, Event
from lab.ox.storage import folders, rights
from lab.ox.storage.folders import Folder
from lab.ox.storage.users import User

# What stays of an appointment whose contents are not shown.
_BARE = (
    "start_date",
    "end_date",
    "full_time",
    "timezone",
    "rrule",
    "original",
    "deleted",
    "shown_as",
    "class",
)


@dataclass(frozen=True, slots=True)
class FolderView:
    """One user's view of one folder. ``calendar_user``: whose alarms and answers count there."""

    folder: Folder
    user: User

    @property
    def is_public(self) -> bool:
        """Whether it is nobody's own folder."""
        return self.folder.type == folders.TYPE_PUBLIC

    @property
    def calendar_user(self) -> int:
        """The folder's owner, or in a public folder the user."""
        return self.user.id if self.is_public else self.folder.created_by

    @property
    def is_foreign(self) -> bool:
        """Whether the folder is another user's own."""
        return self.calendar_user != self.user.id

    def may(self, which: str, event: Event) -> bool:
        """Whether the folder's rights allow to read, write or delete an appointment."""
        return rights.allows(self.folder.own_rights, which, event.created_by == self.user.id)

    def takes_part(self, event: Event) -> bool:
        """Whether the user is in it, made it, or it is in the user's own calendar."""
        return (
            not self.is_foreign or event.created_by == self.user.id or event.member(self.user.id) is not None
        )

    def shown(self, event: Event, with_private: bool = False) -> Event | None:
        """The appointment as the user sees it, ``None`` if not at all."""
        if not self.may("read", event):
            return None
        kind = event.fields.get("class", PUBLIC)
        if kind == PUBLIC or self.takes_part(event):
            return event
        if kind != CONFIDENTIAL and not with_private:
            return None
        return anonymous(event)

    def all_shown(self, events: Iterable[Event], with_private: bool = False) -> list[Event]:
        """Those of the appointments that the user sees."""
        return [shown for event in events if (shown := self.shown(event, with_private))]


def anonymous(event: Event) -> Event:
    """An appointment's time and nothing else."""
    bare = {name: event.fields[name] for name in _BARE if name in event.fields}
    return replace(event, fields=bare, members=())
