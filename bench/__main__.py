"""``python -m bench [NAME...]``: all benchmarks, or those that are named, and one table of what they found."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from bench.figures import results, table

BENCHMARKS = {
    "deployment": "a run with nothing to do, beside Ansible: 3, 10 and 50 hosts",
    "overload": "ten times the load that a worker can carry",
    "parked": "20,000 phones that wait: memory, processor, answers in time",
    "peers": "the same work on any ActiveSync server (python -m bench.peers --help)",
    "push": "how soon a waiting phone hears of a change, and what OX is asked meanwhile",
    "requests": "what a request costs the worker: Sync, FolderSync, Ping, first Syncs",
    "rollout": "a new version under the load of 200 phones",
    "scale": "one, two and four nodes on one MariaDB and one Redis",
    "sizing": "what phones need, from a thousand to ten million",
    "state": "one change in a folder of 65,535 items, and among 1,000 folders",
    "wbxml": "WBXML read and written: MB a second",
}


def main() -> int:
    """Runs one after the other; exits with 1 if any target is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="; ".join(f"{name}: {about}" for name, about in BENCHMARKS.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    measured = [name for name in names if _done(name)]
    figures = [figure for name in measured for figure in results(name)]
    print("\n== all of it")
    print(table(figures), flush=True)
    if failed := [name for name in names if name not in measured]:
        print(f"not measured: {', '.join(failed)}, see above", file=sys.stderr)
    return int(bool(failed) or any(figure.misses for figure in figures))


def _done(name: str) -> bool:
    """Runs one; whether it came to an end, with whatever figures."""
    print(f"== {name}: {BENCHMARKS[name]}", flush=True)
    began = time.time()
    try:
        importlib.import_module(f"bench.{name}").main([])
    except (Exception, SystemExit) as error:  # noqa: BLE001  (the others are to be measured all the same)
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return bool(results(name, since=began))


if __name__ == "__main__":
    sys.exit(main())
