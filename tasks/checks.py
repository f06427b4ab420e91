"""Afterwards the deployment asks what a phone would ask, and fails where the answer is wrong.

Each node is asked for its health. Each web server is asked from the machine that runs the deployment: OPTIONS without a
password must be refused with 401 and a challenge, a wrong password too, health must not be forwarded; and where a test
account is given, OPTIONS must name the versions of the protocol. Nothing is changed by asking.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from tasks import nodes, proxy, run, scripts, secrets

SECONDS = 30
PROBE = "/opt/open-xchange/usm/sbin/probe"
NOBODY = "nobody-by-this-name@invalid"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and the headers, their names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


def ask() -> None:
    """Nodes are well, and web servers answer as a phone expects."""
    if nodes.is_node():
        _ask_node(name="Ask the service whether it is well")
    if "web" in host.groups:
        _ask_web(name="Ask the web server what a phone would ask")


@operation()
def _ask_node() -> Generator[PyinfraCommand, None, None]:
    if state.is_executing:
        yield from node()


def node() -> Iterator[PyinfraCommand]:
    """Asks the node at hand for its health, and fails it where it is not well."""
    succeeded, output, complaint = scripts.ask(host, StringCommand(PROBE, "--wait", "10"))
    if problem := _problem_of_node(succeeded, output, complaint):
        yield run.failure(problem)


def _problem_of_node(answered: bool, output: str, complaint: str) -> str:
    if not answered:
        return f"the service does not answer: {complaint or output}"
    try:
        health = json.loads(output)
    except ValueError:
        return f"the service says {output!r} about its health"
    if health.get("ready") is True:
        return ""
    down = [
        f"{name}: {check.get('error', 'down')}"
        for name, check in health.get("checks", {}).items()
        if not check["up"]
    ]
    return f"the service is not ready: {'; '.join(down) or health}"


@operation()
def _ask_web() -> Generator[PyinfraCommand, None, None]:
    if not state.is_executing:
        return
    url = host.data.public_url or f"http://{proxy.address_of(host)}"
    try:
        problems = list(_problems_of_web(url))
    except OSError as error:
        problems = [f"{url} does not answer: {error}"]
    for problem in problems:
        yield run.failure(problem)


def _problems_of_web(url: str) -> Generator[str, None, None]:
    path = host.data.alias
    for what, login in (("without a password", None), ("with a wrong password", f"{NOBODY}:wrong")):
        answer = fetch(url, "OPTIONS", path, login)
        if answer.status != http.HTTPStatus.UNAUTHORIZED:
            yield f"OPTIONS {what} is answered with {answer.status} instead of 401"
        elif not answer.headers.get("www-authenticate", "").startswith("Basic"):
            yield f"OPTIONS {what} is refused without asking for a password (WWW-Authenticate)"
    health = fetch(url, "GET", "/usm/health")
    if health.status != http.HTTPStatus.NOT_FOUND:
        yield f"/usm/health is answered with {health.status} to the outside; it must not be forwarded"
    yield from _problems_of_account(url, path)


def _problems_of_account(url: str, path: str) -> Generator[str, None, None]:
    login, password = host.data.test_login, secrets.find("USM_TEST_PASSWORD", host.data)
    if not login or not password:
        return
    answer = fetch(url, "OPTIONS", path, f"{login}:{password}")
    if answer.status != http.HTTPStatus.OK:
        yield f"OPTIONS as {login} is answered with {answer.status} instead of 200"
    elif "14.1" not in answer.headers.get("ms-asprotocolversions", ""):
        yield f"OPTIONS as {login} does not name the versions of the protocol (MS-ASProtocolVersions)"


def fetch(url: str, method: str, path: str, login: str | None = None) -> Answer:
    """One request, straight to the web server. ``login`` is ``name:password``. Raises :class:`OSError`."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    headers = {"User-Agent": "open-xchange-usm deployment"}
    if login is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"no proper HTTP: {error!r}") from error
    finally:
        connection.close()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()})
