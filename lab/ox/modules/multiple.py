"""``/multiple``: several actions in one call (http-api section 1.5)."""

from __future__ import annotations

from typing import Any

from lab.ox.errors import HttpError, OXError, fault
from lab.ox.web import envelope
from lab.ox.web.call import Bare, Call, Result
from lab.ox.web.dispatch import Action, Module, as_envelope, perform


def multiple(call: Call) -> Result:
    """Perform the entries in order; the answer is a bare array of envelopes. Unless ``continue`` is true it ends
    with the first error."""
    entries = call.json_array()
    go_on = call.flag("continue")
    answers: list[dict[str, Any]] = []
    for entry in entries:
        answer, failed = _one(call, entry)
        answers.append(answer)
        if failed and not go_on:
            break
    return Bare(answers)


def _one(call: Call, entry: Any) -> tuple[dict[str, Any], bool]:
    try:
        if not isinstance(entry, dict):
            raise fault("SVL-0009", "an entry is no object")
        name, *path = str(entry.get("module", "")).split("/")
        if not name:
            raise fault("SVL-0002", "module")
        module = call.groupware.modules.get(name)
        if module is None or not module.is_known(call.generation):
            raise fault("SVL-0007", name)
        if name == "multiple" or not module.session:
            raise fault("SVL-0007", f"{name} within multiple")
        params = {key: _text(value) for key, value in entry.items() if key not in ("module", "data")}
        action = params.get("action", "")
        user_agent = call.client.user_agent
        call.groupware.calls.record("PUT", name, action, params, user_agent, within="multiple")
        more = {"value": entry["data"]} if "data" in entry else {}
        inner = Call(call.groupware, call.client, params, path, call.session, **more)
        # Who the user is does not change within one request.
        inner.__dict__["user"] = call.user
        return as_envelope(perform(module, action, inner, within="multiple")), False
    except OXError as error:
        return envelope.of_error(error), True
    except HttpError as error:
        if error.status != 400:
            raise
        return envelope.of_error(fault("SVL-0011", error.text)), True


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


MODULE = Module("multiple", {}, by_path=Action(multiple, in_multiple=False))
