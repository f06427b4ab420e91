"""Status numbers, and which of them stands for which failure: tables only (MS-ASCMD 2.2.2, 2.2.3.177).

Where a command needs a decision instead of a row, the command's module makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from app.usm.model import Outcome


class Common(IntEnum):
    """Status values common to all commands; they exist from 14.0 on."""

    INVALID_CONTENT = 101
    INVALID_WBXML = 102
    INVALID_XML = 103
    INVALID_DATE = 104
    INVALID_MIME = 107
    INVALID_DEVICE_ID = 108
    SERVER_ERROR = 110
    RETRY_LATER = 111
    USER_NOT_ENABLED = 126
    DEVICE_BLOCKED = 129
    COMMAND_UNSUPPORTED = 137
    VERSION_UNSUPPORTED = 138
    NOT_FULLY_PROVISIONABLE = 139
    REMOTE_WIPE = 140
    NOT_PROVISIONED = 142
    POLICY_REFRESH = 143
    INVALID_POLICY_KEY = 144
    EXTERNALLY_MANAGED = 145
    NO_SERIES = 146
    BODY_PART_TYPE = 164
    DEVICE_INFORMATION_REQUIRED = 165
    INVALID_ACCOUNT = 166
    NO_RIGHTS_MANAGEMENT = 168
    TOO_MANY_DEVICES = 177


class Compose(IntEnum):
    """Of SendMail, SmartReply and SmartForward: common values that only they use (MS-ASCMD 2.2.2)."""

    INVALID_IDS = 105
    SENT_BEFORE = 118
    NO_RECIPIENT = 119
    REFUSED = 120
    TOO_LARGE = 122
    SOURCE_MISSING = 150
    COMBINED = 178
    UNPARSABLE = 179


class MoveStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.10: here 1 is no success."""

    INVALID_SOURCE = 1
    INVALID_DESTINATION = 2
    SUCCESS = 3
    SAME_FOLDER = 4
    FAILED = 5
    LOCKED = 7


class OperationStatus(IntEnum):
    """Of ItemOperations, MS-ASCMD 2.2.3.177.8."""

    SUCCESS = 1
    PROTOCOL_ERROR = 2
    SERVER_ERROR = 3
    BAD_LINK = 4
    DENIED = 5
    NOT_FOUND = 6
    BYTE_RANGE = 8
    UNKNOWN_STORE = 9
    TOO_LARGE = 11
    CONVERSION = 14
    INVALID_ATTACHMENT = 15
    CREDENTIALS = 18
    SOME_MISSING = 153
    MOVE_FAILED = 154
    MOVE_ALWAYS_MISSING = 155
    INVALID_DESTINATION = 156


class MeetingStatus(IntEnum):
    """Of MeetingResponse, MS-ASCMD 2.2.3.177.9."""

    SUCCESS = 1
    INVALID_REQUEST = 2
    MAILBOX_ERROR = 3


class FolderSyncStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.5."""

    SUCCESS = 1
    SERVER_ERROR = 6
    INVALID_KEY = 9
    MALFORMED = 10


class FolderStatus(IntEnum):
    """Of FolderCreate, FolderDelete and FolderUpdate (MS-ASCMD 2.2.3.177.2, .3 and .6)."""

    SUCCESS = 1
    EXISTS = 2
    """There is a folder of that name; of FolderUpdate also: it is a special folder."""
    SPECIAL = 3
    """A special folder is neither deleted nor does it take others."""
    MISSING = 4
    NO_PARENT = 5
    SERVER_ERROR = 6
    INVALID_KEY = 9
    MALFORMED = 10


class SyncStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.17."""

    SUCCESS = 1
    INVALID_KEY = 3
    PROTOCOL_ERROR = 4
    SERVER_ERROR = 5
    CONVERSION = 6
    CONFLICT = 7
    NOT_FOUND = 8
    HIERARCHY_CHANGED = 12
    REQUEST_INCOMPLETE = 13
    WAIT_OUT_OF_RANGE = 14
    TOO_MANY_COLLECTIONS = 15
    RETRY = 16


class EstimateStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.7."""

    SUCCESS = 1
    INVALID_COLLECTION = 2
    NOT_PRIMED = 3
    INVALID_KEY = 4


class PingStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.11."""

    EXPIRED = 1
    CHANGED = 2
    PARAMETERS_MISSING = 3
    SYNTAX = 4
    INTERVAL_OUT_OF_RANGE = 5
    TOO_MANY_FOLDERS = 6
    HIERARCHY_CHANGED = 7
    SERVER_ERROR = 8


class SettingsStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.15."""

    SUCCESS = 1
    PROTOCOL_ERROR = 2
    ACCESS_DENIED = 3
    INVALID_ARGUMENTS = 5
    CONFLICTING_ARGUMENTS = 6
    DENIED_BY_POLICY = 7


class CertificateStatus(IntEnum):
    """Of ValidateCert, MS-ASCMD 2.2.3.177.18; names as in :class:`app.eas.certificates.Verdict`."""

    VALID = 1
    PROTOCOL_ERROR = 2
    BAD_SIGNATURE = 3
    UNTRUSTED = 4
    BAD_CHAIN = 5
    NOT_FOR_MAIL = 6
    EXPIRED = 7
    CHAIN_EXPIRED = 8
    MISUSED = 9
    UNREADABLE = 10
    NO_AUTHORITY = 11
    WRONG_NAME = 12
    REVOKED = 13
    CHAIN_REVOKED = 15
    REVOCATION_UNKNOWN = 16
    UNKNOWN = 17


class ProvisionStatus(IntEnum):
    """Of the command as a whole, MS-ASPROV 2.2.2.54.2."""

    SUCCESS = 1
    PROTOCOL_ERROR = 2
    SERVER_ERROR = 3


class PolicyStatus(IntEnum):
    """Of one policy, MS-ASPROV 2.2.2.54.1."""

    SUCCESS = 1
    NO_POLICY = 2
    UNKNOWN_TYPE = 3
    KEY_MISMATCH = 5


class SearchStatus(IntEnum):
    """Of one store of Search, MS-ASCMD 2.2.3.177.13."""

    SUCCESS = 1
    PROTOCOL_ERROR = 2
    BAD_LINK = 4
    DENIED = 5
    NOT_FOUND = 6
    TOO_COMPLEX = 8
    TIMED_OUT = 10
    HIERARCHY_CHANGED = 11
    RANGE_EXCEEDED = 12
    CREDENTIALS = 14


class FindStatus(IntEnum):
    """MS-ASCMD 2.2.3.177.2."""

    SUCCESS = 1
    PROTOCOL_ERROR = 2
    HIERARCHY_CHANGED = 3
    BAD_RANGE = 4


class ResolveStatus(IntEnum):
    """Of ResolveRecipients, of one of its recipients and of the certificates of one, MS-ASCMD 2.2.3.177.12."""

    SUCCESS = 1
    AMBIGUOUS = 2
    AMBIGUOUS_IN_PART = 3
    UNKNOWN = 4
    PROTOCOL_ERROR = 5
    NO_CERTIFICATE = 7


class AvailabilityStatus(IntEnum):
    """When somebody is busy, MS-ASCMD 2.2.3.177.12."""

    SUCCESS = 1
    TOO_MANY_RECIPIENTS = 160
    LIST_TOO_LONG = 161
    FAILED = 162
    NOT_TOLD = 163


class PictureStatus(IntEnum):
    """Of the picture of somebody, MS-ASCMD 2.2.3.177.12 and .13."""

    SUCCESS = 1
    NONE = 173
    TOO_LARGE = 174
    TOO_MANY = 175


HTTP_BEFORE_14: Final[Mapping[int, int]] = {
    101: 400,
    102: 400,
    103: 400,
    106: 400,
    107: 400,
    110: 500,
    111: 503,
    112: 403,
    113: 507,
    122: 413,
    125: 403,
    126: 403,
    129: 403,
    132: 403,
    137: 501,
    138: 400,
    139: 403,
    140: 449,
    141: 449,
    142: 449,
    143: 449,
    144: 449,
    145: 403,
    147: 400,
    150: 404,
    177: 403,
}
"""Common status → the HTTP status that stands in for it up to 12.1 (MS-ASCMD 2.2.2)."""

HTTP_OF_COMMAND: Final[Mapping[tuple[str, int], int]] = {("SendMail", 106): 500, ("Provision", 132): 500}
"""The same, where a command differs from the others."""

ROOTS: Final[Mapping[str, str]] = {
    "Sync": "AirSync",
    "SendMail": "ComposeMail",
    "SmartForward": "ComposeMail",
    "SmartReply": "ComposeMail",
    "FolderSync": "FolderHierarchy",
    "FolderCreate": "FolderHierarchy",
    "FolderDelete": "FolderHierarchy",
    "FolderUpdate": "FolderHierarchy",
    "MoveItems": "Move",
    "MeetingResponse": "MeetingResponse",
    "GetItemEstimate": "GetItemEstimate",
    "Search": "Search",
    "Settings": "Settings",
    "Ping": "Ping",
    "ItemOperations": "ItemOperations",
    "Provision": "Provision",
    "ResolveRecipients": "ResolveRecipients",
    "ValidateCert": "ValidateCert",
    "Find": "Find",
}
"""Command → the page of its root element. A command that is not here has no place for a Status of its own."""

WRAPPED: Final[Mapping[str, str]] = {"MeetingResponse": "Result"}
"""Commands whose Status has its place inside another element of the answer."""

MALFORMED: Final[Mapping[str, int]] = {
    "SendMail": Common.INVALID_XML,
    "SmartReply": Common.INVALID_XML,
    "SmartForward": Common.INVALID_XML,
    "MoveItems": Common.INVALID_XML,
    "MeetingResponse": MeetingStatus.INVALID_REQUEST,
    "ItemOperations": OperationStatus.PROTOCOL_ERROR,
    "GetAttachment": Common.INVALID_XML,
    "GetHierarchy": Common.INVALID_XML,
    "Sync": SyncStatus.PROTOCOL_ERROR,
    "FolderSync": FolderSyncStatus.MALFORMED,
    **dict.fromkeys(("FolderCreate", "FolderDelete", "FolderUpdate"), FolderStatus.MALFORMED),
    "GetItemEstimate": Common.INVALID_XML,
    "Ping": PingStatus.SYNTAX,
    "Provision": ProvisionStatus.PROTOCOL_ERROR,
    "Settings": SettingsStatus.PROTOCOL_ERROR,
    "ValidateCert": CertificateStatus.PROTOCOL_ERROR,
    "Search": SearchStatus.PROTOCOL_ERROR,
    "Find": FindStatus.PROTOCOL_ERROR,
    "ResolveRecipients": ResolveStatus.PROTOCOL_ERROR,
}
"""Command → Status for a document that breaks the standard."""

ITEM: Final[Mapping[Outcome, SyncStatus]] = {
    Outcome.DONE: SyncStatus.SUCCESS,
    Outcome.CONFLICT: SyncStatus.CONFLICT,
    Outcome.GONE: SyncStatus.NOT_FOUND,
    Outcome.REFUSED: SyncStatus.CONVERSION,
    Outcome.FAILED: SyncStatus.SERVER_ERROR,
}
"""What became of a device's change → its Status in Responses."""
