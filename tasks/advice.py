"""What to do about a step that failed: first by what it said, then by which step it was, else what always holds.

A row is a pattern and a sentence for an administrator. :mod:`tests.deploy.test_report` sees to it that every step that
is named here exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

AGAIN = "Mend the cause, then run the same command again: it takes up where this one stopped."

SAID = (
    (
        r"No space left on device|Disk quota exceeded",
        "The disk of the host is full: make room (df -h tells where), then run the same command again.",
    ),
    (
        r"(dpkg|apt|rpm).*(lock|Lock)|Could not get lock|is another process using it|transaction lock",
        "Another program is installing packages there: wait for it, or look for one that hangs"
        " (ps ax | grep -e apt -e dpkg -e rpm), then run the same command again.",
    ),
    (
        r"dpkg was interrupted|needs to be reinstalled|unmet dependencies|depends on .* however|is needed by",
        "The host's own packages are not in order. Mend that first (dpkg --configure -a, apt-get -f install, or the"
        " library that is named above), then run the same command again.",
    ),
    (
        r"No host key for",
        "The host's key is not known on this machine: make sure that it is the right one (ssh-keyscan here, and"
        " ssh-keygen -l on the host itself), put it into known_hosts, then run the same command again.",
    ),
    (
        r"[Hh]ost key",
        "The host does not show the key that is known of it. If it was set up anew, replace its line in known_hosts;"
        " if not, find out who answers in its place before anything else.",
    ),
    (
        r"Authentication (error|failed)|Permission denied \(publickey",
        "The host does not let this user in by ssh: check ssh_user and ssh_key in group_data, and the key on the host.",
    ),
    (
        r"Could not connect|Unable to connect|SSHException|SSH session not active|ConnectionResetError|Broken ?[Pp]ipe"
        r"|EOFError|timed out|TimeoutError"
        r"|No route to host|Socket is closed|Connection lost",
        "The connection to the host was lost or it did not answer in time. See whether it is up and reachable by ssh,"
        " then run the same command again. What was begun there may have gone on by itself: the next run looks first.",
    ),
    (
        r"Invalid credentials|Authentication failed for user|exit(ed)? (with )?101\b",
        "Open-Xchange refuses the administrator's password: check the secrets (tasks/secrets.py names them), then run"
        " the same command again.",
    ),
    (
        r"Access denied for user|ERROR 1045|\(1045",
        "The database refuses the account of configdb.properties (or database_url): check that file on the node.",
    ),
    (
        r"Can't connect to (MySQL|MariaDB|local)|ERROR 200[236]|\(2003|Lost connection to|server has gone away"
        r"|database .* does not answer",
        "The database does not answer: see that MariaDB runs and can be reached from the nodes, then run the same"
        " command again. Nothing is dropped without a dump that was read back.",
    ),
    (
        r"RMI|Connection refused to host|communication error|exit(ed)? (with )?105\b",
        "Open-Xchange's daemon does not answer its tools: see its log under /var/log/open-xchange, start it, then run"
        " the same command again.",
    ),
    (
        r"certificate verify failed|certificate has expired|Hostname mismatch|self.signed certificate",
        "The certificate is not one that phones would accept: check the certificate and its chain, and public_ca if"
        " the authority is your own, then run the same command again.",
    ),
    (
        r"not as Open-Xchange does",
        "ox_url points at something that is not Open-Xchange: correct it in group_data, then run the same command"
        " again. It must end with /ajax/, or /appsuite/api/ from version 8 on.",
    ),
)

STEPS = (
    (
        r"^Install the package",
        "See what the package manager said above. The node still has what it had, or a package that is half there,"
        " which the next run installs again. Mend the cause, then run the same command again.",
    ),
    (
        r"^Restart the groupware|groupware and admin",
        "See the daemon's log under /var/log/open-xchange on that host. If it only needs more time, raise"
        " groupware_start_timeout in group_data. Then run the same command again, which restarts what is still due.",
    ),
    (
        r"^Reset the database version",
        "The update tasks are still due, and remembered on the hosts. Mend the cause (the output names it), then run"
        " the same command again.",
    ),
    (
        r"updatetasks\.cfg",
        "See that updatetasks.cfg is in its folder on that host (otherwise move it back from updatetasks_parking by"
        " hand), then run the same command again.",
    ),
    (
        r"^Bring the tables of USM up to date",
        "`usmctl db status` on the first node says how each schema stands. Mend the cause, then run the same command"
        " again: what is done already is not done twice.",
    ),
    (
        r"^Run the service",
        "The service does not start with these settings: its log is /var/log/open-xchange/open-xchange-usm.log, and"
        " `usmctl check` on the node names what is wrong. Mend the setting in group_data, then run the same command"
        " again.",
    ),
    (
        r"^Forward ActiveSync",
        "Apache still runs with the configuration of before. The output above is that of configtest: mend what it"
        " names (it may be a file that is not ours), then run the same command again.",
    ),
    (
        r"may synchronise|ActiveSync for",
        "Everything else is deployed and serves. Check the names in `activesync` and the administrators' passwords,"
        " then run the same command again.",
    ),
    (
        r"^Ask the (service|web server)",
        "Everything is deployed, but does not answer as a phone needs it. `pyinfra inventory tasks/verify.py` shows all"
        " hosts at once and changes nothing; mend what is named, then run the same command again.",
    ),
)


def on(step: str, lines: Iterable[str]) -> str:
    """What to do about a step that failed with these last lines of output."""
    said = "\n".join(lines)
    for pattern, sentence in SAID:
        if re.search(pattern, said):
            return sentence
    for pattern, sentence in STEPS:
        if re.search(pattern, step):
            return sentence
    return AGAIN
