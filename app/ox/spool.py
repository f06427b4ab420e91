"""A file on its way: kept in a temporary file, so that its size is known, and never in memory as a whole."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import Final

_IN_MEMORY: Final = 256 * 1024
"""A file of so many bytes needs no place on the disk."""
_BLOCK: Final = 64 * 1024


class Spool:
    """Written once, then read: any part of it, as often as wanted, until nobody has it any more; or once as an iterator
    of blocks, and gone at its end or with :meth:`close`."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it was read
        self.size = 0

    def write(self, block: bytes) -> None:
        """Add a block. Raises ``OSError`` when the disk is full."""
        self._file.write(block)
        self.size += len(block)

    def __del__(self) -> None:
        self._file.close()

    def part(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to ``stop``."""
        self._file.seek(start)
        return self._file.read(stop - start)

    def head(self, size: int) -> bytes:
        """The first so many bytes; reading begins before them."""
        self._file.seek(0)
        head = self._file.read(size)
        self._file.seek(0)
        return head

    def __iter__(self) -> Spool:
        return self

    def __next__(self) -> bytes:
        block = b"" if self._file.closed else self._file.read(_BLOCK)
        if not block:
            self.close()
            raise StopIteration
        return block

    def close(self) -> None:
        """Give up what is left."""
        self._file.close()
