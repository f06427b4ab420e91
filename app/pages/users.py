"""The users' pages, on the devices' listener: below ``/usm/``.

=====================================  ==============================================================
/usm/                                  one's own devices
/usm/sign-in, /usm/sign-out            where a session begins and ends
/usm/phones/NAME                       one device
/usm/phones/NAME/forget                removes it from the list
/usm/phones/NAME/wipe, …/spare         orders what is to be erased; takes that back
/usm/phones/NAME/folders               which folders it gets
/usm/folders                           which folders devices get that have no choice of their own
/usm/app-passwords, …/NAME/revoke      app passwords
=====================================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import falcon

from app.pages import folder_pages, site
from app.pages.app_password_pages import AppPasswordPages, Revoke
from app.pages.frame import Frame
from app.pages.languages import said
from app.pages.phone_pages import All, Devices, Forget, One, Spare, Wipe
from app.pages.phones import Rules
from app.pages.ports import AppPasswords, Phones, Sessions, Visits
from app.pages.reception import Reception, SignIn, SignInFirst, SignOut
from app.web.origin import Origin

BASE: Final = "/usm"
COOKIES: Final = "usm"


APP_PASSWORDS: Final = ("app-passwords", said("App passwords"))
SECTIONS: Final[Sequence[tuple[str, str]]] = (
    ("", said("Your devices")),
    ("folders", said("Folders")),
    APP_PASSWORDS,
)
"""What can be chosen on every page: path and name."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How people come here: see :class:`app.pages.reception.Reception`, and :class:`app.pages.guard.Guard` for
    ``number``."""

    origin: Callable[[falcon.Request], Origin]
    allows_plain: bool
    is_app_password: Callable[[str], bool]
    number: Callable[[falcon.Request], str] = lambda request: ""


class Begin:
    """Where those come who type no more than that."""

    def __init__(self, shown: site.Site) -> None:
        self._site = shown

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """On to the first page."""
        self._site.go(response, "")


def create(
    visits: Visits,
    sessions: Sessions,
    store: Phones,
    rules: Rules,
    ways: Ways,
    keys: AppPasswords | None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application. ``keys``: ``None`` where there are no app passwords."""
    shown = site.Site(Frame(BASE), now)
    sections = SECTIONS if keys is not None else [each for each in SECTIONS if each is not APP_PASSWORDS]
    reception = Reception(
        shown, visits, sessions, ways.origin, ways.allows_plain, ways.is_app_password, sections
    )
    devices = Devices(reception, store, rules)
    app = site.create(shown, COOKIES, ways.number)
    app.add_error_handler(SignInFirst, reception.turned_away)
    app.add_route(BASE, Begin(shown))
    app.add_route(f"{BASE}/", All(devices))
    app.add_route(f"{BASE}/sign-in", SignIn(reception))
    app.add_route(f"{BASE}/sign-out", SignOut(reception))
    app.add_route(f"{BASE}/phones/{{name}}", One(devices))
    app.add_route(f"{BASE}/phones/{{name}}/forget", Forget(devices))
    app.add_route(f"{BASE}/phones/{{name}}/wipe", Wipe(devices))
    app.add_route(f"{BASE}/phones/{{name}}/spare", Spare(devices))
    for path, page in folder_pages.routes(devices).items():
        app.add_route(f"{BASE}/{path}", page)
    if keys is not None:
        app.add_route(f"{BASE}/app-passwords", AppPasswordPages(reception, keys))
        app.add_route(f"{BASE}/app-passwords/{{name}}/revoke", Revoke(reception, keys))
    return app
