"""The packages that hosts had before ours: what is in them, and the vendor's servlet inside the groupware."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app import config
from lab.ox.database.groupware import version
from lab.ox.database.servers import DatabaseServer
from lab.ox.process import StandIn
from lab.packages import beta, legacy, vendor
from lab.packages.contents import ETC

ALIAS = "Microsoft-Server-ActiveSync"
BASIC = "Basic " + base64.b64encode(b"anton@example.org:secret").decode()


def _field(package: Path, name: str) -> str:
    done = subprocess.run(["dpkg-deb", "--field", package, name], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _control(package: Path, name: str, folder: Path) -> str:
    subprocess.run(["dpkg-deb", "--control", package, folder], check=True)
    return (folder / name).read_text()


def _unpacked(package: Path, root: Path) -> Path:
    subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    return root


needs_rpm = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="Debian's rpm is not installed")
FORMS = ["deb", pytest.param("rpm", marks=needs_rpm)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["vendor", "beta"])
def test_the_same_version_makes_the_same_bytes(which: str, form: str, tmp_path: Path) -> None:
    made = []
    for folder in ("one", "two"):
        command = [sys.executable, "-m", "lab.packages", which, "--form", form, "--output", tmp_path / folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        made.append(hashlib.sha256(Path(done.stdout.strip()).read_bytes()).hexdigest())
    assert made[0] == made[1]


@needs_rpm
def test_the_rpms_hold_the_same_files_and_mark_the_same_settings(tmp_path: Path) -> None:
    for build, name in (
        (vendor.build, "open-xchange-usm-6.20.7-3.noarch.rpm"),
        (beta.build, "open-xchange-usm-0.9~beta1-1.noarch.rpm"),
    ):
        package = build(tmp_path, form="rpm")
        assert package.name == name
        debian = build(tmp_path)
        root = _unpacked(debian, tmp_path / name.removesuffix(".rpm"))
        query = ["rpm", "--query", "--package", "--nosignature", package]
        listed = subprocess.run([*query, "--list"], capture_output=True, text=True, check=True).stdout.split()
        files = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file()}
        assert set(listed) == files
        marked = subprocess.run([*query, "--configfiles"], capture_output=True, text=True, check=True).stdout
        assert set(_control(debian, "conffiles", tmp_path / "control").split()) == set(marked.split())


def test_the_vendors_package_has_bundles_settings_and_no_service(tmp_path: Path) -> None:
    package = vendor.build(tmp_path, vendor.UPGRADED)
    assert package.name == "open-xchange-usm_6.20.7-4_all.deb"
    assert (_field(package, "Package"), _field(package, "Version")) == ("open-xchange-usm", "6.20.7-4")
    assert _control(package, "conffiles", tmp_path / "control").split() == [
        "/opt/open-xchange/etc/groupware/usm.properties",
        "/opt/open-xchange/etc/groupware/eas.properties",
    ]
    root = _unpacked(package, tmp_path / "root")
    assert list(root.glob("opt/open-xchange/bundles/com.openexchange.usm*.jar"))
    assert not (root / "etc").exists()
    assert not (root / "lib").exists()


def test_the_beta_has_a_service_and_cannot_be_taken_for_the_vendors_or_ours(tmp_path: Path) -> None:
    package = beta.build(tmp_path)
    assert package.name == "open-xchange-usm_0.9~beta1_all.deb"
    assert _field(package, "Build-Id") == ""
    root = _unpacked(package, tmp_path / "root")
    assert not list(root.glob("opt/open-xchange/bundles/com.openexchange.usm*"))
    assert (root / "etc/init.d/open-xchange-usm").stat().st_mode & 0o111
    assert (root / "lib/systemd/system/open-xchange-usm.service").exists()
    control = tmp_path / "control"
    subprocess.run(["dpkg-deb", "--control", package, control], check=True)
    for script in ("postinst", "prerm", "postrm"):
        assert subprocess.run(["sh", "-n", control / script]).returncode == 0
    assert subprocess.run(["sh", "-n", root / "etc/init.d/open-xchange-usm"]).returncode == 0


@pytest.mark.parametrize("generation", [6, 7])
def test_settings_lie_where_the_generation_has_its_own(generation: int, tmp_path: Path) -> None:
    for package in (
        vendor.build(tmp_path, generation=generation),
        beta.build(tmp_path, generation=generation),
    ):
        root = _unpacked(package, tmp_path / package.name[:-4])
        found = {str(path.relative_to(root).parent) for path in root.rglob("*.properties")}
        assert found == {ETC[generation]}


def test_some_settings_of_the_beta_are_unknown_today_and_some_had_other_defaults(tmp_path: Path) -> None:
    root = _unpacked(beta.build(tmp_path), tmp_path / "root")
    loaded = config.load(root / ETC[6])
    unknown = "\n".join(map(str, loaded.warnings))
    assert "usm.database.pool_size" in unknown
    assert "usm.eas.debug" in unknown
    assert loaded.settings.max_heartbeat != config.Settings().max_heartbeat


def test_the_vendors_settings_are_all_known(tmp_path: Path) -> None:
    root = _unpacked(vendor.build(tmp_path), tmp_path / "root")
    assert config.load(root / ETC[6]).warnings in ([], ())


class Vendor:
    """A groupware with the vendor's bundles, on data of its own."""

    def __init__(self, root: Path, package: Path) -> None:
        self.etc = _unpacked(package, root) / ETC[6]
        self.node = StandIn(etc=self.etc)

    def set_url(self, url: str) -> None:
        """What the administrator does."""
        path = self.etc / "usm.properties"
        path.write_text(re.sub(r"(?m)^(com.openexchange.usm.ox.url)=.*", rf"\1={url}", path.read_text()))

    def ask(self, verb: str = "OPTIONS", auth: str | None = BASIC, **params: str) -> requests.Response:
        """One request of a device."""
        headers = {"Authorization": auth} if auth else {}
        url = f"{self.node.root}/{ALIAS}"
        return requests.request(verb, url, headers=headers, params=params, timeout=30)

    def reset(self) -> None:
        """What resetversion does, in all schemas."""
        databases = DatabaseServer(self.node.database)
        for schema in ("oxdatabase_5", "oxdatabase_6"):
            with databases.write(schema) as connection:
                connection.execute(version.update().values(version=33))
        databases.dispose()

    def rows(self, table: str) -> int:
        """How many rows a table of the first context's schema has; -1 if there is none."""
        path = Path(self.node.database.removeprefix("sqlite:///")) / "oxdatabase_5.db"
        with sqlite3.connect(path) as connection:
            try:
                return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
            except sqlite3.OperationalError:
                return -1


