"""What Apache is given, from settings and inventory alone, and when. Nothing is run."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from app.web.resource import ROUTE
from tasks import apache, certificate, proxy, report, run
from tasks.certificate import Certificate
from tasks.nodes import Node, NodeState
from tasks.proxy import Found
from tests.deploy.fakes import Data, FakeHost, commands, defaults, on

HOME = "/etc/apache2/open-xchange-usm"
SETTINGS: Data = defaults()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "notes", [])


def nodes(*addresses: str) -> list[FakeHost]:
    return [
        FakeHost(f"ox{number}", ["ox"], defaults(address=address))
        for number, address in enumerate(addresses or ("192.0.2.21", "2001:db8::2"), start=1)
    ]


def configured(*addresses: str, **changed: Any) -> str:
    """What a web server is given that forwards to nodes at these addresses."""
    members = nodes(*addresses)
    for each in members:
        each.data.update(changed)
    web = FakeHost("web1", ["web"], defaults(**changed))
    with on(web, [web, *members]):
        return proxy.files(HOME)["conf"].decode()


def test_the_balancer_has_every_node_and_waits_longer_than_a_phone() -> None:
    text = configured()
    members = re.findall(r'BalancerMember "(\S+)" .*timeout=(\d+)', text)
    assert [member for member, _ in members] == ["http://192.0.2.21:8010", "http://[2001:db8::2]:8010"]
    assert all(int(timeout) > SETTINGS.max_heartbeat for _, timeout in members)
    assert (
        'ProxyPass "/Microsoft-Server-ActiveSync" "balancer://usm_cluster/Microsoft-Server-ActiveSync"'
        in text
    )


@pytest.mark.parametrize(
    ("names", "changed", "sticks"),
    [
        (("", ""), {}, False),
        (("ox1", "ox2"), {}, True),
        (("", "ox2"), {}, True),
        (("a", "b"), {}, False),
        (("ox1", "ox2"), {"proxy_scheme": "ajp"}, False),
    ],
)
def test_phones_stay_on_their_node_where_its_cookie_names_it(
    names: tuple[str, str], changed: dict[str, Any], sticks: bool
) -> None:
    members = nodes()
    for each, name in zip(members, names, strict=True):
        each.data.update(balancer_node=name, **changed)
    web = FakeHost("web1", ["web"], defaults(**changed))
    with on(web, [web, *members]):
        text = proxy.files(HOME)["conf"].decode()
    assert (f"ProxySet stickysession={ROUTE}\n" in text) is sticks
    assert re.findall(r" route=(\S+) ", text) == ["ox1", "ox2"]


ADMINISTRATORS = (
    "/usm/admin",
    "/usm/admin/",
    "/usm/Admin/x",
    "/usm/health",
    "/usm/health/live",
    "/usm/metrics",
)


def lines_of(text: str) -> list[tuple[str, str, str]]:
    """Directive, path or pattern, and target of each line that forwards or forbids to, in their order."""
    return re.findall(r'(?m)^(ProxyPass(?:Match)?) "(.+)" "(.+)"$', text)


def target(text: str, path: str) -> str:
    """Where Apache forwards a path to: by the first line that fits, as it does."""
    for directive, fitting, to in lines_of(text):
        if directive == "ProxyPassMatch":
            fits = re.search(fitting, path) is not None
        else:
            fits = path == fitting or path.startswith(fitting.rstrip("/") + "/")
        if fits:
            return to
    return "nowhere"


@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("path", [*ADMINISTRATORS, "/usm/admin;x", "/usm/tables", "/usm/metrics.json"])
def test_what_is_for_administrators_is_never_forwarded(path: str, pages: bool) -> None:
    assert target(configured(pages=pages), path) == "!"


@pytest.mark.parametrize("path", ["/usm", "/usm/", "/usm/devices", "/usm/static/a.css", "/usm/administer"])
def test_the_users_pages_are_forwarded_where_they_are_wanted(path: str) -> None:
    assert target(configured(), path) == "balancer://usm_cluster/usm"
    assert target(configured(pages=False), path) == "!"
    assert "balancer" not in target(configured(proxy_scheme="ajp"), path)
    assert target(configured(), "/usm-json") == "nowhere"


def test_a_request_has_its_time_and_no_more() -> None:
    """How large it may be is the application's to say: LimitRequestBody counts for nothing that is forwarded."""
    assert "RequestReadTimeout header=20-40,MinRate=500 body=60-3600,MinRate=100" in configured()
    assert {"reqtimeout", "unique_id"} <= set(proxy.ALWAYS)


