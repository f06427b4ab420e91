"""What holds for every request for a page, and for every answer.

A request that would change something is refused unless all of this is so:

1. it is a form (``application/x-www-form-urlencoded``) of bounded size, in UTF-8;
2. it comes from a page of this very site, as far as the browser says so (``Sec-Fetch-Site``, ``Origin``);
3. it carries the proof that fits the browser's token (:mod:`app.pages.browser`).

Of all requests so many are carried out at once and no more; each address has a line of its own.

No answer is kept, framed, sniffed, or given anything from elsewhere to load. A page tells its address to this site
alone (``Referrer-Policy: same-origin``); with ``no-referrer`` browsers would say ``Origin: null`` of its forms as well,
and the second rule had nothing to go by.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import falcon

from app.pages.browser import Browser, Token
from app.pages.languages import said
from app.system import SystemClock
from app.web import log
from app.web.admission import Admission, Limits, Turn
from app.web.resource import REQUEST_ID, hosts

MOST_BYTES: Final = 256 * 1024
"""Of a form: a choice among thousands of folders with long names."""
MOST_FIELDS: Final = 5000

FORM: Final = "application/x-www-form-urlencoded"
PROOF: Final = "proof"
"""The field of each form that carries the proof."""

SAFE: Final = ("GET", "HEAD")

LIMITS: Final = Limits(at_once=8, own_at_once=4, waiting=50, own_waiting=10)
"""How many pages a worker makes at the same time: devices must not wait for them. See :mod:`app.web.admission`."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer."""


class Refused(Exception):
    """A request that is not carried out. ``text``: why, for its sender; see :func:`app.pages.languages.said`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Form:
    """What was filled in."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def text(self, name: str, most: int = 256) -> str:
        """One field without blanks around it; ``""`` where it is missing. Raises ``Refused``."""
        return self.exactly(name, most).strip()

    def exactly(self, name: str, most: int = 256) -> str:
        """One field as it was typed. Raises ``Refused``."""
        values = self._values.get(name, ("",))
        if len(values) > 1 or len(values[0]) > most or "\0" in values[0]:
            raise Refused(400, UNREADABLE)
        return values[0]

    def all(self, name: str, most: int = 256) -> Sequence[str]:
        """All fields of this name. Raises ``Refused``."""
        values = self._values.get(name, ())
        if any(len(value) > most or "\0" in value for value in values):
            raise Refused(400, UNREADABLE)
        return values


UNREADABLE: Final = said("The form could not be read. Go back and try it again.")
FOREIGN: Final = said("This request did not come from a page of this server, and nothing was done.")
OUTDATED: Final = said(
    "This page was open for too long, or your browser takes no cookies. Nothing was done; load the page again."
)


class Guard:
    """Falcon middleware. ``number``: that of a request, by which it is found in all logs; ``""`` for a new one.

    Leaves ``request.context.browser`` (:class:`Browser`) and, of a form, ``request.context.form`` (:class:`Form`)."""

    def __init__(
        self, cookies: str, path: str, number: Callable[[falcon.Request], str] = lambda request: ""
    ) -> None:
        self._cookies = cookies
        self._path = path
        self._number = number
        self._admission = Admission(LIMITS, SystemClock(), lambda: None)

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Before anything else: also where no page is found."""
        number = self._number(request) or secrets.token_hex(8)
        log.current_request.set(number)
        response.set_header(REQUEST_ID, number)
        request.context.browser = Browser(request, self._cookies, self._path)
        for name, value in HEADERS.items():
            response.set_header(name, value)
        response.set_header("Cache-Control", "no-store")

    def process_response(
        self, request: falcon.Request, response: falcon.Response, resource: Any, succeeded: bool
    ) -> None:
        """It is the next one's turn."""
        turn: Turn | None = getattr(request.context, "turn", None)
        if turn is not None:
            self._admission.leave(turn)

    def process_resource(
        self, request: falcon.Request, response: falcon.Response, resource: Any, params: Mapping[str, Any]
    ) -> None:
        """Once it is known which page it is. Raises ``Refused``, ``Overloaded``."""
        if request.method not in SAFE:
            if request.method != "POST" or not isinstance(resource, Page):
                raise falcon.HTTPMethodNotAllowed(SAFE)
            if not is_own(request):
                raise Refused(403, FOREIGN)
            form = request.context.form = read(request)
            browser: Browser = request.context.browser
            if not browser.is_proof(form.exactly(PROOF), *resource.tokens(browser)):
                raise Refused(403, OUTDATED)
        if isinstance(resource, Page):
            request.context.turn = self._admission.enter(_line(request))


class Page:
    """A page of somebody who is signed in; the root of all resources that forms are sent to."""

    def tokens(self, browser: Browser) -> Sequence[Token | None]:
        """Whose proof opens the forms of this page."""
        return (browser.session,)


class OpenPage(Page):
    """A page of somebody who need not be signed in."""

    def tokens(self, browser: Browser) -> Sequence[Token | None]:
        """See :class:`Page`."""
        return (browser.visitor,)


def is_own(request: falcon.Request) -> bool:
    """Whether a page of this site sent the request, as far as the browser tells."""
    site = request.get_header("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.get_header("Origin")
    if origin is None:
        return True
    try:
        named = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return bool(named) and named in {name.lower() for name in hosts(request)}


def _line(request: falcon.Request) -> str:
    """Whose line a request waits in: that of the address next to our proxy."""
    forwarded = request.get_header("X-Forwarded-For") or request.remote_addr
    return forwarded.rpartition(",")[2].strip()


def read(request: falcon.Request) -> Form:
    """The form in a request. Raises ``Refused``."""
    if (request.content_type or "").partition(";")[0].strip().lower() != FORM:
        raise Refused(415, UNREADABLE)
    if (request.content_length or 0) > MOST_BYTES:
        raise Refused(413, UNREADABLE)
    raw = request.bounded_stream.read(MOST_BYTES)
    try:
        text = raw.decode("ascii")
        return Form(
            parse_qs(
                text,
                keep_blank_values=True,
                strict_parsing=bool(text),
                errors="strict",
                max_num_fields=MOST_FIELDS,
            )
        )
    except ValueError as error:
        raise Refused(400, UNREADABLE) from error
