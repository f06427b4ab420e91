"""Packages for RHEL and SLES, made with rpmbuild; the same contents make the same bytes.

Debian's maintainer scripts serve here too, told in Debian's words what is going on.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from lab.packages.contents import EPOCH, File, Package

_OPTIONS = {
    "_buildhost": "localhost",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
    "_build_id_links": "none",
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
}
# Scriptlet → Debian's script, what it is told, and the numbers of installed versions for which it runs.
_SCRIPTLETS = {
    "post": ("postinst", "configure", "1 2"),
    "preun": ("prerm", "remove", "0"),
    "postun": ("postrm", "purge", "0"),
}


def name(package: Package) -> str:
    """The file's name. A version without a release is given the first one."""
    version, release = _version(package)
    return f"{package.name}-{version}-{release}.noarch.rpm"


def build(package: Package, output: Path) -> Path:
    """Makes the package in the folder ``output``; its path. Raises ``CalledProcessError``."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lab-package-") as folder:
        work = Path(folder)
        for file in package.files:
            _write(work / "tree" / file.target, file)
        spec = work / "package.spec"
        spec.write_text(_spec(package, work / "tree"))
        options = {**_OPTIONS, "_topdir": str(work / "rpmbuild"), "_rpmdir": str(work)}
        defines = [word for key, value in options.items() for word in ("--define", f"{key} {value}")]
        subprocess.run(
            ["rpmbuild", "-bb", "--quiet", "--target", "noarch", *defines, spec],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "SOURCE_DATE_EPOCH": str(EPOCH),
                "LC_ALL": "C.UTF-8",
                "HOME": folder,
            },
            check=True,
            capture_output=True,
        )
        target = output / name(package)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        unfinished.write_bytes((work / target.name).read_bytes())
        unfinished.replace(target)
    return target


def _version(package: Package) -> tuple[str, str]:
    version, _, release = package.version.partition("-")
    return version, release or "1"


def _spec(package: Package, tree: Path) -> str:
    version, release = _version(package)
    lines = [
        f"Name: {package.name}",
        f"Version: {version}",
        f"Release: {release}",
        f"Summary: {package.summary}",
        "License: none",
        "BuildArch: noarch",
        "AutoReqProv: no",
        f"%description\n{package.description}",
        f"%install\nmkdir -p %{{buildroot}}\ncp -a {tree}/. %{{buildroot}}/",
    ]
    for scriptlet, (script, word, numbers) in _SCRIPTLETS.items():
        if script in package.scripts:
            guard = f'case " {numbers} " in *" $1 "*) ;; *) exit 0 ;; esac\nset -- {word}'
            lines.append(f"%{scriptlet}\n{guard}\n{package.scripts[script]}")
    lines += ["%files", "%defattr(-,root,root,-)", *map(_listed, package.files)]
    return "\n".join(lines) + "\n"


def _listed(file: File) -> str:
    mark = "%config(noreplace) " if file.config else ""
    return f"{mark}%attr({file.mode:o},root,root) /{file.target}"


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    path.chmod(file.mode)
    os.utime(path, (EPOCH, EPOCH))
