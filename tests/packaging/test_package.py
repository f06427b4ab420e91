"""The package, from the outside: built as ``make package`` does, looked into, and its libraries imported with nothing
but what Debian 12 has."""

import gzip
import hashlib
import re
import subprocess
import sys
from pathlib import Path

from tests.packaging.deb import PROJECT, Deb

LINTIAN = "usr/share/lintian/overrides/open-xchange-usm"


def test_the_same_sources_make_the_same_bytes(deb: Deb, sources: Path, tmp_path: Path) -> None:
    again = Deb.build(sources, tmp_path)
    assert hashlib.sha256(again.path.read_bytes()).digest() == hashlib.sha256(deb.path.read_bytes()).digest()


def test_the_name_tells_package_version_and_that_it_fits_every_processor(deb: Deb) -> None:
    version = re.search(r'(?m)^version = "(.+)"', (PROJECT / "pyproject.toml").read_text())
    assert version is not None
    assert deb.path.name == f"open-xchange-usm_{version.group(1)}_all.deb"
    assert deb.field("Version") == version.group(1)
    assert deb.field("Architecture") == "all"


def test_nothing_compiled_is_inside(deb: Deb) -> None:
    assert [name for name in deb.names() if name.endswith((".so", ".pyc", ".a"))] == []


def test_what_is_inside_belongs_to_nobody_else(deb: Deb) -> None:
    """Nothing lies where Open-Xchange keeps its own files, apart from the administrator's tool."""
    ours = ("opt/open-xchange/usm/", "var/lib/open-xchange-usm", "usr/share/doc/open-xchange-usm/", LINTIAN)
    others = [name for name in deb.names() if not name.endswith("/") and not name.startswith(ours)]
    assert sorted(others) == [
        "etc/cron.d/open-xchange-usm",
        "etc/default/open-xchange-usm",
        "etc/init.d/open-xchange-usm",
        "etc/logrotate.d/open-xchange-usm",
        "lib/systemd/system/open-xchange-usm-purge.service",
        "lib/systemd/system/open-xchange-usm-purge.timer",
        "lib/systemd/system/open-xchange-usm.service",
        "opt/open-xchange/sbin/usmctl",
        "usr/share/bash-completion/completions/usmctl",
        "usr/share/fish/vendor_completions.d/usmctl.fish",
        "usr/share/man/man1/usmctl.1.gz",
        "usr/share/zsh/vendor-completions/_usmctl",
    ]


def test_what_is_not_needed_any_more_goes_every_night_where_the_service_runs(deb: Deb) -> None:
    service = deb.text("lib/systemd/system/open-xchange-usm.service")
    timer = deb.text("lib/systemd/system/open-xchange-usm-purge.timer")
    work = deb.text("lib/systemd/system/open-xchange-usm-purge.service")
    assert re.search(r"(?m)^Wants=.*\bopen-xchange-usm-purge\.timer\b", service)
    assert "PartOf=open-xchange-usm.service" in timer
    assert "OnCalendar=" in timer
    assert "Persistent" not in timer  # would leave a file behind when the package goes
    assert "usmctl" in work
    assert "db purge'" in work
    lines = [line for line in deb.text("etc/cron.d/open-xchange-usm").splitlines() if line[:1].isdigit()]
    assert [line.split()[5] for line in lines] == ["open-xchange"]
    assert "[ -d /run/systemd/system ] ||" in lines[0]
    assert lines[0].split()[-1] == "/opt/open-xchange/usm/sbin/purge"
    assert "opt/open-xchange/usm/sbin/purge" in deb.names()


def test_the_manual_and_the_completions_are_made_of_the_commands(deb: Deb) -> None:
    page = gzip.decompress(deb.content("usr/share/man/man1/usmctl.1.gz")).decode("ascii")
    assert page.startswith(f'.TH USMCTL 1 "2023-11-14" "open\\-xchange\\-usm {deb.field("Version")}"')
    assert r"usmctl stuck retry" in page
    for shell, name in (
        ("bash", "usr/share/bash-completion/completions/usmctl"),
        ("zsh", "usr/share/zsh/vendor-completions/_usmctl"),
        ("fish", "usr/share/fish/vendor_completions.d/usmctl.fish"),
    ):
        assert f"_USMCTL_COMPLETE={shell}_complete" in deb.text(name)


