"""What Apache is given, from settings and inventory alone, and when. Nothing is run."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from tasks import proxy
from tests.deploy.fakes import Data, FakeHost, commands, defaults, on

HOME = "/etc/apache2/open-xchange-usm"
SETTINGS: Data = defaults()


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
        return proxy.configuration(HOME)


def test_the_balancer_has_every_node_and_waits_longer_than_a_phone() -> None:
    text = configured()
    members = re.findall(r'BalancerMember "(\S+)" .*timeout=(\d+)', text)
    assert [member for member, _ in members] == ["http://192.0.2.21:8010", "http://[2001:db8::2]:8010"]
    assert all(int(timeout) > SETTINGS.max_heartbeat for _, timeout in members)
    assert (
        'ProxyPass "/Microsoft-Server-ActiveSync" "balancer://usm_cluster/Microsoft-Server-ActiveSync"'
        in text
    )


def test_health_and_metrics_are_excluded_before_anything_is_forwarded() -> None:
    text = configured()
    assert text.index('ProxyPass "/usm/" "!"') < text.index('ProxyPass "/Microsoft')


def test_a_node_that_was_taken_out_stays_out_whatever_else_is_written() -> None:
    """Apache reads the marks after the default and before the members."""
    text = configured()
    default = text.index("Define usm_status_ox1 -D")
    marks = text.index(f'IncludeOptional "{HOME}/drained/*.conf"')
    assert default < marks < text.index("status=${usm_status_ox1}")


def test_the_vendors_bundles_on_the_web_server_itself_get_the_guides_own_line() -> None:
    host = FakeHost("a", ["web", "ox"], defaults(proxy_scheme="ajp"))
    with on(host):
        text = proxy.configuration(HOME)
    guide = (
        "ProxyPass /Microsoft-Server-ActiveSync"
        " ajp://127.0.0.1:8009/Microsoft-Server-ActiveSync smax=0 ttl=60 retry=5"
    )
    assert guide in text.splitlines()
    assert "balancer://" not in text


def test_the_vendors_bundles_on_several_nodes_get_a_balancer_with_the_long_timeout() -> None:
    text = configured(proxy_scheme="ajp")
    members = re.findall(r'BalancerMember "(\S+)" .*timeout=(\d+)', text)
    assert members == [("ajp://192.0.2.21:8009", "1900"), ("ajp://[2001:db8::2]:8009", "1900")]
    assert "hcmethod" not in text


def loaded(text: str) -> str:
    match = re.search(r"ServerName (\w+)\.usm\.invalid", text)
    assert match
    return match.group(1)


def web(text: str, **changed: str) -> dict[str, str]:
    """What is found on a web server that runs with these lines, but for what is changed."""
    return {
        "family": "debian",
        "home": HOME,
        "content": hashlib.sha256(text.encode()).hexdigest(),
        "loaded": loaded(text),
        "enabled": "yes",
        "running": "yes",
        "missing": "",
        **changed,
    }


@pytest.mark.parametrize("changed", ["content", "loaded", "enabled", "running", "missing"])
def test_apache_is_given_its_lines_only_when_it_does_not_run_with_them(changed: str) -> None:
    host = FakeHost("web1", ["web"], defaults())
    with on(host, [host, *nodes()]):
        text = proxy.configuration(HOME)
        host.facts[proxy.Forwarding] = web(text)
        assert commands(proxy._forward) == []
        host.facts[proxy.Forwarding] = web(text, **{changed: "other"})
        (line,) = commands(proxy._forward)
    assert line.startswith("apache.sh proxy proxy_http")


def test_the_version_of_the_lines_changes_with_any_of_them() -> None:
    assert loaded(configured()) == loaded(configured())
    assert (
        len({loaded(configured()), loaded(configured(proxy_retry=6)), loaded(configured("192.0.2.1"))}) == 3
    )
