"""``usmctl legacy`` as one file, for hosts where the package that holds it is not installed (yet, or any more).

The file lies beside the dumps that were made with it, so that a rollback reads them with the same program whatever
package is installed by then. It needs Python 3.11, as the package does.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pyinfra.api.command import FileUploadCommand, PyinfraCommand, StringCommand
from pyinfra.context import host

from tasks import nodes, product, scripts
from tasks.nodes import Node

PROJECT = Path(__file__).resolve().parent.parent

PATH = f"{nodes.STATE}/usmctl.pyz"
"""Where it lies on a host."""

LIBRARIES = (
    "click",
    "javaproperties",
    "pymysql",
    "sqlalchemy",
    "typing_extensions",
)
"""What it needs beside the application, of which it migrates nothing; the Python in them, without what is compiled."""

MAIN = """\
from app.cli.alone import usmctl

usmctl(prog_name="usmctl")
"""

_EPOCH = (2010, 1, 1, 0, 0, 0)


def bring() -> Iterator[PyinfraCommand]:
    """Brings it to the host at hand."""
    yield scripts.command("folder", nodes.STATE)
    yield FileUploadCommand(str(_built()), PATH)


def command(node: Node, *words: str) -> StringCommand:
    """Runs it with the settings of a node."""
    return scripts.command("python", PATH, "--etc", node.etc, *words)


def successor() -> tuple[str, ...]:
    """What the commands of ``usmctl legacy`` are told where the product that takes the place is the vendor's: a newer
    version of it has tables of the same names, which must be taken neither for those of before nor for their copy."""
    return () if product.wanted(host.data).has_service else ("--successor",)


@functools.cache
def _built() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="usm-tool-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "usmctl.pyz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), MAIN)
        for name, source in sorted(_sources()):
            packed.writestr(zipfile.ZipInfo(name, _EPOCH), source.read_bytes(), zipfile.ZIP_DEFLATED)
    return path


def _sources() -> Iterator[tuple[str, Path]]:
    """Name in the file -> what goes there."""
    for root in (PROJECT / "app", *map(_library, LIBRARIES)):
        for path in [root] if root.is_file() else root.rglob("*.py"):
            yield str(path.relative_to(root.parent)), path


def _library(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed beside pyinfra: pip install -r requirements.lock")
    origin = Path(found.origin)
    return origin.parent if origin.name == "__init__.py" else origin
