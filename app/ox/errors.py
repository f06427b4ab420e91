"""OX's errors in USM's words: the one place where a code or category of OX is judged.

An error is looked up by its code first, then by its category, where it also matters what was asked
(:class:`Scope`). Two rules hold throughout:

* an OX that fails is :class:`~app.usm.errors.SourceUnavailable`, never :class:`~app.usm.errors.AccessDenied`:
  a phone that is told "wrong password" asks its owner for a new one;
* an error about one item never stops the others of its folder.

``facts``: HTTP API sections 1.1 (envelope), 1.6 (SES, LGI) and 1.8 (conflict and not found).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Self

from app.usm.errors import (
    AccessDenied,
    AccountBlocked,
    FolderGone,
    ItemConflict,
    ItemFailed,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    NotEnabled,
    PasswordExpired,
    SourceUnavailable,
    UsmError,
)

SOON: Final = 10
LATER: Final = 60
MUCH_LATER: Final = 300


class Unsupported(SourceUnavailable):
    """This OX does not know the module or action: an older generation."""


class TooLarge(SourceUnavailable):
    """The answer is larger than this process is willing to hold."""


class NoConnection(SourceUnavailable):
    """All connections to OX that this process may have are in use."""


class SessionExpired(Exception):
    """The OX session is gone; logging in again helps. Never leaves ``app.ox``."""


class Rejected(ItemRefused):
    """OX will not take what an item holds; ``refusal`` may say which part of it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal("", "", message)

    @classmethod
    def because(cls, refusal: Refusal) -> Self:
        """The error for this refusal."""
        made = cls(str(refusal))
        made.refusal = refusal
        return made


