"""Reading the files: what every line sets, what is wrong, what is odd."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import javaproperties

from app.config.settings import KEYS, POLICY, Settings
from app.eas import policy

FILES: Final = ("usm.properties", "eas.properties")
"""The files that are read, in this order; a key may stand in any of them."""

ETC_DIRECTORIES: Final = (Path("/opt/open-xchange/etc/groupware"), Path("/opt/open-xchange/etc"))
"""Where the files are looked for, first hit wins: OX 6 keeps its settings in a folder of their own."""


OPEN: Final = frozenset({"com.openexchange.usm.eas.app_passwords"})
"""Keys whose names sound like a secret and whose values are none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file. ``line`` counts from 1; 0 where the whole file is meant."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class ConfigError(Exception):
    """The settings cannot be used; ``problems`` names every reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that can be used, and what looked odd on the way."""

    settings: Settings
    warnings: list[Problem]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line (or several joined ones) of a file that sets a key."""

    file: Path
    line: int
    key: str
    value: str

    def problem(self, message: str) -> Problem:
        return Problem(self.file, self.line, message)


def etc_directory() -> Path:
    """The first of the usual folders that holds one of the files; the last one where none does."""
    for folder in ETC_DIRECTORIES:
        if any((folder / name).exists() for name in FILES):
            return folder
    return ETC_DIRECTORIES[-1]


@dataclass(slots=True)
class Read:
    """What the files hold. ``chosen``: by key, the line that counts; ``idle``: lines that do not; ``values``: those
    that can be used, by the name of their field."""

    chosen: dict[str, Entry] = field(default_factory=dict)
    idle: list[Entry] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def load(etc: Path) -> Loaded:
    """The settings of this folder. Raises :class:`ConfigError` with everything that is wrong in them."""
    found = read(etc)
    if found.errors:
        raise ConfigError(found.errors)
    return Loaded(Settings(etc=etc, **found.values), found.warnings)


def read(etc: Path) -> Read:
    """All that the files of this folder hold, right or wrong."""
    found = Read()
    for name in FILES:
        for entry in _entries(etc / name, found.errors):
            _take(entry, found)
    found.values = _read_values(found.chosen, found.errors)
    _check_together(found.values, found.chosen, etc, found.errors)
    if not found.errors:
        found.warnings += _doubts(found.values, found.chosen)
    return found


def _take(entry: Entry, found: Read) -> None:
    if entry.key in found.chosen:
        earlier = found.chosen[entry.key]
        found.idle.append(earlier)
        found.warnings.append(
            entry.problem(f"{entry.key} is set again; {place_of(earlier)} no longer counts")
        )
    if entry.key in KEYS or entry.key.startswith(POLICY):
        found.chosen[entry.key] = entry
    else:
        found.idle.append(entry)
        found.warnings.append(entry.problem(f"unknown key {entry.key} is ignored"))


def _entries(path: Path, errors: list[Problem]) -> Iterator[Entry]:
    try:
        content = path.read_bytes().decode("iso-8859-1")
    except OSError as error:
        errors.append(Problem(path, 0, f"cannot be read: {error.strerror}"))
        return
    line = 1
    for source in _logical_lines(content):
        try:
            pairs = list(javaproperties.parse(source))
        except javaproperties.InvalidUEscapeError as error:
            errors.append(Problem(path, line, str(error)))
            pairs = []
        for pair in pairs:
            if isinstance(pair, javaproperties.KeyValue):
                yield Entry(path, line, pair.key, pair.value.strip())
        line += len(source.splitlines())


def _logical_lines(content: str) -> Iterator[str]:
    """Each line with the lines that continue it, so that an error in one of them leaves the others readable."""
    joined = ""
    for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", content):
        joined += line
        bare = line.rstrip("\r\n")
        comment = joined.lstrip(" \t\f")[:1] in ("#", "!")
        if comment or (len(bare) - len(bare.rstrip("\\"))) % 2 == 0:
            yield joined
            joined = ""
    if joined:
        yield joined


def _read_values(chosen: Mapping[str, Entry], errors: list[Problem]) -> dict[str, Any]:
    chosen_policy: dict[str, str] = {}
    values: dict[str, Any] = {"policy": chosen_policy}
    for key, entry in chosen.items():
        if not entry.value:
            continue
        try:
            if key.startswith(POLICY):
                name = key.removeprefix(POLICY)
                policy.check(name, entry.value)
                chosen_policy[name] = entry.value
            else:
                values[KEYS[key].name] = KEYS[key].metadata["read"](entry.value)
        except ValueError as error:
            errors.append(entry.problem(f"{key}={masked(key, entry.value)}: {error}"))
    return values


def _check_together(
    values: Mapping[str, Any], chosen: Mapping[str, Entry], etc: Path, errors: list[Problem]
) -> None:
    """The rules that need more than one value."""

    def value(key: str) -> Any:
        return values.get(KEYS[key].name, KEYS[key].default)

    def fail(key: str, reason: str) -> None:
        entry = chosen.get(key)
        message = f"{key}={value(key)}: {reason}"
        errors.append(entry.problem(message) if entry else Problem(etc / FILES[0], 0, message))

    prefix = "com.openexchange.usm."
    if value(f"{prefix}listen.port") == value(f"{prefix}admin.port"):
        fail(f"{prefix}admin.port", f"must differ from {prefix}listen.port")
    if value(f"{prefix}eas.ping.min_heartbeat") > value(f"{prefix}eas.ping.max_heartbeat"):
        fail(f"{prefix}eas.ping.min_heartbeat", f"must not exceed {prefix}eas.ping.max_heartbeat")


def _doubts(values: Mapping[str, Any], chosen: Mapping[str, Entry]) -> Iterator[Problem]:
    """What can be used, but not as it was meant."""
    recovery = f"{POLICY}PasswordRecoveryEnabled"
    if values["policy"].get("PasswordRecoveryEnabled") == "1" and not values.get("secret_keys"):
        yield chosen[recovery].problem(
            f"{recovery}=1 does nothing: recovery passwords are kept only with com.openexchange.usm.secret_keys"
        )


def place_of(entry: Entry) -> str:
    """File and line, in short."""
    return f"{entry.file.name}:{entry.line}"


def masked(key: str, value: str) -> str:
    """The value without a password that an URL may hold; nothing of a secret."""
    if (
        re.search("secret|password|logins", key, re.IGNORECASE)
        and key not in OPEN
        and not key.startswith(POLICY)
    ):
        return "***" if value else ""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^:/@]*):.*@", r"\1:***@", value))
