"""How admin calls end: kinds of failure and the exit codes of the tools."""

from __future__ import annotations

OK = 0
# Kind of failure → exit code.
EXIT_CODES = {
    "invalid credentials": 101,
    "no such context": 102,
    "invalid data": 103,
    "missing option": 104,
    "communication": 105,
    "storage": 106,
    "remote": 107,
    "no such user": 108,
    "illegal option value": 109,
    "unknown option": 111,
    "unable to parse": 114,
}


class AdminFailure(Exception):
    """An admin call that failed. ``kind``: a key of :data:`EXIT_CODES`."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text

    @property
    def is_misuse(self) -> bool:
        """Whether the tool was called in a wrong way, so that its usage helps."""
        return self.kind in ("missing option", "unknown option", "unable to parse", "illegal option value")

    @property
    def exit_code(self) -> int:
        """What the tool ends with."""
        return EXIT_CODES[self.kind]
