"""The Debian package where another one was: our beta, the vendor's, itself; and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.packages import beta, vendor
from lab.root import Root
from tests.packaging.deb import PROJECT, Deb

pytestmark = pytest.mark.lab

PACKAGE = "open-xchange-usm"
ETC = "/opt/open-xchange/etc/groupware"
STATE = "/var/lib/open-xchange-usm"
KEPT = f"{STATE}/packages"
BACKUP = "/root/backup"
SETTINGS = f"cat {ETC}/usm.properties {ETC}/eas.properties"
EDIT = "com.openexchange.usm.ox.url=http://ox.example.org/ajax/"

# Settings of ours under /etc stay when another package takes our place; without our program they do nothing.
FILES = (
    f"dpkg --listfiles {PACKAGE} | grep -v '^/etc' | while read -r path; do"
    ' [ -d "$path" ] || sha256sum "$path"; stat --format="%n %a %U:%G" "$path"; done | LC_ALL=C sort'
)


def bring(root: Root, path: Path) -> str:
    root.bring(path, f"/root/{path.name}")
    return f"/root/{path.name}"


def install(root: Root, path: Path | str) -> None:
    """By hand; dpkg would fail at the end of its input if it asked anything."""
    root.run("dpkg", "--install", str(path) if isinstance(path, str) else bring(root, path))


def script(name: str) -> tuple[str, ...]:
    return ("sh", "-c", (PROJECT / "tasks" / "shell" / f"{name}.sh").read_text(), "-")


def deploy(root: Root, path: Path) -> None:
    """What the deployment does on a host, without the ssh."""
    root.run(*script("install-room"), KEPT)
    root.bring(path, f"{KEPT}/arriving/{path.name}")
    root.run(*script("install"), "deb", f"{KEPT}/arriving/{path.name}", KEPT)


def repack(root: Root) -> str:
    """Where the package file for a rollback is."""
    root.sh(f"mkdir -p {BACKUP}")
    return root.run(*script("repack"), "deb", PACKAGE, KEPT, BACKUP).stdout.strip()


def edit(root: Root) -> None:
    root.sh(f"echo {EDIT} >>{ETC}/usm.properties; chown root:mail {ETC}/eas.properties")


@pytest.mark.parametrize("theirs", [beta, vendor])
def test_their_settings_outlive_their_package_and_it_comes_back_whole(
    rpm_root: Root, deb: Deb, tmp_path: Path, theirs: object
) -> None:
    before = theirs.build(tmp_path)  # type: ignore[attr-defined]
    install(rpm_root, before)
    edit(rpm_root)
    settings, files = rpm_root.sh(SETTINGS), rpm_root.sh(FILES)
    rpm_root.sh(f"rm /root/{before.name}")
    made = repack(rpm_root)

    install(rpm_root, deb.path)
    assert rpm_root.sh(SETTINGS) == settings
    assert "dpkg-" not in rpm_root.sh(f"ls {ETC}")
    assert rpm_root.sh("ls /opt/open-xchange/bundles", check=False) == ""
    assert rpm_root.sh(f"dpkg-query --show --showformat='${{Version}}' {PACKAGE}") == deb.field("Version")

    install(rpm_root, made)
    assert rpm_root.sh(SETTINGS) == settings
    assert rpm_root.sh(FILES) == files
    install(rpm_root, deb.path)
    rpm_root.run("dpkg", "--purge", PACKAGE)
    assert rpm_root.sh("find /opt/open-xchange", check=False) == ""


def test_the_deployment_keeps_two_and_a_rollback_finds_them(rpm_root: Root, deb: Deb, tmp_path: Path) -> None:
    rpm_root.sh(f"mkdir -p {STATE}; touch {STATE}/open-xchange-usm_0.8_all.deb")
    older = beta.build(tmp_path)
    deploy(rpm_root, older)
    deploy(rpm_root, deb.path)
    assert set(rpm_root.sh(f"ls {KEPT}").split()) == {older.name, deb.path.name}
    assert ".deb" not in rpm_root.sh(f"ls {STATE}"), "what a run that was cut off left is gone"
    found = repack(rpm_root)
    assert rpm_root.run("cmp", found, f"{KEPT}/{deb.path.name}").returncode == 0
    deploy(rpm_root, vendor.build(tmp_path))
    assert older.name not in rpm_root.sh(f"ls {KEPT}")


def test_a_file_that_an_administrator_deleted_is_told_and_left_out(rpm_root: Root, tmp_path: Path) -> None:
    install(rpm_root, beta.build(tmp_path))
    rpm_root.sh("rm /opt/open-xchange/bundles/open-xchange-usm.updatetasks")
    rpm_root.sh(f"mkdir -p {BACKUP}")
    done = rpm_root.run(*script("repack"), "deb", PACKAGE, KEPT, BACKUP)
    assert "open-xchange-usm.updatetasks belongs to open-xchange-usm, but is not there" in done.stderr
    assert "updatetasks" not in rpm_root.run("dpkg-deb", "--contents", done.stdout.strip()).stdout


def test_purging_removes_settings_and_their_copies_but_no_dump_of_the_database(
    rpm_root: Root, deb: Deb
) -> None:
    install(rpm_root, deb.path)
    rpm_root.sh(
        f"mkdir -p {ETC} {STATE}/backup/20261122181500 {STATE}/rendered;"
        f"for name in usm eas; do cp /opt/open-xchange/usm/etc/$name.properties {ETC}/; done;"
        f"cp {ETC}/usm.properties {ETC}/usm.properties.20261122181500; touch {ETC}/usm.properties.new.712;"
        f"echo dump >{STATE}/backup/20261122181500/oxdatabase_5.sql.gz; touch {STATE}/started"
    )
    rpm_root.run("dpkg", "--remove", PACKAGE)
    assert "usm.properties.20261122181500" in rpm_root.sh(f"ls {ETC}")
    done = rpm_root.run("dpkg", "--purge", PACKAGE)
    assert "backup is kept" in done.stderr
    assert rpm_root.sh(f"find {STATE} -type f").split() == [
        f"{STATE}/backup/20261122181500/oxdatabase_5.sql.gz"
    ]
    assert rpm_root.sh("find /opt/open-xchange", check=False) == ""


def test_removing_puts_back_a_parked_file(rpm_root: Root, deb: Deb) -> None:
    """A deployment was cut off for good while updatetasks.cfg was parked."""
    install(rpm_root, deb.path)
    rpm_root.sh(f"echo 'mv /root/updatetasks.cfg /opt/open-xchange/$1ed.cfg' >{STATE}/updatetasks.sh")
    rpm_root.sh("touch /root/updatetasks.cfg")
    rpm_root.run("dpkg", "--remove", PACKAGE)
    assert "healed.cfg" in rpm_root.sh("ls /opt/open-xchange")
