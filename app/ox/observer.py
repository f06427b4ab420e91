"""Who looks on while OX is called: on whose behalf a call is made, and what it said, for logs and traces.

An observer must be quick, and raises nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.ox.transport import Request


class Witness(Protocol):
    """Sees one call, from before it is made."""

    def answered(self, status: int) -> None:
        """An answer begins, with this HTTP status; again where a call is repeated."""
        ...

    def hear(self, block: bytes) -> None:
        """A block of the answer's body, as it comes."""
        ...

    def end(self, seconds: float, error: Exception | None) -> None:
        """The call is over, whether an answer came or not. ``error``: what it is told as."""
        ...


class Observer(Protocol):
    """Asked at each call, in the thread that makes it."""

    def request_id(self) -> str:
        """By which number the request is found for which OX is called now, ``""`` where there is none."""
        ...

    def witness(self, request: Request) -> Witness | None:
        """Who is to see this call, if anybody."""
        ...


class Nobody:
    """Nobody looks on."""

    def request_id(self) -> str:
        """See :class:`Observer`."""
        return ""

    def witness(self, request: Request) -> Witness | None:
        """See :class:`Observer`."""
        return None


NOBODY = Nobody()
