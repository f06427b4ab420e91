"""Which requirements of the specifications are shown by a test.

``tests/house/requirements.json`` holds the numbers of all normative requirements on the server (scope "Server" or
"Both", no SHOULD or MAY, no product's own behaviour) of the requirement sheets, found by a script outside of the
project: numbers, names of elements and our own words for areas, no sentence of theirs. They are of these kinds:

=========  =================================================================  ==================================
kind       what it says                                                       shown by
=========  =================================================================  ==================================
shape      type, parents, children, number or plain meaning of an element     the element, in an answer that the
                                                                              schemas allow, or in a request that
                                                                              was carried out
in         a version has the element                                          the same, in that version
never      a version has it not                                               no answer of the version has it:
                                                                              each is checked for that
value      what a number means                                                the number, seen there
ghost      the element may be left out of a change                            a test that is named
tokens     names and numbers in the code pages                                a test that is named
statement  anything else                                                      the marker of a test
=========  =================================================================  ==================================

What was seen is kept by :mod:`tests.house.exercised` in ``tests/house/observed.json``: only in tests that passed, and
answers only where they were checked against the schemas. Markers are read from the tests' source:
``@pytest.mark.requirement("MS-ASCMD", 478)``.
"""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parents[2]
NUMBERS: Final = PROJECT / "tests" / "house" / "requirements.json"
OBSERVED: Final = PROJECT / "tests" / "house" / "observed.json"
REASONS: Final = PROJECT / "tests" / "house" / "requirements_not_tested.json"

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "MS-ASAIRS": ("AirSyncBase",),
    "MS-ASCAL": ("Calendar", "AirSyncBase"),
    "MS-ASCNTC": ("Contacts", "Contacts2", "AirSyncBase"),
    "MS-ASCON": ("Email2", "AirSyncBase", "AirSync", "ItemOperations", "Search"),
    "MS-ASDOC": ("DocumentLibrary",),
    "MS-ASEMAIL": ("Email", "Email2", "AirSyncBase"),
    "MS-ASNOTE": ("Notes", "AirSyncBase"),
    "MS-ASPROV": ("Provision",),
    "MS-ASTASK": ("Tasks", "AirSyncBase"),
}
"""Document → the code pages of its elements; a name that none of them has may be of any."""

NAMED: Final[Mapping[str, str]] = {
    "tokens": "tests/wbxml/test_pages.py::test_a_page_is_the_standards_table",
    "ghost": "tests/eas/schema/test_contact.py::test_only_what_the_device_knows_is_cleared",
}
"""Kind → the test that shows all of it."""

AREAS: Final[Mapping[str, str]] = dict.fromkeys(
    ("data types", "names", "transport", "algorithm"),
    "tests/wbxml/test_encoder.py::test_a_tree_is_written_as_these_bytes",
)
"""Area that each document repeats (how values of any element are written) → the test that shows all of it."""
OWN_TYPES: Final = ("MS-ASDTYPE", "MS-ASHTTP", "MS-ASWBXML")
"""Documents of which these areas are the matter itself."""

TESTED, DONE, NOT_DONE, OPEN = "tested", "done without test", "not done", "not looked at"


@dataclass(frozen=True, slots=True)
class Fact:
    """Requirements that say the same kind of thing of one element. ``commands``: those in which it stands, none for
    any; ``tag``: without its page, but where two pages have it and one is meant; ``direction``: ``request``,
    ``response`` or ``""``; ``value``: a version or a number."""

    document: str
    kind: str
    tag: str
    commands: tuple[str, ...]
    direction: str
    value: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All requirements of a document that concern the server."""

    facts: tuple[Fact, ...]
    tokens: tuple[int, ...]
    statements: Mapping[str, tuple[int, ...]]

    @property
    def numbers(self) -> frozenset[int]:
        """All numbers."""
        found = {number for fact in self.facts for number in fact.numbers} | set(self.tokens)
        return frozenset(found.union(*self.statements.values()))


@dataclass
class State:
    """What is known of a document: number → state, and number → reason where it is not tested."""

    states: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)

    def of(self, state: str) -> list[int]:
        return sorted(number for number, found in self.states.items() if found == state)


def expand(text: str) -> tuple[int, ...]:
    """``"1-3 7"`` → 1, 2, 3, 7."""
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def compress(numbers: Sequence[int]) -> str:
    """The other way."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and parts[-1][-1] == number - 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return " ".join("-".join(map(str, part)) for part in parts)


@cache
def sheets() -> Mapping[str, Sheet]:
    """Document → its requirements."""
    found = {}
    for document, content in json.loads(NUMBERS.read_text()).items():
        facts = tuple(
            Fact(
                document, kind, tag, tuple(filter(None, commands.split("+"))), direction, value, expand(text)
            )
            for kind, tag, commands, direction, value, text in content["facts"]
        )
        statements = {area: expand(text) for area, text in content["statements"].items()}
        found[document] = Sheet(facts, expand(content["tokens"]), statements)
    return found


@cache
def markers(folder: Path = PROJECT / "tests") -> dict[str, dict[int, list[str]]]:
    """Document → number → the tests that carry it in a ``requirement`` marker, read from the source."""
    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    for document, number in _marked(decorator):
                        found[document][number].append(f"{path.name}::{node.name}")
    return found


def _marked(node: ast.expr) -> Iterator[tuple[str, int]]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    if node.func.attr != "requirement" or not node.args:
        return
    values = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    document, *numbers = values
    for number in numbers:
        yield str(document), int(str(number))


# -- what was seen -------------------------------------------------------------------------------------------


