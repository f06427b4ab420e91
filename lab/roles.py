"""What a host of each role is given before it starts, and what is done on it once it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from lab import base, keys, standin
from lab.enter import command_on
from lab.plan import FILES, PLANS, STATE, Host, Lab, Plan
from lab.steps import Steps

# Role, generation, family of a host → what it is made by.
RECIPES = {
    ("web", 0, "deb"): "web",
    ("web", 0, "rpm"): "httpd",
    ("ox", 6, "deb"): "ox",
    ("ox", 7, "deb"): "ox7",
    ("ox", 7, "rpm"): "ox7rpm",
    ("app", 0, "deb"): "app",
    ("db", 0, "deb"): "db",
}

LAYERS_IN_USE = "layers.json"


def put(root: Path, path: str, content: str, mode: int = 0o644) -> None:
    """Writes a file into a host's own layer."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=mode)
    target.chmod(mode)
    target.write_text(content)


def layers(host: Host) -> list[Path]:
    """The layers that a new host's root file system stands on, the uppermost first."""
    above = [standin.layer(recipe(host))] if host.role == "ox" else []
    return [*above, *base.layers_of(recipe(host))]


def recipe(host: Host) -> str:
    """The recipe of ``lab.base`` that a host is made by."""
    return RECIPES[host.role, host.generation, host.family]


def layer_names(plan: Plan) -> list[str]:
    """The layers that the hosts of a plan stand on, by name."""
    return sorted(_names(plan.hosts))


def _names(hosts: Iterable[Host]) -> set[str]:
    return {layer.name for host in hosts for layer in layers(host)}


def _hosts_of_all_plans() -> list[Host]:
    return [host for plan in PLANS.values() for host in plan.hosts]


def record_layers(lab: Lab) -> None:
    """Writes down which layers the lab's hosts stand on: these must not be removed, nor changed for others."""
    (lab.directory / LAYERS_IN_USE).write_text(json.dumps(layer_names(lab.plan)) + "\n")


def recorded_layers(lab: Lab, host: Host) -> list[Path]:
    """The layers that the host's root file system was made on, whatever the recipes say now."""
    names = json.loads((lab.directory / LAYERS_IN_USE).read_text())
    by_recipe = {name.rpartition("-")[0]: name for name in names}
    return [base.LAYERS / by_recipe[layer.name.rpartition("-")[0]] for layer in layers(host)]


def layers_in_use() -> set[str]:
    """The layers that recipes stand for or that any lab of this clone runs on, by name."""
    records = STATE.glob(f"*/{LAYERS_IN_USE}")
    recorded = {name for record in records for name in json.loads(record.read_text())}
    return recorded | {base.layer(each.name).name for each in base.RECIPES} | _names(_hosts_of_all_plans())


def ensure_layers(report: Steps, plan: Plan | None = None) -> bool:
    """Builds the layers that the plan's hosts need, or all, if they are not there yet; whether there were such."""
    hosts = plan.hosts if plan else _hosts_of_all_plans()
    built = [base.ensure(report, {recipe(host) for host in hosts} if plan else None)]
    groupware = {(recipe(host), host.generation) for host in hosts if host.role == "ox"}
    built += [standin.ensure(report, *each) for each in sorted(groupware)]
    return any(built)


def preparation_order(host: Host) -> int:
    """A host of the application alone is given what the groupware's administrator would copy from an OX host."""
    return host.role == "app"


def prepare(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    """Writes everything that distinguishes this host from its layers into its own layer, an empty one."""
    put(upper, "etc/hostname", host.name + "\n")
    put(upper, "etc/hosts", lab.plan.hosts_file())
    if host.systemd:
        put(upper, "etc/machine-id", hashlib.md5(lab.namespace_of(host).encode()).hexdigest() + "\n")
    else:
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


# Where Apache has what, by family.
APACHE = {
    "deb": {
        "certificate": "etc/apache2/tls/ox.pem",
        "key": "etc/apache2/tls/ox.key",
        "proxy": "etc/apache2/conf-available/proxy_ox.conf",
        "site": "etc/apache2/sites-available/ox.conf",
    },
    "rpm": {
        "certificate": "etc/pki/tls/certs/ox.pem",
        "key": "etc/pki/tls/private/ox.key",
        "proxy": "etc/httpd/conf.d/proxy_ox.conf",
        "site": "etc/httpd/conf.d/ox.conf",
    },
}


def _prepare_web(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    places = APACHE[host.family]
    certificates = lab.authority.parent
    put(upper, places["certificate"], (certificates / f"{host.name}.pem").read_text())
    put(upper, places["key"], (certificates / f"{host.name}.key").read_text(), 0o600)
    members = "".join(
        f"    BalancerMember http://{each.address}:{each.port} timeout=100 smax=0 ttl=60 retry=60 loadfactor=50 "
        f"route={each.route}\n"
        for each in lab.plan.of_role("ox")
    )
    put(upper, places["proxy"], _fill("proxy_ox.conf", MEMBERS=members))
    tls = {"CERTIFICATE": f"/{places['certificate']}", "KEY": f"/{places['key']}"}
    put(upper, places["site"], _fill("site.conf", **tls))
    put(upper, "var/www/html/ox6/index.html", (FILES / "ox6.html").read_text())
    if host.family == "deb":
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
    put(upper, "etc/mysql/mariadb.conf.d/60-lab.cnf", _fill("mariadb.cnf", ADDRESS=host.address))


def _prepare_ox(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    standin.write_settings(lab, host, layers(host)[0], upper, report)


def _prepare_app(lab: Lab, host: Host, upper: Path, report: Steps) -> None:
    first = lab.plan.of_role("ox")[0]
    standin.copy_database_settings(lab.place_of(first) / "own" / "upper", upper)


PREPARE = {"web": _prepare_web, "db": _prepare_db, "ox": _prepare_ox, "app": _prepare_app}

# OX starts on a database that holds its data already, as it would in a data centre.
START_ORDER = (("db", "web"), ("ox", "app"))


def finish(lab: Lab, host: Host, seed: str, report: Steps) -> None:
    """What is done on a new host once it runs."""
    if host.role == "db":
        with report.step("OX's account in the database"):
            _make_accounts(lab, host, report)
        with report.step("the groupware's databases, users, mails, contacts"):
            standin.fill_database(lab, seed, report)


def shut_down(lab: Lab, host: Host, report: Steps) -> None:
    """Ends a host's service properly where its files want that: MariaDB's."""
    report.run(command_on(lab, host, ["/etc/init.d/mariadb", "stop"]))


def _make_accounts(lab: Lab, host: Host, report: Steps) -> None:
    password = keys.passwords(lab)["database"]
    statements = (
        f"CREATE OR REPLACE USER 'openexchange'@'10.77.0.%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO 'openexchange'@'10.77.0.%';\n"
    )
    report.run(command_on(lab, host, ["mariadb"]), stdin=statements)
