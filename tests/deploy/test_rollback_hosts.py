"""From the beta to this version and back, on the lab's hosts: hosts as they were, hosts as they are."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from lab.packages import beta, legacy
from lab.testing import Labs
from tests.deploy.hosts import ETC, NODES, OWED, Deployment, Outcome, exists
from tests.faults import before as hosts_before
from tests.faults import world
from tests.packaging.deb import Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

BACKUP = "/var/lib/open-xchange-usm/backup"
FILES = f"{ETC}/usm.properties {ETC}/eas.properties /etc/init.d/open-xchange-usm"
WEB = "/etc/apache2"


@dataclass(frozen=True, slots=True)
class Stand:
    """What a rollback has to bring back."""

    tables: world.Picture
    versions: list[list[str]]
    packages: dict[str, str]
    files: dict[str, str]
    apache: str
    answers: int


def stand(deployment: Deployment) -> Stand:
    hosts = deployment.hosts
    return Stand(
        world.picture(hosts),
        [row for schema in world.SCHEMAS for row in hosts.mysql(f"SELECT version FROM {schema}.version")],
        {name: hosts.sh(name, "dpkg-query -W -f '${Status} ${Version}' open-xchange-usm") for name in NODES},
        {name: hosts.sh(name, f"sha256sum {FILES}; stat -c '%n %a %U:%G' {FILES}") for name in NODES},
        hosts.sh("web1", f"cd {WEB} && ls conf-enabled sites-enabled && grep -r Microsoft-Server . || true"),
        deployment.options()[0],
    )


def back(deployment: Deployment) -> Deployment:
    """The way back instead of the way forward."""
    return replace(deployment, manoeuvre="tasks/rollback.py")


@pytest.fixture(scope="module")
def with_beta(lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two nodes with the beta, whose tables are full, and a web server whose administrator forwards to one of them."""
    hosts = lab_of.fresh()
    hosts_before.install_beta(hosts, beta.build(tmp_path_factory.mktemp("beta")), NODES)
    line = "ProxyPass /Microsoft-Server-ActiveSync http://ox1:8010/Microsoft-Server-ActiveSync"
    hosts.sh("web1", f"echo '{line}' >{WEB}/conf-available/by-hand.conf && a2enconf -q by-hand")
    hosts.sh("web1", "/etc/init.d/apache2 reload </dev/null >/dev/null 2>&1")
    yield Deployment(hosts, deb, tmp_path_factory.mktemp("deployment"))
    hosts.renew()


@pytest.fixture(scope="module")
def before(with_beta: Deployment) -> Stand:
    return stand(with_beta)


@pytest.fixture(scope="module")
def refused(with_beta: Deployment, before: Stand) -> Outcome:
    """A rollback where nothing has been replaced."""
    return back(with_beta).run()


@pytest.fixture(scope="module")
def upgraded(with_beta: Deployment, refused: Outcome) -> Deployment:
    done = with_beta.run()
    assert (done.status, done.complete) == (0, True), done.ending
    return with_beta


@pytest.fixture(scope="module")
def foretold(upgraded: Deployment) -> dict[str, set[str]]:
    """What a dry run says that the rollback will change, by host."""
    return back(upgraded).foretold()


@pytest.fixture(scope="module")
def killed(upgraded: Deployment, foretold: dict[str, set[str]]) -> str:
    """A rollback whose controller is killed while the first node gets its package; what it had printed."""
    process = back(upgraded).start()
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "Starting operation: Bring back the package of before" in line:
            time.sleep(0.3)
            process.kill()
            break
    process.communicate(timeout=60)
    return printed


@pytest.fixture(scope="module")
def rolled_back(upgraded: Deployment, killed: str) -> Outcome:
    # What the killed one had begun on a host goes on there by itself.
    for name in NODES:
        upgraded.hosts.sh(
            name, "while pgrep -x apt-get >/dev/null || pgrep -x dpkg >/dev/null; do sleep 0.2; done"
        )
    done = back(upgraded).run()
    assert (done.status, done.complete) == (0, True), done.ending
    return done


