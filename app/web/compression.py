"""Answers in gzip, for devices that take it (MS-ASHTTP 2.2.2.1.2.2).

Only answers that are there as a whole: files come in pieces and are mostly compressed already. A small answer would
not get smaller. The larger an answer, the less work goes into it, as everybody else of the process waits meanwhile.
"""

from __future__ import annotations

import gzip
import re
from typing import Final

LEAST: Final = 1024
"""Bytes from which on it is worth it."""
_LARGE: Final = 128 * 1024
_THOROUGH, _QUICK = 6, 1

_REFUSED: Final = re.compile(r";\s*q\s*=\s*0(?:\.0{0,3})?\s*$")


def is_wanted(accepted: str | None) -> bool:
    """Whether an ``Accept-Encoding`` header takes gzip (RFC 9110, 12.5.3). Without the header it is not sent: a
    device that does not mention it has seldom been tried with it."""
    takes: dict[str, bool] = {}
    for part in (accepted or "").lower().split(","):
        takes[part.partition(";")[0].strip()] = not _REFUSED.search(part)
    return takes.get("gzip", takes.get("x-gzip", takes.get("*", False)))


def compressed(body: bytes) -> bytes | None:
    """The body in gzip, ``None`` where that gains nothing."""
    if len(body) < LEAST:
        return None
    smaller = gzip.compress(body, _THOROUGH if len(body) < _LARGE else _QUICK, mtime=0)
    return smaller if len(smaller) < len(body) else None
