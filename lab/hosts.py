"""Bring the hosts of a lab up, take them down, and say how they are.

A host is a process tree in network, mount, process, UTS, IPC and cgroup namespaces of its own. Its root is an
overlay: the layers of its role below (``lab.base``), its own layer above (``lab.disk``). That overlay, and everything
else mounted for it, is mounted inside its own mount namespace, so it goes away with the host's last process and the
machine's list of mounts never shows it. What is left to clean up after the worst death of ``up`` is therefore known:
processes inside the lab's network namespaces, these namespaces, and a directory.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import base, cgroups, disk, keys, machine, netns, network, roles
from lab.enter import SSH_PORT, answers
from lab.plan import FILES, LOGS, STATE, Host, Lab, Plan
from lab.steps import LabError, Steps, tail, undisturbed

ENTER_SECONDS = 5.0
START_SECONDS = 60.0
# How long programs inside the controller's namespace (a deployment, a phone) get to end by themselves.
CONTROLLER_PATIENCE = 3.0


def steps(lab: Lab, command: str) -> Steps:
    """Where a command on this lab reports to."""
    return Steps(LOGS / f"{lab.name}-{command}.log", lab.name)


@contextmanager
def locked(lab: Lab) -> Iterator[None]:
    """One command that starts or ends hosts at a time."""
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


def _kept(lab: Lab) -> Path:
    """Written by ``down --keep``: the layers that the hosts' own layers were made on."""
    return lab.directory / "kept.json"


def is_up(lab: Lab) -> bool:
    """Whether every host runs and ``up`` had come to its end."""
    if not _record(lab).exists():
        return False
    return all(netns.first_process(lab.namespace_of(host)) for host in lab.hosts)


def require_up(lab: Lab) -> None:
    """LabError when there is no lab to talk to."""
    if not is_up(lab):
        raise LabError(
            f"the lab {lab.name} is not up: `make lab-up`, or `python -m lab --name {lab.name} up`"
        )


def _foreign(lab: Lab) -> list[str]:
    """The namespaces with this lab's names that another clone has."""
    return [name for name in netns.names_of(lab.name) if not netns.belongs_to(name, lab.directory)]


def is_ours(lab: Lab) -> bool:
    """Whether no other clone has a lab of this name."""
    return not _foreign(lab)


def _require_ours(lab: Lab) -> None:
    for name in _foreign(lab):
        raise LabError(
            f"the network namespace {name} belongs to the lab in {netns.owner(name)}: take that one down, "
            "or choose another name for this one (--name)"
        )


def up(lab: Lab, report: Steps, seed: str = "small", plan: Plan | None = None) -> None:
    """Brings the lab up from whatever state it is in; on failure or interruption nothing of it remains.

    ``seed`` says how much data new hosts hold (``lab.standin.SEEDS``). Without a plan it is the one that the lab was
    brought up by before, else that of the guide.
    """
    machine.require_root()
    machine.install(report)
    with locked(lab):
        _require_ours(lab)
        wanted = plan or lab.plan
        if is_up(lab):
            _require_plan(lab, wanted, "is up")
            report.say("is up already")
            return
        if roles.ensure_layers(report, wanted):
            prune_layers(report)
        fresh = _clear(lab, report, wanted)
        try:
            lab.choose(wanted)
            _bring_up(lab, report, seed if fresh else None)
        except BaseException:
            report.say("taking down what had come up")
            with undisturbed():
                _take_down(lab, keep=not fresh)
            raise


def _require_plan(lab: Lab, wanted: Plan, state: str) -> None:
    if lab.has_plan and lab.plan != wanted:
        raise LabError(
            f"the lab {lab.name} {state} with the hosts of the plan {lab.plan.name!r}: take it down first "
            f"(python -m lab --name {lab.name} down), or give {wanted.name!r} another name (--name)"
        )


def _clear(lab: Lab, report: Steps, wanted: Plan) -> bool:
    """Removes what an earlier run left; whether the hosts start from nothing."""
    kept = _kept(lab).exists() and json.loads(_kept(lab).read_text()) == roles.layer_names(lab.plan)
    if kept:
        _require_plan(lab, wanted, "was kept")
    leftovers = bool(netns.names_of(lab.name))
    if leftovers:
        report.say("an earlier run was cut off: removing what it left")
    if leftovers or not kept:
        _take_down(lab, keep=kept)
    if kept:
        report.say("the hosts go on from where `down --keep` left them")
    return not kept


