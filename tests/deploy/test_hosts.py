"""The deployment on the lab's hosts, over ssh, as an administrator runs it: hosts as they were, hosts as they are."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import plan
from lab.deployment import listening
from lab.device import Phone, ServerUnavailable
from lab.testing import LabHosts, Labs
from tasks import scripts
from tests.deploy import exposure
from tests.deploy.hosts import (
    CFG,
    ETC,
    NODES,
    OWED,
    PARKED,
    RESETVERSION,
    Deployment,
    Outcome,
    eventually,
    exists,
)
from tests.packaging.deb import Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def deployment(lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(lab_of.fresh(), deb, tmp_path_factory.mktemp("deployment"))


@pytest.fixture(scope="module")
def before(deployment: Deployment) -> dict[str, str]:
    """Open-Xchange's own files on the nodes before anything was deployed."""
    return {name: deployment.hosts.sh(name, f"cd {ETC} && sha256sum *") for name in NODES}


@pytest.fixture(scope="module")
def foretold(deployment: Deployment, before: dict[str, str]) -> dict[str, set[str]]:
    """What a dry run says that a first run will change, by host."""
    return deployment.foretold()


@pytest.fixture(scope="module")
def first(deployment: Deployment, foretold: dict[str, set[str]]) -> Outcome:
    """The first run, by the guide's literal command."""
    done = deployment.run(inventory="inventory")
    assert done.status == 0, done.ending
    return done


@pytest.fixture
def deployed(deployment: Deployment, first: Outcome) -> Deployment:
    """Everything deployed. A test that uses this leaves the hosts so."""
    return deployment


@pytest.fixture
def mended(deployed: Deployment) -> Iterator[Deployment]:
    """Everything deployed; whatever a test does to the hosts is put right by the next plain run."""
    yield deployed
    done = deployed.run()
    assert (done.status, done.complete) == (0, True), done.ending


def rights(hosts: LabHosts, context: int, user: str) -> set[str]:
    tool = "/opt/open-xchange/sbin/getusercapabilities"
    script = f"ADMIN_PASSWORD={hosts.passwords['oxadmin']} {tool} -A oxadmin -c {context} -u {user}"
    return {"usm", "active_sync"} & set(hosts.sh("ox1", script).split())


def test_the_literal_command_installs_everything(first: Outcome, deployment: Deployment) -> None:
    assert first.complete
    for name in NODES:
        assert deployment.hosts.run(name, "/etc/init.d/open-xchange-usm", "status").returncode == 0
        assert not exists(deployment.hosts, name, OWED)
    assert deployment.options("anton@example.org") == (200, "2.5,12.0,12.1,14.0,14.1,16.0,16.1")


def test_a_dry_run_foretells_the_first_run_exactly(first: Outcome, foretold: dict[str, set[str]]) -> None:
    assert {host: set(steps) for host, steps in first.changed.items()} == foretold


def test_open_xchanges_own_files_are_as_they_were(
    first: Outcome, deployment: Deployment, before: dict[str, str]
) -> None:
    for name in NODES:
        ours = f"cd {ETC} && ls | grep -v -e '^usm' -e '^eas' | xargs sha256sum"
        assert deployment.hosts.sh(name, ours) == before[name]
        assert not exists(deployment.hosts, name, PARKED)


def test_the_update_tasks_of_every_schema_are_run_again(first: Outcome, deployment: Deployment) -> None:
    """A login has been since for context 1; that of context 3, in the other schema, is still to come."""
    assert deployment.hosts.mysql("SELECT version FROM oxdatabase_6.version") == [["33"]]
    executed = deployment.hosts.mysql("SELECT COUNT(*) FROM oxdatabase_5.updateTask")
    assert int(executed[0][0]) > 0


@pytest.mark.parametrize("schema", ["oxdatabase_5", "oxdatabase_6"])
def test_our_tables_are_in_every_schema(first: Outcome, deployment: Deployment, schema: str) -> None:
    tables = {row[0] for row in deployment.hosts.mysql(f"SHOW TABLES FROM {schema}")}
    assert {"USMSession", "USMDataStorage", "usmIdMapping", "easUIDMapping"} <= tables


def test_only_those_who_were_named_may_synchronise(first: Outcome, deployment: Deployment) -> None:
    both = {"usm", "active_sync"}
    named = {
        (1, "anton"): both,
        (1, "berta"): both,
        (1, "caesar"): set(),
        (2, "dora"): both,
        (2, "friedrich"): both,
    }
    assert {key: rights(deployment.hosts, *key) for key in named} == named
    assert rights(deployment.hosts, 3, "gustav") == set()
    assert deployment.options("caesar@example.org")[0] == 403


