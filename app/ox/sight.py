"""The eye on OX: what of each call is noted where a trace is written, and the number of the request it is made for.

Where notes are taken, and how a trace wants to see things, is somebody else's business (:class:`Notebook`,
:class:`View`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.ox import disclosure

if TYPE_CHECKING:
    from app.ox.observer import Witness
    from app.ox.transport import Request

KIND: Final = "ox"
"""What a call is noted as."""
LARGEST: Final = 256 * 1024
"""Bytes of an answer that are kept to be told."""


class View(Protocol):
    """How a trace wants to see things."""

    @property
    def personal(self) -> bool:
        """Whether with what is personal."""
        ...

    def sign(self, name: str) -> str:
        """What stands for a name that is not told."""
        ...


class Notebook(Protocol):
    """Where notes are taken of one request."""

    def note(self, kind: str, event: Callable[[Any], Mapping[str, Any]]) -> None:
        """Something has happened; ``event`` tells it to a :class:`View`."""
        ...

    def hide(self, secret: str) -> None:
        """This must not be written."""
        ...


class Sight:
    """The port :class:`app.ox.observer.Observer`. Both arguments answer for the request that is carried out now:
    ``request_id`` its number, ``""`` without one, and ``notebook`` where notes are taken of it, if they are."""

    def __init__(self, request_id: Callable[[], str], notebook: Callable[[], Notebook | None]) -> None:
        self.request_id = request_id
        self._notebook = notebook

    def witness(self, request: Request) -> Witness | None:
        """See the port."""
        notebook = self._notebook()
        return None if notebook is None else _Witness(notebook, request)


class _Witness:
    def __init__(self, notebook: Notebook, request: Request) -> None:
        self._notebook = notebook
        self._request = request
        self._status = 0
        self._blocks: list[bytes] = []
        self._size = 0
        for name, value in request.params.items():
            if disclosure.SECRET.search(name):
                notebook.hide(value)

    def answered(self, status: int) -> None:
        self._status = status
        self._blocks, self._size = [], 0

    def hear(self, block: bytes) -> None:
        if self._size < LARGEST:
            self._blocks.append(block)
        self._size += len(block)

    def end(self, seconds: float, error: Exception | None) -> None:
        request, status, size = self._request, self._status, self._size
        body = b"".join(self._blocks)

        def event(view: View) -> dict[str, Any]:
            told: dict[str, Any] = {
                "method": request.method,
                "path": request.path,
                "params": disclosure.params(request.params, view.personal, view.sign),
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            sent = disclosure.sent(request, view.personal, view.sign)
            told |= {"sent": sent} if sent else {}
            told |= {"answer": disclosure.answered(body, size, view.personal)} if status else {}
            return told | ({"error": type(error).__name__} if error is not None else {})

        self._notebook.note(KIND, event)
