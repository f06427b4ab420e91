"""Afterwards the deployment asks what a phone would ask, and fails where the answer is wrong.

Each node is asked, from the node itself: whether it is well, whether what answers is what was installed, whether the
right server answers at ``ox_url``, and what a phone would ask (:mod:`tasks.phone`). The questions go through the ssh
connection that is there; where it does not forward, programs on the node ask them. Each web server is asked from the
machine that runs the deployment; besides, health must not be forwarded, and a certificate that ends soon is a warning.

A test account (``test_login`` and the secret ``USM_TEST_PASSWORD``) makes the phone a real one: it synchronises folders
and the beginning of the inbox. Nothing is changed by asking, but that the server knows this device, whose id is always
the same for the same host.
"""

from __future__ import annotations

import dataclasses
import hashlib
import http
import json
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import gevent
from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host, state

from tasks import asking, nodes, phone, product, progress, proxy, report, run, scripts, secrets
from tasks.nodes import Node
from tasks.operations import operation
from tasks.tunnel import ClosedTunnel

HEALTH = "/usm/health"

PROBE = "/opt/open-xchange/usm/sbin/probe"

PAUSE = 1.0
"""Seconds between two questions whether a node is well."""

SHORT = 0.2
"""Seconds between two attempts to reach a service that is starting."""

DEVICE = "USMDEPLOYCHECK"
"""How the ids of our devices begin."""

DAY = 86400


def ask() -> None:
    """Nodes are well, and web servers answer as a phone expects."""
    if nodes.is_node():
        _ask_node(name="Ask the service whether it is well")
    if "web" in host.groups:
        _ask_web(name="Ask the web server what a phone would ask")


def node() -> Iterator[PyinfraCommand]:
    """The node at hand answers, as what is installed there, within ``check_timeout`` seconds; otherwise the host
    fails. Asks nothing before the run."""
    if not state.is_executing or not product.wanted(host.data).has_service:
        return
    deadline = time.monotonic() + float(host.data.check_timeout)
    problem = _await_health(nodes.state_of(host), deadline)
    problems = [problem] if problem else _of_phone(nodes.state_of(host), deadline)
    if problems:
        yield run.failure("; ".join(problems))


@operation()
def _ask_node() -> Generator[PyinfraCommand, None, None]:
    yield from node()


@operation()
def _ask_web() -> Generator[PyinfraCommand, None, None]:
    if not state.is_executing:
        return
    problems = list(_problems_of_web())
    if problems:
        yield run.failure("; ".join(problems))


def _await_health(found: Node, deadline: float) -> str:
    """What is wrong with the node's health when it is well or the time is over."""
    try:
        while True:
            problem = _problem_of_health(found, *_health(found, deadline))
            if not problem or deadline - time.monotonic() < PAUSE:
                return problem
            progress.doing(host, problem)
            gevent.sleep(PAUSE)
    finally:
        progress.doing(host)


def _health(found: Node, deadline: float) -> tuple[bool, str, str]:
    """Whether the service answers before the deadline, what it says of its health, and why it does not answer."""
    try:
        return _health_through_ssh(found, deadline)
    except ClosedTunnel:
        wait = str(max(1, int(deadline - time.monotonic())))
        return scripts.ask(host, StringCommand(PROBE, "--wait", wait))


def _health_through_ssh(found: Node, deadline: float) -> tuple[bool, str, str]:
    while True:
        try:
            return True, asking.admin(found, HEALTH).decode(errors="replace"), ""
        except OSError as error:
            if time.monotonic() >= deadline:
                return False, "", f"{asking.url(found, 'admin')}{HEALTH} does not answer: {error}"
        gevent.sleep(SHORT)


def _problem_of_health(found: Node, answered: bool, output: str, complaint: str) -> str:
    if not answered:
        return f"the service does not answer: {complaint or output}"
    try:
        health = json.loads(output)
    except ValueError:
        return f"the service says {output!r} about its health"
    if problem := _problem_of_release(found, health):
        return problem
    if health.get("ready") is True:
        return ""
    down = [
        f"{name}: {check.get('error', 'down')}"
        for name, check in health.get("checks", {}).items()
        if not check["up"]
    ]
    return f"the service is not ready: {'; '.join(down) or health}"


def _problem_of_release(found: Node, health: dict[str, Any]) -> str:
    """Whether something else answers than what is installed, such as a process of before the installation."""
    answers, build = health.get("version"), health.get("build")
    # A version of before this was told says nothing.
    if answers is None or (
        build == found.build if build and found.build else _is_version(answers, found.version)
    ):
        return ""
    return (
        f"version {answers} ({build or 'no build'}) answers, but {found.version} ({found.build or 'no build'}) is"
        " installed: the service was not restarted, or another one answers at its port"
    )


