"""The package for RHEL and SLES, from the outside: built as ``make package`` does, and looked into."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.deb import PROJECT, Deb
from tests.packaging.rpm import QUERY, Rpm, lint, run

SETTINGS = {
    f"opt/open-xchange/etc/{folder}{name}.properties"
    for folder in ("", "groupware/")
    for name in ("usm", "eas")
}


def test_the_same_sources_make_the_same_bytes(rpm: Rpm, sources: Path, tmp_path: Path) -> None:
    again = Rpm.build(sources, tmp_path)
    assert hashlib.sha256(again.path.read_bytes()).digest() == hashlib.sha256(rpm.path.read_bytes()).digest()


def test_it_is_called_as_the_guide_says_and_fits_every_processor(rpm: Rpm, deb: Deb) -> None:
    version = deb.field("Version")
    assert rpm.path.name == f"open-xchange-usm-{version}-1.noarch.rpm"
    assert rpm.query("%{NAME} %{VERSION} %{RELEASE} %{ARCH}") == f"open-xchange-usm {version} 1 noarch"


def test_its_build_is_that_of_the_debian_package(rpm: Rpm, deb: Deb) -> None:
    provided = dict(zip(*[iter(rpm.query("[%{PROVIDENAME} %{PROVIDEVERSION} ]").split())] * 2, strict=True))
    assert provided["open-xchange-usm(build)"] == deb.field("Build-Id")


def test_it_holds_the_files_of_the_debian_package(rpm: Rpm, deb: Deb) -> None:
    ours = {name for name in rpm.files() if name.startswith("opt/open-xchange/")} - SETTINGS
    theirs = {name.rstrip("/") for name in deb.names() if name.startswith("opt/open-xchange/")}
    assert ours == theirs - {"opt/open-xchange", "opt/open-xchange/sbin"}
    build = rpm.files()["opt/open-xchange/usm/BUILD"]
    assert build.digest == hashlib.sha256(f"{deb.field('Build-Id')}\n".encode()).hexdigest()


def test_files_of_the_system_lie_where_such_systems_have_them(rpm: Rpm) -> None:
    others = {name for name in rpm.files() if not name.startswith("opt/open-xchange/")}
    assert others == {
        "etc/init.d/open-xchange-usm",
        "etc/logrotate.d/open-xchange-usm",
        "etc/sysconfig/open-xchange-usm",
        "usr/lib/systemd/system/open-xchange-usm-purge.service",
        "usr/lib/systemd/system/open-xchange-usm-purge.timer",
        "usr/lib/systemd/system/open-xchange-usm.service",
        "usr/share/bash-completion/completions/usmctl",
        "usr/share/doc/open-xchange-usm",
        "usr/share/doc/open-xchange-usm/README",
        "usr/share/licenses/open-xchange-usm",
        "usr/share/fish",
        "usr/share/fish/vendor_completions.d",
        "usr/share/fish/vendor_completions.d/usmctl.fish",
        "usr/share/licenses/open-xchange-usm/LICENSE",
        "usr/share/man/man1/usmctl.1.gz",
        "usr/share/zsh",
        "usr/share/zsh/site-functions",
        "usr/share/zsh/site-functions/_usmctl",
        "var/lib/open-xchange-usm",
    }


def test_everything_is_roots_and_nobody_else_may_write(rpm: Rpm) -> None:
    for name, file in rpm.files().items():
        assert file.owner == "root:root", name
        assert file.mode[5] == file.mode[8] == "-", name


def test_edits_of_an_administrator_are_kept(rpm: Rpm) -> None:
    config = {
        name for name, file in rpm.files().items() if set("cn") <= set(file.flags) and "g" not in file.flags
    }
    assert config == {"etc/logrotate.d/open-xchange-usm", "etc/sysconfig/open-xchange-usm"}
    assert {name for name, file in rpm.files().items() if "g" in file.flags} == SETTINGS


def test_scriptlets_are_proper_shell(rpm: Rpm) -> None:
    for script in rpm.scripts():
        assert "(none)" not in script
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_it_asks_for_names_that_rhel_and_sles_have(rpm: Rpm) -> None:
    required = run(*QUERY, "--requires", rpm.path)
    assert not re.search(r"python3-|lsb|passwd|init-system-helpers", required)
    for either in (
        "python3.12dist(gevent) >= 22.10",
        "python3.12dist(cryptography) >= 38.0",
        "python311-cryptography >= 38.0",
        "python311-gevent >= 22.10",
        "(shadow-utils or shadow)",
    ):
        assert either in required


@pytest.mark.skipif(
    shutil.which("rpmlint") is None, reason="rpmlint is not installed (python -m lab prepare)"
)
def test_rpmlint_finds_nothing_that_is_not_on_purpose(rpm: Rpm) -> None:
    assert lint("rpmlint", "-c", PROJECT / "packaging/rpmlint.toml", rpm.path) == ""


@pytest.mark.skipif(
    shutil.which("lintian") is None, reason="lintian is not installed (python -m lab prepare)"
)
def test_lintian_finds_nothing_that_is_not_on_purpose(deb: Deb) -> None:
    command = ["lintian", "--fail-on", "error,warning", "--allow-root", str(deb.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_machine_without_the_tool_is_told_what_to_do(sources: Path, tmp_path: Path) -> None:
    """As somebody who may not install it."""
    code = (
        "import sys; sys.path.insert(0, 'packaging'); import os, shutil, build, wheels\n"
        "shutil.which = lambda name: None\n"
        "try:\n    build.require_tool('rpm')\nexcept wheels.BuildError as error:\n    print(error)\n"
    )
    said = run(sys.executable, "-c", code, cwd=sources)
    assert "apt-get install rpm" in said
    assert "PACKAGES=deb" in said
