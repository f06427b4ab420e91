"""An OX made of prepared answers: a transport adapter that ``requests`` takes in place of the network.

Only for what the stand-in cannot be brought to say; whatever it can say is tested against the stand-in.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

BASE = "http://ox.invalid/ajax/"


@dataclass
class Seen:
    """One call as it arrived."""

    method: str
    module: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def action(self) -> str:
        return self.params.get("action", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Reply:
    """One answer; ``cookies`` as ``Set-Cookie`` lines."""

    body: Any = None
    status: int = 200
    cookies: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


Handler = Callable[[Seen], Any]


def error(code: str, category: str = "ERROR", text: str = "it went wrong") -> dict[str, Any]:
    """The envelope of an error."""
    return {"error": text, "error_params": [], "error_id": "1-1", "code": code, "categories": category}


class CannedOx(BaseAdapter):
    """Answers by ``module?action``: a reply, a JSON value, an exception to raise, or a function of the call.

    ``multiple`` is taken apart, so that its entries are answered like calls of their own.
    """

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.answers: dict[str, Any] = dict(answers)
        self.calls: list[Seen] = []

    def on(self, what: str, answer: Any) -> CannedOx:
        """What to answer to ``module?action``, or to ``module`` whatever the action."""
        self.answers[what] = answer
        return self

    def made(self, what: str) -> list[Seen]:
        """The calls of this kind so far."""
        return [seen for seen in self.calls if f"{seen.module}?{seen.action}" == what]

    def send(self, request: requests.PreparedRequest, **ignored: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        assert request.url is not None
        assert request.url.startswith(BASE)
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = request.body or b""
        module = parts.path.removeprefix("/ajax/")
        seen = Seen(
            str(request.method),
            module,
            params,
            dict(request.headers),
            body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"".join(body),
        )
        self.calls.append(seen)
        if module == "multiple" and "multiple?" not in self.answers:
            reply = Reply([self._entry(entry) for entry in seen.json])
        else:
            reply = self._answer(seen)
        return _response(request, reply)

    def close(self) -> None:
        """Nothing to close."""

    def _entry(self, entry: dict[str, Any]) -> Any:
        params = {name: str(value) for name, value in entry.items() if name not in ("module", "data")}
        body = json.dumps(entry["data"]).encode() if "data" in entry else b""
        return self._answer(Seen("PUT", entry["module"], params, {}, body)).body

    def _answer(self, seen: Seen) -> Reply:
        key = f"{seen.module}?{seen.action}"
        answer = self.answers.get(key, self.answers.get(seen.module, Reply(status=404)))
        if callable(answer) and not isinstance(answer, type):
            answer = answer(seen)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else Reply(answer)


class _Original:
    """What ``http.cookiejar`` asks of an answer."""

    def __init__(self, message: Message) -> None:
        self.msg = message

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to close."""


def _response(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    message = Message()
    for name, value in reply.headers.items():
        message[name] = value
    for cookie in reply.cookies:
        message["Set-Cookie"] = cookie
    response = requests.Response()
    response.status_code = reply.status
    response.request = request
    response.url = request.url or ""
    response.headers.update(reply.headers)
    if reply.cookies:
        response.headers["Set-Cookie"] = ", ".join(reply.cookies)
    response.raw = HTTPResponse(
        io.BytesIO(reply.bytes()), headers=reply.headers, status=reply.status, preload_content=False
    )
    response.raw._original_response = _Original(message)
    return response


def capabilities(*names: str) -> dict[str, Any]:
    """The answer of ``capabilities?all``."""
    return {"data": [{"id": name, "attributes": {}} for name in names]}


EVERYTHING = ("usm", "active_sync", "webmail", "contacts", "tasks")


def standard(password: str = "secret") -> CannedOx:
    """An OX of generation 7 with one user."""

    def login(seen: Seen) -> Reply:
        if seen.form.get("password") != password:
            return Reply(error("LGI-0006", "USER_INPUT"))
        number = len(ox.made("login?login"))
        body = {"session": f"session{number}", "user": "anton", "user_id": 3, "context_id": 1}
        return Reply(body, cookies=(f"open-xchange-secret-abc=secret{number}; Path=/; HttpOnly",))

    ox = CannedOx()
    ox.on("login?login", login)
    ox.on("login?logout", Reply())
    ox.on("capabilities?all", capabilities(*EVERYTHING))
    ox.on("config/modules/mail/defaultaddress", {"data": "anton@example.org"})
    return ox