def test_apache_says_itself_how_it_was_asked_unless_somebody_before_it_knows_better() -> None:
    line = 'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"'
    assert line in configured()
    assert line not in configured(tls_before_apache=True)


def test_a_node_that_was_taken_out_stays_out_whatever_else_is_written() -> None:
    """Apache reads the marks after the default and before the members."""
    text = configured()
    default = text.index("Define usm_status_ox1 -D")
    marks = text.index(f'IncludeOptional "{HOME}/drained/*.conf"')
    assert default < marks < text.index("status=${usm_status_ox1}")


def test_the_vendors_bundles_on_the_web_server_itself_get_the_guides_own_line() -> None:
    host = FakeHost("a", ["web", "ox"], defaults(proxy_scheme="ajp"))
    with on(host):
        text = proxy.files(HOME)["conf"].decode()
    guide = (
        "ProxyPass /Microsoft-Server-ActiveSync"
        " ajp://127.0.0.1:8009/Microsoft-Server-ActiveSync smax=0 ttl=60 retry=5"
    )
    assert guide in text.splitlines()
    assert "BalancerMember" not in text


def test_the_vendors_bundles_on_several_nodes_get_a_balancer_with_the_long_timeout() -> None:
    text = configured(proxy_scheme="ajp")
    members = re.findall(r'BalancerMember "(\S+)" .*timeout=(\d+)', text)
    assert members == [("ajp://192.0.2.21:8009", "1900"), ("ajp://[2001:db8::2]:8009", "1900")]
    assert "hcmethod" not in text


MODULES = frozenset(
    {*proxy.MODULES["http"], *proxy.ALWAYS, *proxy.WITH_SITE, "mpm_event", "core"}
)  # fmt: skip


def digests(wanted: dict[str, bytes]) -> dict[str, str]:
    return {role: hashlib.sha256(content).hexdigest() for role, content in wanted.items()}


def web_host(**settings: Any) -> FakeHost:
    return FakeHost("web1", ["web"], defaults(**settings))


def as_it_should_be(given: Certificate | None = None) -> Found:
    """What is found on the web server at hand when it runs with what is wanted."""
    wanted = proxy.files(HOME, given)
    return Found(
        family="debian",
        home=HOME,
        files=digests(wanted),
        enabled=frozenset(wanted.keys() & {"conf", "site"}),
        modules=MODULES,
        running=True,
        loaded=proxy.version_of(wanted["conf"]),
        limits="84 64",
        hosts=(("443", "ox.example.org", "ox.conf:1", "*"),),
    )


def done(host: FakeHost, found: Found) -> list[str]:
    host.facts[proxy.Forwarding] = found
    return commands(proxy._forward)


CHANGES: list[dict[str, Any]] = [
    {"files": {}},
    {"files": {"conf": "other"}},
    {"loaded": "other"},
    {"enabled": frozenset()},
    {"running": False},
    {"modules": MODULES - {"proxy_hcheck"}},
    {"unfinished": True},
    {"selinux": True},
]


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: "-".join(changed))
def test_apache_is_given_its_lines_only_when_it_does_not_run_with_them(changed: dict[str, Any]) -> None:
    host = web_host()
    with on(host, [host, *nodes()]):
        right = as_it_should_be()
        assert done(host, right) == []
        (line,) = done(host, replace(right, **changed))
    assert line.startswith("apache.sh ")


