"""A real Apache: what it forwards, how nodes are drained, and that nothing leaves it broken.

The nodes are programs of a few lines that say who they are, so that no test waits for an application.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import FunctionCommand

from lab.testing import LabHosts
from tasks import balancer, proxy, report, scripts
from tasks.nodes import Node, NodeState
from tests.deploy.fakes import FakeHost, defaults, on, plain
from tests.deploy.hosts import NODES, PATH, PYINFRA, exists
from tests.packaging.deb import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

CONF = "/etc/apache2/conf-available/000-open-xchange-usm.conf"
HOME = "/etc/apache2/open-xchange-usm"
PORT = 8099

NODE = """
import http.server, socketserver, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if "wait" in self.path:
            time.sleep(4)
        text = f"{sys.argv[1]} {self.path} {self.headers.get('X-Forwarded-Proto')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_POST = do_OPTIONS = do_GET
    def log_message(self, *arguments):
        pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 100
Server(("0.0.0.0", int(sys.argv[2])), Answer).serve_forever()
"""

START = f"cat >/tmp/node.py; setsid python3 /tmp/node.py $0 {PORT} >/dev/null 2>&1 & echo $! >/tmp/node.pid"

FORWARD = "from tasks import proxy, run\nrun._note_begin(name='Begin')\nproxy.forward()\nrun.finish()\n"
TURN = """
import os
from pyinfra.api.operation import operation
from pyinfra.context import host
from tasks import balancer, run

@operation()
def turn():
    yield from getattr(balancer, os.environ["TURN"])(host)

run._note_begin(name="Begin")
if host.name == os.environ["NODE"]:
    turn(name="Turn")
