"""What all pages of administrators share: who is signed in, what a form means, and the line in the log about it.

A device is named in the query, as its id may hold anything. A form is answered by the page it came from, with what
became of it as words of :data:`app.pages.admin.words.DONE` in the query.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import falcon

from app.pages.admin.desk import Desk
from app.pages.admin.logins import Logins
from app.pages.admin.sessions import Sessions, SignedIn
from app.pages.admin.words import DONE, GONE
from app.pages.guard import Page, Refused
from app.pages.languages import said
from app.pages.site import Notice, Site
from app.web.log import clean
from app.web.login_throttle import LoginThrottle

audit: Final = logging.getLogger("usm.audit")
audit.setLevel(logging.INFO)  # whatever else is too much for the log

Where = tuple[str, str, str]
"""Context, user and device."""


@dataclass(frozen=True, slots=True)
class Office:
    """What all pages share. ``unknown``: the error for a name that stands for nothing."""

    site: Site
    desk: Desk
    logins: Logins
    sessions: Sessions
    throttle: LoginThrottle
    unknown: type[Exception]

    def who(self, request: falcon.Request) -> SignedIn | None:
        """Who is signed in."""
        token = request.context.browser.session
        found = self.sessions.find(token)
        if found is not None and found.mark != self.logins.mark(found.name):
            self.sessions.end(token)
            return None
        return found


class AdminPage(Page):
    """A page of somebody who is signed in; who is not is sent to where one signs in."""

    template = ""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.site = office.site
        self.desk = office.desk

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show the page."""
        who = self.office.who(request)
        if who is None:
            self.site.go(response, "sign-in")
            return
        values = self.shown(request)
        notices = [*notices_of(request), *values.pop("notices", ())]
        self.site.show(request, response, self.template, who=who.name, notices=notices, **values)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Carry out a form."""
        who = self.office.who(request)
        if who is None:
            self.site.go(response, "sign-in")
            return
        self.site.go(response, self.carried_out(request, who))

    def shown(self, request: falcon.Request) -> dict[str, Any]:
        """The values of the page."""
        raise NotImplementedError

    def carried_out(self, request: falcon.Request, who: SignedIn) -> str:
        """Do what the form says; the page to see next."""
        raise falcon.HTTPMethodNotAllowed(["GET"])

    def decide(
        self, request: falcon.Request, who: SignedIn, action: str, where: Where, *more: Any
    ) -> Sequence[str]:
        """Decide one thing, and write it down; words of :data:`DONE`."""
        withdrawn = self.desk.decide(action, *where, *more)
        note(request, who, action, where, *more)
        return (action, "withdrawn") if withdrawn else (action,)


def notices_of(request: falcon.Request) -> list[Notice]:
    """What became of the form that this page follows."""
    found = []
    for word in param(request, "done", 200).split(",")[:4]:
        name, _, count = word.partition(".")
        if name in DONE:
            number = count if count.isdecimal() and len(count) < 7 else "1"
            notice = DONE[name]
            found.append(Notice(notice.text, notice.kind, {"count": number}))
    return found


def told(path: str, done: Sequence[str]) -> str:
    """A path that says what became of a form."""
    return f"{path}{'&' if '?' in path else '?'}{urlencode({'done': ','.join(done)})}"


def failures(found: Mapping[str, Any]) -> list[Notice]:
    """What could not be asked."""
    text = said("Not all can be shown: %(what)s")
    return [Notice(text, "bad", {"what": each}) for each in found.get("failures", ())]


def param(request: falcon.Request, name: str, most: int = 256) -> str:
    """A word of the query; ``""`` where it is missing, there twice, or too long."""
    values = request.get_param_as_list(name) or [""]
    return values[0] if len(values) == 1 and len(values[0]) <= most and "\0" not in values[0] else ""


def where_of(request: falcon.Request) -> Where:
    """The device that a query names. Raises ``HTTPNotFound``."""
    context, user, device = (param(request, name) for name in ("context", "user", "device"))
    if not (context and user and device):
        raise falcon.HTTPNotFound
    return context, user, device


def where_in(text: str) -> Where:
    """The device that a form names. Raises ``Refused``."""
    context, _, rest = text.partition("/")
    user, _, device = rest.partition("/")
    if not (context.isdecimal() and user.isdecimal() and device):
        raise Refused(400, GONE)
    return context, user, device


def text_of(row: Mapping[str, Any]) -> str:
    """A device as forms name it."""
    return f"{row['context']}/{row['user']}/{row['device']}"


def address(where: Where) -> str:
    """A device as queries name it."""
    return urlencode(dict(zip(("context", "user", "device"), where, strict=True)))


def note(request: falcon.Request, who: SignedIn, action: str, where: Where, *more: object) -> None:
    """Write down who decided what about whom."""
    context, user, device = (clean(part) for part in where)
    rest = "".join(f" {clean(str(each))}" for each in more if each is not None)
    whom = f"context {context} user {user} device {device}"
    audit.info("administrator %s (%s): %s%s: %s", who.name, sender(request), action, rest, whom)


def sender(request: falcon.Request) -> str:
    """The address that asks."""
    return clean(request.remote_addr or "-")
