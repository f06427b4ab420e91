"""The application as its package runs it, before an OX that costs nothing, with thousands of devices that are set up.

One phone of the lab is set up through the front door; then the rows of its session are copied in the database, once for
each phone of each user. SQLite in a file: the benchmarks that use this measure memory and waiting, not the database.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import requests

from app.wbxml import encode
from bench import processes
from lab.device import documents
from lab.device.documents import SyncRequest
from lab.device.phone import Phone
from lab.plan import PROJECT
from lab.ports import free_ports

PASSWORD: Final = "secret"
FOLDERS: Final = (2, 5, 7, 8, 9)
"""Types of the folders that each phone holds: Inbox, Sent, Tasks, Calendar, Contacts."""
PATH: Final = "/Microsoft-Server-ActiveSync"
CHILDREN: Final = ("USMSessionFields", "USMDataStorage", "usmIdMapping")
FIRST_USER: Final = 100_000
HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Copied:
    """What all phones have in common: the keys of their folders, by folder id with the class, and the policy key."""

    keys: Mapping[str, tuple[str, str]]
    policy_key: int
    version: str
    hierarchy_key: str


class Site:
    """A service with its workers. ``phones`` are numbered from 0; number n belongs to user n modulo ``users``."""

    def __init__(self, folder: Path, phones: int, users: int, settings: Mapping[str, object]) -> None:
        self.port, self.admin_port, self._stand_in_port = free_ports(3)
        self.phones, self.users = phones, users
        self._folder = folder
        self._stack = ExitStack()
        self._app: subprocess.Popen[bytes] | None = None
        self._state = folder / "state.sqlite"
        self._settings = {
            "listen.port": self.port,
            "admin.port": self.admin_port,
            "database.url": f"sqlite:///{self._state}",
            "log.file": str(folder / "usm.log"),
            **settings,
        }

    def open(self) -> None:
        """Set all devices up, and start. Who has called this must :meth:`close`, whatever came of it."""
        values = {"ox.url": self._start_ox(), **self._settings}
        (self._folder / "usm.properties").write_text(
            "".join(f"com.openexchange.usm.{key}={value}\n" for key, value in values.items())
        )
        (self._folder / "eas.properties").touch()
        self.start()
        self.copied = self._first_phone()
        self.stop()
        self._copy()
        self.start()

    def close(self) -> None:
        """End all processes."""
        self.stop()
        self._stack.close()

    def start(self) -> None:
        """Start the application, as the script of the package does. Raises ``SystemExit`` if it does not answer."""
        output = (self._folder / "app.out").open("ab")
        self._app = subprocess.Popen(
            [sys.executable, "-m", "app", "--etc", str(self._folder)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        output.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._ask("/usm/health/live"):
                return
            time.sleep(0.2)
        sys.exit(f"the application does not start: {(self._folder / 'app.out').read_text()}")

    def stop(self) -> None:
        """Stop it again."""
        if self._app is not None:
            self._app.terminate()
            self._app.wait()
            self._app = None

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        assert self._app is not None
        return processes.children(self._app.pid)

    def cpu(self) -> float:
        """Seconds of a processor that the workers have used."""
        return processes.cpu_of(self.workers())

    def memory(self) -> float:
        """kB of memory that the workers hold (PSS: what they share with each other counts once)."""
        return processes.memory_of(self.workers()) * 1024

    def parked(self) -> int:
        """How many requests wait now."""
        found = re.findall(r"^usm_parked_requests(?:{[^}]*})? (\S+)", self._ask("/usm/metrics"), re.MULTILINE)
        return int(sum(map(float, found)))

    def login(self, number: int) -> str:
        """The login of a phone's user."""
        return f"user{FIRST_USER + number % self.users}@example.org"

    def request(self, number: int, command: str, body: bytes, more: str = "") -> str:
        """A request as this phone sends it through Apache. ``more``: more lines of its head."""
        login = self.login(number)
        credentials = b64encode(f"{login}:{PASSWORD}".encode()).decode()
        return (
            f"POST {PATH}?Cmd={command}&User={quote(login)}&DeviceId=bench{number}&DeviceType=SmartPhone"
            " HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.port}\r\nAuthorization: Basic {credentials}\r\n"
            f"User-Agent: Lab-Phone/1.0\r\nMS-ASProtocolVersion: {self.copied.version}\r\n"
            f"X-MS-PolicyKey: {self.copied.policy_key}\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n"
            "Accept-Encoding: gzip\r\nX-Forwarded-For: 192.0.2.17\r\nX-Forwarded-Host: mail.example.org\r\n"
            "X-Forwarded-Server: mail.example.org\r\nX-Forwarded-Proto: https\r\n"
            f"Content-Length: {len(body)}\r\n{more}\r\n"
        ) + body.decode("latin-1")

    def ping(self, heartbeat: int) -> bytes:
        """The body of a Ping of all folders."""
        return encode(
            documents.ping(heartbeat, [(each, kind) for each, (_, kind) in self.copied.keys.items()])
        )

    def sync(self, heartbeat: int | None) -> bytes:
        """The body of a Sync of all folders that brings no changes, and waits for some."""
        return encode(
            documents.sync(
                *(
                    SyncRequest(self.copied.version, each, kind, key, heartbeat=heartbeat)
                    for each, (key, kind) in self.copied.keys.items()
                )
            )
        )

    def folder_sync(self) -> bytes:
        """The body of a FolderSync without news."""
        return encode(documents.folder_sync(self.copied.hierarchy_key))

    def _ask(self, path: str) -> str:
        try:
            answer = requests.get(f"http://127.0.0.1:{self.admin_port}{path}", timeout=30)
        except requests.RequestException:
            return ""
        return answer.text if answer.ok else ""

    def _start_ox(self) -> str:
        database = f"sqlite:///{self._folder / 'ox'}"
        (self._folder / "ox").mkdir()
        fill = ["lab.ox", "init", "--database", database, "--seed", "small", "--rights", "all"]
        subprocess.run([sys.executable, "-m", *fill], cwd=PROJECT, check=True)
        listen = ["--host", "127.0.0.1", "--port", str(self._stand_in_port), "--database", database]
        self._process("lab.ox", "serve", *listen, "--generation", "7")
        url = f"http://127.0.0.1:{self._stand_in_port}/ajax/"
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", self._stand_in_port)) and time.monotonic() < deadline:
            time.sleep(0.2)
        echo = self._process("bench.echo_ox", url, "anton@example.org", PASSWORD)
        assert echo.stdout is not None
        line = echo.stdout.readline()
        if not line:
            sys.exit("the echo of OX did not start")
        return f"http://127.0.0.1:{json.loads(line)['port']}/ajax/"

    def _process(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self._folder / f"{words[0]}.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if words[0] == "bench.echo_ox" else log,
            stderr=log,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        return process

    def _first_phone(self) -> Copied:
        login = f"user{FIRST_USER - 1}@example.org"
        phone = Phone(
            f"http://127.0.0.1:{self.port}", login, PASSWORD, device_id="benchfirst", version="14.1"
        )
        phone.provision()
        phone.folder_sync()
        keys = {}
        for each in FOLDERS:
            folder = phone.folder_of_type(each)
            phone.sync_all(folder.server_id)
            keys[folder.server_id] = (
                phone.collection(folder.server_id).sync_key,
                folder.content_class or "Email",
            )
        phone.close()
        return Copied(keys, phone.policy_key, phone.version, phone.hierarchy_key)

    def _copy(self) -> None:
        """Give every phone the rows of the first one."""
        with sqlite3.connect(self._state) as database:
            first, columns = _session(database)
            database.execute("CREATE TEMP TABLE copies (session INTEGER, user INTEGER, device TEXT)")
            database.executemany(
                "INSERT INTO copies VALUES (?, ?, ?)",
                (
                    (secrets.randbits(62), FIRST_USER + number % self.users, f"bench{number}")
                    for number in range(self.phones)
                ),
            )
            others = [each for each in columns if each not in ("id", "user", "device")]
            database.execute(
                f"INSERT INTO USMSession (id, user, device, {', '.join(others)})"
                f" SELECT copies.session, copies.user, copies.device, {', '.join(f'o.{c}' for c in others)}"
                " FROM copies, USMSession o WHERE o.id = ?",
                (first,),
            )
            for table in CHILDREN:
                names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                kept = [each for each in names if each != "session"]
                database.execute(
                    f"INSERT INTO {table} (session, {', '.join(kept)})"
                    f" SELECT copies.session, {', '.join(f'o.{each}' for each in kept)}"
                    f" FROM copies, {table} o WHERE o.session = ?",
                    (first,),
                )
        database.close()


def _session(database: sqlite3.Connection) -> tuple[int, Sequence[str]]:
    columns = [row[1] for row in database.execute("PRAGMA table_info(USMSession)")]
    first = database.execute("SELECT id FROM USMSession WHERE device = 'benchfirst'").fetchone()[0]
    return first, columns


@contextmanager
def crowded(phones: int, users: int, workers: int, **settings: object) -> Iterator[Site]:
    """A service with so many devices set up. ``settings``: keys without ``com.openexchange.usm.``, dots as ``__``."""
    named = {key.replace("__", "."): value for key, value in settings.items()}
    with tempfile.TemporaryDirectory(prefix="usm-bench-") as folder:
        site = Site(Path(folder), phones, users, {"workers": workers, **named})
        try:
            site.open()
            yield site
        finally:
            site.close()
