"""The dashboard and the alerts as values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
ALERTS: Final = ROOT / "monitoring" / "alerts.yml"
DASHBOARD: Final = ROOT / "monitoring" / "grafana-dashboard.json"

VARIABLES: Final = {"$__rate_interval": "5m", "$job": "open-xchange-usm", "$instance": ".*"}
"""Of Grafana, and what may stand in their place."""


@dataclass(frozen=True)
class Selector:
    """What an expression takes of a metric: its name, and label → wanted value."""

    name: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Expression:
    """One expression, and where it stands."""

    where: str
    text: str

    def parsed(self) -> Any:
        """The expression as a tree. Raises ``ValueError``."""
        text = self.text
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        return promql_parser.parse(text)

    def _parts(self) -> list[Any]:
        found: list[Any] = []
        promql_parser.walk(self.parsed(), lambda part: found.append(part))
        return found

    def selectors(self) -> list[Selector]:
        """All that it takes."""
        return [
            Selector(each.name, {matcher.name: matcher.value for matcher in each.matchers.matchers})
            for each in self._parts()
            if isinstance(each, promql_parser.VectorSelector)
        ]

    def groups(self) -> set[str]:
        """The labels by which it adds up."""
        aggregates = [each for each in self._parts() if isinstance(each, promql_parser.AggregateExpr)]
        return {label for each in aggregates if each.modifier for label in each.modifier.labels}


def rules() -> list[dict[str, Any]]:
    """All alerts."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """All panels of the dashboard that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[Expression]:
    """Those of both files."""
    for rule in rules():
        yield Expression(rule["alert"], rule["expr"])
    for panel in panels():
        for target in panel["targets"]:
            yield Expression(f"panel {panel['title']}", target["expr"])


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
