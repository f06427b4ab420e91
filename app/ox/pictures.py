"""Pictures of people (``facts``: HTTP API section 5): by the address that OX gives in ``image1_url``."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from app.ox.client import OxClient
from app.ox.errors import TooLarge, Unsupported
from app.usm.errors import ItemError

_TYPES: Final = (
    (b"\xff\xd8", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_URL: Final = re.compile(r"/(image/[^?#]*)\?([^#]*)")


def content_type(picture: bytes) -> str | None:
    """The type of a picture, ``None`` for one of a kind that OX does not take."""
    return next((name for magic, name in _TYPES if picture.startswith(magic)), None)


def fetch(client: OxClient, url: Any, most: int) -> bytes | None:
    """The picture behind an ``image1_url``, at most so many bytes. Only its part from ``image/`` on is used: host and
    prefix are those that a browser needs. ``None`` for one that cannot be had."""
    found = _URL.search(url) if isinstance(url, str) else None
    if found is None:
        return None
    try:
        picture = client.download(found[1], dict(parse_qsl(found[2])), most)
    except (ItemError, TooLarge, Unsupported):
        return None
    return picture if content_type(picture) else None
