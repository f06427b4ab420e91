"""What can go wrong for a phone.

PhoneError
├── AuthenticationFailed    401: name or password refused
├── AccessRefused           403, or a status that says the same: this user or device may not
├── Wiped                   the server ordered a wipe, and the phone told it what became of that
├── ServerUnavailable       no connection, no answer in time, 502-504, or status 111: later
├── CommandFailed           an answer whose status is an error
├── BadAnswer               an answer that the protocol does not allow
└── AnswerLost              asked for by ``Phone.lose_next_answer``
"""

from __future__ import annotations


class PhoneError(Exception):
    """The root of all errors that the phone raises."""


class AuthenticationFailed(PhoneError):
    """The server refused the login or the password (HTTP 401)."""


class AccessRefused(PhoneError):
    """The user or the device may not synchronise (HTTP 403, 456, 457; status 125, 126, 129-131, 177)."""


class Wiped(PhoneError):
    """The server ordered to wipe the ``what``: ``"device"`` or ``"account"``; ``done``: the phone did so."""

    def __init__(self, what: str, done: bool) -> None:
        super().__init__(f"the {what} was {'wiped' if done else 'to be wiped, which failed'}")
        self.what = what
        self.done = done


class ServerUnavailable(PhoneError):
    """The server does not answer now. ``retry_after`` is in seconds, ``None`` where it named no time."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CommandFailed(PhoneError):
    """``command`` was answered with an error ``status`` (MS-ASCMD 2.2.2 and 2.2.3.177)."""

    def __init__(self, command: str, status: int) -> None:
        super().__init__(f"{command} was answered with status {status}")
        self.command = command
        self.status = status


class BadAnswer(PhoneError):
    """The answer is not what the protocol allows. ``http_status`` is that of HTTP."""

    def __init__(self, message: str, http_status: int = 200) -> None:
        super().__init__(message)
        self.http_status = http_status


class AnswerLost(PhoneError):
    """The server answered, and the phone threw the answer away, as asked; its keys are the old ones."""
