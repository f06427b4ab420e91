"""The servlet that the bundle brings: Exchange ActiveSync inside the groupware, as far as a deployment can see it.

It logs in at the HTTP API that ``usm.properties`` names, as the original does, and keeps a row or two of each device in
the legacy tables. OPTIONS and FolderSync are answered, every other command with 501. Settings are read once, when the
bundle is started with the groupware; without an URL of the HTTP API everything is answered with 503.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import falcon
import sqlalchemy as sa

from lab.ox import properties
from lab.ox.bundles import Bundle
from lab.ox.storage import users
from lab.ox.storage.platform import Platform
from lab.ox.storage.users import User
from lab.ox.web.groupware import Groupware

log = logging.getLogger(__name__)
SHIPPED_URL = "http://your.ox.server/ajax/"
AGENT = "Open-Xchange USM HTTP Client"
VERSIONS = "2.5,12.0,12.1"
COMMANDS = "FolderSync"
_PREFIX = "com.openexchange.usm."
_TIMEOUT = 60
# Name, id, and type as the protocol numbers it.
_FOLDERS = (("Inbox", "1", "2"), ("Calendar", "2", "8"), ("Contacts", "3", "9"), ("Tasks", "4", "7"))


def start(bundle: Bundle, groupware: Groupware, app: falcon.App[Any, Any]) -> None:
    """Offer the servlet under the alias that ``eas.properties`` names."""
    etc = groupware.settings.etc
    usm = properties.read(etc / "usm.properties") if etc else {}
    eas = properties.read(etc / "eas.properties") if etc else {}
    url = usm.get(f"{_PREFIX}ox.url", SHIPPED_URL)
    if url == SHIPPED_URL:
        log.error("%sox.url is not set in usm.properties: ActiveSync is not served", _PREFIX)
    pattern = eas.get(f"{_PREFIX}eas.login_pattern.domain_user", "$USER@$DOMAIN")
    servlet = Servlet(groupware.platform, url, pattern, bundle.version)
    app.add_route(eas.get(f"{_PREFIX}eas.alias", "/Microsoft-Server-ActiveSync"), servlet)


@dataclass(frozen=True)
class Servlet:
    """Answers devices."""

    platform: Platform
    url: str
    pattern: str
    version: str

    def on_options(self, request: falcon.Request, response: falcon.Response) -> None:
        """Which versions and commands there are."""
        self._user(request, response)
        response.set_header("MS-ASProtocolVersions", VERSIONS)
        response.set_header("MS-ASProtocolCommands", COMMANDS)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """A command."""
        request.bounded_stream.read()
        user = self._user(request, response)
        if request.get_param("Cmd") != "FolderSync":
            raise falcon.HTTPNotImplemented(title="this command is not served")
        self._note_device(user, request.get_param("DeviceId", default="unknown"))
        response.content_type = "application/vnd.ms-sync.wbxml"
        response.data = _hierarchy()

    def _user(self, request: falcon.Request, response: falcon.Response) -> User:
        """Who asks, if the HTTP API lets them in and they have both rights."""
        response.set_header("X-Version", self.version)
        if self.url == SHIPPED_URL:
            raise falcon.HTTPServiceUnavailable(title=f"{_PREFIX}ox.url is not set in usm.properties")
        login, password = _credentials(request.auth or "", self.pattern)
        if not login or not self._lets_in(login, password):
            raise falcon.HTTPUnauthorized(title="Who are you?", challenges=['Basic realm="ActiveSync"'])
        found = self.platform.resolve(login)
        if found is None:
            raise falcon.HTTPForbidden(title="no such user here")
        cid, _, names = found
        with self.platform.read(cid) as connection:
            user_id = users.find_user_id(connection, cid, names)
            user = users.load_user(connection, cid, user_id) if user_id else None
        if user is None or not (user.may("usm") and user.may("active_sync")):
            raise falcon.HTTPForbidden(title="ActiveSync is not enabled for this user")
        return user

    def _lets_in(self, login: str, password: str) -> bool:
        """Logs in and out at the HTTP API. The first login of a schema runs its update tasks."""
        url = urlsplit(self.url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=_TIMEOUT)
        form = urlencode({"name": login, "password": password, "client": "USM-EAS", "version": self.version})
        headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", f"{url.path}login?action=login", form, headers)
            answer = connection.getresponse()
            cookies = "; ".join(value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie", []))
            body = answer.read()
            if answer.status != 200:
                raise falcon.HTTPServiceUnavailable(title=f"the HTTP API answers {answer.status}")
            session = _session(body)
            if session:
                path = f"{url.path}login?action=logout&session={session}"
                connection.request("GET", path, headers={"User-Agent": AGENT, "Cookie": cookies})
                connection.getresponse().read()
            return bool(session)
        except (OSError, http.client.HTTPException) as error:
            log.error("%s: %s", self.url, error)
            raise falcon.HTTPServiceUnavailable(title="the HTTP API does not answer") from error
        finally:
            connection.close()

    def _note_device(self, user: User, device: str) -> None:
        try:
            with self.platform.write(user.cid) as connection:
                number = self._session_id(connection, user, device)
                owner = {"cid": user.cid, "number": number}
                connection.execute(
                    sa.text("REPLACE INTO USMSessionFields VALUES (:cid, :number, 'eas.Version', :value)"),
                    {**owner, "value": VERSIONS},
                )
                connection.execute(
                    sa.text(
                        "REPLACE INTO USMDataStorage (cid, usmSessionId, objectId, syncKey, element, note)"
                        " VALUES (:cid, :number, 'hierarchy', 1, :state, :note)"
                    ),
                    {**owner, "state": _hierarchy(), "note": user.display_name},
                )
        except sa.exc.SQLAlchemyError as error:
            log.error("%s: %s", device, error)
            raise falcon.HTTPServiceUnavailable(title="the tables of USM cannot be used") from error

    def _session_id(self, connection: sa.Connection, user: User, device: str) -> int:
        """The session of a device; made at its first visit."""
        key = {"cid": user.cid, "id": user.id, "device": device}
        found = connection.execute(
            sa.text(
                "SELECT usmSessionId FROM USMSession WHERE cid = :cid AND id = :id AND device = :device"
                " AND protocol = 'EAS'"
            ),
            key,
        ).scalar()
        if found is not None:
            return int(found)
        number = self._next_id(connection, user.cid)
        connection.execute(
            sa.text("INSERT INTO USMSession VALUES (:cid, :number, :id, :device, 'EAS')"),
            {**key, "number": number},
        )
        return number

    def _next_id(self, connection: sa.Connection, cid: int) -> int:
        if not self.platform.databases.is_sqlite:
            called = connection.execute(sa.text("CALL get_sequence_usmSessionId_id(:cid)"), {"cid": cid})
            number = int(called.scalar_one())
            called.close()
            return number
        connection.execute(
            sa.text(
                "INSERT INTO sequence_usmSessionId VALUES (:cid, 1) ON CONFLICT (cid) DO UPDATE SET id = id + 1"
            ),
            {"cid": cid},
        )
        newest = sa.text("SELECT id FROM sequence_usmSessionId WHERE cid = :cid")
        return int(connection.execute(newest, {"cid": cid}).scalar_one())


def _credentials(header: str, pattern: str) -> tuple[str, str]:
    """Login and password of HTTP Basic; both empty if there are none."""
    kind, _, value = header.partition(" ")
    try:
        login, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    if kind.lower() != "basic":
        return "", ""
    domain, backslash, user = login.rpartition("\\")
    if domain and backslash:
        login = pattern.replace("$USER", user).replace("$DOMAIN", domain)
    return login.removeprefix("\\"), password


def _session(body: bytes) -> str:
    """The session in the answer of a login, if it was let in."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("session", "")) if isinstance(found, dict) else ""


def _hierarchy() -> bytes:
    """The answer to FolderSync as WBXML: key 1 and four folders."""
    count = _tag(0x17, str(len(_FOLDERS)))
    added = b"".join(
        _tag(0x0F, _tag(0x08, number) + _tag(0x09, "0") + _tag(0x07, name) + _tag(0x0A, kind))
        for name, number, kind in _FOLDERS
    )
    document = _tag(0x16, _tag(0x0C, "1") + _tag(0x12, "1") + _tag(0x0E, count + added))
    return b"\x03\x01\x6a\x00" + b"\x00\x07" + document


def _tag(code: int, content: str | bytes) -> bytes:
    inside = b"\x03" + content.encode() + b"\x00" if isinstance(content, str) else content
    return bytes([code | 0x40]) + inside + b"\x01"
