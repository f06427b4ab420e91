"""Checks certificates by OpenSSL's ``verify``: chains, validity, purpose, revocation (RFC 5280; OpenSSL's own manual).

Why a program and no module: what checks chains in Python's libraries is either not in the distributions that the
package runs on (``cryptography`` has it from release 42 on, Debian 12 is at 38), or bound to one release of another
one. OpenSSL is on every host, and the distribution keeps it safe.

* Nothing is fetched: neither certificates nor lists of what is revoked. Such lists count where a file of them is set.
* Of several faults the gravest is told.
"""

from __future__ import annotations

import base64
import logging
import re
import subprocess
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from app.eas.certificates import Verdict

_log = logging.getLogger(__name__)

PROGRAM: Final = "openssl"
SYSTEM: Final = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
)
"""Where Debian, Red Hat and SUSE keep the authorities that they trust."""
TIMEOUT: Final = 10
_FAULT: Final = re.compile(r"^error (\d+) at (\d+) depth lookup", re.MULTILINE)
_UNREADABLE: Final = re.compile(r"(?i)(could not|unable to) (read|load|find|open)")
_LEAF, _CHAIN = "certificate.pem", "chain.pem"

_UNKNOWN = Verdict.REVOCATION_UNKNOWN
VERDICTS: Final[Mapping[int, tuple[Verdict, Verdict]]] = {
    4: (Verdict.BAD_SIGNATURE, Verdict.BAD_SIGNATURE),
    5: (_UNKNOWN, _UNKNOWN),
    6: (Verdict.BAD_SIGNATURE, Verdict.BAD_SIGNATURE),
    7: (Verdict.BAD_SIGNATURE, Verdict.BAD_SIGNATURE),
    2: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    18: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    19: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    20: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    21: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    27: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    28: (Verdict.UNTRUSTED, Verdict.UNTRUSTED),
    23: (Verdict.REVOKED, Verdict.CHAIN_REVOKED),
    24: (Verdict.NO_AUTHORITY, Verdict.NO_AUTHORITY),
    79: (Verdict.NO_AUTHORITY, Verdict.NO_AUTHORITY),
    32: (Verdict.NO_AUTHORITY, Verdict.NO_AUTHORITY),
    22: (Verdict.BAD_CHAIN, Verdict.BAD_CHAIN),
    25: (Verdict.BAD_CHAIN, Verdict.BAD_CHAIN),
    9: (Verdict.EXPIRED, Verdict.CHAIN_EXPIRED),
    10: (Verdict.EXPIRED, Verdict.CHAIN_EXPIRED),
    13: (Verdict.UNREADABLE, Verdict.BAD_CHAIN),
    14: (Verdict.UNREADABLE, Verdict.BAD_CHAIN),
    26: (Verdict.NOT_FOR_MAIL, Verdict.MISUSED),
    47: (Verdict.WRONG_NAME, Verdict.WRONG_NAME),
    48: (Verdict.WRONG_NAME, Verdict.WRONG_NAME),
    **dict.fromkeys((3, 8, 11, 12, 15, 16, 33, 35, 36, 44, 54), (_UNKNOWN, _UNKNOWN)),
}
"""OpenSSL's number of a fault → what it says of the certificate itself, and of one above it; the gravest first."""
_GRAVITY: Final = list(VERDICTS)


class OpenSsl:
    """The checker. ``authorities``: a file (PEM) of those that are trusted, ``None``: the system's. ``revoked``: a file
    (PEM) of revocation lists, ``None`` without."""

    def __init__(
        self, authorities: Path | None = None, revoked: Path | None = None, program: str = PROGRAM
    ) -> None:
        self._authorities = authorities or next((path for path in SYSTEM if path.exists()), None)
        self._revoked = revoked
        self._program = program

    def check(
        self, certificate: bytes, chain: Sequence[bytes], moment: datetime, revocation: bool
    ) -> Verdict:
        """See :meth:`app.eas.certificates.Checker.check`."""
        if self._authorities is None:
            return Verdict.UNTRUSTED
        with tempfile.TemporaryDirectory(prefix="usm-certificates-") as name:
            folder = Path(name)
            (folder / _LEAF).write_text(_pem(certificate))
            (folder / _CHAIN).write_text("".join(map(_pem, chain)))
            asks = revocation or self._revoked is not None
            verdict = self._verify(folder, bool(chain), moment, asks)
            if verdict is Verdict.REVOCATION_UNKNOWN and not revocation:
                verdict = self._verify(folder, bool(chain), moment, False)
            return verdict

    def _verify(self, folder: Path, has_chain: bool, moment: datetime, revocation: bool) -> Verdict:
        command = [self._program, "verify", "-no-CApath", "-CAfile", str(self._authorities)]
        command += ["-purpose", "smimesign", "-attime", str(int(moment.timestamp()))]
        if has_chain:
            command += ["-untrusted", str(folder / _CHAIN)]
        if revocation:
            command += ["-crl_check_all"]
            command += ["-CRLfile", str(self._revoked)] if self._revoked else []
        try:
            done = subprocess.run(
                [*command, str(folder / _LEAF)],
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError) as error:
            _log.warning("certificates cannot be checked: %s", error)
            return Verdict.UNKNOWN
        return _verdict(done.returncode, done.stdout + "\n" + done.stderr)


def _verdict(code: int, said: str) -> Verdict:
    faults = [(int(number), int(depth)) for number, depth in _FAULT.findall(said)]
    known = [fault for fault in faults if fault[0] in VERDICTS]
    if known:
        number, depth = min(known, key=lambda fault: _GRAVITY.index(fault[0]))
        return VERDICTS[number][depth > 0]
    if not faults and code == 0:
        return Verdict.VALID
    for file, verdict in ((_LEAF, Verdict.UNREADABLE), (_CHAIN, Verdict.BAD_CHAIN)):
        if any(file in row and _UNREADABLE.search(row) for row in said.splitlines()):
            return verdict
    if not faults:
        _log.warning("certificates cannot be checked: %s", " ".join(said.split())[:500])
    return Verdict.UNKNOWN


def _pem(certificate: bytes) -> str:
    text = base64.b64encode(certificate).decode("ascii")
    return "\n".join(
        ["-----BEGIN CERTIFICATE-----", *textwrap.wrap(text, 64), "-----END CERTIFICATE-----", ""]
    )