@pytest.fixture(scope="module")
def groupware(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    """Running, with its settings as they are shipped."""
    folder = tmp_path_factory.mktemp("vendor")
    made = Vendor(folder / "root", vendor.build(folder))
    with made.node:
        yield made


@pytest.fixture(scope="module")
def configured(groupware: Vendor) -> Vendor:
    """Running with the settings that count after a restart."""
    # Not configured yet.
    assert groupware.ask().status_code == 503
    groupware.set_url(groupware.node.url)
    assert groupware.ask().status_code == 503
    groupware.node.kill()
    groupware.node.start()
    return groupware


def test_the_vendors_servlet_follows_the_guide(configured: Vendor) -> None:
    groupware = configured
    assert groupware.ask(auth=None).status_code == 401
    assert "Basic" in groupware.ask(auth=None).headers["WWW-Authenticate"]
    answer = groupware.ask()
    assert (answer.status_code, answer.headers["MS-ASProtocolVersions"]) == (200, "2.5,12.0,12.1")
    assert answer.headers["X-Version"] == vendor.VERSION
    # Its tables are missing as long as the version was not reset.
    assert groupware.rows("USMSession") == -1
    assert groupware.ask("POST", Cmd="FolderSync", DeviceId="d1").status_code == 503
    groupware.reset()
    answer = groupware.ask("POST", Cmd="FolderSync", DeviceId="d1")
    assert (answer.status_code, answer.content[:3]) == (200, b"\x03\x01\x6a")
    assert b"Calendar" in answer.content
    groupware.ask("POST", Cmd="FolderSync", DeviceId="d1")
    groupware.ask("POST", Cmd="FolderSync", DeviceId="d2")
    assert {table: groupware.rows(table) for table in ("USMSession", "USMDataStorage")} == {
        "USMSession": 2,
        "USMDataStorage": 2,
    }
    assert groupware.ask("POST", Cmd="Ping", DeviceId="d1").status_code == 501


def test_users_without_the_rights_are_refused_by_the_vendors_servlet(configured: Vendor) -> None:
    groupware = configured
    root = groupware.node.root
    for change, status in (({"remove": ["usm"]}, 403), ({"add": ["usm"]}, 200)):
        requests.post(f"{root}/lab/rights", json={"login": "anton@example.org", **change}, timeout=30)
        assert groupware.ask().status_code == status
    assert groupware.ask(auth="Basic " + base64.b64encode(b"example.org\\anton:secret").decode()).ok
    wrong = "Basic " + base64.b64encode(b"anton@example.org:wrong").decode()
    assert groupware.ask(auth=wrong).status_code == 401


def test_a_bundle_that_is_broken_does_not_keep_the_groupware_from_starting(tmp_path: Path) -> None:
    made = Vendor(tmp_path / "root", vendor.build(tmp_path))
    servlet = tmp_path / "root" / vendor.BUNDLES / "com.openexchange.usm.eas.jar"
    servlet.write_bytes(servlet.read_bytes()[:200])
    with made.node:
        assert requests.get(f"{made.node.url}login?action=login", timeout=30).ok
        assert made.ask().status_code == 404


def test_dropped_tables_come_back_after_the_version_was_reset(configured: Vendor) -> None:
    groupware = configured
    path = Path(groupware.node.database.removeprefix("sqlite:///")) / "oxdatabase_5.db"
    groupware.reset()
    groupware.ask()
    assert groupware.rows("easUIDMapping") >= 0
    with sqlite3.connect(path) as connection:
        for table in legacy.TABLES:
            connection.execute(f"DROP TABLE {table}")
    groupware.ask()
    assert groupware.rows("easUIDMapping") == -1
    groupware.reset()
    groupware.ask()
    assert [groupware.rows(table) for table in legacy.TABLES] == [0] * 7
