"""No secret is in the repository, and what looks for exposed secrets finds them."""

from __future__ import annotations

import base64
import json
import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks import secrets
from tests.deploy import exposure
from tests.deploy.fakes import PROJECT, Data, defaults


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_known", set())
    for name in ("OX_MASTER_PASSWORD", "OX_CONTEXT_PASSWORD", "USM_DATABASE_URL", "USM_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)


def kept(folder: Path, mode: int = 0o600, **values: str) -> Data:
    """Settings with a secrets file of their own."""
    path = folder / "secrets.json"
    path.write_text(json.dumps(values))
    path.chmod(mode)
    return defaults(secrets_file=str(path))


def test_whatever_secret_is_come_across_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets.known() == frozenset()
    monkeypatch.setenv("OX_MASTER_PASSWORD", "from-environment")
    data = kept(tmp_path, oxadmin="from-file", USM_DATABASE_URL="mysql+pymysql://usm:p%40ss@db/usm")
    assert secrets.master_password(data) == "from-environment"
    assert secrets.context_password(1, data) == "from-file"
    secrets.remember("", "from-host")
    assert secrets.known() == {
        *("from-environment", "from-file", "from-host"),
        *("mysql+pymysql://usm:p%40ss@db/usm", "p%40ss", "p@ss"),
    }


def test_a_secrets_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(secrets.SecretError, match="can be read by others: chmod 600") as caught:
        secrets.missing(kept(tmp_path, 0o640, oxadmin="hush"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("setting", ["activesync", "activesync_off"])
def test_the_secrets_for_accounts_are_missed_whether_rights_are_given_or_taken(setting: str) -> None:
    assert secrets.missing(defaults()) == []
    assert secrets.missing(defaults(**{setting: {1: "all"}})) == ["OX_MASTER_PASSWORD", "OX_CONTEXT_PASSWORD"]


# The repository.

NOT_SECRET = re.compile(rb"user:password@|usm:\S*hush|u:hush|:p%40ss@|\{|\$|:\.\.\.@|:\*\*\*@|<")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := PROJECT / name).is_file()]


def test_no_key_and_no_secrets_file_is_in_the_repository() -> None:
    begin = b"-----BEGIN "
    for path in tracked():
        content = path.read_bytes()
        for match in re.finditer(begin + rb"[A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}", content):
            raise AssertionError(f"{path} holds a key: {match.group()[:40]!r}")
        assert path.name not in ("secrets.json", "known_hosts", "id_rsa", "id_ed25519", ".env"), path


def test_no_setting_in_the_repository_is_a_password() -> None:
    for path in [*PROJECT.glob("group_data/*.py"), *PROJECT.glob("inventory/*.py")]:
        if subprocess.run(
            ["git", "ls-files", "--error-unmatch", path], cwd=PROJECT, capture_output=True
        ).returncode:
            continue
        for line in path.read_text().splitlines():
            named = re.match(r"\s*[\"']?\w*(passw|secret|token|database_url)\w*[\"']?\s*[=:]\s*(.*)", line)
            if named and not line.lstrip().startswith("#"):
                assert named.group(2) in ('""', "str(_lab.secrets)", "True", "False"), f"{path}: {line}"


def test_no_address_with_a_password_is_in_the_code_that_is_deployed() -> None:
    for path in tracked():
        if path.relative_to(PROJECT).parts[0] in (
            "app",
            "tasks",
            "templates",
            "packaging",
            "group_data",
            "inventory",
        ):
            for match in re.finditer(rb"\w://[^\s/\"'@]*:[^\s/\"'@]+@", path.read_bytes()):
                assert NOT_SECRET.search(match.group()), f"{path}: {match.group()!r}"


def test_every_default_is_without_secrets() -> None:
    found: dict[str, Any] = runpy.run_path(str(PROJECT / "group_data" / "all.py"))
    assert {found[name] for name in ("secrets_file", "database_url", "secret_keys")} == {""}


# What looks for secrets does see them: otherwise the tests on hosts could not fail.


def test_a_secret_on_a_command_line_is_seen() -> None:
    with exposure.command_lines(["hush-5b1", "unheard-5b1"]) as seen:
        subprocess.run(["sh", "-c", ": hush-5b1; sleep 0.5; :"], check=True)
    assert ["hush-5b1" in line for line in seen] == [True]


MOMENTS = {
    "created for all and closed later": "umask 022; echo {} >x; sleep 0.1; chmod 600 x",
    "opened before it was written": "umask 022; : >x; sleep 0.1; chmod 600 x; echo {} >>x",
    "opened to all for a moment": "umask 077; echo {} >x; chmod 644 x; sleep 0.1; chmod 600 x; rm x",
    "in a new folder": "umask 022; mkdir y; echo {} >y/x; sleep 0.1; chmod 700 y",
    "appended": "umask 022; : >x; sleep 0.1; echo {} >>x",
    "moved there": "umask 022; mkdir -m 700 y; echo {} >y/x; mv y/x x",
    "in base64": "umask 022; echo a{} | base64 >x",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_secret_that_anybody_could_have_read_is_seen(tmp_path: Path, moment: str) -> None:
    tmp_path.chmod(0o755)
    with exposure.files([tmp_path], ["hush-5b1-5b1", "unheard-5b1"]) as exposed:
        subprocess.run(["sh", "-c", MOMENTS[moment].format("hush-5b1-5b1")], cwd=tmp_path, check=True)
    assert list(exposed.files.values()) == [{"hush-5b1-5b1"}]


def test_a_secret_that_nobody_could_have_read_is_not_seen(tmp_path: Path) -> None:
    script = "umask 077; echo hush-5b1 >x; mkdir y; (umask 022; echo hush-5b1 >y/x); mv x z; (umask 022; echo 1 >o)"
    with exposure.files([tmp_path], ["hush-5b1"]) as exposed:
        subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True)
    assert (exposed.files, exposed.looked_at) == ({}, 1)


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_is_found_in_base64_wherever_it_begins(before: str) -> None:
    text = base64.b64encode(f"{before}hush/5b1+x: more".encode())
    assert exposure.found_in(text, ["hush/5b1+x"]) == {"hush/5b1+x"}
    assert exposure.found_in(text, ["hush/5b2+x"]) == set()


def test_a_database_user_without_a_password_is_missed_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("USM_DATABASE_PASSWORD", raising=False)
    data = kept(tmp_path)
    assert secrets.missing(data) == []
    data["database_user"] = "usm"
    assert secrets.missing(data) == ["USM_DATABASE_PASSWORD"]
    other = tmp_path / "other"
    other.mkdir()
    data = kept(other, USM_DATABASE_PASSWORD="x")
    data["database_user"] = "usm"
    assert secrets.missing(data) == []
