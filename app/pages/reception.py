"""Who is signed in: sessions of the users' pages, and the pages where they begin and end.

* A browser's token opens a row in the database (:mod:`app.pages.ports`), which any node can read; the row holds the
  session with OX. Signing out ends both.
* Each session begins with a token that nobody has seen before.
* Who signs in with a wrong password hears that something is wrong, and not what. Tries are counted where passwords are
  checked, for these pages and for devices alike.
* An app password opens no page: what is on a lost phone must not be enough to make others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import falcon

from app.pages.browser import Browser, Token
from app.pages.guard import OpenPage, Page, Refused
from app.pages.languages import said
from app.pages.ports import Key, Sessions, Visits
from app.pages.site import Notice, Site
from app.usm.errors import AccessDenied, LoginPaused, NotEnabled, PasswordExpired
from app.usm.model import Credentials, Folder, User
from app.web import log
from app.web.origin import Origin

_log = logging.getLogger(__name__)

PROTOCOL: Final = "PAGES"
"""What the log calls it."""

LOGIN_LENGTH: Final = 255
PASSWORD_LENGTH: Final = 512

WRONG: Final = Notice(said("The name or the password is wrong."), "bad")
APP_PASSWORD: Final = Notice(
    said("That is an app password, which is for devices only. Please use your own password here."), "bad"
)
EXPIRED: Final = Notice(
    said("Your password has to be changed first. Please do that where you read your mail."), "bad"
)
NOT_ENABLED: Final = Notice(
    said("Your account may not be synchronised with phones. Your administrator can change that."), "bad"
)
PAUSED: Final = said("There were too many wrong passwords. Please try again in %(minutes)s min.")
ENDED: Final = Notice(said("You were signed out, as you did nothing here for a while."), "warn")
LEFT: Final = Notice(said("You are signed out."))
PLAIN: Final = said("Passwords are taken over a secure connection only. Please call this page with https://")


class SignInFirst(Exception):
    """Nobody is signed in, or not any more."""


@dataclass(slots=True)
class Member:
    """Somebody who is signed in, for one request. ``content``: what the session holds."""

    key: Key
    user: User
    content: dict[str, Any]

    @property
    def name(self) -> str:
        """What to call him."""
        return self.user.login

    @property
    def opens(self) -> str:
        """What opens his session with OX."""
        return str(self.content["opens"])

    def subject(self, device_id: str = "") -> log.Subject:
        """Whom a line of the log is about."""
        user = self.user
        return log.Subject(user.context_id, user.user_id, user.login, PROTOCOL, device_id)


class Reception:
    """``origin``: by which way a request came; ``allows_plain``: whether passwords are taken without TLS;
    ``is_app_password``: whether a password is one for devices; ``sections``: path and name of what can be chosen on
    every page."""

    def __init__(
        self,
        site: Site,
        visits: Visits,
        sessions: Sessions,
        origin: Callable[[falcon.Request], Origin],
        allows_plain: bool = False,
        is_app_password: Callable[[str], bool] = lambda password: False,
        sections: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.site = site
        self._sections = sections
        self._visits = visits
        self._sessions = sessions
        self._origin = origin
        self._allows_plain = allows_plain
        self._is_app_password = is_app_password

    # -- who it is -------------------------------------------------------------------------------------------

    def found(self, request: falcon.Request) -> Member | None:
        """Who is signed in."""
        token: Token | None = request.context.browser.session
        if token is None or not token.context_id:
            return None
        key = key_of(token)
        content = self._sessions.find(key)
        if content is None:
            return None
        return Member(key, User(**content["user"]), content)

    def member(self, request: falcon.Request) -> Member:
        """The same. Raises ``SignInFirst``."""
        found = self.found(request)
        if found is None:
            raise SignInFirst
        return found

    def check_way(self, request: falcon.Request) -> str:
        """The address that asks. Raises ``Refused`` where somebody could read along."""
        origin = self._origin(request)
        if not (origin.is_secure or self._allows_plain):
            raise Refused(403, PLAIN)
        return origin.address

    # -- coming and going ------------------------------------------------------------------------------------

    def credentials(self, request: falcon.Request, login: str, password: str) -> Credentials:
        """What somebody typed in, and where."""
        return Credentials(login, password, origin=self.check_way(request))

    def trial(self, credentials: Credentials, try_it: Callable[[Credentials], None]) -> Notice | None:
        """Try a name and a password; what is wrong with them, if anything."""
        if self._is_app_password(credentials.password):
            return APP_PASSWORD
        try:
            try_it(credentials)
        except PasswordExpired:
            return EXPIRED
        except AccessDenied:
            return WRONG
        except NotEnabled:
            return NOT_ENABLED
        except LoginPaused as error:
            return Notice(PAUSED, "bad", {"minutes": max(1, round(error.retry_after / 60))})
        return None

    def enter(self, response: falcon.Response, browser: Browser, credentials: Credentials) -> None:
        """Begin a session. Raises what :meth:`app.pages.ports.Visits.visit` raises."""
        user, opens = self._visits.visit(credentials)
        token = Token.drawn(user.context_id)
        content = {"user": asdict(user), "opens": opens, "notices": []}
        if browser.session is not None and browser.session.context_id:
            self._sessions.end(key_of(browser.session))
        self._sessions.begin(key_of(token), user.user_id, content)
        browser.sign_in(response, token)
        _log.info(
            "%s: signed in from %s",
            Member(key_of(token), user, content).subject(),
            log.clean(credentials.origin),
        )

    def check_password(self, member: Member, credentials: Credentials) -> None:
        """Whether this is still the same person. Raises like :meth:`enter`."""
        now, opens = self._visits.visit(credentials)
        self._visits.leave(opens)
        known = member.user
        if (known.context_id, known.user_id) != (now.context_id, now.user_id):
            raise AccessDenied("the login belongs to another user now")

    def exit(self, response: falcon.Response, browser: Browser, member: Member) -> None:
        """End a session."""
        self._sessions.end(member.key)
        self._visits.leave(member.opens)
        browser.sign_out(response)
        _log.info("%s: signed out", member.subject())

    def end(self, member: Member) -> None:
        """The same, where OX has ended its part already."""
        self._sessions.end(member.key)

    def folders(self, member: Member) -> Sequence[Folder]:
        """All folders that devices may have. Raises ``AccessDenied`` when OX has forgotten who it is,
        ``SourceUnavailable``."""
        return self._visits.visited(member.opens).folders()

    # -- pages -----------------------------------------------------------------------------------------------

    def show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        member: Member,
        template: str,
        status: int = 200,
        notices: tuple[Notice, ...] = (),
        **values: Any,
    ) -> None:
        """A page for somebody who is signed in, with what was left to say to him."""
        left = tuple(Notice(**notice) for notice in member.content["notices"])
        if left:
            self.keep(member, notices=[])
        self.site.show(
            request,
            response,
            template,
            status,
            who=member.name,
            sections=self._sections,
            notices=left + notices,
            **values,
        )

    def go(self, response: falcon.Response, member: Member, path: str, notice: Notice | None = None) -> None:
        """On to another page, which says this first."""
        if notice is not None:
            self.keep(member, notices=[*member.content["notices"], asdict(notice)])
        self.site.go(response, path)

    def keep(self, member: Member, **content: Any) -> None:
        """Keep something in the session."""
        member.content.update(content)
        self._sessions.change(member.key, member.content)

    def turned_away(
        self,
        request: falcon.Request,
        response: falcon.Response,
        error: SignInFirst,
        params: Mapping[str, Any],
    ) -> None:
        """An error handler: sign in, and begin at the beginning."""
        browser: Browser = request.context.browser
        ended = browser.session is not None
        if ended:
            browser.sign_out(response)
        self.site.go(response, "sign-in?ended" if ended else "sign-in")


class SignIn(OpenPage):
    """Where a session begins."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The form."""
        reception = self._reception
        reception.check_way(request)
        if reception.found(request) is not None:
            reception.site.go(response, "")
            return
        told = {"ended": ENDED, "left": LEFT}.get(request.query_string)
        self._show(request, response, 200, told, "")

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Name and password."""
        form, browser = request.context.form, request.context.browser
        reception = self._reception
        login, password = form.text("login", LOGIN_LENGTH), form.exactly("password", PASSWORD_LENGTH)
        credentials = reception.credentials(request, login, password)
        wrong = reception.trial(credentials, lambda given: reception.enter(response, browser, given))
        if wrong is None:
            reception.site.go(response, "")
            return
        subject = log.Subject(login=login, protocol=PROTOCOL)
        _log.info("%s: not signed in from %s: %s", subject, log.clean(credentials.origin), wrong.text)
        status = 403
        if wrong.text == PAUSED:
            status = 429
            response.set_header("Retry-After", str(60 * wrong.values["minutes"]))
        self._show(request, response, status, wrong, login)

    def _show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        status: int,
        notice: Notice | None,
        login: str,
    ) -> None:
        notices = () if notice is None else (notice,)
        self._reception.site.show(request, response, "sign_in.html", status, notices=notices, login=login)


class SignOut(Page):
    """Where it ends."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """End it."""
        reception = self._reception
        reception.exit(response, request.context.browser, reception.member(request))
        reception.site.go(response, "sign-in?left")


def key_of(token: Token) -> Key:
    """Where the session of a token is kept, and what opens it."""
    return token.context_id, token.derived("row").hex(), token.derived("seal")
