"""The pages about app passwords: passwords of single devices, which their user makes and takes back.

The password of the user is asked for again, as the app password is made of it and whoever finds a browser open must not
get one. What was made is shown once: it lies in the session, which only the browser's token opens, until the next page
has shown it.
"""

from __future__ import annotations

import logging
from typing import Final

import falcon

from app.pages.guard import Page
from app.pages.languages import said
from app.pages.ports import AppPasswords
from app.pages.reception import PASSWORD_LENGTH, Member, Reception
from app.pages.site import Notice

_log = logging.getLogger(__name__)

LABEL_LENGTH: Final = 128

NO_LABEL: Final = Notice(said("Please say which device it is for."), "bad")
REVOKED: Final = said(
    "The app password for %(name)s is taken back. A device that uses it is out within 15 minutes."
)
GONE: Final = Notice(said("There is no such app password any more."), "warn")
REFUSED: Final = Notice(said("No app password can be made of this name and password."), "bad")


class AppPasswordPages(Page):
    """All of a user, and a form for another one."""

    def __init__(self, reception: Reception, keys: AppPasswords) -> None:
        self._reception = reception
        self._keys = keys

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The list."""
        self._show(request, response, self._reception.member(request))

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Make another one."""
        reception, form = self._reception, request.context.form
        member = reception.member(request)
        label, password = form.text("label", LABEL_LENGTH), form.exactly("password", PASSWORD_LENGTH)
        if not label:
            self._show(request, response, member, NO_LABEL, label)
            return
        credentials = reception.credentials(request, member.user.login, password)
        wrong = reception.trial(credentials, lambda given: reception.check_password(member, given))
        if wrong is None:
            try:
                made = self._keys.add(member.user, password, label)
            except ValueError:
                wrong = REFUSED
        if wrong is not None:
            self._show(request, response, member, wrong, label)
            return
        _log.info("%s: an app password was made", member.subject())
        reception.keep(member, made={"label": label, "password": made})
        reception.go(response, member, "app-passwords")

    def _show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        member: Member,
        notice: Notice | None = None,
        label: str = "",
    ) -> None:
        reception = self._reception
        made = member.content.get("made")
        if made is not None:
            reception.keep(member, made=None)
        user = member.user
        reception.show(
            request,
            response,
            member,
            "app_passwords.html",
            200 if notice is None else 403,
            () if notice is None else (notice,),
            made=made,
            label=label,
            keys=self._keys.of_user(user.context_id, user.user_id),
        )


class Revoke(Page):
    """Taking one back."""

    def __init__(self, reception: Reception, keys: AppPasswords) -> None:
        self._reception = reception
        self._keys = keys

    def on_post(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Take it back."""
        reception = self._reception
        member = reception.member(request)
        user = member.user
        labels = {each.id: each.label for each in self._keys.of_user(user.context_id, user.user_id)}
        notice = GONE
        if self._keys.revoke(user.context_id, name, user.user_id):
            _log.info("%s: app password %s was taken back", member.subject(), name)
            notice = Notice(REVOKED, values={"name": labels.get(name, name)})
        reception.go(response, member, "app-passwords", notice)
