"""What a host of each role is given before it starts, and what is done on it once it runs."""

from __future__ import annotations

from pathlib import Path

from lab import base, keys, standin
from lab.enter import command_on
from lab.plan import FILES, HOSTS, Host, Lab, hosts_file
from lab.steps import Steps


def put(root: Path, path: str, content: str, mode: int = 0o644) -> None:
    """Writes a file into a host's own layer."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=mode)
    target.chmod(mode)
    target.write_text(content)


def layers(host: Host) -> list[Path]:
    """The layers that the host's root file system stands on, the uppermost first."""
    below = base.layers_of(host.role)
    return [standin.layer(), *below] if host.role == "ox" else below


def layer_names() -> list[str]:
    """The layers in use, by name."""
    return [*(base.layer(recipe.name).name for recipe in base.RECIPES), standin.layer().name]


def ensure_layers(report: Steps) -> bool:
    """Builds the layers that are not there yet; whether there were such."""
    built = [base.ensure(report), standin.ensure(report)]
    return any(built)


def prepare(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    """Writes everything that distinguishes this host from its layers into its own layer."""
    upper.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    put(upper, "etc/hostname", host.name + "\n")
    put(upper, "etc/hosts", hosts_file())
    put(upper, "etc/inittab", (FILES / "inittab").read_text())
    put(upper, "etc/ssh/sshd_config.d/lab.conf", (FILES / "sshd.conf").read_text())
    key = keys.host_key(lab, host.name)
    put(upper, "etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
    put(upper, "etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text())
    ssh = upper / "root" / ".ssh"
    ssh.mkdir(parents=True, exist_ok=True)
    (upper / "root").chmod(0o700)
    ssh.chmod(0o700)
    put(upper, "root/.ssh/authorized_keys", lab.key.with_suffix(".pub").read_text(), 0o600)
    PREPARE[host.role](lab, host, upper, report)


def _prepare_web(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    certificates = lab.authority.parent
    put(upper, "etc/apache2/tls/ox.pem", (certificates / "web1.pem").read_text())
    put(upper, "etc/apache2/tls/ox.key", (certificates / "web1.key").read_text(), 0o600)
    members = "".join(
        f"    BalancerMember http://{each.address}:{each.port} timeout=100 smax=0 ttl=60 retry=60 loadfactor=50 "
        f"route={each.route}\n"
        for each in HOSTS
        if each.role == "ox"
    )
    put(upper, "etc/apache2/conf-available/proxy_ox.conf", _fill("proxy_ox.conf", MEMBERS=members))
    put(upper, "etc/apache2/sites-available/ox.conf", (FILES / "site.conf").read_text())
    put(upper, "var/www/html/ox6/index.html", (FILES / "ox6.html").read_text())
    _enable(upper, "conf", "proxy_ox")
    _enable(upper, "sites", "ox")


def _enable(upper: Path, kind: str, name: str) -> None:
    """What a2enconf and a2ensite do: a link."""
    link = upper / "etc/apache2" / f"{kind}-enabled" / f"{name}.conf"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(f"../{kind}-available/{name}.conf")


def _fill(name: str, **values: str) -> str:
    text = (FILES / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _prepare_db(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    put(upper, "etc/mysql/mariadb.conf.d/60-lab.cnf", (FILES / "mariadb.cnf").read_text())


def _prepare_ox(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    standin.write_settings(lab, host, upper, report)


PREPARE = {"web": _prepare_web, "db": _prepare_db, "ox": _prepare_ox}

# OX starts on a database that holds its data already, as it would in a data centre.
START_ORDER = (("db", "web"), ("ox",))


def finish(lab: Lab, host: Host, seed: str, report: Steps) -> None:
    """What is done on a new host once it runs."""
    if host.role == "db":
        with report.step("OX's account in the database"):
            _make_accounts(lab, host, report)
        with report.step("the groupware's databases, users, mails, contacts"):
            standin.fill_database(lab, seed, report)


def _make_accounts(lab: Lab, host: Host, report: Steps) -> None:
    password = keys.passwords(lab)["database"]
    statements = (
        f"CREATE OR REPLACE USER 'openexchange'@'10.77.0.%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO 'openexchange'@'10.77.0.%';\n"
    )
    report.run(command_on(lab, host, ["mariadb"]), stdin=statements)
