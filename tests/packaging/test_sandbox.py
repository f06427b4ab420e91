"""What the service may do on its host: the directives of its units, judged by systemd's own table, and the init script
beside them. ``test_systemd.py`` and ``test_install.py`` start both for real."""

from __future__ import annotations

import re
import shutil
import subprocess
from errno import EROFS
from pathlib import Path

import pytest

from app.__main__ import main
from app.config import Settings
from app.web import log
from app.web.server import SPARE_FILES

FILES = Path(__file__).resolve().parents[2] / "packaging" / "files"
UNITS = sorted(FILES.glob("*.service"))

STRICTEST = 20
"""Tenths of the points that ``systemd-analyze security`` counts at most; the unit of before had 85."""

REQUIRED = {
    "User": "open-xchange",
    "Group": "open-xchange",
    "UMask": "0027",
    "LimitCORE": "0",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "ProtectProc": "invisible",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "MemoryDenyWriteExecute": "true",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "true",
    "RestrictSUIDSGID": "true",
    "SystemCallArchitectures": "native",
}


class _Unit(dict[str, list[str]]):
    """The directives of a unit, each with all its values in their order."""

    def __init__(self, path: Path) -> None:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, separator, value = line.partition("=")
            if separator and re.fullmatch(r"[A-Za-z]+", name):
                self.setdefault(name, []).append(value)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
@pytest.mark.parametrize("directive", REQUIRED)
def test_a_unit_takes_away_what_the_service_does_not_need(path: Path, directive: str) -> None:
    assert _Unit(path).get(directive) == [REQUIRED[directive]]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_lets_only_the_log_folder_be_written(path: Path) -> None:
    assert _Unit(path)["ReadWritePaths"] == ["-/var/log/open-xchange"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_lets_no_privileged_system_call_through(path: Path) -> None:
    assert _Unit(path)["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_itself_finds_little_left_to_take_away(path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={STRICTEST}", "--no-pager"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    if "Unrecognized option" in done.stderr or "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze judges no files")
    assert done.returncode == 0, f"{done.stdout[-200:]}{done.stderr}"


def test_as_many_files_may_be_open_as_the_settings_let_devices_wait() -> None:
    enough = Settings(etc=Path("/")).worker_connections + SPARE_FILES
    (limit,) = _Unit(FILES / "open-xchange-usm.service")["LimitNOFILE"]
    script = (FILES / "open-xchange-usm.init").read_text(encoding="utf-8")
    nrfiles = re.search(r"(?m)^NRFILES=(\d+)$", script)
    assert nrfiles is not None
    assert int(limit) == int(nrfiles.group(1)) >= enough


def test_the_init_script_starts_the_service_as_its_user_without_a_way_back() -> None:
    script = (FILES / "open-xchange-usm.init").read_text(encoding="utf-8")
    (start,) = re.findall(r"setpriv ((?:[^\n]|\\\n)*)", script)
    assert {"--reuid=open-xchange", "--regid=open-xchange", "--init-groups", "--no-new-privs"} <= set(
        start.split()
    )
    assert "umask 027" in script
    assert "ulimit -c 0" in script


def test_a_log_in_a_folder_that_the_unit_does_not_name_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(EROFS, "Read-only file system")

    for name in ("usm", "eas"):
        (tmp_path / f"{name}.properties").write_text("")
    monkeypatch.setattr(log, "configure", refuse)
    assert main(["--etc", str(tmp_path)]) == 1
    assert (
        "Read-only file system; systemd's unit must name the folder (ReadWritePaths=)"
        in capsys.readouterr().err
    )
