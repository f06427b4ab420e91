"""The package for RHEL and SLES, made with rpmbuild on any system that has it.

Rules of this file:

* nothing is read from the machine: no macros of its user, no host name, no scan of the files for what they need;
* what the package asks for is named so that the same file installs on both families. Where they differ, it asks for the
  one *or* the other (``Requires: (a or b)``, rpm 4.13 and newer).
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import manual
import tree
import wheels

RELEASE = "1"

SCRIPTLETS = ("pre", "post", "preun", "postun", "posttrans")

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The interpreters, of which a host needs one with the libraries for it; ``packaging/files/python`` finds it."""

NAMES: dict[str, str | None] = {
    "cffi": None,
    "cryptography": "cryptography",
    "gevent": "gevent",
    "greenlet": None,
    "lxml": "lxml",
    "markupsafe": "MarkupSafe",
    "pycparser": None,
    "zope-event": None,
    "zope-interface": None,
}
"""What the packages of the distribution's libraries are called after ``python311-`` on SLES; RHEL's provide the same in
lower case, as ``python3.11dist(...)``. None: comes with another one of them (gevent, cryptography)."""

GHOSTS = tuple(
    f"{etc}/{name}.properties"
    for etc in ("/opt/open-xchange/etc/groupware", "/opt/open-xchange/etc")
    for name in ("usm", "eas")
)
"""The settings: not in the package, but its own, so that rpm does not take them away together with a version before
(the vendor's) that brought them."""

DOCUMENTS = ("usr/share/doc/open-xchange-usm", "usr/share/licenses/open-xchange-usm")

OPTIONS = {
    "_buildhost": "localhost",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
    "_binary_payload": "w2.xzdio",
    "_build_id_links": "none",
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
}

SPEC = """\
Name: open-xchange-usm
Version: {version}
Release: {release}
Summary: Exchange ActiveSync for Open-Xchange
License: Apache-2.0
Group: Productivity/Networking/Email/Servers
URL: https://example.org/open-xchange-usm
Packager: {maintainer}
BuildArch: noarch
AutoReqProv: no
{requires}
Requires(post): (shadow-utils or shadow)
Requires: findutils
Requires: util-linux
Recommends: logrotate
Recommends: openssl
Recommends: ca-certificates
Provides: open-xchange-usm(build) = {build}

%description
Phones reach mail, contacts, calendar and tasks of an Open-Xchange server by
Exchange ActiveSync. This package brings the synchronisation server (USM) and
its service; the deployment configures it, the web server and the accounts.

The pure Python libraries it needs are inside, under /opt/open-xchange/usm.

%install
mkdir -p %{{buildroot}}
cp -a {root}/. %{{buildroot}}/

{scriptlets}
%files
%defattr(-,root,root,-)
{files}

%changelog
* {date} {maintainer} - {version}-{release}
- Version {version}; what is new in it is told by the CHANGELOG.md of the project.
"""


def requirements(distribution: list[wheels.Locked]) -> list[str]:
    """What the package requires besides the basic system: an interpreter with the libraries of the distribution."""
    choices = []
    for version in PYTHONS:
        red_hat, suse = [], []
        for entry in distribution:
            if (called := NAMES[entry.name]) is None:
                continue
            oldest = f" >= {wheels.FROM_DISTRIBUTION[entry.name]}"
            red_hat.append(f"python{version}dist({called.lower()}){oldest}")
            suse.append(f"python{version.replace('.', '')}-{called}{oldest}")
        choices += [f"({' and '.join(red_hat)})", f"({' and '.join(suse)})"]
    return [f"({' or '.join(choices)})"]


def name(version: str) -> str:
    """The package file's name."""
    return f"open-xchange-usm-{version}-{RELEASE}.noarch.rpm"


def build(root: Path, version: str, build_id: str, requires: list[str], epoch: int, target: Path) -> None:
    """Makes the package ``target`` of the staged tree ``root``. ``epoch`` (seconds) dates everything in it."""
    tree.set_times(root, epoch)
    work = root.with_name("rpmbuild")
    work.mkdir()
    spec = work / "open-xchange-usm.spec"
    spec.write_text(
        SPEC.format(
            version=version,
            release=RELEASE,
            requires="\n".join(f"Requires: {each}" for each in requires),
            build=build_id,
            root=root,
            maintainer=tree.MAINTAINER,
            date=time.strftime("%a %b %d %Y", time.gmtime(epoch)),
            scriptlets="\n".join(f"%{each}\n{_script(each)}" for each in SCRIPTLETS),
            files="\n".join(_files()),
        )
    )
    _run_rpmbuild(spec, work, epoch)
    shutil.copyfile(work / name(version), target)


def _script(scriptlet: str) -> str:
    """The text of a scriptlet; rpm would take a percent sign for the start of a macro."""
    return tree.script("rpm", scriptlet).replace("%", "%%")


def _files() -> list[str]:
    """The lines of ``%files``. Folders that Open-Xchange has too belong to nobody here, so that they outlive us."""
    lines = [f"/{tree.PREFIX}", *(f"%dir /{folder}" for folder in (*tree.FOLDERS, *DOCUMENTS))]
    for placed in tree.FILES:
        path = placed.target("rpm")
        if not path or path.startswith(f"{tree.PREFIX}/"):
            continue
        # An edited init script would stay in the way of a better one; Debian's rule for them is not rpm's.
        keeps_edits = placed.config and not path.startswith("etc/init.d/")
        prefix = "%config(noreplace) " if keeps_edits else ""
        prefix = "%license " if path.startswith("usr/share/licenses/") else prefix
        prefix = "%doc " if path.startswith("usr/share/doc/") else prefix
        lines.append(f"{prefix}/{path}")
    lines += [f"%dir /{folder}" for folder in manual.SHELL_FOLDERS]
    lines += [f"/{path}" for path in manual.targets("rpm")]
    # What is in them and who may read them is the deployment's business.
    free = "%verify(not md5 size mtime mode user group)"
    lines += [f"%ghost %config(noreplace) {free} %attr(0644, root, root) {path}" for path in GHOSTS]
    return lines


def _run_rpmbuild(spec: Path, work: Path, epoch: int) -> None:
    options = {**OPTIONS, "_topdir": str(work / "top"), "_rpmdir": str(work), "_tmppath": str(work)}
    command = ["rpmbuild", "-bb", "--quiet", "--target", "noarch"]
    for key, value in options.items():
        command += ["--define", f"{key} {value}"]
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "SOURCE_DATE_EPOCH": str(epoch),
        "LC_ALL": "C.UTF-8",
        "HOME": str(work),
    }
    done = subprocess.run(
        [*command, str(spec)], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise wheels.BuildError(f"rpmbuild: {done.stderr.strip()}")
