"""A look without a lock: what nearly every request needs, as there is nearly never any news.

A request that brings nothing and asks with the newest key is compared with what is kept, all of it as it was at one
moment, and with the source as it is after that. Where they are the same it is answered so, and nothing is written: what
another request of the device may be doing at the same time comes before or after it. Everything else is decided under
the folder's lock, and what the source was seen to have counts there too if nothing was written meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.usm import brakes, decide, keys
from app.usm.compared import NO_TEXTS, Pairs, Texts
from app.usm.model import ExchangeRequest, Listing, UsmSettings
from app.usm.ports import Glance


def may_be(glance: Glance, request: ExchangeRequest, settings: UsmSettings) -> bool:
    """Whether a request is one that is answered with nothing if there is no news."""
    asks = request.want_changes and not (request.changes or request.fetch or request.new_key)
    left = glance.journal is not None  # work that was cut off, or a decision of the administrator
    return asks and not left and not settings.force_new_key and keys.is_newest(request.key, glance.heads)


def has_no_news(glance: Glance, listing: Listing, settings: UsmSettings, now: int) -> bool:
    """Whether the device holds what the source has, as far as a device gets it (:func:`app.usm.window.bounded`).
    ``now``: seconds since 1970."""
    held = glance.stamps
    if brakes.is_sudden(held, listing, settings):
        return False
    if held == listing.stamps:
        return True  # so it is nearly always, and needs no look at each item
    return not decide.vanished(held, listing) and next(decide.pending(held, listing, now), None) is None


def remember(
    pairs: Pairs, tag: bytes, compared: Iterable[tuple[Mapping[str, str], Listing]], texts: Texts = NO_TEXTS
) -> None:
    """The source's answer with this tag brought nothing: where a device holds just what is listed, nothing of what
    decides that is a matter of time, and the same answer need not be read again."""
    if all(held == listing.stamps for held, listing in compared):
        pairs.keep(tag, texts)