def test_apache_forwards_activesync_and_nothing_else_of_ours(first: Outcome, deployment: Deployment) -> None:
    def status(url: str) -> str:
        told = ("--silent", "--output", "/dev/null", "--write-out", "%{http_code}")
        return deployment.hosts.inside("curl", *told, url).stdout

    assert deployment.options()[0] == 401
    assert status("http://web1/usm/health") == status("http://web1/usm/metrics") == "404"
    assert status("http://web1/ajax/login") == status("http://ox1:8009/ajax/login")


def test_both_nodes_serve_and_one_alone_serves_too(deployed: Deployment) -> None:
    deployed.hosts.run("ox1", "/etc/init.d/open-xchange-usm", "stop")
    assert {deployed.options("anton@example.org")[0] for _ in range(4)} == {200}
    deployed.hosts.run("ox1", "/etc/init.d/open-xchange-usm", "start")


GROUPWARE = "/etc/init.d/open-xchange-groupware"
STOPS = {
    "MariaDB": (("db1", "/etc/init.d/mariadb stop"),),
    "OX": tuple((node, f"{GROUPWARE} stop") for node in NODES),
}
STARTS = {
    "MariaDB": (("db1", "/etc/init.d/mariadb start"), *((node, f"{GROUPWARE} restart") for node in NODES)),
    "OX": tuple((node, f"{GROUPWARE} start") for node in NODES),
}


@pytest.mark.parametrize("gone", STOPS)
def test_a_phone_is_told_to_come_back_while_something_is_stopped(deployed: Deployment, gone: str) -> None:
    """503 with Retry-After: never "wrong password", never "start over"."""
    phone = Phone(
        f"http://{plan.host('web1').address}",
        "anton@example.org",
        "secret",
        device_id=f"OUTAGE{gone.upper()}",
        timeout=60,
    )

    def synchronise() -> None:
        phone.folder_sync()
        phone.sync_all(phone.folder_of_type(9).server_id)

    def is_told_to_come_back() -> bool:
        with pytest.raises(ServerUnavailable) as caught:
            phone.folder_sync()
        return (caught.value.retry_after or 0) > 0

    deployed.hosts.call(phone.provision)
    deployed.hosts.call(synchronise)
    held = {collection: set(phone.items(collection)) for collection in phone.collections}
    for name, command in STOPS[gone]:
        deployed.hosts.sh(name, command)
    try:
        assert deployed.hosts.call(is_told_to_come_back)
        assert deployed.hosts.call(is_told_to_come_back)
    finally:
        for name, command in STARTS[gone]:
            deployed.hosts.sh(name, command)
    deployed.hosts.call(synchronise)
    assert {collection: set(phone.items(collection)) for collection in phone.collections} == held
    assert phone.anomalies == []


def test_settings_can_be_read_by_the_service_alone(first: Outcome, deployment: Deployment) -> None:
    for name in NODES:
        modes = deployment.hosts.sh(name, f"stat -c '%a %U:%G' {ETC}/usm.properties {ETC}/eas.properties")
        assert modes.splitlines() == ["640 root:open-xchange"] * 2


def test_the_second_run_changes_nothing_restarts_nothing_and_says_so(
    first: Outcome, deployment: Deployment
) -> None:
    processes = listening(deployment.hosts.lab)
    done = deployment.run()
    assert (done.status, done.complete, done.changed, done.failed) == (0, True, {}, {}), done.ending
    assert "Nothing was changed and nothing restarted" in done.printed
    assert listening(deployment.hosts.lab) == processes


def test_a_dry_run_of_what_is_deployed_foretells_nothing(first: Outcome, deployment: Deployment) -> None:
    done = deployment.run("--dry", "--json")
    plan = json.loads(done.printed[done.printed.index("{") : done.printed.rindex("}") + 1])["plan"]
    assert plan
    assert [
        step["name"] for step in plan if step["hosts_with_change"] or step["hosts_with_conditional_change"]
    ] == []


def test_a_changed_setting_restarts_our_service_and_nothing_else(mended: Deployment) -> None:
    groupware = mended.hosts.sh("ox1", "cat /var/run/open-xchange-groupware.pid")
    done = mended.run("-y", "--data", "max_heartbeat=900")
    assert done.changed == {name: [f"Change {name} while the others serve"] for name in NODES}
    assert mended.hosts.sh("ox1", "cat /var/run/open-xchange-groupware.pid") == groupware
    kept = mended.hosts.sh("ox1", f"grep -l max_heartbeat=1770 {ETC}/eas.properties.2*")
    assert kept


