"""The WSGI application: devices on one port, administrators on another, and nothing of the one on the other.

Both listeners belong to the same processes, so the port that a request came in by decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import falcon

from app.web.autodiscover import JSON_PATTERN, XML_PATTERN, Autodiscover
from app.web.doorstep import Doorstep
from app.web.notification import Notification
from app.web.resource import Gateway

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PAGES: Final = re.compile(r"/usm(?:/.*)?", re.DOTALL)
"""The paths of the users' pages."""

FalconApp = falcon.App[falcon.Request, falcon.Response]


def device_app(
    gateway: Gateway,
    alias: str,
    discovery: Autodiscover | None = None,
    notification: tuple[str, Notification] | None = None,
) -> FalconApp:
    """What devices reach: exactly the path ``alias`` and those of Autodiscover; everything else is 404. Beside them, at
    the path given, the mail server's ``notification``."""
    app: FalconApp = falcon.App()
    app.resp_options.default_media_type = None  # type: ignore[assignment]  # no Content-Type without a body
    # A sink, not a route: methods that no HTTP standard knows are answered by the protocol's rules as well.
    app.add_sink(gateway.serve, prefix=re.compile(re.escape(alias) + r"\Z"))
    if discovery is not None:
        app.add_sink(discovery.serve_xml, prefix=XML_PATTERN)
        app.add_sink(discovery.serve_json, prefix=JSON_PATTERN)
    if notification is not None:
        app.add_route(*notification)
    app.set_error_serializer(_no_body)
    return app


def _no_body(request: falcon.Request, response: falcon.Response, error: falcon.HTTPError) -> None:
    """An error's status says it all."""


class Application:
    """Both listeners as one WSGI application. ``stop`` and ``close`` are called once each when the process ends;
    ``doorstep``: where too many requests of devices are refused; ``pages``: those of users, on the devices' port."""

    def __init__(
        self,
        devices: WSGIApplication,
        admin: WSGIApplication,
        admin_port: int,
        stop: Callable[[], None],
        close: Callable[[], None],
        doorstep: Doorstep,
        pages: WSGIApplication | None = None,
    ) -> None:
        self._devices = devices
        self._pages = pages or devices
        self._admin = admin
        self._admin_port = str(admin_port)
        self._stop = stop
        self._close = close
        self._doorstep = doorstep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI (PEP 3333)."""
        port: Any = environ.get("SERVER_PORT")
        if port == self._admin_port:
            return self._admin(environ, start_response)
        path: str = environ.get("PATH_INFO", "")
        chosen = self._pages if PAGES.fullmatch(path) else self._devices
        return chosen(environ, start_response)

    def doorstep(self, port: int) -> Doorstep | None:
        """Where requests that come in by this port can be refused before they are parsed."""
        return None if str(port) == self._admin_port else self._doorstep

    def stop(self) -> None:
        """Send waiting requests home; called when no new connections are taken. May take a while."""
        self._stop()

    def close(self) -> None:
        """Let go of everything; called when no request is left."""
        self._close()
