"""Inventories load, the literal command works with a folder, and what is missing is named beforehand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PYINFRA = str(Path(sys.executable).with_name("pyinfra"))
SECRETS = ("OX_MASTER_PASSWORD", "OX_CONTEXT_PASSWORD", "USM_SECRETS_FILE", "USM_INVENTORY")

HERE = """
web = ["@local"]
ox = ["@local"]
"""
"""This machine in both roles: enough for what is asked before any host is."""


def pyinfra(*words: str, cwd: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run(
        [PYINFRA, *words],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the deployment, to put inventories and packages into."""
    for name in ("tasks", "templates", "inventory", "group_data"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("deploy.py", "config.py", "pyproject.toml"):
        shutil.copyfile(PROJECT / name, tmp_path / name)
    (tmp_path / "app").symlink_to(PROJECT / "app")
    return tmp_path


def test_the_literal_command_takes_the_file_that_the_environment_names() -> None:
    done = pyinfra("inventory", "debug-inventory", USM_INVENTORY="production.example")
    assert done.returncode == 0, done.stderr
    for name in ("web.example.org", "ox1.example.org", "ox2.example.org", "db.example.org"):
        assert name in done.stderr


@pytest.mark.parametrize("typed", ["inventory", "inventory/", "./inventory", "./inventory/"])
def test_the_literal_command_works_however_the_folder_is_typed(typed: str) -> None:
    assert pyinfra(typed, "debug-inventory", USM_INVENTORY="production.example").returncode == 0


def test_an_installations_own_inventory_is_the_one_the_folder_stands_for(project: Path) -> None:
    (project / "inventory" / "production.py").write_text('web = ["mine.example.org"]\nox = web\n')
    done = pyinfra("inventory", "debug-inventory", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "mine.example.org" in done.stderr


def test_a_name_that_is_no_file_is_refused() -> None:
    done = pyinfra("inventory", "debug-inventory", USM_INVENTORY="stagign")
    assert done.returncode == 1
    assert "inventory/stagign.py" in done.stderr


@pytest.mark.parametrize("typed", ["inventory", "inventory/lab.py"])
def test_a_fresh_clone_deploys_to_nobody(project: Path, typed: str) -> None:
    """The lab's addresses exist only inside its own network; outside they would be somebody else's."""
    done = pyinfra("-y", typed, "deploy.py", cwd=project)
    assert done.returncode == 1
    assert "this is not the network of the lab" in done.stderr
    assert "inventory/production.example.py" in done.stderr


def test_settings_of_a_group_replace_the_defaults(project: Path) -> None:
    (project / "inventory" / "production.py").write_text(
        'web = ["a.example.org"]\nox = web\nproduction = web\n'
    )
    (project / "group_data" / "production.py").write_text("listen_port = 9999\n")
    done = pyinfra("inventory", "debug-inventory", cwd=project)
    assert "9999" in done.stderr
    assert "1900" in done.stderr


def with_package(project: Path) -> Path:
    """A package in name alone: these runs end before anybody looks inside."""
    (project / "dist").mkdir()
    (project / "dist" / "open-xchange-usm_1.0.0_all.deb").touch()
    (project / "here.py").write_text(HERE)
    return project


def test_secrets_that_are_missing_are_named_before_anything_is_touched(project: Path) -> None:
    done = pyinfra(
        "--dry", "here.py", "deploy.py", "--data", 'activesync={"1": ["anton"]}', cwd=with_package(project)
    )
    assert done.returncode == 1
    assert "missing: OX_MASTER_PASSWORD, OX_CONTEXT_PASSWORD" in done.stderr
    assert "Nothing has been touched" in done.stderr


def test_a_missing_package_is_named_before_anything_is_touched(project: Path) -> None:
    (project / "here.py").write_text(HERE)
    done = pyinfra("--dry", "here.py", "deploy.py", cwd=project)
    assert done.returncode == 1
    assert "make package" in done.stderr


def test_an_inventory_without_application_nodes_is_refused(project: Path) -> None:
    (with_package(project) / "here.py").write_text('web = ["@local"]\n')
    done = pyinfra("--dry", "here.py", "deploy.py", cwd=project)
    assert done.returncode == 1
    assert "no host in the group ox" in done.stderr


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (json.dumps({"oxadminmaster": "hush"}), 0o644, "can be read by others: chmod 600"),
        ("oxadminmaster: hush", 0o600, "is not JSON"),
        ('["hush"]', 0o600, "must hold one JSON object"),
    ],
)
def test_a_secrets_file_that_cannot_be_used_is_named_without_its_content(
    project: Path, content: str, mode: int, complaint: str
) -> None:
    secrets = project / "secrets.json"
    secrets.write_text(content)
    secrets.chmod(mode)
    done = pyinfra("--dry", "here.py", "deploy.py", cwd=with_package(project), USM_SECRETS_FILE=str(secrets))
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "hush" not in done.stdout + done.stderr


def test_a_secrets_file_that_is_not_there_is_named(project: Path) -> None:
    done = pyinfra(
        "--dry", "here.py", "deploy.py", cwd=with_package(project), USM_SECRETS_FILE="/nowhere.json"
    )
    assert done.returncode == 1
    assert "/nowhere.json does not exist" in done.stderr


def test_a_setting_that_does_not_exist_is_named_before_anything_is_touched(project: Path) -> None:
    done = pyinfra("--dry", "here.py", "deploy.py", "--data", "listen_prot=9", cwd=with_package(project))
    assert done.returncode == 1
    assert "there is no setting listen_prot" in done.stderr
    assert "did you mean listen_port?" in done.stderr


@pytest.mark.parametrize("value", ['["anton"]', '{"1": "anton"}', '"all"'])
def test_accounts_of_another_shape_are_refused_before_anything_is_touched(project: Path, value: str) -> None:
    done = pyinfra(
        "--dry", "here.py", "deploy.py", "--data", f"activesync={value}", cwd=with_package(project)
    )
    assert done.returncode == 1
    assert "activesync is" in done.stderr
    assert "Traceback" not in done.stderr
