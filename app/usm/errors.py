"""What can go wrong, in USM's own words.

    UsmError
    ├── AccessDenied            name or password refused by the source
    │   ├── AccountBlocked      the password may be right: the account is locked
    │   └── PasswordExpired     the password was right, and must be changed
    ├── NotEnabled              a known user who may not synchronise
    ├── SourceUnavailable       the source does not answer now: try again later
    │   └── LoginPaused         it was not asked, after many wrong passwords
    ├── StoreUnavailable        the state does not answer now: try again later
    ├── Busy                    another request holds this folder: try again soon
    ├── UnknownSyncKey          the state behind this key is gone: start over with key 0
    ├── FolderGone              no such folder (any more)
    └── ItemError               one item only; its folder goes on
        ├── ItemGone            no such item (any more)
        ├── ItemConflict        the source's copy is newer than the version named
        ├── ItemRefused         the source will not take this: rights, or a value it cannot hold
        ├── ItemFailed          the source failed at this item: it may take it another time
        └── ItemUnreadable      the source's copy cannot be read or converted

Each message names the value that was wrong, and never a password.
"""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(r"(['\"]).*\1", re.DOTALL)


def unquoted(error: Exception) -> str:
    """What an error says, without the values that it quotes: those that come from conversions may quote anything that
    somebody wrote, and what is logged must not."""
    return _QUOTED.sub(r"\1…\1", str(error)) or type(error).__name__


class UsmError(Exception):
    """The root of all errors that USM raises."""


class AccessDenied(UsmError):
    """The source refused the name or the password."""


class AccountBlocked(AccessDenied):
    """The account is locked: no password opens it now."""


class PasswordExpired(AccessDenied):
    """The password is no longer good and has to be changed, elsewhere."""


class NotEnabled(UsmError):
    """The user is known, but has no right to synchronise."""


class SourceUnavailable(UsmError):
    """The data source does not answer now. ``retry_after``: seconds to wait before trying again.

    ``in_doubt``: the request may have reached the source, which may still carry it out.
    """

    def __init__(self, message: str, retry_after: int = 30, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class LoginPaused(SourceUnavailable):
    """Too many wrong passwords came before: this one was not even tried."""


class StoreUnavailable(UsmError):
    """The state store does not answer now. ``retry_after``: seconds to wait before trying again."""

    def __init__(self, message: str, retry_after: int = 30) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(UsmError):
    """Another request of the same device still works on the same folder."""


class UnknownSyncKey(UsmError):
    """No state is kept for this key."""


class FolderGone(UsmError):
    """The folder does not exist, or is no longer visible to the user."""


class ItemError(UsmError):
    """Something about a single item; the rest of its folder goes on."""


class ItemGone(ItemError):
    """The item does not exist (any more)."""


class ItemConflict(ItemError):
    """The source's copy has changed since the version the writer named."""


class ItemRefused(ItemError):
    """The source will not take the change: missing rights, or a value it cannot hold."""


class ItemFailed(ItemError):
    """The source failed at this item, for a reason that may pass."""


class ItemUnreadable(ItemError):
    """The source's copy cannot be read or converted."""
