"""Exit statuses beside 0; they are part of the interface, see :mod:`app.cli.usmctl`."""

from __future__ import annotations

from typing import Final

WRONG: Final = 1
TO_DO: Final = 3
