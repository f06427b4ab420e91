"""What can go wrong with the data of an earlier product; each message says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from app.usm.errors import UsmError


class LegacyError(UsmError):
    """The tables of an earlier product cannot be saved, dropped or brought back; nothing was lost by trying."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise :class:`LegacyError` for every error of a database or a file inside. ``what`` names the schema."""
    try:
        yield
    except exc.DBAPIError as error:
        arguments = () if error.orig is None else error.orig.args
        words = " ".join(str(argument) for argument in arguments) or type(error).__name__
        raise LegacyError(
            f"{what}: the database says {words}; run the command again when it is well"
        ) from error
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise LegacyError(f"{what}: {error.strerror or error}{where}") from error