def test_a_run_that_was_cut_off_before_the_restart_is_completed_by_the_next(deployed: Deployment) -> None:
    """The settings are there already, but the service does not run with them yet."""
    deployed.hosts.sh("ox2", f"printf '# by hand\\n' >>{ETC}/usm.properties")
    deployed.hosts.sh("ox2", "echo 1.0.0 other >/var/lib/open-xchange-usm/started")
    done = deployed.run()
    assert done.changed == {"ox2": ["Change ox2 while the others serve"]}


def owe(deployment: Deployment) -> None:
    """As if a new package had just been installed on both nodes."""
    for name in NODES:
        deployment.hosts.sh(name, f"echo 1.0.0 test >{OWED}")


@pytest.fixture
def slow(mended: Deployment) -> Iterator[Deployment]:
    """Resetting the version takes longer than a test needs to interfere."""
    replace(mended.hosts, f'sleep 7; exec {RESETVERSION}.real "$@"')
    yield mended
    restore(mended.hosts)


@pytest.fixture
def broken(mended: Deployment) -> Iterator[Deployment]:
    """Resetting the version fails."""
    replace(mended.hosts, "echo 'Error: the server is out of order' >&2; exit 1")
    yield mended
    restore(mended.hosts)


def replace(hosts: LabHosts, script: str) -> None:
    hosts.run("ox1", "mv", RESETVERSION, f"{RESETVERSION}.real")
    hosts.run(
        "ox1", "sh", "-c", f"cat >{RESETVERSION}; chmod 755 {RESETVERSION}", stdin=f"#!/bin/sh\n{script}\n"
    )


def restore(hosts: LabHosts) -> None:
    hosts.sh("ox1", f"[ ! -e {RESETVERSION}.real ] || mv -f {RESETVERSION}.real {RESETVERSION}")


def in_place(hosts: LabHosts) -> bool:
    return all(exists(hosts, name, CFG) and not exists(hosts, name, PARKED) for name in NODES)


def parked(hosts: LabHosts) -> bool:
    return all(exists(hosts, name, PARKED) and not exists(hosts, name, CFG) for name in NODES)


def pyinfra_inside(process: subprocess.Popen[str]) -> int:
    """The namespace is entered by exec alone, so the process that was started is pyinfra itself."""
    assert b"pyinfra" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    return process.pid


def test_a_killed_deployment_leaves_updatetasks_cfg_in_place_and_the_next_run_completes_it(
    slow: Deployment, before: dict[str, str]
) -> None:
    owe(slow)
    process = slow.start()
    try:
        eventually(lambda: parked(slow.hosts), 60, "updatetasks.cfg was parked")
        os.kill(pyinfra_inside(process), signal.SIGKILL)
        took = eventually(lambda: in_place(slow.hosts), 60, "updatetasks.cfg came back")
    finally:
        process.kill()
        process.communicate()
    assert took < 15
    assert exists(slow.hosts, "ox1", OWED)
    restore(slow.hosts)
    done = slow.run()
    assert (done.status, done.complete) == (0, True), done.ending
    assert "Reset the database version of each schema" in done.changed["ox1"]
    assert all(not exists(slow.hosts, name, OWED) for name in NODES)
    for name in NODES:
        ours = f"cd {ETC} && ls | grep -v -e '^usm' -e '^eas' | xargs sha256sum"
        assert slow.hosts.sh(name, ours) == before[name]


def test_an_interrupted_deployment_puts_the_file_back_too_and_fails(slow: Deployment) -> None:
    owe(slow)
    process = slow.start()
    eventually(lambda: parked(slow.hosts), 60, "updatetasks.cfg was parked")
    process.send_signal(signal.SIGINT)
    eventually(lambda: in_place(slow.hosts), 60, "updatetasks.cfg came back")
    assert slow.finish(process).status == 1


def test_a_host_that_hears_nothing_more_puts_the_file_back_by_itself(slow: Deployment) -> None:
    """A controller that is stopped keeps its connections, as a network that is cut does."""
    owe(slow)
    process = slow.start("-y", "--data", "updatetasks_patience=3")
    try:
        eventually(lambda: parked(slow.hosts), 60, "updatetasks.cfg was parked")
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: exists(slow.hosts, "ox2", CFG), 30, "updatetasks.cfg came back")
    finally:
        process.send_signal(signal.SIGCONT)
    done = slow.finish(process)
    assert done.status == 1, done.ending
    assert in_place(slow.hosts)


