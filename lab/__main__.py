"""The lab's command line: ``python -m lab --help``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from lab import base, enter, hosts, machine, roles, standin
from lab.plan import CACHE, DEFAULT_PLAN, PLANS, Lab, Plan, chosen_lab, plan_named
from lab.steps import Interrupted, LabError, interruptible

EXAMPLES = """\
examples:
  python -m lab up                          four hosts; the first time builds their root file systems (2 minutes)
  python -m lab --name big up --plan many --count 20
  python -m lab shell ox1                   a shell on ox1, by ssh
  python -m lab run db1 mariadb -e 'SHOW DATABASES'
  python -m lab exec pyinfra inventory/lab.py deploy.py --dry
  python -m lab --name second up            another lab beside the first one
"""


MANY = 50


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab",
        description="A data centre on one machine: hosts with their own addresses, processes, files and sshd.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--name", help="which lab (default: OXLAB_NAME, else oxlab)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    prepare = commands.add_parser(
        "prepare", help="install and build what the tests need; without root it says what is missing"
    )
    prepare.add_argument(
        "--system", action="store_true", help="only what needs no Python packages: those may be on their way"
    )
    commands.add_parser("base", help="build the root file systems' layers, and remove outdated ones")
    up = commands.add_parser("up", help="bring the hosts up; heals what an interrupted run left")
    up.add_argument(
        "--seed", choices=standin.SEEDS, default="small", help="how much data the demo users have (small)"
    )
    plans = f"{', '.join(PLANS)} or many (default: {DEFAULT_PLAN})"
    up.add_argument("--plan", help=f"which hosts: {plans}")
    up.add_argument("--count", type=int, help=f"how many hosts the plan many has in all ({MANY})")
    down = commands.add_parser("down", help="end everything of the lab; keeps the root file systems' layers")
    down.add_argument("--keep", action="store_true", help="keep what the hosts have written, for the next up")
    status = commands.add_parser(
        "status", help="what runs and answers; exit status 1 unless it is up and ssh answers"
    )
    status.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    shell = commands.add_parser("shell", help="a shell on a host, by ssh")
    shell.add_argument("host", metavar="HOST")
    run = commands.add_parser("run", help="run a command on a host as root, without ssh")
    run.add_argument("host", metavar="HOST")
    run.add_argument("words", metavar="CMD", nargs=argparse.REMAINDER)
    inside = commands.add_parser("exec", help="run a command of this machine inside the lab's network")
    inside.add_argument("words", metavar="CMD", nargs=argparse.REMAINDER)
    for name, text in PASSED_ON.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


# Commands with a module or package and options of their own: main(arguments) there.
PASSED_ON = {
    "serve": "stand-in OX and application on loopback, without hosts and without root",
    "device": "an ActiveSync phone, to poke a server by hand",
    "demo": "from nothing to a phone that syncs: deploys the application to the lab's hosts",
}


PACKAGES = frozenset(("device",))
"""Of these, the ones whose ``main`` stands in the package's ``__main__``."""


def _prepare(lab: Lab, options: argparse.Namespace) -> int:
    wanted = [*machine.PACKAGES, *machine.TEST_PACKAGES]
    if os.geteuid() != 0:
        absent = ", ".join(machine.missing(wanted)) or "nothing"
        print(
            f"lab: not root, so the tests with lab hosts are left out; packages missing: {absent}",
            file=sys.stderr,
        )
        return 0
    report = hosts.steps(lab, "prepare")
    machine.install(report, wanted)
    machine.extract(report, CACHE / "programs")
    if options.system:
        base.ensure(report)
    else:
        roles.ensure_layers(report)
    return 0


def _base(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    report = hosts.steps(lab, "base")
    machine.install(report)
    roles.ensure_layers(report)
    hosts.prune_layers(report)
    return 0


def _up(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    hosts.up(lab, hosts.steps(lab, "up"), options.seed, _plan(options))
    print(
        f"{lab.name}: up. Hosts: {', '.join(f'{each.name} {each.address}' for each in lab.hosts)}",
        file=sys.stderr,
    )
    return 0


def _plan(options: argparse.Namespace) -> Plan | None:
    """The plan that was asked for; ``--plan many --count 12`` is ``many12``."""
    if options.count is not None and options.plan != "many":
        raise LabError("--count belongs to --plan many")
    if options.plan is None:
        return None
    return plan_named(f"many{options.count or MANY}" if options.plan == "many" else options.plan)


def _down(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    hosts.down(lab, hosts.steps(lab, "down"), options.keep)
    return 0


def _status(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    found = hosts.status(lab)
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(hosts.status_table(found)))
    return 0 if hosts.is_well(found) else 1


def _shell(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    there = lab.host(options.host)
    hosts.require_up(lab)
    return _become(lab, enter.command_inside(lab, ["ssh", "-F", str(lab.ssh_config), "-t", there.name]))


def _run(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    return _become(lab, enter.command_on(lab, lab.host(options.host), _words(options)))


def _exec(lab: Lab, options: argparse.Namespace) -> int:
    machine.require_root()
    hosts.require_up(lab)
    return _become(lab, enter.command_inside(lab, _words(options)))


def _words(options: argparse.Namespace) -> list[str]:
    words: list[str] = options.words
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise LabError(f"{options.command} needs a command to run")
    return words


def _become(lab: Lab, command: Sequence[str]) -> int:
    """Replaces this process, so that signals, terminal and exit status are the command's own."""
    sys.stdout.flush()
    os.execvpe(command[0], list(command), enter.environment(lab))


COMMANDS: dict[str, Callable[[Lab, argparse.Namespace], int]] = {
    "prepare": _prepare,
    "base": _base,
    "up": _up,
    "down": _down,
    "status": _status,
    "shell": _shell,
    "run": _run,
    "exec": _exec,
}


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in PASSED_ON:
        name = words[0]
        module = importlib.import_module(f"lab.{name}.__main__" if name in PACKAGES else f"lab.{name}")
        return int(module.main(words[1:]) or 0)
    options = _parser().parse_args(words)
    try:
        if options.command in PASSED_ON:
            raise LabError(
                f"{options.command} takes its options after its name: python -m lab {options.command} ..."
            )
        with interruptible():
            return COMMANDS[options.command](chosen_lab(options.name), options)
    except (LabError, subprocess.CalledProcessError) as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    except Interrupted as signal:
        print(f"lab: ended by {signal}", file=sys.stderr)
        return 143


if __name__ == "__main__":
    sys.exit(main())