def given(host: FakeHost, found: Found) -> tuple[str, ...]:
    """Modules, way of loading and way of processing that Apache is given, and what the summary says."""
    (line,) = done(host, found)
    return (line, *(note.text for note in report.notes if note.kind == "restarted"))


def test_apache_is_reloaded_and_restarted_only_for_what_a_reload_does_not_take_over() -> None:
    host = web_host()
    with on(host, [host, *nodes()]):
        right = as_it_should_be()
        assert given(host, replace(right, loaded="")) == ("apache.sh  reload 8008 ",)
        (line, note) = given(host, replace(right, loaded="", limits="16 25"))
        assert (line, "number of its processes" in note) == ("apache.sh  restart 8008 ", True)


def test_prefork_is_switched_to_event_and_the_summary_says_so() -> None:
    host = web_host()
    with on(host, [host, *nodes()]):
        modules = MODULES - {"mpm_event"} | {"mpm_prefork"}
        line, note = given(host, replace(as_it_should_be(), modules=modules))
    assert line == "apache.sh  restart 8008 prefork"
    assert "event instead of prefork" in note


def test_prefork_stays_where_apache_is_to_be_left_as_it_is() -> None:
    host = web_host(phones_per_node=0)
    with on(host, [host, *nodes()]):
        modules = MODULES - {"mpm_event"} | {"mpm_prefork", "php8"}
        assert done(host, replace(as_it_should_be(), modules=modules, limits="")) == []
        assert "MaxRequestWorkers" not in proxy.files(HOME)["conf"].decode()


@pytest.mark.parametrize("module", ["php", "php7", "mpm_itk"])
def test_what_needs_prefork_is_named_and_nothing_is_done(module: str) -> None:
    host = web_host()
    with on(host, [host, *nodes()]):
        modules = MODULES - {"mpm_event"} | {"mpm_prefork", module}
        (line,) = done(host, replace(as_it_should_be(), modules=modules))
    assert line.startswith(f"fail: Apache runs {', '.join(sorted({module}))} inside itself")


def test_a_configuration_that_was_broken_before_is_not_called_ours() -> None:
    host = web_host()
    said = "AH00526: Syntax error on line 5 of /etc/apache2/sites-enabled/ox.conf:"
    with on(host, [host, *nodes()]):
        (line,) = done(host, replace(as_it_should_be(), broken=said))
        assert line.startswith("fail: Apache's configuration was broken before, and not by us: AH00526")
        (line,) = done(host, replace(as_it_should_be(), broken=f"line 3 of /x/{apache.NAME}.conf"))
        assert line.startswith("apache.sh ")


def test_a_host_without_apache_is_told_what_to_install() -> None:
    host = web_host()
    with on(host, [host, *nodes()]):
        (line,) = done(host, Found())
    assert line.startswith("fail: there is no Apache here: install apache2")


@pytest.mark.parametrize(
    ("forwards", "warned"),
    [
        (("ox.conf:3", "host", "proxypass", "/"), True),
        (("ox.conf:3", "host", "proxypass", "/Microsoft-Server-ActiveSync"), True),
        (("ox.conf:3", "host", "proxypassmatch", "^/Micro.*"), True),
        (("ox.conf:3", "host", "rewriterule", "^/(ajax|servlet)"), False),
        (("ox.conf:3", "host", "proxypass", "/Microsoft"), False),
        (("ox.conf:3", "host", "proxypass", "/ajax"), False),
        (("proxy.conf:9", "server", "proxypass", "/Microsoft-Server-ActiveSync"), True),
        (("proxy.conf:9", "server", "proxypass", "/"), False),
        (("proxy.conf:9", "server", "proxypass"), False),
    ],
)
def test_lines_of_others_that_take_the_same_path_are_reported(
    forwards: tuple[str, ...], warned: bool
) -> None:
    host = web_host()
    with on(host, [host, *nodes()]):
        assert done(host, replace(as_it_should_be(), forwards=(forwards,))) == []
    assert [note.text.split()[0] for note in report.notes] == ([forwards[0]] if warned else [])


