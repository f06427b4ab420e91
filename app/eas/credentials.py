"""Credentials within a command: UserName and Password of a store (MS-ASCMD 2.2.3.188, 2.2.3.130).

Documents lie with everything else of the user, who is signed in already: nothing more is needed, and the password is
not even looked at. A name that is another user's is refused rather than answered with documents of the wrong one.
"""

from __future__ import annotations

from app.eas.call import Call
from app.eas.reading import only
from app.wbxml.element import Element


def is_own(call: Call, wishes: Element | None, page: str) -> bool:
    """Whether the Options name nobody else. A domain before the name (``DOMAIN\\name``) does not count."""
    element = None if wishes is None else only(wishes, f"{page}:UserName")
    name = "" if element is None else element.text.strip().rpartition("\\")[2].casefold()
    user = call.session.user
    own = {text.casefold() for text in (user.login, user.mail) if text}
    return not name or name in own | {text.partition("@")[0] for text in own}
