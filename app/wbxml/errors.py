"""What can be wrong with WBXML bytes: one kind of error, whatever the cause."""

from __future__ import annotations


class WbxmlError(ValueError):
    """The bytes are not WBXML that ActiveSync allows (MS-ASWBXML 2.1), or a tree cannot be written as such.

    ``offset`` is the position in the input, in bytes, where reading stopped; ``None`` when writing.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset
