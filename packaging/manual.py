"""What is made of the commands of ``usmctl`` when a package is built: its manual page, and completions for shells."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

PAGE = "usr/share/man/man1/usmctl.1.gz"

COMPLETIONS = {
    "bash": dict.fromkeys(("deb", "rpm"), "usr/share/bash-completion/completions/usmctl"),
    "zsh": {
        "deb": "usr/share/zsh/vendor-completions/_usmctl",
        "rpm": "usr/share/zsh/site-functions/_usmctl",
    },
    "fish": dict.fromkeys(("deb", "rpm"), "usr/share/fish/vendor_completions.d/usmctl.fish"),
}
"""Where each shell looks for what packages bring."""

SHELL_FOLDERS = (
    "usr/share/fish",
    "usr/share/fish/vendor_completions.d",
    "usr/share/zsh",
    "usr/share/zsh/site-functions",
)
"""Folders for them that a system without the shell lacks; to rpm they belong to each package that has them."""


def targets(family: str) -> list[str]:
    """Where these files go, relative to the root."""
    return [PAGE, *(places[family] for places in COMPLETIONS.values())]


def write(root: Path, family: str, version: str, epoch: int) -> None:
    """Makes them under ``root``; the page is dated ``epoch`` (seconds). The project must be on the path of Python."""
    from app.cli.manual import completion, page

    date = datetime.fromtimestamp(epoch, UTC).date().isoformat()
    made = {PAGE: gzip.compress(page(version, date).encode("ascii"), 9, mtime=0)}
    made |= {places[family]: completion(shell).encode() for shell, places in COMPLETIONS.items()}
    for name, content in made.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
