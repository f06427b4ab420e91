"""Secrets that lie in the database: encrypted and signed, so that a copy of the database tells none of them.

Rules:

* AES-256-GCM, by the library ``cryptography``; nothing is made up here. What a value belongs to (context, user, device
  ...) is signed along: a row put in the place of another one does not open.
* A value whose owner brings a secret of his own is sealed with a key made of that secret, which is kept nowhere
  (:mod:`app.store.app_passwords`).
* What the service has to read by itself is sealed with a key of the installation: ``com.openexchange.usm.secret_keys``
  in ``usm.properties``, the same on all nodes, never in the database. The first key seals, all of them open, so that
  they can be changed (:class:`Ring`). Without a key nothing of that sort is kept.
* The length of a text is hidden in steps of :data:`STEP` bytes.

A sealed value: its form (one byte), the nonce (12), then what AES-GCM gives, with its tag of 16 bytes.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY: Final = 32
"""Bytes of a key."""
STEP: Final = 64
OVERHEAD: Final = 29
"""What a sealed value is longer than the text in it, which is a multiple of :data:`STEP`."""

_FORM: Final = b"\x01"
_NONCE: Final = 12
_LENGTH: Final = 2

_MARK: Final = "sealed:"
"""What a value in a text column begins with; then the name of its key, a colon, and Base64."""


class Unreadable(Exception):
    """A sealed value does not open: its key is not there, or it is not what was sealed. Says which, and no secret."""


def seal(key: bytes, text: str, owner: bytes) -> bytes:
    """Encrypt a text of at most 65,535 bytes, for this owner alone."""
    raw = text.encode("utf-8", "surrogatepass")
    plain = len(raw).to_bytes(_LENGTH, "big") + raw + bytes(-(_LENGTH + len(raw)) % STEP)
    nonce = os.urandom(_NONCE)
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plain, _FORM + owner)


def unseal(key: bytes, sealed: bytes, owner: bytes) -> str:
    """What :func:`seal` was given. Raises :class:`Unreadable`."""
    form, nonce, hidden = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    if form != _FORM:
        raise Unreadable("this value was sealed by a newer program, or by none")
    try:
        plain = AESGCM(key).decrypt(nonce, hidden, _FORM + owner)
    except (InvalidTag, ValueError) as error:
        raise Unreadable("this value was tampered with in the database") from error
    size = int.from_bytes(plain[:_LENGTH], "big")
    return plain[_LENGTH : _LENGTH + size].decode("utf-8", "surrogatepass")


class Ring:
    """The keys of the installation: the first one seals, each of them opens what it has sealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys``: at least one, of 32 bytes each."""
        self._keys = {_name(key): key for key in keys}
        self._newest = _name(keys[0])

    def seal(self, text: str, owner: bytes) -> str:
        """A sealed text for a text column."""
        sealed = seal(self._keys[self._newest], text, owner)
        return f"{_MARK}{self._newest}:{base64.b64encode(sealed).decode('ascii')}"

    def unseal(self, value: str, owner: bytes) -> str:
        """What :meth:`seal` was given. A value that was never sealed comes back as it is: it dates from a time before
        this module. Raises :class:`Unreadable`."""
        name, sealed = _parts(value)
        if sealed is None:
            return value
        if name not in self._keys:
            raise Unreadable(f"the key {name} that sealed this is not among com.openexchange.usm.secret_keys")
        return unseal(self._keys[name], sealed, owner)

    def is_newest(self, value: str) -> bool:
        """Whether the value is sealed with the first key."""
        name, sealed = _parts(value)
        return sealed is not None and name == self._newest


def is_sealed(value: str) -> bool:
    """Whether a value of a text column was sealed by a :class:`Ring`."""
    return _parts(value)[1] is not None


def _parts(value: str) -> tuple[str, bytes | None]:
    """The name of the key, and what it has sealed; ``None`` for a value that is not sealed."""
    name, colon, text = value.removeprefix(_MARK).partition(":")
    if not value.startswith(_MARK) or not colon:
        return "", None
    try:
        return name, base64.b64decode(text, validate=True)
    except ValueError:
        return "", None


def _name(key: bytes) -> str:
    """What a key is called: tells keys apart and says nothing of them."""
    return hashlib.sha256(b"open-xchange-usm key\0" + key).hexdigest()[:8]
