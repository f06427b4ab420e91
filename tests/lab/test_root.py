"""A root file system with rpm: what it has it says in rpm's words, what it lacks is refused, and it is fresh."""

import pytest

from lab.root import Root

pytestmark = pytest.mark.lab

SPEC = """\
Name: trial
Version: 1
Release: 1
Summary: A trial
License: none
BuildArch: noarch
Requires: python(abi) = 3.11, python3dist(gevent), python3.11dist(lxml), /bin/sh, {}

%description
A trial.

%install
mkdir -p %{{buildroot}}/opt/trial
echo content > %{{buildroot}}/opt/trial/file

%post
touch /opt/trial/posted

%files
/opt/trial/file
"""


def build(root: Root, requires: str) -> str:
    root.run("sh", "-c", "cat > /tmp/trial.spec", stdin=SPEC.format(requires))
    root.sh("rpmbuild -bb --quiet --define '_topdir /tmp/rpmbuild' /tmp/trial.spec")
    return "/tmp/rpmbuild/RPMS/noarch/trial-1-1.noarch.rpm"


def test_a_package_whose_requirements_are_there_is_installed(rpm_root: Root) -> None:
    rpm_root.run("rpm", "--install", build(rpm_root, "python3-gevent, shadow-utils"))
    assert rpm_root.sh("ls /opt/trial").split() == ["file", "posted"]
    assert rpm_root.sh("rpm --verify trial") == ""
    rpm_root.run("rpm", "--erase", "trial")
    assert rpm_root.sh("ls /opt/trial").split() == ["posted"]


def test_a_package_that_needs_what_is_not_there_is_refused(rpm_root: Root) -> None:
    done = rpm_root.run("rpm", "--install", build(rpm_root, "python3dist(django)"), check=False)
    assert done.returncode != 0
    assert "python3dist(django) is needed by trial" in done.stderr


def test_a_root_is_fresh_and_has_no_network(rpm_root: Root) -> None:
    assert rpm_root.sh("rpm --query --all").split() == ["lab-provides-1-1.noarch"]
    assert rpm_root.sh("ip -o link").count("\n") == 1
