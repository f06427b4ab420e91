"""What goes wrong in a data centre, done to one host of a lab, and undone again.

Cables and power are the lab's own (``lab.network``, ``lab.hosts.reboot``); here is what happens inside a host: a
service that is killed, a disk that is full.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from lab import enter
from lab.plan import Host, Lab
from lab.steps import LabError


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the hosts: its unit or init script, and how its processes are found."""

    script: str
    processes: tuple[str, ...] = ()
    """Their names, in the order in which they are killed: what would start another again comes first. Without
    names it is the session of the process in the pid file."""


SERVICES = {
    "mariadb": Service("mariadb", ("mysqld_safe", "mariadbd")),
    "apache": Service("apache2", ("apache2",)),
    "httpd": Service("httpd", ("httpd",)),
    "groupware": Service("open-xchange-groupware"),
    "admin": Service("open-xchange-admin"),
    "openxchange": Service("open-xchange"),
    "application": Service("open-xchange-usm"),
}

KILL_NAMED = 'for each; do pkill -KILL -x "$each" && found=yes; done; [ "$found" ]'
# The session, since a daemon's workers are in it; systemd knows them all by their group.
# Then what it had open is closed only when the last process is gone.
KILL_SCRIPT = """\
if [ -d /run/systemd/system ]; then
    main=$(systemctl show --property=MainPID --value "$1")
    systemctl kill --signal=KILL "$1" || exit
    lives() { kill -0 "$main" 2>/dev/null; }
else
    session=$(ps -o sid= -p "$(cat "/run/$1.pid")" | tr -d ' ')
    pkill -KILL --session "$session" || exit
    lives() { pgrep --session "$session" --runstates D,R,S,T >/dev/null; }
fi
tries=100
while lives && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
"""
START_SCRIPT = """\
if [ -d /run/systemd/system ]; then exec systemctl start "$1"; fi
exec "/etc/init.d/$1" start
"""
FULL = "/.full"
# From large to small, until not one block is left.
FILL_SCRIPT = f"""\
mkdir -p {FULL}
number=0
for size in 64M 4M 256K 16K 4K; do
    while fallocate -l $size {FULL}/$number 2>/dev/null; do number=$((number + 1)); done
    rm -f {FULL}/$number
done
! echo more 2>/dev/null >{FULL}/more
"""


def service(what: str) -> Service:
    """The service of that name; LabError names the ones there are."""
    if what not in SERVICES:
        raise LabError(f"no service {what!r} is known to the lab; there are {', '.join(SERVICES)}")
    return SERVICES[what]


def kill(lab: Lab, host: Host, what: str) -> None:
    """Kills all processes of a service by SIGKILL; nothing starts it again but :func:`start` or a reboot."""
    chosen = service(what)
    if chosen.processes:
        command = ["sh", "-c", KILL_NAMED, "kill", *chosen.processes]
    else:
        command = ["sh", "-c", KILL_SCRIPT, "kill", chosen.script]
    _do(lab, host, command, f"{what} cannot be killed on {host.name}: it does not run there")


def start(lab: Lab, host: Host, what: str) -> None:
    """Starts a service by its init script or unit."""
    command = ["sh", "-c", START_SCRIPT, "start", service(what).script]
    _do(lab, host, command, f"{what} does not start on {host.name}")


def fill_disk(lab: Lab, host: Host) -> None:
    """Leaves not one free block on the host's disk; only for plans whose hosts have disks of their own."""
    if not lab.plan.disk:
        raise LabError(
            f"the hosts of the plan {lab.plan.name!r} have no disks of their own that could be filled"
        )
    _do(lab, host, ["sh", "-c", FILL_SCRIPT], f"the disk of {host.name} cannot be filled")


def free_disk(lab: Lab, host: Host) -> None:
    """Takes away what :func:`fill_disk` wrote."""
    _do(lab, host, ["rm", "-rf", FULL], f"the disk of {host.name} cannot be freed")


def _do(lab: Lab, host: Host, command: list[str], problem: str) -> None:
    done = subprocess.run(enter.command_on(lab, host, command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{problem}: {done.stdout.strip()} {done.stderr.strip()}")
