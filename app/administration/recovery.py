"""The password by which the owner of a locked device opens it, as the device has sent it."""

from __future__ import annotations

from app.administration.naming import Named, Names, Unknown
from app.eas import memory
from app.store.database import Databases
from app.store.sealed import Ring, Unreadable
from app.store.secret_fields import SecretFields


def password(databases: Databases, names: Names, named: Named, ring: Ring | None) -> str | None:
    """That of a device; ``None`` if it has sent none. ``ring`` opens it. Raises ``Unknown`` also where no key does,
    ``StoreUnavailable``."""
    session = names.found(named).id
    try:
        return SecretFields(databases, ring).read(session, memory.RECOVERY)
    except Unreadable as error:
        raise Unknown(f"the recovery password of {named.device}: {error}") from error
