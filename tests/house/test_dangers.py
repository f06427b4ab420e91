"""What bandit is told to overlook: one rule at one place, with its reason; and that it still finds what it should."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LOOKED_AT = ("app", "tasks", "packaging")
PROPER = re.compile(r"# nosec B\d{3} # \S.{4,}")


def test_whatever_is_overlooked_names_its_rule_and_its_reason() -> None:
    places = [
        (path, line)
        for folder in LOOKED_AT
        for path in sorted((PROJECT / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "nosec" in line
    ]
    assert len(places) > 5
    assert [(path.name, line.strip()) for path, line in places if not PROPER.search(line)] == []


DANGEROUS = (
    "subprocess.run(data, shell=True)",
    "pickle.loads(data)",
    "yaml.load(data)",
    "hashlib.md5(data)",
    "tempfile.mktemp()",
    "requests.get(data, verify=False, timeout=1)",
    "random.choice(data)",
    "jinja2.Environment()",
)


def test_what_is_dangerous_is_found(tmp_path: Path) -> None:
    modules = ", ".join(sorted({line.partition(".")[0] for line in DANGEROUS}))
    planted = [f"import {modules}", *(f"call = lambda data: {line}" for line in DANGEROUS)]
    (tmp_path / "planted.py").write_text("\n".join(planted) + "\n")
    command = [
        sys.executable,
        "-m",
        "bandit",
        "--quiet",
        "--format",
        "json",
        "--configfile",
        "pyproject.toml",
    ]
    done = subprocess.run(
        [*command, str(tmp_path / "planted.py")], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    lines = {found["line_number"] for found in json.loads(done.stdout)["results"]}
    assert lines >= set(range(2, len(planted) + 1))
