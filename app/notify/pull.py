"""When a waiting device's folders are looked at: pure rules, all times in seconds.

Mail follows the original's two keys. ``email_pull_delay`` says after what part of its wait a device's mail is
looked at, and again after each further such part; ``email_pull_min_delay`` is the least such delay. A device that
waits for less gets no look at all, and a delay longer than the wait means one look at its end. Everything else is
looked at each ``interval``.
"""

from __future__ import annotations

from dataclasses import dataclass

_LAST_LOOK = 0.9
"""The look "at the end of the wait" comes at this share of it, so that its answer is still in time."""

_LEAST = 0.05
"""No setting makes the looks at mail come closer than this."""


@dataclass(frozen=True, slots=True)
class PullRule:
    """How often to look. ``mail_share`` of the wait (0 to 1) counts where ``mail_delay`` is ``None``.

    ``mail_min_delay`` below 0 switches the looks at mail off. ``longest_pause``: the most that failures of the source
    stretch the time between two looks.
    """

    mail_delay: float | None = None
    mail_share: float = 0.5
    mail_min_delay: float = 60.0
    interval: float = 30.0
    longest_pause: float = 300.0

    def mail_period(self, wait: float) -> float | None:
        """Seconds between two looks at the mail of a device that waits so long; ``None`` for no look."""
        if self.mail_min_delay < 0 or wait < self.mail_min_delay:
            return None
        wanted = self.mail_share * wait if self.mail_delay is None else self.mail_delay
        return min(max(wanted, self.mail_min_delay, _LEAST), wait * _LAST_LOOK)

    def pause(self, failures: int) -> float:
        """Seconds to leave the source alone after so many failures in a row."""
        return min(self.interval * 2.0 ** min(failures - 1, 16), self.longest_pause) if failures else 0.0
