"""What the administrators' pages ask and decide; :mod:`app.main` hands it in
(:class:`app.administration.desk.Desk`, which says what the answers hold)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol


class Desk(Protocol):
    """Every method may raise ``StoreUnavailable``, ``Busy``, and the error for a name that stands for nothing."""

    def numbers(self) -> Mapping[str, Any]:
        """The estate at a glance."""
        ...

    def devices(self, wanted: Mapping[str, str], order: str, after: str) -> Mapping[str, Any]:
        """A page of those that are looked for."""
        ...

    def quarantine(self, after: str) -> Mapping[str, Any]:
        """A page of those that wait to be let in."""
        ...

    def device(self, context: str, user: str, device: str) -> Mapping[str, Any]:
        """One device."""
        ...

    def stuck(self, context: str = "") -> Mapping[str, Any]:
        """What is stuck."""
        ...

    def storms(self) -> Sequence[Mapping[str, Any]]:
        """Who asks most of this node."""
        ...

    def versions(self) -> Mapping[str, Sequence[tuple[str, int]]]:
        """What is in use."""
        ...

    def recovery_password(self, context: str, user: str, device: str) -> str | None:
        """What opens a locked device."""
        ...

    def decide(
        self, action: str, context: str, user: str, device: str, folders: Collection[str] | None = None
    ) -> str:
        """Decide something about a device; what that took back."""
        ...

    def unstick(
        self, action: str, context: str, user: str, device: str, folder: int, item: str | None = None
    ) -> int:
        """Retry, release or drop; how many there were."""
        ...
