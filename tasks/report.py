"""What a run has to tell: a summary at its end for people, a file for machines, and a log of every command.

Rules of this file:

* whatever ends the run (its end, a failed step, Ctrl-C, SIGTERM, a closed terminal) is told, with what to do about it,
  and a run that did not come to its end never exits with 0, whatever pyinfra itself would say;
* a run that ended before its first step says that nothing has been touched;
* nothing that is told holds a secret.

The environment variable ``USM_DEPLOY_RESULT`` names the file for machines. It is written whole, at each step, so that
it tells how far the run was also when the run was killed. It is one JSON object:

=================  =====================================================================================================
``format``         1; a number more when a field changes its meaning or goes
``complete``       whether every host that began has reached the end
``outcome``        ``running``, ``done``, ``failed``, ``refused`` (before the first step), ``planned`` (``--dry``), or
                   ``ended by SIGTERM`` and the like
``kind``           ``deployment`` or ``rollback``
``dry``            whether nothing was to be changed; ``changed`` then holds what a run would change
``started``        when the run began, ISO 8601, UTC
``seconds``        how long it took so far
``package``        version and build of the package that is deployed; empty where it is not known
``log``            the log of all commands (:mod:`tasks.commands_log`); null without one
``step``           the step that the run was at last
``hosts``          names of the hosts that the run works on
``changed``        by host, the names of the steps that changed something
``failed``         by host, the names of the steps that failed
``errors``         of each failure ``host``, ``step``, ``output`` (its last lines) and ``advice``, in the order of time
``restarted``      by host, the services that were restarted
``kept``           by host, what was put aside: files, packages, dumps
``differences``    by host, what the settings have that they did not have before
``warnings``       by host, what an administrator should look at
=================  =====================================================================================================
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol

import click
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State
from pyinfra.context import ctx_state
from pyinfra.context import host as current

from tasks import advice, commands_log
from tasks.commands_log import CommandsLog
from tasks.progress import duration, listed, progress, step_name

RESULT = "USM_DEPLOY_RESULT"
"""Environment variable that names the file for the result."""

FORMAT = 1

KINDS = {"deploy.py": "deployment", "rollback.py": "rollback"}
"""What pyinfra is called for, and what that is."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Kind = Literal["kept", "restarted", "warning", "difference"]

