"""The run as a whole: what must be there before it starts, which steps failed, and whether it came to its end.

Rules of this file:

* everything that can be known beforehand (package, secrets, groups, templates) is checked while the run is prepared,
  so that a mistake is named before anything is touched;
* steps that belong together (:func:`attempt`) never end the run by themselves: the next ones look at :func:`all_fine`,
  the one that puts things right always runs, and :func:`tasks.upgrade.settle` then ends the run;
* pyinfra exits with 0 after Ctrl-C and after failures under ``--no-wait``. A run that began and did not reach its end
  on every host exits with 1 here, whatever pyinfra says.

``python -m tasks`` (:mod:`tasks.__main__`) is pyinfra with the flags that are safe.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import OperationMeta
from pyinfra.api.state import BaseStateCallback, State
from pyinfra.context import host, inventory, state

from tasks import lock, nodes, product, report, secrets
from tasks.operations import LOST, operation
from tasks.operations import failure as failure

PROJECT = Path(__file__).resolve().parent.parent

OTHER_NAMES = ("ssh_", "_", "address", "winrm_", "docker_", "local_")
"""How names begin that are pyinfra's own, or of a single host (``inventory/production.example.py``)."""


class DeployError(PyinfraError):
    """The run cannot be carried out, or must not go on; the message says why and what to do."""


class Record(BaseStateCallback):
    """How far each host has come. One object for the whole run; what it did is in :mod:`tasks.report`."""

    def __init__(self) -> None:
        self.began: set[str] = set()
        self.finished: set[str] = set()

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        for each, operations in state.ops.items():
            meta = operations[op_hash].operation_meta if op_hash in operations else None
            if meta and meta.is_complete() and (meta.did_change() or meta.did_error()):
                nodes.forget(each)

    @property
    def complete(self) -> bool:
        """Whether every host that began has reached the end."""
        return bool(self.began) and self.began == self.finished


record = Record()
_attempts: list[OperationMeta] = []


def attempt(step: Callable[..., OperationMeta], name: str, **arguments: Any) -> None:
    """Adds a step that must not end the run when it fails, because others have to put things right first."""
    _attempts.append(step(name=name, _ignore_errors=True, **arguments))


def all_fine() -> bool:
    """Whether no such step has failed on any host so far."""
    return not any(meta.is_complete() and meta.did_error() for meta in _attempts)


def failed_steps() -> str:
    """The steps that have failed so far, for a sentence."""
    return "; ".join(f"{name}: {', '.join(steps)}" for name, steps in sorted(report.failed().items()))


def begin() -> None:
    """Checks everything that can be known beforehand, and notes that the run begins. Raises :class:`DeployError`."""
    report.begin(record)
    _check_groups()
    _check_names()
    _check_product()
    _check_accounts()
    if absent := secrets.missing(host.data):
        raise DeployError(
            f"missing: {', '.join(absent)}. Set the environment variable, or name it in the JSON file that"
            " USM_SECRETS_FILE names; tasks/secrets.py lists all of them. Nothing has been touched"
        )
    note_begin()


def note_begin() -> None:
    """Notes that the run begins. Raises :class:`DeployError` while another one is at work."""
    if refusal := lock.refusal(_others_at_work()):
        raise DeployError(f"{refusal}. Nothing has been touched")
    _note_begin(name="Begin")


def _others_at_work() -> dict[str, str]:
    """Other deployments, by the node that they hold, also where that is left out of this run."""
    if nodes.is_node():
        # First, so that all hosts are asked at the same time.
        nodes.state_of(host)
    found = {}
    for node in nodes.all_nodes():
        try:
            found[node.name] = nodes.state_of(node).busy
        except LOST:
            if node in nodes.nodes():
                raise
    return found


def section(title: str) -> None:
    """A heading of the guide. It is a step of every host, so all of them come this far before any goes on: without it
    pyinfra would do the steps of a host as early as it can."""
    _wait_for_all(name=title)


def finish() -> None:
    """Notes that the host has reached the end; :mod:`tasks.report` then says what the run has changed."""
    _note_end(name="Finish")
    report.prepared()


def _check_groups() -> None:
    for group in ("web", "ox"):
        if group not in inventory.groups or not inventory.get_group(group):
            raise DeployError(f"the inventory has no host in the group {group}: there must be at least one")


def _check_names() -> None:
    """A setting that is spelled wrongly would be left out of account without a word."""
    known = {name for name in vars(importlib.import_module("group_data.all")) if not name.startswith("_")}
    for name in host.data.dict():  # type: ignore[no-untyped-call]
        if name not in known and not name.startswith(OTHER_NAMES):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "group_data/all.py has all of them"
            raise DeployError(
                f"there is no setting {name} (host {host.name}): {hint} Nothing has been touched"
            )


def _check_product() -> None:
    if host.data.product not in product.PRODUCTS:
        raise DeployError(
            f"product is {host.data.product!r}; there are {' and '.join(product.PRODUCTS)}. Nothing has been touched"
        )


def _check_accounts() -> None:
    for setting in ("activesync", "activesync_off"):
        chosen = host.data.get(setting)
        right = isinstance(chosen, dict) and all(
            str(context).isdigit() and (who == "all" or isinstance(who, list | tuple))
            for context, who in chosen.items()
        )
        if not right:
            raise DeployError(
                f"{setting} is {chosen!r}; it must name context ids with a list of users or the word all, such as"
                ' {1: ["anton"], 2: "all"}. Nothing has been touched'
            )


@operation()
def _note_begin() -> Generator[PyinfraCommand, None, None]:
    report.begin(record)
    if not state.is_executing:
        return
    nodes.forget(host, nodes.FRESH)
    if nodes.is_node() and (refusal := lock.refusal({host.name: nodes.state_of(host).busy})):
        yield failure(f"{refusal}. Nothing has been touched")
        return
    if not record.began:
        state.add_callback_handler(record)  # type: ignore[no-untyped-call]
    record.began.add(host.name)


@operation()
def _wait_for_all() -> Generator[str, None, None]:
    yield from ()


@operation()
def _note_end() -> Generator[str, None, None]:
    if state.is_executing:
        record.finished.add(host.name)
    yield from ()
