"""What wakes a waiting request."""

from __future__ import annotations

from enum import StrEnum


class Waker(StrEnum):
    """The words of whoever counts it."""

    CHANGE = "change"
    """Something that was changed through this very process."""
    WORKER = "worker"
    """The same, through another process of this node."""
    REDIS = "redis"
    """The same, through another node."""
    DOVECOT = "dovecot"
    """The mail server has told of new mail, wherever it did."""
    POLL = "poll"
    """A look at the source, whoever looked."""
    END = "end"
    """The time is over that the device wanted to wait."""
    SUPERSEDED = "superseded"
    """The device waits anew."""
    ADMINISTRATOR = "administrator"
    """Somebody decided something about the device."""
    STOP = "stop"
    """The service ends."""
    REFUSED = "refused"
    """The source refuses the user."""