def _bring_up(lab: Lab, report: Steps, seed: str | None) -> None:
    """Without a seed the hosts have their files already."""
    roles.record_layers(lab)
    with report.step("keys, certificates, network"):
        keys.make_ssh(lab)
        keys.make_certificates(lab)
        keys.passwords(lab)
        lab.hosts_file.write_text(lab.plan.hosts_file())
        network.make(lab)
    if seed is not None:
        with report.step("the hosts' own files"):
            for host in sorted(lab.hosts, key=roles.preparation_order):
                disk.make(lab, host)
                roles.prepare(lab, host, disk.upper(lab, host), report)
            for host in lab.hosts:
                disk.seal(lab, host)
    start(lab, report, seed=seed)
    _kept(lab).unlink(missing_ok=True)


def start(lab: Lab, report: Steps, seed: str | None = None) -> None:
    """Starts all hosts, which have their files and their network, and waits until they answer."""
    for stage in roles.START_ORDER:
        hosts = lab.plan.of_role(*stage)
        if not hosts:
            continue
        with report.step(f"starting {named(hosts)}"):
            for host in hosts:
                _start(lab, host)
            for host in hosts:
                wait(lab, host)
        if seed is not None:
            for host in hosts:
                roles.finish(lab, host, seed, report)
    _record(lab).write_text(json.dumps({"since": time.time()}) + "\n")


def named(hosts: Collection[Host]) -> str:
    """The names of hosts for a line on the terminal: of many, the first and the last."""
    names = [host.name for host in hosts]
    return (
        ", ".join(names)
        if len(names) <= 8
        else f"{', '.join(names[:3])} ... {names[-1]} ({len(names)} hosts)"
    )


def console(lab: Lab, host: Host) -> Path:
    """What the host's start printed."""
    return LOGS / f"{lab.name}-{host.name}.console"