# How each kind is called in the result.
FIELDS: dict[Kind, str] = {
    "restarted": "restarted",
    "kept": "kept",
    "difference": "differences",
    "warning": "warnings",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the summary. ``host`` is the name of the host that it is about."""

    kind: Kind
    host: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed on a host, with the last lines of what it said."""

    host: str
    step: str
    output: tuple[str, ...]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advice.on(self.step, self.output)


class Record(Protocol):
    """What :mod:`tasks.run` knows of the run."""

    began: set[str]
    finished: set[str]

    @property
    def complete(self) -> bool: ...


@dataclass
class Run:
    """The run of this process, as far as it is to be told."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    state: State | None = None
    record: Record | None = None
    log: CommandsLog = field(default_factory=lambda: CommandsLog(None))
    kind: str = "deployment"
    dry: bool = False
    package: str = ""
    step: str = ""
    ended_by: str = ""
    failures: list[Failure] = field(default_factory=list)
    prepared: set[str] = field(default_factory=set)
    told: bool = False


notes: list[Note] = []
run = Run()
_complaints: dict[str, list[str]] = {}


def note(kind: Kind, text: str, host: Host | None = None) -> None:
    """Remembers a line for the summary; said once, however often it is noted. Never holds a secret."""
    told = Note(kind, (current if host is None else host).name, commands_log.masked(text))
    if told not in notes:
        notes.append(told)


def complain(message: str, host: Host | None = None) -> None:
    """Remembers why the step that a host is at is about to fail."""
    _complaints.setdefault((current if host is None else host).name, []).append(commands_log.masked(message))


def expect(record: Record | None = None) -> None:
    """A deployment is wanted from here on: however this process ends, it tells how, and not with 0 unless the run
    came to its end. Called again, it does nothing. ``config.py`` may call it before any host is reached; does nothing
    where pyinfra was asked for something else."""
    run.record = record or run.record
    if _expected:
        return
    words = pyinfras_words()
    kinds = [KINDS[name] for name in map(os.path.basename, words.get("operations") or ()) if name in KINDS]
    if record is None and not kinds:
        return
    _expected.append(True)
    run.kind = kinds[0] if kinds else run.kind
    run.dry = _is_plan(words)
    atexit.register(conclude)
    for number in SIGNALS:
        # Whoever started us may want it ignored (nohup).
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


_expected: list[bool] = []


def begin(record: Record) -> None:
    """Begins to tell: progress, the result, the log. Called for each host while the run is prepared."""
    expect(record)
    state = current_state()
    if run.state is not None or state is None:
        return
    run.state = state
    run.step = "Preparation"
    if not run.dry:
        run.log = commands_log.opened()
        commands_log.attach(state, run.log)
    state.add_callback_handler(_Recorder())  # type: ignore[no-untyped-call]
    state.add_callback_handler(progress)  # type: ignore[no-untyped-call]
    progress.prepared(0, len(state.active_hosts))
    progress.start()
    save()


def deploys(version: str, build: str = "") -> None:
    """Which package it is that is deployed."""
    run.package = f"{version} {build}".strip()


def prepared(host: Host | None = None) -> None:
    """A host has told what there is to do on it."""
    run.prepared.add((current if host is None else host).name)
    if run.state is not None:
        progress.prepared(len(run.prepared), len(run.state.active_hosts))


class _Recorder(BaseStateCallback):
    """Keeps the result up to date while the run goes on."""

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:  # type: ignore[override]
        _complaints.pop(host.name, None)
        step = step_name(state, op_hash)
        if step != run.step:
            run.step = step
            save()

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        last = run.log.last.get(host.name)
        said = _complaints.pop(host.name, None) or (list(last.lines) if last else [])
        run.failures.append(Failure(host.name, step_name(state, op_hash), tuple(said)))
        save()


# what is known of the run


def changed() -> dict[str, list[str]]:
    """By host, the steps that changed something, in the order of the guide; of a dry run those that would."""
    found: dict[str, list[str]] = {}
    if run.state is None or not run.state.op_meta:
        return found
    for op_hash in run.state.get_op_order():  # type: ignore[no-untyped-call]
        for host, operations in run.state.ops.items():
            if op_hash in operations and _is_change(operations[op_hash].operation_meta):
                found.setdefault(host.name, []).append(step_name(run.state, op_hash))
    return found


def _is_change(meta: Any) -> bool:
    if run.dry:
        return bool(meta._maybe_is_change)
    return bool(meta.is_complete() and meta.did_change())


def failed() -> dict[str, list[str]]:
    """By host, the steps that failed."""
    return _by_host((failure.host, failure.step) for failure in run.failures)


def _by_host(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found


def _noted(kind: Kind) -> dict[str, list[str]]:
    return _by_host((each.host, each.text) for each in notes if each.kind == kind)


def _began() -> set[str]:
    return run.record.began if run.record else set()


def _is_complete() -> bool:
    return bool(run.record and run.record.complete)


def _outcome() -> str:
    if _is_complete():
        return "done"
    if run.ended_by:
        return f"ended by {run.ended_by}"
    if not run.told:
        return "running"
    if run.dry and run.prepared:
        return "planned"
    return "failed" if _began() else "refused"


def result() -> dict[str, Any]:
    """The result as it is now; the fields are those that the head of this file names."""
    hosts = _began() or run.prepared
    return {
        "format": FORMAT,
        "complete": _is_complete(),
        "outcome": _outcome(),
        "kind": run.kind,
        "dry": run.dry,
        "started": run.started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(time.monotonic() - run.began, 1),
        "package": run.package,
        "log": str(run.log.path) if run.log.path else None,
        "step": run.step,
        "hosts": sorted(hosts),
        "changed": changed(),
        "failed": failed(),
        "errors": [
            {"host": each.host, "step": each.step, "output": list(each.output), "advice": each.advice}
            for each in run.failures
        ],
        **{name: _noted(kind) for kind, name in FIELDS.items()},
    }


def save() -> None:
    """Writes the result to the file that the environment names, if it names one."""
    if named := os.environ.get(RESULT):
        try:
            write_whole(Path(named), json.dumps(result(), indent=1) + "\n")
        except OSError as error:
            _say([f"--> The result cannot be written: {named}: {error.strerror}"])


def write_whole(path: Path, text: str) -> None:
    """Replaces a file at once: who reads it finds the old or the new text, never a part. Raises :class:`OSError`."""
    if path.exists() and not path.is_file():
        path.write_text(text)
        return
    number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.absolute().parent)
    try:
        with os.fdopen(number, "w") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


# the end


def conclude() -> None:
    """The last word: the summary, the result, and the exit status. Ends the process with 1 if the run did not come to
    its end, as pyinfra's own status is 0 in some such cases."""
    if run.told:
        return
    _ignore_signals()
    run.told = True
    progress.stop()
    save()
    _say(summary())
    if not _is_complete() and (run.ended_by or not run.dry):
        with suppress(OSError, ValueError, RuntimeError):
            sys.stdout.flush()
        os._exit(1)


def _ignore_signals() -> None:
    """Nobody's impatience shall cut the last word short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Ends the run at once: what hosts are at is ended by nobody, whether we wait for it or not."""
    _ignore_signals()
    run.ended_by = signal.Signals(number).name
    # Others have something to clear away; conclude() is the last of them.
    with suppress(Exception):
        atexit._run_exitfuncs()
    os._exit(1)


def _say(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, RuntimeError):
        # A signal came while something was being printed, or the terminal is gone.
        with suppress(OSError):
            os.write(2, text.encode())


def summary() -> list[str]:
    """What is told at the end, line by line."""
    if run.dry and not run.ended_by:
        return _told_of_hosts("--> Noted on the way")
    if _is_complete():
        return [*_told_of_hosts(f"--> Done in {_took()}: {_how_many()}"), *_end()]
    if not _began():
        return [*_refused(), *_end()]
    return [*_how_it_ended(), *_told_of_failures(), *_told_of_hosts("--> Done until then"), *_end()]


def _took() -> str:
    return duration(time.monotonic() - run.began)


def _how_many() -> str:
    count, among = len(changed()), len(_began())
    if not count:
        return "Nothing was changed and nothing restarted: every host was as it should be"
    return f"{count} of {among} hosts changed" if among > 1 else "changed"


def _refused() -> list[str]:
    """The run ended while it was prepared."""
    how = f" by {run.ended_by}" if run.ended_by else ""
    state = run.state or current_state()
    absent = sorted(host.name for host in state.failed_hosts) if state and state.initialised else []
    lines = [f"--> The run ended{how} before its first step: nothing has been touched on any host"]
    if absent:
        lines.append(
            f"    not reached: {listed(absent)}. See whether they are up and let you in by ssh. To deploy to the others"
            " alone, name them with --limit"
        )
    return lines


def _how_it_ended() -> list[str]:
    behind = sorted(_began() - (run.record.finished if run.record else set()))
    by = f" was ended by {run.ended_by} and" if run.ended_by else ""
    where = (
        f" ({progress.position}: {run.step})" if progress.position else f" ({run.step})" if run.step else ""
    )
    lines = [f"--> The {run.kind}{by} did not come to its end on {listed(behind)}, after {_took()}{where}"]
    if not run.failures:
        lines += [
            "    What hosts were at may go on there by itself. Run the same command again: it looks first how things"
            " stand, and takes up from there."
        ]
    return lines


def _told_of_failures() -> list[str]:
    """Each failure with its output and what to do; the same one on several hosts once."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in run.failures:
        grouped.setdefault((each.step, each.output), []).append(each.host)
    lines: list[str] = []
    for (step, output), hosts in grouped.items():
        lines.append(f"    {listed(hosts)}: {step}")
        lines += [f"        {line}" for line in output]
    for sentence in dict.fromkeys(each.advice for each in run.failures):
        lines.append(f"    What to do: {sentence}")
    return lines


def _told_of_hosts(title: str) -> list[str]:
    """What was changed and noted; what is the same on several hosts stands there once."""
    told: dict[tuple[str, str], list[str]] = {}
    # The steps of a plan stand in pyinfra's own table already.
    for name, steps in ({} if run.dry else changed()).items():
        told.setdefault(("", "; ".join(steps)), []).append(name)
    for kind in FIELDS:
        for each in notes:
            if each.kind == kind:
                told.setdefault((kind, each.text), []).append(each.host)
    lines = []
    for (what, text), hosts in told.items():
        # What somebody must look at names every host.
        names = ", ".join(sorted(hosts)) if what in ("warning", "difference") else listed(sorted(hosts))
        first, *rest = text.splitlines() or [""]
        lines.append(f"    {names}: {f'{what} {first}'.strip()}")
        lines += [f"        {line}" for line in rest]
    return [title, *lines] if lines or _is_complete() else []


def _end() -> list[str]:
    package = f"package: {run.package}; " if run.package else ""
    log = f"every command: {run.log.path}" if run.log.path else "no log of the commands"
    return [f"    {package}{log}"]


def current_state() -> State | None:
    """pyinfra's own object, of which ``pyinfra.context.state`` is a view; None outside of a run."""
    return ctx_state.get() if ctx_state.isset() else None  # type: ignore[no-untyped-call]


def pyinfras_words() -> dict[str, Any]:
    """What pyinfra was called with, by option; nothing outside of pyinfra's command, or within a host's part."""
    context = click.get_current_context(silent=True)
    return context.params if context else {}


def _is_plan(words: dict[str, Any]) -> bool:
    """Whether pyinfra was asked to change nothing. ``--json`` without ``-y`` does not either."""
    if words:
        return bool(
            words.get("dry")
            or words.get("debug_operations")
            or words.get("debug_facts")
            or (words.get("json_output") and not words.get("yes"))
        )
    given = set(sys.argv)
    return bool(
        given & {"--dry", "--debug-operations", "--debug-facts"}
        or ("--json" in given and not given & {"-y", "--yes"})
    )
