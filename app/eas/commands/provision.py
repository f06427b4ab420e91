"""Provision: the policy goes out under a temporary key and comes into force with the final one (MS-ASPROV 3.1.5).

* Both phases can be repeated: an acknowledgement whose answer was lost gets the same final key again.
* The key in force stays valid until the device has acknowledged a new one.
* A device that applies the policy in part is the administrator's decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas import information, memory, policy
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed, StatusError
from app.eas.reading import only, required, whole
from app.eas.settings import Provisioning
from app.eas.status import Common, PolicyStatus, ProvisionStatus
from app.eas.versions import DEVICE_INFORMATION_IN_PROVISION
from app.wbxml.element import Element

NAME: Final = "Provision"
KEY_BITS: Final = 32

APPLIED, PARTLY, REFUSED, MANAGED = 1, 2, 3, 4
"""What a device says of the policy when it acknowledges (MS-ASPROV 2.2.2.54.1)."""

_OBJECTIONS: Final = {
    PARTLY: Common.NOT_FULLY_PROVISIONABLE,
    REFUSED: Common.NOT_FULLY_PROVISIONABLE,
    MANAGED: Common.EXTERNALLY_MANAGED,
}


@dataclass(frozen=True, slots=True)
class Request:
    """``information``: what the device tells of itself, ``None`` if nothing. ``policy_type`` is ``None`` where no
    policy is asked for; ``status`` is ``None`` in the first phase."""

    information: dict[str, str] | None
    policy_type: str | None
    key: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """``key`` and ``document`` are left out of the answer where they are empty."""

    informed: bool
    policy_type: str
    status: PolicyStatus
    key: str = ""
    document: Element | None = None


def read(root: Element) -> Request:
    """Raises ``Malformed``. The children of Policy may come in any order: the standard itself shows two."""
    element = only(root, "Settings:DeviceInformation")
    told = None if element is None else information.read(element)
    policies = only(root, "Provision:Policies")
    if policies is None:
        return Request(told, None)
    wanted = required(policies, "Provision:Policy")
    policy_type = required(wanted, "Provision:PolicyType").text.strip()
    status = only(wanted, "Provision:Status")
    if status is None:
        return Request(told, policy_type)
    key = required(wanted, "Provision:PolicyKey").text.strip()
    return Request(told, policy_type, key, whole(status, APPLIED, MANAGED))


def do(call: Call, request: Request) -> Result:
    """Raises ``StatusError`` for a first request without DeviceInformation, and for a device that is refused."""
    if request.policy_type is None:
        raise Malformed("Provision asks for no policy, and no wipe was ordered")
    first = request.status is None
    if first and request.information is None and call.version >= DEVICE_INFORMATION_IN_PROVISION:
        raise StatusError(Common.DEVICE_INFORMATION_REQUIRED, "DeviceInformation is missing")
    if request.information is not None:
        information.keep(request.information, call.memory)
    informed = request.information is not None
    if request.policy_type != policy.TYPE:
        return Result(informed, request.policy_type, PolicyStatus.UNKNOWN_TYPE)
    if call.settings.provisioning is Provisioning.OFF:
        return Result(informed, request.policy_type, PolicyStatus.NO_POLICY)
    return _offer(call, informed) if first else _acknowledge(call, request, informed)


def _offer(call: Call, informed: bool) -> Result:
    key = str(call.tokens.number(KEY_BITS))
    document = policy.document(call.settings.policy)
    call.memory.write(
        {
            memory.POLICY_TEMPORARY: key,
            memory.POLICY_OFFERED: policy.fingerprint(call.settings.policy),
        }
    )
    return Result(informed, policy.TYPE, PolicyStatus.SUCCESS, key, document)


def _acknowledge(call: Call, request: Request, informed: bool) -> Result:
    known = call.memory
    # Nothing is remembered of a device that only tries out an account, so any key is right.
    is_right = call.command.transient or request.key == known.get(memory.POLICY_TEMPORARY)
    if not (request.key and is_right):
        return Result(informed, policy.TYPE, PolicyStatus.KEY_MISMATCH)
    objection = _OBJECTIONS.get(request.status or APPLIED)
    if objection is not None and not call.settings.allow_non_provisionable:
        raise StatusError(objection, f"the device acknowledges the policy with {request.status}")
    offered = known.get(memory.POLICY_OFFERED)
    confirmed = known.get(memory.POLICY_CONFIRMED) == request.key
    key = known.get(memory.POLICY_KEY) if confirmed else _new_key(call, request.key)
    known.write(
        {
            memory.POLICY_KEY: key,
            memory.POLICY_APPLIED: offered,
            memory.POLICY_CONFIRMED: request.key,
        }
    )
    return Result(informed, policy.TYPE, PolicyStatus.SUCCESS, key)


def _new_key(call: Call, temporary: str) -> str:
    key = str(call.tokens.number(KEY_BITS))
    return key if key != temporary else _new_key(call, temporary)


def write(result: Result) -> Element:
    """The answer."""
    entry = Element(
        "Provision:Policy",
        children=[
            Element("Provision:PolicyType", result.policy_type),
            Element("Provision:Status", str(result.status.value)),
            Element("Provision:PolicyKey", result.key) if result.key else None,
            Element("Provision:Data", children=[result.document]) if result.document else None,
        ],
    )
    return Element(
        "Provision:Provision",
        children=[
            information.answer(ProvisionStatus.SUCCESS) if result.informed else None,
            Element("Provision:Status", str(ProvisionStatus.SUCCESS.value)),
            Element("Provision:Policies", children=[entry]),
        ],
    )


def handle(call: Call, document: Element) -> Answer:
    """Answer one Provision."""
    return Answer(write(do(call, read(document))))
