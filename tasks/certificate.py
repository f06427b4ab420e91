"""The certificate of the virtual host that phones ask: read and checked on this machine before anything is touched.

A setting names a file of this machine, which is then put onto each web host; or, as ``host:/path``, one that is there
already and that somebody else renews.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tasks import run

ROLES = ("certificate", "key", "chain")
ON_HOST = "host:"


@dataclass(frozen=True, slots=True)
class Certificate:
    """``paths``: where the web host has each file (certificate, key, chain). ``contents``: those that are put there.
    ``warnings``: what is not right with it, though it will do."""

    paths: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


def read(data: Any, home: str) -> Certificate:
    """The certificate that these settings (``host.data``) name. ``home`` is where our files lie on the web host. Raises
    :class:`tasks.run.DeployError` when it cannot serve."""
    named = {role: str(data.get(f"tls_{role}") or "") for role in ROLES}
    if not named["certificate"]:
        return Certificate()
    if not named["key"] or not data.server_name:
        absent = "server_name" if named["key"] else "tls_key"
        raise run.DeployError(f"tls_certificate is set, and so must be {absent}. Nothing has been touched")
    paths = {role: _path(role, name, home) for role, name in named.items() if name}
    contents = {
        role: _content(role, name) for role, name in named.items() if name and not name.startswith(ON_HOST)
    }
    return Certificate(paths, contents, tuple(_check(named, contents, data)))


def _path(role: str, name: str, home: str) -> str:
    return name.removeprefix(ON_HOST) if name.startswith(ON_HOST) else f"{home}/tls/{role}.pem"


def _content(role: str, name: str) -> bytes:
    try:
        return (run.PROJECT / Path(name).expanduser()).read_bytes()
    except OSError as error:
        raise run.DeployError(f"tls_{role}: {error.strerror}: {name}. Nothing has been touched") from None


def _check(named: dict[str, str], contents: dict[str, bytes], data: Any) -> list[str]:
    """What is not quite right. Raises :class:`tasks.run.DeployError` for what Apache would not start with."""
    warnings: list[str] = []
    if "certificate" in contents:
        leaf = _leaf(named["certificate"], contents["certificate"])
        warnings = _warnings(leaf, str(data.server_name), int(data.certificate_warning_days))
        if "key" in contents and _public(leaf) != _public(_private(named["key"], contents["key"])):
            raise run.DeployError(
                f"{named['key']} is not the key of {named['certificate']}. Nothing has been touched"
            )
    if "chain" in contents:
        _leaf(named["chain"], contents["chain"])
    return warnings


def _leaf(name: str, content: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError:
        raise run.DeployError(f"{name} holds no certificate (PEM). Nothing has been touched") from None


def _private(name: str, content: bytes) -> Any:
    try:
        return load_pem_private_key(content, password=None)
    except TypeError:
        raise run.DeployError(
            f"{name} is protected by a passphrase, and Apache would ask for it at each start:"
            " `openssl pkey -in … -out …` takes it off. Nothing has been touched"
        ) from None
    except ValueError:
        raise run.DeployError(f"{name} holds no private key (PEM). Nothing has been touched") from None


def _public(holder: Any) -> bytes:
    return bytes(holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _warnings(leaf: x509.Certificate, server_name: str, soon: int) -> list[str]:
    found = []
    ends = leaf.not_valid_after_utc
    left = ends - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta():
        found.append(f"the certificate of {server_name} ended on {ends:%Y-%m-%d}: phones refuse it")
    elif left.days < soon:
        found.append(f"the certificate of {server_name} ends on {ends:%Y-%m-%d}, in {left.days} days")
    names = _names(leaf)
    if not any(_matches(name, server_name) for name in names):
        found.append(f"the certificate is for {', '.join(names) or 'no name'}, and not for {server_name}")
    return found


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _matches(name: str, server_name: str) -> bool:
    """Whether a name of a certificate is that of the server; a star stands for its first label (RFC 6125)."""
    name, server_name = name.lower(), server_name.lower()
    return name == server_name or (name.startswith("*.") and name[1:] == "." + server_name.partition(".")[2])
