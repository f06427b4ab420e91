"""Keys and passwords of a lab: ssh, a certificate authority with the web hosts' certificates, OX's and the database's.

All are made once for a lab and kept under ``.lab/<name>/`` until ``down`` removes them; nothing is shared with the
machine's own ``~/.ssh``.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

from lab.plan import SITE, Lab

DAYS = "30"
# The account that OX has in the database, and its own name of the administrator of everything.
ACCOUNTS = ("database", "oxadminmaster")
# All users of the stand-in's data have this password, the contexts' administrators among them.
CONTEXT_PASSWORD = "secret"


def _quiet(*command: str | Path, stdin: str | None = None) -> None:
    words = [str(word) for word in command]
    subprocess.run(words, input=stdin, capture_output=True, text=True, check=True)


def host_key(lab: Lab, name: str) -> Path:
    return lab.directory / "host-keys" / name


def make_ssh(lab: Lab) -> None:
    """The controller's key, a host key each, ``known_hosts`` and ``ssh_config``."""
    keys = [(lab.key, f"{lab.name}-controller")]
    keys += [(host_key(lab, each.name), each.name) for each in lab.hosts]
    for path, comment in keys:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _quiet("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)
    known = []
    for each in lab.hosts:
        kind, key, _ = host_key(lab, each.name).with_suffix(".pub").read_text().split(maxsplit=2)
        known.append(f"{each.name},{each.address} {kind} {key}\n")
    lab.known_hosts.write_text("".join(known))
    lab.ssh_config.write_text(_ssh_config(lab))


def _ssh_config(lab: Lab) -> str:
    blocks = [f"Host {each.name}\n    HostName {each.address}\n" for each in lab.hosts]
    names = " ".join(f"{each.name} {each.address}" for each in lab.hosts)
    blocks.append(
        f"Host {names}\n"
        "    User root\n"
        f'    IdentityFile "{lab.key}"\n'
        "    IdentitiesOnly yes\n"
        f'    UserKnownHostsFile "{lab.known_hosts}"\n'
        "    StrictHostKeyChecking yes\n"
    )
    return "".join(blocks)


def make_certificates(lab: Lab) -> None:
    """A certificate authority of the lab's own, and by it the certificates of the web hosts."""
    folder = lab.authority.parent
    webs = lab.plan.of_role("web")
    if all(path.exists() for path in (lab.authority, *(folder / f"{web.name}.pem" for web in webs))):
        return
    folder.mkdir(parents=True, exist_ok=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _quiet(
        *("openssl", "req", "-x509", *curve, "-keyout", folder / "ca.key", "-out", lab.authority),
        *("-days", DAYS, "-subj", "/CN=certificate authority of the lab"),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    for web in webs:
        own = folder / web.name
        request, key = own.with_suffix(".csr"), own.with_suffix(".key")
        _quiet("openssl", "req", *curve, "-keyout", key, "-out", request, "-subj", f"/CN={SITE}")
        names = f"subjectAltName=DNS:{SITE},DNS:{web.name},IP:{web.address}\n"
        extensions = own.with_suffix(".ext")
        extensions.write_text(names + "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        _quiet(
            *("openssl", "x509", "-req", "-in", request, "-CA", lab.authority, "-CAkey", folder / "ca.key"),
            *("-CAcreateserial", "-days", DAYS, "-extfile", extensions, "-out", own.with_suffix(".pem")),
        )
    for private in folder.glob("*.key"):
        private.chmod(0o600)


def passwords(lab: Lab) -> dict[str, str]:
    """The lab's passwords by account (ACCOUNTS and ``oxadmin``); made on first use."""
    if lab.secrets.exists():
        return dict(json.loads(lab.secrets.read_text()))
    made = {account: secrets.token_hex(12) for account in ACCOUNTS} | {"oxadmin": CONTEXT_PASSWORD}
    lab.directory.mkdir(parents=True, exist_ok=True)
    lab.secrets.touch(mode=0o600)
    lab.secrets.write_text(json.dumps(made, indent=1) + "\n")
    return made


def database_url(lab: Lab) -> str:
    """The SQLAlchemy URL, without a database name, of OX's account on db1."""
    return f"mysql+pymysql://openexchange:{passwords(lab)['database']}@{lab.host('db1').address}/"
