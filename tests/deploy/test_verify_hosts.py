"""What an administrator is told of hosts: by a deployment at its end, and by a look at a whole estate."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab import keys, plan
from lab.packages import vendor
from lab.testing import LabHosts, Labs
from tests.deploy.hosts import PYINFRA, Deployment
from tests.packaging.deb import PROJECT, Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

TEST_PASSWORD = "secret"


@dataclass(frozen=True)
class Estate:
    """A lab's hosts, deployed to and looked at."""

    hosts: LabHosts
    deployment: Deployment
    folder: Path

    def deploy(self, *words: str) -> tuple[int, str, dict[str, Any]]:
        """Exit status, what was printed, and the result."""
        done = self.deployment.run(
            "-y", *words, USM_TEST_PASSWORD=TEST_PASSWORD, USM_DEPLOY_LOG=str(self.folder / "logs")
        )
        return done.status, done.printed, json.loads((self.deployment.folder / "result.json").read_text())

    def verify(self, *words: str) -> tuple[int, list[list[str]], list[str], dict[str, Any]]:
        """Exit status, the cells of the table, the problems below, and the JSON. Secrets are out of reach."""
        file = self.folder / "verify.json"
        file.unlink(missing_ok=True)
        command = [
            PYINFRA,
            "inventory/lab.py",
            "tasks/verify.py",
            "--data",
            "secrets_file=/nonexistent",
            *words,
        ]
        environment = {**os.environ, **self.hosts.environment, "USM_VERIFY_JSON": str(file)}
        done = subprocess.run(
            self.hosts.command_inside(*command),
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "host" in done.stdout, done.stderr
        rows, _, problems = done.stdout.partition("\n\n")
        cells = [[cell for cell in line.split("  ") if cell] for line in rows.splitlines()]
        stripped = [[cell.strip() for cell in line] for line in cells]
        return done.returncode, stripped[1:], problems.splitlines(), json.loads(file.read_text())


@pytest.fixture(scope="module")
def bare(lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """Hosts with nothing of ours; the vendor's bundles on one."""
    hosts = lab_of.fresh()
    folder = tmp_path_factory.mktemp("estate")
    package = vendor.build(folder)
    target = hosts.root("ox1") / "root" / package.name
    target.write_bytes(package.read_bytes())
    hosts.sh("ox1", f"dpkg -i /root/{package.name}")
    return Estate(hosts, Deployment(hosts, deb, folder), folder)


@pytest.fixture(scope="module")
def looked(bare: Estate) -> tuple[int, list[list[str]], list[str], dict[str, Any]]:
    """What there was to see before anything was deployed."""
    return bare.verify()


@pytest.fixture(scope="module")
def first(bare: Estate, looked: object) -> tuple[int, str, dict[str, Any]]:
    """The first deployment, on hosts without the vendor's package again."""
    bare.hosts.sh("ox1", "dpkg --purge open-xchange-usm")
    return bare.deploy()


@pytest.fixture
def estate(bare: Estate, first: tuple[int, str, dict[str, Any]]) -> Estate:
    """Everything deployed."""
    assert first[0] == 0, first[1]
    return bare


def test_hosts_without_anything_of_ours_have_their_rows(
    looked: tuple[int, list[list[str]], list[str], dict[str, Any]],
) -> None:
    status, rows, problems, found = looked
    assert status == 1
    assert [row[0] for row in rows] == ["web1", "ox1", "ox2", "db1"]
    assert rows[1][2].endswith("(vendor)")
    assert rows[2][2] == "none"
    assert (
        "ox1: what is installed is the vendor's bundles, not this application: deploy.py replaces it"
        in problems
    )
    assert "ox2: nothing is installed: deploy.py installs it" in problems
    assert found["well"] is False


def test_a_deployment_tells_at_its_end_what_it_did(first: tuple[int, str, dict[str, Any]]) -> None:
    status, printed, result = first
    assert (status, result["complete"], result["outcome"]) == (0, True, "done"), printed
    end = printed[printed.rindex("--> Done in") :]
    assert "ox1, ox2: restarted open-xchange-usm" in end
    assert f"every command: {result['log']}" in end
    assert "open-xchange-usm" in result["restarted"]["ox2"]
    assert re.fullmatch(r"1\.0\.0 [0-9a-f]{16}", result["package"])
    assert result["hosts"] == ["db1", "ox1", "ox2", "web1"]


def test_every_command_is_in_the_log_and_no_secret(
    first: tuple[int, str, dict[str, Any]], estate: Estate
) -> None:
    text = Path(first[2]["log"]).read_text()
    for host in ("web1", "ox1", "ox2"):
        assert f" {host} #" in text
    assert "resetversion" in text
    for password in keys.passwords(estate.hosts.lab).values():
        assert password not in text


def test_the_checks_have_played_a_phone_on_each_node_and_through_the_web_server(estate: Estate) -> None:
    rows = estate.hosts.mysql(
        "SELECT device FROM oxdatabase_5.USMSession WHERE device LIKE 'USMDEPLOYCHECK%'"
    )
    assert len(rows) == 3


def test_an_estate_that_is_well_says_so_and_nothing_is_changed_by_looking(estate: Estate) -> None:
    before = picture(estate)
    status, rows, problems, found = estate.verify()
    assert (status, problems) == (0, ["All is well on 4 hosts."])
    assert picture(estate) == before
    assert [row[3] for row in rows] == ["runs"] * 4
    assert rows[1][4:8] == ["yes", "2 ready", "-", "in"]
    assert (found["well"], found["problems"]) == (True, [])
    assert {host["version"] for host in found["hosts"] if "ox" in host["roles"]} == {"1.0.0"}


def picture(estate: Estate) -> dict[str, str]:
    """The files of each host with times, mode, owner and content; and the rows of the databases."""
    places = "/etc /root /opt /usr/local /home /srv /var/lib/dpkg /var/lib/open-xchange-usm"
    script = f"find {places} -xdev ! -type d -printf '%p %T@ %C@ %m %u\\n' | sort;"
    script += f" find {places} -xdev -type f -print0 | sort -z | xargs -0 -r sha256sum"
    found = {name: estate.hosts.sh(name, script, check=False) for name in ("web1", "ox1", "ox2", "db1")}
    for table in ("USMSession", "USMDataStorage", "version", "updateTask"):
        found[table] = str(estate.hosts.mysql(f"CHECKSUM TABLE oxdatabase_5.{table}, oxdatabase_6.{table}"))
    return found


def test_what_is_wrong_is_told_and_hosts_out_of_reach_keep_nobody_from_their_rows(estate: Estate) -> None:
    hosts = estate.hosts
    hosts.sh("ox1", "/etc/init.d/open-xchange-usm stop")
    hosts.sh("ox2", "touch /var/lib/open-xchange-usm/drained")
    hosts.sh("db1", "/etc/init.d/ssh stop")
    try:
        status, rows, problems, found = estate.verify()
    finally:
        hosts.sh("ox1", "/etc/init.d/open-xchange-usm start")
        hosts.sh("ox2", "rm /var/lib/open-xchange-usm/drained")
        hosts.sh("db1", "/etc/init.d/ssh start")
    assert status == 1
    assert rows[1][3] == "stopped"
    assert rows[2][7] == "out"
    assert rows[3][2] == "unreachable"
    assert any(line.startswith("ox1: the service does not run") for line in problems)
    assert any(line.startswith("ox2: it is out of the balancer") for line in problems)
    assert any(line.startswith("db1: unreachable: ") for line in problems)
    assert [host["reachable"] for host in found["hosts"]] == [True, True, True, False]


def test_a_host_out_of_reach_ends_a_deployment_before_anything_is_touched(estate: Estate) -> None:
    estate.hosts.sh("ox2", "/etc/init.d/ssh stop")
    try:
        status, printed, result = estate.deploy("--data", "max_heartbeat=900")
    finally:
        estate.hosts.sh("ox2", "/etc/init.d/ssh start")
    assert (status, result["outcome"]) == (1, "refused")
    assert "before its first step: nothing has been touched on any host" in printed
    assert "not reached: ox2" in printed
    assert estate.deploy()[2]["changed"] == {}


@contextmanager
def another_server(hosts: LabHosts) -> Iterator[str]:
    """A web server on the machine of the deployment that has a friendly page for every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

        def log_message(self, *words: Any) -> None:
            pass

    server = hosts.call(lambda: ThreadingHTTPServer((plan.CONTROLLER, 0), Handler))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{plan.CONTROLLER}:{server.server_port}/ajax/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_wrong_ox_url_fails_the_first_node_and_the_other_goes_on_serving(estate: Estate) -> None:
    """The address answers, but what answers is not Open-Xchange."""
    started = estate.hosts.sh("ox2", "cat /run/open-xchange-usm.pid")
    with another_server(estate.hosts) as url:
        status, printed, result = estate.deploy("--data", f"ox_url={url}")
    assert status == 1
    [error] = result["errors"]
    assert error["host"] == "ox1"
    wrong = f"{url} (ox_url) answers with HTTP status 200, but not as Open-Xchange does"
    assert error["output"][0].startswith(f"asked on the node itself: {wrong}")
    assert "ox_url points at something that is not Open-Xchange" in printed
    assert estate.hosts.sh("ox2", "cat /run/open-xchange-usm.pid") == started
    assert {estate.deployment.options("anton@example.org")[0] for _ in range(4)} == {200}
    status, printed, result = estate.deploy()
    assert (status, set(result["changed"])) == (0, {"ox1"}), printed
    assert estate.verify()[0] == 0
