"""Which of two versions of a package is newer, as dpkg tells it (deb-version(7)); the order in which a tilde comes
before the end, so that ``1.0~beta1`` is older than ``1.0``, is that of rpm too."""

from __future__ import annotations

import re


def compare(first: str, second: str) -> int:
    """-1, 0 or 1: whether the first version is older than, equal to, or newer than the second. A version is
    ``[epoch:]upstream[-revision]``; anything may be missing."""
    ours, theirs = _key(first), _key(second)
    return (ours > theirs) - (ours < theirs)


def _key(version: str) -> tuple[int, list[tuple[list[int], int]], list[tuple[list[int], int]]]:
    epoch, _, rest = version.rpartition(":")
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return int(epoch) if epoch.isdigit() else 0, _parts(upstream), _parts(revision)


def _parts(text: str) -> list[tuple[list[int], int]]:
    """Runs of anything but digits, each with the number behind it, in a form that compares as dpkg does."""
    runs = re.findall(r"(\D*)(\d*)", text)
    found = [(_letters(letters), int(digits or 0)) for letters, digits in runs]
    # What is missing counts as nothing: 1.0 is 1.0-0.
    while found and found[-1] == END:
        found.pop()
    return [*found, END]


END = ([0], 0)


def _letters(text: str) -> list[int]:
    """A tilde comes before the end, the end before letters, letters before everything else."""
    order = [-1 if each == "~" else ord(each) if each.isalpha() else ord(each) + 256 for each in text]
    return [*order, 0]
