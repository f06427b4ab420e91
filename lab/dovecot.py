"""A real Dovecot that takes mail by LMTP and tells of it with its push driver ``ox``: Debian's, in a root file system
of its own, on a port of loopback.

Its push configuration is the one that the deployment writes (``templates/dovecot*.j2``). The stand-in for OX keeps its
own mail; who wants a message in both gives it to both.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import quote

import jinja2

from lab.plan import PROJECT
from lab.ports import free_port
from lab.root import Root, mounted

ROLE: Final = "mail"
"""The recipe of ``lab.base`` with Dovecot in it."""

METADATA: Final = "/private/vendor/vendor.dovecot/http-notify"
"""Where OX notes in a mailbox that it wants to be told, and under which name the user is known to it."""

NOTIFY: Final = "/preliminary/http-notify/v1/notify"

START_SECONDS: Final = 30.0

SETTINGS: Final = """\
protocols = lmtp
log_path = /var/log/dovecot
auth_username_format = %Lu
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=mail gid=mail home=/srv/mail/%u allow_all_users=yes
}
mail_location = maildir:~/Maildir
first_valid_uid = 1
mail_attribute_dict = file:%h/attributes
lmtp_save_to_detail_mailbox = no
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = {port}
  }
}
"""


class Dovecot:
    """A running one. Made by :func:`running`."""

    def __init__(self, root: Root, port: int) -> None:
        self._root = root
        self._port = port

    def register(self, login: str, user: int, context: int) -> None:
        """What OX does when a user wants push: a note in the mailbox."""
        value = f"user={user}@{context}"
        self._root.run("doveadm", "mailbox", "metadata", "set", "-s", "-u", login, "", METADATA, value)

    def deliver(self, login: str, message: EmailMessage) -> float:
        """A mail comes in; the moment (monotonic) at which Dovecot said that it has it."""
        with smtplib.LMTP("127.0.0.1", self._port) as line:
            line.sendmail("zoe@example.com", [login], message.as_bytes())
            return time.monotonic()

    def mails(self, login: str) -> int:
        """How many mails the INBOX holds."""
        shown = self._root.run("doveadm", "mailbox", "status", "-u", login, "messages", "INBOX").stdout
        return int(shown.rpartition("messages=")[2])

    def log(self) -> str:
        """What it complained of, and what it did."""
        return self._root.run("cat", "/var/log/dovecot").stdout


@contextmanager
def running(directory: Path, ports: Sequence[int], login: str, password: str) -> Iterator[Dovecot]:
    """A Dovecot that tells the nodes on these ports of loopback. Needs root, and the layer of :data:`ROLE`."""
    with mounted(ROLE, directory, network=True) as root:
        port = free_port()
        _configure(root, port, ports, f"{quote(login, safe='')}:{quote(password, safe='')}")
        root.sh("mkdir -p /srv/mail; chown mail:mail /srv/mail; dovecot >/dev/null 2>&1 </dev/null")
        found = Dovecot(root, port)
        try:
            _await(found, port)
            yield found
        finally:
            root.sh("doveadm stop", check=False)


def _configure(root: Root, port: int, nodes: Sequence[int], who: str) -> None:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PROJECT / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    names = [f"push_notification_driver{number if number > 1 else ''}" for number in range(1, len(nodes) + 1)]
    drivers = [
        (name, f"http://{who.replace('%', '%%')}@127.0.0.1:{node}{NOTIFY}")
        for name, node in zip(names, nodes, strict=True)
    ]
    etc = root.path / "etc/dovecot"
    (etc / "local.conf").write_text(SETTINGS.replace("{port}", str(port)))
    conf = templates.get_template("dovecot.conf.j2").render(protocols=["lmtp", "lda"])
    (etc / "conf.d/90-open-xchange-usm.conf").write_text(conf)
    secret = templates.get_template("dovecot-secret.conf.j2").render(drivers=drivers)
    (etc / "open-xchange-usm.secret").write_text(secret)


def _await(dovecot: Dovecot, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with smtplib.LMTP("127.0.0.1", port):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Dovecot did not start:\n{dovecot.log()}") from None
            time.sleep(0.05)
