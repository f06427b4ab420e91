"""Sync: the items of folders, both ways (MS-ASCMD 2.2.1.21).

The way of a request: :mod:`request` reads it, :mod:`cache` completes it from the last one, :mod:`prepare` finds its
folders and options, :mod:`collect` has the work done (:mod:`apply`: the device's commands) and waits,
:mod:`response` writes the answer.
"""

from __future__ import annotations

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.commands.sync import cache, collect, prepare, request, response
from app.eas.errors import StatusError
from app.eas.status import Common
from app.eas.versions import CACHED_REQUESTS
from app.usm.ports import Steps
from app.wbxml.element import Element

NAME = "Sync"


def handle(call: Call, document: Element | None) -> Steps[Answer]:
    """Answer one Sync, after as long as its Wait or HeartbeatInterval says."""
    if document is None and call.version < CACHED_REQUESTS:
        raise StatusError(
            Common.INVALID_CONTENT, f"an empty Sync, of which {call.version.text} knows nothing"
        )
    asked = None if document is None else request.read(document, call.version)
    wanted = cache.completed(asked, call.memory)
    seconds = prepare.seconds_to_wait(wanted, call)
    prepare.check_size(wanted, call)
    jobs = prepare.jobs(wanted, call)
    cache.keep(wanted, call.memory)
    return _answer(call.waiting(), wanted, jobs, seconds)


def _answer(call: Call, wanted: request.Request, jobs: list[prepare.Job], seconds: int) -> Steps[Answer]:
    replies = yield from collect.collect(call, wanted, jobs, seconds)
    return Answer(response.write(replies, call.version))
