"""Labs of several plans: which hosts they have, and what these are."""

import json
import sys
from pathlib import Path

import pytest

from lab import hosts
from lab.__main__ import main
from lab.plan import DEFAULT_PLAN, PLANS, Lab, plan_named
from lab.steps import LabError
from lab.testing import LabHosts, Labs


def test_a_host_has_the_same_address_in_every_plan_and_shares_it_with_no_other() -> None:
    addresses: dict[str, str] = {}
    for plan in (*PLANS.values(), plan_named("many50")):
        for host in plan.hosts:
            assert addresses.setdefault(host.name, host.address) == host.address
    assert len(set(addresses.values())) == len(addresses)


@pytest.mark.parametrize("count", [3, 10, 50])
def test_many_hosts_are_as_many_as_were_asked_for(count: int) -> None:
    plan = plan_named(f"many{count}")
    assert len(plan.hosts) == count
    assert [len(plan.of_role(role)) for role in ("web", "ox", "db")] == [1, 1, 1]


@pytest.mark.parametrize("name", ["nowhere", "many", "many2", "many51", "many3x"])
def test_a_plan_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(LabError, match=r"there are guide, .* many3 to many50"):
        plan_named(name)


def test_a_lab_without_a_plan_has_the_guides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.plan.STATE", tmp_path)
    lab = Lab("some")
    assert (lab.has_plan, lab.plan.name) == (False, DEFAULT_PLAN)
    lab.choose(PLANS["three"])
    assert (lab.has_plan, lab.plan.name) == (True, "three")
    assert [host.name for host in Lab("some").hosts] == ["web1", "web2", "ox1", "ox2", "ox3", "db1"]


