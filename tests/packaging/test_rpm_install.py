"""The package on a root file system with rpm: installed, run, upgraded, cut off, removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.packages import vendor
from lab.root import Root
from tests.packaging.deb import PROJECT
from tests.packaging.rpm import Rpm, of_deb

pytestmark = pytest.mark.lab

NEW = "/root/new.rpm"
SERVICE = "/etc/init.d/open-xchange-usm"
ETC = "/opt/open-xchange/etc/groupware"
KEPT = "/var/lib/open-xchange-usm/packages"

FILES = "find / -xdev {} -print | LC_ALL=C sort".format(
    " ".join(
        f"-path {path} -prune -o"
        for path in ("/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/var/lib/rpm")
    )
)
"""Everything, apart from what changes anyway."""

ACCOUNTS = "cat /etc/passwd /etc/group"

OF_OX = "find /opt/open-xchange -path '*/usm' -prune -o -type f ! -name usmctl -exec sha256sum {} + | LC_ALL=C sort"


@pytest.fixture
def root(rpm_root: Root, rpm: Rpm) -> Root:
    """With the package at hand, an address for the service, and the folder that such systems have."""
    rpm_root.bring(rpm.path, NEW)
    rpm_root.sh("ip link set lo up; mkdir -p /etc/sysconfig /usr/share/licenses")
    return rpm_root


def with_open_xchange(root: Root) -> None:
    """A few files as Open-Xchange's own packages leave them, and their account."""
    root.sh(
        f"mkdir -p {ETC} /opt/open-xchange/sbin /opt/open-xchange/lib /var/log/open-xchange;"
        f"echo some >{ETC}/system.properties; echo tool >/opt/open-xchange/sbin/changeuser;"
        "useradd --system --user-group --home-dir /opt/open-xchange open-xchange;"
        "echo log >/var/log/open-xchange/open-xchange.log;"
        "chown -R open-xchange:open-xchange /var/log/open-xchange"
    )


def configure(root: Root) -> None:
    """Settings for a service that needs nothing but itself."""
    root.sh(
        f"mkdir -p {ETC} && cp /opt/open-xchange/usm/etc/*.properties {ETC} &&"
        " echo com.openexchange.usm.database.url=sqlite:////var/log/open-xchange/state.sqlite"
        f" >>{ETC}/usm.properties"
    )


def status(root: Root) -> int:
    return root.run(SERVICE, "status", check=False).returncode


def deploy(root: Root, path: Path, check: bool = True) -> str:
    """What the deployment does on an rpm host, without the ssh; returns what it printed."""
    folder = PROJECT / "tasks" / "shell"
    root.run("sh", "-c", (folder / "install-room.sh").read_text(), "-", KEPT)
    arriving = f"{KEPT}/arriving/{path.name}"
    root.bring(path, arriving)
    words = ("sh", "-c", (folder / "install.sh").read_text(), "-", "rpm", arriving, KEPT)
    done = root.run(*words, check=check)
    return done.stdout + done.stderr


