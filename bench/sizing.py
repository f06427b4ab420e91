"""``python -m bench.sizing``: what so many phones need, from a thousand to ten million.

What an event costs is measured (:mod:`bench.costs`), how often it happens in the busiest hour is simulated
(:mod:`bench.population`), and the rest is multiplication: the table of ``docs/operations.md``. Three ways of running it
are told apart: OX is asked for everything; a mail server tells of new mail; and, beside that, the rest is looked at
every five minutes instead of every 30 seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.notify.pull import PullRule
from bench import costs
from bench.costs import Cost
from bench.figures import Figure, tell
from bench.parked import KILOBYTES
from bench.population import HOUR, Habits, Population
from bench.serving import SETTINGS
from tests.end_to_end.cluster import Cluster

PHONES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

USERS: Final = 2_000
"""That are simulated."""

LOAD: Final = 0.5
"""The share of its processors that a node is to use in the busiest hour."""

NODE_CORES: Final = 4
NODE_PHONES: Final = 100_000
"""Connections that a node is to hold at most."""

UNITS: Final = (
    ("cpu", "processor", "ms"),
    ("ox", "OX calls", ""),
    ("statements", "statements", ""),
    ("rows", "rows written", ""),
)
"""What a :class:`~bench.costs.Cost` holds, with names and units for people."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of running it."""

    name: str
    rule: PullRule
    announced: bool


WAYS: Final = (
    Way("asking OX for all", PullRule(), announced=False),
    Way("mail is announced", PullRule(mail_min_delay=-1), announced=True),
    Way("... and the rest every 5 min", PullRule(mail_min_delay=-1, interval=300.0), announced=True),
)


@dataclass(frozen=True, slots=True)
class Need:
    """Of one phone in the busiest hour: seconds of a processor, calls of OX, statements, rows written, news to all
    nodes."""

    cpu: float
    ox: float
    statements: float
    rows: float
    news: float


def need(counts: Mapping[str, int], phones: int, prices: Mapping[str, Cost]) -> Need:
    """What one of so many phones needs. What hearing of news costs is not in it: that is each worker's."""
    total = dict.fromkeys(("cpu", "ox", "statements", "rows"), 0.0)
    for event, price in prices.items():
        if event != "announced":
            for name in total:
                total[name] += counts.get(event, 0) * getattr(price, name)
    each = {name: value / phones for name, value in total.items()}
    return Need(
        each["cpu"] / 1000, each["ox"], each["statements"], each["rows"], counts["announced"] / phones
    )


def simulated(way: Way) -> tuple[Counter[str], int]:
    """What happens in the busiest hour of a day, and to how many phones."""
    population = Population(USERS, Habits(), way.rule, announced=way.announced)
    return population.run(), len(population.phones)


def nodes_for(phones: int, each: Need, hearing: float) -> tuple[float, float]:
    """Nodes of :data:`NODE_CORES` processors for so many phones in one cluster, and the share of a processor that each
    worker there needs to hear of all news. ``hearing``: seconds for one."""
    heard = phones * each.news / HOUR * hearing
    useful = NODE_CORES * (LOAD - min(heard, LOAD - 0.01))
    return max(phones * each.cpu / HOUR / useful, phones / NODE_PHONES), heard


def rows_of(way: Way, each: Need, prices: Mapping[str, Cost], state: float) -> list[Figure]:
    """The figures of one way, for one phone and for many."""
    rows = [
        Figure(f"{way.name}: processor, a phone and hour", each.cpu * 1000, "ms"),
        Figure(f"{way.name}: phones a core at {LOAD:.0%}", LOAD * HOUR / each.cpu, ""),
        Figure(f"{way.name}: OX calls, a phone and hour", each.ox, ""),
        Figure(f"{way.name}: statements, a phone and hour", each.statements, ""),
        Figure(f"{way.name}: rows written, a phone and hour", each.rows, ""),
        Figure(f"{way.name}: news, a phone and hour", each.news, ""),
    ]
    for phones in PHONES:
        nodes, heard = nodes_for(phones, each, prices["announced"].cpu / 1000)
        rows += [
            Figure(f"{way.name}, {phones:,} phones: cores", phones * each.cpu / HOUR / LOAD, ""),
            Figure(f"... nodes of {NODE_CORES} cores, in one cluster", nodes, ""),
            Figure("... memory of those that wait", phones * KILOBYTES / 1e6, "GB"),
            Figure("... state in the database", phones * state / 1e9, "GB"),
            Figure("... OX calls", phones * each.ox / HOUR, "/s"),
            Figure("... statements", phones * each.statements / HOUR, "/s"),
            Figure("... rows written", phones * each.rows / HOUR, "/s"),
            Figure("... news to every node", phones * each.news / HOUR, "/s"),
            Figure("... of a core for it, in every worker", 100 * heard, "%"),
        ]
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, simulates, prints the table, writes ``results/sizing.json``."""
    argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__).parse_args(arguments)
    cluster = Cluster(1, **SETTINGS)
    with tempfile.TemporaryDirectory() as folder, cluster.running(Path(folder)):
        prices = costs.measure(cluster)
        state, items = costs.state_of_a_phone(cluster)
    figures = [
        Figure(f"{event}: {what}", getattr(price, name), unit)
        for event, price in prices.items()
        for name, what, unit in UNITS
    ]
    figures.append(Figure(f"state of a phone with {items} items", state / 1000, "kB"))
    for way in WAYS:
        counts, phones = simulated(way)
        for event, count in sorted(counts.items()):
            figures.append(Figure(f"{way.name}: {event}, a phone and hour", count / phones, ""))
        figures += rows_of(way, need(counts, phones, prices), prices, state)
    return tell("sizing", figures)


if __name__ == "__main__":
    sys.exit(main())
