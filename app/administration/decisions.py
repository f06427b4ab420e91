"""What an administrator decides about devices. It lies in the database: all nodes go by it at once, also while a
service is down, and devices that wait for changes hear of it within seconds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from app.administration.naming import Named, Names, Unknown, missing
from app.eas import memory
from app.store.state import SqlStateStore
from app.usm import anew, hierarchy
from app.usm.devices import DONE, ORDERED_BY_USER, Standing
from app.usm.model import FolderRef, SessionId
from app.usm.ports import STANDING, Clock, Tokens

ORDERS: Final = frozenset(DONE)
"""Decisions that erase something on the device."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one. ``withdrawn``: the order to wipe that it took back, ``""`` where there was none."""

    session: SessionId
    was_seen: bool = True
    withdrawn: str = ""


class Decisions:
    """Every method may raise :class:`app.administration.naming.Unknown`, ``StoreUnavailable`` and ``Busy``."""

    def __init__(self, names: Names, store: SqlStateStore) -> None:
        self._names = names
        self._store = store

    def decide(self, named: Named, standing: Standing | None) -> Decision:
        """Let a device in, keep it out or in quarantine, though it was never seen; ``None`` takes back what was decided
        of one that was."""
        session, was_seen = self._names.session(named)
        if standing is None and not was_seen:
            raise missing(named)
        before = self._store.fields(session).get(STANDING, "")
        self._store.decide(session, standing)
        self._store.write_fields(session, {ORDERED_BY_USER: None})
        return Decision(session, was_seen, before if before in ORDERS else "")

    def order(self, named: Named, standing: Standing) -> Decision:
        """Order a device to wipe itself or its account."""
        session = self._names.found(named).id
        self._store.decide(session, standing)
        told = (memory.WIPE_TOLD, memory.WIPE_FAILED, ORDERED_BY_USER)
        self._store.write_fields(session, dict.fromkeys(told))
        return Decision(session)

    def forget(self, named: Named) -> Decision:
        """Forget a device with its state and what was decided of it."""
        found = self._names.found(named)
        before = found.fields.get(STANDING, "")
        self._store.forget(found.id)
        return Decision(found.id, withdrawn=before if before in ORDERS else "")

    def resync(
        self, named: Named, folders: Collection[str] | None, clock: Clock, tokens: Tokens
    ) -> Sequence[FolderRef]:
        """Have a device get these folders anew, by number or title, or everything; those that it will get. Nothing of
        what it has to say is lost (:mod:`app.usm.anew`). A device that waits hears of it within seconds."""
        session = self._names.found(named).id
        numbers = None if folders is None else self._numbers(session, folders)
        ordered = anew.order(self._store, session, numbers, clock, tokens)
        self._store.summon(session)
        return ordered

    def _numbers(self, session: SessionId, folders: Collection[str]) -> set[int]:
        shown = hierarchy.shown(self._store, session)
        known = {str(ref.number) for ref in self._store.folder_refs(session)}
        found = set()
        for name in folders:
            titled = [number for number, (title, _) in shown.items() if title.lower() == name.lower()]
            if name in known:
                found.add(int(name))
            elif len(titled) == 1:
                found.add(titled[0])
            else:
                several = f"{len(titled)} folders are called {name}: say which by its number"
                raise Unknown(several if titled else f"{session.device_id} knows no folder {name}")
        return found
