"""The text that Prometheus reads: the numbers of all workers, and what is said of the node as a whole.

How much it is, and how long it takes, depends on the numbers there are and on how many workers, and not on how many
phones, users or schemas.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import REGISTRY

from app.web.metrics import node, totals

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


class _Collected:
    """Numbers that are read already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


class Exposition:
    """``release``: what is said of the program; ``look``: brings up to date what this process holds now; ``answers``:
    tries the parts that devices need, within a few seconds."""

    def __init__(
        self,
        release: Mapping[str, str],
        look: Callable[[], None],
        answers: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._release = release
        self._look = look
        self._answers = answers

    def text(self) -> bytes:
        """All numbers of all workers, in Prometheus' text format."""
        answers = self._answers()
        self._look()
        registry = CollectorRegistry()
        registry.register(_Collected([*self._families(), node.build(self._release), node.parts(answers)]))
        return generate_latest(registry)

    def _families(self) -> Iterator[Metric]:
        folder = os.environ.get(FOLDER)
        if folder:
            yield from totals.families(Path(folder))
            yield from node.processes(os.getppid(), totals.workers(Path(folder)))
        else:
            yield from (each for each in REGISTRY.collect() if each.name.startswith("usm_"))
            yield from node.processes(0, [os.getpid()])
