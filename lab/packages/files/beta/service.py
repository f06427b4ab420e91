#!/usr/bin/python3
"""The beta of the synchronisation server: answers OPTIONS, notes devices in the tables of its time, and no more.

Only the standard library; the database is asked through the ``mariadb`` client. Logins are those of Open-Xchange.
"""

from __future__ import annotations

import base64
import http.client
import logging
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

VERSION = "@VERSION@"
PLACES = (Path("/opt/open-xchange/etc/groupware"), Path("/opt/open-xchange/etc"))
SHIPPED_URL = "http://your.ox.server/ajax/"
PREFIX = "com.openexchange.usm."
AGENT = "Open-Xchange USM HTTP Client"
# FolderSync: status 1, key 1, no changes.
FOLDERS = bytes.fromhex("03016a00 0007 56 4c03310001 5203310001 4e 5703300001 01 01")

log = logging.getLogger("open-xchange-usm")


def read_properties(path: Path) -> dict[str, str]:
    """Key → value, as far as this service's own files need it."""
    lines = (line.strip() for line in path.read_text(encoding="latin-1").splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!")
    return {key.strip(): value.strip() for key, _, value in pairs}


def settings_folder() -> Path:
    """Where usm.properties lies."""
    for folder in PLACES:
        if (folder / "usm.properties").exists():
            return folder
    raise SystemExit("there is no usm.properties")


class Database:
    """The groupware's database server, named by configdb.properties."""

    def __init__(self, configdb: dict[str, str]) -> None:
        url = urlsplit(configdb["writeUrl"].removeprefix("jdbc:"))
        login = dict(
            value.split("=", 1) for key, value in configdb.items() if key.startswith("writeProperty.")
        )
        self.configdb = url.path.strip("/")
        self._environment = {"PATH": os.environ["PATH"], "MYSQL_PWD": login.get("password", "")}
        self._command = [
            shutil.which("mariadb") or "mysql",
            "--no-defaults",
            "--batch",
            "--skip-column-names",
        ]
        self._command += [
            f"--host={url.hostname}",
            f"--port={url.port or 3306}",
            f"--user={login.get('user', '')}",
        ]
        self._command += ["--default-character-set=utf8mb4", "--connect-timeout=10"]

    def rows(self, schema: str, statements: str) -> list[list[str]]:
        """What the statements return. Raises ``OSError``."""
        done = subprocess.run(
            [*self._command, schema],
            input=statements,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise OSError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]


class Devices:
    """The rows of devices in the schemas of their users' contexts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, login: str, device: str, command: str) -> int:
        """Write down that a device was here; the id of its session."""
        cid, schema, user = self._user(login)
        chosen = f"cid = {cid} AND id = {user} AND protocol = 'EAS' AND device = {_text(device)}"
        number = self._first(schema, f"SELECT usmSessionId FROM USMSession WHERE {chosen}")
        if not number:
            number = self._first(schema, f"CALL get_sequence_usmSessionId_id({cid})")
            self._database.rows(
                schema, f"INSERT INTO USMSession VALUES ({cid}, {number}, {user}, {_text(device)}, 'EAS')"
            )
        self._database.rows(
            schema,
            f"REPLACE INTO USMSessionFields VALUES ({cid}, {number}, 'eas.LastCommand', {_text(command)});"
            f"REPLACE INTO USMDataStorage VALUES ({cid}, {number}, 'hierarchy', 1, {_text(login)}, NULL, NOW());",
        )
        return int(number)

    def _user(self, login: str) -> tuple[int, str, int]:
        local, _, domain = login.rpartition("@")
        names = [login, local or login]
        mappings = ", ".join(map(_text, (login, domain if local else "defaultcontext")))
        found = self._database.rows(
            self._database.configdb,
            "SELECT cid, db_schema FROM login2context JOIN context_server2db_pool USING (cid)"
            f" WHERE login_info IN ({mappings}) ORDER BY LENGTH(login_info) DESC LIMIT 1",
        )
        if not found:
            raise OSError(f"no context for {login}")
        cid, schema = int(found[0][0]), found[0][1]
        chosen = ", ".join(map(_text, names))
        user = self._first(
            schema, f"SELECT id FROM login2user WHERE cid = {cid} AND uid IN ({chosen}) LIMIT 1"
        )
        return cid, schema, int(user or 0)

    def _first(self, schema: str, statement: str) -> str:
        found = self._database.rows(schema, statement)
        return found[0][0] if found else ""


class Groupware:
    """The HTTP API of Open-Xchange."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = urlsplit(url)
        self._timeout = timeout

    def accepts(self, login: str, password: str) -> bool:
        """Whether Open-Xchange lets this login in. Raises ``OSError``."""
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._timeout)
        form = urlencode({"name": login, "password": password, "client": "USM-EAS", "version": VERSION})
        try:
            headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", f"{self._url.path}login?action=login", form, headers)
            answer = connection.getresponse()
            return answer.status == 200 and b'"session"' in answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()


