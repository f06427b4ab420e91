"""What is sealed opens with its key, for its owner, and in no other way."""

from __future__ import annotations

import base64

import pytest

from app.store import SingleDatabase, SqlStateStore
from app.store.sealed import OVERHEAD, STEP, Ring, Unreadable, is_sealed, seal, unseal
from app.store.secret_fields import Resealed, SecretFields
from app.usm.model import SessionId

KEY, OTHER = bytes(range(32)), bytes(32)
TEXTS = ("", "x", "geheim ä€:)", " " * 62, "ä" * 31, "a\0b", "\ud800", "x" * 65535)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    sealed = seal(KEY, text, b"anton")
    assert unseal(KEY, sealed, b"anton") == text
    assert len(sealed) % STEP == OVERHEAD
    assert Ring([KEY]).unseal(Ring([KEY]).seal(text, b"anton"), b"anton") == text


def test_two_seals_of_one_text_differ_and_tell_no_length() -> None:
    first, second, third = (seal(KEY, text, b"") for text in ("a", "a", "b" * 62))
    assert first[1:] != second[1:]
    assert len({first[1:13], second[1:13], third[1:13]}) == 3
    assert len(first) == len(third) == STEP + OVERHEAD


def test_every_byte_the_key_and_the_owner_are_signed() -> None:
    sealed = seal(KEY, "secret", b"anton")
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for wrong in (*changed, sealed[:-1], sealed[:13], sealed[:5], b""):
        with pytest.raises(Unreadable):
            unseal(KEY, wrong, b"anton")
    for key, owner in ((OTHER, b"anton"), (KEY, b"berta"), (KEY, b"")):
        with pytest.raises(Unreadable, match="tampered"):
            unseal(key, sealed, owner)


def test_the_form_is_that_of_the_standard() -> None:
    """A value sealed in the year 2026, which every later version has to open."""
    sealed = bytes.fromhex(VECTOR)
    assert unseal(KEY, sealed, b"owner") == "secret"


VECTOR = (
    "015e8bc60b8995e5f1dd8b34df1213a5b01b19d4ac7a8c3beedacb46b17d3053df48b7c05a310f0cd58301c1f85596"
    "702bff972855ab8d44b7c4b5932568960f73b0749a8b0e4e0fbd8ae3dbccbbe605bb66c8ad6821ebe85432ec7a97"
)


def test_all_keys_of_a_ring_open_and_the_first_one_seals() -> None:
    before, now = Ring([OTHER]), Ring([KEY, OTHER])
    old, new = before.seal("secret", b"o"), now.seal("secret", b"o")
    assert now.unseal(old, b"o") == now.unseal(new, b"o") == Ring([KEY]).unseal(new, b"o") == "secret"
    assert (now.is_newest(old), now.is_newest(new), now.is_newest("secret")) == (False, True, False)
    with pytest.raises(Unreadable, match=r"is not among com\.openexchange\.usm\.secret_keys"):
        before.unseal(new, b"o")
    for key in (KEY, OTHER):
        assert key.hex()[:8] not in new + old
        assert base64.b64encode(key).decode() not in new + old


@pytest.mark.parametrize(
    "text", ["", "1234", "sealed:", "sealed:12345678:?", "sealed:1234", "sealed:a:ä", "SEALED:a:AAAA"]
)
def test_what_was_never_sealed_comes_back_as_it_is(text: str) -> None:
    assert Ring([KEY]).unseal(text, b"o") == text
    assert not is_sealed(text)


def test_a_secret_cannot_be_given_to_another_device() -> None:
    databases = SingleDatabase("sqlite://")
    store, anton, eve = SqlStateStore(databases, ring=Ring([KEY])), *map(session, ("phone", "other"))
    store.keep_secret(anton, "f", "4711")
    store.write_fields(eve, {"f": store.fields(anton)["f"]})
    secrets = SecretFields(databases, Ring([KEY]))
    assert secrets.read(anton, "f") == "4711"
    with pytest.raises(Unreadable, match="tampered"):
        secrets.read(eve, "f")
    assert secrets.read(anton, "g") is None
    assert SecretFields(databases, Ring([OTHER, KEY])).reseal(1, ["f"]) == Resealed(1, 1)
    assert SecretFields(databases, Ring([OTHER])).read(anton, "f") == "4711"
    databases.close()


def test_without_a_key_nothing_secret_is_kept() -> None:
    databases = SingleDatabase("sqlite://")
    store = SqlStateStore(databases)
    with pytest.raises(ValueError, match="no key"):
        store.keep_secret(session("phone"), "f", "4711")
    assert store.fields(session("phone")) == {}
    assert SecretFields(databases, None).reseal(1, ["f"]) == Resealed()
    databases.close()


def session(device: str) -> SessionId:
    return SessionId(1, 3, "EAS", device)
