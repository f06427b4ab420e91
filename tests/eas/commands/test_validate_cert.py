"""ValidateCert: each certificate with its status."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

import pytest

from app.eas.certificates import Verdict
from app.eas.commands.validate_cert import STATUS
from tests.eas.phone import Phone, Reply, World, tree

ROOT = "ValidateCert:ValidateCert"


class Checker:
    """Says of a certificate what stands in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[bytes, list[bytes], bool]] = []

    def check(
        self, certificate: bytes, chain: Sequence[bytes], moment: datetime, revocation: bool
    ) -> Verdict:
        assert moment == self.world.clock.now()
        self.asked.append((certificate, list(chain), revocation))
        return Verdict[certificate[2:].decode()]


def certificate(verdict: Verdict) -> bytes:
    return b"0\x00" + verdict.name.encode()


def text(verdict: Verdict) -> str:
    return base64.encodebytes(certificate(verdict)).decode()


@pytest.fixture
def checker(world: World) -> Checker:
    world.checker = made = Checker(world)
    world.configure()
    return made


@pytest.fixture
def ready(checker: Checker, phone: Phone) -> Phone:
    return phone.provision()


def ask(ready: Phone, *parts: object) -> Reply:
    return ready.send("ValidateCert", tree(ROOT, *parts))


def statuses(reply: Reply) -> list[str]:
    return [each.text_of("ValidateCert:Status") or "" for each in reply.all("ValidateCert:Certificate")]


@pytest.mark.requirement("MS-ASCMD", 4469, 5387, 5389, 4474, 4497, 5864, 4521, 4727)
def test_each_certificate_has_its_status(checker: Checker, ready: Phone) -> None:
    reply = ask(ready, ("Certificates", *(("Certificate", text(each)) for each in Verdict)))
    assert reply.status == "1"
    assert statuses(reply) == [str(STATUS[each].value) for each in Verdict]
    assert sorted({int(each) for each in statuses(reply)}) == [1, *range(3, 14), 15, 16, 17]


def test_the_chain_and_the_wish_for_revocation_go_along(checker: Checker, ready: Phone) -> None:
    chain = ("CertificateChain", ("Certificate", text(Verdict.UNTRUSTED)))
    opaque = certificate(Verdict.VALID)
    for crl, wanted in ((None, False), (("CheckCRL", "0"), False), (("CheckCRL", "1"), True)):
        assert statuses(ask(ready, chain, ("Certificates", ("Certificate", opaque)), crl)) == ["1"]
        assert checker.asked.pop() == (opaque, [certificate(Verdict.UNTRUSTED)], wanted)


@pytest.mark.requirement("MS-ASCMD", 4500)
def test_what_is_no_base64_cannot_be_read(checker: Checker, ready: Phone) -> None:
    wrong = ("Certificate", "%%%")
    assert statuses(ask(ready, ("Certificates", wrong, ("Certificate",), ("Certificate", "ä")))) == ["10"] * 3
    assert statuses(
        ask(ready, ("CertificateChain", wrong), ("Certificates", ("Certificate", text(Verdict.VALID))))
    ) == ["5"]
    assert checker.asked == []


@pytest.mark.requirement("MS-ASCMD", 4476, 5662)
@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("Certificates",)],
        [("Certificates", ("Certificate", "x")), ("CheckCRL", "2")],
        [("Certificates", *(("Certificate", "x"),) * 101)],
        [("CertificateChain", *(("Certificate", "x"),) * 100), ("Certificates", ("Certificate", "x"))],
    ],
)
def test_a_broken_document_is_status_2(parts: list[object], checker: Checker, ready: Phone) -> None:
    reply = ask(ready, *parts)
    assert reply.status == "2"
    assert statuses(reply) == []


def test_without_a_checker_nothing_is_known(phone: Phone) -> None:
    reply = ask(phone.provision(), ("Certificates", ("Certificate", text(Verdict.VALID))))
    assert statuses(reply) == ["17"]
