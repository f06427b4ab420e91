"""Compares the locked packages with published advisories, without asking anybody: ``python packaging/audit.py``.

Rules of this file:

* what is compared with lies beside it, ``packaging/advisories.json``: what the PyPA advisory database says of locked
  packages, with the date of that database. ``--update CLONE`` (``make advisories``) writes it anew;
* a locked version that an advisory names is a failure, unless :data:`ACCEPTED` says why it does no harm here; what is
  accepted without being named any more is a failure too;
* what a package of the distribution brings is its business; the locked version is compared all the same, as tests run
  with it.

``make audit-online`` asks the live service, where the network has one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import wheels
from packaging.version import Version

PROJECT = Path(__file__).resolve().parent.parent
SNAPSHOT = PROJECT / "packaging" / "advisories.json"
LOCK = PROJECT / "requirements.lock"

ACCEPTED: dict[str, str] = {}
"""Advisory -> why what it says does no harm here."""

OLD = 90
"""Days after which the advisories are called old; that fails nothing."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One advisory about one package. ``ranges``: [introduced, fixed) or, without a fix, [introduced, last] or open;
    ``versions``: those it names one by one, where it has no ranges."""

    id: str
    aliases: tuple[str, ...]
    package: str
    ranges: tuple[Mapping[str, str], ...]
    versions: tuple[str, ...]

    def concerns(self, version: str) -> bool:
        """Whether a version is one of those that it is about."""
        return version in self.versions or any(_within(Version(version), each) for each in self.ranges)


def _within(version: Version, span: Mapping[str, str]) -> bool:
    if span["introduced"] != "0" and version < Version(span["introduced"]):
        return False
    if "fixed" in span:
        return version < Version(span["fixed"])
    return "last" not in span or version <= Version(span["last"])


def read(snapshot: Path) -> tuple[datetime, list[Advisory]]:
    """The date of the database, and what it says of the packages that were locked then."""
    told = json.loads(snapshot.read_text(encoding="utf-8"))
    advisories = [
        Advisory(
            each["id"],
            tuple(each["aliases"]),
            each["package"],
            tuple(each["ranges"]),
            tuple(each["versions"]),
        )
        for each in told["advisories"]
    ]
    return datetime.fromisoformat(told["date"]), advisories


def findings(
    lock: Mapping[str, wheels.Locked], advisories: Iterable[Advisory]
) -> Iterator[tuple[str, Advisory]]:
    """Each locked ``name version`` that an advisory is about."""
    for advisory in advisories:
        entry = lock.get(advisory.package)
        if entry is not None and advisory.concerns(entry.version):
            yield f"{entry.name} {entry.version}", advisory


def complaints(
    lock: Mapping[str, wheels.Locked], advisories: Iterable[Advisory], accepted: Mapping[str, str]
) -> list[str]:
    """A line for each advisory that nobody accepted, and for each that was and is none any more."""
    found = list(findings(lock, advisories))
    lines = [
        f"{what}: {advisory.id} ({', '.join(advisory.aliases) or 'no other name'}); {_advice(advisory)}"
        for what, advisory in found
        if advisory.id not in accepted
    ]
    named = {advisory.id for _, advisory in found}
    lines += [f"{each} is accepted, and concerns no locked version" for each in accepted if each not in named]
    return lines


def _advice(advisory: Advisory) -> str:
    fixed = sorted({each["fixed"] for each in advisory.ranges if "fixed" in each}, key=Version)
    return f"fixed in {', '.join(fixed)}" if fixed else "no fix is told"


def gather(clone: Path, names: Iterable[str]) -> dict[str, Any]:
    """The snapshot: what a clone of the database, with or without work tree, says of these packages."""
    import yaml  # for those who update the snapshot

    def git(*words: str) -> str:
        command = ["git", "-C", clone, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    commit, date = git("log", "-1", "--format=%H %cI").split()
    advisories = []
    for name in sorted(names):
        for path in git("ls-tree", "-r", "--name-only", "HEAD", f"vulns/{name}/").split():
            told = yaml.load(git("show", f"HEAD:{path}"), yaml.CSafeLoader)
            if "withdrawn" not in told:
                advisories += _of_entry(told, name)
    date = datetime.fromisoformat(date).astimezone(UTC).isoformat()
    return {"source": "pypa/advisory-database", "commit": commit, "date": date, "advisories": advisories}


def _of_entry(told: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    for affected in told["affected"]:
        if wheels.canonical(affected["package"]["name"]) != name:
            continue
        ranges = [
            span
            for each in affected.get("ranges", [])
            if each["type"] == "ECOSYSTEM"
            for span in _spans(each)
        ]
        yield {
            "id": told["id"],
            "aliases": sorted(told.get("aliases", [])),
            "package": name,
            "ranges": ranges,
            "versions": [] if ranges else [str(each) for each in affected.get("versions", [])],
        }


def _spans(told: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The spans that the events of a range open and close, in their order."""
    span: dict[str, str] = {}
    for event in told["events"]:
        if "introduced" in event:
            if span:
                yield span
            span = {"introduced": str(event["introduced"])}
        elif "fixed" in event:
            span["fixed"] = str(event["fixed"])
        elif "last_affected" in event:
            span["last"] = str(event["last_affected"])
    if span:
        yield span


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--update", type=Path, metavar="CLONE", help="write the snapshot anew from this clone"
    )
    arguments = parser.parse_args()
    lock = wheels.read_lock(LOCK)
    if arguments.update:
        told = gather(arguments.update, lock)
        SNAPSHOT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    date, advisories = read(SNAPSHOT)
    days = (datetime.now(UTC) - date).days
    old = ", which is old: `make advisories`" if days > OLD else ""
    lines = complaints(lock, advisories, ACCEPTED)
    for line in lines:
        print(f"audit: {line}", file=sys.stderr)
    print(f"audit: {len(lock)} packages, {len(advisories)} advisories of {date:%Y-%m-%d}{old}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
