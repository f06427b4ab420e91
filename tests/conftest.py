"""What tests of more than one part use."""

import signal

from tests import measuring

_measured = measuring.begin()
pytest_plugins = ["lab.testing"]

# A shell starts what it runs in the background with Ctrl-C ignored, and so would every program that the tests start
# and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """The end of this process's tests."""
    measuring.end(_measured)
