"""The pages on which users choose the folders of their devices: of one, or of all that have no choice of their own.

All folders are asked of the source, in the session of who is signed in. Only what the form has shown is decided by it:
a folder that is new or away meanwhile stays as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import falcon

from app.pages.languages import said
from app.pages.phone_pages import Devices, PhonePage
from app.pages.reception import Member, SignInFirst
from app.pages.site import Notice
from app.usm import choice
from app.usm.errors import AccessDenied
from app.usm.model import ContentType, Folder

_log = logging.getLogger(__name__)

KINDS: Final[Mapping[ContentType, str]] = {
    ContentType.MAIL: said("Mail"),
    ContentType.CALENDAR: said("Calendars"),
    ContentType.CONTACTS: said("Contacts"),
    ContentType.TASKS: said("Tasks"),
    ContentType.NOTES: said("Notes"),
}
"""What each kind of folder is called, in the order of the page."""

CHOSEN: Final = Notice(said("Your choice is kept. Devices take it over when they connect."))

MOST: Final = 1024
"""Characters of a folder's id that a form may hold."""
DEEPEST: Final = 6
"""How far folders are set in."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One folder in the list. ``depth``: how many of those listed are above it."""

    folder: Folder
    depth: int
    is_optional: bool
    is_wanted: bool


def entries(folders: Sequence[Folder], without: Collection[str]) -> list[tuple[str, list[Entry]]]:
    """All folders by kind, each below its parent, by title."""
    found = []
    for content, name in KINDS.items():
        own = [folder for folder in folders if folder.content is content]
        there = {folder.id for folder in own}
        below: dict[str, list[Folder]] = {}
        for folder in sorted(own, key=lambda each: (choice.is_optional(each), each.title.casefold())):
            parent = folder.parent_id or ""
            below.setdefault(parent if parent in there else "", []).append(folder)
        if own:
            found.append((name, list(_below("", below, without, 0))))
    return found


def _below(
    parent: str, below: Mapping[str, Sequence[Folder]], without: Collection[str], depth: int
) -> Iterator[Entry]:
    for folder in below.get(parent, ()):
        is_optional = choice.is_optional(folder)
        is_wanted = not is_optional or folder.id not in without
        yield Entry(folder, min(depth, DEEPEST), is_optional, is_wanted)
        yield from _below(folder.id, below, without, depth + 1)


def left_out(before: Collection[str], shown: Collection[str], ticked: Collection[str]) -> set[str]:
    """What is left out now: of what was shown all that is not ticked, of the rest what was before."""
    return (set(before) - set(shown)) | (set(shown) - set(ticked))


class FolderPage(PhonePage):
    """What both pages have in common."""

    def folders(self, member: Member) -> Sequence[Folder]:
        """All that there are. Raises ``SignInFirst`` when OX has ended the session, ``SourceUnavailable``."""
        try:
            return self.reception.folders(member)
        except AccessDenied as error:
            self.reception.end(member)
            raise SignInFirst from error

    def decided(self, request: falcon.Request, before: Collection[str]) -> set[str]:
        """What the form says. Raises ``Refused``."""
        form = request.context.form
        return left_out(before, form.all("shown", MOST), form.all("folder", MOST))


class ForAll(FolderPage):
    """For all devices without a choice of their own."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The folders."""
        member = self.reception.member(request)
        without = self._without(member)
        own = [phone for phone in self.devices.of(member) if phone.has_own_folders]
        groups = entries(self.folders(member), without)
        self.reception.show(request, response, member, "folders.html", phone=None, groups=groups, own=own)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Keep the choice, and have devices that wait come."""
        member = self.reception.member(request)
        user, store = member.user, self.devices.store
        ids = self.decided(request, self._without(member))
        for session in choice.for_all(store, user.context_id, user.user_id, ids):
            store.summon(session)
        _log.info("%s: %d folders are left out", member.subject(), len(ids))
        self.reception.go(response, member, "folders", CHOSEN)

    def _without(self, member: Member) -> Collection[str]:
        user = member.user
        return choice.left_out(self.devices.store.user_fields(user.context_id, user.user_id))


class ForOne(FolderPage):
    """For one device."""

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """The folders."""
        member = self.reception.member(request)
        phone = self.devices.one(member, name)
        without = choice.left_out(self.devices.store.fields(phone.session))
        groups = entries(self.folders(member), without)
        self.reception.show(request, response, member, "folders.html", phone=phone, groups=groups, own=())

    def on_post(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Keep the choice."""
        member = self.reception.member(request)
        phone = self.devices.one(member, name)
        store, session = self.devices.store, phone.session
        if request.context.form.text("like") == "all":
            choice.for_one(store, session, None)
            said_of = "as all"
        else:
            ids = self.decided(request, choice.left_out(store.fields(session)))
            choice.for_one(store, session, ids)
            said_of = f"{len(ids)} left out"
        store.summon(session)
        _log.info("%s: folders: %s", member.subject(session.device_id), said_of)
        self.reception.go(response, member, f"phones/{name}/folders", CHOSEN)


def routes(devices: Devices) -> Mapping[str, FolderPage]:
    """Path below that of the pages → page."""
    return {"folders": ForAll(devices), "phones/{name}/folders": ForOne(devices)}
