"""The installation guide carried out by hand on the lab's hosts: our beta, and the vendor's package after it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.packages import beta, legacy, vendor
from lab.testing import LabHosts, Labs

pytestmark = [pytest.mark.lab]

ETC = "/opt/open-xchange/etc/groupware"
ALIAS = "/Microsoft-Server-ActiveSync"
# Schema → one of its contexts, and a user of it.
SCHEMAS = {"oxdatabase_5": (1, "anton@example.org"), "oxdatabase_6": (2, "dora@example.org")}
DAEMONS = ("open-xchange-groupware", "open-xchange-admin")
PARK = f"mv {ETC}/updatetasks.cfg /root\n"
PUT_BACK = f"mv /root/updatetasks.cfg {ETC}/\n"
SET_URL = (
    "sed -i 's|^com.openexchange.usm.ox.url=.*|com.openexchange.usm.ox.url=http://127.0.0.1:8009/ajax/|'"
    f" {ETC}/usm.properties\n"
)


@pytest.fixture(scope="module")
def hosts(lab_of: Labs) -> LabHosts:
    return lab_of.fresh()


def _install(hosts: LabHosts, package: Path) -> None:
    shutil.copyfile(package, hosts.root("ox1") / "root" / package.name)
    hosts.run("ox1", "dpkg", "-i", f"/root/{package.name}")


def _daemons(verb: str) -> str:
    return "".join(f"/etc/init.d/{daemon} {verb}\n" for daemon in DAEMONS)


def _ask(hosts: LabHosts, host: str, url: str, login: str, verb: str = "OPTIONS", query: str = "") -> str:
    """Status and headers of an answer to a device."""
    words = [
        "curl",
        "--silent",
        "--show-error",
        "--dump-header",
        "-",
        "--output",
        "/dev/null",
        "--max-time",
        "30",
    ]
    words += ["--user", f"{login}:secret"] if login else []
    return hosts.run(host, *words, "--request", verb, f"{url}{ALIAS}{query}").stdout


def _picture(hosts: LabHosts, schema: str) -> dict[str, list[tuple[str, ...]]]:
    return legacy.picture(lambda statement: hosts.mysql(f"USE {schema}; {statement}"))


def test_the_beta_is_installed_as_the_guide_tells(hosts: LabHosts, tmp_path: Path) -> None:
    _install(hosts, beta.build(tmp_path))
    for schema in SCHEMAS:
        assert _picture(hosts, schema) == {}
    resets = "".join(f"/opt/open-xchange/sbin/resetversion -v 33 -c {cid}\n" for cid, _ in SCHEMAS.values())
    hosts.sh("ox1", f"set -e\n{PARK}{resets}{_daemons('restart')}{PUT_BACK}")
    # The service reads its settings when it starts.
    assert " 503 " in _ask(hosts, "ox1", "http://127.0.0.1:8010", "anton@example.org")
    hosts.sh("ox1", f"set -e\n{SET_URL}/etc/init.d/open-xchange-usm restart\nsleep 1")
    assert " 401 " in _ask(hosts, "ox1", "http://127.0.0.1:8010", "")
    for schema, (_, login) in SCHEMAS.items():
        answer = _ask(hosts, "ox1", "http://127.0.0.1:8010", login, "POST", "?Cmd=FolderSync&DeviceId=d1")
        assert " 200 " in answer
        assert f"X-Version: {beta.VERSION}" in answer
        assert set(_picture(hosts, schema)) == {*legacy.TABLES, *legacy.PROCEDURES}
        assert hosts.mysql(f"SELECT device FROM {schema}.USMSession") == [["d1"]]
    assert hosts.run("ox1", "dpkg", "--verify", "open-xchange-usm").stdout.count("usm.properties") == 1


def test_the_beta_is_upgraded_to_the_vendors_package_as_the_guide_tells(
    hosts: LabHosts, tmp_path: Path
) -> None:
    for schema, (cid, _) in SCHEMAS.items():
        hosts.run("db1", "mariadb", schema, stdin=";\n".join(legacy.fill_statements([cid])))
    # The administrator's settings are kept, and dpkg must not ask.
    package = vendor.build(tmp_path)
    shutil.copyfile(package, hosts.root("ox1") / "root" / package.name)
    hosts.run("ox1", "dpkg", "--force-confold", "-i", f"/root/{package.name}")
    assert hosts.run("ox1", "pgrep", "-f", "sbin/open-xchange-usm", check=False).returncode == 1
    hosts.sh("ox1", f"set -e\n{PARK}{_daemons('stop')}")
    for schema in SCHEMAS:
        purge = [*legacy.drop_statements(), "UPDATE version SET version=33"]
        hosts.run("db1", "mariadb", schema, stdin=";\n".join(purge))
    hosts.sh("ox1", f"set -e\n{_daemons('start')}{PUT_BACK}")
    rights = "--access-usm on --access-active-sync on"
    for cid, login in SCHEMAS.values():
        tool = f"/opt/open-xchange/sbin/changeuser -A oxadmin -c {cid} -u {login.partition('@')[0]} {rights}"
        hosts.sh("ox1", f"ADMIN_PASSWORD={hosts.passwords['oxadmin']} {tool}")
    line = f"ProxyPass {ALIAS} ajp://10.77.0.12:8009{ALIAS} smax=0 ttl=60 retry=5"
    hosts.run("web1", "tee", "/etc/apache2/conf-enabled/zz-usm.conf", stdin=line + "\n")
    hosts.sh("web1", "a2enmod -q proxy_ajp && apache2ctl -t && /etc/init.d/apache2 restart")
    for schema, (_, login) in SCHEMAS.items():
        assert (
            "MS-ASProtocolVersions: 2.5,12.0,12.1".lower()
            in _ask(hosts, "web1", "http://web1", login).lower()
        )
        answer = _ask(hosts, "web1", "http://web1", login, "POST", "?Cmd=FolderSync&DeviceId=d2")
        assert " 200 " in answer
        assert f"x-version: {vendor.VERSION}" in answer.lower()
        assert set(_picture(hosts, schema)) == {*legacy.TABLES, *legacy.PROCEDURES}
        assert hosts.mysql(f"SELECT device FROM {schema}.USMSession") == [["d2"]]
