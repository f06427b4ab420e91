"""A device whose user chose other folders is told that its folders changed: by the status that says so, a few times."""

from __future__ import annotations

from typing import Final

from app.eas.call import Call
from app.usm import choice

REASON: Final = "its user chose other folders"


def tell(call: Call) -> bool:
    """Whether the device is to be told so now."""
    remembered = {choice.DUE: call.memory.get(choice.DUE)}
    told = choice.hint(remembered)
    if told is None:
        return False
    call.memory.write(told)
    return True
