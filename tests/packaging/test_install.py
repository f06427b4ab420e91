"""The package on Debian 12 hosts without any network: installed, started, broken, installed again, purged."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.testing import LabHosts, Labs
from tests.packaging.deb import Deb

pytestmark = pytest.mark.lab

PACKAGE = "/root/open-xchange-usm.deb"
ETC = "/opt/open-xchange/etc/groupware"
SERVICE = "/etc/init.d/open-xchange-usm"

PASSING = (
    "/proc /sys /dev /run /tmp /root /var/log /var/cache /var/lib/dpkg /var/lib/apt /var/lib/systemd"
    " /var/lib/mysql"
)
FILES = (
    f"find / -xdev {' '.join(f'-path {path} -prune -o' for path in PASSING.split())} -print | LC_ALL=C sort"
)
"""Everything on a host, apart from what changes while it runs."""

OF_OX = (
    "find /opt/open-xchange /etc/init.d -type f ! -path '*/usm/*' ! -name '*open-xchange-usm*' ! -name usmctl"
    " ! -name '.depend.*' ! -name '*.pyc' -exec sha256sum {} + | LC_ALL=C sort"
)

IMPORTS = """
import importlib, pathlib, pkgutil, sys
import app
names = [each.name for each in pkgutil.walk_packages(app.__path__, "app.")]
for name in names:
    if not name.endswith("__main__") and "migrations.env" not in name:
        importlib.import_module(name)
for name in ("gevent", "cryptography", "gunicorn.workers.ggevent", "lxml.etree", "alembic.command", "inscriptis"):
    importlib.import_module(name)
for module in [module for name, module in sys.modules.items() if name != "__main__"]:
    place = getattr(module, "__file__", None) or "/usr/lib/"
    assert place.startswith(("/opt/open-xchange/usm/lib/", "/usr/lib/")), (module, place)
