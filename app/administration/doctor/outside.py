"""The way of a phone: the web server's paths, its certificate, and how long it lets a request wait."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from app.administration.doctor import waiting
from app.administration.doctor.case import STEP, Case
from app.administration.findings import Finding, not_asked, ok, warning, wrong
from app.administration.settings_check import MARGIN
from app.web.auth import REALM

AUTODISCOVER: Final = "/autodiscover/autodiscover.xml"
CLOSED: Final = ("/usm/health", "/usm/metrics", "/usm/tables", "/usm/admin/")
"""What nobody outside may have."""

FEW_DAYS: Final = 21
"""Days before its end at which a certificate should have been renewed."""

LARGEST: Final = 8 * 2**20
"""Bytes of an answer that are read."""

APACHE_TIMEOUT: Final = 60
"""Seconds that Apache waits where nothing says otherwise."""

_ASK: Final = "--url https://HOST asks as a phone does"
_ADVICE: Final = {
    403: "the web server refuses: see the rules of its virtual host, and whether it says X-Forwarded-Proto https",
    404: "the web server does not forward it: see ProxyPass, and which virtual host answers",
    502: "the web server reaches no application node",
    503: "no application node serves: see service, and the balancer",
    504: "the application node does not answer the web server in time",
}


@dataclass(frozen=True, slots=True)
class Site:
    """The place that phones ask."""

    host: str
    port: int
    path: str
    is_tls: bool
    authorities: Path | None
    authorization: str = field(default="", repr=False)

    @property
    def is_private(self) -> bool:
        """Whether a password may be sent there: nobody on the way reads it."""
        return self.is_tls or self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def name(self) -> str:
        """As people write it."""
        usual = 443 if self.is_tls else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"

    def ask(self, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and beginning of an answer without a login; redirects are not followed, and certificates not
        looked at: they have a line of their own. Raises ``OSError``, ``HTTPException``."""
        return self._send(method, path, b"", {}, STEP, is_trusting=True)

    def log_in(self, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """The same with the password, which goes only where the certificate is trusted."""
        return self._send(method, path, b"", self._authorized(), STEP)

    def post(self, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
        """Status and body of the answer to a command, waited for as long as that. Raises as :meth:`ask`."""
        sent = {**headers, **self._authorized()}
        status, _, answer = self._send("POST", path, body, sent, max(seconds, STEP))
        return status, answer

    def _authorized(self) -> dict[str, str]:
        return {"Authorization": self.authorization}

    def _send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        is_trusting: bool = False,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection: http.client.HTTPConnection
        if self.is_tls:
            context = self.trust(is_trusting)
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            connection.request(method, path, body or None, {"Connection": "close", **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read(LARGEST)
        finally:
            connection.close()

    def trust(self, is_blind: bool = False) -> ssl.SSLContext:
        """Whom phones trust: the authorities of the system, or those of the file; or, blindly, anybody."""
        context = ssl.create_default_context(cafile=str(self.authorities) if self.authorities else None)
        if is_blind:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def site(case: Case) -> Site | None:
    """What ``--url`` or Autodiscover's address names; ``None`` for nothing."""
    url = case.url or (case.settings.autodiscover_url if case.settings else "")
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"https://{url}")
    alias = case.settings.alias if case.settings else f"/{REALM}"
    is_tls = parts.scheme != "http"
    authorization = ""
    if case.credentials is not None:
        word = f"{case.credentials.login}:{case.credentials.password}".encode()
        authorization = f"Basic {base64.b64encode(word).decode()}"
    path = parts.path if len(parts.path) > 1 else alias
    return Site(
        parts.hostname or "",
        parts.port or (443 if is_tls else 80),
        path,
        is_tls,
        case.authorities,
        authorization,
    )


def paths(case: Case) -> Iterator[Finding]:
    """What the web server forwards, and what it must not."""
    there = site(case)
    if there is None:
        yield not_asked("outside", "nobody said under which address phones come", _ASK)
        return
    try:
        answer = there.ask("OPTIONS", there.path)
    except (OSError, http.client.HTTPException) as error:
        yield wrong(
            "outside",
            f"{there.name} does not answer: {_words(error)}",
            "name, firewall, web server",
        )
        return
    yield _challenge(there, *answer[:2])
    if there.authorization:
        yield _welcome(there)
    yield _autodiscover(there)
    yield _closed(there)
    if not there.is_tls:
        yield wrong(
            "tls", "without TLS everybody on the way reads the passwords", "use https, and a certificate"
        )


def _challenge(there: Site, status: int, headers: http.client.HTTPMessage) -> Finding:
    told = headers.get("WWW-Authenticate", "")
    if status == 401 and REALM in told:
        return ok("outside", f"{there.name}{there.path} asks for the password (401, realm {REALM})")
    if status == 401:
        return wrong(
            "outside",
            f"{there.name}{there.path} asks for another password ({told or 'no realm'})",
            "something in front of the application has a login of its own",
        )
    if status in (301, 302, 307, 308):
        target = urlsplit(headers.get("Location", ""))
        return wrong(
            "outside",
            f"{there.name}{there.path} leads elsewhere ({status} to {target.scheme}://{target.netloc}{target.path})",
            "most phones do not follow: forward the path itself",
        )
    return wrong(
        "outside", f"{there.name}{there.path} answers with {status}, wanted is 401", _ADVICE.get(status, "")
    )


def _welcome(there: Site) -> Finding:
    if not there.is_private:
        return not_asked("phone's login", "the password is not sent without TLS")
    try:
        status, headers, _ = there.log_in("OPTIONS", there.path)
    except (OSError, http.client.HTTPException) as error:
        return wrong(
            "phone's login", _words(error), "the password goes only to a certificate that is trusted: --ca"
        )
    versions = headers.get("MS-ASProtocolVersions", "")
    if status == 200 and versions:
        return ok("phone's login", f"is let in, ActiveSync {versions}")
    return wrong("phone's login", f"answers with {status}", "the log of the service says why")


def _autodiscover(there: Site) -> Finding:
    try:
        status, headers, _ = there.ask("GET", AUTODISCOVER)
    except (OSError, http.client.HTTPException) as error:
        return warning("autodiscover", _words(error))
    if status == 401 and REALM in headers.get("WWW-Authenticate", ""):
        return ok("autodiscover", f"{there.name}{AUTODISCOVER} asks for the password")
    return warning(
        "autodiscover",
        f"{there.name}{AUTODISCOVER} answers with {status}, wanted is 401",
        "phones that know no more than an address do not find the server",
    )


def _closed(there: Site) -> Finding:
    open_ones = []
    for path in CLOSED:
        with suppress(OSError, http.client.HTTPException):
            status, _, body = there.ask("GET", path)
            ours = b"usm_" in body or b'"live"' in body or b'"schemas"' in body or b"usm/admin" in body
            if status < 400 and ours:
                open_ones.append(path)
    if open_ones:
        return wrong(
            "administration",
            f"{', '.join(open_ones)} can be had from outside",
            "the web server must not forward these: see the Apache configuration of the deployment",
        )
    return ok("administration", "health, metrics and administrators' pages cannot be had from outside")


# --- the certificate


def certificate(case: Case) -> Iterator[Finding]:
    """Whether phones trust it, for which names, and how long."""
    there = site(case)
    if there is None or not there.is_tls:
        yield not_asked("certificate", "no https address is known", _ASK)
        return
    problem = ""
    try:
        raw = _presented(there, there.trust())
    except ssl.SSLCertVerificationError as error:
        problem = error.verify_message
        try:
            raw = _presented(there, there.trust(is_blind=True))
        except OSError as failure:
            yield wrong("certificate", _words(failure))
            return
    except OSError as error:
        yield wrong("certificate", _words(error))
        return
    yield from _judged(there, x509.load_der_x509_certificate(raw), problem)


def _presented(there: Site, context: ssl.SSLContext) -> bytes:
    """What the server shows. Raises ``SSLCertVerificationError``, ``OSError``."""
    with (
        socket.create_connection((there.host, there.port), STEP) as plain,
        context.wrap_socket(plain, server_hostname=there.host) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def _judged(there: Site, found: x509.Certificate, problem: str) -> Iterator[Finding]:
    names = _names(found)
    if problem:
        advice = "a server must send the certificates between its own and the authority's (tls_chain)"
        yield wrong(
            "certificate",
            f"phones do not trust it: {problem}",
            advice if "issuer" in problem else "a certificate of a known authority for this name",
        )
    else:
        yield ok("certificate", f"trusted, from {_common(found.issuer)}, for {', '.join(names)}")
    days = (found.not_valid_after_utc - datetime.now(UTC)).days
    text = f"valid for {days} days more, until {found.not_valid_after_utc:%Y-%m-%d}"
    if days < 0:
        yield wrong("certificate's end", f"expired {-days} days ago", "renew it")
    elif days < FEW_DAYS:
        yield warning("certificate's end", text, "why was it not renewed?")
    else:
        yield ok("certificate's end", text)
    domain = there.host.partition(".")[2]
    if domain and not any(name in (f"autodiscover.{domain}", f"*.{domain}") for name in names):
        yield warning(
            "certificate's names",
            f"autodiscover.{domain} is not among them",
            "phones that know no more than an address ask there first, unless the DNS has an SRV record",
        )


def _names(found: x509.Certificate) -> list[str]:
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return [_common(found.subject)]
    assert isinstance(extension, x509.SubjectAlternativeName)  # noqa: S101  # nosec B101 # the type of that extension
    return [str(name).lower() for name in extension.get_values_for_type(x509.DNSName)]


def _common(name: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(kind):
            return str(found[0].value)
    return name.rfc4514_string()


# --- how long a request may wait


def heartbeat(case: Case) -> Iterator[Finding]:
    """Whether the web server waits longer than phones do."""
    if case.settings is None:
        yield not_asked("heartbeat", "without settings nobody knows how long phones wait")
        return
    longest = case.settings.max_heartbeat
    found = _apache(case.roots, case.settings.alias)
    if found is not None:
        seconds, place = found
        text = f"Apache waits {seconds} s ({place}), phones up to {longest} s"
        if seconds < longest + MARGIN:
            advice = f"set max_heartbeat to {max(seconds - MARGIN, 1)} or less, or proxy_timeout higher"
            yield wrong("heartbeat", text, advice)
        else:
            yield ok("heartbeat", text)
    if case.probe_heartbeat:
        there = site(case)
        if there is None or case.credentials is None:
            yield not_asked("heartbeat", "a probe needs --url and --user", _ASK)
        elif not there.is_private:
            yield not_asked("heartbeat", "the password of a probe is not sent without TLS")
        else:
            yield waiting.probe(there, case.credentials, case.probe_heartbeat)
    elif found is None:
        yield not_asked(
            "heartbeat",
            f"no Apache of this host forwards to the service, and phones wait up to {longest} s",
            f"--probe-heartbeat {longest} waits as a phone does (with --url and --user)",
        )


def _apache(roots: tuple[Path, ...], alias: str) -> tuple[int, str] | None:
    """How long Apache's configuration lets our path wait, and which line says so; ``None`` where there is none."""
    lines = list(_lines(roots))
    forwards = [
        line for line in lines if re.match(r"(ProxyPass|ProxyPassMatch|RewriteRule)\b", line.text, re.I)
    ]
    ours = [line for line in forwards if alias in line.text]
    if not ours:
        return None
    names = {match for line in ours for match in re.findall(r"balancer://([^/\"\s]+)", line.text)}
    members = [
        line for line in lines if line.block in names and re.match(r"BalancerMember\b", line.text, re.I)
    ]
    waits = [(line, _option(line.text)) for line in members or ours]
    told = [(seconds, line.place) for line, seconds in waits if seconds is not None]
    if len(told) < len(waits):
        told.append(_general(lines))
    return min(told)


@dataclass(frozen=True, slots=True)
class _Line:
    """``block``: the balancer within whose ``<Proxy>`` it stands."""

    text: str
    place: str
    block: str


def _lines(roots: tuple[Path, ...]) -> Iterator[_Line]:
    for root in roots:
        for path in sorted(root.rglob("*.conf")):
            if "-available" in str(path.parent):
                continue
            block = ""
            with suppress(OSError):
                for number, raw in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
                    text = raw.strip()
                    if match := re.match(r"<Proxy\s+\"?balancer://([^/\">\s]+)", text, re.I):
                        block = match[1]
                    elif text.lower().startswith("</proxy>"):
                        block = ""
                    elif text and not text.startswith("#"):
                        yield _Line(text, f"{path}:{number}", block)


def _option(text: str) -> int | None:
    match = re.search(r"\btimeout=(\d+)\b", text, re.I)
    return int(match[1]) if match else None


def _general(lines: list[_Line]) -> tuple[int, str]:
    for name in ("ProxyTimeout", "Timeout"):
        for line in lines:
            if match := re.match(rf"{name}\s+(\d+)$", line.text, re.I):
                return int(match[1]), line.place
    return APACHE_TIMEOUT, "Apache's default"


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
