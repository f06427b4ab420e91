"""What is remembered of a device between its requests, in the fields of its session.

=====================  =========================================================================
field                  content
=====================  =========================================================================
eas.policy.key         the policy key in force, a whole number as text
eas.policy.temporary   the key of the policy that went out last
eas.policy.confirmed   the temporary key that the key in force was given for
eas.policy.offered     fingerprint of the policy that went out with the temporary key
eas.policy.applied     fingerprint of the policy that the device acknowledged
eas.policy.moment      when it did, in seconds since 1970
eas.wipe.told          when the order to wipe went out last, in seconds since 1970
eas.wipe.failed        when the device last said that it could not carry it out, in seconds since 1970
eas.device.<name>      what the device tells of itself, names as in MS-ASCMD 2.2.3.45
eas.recovery           the password by which the owner opens a locked device (MS-ASCMD 2.2.3.130.2), sealed
eas.collection.<n>     JSON: sticky options and supported properties of folder number n
eas.sync               JSON: the cached Sync request
eas.replies            JSON: what organizers were told lately, by meeting: answer, when (see ``replies``)
eas.conversations      JSON: which conversations are always in which folder (see ``conversations``)
eas.ping.interval      seconds of the last Ping
eas.ping.folders       JSON: folder numbers of the last Ping
eas.ping.told          JSON: what Pings told lately, by folder number: sync key, how often, when (see ``ping_guard``)
=====================  =========================================================================

Anything unreadable in there counts as absent: the device is asked again, and nothing breaks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from app.usm.session import Session

POLICY_KEY: Final = "eas.policy.key"
POLICY_TEMPORARY: Final = "eas.policy.temporary"
POLICY_CONFIRMED: Final = "eas.policy.confirmed"
POLICY_OFFERED: Final = "eas.policy.offered"
POLICY_APPLIED: Final = "eas.policy.applied"
POLICY_MOMENT: Final = "eas.policy.moment"
WIPE_TOLD: Final = "eas.wipe.told"
WIPE_FAILED: Final = "eas.wipe.failed"
DEVICE: Final = "eas.device."
RECOVERY: Final = "eas.recovery"
COLLECTION: Final = "eas.collection."
SYNC: Final = "eas.sync"
REPLIES: Final = "eas.replies"
CONVERSATIONS: Final = "eas.conversations"
PING_INTERVAL: Final = "eas.ping.interval"
PING_FOLDERS: Final = "eas.ping.folders"
PING_TOLD: Final = "eas.ping.told"


SECRETS: Final = (RECOVERY,)
"""The fields that are sealed."""


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def text_of(value: object) -> str:
    """A value as JSON, as fields hold it: for several that are written at once."""
    return _encode(value)


class Memory:
    """The fields of one session: read once a request, written only where they differ."""

    def __init__(self, session: Session, lasting: bool = True) -> None:
        """Without ``lasting`` nothing outlives the request (a device that only tries out an account)."""
        self._session = session
        self._lasting = lasting
        self._fields: dict[str, str] | None = None if lasting else {}

    def _loaded(self) -> dict[str, str]:
        if self._fields is None:
            self._fields = dict(self._session.fields())
        return self._fields

    def let_go(self) -> None:
        """Hold nothing until somebody asks again: for a request that waits, while others write."""
        if self._lasting:
            self._fields = None

    def get(self, name: str) -> str:
        """The field, ``""`` where there is none."""
        return self._loaded().get(name, "")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered: the device was never seen."""
        return not self._loaded()

    def learn(self, fields: Mapping[str, str]) -> None:
        """Take note of what somebody else has just written."""
        self._loaded().update(fields)

    def value(self, name: str) -> Any:
        """The field read as JSON, ``None`` where there is none or it cannot be read."""
        try:
            return json.loads(self.get(name))
        except ValueError:
            return None

    def write(self, fields: Mapping[str, str | None]) -> None:
        """Remember these; ``None`` forgets."""
        loaded = self._loaded()
        news = {name: value for name, value in fields.items() if loaded.get(name) != value}
        if not news:
            return
        if self._lasting:
            self._session.write_fields(news)
        for name, value in news.items():
            if value is None:
                del loaded[name]
            else:
                loaded[name] = value

    def keep_secret(self, name: str, text: str) -> None:
        """Remember a text that no request reads again, sealed; ``""`` forgets it."""
        if self._lasting:
            self._session.keep_secret(name, text or None)

    def write_value(self, name: str, value: object) -> None:
        """Remember a value as JSON."""
        self.write({name: text_of(value)})
