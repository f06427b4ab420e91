"""What pyinfra reads before anything else: its settings, and what the word ``inventory`` means.

`pyinfra inventory deploy.py` works although ``inventory`` is a folder. Of the files in it, it takes

1. the one that the environment variable ``USM_INVENTORY`` names (``staging``, or a path), else
2. ``inventory/production.py``, which an installation writes for itself (``production.example.py`` shows how), else
3. ``inventory/lab.py``, which refuses to load where there is no lab.
"""

import os
from pathlib import Path

from pyinfra import config
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.util import PYTHON_CODES

from tasks import report, verify

# The cache used below is private to pyinfra, and tasks/ rests on how 3.10 treats errors: tests/deploy holds both.
config.REQUIRE_PYINFRA_VERSION = "==3.10.0"

# One host that fails ends the run, before the next step is taken anywhere.
config.FAIL_PERCENT = 0

_FOLDER = Path("inventory")


def _chosen() -> Path:
    """The inventory file that the folder stands for."""
    if named := os.environ.get("USM_INVENTORY"):
        candidates = [Path(named), _FOLDER / named, _FOLDER / f"{named}.py"]
        for path in candidates:
            if path.is_file():
                return path
        raise PyinfraError(f"USM_INVENTORY={named}: there is no file {' or '.join(map(str, candidates))}")
    production = _FOLDER / "production.py"
    return production if production.is_file() else _FOLDER / "lab.py"


# pyinfra looks into this cache, by the name as typed, before it opens a file; a folder could not be opened.
if _FOLDER.is_dir():
    _path = _chosen()
    for _typed in ("inventory", "inventory/", "./inventory", "./inventory/"):
        PYTHON_CODES[_typed] = compile(_path.read_text(encoding="utf-8"), str(_path), "exec")

# Called for tasks/verify.py, pyinfra would end where a host cannot be reached.
verify.instead_of_pyinfra()

# A deployment that is ended before its first step, such as by Ctrl-C, is no success either.
report.expect()
