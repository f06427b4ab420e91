"""Installed bundles: ``*.jar`` beside the core that bring servlets of their own.

A bundle is a zip archive. Its ``META-INF/MANIFEST.MF`` names it and its version; ``Bundle-Activator`` names a module in
the archive with a function ``start(bundle, groupware, app)``, which is called once, when the groupware starts. A bundle
without an activator does nothing. What is put into the folder later counts after a restart.
"""

from __future__ import annotations

import importlib
import logging
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import falcon

from lab.ox.web.groupware import Groupware

log = logging.getLogger(__name__)
_MANIFEST = "META-INF/MANIFEST.MF"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle; ``activator`` may be empty."""

    path: Path
    name: str
    version: str
    activator: str


def find(folder: Path | None) -> list[Bundle]:
    """The bundles in a folder, by file name. One that cannot be read is logged and left out."""
    found = []
    for path in sorted(folder.glob("*.jar")) if folder else []:
        try:
            found.append(_read(path))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            log.error("bundle %s cannot be read: %r", path, error)
    return found


def start(groupware: Groupware, app: falcon.App[Any, Any]) -> None:
    """Start all bundles. One that fails is logged, and the others are started."""
    for bundle in find(groupware.settings.bundles):
        if not bundle.activator:
            continue
        try:
            sys.path.append(str(bundle.path))
            importlib.import_module(bundle.activator).start(bundle, groupware, app)
        except Exception:
            # Whatever a bundle does wrong, the groupware starts without it.
            log.exception("bundle %s does not start", bundle.name)
        else:
            log.info("bundle %s %s started", bundle.name, bundle.version)


def _read(path: Path) -> Bundle:
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(_MANIFEST).decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    version = fields.get("Implementation-Version", fields["Bundle-Version"])
    return Bundle(path, fields["Bundle-SymbolicName"], version, fields.get("Bundle-Activator", ""))
