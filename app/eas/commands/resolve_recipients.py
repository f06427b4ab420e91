"""ResolveRecipients: who a name means, when they have time, what they look like (MS-ASCMD 2.2.1.15).

* A name is looked for in the directory and among the user's own contacts. A mail address that is somebody's means
  nobody else; a name that begins several people's is ambiguous, and they are its suggestions.
* A distribution list stands for its members, as lists of this source have no address of their own. When they have time
  is told of all of them together, by one row that each of them carries.
* Certificates are not kept anywhere that this server could read: each recipient has none (Status 7).
* A source that cannot tell of anybody's time at the moment spoils nothing else (Status 162).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Final

from app.eas import availability, pictures
from app.eas.answer import Answer
from app.eas.availability import Span
from app.eas.call import Call
from app.eas.errors import Malformed
from app.eas.pictures import Pictures
from app.eas.reading import only, whole
from app.eas.schema.text import line
from app.eas.status import AvailabilityStatus, ResolveStatus
from app.usm.errors import SourceUnavailable
from app.usm.queries import BusyTime, Origin, Person
from app.wbxml.element import Element

NAME: Final = "ResolveRecipients"
MAX_TO: Final = 100
MAX_NAME: Final = 256
MAX_LIMIT: Final = 9999
SUGGESTIONS: Final = 19
"""Suggestions for an ambiguous name where the device does not say how many it wants."""
MOST_AVAILABLE: Final = 100
"""Recipients whose availability one request may ask for."""
MOST_MEMBERS: Final = 20
"""Members of a list whose time is told together."""

_PAGE: Final = "ResolveRecipients:"
_TYPES: Final[Mapping[Origin, str]] = {Origin.DIRECTORY: "1", Origin.CONTACTS: "2"}
NO_CERTIFICATES: Final = 1
"""CertificateRetrieval: none are wanted."""


@dataclass(frozen=True, slots=True)
class _Wishes:
    """``certificates``: whether they are asked for; ``suggestions``: how many."""

    certificates: bool
    suggestions: int
    span: Span | None
    pictures: Pictures | None


@dataclass(frozen=True, slots=True)
class _Recipient:
    """One who is told of. ``list_of``: the addresses of the whole list he came with, ``None`` for one who came by his
    own name."""

    person: Person
    list_of: tuple[str, ...] | None = None

    @property
    def mails(self) -> tuple[str, ...]:
        """Whose time is told."""
        return (self.person.mail,) if self.list_of is None else self.list_of


@dataclass(frozen=True, slots=True)
class _Resolved:
    """What became of one name. ``count``: how many there are to choose from."""

    to: str
    status: ResolveStatus
    recipients: tuple[_Recipient, ...] = ()
    count: int = 0


def handle(call: Call, root: Element) -> Answer:
    """Raises ``Malformed``, ``SourceUnavailable``."""
    names = [element.text.strip() for element in root.find_all(f"{_PAGE}To")]
    if not 0 < len(names) <= MAX_TO:
        raise Malformed(f"{len(names)} recipients")
    for name in names:
        if not 0 < len(name) <= MAX_NAME:
            raise Malformed(f"a recipient of {len(name)} characters")
    wishes = _wishes(call, only(root, f"{_PAGE}Options"))
    bare = {name: _bare(name) for name in names}
    found = call.session.resolve(list(bare.values()))
    resolved = [_resolved(name, found.get(bare[name], ()), wishes) for name in names]
    busy = _busy(call, resolved, wishes.span)
    answers = [_response(each, wishes, busy) for each in resolved]
    return Answer(Element(f"{_PAGE}{NAME}", children=[_status(ResolveStatus.SUCCESS), *answers]))


def _bare(name: str) -> str:
    """The address in ``"Name" <address>``, or the name as it is."""
    return (parseaddr(name)[1] if name.endswith(">") else "") or name


def _wishes(call: Call, element: Element | None) -> _Wishes:
    def number(tag: str, low: int, high: int, default: int) -> int:
        child = None if element is None else only(element, f"{_PAGE}{tag}")
        return default if child is None else whole(child, low, high)

    retrieval = number("CertificateRetrieval", 1, 3, NO_CERTIFICATES)
    number("MaxCertificates", 0, MAX_LIMIT, MAX_LIMIT)
    return _Wishes(
        retrieval != NO_CERTIFICATES,
        number("MaxAmbiguousRecipients", 0, MAX_LIMIT, SUGGESTIONS),
        availability.read(element, NAME, call.version),
        pictures.wanted(element, NAME, call.version, call.session),
    )


def _resolved(to: str, people: Sequence[Person], wishes: _Wishes) -> _Resolved:
    found = [person for person in people if person.mail or person.members]
    if not found:
        return _Resolved(to, ResolveStatus.UNKNOWN)
    if len(found) == 1:
        recipients = _expanded(found[0])
        return _Resolved(to, ResolveStatus.SUCCESS, recipients, len(recipients))
    suggested = [person for person in found if person.mail][: wishes.suggestions]
    status = ResolveStatus.AMBIGUOUS if len(suggested) == len(found) else ResolveStatus.AMBIGUOUS_IN_PART
    return _Resolved(to, status, tuple(map(_Recipient, suggested)), len(found))


def _expanded(person: Person) -> tuple[_Recipient, ...]:
    members = person.members
    if not members:
        return (_Recipient(person),)
    mails = tuple(member.mail for member in members)
    return tuple(
        _Recipient(Person(person.origin, {"display_name": each.name, "email1": each.mail}), mails)
        for each in members
    )


# -- when they have time -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Times:
    """``asked``: whose time was asked for. ``told``: address → times, ``None`` where the source cannot tell now."""

    asked: frozenset[str] = frozenset()
    told: Mapping[str, Sequence[BusyTime]] | None = None


def _busy(call: Call, resolved: Sequence[_Resolved], span: Span | None) -> _Times:
    if span is None:
        return _Times()
    mails = [mail for each in resolved for recipient in _asked_for(each) for mail in recipient.mails]
    wanted = list(dict.fromkeys(mails))[:MOST_AVAILABLE]
    try:
        told = call.session.busy(wanted, span.start, span.end) if wanted else {}
    except SourceUnavailable:
        told = None
    return _Times(frozenset(wanted), told)


def _asked_for(resolved: _Resolved) -> tuple[_Recipient, ...]:
    """Those whose time is told of: nobody's who is only a suggestion, or in a list that is too long."""
    if resolved.status is not ResolveStatus.SUCCESS or _is_too_long(resolved.recipients[0]):
        return ()
    return resolved.recipients


