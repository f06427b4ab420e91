"""The order of versions, compared with dpkg's own."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import pytest

from tasks.version import compare

VERSIONS = (
    *("1.0", "1.0.0", "1.0.1", "1.9", "1.10", "2", "0.9", "0.9~beta1", "1.0~rc1", "1.0~", "1.0~~", "1.0a"),
    *("1.0-0", "1.0-1", "1.0-1~bpo1", "1.0-10", "1.0+git1", "1:0.1", "6.20.7-3", "6.20.7-10"),
)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="asks dpkg")
def test_versions_are_ordered_as_dpkg_orders_them() -> None:
    def dpkg(first: str, operator: str, second: str) -> bool:
        done = subprocess.run(["dpkg", "--compare-versions", first, operator, second], check=False)
        return done.returncode == 0

    for first, second in itertools.product(VERSIONS[::2], VERSIONS[1::2]):
        told = -1 if dpkg(first, "lt", second) else 1 if dpkg(first, "gt", second) else 0
        assert compare(first, second) == told, (first, second)
        assert compare(second, first) == -told


def test_a_beta_is_older_than_what_it_leads_to() -> None:
    assert compare("0.9~beta1", "0.9") == compare("1.0~rc1", "1.0") == -1


def test_a_version_is_neither_older_nor_newer_than_itself() -> None:
    assert [compare(each, each) for each in VERSIONS] == [0] * len(VERSIONS)