def test_without_a_backup_it_refuses_and_touches_nothing(
    with_beta: Deployment, before: Stand, refused: Outcome
) -> None:
    assert refused.status == 1
    assert "no host has a backup" in refused.printed
    assert refused.changed == {}


def test_the_upgrade_keeps_what_the_rollback_needs(upgraded: Deployment, before: Stand) -> None:
    hosts = upgraded.hosts
    assert not any(
        world.picture(hosts)[schema].get("usmIdMapping") == before.tables[schema]["usmIdMapping"]
        for schema in world.SCHEMAS
    )
    assert not any("sequence_usmIdMapping" in found for found in world.picture(hosts).values())
    for name in NODES:
        (run,) = hosts.sh(name, f"ls {BACKUP}").split()
        listed = hosts.sh(name, f"stat -c '%a %U' {BACKUP} {BACKUP}/{run}; find {BACKUP}/{run} -type f")
        assert listed.startswith("700 root\n700 root\n")
        assert "/package/open-xchange-usm_0.9~beta1_all.deb" in listed
        assert f"/files{ETC}/usm.properties" in listed
        assert f"{run}/complete" in listed
    assert len(hosts.sh("ox1", f"ls {BACKUP}/*/tables/*.sql.gz").split()) == len(world.SCHEMAS)
    assert hosts.sh("ox1", f"find {BACKUP}/*/tables -type f ! -perm 600") == ""
    for schema in world.SCHEMAS:
        dump = world.dump_of(hosts, schema)
        assert dump is not None
        assert world.restored(hosts, dump.path) == {
            name: content for name, content in before.tables[schema].items() if name in legacy.TABLES
        }


def test_it_says_first_where_it_goes(killed: str) -> None:
    head = killed.partition("Starting operation")[0]
    assert re.search(r"ox1: back to the backup \d{14}, with version 0\.9~beta1 and the tables", head)
    assert re.search(r"web1: back to the backup \d{14}, with its Apache", head)


def test_everything_is_as_it_was_also_after_a_rollback_that_was_killed(
    upgraded: Deployment, before: Stand, rolled_back: Outcome
) -> None:
    assert stand(upgraded) == before
    hosts = upgraded.hosts
    for name in NODES:
        assert hosts.run(name, "/etc/init.d/open-xchange-usm", "status", check=False).returncode == 0
        assert not exists(hosts, name, OWED)
        assert hosts.sh(name, f"ls {ETC} | grep -c dpkg-dist || true").strip() == "0"
    assert world.in_place(hosts)


def test_a_dry_run_foretells_what_the_rollback_changes(
    foretold: dict[str, set[str]], rolled_back: Outcome
) -> None:
    """The killed one had done some of it."""
    for name, steps in rolled_back.changed.items():
        assert set(steps) <= foretold[name]
    assert "Bring back the tables of before" in foretold["ox1"]
    assert "Bring back the tables of before" not in foretold["ox2"]


def test_our_own_tables_are_kept(upgraded: Deployment, rolled_back: Outcome) -> None:
    found = upgraded.hosts.sh("ox1", f"ls {BACKUP}/*/tables/replaced-*/*.sql.gz").split()
    assert len(found) == len(world.SCHEMAS)


def test_the_second_rollback_changes_nothing(
    upgraded: Deployment, before: Stand, rolled_back: Outcome
) -> None:
    again = back(upgraded).run()
    assert (again.status, again.complete, again.changed) == (0, True, {}), again.ending
    assert stand(upgraded) == before


def test_the_next_deployment_upgrades_again(
    upgraded: Deployment, before: Stand, rolled_back: Outcome
) -> None:
    done = upgraded.run()
    assert (done.status, done.complete) == (0, True), done.ending
    assert upgraded.options("anton@example.org")[0] == 200
    for name in NODES:
        assert len(upgraded.hosts.sh(name, f"ls {BACKUP}").split()) == 2
