"""Which release a process runs: what the package says of itself.

The package brings a file beside its libraries: one line with version and build. It is read when the process starts,
so that one which was started before an upgrade tells its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).resolve().parents[3] / "release"


def read(file: Path = FILE) -> dict[str, str]:
    """``version`` and ``build``; nothing where the program does not come from a package."""
    try:
        words = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return {}
    return dict(zip(("version", "build"), words, strict=False))
