"""Where administrators sign in and out."""

from __future__ import annotations

from typing import Final

import falcon

from app.pages.admin.office import Office, audit, sender
from app.pages.admin.words import PAUSED, WRONG
from app.pages.guard import OpenPage, Page
from app.pages.site import Notice
from app.usm.errors import AccessDenied, LoginPaused
from app.usm.model import Credentials
from app.web.log import clean
from app.web.login_throttle import Limits

LIMITS: Final = Limits(name=5, address=20)
"""Wrong passwords that are free."""


class SignIn(OpenPage):
    """``/sign-in``"""

    def __init__(self, office: Office) -> None:
        self._office = office

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The form."""
        if self._office.who(request) is not None:
            self._office.site.go(response, "")
            return
        self._show(request, response)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Sign in."""
        form, office = request.context.form, self._office
        name, password = form.text("name", 64), form.exactly("password", 1024)
        credentials = Credentials(name, password, origin=request.remote_addr or "")
        try:
            with office.throttle.trying(credentials):
                if not office.logins.opens(name, password):
                    raise AccessDenied(WRONG)
        except LoginPaused as error:
            audit.warning("administrator %s (%s): not tried, too many attempts", clean(name), sender(request))
            response.set_header("Retry-After", str(error.retry_after))
            self._show(request, response, name, 429, Notice(PAUSED, "bad", {"seconds": error.retry_after}))
            return
        except AccessDenied:
            audit.warning("administrator %s (%s): wrong name or password", clean(name), sender(request))
            self._show(request, response, name, 403, Notice(WRONG, "bad"))
            return
        office.sessions.end(request.context.browser.session)
        request.context.browser.sign_in(response, office.sessions.begin(name, office.logins.mark(name)))
        audit.info("administrator %s (%s): signed in", name, sender(request))
        office.site.go(response, "")

    def _show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        name: str = "",
        status: int = 200,
        *notices: Notice,
    ) -> None:
        self._office.site.show(request, response, "admin/sign_in.html", status, notices=notices, name=name)


class SignOut(Page):
    """``/sign-out``"""

    def __init__(self, office: Office) -> None:
        self._office = office

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Sign out."""
        browser, who = request.context.browser, self._office.who(request)
        if who is not None:
            audit.info("administrator %s (%s): signed out", who.name, sender(request))
        self._office.sessions.end(browser.session)
        browser.sign_out(response)
        self._office.site.go(response, "sign-in")
