"""Conversations that are always in one folder: all their messages move there, now and later (MS-ASCON 3.2.5.3).

* Messages that were sent, drafts and what is deleted stay where they are.
* The device does not know the moved messages by the names that they have then: both folders tell it of them, as if
  somebody else had moved them.
* OX has no rule for what comes later. So it is remembered with the device which conversation belongs where, and when
  the device synchronises a folder, what has come into it since is moved first. Until then other programs see such a
  message where it came.
* To move a conversation somewhere else changes where it belongs. The :data:`KEPT` newest are remembered. One whose
  folder is gone is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from app.eas import memory
from app.eas.schema.email import conversation_id
from app.eas.status import OperationStatus
from app.usm.errors import SourceUnavailable
from app.usm.model import ContentType, FolderRef, FolderRole, Move, MoveOutcome
from app.usm.queries import AllOf, Condition, Conversation, Hits, Received, Search

if TYPE_CHECKING:
    from app.eas.call import Call
    from app.usm.session import Session

MOST: Final = 1000
KEPT: Final = 100
_STAYING: Final = (FolderRole.SENT, FolderRole.DRAFTS, FolderRole.TRASH)

_OVERLAP: Final = timedelta(days=1)
"""Sources know days, and clocks differ: so much is looked at again."""
_PAUSE: Final = timedelta(hours=1)
"""It is noted so often that folders were looked at: a note costs a write."""


_MAPS: Final = ("targets", "looked")


@dataclass(slots=True)
class _Kept:
    """What is remembered. ``targets``: conversation → number of its folder, the newest last; ``staying``: numbers of
    folders in which messages stay; ``looked``: folder → when (seconds since 1970) it was looked at; ``since``: when the
    others were."""

    targets: dict[str, int] = field(default_factory=dict)
    staying: list[int] = field(default_factory=list)
    looked: dict[str, int] = field(default_factory=dict)
    since: int = 0

    @classmethod
    def load(cls, value: Any) -> _Kept:
        """What :meth:`dump` made; nothing for anything else."""
        try:
            targets, looked = ({name: int(value[part][name]) for name in value[part]} for part in _MAPS)
            return cls(targets, [int(number) for number in value["staying"]], looked, int(value["since"]))
        except (TypeError, ValueError, KeyError):
            return cls()

    def dump(self) -> dict[str, Any]:
        newest = dict(list(self.targets.items())[-KEPT:])
        return {"targets": newest, "staying": self.staying, "looked": self.looked, "since": self.since}

    def last_look(self, folder: int) -> datetime:
        """Up to when messages of a folder were looked at."""
        return datetime.fromtimestamp(self.looked.get(str(folder), self.since), UTC)


def move(call: Call, name: bytes, target: int | None) -> OperationStatus:
    """Move what belongs to the conversation of this ConversationId to the folder of this number, now and from now on.
    What became of it."""
    session = call.session
    folders = {
        placed.number: placed.folder.role
        for placed in session.hierarchy()
        if placed.folder is not None and placed.folder.content is ContentType.MAIL
    }
    if target is None or target not in folders:
        return OperationStatus.INVALID_DESTINATION
    kept = _Kept.load(call.memory.value(memory.CONVERSATIONS))
    staying = [number for number, role in folders.items() if role in _STAYING]
    sources = [number for number in folders if number != target and number not in staying]
    found = _found(session, Conversation(lambda text: conversation_id(text) == name), sources)
    if not found.hits and kept.targets.get(name.hex()) != target:
        return OperationStatus.NOT_FOUND
    kept.targets.pop(name.hex(), None)
    kept.targets[name.hex()] = target
    kept.staying, kept.since = staying, kept.since or _seconds(call.clock.now())
    # Before anything is moved: a device that has to repeat it may find nothing left to move.
    call.memory.write_value(memory.CONVERSATIONS, kept.dump())
    failed = _moved(session, found, target) - {MoveOutcome.DONE}
    if not failed:
        return OperationStatus.SUCCESS
    return OperationStatus.SOME_MISSING if failed == {MoveOutcome.GONE} else OperationStatus.MOVE_FAILED


def follow(call: Call, folders: Iterable[FolderRef]) -> None:
    """Move what has come into these folders and belongs somewhere else. A source that fails at it ends nothing: it is
    done the next time."""
    kept = _Kept.load(call.memory.value(memory.CONVERSATIONS))
    if not kept.targets:
        return
    mail = [each.number for each in folders if each.content is ContentType.MAIL]
    numbers = [number for number in mail if number not in kept.staying]
    if numbers:
        with suppress(SourceUnavailable):
            _follow(call, kept, numbers)


def _follow(call: Call, kept: _Kept, folders: Sequence[int]) -> None:
    """Raises ``SourceUnavailable``."""
    now = call.clock.now()
    since = Received(after=min(map(kept.last_look, folders)) - _OVERLAP)
    gone, all_done = set(), True
    for target in sorted(set(kept.targets.values())):
        condition = AllOf((since, Conversation(_member_of(kept.targets, target))))
        others = [number for number in folders if number != target]
        found = _found(call.session, condition, others)
        all_done = all_done and found.complete and found.total <= len(found.hits)
        if MoveOutcome.TARGET_GONE in _moved(call.session, found, target):
            gone.add(target)
    due = [str(number) for number in folders if now - kept.last_look(number) > _PAUSE]
    if gone or (due and all_done):
        # While the source was asked, another request of the device may have named another place.
        call.memory.let_go()
        kept = _Kept.load(call.memory.value(memory.CONVERSATIONS))
        kept.targets = {name: number for name, number in kept.targets.items() if number not in gone}
        kept.looked |= dict.fromkeys(due if all_done else (), _seconds(now))
        call.memory.write_value(memory.CONVERSATIONS, kept.dump())


def _member_of(targets: Mapping[str, int], target: int) -> Callable[[str], bool]:
    return lambda text: targets.get(conversation_id(text).hex()) == target


def _found(session: Session, condition: Condition, folders: Sequence[int]) -> Hits:
    """The messages that meet it, in those of the folders that the device holds."""
    held = tuple(number for number in folders if session.holds_folder(number))
    if not held:
        return Hits()
    return session.search(Search(condition, frozenset((ContentType.MAIL,)), held, most=MOST))


def _moved(session: Session, found: Hits, target: int) -> set[MoveOutcome]:
    """What became of them."""
    moves = [Move(hit.item_id, hit.folder.number, target) for hit in found.hits]
    return {result.outcome for result in session.relocate(moves)}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
