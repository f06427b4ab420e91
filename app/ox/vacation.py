"""The vacation notice of a user, which is a rule of OX's mail filter (``facts``: HTTP API 11.4).

The first rule that is marked as one counts. Without a mail filter there is none: old servers know the module by one
name alone, and users may lack the right to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.ox.access import leaf
from app.ox.errors import Scope, Unsupported
from app.ox.mapping import vacation as mapping
from app.ox.module import Context
from app.usm.errors import ItemError, ItemRefused
from app.usm.model import Absence

MODULES: Final = ("mailfilter/v2", "mailfilter")
"""The newer one first; generation 6 has the other."""


class Vacation:
    """The vacation notice of one user."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def absence(self) -> Absence | None:
        """See :meth:`app.usm.ports.DataSource.absence`."""
        found = self._found()
        return None if found is None else mapping.read(found[1], self._zone())

    def set_absence(self, absence: Absence) -> None:
        """See :meth:`app.usm.ports.DataSource.set_absence`."""
        found = self._found()
        if found is None:
            raise ItemRefused(f"user {self._context.access.user.login} has no mail filter")
        module, rule = found
        if rule is None and not absence.active and not absence.text:
            return
        zone = self._zone()
        if not (absence.text or mapping.read(rule, zone).text):
            raise ItemRefused("a vacation notice needs a text")
        body = mapping.write(rule, absence, zone)
        if body:
            self._context.client.put(module, "new" if rule is None else "update", body, scope=Scope.WRITE)

    def _found(self) -> tuple[str, Mapping[str, Any] | None] | None:
        """Under which name the mail filter is known, and the rule."""
        for module in MODULES[1:] if self._context.access.legacy else MODULES:
            try:
                rules = self._context.client.get(module, "list", {"flag": mapping.FLAG}, Scope.READ).data
            except Unsupported:
                continue
            except ItemError:
                return None
            listed = rules if isinstance(rules, list) else ()
            return module, next((rule for rule in listed if isinstance(rule, dict)), None)
        return None

    def _zone(self) -> ZoneInfo:
        """The user's time zone, whose days those of the rule are."""
        name = leaf(self._context.client, "timezone")
        try:
            return ZoneInfo(str(name or "UTC"))
        except (ValueError, LookupError, OSError):
            return ZoneInfo("UTC")
