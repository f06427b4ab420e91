"""Branch coverage of the packages that must have all of it, measured in each process that runs tests.

``make coverage`` sets ``USM_COVERAGE``; it puts the figures together, lists the branches that are missing, and fails
where they are many. Processes that tests start (servers, nodes, hosts) are not measured: what is promised is that
tests in the same process suffice.
"""

from __future__ import annotations

import os

from coverage import Coverage

PACKAGES = ("app/wbxml", "app/usm", "app/eas", "app/ox/mapping")


def begin() -> Coverage | None:
    """Measure from now on if that is wanted; before anything of the application is imported."""
    if not os.environ.get("USM_COVERAGE"):
        return None
    measured = Coverage(branch=True, source=PACKAGES, data_suffix=True)
    measured.set_option(
        "run:disable_warnings", ["no-data-collected"]
    )  # of the process that hands out the tests
    measured.start()
    return measured


def end(measured: Coverage | None) -> None:
    """Write what was measured."""
    if measured is not None:
        measured.stop()
        measured.save()
