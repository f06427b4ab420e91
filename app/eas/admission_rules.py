"""Which devices an administrator lets in, by rules in ``eas.properties``.

A rule is one or more conditions joined by ``&``, all of which must hold; rules are separated by commas::

    user:anton@example.org & type:iPhone*, agent:Android-Mail/*

==========  =====================================================================================
condition   compares with
==========  =====================================================================================
``user``    login, default mail address, ``context/user`` in numbers, or ``context/login``
``type``    what the device calls its make (DeviceType, MS-ASHTTP 2.2.1.1.1.1.2)
``agent``   its User-Agent header
==========  =====================================================================================

``*`` stands for any text and ``?`` for one character; upper and lower case are the same. Of the rules that fit, one
that names a user counts more than one that does not; then the one with more conditions; of equal ones the stricter:
block, quarantine, allow. Where no rule fits, the default counts. What was decided of the single device
(:class:`app.usm.devices.Standing`) counts more than all of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fnmatch import translate
from typing import Final

from app.usm.model import User

CONDITIONS: Final = ("user", "type", "agent")


class Access(IntEnum):
    """What a device may do; the stricter the greater."""

    ALLOW = 0
    QUARANTINE = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: what the conditions are compared with, by their names, each in lower case."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, user: User, device_type: str, agent: str) -> Subject:
        """A device of a user."""
        names = (
            user.login,
            user.mail,
            f"{user.context_id}/{user.user_id}",
            f"{user.context_id}/{user.login}",
        )
        return cls(
            {
                "user": tuple(name.lower() for name in names if name),
                "type": (device_type.lower(),),
                "agent": (agent.lower(),),
            }
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """The patterns of one rule by the names of the conditions, and its text."""

    text: str
    patterns: Mapping[str, re.Pattern[str]]

    def fits(self, subject: Subject) -> bool:
        """Whether all conditions hold."""
        return all(
            any(pattern.match(value) for value in subject.values[name])
            for name, pattern in self.patterns.items()
        )

    @property
    def weight(self) -> tuple[bool, int]:
        """The greater, the more it counts."""
        return "user" in self.patterns, len(self.patterns)


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of a setting. Raises ``ValueError`` that names what cannot be read."""
    return tuple(_rule(part.strip()) for part in text.split(",") if part.strip())


def _rule(text: str) -> Rule:
    patterns: dict[str, re.Pattern[str]] = {}
    for part in text.split("&"):
        name, colon, pattern = (piece.strip() for piece in part.partition(":"))
        if name not in CONDITIONS or not (colon and pattern):
            raise ValueError(
                f"{part.strip()!r} is no condition: expected user:, type: or agent: and a pattern"
            )
        if name in patterns:
            raise ValueError(f"{text!r} names {name} twice")
        # A bracket means nothing but itself: user agents have them.
        patterns[name] = re.compile(translate(pattern.lower().replace("[", "[[]")))
    return Rule(text, patterns)


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """The rules of each kind, and what holds where none fits."""

    allow: tuple[Rule, ...] = ()
    quarantine: tuple[Rule, ...] = ()
    block: tuple[Rule, ...] = ()
    default: Access = Access.ALLOW
    _ranked: tuple[tuple[Access, Rule], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Put the rules into the order in which they count."""
        rules = [
            (access, rule)
            for access, rules in (
                (Access.BLOCK, self.block),
                (Access.QUARANTINE, self.quarantine),
                (Access.ALLOW, self.allow),
            )
            for rule in rules
        ]
        ranked = tuple(sorted(rules, key=lambda pair: (pair[1].weight, pair[0]), reverse=True))
        object.__setattr__(self, "_ranked", ranked)

    def access(self, subject: Subject) -> tuple[Access, str]:
        """What a device may do, and by which rule; the text is for the log."""
        for access, rule in self._ranked:
            if rule.fits(subject):
                return access, f"rule {rule.text}"
        return self.default, "the default for devices"


def fits_any(rules: tuple[Rule, ...], subject: Subject) -> bool:
    """Whether one of these rules fits."""
    return any(rule.fits(subject) for rule in rules)
