"""Figures with their targets, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
REACHED = {"at least": operator.ge, "at most": operator.le}


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. ``target`` is a word of :data:`REACHED` with a number, such as ``("at least", 10.0)``, or nothing."""

    name: str
    value: float
    unit: str
    target: tuple[str, float] | None = None

    @property
    def misses(self) -> bool:
        """Whether the figure falls short of its target."""
        return self.target is not None and not REACHED[self.target[0]](self.value, self.target[1])


def table(figures: Sequence[Figure]) -> str:
    """A line a figure, ``MISS`` on those that fall short."""
    rows = [("figure", "value", "target", "")]
    for figure in figures:
        target = f"{figure.target[0]} {figure.target[1]:g}" if figure.target else ""
        end = "MISS" if figure.misses else ""
        rows.append((figure.name, f"{figure.value:.3g} {figure.unit}", target, end))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join(
            (row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].ljust(widths[2]), row[3])
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def results(benchmark: str, since: float = 0.0) -> list[Figure]:
    """What a benchmark found when it was last run; nothing if that was before ``since`` (seconds since 1970)."""
    file = RESULTS / f"{benchmark}.json"
    if not file.exists() or file.stat().st_mtime < since:
        return []
    rows = json.loads(file.read_text())
    return [
        Figure(row["name"], row["value"], row["unit"], tuple(row["target"]) if row["target"] else None)
        for row in rows
    ]


def tell(benchmark: str, figures: Sequence[Figure]) -> int:
    """Prints the table and writes ``results/<benchmark>.json``; returns the exit status, 1 if a target is missed."""
    print(table(figures), flush=True)
    RESULTS.mkdir(exist_ok=True)
    rows = [{**asdict(figure), "misses": figure.misses} for figure in figures]
    (RESULTS / f"{benchmark}.json").write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(figure.misses for figure in figures))
