"""A log of every command that a run has carried out, on which host, in which step, with its exit status and its output.

    2024-11-22T17:56:01.123Z ox1 #17 [Install the package] $ install.sh /var/lib/open-xchange-usm/x.deb
    2024-11-22T17:56:03.302Z ox1 #17 exit 0 after 2.2 s
        | Unpacking open-xchange-usm (1.0.0) ...

Rules of this file:

* one file a run, readable by its owner alone, in the folder ``logs`` of the project, or in the one that the environment
  variable ``USM_DEPLOY_LOG`` names; empty, it asks for no log at all. The newest :data:`KEPT` stay;
* a command stands there when it begins, so that the one under way is known however the run ends;
* of a script of ours (``tasks/shell``) stand name and arguments; the whole text is in the project;
* standard input is never written, because secrets travel there. Whatever looks like a password is masked all the same;
* a log that cannot be written is a warning, and never keeps a run from its end.

pyinfra has one place through which every command and every file goes, the connector of a host; :func:`attach` puts
itself before it.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import shlex
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput

from tasks import scripts, secrets
from tasks.progress import step_name

FOLDER = "USM_DEPLOY_LOG"
"""Environment variable that names the folder of the logs."""

PROJECT = Path(__file__).resolve().parent.parent

KEPT = 20
"""Logs that stay, the newest ones."""

MOST_LINES = 400
"""Lines of one command's output that are written; of a longer one the first and the last half of these."""

LAST_LINES = 15
"""Lines of output that are remembered of the last command of each host."""

MASK = "***"

SHORTEST_SECRET = 4
"""Characters; masking a shorter one would garble the log and tell where it stands."""

PASSWORDS = (
    # A password in an URL, or as the value of a property or an option.
    (re.compile(r"(://[^/\s:@]*:)[^@\s]+(?=@)"), rf"\g<1>{MASK}"),
    (re.compile(r"(?i)(passw(?:or)?d[\w.-]*['\"]?\s*[=:]\s*)(?!\s)\S+"), rf"\g<1>{MASK}"),
)


@dataclass
class Last:
    """What a host was last told to do, and what it said."""

    command: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))


class CommandsLog:
    """One run's log. ``path`` is None where none is written."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.last: dict[str, Last] = {}
        self._numbers = itertools.count(1)
        self._file = None if path is None else _create(path)

    def begin(self, host: str, step: str, command: str) -> int:
        """Notes that a command begins; returns its number."""
        number = next(self._numbers)
        command = masked(command)
        self.last[host] = Last(command)
        self._write([f"{_now()} {host} #{number} [{step}] $ {command}"])
        return number

    def end(self, host: str, number: int, how: str, seconds: float, lines: Iterable[tuple[str, str]]) -> None:
        """Notes how a command ended. ``lines``: a mark for the stream that the line came from, and the line."""
        said = [(mark, masked(line)) for mark, line in lines]
        self.last[host].lines.extend(line for _, line in said)
        shown = [f"    {mark} {line}" for mark, line in said]
        if len(shown) > MOST_LINES:
            half = MOST_LINES // 2
            shown[half:-half] = [f"    ... {len(shown) - MOST_LINES} lines left out"]
        self._write([f"{_now()} {host} #{number} {how} after {seconds:.1f} s", *shown])

    def _write(self, lines: list[str]) -> None:
        if self._file is None:
            return
        try:
            # One write a record: what many hosts do at once must not be mixed up within a line.
            os.write(self._file, "".join(f"{line}\n" for line in lines).encode(errors="replace"))
        except OSError as error:
            self._file = None
            logger.warning(f"the log {self.path} cannot be written any more: {error.strerror}")


class Logged:
    """A host's connector whose commands and files are noted in the log."""

    def __init__(self, connector: Any, host: Host, log: CommandsLog) -> None:
        self._connector = connector
        self._host = host
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def run_shell_command(
        self, command: StringCommand, *words: Any, **options: Any
    ) -> tuple[bool, CommandOutput]:
        """As the connector's own."""
        status = Status(options.get("_success_exit_codes") or (0,))
        number = self._log.begin(self._host.name, _step(self._host), _as_run(command, options))
        began = time.monotonic()
        try:
            done: tuple[bool, CommandOutput] = self._connector.run_shell_command(
                command, *words, **{**options, "_success_exit_codes": status}
            )
        except BaseException as error:
            self._failed(number, began, error)
            raise
        marks = {"stdout": "|", "stderr": "!"}
        told = done[1].combined_lines
        if getattr(command, "confidential", False):
            # What tasks.scripts.ask was told in confidence; complaints are for everybody.
            told = [line for line in told if line.buffer_name != "stdout"]
        lines = [(marks.get(line.buffer_name, "|"), line.line) for line in told]
        how = f"exit {status.code}" if status.code is not None else "done" if done[0] else "failed"
        self._log.end(self._host.name, number, how, time.monotonic() - began, lines)
        return done

    def put_file(self, source: Any, target: str, *words: Any, **options: Any) -> bool:
        """As the connector's own."""
        return self._file("put", _name(source), target, "put_file", source, target, *words, **options)

    def get_file(self, source: str, target: Any, *words: Any, **options: Any) -> bool:
        """As the connector's own."""
        return self._file("get", source, _name(target), "get_file", source, target, *words, **options)

    def _file(self, verb: str, source: str, target: str, method: str, *words: Any, **options: Any) -> bool:
        number = self._log.begin(self._host.name, _step(self._host), f"{verb} {source} {target}")
        began = time.monotonic()
        try:
            done = bool(getattr(self._connector, method)(*words, **options))
        except ConnectError as error:
            self._failed(number, began, error)
            # pyinfra fails the step for errors of ssh only; for its own it would end without a word on what to do.
            raise SSHException(str(error)) from error
        except BaseException as error:
            self._failed(number, began, error)
            raise
        self._log.end(self._host.name, number, "done" if done else "failed", time.monotonic() - began, ())
        return done

    def _failed(self, number: int, began: float, error: BaseException) -> None:
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        self._log.end(self._host.name, number, "broken off", time.monotonic() - began, [("!", told)])


