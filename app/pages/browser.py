"""Who sits in front of a request: one browser, by its cookies.

=================  ==========================================================================================
cookie             what it holds
=================  ==========================================================================================
``…-session``      somebody is signed in: the number of the context, a dot, 256 random bits
``…-form``         nobody need be signed in: 256 random bits, so that the form for signing in can be checked
``…-language``     the language that was chosen
=================  ==========================================================================================

* Scripts see none of them, and no other site makes a browser send them (``SameSite=Strict``). Where the browser speaks
  TLS they go by TLS only, and their names begin with ``__Host-``: no neighbour under the same domain can set them.
* A cookie that comes twice, or is not of our making, counts for nothing.
* Each form carries a **proof**: a digest of the token in the cookie. Who cannot read a page of ours has none.
* A token is drawn anew whenever somebody signs in. It is kept nowhere but in the browser.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import falcon

from app.pages import languages

BITS: Final = 256
HOST_ONLY: Final = "__Host-"
LANGUAGE_AGE: Final = 365 * 86_400
"""Seconds for which a browser keeps the language."""

_TOKEN: Final = re.compile(r"(0|[1-9][0-9]{0,9})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Token:
    """256 bits that one browser has. ``context_id``: where what they open is kept, 0 for nowhere."""

    context_id: int
    secret: bytes

    @classmethod
    def drawn(cls, context_id: int = 0) -> Token:
        """A new one."""
        return cls(context_id, secrets.token_bytes(BITS // 8))

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """What a cookie says; ``None`` for anything that :meth:`__str__` never wrote."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        found = cls(int(match[1]), base64.urlsafe_b64decode(f"{match[2]}="))
        return found if str(found) == text else None

    def __str__(self) -> str:
        return f"{self.context_id}.{base64.urlsafe_b64encode(self.secret).decode().rstrip('=')}"

    def __repr__(self) -> str:
        return f"Token({self.context_id}, ...)"

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose, which tell nothing of the token."""
        return hmac.digest(
            self.secret, f"open-xchange-usm pages {purpose} {self.context_id}".encode(), "sha256"
        )

    @property
    def proof(self) -> str:
        """What a form carries."""
        return base64.urlsafe_b64encode(self.derived("form")).decode().rstrip("=")


class Browser:
    """What a request says of its browser, and what the answer is to tell it. ``name``: how its cookies begin;
    ``path``: below which it sends them."""

    def __init__(self, request: falcon.Request, name: str, path: str) -> None:
        self.is_secure = is_secure(request)
        self._name = f"{HOST_ONLY}{name}" if self.is_secure else name
        # What begins with __Host- is of the whole host, or no browser takes it.
        self._path = "/" if self.is_secure else path
        self.session = Token.parse(self._cookie(request, "session"))
        self.visitor = Token.parse(self._cookie(request, "form"))
        accept = request.get_header("Accept-Language") or ""
        self.language = languages.chosen(self._cookie(request, "language"), accept)

    def _cookie(self, request: falcon.Request, kind: str) -> str:
        values = request.get_cookie_values(f"{self._name}-{kind}") or []
        return values[0] if len(values) == 1 else ""

    def visit(self, response: falcon.Response) -> Token:
        """The token for forms of somebody who is not signed in."""
        if self.visitor is None:
            self.visitor = Token.drawn()
            self._set(response, "form", str(self.visitor))
        return self.visitor

    def sign_in(self, response: falcon.Response, token: Token) -> None:
        """From now on the browser has this token, and no older one."""
        self.session = token
        self._set(response, "session", str(token))
        self._unset(response, "form")

    def sign_out(self, response: falcon.Response) -> None:
        """The browser forgets its token."""
        self.session = None
        self._unset(response, "session")

    def speak(self, response: falcon.Response, language: str) -> None:
        """Keep a language."""
        self.language = language
        self._set(response, "language", language, LANGUAGE_AGE)

    def is_proof(self, given: str, *tokens: Token | None) -> bool:
        """Whether a form's proof is that of one of these tokens."""
        return any(
            token is not None and hmac.compare_digest(token.proof.encode(), given.encode())
            for token in tokens
        )

    def _set(
        self,
        response: falcon.Response,
        kind: str,
        value: str,
        age: int | None = None,
        expires: datetime | None = None,
    ) -> None:
        response.set_cookie(
            f"{self._name}-{kind}",
            value,
            expires=expires,
            max_age=age,
            path=self._path,
            secure=self.is_secure,
            http_only=True,
            same_site="Strict",
        )

    def _unset(self, response: falcon.Response, kind: str) -> None:
        # With all that it was set with, or the browser keeps it.
        self._set(response, kind, "", expires=datetime.fromtimestamp(0, UTC))


def is_secure(request: falcon.Request) -> bool:
    """Whether the browser speaks TLS, as the proxy next to us says. Who lies about it gets cookies that do not work."""
    last = (request.get_header("X-Forwarded-Proto") or request.scheme).rpartition(",")[2]
    return last.strip().lower() == "https"
