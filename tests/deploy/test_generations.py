"""The same deployment on other hosts: App Suite 7 under systemd, the application alone, the vendor's bundles."""

from __future__ import annotations

import base64
import contextlib
import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wbxml import encode
from lab.device.documents import folder_sync
from lab.packages import vendor
from lab.testing import LabHosts, Labs
from tests.deploy.hosts import Deployment, Outcome
from tests.packaging.deb import Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

VERSIONS = "2.5,12.0,12.1,14.0,14.1,16.0,16.1"


@pytest.fixture(scope="module")
def other(
    lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, Outcome]]:
    """A host of generation 7 and one of the application alone, to which it has been deployed once."""
    deployment = Deployment(lab_of("mixed"), deb, tmp_path_factory.mktemp("mixed"))
    foretold = deployment.foretold()
    done = deployment.run()
    assert (done.status, done.complete) == (0, True), done.ending
    assert {host: set(steps) for host, steps in done.changed.items()} == foretold
    yield deployment, done
    lab_of.end("mixed")


def test_phones_are_served_and_a_second_run_changes_nothing(other: tuple[Deployment, Outcome]) -> None:
    deployment, _ = other
    assert deployment.options("anton@example.org") == (200, VERSIONS)
    again = deployment.run()
    assert (again.status, again.changed) == (0, {}), again.printed[-6000:]


def test_settings_lie_where_that_generation_has_them(other: tuple[Deployment, Outcome]) -> None:
    deployment, _ = other
    for host in deployment.hosts.lab.plan.of_role("ox", "app"):
        etc = "/opt/open-xchange/etc/groupware" if host.generation == 6 else "/opt/open-xchange/etc"
        assert deployment.hosts.sh(host.name, f"ls {etc}/usm.properties {etc}/eas.properties")


def test_each_node_serves_as_a_service_of_its_own_init(other: tuple[Deployment, Outcome]) -> None:
    deployment, _ = other
    for host in deployment.hosts.lab.plan.of_role("ox", "app"):
        systemd = host.generation >= 7
        command = "systemctl is-active" if systemd else "/etc/init.d/open-xchange-usm status;:"
        assert deployment.hosts.sh(host.name, f"{command} open-xchange-usm")


VENDOR = (
    *("--data", "product=bundles", "--data", "service_name=open-xchange-groupware"),
    *("--data", "proxy_scheme=ajp", "--data", "proxy_port=8009", "--data", "test_login="),
)
"""The settings by which the vendor's package is deployed."""


@pytest.fixture(scope="module")
def bundles(
    lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, Outcome]]:
    """Hosts on which the vendor's package has been deployed."""
    folder = tmp_path_factory.mktemp("vendor")
    deployment = Deployment(lab_of.fresh(), Deb(vendor.build(folder)), folder)
    deployment.hosts.snapshot("before-vendor")
    done = deployment.run("-y", *VENDOR)
    assert (done.status, done.complete) == (0, True), done.ending
    yield deployment, done
    deployment.hosts.reset("before-vendor")


def test_the_vendors_package_is_deployed_by_the_same_steps(bundles: tuple[Deployment, Outcome]) -> None:
    deployment, done = bundles
    for step in (
        "Install the package",
        "Move updatetasks.cfg out of the way",
        "Restart the groupware and admin service",
        "Move updatetasks.cfg back",
        "Configure the bundles",
    ):
        assert step in done.changed["ox1"]
    assert synchronise(deployment.hosts) == 200, "the vendor's update tasks have not made its tables"
    assert deployment.options("anton@example.org") == (200, "2.5,12.0,12.1")
    text = Path(
        deployment.hosts.root("web1") / "etc/apache2/conf-available/000-open-xchange-usm.conf"
    ).read_text()
    assert re.search(r"ajp://10\.77\.0\.\d+:8009", text)


def test_deploying_it_again_changes_nothing(bundles: tuple[Deployment, Outcome]) -> None:
    again = bundles[0].run("-y", *VENDOR)
    assert (again.status, again.changed) == (0, {}), again.printed[-6000:]


def test_this_application_takes_the_place_of_the_vendors(
    bundles: tuple[Deployment, Outcome], deb: Deb
) -> None:
    """With the tables that its phones have filled: saved, verified, dropped."""
    vendors, _ = bundles
    ours = Deployment(vendors.hosts, deb, vendors.folder)
    foretold = ours.foretold()
    done = ours.run()
    assert (done.status, done.complete) == (0, True), done.ending
    assert {host: set(steps) for host, steps in done.changed.items()} == foretold
    assert "Save the tables of the earlier product" in done.changed["ox1"]
    assert ours.options("anton@example.org") == (200, VERSIONS)
    assert ours.hosts.sh("ox1", "ls /opt/open-xchange/bundles | grep -c usm || true").strip() == "0"
    again = ours.run()
    assert (again.status, again.changed) == (0, {}), again.printed[-6000:]


def synchronise(hosts: LabHosts) -> int:
    """A phone of the vendor's product leaves something in its tables. Returns the HTTP status of its FolderSync."""
    path = "/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=anton&DeviceId=OLDPHONE&DeviceType=test"
    login = base64.b64encode(b"anton@example.org:secret").decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/vnd.ms-sync.wbxml"}

    def ask() -> int:
        connection = http.client.HTTPConnection(hosts.lab.host("web1").address, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", path, encode(folder_sync("0")), headers)
            return connection.getresponse().status

    return hosts.call(ask)