def test_a_step_that_fails_puts_the_file_back_ends_the_run_and_says_why(broken: Deployment) -> None:
    owe(broken)
    processes = listening(broken.hosts.lab)
    done = broken.run()
    assert (done.status, done.complete) == (1, False)
    assert "the server is out of order" in done.printed
    assert "updatetasks.cfg is back in its place. Mend the cause and run again" in done.printed
    assert in_place(broken.hosts)
    assert listening(broken.hosts.lab) == processes
    assert all(exists(broken.hosts, name, OWED) for name in NODES)


def test_two_deployments_at_once_do_not_disturb_each_other(slow: Deployment) -> None:
    owe(slow)
    process = slow.start()
    eventually(lambda: parked(slow.hosts), 60, "updatetasks.cfg was parked")
    second = slow.run("-y", "--limit", "ox2")
    assert second.status == 1
    assert "another deployment is at work on ox1, ox2: root on " in second.printed
    assert f", process {process.pid}, since 20" in second.printed
    assert "nothing has been touched on any host" in second.printed
    assert slow.run("--dry").status == 0
    assert parked(slow.hosts)
    assert slow.finish(process).status == 0


HELD = "/run/open-xchange-usm.deployment"


@contextmanager
def another_at_work(deployment: Deployment) -> Iterator[subprocess.Popen[str]]:
    """A deployment that holds ox1 and does nothing there."""
    question = scripts.command("node", "open-xchange-usm", "open-xchange-usm", "/root", "berta on office")
    reach = ["ssh", "-F", str(deployment.hosts.lab.ssh_config), "ox1"]
    command = deployment.hosts.command_inside(*reach, f"{question.get_raw_value()} >/dev/null; sleep 600")
    before = deployment.hosts.sh("ox1", f"cat {HELD}")
    process = subprocess.Popen(command, env=deployment.hosts.environment, stdin=subprocess.DEVNULL, text=True)
    eventually(lambda: deployment.hosts.sh("ox1", f"cat {HELD}") != before, 20, "ox1 was held")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_run_that_was_killed_holds_nobody_up(deployed: Deployment) -> None:
    with another_at_work(deployed) as other:
        assert "another deployment is at work on ox1: berta on office." in deployed.run().printed
        other.kill()
        other.wait()
        assert deployed.run().status == 0


def test_a_run_whose_machine_is_gone_holds_nobody_up_for_long(deployed: Deployment) -> None:
    """Nothing has come over its connection for a minute: as if it were so, the patience is made shorter."""
    with another_at_work(deployed):
        text = scripts.text("node").replace("patience=25", "patience=1")
        assert "patience=1" in text
        time.sleep(1.5)
        question = ["sh", "-c", text, "node.sh", "open-xchange-usm", "open-xchange-usm", "/root", "caesar"]
        told = deployed.hosts.inside(
            "ssh", "-F", str(deployed.hosts.lab.ssh_config), "ox1", shlex.join(question)
        )
        assert "busy=" not in told.stdout
        assert "caesar" in deployed.hosts.sh("ox1", f"cat {HELD}")


STUBBORN = """\
#!/bin/sh
case $1 in
    status) [ -e /tmp/stubborn.runs ] ;;
    start) touch /tmp/stubborn.runs /run/stubborn.pid ;;
    stop) sleep 60 ;;
esac
"""


def test_what_was_told_to_stop_and_still_runs_is_not_taken_for_started(deployed: Deployment) -> None:
    hosts = deployed.hosts

    def restart(action: str) -> subprocess.CompletedProcess[str]:
        command = scripts.command("restart", "sysv", "stubborn", 1, action).get_raw_value()
        return hosts.run("ox2", "sh", "-c", command, check=False)

    hosts.sh("ox2", f"printf %s {shlex.quote(STUBBORN)} >/etc/init.d/stubborn; chmod +x /etc/init.d/stubborn")
    assert restart("start").returncode == 0
    assert restart("stop").returncode == 1
    again = restart("start")
    assert (again.returncode, "was told to stop and still runs" in again.stderr) == (1, True)
    hosts.sh("ox2", "rm /tmp/stubborn.runs")
    assert restart("start").returncode == 0
    assert exists(hosts, "ox2", "/tmp/stubborn.runs")
    assert restart("stop").returncode == 1
    # Somebody has seen to it.
    hosts.sh("ox2", "sleep 1.1; touch /run/stubborn.pid")
    assert restart("start").returncode == 0
    hosts.sh("ox2", "rm -f /etc/init.d/stubborn /tmp/stubborn.runs /run/stubborn.pid")


