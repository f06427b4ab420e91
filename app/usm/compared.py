"""Which answers of the source were seen to hold just what a device holds: the same answer need not be read again.

What a device holds has a mark, another one after each write (:attr:`app.usm.ports.Glance.mark`), and an answer of the
source has a tag, a digest of its bytes and of what was asked (:data:`app.usm.ports.IsKnown`). Where both were compared
once, item by item, and were the same, they are the same for ever: neither of them changes, and no clock has a say in
it. So what is remembered here cannot get out of date. At worst it is forgotten, with the process or for the sake of
others, and an answer is read once more.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from app.usm.model import SessionId
from app.usm.ports import Glance

MOST: Final = 20_000
"""Pairs that a process remembers, the last ones: 5 to 15 MB."""

Texts = Mapping[str, str]
NO_TEXTS: Final[Texts] = MappingProxyType({})


class Compared:
    """The pairs of what devices hold and what the source answered that are the same; for several threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._pairs: OrderedDict[bytes, Texts] = OrderedDict()

    def of(self, session: SessionId, folders: Sequence[tuple[int, Glance]], *more: object) -> Pairs:
        """The pairs with what a device holds of these folders. ``more``: what else decides whether there is news."""
        held = repr((session, [(number, glance.mark) for number, glance in folders], *more))
        return Pairs(self, held.encode("utf-8", "surrogatepass"))

    def texts(self, pair: bytes) -> Texts | None:
        """What :meth:`keep` was given."""
        return self._pairs.get(pair)

    def keep(self, pair: bytes, texts: Texts) -> None:
        """Remember a pair, and what is to be known of it."""
        self._pairs[pair] = texts
        if len(self._pairs) > self._most:
            self._pairs.popitem(last=False)


class Pairs:
    """What a device holds, with any answer of the source."""

    def __init__(self, compared: Compared, held: bytes) -> None:
        self._compared = compared
        self._held = held
        self.texts: Texts = NO_TEXTS
        """What was kept with the answer that was known."""

    def is_known(self, tag: bytes) -> bool:
        """Whether an answer with this tag has just what the device holds."""
        found = self._compared.texts(self._pair(tag))
        if found is not None:
            self.texts = found
        return found is not None

    def keep(self, tag: bytes, texts: Texts = NO_TEXTS) -> None:
        """An answer with this tag has just what the device holds. One without a tag is not remembered."""
        if tag:
            self._compared.keep(self._pair(tag), texts)

    def _pair(self, tag: bytes) -> bytes:
        return hashlib.sha256(tag + self._held).digest()
