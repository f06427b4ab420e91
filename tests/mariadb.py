"""A real MariaDB for tests: Debian's server with a data directory of its own, on loopback.

``MariaDbServer()`` is a context manager: it makes the data directory, starts the server as an unprivileged user on a
free port, and ends it and removes everything when it is left. The server also ends when the test process is killed.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import quote

import pymysql

from lab.ports import free_port

USER = "usm"
PASSWORD = "usm: p@ss/word%"
"""With every character that an URL must escape."""

OPTIONS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=2",
    "--max-connections=200",
)


def is_installed() -> bool:
    """True if Debian's package mariadb-server is installed."""
    return Path("/usr/sbin/mariadbd").exists() and Path("/usr/bin/mariadb-install-db").exists()


class MariaDbServer:
    """One server process. ``options``: more command line options, for example ``--max-allowed-packet=1M``."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="usm-mariadb-"))
        try:
            self._temporary.mkdir()
            if os.geteuid() == 0:
                owner = _unprivileged()
                for folder in (self._directory, self._temporary):
                    os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._install()
            self.start()
            self._create_user()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def socket(self) -> Path:
        """The server's Unix socket."""
        return self._directory / "socket"

    @property
    def _temporary(self) -> Path:
        """Of this server alone: at its start, a server removes what others keep in the folder."""
        return self._directory / "tmp"

    def _as_mysql(self) -> list[str]:
        # A server that changes its user by itself would lose the order to die with its parent.
        command = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            owner = _unprivileged()
            command += ["--reuid", str(owner.pw_uid), "--regid", str(owner.pw_gid), "--clear-groups"]
        return command

    def _install(self) -> None:
        install = [
            *self._as_mysql(),
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self._directory / 'data'}",
            f"--tmpdir={self._temporary}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        done = subprocess.run(install, capture_output=True, text=True, cwd=self._directory)
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start the server, on the port it had before if it had one."""
        self.port = self.port or free_port()
        log = self._directory / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *self._as_mysql(),
                    "mariadbd",
                    *OPTIONS,
                    f"--datadir={self._directory / 'data'}",
                    f"--tmpdir={self._temporary}",
                    f"--socket={self.socket}",
                    f"--pid-file={self._directory / 'pid'}",
                    f"--port={self.port}",
                    *self._options,
                ],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self._directory,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self._root().close()
                return
            except pymysql.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"MariaDB did not start: {log.read_text()[-3000:]}") from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server; ``SIGKILL`` for a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Let the server hang: it takes connections and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        threads = list(Path(f"/proc/{self._process.pid}/task").iterdir())
        while not all(") T " in (each / "stat").read_text() for each in threads):
            time.sleep(0.005)

    def resume(self) -> None:
        """The end of :meth:`pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _root(self, database: str | None = None) -> pymysql.Connection[pymysql.cursors.Cursor]:
        return pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, autocommit=True, charset="utf8mb4"
        )

    def execute(
        self, statement: str, *values: object, database: str | None = None
    ) -> list[tuple[object, ...]]:
        """Run a statement as the server's administrator; its rows."""
        connection = self._root(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def _create_user(self) -> None:
        self.execute("CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s", USER, PASSWORD)
        self.execute("GRANT ALL ON *.* TO %s@'127.0.0.1'", USER)
        self.execute("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM %s@'127.0.0.1'", USER)

    @contextmanager
    def database(self, name: str | None = None) -> Iterator[str]:
        """A new, empty database, dropped at the end; its name."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8 COLLATE utf8_unicode_ci")
        try:
            yield name
        finally:
            if self._process is not None:
                self.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def url(self, database: str = "") -> str:
        """The SQLAlchemy URL of a database; without a name that of the server."""
        return f"mysql+pymysql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"


def _unprivileged() -> pwd.struct_passwd:
    # The package with the server alone makes no user of its own.
    for name in ("mysql", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user nobody to run MariaDB as")