run.finish()
"""
CLEAR = f"""
a2disconf -q 000-open-xchange-usm; a2dissite -q zzz-open-xchange-usm
rm -rf {CONF} {HOME} /etc/apache2/sites-available/zzz-open-xchange-usm.conf
a2dismod -q --force rewrite proxy_hcheck lbmethod_bybusyness proxy_ajp
/etc/init.d/apache2 restart
"""


@dataclass(frozen=True, slots=True)
class Web:
    """web1, and the deployment of its Apache alone."""

    hosts: LabHosts
    folder: Path

    def pyinfra(self, deploy: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A run over ssh."""
        (self.folder / "deploy.py").write_text(deploy)
        command = [PYINFRA, "inventory/lab.py", str(self.folder / "deploy.py"), *(words or ("-y",))]
        command += ["--data", f"proxy_port={PORT}"]
        return self.hosts.inside(*command, check=False, env={**os.environ, **environment}, cwd=PROJECT)

    def turn(self, what: str, node: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Drains or restores a node."""
        return self.pyinfra(TURN, "-y", "--limit", node, *words, TURN=what, NODE=node)

    def due(self, **settings: Any) -> list[Any]:
        """What the step would do on web1 as it is now."""
        web = FakeHost("web1", ["web"], defaults(proxy_port=PORT, **settings))
        drained = {name: exists(self.hosts, name, balancer.DRAINED) for name in NODES}
        members = [
            FakeHost(
                name,
                ["ox"],
                defaults(proxy_port=PORT, address=self.hosts.lab.plan.host(name).address),
                {NodeState: Node(running=True, drained=drained[name])},
            )
            for name in NODES
        ]
        told = self.script("apache-state", "8008").stdout
        web.facts[proxy.Forwarding] = proxy.Forwarding().process(told.splitlines())
        with on(web, [web, *members]):
            return list(proxy._forward._inner())

    def forward(self, **settings: Any) -> str:
        """Does what is due, without the way over ssh. What it complained of; nothing when it succeeded."""
        for command in self.due(**settings):
            if said := self.carry_out(command):
                return said
        return ""

    def carry_out(self, command: Any) -> str:
        """Runs a command on web1. What it complained of; nothing when it succeeded."""
        if isinstance(command, FunctionCommand):
            return plain(command)
        words = [str(getattr(bit, "obj", bit)) for bit in command.bits]
        done = self.hosts.run(
            "web1", *words, stdin=command.connector_arguments.get("_stdin", ""), check=False
        )
        return done.stdout + done.stderr if done.returncode else ""

    def sh(self, script: str, check: bool = True) -> str:
        return self.hosts.sh("web1", script, check=check)

    def ask(self, path: str = PATH, *words: str, url: str = "http://web1") -> str:
        """Status, headers and text of an answer."""
        told = ("--silent", "--include", "--max-time", "20")
        return self.hosts.inside("curl", *told, *words, f"{url}{path}", check=False).stdout

    def who(self, path: str = PATH) -> set[str]:
        """Which nodes answer ten requests."""
        lines = "; ".join(f"curl -s --max-time 9 'http://web1{path}'; echo" for _ in range(10))
        return {line.split()[0] for line in self.hosts.inside("sh", "-c", lines).stdout.splitlines() if line}

    def state(self, path: str) -> str:
        return self.sh(f"sha256sum <{path}", check=False)

    def script(
        self, name: str, *arguments: str, stdin: str = "", before: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """A script of ours on the host; ``before`` stands in front of it, for bash."""
        text = before + scripts.text("apache-layout") + scripts.text(name)
        shell = "bash" if before else "sh"
        return self.hosts.run("web1", shell, "-c", text, name, *arguments, stdin=stdin, check=False)


@pytest.fixture(scope="module")
def bare(lab_hosts: LabHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """An Apache without anything of ours, and two nodes. Afterwards Apache is as it was found."""
    one = Web(lab_hosts, tmp_path_factory.mktemp("proxy"))
    one.sh("tar -C /etc -cf /tmp/apache.tar apache2")
    one.sh(CLEAR, check=False)
    for name in NODES:
        lab_hosts.run(name, "sh", "-c", START, name, stdin=NODE)
    yield one
    for name in NODES:
        lab_hosts.sh(name, "kill $(cat /tmp/node.pid); rm -f /tmp/node.p*", check=False)
    one.sh(f"{CLEAR}rm -rf /etc/apache2; tar -C /etc -xf /tmp/apache.tar; /etc/init.d/apache2 restart")


@pytest.fixture(scope="module")
def web(bare: Web) -> Web:
    """Apache as it is after a first run, over ssh as an administrator does it."""
    done = bare.pyinfra(FORWARD)
    assert done.returncode == 0, done.stdout + done.stderr
    return bare


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "notes", [])


def test_phones_reach_every_node_and_the_second_run_does_nothing(web: Web) -> None:
    assert web.who() == set(NODES)
    process = web.sh("cat /run/apache2/apache2.pid")
    assert web.due() == []
    printed = web.pyinfra(FORWARD, "--dry", "--json").stdout
    plan = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])["plan"]
    assert [step["name"] for step in plan if step["hosts_with_change"]] == []
    assert web.sh("cat /run/apache2/apache2.pid") == process


def test_autodiscover_reaches_the_nodes_however_it_is_spelled(web: Web) -> None:
    for path in (
        "/autodiscover/autodiscover.xml",
        "/Autodiscover/Autodiscover.xml",
        "/autodiscover/autodiscover.json?Email=a@example.org&Protocol=ActiveSync",
        "/Autodiscover/Autodiscover.json/v1.0/a@example.org?Protocol=ActiveSync",
    ):
        assert path in web.ask(path)
    for path in ("/autodiscover/autodiscover.xml.bak", "/autodiscover/autodiscover.jsonp"):
        assert " 404 " in web.ask(path)


FOR_ADMINISTRATORS = (
    "/usm/admin/",
    "/usm/admin",
    "/usm/%61dmin/",
    "/usm//admin/",
    "/usm/x/../admin/",
    "/usm/%2e/admin/",
    "/usm/ADMIN/",
    "/usm/metrics",
    "/usm/health/live",
    "/usm/tables",
)


def reached(answer: str) -> bool:
    """Whether a node has answered."""
    return any(f"\n{name} " in answer.replace("\r", "") for name in NODES)


def test_users_have_their_pages_and_nobody_has_those_of_administrators(web: Web) -> None:
    assert reached(web.ask("/usm/devices"))
    for path in FOR_ADMINISTRATORS:
        answer = web.ask(path, "--path-as-is")
        assert not reached(answer), path
        assert not answer.startswith("HTTP/1.1 2"), path


def test_what_a_client_says_of_tls_is_not_believed(web: Web) -> None:
    for path in (PATH, "/usm/devices", "/autodiscover/autodiscover.xml"):
        assert web.ask(path, "--header", "X-Forwarded-Proto: https").endswith(" http")


def test_the_manager_answers_root_of_the_web_host_alone(web: Web) -> None:
    def status(place: str, *words: str) -> str:
        """What it answers to a request from the web host itself."""
        told = ("-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5")
        return web.hosts.run("web1", "curl", *told, *words, f"http://{place}/balancer", check=False).stdout

    token = web.sh(f"sed 's/.* //' {HOME}/token").strip()
    with_token = ("-H", f"X-Open-Xchange-Usm: {token}")
    assert status("127.0.0.1:8008", *with_token) == "200"
    assert status("127.0.0.1:8008") == "403"
    assert status("127.0.0.1", *with_token) == "404"
    assert status("web1:8008", *with_token) == "000"
    assert web.sh(f"stat -c %a {HOME} {HOME}/token").split() == ["700", "600"]


@pytest.fixture
def drained(web: Web) -> Iterator[Web]:
    """ox1 is out of the balancer."""
    done = web.turn("drain", "ox1")
    assert done.returncode == 0, done.stderr
    yield web
    assert web.turn("restore", "ox1").returncode == 0
    assert web.who() == set(NODES)
    assert not (web.hosts.root("ox1") / "var/lib/open-xchange-usm/drained").exists()


def test_a_drained_node_gets_no_new_request_and_finishes_its_own(web: Web) -> None:
    command = web.hosts.command_inside("curl", "-s", f"http://web1{PATH}?wait")
    environment = web.hosts.environment
    waiting = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    time.sleep(0.5)
    done = web.turn("drain", "ox1")
    assert done.returncode == 0, done.stderr
    assert [process.poll() for process in waiting] == [0, 0]
    assert {process.communicate()[0].split()[0] for process in waiting} == set(NODES)
    assert web.who() == {"ox2"}
    assert (web.hosts.root("ox1") / "var/lib/open-xchange-usm/drained").exists()


def test_it_stays_out_through_restart_reload_and_a_new_configuration(drained: Web) -> None:
    for change in ("/etc/init.d/apache2 restart", "/etc/init.d/apache2 reload; sleep 1"):
        drained.sh(change)
        assert drained.who() == {"ox2"}
    assert drained.forward(proxy_retry=6) == ""
    assert drained.who() == {"ox2"}
    assert drained.forward() == ""


def test_it_is_put_back_when_it_answers_and_not_before(drained: Web) -> None:
    drained.hosts.sh("ox1", "kill -STOP $(cat /tmp/node.pid)")
    done = drained.turn("restore", "ox1", "--data", "restore_timeout=1")
    drained.hosts.sh("ox1", "kill -CONT $(cat /tmp/node.pid)")
    assert done.returncode == 1
    assert f"ox1 does not answer this web server at http://10.77.0.12:{PORT}" in done.stderr
    assert drained.who() == {"ox2"}
    assert (drained.hosts.root("ox1") / "var/lib/open-xchange-usm/drained").exists()


def test_a_node_that_refused_a_request_once_is_put_back_all_the_same(web: Web) -> None:
    """Without a request Apache itself would not try it again."""
    web.hosts.sh("ox1", "kill $(cat /tmp/node.pid)")
    assert web.who() == {"ox2"}
    assert "member=ox1 0 Init Err" in web.script("balancer", "state", "usm_cluster", "8008").stdout
    balancer_does(web, "out", "usm_cluster", "8008", "ox1")
    web.hosts.run("ox1", "sh", "-c", START, "ox1", stdin=NODE)
    balancer_does(web, "in", "usm_cluster", "8008", "ox1", PATH, "5", "5")
    assert web.who() == set(NODES)


def balancer_does(web: Web, *arguments: str) -> None:
    done = web.script("balancer", *arguments)
    assert done.returncode == 0, done.stderr


def test_when_no_node_is_left_a_phone_is_told_when_to_come_back(web: Web) -> None:
    for name in NODES:
        balancer_does(web, "out", "usm_cluster", "8008", name)
    answer = web.ask()
    for name in NODES:
        balancer_does(web, "in", "usm_cluster", "8008", name, PATH, "5", "5")
    assert answer.startswith("HTTP/1.1 503 ")
    assert "\nRetry-After: 5\n" in answer
    assert web.who() == set(NODES)


def test_what_apache_does_not_accept_changes_nothing(web: Web) -> None:
    before = web.state(CONF)
    said = web.forward(proxy_timeout="long")
    assert "Apache does not accept the new configuration; the one of before stays" in said
    assert web.state(CONF) == before
    assert web.due() == []


def test_a_configuration_that_somebody_else_broke_is_named_and_left_alone(web: Web) -> None:
    site = "/etc/apache2/sites-available/ox.conf"
    web.sh(f"echo Nonsense >>{site}")
    try:
        said = web.forward()
    finally:
        web.sh(f"sed -i /^Nonsense/d {site}")
    assert "broken before, and not by us" in said
    assert "sites-enabled/ox.conf" in said
    assert "Nonsense" in said
    assert web.due() == []


def test_a_port_that_is_taken_is_named_and_apache_goes_on(web: Web) -> None:
    web.sh(
        "setsid python3 -m http.server --bind 127.0.0.1 8017 >/dev/null 2>&1 & echo $! >/tmp/taken; sleep 1"
    )
    said = web.forward(manager_port=8017)
    web.sh("kill $(cat /tmp/taken)")
    assert "port 8017 of 127.0.0.1 is taken" in said
    assert web.who() == set(NODES)
    assert web.due() == []


def test_apache_that_does_not_come_up_gets_its_old_lines_back(web: Web) -> None:
    """Its own test of the configuration does not find everything."""
    text = web.sh(f"cat {CONF}") + "Listen 127.0.0.1:22022\n"
    web.sh(
        "setsid python3 -m http.server --bind 127.0.0.1 22022 >/dev/null 2>&1 & echo $! >/tmp/taken; sleep 1"
    )
    done = web.script("apache", "", "restart", "8008", "", stdin=line(text.replace(".usm.", "0.usm.")))
    web.sh("kill $(cat /tmp/taken)")
    assert done.returncode == 1
    assert "Apache does not come up with the new configuration; the one of before is back" in done.stderr
    assert web.who() == set(NODES)
    assert web.due() == []


def test_a_disk_that_is_full_changes_nothing(web: Web) -> None:
    web.sh(
        f"rm -rf /tmp/kept; cp -a {HOME} /tmp/kept; mount -t tmpfs -o size=64k,mode=700 tmpfs {HOME};"
        f" cp -a /tmp/kept/. {HOME}; dd if=/dev/zero of={HOME}/full",
        check=False,
    )
    before = web.state(CONF)
    said = web.forward(proxy_retry=8)
    after = web.state(CONF), web.who()
    web.sh(f"umount {HOME}")
    assert "othing was changed" in said
    assert after == (before, set(NODES))
    assert web.due() == []


def test_prefork_becomes_event(web: Web) -> None:
    web.sh("a2dismod -q --force mpm_event; a2enmod -q mpm_prefork; /etc/init.d/apache2 restart")
    assert web.forward() == ""
    assert "mpm_event_module" in web.sh("apache2ctl -M 2>/dev/null")
    assert web.due() == []
    assert web.who() == set(NODES)


def line(text: str) -> str:
    """What apache.sh is given for a configuration."""
    return f"conf {base64.b64encode(text.encode()).decode()}\n"


KILLED = "at=0; set -T; trap 'at=$((at + 1)); [ $at -lt %d ] || kill -9 $$' DEBUG\n"


# Apache is asked about its configuration for the second time after the new one was put in its place.
KILLED_LATE = r"""
before=/nowhere
asks='told=$("$control" -t 2>&1)'
stop() { [ "$BASH_COMMAND" != "$asks" ] || [ ! -e "$before/complete" ] || kill -9 $$; }
trap stop DEBUG
"""


@pytest.mark.parametrize("command", [20, 45, 65, 80, 95, 110])
def test_killed_anywhere_apache_serves_and_the_next_run_heals(web: Web, command: int) -> None:
    version = f"{command:016x}"
    text = re.sub(r"\w+\.usm\.invalid", f"{version}.usm.invalid", web.sh(f"cat {CONF}"))
    web.script("apache", "", "reload", "8008", "", stdin=line(text), before=KILLED % command)
    assert web.who() == set(NODES)
    done = web.script("apache", "", "reload", "8008", "", stdin=line(text))
    assert done.returncode == 0, done.stderr
    found = web.script("apache-state", "8008").stdout
    assert f"loaded={version}" in found
    assert "unfinished" not in found


def test_killed_before_apache_refused_its_lines_the_old_ones_come_back(web: Web) -> None:
    web.forward()
    before = web.state(CONF)
    web.script("apache", "", "reload", "8008", "", stdin=line("Nonsense\n"), before=KILLED_LATE)
    assert "Nonsense" in web.sh("apache2ctl -t 2>&1", check=False)
    assert web.forward() == ""
    assert web.state(CONF) == before
    assert web.due() == []


def test_a_first_configuration_that_is_not_accepted_leaves_no_trace(web: Web) -> None:
    web.sh(CLEAR, check=False)
    listing = "cd /etc/apache2; find . -not -path './open-xchange-usm*' | sort"
    before = web.sh(listing)
    assert "does not accept" in web.forward(proxy_timeout="long")
    assert web.sh(listing) == before
    available = "/etc/apache2/mods-available"
    web.sh(f"mv {available}/proxy_hcheck.load /tmp")
    said = web.forward()
    web.sh(f"mv /tmp/proxy_hcheck.load {available}")
    assert "Apache has no module proxy_hcheck" in said
    assert web.sh(listing) == before
    assert web.forward() == ""
    assert web.who() == set(NODES)


def test_the_guides_own_line_is_accepted_and_seen_to_be_loaded(web: Web) -> None:
    """The vendor's bundles on the web server itself; here nobody speaks AJP."""
    alone = FakeHost("web1", ["web", "ox"], defaults(proxy_scheme="ajp", proxy_port=8109))

    def due() -> list[Any]:
        told = web.script("apache-state", "8008").stdout
        alone.facts[proxy.Forwarding] = proxy.Forwarding().process(told.splitlines())
        with on(alone):
            return list(proxy._forward._inner())

    (command,) = due()
    assert web.carry_out(command) == ""
    assert due() == []
    assert f"\nProxyPass {PATH} ajp://127.0.0.1:8109{PATH} smax=0 ttl=60 retry=5\n" in web.sh(f"cat {CONF}")
    answer = web.ask()
    assert answer.startswith("HTTP/1.1 503 ")
    assert "\nRetry-After: 5\n" in answer
    assert web.forward() == ""


def test_a_line_of_the_sites_own_for_the_same_path_is_reported(web: Web) -> None:
    site = "/etc/apache2/sites-available/ox.conf"
    web.sh(
        f"cp {site} /tmp/site; sed -i '/RedirectMatch/a ProxyPass {PATH} ajp://127.0.0.1:8009{PATH}' {site}"
    )
    try:
        assert web.due() == []
    finally:
        web.sh(f"cp /tmp/site {site}")
    texts = [note.text for note in report.notes]
    assert texts
    assert all(
        re.match(r"/etc/apache2/sites-enabled/ox\.conf:\d+ forwards /Microsoft", text) for text in texts
    )


# As RHEL lays its Apache out: another tool, another service, modules loaded by files, prefork as it was up to RHEL 7.
RHEL = r"""
/etc/init.d/apache2 stop
mkdir -p /etc/httpd/conf /etc/httpd/conf.d /etc/httpd/conf.modules.d /run/httpd /etc/httpd/logs
ln -sfn /usr/lib/apache2/modules /etc/httpd/modules
cat >/etc/httpd/conf/httpd.conf <<'END'
ServerRoot /etc/httpd
PidFile /run/httpd/httpd.pid
DefaultRuntimeDir /run/httpd
User www-data
Group www-data
ErrorLog logs/error_log
ServerName localhost
Listen 80
IncludeOptional conf.modules.d/*.conf
IncludeOptional conf.d/*.conf
END
for module in authz_core authz_host reqtimeout alias proxy proxy_http proxy_balancer slotmem_shm headers env; do
    echo "LoadModule ${module}_module modules/mod_$module.so"
done >/etc/httpd/conf.modules.d/00-base.conf
cat >/etc/httpd/conf.modules.d/00-mpm.conf <<'END'
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
#LoadModule mpm_event_module modules/mod_mpm_event.so
END
printf '#!/bin/sh\nexec /usr/sbin/apache2 -d /etc/httpd -f conf/httpd.conf "$@"\n' >/usr/local/sbin/httpd
cat >/etc/init.d/httpd <<'END'
#!/bin/sh
alive() { kill -0 "$(cat /run/httpd/httpd.pid 2>/dev/null)" 2>/dev/null; }
# Its processes hold port 80 for a moment after the file with its number is gone.
listens() { grep -qiE "^ *[0-9]+: [0-9A-F]+:0050 [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6; }
end() { httpd -k stop; while alive || listens; do sleep 0.1; done; }
case $1 in
    status) alive ;;
    start | restart)
        if alive; then end; fi
        httpd -k start
        ;;
    reload) httpd -t && httpd -k graceful ;;
    stop) end ;;
esac
END
chmod 755 /usr/local/sbin/httpd /etc/init.d/httpd
/etc/init.d/httpd start
"""
NO_RHEL = """
/etc/init.d/httpd stop
rm -rf /etc/httpd /etc/init.d/httpd /usr/local/sbin/httpd /run/httpd
/etc/init.d/apache2 start
"""

# As SLES does: files in conf.d, modules switched by one tool.
SLES = r"""
mkdir -p /etc/apache2/conf.d /etc/apache2/vhosts.d
printf 'IncludeOptional conf.d/*.conf\nIncludeOptional vhosts.d/*.conf\n' >/etc/apache2/conf-enabled/sles.conf
cat >/usr/local/sbin/a2enmod <<'END'
#!/bin/sh
if [ "$1" = -d ]; then exec a2dismod --quiet --force "$2"; fi
exec /usr/sbin/a2enmod --quiet "$1"
END
printf '#!/bin/sh\n' >/usr/local/sbin/a2enflag
chmod 755 /usr/local/sbin/a2en*
"""
NO_SLES = """
rm -rf /etc/apache2/conf.d /etc/apache2/vhosts.d /etc/apache2/conf-enabled/sles.conf /usr/local/sbin/a2en*
rm -rf /etc/apache2/open-xchange-usm
a2dismod --quiet --force proxy_hcheck lbmethod_bybusyness
/etc/init.d/apache2 restart
"""
LAYOUTS = {
    "rhel": (RHEL, NO_RHEL, "/etc/httpd/conf.d/000-open-xchange-usm.conf"),
    "sles": (SLES, NO_SLES, "/etc/apache2/conf.d/000-open-xchange-usm.conf"),
}


@pytest.mark.parametrize("family", LAYOUTS)
def test_apache_is_found_wherever_a_distribution_puts_it(web: Web, family: str) -> None:
    lay_out, clear, conf = LAYOUTS[family]
    web.sh(CLEAR, check=False)
    web.sh(lay_out)
    try:
        listing = f"cd {conf.rpartition('/conf.d')[0]}; find . -not -path './open-xchange-usm*' | sort"
        before = web.sh(listing)
        assert "does not accept" in web.forward(proxy_timeout="long")
        assert web.sh(listing).split() in (before.split(), sorted([*before.split(), MODULES_OF_OURS]))
        assert web.forward() == ""
        assert web.due() == []
        assert web.who() == set(NODES)
        balancer_does(web, "out", "usm_cluster", "8008", "ox1")
        assert web.who() == {"ox2"}
        told = proxy.Forwarding().process(web.script("apache-state", "8008").stdout.splitlines())
        assert told.family == family
        assert {"mpm_event", "proxy_hcheck"} <= told.modules
    finally:
        web.sh(clear, check=False)
    web.forward()
    assert web.who() == set(NODES)


MODULES_OF_OURS = "./conf.modules.d/99-open-xchange-usm.conf"


def test_phones_have_a_virtual_host_of_their_own_and_none_without_tls(web: Web) -> None:
    """The lab's certificate is for the site's name, so a name of ours has to be warned of; phones here do not look."""
    authority = web.hosts.lab.authority.parent
    settings: dict[str, Any] = {
        "server_name": "eas.example.org",
        "tls_certificate": str(authority / "web1.pem"),
        "tls_key": str(authority / "web1.key"),
    }
    assert web.forward(**settings) == ""
    assert web.due(**settings) == []
    assert any("not for eas.example.org" in note.text for note in report.notes)
    tls = ("--insecure", "--resolve", "eas.example.org:443:10.77.0.11")
    plain_http = ("--resolve", "eas.example.org:80:10.77.0.11")
    answer = web.ask(f"{PATH}?Cmd=Ping&x=%2B", *tls, url="https://eas.example.org")
    assert answer.startswith("HTTP/1.1 200 ")
    assert answer.endswith(f"{PATH}?Cmd=Ping&x=%2B https")
    assert "/Autodiscover/Autodiscover.xml https" in web.ask(
        "/Autodiscover/Autodiscover.xml", *tls, url="https://eas.example.org"
    )
    short = "/autodiscover/autodiscover.json?Email=a@example.org&Protocol=ActiveSync"
    assert f"{short} https" in web.ask(short, *tls, url="https://eas.example.org")
    assert " 403 " in web.ask("/ajax/login", *tls, url="https://eas.example.org")
    assert web.ask("/usm/devices", *tls, url="https://eas.example.org").endswith("/usm/devices https")
    for path in FOR_ADMINISTRATORS:
        assert not reached(web.ask(path, "--path-as-is", *tls, url="https://eas.example.org")), path
    for method in ("POST", "OPTIONS"):
        refused = web.ask(PATH, *plain_http, "-X", method, url="http://eas.example.org")
        assert refused.startswith("HTTP/1.1 403 ")
        assert "over TLS only" in refused
    led = web.ask("/autodiscover/autodiscover.xml", *plain_http, url="http://eas.example.org")
    assert led.startswith("HTTP/1.1 302 ")
    assert "\nLocation: https://eas.example.org/autodiscover/autodiscover.xml\n" in led
    assert web.ask("/x", *plain_http, url="http://eas.example.org").startswith("HTTP/1.1 301 ")
    assert " 404 " in web.ask()
    assert "302" in web.ask("/")
    assert web.sh(f"stat -c %a {HOME}/tls/key.pem").strip() == "600"
    balancer_does(web, "out", "usm_cluster", "8008", "ox1")
    served = {
        web.ask(PATH, *tls, url="https://eas.example.org").split("\n\n")[1].split()[0] for _ in range(6)
    }
    balancer_does(web, "in", "usm_cluster", "8008", "ox1", PATH, "5", "5")
    assert served == {"ox2"}
    assert web.forward() == ""
    assert web.who() == set(NODES)
    assert "eas.example.org" not in web.sh("apache2ctl -t -D DUMP_VHOSTS 2>&1")
    assert web.sh(f"ls {HOME}/tls") == ""
