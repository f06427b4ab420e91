"""Reading Java ``.properties`` files, as far as the server's own files need it."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> dict[str, str]:
    """Key → value; a missing file is empty. Comments, blank lines, ``=`` or ``:``, and continued lines."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        key, value = _split(line)
        found[key] = value
    return found


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    carried = ""
    for raw in text.splitlines():
        line = carried + raw.lstrip()
        carried = ""
        if not line or line[0] in "#!":
            continue
        if line.endswith("\\"):
            carried = line[:-1]
            continue
        lines.append(line)
    return [*lines, carried] if carried else lines


def _split(line: str) -> tuple[str, str]:
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    if not places:
        return line.strip(), ""
    at = min(places)
    return line[:at].strip(), line[at + 1 :].strip()