class Status:
    """The exit statuses that count as success; remembers the one that it is asked about, which pyinfra keeps to
    itself."""

    def __init__(self, fine: Iterable[int]) -> None:
        self._fine = tuple(fine)
        self.code: int | None = None

    def __contains__(self, code: object) -> bool:
        self.code = code if isinstance(code, int) else None
        return code in self._fine

    def __iter__(self) -> Iterator[int]:
        return iter(self._fine)


def opened(now: datetime | None = None) -> CommandsLog:
    """The log of a run that begins now; one without a file where none is wanted or possible."""
    if (named := os.environ.get(FOLDER)) == "":
        return CommandsLog(None)
    folder = Path(named) if named else PROJECT / "logs"
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _thin_out(folder, KEPT - 1)
        return CommandsLog(folder / f"deploy-{moment}-{os.getpid()}.log")
    except OSError as error:
        logger.warning(f"there will be no log of the commands: {folder}: {error.strerror}")
        return CommandsLog(None)


def attach(state: State, log: CommandsLog) -> None:
    """Every command on every host of the run is noted from now on."""
    for host in state.inventory:
        if not isinstance(host.connector, Logged):
            host.connector = Logged(host.connector, host, log)  # type: ignore[assignment]


def masked(text: str) -> str:
    """The text without anything that is, or looks like, a password."""
    for secret in _forms(frozenset(secrets.known())):
        text = text.replace(secret, MASK)
    for pattern, replacement in PASSWORDS:
        text = pattern.sub(replacement, text)
    return text


def said(command: Any) -> str:
    """A command as a person would say it: a script of ours by name and arguments, nothing that is hidden."""
    if not isinstance(command, StringCommand):
        return _on_one_line(str(command))
    words = [_word(bit) for bit in command.bits]
    # sh -c TEXT name.sh arguments: the name says it all.
    if words[:2] == ["sh", "-c"] and len(words) > 3 and words[3].endswith(".sh"):
        words = words[3:]
    return str(command.separator).join(words)


@functools.lru_cache(maxsize=1)
def _forms(known: frozenset[str]) -> list[str]:
    """Secrets as they stand and as in an URL, the longest first. Asked for each line of output, with the same ones."""
    found = known | {quote(secret, safe="") for secret in known}
    return sorted((secret for secret in found if len(secret) >= SHORTEST_SECRET), key=len, reverse=True)


def _word(bit: Any) -> str:
    inner = bit.obj if isinstance(bit, QuoteString) else bit
    # Hidden values show themselves masked.
    text = said(inner) if isinstance(inner, StringCommand) else _on_one_line(str(inner))
    return shlex.quote(text) if isinstance(bit, QuoteString) else text


def _on_one_line(text: str) -> str:
    if "\n" not in text.strip():
        return text.strip("\n")
    if name := _scripts().get(text):
        return name
    lines = text.strip().splitlines()
    return f"{lines[0]} ... ({len(lines)} lines)"


@functools.cache
def _scripts() -> dict[str, str]:
    """The text of each script and program of ours, with its name."""
    files = [*scripts.SHELL.iterdir(), *Path(__file__).parent.glob("*.py")]
    return {path.read_text(encoding="utf-8"): path.name for path in files if path.is_file()}


def _as_run(command: Any, options: dict[str, Any]) -> str:
    """The command with the user that it is run as."""
    if options.get("_sudo"):
        return f"sudo -u {options.get('_sudo_user') or 'root'} {said(command)}"
    if options.get("_su_user"):
        return f"su {options['_su_user']} -c {said(command)}"
    return said(command)


def _step(host: Host) -> str:
    """The step that a host is at."""
    state, number = host.state, host.nested_executing_op_hash or host.executing_op_hash
    if number is None or number not in state.op_meta:
        return "running" if state.is_executing else "preparing"
    return step_name(state, number)


def _name(file: Any) -> str:
    return file if isinstance(file, str) else getattr(file, "name", "(text)")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _thin_out(folder: Path, count: int) -> None:
    """Removes all logs but the newest ones."""
    # Their names begin with the time.
    for path in sorted(folder.glob("deploy-*.log"))[:-count]:
        with suppress(OSError):
            path.unlink()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
