"""From a module's name and an action to an answer; errors become envelopes in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox.errors import HttpError, fault
from lab.ox.generation import Generation
from lab.ox.web import envelope
from lab.ox.web.call import Answer, Call, Result

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Action:
    """One action. ``since``: first generation that has it. ``in_multiple``: whether ``multiple`` may hold it."""

    handle: Callable[[Call], Result]
    since: int = 6
    in_multiple: bool = True


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the API. ``right``: the capability its users need. ``by_path``: what follows the module's name
    in the path says what is wanted, no action is needed. ``session``: whether calls need one."""

    name: str
    actions: Mapping[str, Action]
    right: str | None = None
    since: int = 6
    until: int = 8
    by_path: Action | None = None
    session: bool = True
    public_session: bool = False

    def is_known(self, generation: Generation) -> bool:
        """Whether the generation has the module."""
        return self.since <= generation.number <= self.until

    def find(self, action: str, generation: Generation) -> Action:
        """The action of a name. A missing name is HTTP 400, an unknown one an error."""
        found = self.actions.get(action)
        if found and generation.number >= found.since:
            return found
        if self.by_path and not action:
            return self.by_path
        if not action:
            raise HttpError(400, "The request lacks the parameter action")
        raise fault("SVL-0021", action, self.name) if generation.number > 6 else fault("SVL-0001", action)


def perform(module: Module, action_name: str, call: Call, within: str = "") -> Result:
    """Run one action. Raises ``OXError``, ``HttpError`` and what a fault strikes with."""
    login = call.session.login if module.session else call.form.get("name", call.params.get("name", ""))
    call.groupware.faults.meet(module.name, action_name, login)
    action = module.find(action_name, call.generation)
    if within and not action.in_multiple:
        raise fault("SVL-0021", action_name, f"{module.name} within {within}")
    try:
        if module.session:
            # Looked up before the action opens a transaction of its own: two at once could use up the pool.
            user = call.user
            if module.right and not user.may(module.right):
                raise fault("SVL-0016", module.name)
        return action.handle(call)
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        log.warning("database: %s", error)
        raise fault("DBP-0001") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        log.exception("%s %s", module.name, action_name)
        raise fault("SVL-0011", type(error).__name__) from error


def as_envelope(result: Result) -> dict[str, Any]:
    """The envelope of an action that is part of ``multiple``."""
    if isinstance(result, Answer):
        return envelope.of_answer(result)
    raise fault("SVL-0009", "the action's answer is no JSON object")
