"""A phone: an ActiveSync client that does what real ones do, for the demo, the tests and the benchmarks."""

from lab.device.collection import Collection
from lab.device.errors import (
    AccessRefused,
    AnswerLost,
    AuthenticationFailed,
    BadAnswer,
    CommandFailed,
    PhoneError,
    ServerUnavailable,
    Wiped,
)
from lab.device.phone import Phone
from lab.device.state import Change, Folder, FolderChanges, PingResult, SyncResult

__all__ = [
    "AccessRefused",
    "AnswerLost",
    "AuthenticationFailed",
    "BadAnswer",
    "Change",
    "Collection",
    "CommandFailed",
    "Folder",
    "FolderChanges",
    "Phone",
    "PhoneError",
    "PingResult",
    "ServerUnavailable",
    "SyncResult",
    "Wiped",
]
