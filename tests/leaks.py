"""No password and no content of a mail in any log: looked for in all that a whole test run has logged.

A pytest plugin. While tests run it takes down

* the **words** that must not be logged: passwords and tokens with which phones and requests come, and what people wrote
  (subjects, places, names of files, texts), as phones send and see it and as the fakes of the tests are given it;
* what is **logged**: records of this process, as the service's own formatter writes them, and at the end all log files
  below the session's temporary folder and those of the lab's hosts.

When the tests of a process are over, none of the words may stand in what was logged; if one does, the run fails and
names the word, the test that brought it, and the line. With several processes each looks for its own words in its own
logs and hands what it found to the one that gave it the tests.

What the program says by itself is not held against it: a line with "the password is wrong" is no leak of the password
"wrong". Words shorter than :data:`LEAST` cannot be told from anything else, nor can texts of one plain word.
"""

from __future__ import annotations

import ast
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
LEAST: Final = 5
"""Letters of a word that is looked for; different ones, in a text."""
LEAST_TEXT: Final = 8
"""Characters of a text that is looked for."""
LONGEST: Final = 60
"""Characters of a text that are looked for."""
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a file that are read."""
SHOWN: Final = 20

PERSONAL: Final = {
    "AirSyncBase": ("Data", "DisplayName", "Preview"),
    "Calendar": ("Subject", "Location", "Body"),
    "Contacts": ("CompanyName", "JobTitle", "Body"),
    "Email": ("Subject", "ThreadTopic", "Body"),
    "Find": ("FreeText",),
    "Notes": ("Subject",),
    "Search": ("FreeText",),
    "Settings": ("Password", "ReplyMessage"),
    "Tasks": ("Subject", "Body"),
}
"""Elements whose values people wrote."""
FIELDS: Final = ("subject", "title", "note", "text", "last_name", "location", "body", "content")
"""The same of the fields that fakes are given."""
LOGS: Final = re.compile(r"\.(?:log|err|out)(?:\.[0-9]+)?$|^(?:log|error_log|access_log|stderr|output)$")
"""Names of files that are logs."""

_PLACEHOLDER: Final = re.compile(r"%[-0-9.]*[a-z]|\{[^}]*\}")
COMMON: Final = frozenset(("wrong", "other", "another", "password", "token", "nobody", "right"))
"""Passwords of tests that stand in sentences as well."""
_PLAIN_WORD: Final = re.compile(r"[A-Z]?[a-z]*")
_TOKEN: Final = re.compile(r"\w{4,}")
_seen: dict[str, str] = {}
"""Word → the test that brought it."""


def note(secret: object) -> None:
    """This must not be logged."""
    if isinstance(secret, str) and len(secret) >= LEAST and secret not in COMMON:
        _seen.setdefault(secret[:LONGEST], os.environ.get("PYTEST_CURRENT_TEST", "-").partition(" ")[0])


def note_text(text: object) -> None:
    """The same of what somebody wrote: its first line, if that is more than a plain word or two letters."""
    if isinstance(text, bytes):
        text = text[: 4 * LONGEST].decode("utf-8", "replace")
    if isinstance(text, str):
        line = text.strip().partition("\n")[0].strip()[:LONGEST]
        if len(line) >= LEAST_TEXT and len(set(line)) >= LEAST and not _PLAIN_WORD.fullmatch(line):
            note(line)


def note_tree(root: Any) -> None:
    """The same of all that a document holds."""
    todo = [root] if root is not None else []
    while todo:
        element = todo.pop()
        todo += element.children
        page, _, tag = element.name.partition(":")
        if tag in PERSONAL.get(page, ()):
            note_text(element.value)


def note_fields(fields: Any) -> None:
    """The same of an item's fields."""
    if hasattr(fields, "get"):
        for name in FIELDS:
            note_text(fields.get(name))


