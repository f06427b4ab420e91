"""The exit statuses of ``usmctl``: a part of its interface, by which the deployment and other scripts decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DONE: Final = 0
WRONG: Final = 1
WRONG_USE: Final = 2
TO_DO: Final = 3
NOBODY_READS: Final = 141

EXITS: Final[Mapping[int, str]] = {
    DONE: "Done, or nothing to do.",
    WRONG: "Something is wrong, or is not there; the message names it. What else could be done was done.",
    WRONG_USE: "Wrong use of the command: nothing was tried.",
    TO_DO: "Nothing is wrong, and there is something to do: a migration, or what an earlier product left.",
    NOBODY_READS: "Whoever read the output stopped reading, as head does.",
}
"""What each of them says; ``usmctl --help`` and the man page show this table."""
