"""What a run has to tell at its end beside the steps that changed something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pyinfra.api.host import Host
from pyinfra.context import host as current

Kind = Literal["kept", "restarted", "warning", "difference"]


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the summary. ``host`` is the name of the host that it is about."""

    kind: Kind
    host: str
    text: str


notes: list[Note] = []


def note(kind: Kind, text: str, host: Host | None = None) -> None:
    """Remembers a line for the summary; said once, however often it is noted. Never holds a secret."""
    told = Note(kind, (host or current).name, text)
    if told not in notes:
        notes.append(told)