def test_the_version_of_the_lines_changes_with_any_of_them() -> None:
    def version(text: str) -> str:
        return proxy.version_of(text.encode())

    texts = (configured(), configured(proxy_retry=6), configured("192.0.2.1"), configured(phones_per_node=5))
    assert version(configured()) == version(texts[0])
    assert len({version(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("phones", "count", "webs", "expected"),
    [
        (0, 2, 1, None),
        (100, 1, 1, (100, 64, 320, 10)),
        (1000, 2, 1, (2000, 64, 2688, 84)),
        (1000, 3, 2, (1500, 64, 2048, 64)),
        (5000, 4, 2, (10000, 256, 12800, 100)),
    ],
)
def test_apache_is_sized_for_the_phones_of_all_nodes(
    phones: int, count: int, webs: int, expected: tuple[int, ...] | None
) -> None:
    hosts = [web_host(phones_per_node=phones) for _ in range(webs)]
    with on(hosts[0], [*hosts, *nodes(*(f"192.0.2.{number}" for number in range(count)))]):
        found = proxy.limits()
    assert (found and (found.phones, found.threads, found.workers, found.server_limit)) == expected


def test_a_balancer_that_reaches_no_node_tells_phones_when_to_come_back() -> None:
    assert "Header always set Retry-After 5 " in configured()


def test_autodiscover_is_forwarded_for_this_application_alone() -> None:
    pattern = r"(?i)^(/autodiscover/autodiscover\.(?:xml|json(?:/.*)?))$"
    line = f'ProxyPassMatch "{pattern}" "balancer://usm_cluster$1"'
    assert line in configured().splitlines()
    for changed in ({"autodiscover": False}, {"proxy_scheme": "ajp"}):
        assert target(configured(**changed), "/autodiscover/autodiscover.xml") == "nowhere"


# A virtual host of our own -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made() -> Callable[..., tuple[bytes, bytes]]:
    """Makes a certificate, signed by itself, and its key."""

    def make(*names: str, days: int = 90, passphrase: bytes = b"") -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=100))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return (
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock),
        )

    return make


Make = Callable[..., tuple[bytes, bytes]]


def with_site(folder: Path, made: tuple[bytes, bytes], **changed: Any) -> FakeHost:
    """A web server that is to have a virtual host of ours."""
    for name, content in zip(("eas.pem", "eas.key"), made, strict=True):
        (folder / name).write_bytes(content)
    named = {"tls_certificate": f"{folder}/eas.pem", "tls_key": f"{folder}/eas.key"}
    return web_host(**{"server_name": "eas.example.org", **named, **changed})


def read(host: FakeHost) -> Certificate:
    return certificate.read(host.data, HOME)


def test_with_a_certificate_activesync_has_a_virtual_host_of_its_own(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("*.example.org"), hsts_max_age=300)
    with on(host, [host, *nodes()]):
        files = proxy.files(HOME, read(host))
    site = files["site"].decode()
    assert {to for _, _, to in lines_of(files["conf"].decode())} == {"!"}
    assert site.count("ServerName eas.example.org") == 2
    assert f'SSLCertificateKeyFile "{HOME}/tls/key.pem"' in site
    assert 'Strict-Transport-Security "max-age=300"' in site
    assert files["key"] == (tmp_path / "eas.key").read_bytes()


def test_its_virtual_host_has_the_users_pages_and_none_for_administrators(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("*.example.org"))
    with on(host, [host, *nodes()]):
        site = proxy.files(HOME, read(host))["site"].decode()
        host.data.update(pages=False)
        without = proxy.files(HOME, read(host))["site"].decode()
    sections = re.findall(r'<LocationMatch "(.+)">\s+Require all (\w+)', site)
    assert sections[-1] == (proxy.PRIVATE, "denied"), "the last one that fits counts"
    assert [rights for pattern, rights in sections if re.search(pattern, "/usm/devices")] == ["granted"]
    for path in ADMINISTRATORS:
        assert [rights for pattern, rights in sections if re.search(pattern, path)][-1] == "denied"
    assert 'RewriteRule "^/usm(/|$)" "balancer://usm_cluster%{REQUEST_URI}" [P]' in site
    assert '"^/usm(' not in without


