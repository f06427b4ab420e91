"""The service under systemd, as a unit; the init script beside it only passes on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator

import pytest

from lab.testing import LabHosts, Labs
from tests.packaging.deb import Deb

pytestmark = pytest.mark.lab

HOST = "ox2"
UNIT = "open-xchange-usm"
SCRIPT = f"/etc/init.d/{UNIT}"
ETC = "/opt/open-xchange/etc"
CONFIGURE = (
    f"cp /opt/open-xchange/usm/etc/*.properties {ETC}/; echo"
    f" com.openexchange.usm.database.url=sqlite:////var/log/open-xchange/state.sqlite >>{ETC}/usm.properties"
)
LEFT = (
    "find / -xdev -path /proc -prune -o -path /root -prune -o -path /tmp -prune -o"
    f" -name '*{UNIT}*' -print | grep -v -e /var/log/journal"
)


@pytest.fixture(scope="module")
def seven(lab_of: Labs) -> LabHosts:
    """Hosts of an App Suite without the package, whatever other tests of the session did to them."""
    hosts = lab_of("seven")
    if hosts.sh(HOST, f"ls -d /opt/open-xchange/usm {ETC}/usm.properties", check=False):
        hosts.renew()
    return hosts


@pytest.fixture
def host(seven: LabHosts) -> Iterator[LabHosts]:
    yield seven
    seven.sh(HOST, f"rm -f {ETC}/usm.properties {ETC}/eas.properties /var/log/open-xchange/state.sqlite*")


def systemctl(hosts: LabHosts, *words: str) -> str:
    return hosts.run(HOST, "systemctl", *words, check=False).stdout.strip()


def main_process(hosts: LabHosts) -> str:
    return systemctl(hosts, "show", "--property=MainPID", "--value", UNIT)


SANDBOXED = """
import ctypes, json, mmap, os, pathlib, resource, socket, subprocess, tempfile, threading
import gevent.monkey
gevent.monkey.patch_all()
import cryptography.fernet, lxml.etree, app.main

libc = ctypes.CDLL(None, use_errno=True)

def kept():
    with tempfile.SpooledTemporaryFile(1) as file:
        file.write(b"large")
        return bytes(mmap.mmap(file.fileno(), 5, access=mmap.ACCESS_READ))

