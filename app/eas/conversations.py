"""Moving a conversation: all its messages that are neither sent, drafts nor deleted (MS-ASCMD 2.2.3.117.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.eas.schema.email import conversation_id
from app.eas.status import OperationStatus
from app.usm.model import ContentType, FolderRole, Move, MoveOutcome
from app.usm.queries import Conversation, Hit, Search

if TYPE_CHECKING:
    from app.usm.session import Session

MOST: Final = 1000
_STAYING: Final = (FolderRole.SENT, FolderRole.DRAFTS, FolderRole.TRASH)


def move(session: Session, name: bytes, target: int | None) -> OperationStatus:
    """Move what belongs to the conversation of this ConversationId to the folder of this number. What became of it."""
    folders = {
        placed.number: placed.folder.role
        for placed in session.hierarchy()
        if placed.folder is not None and placed.folder.content is ContentType.MAIL
    }
    if target not in folders:
        return OperationStatus.INVALID_DESTINATION
    sources = [number for number, role in folders.items() if number != target and role not in _STAYING]
    found = _members(session, name, [number for number in sources if session.holds_folder(number)])
    if not found:
        return OperationStatus.NOT_FOUND
    results = session.move([Move(hit.item_id, hit.folder.number, target) for hit in found])
    failed = {result.outcome for result in results} - {MoveOutcome.DONE}
    if not failed:
        return OperationStatus.SUCCESS
    return OperationStatus.SOME_MISSING if failed == {MoveOutcome.GONE} else OperationStatus.MOVE_FAILED


def _members(session: Session, name: bytes, folders: Sequence[int]) -> Sequence[Hit]:
    if not folders:
        return ()
    condition = Conversation(lambda text: conversation_id(text) == name)
    return session.search(Search(condition, frozenset((ContentType.MAIL,)), tuple(folders), most=MOST)).hits
