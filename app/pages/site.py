"""A Falcon application of pages: guarded, with its errors as pages, its files, and a choice of languages."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import falcon

from app.pages.browser import Browser
from app.pages.frame import Frame
from app.pages.guard import Guard, OpenPage, Refused
from app.pages.languages import LANGUAGES, said
from app.usm.errors import Busy, SourceUnavailable, StoreUnavailable
from app.web import log
from app.web.admission import Overloaded

_log = logging.getLogger(__name__)

HTML: Final = "text/html; charset=utf-8"
FOR_EVER: Final = "public, max-age=31536000, immutable"

TITLES: Final[Mapping[int, str]] = {
    400: said("That was not understood"),
    403: said("That is not allowed"),
    404: said("There is no such page"),
    405: said("That is not possible here"),
    413: said("That was too much"),
    415: said("That was not understood"),
    429: said("Too many attempts"),
    500: said("Something went wrong"),
    503: said("Not available right now"),
}

WORDS: Final[Mapping[int, str]] = {
    404: said("Perhaps it was forgotten or removed in the meantime."),
    500: said("It is written in the log. Please tell your administrator the number below."),
    503: said("The server is busy, or a part of it does not answer. Please try again in a minute."),
}
"""What is said of an error where it says nothing itself."""

_OWN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-]+)+/?")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says first. ``kind``: ``""`` for good news, ``warn`` or ``bad``; ``text``: see
    :func:`app.pages.languages.said`."""

    text: str
    kind: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


class Site:
    """Shows pages."""

    def __init__(self, frame: Frame, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.frame = frame
        self.now = now

    def show(
        self,
        request: falcon.Request,
        response: falcon.Response,
        template: str,
        status: int = 200,
        **values: Any,
    ) -> None:
        """Answer with a page. The templates have ``proof`` for the forms of somebody signed in, ``open_proof`` for
        those of anybody, ``who`` (the name of who is signed in, or ``""``), ``notices`` (see :class:`Notice`)."""
        browser: Browser = request.context.browser
        given = {
            "who": "",
            "notices": (),
            "now": self.now(),
            "path": request.path,
            "proof": browser.session.proof if browser.session else "",
            "open_proof": browser.visit(response).proof,
            **values,
        }
        response.status = status
        response.content_type = HTML
        response.set_header("Content-Language", browser.language)
        response.set_header("Vary", "Accept-Language, Cookie")
        response.text = self.frame.render(browser.language, template, given)

    def go(self, response: falcon.Response, path: str) -> None:
        """Answer a form: ``path`` below that of the pages is the next to see."""
        response.status = falcon.HTTP_SEE_OTHER
        response.location = f"{self.frame.base}/{path}"

    # -- errors ----------------------------------------------------------------------------------------------

    def refused(
        self, request: falcon.Request, response: falcon.Response, error: Refused, params: dict[str, Any]
    ) -> None:
        """Show why."""
        self._error(request, response, error.status, error.text)

    def http_error(
        self,
        request: falcon.Request,
        response: falcon.Response,
        error: falcon.HTTPError,
        params: dict[str, Any],
    ) -> None:
        """Errors of the framework."""
        for name, value in dict(error.headers or {}).items():
            response.set_header(name, value)
        self._error(request, response, error.status_code)

    def away(
        self, request: falcon.Request, response: falcon.Response, error: Exception, params: dict[str, Any]
    ) -> None:
        """A part of the installation does not answer."""
        _log.warning("page %s: %s", log.clean(request.path), log.clean(str(error)))
        response.set_header("Retry-After", str(getattr(error, "retry_after", 30)))
        self._error(request, response, 503)

    def unforeseen(
        self, request: falcon.Request, response: falcon.Response, error: Exception, params: dict[str, Any]
    ) -> None:
        """A defect of ours."""
        _log.exception("page %s ended in an error nobody foresaw", log.clean(request.path))
        self._error(request, response, 500)

    def _error(self, request: falcon.Request, response: falcon.Response, status: int, text: str = "") -> None:
        title = TITLES.get(status, TITLES[500] if status >= 500 else TITLES[400])
        number = log.current_request.get() if status == 500 else ""
        text = text or WORDS.get(status, "")
        self.show(
            request,
            response,
            "error.html",
            status,
            title=title,
            text=text,
            number=number,
        )


class Static:
    """The files that browsers keep."""

    def __init__(self, frame: Frame) -> None:
        self._files = {asset.name: asset for asset in frame.assets.values()}

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """One file."""
        asset = self._files.get(name)
        if asset is None:
            raise falcon.HTTPNotFound
        response.data = asset.data
        response.content_type = asset.content_type
        response.set_header("Cache-Control", FOR_EVER)


class Language(OpenPage):
    """Where the language is chosen."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Keep it, and back to the page where it was chosen."""
        form, browser = request.context.form, request.context.browser
        wanted = form.text("language")
        if wanted in LANGUAGES:
            browser.speak(response, wanted)
        back = form.text("back")
        base = self._site.frame.base
        inside = _OWN_PATH.fullmatch(back) is not None and back.startswith(f"{base}/")
        self._site.go(response, back.removeprefix(f"{base}/") if inside else "")


def create(
    site: Site, cookies: str, number: Callable[[falcon.Request], str] = lambda request: ""
) -> falcon.App[falcon.Request, falcon.Response]:
    """The application, still without pages: the caller adds routes below ``site.frame.base``. ``cookies``: how the
    names of its cookies begin; ``number``: see :class:`app.pages.guard.Guard`."""
    base = site.frame.base
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App(middleware=[Guard(cookies, base, number)])
    app.req_options.strip_url_path_trailing_slash = False
    app.add_route(f"{base}/static/{{name}}", Static(site.frame))
    app.add_route(f"{base}/language", Language(site))
    app.add_error_handler(Exception, site.unforeseen)
    for kind in (SourceUnavailable, StoreUnavailable, Busy, Overloaded):
        app.add_error_handler(kind, site.away)
    app.add_error_handler(falcon.HTTPError, site.http_error)
    app.add_error_handler(Refused, site.refused)
    return app
