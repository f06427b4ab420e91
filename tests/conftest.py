"""What tests of more than one part use."""

import os
import signal
from pathlib import Path
from typing import Final

import pytest

from tests import measuring

_measured = measuring.begin()
pytest_plugins = ["lab.testing", "tests.leaks"]

# A shell starts what it runs in the background with Ctrl-C ignored, and so would every program that the tests start
# and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The library of command lines says how wide the terminal is to all that its process starts.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


WITH_PROCESSES: Final = ("end_to_end", "pages")
"""Folders of tests that wait for processes: servers, and a browser."""

LINES: Final = 60
"""Of what a first try said."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of tests that bring up hosts come first, the longest before the others.

    With a file as the business of one process, a long one that is begun last is waited for by all. How long a file
    may take is what its ``timeout`` says.

    What waits for hosts or processes depends on how fast the machine is at that moment, so such a test has a second
    try; what its first one said is printed at the end, for it may be a fault that shows now and then. All others have
    one try.
    """
    for item in items:
        if item.get_closest_marker("lab") is not None or Path(item.path).parent.name in WITH_PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=1))
    patience: dict[str, float] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        patience[file] = max(patience.get(file, 0.0), _patience(item))
    items.sort(key=lambda item: -patience[item.nodeid.partition("::")[0]])


def _patience(item: pytest.Item) -> float:
    """The seconds that a test of hosts may take; others count as nothing."""
    if item.get_closest_marker("lab") is None:
        return 0.0
    timeout = item.get_closest_marker("timeout")
    return float(timeout.args[0]) if timeout else float(item.config.getini("timeout"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests said that were tried again."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first try of {report.nodeid} ({report.when})")
        terminalreporter.line("\n".join(report.longreprtext.splitlines()[-LINES:]))


def pytest_unconfigure() -> None:
    """The end of this process's tests."""
    measuring.end(_measured)
