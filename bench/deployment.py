"""How long a run takes that finds nothing to do, beside Ansible doing the same tasks on the same hosts.

``python -m bench.deployment [--hosts 3 10 50] [--rounds 3]``, as root: a lab for each number of hosts, on which the
application is deployed once. Then both take turns: this deployment, Ansible (``bench/ansible/site.yml``), and so on.
Both are given what makes them fast; Ansible pipelining, connections that are kept, a fork for each host, no gathering
of facts, and ready files instead of templates. Each run must report that nothing was changed, or its figure does not
count.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.commands import Cost, measured
from bench.figures import Figure, tell
from lab import enter, hosts, machine
from lab.plan import PROJECT, STATE, Lab, plan_named

PLAYBOOK = Path(__file__).with_name("ansible") / "site.yml"
ENVIRONMENT = PROJECT / ".venv-ansible"
ANSIBLE = "ansible-core>=2.17,<2.20"
TIMES_FASTER = 10.0
PROPERTIES = ("usm", "eas")
APACHE = "etc/apache2/conf-available/000-open-xchange-usm.conf"


def ansible() -> Path:
    """``ansible-playbook`` in a virtual environment of its own, made if it is not there."""
    program = ENVIRONMENT / "bin" / "ansible-playbook"
    if not program.exists():
        print("Ansible: installing it into .venv-ansible", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([ENVIRONMENT / "bin" / "pip", "install", "--quiet", ANSIBLE], check=True)
    return program


@dataclass(frozen=True, slots=True)
class Race:
    """Two ways to deploy to one lab."""

    lab: Lab
    folder: Path

    def deploy(self) -> tuple[Cost, str]:
        """A run of this project's deployment."""
        command = [sys.executable, "-m", "tasks", "inventory/lab.py"]
        environment = {**enter.environment(self.lab), "USM_DEPLOY_LOG": str(self.folder)}
        return measured(enter.command_inside(self.lab, command), environment)

    def deploy_again(self) -> Cost:
        """A run that must find nothing to do."""
        cost, printed = self.deploy()
        if "Nothing was changed" not in printed:
            sys.exit(f"the deployment changed something:\n{printed[-4000:]}")
        return cost

    def play_again(self) -> Cost:
        """A run of Ansible that must find nothing to do."""
        command = [
            *(str(ansible()), "--inventory", str(self.folder / "hosts.json"), str(PLAYBOOK)),
            *("--extra-vars", f"@{self.folder / 'vars.json'}", "--forks", str(len(self.lab.hosts))),
        ]
        cost, printed = measured(enter.command_inside(self.lab, command), self._environment())
        recap = re.findall(r"ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", printed)
        if not recap or any(set(row[1:]) != {"0"} for row in recap):
            sys.exit(f"Ansible changed something, or failed:\n{printed[-4000:]}")
        return cost

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in enter.environment(self.lab).items()
            if not name.startswith("ANSIBLE")
        }
        return {
            **kept,
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder),
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "LC_ALL": "C.UTF-8",
        }

    def write_for_ansible(self) -> None:
        """Its inventory and variables; the files that it is to find are those that the deployment has brought."""
        by_role = {"web": self.lab.plan.of_role("web"), "ox": self.lab.plan.of_role("ox", "app")}
        reach = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.lab.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.lab.known_hosts} -F /dev/null",
        }
        groups = {
            role: {"hosts": {each.name: {"ansible_host": each.address} for each in found}}
            for role, found in by_role.items()
        }
        inventory = {"all": {"vars": reach, "children": groups}}
        (self.folder / "ansible.cfg").touch()
        (self.folder / "hosts.json").write_text(json.dumps(inventory))
        for each in self.lab.plan.of_role("web", "ox", "app"):
            self._collect(each.name, each.role, each.generation)
        secrets = json.loads(self.lab.secrets.read_text())
        (self.folder / "vars.json").write_text(
            json.dumps({**self._variables(), "context_password": secrets["oxadmin"]})
        )

    def _collect(self, name: str, role: str, generation: int) -> None:
        target = self.folder / name
        target.mkdir()
        root = enter.root_of(self.lab, self.lab.plan.host(name))
        if role == "web":
            shutil.copy(root / APACHE, target / "apache.conf")
            return
        etc = "opt/open-xchange/etc/groupware" if generation == 6 else "opt/open-xchange/etc"
        for each in PROPERTIES:
            shutil.copy(root / etc / f"{each}.properties", target)

    def _variables(self) -> dict[str, object]:
        first = self.lab.plan.of_role("ox")[0]
        wanted = subprocess.run(
            enter.command_on(
                self.lab, first, ["dpkg-query", "-W", "-f", "${Version} ${Build-Id}", "open-xchange-usm"]
            ),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        modules = enter.root_of(self.lab, self.lab.plan.of_role("web")[0]) / "etc/apache2/mods-enabled"
        return {
            "wanted": wanted,
            "administration": first.name,
            "package": str(next((PROJECT / "dist").glob("*.deb"))),
            "rendered": str(self.folder),
            "contexts": [1, 2],
            "activesync": {"1": ["anton", "berta"], "2": "all"},
            "apache_modules": sorted(path.stem for path in modules.glob("proxy*.load")),
        }


def race(count: int, rounds: int) -> list[Figure]:
    """Both on a lab of so many hosts."""
    lab = Lab(f"bench{count}")
    report = hosts.steps(lab, "up")
    print(f"{count} hosts: bringing them up", file=sys.stderr)
    try:
        hosts.up(lab, report, "small", plan_named(f"many{count}"))
        with tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as folder:
            course = Race(lab, Path(folder))
            print(f"{count} hosts: deploying once", file=sys.stderr)
            first, _ = course.deploy()
            course.write_for_ansible()
            ours, theirs = [course.deploy_again()], [course.play_again()]
            for number in range(rounds):
                print(f"{count} hosts: round {number + 1} of {rounds}", file=sys.stderr)
                ours.append(course.deploy_again())
                theirs.append(course.play_again())
    finally:
        hosts.down(lab, hosts.steps(lab, "down"))
    return _figures(count, first, ours[1:], theirs[1:])


def _figures(count: int, first: Cost, ours: list[Cost], theirs: list[Cost]) -> list[Figure]:
    walls = [them.wall / us.wall for us, them in zip(ours, theirs, strict=True)]
    cpus = [them.cpu / us.cpu for us, them in zip(ours, theirs, strict=True)]
    of = f"{count} hosts"
    return [
        Figure(f"{of}: first run", first.wall, "s"),
        Figure(f"{of}: nothing to do", median([cost.wall for cost in ours]), "s"),
        Figure(f"{of}: nothing to do, controller", median([cost.cpu for cost in ours]), "s CPU"),
        Figure(f"{of}: nothing to do, Ansible", median([cost.wall for cost in theirs]), "s"),
        Figure(f"{of}: nothing to do, Ansible's controller", median([cost.cpu for cost in theirs]), "s CPU"),
        Figure(f"{of}: times faster than Ansible", median(walls), "x", ("at least", TIMES_FASTER)),
        Figure(f"{of}: times less processor than Ansible", median(cpus), "x"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.deployment", description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=[3, 10, 50], help="how many hosts (3 10 50)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (3)")
    options = parser.parse_args(arguments)
    machine.require_root()
    ansible()
    figures: list[Figure] = []
    for count in options.hosts:
        figures += race(count, options.rounds)
    return tell("deployment", figures)


if __name__ == "__main__":
    sys.exit(main())
