"""The last Sync request, for one that is empty or partial (MS-ASCMD 2.2.1.21.1, 2.2.3.131).

* An empty request means the last one again. A partial one names the collections that differ; the others keep
  settings and key of the last one.
* A request with commands is not kept: repeating it must not repeat them. Nor is one that begins a collection.
  Any request replaces the one before.
* A remembered key may have become invalid. Then the device is asked for a full request (Status 13), not to start
  over: it did not name that key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.eas import memory
from app.eas.commands.sync.request import Request, Wanted
from app.eas.errors import StatusError
from app.eas.memory import Memory
from app.eas.status import SyncStatus

_KEPT: Final = ("id", "key", "deletes_as_moves", "get_changes", "window")


def recall(remembered: Memory) -> Request:
    """The last request. Raises ``StatusError`` 13 when there is none."""
    value = remembered.value(memory.SYNC)
    try:
        return Request(
            tuple(
                Wanted(**{name: entry[name] for name in _KEPT}, cached=True) for entry in value["collections"]
            ),
            value["wait"],
            value["heartbeat"],
            value["window"],
        )
    except (TypeError, KeyError):
        raise StatusError(SyncStatus.REQUEST_INCOMPLETE, "no Sync request is remembered") from None


def completed(request: Request | None, remembered: Memory) -> Request:
    """The request as it is meant: the last one for an empty one, a partial one with the collections that it did
    not name. Raises ``StatusError`` 13."""
    if request is None:
        return recall(remembered)
    if not request.partial:
        return request
    named = {wanted.id for wanted in request.collections}
    last = recall(remembered).collections
    rest = tuple(wanted for wanted in last if wanted.id not in named)
    return replace(request, collections=request.collections + rest, partial=False)


def keep(request: Request, remembered: Memory) -> None:
    """Remember this request in place of the last."""
    if any(wanted.commands or wanted.starts for wanted in request.collections):
        remembered.write({memory.SYNC: None})
        return
    collections = [{name: getattr(wanted, name) for name in _KEPT} for wanted in request.collections]
    remembered.write_value(
        memory.SYNC,
        {
            "collections": collections,
            "wait": request.wait,
            "heartbeat": request.heartbeat,
            "window": request.window,
        },
    )
