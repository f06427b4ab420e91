"""What the administrators' pages say beside their templates: names of actions, of states, and what became of a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.pages.languages import said
from app.pages.site import Notice

ACTIONS: Final[Mapping[str, str]] = {
    "allow": said("Allow"),
    "block": said("Block"),
    "quarantine": said("Quarantine"),
    "undecide": said("Take back the decision"),
}
"""What is decided without a question, and what its button says."""

SURE: Final[Mapping[str, tuple[str, str, str]]] = {
    "wipe-account": (
        said("Remove the account"),
        said("Remove this account from the device?"),
        said(
            "At its next request the device is told to erase this account and nothing else. A device that speaks no"
            " ActiveSync 16.1 cannot do so: it is blocked instead, and never erased as a whole."
        ),
    ),
    "wipe": (
        said("Erase everything"),
        said("Erase the whole device?"),
        said(
            "At its next request the device is told to erase EVERYTHING on it, private data too. It must still be able"
            " to sign in: do not change the password of its user before that."
        ),
    ),
    "forget": (
        said("Forget"),
        said("Forget the device?"),
        said(
            "Its state and what was decided of it are deleted. If it comes again it starts over and gets everything"
            " anew. An order to erase it is forgotten, too."
        ),
    ),
}
"""What is asked about first: what its button says, the question, and what it means."""

DONE: Final[Mapping[str, Notice]] = {
    "allow": Notice(said("Allowed: %(count)s")),
    "block": Notice(said("Blocked: %(count)s")),
    "quarantine": Notice(said("Put into quarantine: %(count)s")),
    "undecide": Notice(said("The decision was taken back; the rules count again.")),
    "wipe": Notice(said("The order to erase the device is given."), "warn"),
    "wipe-account": Notice(said("The order to remove the account is given."), "warn"),
    "forget": Notice(said("The device is forgotten.")),
    "resync": Notice(said("The device gets it anew at its next request.")),
    "withdrawn": Notice(said("An order to erase the device was taken back by that."), "warn"),
    "retry": Notice(said("Tried again at the next request of the device: %(count)s")),
    "release": Notice(said("Deletions let through: %(count)s")),
    "drop": Notice(said("Deletions dropped: %(count)s")),
    "nothing": Notice(said("Nothing was chosen, or there was nothing to do (any more)."), "warn"),
    "failed": Notice(said("Not done, as something does not answer or is busy: %(count)s"), "bad"),
}
"""What became of a form, as the next page says it."""

STANDINGS: Final[Mapping[str, str]] = {
    "-": said("undecided"),
    "allowed": said("allowed"),
    "quarantined": said("in quarantine"),
    "blocked": said("blocked"),
    "wipe": said("to be erased"),
    "wipe-account": said("account to be removed"),
    "wiped": said("erased"),
    "account-wiped": said("account removed"),
}

PROBLEMS: Final[Mapping[str, str]] = {
    "ordered": said("ordered to erase, not done yet"),
    "failed": said("could not erase"),
    "stuck": said("something stuck"),
    "refused": said("refused"),
}

SPANS: Final[Mapping[str, str]] = {
    "day": said("a day"),
    "week": said("a week"),
    "month": said("a month"),
    "quarter": said("three months"),
}

ORDERS: Final[Mapping[str, str]] = {
    "name": said("by user"),
    "seen": said("seen last"),
    "first": said("came first"),
}

KINDS: Final[Mapping[str, str]] = {
    "protocol": said("ActiveSync version"),
    "type": said("Kind of device"),
    "os": said("Operating system"),
    "model": said("Model"),
    "agent": said("Program"),
}

GONE: Final = said("There is nothing of that name (any more).")
WRONG: Final = said("This is not a name with its password.")
PAUSED: Final = said("Too many attempts. Try it again in %(seconds)s seconds.")
