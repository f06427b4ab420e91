"""Which release a process runs: what the package says of itself.

The package brings two files beside its libraries, ``VERSION`` and ``BUILD``. They are read when the process starts, so
that one which was started before an upgrade tells its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[3]


def read(folder: Path = FOLDER) -> dict[str, str]:
    """``version`` and ``build``; nothing where the program does not come from a package."""
    try:
        return {
            name: (folder / name.upper()).read_text(encoding="ascii").strip() for name in ("version", "build")
        }
    except (OSError, ValueError):
        return {}
