"""The beta of this product, ``0.9~beta1``: what it left on hosts.

* ``/opt/open-xchange/usm``: a small service of its own, with init script and systemd unit ``open-xchange-usm``, run as
  open-xchange. It listens where ``usm.properties`` says (127.0.0.1:8010) and names its version in ``X-Version``.
* ``usm.properties`` and ``eas.properties`` beside the groupware's settings, as conffiles: fewer keys than today's, some
  with other defaults, some that are no longer known.
* a file of update tasks among the bundles, so that the guide's new installation makes the legacy tables.

Its control file has no ``Build-Id``.
"""

from __future__ import annotations

from pathlib import Path

from lab.packages import forms, legacy
from lab.packages.contents import ETC, File, Package

VERSION = "0.9~beta1"
PREFIX = "opt/open-xchange/usm"
TASKS = "opt/open-xchange/bundles/open-xchange-usm.updatetasks"
"""Not called as the vendor's bundles are: these are told by their names."""

TASK = "usm.database.BetaTablesUpdateTask"
_FILES = Path(__file__).with_name("files") / "beta"


def build(output: Path, version: str = VERSION, generation: int = 6, form: str = "deb") -> Path:
    """Makes ``open-xchange-usm_<version>_all.deb``, or with the form rpm ``open-xchange-usm-<version>.noarch.rpm``, in
    the folder ``output``; its path."""
    service = _text("service.py").replace("@VERSION@", version)
    etc = ETC[generation]
    package = Package(
        version=version,
        summary="Exchange ActiveSync for Open-Xchange (beta)",
        description="A first version for those who like to try things.",
        depends="python3 (>= 3.9), passwd",
        recommends="mariadb-client | default-mysql-client",
        files=(
            File(f"{PREFIX}/sbin/open-xchange-usm", service.encode(), 0o755),
            File(TASKS, legacy.update_tasks("open-xchange-usm", TASK).encode()),
            File(f"{etc}/usm.properties", _bytes("usm.properties"), config=True),
            File(f"{etc}/eas.properties", _bytes("eas.properties"), config=True),
            File("etc/init.d/open-xchange-usm", _bytes("init"), 0o755, config=True),
            File("lib/systemd/system/open-xchange-usm.service", _bytes("open-xchange-usm.service")),
        ),
        scripts={name: _text(name) for name in ("postinst", "prerm", "postrm")},
    )
    return forms.build(package, output, form)


def _bytes(name: str) -> bytes:
    return (_FILES / name).read_bytes()


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")
