"""HTML of strangers, before it is given to a parser.

The parser takes a time for the attributes of a tag that grows with the square of their number: a letter of two
megabytes would keep a process busy for minutes. No tag that a person has written has more than a few.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 100
"""Attributes of a tag. One with more loses them all."""

# What follows the name of a tag, up to its end or that of the text. As in a browser, quotes count behind = alone, and a
# value in them may hold anything. Nothing in it goes back, whatever the text is.
_TAG: Final = re.compile(
    r"""(<[A-Za-z_:][^\s/>]*+)((?>[^>"'=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?+|["'])*+)"""
)
_VALUE: Final = re.compile(r"""=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))""")
_ATTRIBUTE: Final = re.compile(r"[^\s/]+")


def tame(markup: str) -> str:
    """The same for whoever reads it, with a bounded number of attributes in each tag."""
    if all(len(rest) <= 2 * MOST for _, rest in _TAG.findall(markup)):
        return markup
    return _TAG.sub(_bounded, markup)


def _bounded(tag: re.Match[str]) -> str:
    begin, rest = tag.groups()
    if len(rest) <= 2 * MOST:
        return tag[0]
    return begin if len(_ATTRIBUTE.findall(_VALUE.sub(" ", rest))) > MOST else tag[0]
