"""A real browser in front of the pages: Debian's Chromium, driven by Playwright.

One browser serves all tests of a session; each person has a profile of his own in it. Whatever a page complains of (an
error on the console, a violated policy, a request that would leave this machine) fails the test.

The pages are served on loopback with TLS, as Apache does it: with the headers by which the service knows of it, so that
cookies are those that people get.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PROGRAM = Path("/usr/bin/chromium")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1100, "height": 800}

FLAGS = (
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

SECONDS = 15_000
"""Milliseconds that anything on a page may take."""

CONTRAST = (Path(__file__).with_name("contrast.js")).read_text(encoding="utf-8")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *words: Any) -> None:
        """Say nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 32

    def server_bind(self) -> None:
        """Without asking who this machine is."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no news."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """One for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@contextlib.contextmanager
def served(app: Any, folder: Path, port: int) -> Iterator[str]:
    """The address of a WSGI application behind TLS; it believes that it listens on ``port``."""

    def behind_proxy(environ: dict[str, Any], start_response: Any) -> Any:
        environ.update(
            SERVER_PORT=str(port), HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_FOR=environ["REMOTE_ADDR"]
        )
        return app(environ, start_response)

    server = _Server(("127.0.0.1", 0), _Quiet)
    server.set_app(behind_proxy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Surfer:
    """A person with a browser. ``complaints``: whatever a page should not have caused."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page by its address."""
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, login: str, password: str) -> None:
        """By the users' form."""
        self.open("/usm/")
        self.page.get_by_label("Name or mail address").fill(login)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def enter(self) -> None:
        """Press what has the focus, and wait for the page to which that leads."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def tab_to(self, name: str) -> None:
        """Press Tab until what is called so has the focus."""
        for _ in range(40):
            self.page.keyboard.press("Tab")
            found = self.page.evaluate(FOCUSED)
            if name in found:
                return
        raise AssertionError(f"no way to {name!r} by keyboard")

    def check_access(self) -> None:
        """What people need who cannot see, or hardly."""
        page = self.page
        assert page.evaluate("document.documentElement.lang") in ("en", "de")
        assert page.title().strip(" –")
        assert page.locator("h1").count() == 1, "one heading of the first order"
        assert page.locator("main").count() == 1
        levels = page.eval_on_selector_all("h1,h2,h3,h4", "found => found.map(each => +each.tagName[1])")
        assert all(after <= before + 1 for before, after in zip([1, *levels], levels, strict=False)), levels
        assert page.evaluate(NAMELESS) == [], "everything that can be used has a name"
        assert page.evaluate(TWICE) == [], "no id comes twice"
        assert page.evaluate(CONTRAST) == [], "everything can be read"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            "nothing sticks out"
        )


FOCUSED = """() => { const it = document.activeElement;
  return [it.textContent, it.value, it.getAttribute('aria-label'), ...[...(it.labels || [])].map(l => l.textContent)]
    .filter(Boolean).map(t => t.trim()).join('|'); }"""

NAMELESS = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea')]
  .filter(it => !((it.textContent || '').trim() || it.getAttribute('aria-label') || (it.labels || []).length))
  .map(it => it.outerHTML.slice(0, 120))"""

TWICE = """() => { const ids = [...document.querySelectorAll('[id]')].map(it => it.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at); }"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One for all tests."""
    if not PROGRAM.exists():
        assert os.geteuid() != 0, f"{PROGRAM} is missing: python -m lab prepare installs it"
        pytest.skip("chromium is not installed")
    expect.set_options(timeout=SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(PROGRAM), args=list(FLAGS), headless=True)
        yield browser
        browser.close()


@contextlib.contextmanager
def surfing(browser: Browser, url: str, **options: Any) -> Iterator[Surfer]:
    """Somebody with a profile of his own; fails for whatever a page complained of. ``options``: of the profile."""
    given = {"viewport": PHONE, "locale": "en-GB", "ignore_https_errors": True, **options}
    context = browser.new_context(**given)
    context.set_default_timeout(SECONDS)
    surfer = Surfer(context, context.new_page(), url)
    note = surfer.complaints.append

    def asked(request: Any) -> None:
        if urlsplit(request.url).hostname not in ("localhost", "127.0.0.1"):
            note(f"request to {request.url}")

    context.on("request", asked)
    surfer.page.on("pageerror", lambda error: note(f"error: {error}"))
    surfer.page.on(
        "console",
        lambda told: note(f"{told.type}: {told.text}") if told.type in ("error", "warning") else None,
    )
    try:
        yield surfer
    finally:
        context.close()
    assert surfer.complaints == []