def repack(root: Root) -> tuple[int, str]:
    """The status of the script that finds a package file for a rollback, and what it printed."""
    text = (PROJECT / "tasks/shell/repack.sh").read_text()
    root.sh("mkdir -p /root/backup")
    done = root.run("sh", "-c", text, "-", "rpm", "open-xchange-usm", KEPT, "/root/backup", check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def test_removing_leaves_nothing_behind(root: Root) -> None:
    """On a system that never had Open-Xchange."""
    files, accounts = root.sh(FILES), root.sh(ACCOUNTS)
    root.run("rpm", "--install", NEW)
    assert root.run("rpm", "--verify", "open-xchange-usm").stdout == ""
    assert "open-xchange" in root.sh("id open-xchange; ls -d /var/log/open-xchange")
    assert root.sh("ls /opt/open-xchange/usm/lib/app/__pycache__") != ""
    root.run("rpm", "--erase", "open-xchange-usm")
    backups = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
    assert set(root.sh(FILES).splitlines()) - set(files.splitlines()) - backups == set()
    assert root.sh(ACCOUNTS) == accounts


def test_nothing_of_open_xchange_is_touched(root: Root) -> None:
    with_open_xchange(root)
    before, account = root.sh(OF_OX), root.sh(ACCOUNTS)
    root.run("rpm", "--install", NEW)
    assert root.sh(OF_OX) == before
    root.run("rpm", "--erase", "open-xchange-usm")
    assert root.sh(OF_OX) == before
    assert root.sh(ACCOUNTS) == account
    assert root.sh("cat /var/log/open-xchange/open-xchange.log") == "log\n"
    assert "usm" not in root.sh("ls -R /opt/open-xchange /var/lib/ /var/log/open-xchange")


def test_the_service_runs_and_an_upgrade_keeps_edits_and_restarts_it(root: Root) -> None:
    with_open_xchange(root)
    root.run("rpm", "--install", NEW)
    configure(root)
    assert root.run("/opt/open-xchange/usm/sbin/open-xchange-usm", "--check").stdout == "OK\n"
    root.run(SERVICE, "start")
    assert '"live": true' in root.sh("/opt/open-xchange/usm/sbin/probe")
    first = root.sh("cat /run/open-xchange-usm.pid")
    assert root.sh(f"ps -o user= -p {first}").strip() == "open-xchange"
    root.sh("echo STOP_TIMEOUT=30 >>/etc/sysconfig/open-xchange-usm")
    root.sh("touch /opt/open-xchange/usm/lib/app/__pycache__/gone.cpython-311.pyc")
    edited = root.sh(f"cat {ETC}/usm.properties /etc/sysconfig/open-xchange-usm")

    root.run("rpm", "--upgrade", "--replacepkgs", NEW)
    assert status(root) == 0
    second = root.sh("cat /run/open-xchange-usm.pid")
    assert second != first
    assert root.sh(f"cat {ETC}/usm.properties /etc/sysconfig/open-xchange-usm") == edited
    compiled = root.sh("ls /opt/open-xchange/usm/lib/app/__pycache__")
    assert "main.cpython" in compiled
    assert "gone" not in compiled

    root.sh("echo install >/var/lib/open-xchange-usm/owed")
    root.run("rpm", "--upgrade", "--replacepkgs", NEW)
    assert root.sh("cat /run/open-xchange-usm.pid") == second, "a deployment restarts it itself, later"
    root.sh("rm /var/lib/open-xchange-usm/owed")
    root.run("rpm", "--erase", "open-xchange-usm")
    assert root.sh("ps -eo user:20,stat | grep '^open-xchange *[^Z ]'", check=False) == ""
    assert f"{ETC}/usm.properties" in root.sh(FILES), "settings stay, as rpm has no second way of removing"


def test_an_upgrade_to_a_version_that_does_not_start_says_so(root: Root) -> None:
    with_open_xchange(root)
    root.run("rpm", "--install", NEW)
    configure(root)
    root.run(SERVICE, "start")
    root.sh(f"echo com.openexchange.usm.listen.port=x >>{ETC}/usm.properties")
    done = root.run("rpm", "--upgrade", "--replacepkgs", NEW)
    assert "open-xchange-usm did not start" in done.stdout + done.stderr
    assert status(root) == 3


def test_the_vendors_settings_outlive_its_package(root: Root, tmp_path: Path) -> None:
    """rpm removes unedited settings of a package that is replaced, and renames edited ones, unless ours claims them."""
    theirs = of_deb(vendor.build(tmp_path), tmp_path)
    with_open_xchange(root)
    root.bring(theirs.path, "/root/vendor.rpm")
    root.run("rpm", "--install", "/root/vendor.rpm")
    root.sh(f"echo com.openexchange.usm.ox.url=http://ox.example.org/ajax/ >>{ETC}/usm.properties")
    settings = root.sh(f"cat {ETC}/usm.properties {ETC}/eas.properties")

    # By the version alone theirs is the newer one.
    root.run("rpm", "--upgrade", "--oldpackage", NEW)
    assert root.sh(f"cat {ETC}/usm.properties {ETC}/eas.properties") == settings
    assert "rpmsave" not in root.sh(f"ls {ETC}")
    assert root.sh("ls /opt/open-xchange/bundles", check=False) == ""
    root.run("rpm", "--upgrade", "--oldpackage", "/root/vendor.rpm")
    assert root.sh(f"cat {ETC}/usm.properties {ETC}/eas.properties") == settings
    assert "com.openexchange.usm.jar" in root.sh("ls /opt/open-xchange/bundles")


def test_the_deployment_installs_keeps_two_and_finds_them_again(root: Root, rpm: Rpm, tmp_path: Path) -> None:
    theirs = of_deb(vendor.build(tmp_path), tmp_path)
    root.bring(theirs.path, "/opt/vendor.rpm")
    root.run("rpm", "--install", "/opt/vendor.rpm")
    code, said = repack(root)
    assert code == 1
    assert "without which a rollback is not possible" in said
    assert KEPT in said
    root.sh(f"mv /opt/vendor.rpm /root/{theirs.path.name}")
    assert repack(root) == (0, f"/root/backup/{theirs.path.name}")

    deploy(root, rpm.path)
    assert root.sh(f"ls {KEPT}").split() == [rpm.path.name]
    assert root.sh("rpm --query open-xchange-usm").startswith("open-xchange-usm-1.")
    assert repack(root) == (0, f"/root/backup/{rpm.path.name}")
    again = tmp_path / rpm.path.name
    again.write_bytes(theirs.path.read_bytes())
    deploy(root, again)
    before = rpm.path.name.replace(".rpm", ".before.rpm")
    assert set(root.sh(f"ls {KEPT}").split()) == {rpm.path.name, before}
    deploy(root, theirs.path)
    assert set(root.sh(f"ls {KEPT}").split()) == {theirs.path.name, rpm.path.name}


def test_what_is_missing_is_named(root: Root, rpm: Rpm) -> None:
    root.run("rpm", "--erase", "--nodeps", "lab-provides")
    said = deploy(root, rpm.path, check=False)
    assert "python3.11dist(gevent)" in said
    assert (
        root.sh("rpm --query open-xchange-usm", check=False) == "package open-xchange-usm is not installed\n"
    )


def test_an_installation_that_was_cut_off_is_completed_by_the_next(root: Root, rpm: Rpm) -> None:
    root.sh(
        f"rpm --install {NEW} & sleep 0.4; kill -KILL $!; wait; rpm --query open-xchange-usm; true",
        check=False,
    )
    deploy(root, rpm.path)
    assert root.sh("rpm --query open-xchange-usm | wc -l").strip() == "1"
    assert root.run("rpm", "--verify", "open-xchange-usm").stdout == ""
    assert root.run("/opt/open-xchange/sbin/usmctl", "--help").returncode == 0
