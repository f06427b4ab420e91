"""All that the administrators' pages ask and decide, in plain values; what they expect is
:class:`app.pages.admin.desk.Desk`.

Every method may raise :class:`app.administration.naming.Unknown`, ``StoreUnavailable``; those that change anything
``Busy``, while the device itself is at work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from app.administration import estate, recovery, search
from app.administration.decisions import Decision, Decisions
from app.administration.naming import Named, Names, login_of
from app.administration.search import Search, Wanted
from app.administration.storms import Storms
from app.administration.stuck import Stuck
from app.eas import memory
from app.eas.admission_rules import DeviceRules
from app.store.database import Databases
from app.store.estate import Order
from app.store.sealed import Ring
from app.store.state import SqlStateStore
from app.usm import hierarchy
from app.usm.devices import AGENT, DEVICE_TYPE, LOGIN, VERSION, Standing
from app.usm.ports import Clock, Remembered, Tokens

MOST_STUCK: Final = 200
"""What is stuck is shown up to this number."""

STANDINGS: Final[Mapping[str, Standing | None]] = {
    "allow": Standing.ALLOWED,
    "block": Standing.BLOCKED,
    "quarantine": Standing.QUARANTINED,
    "undecide": None,
}
ORDERS: Final[Mapping[str, Standing]] = {"wipe": Standing.WIPE, "wipe-account": Standing.WIPE_ACCOUNT}


class Desk:
    """``store`` does not count a look as a device's being seen; ``ring`` opens recovery passwords."""

    def __init__(
        self,
        databases: Databases,
        store: SqlStateStore,
        rules: DeviceRules,
        clock: Clock,
        tokens: Tokens,
        storms: Storms,
        ring: Ring | None = None,
    ) -> None:
        self._databases = databases
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._storms = storms
        self._ring = ring
        self._names = Names(databases, store)
        self._search = Search(databases, self._names, rules, clock.now)
        self._decisions = Decisions(self._names, store)
        self._stuck = Stuck(self._names, store, clock, tokens)

    # -- asking ------------------------------------------------------------------------------------------------

    def numbers(self) -> dict[str, Any]:
        """The estate at a glance: ``devices``, ``users``, ``standings``, seen in the last ``day`` and ``week``,
        ``failures``."""
        found = self._search.numbers()
        day, week = found.seen
        return {
            "devices": found.devices,
            "users": found.users,
            "standings": dict(found.standings),
            "day": day,
            "week": week,
            "failures": found.failures,
        }

    def devices(self, wanted: Mapping[str, str], order: str, after: str) -> dict[str, Any]:
        """A page of those that are looked for: ``rows``, ``following``, ``failures``; and on the first page ``count``,
        with ``more`` if there are more than that."""
        asked = Wanted(**wanted)
        page = self._search.page(asked, Order(order), after)
        first: dict[str, Any] = {"count": None, "more": False}
        if not after:
            count = self._search.count(asked) if page.following else len(page.devices)
            first = {"count": count, "more": count >= search.MOST}
        rows = [estate.row(device) for device in page.devices]
        return {"rows": rows, "following": page.following, "failures": page.failures, **first}

    def quarantine(self, after: str) -> dict[str, Any]:
        """Those that wait to be let in, the first first: ``rows`` with what a device says of itself (``told``) and the
        rule that keeps it there (``rule``); ``following``, ``failures``."""
        page = self._search.quarantine(after)
        rows = [
            {**estate.row(device), "told": _told(device), "rule": self._search.access(device)[1]}
            for device in page.devices
        ]
        return {"rows": rows, "following": page.following, "failures": page.failures}

    def device(self, context: str, user: str, device: str) -> dict[str, Any]:
        """One device: ``row``, ``details``, ``folders`` (number, title, whether it holds any of it), ``stuck``,
        ``access`` (allow, quarantine or block) and by which ``rule``."""
        found = self._names.found(Named(context, user, device))
        access, rule = self._search.access(found)
        shown = hierarchy.shown(self._store, found.id)
        refs = self._store.folder_refs(found.id)
        begun = self._store.begun(found.id)
        return {
            "row": estate.row(found),
            "details": estate.details(found),
            "folders": [
                (ref.number, shown.get(ref.number, ("", ""))[0] or ref.id, ref.number in begun)
                for ref in refs
                if ref.number in shown or ref.number in begun
            ],
            "stuck": self._stuck.of(found),
            "access": access.name.lower(),
            "rule": rule,
        }

    def stuck(self, context: str = "") -> dict[str, Any]:
        """What is stuck: ``rows``, and whether there is ``more`` than that."""
        rows: list[Any] = []
        for row in self._stuck.rows(context or None):
            if len(rows) == MOST_STUCK:
                return {"rows": rows, "more": True}
            rows.append(row)
        return {"rows": rows, "more": False}

    def storms(self) -> list[dict[str, Any]]:
        """The devices that ask most of this node, those that were refused first."""
        found = []
        for storm in self._storms.rows():
            session = storm.session
            devices = self._store.remembered(session.context_id, session.user_id, (LOGIN, AGENT, DEVICE_TYPE))
            known = next((each for each in devices if each.id == session), None)
            fields = {} if known is None else known.fields
            found.append(
                {
                    "context": session.context_id,
                    "user": session.user_id,
                    "device": session.device_id,
                    "login": "" if known is None else login_of(known),
                    "type": fields.get(DEVICE_TYPE, ""),
                    "agent": fields.get(AGENT, ""),
                    "requests": storm.requests,
                    "repeats": storm.repeats,
                    "refused": storm.refused,
                }
            )
        return found

    def versions(self) -> dict[str, list[tuple[str, int]]]:
        """What is in use: ``protocol``, ``type``, ``agent``, ``model``, ``os`` → values and how many have each."""
        found = self._search.versions()
        names = {
            VERSION: "protocol",
            DEVICE_TYPE: "type",
            AGENT: "agent",
            estate.MODEL: "model",
            estate.OS: "os",
        }
        return {names[field]: counts.most_common(50) for field, counts in found.items()}

    def recovery_password(self, context: str, user: str, device: str) -> str | None:
        """The password by which the owner opens a locked device; ``None`` if it has sent none."""
        return recovery.password(self._databases, self._names, Named(context, user, device), self._ring)

    # -- deciding ----------------------------------------------------------------------------------------------

    def decide(
        self, action: str, context: str, user: str, device: str, folders: Collection[str] | None = None
    ) -> str:
        """Do one of these: allow, block, quarantine, undecide, wipe, wipe-account, forget, resync (``folders``: these,
        or everything). The order to wipe that it took back, or ``""``. Raises ``KeyError`` for anything else."""
        named = Named(context, user, device)
        return self._decided(action, named, folders).withdrawn

    def _decided(self, action: str, named: Named, folders: Collection[str] | None) -> Decision:
        if action in ORDERS:
            return self._decisions.order(named, ORDERS[action])
        if action == "forget":
            return self._decisions.forget(named)
        if action == "resync":
            session = self._names.found(named).id
            self._decisions.resync(named, folders, self._clock, self._tokens)
            return Decision(session)
        return self._decisions.decide(named, STANDINGS[action])

    def unstick(
        self, action: str, context: str, user: str, device: str, folder: int, item: str | None = None
    ) -> int:
        """Retry, release or drop what is stuck in a folder of a device; how many there were."""
        named = Named(context, user, device)
        match action:
            case "retry":
                return self._stuck.retry(named, folder, item)
            case "release":
                return self._stuck.release(named, folder)
        return self._stuck.drop(named, folder)


def _told(device: Remembered) -> dict[str, str]:
    """What a device says of itself, besides its row."""
    known = (estate.MODEL, estate.OS)
    return {
        name.removeprefix(memory.DEVICE): text
        for name, text in device.fields.items()
        if name.startswith(memory.DEVICE) and name not in known
    }
