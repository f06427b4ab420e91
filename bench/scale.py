"""``python -m bench.scale``: one, two and four nodes on one MariaDB and one Redis: how throughput grows.

Each node may use a share of one processor (:mod:`bench.quota`), so that four of them, the database, the stand-in for OX
and the phones fit on a small machine and the nodes are what limits. Every request of a phone goes to any of the nodes.
The nodes take turns in each round; the figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.figures import Figure, tell
from bench.quota import limited
from bench.same_work import INBOX, WISHES, many_look_again
from bench.serving import SETTINGS
from lab.device import Phone
from lab.device.line import Line
from lab.device.record import Record
from tests.end_to_end.cluster import Cluster
from tests.end_to_end.stack import PASSWORD

NODES: Final = (1, 2, 4)
LEAST_GAIN: Final = {2: 1.7, 4: 3.0}
"""How many times the throughput of one node so many must have."""

SHARE: Final = 0.09
"""Of one processor, for each node."""

PHONES: Final = 16
LOOKS: Final = 12


def settled(cluster: Cluster, nodes: int) -> list[tuple[Phone, str]]:
    """Phones that have all their mails, and whose requests go to any of the first ``nodes``."""
    record = Record()
    urls = cluster.urls[:nodes]
    phones = []
    for number in range(1, PHONES + 1):
        name = f"SCALE{nodes}P{number:02}"
        phone = Phone(
            urls[0],
            f"user{number:04}@example.org",
            PASSWORD,
            device_id=name,
            session=Line(name, record, True, urls),
        )
        phone.folder_sync()
        folder = phone.folder_of_type(INBOX).server_id
        phone.sync_all(folder, **WISHES["mails"])
        phones.append((phone, folder))
    return phones


def measure(cluster: Cluster, rounds: int) -> dict[int, list[float]]:
    """Nodes -> Syncs a second that find nothing new, one value a round."""
    crowds = {nodes: settled(cluster, nodes) for nodes in NODES}
    rates: dict[int, list[float]] = {nodes: [] for nodes in NODES}
    with ExitStack() as stack:
        for node in cluster.nodes:
            stack.enter_context(limited(node.pids(), SHARE))
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            for nodes in NODES:
                rates[nodes].append(many_look_again(crowds[nodes], LOOKS))
    return rates


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table, writes ``results/scale.json``."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is told (5)")
    options = parser.parse_args(arguments)
    cluster = Cluster(max(NODES), users=PHONES, **SETTINGS)
    with tempfile.TemporaryDirectory() as folder, cluster.running(Path(folder)):
        rates = measure(cluster, options.rounds)
    medians = {nodes: statistics.median(each) for nodes, each in rates.items()}
    figures = [
        Figure(f"{nodes} nodes: Syncs a second, each {SHARE:.0%} of a core", rate, "/s")
        for nodes, rate in medians.items()
    ]
    figures += [
        Figure(
            f"{nodes} nodes: times the throughput of one",
            medians[nodes] / medians[1],
            "x",
            ("at least", gain),
        )
        for nodes, gain in LEAST_GAIN.items()
    ]
    return tell("scale", figures)


if __name__ == "__main__":
    sys.exit(main())
