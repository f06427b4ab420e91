"""What a phone's owner sets and asks at the server: the answer while away, the recovery password, the own addresses
(MS-ASCMD 2.2.1.18; 12.0 and later)."""

from __future__ import annotations

from dataclasses import dataclass

from app.wbxml import Element
from lab.device import documents
from lab.device.answers import number
from lab.device.device import Device, expect
from lab.device.errors import BadAnswer

OFF, ALWAYS, TIMED = 0, 1, 2
"""OofState (MS-ASCMD 2.2.3.122)."""
AUDIENCES = ("AppliesToInternal", "AppliesToExternalKnown", "AppliesToExternalUnknown")
TEXT, HTML = "Text", "HTML"
_PAGE = "Settings:"


@dataclass(frozen=True)
class Absence:
    """What those hear who write while the owner is away. ``start``, ``end``: moments as the protocol writes them, with
    ``TIMED``; ``messages``: audience -> message, without those that are not enabled."""

    state: int
    messages: dict[str, str]
    start: str = ""
    end: str = ""


def absence(device: Device, body_type: str = TEXT) -> Absence:
    """What is set now. ``CommandFailed`` where the user has no such thing."""
    asked = Element(f"{_PAGE}Get", children=[Element(f"{_PAGE}BodyType", body_type)])
    found = _get(device, Element(f"{_PAGE}Oof", children=[asked]))
    messages = {}
    for message in found.find_all(f"{_PAGE}OofMessage"):
        named = [name for name in AUDIENCES if message.find(_PAGE + name) is not None]
        if len(named) != 1:
            device.anomalies.append(f"Settings answers with a message for {len(named)} audiences")
        if number(message, f"{_PAGE}Enabled"):
            messages[named[0]] = message.text_of(f"{_PAGE}ReplyMessage") or ""
    times = [found.text_of(_PAGE + name) or "" for name in ("StartTime", "EndTime")]
    return Absence(number(found, f"{_PAGE}OofState"), messages, *times)


def set_absence(device: Device, wanted: Absence, body_type: str = TEXT) -> None:
    """Set it. ``CommandFailed`` with the status that says why it is not set."""
    changes = [
        Element(f"{_PAGE}OofState", str(wanted.state)),
        Element(f"{_PAGE}StartTime", wanted.start) if wanted.start else None,
        Element(f"{_PAGE}EndTime", wanted.end) if wanted.end else None,
        *(
            Element(
                f"{_PAGE}OofMessage",
                children=[
                    Element(_PAGE + audience),
                    Element(f"{_PAGE}Enabled", "1"),
                    Element(f"{_PAGE}ReplyMessage", text),
                    Element(f"{_PAGE}BodyType", body_type),
                ],
            )
            for audience, text in wanted.messages.items()
        ),
    ]
    _part(device, Element(f"{_PAGE}Oof", children=[Element(f"{_PAGE}Set", children=changes)]))


def addresses(device: Device) -> list[str]:
    """The owner's own addresses of mail."""
    found = _get(device, Element(f"{_PAGE}UserInformation", children=[Element(f"{_PAGE}Get")]))
    accounts = found.find(f"{_PAGE}Accounts")
    places = [found] if accounts is None else accounts.find_all(f"{_PAGE}Account")
    return [
        each.text
        for place in places
        for each in place.find(f"{_PAGE}EmailAddresses") or ()
        if each.name == f"{_PAGE}SMTPAddress"
    ]


def keep_password(device: Device, password: str) -> None:
    """Leave a recovery password with the server, or take it back with an empty one."""
    wanted = Element(f"{_PAGE}Set", children=[Element(f"{_PAGE}Password", password)])
    _part(device, Element(f"{_PAGE}DevicePassword", children=[wanted]))


def rights(device: Device) -> int:
    """How many templates of rights management there are (14.1). ``CommandFailed`` where there is none."""
    found = _get(device, Element(f"{_PAGE}RightsManagementInformation", children=[Element(f"{_PAGE}Get")]))
    templates = found.find("RightsManagement:RightsManagementTemplates")
    return 0 if templates is None else len(templates.children)


def _get(device: Device, asked: Element) -> Element:
    found = _part(device, asked).find(f"{_PAGE}Get")
    if found is None:
        raise BadAnswer(f"{asked.name} was answered without a Get")
    return found


def _part(device: Device, asked: Element) -> Element:
    answer = device.answered("Settings", documents.settings(asked))
    expect("Settings", number(answer, f"{_PAGE}Status"))
    part = answer.find(asked.name)
    if part is None:
        raise BadAnswer(f"Settings was answered without {asked.name}")
    expect("Settings", number(part, f"{_PAGE}Status"))
    return part
