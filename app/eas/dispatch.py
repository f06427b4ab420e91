"""Which module carries out which command: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.eas.answer import Outcome
from app.eas.call import Call
from app.eas.commands import (
    find,
    folder_create,
    folder_delete,
    folder_sync,
    folder_update,
    get_attachment,
    get_hierarchy,
    get_item_estimate,
    item_operations,
    meeting_response,
    move_items,
    ping,
    provision,
    resolve_recipients,
    search,
    send_mail,
    settings,
    smart_forward,
    smart_reply,
    sync,
    validate_cert,
)
from app.eas.errors import StatusError
from app.eas.status import Common
from app.wbxml.element import Element


@dataclass(frozen=True, slots=True)
class Entry:
    """How a command is carried out. ``needs_policy``: only for a device that holds the policy."""

    handle: Callable[[Call], Outcome]
    needs_policy: bool = True


def _with_document(handle: Callable[[Call, Element], Outcome]) -> Callable[[Call], Outcome]:
    """For commands that make no sense without a document (Status 101)."""

    def wrapped(call: Call) -> Outcome:
        if call.document is None:
            raise StatusError(Common.INVALID_CONTENT, f"{call.command.name} needs a body")
        return handle(call, call.document)

    return wrapped


def _with_any(handle: Callable[[Call, Element | None], Outcome]) -> Callable[[Call], Outcome]:
    """For commands that mean their last request when they have no document."""
    return lambda call: handle(call, call.document)


ENTRIES: Final[Mapping[str, Entry]] = {
    sync.NAME: Entry(_with_any(sync.handle)),
    folder_sync.NAME: Entry(_with_document(folder_sync.handle)),
    folder_create.NAME: Entry(_with_document(folder_create.handle)),
    folder_delete.NAME: Entry(_with_document(folder_delete.handle)),
    folder_update.NAME: Entry(_with_document(folder_update.handle)),
    get_item_estimate.NAME: Entry(_with_document(get_item_estimate.handle)),
    settings.NAME: Entry(_with_document(settings.handle)),
    send_mail.NAME: Entry(send_mail.handle),
    smart_reply.NAME: Entry(smart_reply.handle),
    smart_forward.NAME: Entry(smart_forward.handle),
    move_items.NAME: Entry(_with_document(move_items.handle)),
    meeting_response.NAME: Entry(_with_document(meeting_response.handle)),
    item_operations.NAME: Entry(_with_document(item_operations.handle)),
    search.NAME: Entry(_with_document(search.handle)),
    find.NAME: Entry(_with_document(find.handle)),
    resolve_recipients.NAME: Entry(_with_document(resolve_recipients.handle)),
    get_attachment.NAME: Entry(get_attachment.handle),
    get_hierarchy.NAME: Entry(get_hierarchy.handle),
    validate_cert.NAME: Entry(_with_document(validate_cert.handle)),
    ping.NAME: Entry(_with_any(ping.handle), needs_policy=False),
    provision.NAME: Entry(_with_any(provision.handle), needs_policy=False),
}
"""What is served; OPTIONS tells devices these names and no other."""