def test_its_virtual_host_speaks_no_old_tls_and_tells_browsers_to_stay(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("*.example.org"))
    with on(host, [host, *nodes()]):
        site = proxy.files(HOME, read(host))["site"].decode()
    (protocols,) = re.findall(r"SSLProtocol (.+)", site)
    assert {"-SSLv3", "-TLSv1", "-TLSv1.1"} <= set(protocols.split())
    assert 'Strict-Transport-Security "max-age=15552000"' in site
    assert "TraceEnable Off" in site


@pytest.mark.parametrize(
    ("hosts", "changed", "warned"),
    [
        ((("80", "ox.example.org", "ox.conf:1", "*"),), {}, True),
        ((), {}, True),
        ((("443", "ox.example.org", "ox.conf:9", "*"),), {}, False),
        ((), {"tls_before_apache": True}, False),
        ((), {"allow_plain_http": True}, False),
        ((), {"proxy_scheme": "ajp"}, False),
    ],
)
def test_a_web_server_without_tls_is_warned_of(
    hosts: tuple[tuple[str, ...], ...], changed: dict[str, Any], warned: bool
) -> None:
    host = web_host(**changed)
    with on(host, [host, *nodes()]):
        done(host, replace(as_it_should_be(), hosts=hosts))
    assert [("every phone is refused" in note.text) for note in report.notes] == [True] * warned


def test_a_renewed_certificate_is_given_to_apache(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("eas.example.org"))
    with on(host, [host, *nodes()]):
        found = as_it_should_be(read(host))
        assert done(host, found) == []
        with_site(tmp_path, made("eas.example.org"))
        (line,) = done(host, found)
    assert line == "apache.sh  reload 8008 "


def test_a_certificate_that_lies_on_the_web_host_is_left_to_who_renews_it() -> None:
    host = web_host(server_name="eas.example.org", tls_certificate="host:/x/c.pem", tls_key="host:/x/k.pem")
    with on(host, [host, *nodes()]):
        files = proxy.files(HOME, read(host))
    assert files.keys() == {"conf", "site"}
    assert b'SSLCertificateFile "/x/c.pem"' in files["site"]


def test_the_key_is_in_no_command_and_no_text_that_is_shown(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("eas.example.org"))
    with on(host, [host, *nodes()]):
        host.facts[proxy.Forwarding] = Found(family="debian", home=HOME)
        (command,) = list(proxy._forward._inner())
    key = (tmp_path / "eas.key").read_bytes()
    encoded = base64.b64encode(key).decode()
    assert encoded in command.connector_arguments["_stdin"]
    assert encoded not in str(command) + repr(command) + repr(read(host))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tls_key": ""}, "so must be tls_key"),
        ({"server_name": ""}, "so must be server_name"),
        ({"tls_certificate": "/nowhere/c.pem"}, "No such file or directory: /nowhere/c.pem"),
        ({"tls_chain": __file__}, "holds no certificate"),
        ({"tls_key": __file__}, "holds no private key"),
    ],
)
def test_a_certificate_that_cannot_serve_is_named_before_anything_is_touched(
    tmp_path: Path, made: Make, changed: dict[str, str], said: str
) -> None:
    host = with_site(tmp_path, made("eas.example.org"), **changed)
    with pytest.raises(run.DeployError, match=r"Nothing has been touched") as caught:
        read(host)
    assert said in str(caught.value)


def test_a_key_of_another_certificate_or_with_a_passphrase_is_refused(tmp_path: Path, made: Make) -> None:
    """Apache's own test of its configuration finds neither, and then it does not start."""
    with pytest.raises(run.DeployError, match="is not the key of"):
        read(with_site(tmp_path, (made("a")[0], made("a")[1])))
    with pytest.raises(run.DeployError, match="passphrase"):
        read(with_site(tmp_path, made("a", passphrase=b"secret")))


