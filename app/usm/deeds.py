"""What a device had done apart from the rounds of synchronisation, noted so that it is done once.

The commands that send a message, move an item or answer an invitation carry no sync key: a device that got no answer
repeats them, and so does one whose first request is still at work. So each is noted under the device's own name for it
before the source is asked, and again when it is done. The notes are kept like the items of a folder, under numbers
below 0 that no folder has: one deed costs one small row, and a lost lock shows as it does there.

A note that is not done is a doubt: the process may have died on either side of the source's work. What is sent or
moved can be looked for; how, and what is left in doubt all the same, say :mod:`app.usm.sending` and
:mod:`app.usm.moving`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Final

from app.usm.journal import Record, noted
from app.usm.model import SessionId
from app.usm.ports import Clock, StateStore, Tokens

KEPT: Final = 7 * 86400
"""Seconds for which a deed is remembered."""
MOST: Final = 1000
"""At most so many deeds of a kind are remembered, the latest ones."""


class Kind(IntEnum):
    """The kinds of deeds, and the numbers under which they are kept."""

    SENT = -1
    MOVED = -2
    REPLIED = -3
    HELD_BACK = -4
    """Deletions that a brake held back (:mod:`app.usm.brakes`): number of the folder → ids of the items."""
    SKIPPED = -5
    """Items that cannot be converted (:mod:`app.usm.holding`): folder and item → since when, and why."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One of them. ``at``: when the source was last asked, in seconds since 1970, 0 where it certainly is not at it;
    ``what``: of the same name, tells one deed from another; ``trace``: by which its result can be found;
    ``result``: what was answered."""

    at: int
    done: bool = False
    what: str = ""
    trace: str = ""
    result: str = ""


class Deeds:
    """The deeds of one kind and session, under their lock; see :func:`opened`."""

    def __init__(
        self, store: StateStore, session: SessionId, kind: Kind, clock: Clock, tokens: Tokens
    ) -> None:
        self._store = store
        self._session = session
        self._kind = kind
        self._clock = clock
        heads = store.heads(session, kind)
        if heads is None:
            store.begin(session, kind, tokens.text()[:16], Record(0, {}).dumps())
        self._counter = 1 if heads is None else heads.newest.counter
        kept = {} if heads is None else store.stamps(session, kind, self._counter)
        self._deeds = {name: noted(Deed, json.loads(text)) for name, text in kept.items()}

    def get(self, name: str) -> Deed | None:
        """The deed of this name, if it is remembered."""
        return self._deeds.get(name)

    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock.now().timestamp())

    def note(self, deeds: Mapping[str, Deed | None]) -> None:
        """Remember these durably; ``None`` forgets. What is outdated is forgotten with them."""
        changed = {**deeds, **dict.fromkeys(self._outdated(deeds))}
        self._store.save(self._session, self._kind, self._counter, _texts(changed), Record(0, {}).dumps())
        self._counter += 1
        self._take(changed)

    def note_with(
        self, deeds: Mapping[str, Deed | None], others: Mapping[int, Mapping[str, str | None]]
    ) -> None:
        """Remember these, and amend the states of other folders, all or nothing."""
        self._store.amend(self._session, {self._kind: _texts(deeds), **others})
        self._take(deeds)

    def _take(self, changed: Mapping[str, Deed | None]) -> None:
        for name, deed in changed.items():
            if deed is None:
                self._deeds.pop(name, None)
            else:
                self._deeds[name] = deed

    def _outdated(self, fresh: Mapping[str, Deed | None]) -> Iterator[str]:
        names = [name for name in sorted(self._deeds, key=self._age) if name not in fresh]
        too_many = len(names) + len(fresh) - MOST
        for place, name in enumerate(names):
            if place < too_many or self._age(name) < self.now() - KEPT:
                yield name

    def _age(self, name: str) -> int:
        return self._deeds[name].at


def _texts(deeds: Mapping[str, Deed | None]) -> dict[str, str | None]:
    return {
        name: None if deed is None else json.dumps(asdict(deed), separators=(",", ":"))
        for name, deed in deeds.items()
    }


@contextmanager
def opened(
    store: StateStore, session: SessionId, kind: Kind, clock: Clock, tokens: Tokens
) -> Iterator[Deeds]:
    """The deeds of this kind for as long as this block lasts; one holder at a time. Raises ``Busy``."""
    with store.lock(session, kind):
        yield Deeds(store, session, kind, clock, tokens)


def mark_of(session: SessionId, kind: Kind, name: str) -> str:
    """The same whenever the same deed is repeated: 32 hexadecimal digits."""
    parts = (
        str(session.context_id),
        str(session.user_id),
        session.protocol,
        session.device_id,
        kind.name,
        name,
    )
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
