"""``python -m tasks [--dry | --rollback | --verify] inventory/lab.py`` is pyinfra with the flags that are safe, and
exits with 0 only if the run came to its end everywhere.

It also needs half of the time that ``pyinfra`` would: it spares what that imports for features that hardly any run
uses (:data:`SELDOM`), and what it looks up again and again.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

PROJECT = Path(__file__).resolve().parent.parent

MANOEUVRES = {"deploy": "deploy.py", "rollback": "tasks/rollback.py", "verify": "tasks/verify.py"}
"""What can be done to an inventory, and the file that pyinfra is given for it."""

SELDOM = ("invoke", "cryptography.x509", "pyinfra.operations.server")
"""Modules that are read when they are first used: paramiko runs "Match exec" of an ssh_config with the first,
:mod:`tasks.certificate` looks at certificates with the second, pyinfra runs ``exec`` with the third."""


def main() -> NoReturn:
    """Becomes pyinfra, which exits with 0 only if the run came to its end everywhere."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks", description="Carries out the installation guide on the hosts of an inventory."
    )
    parser.add_argument("inventory", help="a file such as inventory/lab.py, or the folder inventory")
    parser.add_argument("--dry", action="store_true", help="show what would change, and change nothing")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--rollback",
        action="store_const",
        const="rollback",
        dest="manoeuvre",
        help="go back to what there was before the last replacement of a product",
    )
    instead.add_argument(
        "--verify",
        action="store_const",
        const="verify",
        dest="manoeuvre",
        help="show how every host stands, and change nothing",
    )
    parser.add_argument(
        "--limit", action="append", default=[], metavar="HOST", help="only this host or group"
    )
    parser.add_argument(
        "--data", action="append", default=[], metavar="KEY=VALUE", help="a setting, for this run alone"
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="show facts, commands, output")
    _become_pyinfra(_words(parser.parse_args()))


def _words(arguments: argparse.Namespace) -> list[str]:
    """What pyinfra is called with."""
    words = ["--dry" if arguments.dry else "-y"]
    words += ["-" + "v" * arguments.verbose] if arguments.verbose else []
    for option in ("limit", "data"):
        for value in getattr(arguments, option):
            words += [f"--{option}", value]
    return [*words, arguments.inventory, MANOEUVRES[arguments.manoeuvre or "deploy"]]


def _become_pyinfra(words: list[str]) -> NoReturn:
    os.chdir(PROJECT)
    _look_for_plugins_once()
    # It makes the standard library fit for many hosts at once, before anything else may be imported.
    importlib.import_module("pyinfra_cli")
    for name in SELDOM:
        _put_off(name)
    _take_sparing_looks()
    from pyinfra_cli.main import main as pyinfra  # type: ignore[import-untyped]

    # pyinfra has nothing compiled that it imports once it runs; this once, it is kept.
    from tasks import rollback, rollout, verify  # noqa: F401

    sys.argv = ["pyinfra", *words]
    # The exit status is right also where pyinfra's own is not: tasks/report.py sees to it.
    pyinfra()
    raise SystemExit(0)


def _put_off(name: str) -> None:
    """Has a module read when it is first used. That it is there is not a use: pyinfra looks through all modules."""
    found = importlib.util.find_spec(name)
    if found is None or name in sys.modules:
        return
    module = importlib.util.module_from_spec(found)

    def attribute(wanted: str) -> Any:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        if sys.modules.get(name) is module:
            del sys.modules[name]
        return getattr(importlib.import_module(name), wanted)

    vars(module)["__getattr__"] = attribute
    sys.modules[name] = module


def _look_for_plugins_once() -> None:
    """gevent asks two dozen times, as it starts, which of all installed packages have plugins for it."""
    found = importlib.metadata.entry_points

    @functools.cache
    def everything() -> Any:
        return found()

    importlib.metadata.entry_points = lambda **wanted: everything().select(**wanted)


def _take_sparing_looks() -> None:
    """For each step of each host pyinfra asks from which lines it was called, and is told the text of these lines too;
    and it reads again which arguments its operations have."""
    from pyinfra.api import arguments, facts, util

    vars(util).update(
        stack=functools.partial(inspect.stack, 0),
        getframeinfo=functools.partial(inspect.getframeinfo, context=0),
    )
    once = functools.cache(arguments.all_global_arguments)
    for module in (arguments, facts):
        vars(module)["all_global_arguments"] = once


if __name__ == "__main__":
    main()