class Scope(Enum):
    """What a call is about, which decides how an error without a known code is read."""

    LOGIN = "login"
    FOLDER = "folder"
    READ = "read"
    """One item, to read it."""
    WRITE = "write"
    """One item, to store, change or delete it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error part of an answer (section 1.1). ``category`` is the first one's name; ``too_long`` are the columns
    whose values are, with the longest that OX takes, 0 where it does not say."""

    code: str
    category: str
    text: str
    error_id: str = ""
    too_long: Mapping[int, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"OX answers {self.code or 'an error'}: {self.text} [{self.error_id}]"


FORMER_CATEGORIES: Final[Mapping[int, str]] = {
    1: "USER_INPUT",
    2: "CONFIGURATION",
    3: "PERMISSION_DENIED",
    4: "TRY_AGAIN",
    5: "SERVICE_DOWN",
    6: "CONNECTIVITY",
    7: "ERROR",
    8: "ERROR",
    9: "CONFLICT",
    10: "CONFIGURATION",
    11: "CAPACITY",
    12: "TRUNCATED",
    13: "WARNING",
}
"""The number that older servers send alone; 7 and 10 are generation 6 only."""

HARMLESS: Final = frozenset({"CON-0122"})
"""Errors that say "nothing to do": the call has succeeded."""

_Maker = Callable[[str], Exception]


def _later(seconds: int) -> _Maker:
    return lambda message: SourceUnavailable(message, retry_after=seconds)


PICTURE_CODES: Final = frozenset({"CON-0101", "CON-0108", "CON-0136", "CON-0158", "CON-0170", "CON-0172"})
CHARACTER_CODES: Final = frozenset({"CON-0168", "TSK-0058"})
ADDRESS_CODES: Final = frozenset({"CON-0100"})
UNTAKEN: Final = PICTURE_CODES | CHARACTER_CODES | ADDRESS_CODES
"""A value that OX cannot hold, whatever category it gives the error (section 1.8)."""

BY_CODE: Final[Mapping[str, _Maker]] = {
    "SES-0002": _later(MUCH_LATER),
    "SES-0007": _later(MUCH_LATER),
    "SES-0204": _later(MUCH_LATER),
    "SES-0207": _later(MUCH_LATER),
    "SES-0208": _later(LATER),
    "LGI-0001": AccountBlocked,
    "LGI-0002": _later(LATER),
    "LGI-0003": _later(LATER),
    "LGI-0005": _later(LATER),
    "LGI-0006": AccessDenied,
    "LGI-0010": _later(LATER),
    "LGI-0011": PasswordExpired,
    "LGI-0013": NotEnabled,
    "LGI-0014": NotEnabled,
    "LGI-0016": _later(MUCH_LATER),
    "LGI-0022": NotEnabled,
    "LGI-0023": NotEnabled,
    "LGI-0024": NotEnabled,
    "LGI-0025": NotEnabled,
    "LGI-0026": AccessDenied,
    "LGI-0027": AccessDenied,
    "LGI-0028": _later(MUCH_LATER),
    "SVL-0001": Unsupported,
    "SVL-0007": Unsupported,
    "SVL-0013": Unsupported,
    "SVL-0021": Unsupported,
    "FLD-0003": FolderGone,
    "FLD-0008": FolderGone,
    "FLD-1004": FolderGone,
    "FLD-1014": ItemConflict,
    "FLD-1018": Unsupported,
    "FLD-1034": ItemConflict,
    "CON-0103": FolderGone,
    "CON-0119": ItemConflict,
    "CON-0125": ItemGone,
    "CON-0174": ItemGone,
    "CON-0167": Rejected,  # TRY_AGAIN, but only another display name helps
    "TSK-0006": FolderGone,
    "TSK-0007": ItemConflict,
    "TSK-0019": ItemGone,
    "TSK-0048": ItemGone,
    "APP-0100": Rejected,
    "CAL-4040": ItemGone,
    "CAL-4041": ItemGone,
    "CAL-4042": Rejected,  # an occurrence: its series is there
    "CAL-4045": FolderGone,
    "CAL-4047": ItemGone,
    "CAL-4060": FolderGone,
    "CAL-4090": Rejected,
    "CAL-4091": Rejected,
    "CAL-4092": Rejected,
    "CAL-4120": ItemConflict,
    "MSG-0032": ItemGone,
    "IMAP-1002": FolderGone,
    **dict.fromkeys(UNTAKEN, Rejected),
}
"""Codes whose meaning does not depend on what was asked. Other ``SES`` codes mean: log in again."""

_REFUSED: Final[Mapping[Scope, _Maker]] = {
    Scope.LOGIN: SourceUnavailable,
    Scope.FOLDER: SourceUnavailable,
    Scope.READ: ItemUnreadable,
    Scope.WRITE: Rejected,
}
_FAILED: Final[Mapping[Scope, _Maker]] = {**_REFUSED, Scope.WRITE: ItemFailed}
_UNAVAILABLE: Final[Mapping[Scope, _Maker]] = dict.fromkeys(Scope, SourceUnavailable)

BY_CATEGORY: Final[Mapping[str, Mapping[Scope, _Maker]]] = {
    "USER_INPUT": _REFUSED,
    "CAPACITY": _FAILED,
    "TRUNCATED": _REFUSED,
    "PERMISSION_DENIED": {**_REFUSED, Scope.FOLDER: FolderGone},
    "CONFLICT": {**_REFUSED, Scope.WRITE: ItemConflict},
    "ERROR": _FAILED,
    "CONFIGURATION": _UNAVAILABLE,
    "TRY_AGAIN": _UNAVAILABLE,
    "SERVICE_DOWN": _UNAVAILABLE,
    "CONNECTIVITY": _UNAVAILABLE,
}


def refusal(envelope: Mapping[str, Any]) -> Refusal | None:
    """The error of an answer, ``None`` when there is none or only a warning or harmless one (section 1.1)."""
    if not envelope.get("error") and not envelope.get("code"):
        return None
    code, category = str(envelope.get("code") or ""), _category(envelope)
    if category == "WARNING" or code in HARMLESS:
        return None
    return Refusal(code, category, _text(envelope), str(envelope.get("error_id") or ""), _too_long(envelope))


def _text(envelope: Mapping[str, Any]) -> str:
    """What OX says, without the values that it put into its sentence: names of folders, parts of items. They stand in
    its own log, under the same error id."""
    text = str(envelope.get("error_desc") or envelope.get("error") or "no message")
    named = envelope.get("error_params")
    values = (
        {str(each) for each in named if isinstance(each, str | int)} if isinstance(named, list) else set()
    )
    for value in sorted(values, key=len, reverse=True):
        if len(value) > 1:
            text = text.replace(value, "…")
    return text


def _too_long(envelope: Mapping[str, Any]) -> dict[int, int]:
    named = envelope.get("truncated")
    columns = {column: 0 for column in named if isinstance(column, int)} if isinstance(named, list) else {}
    problems = envelope.get("problematic")
    for problem in problems if isinstance(problems, list) else ():
        if isinstance(problem, dict) and isinstance(problem.get("id"), int):
            longest = problem.get("max_size")
            columns[problem["id"]] = longest if isinstance(longest, int) and longest > 0 else 0
    return columns


def _category(envelope: Mapping[str, Any]) -> str:
    names = envelope.get("categories")
    if isinstance(names, list):
        names = names[0] if names else None
    if isinstance(names, str) and names:
        return names.upper()
    number = envelope.get("category")
    return FORMER_CATEGORIES.get(number, "ERROR") if isinstance(number, int) else "ERROR"


def translate(error: Refusal, scope: Scope) -> UsmError | SessionExpired:
    """The exception to raise for this error."""
    maker = BY_CODE.get(error.code)
    if maker is None and error.code.startswith("SES-"):
        maker = SessionExpired
    if maker is None:
        maker = BY_CATEGORY.get(error.category, BY_CATEGORY["ERROR"])[scope]
    made = Rejected.because(error) if maker is Rejected else maker(str(error))
    assert isinstance(made, UsmError | SessionExpired)  # noqa: S101  # nosec B101 # the table has nothing else
    return made


def http_failure(status: int, retry_after: str | None, what: str) -> SourceUnavailable:
    """The error for an HTTP status other than 200. ``retry_after``: that header, seconds only."""
    message = f"OX answers HTTP {status} to {what}"
    if status == 404:
        return Unsupported(f"{message}: unknown module, or a wrong com.openexchange.usm.ox.url", LATER)
    if 300 <= status < 400:
        return SourceUnavailable(
            f"{message}: redirects are not followed, check com.openexchange.usm.ox.url", LATER
        )
    named = int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else LATER
    return SourceUnavailable(message, max(1, min(named, 3600)), in_doubt=status >= 500)


TOKEN_REFUSED: Final = frozenset({401, 403})
"""HTTP statuses by which OX's OAuth provider refuses a call."""


def token_failure(status: int, what: str) -> UsmError:
    """The error for a call with an access token that OX refuses: the token is not good (401), or lacks a scope."""
    if status == 401:
        return AccessDenied(f"OX refuses the access token for {what}")
    return NotEnabled(f"the access token lacks the scope for {what}")
