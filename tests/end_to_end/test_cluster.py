"""Several nodes on one database and one Redis, any of which is killed: no change is lost, no phone starts over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.device import Phone
from lab.device.load import Load, Site
from lab.device.owner import Pace
from tests import mariadb
from tests.end_to_end.cluster import Cluster
from tests.end_to_end.stack import PASSWORD, wait_until

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

PACE = Pace(heartbeat=(60, 60), pause=(0.2, 0.8), adds=0.5, reads=0.3)
USERS = [f"user{number:04d}@example.org" for number in range(1, 5)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not mariadb.is_installed():
        pytest.skip("MariaDB is not installed")
    cluster = Cluster(nodes=2, users=len(USERS))
    with cluster.running(tmp_path_factory.mktemp("cluster")):
        yield cluster


def living(cluster: Cluster) -> Load:
    """Phones that live on any node, as a person sees them: they look, write, wait."""
    site = Site(cluster.urls[0], cluster.ox_url.rstrip("/"), PASSWORD, nodes=tuple(cluster.urls))
    load = Load(site, USERS, phones=8, pace=PACE)
    load.set_up()
    load.start(mails_per_second=4)
    return load


def outcome(load: Load) -> dict[str, Any]:
    load.stop()
    result = load.finish()
    assert (result["restarts"], result["started_over"]) == (0, [])
    assert (result["twice"], result["lost"]) == ([], [])
    assert (result["oddities"], result["unfinished"]) == (0, [])
    assert result["delivered"] > 0
    return result


def answered(load: Load) -> int:
    return load.record.figures().by_status.get("200", 0)


def goes_on(load: Load, requests: int = 40) -> None:
    """Waits until so many more requests have been answered."""
    wanted = answered(load) + requests
    assert wait_until(lambda: answered(load) >= wanted)


def test_a_change_on_one_node_wakes_a_phone_on_the_other(cluster: Cluster) -> None:
    waiting, writing = (
        Phone(url, USERS[0], PASSWORD, device_id=f"CLUSTER{number}", timeout=30.0)
        for number, url in enumerate(cluster.urls)
    )
    for phone in (waiting, writing):
        phone.folder_sync()
        phone.sync_all(phone.folder_of_type(9).server_id)
    contacts = waiting.folder_of_type(9).server_id
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(waiting.ping, [contacts], 60)
        assert wait_until(lambda: cluster.nodes[0].parked() == 1)
        writing.add_contact(contacts, {"Contacts:FirstName": "Zoë"})
        assert answer.result().folders == [contacts]


def test_a_node_and_redis_are_killed_and_nothing_is_lost(cluster: Cluster) -> None:
    load = living(cluster)
    goes_on(load)
    cluster.nodes[0].kill()
    goes_on(load)
    cluster.redis.stop()
    goes_on(load)
    cluster.nodes[0].start()
    cluster.redis.start()
    goes_on(load)
    result = outcome(load)
    # Nothing but connections to a node that is not there failed.
    assert all("Connection" in sentence for sentence in result["failed"]), result["failed"]


def test_the_database_fails_over_to_its_replica_and_phones_see_503_alone(cluster: Cluster) -> None:
    load = living(cluster)
    goes_on(load)
    cluster.database.kill_first()
    time.sleep(1.0)
    cluster.database.reach_second()
    time.sleep(1.0)
    cluster.database.promote_second()
    goes_on(load)
    result = outcome(load)
    assert (result["failures"], result["failed"]) == (0, [])
    assert result["refused_for_now"] > 0
    assert set(result["by_status"]) == {"200", "503"}