class Seen:
    """What went through the server in tests that passed: ``{command: {direction: {tag: [versions, values]}}}``."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def __bool__(self) -> bool:
        return bool(self._record)

    def find(self, fact: Fact) -> list[tuple[str, list[str], list[str]]]:
        """Where the element of a fact was seen: full name, versions, values."""
        commands = [name for name in fact.commands if name in self._record] if fact.commands else self._record
        pages = PAGES.get(fact.document, ())
        hits = []
        for command in commands:
            for direction, tags in self._record[command].items():
                if fact.direction not in ("", direction):
                    continue
                for name, (versions, values) in tags.items():
                    page, _, tag = name.partition(":")
                    if fact.tag in (tag, name):
                        hits.append((page, versions, values))
        own = [hit for hit in hits if hit[0] in pages]
        return own or hits


def kept() -> Seen:
    """What the last recorded run saw."""
    return Seen(json.loads(OBSERVED.read_text()) if OBSERVED.exists() else {})


def is_shown(fact: Fact, seen: Seen) -> bool:
    """Whether what was seen shows a fact."""
    if fact.kind in NAMED:
        return True
    hits = seen.find(fact)
    if fact.kind == "in":
        return any(fact.value in versions for _, versions, _ in hits)
    if fact.kind == "never":
        sent = seen.find(replace(fact, direction="response"))
        return bool(seen) and not any(fact.value in versions for _, versions, _ in sent)
    if fact.kind == "value":
        return any(fact.value in values for _, _, values in hits)
    return bool(hits)


# -- states --------------------------------------------------------------------------------------------------


def reasons() -> Mapping[str, Sequence[tuple[str, str, str]]]:
    """Document → rows of state, numbers or ``"area …"``, ``"tag …"``, ``"command …"`` or ``"rest"``, and reason."""
    found: Mapping[str, Sequence[tuple[str, str, str]]] = json.loads(REASONS.read_text())
    return found


def states(document: str) -> State:
    """What is known of each requirement of a document."""
    sheet, seen, marked = sheets()[document], kept(), markers().get(document, {})
    state = State(dict.fromkeys(sheet.numbers, OPEN))
    for kind, which, reason in reasons().get(document, ()):
        for number in _chosen(sheet, which):
            if state.states.get(number) == OPEN:
                state.states[number], state.reasons[number] = kind, reason
    shown = {number for fact in sheet.facts if is_shown(fact, seen) for number in fact.numbers}
    if document not in OWN_TYPES:
        shown |= {number for area in AREAS for number in sheet.statements.get(area, ())}
    for number in (*shown, *sheet.tokens, *marked):
        if number in state.states:
            state.states[number] = TESTED
            state.reasons.pop(number, None)
    return state


def _chosen(sheet: Sheet, which: str) -> Sequence[int]:
    kind, _, name = which.partition(" ")
    if which == "rest":
        return sorted(sheet.numbers)
    if kind == "area":
        return sheet.statements.get(name, ())
    if kind == "tag":
        found = [number for fact in sheet.facts if fact.tag == name for number in fact.numbers]
        return [
            *found,
            *(n for area, ns in sheet.statements.items() if area.split(" ")[0] == name for n in ns),
        ]
    if kind == "command":
        found = [number for fact in sheet.facts if name in fact.commands for number in fact.numbers]
        return [*found, *(n for area, ns in sheet.statements.items() if name in area for n in ns)]
    if kind == "version":
        return [n for fact in sheet.facts if fact.kind == "in" and fact.value == name for n in fact.numbers]
    return expand(which)


# -- the document --------------------------------------------------------------------------------------------

_INTRODUCTION: Final = """\
## Requirements

The normative requirements on a server in Microsoft's requirement sheets, by their numbers (scope *Server* or *Both*;
without SHOULD and MAY, without what is said of one product). *Tested*: a test carries the number, or the requirement is
one on the shape of an element (type, place, number, version, value) and tests that passed saw it so in answers that
were checked against the schemas (`tests/house/requirements.py` has the rules). *Not looked at*: nobody has yet tied a
test to it, which says nothing of whether it is done.
"""


def render() -> list[str]:
    """The lines of the document."""
    rows, lists = [], []
    totals = dict.fromkeys((TESTED, DONE, NOT_DONE, OPEN), 0)
    for document in sorted(sheets()):
        state = states(document)
        counts = {kind: len(state.of(kind)) for kind in totals}
        for kind, count in counts.items():
            totals[kind] += count
        rows.append(_row(document, counts))
        lists += _lists(document, state)
    head = ["document", "all", TESTED, DONE, NOT_DONE, OPEN, "%"]
    table = [head, ["---"] * len(head), *rows, _row("all", totals)]
    return [_INTRODUCTION, *("| " + " | ".join(row) + " |" for row in table), "", *lists]


def _row(name: str, counts: Mapping[str, int]) -> list[str]:
    total = sum(counts.values())
    return [name, str(total), *(str(count) for count in counts.values()), str(counts[TESTED] * 100 // total)]


def _lists(document: str, state: State) -> list[str]:
    lines = [f"### {document}", ""]
    for kind in (TESTED, OPEN):
        if state.of(kind):
            lines += [f"*{kind.capitalize()}:* {compress(state.of(kind))}", ""]
    for kind in (DONE, NOT_DONE):
        by_reason: dict[str, list[int]] = defaultdict(list)
        for number in state.of(kind):
            by_reason[state.reasons[number]].append(number)
        for reason, numbers in sorted(by_reason.items()):
            lines += [f"*{kind.capitalize()}* ({reason}): {compress(numbers)}", ""]
    return lines
