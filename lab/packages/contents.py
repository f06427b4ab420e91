"""What a package holds, whatever kind of package it is made into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

EPOCH = 1_293_840_000
"""The date of everything inside: the first of January 2011."""

ETC = {6: "opt/open-xchange/etc/groupware", 7: "opt/open-xchange/etc"}
"""Generation of the groupware → the folder of its settings."""


@dataclass(frozen=True, slots=True)
class File:
    """One file. ``target``: where it goes, without the leading ``/``. ``config``: what an administrator edited there is
    not replaced unasked."""

    target: str
    content: bytes
    mode: int = 0o644
    config: bool = False


@dataclass(frozen=True, slots=True)
class Package:
    """What the package manager is told about a package, and what is in it. ``scripts``: Debian's maintainer scripts by
    name."""

    version: str
    summary: str
    description: str
    files: Sequence[File]
    name: str = "open-xchange-usm"
    depends: str = ""
    recommends: str = ""
    scripts: Mapping[str, str] = field(default_factory=dict)
