"""Why a round brought a device nothing: one sentence for whoever looks for the items that a user misses."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from app.usm.held import Skipped, on_device
from app.usm.model import ExchangeRequest, FolderRef, Listing, SessionId

_log = logging.getLogger(__name__)


def explain(
    session: SessionId,
    folder: FolderRef,
    request: ExchangeRequest,
    held: Mapping[str, str],
    listing: Listing,
) -> None:
    """Say in the log why the device gets nothing: aloud where it holds nothing of the folder either."""
    level = logging.INFO if is_empty_handed(held) else logging.DEBUG
    if _log.isEnabledFor(level):
        why = reason(request, held, listing)
        _log.log(level, "folder %s of %s: nothing sent: %s", folder.id, session, why)


def is_broken() -> bool:
    """Whether everything is said."""
    return _log.isEnabledFor(logging.DEBUG)


def reason(request: ExchangeRequest, held: Mapping[str, str], listing: Listing) -> str:
    """What the device holds after the round, and what of the folder it does not get and why."""
    if not request.want_changes:
        return "the device did not ask for changes, or there was no room left for any"
    if not (listing.stamps or listing.outside):
        return "the folder is empty"
    unreadable = sum(Skipped.parse(stamp) is not None for stamp in held.values())
    facts = (
        (sum(map(on_device, held.values())), "held by the device"),
        (len(listing.outside), _beyond(request)),
        (unreadable, "that cannot be converted"),
    )
    return ", ".join(f"{count} {what}" for count, what in facts if count) or "nothing left to tell"


def is_empty_handed(held: Mapping[str, str]) -> bool:
    """Whether the device holds nothing at all of the folder."""
    return not any(map(on_device, held.values()))


def _beyond(request: ExchangeRequest) -> str:
    if request.since is None:
        return "beyond the most that a folder may have"
    return f"from before {request.since:%Y-%m-%d}, the device's filter, or beyond the most that a folder may have"