def _is_version(answers: str, installed: str) -> bool:
    """The package may have a revision of its own behind the program's version."""
    return installed == answers or installed.startswith(f"{answers}-")


def _of_phone(found: Node, deadline: float) -> list[str]:
    """What a phone finds wrong with the node, asked from the node itself."""
    seconds = max(5.0, deadline - time.monotonic())
    try:
        problems = _of_phone_through_ssh(found, seconds)
    except ClosedTunnel:
        problems = _of_phone_there(found, seconds)
    return [f"asked on the node itself: {problem}" for problem in problems]


def _of_phone_through_ssh(found: Node, seconds: float) -> list[str]:
    where = {"url": asking.url(found, "listen"), "path": asking.setting(found, "eas_alias")}
    question = _question(**where, ox_url=asking.setting(found, "ox_url"), seconds=seconds)
    if question.ox_url.startswith("https:"):
        raise ClosedTunnel("TLS does not go through the ssh connection")
    return phone.ask(question, asking.dial()).problems


def _of_phone_there(found: Node, seconds: float) -> list[str]:
    """The same by a program on the node."""
    question = dataclasses.asdict(_question(seconds=seconds, etc=found.etc))
    text = Path(phone.__file__).read_text(encoding="utf-8")
    command = StringCommand(scripts.PYTHON, QuoteString(text), _stdin=json.dumps(question))
    succeeded, output, complaint = scripts.ask(host, command)
    try:
        told: list[str] = json.loads(output.splitlines()[-1])["problems"]
    except (ValueError, IndexError):
        return [f"a phone cannot be tried: {complaint or output or succeeded}"]
    return told


def _problems_of_web() -> Iterator[str]:
    question = _question_for_web()
    ends = None
    if _is_refused(question):
        yield from _problems_of_plain_http(question)
        report.note(
            "warning",
            "no phone was tried here: it is served over TLS only, and nobody said at which address. Set public_url",
        )
    else:
        found = phone.ask(question)
        yield from found.problems
        ends = found.certificate_ends
    if question.name:
        yield from _problems_of_plain_http(question)
    try:
        health = phone.Line(question).send("GET", HEALTH)
    except OSError:
        # Told already.
        return
    if health.status not in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.FORBIDDEN):
        yield f"{HEALTH} is answered with {health.status} to the outside; it must not be forwarded"
    if ends:
        _warn_of_certificate(ends)


def _is_refused(question: phone.Question) -> bool:
    """Whether the application serves nobody at that address: it knows what came without TLS."""
    return (
        question.url.startswith("http://")
        and not host.data.allow_plain_http
        and product.wanted(host.data).has_service
    )


def _question_for_web() -> phone.Question:
    """Phones ask one address; of several web servers each is asked by its own, for the site that phones ask for."""
    data, address = host.data, proxy.in_url(proxy.address_of(host))
    url, name = str(data.public_url), ""
    if not url:
        url = f"http://{address}"
        if data.tls_certificate:
            url, name = f"https://{address}", str(data.server_name)
    return _question(url=url, path=str(data.alias), name=name, seconds=float(data.check_timeout))


def _problems_of_plain_http(question: phone.Question) -> Iterator[str]:
    """Whether nobody gets as far as sending a password in the clear. A web server that does not listen there at all is
    right too."""
    plain = dataclasses.replace(question, url=question.url.replace("https://", "http://", 1))
    try:
        answer = phone.Line(plain).send("OPTIONS", plain.path)
    except OSError:
        return
    if answer.status != http.HTTPStatus.FORBIDDEN:
        place = question.name or question.url
        yield f"without TLS, {place} answers a phone with {answer.status} instead of refusing it with 403"


def _warn_of_certificate(ends: float) -> None:
    days = int((ends - time.time()) // DAY)
    if days < int(host.data.certificate_warning_days):
        report.note(
            "warning", f"the certificate ends in {days} days ({time.strftime('%Y-%m-%d', time.gmtime(ends))})"
        )


def _question(seconds: float, **more: Any) -> phone.Question:
    login, password = str(host.data.test_login), secrets.find("USM_TEST_PASSWORD", host.data) or ""
    return phone.Question(
        device=DEVICE + hashlib.sha256(host.name.encode()).hexdigest()[:8].upper(),
        login=login if password else "",
        password=password if login else "",
        authority=str(host.data.public_ca) if "name" in more else "",
        seconds=seconds,
        **more,
    )
