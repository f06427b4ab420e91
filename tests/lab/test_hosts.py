"""The hosts of a running lab are hosts: each its own network, processes, files and sshd, and no way out."""

import socket
import ssl

import pytest

from lab.keys import ACCOUNTS
from lab.plan import CONTROLLER, LOGS, PLANS
from lab.testing import LabHosts

pytestmark = pytest.mark.lab

HOSTS = PLANS["guide"].hosts
NAMES = [host.name for host in HOSTS]


@pytest.mark.parametrize("name", NAMES)
def test_a_host_has_its_own_name_and_address(lab_hosts: LabHosts, name: str) -> None:
    address = next(host.address for host in HOSTS if host.name == name)
    assert lab_hosts.sh(name, "hostname") == f"{name}\n"
    assert f"inet {address}/24" in lab_hosts.sh(name, "ip -o -4 address show eth0")


@pytest.mark.parametrize("name", NAMES)
def test_a_host_sees_its_own_processes_only(lab_hosts: LabHosts, name: str) -> None:
    processes = lab_hosts.sh(name, "ps -e -o pid=,comm=").splitlines()
    assert processes[0].split() == ["1", "init"]
    assert len(processes) < 60
    assert not any("python -m pytest" in line or "host.sh" in line for line in processes)


def test_what_one_host_writes_no_other_sees(lab_hosts: LabHosts) -> None:
    lab_hosts.sh("ox1", "echo mine > /etc/written-here")
    assert lab_hosts.sh("ox1", "cat /etc/written-here") == "mine\n"
    assert lab_hosts.sh("ox2", "ls /etc/written-here", check=False) == ""
    assert (lab_hosts.root("ox1") / "etc/written-here").read_text() == "mine\n"
    lab_hosts.sh("ox1", "rm /etc/written-here")


@pytest.mark.parametrize("name", NAMES)
def test_a_host_has_no_way_out(lab_hosts: LabHosts, name: str) -> None:
    assert "default" not in lab_hosts.sh(name, "ip route; ip -6 route")
    refused = lab_hosts.run(name, "curl", "--silent", "--show-error", "http://192.0.2.1/", check=False)
    assert refused.returncode == 7


def test_the_controller_has_no_way_out_either(lab_hosts: LabHosts) -> None:
    assert "default" not in lab_hosts.inside("ip", "route").stdout
    with pytest.raises(OSError, match="unreachable"):
        lab_hosts.call(lambda: socket.create_connection(("192.0.2.1", 80), timeout=5))


@pytest.mark.parametrize("name", NAMES)
def test_ssh_reaches_a_host_with_the_labs_key(lab_hosts: LabHosts, name: str) -> None:
    done = lab_hosts.inside("ssh", "-F", str(lab_hosts.lab.ssh_config), name, "hostname; id -un")
    assert done.stdout.split() == [name, "root"]


def test_ssh_takes_no_password(lab_hosts: LabHosts) -> None:
    config = ["-F", str(lab_hosts.lab.ssh_config), "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes"]
    done = lab_hosts.inside("ssh", *config, "web1", "true", check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_hosts_and_controller_know_each_other_by_name(lab_hosts: LabHosts) -> None:
    for name in ("web1", "db1"):
        assert CONTROLLER in lab_hosts.sh(name, "getent hosts controller")
        assert lab_hosts.sh(name, "getent hosts ox2").split() == ["10.77.0.13", "ox2"]
    assert lab_hosts.inside("getent", "hosts", "db1").stdout.split() == ["10.77.0.14", "db1"]


def test_the_machines_own_settings_cannot_be_changed_from_a_host(lab_hosts: LabHosts) -> None:
    done = lab_hosts.run("web1", "sh", "-c", "echo 1 > /proc/sys/kernel/panic", check=False)
    assert done.returncode != 0
    assert "Read-only" in done.stderr


def test_an_ox_host_reaches_the_database_with_its_own_account_only(lab_hosts: LabHosts) -> None:
    password = lab_hosts.passwords["database"]
    query = [
        "mariadb",
        "--host",
        "db1",
        "--user",
        "openexchange",
        "--skip-column-names",
        "--execute",
        "SELECT 40+2",
    ]
    assert lab_hosts.run("ox1", "env", f"MYSQL_PWD={password}", *query).stdout == "42\n"
    refused = lab_hosts.run("ox1", "env", "MYSQL_PWD=wrong", *query, check=False)
    assert refused.returncode == 1
    assert "Access denied" in refused.stderr


def test_no_password_of_the_lab_is_in_a_log(lab_hosts: LabHosts) -> None:
    lab_hosts.renew()
    logs = "".join(path.read_text() for path in LOGS.glob(f"{lab_hosts.lab.name}-*"))
    assert "lab.ox init" in logs
    for account in ACCOUNTS:
        assert lab_hosts.passwords[account] not in logs


def test_the_site_answers_by_https_with_a_certificate_of_the_labs_authority(lab_hosts: LabHosts) -> None:
    context = ssl.create_default_context(cafile=str(lab_hosts.lab.authority))

    def ask() -> bytes:
        with (
            socket.create_connection(("10.77.0.11", 443), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="ox.example.org") as connection,
        ):
            connection.sendall(b"GET /ox6/ HTTP/1.0\r\nHost: ox.example.org\r\n\r\n")
            return connection.makefile("rb").read()

    answer = lab_hosts.call(ask)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Groupware of the lab" in answer