print(len(names))
"""


def bring(hosts: LabHosts, name: str, deb: Deb) -> None:
    shutil.copyfile(deb.path, hosts.root(name) / PACKAGE.lstrip("/"))


def status(hosts: LabHosts, name: str, *words: str) -> int:
    return hosts.run(name, SERVICE, *words, check=False).returncode


@pytest.fixture(scope="module", autouse=True)
def _hosts_as_they_were(lab_of: Labs) -> None:
    lab_of.fresh()


@pytest.fixture(scope="module")
def ox1(lab_hosts: LabHosts, deb: Deb) -> Iterator[LabHosts]:
    """The package, freshly installed on a groupware host; purged afterwards."""
    bring(lab_hosts, "ox1", deb)
    lab_hosts.run("ox1", "dpkg", "--install", PACKAGE)
    yield lab_hosts
    lab_hosts.run("ox1", "dpkg", "--purge", "open-xchange-usm")


@pytest.fixture
def configured(ox1: LabHosts) -> Iterator[LabHosts]:
    """Settings for a service that needs nothing but itself."""
    ox1.sh(
        "ox1",
        f"mkdir -p {ETC} && cp /opt/open-xchange/usm/etc/*.properties {ETC} &&"
        " echo com.openexchange.usm.database.url=sqlite:////var/log/open-xchange/state.sqlite"
        f" >>{ETC}/usm.properties",
    )
    yield ox1
    ox1.sh(
        "ox1",
        f"{SERVICE} stop; rm -f {ETC}/usm.properties {ETC}/eas.properties /var/log/open-xchange/state.sqlite*",
        check=False,
    )


def test_installing_needs_no_network_and_touches_nothing_of_open_xchange(
    lab_hosts: LabHosts, deb: Deb
) -> None:
    before = lab_hosts.sh("ox2", OF_OX)
    bring(lab_hosts, "ox2", deb)
    lab_hosts.run("ox2", "dpkg", "--install", PACKAGE)
    assert lab_hosts.run("ox2", "dpkg", "--verify", "open-xchange-usm").stdout == ""
    assert lab_hosts.sh("ox2", OF_OX) == before
    lab_hosts.run("ox2", "dpkg", "--purge", "open-xchange-usm")
    assert lab_hosts.sh("ox2", OF_OX) == before


def test_purging_leaves_nothing_behind(lab_hosts: LabHosts, deb: Deb) -> None:
    """On a host that never had Open-Xchange; what the package depends on is left out to have the files alone."""
    before = lab_hosts.sh("db1", FILES)
    accounts = lab_hosts.sh("db1", "cat /etc/passwd /etc/group")
    bring(lab_hosts, "db1", deb)
    for _ in range(2):
        lab_hosts.run("db1", "dpkg", "--force-depends", "--install", PACKAGE)
    assert "open-xchange" in lab_hosts.sh("db1", "id open-xchange; ls -d /var/log/open-xchange")
    lab_hosts.run("db1", "dpkg", "--purge", "open-xchange-usm")
    backups = {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"}
    left = set(lab_hosts.sh("db1", FILES).splitlines()) - set(before.splitlines()) - backups
    assert left == set()
    assert lab_hosts.sh("db1", "cat /etc/passwd /etc/group") == accounts
    assert lab_hosts.sh("db1", "ls -d /var/log/open-xchange", check=False) == ""


def test_every_module_imports_with_what_debian_has(ox1: LabHosts) -> None:
    done = ox1.run("ox1", "/opt/open-xchange/usm/sbin/python", "-", stdin=IMPORTS)
    assert int(done.stdout) > 50


def test_the_administrators_tool_works(ox1: LabHosts) -> None:
    assert "upgrade" in ox1.run("ox1", "/opt/open-xchange/sbin/usmctl", "db", "--help").stdout


def test_a_service_without_settings_says_so(ox1: LabHosts) -> None:
    assert status(ox1, "ox1", "status") == 3
    assert status(ox1, "ox1", "stop") == 0
    assert status(ox1, "ox1", "reload") == 7
    assert status(ox1, "ox1", "try-restart") == 0
    assert status(ox1, "ox1", "sing") == 2
    done = ox1.run("ox1", SERVICE, "start", check=False)
    assert done.returncode == 6
    assert "not configured" in done.stderr


def test_the_service_starts_answers_and_stops(configured: LabHosts) -> None:
    assert status(configured, "ox1", "start") == 0
    assert '"live": true' in configured.sh("ox1", "/opt/open-xchange/usm/sbin/probe")
    assert status(configured, "ox1", "status") == 0
    first = process(configured)
    assert status(configured, "ox1", "start") == 0
    assert process(configured) == first
    assert configured.sh("ox1", f"ps -o user= -p {first}").strip() == "open-xchange"
    assert configured.sh("ox1", f"grep NoNewPrivs /proc/{first}/status").split() == ["NoNewPrivs:", "1"]
    assert "0" in configured.sh("ox1", f"grep core /proc/{first}/limits").split()
    assert status(configured, "ox1", "reload") == 0
    assert process(configured) == first
    time.sleep(2)  # workers that have just been forked do not listen to signals yet
    assert status(configured, "ox1", "restart") == 0
    assert process(configured) != first
    assert status(configured, "ox1", "stop") == 0
    assert status(configured, "ox1", "status") == 3


def test_cron_deletes_what_is_outlived_and_the_systems_log_hears_of_it(configured: LabHosts) -> None:
    """Within two hours of half past two; here at once."""
    job = configured.sh("ox1", "grep -v '^#' /etc/cron.d/open-xchange-usm | grep purge").split(
        "open-xchange ", 1
    )[1]
    configured.sh(
        "ox1",
        "mkdir /tmp/instead; echo 'echo $1 >/tmp/instead/slept' >/tmp/instead/sleep;"
        " echo 'cat >/tmp/instead/logged' >/tmp/instead/logger; chmod -R a+rwX,a+x /tmp/instead",
    )
    configured.run("ox1", "su", "-s", "/bin/sh", "-c", f"PATH=/tmp/instead:$PATH; {job}", "open-xchange")
    slept, logged = configured.sh("ox1", "cat /tmp/instead/slept /tmp/instead/logged").split("\n", 1)
    configured.sh("ox1", "rm -r /tmp/instead")
    assert 0 <= int(slept) < 7200
    assert "nothing" in logged.lower() or "deleted" in logged.lower(), logged


def test_a_service_that_died_says_so_and_starts_again(configured: LabHosts) -> None:
    assert status(configured, "ox1", "start") == 0
    configured.sh("ox1", f"kill -9 {process(configured)}; sleep 1")
    assert status(configured, "ox1", "status") == 1
    assert status(configured, "ox1", "start") == 0
    assert status(configured, "ox1", "status") == 0


def test_a_start_right_after_the_master_was_killed_ends_its_workers_first(configured: LabHosts) -> None:
    """They go on answering for a while, and would be taken for the new ones."""
    assert status(configured, "ox1", "start") == 0
    old = process(configured)
    workers = configured.sh("ox1", f"pgrep -s {old}").split()
    configured.sh("ox1", f"kill -9 {old}")
    assert status(configured, "ox1", "start") == 0
    answer = json.loads(configured.sh("ox1", "/opt/open-xchange/usm/sbin/probe"))
    assert str(answer["pid"]) == process(configured) != old
    assert not set(workers) & set(configured.sh("ox1", "ps -eo pid=").split())
    assert (
        len(
            configured.sh("ox1", "ls -d /run/open-xchange-usm/* /tmp/open-xchange-usm-*", check=False).split()
        )
        == 1
    )
    assert status(configured, "ox1", "stop") == 0
    assert configured.sh("ox1", "ls -d /run/open-xchange-usm* /tmp/open-xchange-usm-*", check=False) == ""


def test_a_stop_ends_workers_whose_master_was_killed(configured: LabHosts) -> None:
    assert status(configured, "ox1", "start") == 0
    old = process(configured)
    configured.sh("ox1", f"kill -9 {old}")
    assert status(configured, "ox1", "stop") == 0
    # What has given up its memory, and only has to be taken off the list of processes, counts as ended.
    gone = f"for i in $(seq 50); do pgrep -s {old} -r R,S,D || exit 0; sleep 0.1; done; exit 1"
    assert configured.run("ox1", "sh", "-c", gone, check=False).returncode == 0


def test_a_start_that_fails_is_told_and_leaves_nothing_running(configured: LabHosts) -> None:
    configured.sh("ox1", "echo what was said before >>/var/log/open-xchange/open-xchange-usm.out")
    configured.sh("ox1", f"echo com.openexchange.usm.listen.port=x >>{ETC}/usm.properties")
    done = configured.run("ox1", SERVICE, "start", check=False)
    assert done.returncode == 1
    assert "com.openexchange.usm.listen.port=x" in done.stderr
    assert "what was said before" not in done.stderr
    assert status(configured, "ox1", "status") == 3


def test_a_start_waits_for_as_many_seconds_as_it_is_told(configured: LabHosts) -> None:
    configured.sh(
        "ox1", "printf '#!/bin/sh\\nwhile :; do sleep 0.1; done\\n' >/root/hangs; chmod 755 /root /root/hangs"
    )
    configured.sh("ox1", "printf 'DAEMON=/root/hangs\\nSTART_TIMEOUT=2\\n' >>/etc/default/open-xchange-usm")
    try:
        began = time.monotonic()
        assert status(configured, "ox1", "start") == 1
        assert 2 <= time.monotonic() - began < 10
        assert configured.sh("ox1", "pgrep -f [/]root/hangs", check=False) == ""
    finally:
        configured.sh(
            "ox1", "sed -i '/^DAEMON=/d; /^START_TIMEOUT=/d' /etc/default/open-xchange-usm; chmod 700 /root"
        )


def test_an_upgrade_restarts_a_service_that_runs(configured: LabHosts, deb: Deb) -> None:
    assert status(configured, "ox1", "start") == 0
    first = process(configured)
    configured.run("ox1", "dpkg", "--install", PACKAGE)
    assert status(configured, "ox1", "status") == 0
    assert process(configured) != first


def test_a_host_that_forbids_starting_is_obeyed(configured: LabHosts, deb: Deb) -> None:
    configured.sh(
        "ox1", "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"
    )
    try:
        configured.run("ox1", "dpkg", "--install", PACKAGE)
        assert status(configured, "ox1", "status") == 3
    finally:
        configured.sh("ox1", "rm /usr/sbin/policy-rc.d")


def test_a_deployment_that_is_under_way_starts_the_service_itself(configured: LabHosts, deb: Deb) -> None:
    configured.sh("ox1", "echo 1.0.0 >/var/lib/open-xchange-usm/owed")
    configured.run("ox1", "dpkg", "--install", PACKAGE)
    assert status(configured, "ox1", "status") == 3
    configured.sh("ox1", "rm /var/lib/open-xchange-usm/owed")


def process(hosts: LabHosts) -> str:
    return Path(hosts.root("ox1"), "run/open-xchange-usm.pid").read_text().strip()
