"""Bring the hosts of a lab up, take them down, and say how they are.

A host is a process tree in network, mount, process, UTS, IPC and cgroup namespaces of its own. Its root is an
overlay: the layers of its role below (``lab.base``), its own layer above. That overlay, and everything else mounted
for it, is mounted inside its own mount namespace, so it goes away with the host's last process and the machine's
list of mounts never shows it. What is left to clean up after the worst death of ``up`` is therefore known: processes
inside the lab's network namespaces, these namespaces, and a directory.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import base, keys, machine, netns, roles
from lab.enter import SSH_PORT, answers
from lab.plan import BRIDGE, CONTROLLER, FILES, HOSTS, LOGS, PREFIX_LENGTH, STATE, Host, Lab, hosts_file
from lab.steps import LabError, Steps, tail, undisturbed

LAYERS_IN_USE = "layers.json"
START_SECONDS = 60.0
# How long programs inside the controller's namespace (a deployment, a phone) get to end by themselves.
CONTROLLER_PATIENCE = 3.0


def steps(lab: Lab, command: str) -> Steps:
    """Where a command on this lab reports to."""
    return Steps(LOGS / f"{lab.name}-{command}.log", lab.name)


@contextmanager
def locked(lab: Lab) -> Iterator[None]:
    """One ``up`` or ``down`` at a time."""
    STATE.mkdir(exist_ok=True)
    with (STATE / f"{lab.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"another command is bringing the lab {lab.name} up or down") from None
        yield


def _record(lab: Lab) -> Path:
    """Written when the lab is completely up."""
    return lab.directory / "up.json"


def _layers_in_use(lab: Lab) -> Path:
    """Written before the first host starts: the layers that must not be removed."""
    return lab.directory / LAYERS_IN_USE


def _kept(lab: Lab) -> Path:
    """Written by ``down --keep``: the layers that the hosts' own layers were made on."""
    return lab.directory / "kept.json"


def is_up(lab: Lab) -> bool:
    """Whether every host runs and ``up`` had come to its end."""
    if not _record(lab).exists():
        return False
    return all(netns.first_process(lab.namespace_of(host)) for host in HOSTS)


def require_up(lab: Lab) -> None:
    """LabError when there is no lab to talk to."""
    if not is_up(lab):
        raise LabError(
            f"the lab {lab.name} is not up: `make lab-up`, or `python -m lab --name {lab.name} up`"
        )


def _foreign(lab: Lab) -> list[str]:
    """The namespaces with this lab's names that another clone has."""
    found = [name for name in lab.namespaces if netns.exists(name)]
    return [name for name in found if not netns.belongs_to(name, lab.directory)]


def is_ours(lab: Lab) -> bool:
    """Whether no other clone has a lab of this name."""
    return not _foreign(lab)


def _require_ours(lab: Lab) -> None:
    for name in _foreign(lab):
        raise LabError(
            f"the network namespace {name} belongs to the lab in {netns.owner(name)}: take that one down, "
            "or choose another name for this one (--name)"
        )


def up(lab: Lab, report: Steps, seed: str = "small") -> None:
    """Brings the lab up from whatever state it is in; on failure or interruption nothing of it remains.

    ``seed`` says how much data new hosts hold (``lab.standin.SEEDS``).
    """
    machine.require_root()
    machine.install(report)
    with locked(lab):
        _require_ours(lab)
        if is_up(lab):
            report.say("is up already")
            return
        if roles.ensure_layers(report):
            prune_layers(report)
        fresh = _clear(lab, report)
        try:
            _bring_up(lab, report, seed if fresh else None)
        except BaseException:
            report.say("taking down what had come up")
            with undisturbed():
                _take_down(lab, keep=not fresh)
            raise


def _clear(lab: Lab, report: Steps) -> bool:
    """Removes what an earlier run left; whether the hosts start from nothing."""
    leftovers = any(netns.exists(name) for name in lab.namespaces)
    kept = _kept(lab).exists() and json.loads(_kept(lab).read_text()) == roles.layer_names()
    if leftovers:
        report.say("an earlier run was cut off: removing what it left")
    if leftovers or not kept:
        _take_down(lab, keep=kept)
    if kept:
        report.say("the hosts go on from where `down --keep` left them")
    return not kept


