"""Provision: the policy goes out under a temporary key and comes into force with the final one (MS-ASPROV 3.1.5).

* Both phases can be repeated: an acknowledgement whose answer was lost gets the same final key again.
* The key in force stays valid until the device has acknowledged a new one.
* A device that applies the policy in part is the administrator's decision.
* A device that is to be wiped gets the order instead, whatever it asks here, until it says that it has carried it out.
  That is recorded before it is answered, and may be said twice. Nothing but its own order is ever acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.eas import admission, information, memory, policy
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed, StatusError
from app.eas.reading import only, required, whole
from app.eas.settings import Provisioning
from app.eas.status import Common, PolicyStatus, ProvisionStatus
from app.eas.versions import COMMANDS, DEVICE_INFORMATION_IN_PROVISION
from app.usm.devices import DONE, Standing
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


WIPES: Final = {
    "Provision:RemoteWipe": Standing.WIPE,
    "Provision:AccountOnlyRemoteWipe": Standing.WIPE_ACCOUNT,
}
"""The element that orders a wipe, and acknowledges it."""

ORDERS: Final = {done: order for order, done in DONE.items()} | {order: order for order in DONE}
"""A device that is to be wiped, or was → what was ordered."""

WIPE_DONE, WIPE_FAILED = 1, 2
"""What a device says of a wipe (MS-ASPROV 2.2.2.54.3)."""


@dataclass(frozen=True, slots=True)
class Request:
    """``information``: what the device tells of itself, ``None`` if nothing. ``policy_type`` is ``None`` where no
    policy is asked for; ``status`` is ``None`` in the first phase. ``wiped``: the order that the device acknowledges,
    and whether it was carried out."""

    information: dict[str, str] | None = None
    policy_type: str | None = None
    key: str = ""
    status: int | None = None
    wiped: tuple[Standing, bool] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """``key`` and ``data`` are left out of the answer where they are empty."""

    informed: bool
    policy_type: str
    status: PolicyStatus
    key: str = ""
    data: Element | None = None


@dataclass(frozen=True, slots=True)
class WipeResult:
    """``order``: the wipe to hand out, ``None`` when it is done."""

    status: ProvisionStatus
    order: Standing | None = None


def read(root: Element) -> Request:
    """Raises ``Malformed``. The children of Policy may come in any order: the standard itself shows two."""
    for name, order in WIPES.items():
        element = only(root, name)
        if element is not None:
            return Request(wiped=(order, _carried_out(root, element)))
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


def _carried_out(root: Element, wipe: Element) -> bool:
    """Whether the device says that it carried a wipe out; iOS 5 says so beside the element (quirk 39)."""
    status = only(wipe, "Provision:Status") or required(root, "Provision:Status")
    return whole(status, WIPE_DONE, WIPE_FAILED) == WIPE_DONE


def wipe(call: Call, request: Request, stands: Standing) -> WipeResult:
    """Answer a device that is to be wiped, or was. Raises ``DeviceRefused`` for the latter unless it says so again."""
    done = DONE.get(stands, stands)
    if request.wiped == (ORDERS[done], True):
        # Only what is still ordered: an administrator may have taken it back, or ordered something else.
        kept = call.session.registry.decide(done, instead_of=(stands,))
        return WipeResult(ProvisionStatus.SUCCESS if kept else ProvisionStatus.PROTOCOL_ERROR)
    if stands is done:
        raise admission.wiped()
    now = str(int(call.clock.now().timestamp()))
    if request.wiped is None:
        call.memory.write({memory.WIPE_TOLD: now})
        return WipeResult(ProvisionStatus.SUCCESS, stands)
    call.memory.write({memory.WIPE_TOLD: now, memory.WIPE_FAILED: now})
    return WipeResult(ProvisionStatus.PROTOCOL_ERROR, stands)


def do(call: Call, request: Request) -> Result:
    """Raises ``StatusError`` for a first request without DeviceInformation, and for a device that is refused."""
    if request.policy_type is None:
        raise Malformed("Provision asks for no policy, and no wipe was ordered")
    first = request.status is None
    if first and request.information is None and call.version >= DEVICE_INFORMATION_IN_PROVISION:
        raise StatusError(Common.DEVICE_INFORMATION_REQUIRED, "DeviceInformation is missing")
    if request.information is not None:
        information.keep(request.information, call.memory)
    # Up to 2.5 there are no words to say that it was heard.
    informed = request.information is not None and COMMANDS["Settings"].exists_in(call.version)
    if request.policy_type != policy.type_of(call.version):
        return Result(informed, request.policy_type, PolicyStatus.UNKNOWN_TYPE)
    if call.settings.provisioning is Provisioning.OFF:
        return Result(informed, request.policy_type, PolicyStatus.NO_POLICY)
    if first:
        return _offer(call, request.policy_type, informed)
    return _acknowledge(call, request, request.policy_type, informed)


def _offer(call: Call, policy_type: str, informed: bool) -> Result:
    key = str(call.tokens.number(KEY_BITS))
    data = policy.data(call.settings.policy, call.version)
    call.memory.write(
        {
            memory.POLICY_TEMPORARY: key,
            memory.POLICY_OFFERED: policy.fingerprint(call.settings.policy),
        }
    )
    return Result(informed, policy_type, PolicyStatus.SUCCESS, key, data)


def _acknowledge(call: Call, request: Request, policy_type: str, informed: bool) -> Result:
    known = call.memory
    # Nothing is remembered of a device that only tries out an account, so any key is right.
    is_right = call.command.transient or request.key == known.get(memory.POLICY_TEMPORARY)
    if not (request.key and is_right):
        return Result(informed, policy_type, PolicyStatus.KEY_MISMATCH)
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
            memory.POLICY_MOMENT: str(int(call.clock.now().timestamp())),
        }
    )
    return Result(informed, policy_type, PolicyStatus.SUCCESS, key)


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
            result.data,
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


def write_wipe(result: WipeResult) -> Element:
    """The answer to a device that is to be wiped (MS-ASPROV 3.2.5.1.1)."""
    order = next((Element(name) for name, order in WIPES.items() if order is result.order), None)
    return Element(
        "Provision:Provision",
        children=[Element("Provision:Status", str(result.status.value)), order],
    )


def handle(call: Call, document: Element | None) -> Answer:
    """Answer one Provision."""
    stands = admission.standing(call.memory)
    if stands in ORDERS:
        return Answer(write_wipe(wipe(call, _wipe_request(document), stands)))
    if document is None:
        raise StatusError(Common.INVALID_CONTENT, "Provision needs a body")
    return Answer(write(do(call, read(document))))


def _wipe_request(document: Element | None) -> Request:
    """What a device sends that is to be wiped: nothing in it may keep it from hearing the order."""
    try:
        return Request() if document is None else read(document)
    except Malformed:
        return Request()
