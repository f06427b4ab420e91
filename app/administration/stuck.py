"""What is stuck: items that could not be converted, and deletions of most of a folder that were held back.

==============  =====================================================================================================
skipped         the item is tried again by itself, each time after a longer pause; :meth:`Stuck.retry` lets the
                device's next request try it
held back       nothing was deleted, and the device got the items again; :meth:`Stuck.release` lets the device's next
                request carry the deletions out, :meth:`Stuck.drop` forgets them
==============  =====================================================================================================

Only sessions with notes of such trouble are looked into (:data:`app.usm.holding.NOTED`), so that it does not matter how
many others there are. The notes of a device that was not seen for a week are purged; when it comes again, its items are
tried and noted anew. A device that waits for changes hears of what was decided within seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Final, Literal, TypedDict

from app.administration.naming import Named, Names, login_of
from app.store.state import SqlStateStore
from app.usm import holding
from app.usm.devices import LOGIN
from app.usm.model import SessionId
from app.usm.ports import Clock, Remembered, Tokens

SKIPPED: Final = "skipped"
HELD_BACK: Final = "held back"

Kind = Literal["skipped", "held back"]
KINDS: Final[tuple[Kind, ...]] = (SKIPPED, HELD_BACK)

TOO_MANY: Final = "one device deleted more of the folder than mass_delete_share allows"


class Row(TypedDict):
    """An item that is skipped, or what is held back in a folder. Moments are ISO 8601, UTC, ``None`` where unknown or
    where there is none: ``since`` of deletions is the latest of them. ``tries``: so often it could not be converted."""

    kind: Kind
    context: int
    user: int
    login: str
    device: str
    folder: int
    title: str
    items: list[str]
    count: int
    since: str | None
    tries: int | None
    next_try: str | None
    why: str


class Stuck:
    """Every method may raise :class:`app.administration.naming.Unknown`, ``StoreUnavailable``; those that change
    anything ``Busy``, while the device itself is at work on the folder."""

    def __init__(self, names: Names, store: SqlStateStore, clock: Clock, tokens: Tokens) -> None:
        self._names = names
        self._store = store
        self._clock = clock
        self._tokens = tokens

    def rows(
        self, context: str | None = None, user: str | None = None, kinds: Collection[Kind] = KINDS
    ) -> Iterator[Row]:
        """All that is stuck, or what of a context, of a user, of these kinds; by context, user and device."""
        only = None if context is None else self._names.context(context)
        number: dict[int, int | None] = {}
        for session in self._store.noted(holding.NOTED, only):
            fields = self._store.fields(session)
            logins = fields.get(LOGIN, "").split()
            if user is not None:
                if session.context_id not in number:
                    number[session.context_id] = self._names.user(session.context_id, user)
                known = number[session.context_id]
                if session.user_id != known and user.lower() not in map(str.lower, logins):
                    continue
            yield from self._rows(session, (logins or [""])[0], kinds)

    def of(self, device: Remembered) -> list[Row]:
        """What is stuck of one device; its login is among its fields."""
        return list(self._rows(device.id, login_of(device), KINDS))

    def of_device(self, named: Named) -> list[Row]:
        """What is stuck of one device that somebody named."""
        return self.of(self._names.found(named))

    def retry(self, named: Named, folder: int | None = None, item: str | None = None) -> int:
        """Let the device's next request try an item again, or all that are skipped of a folder or of the device; how
        many there are."""
        session = self._names.found(named).id
        items = None if item is None else [item]
        folders = (
            {each.folder for each in holding.skipped(self._store, session)} if folder is None else {folder}
        )
        count = sum(holding.retry(self._store, session, each, items) for each in sorted(folders))
        return self._summoned(session, count)

    def release(self, named: Named, folder: int) -> int:
        """Let the deletions through that are held back in a folder; how many there are."""
        return self._decide(named, folder, let_through=True)

    def drop(self, named: Named, folder: int) -> int:
        """Forget the deletions that are held back in a folder; how many there were."""
        return self._decide(named, folder, let_through=False)

    def _decide(self, named: Named, folder: int, let_through: bool) -> int:
        session = self._names.found(named).id
        count = holding.decide(self._store, session, folder, let_through, self._clock, self._tokens)
        return self._summoned(session, count)

    def _summoned(self, session: SessionId, count: int) -> int:
        """Have a device come that waits, if there is anything for it."""
        if count:
            self._store.summon(session)
        return count

    def _rows(self, session: SessionId, login: str, kinds: Collection[Kind]) -> Iterator[Row]:
        if HELD_BACK in kinds:
            for back in holding.held_back(self._store, session):
                yield {
                    **_where(HELD_BACK, session, login, back.folder, back.title, list(back.items)),
                    "since": _iso(back.at),
                    "tries": None,
                    "next_try": None,
                    "why": TOO_MANY,
                }
        if SKIPPED in kinds:
            for skip in holding.skipped(self._store, session):
                yield {
                    **_where(SKIPPED, session, login, skip.folder, skip.title, [skip.item_id]),
                    "since": _iso(skip.since),
                    "tries": skip.tries,
                    "next_try": _iso(skip.due),
                    "why": skip.why,
                }


class _Where(TypedDict):
    kind: Kind
    context: int
    user: int
    login: str
    device: str
    folder: int
    title: str
    items: list[str]
    count: int


def _where(kind: Kind, session: SessionId, login: str, folder: int, title: str, items: list[str]) -> _Where:
    return {
        "kind": kind,
        "context": session.context_id,
        "user": session.user_id,
        "login": login,
        "device": session.device_id,
        "folder": folder,
        "title": title,
        "items": items,
        "count": len(items),
    }


def _iso(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None
