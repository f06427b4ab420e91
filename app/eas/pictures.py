"""Pictures of people in answers: how many, how large, and why not (MS-ASCMD 2.2.3.104, 2.2.3.105, 2.2.3.135).

A device limits both; so does the server, since each picture is asked for by itself and an answer must not grow without
end. A picture is told of by a status, and its data follow where it is 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.eas.reading import only, whole
from app.eas.status import PictureStatus
from app.eas.versions import Version
from app.usm.queries import Person
from app.wbxml.element import Element

if TYPE_CHECKING:
    from app.usm.session import Session

SINCE: Final = Version.V14_1
MOST_PICTURES: Final = 30
MOST_BYTES: Final = 100 * 1024
_ENDLESS: Final = 2**32 - 1


class Pictures:
    """What is left of the pictures that one answer may hold."""

    def __init__(
        self, session: Session, max_size: int = MOST_BYTES, max_pictures: int = MOST_PICTURES
    ) -> None:
        self._session = session
        self._max_size = min(max_size, MOST_BYTES)
        self._left = min(max_pictures, MOST_PICTURES)

    def element(self, person: Person, page: str) -> Element:
        """The Picture of somebody, on a page of the answer."""
        status, data = self._looked(person)
        return Element(
            f"{page}:Picture",
            children=[
                Element(f"{page}:Status", str(status.value)),
                None if data is None else Element(f"{page}:Data", data),
            ],
        )

    def _looked(self, person: Person) -> tuple[PictureStatus, bytes | None]:
        if not person.picture:
            return PictureStatus.NONE, None
        if self._left <= 0:
            return PictureStatus.TOO_MANY, None
        data = self._session.picture(person)
        if data is None:
            return PictureStatus.NONE, None
        if len(data) > self._max_size:
            return PictureStatus.TOO_LARGE, None
        self._left -= 1
        return PictureStatus.SUCCESS, data


def wanted(wishes: Element | None, page: str, version: Version, session: Session) -> Pictures | None:
    """The Picture element of Options, which may be empty (iOS, quirk 25); ``None`` where none are wanted. Raises
    ``Malformed``."""
    element = None if wishes is None else only(wishes, f"{page}:Picture")
    if element is None or version < SINCE:
        return None
    limits = {
        name: whole(child, 0, _ENDLESS)
        for name, tag in (("max_size", "MaxSize"), ("max_pictures", "MaxPictures"))
        if (child := only(element, f"{page}:{tag}")) is not None
    }
    return Pictures(session, **limits)
