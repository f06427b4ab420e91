"""Nothing twice, nothing lost, over all folders: two phones and the source live through whatever happens.

Items, drafts and folders are made, changed, moved and deleted on all three sides, messages and answers to invitations
are sent, filters and conflict rules change, brakes hold back and an administrator decides, the hierarchy is started
over, and an administrator gives a phone a folder or everything anew. Requests and answers get lost or are given up, the
server dies at any call or write, the source is down, falls silent, or fails at one item, the store is down, an item
cannot be read for a while, and while one request is at work the source changes or another request comes in between
(:mod:`tests.usm.faults`).

What is said to be done is done. At the end all three hold the same, every message was sent once, nothing was made
twice, nothing vanished that nobody deleted, no phone was told to start over without the administrator, and each change
was decided by the rule that the phone asked for.

The same lives over the real store: ``tests/store/test_lives.py``; bugs planted to see that they are found:
``tests/usm/test_planted.py``. The CI tries the same lives each time;
``USM_LIVES`` is how many others to try (a quarter of an hour for 5000).
"""

from __future__ import annotations

import os

from tests.usm.machine import live

LIVES = int(os.environ.get("USM_LIVES", "250"))


def test_whatever_happens_all_hold_the_same_in_the_end() -> None:
    live(LIVES, always_the_same="USM_LIVES" not in os.environ)
