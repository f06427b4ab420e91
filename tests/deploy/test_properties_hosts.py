"""Settings, accounts and secrets on the lab's hosts: what somebody edited stays, what is secret is seen by nobody."""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import plan
from lab.testing import LabHosts, Labs
from tests.deploy import exposure
from tests.deploy.hosts import ETC, NODES, Deployment, Outcome
from tests.packaging.deb import PROJECT, Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

SBIN = "/opt/open-xchange/sbin"
USM, EAS = f"{ETC}/usm.properties", f"{ETC}/eas.properties"
RENDERED = "/var/lib/open-xchange-usm/rendered"
STEP = "Change {} while the others serve"
WORKERS = "com.openexchange.usm.workers"
HEARTBEAT = "com.openexchange.usm.eas.ping.max_heartbeat"
WINDOW = "com.openexchange.usm.eas.sync.max_window_size"

CHOSEN = ("-y", "--data", "max_window=200")
"""What the runs after the first are told, so that the nodes are changed once."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords that are nowhere else, so that each can be looked for."""

    master: str
    context: str
    database: str
    test: str

    @property
    def all(self) -> list[str]:
        return [self.master, self.context, self.database, self.test]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "OX_MASTER_PASSWORD": self.master,
            "OX_CONTEXT_PASSWORD": self.context,
            "USM_DATABASE_URL": f"mysql+pymysql://usm:{self.database}@{plan.host('db1').address}/usmstate",
            "USM_TEST_PASSWORD": self.test,
        }


@dataclass(frozen=True, slots=True)
class First:
    """The first run, and what could have been seen while it went on."""

    outcome: Outcome
    lines: set[str]
    files: dict[str, exposure.Exposed]
    result: str
    log: str


