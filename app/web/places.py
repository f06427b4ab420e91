"""Users who live elsewhere: another server for some logins or contexts (MS-ASHTTP 3.1.5.2.2).

A rule is ``PATTERN=URL``. The pattern is compared with the login (``*`` and ``?`` stand for anything), or is
``context:7``. The first rule that fits counts. One that leads to the very server that was asked says that the user is
right here, so that all nodes of several installations can have the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

CONTEXT: Final = re.compile(r"context:([0-9]{1,9})\Z")


class Elsewhere(Exception):
    """The user is served at ``url``."""

    def __init__(self, url: str) -> None:
        super().__init__(f"the user is served at {url}")
        self.url = url


@dataclass(frozen=True, slots=True)
class Rule:
    """``pattern`` in small letters; ``url`` is that of ActiveSync there."""

    pattern: str
    url: str


class Places:
    """Who lives where. ``rules`` in the order in which they count."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple(rules)

    def of_login(self, login: str, asked: Iterable[str]) -> str | None:
        """The server of a login. ``asked``: the host names by which this one was asked."""
        known_as = login.lower()
        return self._first(asked, lambda rule: fnmatchcase(known_as, rule.pattern))

    def of_context(self, context_id: int, asked: Iterable[str]) -> str | None:
        """The server of a context."""
        name = f"context:{context_id}"
        return self._first(asked, lambda rule: rule.pattern == name)

    def _first(self, asked: Iterable[str], fits: Callable[[Rule], bool]) -> str | None:
        found = next((rule.url for rule in self._rules if fits(rule)), None)
        return None if found is None or host_of(found) in {bare(name) for name in asked} else found


def host_of(url: str) -> str:
    """Host and port of a URL, written as :func:`bare` does."""
    return bare(urlsplit(url).netloc)


def bare(host: str) -> str:
    """A host as a ``Host`` header has it, in small letters and without the usual port."""
    return host.strip().lower().removesuffix(":443").removesuffix(":80")
