"""How the commands that examine something print what they found: a line a thing, and below it what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click

from app.administration.findings import Finding, State
from app.cli import printing
from app.cli.exits import DONE, WRONG

NAMES: Final = ("where", "what", "state", "text", "advice")
_WIDTH: Final = max(len(state.value) for state in State)


def print_findings(found: Iterable[tuple[str, Finding]], form: str) -> int:
    """Print findings with the place of each as they come; the exit status: whether something is wrong."""
    states: set[State] = set()

    def watched() -> Iterator[tuple[str, Finding]]:
        for where, each in found:
            states.add(each.state)
            yield where, each

    if form == "table":
        for where, each in watched():
            _print(where, each)
    else:
        printing.print_rows(map(_row, watched()), NAMES, form)
    return WRONG if State.WRONG in states else DONE


def _row(pair: tuple[str, Finding]) -> printing.Row:
    where, each = pair
    return {
        "where": where,
        "what": each.name,
        "state": each.state.value,
        "text": each.text,
        "advice": each.advice,
    }


def _print(where: str, each: Finding) -> None:
    place = f"{where}: " if where else ""
    lines = [f"{each.state.value:<{_WIDTH}}  {place}{each.name}: {each.text}"]
    if each.advice:
        lines.append(f"{'':<{_WIDTH}}  -> {each.advice}")
    for line in lines:
        shown = "".join(letter if letter.isprintable() else " " for letter in line)
        click.echo(shown)
        sys.stdout.flush()
