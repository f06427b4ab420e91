"""What goes wrong in the section "Five bad days" of docs/operations.md, and what others than its reader do meanwhile.

The document names each by the words after ``once`` in the head of a block; :data:`EVENTS` has them. Phones ask the
service of ox1 itself, so that it is this node whose log and numbers tell of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from typing import Final, TypeVar
from urllib.parse import urlencode

from app.wbxml import Element
from lab.device import AccessRefused, ServerUnavailable, Wiped
from lab.device.documents import folder_sync
from lab.device.phone import Phone
from lab.testing import LabHosts
from tests.deploy.hosts import ETC, eventually

T = TypeVar("T")

NODE: Final = "ox1"
ANTON, BERTA = "anton@example.org", "berta@example.org"
INBOX: Final = 2
BIG: Final = "/var/log/open-xchange/java_pid4711.hprof"
MEGABYTES: Final = 300
TRACE_SECONDS: Final = 5.5
"""After so long a trace that was switched on is written."""
THROTTLE: Final = "com.openexchange.usm.eas.throttle"
LOOP_SECONDS: Final = 30
REFUSALS: Final = 150


def make_breakable(hosts: LabHosts) -> None:
    """From the next start on the groupware of the node does as :class:`Incidents` wants it to."""
    hosts.sh(
        NODE,
        "for file in $(grep -rl networkListenerPort /opt/open-xchange/etc); do"
        ' printf "\\nstandin.control=true\\n" >>"$file"; done',
    )


class Incidents:
    """Of hosts on which the application is deployed."""

    def __init__(self, hosts: LabHosts) -> None:
        self._hosts = hosts
        self._phones: dict[str, Phone] = {}

    def happens(self, event: str) -> None:
        """Raises ``KeyError`` for what is not known."""
        EVENTS[event](self)

    # --- a phone that does not get a mail

    def mail_that_cannot_be_read(self) -> None:
        self._mails("ANTONSPHONE1", ANTON)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "bank@example.net", ANTON, "Your statement"
        mail.set_content("It is attached.")
        assert self._ox("POST", "deliver", mail.as_string(), login=ANTON) is not None
        fault = '{"kind": "error", "module": "mail", "action": "get", "code": "MSG-0034", "times": 1000}'
        assert self._ox("POST", "fault", fault) is not None
        self._mails("ANTONSPHONE1", ANTON)

    def mail_can_be_read(self) -> None:
        assert self._ox("DELETE", "fault") is not None

    def anton_looks(self) -> None:
        self._mails("ANTONSPHONE1", ANTON)

    def trace_is_on(self) -> None:
        time.sleep(TRACE_SECONDS)
        self._mails("ANTONSPHONE1", ANTON)

    # --- a storm

    def phone_in_a_loop(self) -> None:
        # It becomes a loop within seconds, not within minutes.
        self._limit(seconds=3600, repeats=2)
        phone = self._phone("BERTASPHONE1", BERTA)

        def run_wild() -> None:
            phone.provision()
            refused = 0
            end = time.monotonic() + LOOP_SECONDS
            while refused < REFUSALS:
                assert time.monotonic() < end, "nobody stops the loop"
                try:
                    phone.command("FolderSync", folder_sync("0"))
                except ServerUnavailable:
                    refused += 1

        self._hosts.call(run_wild)
        # Who is asked to pause now, the service tells itself every few seconds.
        asked = "curl --silent http://127.0.0.1:8011/usm/metrics | grep -q '^usm_throttled_devices 1'"
        eventually(lambda: self._succeeds(asked), 30, "the device is counted as one that pauses")

    def pause_is_over(self) -> None:
        self._limit(seconds=300, repeats=150)
        with suppress(AccessRefused):
            self._mails("BERTASPHONE1", BERTA)
            raise AssertionError("a blocked phone is let in")

    def _limit(self, **limits: int) -> None:
        """The service with other limits; what it has counted is forgotten."""
        for name, value in limits.items():
            self._hosts.sh(NODE, f"sed -i 's/^\\({THROTTLE}.{name}\\)=.*/\\1={value}/' {ETC}/eas.properties")
        self._hosts.sh(NODE, "/etc/init.d/open-xchange-usm restart </dev/null >/dev/null 2>&1")

    # --- OX is down

    def ox_ends(self) -> None:
        self._hosts.kill(NODE, "groupware")
        with suppress(ServerUnavailable):
            self._mails("ANTONSPHONE1", ANTON)
            raise AssertionError("a phone is served without OX")

    # --- a stolen phone

    def phone_is_stolen(self) -> None:
        self._mails("BERTASPHONE2", BERTA)

    def thief_switches_on(self) -> None:
        with suppress(Wiped):
            self._mails("BERTASPHONE2", BERTA)
            raise AssertionError("the phone heard of no order")

    # --- a full disk

    def disk_fills_up(self) -> None:
        self._hosts.sh(NODE, f"fallocate -l {MEGABYTES}M {BIG}")
        self._hosts.fill_disk(NODE)
        self._mails("ANTONSPHONE1", ANTON)

    def room_again(self) -> None:
        self._hosts.free_disk(NODE)
        self._mails("ANTONSPHONE1", ANTON)

    # --- who does all this

    def _phone(self, device: str, login: str) -> Phone:
        if device not in self._phones:
            address = f"http://{self._hosts.lab.host(NODE).address}:8010"
            self._phones[device] = Phone(address, login, "secret", device_id=device)
        return self._phones[device]

    def _mails(self, device: str, login: str) -> None:
        """A phone fetches what is new in the INBOX."""
        phone = self._phone(device, login)

        def act() -> dict[str, Element]:
            if not phone.policy_key:
                phone.provision()
            phone.folder_sync()
            inbox = phone.folder_of_type(INBOX).server_id
            phone.sync_all(inbox, body_type=1)
            return phone.items(inbox)

        self._hosts.call(act)

    def _succeeds(self, script: str) -> bool:
        return self._hosts.run(NODE, "sh", "-c", script, check=False).returncode == 0

    def _ox(self, method: str, what: str, body: str = "", **query: str) -> str | None:
        """A wish to the stand-in; ``None`` if it is not heard."""
        done = self._hosts.run(
            NODE,
            *("curl", "--silent", "--fail", "--request", method, "--data-binary", "@-"),
            f"http://127.0.0.1:8009/lab/{what}?{urlencode(query)}",
            check=False,
            stdin=body,
        )
        return done.stdout if done.returncode == 0 else None


EVENTS: Final[dict[str, Callable[[Incidents], None]]] = {
    "OX cannot read a mail": Incidents.mail_that_cannot_be_read,
    "the mail is mended": Incidents.mail_can_be_read,
    "Anton looks again": Incidents.anton_looks,
    "five seconds are over": Incidents.trace_is_on,
    "a phone asks in a loop": Incidents.phone_in_a_loop,
    "the pause is over": Incidents.pause_is_over,
    "OX is down": Incidents.ox_ends,
    "a phone is stolen": Incidents.phone_is_stolen,
    "the thief switches it on": Incidents.thief_switches_on,
    "the disk is full": Incidents.disk_fills_up,
    "there is room again": Incidents.room_again,
}
"""By the words of the document."""
