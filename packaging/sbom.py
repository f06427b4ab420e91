"""The bill of materials inside the package: CycloneDX 1.6 in JSON, ``/opt/open-xchange/usm/sbom.cdx.json``.

Rules of this file:

* it says what the package really holds: each bundled library with the version and the hash of the wheel that was
  unpacked, and with the licence that the wheel itself names;
* a library of the distribution has no version, as each host has its own; the oldest that was tried is a property;
* it is made of the lock and the wheels alone, so the same sources make the same bytes: no date, and a serial number
  that follows from the rest.
"""

from __future__ import annotations

import email.parser
import hashlib
import json
import re
import uuid
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import wheels

NAME = "sbom.cdx.json"

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What older metadata calls a licence -> the name that SPDX has for it."""

SPELLINGS = {"Apache 2": "Apache-2.0"}

EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def document(version: str, wanted: Collection[str], needed: Iterable[wheels.Locked], cache: Path) -> str:
    """The bill of materials of a version. ``wanted``: what the application itself asks for; ``needed``: that and all
    that it asks for in turn; ``cache`` has the wheels of what is bundled."""
    every = list(needed)
    bundled = [entry for entry in every if entry.name not in wheels.FROM_DISTRIBUTION]
    distribution = [entry for entry in every if entry.name in wheels.FROM_DISTRIBUTION]
    components = [
        _bundled(entry, wheel) for entry, wheel in zip(bundled, wheels.fetch(bundled, cache), strict=True)
    ]
    components += [_of_distribution(entry) for entry in distribution]
    references = {entry.name: _reference(entry) for entry in every}
    own = f"open-xchange-usm@{version}"
    bom: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": own,
                "type": "application",
                "name": "open-xchange-usm",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": sorted(components, key=lambda component: component["name"]),
        "dependencies": [
            {"ref": own, "dependsOn": sorted(references[name] for name in wanted)},
            *(
                {
                    "ref": reference,
                    "dependsOn": sorted(references[each.name] for each in every if name in each.via),
                }
                for name, reference in sorted(references.items())
            ),
        ],
    }
    serial = uuid.UUID(
        bytes=hashlib.sha256(json.dumps(bom, sort_keys=True).encode()).digest()[:16], version=4
    )
    return json.dumps({**bom, "serialNumber": f"urn:uuid:{serial}"}, indent=1) + "\n"


def _reference(entry: wheels.Locked) -> str:
    """The package URL; each host has its own version of what comes from the distribution."""
    return f"pkg:pypi/{entry.name}" + ("" if entry.name in wheels.FROM_DISTRIBUTION else f"@{entry.version}")


def _bundled(entry: wheels.Locked, wheel: Path) -> dict[str, Any]:
    return {
        "bom-ref": _reference(entry),
        "type": "library",
        "name": entry.name,
        "version": entry.version,
        "purl": _reference(entry),
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
        "licenses": _licences(wheel),
    }


def _of_distribution(entry: wheels.Locked) -> dict[str, Any]:
    oldest = wheels.FROM_DISTRIBUTION[entry.name]
    return {
        "bom-ref": _reference(entry),
        "type": "library",
        "name": entry.name,
        "purl": _reference(entry),
        "properties": [
            {"name": "open-xchange-usm:from", "value": "distribution"},
            *([{"name": "open-xchange-usm:at-least", "value": oldest}] if oldest else []),
        ],
    }


def _licences(wheel: Path) -> list[dict[str, Any]]:
    """What a wheel says of its licence, in SPDX's words. Raises ``BuildError`` if it says nothing that can be told."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", each)]
        metadata = email.parser.Parser().parsestr(archive.read(name).decode(), headersonly=True)
    told = metadata.get("License-Expression") or metadata.get("License", "")
    told = SPELLINGS.get(told, told)
    if EXPRESSION.fullmatch(told):
        return [{"expression": told}] if " " in told else [{"license": {"id": told}}]
    classifiers = [
        each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier", []) if "License ::" in each
    ]
    ids = [CLASSIFIERS[each] for each in classifiers if each in CLASSIFIERS]
    if not ids:
        raise wheels.BuildError(f"{wheel.name} names no licence that packaging/sbom.py knows")
    return [{"expression": " OR ".join(ids)}] if len(ids) > 1 else [{"license": {"id": ids[0]}}]
