"""Phones go on while nodes are changed: a load of them on the lab's hosts during rollouts of our package.

The crowd is 30 phones; 200, and more tests, with ``USM_TEST_ALL_FAULTS``; ``USM_TEST_PHONES`` names another number.
What a phone may meet is a 503 with ``Retry-After``, and soon be served; never a failed request, and never a word that
it should start over.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import hosts
from lab.device.crowd import Crowd, make_users
from lab.plan import Lab
from lab.testing import LabHosts, forget
from tests.deploy.hosts import NODES, Deployment, Outcome
from tests.packaging.deb import Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

ALL = bool(os.environ.get("USM_TEST_ALL_FAULTS"))
PHONES = int(os.environ.get("USM_TEST_PHONES", 200 if ALL else 30))
SERVICE = "/etc/init.d/open-xchange-usm"
SERVED_AGAIN = 2.0
"""Seconds after which a phone that was refused for now must be served, beside the second that it waits itself."""

LIVELY = ("--pause", "1-6", "--mails", "2")
"""Few phones do as much as many."""

QUIET = {"email_pull_delay": 15000, "email_pull_min_delay": 15000, "pull_interval": 15000}
"""The stand-in for OX shares the processors with all else, so it is asked for news as rarely as in a data centre."""


def build(sources: Path, folder: Path, version: str, *edits: tuple[str, str, str]) -> Deb:
    """The package of the sources under another version, with changes: file, text, other text."""
    project = folder / version
    shutil.copytree(sources, project)
    for name, old, new in (("pyproject.toml", 'version = "1.0.0"', f'version = "{version}"'), *edits):
        text = (project / name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        (project / name).write_text(text.replace(old, new, 1))
    return Deb.build(project, project / "dist")


@pytest.fixture(scope="module")
def site(deb: Deb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A lab of its own with users enough, and the package deployed to it."""
    if os.geteuid() != 0:
        pytest.skip("the lab's hosts need root")
    lab = Lab(f"test{os.getpid()}l")
    try:
        hosts.up(lab, hosts.steps(lab, "up"))
        make_users(lab, PHONES)
        deployment = Deployment(LabHosts(lab), deb, tmp_path_factory.mktemp("rollout"))
        done = roll(deployment, deb)
        assert (done.status, done.complete) == (0, True), done.ending
        yield deployment
    finally:
        forget(lab)


def roll(site: Deployment, deb: Deb) -> Outcome:
    """Deploy this package."""
    data = [word for key, value in QUIET.items() for word in ("--data", f"{key}={value}")]
    return Deployment(site.hosts, deb, site.folder).run("-y", *data)


def crowd(site: Deployment) -> Crowd:
    return Crowd(site.hosts.lab, site.folder, phones=PHONES, users=PHONES, options=() if ALL else LIVELY)


def versions(site: Deployment) -> dict[str, str]:
    """What each node says that it runs, empty where none answers."""
    found = {}
    for name in NODES:
        told = site.hosts.sh(name, "curl -s http://127.0.0.1:8011/usm/health/live", check=False)
        match = re.search(r'"version": "([^"]+)"', told)
        found[name] = match.group(1) if match else ""
    return found


def assert_nobody_noticed(met: dict[str, Any]) -> None:
    assert met["compared"]
    assert met["good"], met
    assert met["worst_wait"] < SERVED_AGAIN + 1.0, met


def test_phones_go_on_while_one_version_replaces_the_other(
    site: Deployment, sources: Path, tmp_path: Path
) -> None:
    newer = build(sources, tmp_path, "1.0.1")
    with crowd(site) as phones:
        done = roll(site, newer)
        time.sleep(3)
        met = phones.finish()
    assert (done.status, done.complete) == (0, True), done.ending
    assert versions(site) == dict.fromkeys(NODES, "1.0.1")
    assert met["by_command"]["Ping"] >= PHONES // 2
    assert_nobody_noticed(met)


def test_a_node_that_fails_its_check_stops_the_rollout_and_the_other_serves(
    site: Deployment, sources: Path, tmp_path: Path
) -> None:
    """A release that does not start: the first node stays out, the second is not touched, and phones go on with it;
    the next release puts everything right."""
    before = versions(site)
    failing = (
        "app/main.py",
        "    clock, tokens = SystemClock(), SystemTokens()\n",
        "    raise RuntimeError\n",
    )
    broken, mended = build(sources, tmp_path, "1.0.2", failing), build(sources, tmp_path, "1.0.3")
    with crowd(site) as phones:
        failed = roll(site, broken)
        assert failed.status == 1, failed.printed
        assert versions(site) == {"ox1": "", "ox2": before["ox2"]}
        assert site.options("user0001@example.org")[0] == 200
        done = roll(site, mended)
        time.sleep(3)
        met = phones.finish()
    assert (done.status, done.complete) == (0, True), done.ending
    assert versions(site) == dict.fromkeys(NODES, "1.0.3")
    assert_nobody_noticed(met)


@pytest.mark.skipif(not ALL, reason="one of many faults: USM_TEST_ALL_FAULTS")
def test_a_node_that_is_started_again_by_hand_interrupts_nobody(site: Deployment) -> None:
    with crowd(site) as phones:
        for name in NODES:
            site.hosts.run(name, SERVICE, "restart")
            time.sleep(3)
        met = phones.finish()
    assert_nobody_noticed(met)


@pytest.mark.skipif(not ALL, reason="one of many faults: USM_TEST_ALL_FAULTS")
def test_a_node_that_is_killed_loses_nothing_and_makes_no_phone_start_over(site: Deployment) -> None:
    """Requests that it worked on fail, which cannot be helped; repeated, they find what was done."""
    with crowd(site) as phones:
        time.sleep(2)
        site.hosts.sh("ox2", "kill -KILL -$(cat /run/open-xchange-usm.pid)")
        time.sleep(5)
        site.hosts.run("ox2", SERVICE, "start")
        time.sleep(3)
        met = phones.finish()
    told = {key: met[key] for key in ("started_over", "odd", "unfinished", "twice", "lost")}
    assert not any(told.values()), met
