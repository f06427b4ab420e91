"""A phone asks what is wrong with the certificates of a signed message (MS-ASCMD 2.2.1.22)."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from app.wbxml import Element
from lab.device.answers import number
from lab.device.device import Device, expect
from lab.device.errors import BadAnswer

VALID = 1
_PAGE = "ValidateCert:"


def validate(
    device: Device, certificates: Sequence[bytes], *, chain: Sequence[bytes] = (), revocation: bool = False
) -> list[int]:
    """A status for each certificate (DER): 1 is valid, all others say why not (MS-ASCMD 2.2.3.177.17).

    ``chain``: those that lead to an authority; ``revocation``: one that may be revoked is not valid.
    """
    document = Element(
        f"{_PAGE}ValidateCert",
        children=[
            Element(f"{_PAGE}CertificateChain", children=map(_certificate, chain)) if chain else None,
            Element(f"{_PAGE}Certificates", children=map(_certificate, certificates)),
            Element(f"{_PAGE}CheckCRL", "1") if revocation else None,
        ],
    )
    answer = device.answered("ValidateCert", document)
    expect("ValidateCert", number(answer, f"{_PAGE}Status"))
    found = [number(each, f"{_PAGE}Status") for each in answer.find_all(f"{_PAGE}Certificate")]
    if len(found) != len(certificates):
        raise BadAnswer(f"ValidateCert answers {len(found)} of {len(certificates)} certificates")
    return found


def _certificate(data: bytes) -> Element:
    return Element(f"{_PAGE}Certificate", base64.b64encode(data).decode())