def _bring_up(lab: Lab, report: Steps, seed: str | None) -> None:
    """Without a seed the hosts have their data already."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    _layers_in_use(lab).write_text(json.dumps(roles.layer_names()) + "\n")
    with report.step("keys, certificates, network"):
        keys.make_ssh(lab)
        keys.make_certificates(lab)
        keys.passwords(lab)
        lab.hosts_file.write_text(hosts_file())
        _make_network(lab)
    for stage in roles.START_ORDER:
        names = ", ".join(host.name for host in HOSTS if host.role in stage)
        with report.step(f"starting {names}"):
            for host in HOSTS:
                if host.role in stage:
                    _start(lab, host, report)
            for host in HOSTS:
                if host.role in stage:
                    _wait(lab, host)
        for host in HOSTS:
            if host.role in stage and seed is not None:
                roles.finish(lab, host, seed, report)
    _record(lab).write_text(json.dumps({"since": time.time()}) + "\n")
    _kept(lab).unlink(missing_ok=True)


def _make_network(lab: Lab) -> None:
    netns.add(lab.namespace, lab.directory)
    netns.ip("link", "add", BRIDGE, "type", "bridge", namespace=lab.namespace)
    netns.ip("address", "add", f"{CONTROLLER}/{PREFIX_LENGTH}", "dev", BRIDGE, namespace=lab.namespace)
    netns.ip("link", "set", BRIDGE, "up", namespace=lab.namespace)
    for host in HOSTS:
        inside = lab.namespace_of(host)
        netns.add(inside, lab.directory)
        pair = ("link", "add", host.name, "type", "veth", "peer", "name", "eth0", "netns", inside)
        netns.ip(*pair, namespace=lab.namespace)
        netns.ip("link", "set", host.name, "master", BRIDGE, "up", namespace=lab.namespace)
        netns.ip("address", "add", f"{host.address}/{PREFIX_LENGTH}", "dev", "eth0", namespace=inside)
        netns.ip("link", "set", "eth0", "up", namespace=inside)


def console(lab: Lab, host: Host) -> Path:
    """What the host's start printed."""
    return LOGS / f"{lab.name}-{host.name}.console"


def _start(lab: Lab, host: Host, report: Steps) -> None:
    place = lab.root_of(host)
    for name in ("upper", "work", "root"):
        (place / name).mkdir(parents=True, exist_ok=True)
    roles.prepare(lab, host, place / "upper", report)
    overlay = base.overlay_options(roles.layers(host), place / "upper", place / "work")
    spaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup"]
    enter = ["nsenter", f"--net={netns.RUN / lab.namespace_of(host)}"]
    unshare = ["unshare", *spaces, "--fork", "--kill-child", "--"]
    with console(lab, host).open("w") as output:
        subprocess.Popen(
            [
                *enter,
                *unshare,
                "sh",
                str(FILES / "host.sh"),
                host.name,
                str(place / "root"),
                overlay,
                "/sbin/init",
            ],
            cwd=STATE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait(lab: Lab, host: Host) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting = [SSH_PORT, host.port]
    while waiting:
        if answers(lab, host, waiting[0]):
            waiting.pop(0)
            continue
        alive = netns.processes(lab.namespace_of(host))
        if not alive or time.monotonic() > deadline:
            what = f"port {waiting[0]} does not answer after {START_SECONDS:.0f} s" if alive else "it ended"
            log = console(lab, host)
            raise LabError(f"{host.name} did not start: {what}; its console ({log}):\n{tail(log)}")
        time.sleep(0.05)


def down(lab: Lab, report: Steps, keep: bool = False) -> None:
    """Ends everything of the lab; ``keep`` leaves the hosts' own layers for the next ``up``."""
    machine.require_root()
    with locked(lab):
        _require_ours(lab)
        running = any(netns.exists(name) for name in lab.namespaces)
        if not running and not lab.directory.exists():
            report.say("is not up")
            return
        if keep and is_up(lab):
            _kept(lab).write_text(json.dumps(roles.layer_names()))
        with report.step("taking the lab down"), undisturbed():
            _take_down(lab, keep)


def _take_down(lab: Lab, keep: bool) -> None:
    _record(lab).unlink(missing_ok=True)
    if netns.exists(lab.namespace):
        netns.empty(lab.namespace, CONTROLLER_PATIENCE)
    for name in reversed(lab.namespaces):
        if netns.exists(name):
            netns.empty(name, 0)
            netns.remove(name)
    if not keep and lab.directory.exists():
        shutil.rmtree(lab.directory)


def status(lab: Lab) -> dict[str, object]:
    """How the lab is: its name, whether it is up, and for each host address, role, PID and what answers."""
    rows = []
    for host in HOSTS:
        name = lab.namespace_of(host)
        first = netns.first_process(name)
        rows.append(
            {
                "name": host.name,
                "address": host.address,
                "role": host.role,
                "pid": first,
                "processes": len(netns.processes(name)),
                "ssh": bool(first) and answers(lab, host, SSH_PORT),
                "service": bool(first) and answers(lab, host, host.port),
                "port": host.port,
            }
        )
    return {"name": lab.name, "up": is_up(lab), "directory": str(lab.directory), "hosts": rows}


def status_table(found: dict[str, object]) -> list[str]:
    """``status`` as lines for a person."""
    rows = found["hosts"]
    assert isinstance(rows, list)
    lines = [f"lab {found['name']}: {'up' if found['up'] else 'not up'}"]
    for row in rows:
        state = "stopped"
        if row["pid"]:
            ssh = "ssh ok" if row["ssh"] else "ssh silent"
            service = "ok" if row["service"] else "silent"
            state = f"{row['processes']:3d} processes, {ssh}, port {row['port']} {service}"
        lines.append(f"  {row['name']:6}{row['address']:12}{row['role']:5}{state}")
    return lines


def prune_layers(report: Steps) -> None:
    """Removes layers that no recipe stands for and no lab of this clone runs on."""
    records = STATE.glob(f"*/{LAYERS_IN_USE}")
    used = {name for record in records for name in json.loads(record.read_text())}
    used |= set(roles.layer_names())
    base.prune(report, used)
