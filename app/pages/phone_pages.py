"""The pages about a user's own devices: all of them, one, and what can be done about it.

A device is looked for among those of who is signed in, by what stands for it in the address: nobody else's can be
named.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import falcon

from app.eas import memory
from app.eas.request import PROTOCOL
from app.pages import phones
from app.pages.guard import Page
from app.pages.languages import said
from app.pages.phones import Phone, Rules
from app.pages.ports import Phones
from app.pages.reception import PASSWORD_LENGTH, Member, Reception
from app.pages.site import Notice
from app.usm import hierarchy, holding
from app.usm.devices import ORDERED_BY_USER, Standing

_log = logging.getLogger(__name__)

FORGOTTEN: Final = said("%(name)s was removed from the list. If it connects again, it starts anew.")
ACCOUNT_WIPE: Final = said("The account will be removed from %(name)s as soon as it connects.")
WHOLE_WIPE: Final = said("%(name)s will be erased completely as soon as it connects.")
SPARED: Final = said("The order for %(name)s is taken back.")
MEANWHILE: Final = Notice(
    said("Something else was decided about this device in the meantime, so nothing was done."), "warn"
)
TICK: Final = Notice(said("Please tick that you know what is lost."), "bad")

WHOLE: Final = "whole"
"""What the form says for all of the device."""


class Devices:
    """The devices of users. ``store``: what is kept of them."""

    def __init__(self, reception: Reception, store: Phones, rules: Rules) -> None:
        self.reception = reception
        self.store = store
        self._rules = rules

    def of(self, member: Member) -> Sequence[Phone]:
        """Those of one user, the last used first."""
        user, now = member.user, self.reception.site.now()
        found = self.store.remembered(user.context_id, user.user_id, phones.ABOUT)
        own = [phones.phone(each, self._rules, now) for each in found if each.id.protocol == PROTOCOL]
        return sorted(own, key=lambda phone: phone.last_used, reverse=True)

    def one(self, member: Member, name: str) -> Phone:
        """The one that a name in an address stands for. Raises ``falcon.HTTPNotFound``."""
        for phone in self.of(member):
            if phone.id == name:
                return phone
        raise falcon.HTTPNotFound


class PhonePage(Page):
    """The root of these pages."""

    def __init__(self, devices: Devices) -> None:
        self.devices = devices
        self.reception = devices.reception

    def done(
        self, response: falcon.Response, member: Member, phone: Phone, text: str, path: str = ""
    ) -> None:
        """On to the next page, which says what was done; and a line of the log."""
        _log.info("%s: %s", member.subject(phone.session.device_id), text.replace("%(name)s", "device"))
        self.reception.go(response, member, path, Notice(text, values={"name": phone.name}))


class All(PhonePage):
    """All of them."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The list."""
        member = self.reception.member(request)
        self.reception.show(request, response, member, "phones.html", phones=self.devices.of(member))


class One(PhonePage):
    """One of them."""

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """All that is known of it."""
        member = self.reception.member(request)
        phone = self.devices.one(member, name)
        store, session = self.devices.store, phone.session
        begun = store.begun(session)
        shown = hierarchy.shown(store, session)
        folders = sorted((title for number, (title, _) in shown.items() if number in begun), key=str.casefold)
        skipped: dict[str, int] = {}
        for item in holding.skipped(store, session):
            skipped[item.title] = skipped.get(item.title, 0) + 1
        held = [(each.title, len(each.items)) for each in holding.held_back(store, session)]
        self.reception.show(
            request,
            response,
            member,
            "phone.html",
            phone=phone,
            folders=folders,
            skipped=sorted(skipped.items()),
            held=held,
        )


class Forget(PhonePage):
    """Removing one from the list."""

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Whether it is meant."""
        member = self.reception.member(request)
        phone = self.devices.one(member, name)
        if not phone.may_be_forgotten:
            raise falcon.HTTPNotFound
        self.reception.show(request, response, member, "forget.html", phone=phone)

    def on_post(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Remove it."""
        member = self.reception.member(request)
        phone = self.devices.one(member, name)
        allowed = {each or "" for each in phones.FORGETTABLE}
        if phone.is_own_order:
            allowed.update(phones.DONE)
        others = [each.value for each in Standing if each not in allowed]
        if phone.may_be_forgotten and self.devices.store.forget_unless(phone.session, others):
            self.done(response, member, phone, FORGOTTEN)
        else:
            self.reception.go(response, member, f"phones/{name}", MEANWHILE)


class Wipe(PhonePage):
    """Having a device erase itself, or the account on it."""

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """What of it."""
        member = self.reception.member(request)
        self._show(request, response, member, self._wipeable(member, name), "wipe.html")

    def on_post(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """The account goes at once; for the whole device a second page asks, and the password."""
        member, form = self.reception.member(request), request.context.form
        phone = self._wipeable(member, name)
        if form.text("what") != WHOLE:
            self._order(response, member, phone, Standing.WIPE_ACCOUNT, ACCOUNT_WIPE)
            return
        if form.text("sure") != "1":
            asked = form.text("asked") == "1"
            self._show(request, response, member, phone, "wipe_whole.html", TICK if asked else None)
            return
        password = form.exactly("password", PASSWORD_LENGTH)
        credentials = self.reception.credentials(request, member.user.login, password)
        wrong = self.reception.trial(credentials, lambda given: self.reception.check_password(member, given))
        if wrong is None:
            self._order(response, member, phone, Standing.WIPE, WHOLE_WIPE)
        else:
            self._show(request, response, member, phone, "wipe_whole.html", wrong)

    def _wipeable(self, member: Member, name: str) -> Phone:
        phone = self.devices.one(member, name)
        if not phone.may_be_wiped:
            raise falcon.HTTPNotFound
        return phone

    def _show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        member: Member,
        phone: Phone,
        template: str,
        notice: Notice | None = None,
    ) -> None:
        notices = () if notice is None else (notice,)
        status = 200 if notice is None else 403
        self.reception.show(request, response, member, template, status, notices, phone=phone)

    def _order(
        self, response: falcon.Response, member: Member, phone: Phone, standing: Standing, text: str
    ) -> None:
        store, before = self.devices.store, phone.standing or ""
        if not store.decide(phone.session, standing, [before]):
            self.reception.go(response, member, f"phones/{phone.id}", MEANWHILE)
            return
        fields = {memory.WIPE_TOLD: None, memory.WIPE_FAILED: None, ORDERED_BY_USER: str(before)}
        store.write_fields(phone.session, fields)
        self.done(response, member, phone, text, f"phones/{phone.id}")


class Spare(PhonePage):
    """Taking back an order of one's own that was not carried out yet."""

    def on_post(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Take it back: the device stands as it did before."""
        member = self.reception.member(request)
        phone = self.devices.one(member, name)
        store = self.devices.store
        before = Standing.parse(store.fields(phone.session).get(ORDERED_BY_USER, ""))
        if phone.may_be_spared and store.decide(phone.session, before, [phone.standing or ""]):
            store.write_fields(phone.session, {ORDERED_BY_USER: None})
            self.done(response, member, phone, SPARED, f"phones/{name}")
        else:
            self.reception.go(response, member, f"phones/{name}", MEANWHILE)
