"""Working off the collections of a request, one after the other, and waiting for changes.

* A collection that fails has its own Status; the others go on. Only when the server behind fails for all of them
  does the whole request fail, so that the device is told when to come again.
* WindowSize binds twice: each collection's own, and the request's over all of them. A collection that nothing is
  left for is still asked whether there is more, or the device would not come back for it.
* Waiting ends with the first real change. A change that turns out to be none ends it too after some rounds, so
  that a source that keeps crying wolf is not asked in a loop.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from app.eas import conversations
from app.eas.call import Call
from app.eas.commands.sync import apply, prepare
from app.eas.commands.sync.apply import Slot
from app.eas.commands.sync.prepare import Job
from app.eas.commands.sync.request import START, Request
from app.eas.errors import StatusError
from app.eas.schema.classes import application_data, changed_data
from app.eas.status import SyncStatus
from app.usm.errors import Busy, FolderGone, SourceUnavailable, StoreUnavailable, UnknownSyncKey
from app.usm.model import ChangeKind, ExchangeRequest, Item, ServerChange, WatchOutcome
from app.usm.ports import Steps
from app.wbxml.element import Element

ALARMS: Final = 3
"""How often a request that waits looks again, when what was called a change turned out to be none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one collection has to say."""

    job: Job
    key: str
    status: SyncStatus = SyncStatus.SUCCESS
    changes: tuple[ServerChange, ...] = ()
    responses: list[Element] = field(default_factory=list)
    more: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing came of it but perhaps a new key, so that a request that waits goes on waiting."""
        wanted = self.job.wanted
        spoken = self.changes or self.responses or self.more or wanted.commands or wanted.starts
        return self.status is SyncStatus.SUCCESS and not spoken

    @property
    def is_silent(self) -> bool:
        """Whether the device knows all this already."""
        return self.is_idle and self.key == self.job.wanted.key


def collect(call: Call, request: Request, jobs: list[Job], seconds: int) -> Steps[list[Reply]]:
    """The replies that are not silent, after at most so many seconds. Raises ``StatusError`` 12 and 13,
    ``SourceUnavailable``, ``StoreUnavailable``, ``AccessDenied``."""
    end = call.clock.monotonic() + seconds
    watched = [job for job in jobs if job.wants_changes] if seconds else []
    replies = _work_off(call, request, jobs)
    for _ in range(ALARMS):
        left = end - call.clock.monotonic()
        waits = watched and left > 0 and all(reply.is_idle for reply in replies)
        if not (waits and (yield from _is_changed(call, watched, left))):
            break
        replies = _work_off(call, request, jobs)
    return [reply for reply in replies if not reply.is_silent]


def _is_changed(call: Call, jobs: list[Job], seconds: float) -> Steps[bool]:
    """Wait for it. The keys are still the device's own: what it has not seen, it has not got."""
    now = call.clock.now()
    since = {job.folder.number: job.view.options.since(job.folder.content, now) for job in jobs}
    whole = [job.folder.number for job in jobs if job.conversations]
    call.memory.let_go()
    result = yield from call.session.watch(list(since), seconds, since, conversations=whole)
    if result.outcome is WatchOutcome.HIERARCHY:
        raise StatusError(SyncStatus.HIERARCHY_CHANGED, "a folder disappeared while waiting")
    return result.outcome is WatchOutcome.CHANGED


def _work_off(call: Call, request: Request, jobs: list[Job]) -> list[Reply]:
    conversations.follow(call, [job.folder for job in jobs if job.wants_changes])
    left = prepare.window(request.window, prepare.DEFAULT_TOTAL, call)
    replies: list[Reply] = []
    fault: SourceUnavailable | StoreUnavailable | None = None
    for job in jobs:
        try:
            reply = _exchange(call, job, left)
        except (SourceUnavailable, StoreUnavailable) as error:
            fault = error
            reply = Reply(job, job.wanted.key, SyncStatus.SERVER_ERROR)
        left -= len(reply.changes)
        replies.append(reply)
    if fault is not None and all(reply.status is SyncStatus.SERVER_ERROR for reply in replies):
        raise fault
    return replies


def _exchange(call: Call, job: Job, left: int) -> Reply:
    work = apply.understand(job)
    window = min(left, prepare.window(job.wanted.window, call.settings.default_window, call))
    wants_changes = job.wants_changes and window > 0
    options = job.view.options
    since = options.since(job.folder.content, call.clock.now())
    try:
        result = call.session.exchange(
            ExchangeRequest(
                folder=job.folder.number,
                key=job.wanted.key,
                changes=work.changes,
                want_changes=wants_changes,
                window=max(window, 1),
                since=since,
                conversations=job.conversations,
                bodies=options.bodies,
                conflict=options.rule,
                deletes_as_moves=job.wanted.deletes_as_moves,
                fetch=work.fetches,
                new_key=bool(work.slots),
                render=lambda item: _rendered(item, job, since, work.fetches),
                render_part=lambda item: changed_data(item, job.view),
            )
        )
        more = result.more
        if job.wants_changes and not wants_changes:
            more = call.session.estimate(job.folder.number, result.key, since, job.conversations) > 0
    except UnknownSyncKey as error:
        if job.wanted.cached:
            raise StatusError(SyncStatus.REQUEST_INCOMPLETE, str(error)) from error
        return Reply(job, START, SyncStatus.INVALID_KEY)
    except FolderGone as error:
        raise StatusError(SyncStatus.HIERARCHY_CHANGED, str(error)) from error
    except Busy:
        return Reply(job, job.wanted.key, SyncStatus.RETRY)
    apply.settle(job, work, result)
    apply.tell_conversations(job, work, call.session)
    spoken = apply.responses(_without_gone(work.slots, result.changes))
    return Reply(job, result.key, SyncStatus.SUCCESS, result.changes, spoken, more)


def _rendered(item: Item, job: Job, since: datetime | None, fetches: Collection[str]) -> Element:
    """An item as the device gets it. A message that is there for its conversation's sake alone has no body, but the
    preview that the device asked for (MS-ASCMD 2.2.3.36.2). By a Fetch an item comes whole (MS-ASCMD 2.2.3.67.2),
    unless the very request says how much of it."""
    options = job.view.options
    received = item.fields.get("received")
    if item.id in fetches:
        options = options if job.wanted.options is not None else options.in_full()
    elif job.conversations and since is not None and received is not None and received < since:
        options = options.without_bodies()
    return application_data(item, replace(job.view, options=options))


def _without_gone(slots: Sequence[Slot], changes: Sequence[ServerChange]) -> list[Slot]:
    """Without the answers to a Fetch of what this very answer takes away: iOS falls over the two together."""
    removed = {change.item_id for change in changes if change.kind is ChangeKind.DELETE}
    return [slot for slot in slots if slot.fetch is None or slot.fetch not in removed]
