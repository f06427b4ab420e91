"""A phone's owner types names, and wants to know who is meant and when they have time (MS-ASCMD 2.2.1.15)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.wbxml import Element
from lab.device.answers import number, required
from lab.device.device import expect
from lab.device.errors import BadAnswer
from lab.device.phone import Phone

RESOLVED, AMBIGUOUS, PARTLY, UNKNOWN = 1, 2, 3, 4
_PAGE = "ResolveRecipients:"


@dataclass
class Recipient:
    """Somebody whom a name may mean. ``free_busy``: a digit for every half hour, ``None`` where nobody tells, and
    ``availability`` says why; ``picture``: its status and its bytes. 0: not asked for."""

    name: str
    mail: str
    kind: int
    availability: int = 0
    free_busy: str | None = None
    certificates: int = 0
    picture: tuple[int, bytes] = (0, b"")


@dataclass
class Resolved:
    """What became of one name. ``count``: how many it may mean."""

    to: str
    status: int
    count: int
    recipients: list[Recipient] = field(default_factory=list)


def resolve(
    phone: Phone,
    names: Iterable[str],
    *,
    start: str | None = None,
    end: str | None = None,
    certificates: bool = False,
    suggestions: int | None = None,
    pictures: int | None = None,
) -> list[Resolved]:
    """Who is meant by each name. ``start``, ``end``: the span of which their time is wanted, as the protocol writes
    moments; ``pictures``: so many at most."""
    times = [
        None if start is None else Element(f"{_PAGE}StartTime", start),
        None if end is None else Element(f"{_PAGE}EndTime", end),
    ]
    limit = [] if pictures is None else [Element(f"{_PAGE}MaxPictures", str(pictures))]
    wishes = [
        Element(f"{_PAGE}CertificateRetrieval", "2") if certificates else None,
        None if suggestions is None else Element(f"{_PAGE}MaxAmbiguousRecipients", str(suggestions)),
        None if start is None else Element(f"{_PAGE}Availability", children=times),
        Element(f"{_PAGE}Picture", children=limit) if limit else None,
    ]
    asked = [Element(f"{_PAGE}To", name) for name in names]
    options = (
        Element(f"{_PAGE}Options", children=wishes) if any(wish is not None for wish in wishes) else None
    )
    answer = phone.answered(
        "ResolveRecipients", Element(f"{_PAGE}ResolveRecipients", children=[*asked, options])
    )
    expect("ResolveRecipients", number(answer, f"{_PAGE}Status"))
    found = [_resolved(each) for each in answer.find_all(f"{_PAGE}Response")]
    if [each.to for each in found] != [each.text for each in asked]:
        raise BadAnswer("ResolveRecipients does not answer for the names that it was asked for")
    return found


def _resolved(element: Element) -> Resolved:
    return Resolved(
        required(element, f"{_PAGE}To"),
        number(element, f"{_PAGE}Status"),
        number(element, f"{_PAGE}RecipientCount", 0),
        [_recipient(each) for each in element.find_all(f"{_PAGE}Recipient")],
    )


def _recipient(element: Element) -> Recipient:
    found = Recipient(
        required(element, f"{_PAGE}DisplayName"),
        required(element, f"{_PAGE}EmailAddress"),
        number(element, f"{_PAGE}Type"),
    )
    availability = element.find(f"{_PAGE}Availability")
    if availability is not None:
        found.availability = number(availability, f"{_PAGE}Status")
        found.free_busy = availability.text_of(f"{_PAGE}MergedFreeBusy")
    certificates = element.find(f"{_PAGE}Certificates")
    if certificates is not None:
        found.certificates = number(certificates, f"{_PAGE}Status")
    picture = element.find(f"{_PAGE}Picture")
    if picture is not None:
        data = picture.find(f"{_PAGE}Data")
        bytes_ = data.value if data is not None and isinstance(data.value, bytes) else b""
        found.picture = (number(picture, f"{_PAGE}Status"), bytes_)
    return found
