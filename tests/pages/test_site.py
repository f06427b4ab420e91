"""What holds for all pages: headers, cookies, forms, files, errors, languages."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import falcon
import pytest
from falcon import testing

from app.pages import guard, site
from app.pages.browser import Token
from app.pages.frame import Frame
from app.pages.guard import OpenPage, Page
from app.usm.errors import SourceUnavailable

HOST = "usm.example.org"
TLS = {"X-Forwarded-Proto": "https", "Host": HOST}


class Probe(OpenPage):
    """Shows a nasty text, and notes what is sent."""

    def __init__(self, shown: site.Site) -> None:
        self._site = shown
        self.sent: list[str] = []

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._site.show(
            request, response, "error.html", title="Something went wrong", text="<script>", number=""
        )

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        self.sent.append(request.context.form.text("word"))
        self._site.go(response, "probe")


class Closed(Page):
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.text = "done"


class Broken:
    def on_get(self, request: falcon.Request, response: falcon.Response, how: str) -> None:
        raise SourceUnavailable("OX", 17) if how == "away" else RuntimeError("secret inside")


@pytest.fixture(scope="module")
def probe() -> tuple[testing.TestClient, Probe]:
    shown = site.Site(Frame("/usm"))
    app = site.create(shown, "usm")
    page = Probe(shown)
    app.add_route("/usm/probe", page)
    app.add_route("/usm/closed", Closed())
    app.add_route("/usm/broken/{how}", Broken())
    return testing.TestClient(app), page


def proof_in(result: testing.Result) -> str:
    match = re.search(r'name="proof" value="([^"]*)"', result.text)
    assert match is not None
    return match[1]


def visited(client: testing.TestClient, **headers: str) -> tuple[str, str]:
    """The cookie and the proof that a visitor gets."""
    result = client.simulate_get("/usm/probe", headers={**TLS, **headers})
    (cookie,) = [each for name, each in result.cookies.items() if name.endswith("-form")]
    return f"{cookie.name}={cookie.value}", proof_in(result)


def post(client: testing.TestClient, body: str, **headers: str) -> testing.Result:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": guard.FORM}
    return client.simulate_post("/usm/probe", body=body, headers={**TLS, **kind, **named})


def test_every_answer_is_kept_nowhere_framed_nowhere_and_loads_nothing_from_elsewhere(probe: Any) -> None:
    client, _ = probe
    paths = ("/usm/probe", "/usm/nothing", "/usm/broken/away", "/usm/broken/really", "/elsewhere")
    for result in [client.simulate_get(path, headers=TLS) for path in paths]:
        assert result.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "frame-ancestors 'none'" in result.headers["content-security-policy"]
        assert "unsafe" not in result.headers["content-security-policy"]
        assert result.headers["x-content-type-options"] == "nosniff"
        assert result.headers["referrer-policy"] == "same-origin"
        assert result.headers["cache-control"] == "no-store"
        assert result.headers["x-frame-options"] == "DENY"
        assert result.headers["content-type"] == "text/html; charset=utf-8"
        assert "style=" not in result.text
        assert "<script" not in result.text


def test_cookies_are_for_this_host_and_no_script(probe: Any) -> None:
    client, _ = probe
    cookie = client.simulate_get("/usm/probe", headers=TLS).cookies["__Host-usm-form"]
    assert (cookie.secure, cookie.http_only, cookie.same_site, cookie.path) == (True, True, "Strict", "/")
    assert cookie.domain is None
    plain = client.simulate_get("/usm/probe").cookies["usm-form"]
    assert (plain.secure, plain.http_only, plain.same_site, plain.path) == (False, True, "Strict", "/usm")


def test_a_form_of_ours_is_taken(probe: Any) -> None:
    client, page = probe
    cookie, proof = visited(client)
    result = post(
        client,
        f"proof={proof}&word=%C3%BC",
        Cookie=cookie,
        Origin=f"https://{HOST}",
        Sec_Fetch_Site="same-origin",
    )
    assert (result.status_code, result.headers["location"]) == (303, "/usm/probe")
    assert page.sent.pop() == "ü"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("proof={proof}&word=x", {"Cookie": ""}, 403),
        ("word=x", {}, 403),
        ("proof=&word=x", {}, 403),
        ("proof=AAAA&word=x", {}, 403),
        ("proof={other}&word=x", {}, 403),
        ("proof={proof}&word=x", {"Origin": "https://evil.example"}, 403),
        ("proof={proof}&word=x", {"Origin": "null"}, 403),
        ("proof={proof}&word=x", {"Origin": "https://[::1"}, 403),
        ("proof={proof}&word=x", {"Origin": f"https://{HOST}.evil.example"}, 403),
        ("proof={proof}&word=x", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("proof={proof}&word=x", {"Sec-Fetch-Site": "same-site"}, 403),
        ("proof={proof}&word=x", {"Sec-Fetch-Site": "none"}, 403),
        ("proof={proof}&word=x", {"Content-Type": "text/plain"}, 415),
        ("proof={proof}&word=x", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ("proof={proof}&word=x", {"Content-Type": ""}, 415),
        ("proof={proof}&proof={proof}&word=x", {}, 400),
        ("proof={proof}&word=x&word=y", {}, 400),
        ("proof={proof}&word=%ff%fe", {}, 400),
        ("proof={proof}&word=%00", {}, 400),
        ("proof={proof}&word=" + "x" * 257, {}, 400),
        ("proof={proof}&" + "a=b&" * 6000, {}, 400),
        ("proof={proof}&word=" + "x" * 300_000, {}, 413),
        ("ü", {}, 400),
    ],
)
def test_a_form_that_is_not_ours_changes_nothing(
    probe: Any, body: str, headers: dict[str, str], status: int
) -> None:
    client, page = probe
    cookie, proof = visited(client)
    filled = body.replace("{proof}", proof).replace("{other}", Token.drawn().proof)
    given = {**TLS, "Content-Type": guard.FORM, "Cookie": cookie, **headers}
    result = client.simulate_post("/usm/probe", body=filled, headers=given)
    assert result.status_code == status
    assert page.sent == []
    assert "<h1>" in result.text


def test_a_cookie_that_comes_twice_or_is_not_of_our_making_counts_for_nothing(probe: Any) -> None:
    client, page = probe
    cookie, proof = visited(client)
    for wrong in (f"{cookie}; {cookie}", f"{cookie}x", "__Host-usm-form=", cookie.removeprefix("__Host-")):
        assert post(client, f"proof={proof}&word=x", Cookie=wrong).status_code == 403
    assert page.sent == []


def test_the_proof_of_a_visitor_opens_no_page_of_somebody_signed_in(probe: Any) -> None:
    client, _ = probe
    cookie, proof = visited(client)
    given = {**TLS, "Content-Type": guard.FORM}
    asked = {"path": "/usm/closed", "body": f"proof={proof}"}
    assert client.simulate_post(**asked, headers={**given, "Cookie": cookie}).status_code == 403
    token = Token.drawn(1)
    both = f"{cookie}; __Host-usm-session={token}"
    assert client.simulate_post(**asked, headers={**given, "Cookie": both}).status_code == 403
    asked["body"] = f"proof={token.proof}"
    assert client.simulate_post(**asked, headers={**given, "Cookie": both}).text == "done"


def test_other_methods_do_nothing(probe: Any) -> None:
    client, page = probe
    cookie, proof = visited(client)
    given = {**TLS, "Content-Type": guard.FORM, "Cookie": cookie}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        result = client.simulate_request(method, "/usm/probe", body=f"proof={proof}&word=x", headers=given)
        assert result.status_code == 405
    stylesheet = Frame("/usm").asset("pages.css")
    assert client.simulate_post(stylesheet, body=f"proof={proof}", headers=given).status_code == 405
    assert client.simulate_get("/usm/closed", headers=TLS).status_code == 405
    assert page.sent == []


def test_a_text_is_shown_and_never_run(probe: Any) -> None:
    assert "&lt;script&gt;" in probe[0].simulate_get("/usm/probe", headers=TLS).text


def test_files_are_kept_for_good_under_a_name_that_changes_with_them(probe: Any) -> None:
    client, _ = probe
    page = client.simulate_get("/usm/probe", headers=TLS).text
    (address,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)
    assert re.fullmatch(r"/usm/static/pages-[0-9a-f]{12}\.css", address)
    result = client.simulate_get(address, headers=TLS)
    assert result.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert result.headers["content-type"] == "text/css; charset=utf-8"
    assert result.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in result.headers
    for wrong in ("pages.css", "..%2f__init__.py", "%2e%2e/__init__.py", "pages-000000000000.css"):
        assert client.simulate_get(f"/usm/static/{wrong}", headers=TLS).status_code == 404


def test_errors_are_pages_that_tell_nothing_of_the_inside(probe: Any) -> None:
    client, _ = probe
    away = client.simulate_get("/usm/broken/away", headers=TLS)
    assert (away.status_code, away.headers["retry-after"]) == (503, "17")
    broken = client.simulate_get("/usm/broken/really", headers=TLS)
    assert broken.status_code == 500
    assert "secret inside" not in broken.text
    assert "RuntimeError" not in broken.text
    missing = client.simulate_get("/usm/nothing", headers={**TLS, "Accept-Language": "de"})
    assert missing.status_code == 404
    assert "Diese Seite gibt es nicht" in missing.text


def test_the_language_is_kept_and_one_goes_back_to_where_it_was_chosen(probe: Any) -> None:
    client, _ = probe
    cookie, proof = visited(client)

    def choose(back: str) -> testing.Result:
        given = {**TLS, "Content-Type": guard.FORM, "Cookie": cookie}
        body = f"proof={proof}&language=de&back={back}"
        return client.simulate_post("/usm/language", body=body, headers=given)

    chosen = choose("/usm/probe")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/usm/probe")
    spoken = chosen.cookies["__Host-usm-language"]
    assert (spoken.value, spoken.http_only, spoken.same_site) == ("de", True, "Strict")
    page = client.simulate_get("/usm/probe", headers={**TLS, "Cookie": f"{spoken.name}=de"})
    assert '<html lang="de">' in page.text
    assert page.headers["content-language"] == "de"
    for elsewhere in (
        "https://evil.example/usm/",
        "//evil.example/usm/",
        "/usm//evil.example",
        "/usm/../evil",
        "/usm\\evil",
        "/usm/%0d%0aSet-Cookie:%20x=y",
        "javascript:alert(1)",
        "/other",
        "",
    ):
        location = choose(elsewhere).headers["location"]
        assert location == "/usm/"


class Slow(OpenPage):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self.go_on.wait(20)
        response.text = "done"


def test_who_asks_for_too_much_waits_for_himself_and_is_refused_in_the_end() -> None:
    app, page = site.create(site.Site(Frame("/usm")), "usm"), Slow()
    app.add_route("/usm/slow", page)
    client = testing.TestClient(app)

    def ask(address: str) -> int:
        return client.simulate_get("/usm/slow", headers={**TLS, "X-Forwarded-For": address}).status_code

    most = guard.LIMITS.own_at_once + guard.LIMITS.own_waiting
    with ThreadPoolExecutor(most + 1) as pool:
        asked = [pool.submit(ask, "192.0.2.1") for _ in range(most)]
        while sum(each.running() for each in asked) < most:
            time.sleep(0.01)
        time.sleep(0.1)
        assert ask("192.0.2.1") == 503
        other = pool.submit(ask, "192.0.2.2")
        page.go_on.set()
        assert other.result() == 200
        assert [each.result() for each in asked].count(200) >= most - 1
    assert ask("192.0.2.1") == 200
