"""The corpus: what others found worth a test, read from their published packages and never copied.

=====================  =================================================================================================
package                what it brings
=====================  =================================================================================================
mail-parser            real mails: malformed, of Outlook, spam, with charsets that are not what they say
django-mailbox         mails in many charsets, with broken headers, boundaries and encodings
mailman                bounces, headers in pieces, attachments
Python itself          what its ``email`` package is tested with, where the installation has it
icalendar              calendars, most of them broken in one way or another; installed, for the application uses it
khard                  cards of versions 2.1, 3.0 and 4.0
=====================  =================================================================================================

The packages are fetched with pip by the hashes of ``archives.lock`` and kept in ``.lab/corpus``.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
LOCK: Final = HERE / "archives.lock"
KEPT: Final = HERE.parents[1] / ".lab" / "corpus"
PATIENCE: Final = 300.0

MAIL, CALENDAR, CARD = "mail", "calendar", "card"

DATA: Final[Mapping[str, tuple[str, str]]] = {
    "django-mailbox": (MAIL, r"/django_mailbox/tests/messages/[^/]+\.eml"),
    "khard": (CARD, r"/test/fixture/.+\.vcf"),
    "mail-parser": (MAIL, r"/tests/mails/[^/]+"),
    "mailman": (MAIL, r"mailman/.*/tests/data/[^/]+\.eml"),
}
"""Package → what of its files is data, and where they are."""

INSTALLED: Final[Mapping[str, tuple[str, str]]] = {
    "icalendar": (CALENDAR, "tests/**/*.ics"),
    "test.test_email": (MAIL, "data/msg_*.txt"),
}
"""The same for what is there already, as patterns of paths below the package."""

_LOCKED: Final = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One file. ``origin``: package and name, for messages."""

    kind: str
    origin: str
    data: bytes = field(repr=False)


def fetch() -> None:
    """Let pip bring the packages that are not there yet, all at once: making sure of one takes pip its time."""
    KEPT.mkdir(parents=True, exist_ok=True)
    waiting = []
    for entry in re.split(r"\n(?=\w)", LOCK.read_text()):
        found = _LOCKED.match(entry)
        if found is None or _archive(found["name"], found["version"]) is not None:
            continue
        part = KEPT / f"{found['name']}.lock"
        part.write_text(entry + "\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--dest", str(KEPT), "--requirement", str(part)]
        waiting.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    problems = [process.communicate(timeout=PATIENCE)[1] for process in waiting]
    if any(process.returncode for process in waiting):
        raise RuntimeError(f"the corpus cannot be fetched: {''.join(problems)[-2000:]}")


def _archive(name: str, version: str) -> Path | None:
    words = re.sub(r"[-_.]+", "[-_.]", name)
    pattern = re.compile(rf"{words}-{re.escape(version)}(\.tar\.gz|-.*\.whl)", re.IGNORECASE)
    return next((path for path in sorted(KEPT.glob("*")) if pattern.fullmatch(path.name)), None)


def samples() -> Iterator[Sample]:
    """All of the corpus, in the same order every time. Fetches what is missing."""
    fetch()
    for name, version in _LOCKED.findall(LOCK.read_text()):
        archive = _archive(name, version)
        assert archive is not None
        kind, pattern = DATA[name]
        for path, data in sorted(_members(archive, re.compile(pattern))):
            yield Sample(kind, f"{name}: {Path(path).name}", data)
    for package, (kind, places) in INSTALLED.items():
        for folder in _folders(package):
            for path in sorted(folder.glob(places)):
                yield Sample(kind, f"{package}: {path.name}", path.read_bytes())


def _members(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if wanted.search(name):
                    yield name, wheel.read(name)
        return
    with tarfile.open(archive) as source:
        for member in source:
            if member.isfile() and wanted.search(member.name):
                content = source.extractfile(member)
                assert content is not None
                yield member.name, content.read()


def _folders(package: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return []
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []


if __name__ == "__main__":
    fetch()
