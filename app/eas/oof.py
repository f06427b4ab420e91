"""Oof: the answer to those who write while the user is away (MS-ASCMD 2.2.3.119 to 2.2.3.122).

* The source has one answer for everybody. The device is told so: all three audiences have the same message. Of what it
  sets, the message for the user's own organisation counts, or else the first that is enabled.
* Times without each other are a protocol error, and without OofState 2 they are not looked at.
* Messages are kept as text: HTML is turned into it, and made of it for a device that asks for HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from app.eas.errors import ConversionError, Malformed
from app.eas.reading import only, required, whole
from app.eas.schema import html
from app.eas.schema.table import moment_text, parse_moment
from app.eas.schema.text import safe, with_lf
from app.usm.model import Absence
from app.wbxml.element import Element

_PAGE: Final = "Settings:"
OFF, ALWAYS, TIMED = 0, 1, 2
"""OofState (MS-ASCMD 2.2.3.122)."""
AUDIENCES: Final = ("AppliesToInternal", "AppliesToExternalKnown", "AppliesToExternalUnknown")
TEXT, HTML = "Text", "HTML"
LONGEST: Final = 2**16
"""Characters of a message."""
ENDLESS: Final = timedelta(days=365)
"""What stands for a bound that the source has not, while a device always has both."""


class Conflicting(Exception):
    """Values that do not go together (Status 6)."""


class Invalid(Exception):
    """A value that there is not (Status 5)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one audience is to hear: ``audience`` is its place in :data:`AUDIENCES`."""

    audience: int
    enabled: bool
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a device sets; ``state`` is ``None`` where it leaves that as it is."""

    state: int | None
    start: datetime | None = None
    end: datetime | None = None
    messages: tuple[Message, ...] = ()


# -- reading -------------------------------------------------------------------------------------------------


def body_type(wanted: Element) -> str:
    """The form in which a Get asks for messages. Raises ``Malformed``, ``Invalid``."""
    return _body_type(required(wanted, f"{_PAGE}BodyType"))


def _body_type(element: Element) -> str:
    found = {name.lower(): name for name in (TEXT, HTML)}.get(element.text.strip().lower())
    if found is None:
        raise Invalid(f"BodyType {element.text[:40]!r} is neither {TEXT} nor {HTML}")
    return found


def read(wanted: Element) -> Wish:
    """What a Set asks for. Raises ``Malformed``, ``Invalid``, ``Conflicting``."""
    element = only(wanted, f"{_PAGE}OofState")
    state = None if element is None else whole(element, OFF, TIMED)
    times = [only(wanted, f"{_PAGE}{name}") for name in ("StartTime", "EndTime")]
    if (times[0] is None) is not (times[1] is None):
        raise Malformed("StartTime and EndTime come together")
    messages = tuple(map(_message, wanted.find_all(f"{_PAGE}OofMessage")))
    named = [message.audience for message in messages]
    if len(set(named)) < len(named):
        raise Conflicting("two messages for one audience")
    if state != TIMED or times[0] is None or times[1] is None:
        return Wish(state, messages=messages)
    start, end = _moment(times[0]), _moment(times[1])
    if end <= start:
        raise Conflicting(f"the absence ends at {end}, before it begins")
    return Wish(state, start, end, messages)


def _moment(element: Element) -> datetime:
    try:
        return parse_moment(element.text)
    except ConversionError as error:
        raise Invalid(str(error)) from error


def _message(element: Element) -> Message:
    audiences = [place for place, name in enumerate(AUDIENCES) if only(element, _PAGE + name) is not None]
    if len(audiences) != 1:
        raise Malformed(f"a message for {len(audiences)} audiences")
    enabled = only(element, f"{_PAGE}Enabled")
    reply = only(element, f"{_PAGE}ReplyMessage")
    form = only(element, f"{_PAGE}BodyType")
    text = "" if reply is None else reply.text
    if len(text) > LONGEST:
        raise Invalid(f"a message of {len(text)} characters, {LONGEST} are the most")
    if form is not None and _body_type(form) == HTML:
        text = html.to_text(text)
    return Message(audiences[0], enabled is None or whole(enabled, 0, 1) == 1, with_lf(safe(text)).strip())


# -- deciding ------------------------------------------------------------------------------------------------


def merged(now: Absence, wish: Wish) -> Absence:
    """What is to be, of what is and what a device wishes. Raises ``Invalid`` for an absence with times that are not
    there, and for one without a message."""
    heard = [message for message in wish.messages if message.enabled]
    texts = [message.text for message in sorted((*heard, *wish.messages), key=_rank) if message.text]
    text = texts[0] if texts else now.text
    if wish.state is None:
        return replace(now, text=text)
    active = wish.state != OFF and (bool(heard) or not wish.messages)
    start, end = (wish.start or now.start, wish.end or now.end) if wish.state == TIMED else (None, None)
    if wish.state == TIMED and start is None and end is None:
        raise Invalid("an absence for a time without times")
    if active and not text:
        raise Invalid("an absence without a message")
    return Absence(active, text, start, end)


def _rank(message: Message) -> tuple[bool, int]:
    return not message.enabled, message.audience


# -- writing -------------------------------------------------------------------------------------------------


def write(absence: Absence, form: str, now: datetime) -> Element:
    """The answer to a Get."""
    timed = absence.start is not None or absence.end is not None
    state = OFF if not absence.active else TIMED if timed else ALWAYS
    return Element(
        f"{_PAGE}Get",
        children=[
            Element(f"{_PAGE}OofState", str(state)),
            *(_times(absence, now) if timed else ()),
            *(_audience(name, absence.text, form) for name in AUDIENCES),
        ],
    )


def _times(absence: Absence, now: datetime) -> Sequence[Element]:
    start = absence.start or min(now, absence.end or now)
    end = absence.end or max(now, start) + ENDLESS
    return [
        Element(f"{_PAGE}StartTime", moment_text(start)),
        Element(f"{_PAGE}EndTime", moment_text(end)),
    ]


def _audience(name: str, text: str, form: str) -> Element:
    shown = html.from_text(text) if form == HTML else text
    return Element(
        f"{_PAGE}OofMessage",
        children=[
            Element(_PAGE + name),
            Element(f"{_PAGE}Enabled", "1" if text else "0"),
            Element(f"{_PAGE}ReplyMessage", shown) if text else None,
            Element(f"{_PAGE}BodyType", form),
        ],
    )
