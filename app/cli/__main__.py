"""``python -m app.cli``: usmctl."""

from __future__ import annotations

from app.cli.usmctl import usmctl

if __name__ == "__main__":
    usmctl(prog_name="usmctl")
