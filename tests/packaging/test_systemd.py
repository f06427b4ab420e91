"""The service under systemd, as a unit; the init script beside it only passes on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator

import pytest

from lab.testing import LabHosts, Labs
from tests.packaging.deb import Deb

pytestmark = pytest.mark.lab

HOST = "ox2"
UNIT = "open-xchange-usm"
SCRIPT = f"/etc/init.d/{UNIT}"
ETC = "/opt/open-xchange/etc"
CONFIGURE = (
    f"cp /opt/open-xchange/usm/etc/*.properties {ETC}/; echo"
    f" com.openexchange.usm.database.url=sqlite:////var/log/open-xchange/state.sqlite >>{ETC}/usm.properties"
)
LEFT = (
    "find / -xdev -path /proc -prune -o -path /root -prune -o -path /tmp -prune -o"
    f" -name '*{UNIT}*' -print | grep -v -e /var/log/journal"
)


@pytest.fixture(scope="module")
def seven(lab_of: Labs) -> LabHosts:
    """Hosts of an App Suite without the package, whatever other tests of the session did to them."""
    hosts = lab_of("seven")
    if hosts.sh(HOST, f"ls -d /opt/open-xchange/usm {ETC}/usm.properties", check=False):
        hosts.renew()
    return hosts


@pytest.fixture
def host(seven: LabHosts) -> Iterator[LabHosts]:
    yield seven
    seven.sh(HOST, f"rm -f {ETC}/usm.properties {ETC}/eas.properties /var/log/open-xchange/state.sqlite*")


def systemctl(hosts: LabHosts, *words: str) -> str:
    return hosts.run(HOST, "systemctl", *words, check=False).stdout.strip()


def main_process(hosts: LabHosts) -> str:
    return systemctl(hosts, "show", "--property=MainPID", "--value", UNIT)


def test_the_unit_serves_recovers_and_goes_without_a_trace(host: LabHosts, deb: Deb) -> None:
    shutil.copyfile(deb.path, host.root(HOST) / "root/usm.deb")
    host.run(HOST, "dpkg", "--install", "/root/usm.deb")
    assert systemctl(host, "is-enabled", UNIT) == "enabled"
    assert host.run(HOST, SCRIPT, "start", check=False).returncode == 6
    host.sh(HOST, CONFIGURE)
    host.run(HOST, SCRIPT, "start")
    assert systemctl(host, "is-active", UNIT) == "active"
    first = main_process(host)
    answer = json.loads(host.sh(HOST, "/opt/open-xchange/usm/sbin/probe"))
    assert str(answer["pid"]) == first

    host.sh(HOST, f"kill -KILL {first}")
    deadline = time.monotonic() + 40
    while systemctl(host, "is-active", UNIT) != "active" and time.monotonic() < deadline:
        time.sleep(0.2)
    second = main_process(host)
    assert second not in (first, "0")
    assert len(host.sh(HOST, "ls /run/open-xchange-usm").split()) == 1, "what the killed one shared is gone"

    host.run(HOST, "dpkg", "--install", "/root/usm.deb")
    assert main_process(host) not in (second, "0")
    host.run(HOST, SCRIPT, "stop")
    assert systemctl(host, "is-active", UNIT) == "inactive"
    host.run(HOST, "dpkg", "--purge", UNIT)
    assert host.sh(HOST, LEFT, check=False) == ""