def test_a_file_that_was_parked_by_hand_is_put_back_first(deployed: Deployment) -> None:
    deployed.hosts.run("ox2", "mv", CFG, PARKED)
    done = deployed.run()
    assert done.changed == {"ox2": ["Put back an updatetasks.cfg that was left parked"]}
    assert in_place(deployed.hosts)


def test_what_apache_does_not_accept_changes_nothing(deployed: Deployment) -> None:
    conf = "/etc/apache2/conf-available/000-open-xchange-usm.conf"
    kept = deployed.hosts.sh("web1", f"cat {conf}")
    done = deployed.run("-y", "--data", "proxy_timeout=long")
    assert done.status == 1
    assert "Apache does not accept the new configuration; the one of before stays" in done.printed
    assert deployed.hosts.sh("web1", f"cat {conf}") == kept
    deployed.hosts.run("web1", "apache2ctl", "configtest")
    assert deployed.options("anton@example.org")[0] == 200


def test_no_password_is_seen_in_logs_or_process_lists(mended: Deployment) -> None:
    """All hosts' processes are processes of this machine too."""
    for user in ("anton", "berta"):
        script = (
            f"ADMIN_PASSWORD={mended.hosts.passwords['oxadmin']} /opt/open-xchange/sbin/changeuser -A oxadmin -c 1"
            f" -u {user} --access-usm off"
        )
        mended.hosts.sh("ox1", script)
    secrets = {"master": "hush-master-5b1", "context": "hush-context-5b1"}
    environment = {"OX_MASTER_PASSWORD": secrets["master"], "OX_CONTEXT_PASSWORD": secrets["context"]}
    with exposure.command_lines(list(secrets.values())) as seen:
        done = mended.run("-y", "-vvv", "--diff", **environment)
    assert seen == set()
    assert done.status == 1
    assert "Authentication failed" in done.printed
    assert [value for value in secrets.values() if value in done.printed] == []


def test_the_service_gets_a_database_user_who_may_touch_our_tables_alone(mended: Deployment) -> None:
    """Made by an administrator of the database, as Open-Xchange's own user may not grant anything."""
    hosts = mended.hosts
    hosts.mysql("CREATE USER dba IDENTIFIED BY 'hush-dba-5b1'; GRANT ALL ON *.* TO dba WITH GRANT OPTION")
    environment = {"USM_DATABASE_PASSWORD": "hush-usm-5b1", "USM_DATABASE_ADMIN": "dba:hush-dba-5b1"}
    words = ("-y", "--data", "database_user=usm")
    with exposure.command_lines(["hush-usm-5b1", "hush-dba-5b1"]) as seen:
        done = mended.run(*words, **environment)
    hosts.mysql("DROP USER dba")
    assert (done.status, done.complete) == (0, True), done.ending
    assert seen == set()
    assert "hush-" not in done.printed
    granted = [row[0] for row in hosts.mysql("SHOW GRANTS FOR usm")]
    assert [each for each in granted if " ON *.* " in each and not each.startswith("GRANT USAGE ON ")] == []
    asked = "mariadb --host=db1 --user=usm --password=hush-usm-5b1 --execute"
    for statement in ("SELECT userPassword FROM oxdatabase_5.user", "SELECT password FROM configdb.db_pool"):
        refused = hosts.run("db1", "sh", "-c", f"{asked} '{statement}'", check=False)
        assert "command denied" in refused.stderr, statement

    phone = Phone(f"http://{plan.host('web1').address}", "anton@example.org", "secret", device_id="GRANTED")
    hosts.call(phone.provision)
    hosts.call(phone.folder_sync)
    again = mended.run(*words, **environment)
    assert (again.status, again.changed) == (0, {}), again.ending


def test_a_dead_service_is_started_again(deployed: Deployment) -> None:
    deployed.hosts.sh("ox1", "kill -9 $(cat /run/open-xchange-usm.pid)")
    done = deployed.run()
    assert (done.status, done.changed) == (0, {"ox1": ["Run the service"]}), done.ending


def test_checks_fail_when_the_answer_is_wrong(deployed: Deployment) -> None:
    deployed.hosts.run("ox2", "/etc/init.d/open-xchange-groupware", "stop")
    done = deployed.run()
    deployed.hosts.run("ox2", "/etc/init.d/open-xchange-groupware", "start")
    assert done.status == 1
    assert "the service is not ready: ox: " in done.printed


def test_one_host_alone_can_be_deployed_to(deployed: Deployment) -> None:
    done = deployed.run("-y", "--limit", "ox2")
    assert (done.status, done.changed) == (0, {}), done.ending
    assert "ox1" not in done.printed.partition("Beginning operation run")[2]
