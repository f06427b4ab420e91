"""A plain client of the HTTP API, for tests only; it shares no code with the application's own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

import requests

AGENT = "Open-Xchange USM HTTP Client"
CLIENT = "USM-EAS"
FAR_FUTURE = 9_223_372_036_854_775_807
_TIMEOUT = 30


@dataclass
class Server:
    """Where the API is and who may use it. ``root``: where the stand-in's control endpoints are, else empty."""

    url: str
    login: str
    password: str
    generation: int
    root: str = ""

    def client(self, login: str = "", agent: str = AGENT, name: str = CLIENT) -> Client:
        """A client that is logged in."""
        made = Client(self, agent, name)
        made.log_in(login or self.login)
        return made

    def anonymous(self, agent: str = AGENT) -> Client:
        """A client that is not logged in."""
        return Client(self, agent, CLIENT)


@dataclass
class Client:
    """One session."""

    server: Server
    agent: str
    name: str
    session: str = ""
    answer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["User-Agent"] = self.agent

    def log_in(self, login: str, password: str | None = None, **form: str) -> dict[str, Any]:
        """Log in; the answer, also when it is an error."""
        reply = self.http.post(
            self.server.url + "login",
            params={"action": "login"},
            data={
                "name": login,
                "password": self.server.password if password is None else password,
                "client": self.name,
                **form,
            },
            timeout=_TIMEOUT,
        )
        self.answer = reply.json()
        self.session = self.answer.get("session", "")
        return self.answer

    def send(
        self, verb: str, module: str, action: str = "", body: Any = None, /, **params: Any
    ) -> requests.Response:
        """One request with the session; a body that is no bytes goes as JSON."""
        query = {
            "session": self.session,
            **{name: value for name, value in params.items() if value is not None},
        }
        if action:
            query["action"] = action
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.http.request(verb, self.server.url + module, params=query, data=data, timeout=_TIMEOUT)

    def get(self, module: str, action: str = "", /, **params: Any) -> Any:
        """GET, the parsed answer."""
        return self.send("GET", module, action, **params).json()

    def put(self, module: str, action: str, body: Any, /, **params: Any) -> Any:
        """PUT, the parsed answer."""
        return self.send("PUT", module, action, body, **params).json()

    def post(self, module: str, action: str, form: dict[str, str], files: list[Any], /, **params: Any) -> Any:
        """POST of a form with files; the JSON inside the page that answers."""
        reply = self.http.post(
            self.server.url + module,
            params={"session": self.session, "action": action, **params},
            data=form,
            files=files,
            timeout=_TIMEOUT,
        )
        assert reply.headers["Content-Type"].lower().startswith("text/html")
        found = re.search(r"\((\{.*\})\)", reply.text, re.DOTALL)
        assert found, reply.text
        return json.loads(found[1])

    def config(self, path: str) -> Any:
        """A leaf of the configuration."""
        return self.get(f"config/{path}")["data"]


def cookie_hash(*parts: str) -> str:
    """The hash in the names of cookies."""
    digest = base64.b64encode(hashlib.md5("".join(parts).encode()).digest()).decode()
    return re.sub(r"\W", "", digest)
