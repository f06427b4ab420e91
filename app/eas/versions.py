"""The protocol versions served and what differs between them, as tables (MS-ASCMD 1.7, MS-ASHTTP 2.2.1.1.2.6).

A version is the number of the base64 query: 141 for 14.1. Later versions compare greater, so that a table
only has to name where something begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Version(IntEnum):
    """A protocol version that is served."""

    V2_5 = 25
    V12_0 = 120
    V12_1 = 121
    V14_0 = 140
    V14_1 = 141
    V16_0 = 160
    V16_1 = 161

    @property
    def text(self) -> str:
        """As it stands in headers: ``"14.1"``."""
        return f"{self.value // 10}.{self.value % 10}"


OLDEST: Final = min(Version)
NEWEST: Final = max(Version)

ADVERTISED: Final = tuple(Version)
"""What OPTIONS tells devices."""

BY_TEXT: Final[Mapping[str, Version]] = {version.text: version for version in Version}

STATUS_IN_BODY: Final = Version.V14_0
"""From here on Status codes above 100 exist; before, the HTTP status stands in (MS-ASCMD 2.2.2)."""

CLASS_IN_COLLECTION_UNTIL: Final = Version.V12_1
"""Up to here a Collection carries a Class child, in requests and answers (MS-ASCMD 2.2.3.29)."""

CACHED_REQUESTS: Final = Version.V12_1
"""From here on a Sync without a body, or with a part of one, means the last one (MS-ASCMD 2.2.1.21.1)."""

TEXT_MESSAGES: Final = Version.V14_0
"""From here on folders of mail hold text messages (class SMS) as well (MS-ASCMD 2.2.3.27.5)."""

PREVIEW: Final = Version.V14_0
"""Body previews (MS-ASAIRS 2.2.2.35)."""

DEVICE_INFORMATION_IN_PROVISION: Final = Version.V14_1
"""From here on the first Provision request must carry DeviceInformation (MS-ASPROV 3.1.5.1.1)."""

STICKY: Final = Version.V16_0
"""From here on devices must return cookies (MS-ASHTTP 2.2.1.1.2.4)."""

WAP_POLICY_UNTIL: Final = Version.V2_5
"""Up to here the policy is a text in XML (MS-ASPROV 2.2.2.24.2)."""

ACCOUNT_WIPE: Final = Version.V16_1
"""From here on the account alone can be wiped (MS-ASPROV 2.2.2.1)."""

ACCOUNTS: Final = Version.V14_1
"""From here on UserInformation lists accounts, each with its addresses (MS-ASCMD 2.2.3.5)."""


@dataclass(frozen=True, slots=True)
class CommandRule:
    """A command of the standard: its code in the base64 query, ``None`` without one, and where it exists."""

    name: str
    code: int | None
    since: Version = OLDEST
    until: Version = NEWEST

    def exists_in(self, version: Version) -> bool:
        """Whether the standard knows this command in this version."""
        return self.since <= version <= self.until


COMMANDS: Final[Mapping[str, CommandRule]] = {
    rule.name: rule
    for rule in (
        CommandRule("Sync", 0),
        CommandRule("SendMail", 1),
        CommandRule("SmartForward", 2),
        CommandRule("SmartReply", 3),
        CommandRule("GetAttachment", 4, until=Version.V12_1),
        CommandRule("GetHierarchy", None, until=Version.V12_1),
        CommandRule("CreateCollection", None, until=Version.V2_5),
        CommandRule("DeleteCollection", None, until=Version.V2_5),
        CommandRule("MoveCollection", None, until=Version.V2_5),
        CommandRule("FolderSync", 9),
        CommandRule("FolderCreate", 10),
        CommandRule("FolderDelete", 11),
        CommandRule("FolderUpdate", 12),
        CommandRule("MoveItems", 13),
        CommandRule("GetItemEstimate", 14),
        CommandRule("MeetingResponse", 15),
        CommandRule("Search", 16),
        CommandRule("Settings", 17, since=Version.V12_0),
        CommandRule("Ping", 18),
        CommandRule("ItemOperations", 19, since=Version.V12_0),
        CommandRule("Provision", 20),
        CommandRule("ResolveRecipients", 21),
        CommandRule("ValidateCert", 22),
        CommandRule("Find", 23, since=Version.V16_1),
    )
}
"""Every command of the standard, whether it is served here or not."""

BY_CODE: Final[Mapping[int, CommandRule]] = {
    rule.code: rule for rule in COMMANDS.values() if rule.code is not None
}

BY_LOWER_NAME: Final[Mapping[str, CommandRule]] = {name.lower(): rule for name, rule in COMMANDS.items()}
