"""Dovecot tells of new mail: what it is given and when, and a real Dovecot that delivers a mail."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api.command import FunctionCommand

from lab import hosts, roles
from lab.plan import Lab
from lab.root import Root, mounted
from lab.testing import forget, remove_dead_sessions
from tasks import dovecot, run, scripts
from tasks.dovecot import Dovecot
from tests.deploy.fakes import FakeHost, commands, defaults, on, plain

HUSH = "hush:5b1/%&@"
CONF = "/etc/dovecot/conf.d/90-open-xchange-usm.conf"
SECRET = "/etc/dovecot/open-xchange-usm.secret"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USM_PUSH_PASSWORD", HUSH)
    monkeypatch.delenv("USM_SECRETS_FILE", raising=False)


def mail_host(**settings: Any) -> FakeHost:
    return FakeHost("mail1", ["mail"], defaults(**{"dovecot_push": True, **settings}))


def nodes(*addresses: str) -> list[FakeHost]:
    return [
        FakeHost(f"ox{number}", ["ox"], defaults(address=address))
        for number, address in enumerate(addresses or ("192.0.2.21", "2001:db8::2"), start=1)
    ]


def digests(wanted: dict[str, bytes]) -> dict[str, str]:
    return {role: hashlib.sha256(content).hexdigest() for role, content in wanted.items()}


def as_it_should_be() -> Dovecot:
    found = digests(dovecot.files())
    return Dovecot("2.3.19.1", found, loaded=dovecot._summary(found))


def done(host: FakeHost, found: Dovecot) -> list[str]:
    host.facts[dovecot.DovecotState] = found
    return commands(dovecot._push)


CHANGES: list[dict[str, Any]] = [
    {"files": {}},
    {"loaded": ""},
    {"unfinished": True},
    {"drivers": ("push_notification_driver",)},
]


@pytest.mark.parametrize("changed", CHANGES, ids=str)
def test_dovecot_is_given_its_files_only_when_it_does_not_run_with_them(changed: dict[str, Any]) -> None:
    host = mail_host()
    with on(host, [host, *nodes()]):
        assert done(host, as_it_should_be()) == []
        (line,) = done(host, replace(as_it_should_be(), **changed))
    assert line.startswith("dovecot.sh write ")


def test_every_node_is_told_with_a_password_that_only_the_secret_file_holds() -> None:
    host = mail_host()
    with on(host, [host, *nodes()]):
        files = dovecot.files()
    who = "dovecot:hush%%3A5b1%%2F%%25%%26%%40"
    path = "preliminary/http-notify/v1/notify"
    rest = f"/{path} user_from_metadata timeout_msecs=500\n"
    assert files["secret"].decode().split("plugin {")[1] == (
        f"\n  push_notification_driver = ox:url=http://{who}@192.0.2.21:8010{rest}"
        f"  push_notification_driver2 = ox:url=http://{who}@[2001:db8::2]:8010{rest}}}\n"
    )
    assert b"hush" not in files["conf"]


def test_a_driver_of_the_sites_own_goes_on_beside_ours() -> None:
    host = mail_host()
    with on(host, [host, *nodes("192.0.2.21")]):
        text = dovecot.files(("push_notification_driver",))["secret"].decode()
    assert "  push_notification_driver2 = ox:url=" in text
    assert "push_notification_driver =" not in text


def test_without_the_setting_what_was_given_is_taken_away_and_then_nothing_is_done() -> None:
    host = mail_host(dovecot_push=False)
    with on(host, [host, *nodes()]):
        assert done(host, Dovecot("2.3.19.1")) == []
        assert done(host, Dovecot("2.3.19.1", {"conf": "x"}, loaded="x")) == ["dovecot.sh write "]


def test_a_host_without_dovecot_of_the_known_form_is_told_so() -> None:
    host = mail_host()
    with on(host, [host, *nodes()]):
        assert done(host, Dovecot())[0].startswith("fail: there is no Dovecot here")
        assert done(host, Dovecot("2.4.1"))[0].startswith("fail: Dovecot 2.4.1 has settings of another form")
        (line,) = done(host, Dovecot("2.3.7", broken="doveconf: Error in /etc/dovecot/x.conf line 3"))
    assert "broken before, and not by us: doveconf: Error in /etc/dovecot/x.conf line 3" in line


def test_a_missing_password_is_named_before_anything_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USM_PUSH_PASSWORD")
    host = mail_host(secrets_file="")
    with on(host, [host, *nodes()]), pytest.raises(run.DeployError, match="missing: USM_PUSH_PASSWORD"):
        dovecot.push()


def test_the_password_is_in_no_command_that_is_shown() -> None:
    host = mail_host()
    with on(host, [host, *nodes()]):
        host.facts[dovecot.DovecotState] = Dovecot("2.3.19.1")
        (command,) = list(dovecot._push._inner())
    given = command.connector_arguments["_stdin"]
    secret = dict(line.split() for line in given.splitlines())["secret"]
    assert b"hush" in base64.b64decode(secret)
    assert secret not in str(command) + repr(command)


# A real Dovecot ---------------------------------------------------------------------------------------------

# It tells what it was asked: the line of the request, who asked, and the text.
NODE = """
import http.server, json
class Notified(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open("/tmp/told", "a") as file:
            print(json.dumps([self.path, self.headers["Authorization"], text]), file=file)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", 8010), Notified).serve_forever()
"""
SITE = """
useradd --create-home anton
cat >/etc/dovecot/local.conf <<'END'
mail_location = maildir:~/Maildir
mail_attribute_dict = file:%h/attributes
protocols = imap lmtp
auth_username_format = %n
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = 24
  }
}
END
ip link set lo up
dovecot >/dev/null 2>&1 </dev/null
"""
MAIL = """
exec 3<>/dev/tcp/127.0.0.1/24
printf '%s\\r\\n' 'LHLO x' 'MAIL FROM:<b@example.org>' 'RCPT TO:<anton>' DATA 'Subject: news' '' text . QUIT >&3
cat <&3
"""


@pytest.fixture(scope="module")
def root() -> Iterator[Root]:
    """A mail host with one mailbox, whose owner is user 3 of context 1, and a node that is told."""
    if os.geteuid() != 0:
        pytest.skip("mounting a root file system needs root")
    remove_dead_sessions()
    lab = Lab(f"test{os.getpid()}m")
    roles.ensure_layers(hosts.steps(lab, "layers"))
    with mounted("mail", lab.directory / "mail") as root:
        root.sh(SITE)
        start = "cat >/tmp/node.py; setsid python3 /tmp/node.py >/dev/null 2>&1 & sleep 0.5"
        root.run("sh", "-c", start, stdin=NODE)
        value = "/private/vendor/vendor.dovecot/http-notify user=3@1"
        root.sh(f"doveadm -o imap_metadata=yes mailbox metadata set -u anton INBOX {value}", check=False)
        root.sh(f"doveadm mailbox metadata set -s -u anton '' {value}")
        yield root
    forget(lab)


def state(root: Root) -> Dovecot:
    said = root.run("sh", "-c", scripts.text("dovecot"), "dovecot.sh", "state").stdout
    return dovecot.DovecotState().process(said.splitlines())


def due(root: Root, **settings: Any) -> list[Any]:
    host = mail_host(**settings)
    with on(host, [host, *nodes("127.0.0.1")]):
        host.facts[dovecot.DovecotState] = state(root)
        return list(dovecot._push._inner())


def pushed(root: Root, **settings: Any) -> str:
    """Does what is due. What it complained of."""
    for command in due(root, **settings):
        if isinstance(command, FunctionCommand):
            return plain(command)
        words = [str(getattr(bit, "obj", bit)) for bit in command.bits]
        run = root.run(*words, stdin=command.connector_arguments["_stdin"], check=False)
        if run.returncode:
            return run.stdout + run.stderr
    return ""


def told(root: Root) -> list[list[str]]:
    file = root.path / "tmp/told"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def deliver(root: Root) -> None:
    assert "250 2.0.0" in root.run("bash", "-c", MAIL).stdout


@pytest.mark.lab
def test_a_mail_that_is_delivered_is_told_to_the_node_with_its_password(root: Root) -> None:
    deliver(root)
    assert told(root) == []
    assert pushed(root) == ""
    assert due(root) == []
    deliver(root)
    deadline = time.monotonic() + 10
    while not told(root):
        assert time.monotonic() < deadline, root.sh("doveadm log errors; doveconf -n")
        time.sleep(0.1)
    (path, authorization, text), *_ = told(root)
    assert path == "/preliminary/http-notify/v1/notify"
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"dovecot:{HUSH}"
    notice = json.loads(text)
    assert (notice["user"], notice["event"], notice["folder"]) == ("3@1", "messageNew", "INBOX")
    assert root.sh(f"stat -c '%a %U' {CONF} {SECRET}").splitlines() == ["644 root", "600 root"]


@pytest.mark.lab
def test_who_may_not_read_the_password_goes_on_without(root: Root) -> None:
    pushed(root)
    shown = root.run("setpriv", "--reuid", "anton", "--clear-groups", "doveconf", "-n", check=False)
    assert shown.returncode == 0, shown.stderr
    assert "hush" not in shown.stdout


@pytest.mark.lab
def test_what_dovecot_does_not_accept_changes_nothing(root: Root) -> None:
    pushed(root)
    before = state(root)
    said = pushed(root, dovecot_push_protocols=["lmtp {"])
    assert "Dovecot does not accept the new configuration; the one of before stays" in said
    assert "hush" not in said
    assert state(root) == before
    assert due(root) == []


@pytest.mark.lab
def test_a_configuration_that_somebody_else_broke_is_named(root: Root) -> None:
    root.sh("echo 'nonsense = 1' >>/etc/dovecot/conf.d/10-mail.conf")
    said = pushed(root, dovecot_push_login="other")
    root.sh("sed -i '/^nonsense/d' /etc/dovecot/conf.d/10-mail.conf")
    assert "broken before, and not by us" in said
    assert "10-mail.conf" in said


KILLED = "at=0; set -T; trap 'at=$((at + 1)); [ $at -lt %d ] || kill -9 $$' DEBUG\n"


@pytest.mark.lab
@pytest.mark.parametrize("command", [25, 40, 50, 60])
def test_killed_anywhere_the_next_run_completes_it(root: Root, command: int) -> None:
    (write,) = due(root, dovecot_push_login=f"login{command}")
    words = [str(getattr(bit, "obj", bit)) for bit in write.bits]
    text = KILLED % command + words[2]
    root.run("bash", "-c", text, *words[3:], stdin=write.connector_arguments["_stdin"], check=False)
    root.sh("doveconf -n >/dev/null")
    assert pushed(root) == ""
    assert due(root) == []


@pytest.mark.lab
def test_a_driver_that_the_site_has_is_left_alone(root: Root) -> None:
    root.sh("printf 'plugin {\\n  push_notification_driver = dlog\\n}\\n' >/etc/dovecot/conf.d/95-site.conf")
    try:
        assert pushed(root) == ""
        assert due(root) == []
        shown = root.sh("doveconf -n plugin")
    finally:
        root.sh("rm /etc/dovecot/conf.d/95-site.conf")
    assert "push_notification_driver = dlog\n" in shown
    assert "push_notification_driver2 = ox:url=" in shown


@pytest.mark.lab
def test_what_is_not_wanted_any_more_is_taken_away(root: Root) -> None:
    pushed(root)
    assert pushed(root, dovecot_push=False) == ""
    assert due(root, dovecot_push=False) == []
    assert not (root.path / CONF.lstrip("/")).exists()
    assert not (root.path / SECRET.lstrip("/")).exists()
    assert "push_notification" not in root.sh("doveconf -n")
