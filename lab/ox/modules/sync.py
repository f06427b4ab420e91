"""``/sync``: emptying folders, as the module for mobile synchronisation offers it."""

from __future__ import annotations

from lab.ox.modules import folders
from lab.ox.web.dispatch import Action, Module

MODULE = Module("sync", {"refresh_server": Action(folders.clear)})