@pytest.mark.parametrize(
    ("names", "days", "said"),
    [
        (["eas.example.org"], 90, ""),
        (["*.example.org"], 90, ""),
        (["*.eas.example.org", "example.org"], 90, "not for eas.example.org"),
        (["eas.example.org"], 5, "ends on"),
        (["eas.example.org"], -1, "ended on"),
    ],
)
def test_a_certificate_that_phones_will_not_like_is_warned_of(
    tmp_path: Path, made: Make, names: list[str], days: int, said: str
) -> None:
    warnings = " ".join(read(with_site(tmp_path, made(*names, days=days))).warnings)
    assert said in warnings
    assert bool(said) == bool(warnings)


def test_a_name_that_the_site_has_already_is_refused(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("eas.example.org"))
    taken = (("443", "eas.example.org", "/etc/apache2/sites-enabled/ox.conf:8", "*"),)
    ours = (("443", "eas.example.org", f"/etc/apache2/sites-enabled/{apache.SITE}.conf:20", "*"),)
    with on(host, [host, *nodes()]):
        right = as_it_should_be(read(host))
        (line,) = done(host, replace(right, loaded="", hosts=taken))
        assert line.startswith(
            "fail: eas.example.org has a virtual host already (/etc/apache2/sites-enabled/ox.conf:8)"
        )
        (line,) = done(host, replace(right, loaded="", hosts=ours))
        assert line.startswith("apache.sh ")
        unencrypted = tuple(("80", *rest) for _, *rest in taken)
        (line,) = done(host, replace(right, loaded="", hosts=unencrypted))
        assert line.startswith("apache.sh ")


def test_a_virtual_host_that_has_an_address_for_itself_is_named(tmp_path: Path, made: Make) -> None:
    host = with_site(tmp_path, made("eas.example.org"))
    taken = (("443", "www.example.org", "/etc/apache2/sites-enabled/ox.conf:8", "192.0.2.80"),)
    with on(host, [host, *nodes()]):
        right = as_it_should_be(read(host))
        (line,) = done(host, replace(right, loaded="", hosts=taken))
    assert line.startswith("fail: a virtual host stands for one address (192.0.2.80:443, /etc/apache2/")


def test_a_node_that_was_installed_anew_while_it_was_out_is_put_back() -> None:
    host, (one, other) = web_host(), nodes()
    for each in (one, other):
        each.facts[NodeState] = Node(running=True)
    with on(host, [host, one, other]):
        right = as_it_should_be()
        (line,) = done(host, replace(right, drained=frozenset({"ox2", "gone"})))
        assert line.startswith("balancer.sh in usm_cluster 8008 ox2 ")
    other.facts[NodeState] = Node(running=True, drained=True)
    with on(host, [host, one, other]):
        assert done(host, replace(right, drained=frozenset({"ox2"}))) == []


def test_what_the_host_says_of_its_apache_is_understood() -> None:
    said = """family=rhel
home=/etc/httpd/open-xchange-usm
conf=aa
enabled=conf
limits=84 64
module=core
module=mpm_prefork
vhost=443 ox.example.org /etc/httpd/conf.d/ssl.conf:56 *
drained=ox2
forwards=/etc/httpd/conf.d/a.conf:3 host proxypassmatch ^/x y
running=yes
loaded=0bfb85ccee9f63df"""
    found = proxy.Forwarding().process(said.splitlines())
    assert (found.family, found.files, found.limits, found.loaded) == (
        "rhel",
        {"conf": "aa"},
        "84 64",
        "0bfb85ccee9f63df",
    )
    assert found.modules == {"core", "mpm_prefork"}
    assert found.hosts == (("443", "ox.example.org", "/etc/httpd/conf.d/ssl.conf:56", "*"),)
    assert found.drained == {"ox2"}
    assert found.forwards == (("/etc/httpd/conf.d/a.conf:3", "host", "proxypassmatch", "^/x y"),)