def test_everything_is_roots_and_nobody_else_may_write(deb: Deb) -> None:
    for mode, owner, name in deb.listing():
        assert owner == "root/root", name
        assert mode[5] == mode[8] == "-", name


def test_tools_for_development_stay_out(deb: Deb) -> None:
    inside = {name.split("/")[4] for name in deb.names() if name.startswith("opt/open-xchange/usm/lib/")}
    assert not inside & {
        "pytest",
        "pyinfra",
        "hypothesis",
        "mypy",
        "ruff",
        "pip",
        "setuptools",
        "lab",
        "tests",
    }
    assert {"app", "falcon", "gunicorn", "sqlalchemy", "alembic", "pymysql"} <= inside


def test_licences_of_the_libraries_come_along(deb: Deb) -> None:
    assert any(re.search(r"falcon-[\d.]+\.dist-info/.*LICENSE", name) for name in deb.names())


def test_pages_have_their_templates_styles_and_words(deb: Deb) -> None:
    """Whatever lies in the application besides its modules is read by it when it runs."""
    beside = {
        f"opt/open-xchange/usm/lib/{path.relative_to(PROJECT)}"
        for path in (PROJECT / "app").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert {path.rpartition(".")[2] for path in beside} >= {"html", "css", "po"}
    assert beside <= set(deb.names())


def test_the_dashboard_and_the_alerts_come_along(deb: Deb) -> None:
    for name in ("alerts.yml", "grafana-dashboard.json"):
        ours = (PROJECT / "monitoring" / name).read_text()
        assert deb.text(f"opt/open-xchange/usm/monitoring/{name}") == ours


def test_the_examples_are_the_templates_with_their_defaults(deb: Deb) -> None:
    usm = deb.text("opt/open-xchange/usm/etc/usm.properties")
    assert "com.openexchange.usm.ox.url=http://127.0.0.1:8009/ajax/" in usm.splitlines()


def test_the_files_that_an_administrator_may_edit_are_marked(deb: Deb) -> None:
    assert deb.control("conffiles").split() == [
        "/etc/init.d/open-xchange-usm",
        "/etc/default/open-xchange-usm",
        "/etc/logrotate.d/open-xchange-usm",
        "/etc/cron.d/open-xchange-usm",
    ]


def test_checksums_of_all_other_files_are_inside(deb: Deb) -> None:
    told = {line.split("  ")[1] for line in deb.control("md5sums").splitlines()}
    files = {name for name in deb.names() if not name.endswith("/")}
    conffiles = {name.lstrip("/") for name in deb.control("conffiles").split()}
    assert told == files - conffiles


def test_scripts_are_proper_shell(deb: Deb) -> None:
    programs = ("sbin/open-xchange-usm", "sbin/python", "sbin/probe")
    texts = [deb.text(f"opt/open-xchange/usm/{name}") for name in programs]
    texts += [deb.text("etc/init.d/open-xchange-usm"), deb.text("opt/open-xchange/sbin/usmctl")]
    texts += [deb.control(name) for name in ("postinst", "prerm", "postrm")]
    for text in texts:
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_version_and_build_can_be_read_on_a_host(deb: Deb) -> None:
    assert deb.text("opt/open-xchange/usm/VERSION").strip() == deb.field("Version")
    assert deb.text("opt/open-xchange/usm/BUILD").strip() == deb.field("Build-Id")


def test_a_wheel_without_a_hash_of_the_lock_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'packaging'); import pathlib, wheels;"
        "lock = wheels.read_lock(pathlib.Path('requirements.lock'));"
        f"wheels.fetch([lock['falcon']], pathlib.Path({str(tmp_path)!r}))"
    )
    lock = (PROJECT / "requirements.lock").read_text()
    version = re.search(r"(?m)^falcon==(\S+)", lock)
    assert version is not None
    (tmp_path / f"falcon-{version.group(1)}-py3-none-any.whl").write_bytes(b"something else")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "none of the hashes" in done.stderr


def test_a_compiled_library_that_no_debian_package_stands_for_is_named() -> None:
    code = (
        "import sys; sys.path.insert(0, 'packaging'); import wheels;wheels.closure(['no-such-library'], {})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert "no-such-library is not in requirements.lock" in done.stderr
