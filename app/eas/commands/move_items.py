"""MoveItems: items to other folders, each with its new name (MS-ASCMD 2.2.1.12).

Here 3 is success. Each item has its own answer, in the order of the request; one that fails stops no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed, StatusError
from app.eas.folders import folder_number, item_id, server_id
from app.eas.reading import identifier
from app.eas.status import Common, MoveStatus
from app.usm.model import Move, MoveOutcome, MoveResult
from app.wbxml.element import Element

NAME: Final = "MoveItems"
MAX_MOVES: Final = 1000

STATUS: Final[Mapping[MoveOutcome, MoveStatus]] = {
    MoveOutcome.DONE: MoveStatus.SUCCESS,
    MoveOutcome.SAME_FOLDER: MoveStatus.SAME_FOLDER,
    MoveOutcome.GONE: MoveStatus.INVALID_SOURCE,
    MoveOutcome.TARGET_GONE: MoveStatus.INVALID_DESTINATION,
    MoveOutcome.REFUSED: MoveStatus.FAILED,
    MoveOutcome.FAILED: MoveStatus.FAILED,
    MoveOutcome.BUSY: MoveStatus.LOCKED,
}


def handle(call: Call, root: Element) -> Answer:
    """Move what can be moved. Raises ``Malformed``."""
    wanted = [_read(element) for element in root]
    if not wanted:
        raise Malformed("MoveItems without a Move")
    if len(wanted) > MAX_MOVES:
        raise StatusError(Common.INVALID_XML, f"{len(wanted)} moves in one request")
    moves = [move for _, move in wanted if isinstance(move, Move)]
    results = iter(call.session.move(moves) if moves else ())
    answers = [_answer(source, next(results) if isinstance(move, Move) else move) for source, move in wanted]
    return Answer(Element("Move:MoveItems", children=answers))


def _read(element: Element) -> tuple[str, Move | MoveStatus]:
    """The item as the device calls it, and the move or why there can be none."""
    if element.name != "Move:Move":
        raise Malformed(f"{element.name} in MoveItems")
    source = identifier(element, "Move:SrcMsgId")
    folder = folder_number(identifier(element, "Move:SrcFldId"))
    target = folder_number(identifier(element, "Move:DstFldId"))
    item = item_id(folder or 0, source)
    if folder is None or item is None:
        return source, MoveStatus.INVALID_SOURCE
    if target is None:
        return source, MoveStatus.INVALID_DESTINATION
    return source, Move(item, folder, target)


def _answer(source: str, result: MoveResult | MoveStatus) -> Element:
    moved = result.item_id if isinstance(result, MoveResult) else ""
    status = STATUS[result.outcome] if isinstance(result, MoveResult) else result
    target = server_id(result.move.target, moved) if isinstance(result, MoveResult) and moved else None
    return Element(
        "Move:Response",
        children=[
            Element("Move:SrcMsgId", source),
            Element("Move:Status", str(status.value)),
            Element("Move:DstMsgId", target) if target and status is MoveStatus.SUCCESS else None,
        ],
    )
