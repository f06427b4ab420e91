"""Back to what there was before the last replacement of a product: package, configuration, tables, on all hosts.

    pyinfra inventory tasks/rollback.py          or: python -m tasks --rollback inventory

Rules of this file:

* it says first to which backup it goes (:mod:`tasks.backup`), and refuses before anything is touched if there is none,
  or if a host lacks its part of it;
* a host that came after the replacement has nothing to go back to: its service is stopped, and it is left as it is;
* it is one manoeuvre over all nodes, in this order: no node serves any more, the tables of before are back and verified
  (ours are saved first), each node has the package and the settings of before, the groupware restarts where the
  product lived in it, the services run, the web servers forward as before;
* whatever cuts it off, the same command again completes it. A run of ``deploy.py`` instead goes forward again: the
  nodes remember the replacement as unfinished (:data:`tasks.upgrade.OWED`), with the same backup;
* the package is what was kept as a file, so going back to an older version is meant and allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra import logger
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.context import host, inventory, state

from tasks import apache, backup, nodes, product, report, run, scripts, services, tool, updatetasks, upgrade
from tasks.backup import Backup
from tasks.operations import operation

DONE = "rolled-back"
"""The mark of a backup to which everything has gone back."""

_known: WeakKeyDictionary[Host, dict[str, Backup]] = WeakKeyDictionary()

_stopped: set[str] = set()
"""Nodes whose groupware this run has stopped; it is started again whatever happens."""


def carry_out() -> None:
    """The whole of it, for the host at hand. Raises :class:`~tasks.run.DeployError` before anything is touched."""
    report.begin(run.record)
    goal = chosen()
    if _is_concerned(host):
        _say_where(goal)
    run.note_begin()
    run.section("Stop serving phones")
    updatetasks.heal()
    _on_node(_remember, "Note that the replacement is undone", goal)
    _on_node(_stop, "Stop the services", goal)
    run.section("The tables of before")
    _on_node(_restore_tables, "Bring back the tables of before", goal)
    run.section("The package of before")
    _on_node(_restore_package, "Bring back the package of before", goal)
    _on_node(_restore_files, "Bring back the settings of before", goal)
    run.section("Serve phones as before")
    _on_node(_run_groupware, "See that the groupware runs", goal)
    _on_node(_run_service, "Run the service of before", goal)
    if "web" in host.groups:
        run.attempt(_restore_apache, "Forward as before", goal=goal)
    run.section("All of it is back")
    if _is_concerned(host):
        _settle(name="Note that all of it is back", goal=goal)
    run.finish()


def _on_node(step: Callable[..., Any], name: str, goal: str) -> None:
    if nodes.is_node():
        run.attempt(step, name, goal=goal)


def _say_where(goal: str) -> None:
    if not goal:
        logger.info(f"--> {host.name}: everything is as it was before the last replacement already")
        return
    if _came_later(host):
        left = "its service is stopped" if nodes.is_node() else "its Apache stays as it is"
        report.note("warning", f"came after the replacement, and has nothing to go back to: {left}")
        logger.info(f"--> {host.name}: came after the replacement; {left}")
        return
    found = _own(goal)
    what = f"version {found.version}" if found.version else "no package" if nodes.is_node() else "its Apache"
    tables = " and the tables" if "tables" in found.marks else ""
    logger.info(f"--> {host.name}: back to the backup {goal}, with {what}{tables}")


def chosen() -> str:
    """The backup to go back to: the newest that any host has. Empty if everything has gone back to it already. Raises
    :class:`~tasks.run.DeployError` if there is none, or a host lacks its part."""
    kept = {each: _kept_by(each) for each in inventory.get_active_hosts() if _is_concerned(each)}
    names = {name for found in kept.values() for name in found}
    if not names:
        raise run.DeployError(
            f"no host has a backup ({backup.FOLDER}): no product has been replaced here. Nothing has been touched"
        )
    newest = max(names)
    lacking = sorted(
        each.name
        for each, found in kept.items()
        if not _is_whole(each, found.get(newest)) and not _came_later(each)
    )
    if lacking:
        raise run.DeployError(
            f"the backup {newest} is not complete: {', '.join(lacking)} has no part of it, or only some. The run that"
            " made it has replaced nothing then; run deploy.py, which completes it. Nothing has been touched"
        )
    left_out = [each.name for each in nodes.all_nodes() if each not in nodes.nodes()]
    if left_out:
        raise run.DeployError(
            f"a rollback is one manoeuvre over all nodes, but {', '.join(left_out)} would be left out: run without"
            " --limit. Nothing has been touched"
        )
    if all(DONE in found[newest].marks for found in kept.values() if found):
        return ""
    return newest


def _is_concerned(each: Host) -> bool:
    return bool({"ox", "web"} & set(each.groups))


def _is_whole(each: Host, found: Backup | None) -> bool:
    wanted = {mark for group, mark in (("ox", "complete"), ("web", "apache")) if group in each.groups}
    return found is not None and wanted <= found.marks


def _came_later(each: Host) -> bool:
    """Whether a host was no part of any replacement, neither a finished one nor one that is under way."""
    if _kept_by(each):
        return False
    return "ox" not in each.groups or not nodes.state_of(each).owed.startswith("replace ")


def _kept_by(each: Host) -> dict[str, Backup]:
    """What a host has kept; while the run is prepared, each host is asked once."""
    if state.is_executing:
        return backup.kept_by(each)
    if each not in _known:
        _known[each] = backup.kept_by(each)
    return _known[each]


def _own(goal: str) -> Backup:
    return _kept_by(host)[goal]


def _is_over(goal: str) -> bool:
    """Whether there is nothing left to do, or a step has failed."""
    if not goal:
        host.noop("everything is as it was before already")
        return True
    if _came_later(host):
        host.noop("the host came after the replacement")
        return True
    return upgrade.skipped()


@operation()
def _remember(goal: str) -> Generator[PyinfraCommand, None, None]:
    if _is_over(goal):
        return
    node = nodes.state_of(host)
    yield scripts.command("folder", nodes.STATE)
    yield upgrade.remembering("replace", node.version, node.build, goal)


@operation()
def _stop(goal: str) -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    serves = node.running and host.data.service_name not in node.daemons
    if goal and serves and _came_later(host) and not upgrade.skipped():
        yield from services.stopping(node)
    if _is_over(goal):
        return
    if serves:
        yield from services.stopping(node)
    if _lives_in_groupware(goal):
        if state.is_executing:
            _stopped.add(host.name)
        if node.daemons:
            yield from updatetasks.guard(node, node.daemons)
        for daemon in node.daemons:
            yield scripts.command("restart", node.init, daemon, host.data.groupware_start_timeout, "stop")


def _lives_in_groupware(goal: str) -> bool:
    """Whether the product that goes, or the one that comes back, runs inside the groupware."""
    return not product.wanted(host.data).has_service or "bundles" in _own(goal).marks


@operation()
def _restore_tables(goal: str) -> Generator[PyinfraCommand, None, None]:
    if _is_over(goal):
        return
    found = _own(goal)
    if "tables" not in found.marks or "restored" in found.marks:
        host.noop("no tables are to be brought back from here")
        return
    yield from tool.bring()
    yield tool.command(nodes.state_of(host), "legacy", "restore", backup.tables(goal), *tool.successor())
    yield StringCommand("touch", backup.restored(goal))


@operation()
def _restore_package(goal: str) -> Generator[PyinfraCommand, None, None]:
    if _is_over(goal):
        return
    node, found = nodes.state_of(host), _own(goal)
    if (node.version, node.build) == (found.version, found.build) and not node.broken:
        host.noop("the package of before is installed")
        return
    yield scripts.command(
        *("restore-package", backup.of(goal), node.family, host.data.package_name, scripts.text("install"))
    )
    nodes.forget(host)


@operation()
def _restore_files(goal: str) -> Generator[PyinfraCommand, None, None]:
    if _is_over(goal):
        return
    yield scripts.command("restore-files", backup.of(goal), nodes.state_of(host).etc)


@operation()
def _run_groupware(goal: str) -> Generator[PyinfraCommand, None, None]:
    # Whatever has failed in between: people's mail and calendars come back.
    if host.name not in _stopped and _is_over(goal):
        return
    node = nodes.state_of(host)
    for daemon in node.daemons:
        yield scripts.command("restart", node.init, daemon, host.data.groupware_start_timeout, "start")
    yield from updatetasks.release()
    _stopped.discard(host.name)


@operation()
def _run_service(goal: str) -> Generator[PyinfraCommand, None, None]:
    if _is_over(goal):
        return
    node, found = nodes.state_of(host), _own(goal)
    service = backup.service_of_before()
    if "bundles" in found.marks or not {"enabled", "running"} & found.marks:
        host.noop("no service of its own ran here")
        return
    if "enabled" in found.marks:
        yield scripts.command("enable", node.init, service)
    yield scripts.command("restart", node.init, service, host.data.service_start_timeout, "restart")
    if state.is_executing:
        report.note("restarted", service)


@operation()
def _restore_apache(goal: str) -> Generator[PyinfraCommand, None, None]:
    if not _is_over(goal):
        yield apache.command("restore-apache", backup.of(goal))


@operation()
def _settle(goal: str) -> Generator[PyinfraCommand, None, None]:
    if not run.all_fine():
        yield run.failure(f"a step failed ({run.failed_steps()}). Mend the cause and run the rollback again")
    elif goal and not _came_later(host):
        yield StringCommand("rm", "-f", upgrade.OWED, nodes.STARTED)
        yield StringCommand("touch", f"{backup.of(goal)}/{DONE}")


# pyinfra executes this file, once for each host; the steps themselves are those of the module.
if __name__ != "tasks.rollback":
    from tasks import rollback

    rollback.carry_out()
