"""The admin daemon: one endpoint on the port of the RMI registry, on loopback."""

from __future__ import annotations

import json
import logging
from typing import Any

import falcon
import sqlalchemy as sa

from lab.ox.admin.outcome import AdminFailure
from lab.ox.admin.service import AdminService

log = logging.getLogger(__name__)
PORT = 1099


class Endpoint:
    """Takes calls as JSON: ``{"method", "arguments"}`` → ``{"result"}`` or ``{"failure", "text"}``."""

    def __init__(self, service: AdminService) -> None:
        self._service = service

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """One call."""
        response.media = self._answer(request.bounded_stream.read())

    def _answer(self, body: bytes) -> dict[str, Any]:
        try:
            call = json.loads(body)
            method, arguments = str(call["method"]), dict(call["arguments"])
        except (ValueError, KeyError, TypeError) as error:
            return {"failure": "unable to parse", "text": str(error)}
        try:
            result = self._service.perform(method, arguments)
        except AdminFailure as failure:
            return {"failure": failure.kind, "text": failure.text}
        except sa.exc.SQLAlchemyError as error:
            log.warning("%s: %s", method, error)
            return {"failure": "storage", "text": "The database cannot be reached or refused the change"}
        log.info("%s done", method)
        return {"result": result}


def make_app(service: AdminService) -> falcon.App[Any, Any]:
    """The daemon's application."""
    app = falcon.App()
    app.add_route("/rmi", Endpoint(service))
    return app
