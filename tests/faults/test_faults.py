"""Installation and upgrade, interrupted at each step in each way: nothing is lost, and the next run completes it.

By default one moment is struck, by the fault that other tests have least of; ``make test-faults`` strikes all of them.
After a fault, whatever it was:

* ``updatetasks.cfg`` is back in its place on every node;
* what was in the legacy tables is still there, or in a dump that was verified;
* the nodes that serve phones all serve the same version;
* the deployment did not end with status 0, and said what to do;
* when the cause is mended, the next plain run completes, and the one after it changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from lab.packages import beta
from lab.testing import LabHosts, Labs
from tests.deploy.hosts import NODES, Deployment, eventually
from tests.faults import world
from tests.faults.before import install_beta
from tests.faults.harness import FAULTS, Fault, Moment, Run, observe, strike_once
from tests.packaging.deb import Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

PATIENCE: Final = 6
"""Seconds after which a host that hears nothing helps itself; short, because many runs are interrupted here."""

WORDS: Final = ("--data", f"updatetasks_patience={PATIENCE}")

LAST_STEPS: Final = (
    "Restart the groupware and admin service",
    "Move updatetasks.cfg back",
    "Settle what was owed",
    "Configure usm.properties and eas.properties",
    "Bring the tables of USM up to date",
    "Run the service",
    "Forward ActiveSync to the application nodes",
    "Set who may synchronise in context 1",
    "Set who may synchronise in context 2",
)
INSTALL_STEPS: Final = (
    "Note what is to be done",
    "Install the package",
    "Move updatetasks.cfg out of the way",
    "Reset the database version of each schema",
    *LAST_STEPS,
)
UPGRADE_STEPS: Final = (
    "Note what is to be done",
    "Keep what a rollback needs",
    "Keep what a rollback needs of Apache",
    "Stop serving phones",
    "Install the package",
    "Move updatetasks.cfg out of the way",
    "Stop the groupware and admin service",
    "Save the tables of the earlier product",
    "Drop the tables of the earlier product",
    *LAST_STEPS,
)
STEPS: Final = {"install": INSTALL_STEPS, "upgrade": UPGRADE_STEPS}

FEW: Final = {("upgrade", "Save the tables of the earlier product", "the disk is full")}
"""What is struck by default."""

NEEDS_NO_DISK: Final = frozenset(
    ("Set who may synchronise in context 1", "Set who may synchronise in context 2")
)
"""Steps that may succeed though the disk of their host is full: they ask the groupware's daemon."""

ALL: Final = bool(os.environ.get("USM_TEST_ALL_FAULTS"))
CASES: Final = [
    pytest.param(scenario, step, fault, id=f"{scenario}-{step}-{fault}")
    for scenario, steps in STEPS.items()
    for step in steps
    for fault in FAULTS
    if ALL or (scenario, step, fault) in FEW
]


@pytest.fixture(scope="module")
def deployment(lab_of: Labs, deb: Deb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    yield Deployment(lab_of("disks"), deb, tmp_path_factory.mktemp("faults"))
    lab_of.end("disks")


@pytest.fixture(scope="module")
def pictures(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, world.Picture]:
    """Both states that a run may find, ready to return to; what the legacy tables hold in each."""
    hosts = deployment.hosts
    hosts.snapshot("install")
    package = beta.build(tmp_path_factory.mktemp("beta"))
    install_beta(hosts, package, NODES)
    found: dict[str, world.Picture] = {
        "install": {schema: {} for schema in world.SCHEMAS},
        "upgrade": world.picture(hosts),
    }
    assert all(found["upgrade"].values())
    hosts.snapshot("upgrade")
    return found


@pytest.fixture
def scenario(
    request: pytest.FixtureRequest, deployment: Deployment, pictures: dict[str, world.Picture]
) -> str:
    """The hosts as they were before the run."""
    name: str = request.param
    deployment.hosts.reset(name)
    return name


@pytest.mark.parametrize(("scenario", "step", "fault"), CASES, indirect=["scenario"])
def test_nothing_is_lost_and_the_next_run_completes(
    scenario: str, step: str, fault: str, deployment: Deployment, pictures: dict[str, world.Picture]
) -> None:
    run, struck = strike(deployment, FAULTS[fault], step)
    unharmed = fault == "the disk is full" and step in NEEDS_NO_DISK and run.outcome.complete
    try:
        if not unharmed:
            look_at_what_is_left(deployment, run, fault)
    finally:
        FAULTS[fault].repair(deployment.hosts, struck)
    assert everything_is_there_or_dumped(deployment.hosts, pictures[scenario]) == []
    completes(deployment)
    assert everything_is_dumped(deployment.hosts, pictures[scenario])


def strike(deployment: Deployment, fault: Fault, step: str) -> tuple[Run, Moment]:
    """A run that is struck at the first command of a step, on the host that comes first."""
    run, struck = strike_once(deployment, fault, step, *WORDS)
    assert struck is not None, f"{step!r} did nothing, so nothing was struck:\n{run.outcome.printed[-3000:]}"
    return run, struck


def look_at_what_is_left(deployment: Deployment, run: Run, fault: str) -> None:
    """While whatever went wrong is still wrong."""
    eventually(lambda: world.in_place(deployment.hosts), PATIENCE + 20, "updatetasks.cfg came back")
    assert run.outcome.status != 0, run.outcome.printed[-3000:]
    assert not run.outcome.complete
    if fault != "the controller is killed":
        assert "What to do:" in run.outcome.printed, run.outcome.printed[-3000:]
    serving = [found for node in NODES if (found := world.serving(deployment.hosts, node)).runs]
    assert len({found.version for found in serving}) <= 1, serving


def everything_is_there_or_dumped(hosts: LabHosts, before: world.Picture) -> list[str]:
    """The schemas of which something is neither in its place nor in a verified dump."""
    now = world.picture(hosts)
    gone = world.missing(before, now)
    return [schema for schema in gone if not is_dumped(hosts, schema, before)]


def is_dumped(hosts: LabHosts, schema: str, before: world.Picture) -> bool:
    dump = world.dump_of(hosts, schema)
    return dump is not None and world.holds(hosts, dump, before[schema])


def everything_is_dumped(hosts: LabHosts, before: world.Picture) -> bool:
    return all(not objects or is_dumped(hosts, schema, before) for schema, objects in before.items())


def completes(deployment: Deployment) -> None:
    """The next plain run completes, phones are served, and the run after it changes nothing."""
    done = deployment.run()
    assert (done.status, done.complete) == (0, True), done.ending
    assert deployment.options("anton@example.org") == (200, "2.5,12.0,12.1,14.0,14.1,16.0,16.1")
    assert {world.serving(deployment.hosts, node).version for node in NODES} == {"installed 1.0.0"}
    again = deployment.run()
    assert (again.status, again.changed) == (0, {}), again.printed[-6000:]


@pytest.mark.parametrize("scenario", list(STEPS), indirect=True)
def test_the_table_of_steps_is_what_a_run_does(scenario: str, deployment: Deployment) -> None:
    """So that no new step is left out of the faults. A dry run foretells all of it."""
    foretold = deployment.foretold(*WORDS)
    run = observe(deployment, *WORDS, strike=lambda moment, process: "go")
    assert run.outcome.status == 0, run.outcome.printed[-6000:]
    # Steps of different hosts have no order among themselves.
    assert {moment.step for moment in run.steps()} == set(STEPS[scenario])
    assert {host: set(steps) for host, steps in run.outcome.changed.items()} == foretold