def called(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def written(path):
    with open(path, "a") as file:
        file.write("x")

work = {
    "log": lambda: written("/var/log/open-xchange/sandbox"),
    "temporary": kept,
    "openssl": lambda: subprocess.run(["openssl", "version"], check=True, capture_output=True),
    "thread": lambda: threading.Thread(target=kept).start(),
    "names": lambda: socket.getaddrinfo("localhost", 80),
    "socket": lambda: socket.socket(socket.AF_INET6).close(),
    "datagrams": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close(),
    "files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (999, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
    "settings": lambda: pathlib.Path("/opt/open-xchange/etc/usm.properties").read_text(),
    "secret": lambda: cryptography.fernet.Fernet(cryptography.fernet.Fernet.generate_key()).encrypt(b"x"),
}
crime = {
    "program": lambda: written("/opt/open-xchange/usm/lib/app/main.py"),
    "settings": lambda: written("/opt/open-xchange/etc/usm.properties"),
    "state": lambda: written("/var/lib/open-xchange-usm/x"),
    "home": lambda: os.listdir("/root/"),
    "others": lambda: pathlib.Path("/proc/1/status").read_text(),
    "disk": lambda: os.listdir("/dev/mapper"),
    "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    "root": lambda: os.setuid(0),
    "owner": lambda: os.chown("/var/log/open-xchange/sandbox", -1, -1),
    "suid": lambda: os.chmod("/var/log/open-xchange/sandbox", 0o4755),
    "namespace": lambda: called(272, 0x10000000),
    "trace": lambda: called(101, 0, 0, 0, 0),
    "kernel": lambda: written("/proc/sys/kernel/hostname"),
}
told = {}
for kind, deeds in (("work", work), ("crime", crime)):
    for name, deed in deeds.items():
        try:
            deed()
            told[kind + " " + name] = True
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            told[kind + " " + name] = False
            print(kind, name, repr(error))
print(json.dumps(told))
"""

OTHERWISE = ("Exec", "Environment", "Kill", "Timeout", "Restart", "RuntimeDirectory")
"""Directives of the unit that say how the service runs, and not what it may do."""


def within_its_limits(unit: str) -> str:
    """A unit that runs the program above within the limits of another one."""
    service = unit.partition("[Service]")[2].partition("[Install]")[0]
    limits = [line for line in service.splitlines() if "=" in line and not line.startswith(("#", *OTHERWISE))]
    program = "ExecStart=/opt/open-xchange/usm/sbin/python /usr/local/share/sandboxed.py"
    said = "StandardOutput=file:/run/sandboxed"
    return "\n".join(["[Service]", "Type=oneshot", *limits, said, "StandardError=inherit", program, ""])


def test_what_the_service_does_works_in_its_sandbox_and_nothing_else_does(host: LabHosts, deb: Deb) -> None:
    shutil.copyfile(deb.path, host.root(HOST) / "root/usm.deb")
    host.run(HOST, "dpkg", "--install", "/root/usm.deb")
    host.sh(HOST, CONFIGURE)
    unit = within_its_limits(deb.text("lib/systemd/system/open-xchange-usm.service"))
    assert "\nProtectSystem=strict\n" in unit
    host.run(HOST, "tee", "/usr/local/share/sandboxed.py", stdin=SANDBOXED)
    host.run(HOST, "tee", "/etc/systemd/system/sandboxed.service", stdin=unit)
    try:
        host.sh(HOST, "systemctl daemon-reload; systemctl start sandboxed", check=False)
        said = host.sh(HOST, "cat /run/sandboxed")
        told = json.loads(said.splitlines()[-1])
        assert [name for name, done in told.items() if done != name.startswith("work")] == [], said
        assert len(told) > 20
    finally:
        mine = "/var/log/open-xchange/sandbox /usr/local/share/sandboxed.py /etc/systemd/system/sandboxed.service"
        host.sh(HOST, f"rm -f {mine} /run/sandboxed; systemctl daemon-reload", check=False)
        host.run(HOST, "dpkg", "--purge", UNIT)


def test_the_unit_serves_recovers_and_goes_without_a_trace(host: LabHosts, deb: Deb) -> None:
    shutil.copyfile(deb.path, host.root(HOST) / "root/usm.deb")
    host.run(HOST, "dpkg", "--install", "/root/usm.deb")
    assert systemctl(host, "is-enabled", UNIT) == "enabled"
    assert host.run(HOST, SCRIPT, "start", check=False).returncode == 6
    host.sh(HOST, CONFIGURE)
    host.run(HOST, SCRIPT, "start")
    assert systemctl(host, "is-active", UNIT) == "active"
    first = main_process(host)
    assert systemctl(host, "is-active", f"{UNIT}-purge.timer") == "active"
    who = ("setpriv", "--reuid=open-xchange", "--regid=open-xchange", "--init-groups")
    host.run(HOST, *who, "/opt/open-xchange/sbin/usmctl", "db", "upgrade")
    host.run(HOST, "systemctl", "start", f"{UNIT}-purge")
    assert systemctl(host, "show", "--property=Result", "--value", f"{UNIT}-purge") == "success"
    answer = json.loads(host.sh(HOST, "/opt/open-xchange/usm/sbin/probe"))
    assert str(answer["pid"]) == first
    kernel = dict(
        line.split(":\t", 1)
        for line in host.sh(HOST, f"cat /proc/{first}/status").splitlines()
        if ":\t" in line
    )
    assert int(kernel["CapBnd"], 16) == int(kernel["CapEff"], 16) == 0
    assert (kernel["NoNewPrivs"], kernel["Seccomp"]) == ("1", "2")
    owned = host.sh(
        HOST, f"find / -xdev -user open-xchange -newer {ETC}/usm.properties ! -path '/proc/*'"
    ).split()
    assert [
        each for each in owned if not each.startswith(("/var/log/open-xchange", "/run/", "/tmp/systemd"))
    ] == []

    host.sh(HOST, f"kill -KILL {first}")
    deadline = time.monotonic() + 40
    while systemctl(host, "is-active", UNIT) != "active" and time.monotonic() < deadline:
        time.sleep(0.2)
    second = main_process(host)
    assert second not in (first, "0")
    assert len(host.sh(HOST, "ls /run/open-xchange-usm").split()) == 1, "what the killed one shared is gone"

    host.run(HOST, "dpkg", "--install", "/root/usm.deb")
    assert main_process(host) not in (second, "0")
    host.run(HOST, SCRIPT, "stop")
    assert systemctl(host, "is-active", UNIT) == "inactive"
    host.run(HOST, "dpkg", "--purge", UNIT)
    assert host.sh(HOST, LEFT, check=False) == ""