@pytest.fixture(scope="module")
def deployment(lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(lab_of.fresh(), deb, tmp_path_factory.mktemp("deployment"))


@pytest.fixture(scope="module")
def hush(deployment: Deployment) -> Secrets:
    """Passwords of the installation, made for these tests. The master's is the lab's own."""
    hosts = deployment.hosts
    made = Secrets(hosts.passwords["oxadminmaster"], *(f"hush-{randomness.token_hex(8)}" for _ in range(3)))
    for context in (1, 2):
        change(hosts, context, "oxadmin", "--password", made.context)
    change(hosts, 1, "anton", "--password", made.test, password=made.context)
    hosts.mysql("CREATE DATABASE usmstate")
    hosts.run("db1", "mariadb", stdin=f"GRANT ALL ON usmstate.* TO usm@'%' IDENTIFIED BY '{made.database}'")
    return made


def change(hosts: LabHosts, context: int, user: str, *options: str, password: str = "secret") -> None:
    """``changeuser``, not by the deployment."""
    words = " ".join([f"-A oxadmin -c {context} -u {user}", *options])
    script = f"read -r ADMIN_PASSWORD; export ADMIN_PASSWORD; {SBIN}/changeuser {words}"
    hosts.run("ox1", "sh", "-c", script, stdin=f"{password}\n")


def rights(hosts: LabHosts, context: int) -> dict[str, set[str]]:
    """The rights of all users of a context, as the database has them."""
    statement = (
        f"SELECT login2user.uid, user_configuration.permissions FROM oxdatabase_{context + 4}.login2user"
        f" JOIN oxdatabase_{context + 4}.user_configuration USING (cid) WHERE user_configuration.user = login2user.id"
        f" AND cid = {context}"
    )
    return {name: bits(int(number)) for name, number in hosts.mysql(statement)}


def bits(number: int) -> set[str]:
    names = {1 << 25: "active_sync", 1 << 26: "usm"}
    return {names.get(1 << at, str(at)) for at in range(32) if number >> at & 1}


BOTH = {"usm", "active_sync"}


@pytest.fixture(scope="module")
def first(deployment: Deployment, hush: Secrets, tmp_path_factory: pytest.TempPathFactory) -> First:
    """The first run, with all that pyinfra can print, on hosts where somebody looks at everything."""
    logs = tmp_path_factory.mktemp("logs")
    hosts = deployment.hosts
    names = [each.name for each in hosts.lab.hosts]
    with exposure.command_lines(hush.all) as lines, watched(hosts, names, hush) as files:
        environment = {**hush.environment, "USM_DEPLOY_LOG": str(logs)}
        outcome = deployment.run("-y", "-vvv", "--diff", **environment)
    assert outcome.status == 0, outcome.printed[-4000:] + "".join(said_by(hosts, name) for name in NODES)
    (log,) = logs.glob("*.log")
    return First(outcome, lines, files, (deployment.folder / "result.json").read_text(), log.read_text())


def said_by(hosts: LabHosts, name: str) -> str:
    """The last lines of the service's log on a node."""
    return f"\n{name}:\n" + hosts.sh(
        name, "tail -n 30 /var/log/open-xchange/open-xchange-usm.log", check=False
    )


@contextmanager
def watched(hosts: LabHosts, names: list[str], hush: Secrets) -> Iterator[dict[str, exposure.Exposed]]:
    """The files of some hosts."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(exposure.files([hosts.root(name)], hush.all)) for name in names}


def test_no_secret_is_printed_logged_or_in_the_result(first: First, hush: Secrets) -> None:
    told = {"output": first.outcome.printed, "result": first.result, "log": first.log}
    debug = PROJECT / "pyinfra-debug.log"
    if debug.exists():
        told["pyinfra-debug.log"] = debug.read_text(errors="replace")
    assert {name: exposure.found_in(text.encode(), hush.all) for name, text in told.items()} == {
        name: set() for name in told
    }
    # The run did use them, and the log did see the commands.
    assert "properties.sh write" in first.log
    assert "changecontext" in first.log


def test_no_secret_was_on_a_command_line(first: First) -> None:
    assert first.lines == set()


def test_no_secret_could_be_read_by_anybody_for_a_moment(first: First) -> None:
    assert {name: exposed.files for name, exposed in first.files.items() if exposed.files} == {}
    assert all(first.files[name].looked_at > 0 for name in NODES)


def test_no_file_that_anybody_may_read_holds_a_secret(
    first: First, deployment: Deployment, hush: Secrets
) -> None:
    """Whatever the run has left on the nodes; the secrets are in the settings, where nobody else sees them."""
    hosts = deployment.hosts
    hosts.run("ox1", "sh", "-c", "cat >/var/tmp/planted", stdin=f"x{hush.test}x\n")
    found = {name: readable_with(hosts, name, hush) for name in NODES}
    hosts.sh("ox1", "rm /var/tmp/planted")
    assert found == {"ox1": "/var/tmp/planted\n", "ox2": ""}
    for name in NODES:
        assert hush.database in deployment.hosts.sh(name, f"cat {USM}")
        modes = deployment.hosts.sh(
            name, f"stat -c '%a %U:%G' {USM} {EAS} {RENDERED} {RENDERED}/usm.properties"
        )
        assert modes.split("\n")[:4] == ["640 root:open-xchange"] * 2 + ["700 root:root", "600 root:root"]


def readable_with(hosts: LabHosts, name: str, hush: Secrets) -> str:
    """Files of a host that anybody may read and that hold a secret, one a line."""
    script = (
        "find / -xdev -type f -perm -004 -not -path '/proc/*' -not -path '/sys/*' -not -path '/usr/*'"
        ' -exec grep -lF -e "$(cat)" {} + || true'
    )
    return hosts.run(name, "sh", "-c", script, stdin="\n".join(hush.all)).stdout


def test_the_service_works_with_the_database_from_the_secrets(first: First, deployment: Deployment) -> None:
    tables = {row[0] for row in deployment.hosts.mysql("SHOW TABLES FROM usmstate")}
    assert {"USMSession", "USMDataStorage"} <= tables


def test_a_second_run_is_empty_and_reads_no_settings(
    first: First, deployment: Deployment, hush: Secrets, tmp_path: Path
) -> None:
    done = deployment.run("-y", **hush.environment, USM_DEPLOY_LOG=str(tmp_path))
    assert (done.status, done.changed) == (0, {}), done.ending
    (log,) = tmp_path.glob("*.log")
    assert "properties.sh" not in log.read_text()


# What administrators edit.


@pytest.fixture
def deployed(deployment: Deployment, first: First) -> Deployment:
    return deployment


def edit(hosts: LabHosts, name: str, path: str, key: str, value: str) -> None:
    hosts.sh(
        name, f"sed -i 's/^{re.escape(key)}=.*/{key} = {value}/' {path}; grep -q '{key} = {value}' {path}"
    )


def test_what_was_edited_on_a_host_stays_unless_the_settings_name_it(
    deployed: Deployment, hush: Secrets, tmp_path: Path
) -> None:
    hosts = deployed.hosts
    before = hosts.sh("ox1", f"cat {USM}")
    edit(hosts, "ox1", USM, WORKERS, "2")
    edit(hosts, "ox1", EAS, HEARTBEAT, "1200")
    edit(hosts, "ox1", EAS, WINDOW, "300")
    hosts.sh(
        "ox1",
        f"printf '# another program\\r\\nproxy.password : x-{hush.test} \\r\\n' >>{USM}; touch {USM}.dpkg-dist",
    )
    kept = hosts.sh("ox1", f"cat {USM}")
    with exposure.files([hosts.root("ox1")], hush.all) as exposed:
        done = deployed.run(
            "-y", "--data", "max_window=200", **hush.environment, USM_DEPLOY_LOG=str(tmp_path)
        )
    assert (done.status, done.changed) == (
        0,
        {name: [STEP.format(name)] for name in NODES},
    ), done.ending
    after = hosts.sh("ox1", f"cat {USM}")
    assert after.startswith(before.replace(f"{WORKERS}=0", f"{WORKERS}=2"))
    assert after.endswith(f"\n\n# another program\nproxy.password : x-{hush.test} \n")
    assert {f"{HEARTBEAT}=1200", f"{WINDOW}=200"} < set(hosts.sh("ox1", f"cat {EAS}").split("\n"))
    copies = hosts.sh("ox1", f"ls {USM}.* {EAS}.*").split()
    assert [re.sub(r"\d{14}", "DATE", path) for path in copies] == [
        f"{EAS}.DATE",
        f"{USM}.DATE",
        f"{USM}.DATE.dpkg-dist",
    ]
    assert hosts.sh("ox1", f"cat {copies[1]}") == kept
    for line in (f"[ox1] -{WINDOW}=300", f"[ox1] +{WINDOW}=200", f"[ox2] -{WINDOW}=512"):
        assert line in done.printed
    assert f"{WORKERS}=2 on this host; say it in group_data" in done.printed
    (log,) = tmp_path.glob("*.log")
    result = (deployed.folder / "result.json").read_text()
    assert exposure.found_in((done.printed + result + log.read_text()).encode(), hush.all) == set()
    assert exposed.files == {}


def test_the_run_after_an_edit_was_kept_is_empty(deployed: Deployment, hush: Secrets) -> None:
    done = deployed.run(*CHOSEN, **hush.environment)
    assert (done.status, done.changed) == (0, {}), done.ending


def test_a_value_on_a_host_that_cannot_be_used_stops_the_run_before_anything_is_touched(
    deployed: Deployment, hush: Secrets
) -> None:
    hosts = deployed.hosts
    before = hosts.sh("ox2", f"cat {USM}")
    edit(hosts, "ox2", USM, WORKERS, "four")
    line = hosts.sh("ox2", f"grep -n '^{WORKERS}' {USM}").partition(":")[0]
    state = hosts.sh("ox1", f"ls -l --time-style=full-iso {ETC} {RENDERED}")
    done = deployed.run("-y", "--data", "max_window=300", **hush.environment)
    assert done.status != 0
    assert (
        f"edited on ox2 cannot be used: {USM}:{line}: {WORKERS}=four: expected a whole number" in done.printed
    )
    assert hosts.sh("ox1", f"ls -l --time-style=full-iso {ETC} {RENDERED}") == state
    hosts.run("ox2", "sh", "-c", f"cat >{USM}", stdin=before)


# Accounts.


def test_only_the_rights_that_were_asked_for_change(deployed: Deployment, hush: Secrets) -> None:
    """In context 2 one user's other rights differ: changecontext would level them."""
    hosts = deployed.hosts
    change(hosts, 2, "emil", "--access-calendar", "off", password=hush.context)
    before = {context: rights(hosts, context) for context in (1, 2)}
    assert before[2]["dora"] >= BOTH
    wanted = {"activesync": {1: ["caesar"]}, "activesync_off": {1: ["anton", "berta"], 2: "all"}}
    done = with_accounts(deployed, hush, wanted)
    assert done.status == 0, done.ending
    after = {context: rights(hosts, context) for context in (1, 2)}
    for context, users in before.items():
        assert {name: found - BOTH for name, found in after[context].items()} == {
            name: found - BOTH for name, found in users.items()
        }
    have = {(context, name) for context in after for name, found in after[context].items() if found & BOTH}
    assert have == {(1, "caesar")}


def test_whoever_may_synchronise_unasked_is_reported(deployed: Deployment, hush: Secrets) -> None:
    done = with_accounts(deployed, hush, {"activesync": {1: ["anton"]}, "activesync_off": {}})
    assert done.status == 0, done.ending
    assert "context 1: 1 user (caesar) may synchronise though no setting names them" in done.printed
    assert rights(deployed.hosts, 1)["caesar"] >= BOTH


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"activesync": {1: ["anton"], 2: ["drao"]}}, "context 2 has no user drao (did you mean dora?)"),
        ({"activesync": {99: "all"}}, "there is no context 99"),
        (
            {"activesync": {1: ["anton"]}, "activesync_off": {1: ["anton"]}},
            "context 1: anton in activesync and in",
        ),
    ],
)
def test_a_mistake_in_the_accounts_is_told_before_anything_is_touched(
    deployed: Deployment, hush: Secrets, wanted: dict[str, Any], said: str
) -> None:
    before = rights(deployed.hosts, 1)
    done = with_accounts(deployed, hush, wanted, "--data", "max_window=400")
    assert done.status != 0
    assert said in done.printed
    assert rights(deployed.hosts, 1) == before
    assert "=400" not in deployed.hosts.sh("ox1", f"cat {EAS}")


def with_accounts(deployed: Deployment, hush: Secrets, wanted: dict[str, Any], *words: str) -> Outcome:
    """A run with other accounts: settings that are no words come from a file beside the others."""
    folder = deployed.folder / "accounts"
    folder.mkdir(exist_ok=True)
    (folder / "lab.py").write_text(
        (PROJECT / "group_data/lab.py").read_text()
        + "".join(f"{name} = {value!r}\n" for name, value in wanted.items())
    )
    more = ("--group-data", str(folder), "--data", "test_login=")
    return deployed.run(*CHOSEN, *more, *words, **hush.environment)