class Handler(BaseHTTPRequestHandler):
    """One connection of a device."""

    protocol_version = "HTTP/1.1"
    devices: Devices
    groupware: Groupware
    url: str
    alias: str

    def version_string(self) -> str:
        """What the header Server says."""
        return f"open-xchange-usm/{VERSION}"

    def do_OPTIONS(self) -> None:
        """What a device asks first."""
        self._serve(False)

    def do_POST(self) -> None:
        """A command."""
        self._serve(True)

    def _serve(self, is_command: bool) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path)
        if path.path != self.alias:
            return self._answer(404)
        login, password = self._credentials()
        try:
            if self.url == SHIPPED_URL:
                raise OSError(f"{PREFIX}ox.url is not set in usm.properties")
            if not login or not self.groupware.accepts(login, password):
                return self._answer(401, {"WWW-Authenticate": 'Basic realm="ActiveSync"'})
            if not is_command:
                versions = {"MS-ASProtocolVersions": "2.5,12.0,12.1", "MS-ASProtocolCommands": "FolderSync"}
                return self._answer(200, versions)
            query = {name: values[0] for name, values in parse_qs(path.query).items()}
            command = query.get("Cmd", "")
            self.devices.note(login, query.get("DeviceId", "unknown"), command)
        except (OSError, subprocess.SubprocessError) as error:
            log.error("%s: %s", login, error)
            return self._answer(503, {"Retry-After": "30"})
        if command != "FolderSync":
            return self._answer(501)
        return self._answer(200, {"Content-Type": "application/vnd.ms-sync.wbxml"}, FOLDERS)

    def _credentials(self) -> tuple[str, str]:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return "", ""
        try:
            login, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return login.rpartition("\\")[2], password

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("X-Version", VERSION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """One line a request."""
        log.info("%s %s", self.client_address[0], quote(format % args, safe=' "/?=&:.,-+'))


def _text(value: str) -> str:
    """A text as SQL that cannot end too early."""
    return f"_utf8mb4 x'{value.encode().hex()}'"


def main() -> None:
    """Serve until the process is ended."""
    etc = settings_folder()
    usm, eas = read_properties(etc / "usm.properties"), read_properties(etc / "eas.properties")
    level = usm.get(f"{PREFIX}log.level", "info").upper()
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    Handler.url = usm.get(f"{PREFIX}ox.url", SHIPPED_URL)
    Handler.alias = eas.get(f"{PREFIX}eas.alias", "/Microsoft-Server-ActiveSync")
    Handler.groupware = Groupware(Handler.url, int(usm.get(f"{PREFIX}ox.read_timeout", "30000")) / 1000)
    Handler.devices = Devices(Database(read_properties(etc / "configdb.properties")))
    host = usm.get(f"{PREFIX}listen.host", "127.0.0.1").replace("*", "0.0.0.0")
    ThreadingHTTPServer((host, int(usm.get(f"{PREFIX}listen.port", "8010"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
