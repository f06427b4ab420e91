"""What the documents say is there, and names explain themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])

# A path in backticks: with a slash, or a file of the project's root with an ending.
NAMED = re.compile(r"`([\w.@-]+(?:/[\w.@*<>-]*)+|[\w-]+\.(?:py|md|toml|mk|lock))`")

# Folders of the project: a path that begins with one of them must exist.
OURS = (
    "app",
    "lab",
    "tasks",
    "inventory",
    "group_data",
    "templates",
    "packaging",
    "bench",
    "docs",
    "tests",
    ".ci",
)

MADE_LATER = (
    "inventory/production.py",
    "group_data/production.py",
    "dist/",
    ".venv",
    ".lab",
    "build/",
    "bench/results",
)

FORBIDDEN_NAMES = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}


def tracked() -> list[str]:
    return subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def paths_in(text: str) -> set[str]:
    found = set()
    for path in NAMED.findall(text):
        top = path.split("/")[0]
        plain = not any(sign in path for sign in "*<>")
        if plain and not path.startswith(MADE_LATER) and ("/" not in path or top in OURS):
            found.add(path)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_named_in_a_document_exists(document: Path) -> None:
    missing = [path for path in sorted(paths_in(document.read_text())) if not (PROJECT / path).exists()]
    names = {Path(path).name for path in tracked()}
    assert [path for path in missing if "/" in path or path not in names] == []


def test_the_check_itself_would_notice() -> None:
    assert paths_in("see `app/nowhere.py` and `docs/architecture.md`, not `dist/x.deb`") == {
        "app/nowhere.py",
        "docs/architecture.md",
    }


def test_no_file_is_a_catch_all() -> None:
    assert [path for path in tracked() if Path(path).name in FORBIDDEN_NAMES] == []


def test_every_package_of_the_application_says_what_it_is() -> None:
    silent = [
        path
        for path in tracked()
        if path.startswith(("app/", "lab/", "tasks/"))
        and path.endswith(".py")
        and (text := (PROJECT / path).read_text()).strip()
        and not text.lstrip().startswith(('"""', "#!"))
    ]
    assert silent == []


def test_the_readme_names_targets_that_exist() -> None:
    makefiles = "".join(path.read_text() for path in [PROJECT / "Makefile", *PROJECT.glob("*.mk")])
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefiles, re.MULTILINE))
    named: set[str] = set()
    for document in DOCUMENTS:
        named |= set(re.findall(r"`make ([a-z-]+)", document.read_text()))
    assert named - targets == set()
