"""The database's own programs: ``mariadb-dump`` and ``mariadb``, or MySQL's of the same purpose.

Rules:

* Address, user and password are in a file of options that lies in memory only (``memfd``) and that nobody else can
  open. Nothing of it stands on a command line.
* Rows travel as the bytes that they are (character set ``binary``), so no conversion can change one.
* The program dies with us, and is ended when nothing has moved for ``STALLED`` seconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final, cast

from sqlalchemy.engine import URL

from app.store.legacy.errors import LegacyError

STALLED: Final = 600.0
"""Seconds without a byte after which the server is taken for gone."""

BLOCK: Final = 1 << 20

DUMP: Final = ("mariadb-dump", "mysqldump")
LOAD: Final = ("mariadb", "mysql")

_DUMP_OPTIONS: Final = (
    "--skip-opt",
    "--single-transaction",
    "--quick",
    "--create-options",
    "--extended-insert",
    "--set-charset",
    "--default-character-set=binary",
    "--no-tablespaces",
    "--skip-triggers",
    "--skip-dump-date",
    "--net-buffer-length=1M",
    "--max-allowed-packet=1G",
)

# Only one of the two families of programs knows each of these; the other passes over it.
_LOOSE: Final = ("loose-column-statistics=0", "loose-set-gtid-purged=OFF")

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


def program(names: Sequence[str]) -> str:
    """The path of the first of these programs that is there. Raises :class:`LegacyError`."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise LegacyError(
        f"{' or '.join(names)} is not installed on this host: install the package mariadb-client (Debian, SLES) or"
        " mariadb (RHEL)"
    )


def dump(url: URL, tables: Sequence[str]) -> Iterator[bytes]:
    """The statements that make these tables of the URL's schema and fill them, in blocks. Raises
    :class:`LegacyError`."""
    command = [program(DUMP), *_DUMP_OPTIONS]
    with _running(command, url, [url.database or "", *tables], stdout=subprocess.PIPE) as (
        process,
        complaints,
    ):
        output = _fileno(process.stdout)
        while True:
            readable, _, _ = select.select([output], [], [], STALLED)
            if not readable:
                raise LegacyError(_stalled(command))
            block = os.read(output, BLOCK)
            if not block:
                break
            yield block
        _end(process, complaints, command)


def load(url: URL, schema: str, blocks: Iterable[bytes]) -> None:
    """Run the statements of a dump in a schema on the URL's server. Raises :class:`LegacyError`."""
    command = [
        program(LOAD),
        "--batch",
        "--binary-mode",
        "--default-character-set=binary",
        "--max-allowed-packet=1G",
    ]
    with _running(command, url, [schema], stdin=subprocess.PIPE) as (process, complaints):
        entry = _fileno(process.stdin)
        os.set_blocking(entry, False)
        try:
            for block in blocks:
                _feed(entry, block, command)
            cast(IO[bytes], process.stdin).close()
        except BrokenPipeError:
            pass  # it has ended early, and says why
        _end(process, complaints, command)


def _feed(entry: int, block: bytes, command: Sequence[str]) -> None:
    rest = memoryview(block)
    while rest:
        _, writable, _ = select.select([], [entry], [], STALLED)
        if not writable:
            raise LegacyError(_stalled(command))
        try:
            rest = rest[os.write(entry, rest) :]
        except BlockingIOError:
            continue


def _fileno(stream: IO[bytes] | None) -> int:
    return cast(IO[bytes], stream).fileno()


def _stalled(command: Sequence[str]) -> str:
    return (
        f"{command[0]}: the database has not answered for {STALLED:.0f} seconds; run the command again when it is"
        " well"
    )


@contextmanager
def _running(
    command: Sequence[str],
    url: URL,
    words: Sequence[str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    options = _options_file(url)
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [command[0], f"--defaults-file=/proc/self/fd/{options}", *command[1:], *words],
                stdin=stdin,
                stdout=stdout,
                stderr=complaints,
                pass_fds=[options],
                preexec_fn=_die_with_us,
            )
        finally:
            os.close(options)
        try:
            yield process, complaints
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None and not stream.closed:
                    stream.close()


def _die_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], complaints: IO[bytes], command: Sequence[str]) -> None:
    try:
        status = process.wait(STALLED)
    except subprocess.TimeoutExpired:
        raise LegacyError(_stalled(command)) from None
    if status:
        complaints.seek(0)
        lines = complaints.read(8192).decode("utf-8", "replace").strip().splitlines()
        said = "; ".join(lines[-3:]) or "it says nothing"
        raise LegacyError(
            f"{command[0]} ended with status {status}: {said}; run the command again when it is well"
        )


def _options_file(url: URL) -> int:
    """A file descriptor of an options file with everything that the programs must know of the server."""
    # A file that others may write to would be passed over; a new memfd counts as one.
    handle = os.memfd_create("open-xchange-usm-database")
    os.fchmod(handle, 0o600)
    os.write(handle, options(url).encode())
    return handle


def options(url: URL) -> str:
    """The text of an options file that leads to the URL's server."""
    chosen: dict[str, str | None] = {"user": url.username, "password": url.password}
    if "unix_socket" in url.query:
        chosen |= {"socket": _single(url, "unix_socket"), "protocol": "socket"}
    else:
        chosen |= {"host": url.host, "port": str(url.port or 3306), "protocol": "tcp"}
    chosen |= {option.replace("_", "-"): _single(url, option) for option in ("ssl_ca", "ssl_cert", "ssl_key")}
    encrypted = any(name.startswith("ssl") for name in url.query)
    lines = [f"{name}={_in_quotes(value)}" for name, value in chosen.items() if value is not None]
    # MariaDB's programs take ssl, MySQL's ssl-mode; newer ones of MariaDB check the certificate unless told not to.
    lines += ["loose-ssl", "loose-ssl-mode=REQUIRED"] if encrypted else []
    lines += [] if chosen["ssl-ca"] else ["loose-skip-ssl-verify-server-cert"]
    return "\n".join(["[client]", *lines, "[mysqldump]", *_LOOSE, ""])


def _single(url: URL, name: str) -> str | None:
    value = url.query.get(name)
    return value if value is None or isinstance(value, str) else value[0]


def _in_quotes(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
