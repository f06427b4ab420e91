"""Say what is being done, how long it took, and where its output went.

A step is one line on the terminal: what, then the seconds it took. What the programs of a step print goes to a
log file; when one of them fails, the end of that output and the path of the log are shown.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

TAIL_LINES = 25


class LabError(Exception):
    """Something the lab needs is missing, wrong or failed; the message says what and what to do."""


class Interrupted(BaseException):
    """The lab was told to stop (SIGTERM, SIGHUP); unwinds like KeyboardInterrupt, so that clean-up runs."""


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a text file, indented; empty when there is no such file."""
    try:
        content = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join("    " + line for line in content[-lines:])


class Steps:
    """Prints a line a step, after its label if it has one, and keeps the output of the steps' programs in a log."""

    def __init__(self, log: Path, label: str, out: TextIO | None = None) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        # What programs print is their own business.
        log.parent.chmod(0o700)
        self.log = log
        self.prefix = f"{label}: " if label else ""
        self.out = out or sys.stderr
        log.write_text("")

    def say(self, text: str) -> None:
        """One line on the terminal."""
        print(f"{self.prefix}{text}", file=self.out, flush=True)
        self._write(f"== {text}\n")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announces ``text``, and ends the line with the seconds the body took, or with ``failed``."""
        print(f"{self.prefix}{text} ... ", end="", file=self.out, flush=True)
        self._write(f"== {text}\n")
        began = time.monotonic()
        try:
            yield
        except BaseException as problem:
            word = "failed" if isinstance(problem, Exception) else "interrupted"
            print(word, file=self.out, flush=True)
            raise
        print(f"{time.monotonic() - began:.1f} s", file=self.out, flush=True)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
        patience: float = 10.0,
    ) -> None:
        """Runs a program with its output in the log; raises LabError with the end of the output if it fails.

        When we are interrupted, the program gets SIGTERM, and SIGKILL if that takes longer than ``patience``.
        """
        words = [str(word) for word in command]
        self._write("$ " + " ".join(words) + "\n")
        with self.log.open("a") as log:
            process = subprocess.Popen(
                words,
                cwd=cwd,
                env=dict(env) if env is not None else None,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                process.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise self._failed(words, f"did not end within {timeout:.0f} s") from None
            except BaseException:
                end(process, patience)
                raise
        if process.returncode:
            raise self._failed(words, f"ended with {process.returncode}")

    def _failed(self, words: Sequence[str], how: str) -> LabError:
        return LabError(f"{words[0]} {how}; its last output (all of it: {self.log}):\n{tail(self.log)}")

    def _write(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text)


def end(process: subprocess.Popen[str], patience: float = 10.0) -> None:
    """Ends a child: SIGTERM, and SIGKILL when it takes longer than ``patience`` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(signal.Signals(number).name)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into an exception, so that ``finally`` runs as it does on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds SIGINT, SIGTERM and SIGHUP back until the body (a clean-up) has ended."""
    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
