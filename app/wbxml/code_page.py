"""What a code page is: up to 59 tags, each with a token of six bits (MS-ASWBXML 2.1.2.1).

``tags`` are those of the specification. ``legacy`` are tags that it has dropped since, mostly those of
version 2.5 of the protocol, and which at least three of the public codecs (libwbxml, Z-Push, Horde,
grommunio, TbSync) carry with the same meaning; old devices still send them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FIRST_TOKEN = 0x05
LAST_TOKEN = 0x3F

TokenAndTag = tuple[int, str]


@dataclass(frozen=True)
class CodePage:
    """One page: its number, its name (the prefix in ``Element.name``) and its tokens with their tags."""

    number: int
    name: str
    tags: tuple[TokenAndTag, ...]
    legacy: tuple[TokenAndTag, ...] = ()

    @property
    def names(self) -> dict[int, str]:
        """Token -> ``"Page:Tag"``, legacy tags included."""
        return {token: f"{self.name}:{tag}" for token, tag in self.tags + self.legacy}


def check_pages(pages: Iterable[CodePage]) -> None:
    """Raise ``ValueError`` naming the first page that is not a usable table."""
    for place, page in enumerate(pages):
        if page.number != place:
            raise ValueError(f"code page {page.name} has number {page.number} but stands at place {place}")
        _check_page(page)


def _check_page(page: CodePage) -> None:
    tokens: set[int] = set()
    tags: set[str] = set()
    for token, tag in page.tags + page.legacy:
        if not FIRST_TOKEN <= token <= LAST_TOKEN:
            raise ValueError(f"code page {page.name}: token 0x{token:02X} of {tag} is not a tag token")
        if token in tokens or tag in tags:
            raise ValueError(f"code page {page.name}: token 0x{token:02X} or tag {tag} is there twice")
        tokens.add(token)
        tags.add(tag)