def _is_too_long(recipient: _Recipient) -> bool:
    return recipient.list_of is not None and len(recipient.list_of) > MOST_MEMBERS


def _availability(recipient: _Recipient, span: Span, busy: _Times) -> Element:
    row = None
    if _is_too_long(recipient):
        status = AvailabilityStatus.LIST_TOO_LONG
    elif not busy.asked.issuperset(recipient.mails):
        status = AvailabilityStatus.TOO_MANY_RECIPIENTS
    elif busy.told is None:
        status = AvailabilityStatus.FAILED
    else:
        known = [busy.told[mail] for mail in recipient.mails if mail in busy.told]
        status = AvailabilityStatus.SUCCESS if known else AvailabilityStatus.NOT_TOLD
        row = span.merged(time for times in known for time in times) if known else None
    return Element(
        f"{_PAGE}Availability",
        children=[
            Element(f"{_PAGE}Status", str(status.value)),
            None if row is None else Element(f"{_PAGE}MergedFreeBusy", row),
        ],
    )


# -- the answer ----------------------------------------------------------------------------------------------


def _status(status: ResolveStatus) -> Element:
    return Element(f"{_PAGE}Status", str(status.value))


def _response(resolved: _Resolved, wishes: _Wishes, busy: _Times) -> Element:
    is_certain = resolved.status is ResolveStatus.SUCCESS
    recipients = []
    for recipient in resolved.recipients:
        children = _told(recipient.person)
        if is_certain and wishes.span is not None:
            children.append(_availability(recipient, wishes.span, busy))
        if is_certain and wishes.certificates:
            children.append(_no_certificates())
        if wishes.pictures is not None:
            children.append(wishes.pictures.element(recipient.person, NAME))
        recipients.append(Element(f"{_PAGE}Recipient", children=children))
    return Element(
        f"{_PAGE}Response",
        children=[
            Element(f"{_PAGE}To", line(resolved.to)),
            _status(resolved.status),
            Element(f"{_PAGE}RecipientCount", str(resolved.count)),
            *recipients,
        ],
    )


def _told(person: Person) -> list[Element]:
    return [
        Element(f"{_PAGE}Type", _TYPES[person.origin]),
        Element(f"{_PAGE}DisplayName", line(person.name)),
        Element(f"{_PAGE}EmailAddress", line(person.mail)),
    ]


def _no_certificates() -> Element:
    return Element(
        f"{_PAGE}Certificates",
        children=[
            _status(ResolveStatus.NO_CERTIFICATE),
            Element(f"{_PAGE}CertificateCount", "0"),
            Element(f"{_PAGE}RecipientCount", "0"),
        ],
    )