def _start(lab: Lab, host: Host) -> None:
    disks, overlay = disk.mounts(lab, host)
    group = str(cgroups.make(lab, host)) if host.systemd else ""
    spaces = ["--mount", "--pid", "--uts", "--ipc", *([] if group else ["--cgroup"])]
    enter = ["nsenter", f"--net={netns.RUN / lab.namespace_of(host)}"]
    unshare = ["unshare", *spaces, "--fork", "--kill-child", "--"]
    root = str(lab.place_of(host) / "root")
    with console(lab, host).open("w") as output:
        subprocess.Popen(
            [
                *enter,
                *unshare,
                "sh",
                str(FILES / "host.sh"),
                host.name,
                root,
                overlay,
                disks,
                group,
                "/sbin/init",
            ],
            cwd=STATE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait(lab: Lab, host: Host) -> None:
    """Waits until ssh and the service of a host that starts answer."""
    began = time.monotonic()
    deadline = began + START_SECONDS
    waiting = [SSH_PORT, *([host.port] if host.port else [])]
    while waiting:
        if answers(lab, host, waiting[0]):
            waiting.pop(0)
            continue
        # On a busy machine it takes a while until the host's first process is inside.
        alive = time.monotonic() - began < ENTER_SECONDS or netns.processes(lab.namespace_of(host))
        if not alive or time.monotonic() > deadline:
            what = f"port {waiting[0]} does not answer after {START_SECONDS:.0f} s" if alive else "it ended"
            log = console(lab, host)
            raise LabError(f"{host.name} did not start: {what}; its console ({log}):\n{tail(log)}")
        time.sleep(0.05)


def halt(lab: Lab, hosts: Collection[Host]) -> None:
    """Ends hosts at once, as a power cut does; their files and their network stay."""
    for host in hosts:
        first = netns.first_process(lab.namespace_of(host))
        if first:
            netns.signal_all([first])
    for host in hosts:
        netns.empty(lab.namespace_of(host), 0)
        disk.detached(lab, host)
        cgroups.remove(lab, host)


def reboot(lab: Lab, host: Host) -> None:
    """Ends one host as a power cut does, and starts it again with its files; one whose cable is cut is not waited
    for."""
    with locked(lab):
        halt(lab, [host])
        _start(lab, host)
    if not network.is_cut(lab, host):
        wait(lab, host)


def snapshot(lab: Lab, label: str, report: Steps) -> None:
    """Keeps the files of all hosts as they are now. The hosts end for it (databases properly, all else at once) and
    start again."""
    disk.require_free(lab, label)
    with locked(lab):
        require_up(lab)
        _record(lab).unlink()
        with report.step(f"snapshot {label}"):
            databases = lab.plan.of_role("db")
            halt(lab, [host for host in lab.hosts if host not in databases])
            for host in databases:
                roles.shut_down(lab, host, report)
            halt(lab, databases)
            disk.set_aside(lab, label)
        _renew_network(lab)
        start(lab, report)


def reset(lab: Lab, label: str, report: Steps) -> None:
    """All hosts as they were in the snapshot of that label: files, processes of a host just started, and network."""
    disk.require_snapshot(lab, label)
    with locked(lab):
        _record(lab).unlink(missing_ok=True)
        with report.step(f"back to {label}"):
            halt(lab, lab.hosts)
            disk.go_back(lab, label)
        _renew_network(lab)
        start(lab, report)


def _renew_network(lab: Lab) -> None:
    for host in lab.hosts:
        network.disconnect(lab, host)
        network.connect(lab, host)


def down(lab: Lab, report: Steps, keep: bool = False) -> None:
    """Ends everything of the lab; ``keep`` leaves the hosts' own layers for the next ``up``."""
    machine.require_root()
    with locked(lab):
        _require_ours(lab)
        if not netns.names_of(lab.name) and not lab.directory.exists():
            report.say("is not up")
            return
        if keep and is_up(lab):
            _kept(lab).write_text(json.dumps(roles.layer_names(lab.plan)))
        with report.step("taking the lab down"), undisturbed():
            _take_down(lab, keep)


def _take_down(lab: Lab, keep: bool) -> None:
    _record(lab).unlink(missing_ok=True)
    if netns.exists(lab.namespace):
        netns.empty(lab.namespace, CONTROLLER_PATIENCE)
    names = [name for name in netns.names_of(lab.name) if name != lab.namespace]
    netns.signal_all([first for name in names if (first := netns.first_process(name))])
    for name in [*names, lab.namespace]:
        if netns.exists(name):
            netns.empty(name, 0)
            netns.remove(name)
    cgroups.remove(lab)
    for host in lab.hosts:
        disk.detached(lab, host)
    if not keep and lab.directory.exists():
        shutil.rmtree(lab.directory)


def status(lab: Lab) -> dict[str, object]:
    """How the lab is: its name, its plan, whether it is up, and for each host address, role, PID and what answers."""
    rows = []
    for host in lab.hosts:
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
                "service": bool(first and host.port) and answers(lab, host, host.port),
                "port": host.port,
            }
        )
    found = {"name": lab.name, "plan": lab.plan.name, "up": is_up(lab), "directory": str(lab.directory)}
    return {**found, "hosts": rows}


def is_well(found: dict[str, object]) -> bool:
    """Whether by its ``status`` the lab is up and every host of it can be reached by ssh."""
    rows = found["hosts"]
    assert isinstance(rows, list)
    return bool(found["up"]) and all(row["ssh"] for row in rows)


def status_table(found: dict[str, object]) -> list[str]:
    """``status`` as lines for a person."""
    rows = found["hosts"]
    assert isinstance(rows, list)
    lines = [f"lab {found['name']} ({found['plan']}): {'up' if found['up'] else 'not up'}"]
    for row in rows:
        state = "stopped"
        if row["pid"]:
            ssh = "ssh ok" if row["ssh"] else "ssh silent"
            service = f", port {row['port']} {'ok' if row['service'] else 'silent'}" if row["port"] else ""
            state = f"{row['processes']:3d} processes, {ssh}{service}"
        lines.append(f"  {row['name']:6}{row['address']:12}{row['role']:5}{state}")
    return lines


def prune_layers(report: Steps) -> None:
    """Removes layers that no recipe stands for and no lab of this clone runs on."""
    base.prune(report, roles.layers_in_use())
