"""ValidateCert: certificates from signed messages, each with what is wrong with it (MS-ASCMD 2.2.1.22).

* The chain that the device sends helps to find the way to a trusted authority; whom the server trusts is its own
  affair.
* Without CheckCRL a certificate of which nobody can tell whether it is revoked is valid; with it, it is not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.certificates import Verdict
from app.eas.errors import Malformed
from app.eas.reading import boolean, only, required
from app.eas.status import CertificateStatus
from app.wbxml.element import Element

NAME: Final = "ValidateCert"
MAX_CERTIFICATES: Final = 100
"""In one request, those of the chain too (MS-ASCMD 3.1.5.10)."""
_PAGE: Final = "ValidateCert:"
_SEQUENCE: Final = b"\x30"
"""The first byte of a certificate in DER."""

STATUS: Final[Mapping[Verdict, CertificateStatus]] = {
    verdict: CertificateStatus[verdict.name] for verdict in Verdict
}


def read(root: Element) -> tuple[list[bytes], list[bytes], bool]:
    """Certificates, those of the chain, and whether their revocation must be known; one that cannot be read is empty.
    Raises ``Malformed``."""
    above = only(root, f"{_PAGE}CertificateChain")
    chain = [] if above is None else above.find_all(f"{_PAGE}Certificate")
    wanted = required(root, f"{_PAGE}Certificates").find_all(f"{_PAGE}Certificate")
    if not wanted:
        raise Malformed("ValidateCert without a certificate")
    if len(wanted) + len(chain) > MAX_CERTIFICATES:
        raise Malformed(f"{len(wanted) + len(chain)} certificates, {MAX_CERTIFICATES} are the most")
    crl = only(root, f"{_PAGE}CheckCRL")
    return _decoded(wanted), _decoded(chain), crl is not None and boolean(crl)


def _decoded(elements: Sequence[Element]) -> list[bytes]:
    return list(map(_der, elements))


def _der(element: Element) -> bytes:
    """A certificate in base64, as the standard says, or as it is in opaque data."""
    value = element.value
    data = value if isinstance(value, bytes) else element.text.encode("utf-8", "replace")
    if data[:1] != _SEQUENCE:
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            return b""
    return data


def do(call: Call, certificates: Sequence[bytes], chain: Sequence[bytes], revocation: bool) -> list[Verdict]:
    """What is wrong with each."""
    return [_checked(call, certificate, chain, revocation) for certificate in certificates]


def _checked(call: Call, certificate: bytes, chain: Sequence[bytes], revocation: bool) -> Verdict:
    if not certificate:
        return Verdict.UNREADABLE
    if not all(chain):
        return Verdict.BAD_CHAIN
    if call.checker is None:
        return Verdict.UNKNOWN
    return call.checker.check(certificate, chain, call.clock.now(), revocation)


def write(verdicts: Sequence[Verdict]) -> Element:
    """The answer."""
    return Element(
        f"{_PAGE}ValidateCert",
        children=[
            Element(f"{_PAGE}Status", str(CertificateStatus.VALID.value)),
            *(
                Element(
                    f"{_PAGE}Certificate",
                    children=[Element(f"{_PAGE}Status", str(STATUS[verdict].value))],
                )
                for verdict in verdicts
            ),
        ],
    )


def handle(call: Call, document: Element) -> Answer:
    """Answer one ValidateCert."""
    return Answer(write(do(call, *read(document))))
