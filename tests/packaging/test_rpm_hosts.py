"""The rpm on hosts of the RHEL family with systemd: deployed where our beta was, rolled back, rolled on, removed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from lab.packages import beta
from lab.testing import LabHosts, Labs
from tests.deploy.hosts import PYINFRA, Deployment
from tests.packaging.deb import Deb
from tests.packaging.rpm import Rpm

pytestmark = pytest.mark.lab

NODES = ("ox1", "ox2")
UNIT = "open-xchange-usm"
ETC = "/opt/open-xchange/etc"
STATE = f"/var/lib/{UNIT}"
LEFT = (
    f"find / -xdev -path /proc -prune -o -path /root -prune -o -path /tmp -prune -o -path {STATE}/backup -prune"
    f" -o -name '*{UNIT}*' -print | grep -v -e /var/log/journal"
)


@pytest.fixture(scope="module")
def deployment(lab_of: Labs, rpm: Rpm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Nodes on which an administrator has installed the beta with ``rpm -i`` and edited its settings."""
    hosts, folder = lab_of("rpm"), tmp_path_factory.mktemp("rpm-hosts")
    hosts.snapshot("before-rpm")
    old = beta.build(folder, generation=7, form="rpm")
    for name in NODES:
        (hosts.root(name) / "root" / old.name).write_bytes(old.read_bytes())
        hosts.run(name, "rpm", "--install", f"/root/{old.name}")
        hosts.sh(name, f"echo '# by hand' >>{ETC}/usm.properties; systemctl restart open-xchange {UNIT}")
    yield Deployment(hosts, Deb(rpm.path), folder)
    hosts.reset("before-rpm")


def installed(hosts: LabHosts) -> set[str]:
    """Package and service on the nodes."""
    question = f"rpm --query {UNIT}; systemctl is-active {UNIT}; systemctl is-enabled {UNIT}"
    return {hosts.sh(name, question) for name in NODES}


def rollback(deployment: Deployment) -> subprocess.CompletedProcess[str]:
    return deployment.hosts.inside(PYINFRA, "inventory/lab.py", "tasks/rollback.py", "-y", check=False)


def test_the_beta_becomes_this_version_and_a_second_run_changes_nothing(deployment: Deployment) -> None:
    done = deployment.run()
    assert (done.status, done.complete) == (0, True), done.ending
    version = deployment.deb.path.name.removesuffix(".noarch.rpm")
    assert installed(deployment.hosts) == {f"{version}.noarch\nactive\nenabled\n"}
    for name in NODES:
        kept = deployment.hosts.sh(name, f"ls {ETC}; cat {ETC}/usm.properties.2*")
        assert "# by hand" in kept
        assert "rpmsave" not in kept
        assert deployment.hosts.run(name, "rpm", "--verify", UNIT, check=False).stdout == ""
    again = deployment.run()
    assert (again.status, again.changed) == (0, {}), again.printed[-6000:]


def test_a_rollback_finds_the_betas_package_where_the_administrator_left_it(deployment: Deployment) -> None:
    done = rollback(deployment)
    assert done.returncode == 0, done.stdout[-6000:]
    assert installed(deployment.hosts) == {f"{UNIT}-0.9~beta1-1.noarch\nactive\nenabled\n"}
    for name in NODES:
        assert "# by hand" in deployment.hosts.sh(name, f"cat {ETC}/usm.properties")


def test_removing_it_by_hand_leaves_the_settings_alone(deployment: Deployment) -> None:
    hosts, name = deployment.hosts, "ox2"
    (hosts.root(name) / "root/new.rpm").write_bytes(deployment.deb.path.read_bytes())
    hosts.run(name, "rpm", "--upgrade", "/root/new.rpm")
    assert hosts.sh(name, f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}") == "active\nenabled\n"
    hosts.run(name, "rpm", "--erase", UNIT)
    assert hosts.sh(name, f"systemctl is-active {UNIT}", check=False) == "inactive\n"
    # The rollback's copies of the database are in there.
    assert hosts.sh(name, LEFT, check=False).split() == [STATE]
    assert hosts.sh(name, f"ls {STATE}").split() == ["backup"]
    assert "usm.properties" in hosts.sh(name, f"ls {ETC}")
