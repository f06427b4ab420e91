"""Which package a node is offered, what is refused, and how it arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.packages import vendor
from tasks import package, run
from tasks.nodes import Node
from tests.deploy.fakes import FakeHost, commands, node, on
from tests.packaging.deb import Deb
from tests.packaging.rpm import Rpm

KEPT = "/var/lib/open-xchange-usm/packages"


def host(state: Node, path: Path | str, **settings: object) -> FakeHost:
    return node("ox1", state, package_file=str(path), **settings)


def refusal(state: Node, path: Path | str, **settings: object) -> str:
    with on(host(state, path, **settings)), pytest.raises(run.DeployError) as error:
        package.check()
    assert str(error.value).endswith("Nothing has been touched")
    return str(error.value)


def test_version_and_build_are_read_from_either_kind_of_file(deb: Deb, rpm: Rpm) -> None:
    for path, family in ((deb.path, "deb"), (rpm.path, "rpm")):
        with on(host(Node(family=family), path)):
            assert package.offered(Node(family=family)) == (deb.field("Version"), deb.field("Build-Id"))


@pytest.mark.parametrize(("family", "ending"), [("deb", "_all.deb"), ("rpm", "-1.noarch.rpm")])
def test_each_node_gets_the_kind_that_it_can_install(family: str, ending: str) -> None:
    with on(host(Node(family=family), "")):
        path = package.file_for(Node(family=family))
    assert path.parent == run.PROJECT / "dist"
    assert path.name.endswith(ending)


def test_a_file_of_the_other_kind_is_refused(deb: Deb) -> None:
    assert "ox1 installs packages of the kind .rpm" in refusal(Node(family="rpm"), deb.path)


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.deb"
    assert "there is no package" in refusal(Node(), broken)
    broken.write_text("something else")
    assert "is not a package" in refusal(Node(), broken)


def test_the_product_and_its_package_belong_together(deb: Deb, tmp_path: Path) -> None:
    theirs = vendor.build(tmp_path)
    assert "has no build, so it is not this application" in refusal(Node(), theirs)
    assert "product is bundles" in refusal(Node(), deb.path, product="bundles")
    with on(host(Node(), theirs, product="bundles")):
        package.check()


def test_a_newer_version_is_refused_unless_it_is_allowed(deb: Deb) -> None:
    newer = Node(version="99.0", build="0123456789abcdef")
    said = refusal(newer, deb.path)
    for part in ("ox1", "99.0", deb.field("Version"), "allow_downgrade"):
        assert part in said
    with on(host(newer, deb.path, allow_downgrade=True)):
        package.check()
        assert package.is_pending(newer)


@pytest.mark.parametrize(
    "state",
    [
        Node(),
        Node(version="0.9~beta1"),
        Node(version="6.20.7-3", bundles=True),
        Node(version="0.1", build="0123456789abcdef"),
    ],
)
def test_older_versions_and_other_products_are_replaced(state: Node, deb: Deb) -> None:
    with on(host(state, deb.path)):
        package.check()
        assert package.is_pending(state)


def test_the_same_version_of_another_build_is_another_package(deb: Deb) -> None:
    same = Node(version=deb.field("Version"), build=deb.field("Build-Id"))
    other = Node(version=deb.field("Version"), build="0123456789abcdef")
    with on(host(same, deb.path)):
        package.check()
        assert not package.is_pending(same)
        assert package.is_pending(other)


def test_the_file_arrives_beside_those_that_are_kept(deb: Deb, rpm: Rpm) -> None:
    for path, family in ((deb.path, "deb"), (rpm.path, "rpm")):
        arriving = f"{KEPT}/arriving/{path.name}"
        with on(host(Node(family=family), path)):
            assert commands(package._install) == [
                f"install-room.sh {KEPT}",
                f"upload {path.name} {arriving}",
                f"install.sh {family} {arriving} {KEPT}",
            ]
