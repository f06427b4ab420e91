"""A stand-in for the vendor's package: what the OXtender for Business Mobility leaves on a groupware host.

* ``/opt/open-xchange/bundles/com.openexchange.usm*.jar``. The groupware of the lab starts them when it starts
  (:mod:`lab.ox.bundles`); ``com.openexchange.usm.eas.jar`` brings the servlet ``/Microsoft-Server-ActiveSync``, which
  the groupware serves on its own port by AJP and HTTP. No service of its own, nothing is started or restarted.
* a file of update tasks that makes the legacy tables on the first login after the guide's steps.
* ``usm.properties`` and ``eas.properties`` beside the groupware's settings, as conffiles.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from lab.packages import forms, legacy
from lab.packages.contents import ETC, File, Package

VERSION = "6.20.7-3"
UPGRADED = "6.20.7-4"
BUNDLES = "opt/open-xchange/bundles"
TASK = "com.openexchange.usm.database.ox.USMTablesUpdateTask"
SERVLET = "com.openexchange.usm.eas"
# Bundles that are there and do nothing here.
_SILENT = tuple(
    f"com.openexchange.usm{name}"
    for name in (
        "",
        ".api",
        ".configuration",
        ".database.ox",
        ".json",
        ".mapping",
        ".ox_json",
        ".session.impl",
    )
)
_FILES = Path(__file__).with_name("files") / "vendor"
_DATE = (2011, 1, 1, 0, 0, 0)


def build(output: Path, version: str = VERSION, generation: int = 6, form: str = "deb") -> Path:
    """Makes ``open-xchange-usm_<version>_all.deb``, or with the form rpm ``open-xchange-usm-<version>.noarch.rpm``, in
    the folder ``output``; its path."""
    bundles = [File(f"{BUNDLES}/{name}.jar", _jar(name, version)) for name in (*_SILENT, SERVLET)]
    tasks = legacy.update_tasks("com.openexchange.usm.database.ox", TASK)
    package = Package(
        version=version,
        summary="Open-Xchange OXtender for Business Mobility",
        description="Universal Synchronization Module and Exchange ActiveSync as bundles of the groupware.",
        files=(
            *bundles,
            File(f"{BUNDLES}/com.openexchange.usm.database.ox.updatetasks", tasks.encode()),
            File(f"{ETC[generation]}/usm.properties", _bytes("usm.properties"), config=True),
            File(f"{ETC[generation]}/eas.properties", _bytes("eas.properties"), config=True),
        ),
    )
    return forms.build(package, output, form)


def _jar(name: str, version: str) -> bytes:
    module = name.replace(".", "_")
    manifest = [
        "Manifest-Version: 1.0",
        "Bundle-ManifestVersion: 2",
        f"Bundle-SymbolicName: {name}",
        f"Bundle-Version: {re.sub('[^0-9.]', '.', version)}",
        f"Implementation-Version: {version}",
    ]
    entries: dict[str, bytes] = {}
    if name == SERVLET:
        manifest.append(f"Bundle-Activator: {module}.servlet")
        entries = {f"{module}/__init__.py": b"", f"{module}/servlet.py": _bytes("servlet.py")}
    entries["META-INF/MANIFEST.MF"] = ("\r\n".join(manifest) + "\r\n").encode()
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(entries):
            archive.writestr(zipfile.ZipInfo(path, _DATE), entries[path])
    return jar.getvalue()


def _bytes(name: str) -> bytes:
    return (_FILES / name).read_bytes()
