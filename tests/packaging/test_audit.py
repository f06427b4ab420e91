"""The audit of the locked packages: what it finds, and that it finds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.deb import PROJECT

RUN = """
import sys
sys.path.insert(0, "packaging")
import pathlib
import audit
audit.SNAPSHOT, audit.LOCK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
audit.ACCEPTED.update(dict.fromkeys(sys.argv[3:], "a reason"))
sys.argv[1:] = []
sys.exit(audit.main())
"""

LOCK = f"""\
falcon==4.4.0 \\
    --hash=sha256:{"0" * 64}
    # via open-xchange-usm (pyproject.toml)
"""


def _advisory(
    *ranges: dict[str, str], versions: tuple[str, ...] = (), package: str = "falcon"
) -> dict[str, Any]:
    return {"id": "PYSEC-1", "aliases": ["CVE-1"], "package": package, "ranges": ranges, "versions": versions}


def _audit(folder: Path, advisory: dict[str, Any], *accepted: str) -> subprocess.CompletedProcess[str]:
    told = {"date": "2020-02-29T00:00:00+00:00", "advisories": [advisory]}
    (folder / "snapshot").write_text(json.dumps(told))
    (folder / "lock").write_text(LOCK)
    command = [sys.executable, "-c", RUN, str(folder / "snapshot"), str(folder / "lock"), *accepted]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_no_locked_package_is_known_to_be_dangerous() -> None:
    done = subprocess.run(
        [sys.executable, "packaging/audit.py"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("advisory", "concerned"),
    [
        (_advisory({"introduced": "0", "fixed": "4.4.1"}), True),
        (_advisory({"introduced": "0", "fixed": "4.4.0"}), False),
        (_advisory({"introduced": "4.4.0"}), True),
        (_advisory({"introduced": "4.10"}), False),
        (_advisory({"introduced": "1", "last": "4.4.0"}), True),
        (_advisory({"introduced": "1", "last": "4.3.9"}), False),
        (_advisory({"introduced": "1", "fixed": "2"}, {"introduced": "4", "fixed": "5"}), True),
        (_advisory(versions=("4.4.0",)), True),
        (_advisory(versions=("4.4.01",)), False),
        (_advisory({"introduced": "0"}, package="another"), False),
    ],
)
def test_an_advisory_about_the_locked_version_fails(
    tmp_path: Path, advisory: dict[str, Any], concerned: bool
) -> None:
    done = _audit(tmp_path, advisory)
    assert done.returncode == int(concerned)
    assert ("falcon 4.4.0: PYSEC-1 (CVE-1)" in done.stderr) is concerned


def test_one_that_does_no_harm_here_is_accepted_as_long_as_it_is_told(tmp_path: Path) -> None:
    told = _advisory({"introduced": "0", "fixed": "5"})
    assert _audit(tmp_path, told, "PYSEC-1").returncode == 0
    gone = _audit(tmp_path, _advisory({"introduced": "5"}), "PYSEC-1")
    assert gone.returncode == 1
    assert "PYSEC-1 is accepted, and concerns no locked version" in gone.stderr


def test_it_says_of_when_the_advisories_are_and_when_that_is_old(tmp_path: Path) -> None:
    assert "2020-02-29, which is old" in _audit(tmp_path, _advisory({"introduced": "5"})).stdout


def test_the_snapshot_is_made_of_a_clone_of_the_database(tmp_path: Path) -> None:
    """Withdrawn advisories stay out, and so do those about packages that are not locked."""
    about = "affected: [{package: {name: Falcon}, ranges: [{type: ECOSYSTEM, events: [%s]}]}]\n"
    events = "{introduced: '0'}, {fixed: '1'}, {introduced: '2.0'}, {last_affected: '3'}, {introduced: '9'}"
    entries = {
        "falcon/PYSEC-1.yaml": "id: PYSEC-1\naliases: [CVE-1]\n" + about % events,
        "falcon/PYSEC-2.yaml": "id: PYSEC-2\nwithdrawn: 2020-01-01\n" + about % events,
        "other/PYSEC-3.yaml": "id: PYSEC-3\n" + about % events,
    }
    for name, text in entries.items():
        path = tmp_path / "vulns" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    person = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (
        ("init", "-q"),
        ("add", "vulns"),
        (*person, "commit", "-qm", "x", "--date", "2020-02-29T12:00Z"),
    ):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)
    code = (
        "import sys; sys.path.insert(0, 'packaging'); import json, pathlib, audit;"
        "print(json.dumps(audit.gather(pathlib.Path(sys.argv[1]), ['falcon'])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    spans = [{"introduced": "0", "fixed": "1"}, {"introduced": "2.0", "last": "3"}, {"introduced": "9"}]
    assert json.loads(done.stdout)["advisories"] == [_advisory(*spans) | {"ranges": spans, "versions": []}]