COMMANDS = [
    line.split()
    for line in ("up", "down", "status", "base", "shell ox1", "run ox1 true", "exec true", "demo")
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_without_root_a_command_says_so_and_touches_nothing(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for place in ("lab.plan.STATE", "lab.hosts.STATE", "lab.hosts.LOGS", "lab.demo.LOGS", "lab.demo.STATE"):
        monkeypatch.setattr(place, tmp_path / "of-root")
    assert main(words) == 1
    said = capsys.readouterr()
    assert "run this as root" in said.out + said.err
    assert not (tmp_path / "of-root").exists()


def inventory(lab_hosts: LabHosts) -> dict[str, dict[str, dict[str, object]]]:
    """By group and host, the data that pyinfra finds in inventory/lab.py."""
    program = (
        "import json, runpy; found = runpy.run_path('inventory/lab.py');"
        "print(json.dumps({group: dict(found[group]) for group in ('web', 'ox', 'db')}))"
    )
    groups = json.loads(lab_hosts.inside(sys.executable, "-c", program).stdout)
    assert isinstance(groups, dict)
    return groups


@pytest.mark.lab
def test_the_inventory_follows_the_plan(lab_of: Labs) -> None:
    guide = inventory(lab_of("guide"))
    assert {group: list(found) for group, found in guide.items()} == {
        "web": ["web1"],
        "ox": ["ox1", "ox2"],
        "db": ["db1"],
    }
    mixed = inventory(lab_of("mixed"))
    assert list(mixed["ox"]) == ["ox1", "app1"]
    assert mixed["ox"]["app1"]["ox_url"] == "http://10.77.0.12:8009/ajax/"
    assert mixed["ox"]["app1"]["address"] == "10.77.0.21"


@pytest.mark.lab
def test_a_host_of_the_application_alone_reaches_groupware_and_database(lab_of: Labs) -> None:
    lab = lab_of("mixed")
    assert lab.sh("app1", "ls /etc/init.d | grep open-xchange", check=False) == ""
    settings = "/opt/open-xchange/etc/configdb.properties"
    assert lab.sh("app1", f"stat -c '%a %U:%G' {settings}") == "640 root:open-xchange\n"
    server = "sed -n 's/^SERVER_NAME=//p' /opt/open-xchange/etc/system.properties"
    assert lab.sh("app1", server) == "ox1\n"
    password = lab.sh("app1", f"sed -n 's/^readProperty.2=password=//p' {settings}").strip()
    query = ["mariadb", "--host", "db1", "--user", "openexchange", "--skip-column-names", "--execute"]
    asked = lab.run("app1", "env", f"MYSQL_PWD={password}", *query, "SELECT name FROM configdb.server")
    assert asked.stdout.split() == ["ox1"]
    lab.run("app1", "curl", "--silent", "--output", "/dev/null", "http://ox1:8009/ajax/login")
    lab_of.end("mixed")


@pytest.mark.lab
def test_hosts_of_generation_7_have_systemd_and_one_daemon(lab_of: Labs) -> None:
    lab = lab_of("seven")
    assert lab.sh("ox1", "systemctl is-system-running") == "running\n"
    assert lab.sh("ox1", "systemctl is-active open-xchange ssh") == "active\nactive\n"
    assert lab.sh("ox1", "ls /etc/init.d | grep open-xchange") == "open-xchange\n"
    assert lab.sh("ox1", "cat /proc/1/cgroup | tail -n 1") == "0::/init.scope\n"
    kinds = lab.sh("ox1", "cut -d ' ' -f 3 /proc/mounts").split()
    assert ("cgroup2" in kinds, "cgroup" in kinds) == (True, False)  # version 1 are the machine's own groups
    with lab.killed("ox1", "openxchange"):
        assert "inactive" in lab.sh("ox1", "systemctl is-active open-xchange || echo inactive")
    assert lab.sh("ox1", "systemctl is-active open-xchange") == "active\n"
    lab.reboot("ox2")
    assert lab.sh("ox2", "systemctl is-active open-xchange") == "active\n"


@pytest.mark.lab
def test_nothing_of_systemd_is_left_when_a_lab_is_gone(lab_of: Labs) -> None:
    lab = lab_of("seven").lab
    assert groups_of(lab)
    lab_of.end("seven")
    assert groups_of(lab) == []


def groups_of(lab: Lab) -> list[Path]:
    """The control groups that the machine has for a lab."""
    return [path for path in Path("/sys/fs/cgroup").rglob(f"*{lab.name}-*") if path.is_dir()]


@pytest.mark.lab
def test_hosts_of_the_rhel_family_have_rpm_and_httpd_and_nothing_of_debians_tools(lab_of: Labs) -> None:
    lab = lab_of("rpm")
    for name in ("web1", "ox1"):
        assert lab.sh(name, "command -v dpkg dpkg-query apt-get a2enmod", check=False) == ""
        assert lab.sh(name, "rpm --query --whatprovides /bin/sh") == "lab-provides-1-1.noarch\n"
        assert 'ID_LIKE="rhel' in lab.sh(name, "cat /etc/os-release")
    assert (
        lab.sh("ox1", "systemctl is-system-running; systemctl is-active open-xchange") == "running\nactive\n"
    )
    lab.sh("web1", "httpd -t && /etc/init.d/httpd status && test -d /etc/httpd/conf.d -a ! -e /etc/apache2")
    tls = ["--cacert", str(lab.lab.authority), "--silent", "--fail", "--output", "/dev/null"]
    lab.inside("curl", *tls, "https://web1/ox6/")
    with lab.killed("web1", "httpd"):
        assert lab.inside("curl", *tls, "https://web1/ox6/", check=False).returncode == 7
    lab.inside("curl", *tls, "https://web1/ox6/")
    lab_of.end("rpm")


@pytest.mark.lab
def test_three_nodes_stand_behind_two_web_servers(lab_of: Labs) -> None:
    lab = lab_of("three")
    login = "name=anton@example.org&password=secret"
    for web in ("web1", "web2"):
        cookies = {
            line
            for _ in range(6)
            for line in lab.inside(
                "curl", "--silent", "--include", "--data", login, f"http://{web}/ajax/login?action=login"
            ).stdout.splitlines()
            if "JSESSIONID=" in line
        }
        assert {line.split(";")[0].rpartition(".")[2] for line in cookies} == {"OX1", "OX2", "OX3"}
    tls = ["--cacert", str(lab.lab.authority), "--silent", "--fail", "--output", "/dev/null"]
    lab.inside("curl", *tls, "https://web2/ox6/")
    lab_of.end("three")


@pytest.mark.lab
def test_another_plan_for_a_running_lab_is_refused(lab_of: Labs) -> None:
    lab = lab_of("guide").lab
    with pytest.raises(LabError, match="is up with the hosts of the plan 'guide'"):
        hosts.up(lab, hosts.steps(lab, "up"), plan=PLANS["three"])
    assert hosts.is_up(lab)


@pytest.mark.lab
def test_a_dozen_light_hosts_are_up_together(lab_of: Labs) -> None:
    lab = lab_of("many12")
    names = {host.name for host in lab.lab.hosts}
    assert len(names) == 12
    config = str(lab.lab.ssh_config)
    assert {lab.inside("ssh", "-F", config, name, "hostname").stdout.strip() for name in names} == names
    lab_of.end("many12")