class Logged(logging.Handler):
    """Keeps what is logged in this process, as the service would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            from app.web import defects

            text += f"\n{defects.told(record.exc_info[1])}"
        self.lines[text] = None


def found(words: Iterable[str], text: str) -> Iterator[tuple[str, str]]:
    """Which words stand in a text, each with the first line of it that has it."""
    tokens = set(_TOKEN.findall(text))
    for word in words:
        is_whole = len(word) < LONGEST
        needed = _TOKEN.findall(word)
        if not tokens.issuperset(needed if is_whole else needed[:-1]) or word not in text:
            continue
        standing = re.compile(r"(?<![\w@-])" + re.escape(word) + (r"(?![\w@-])" if is_whole else ""))
        for match in standing.finditer(text):
            line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
            left = line
            for piece in own_pieces(word):
                left = left.replace(piece, " ")
            if standing.search(left):
                yield word, line[:200]
                break


@cache
def own_pieces(word: str) -> tuple[str, ...]:
    """What the program says by itself that has this word in it, and more than the word."""
    return tuple(
        piece
        for text in own_texts()
        if word in text
        for piece in _PLACEHOLDER.split(text)
        if word in piece and len(piece.strip()) > len(word) + 2
    )


@cache
def own_texts() -> tuple[str, ...]:
    """All texts in the program but its documentation."""
    texts: list[str] = []
    for folder in ("app", "lab", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            texts += [
                node.value
                for node in nodes
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
            ]
    return tuple(texts)


def files(folder: Path) -> Iterator[Path]:
    """The logs below a folder."""
    for path, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.endswith("current")]
        yield from (Path(path, name) for name in names if LOGS.search(name))


class Plugin:
    """One process's part of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._logged = Logged()
        self._found: list[str] = []
        self._wrapped: set[str] = set()

    # -- taking down -----------------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        for name in ("", "gunicorn.error"):
            logging.getLogger(name).addHandler(self._logged)
        # As the service runs: what is not even said cannot be looked at.
        logging.getLogger("app").setLevel(logging.INFO)

    def pytest_collection_finish(self) -> None:
        self._wrap()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        """Have a look at what goes through the parts that are loaded by now."""
        for name, how in WRAPPERS.items():
            module, _, path = name.partition(":")
            if name not in self._wrapped and module in sys.modules:
                self._wrapped.add(name)
                owner: Any = sys.modules[module]
                *parents, last = path.split(".")
                for each in parents:
                    owner = getattr(owner, each)
                setattr(owner, last, how(getattr(owner, last)))
        if "lab.testing:Labs.end" not in self._wrapped and "lab.testing" in sys.modules:
            self._wrapped.add("lab.testing:Labs.end")
            labs = sys.modules["lab.testing"].Labs
            labs.end = self._before_the_end(labs.end)

    def _before_the_end(self, end: Callable[..., None]) -> Callable[..., None]:
        @wraps(end)
        def looked(labs: Any, plan: str) -> None:
            running = labs._running.get(plan)
            for host in running.lab.hosts if running is not None else ():
                self._look_into(running.root(host.name) / "var/log")
            end(labs, plan)

        return looked

    # -- looking ---------------------------------------------------------------------------------------------

    def _look_into(self, folder: Path) -> None:
        for path in files(folder):
            try:
                with path.open("rb") as file:
                    self._look(str(path), file.read(LARGEST).decode("utf-8", "replace"))
            except OSError:
                continue  # gone meanwhile, or no file of ours

    def _look(self, where: str, text: str) -> None:
        self._found += [
            f"{word!r} of {_seen[word]} stands in {where}: {line}" for word, line in found(list(_seen), text)
        ]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        for name in ("", "gunicorn.error"):
            logging.getLogger(name).removeHandler(self._logged)
        self._look("the records of this process", "\n".join(self._logged.lines))
        factory = getattr(self._config, "_tmp_path_factory", None)
        base = getattr(factory, "_basetemp", None)
        if base is not None:
            self._look_into(base)
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output["leaks"] = self._found
        elif self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process that ran tests has ended; asked where they are handed out."""
        self._found += getattr(node, "workeroutput", {}).get("leaks", [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._found:
            terminalreporter.section("what must not be in a log", red=True)
            for each in self._found[:SHOWN]:
                terminalreporter.line(each)
            terminalreporter.line(f"{len(self._found)} in all")


def _phone(made: Callable[..., None]) -> Callable[..., None]:
    @wraps(made)
    def init(self: Any, url: str, identity: Any, password: str, **more: Any) -> None:
        note(password)
        note(more.get("token"))
        made(self, url, identity, password, **more)

    return init


def _command(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def noted(self: Any, name: str, request: Any, **more: Any) -> Any:
        note_tree(request)
        answer = command(self, name, request, **more)
        note_tree(answer)
        return answer

    return noted


def _credentials(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def noted(*args: Any, **more: Any) -> Any:
        credentials = read(*args, **more)
        note(credentials.password)
        note(str(args[0]).partition(" ")[2])
        return credentials

    return noted


def _fields(at: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def noted(*args: Any, **more: Any) -> Any:
            note_fields(args[at] if len(args) > at else None)
            return method(*args, **more)

        return noted

    return wrap


def _sent(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def noted(self: Any, command: str, root: Any = None) -> Any:
        note_tree(root)
        reply = send(self, command, root)
        note_tree(reply.root)
        return reply

    return noted


WRAPPERS: Final[dict[str, Callable[[Any], Any]]] = {
    "lab.device.transport:Transport.__init__": _phone,
    "lab.device.device:Device.command": _command,
    "app.web.auth:credentials": _credentials,
    "tests.fakes.source:MemorySource.put": _fields(2),
    "tests.fakes.source:MemorySource.touch": _fields(3),
    "tests.fakes.source:MemorySource.create": _fields(2),
    "tests.eas.phone:Phone.send": _sent,
}
"""What is looked at, by module and name."""


def pytest_configure(config: pytest.Config) -> None:
    """Once a process."""
    config.pluginmanager.register(Plugin(config), "leaks")
