"""Pure decisions: what a device must get, and what becomes of what it sent.

Nothing here reads or writes anything. ``held`` is what the device holds: item id → held stamp (:mod:`app.usm.held`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from app.usm.held import is_pending, on_device
from app.usm.journal import Entry, digest_of
from app.usm.model import ChangeKind, ClientChange, ConflictRule, ContentType, Listing

MERGED: Final = frozenset({ContentType.MAIL})
"""Content whose changes touch single flags: both sides' changes are applied, and nobody loses."""

WORDS: Final = frozenset({"body", "add_attachments"})
"""Fields of a draft that hold what somebody wrote or enclosed: it is not lost when the draft itself is gone."""

OF_ONE_DRAFT: Final = frozenset({"send", "remove_attachments"})
"""Fields that mean one draft and no other."""


class Action(Enum):
    """What to do about a client's change."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    DELETE_ONE = "delete one"
    """An occurrence of a series."""
    ALREADY = "already"
    """It was done before: answer as then."""
    CONFLICT = "conflict"
    GONE = "gone"
    NOTHING = "nothing"
    """The wanted state is there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decided action. ``stamp``: the version of the source that may be overwritten, ``None`` for any.

    ``item_id`` names the item an UPDATE goes to. ``echo``: the device must get the item back afterwards, as the
    source had changes of its own.
    """

    action: Action
    item_id: str = ""
    stamp: str | None = None
    echo: bool = False


def decide(
    change: ClientChange,
    held: Mapping[str, str],
    listing: Listing,
    done: Entry | None,
    rule: ConflictRule,
    content: ContentType,
    ours: Collection[str] = (),
) -> Step:
    """What to do about one change of a client. ``ours``: stamps that the item got by this device's changes since.

    A Delete that meets a change takes precedence, whoever sent it (MS-ASCMD 2.2.3.34); that holds for an occurrence
    of a series as well, which leaves the rest of the series as the source has it.
    """
    if change.kind is ChangeKind.ADD:
        return _decide_add(change, listing, done)
    if change.kind is ChangeKind.DELETE and change.occurrence is None:
        return _decide_delete(change, held, listing)
    return _decide_change(change, held, listing, done, rule, content, ours)


def _decide_add(change: ClientChange, listing: Listing, done: Entry | None) -> Step:
    if done is None or done.is_intent:
        return Step(Action.CREATE)
    if done.spent or done.digest == digest_of(change) or done.item_id not in listing.stamps:
        return Step(Action.ALREADY, done.item_id)
    return Step(Action.UPDATE, done.item_id, stamp=None)


def _decide_delete(change: ClientChange, held: Mapping[str, str], listing: Listing) -> Step:
    item = change.item_id
    if item in listing.stamps or item in listing.outside:
        return Step(Action.DELETE if on_device(held.get(item)) else Action.GONE, item)
    return Step(Action.NOTHING if item in held else Action.GONE, item)


def _decide_change(
    change: ClientChange,
    held: Mapping[str, str],
    listing: Listing,
    done: Entry | None,
    rule: ConflictRule,
    content: ContentType,
    ours: Collection[str],
) -> Step:
    item = change.item_id
    action = Action.DELETE_ONE if change.kind is ChangeKind.DELETE else Action.UPDATE
    repeated = done is not None and done.digest == digest_of(change)
    now = listing.stamps.get(item)
    if now is None:
        if repeated and done is not None and done.spent:
            return Step(Action.ALREADY, item)
        return Step(action if item in listing.outside else Action.GONE, item)
    if not on_device(held.get(item)):
        return Step(Action.GONE, item)
    if repeated:
        return Step(Action.ALREADY, item)
    base = done.stamp if done is not None else held[item]
    if now == base or now in ours:
        return Step(action, item, stamp=now)
    if action is Action.DELETE_ONE or content in MERGED:
        return Step(action, item, echo=True)
    if rule is ConflictRule.CLIENT_WINS:  # of fields that the device did not name, it gets the source's
        return Step(action, item, stamp=now, echo=True)
    return Step(Action.CONFLICT, item)


def pending(held: Mapping[str, str], listing: Listing, now: int) -> Iterator[tuple[ChangeKind, str]]:
    """What the device must get to hold what the source has: removals first, then changes, then additions in the
    order of the listing. ``now``: seconds since 1970."""
    if held == listing.stamps:
        return  # so it is nearly always, and one comparison is quicker than as many as there are items
    for item, stamp in held.items():
        if item not in listing.stamps and on_device(stamp):
            yield (ChangeKind.FORGET if item in listing.outside else ChangeKind.DELETE), item
    additions = []
    for item, stamp in listing.stamps.items():
        known = held.get(item)
        if known == stamp or not is_pending(known, stamp, now):
            continue
        if on_device(known):
            yield ChangeKind.CHANGE, item
        else:
            additions.append(item)
    for item in additions:
        yield ChangeKind.ADD, item


def vanished(held: Mapping[str, str], listing: Listing) -> list[str]:
    """Items that are neither in the source nor on the device any more, and can be dropped without a word."""
    return [item for item, stamp in held.items() if not on_device(stamp) and item not in listing.stamps]
