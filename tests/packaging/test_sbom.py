"""The bill of materials in the package: it says what is really inside, and other programs can read it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.output.xml import XmlV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.xml import XmlValidator

from tests.packaging.deb import PROJECT, Deb
from tests.packaging.rpm import Rpm

PLACE = "opt/open-xchange/usm/sbom.cdx.json"


@pytest.fixture(scope="module")
def told(deb: Deb) -> dict[str, Any]:
    return dict(json.loads(deb.text(PLACE)))


def _components(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in told["components"]}


def test_each_library_inside_is_told_with_its_version(deb: Deb, told: dict[str, Any]) -> None:
    folders = {name.split("/")[4] for name in deb.names() if name.count("/") > 4}
    inside = {
        re.sub(r"[-_.]+", "-", match.group(1)).lower(): match.group(2)
        for folder in folders
        if (match := re.fullmatch(r"(.+)-([^-]+)\.dist-info", folder))
    }
    assert {"falcon", "jinja2", "polib"} <= inside.keys()
    assert inside == {name: each["version"] for name, each in _components(told).items() if "version" in each}


def test_each_library_has_a_hash_of_the_lock_and_a_licence(told: dict[str, Any]) -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    for name, each in _components(told).items():
        if "version" not in each:
            continue
        (hashed,) = each["hashes"]
        entry = lock[lock.index(f"\n{name}=={each['version']}") :].split("# via")[0]
        assert f"sha256:{hashed['content']}" in entry
        assert each["licenses"], name


def test_what_comes_from_the_distribution_says_so_and_has_no_version(told: dict[str, Any]) -> None:
    gevent = _components(told)["gevent"]
    assert "version" not in gevent
    assert {"name": "open-xchange-usm:from", "value": "distribution"} in gevent["properties"]


def test_what_asks_for_what_leads_from_the_application_to_every_component(told: dict[str, Any]) -> None:
    graph = {each["ref"]: each["dependsOn"] for each in told["dependencies"]}
    seen, todo = set(), [told["metadata"]["component"]["bom-ref"]]
    while todo:
        if (reference := todo.pop()) not in seen:
            seen.add(reference)
            todo += graph[reference]
    assert {each["bom-ref"] for each in told["components"]} <= seen


def test_it_fits_the_schema_of_cyclonedx(told: dict[str, Any]) -> None:
    """Read by the reference library, written by it as XML, and that compared with the published schema."""
    bom = Bom.from_json(told)  # type: ignore[attr-defined]
    assert len(bom.components) == len(told["components"])
    written = XmlV1Dot6(bom).output_as_string()
    assert XmlValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_both_packages_have_the_same_one(deb: Deb, rpm: Rpm) -> None:
    assert rpm.files()[PLACE].digest == hashlib.sha256(deb.text(PLACE).encode()).hexdigest()


def test_a_licence_that_nobody_can_name_stops_the_build(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, zipfile; sys.path.insert(0, 'packaging'); import sbom;"
        f"path = pathlib.Path({str(tmp_path)!r}) / 'x-1-py3-none-any.whl';"
        "zipfile.ZipFile(path, 'w').writestr('x-1.dist-info/METADATA', 'License: see the web\\n');"
        "sbom._licences(path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert "names no licence" in done.stderr
