"""Messages of any bytes, taken apart (RFC 5322, RFC 2045): nothing is too broken, and nothing too deep.

The standard library goes down into parts within parts by calling itself, and compares each line with the ends of all
parts around it. A stranger's message could have thousands of them; nobody's own has more than a few.
"""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses
from typing import Final

DEEPEST: Final = 60
"""Parts that may hold parts. With more, a message is taken for one single part."""

_HOLDS_PARTS: Final = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)


def parsed(mime: bytes) -> Message:
    """A message. One that is too deep has its header, and all the rest as it came."""
    # To the parser a line ends with CR alone, too.
    many = sum(1 for _ in _HOLDS_PARTS.finditer(mime.replace(b"\r", b"\n")))
    return BytesParser(policy=compat32).parsebytes(mime, headersonly=many > DEEPEST)


def addresses(text: str) -> list[tuple[str, str]]:
    """Names and addresses of a header field, a name ``""`` where there is none. Of comments within comments beyond all
    reason nothing is read."""
    try:
        found = getaddresses([text])
    except RecursionError:
        return []
    return [
        pair for pair in found if any(pair)
    ]  # ("", ""): to some versions of Python nothing, to others a fault
