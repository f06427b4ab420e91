"""The WSGI application: HTTP requests to calls, results to HTTP answers."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import falcon

from lab.ox.errors import HttpError, OXError, fault
from lab.ox.web import envelope
from lab.ox.web.call import Answer, Bare, Binary, Call, Client, Empty, Result, Upload
from lab.ox.web.dispatch import Module, perform
from lab.ox.web.groupware import Groupware
from lab.ox.web.injection import Cut
from lab.ox.web.sessions import Session, public_cookie

log = logging.getLogger(__name__)
_MULTIPART = "multipart/form-data"
_FORM = "application/x-www-form-urlencoded"
_JSESSIONID = "JSESSIONID"


class Ajax:
    """Answers everything below the prefix."""

    def __init__(self, groupware: Groupware, prefix: str) -> None:
        self._groupware = groupware
        self._prefix = prefix

    def __call__(self, req: falcon.Request, resp: falcon.Response, **_fields: Any) -> None:
        """Falcon's sink."""
        request, response = req, resp
        client = Client(
            request.remote_addr,
            request.get_header("User-Agent") or "",
            {name: values[0] for name in request.cookies if (values := request.get_cookie_values(name))},
        )
        if not self._groupware.limiter.allows(client.address, client.user_agent):
            raise falcon.HTTPTooManyRequests(title="Too Many Requests")
        self._name_route(client, response)
        name, *path = request.path.removeprefix(self._prefix).split("/")
        # Servlet containers let the id of the HTTP session ride on the path.
        module = self._groupware.modules.get(name.partition(";")[0])
        if module is None or not module.is_known(self._groupware.generation):
            raise falcon.HTTPNotFound(title=f"Unknown module {name}")
        params = dict(parse_qsl(request.query_string, keep_blank_values=True))
        self._answer(module, path, params, client, request, response)

    def _answer(
        self,
        module: Module,
        path: list[str],
        params: dict[str, str],
        client: Client,
        request: falcon.Request,
        response: falcon.Response,
    ) -> None:
        action = params.get("action", "")
        upload = False
        try:
            form, files, body = _read_body(request)
            upload = _is_multipart(request) and not _wants_json(params)
            session = self._session(module, action, params, client)
            self._groupware.calls.record(request.method, module.name, action, params, client.user_agent)
            call = Call(self._groupware, client, params, path, session, body, form=form, files=files)
            result = perform(module, action, call)
            _write(response, result, action if upload else None)
        except OXError as error:
            _write(response, Bare(envelope.of_error(error)), action if upload else None)
        except HttpError as error:
            response.status = falcon.code_to_http_status(error.status)
            response.content_type = "text/html; charset=UTF-8"
            response.text = error.text
        except Cut:
            response.content_type = envelope.CONTENT_TYPE
            response.content_length = 4096
            response.stream = _cut_off()

    def _session(self, module: Module, action: str, params: dict[str, str], client: Client) -> Session | None:
        if not module.session:
            return None
        sessions = self._groupware.sessions
        if module.public_session and not params.get("session"):
            public = params.get("public_session") or client.cookies.get(public_cookie(client.user_agent), "")
            found = sessions.by_public(public)
            if found:
                return found
        if not action and module.by_path is None and module.name != "multiple":
            raise HttpError(400, "The request lacks the parameter action")
        if not params.get("session"):
            raise fault("SES-0201")
        return sessions.check(params["session"], client.user_agent, client.cookies, client.address)

    def _name_route(self, client: Client, response: falcon.Response) -> None:
        if _JSESSIONID not in client.cookies:
            token = secrets.token_hex(16)
            response.set_cookie(
                _JSESSIONID,
                f"{token}.{self._groupware.settings.route}",
                path="/",
                secure=False,
                http_only=True,
            )


def make_app(groupware: Groupware) -> falcon.App[Any, Any]:
    """The application of one node."""
    app = falcon.App()
    app.req_options.auto_parse_form_urlencoded = False
    app.req_options.strip_url_path_trailing_slash = False
    for prefix in groupware.generation.prefixes:
        app.add_sink(Ajax(groupware, prefix), prefix)
    return app


def _wants_json(params: dict[str, str]) -> bool:
    return "true" in (params.get("plainJson"), params.get("force_json_response"))


def _kind(request: falcon.Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _is_multipart(request: falcon.Request) -> bool:
    return _kind(request) == _MULTIPART


def _read_body(request: falcon.Request) -> tuple[dict[str, str], list[Upload], bytes]:
    if _is_multipart(request):
        return _read_multipart(request)
    body = request.bounded_stream.read()
    if _kind(request) == _FORM and request.method == "POST":
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)), [], b""
    return {}, [], body


def _read_multipart(request: falcon.Request) -> tuple[dict[str, str], list[Upload], bytes]:
    form: dict[str, str] = {}
    files: list[Upload] = []
    try:
        for part in request.get_media():
            data = part.stream.read()
            if part.filename is None and not part.name.startswith("file"):
                form[part.name] = data.decode("utf-8", "replace")
            else:
                files.append(Upload(part.name, part.filename or "", part.content_type, data))
    except falcon.HTTPError as error:
        raise fault("SVL-0009", error.title) from error
    return form, files, b""


def _write(response: falcon.Response, result: Result, upload_action: str | None) -> None:
    if isinstance(result, Empty):
        response.status = falcon.code_to_http_status(result.status)
        response.text = ""
        response.content_type = "text/html; charset=UTF-8"
        _drop_cookies(response, result.dropped_cookies)
        return
    if isinstance(result, Binary):
        response.content_type = result.content_type
        response.data = result.data
        if result.filename:
            response.downloadable_as = result.filename
        return
    value: Any = envelope.of_answer(result) if isinstance(result, Answer) else result.value
    if isinstance(result, Bare):
        for name, content in result.cookies.items():
            response.set_cookie(name, content, path="/", secure=False, http_only=True)
        _drop_cookies(response, result.dropped_cookies)
    if upload_action is not None:
        response.content_type = "text/html; charset=UTF-8"
        response.data = envelope.html(value, upload_action)
    else:
        response.content_type = envelope.CONTENT_TYPE
        response.data = envelope.dump(value)


def _drop_cookies(response: falcon.Response, names: Any) -> None:
    for name in names:
        response.unset_cookie(name, path="/")


def _cut_off() -> Iterator[bytes]:
    yield b'{"data":['
    raise ConnectionAbortedError("injected cut")
