"""Certificates of signed mail: real chains, made here, checked by OpenSSL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.eas.certificates import Verdict
from app.trust import VERDICTS, OpenSsl, _verdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
MAIL, WEB = ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def make(
    name: str,
    by: Made | None = None,
    authority: bool = False,
    usage: x509.ObjectIdentifier | None = MAIL,
    begins: datetime = NOW - YEAR,
    ends: datetime = NOW + YEAR,
    path: int | None = None,
    permitted: str = "",
) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path), critical=True)
    )
    if permitted:
        names = [x509.RFC822Name(permitted)]
        builder = builder.add_extension(x509.NameConstraints(names, None), critical=True)
    if not authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name("anton@example.org")]), critical=False
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    signer = by.key if by else key
    return Made(name, key, builder.sign(signer, hashes.SHA256()))


def revocations(by: Made, *revoked: Made, ends: datetime = NOW + YEAR) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(NOW - YEAR)
        .next_update(ends)
    )
    for each in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(each.certificate.serial_number)
            .revocation_date(NOW - timedelta(days=9))
            .build()
        )
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@cache
def root() -> Made:
    return make("Root", authority=True)


@cache
def between() -> Made:
    return make("Between", root(), authority=True)


@cache
def anton() -> Made:
    return make("Anton", between())


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    file = tmp_path / "authorities.pem"
    file.write_bytes(root().pem)
    return file


@pytest.fixture
def checker(authorities: Path) -> OpenSsl:
    return OpenSsl(authorities)


def check(checker: OpenSsl, made: Made, *chain: Made, revocation: bool = False) -> Verdict:
    return checker.check(made.der, [each.der for each in chain], NOW, revocation)


@pytest.mark.requirement("MS-ASCMD", 686, 687)
def test_a_chain_to_a_trusted_authority_is_valid(checker: OpenSsl) -> None:
    assert check(checker, anton(), between()) is Verdict.VALID
    assert check(checker, anton(), make("Other", root()), between(), root()) is Verdict.VALID
    assert check(checker, make("Direct", root())) is Verdict.VALID
    assert check(checker, make("Plain", root(), usage=None)) is Verdict.VALID


@pytest.mark.requirement("MS-ASCMD", 4482, 688)
def test_a_chain_that_ends_elsewhere_is_not_trusted(checker: OpenSsl) -> None:
    other = make("Other", authority=True)
    assert check(checker, make("Anton", other), other) is Verdict.UNTRUSTED
    assert check(checker, anton()) is Verdict.UNTRUSTED
    assert check(checker, make("Self")) is Verdict.UNTRUSTED


@pytest.mark.requirement("MS-ASCMD", 4479)
def test_a_signature_of_somebody_else_is_bad(checker: OpenSsl) -> None:
    liar = make("Between", authority=True)
    assert check(checker, make("Anton", liar), between()) is Verdict.BAD_SIGNATURE


@pytest.mark.requirement("MS-ASCMD", 4491, 4494)
def test_what_is_out_of_date_is_not_valid(checker: OpenSsl) -> None:
    assert check(checker, make("Old", root(), ends=NOW - timedelta(days=1))) is Verdict.EXPIRED
    assert check(checker, make("New", root(), begins=NOW + timedelta(days=1))) is Verdict.EXPIRED
    former = make("Former", root(), authority=True, ends=NOW - timedelta(days=1))
    assert check(checker, make("Anton", former), former) is Verdict.CHAIN_EXPIRED


@pytest.mark.requirement("MS-ASCMD", 4488)
def test_a_certificate_of_a_web_server_is_not_for_mail(checker: OpenSsl) -> None:
    assert check(checker, make("Web", root(), usage=WEB)) is Verdict.NOT_FOR_MAIL


@pytest.mark.requirement("MS-ASCMD", 4504)
def test_who_is_no_authority_vouches_for_nobody(checker: OpenSsl) -> None:
    berta = make("Berta", root())
    assert check(checker, make("Anton", berta), berta) is Verdict.NO_AUTHORITY


def test_a_chain_longer_than_its_authority_allows_is_wrong(checker: OpenSsl) -> None:
    short = make("Short", root(), authority=True, path=0)
    more = make("More", short, authority=True)
    assert check(checker, make("Anton", more), more, short) is Verdict.BAD_CHAIN


@pytest.mark.requirement("MS-ASCMD", 4506)
def test_an_authority_vouches_for_its_own_names(checker: OpenSsl) -> None:
    bound = make("Bound", root(), authority=True, permitted="example.net")
    assert check(checker, make("Anton", bound), bound) is Verdict.WRONG_NAME


@pytest.mark.requirement("MS-ASCMD", 4509, 4515, 893, 895, 688)
def test_what_is_revoked_is_not_valid(authorities: Path, tmp_path: Path) -> None:
    file = tmp_path / "revoked.pem"
    checker = OpenSsl(authorities, file)
    file.write_bytes(revocations(root()) + revocations(between(), anton()))
    assert check(checker, anton(), between()) is Verdict.REVOKED
    file.write_bytes(revocations(root(), between()) + revocations(between()))
    assert check(checker, anton(), between()) is Verdict.CHAIN_REVOKED
    file.write_bytes(revocations(root()) + revocations(between()))
    assert check(checker, anton(), between(), revocation=True) is Verdict.VALID
    file.write_bytes(revocations(root(), ends=NOW - timedelta(days=1)) + revocations(between()))
    assert check(checker, anton(), between(), revocation=True) is Verdict.REVOCATION_UNKNOWN
    assert check(checker, anton(), between()) is Verdict.VALID


@pytest.mark.requirement("MS-ASCMD", 893)
def test_without_a_list_nobody_can_tell_what_is_revoked(checker: OpenSsl) -> None:
    assert check(checker, anton(), between(), revocation=True) is Verdict.REVOCATION_UNKNOWN


@pytest.mark.requirement("MS-ASCMD", 4485, 4500)
def test_what_is_no_certificate_cannot_be_read(checker: OpenSsl) -> None:
    assert checker.check(b"0\x03\x02\x01\x05", [], NOW, False) is Verdict.UNREADABLE
    assert checker.check(anton().der, [b"0\x03\x02\x01\x05"], NOW, False) is Verdict.BAD_CHAIN


def test_a_fault_without_a_status_of_its_own_is_unknown() -> None:
    assert _verdict(2, "error 99 at 0 depth lookup: something new\n") is Verdict.UNKNOWN
    assert _verdict(2, "error 10 at 0 depth lookup: x\nerror 20 at 0 depth lookup: y") is Verdict.UNTRUSTED
    assert all(len(each) == 2 for each in VERDICTS.values())


def test_without_openssl_nothing_is_known(authorities: Path, tmp_path: Path) -> None:
    assert check(OpenSsl(authorities, program="/nonexistent/openssl"), anton()) is Verdict.UNKNOWN
    assert check(OpenSsl(tmp_path / "missing.pem"), anton()) is Verdict.UNKNOWN


def test_the_systems_authorities_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(OpenSsl(), anton(), between()) is Verdict.UNTRUSTED
    monkeypatch.setattr("app.trust.SYSTEM", ())
    assert check(OpenSsl(), anton(), between()) is Verdict.UNTRUSTED
