"""The addresses of Autodiscover, in any letter case: the XML with a password, the JSON without.

``GET`` on the XML's path is how a device looks for the right server before it sends a password (MS-OXDISCO 3.1.5.3):
asked under another name than that of ActiveSync, the answer is a redirect. The user who asks is checked by OX exactly
as in any other request; a user of another server gets that server's address at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import falcon

from app.eas import autodiscover as xml
from app.eas import autodiscover_json as question
from app.eas.answer import EasResponse
from app.eas.autodiscover import Account, AutodiscoverError
from app.eas.request import PROTOCOL
from app.usm.model import Device
from app.web import body
from app.web.places import Places, bare, host_of
from app.web.resource import Door, Work, hosts

XML_PATH: Final = "/autodiscover/autodiscover.xml"
XML_PATTERN: Final = re.compile(r"(?i)/autodiscover/autodiscover\.xml\Z")
JSON_PATTERN: Final = re.compile(
    r"(?i)/autodiscover/autodiscover\.json(?P<rest>(?:/v[0-9.]+)?(?:/[^/]*)?/?)\Z"
)

MAX_BODY: Final = 64 * 1024
COMMAND: Final = "Autodiscover"
DEVICE: Final = Device(PROTOCOL, "autodiscover")
"""Requests name no device; OX sees one session for all of a user's."""

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
_ID_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are. ``url``: of ActiveSync, ``""`` to take the name by which the server was asked; ``alias``: the
    path that then follows."""

    url: str
    alias: str

    def of_active_sync(self, asked: list[str]) -> str:
        """``asked``: the host names of the request. Phones speak TLS, whatever the proxy makes of it."""
        if self.url:
            return self.url
        return f"https://{_host(asked)}{self.alias}"

    def of_autodiscover(self, asked: list[str]) -> str:
        """The XML's address on the server of ActiveSync."""
        parts = urlsplit(self.of_active_sync(asked))
        return urlunsplit((parts.scheme, parts.netloc, XML_PATH, "", ""))


class Autodiscover:
    """Answers both forms."""

    def __init__(self, door: Door, addresses: Addresses) -> None:
        self._door = door
        self._addresses = addresses

    @property
    def _places(self) -> Places:
        return self._door.settings.places

    def serve_xml(self, req: falcon.Request, resp: falcon.Response, **_groups: object) -> None:
        """Answer one request: a Falcon sink."""
        self._door.answer(req, resp, self._xml)

    def serve_json(
        self, req: falcon.Request, resp: falcon.Response, rest: str = "", **_groups: object
    ) -> None:
        """Answer one request: a Falcon sink."""
        self._door.answer(req, resp, lambda request, work: self._json(request, work, rest))

    def _xml(self, request: falcon.Request, work: Work) -> EasResponse:
        work.command = COMMAND
        asked = hosts(request)
        target = self._addresses.of_autodiscover(asked)
        is_question = request.method in ("GET", "HEAD")
        if is_question and host_of(target) not in {bare(name) for name in asked}:
            return EasResponse(302, {"Location": target})
        if not is_question and request.method != "POST":
            return EasResponse(405, {"Allow": "GET,HEAD,POST"})
        credentials = self._door.asking(request, work)
        try:
            content = b"" if is_question else bytes(body.read(request, MAX_BODY))
            if work.recording is not None:
                work.recording.body(request.get_header("Content-Type") or "", content)
            address = xml.read(content)
        except AutodiscoverError as error:
            return self._failed(work, error)
        self._door.admit(work)
        elsewhere = self._places.of_login(credentials.login, asked)
        if elsewhere is not None:
            return _document(
                xml.settings(Account(address or credentials.login, credentials.login, elsewhere))
            )
        session = self._door.session(work, credentials, DEVICE)
        if is_question:
            return self._failed(work, AutodiscoverError(xml.INVALID_REQUEST, "a question without a document"))
        user = session.user
        url = self._places.of_context(user.context_id, asked) or self._addresses.of_active_sync(asked)
        account = Account(user.mail or address or user.login, user.name or user.mail or user.login, url)
        return _document(xml.settings(account))

    def _failed(self, work: Work, error: AutodiscoverError) -> EasResponse:
        work.reason = f"error {error.code}: {error}"
        moment, number = self._door.now(), self._door.number(_ID_BITS)
        return _document(xml.failure(error, moment.strftime("%H:%M:%S.%f"), number))

    def _json(self, request: falcon.Request, work: Work, rest: str) -> EasResponse:
        work.command = COMMAND
        if request.method not in ("GET", "HEAD"):
            return EasResponse(405, {"Allow": "GET,HEAD"})
        try:
            wanted = question.read(rest, request.query_string)
        except question.QuestionError as error:
            return EasResponse(400, {"Content-Type": question.JSON_TYPE}, question.failure(error), str(error))
        asked = hosts(request)
        url = self._places.of_login(wanted.address, asked) or self._addresses.of_active_sync(asked)
        if wanted.protocol == question.XML:
            url = Addresses(url, "").of_autodiscover(asked)
        return EasResponse(200, {"Content-Type": question.JSON_TYPE}, question.found(wanted, url))


def _document(content: bytes) -> EasResponse:
    return EasResponse(200, {"Content-Type": xml.XML_TYPE}, content)


def _host(asked: list[str]) -> str:
    """The first name that is one; a device that sends none has to find the server in another way."""
    return next((name for name in asked if _HOST.fullmatch(name)), "localhost")
