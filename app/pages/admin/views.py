"""The pages of administrators.

====================  ==========================================================================================
path                  what it is
====================  ==========================================================================================
``/``                 the estate at a glance
``/devices``          all devices: looked for, filtered, page by page
``/device``           one device, and what can be decided about it; ``?context=&user=&device=``
``/sure``             the question before anything is erased or forgotten
``/quarantine``       who waits to be let in, and letting many in at once
``/stuck``            items that could not be converted, deletions that were held back
``/storms``           who asks most of this node
``/versions``         what is in use
``/sign-in``          name and password; ``/sign-out``
====================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import falcon

from app.pages import site
from app.pages.admin.desk import Desk
from app.pages.admin.logins import Logins
from app.pages.admin.office import (
    AdminPage,
    Office,
    Where,
    address,
    failures,
    note,
    param,
    text_of,
    told,
    where_in,
    where_of,
)
from app.pages.admin.sessions import Sessions, SignedIn
from app.pages.admin.signing import SignIn, SignOut
from app.pages.admin.words import ACTIONS, GONE, KINDS, ORDERS, PROBLEMS, SPANS, STANDINGS, SURE
from app.pages.frame import Frame
from app.pages.guard import Refused
from app.pages.site import Notice, Site
from app.usm.errors import Busy, StoreUnavailable
from app.web.login_throttle import LoginThrottle

BASE: Final = "/usm/admin"
COOKIES: Final = "usm-admin"

MOST_CHOSEN: Final = 500

FILTERS: Final = ("text", "context", "standing", "device_type", "problem", "seen", "unseen")


class Overview(AdminPage):
    """``/``"""

    template = "admin/overview.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        numbers = self.desk.numbers()
        return {"numbers": numbers, "standings": STANDINGS, "notices": failures(numbers)}


class Devices(AdminPage):
    """``/devices``"""

    template = "admin/devices.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        wanted = {name: param(request, name).strip() for name in FILTERS}
        for name, words in (
            ("standing", STANDINGS),
            ("problem", PROBLEMS),
            ("seen", SPANS),
            ("unseen", SPANS),
        ):
            if wanted[name] not in words:
                wanted[name] = ""
        order = param(request, "order")
        order = order if order in ORDERS else "name"
        values = {
            "wanted": wanted,
            "order": order,
            "standings": STANDINGS,
            "problems": PROBLEMS,
            "spans": SPANS,
        }
        values["orders"] = ORDERS
        try:
            found = self.desk.devices(wanted, order, param(request, "after"))
        except self.office.unknown:
            nothing = {"rows": [], "following": "", "count": 0, "more": False}
            return {**values, "found": nothing, "next": "", "notices": [Notice(GONE, "warn")]}
        asked = {name: value for name, value in {**wanted, "order": order}.items() if value}
        following = found["following"]
        return {
            **values,
            "found": {**found, "rows": [moments(row) for row in found["rows"]]},
            "next": urlencode({**asked, "after": following}) if following else "",
            "notices": failures(found),
        }


class Device(AdminPage):
    """``/device``"""

    template = "admin/device.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        return self._values(where_of(request))

    def _values(self, where: Where) -> dict[str, Any]:
        found = self.desk.device(*where)
        return {
            **found,
            "row": moments(found["row"]),
            "details": moments(found["details"]),
            "stuck": [moments(row) for row in found["stuck"]],
            "actions": ACTIONS,
            "sure": SURE,
            "standings": STANDINGS,
            "address": address(where),
            "secret": None,  # nosec B105 # none yet
        }

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """See :class:`AdminPage`. A recovery password is shown at once, and by no other address."""
        who, form = self.office.who(request), request.context.form
        if who is None or form.text("action") != "recovery":
            super().on_post(request, response)
            return
        where = where_in(form.text("where", 400))
        secret = self.desk.recovery_password(*where)
        note(request, who, "recovery-password", where)
        values = {**self._values(where), "secret": secret or ""}
        self.site.show(request, response, self.template, who=who.name, **values)

    def carried_out(self, request: falcon.Request, who: SignedIn) -> str:
        """See :class:`AdminPage`."""
        form = request.context.form
        action, where = form.text("action"), where_in(form.text("where", 400))
        if action in SURE and form.text("sure") != "yes":
            return f"sure?{address(where)}&{urlencode({'action': action})}"
        if action == "resync":
            folders = None if form.text("all") == "yes" else list(form.all("folder"))[:MOST_CHOSEN]
            if folders == []:
                return told(f"device?{address(where)}", ["nothing"])
            done = self.decide(request, who, action, where, folders)
        elif action in ACTIONS or action in SURE:
            done = self.decide(request, who, action, where)
        else:
            raise Refused(400, GONE)
        return told("devices" if action == "forget" else f"device?{address(where)}", done)


class Sure(AdminPage):
    """``/sure``"""

    template = "admin/sure.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        where, action = where_of(request), param(request, "action")
        if action not in SURE:
            raise falcon.HTTPNotFound
        found = self.desk.device(*where)
        return {"row": found["row"], "action": action, "words": SURE[action], "address": address(where)}


class Quarantine(AdminPage):
    """``/quarantine``"""

    template = "admin/quarantine.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        found = self.desk.quarantine(param(request, "after"))
        following = found["following"]
        return {
            "rows": [{**moments(row), "where": text_of(row)} for row in found["rows"]],
            "next": urlencode({"after": following}) if following else "",
            "notices": failures(found),
        }

    def carried_out(self, request: falcon.Request, who: SignedIn) -> str:
        """See :class:`AdminPage`. One device that fails keeps no other waiting."""
        form = request.context.form
        action = form.text("action")
        if action not in ("allow", "block"):
            raise Refused(400, GONE)
        done, failed = 0, 0
        for each in form.all("where")[:MOST_CHOSEN]:
            try:
                self.decide(request, who, action, where_in(each))
                done += 1
            except (self.office.unknown, StoreUnavailable, Busy):
                failed += 1
        words = [(action, done)] * bool(done) + [("failed", failed)] * bool(failed)
        return told("quarantine", [f"{word}.{count}" for word, count in words] or ["nothing"])


class Stuck(AdminPage):
    """``/stuck``"""

    template = "admin/stuck.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        context = param(request, "context").strip()
        try:
            found = self.desk.stuck(context)
        except self.office.unknown:
            return {"rows": [], "more": False, "context": context, "notices": [Notice(GONE, "warn")]}
        rows = [{**moments(row), "where": text_of(row)} for row in found["rows"]]
        return {"rows": rows, "more": found["more"], "context": context}

    def carried_out(self, request: falcon.Request, who: SignedIn) -> str:
        """See :class:`AdminPage`."""
        form = request.context.form
        action, where, folder = form.text("action"), where_in(form.text("where", 400)), form.text("folder")
        if action not in ("retry", "release", "drop") or not folder.isdecimal() or len(folder) > 9:
            raise Refused(400, GONE)
        item = form.exactly("item", 4000) or None
        count = self.desk.unstick(action, *where, int(folder), item)
        note(request, who, action, where, folder, item or "-")
        return told("stuck", [f"{action}.{count}" if count else "nothing"])


class Storms(AdminPage):
    """``/storms``"""

    template = "admin/storms.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        return {"rows": self.desk.storms()}


class Versions(AdminPage):
    """``/versions``"""

    template = "admin/versions.html"

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """See :class:`AdminPage`."""
        found = self.desk.versions()
        return {"tables": [(KINDS[name], found[name], name) for name in KINDS]}


def create(
    desk: Desk,
    logins: Mapping[str, str],
    sessions: Sessions,
    throttle: LoginThrottle,
    unknown: type[Exception],
) -> falcon.App[falcon.Request, falcon.Response]:
    """The application. ``logins``: name → what is kept of its password."""
    shown = Site(Frame(BASE))
    app = site.create(shown, COOKIES)
    office = Office(shown, desk, Logins(logins), sessions, throttle, unknown)
    for path, page in {
        "": Overview,
        "/": Overview,
        "/devices": Devices,
        "/device": Device,
        "/sure": Sure,
        "/quarantine": Quarantine,
        "/stuck": Stuck,
        "/storms": Storms,
        "/versions": Versions,
        "/sign-in": SignIn,
        "/sign-out": SignOut,
    }.items():
        app.add_route(f"{BASE}{path}", page(office))

    def gone(
        request: falcon.Request, response: falcon.Response, error: Exception, params: dict[str, Any]
    ) -> None:
        shown.refused(request, response, Refused(404, GONE), params)

    app.add_error_handler(unknown, gone)
    return app


def moments(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its moments as such."""
    names = (
        "decided",
        "first_seen",
        "last_seen",
        "policy_taken",
        "wipe_told",
        "wipe_failed",
        "since",
        "next_try",
    )
    return {
        name: datetime.fromisoformat(value) if name in names and isinstance(value, str) and value else value
        for name, value in row.items()
    }
