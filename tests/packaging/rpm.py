"""An rpm package as tests look at it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.deb import run

QUERY = ("rpm", "--query", "--package", "--nosignature")

SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: As the Debian package of this name
License: none
BuildArch: noarch
AutoReqProv: no

%description
As the Debian package of this name.

%install
cp -a {root}/. %{{buildroot}}/

%preun
[ "$1" -gt 0 ] || echo "removed by its own script"

%files
%defattr(-,root,root,-)
{files}
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file inside: mode as ``ls`` shows it, ``user:group``, sha256 (empty for folders), flags as rpm writes them
    (c: settings, n: edits are kept, g: not inside)."""

    mode: str
    owner: str
    digest: str
    flags: str


@dataclass(frozen=True, slots=True)
class Rpm:
    """A package file."""

    path: Path

    @classmethod
    def build(cls, project: Path, folder: Path) -> Rpm:
        """The package of the sources in ``project``."""
        run(sys.executable, "packaging/build.py", "--output", folder, "rpm", cwd=project)
        (path,) = folder.glob("*.rpm")
        return cls(path)

    def query(self, form: str) -> str:
        """What rpm says in its own form, such as ``%{VERSION}``."""
        return run(*QUERY, f"--queryformat={form}", self.path)

    def files(self) -> dict[str, File]:
        """Everything inside by name, without the leading ``/``."""
        form = (
            "[%{FILENAMES}|%{FILEMODES:perms}|%{FILEUSERNAME}:%{FILEGROUPNAME}"
            "|%{FILEDIGESTS}|%{FILEFLAGS:fflags}\n]"
        )
        rows = [line.split("|") for line in self.query(form).splitlines()]
        return {row[0].lstrip("/"): File(*row[1:]) for row in rows}

    def scripts(self) -> list[str]:
        """The text of each scriptlet: before, after, before and after removal, at the very end."""
        return [self.query(f"%{{{tag}}}") for tag in ("PREIN", "POSTIN", "PREUN", "POSTUN", "POSTTRANS")]


def of_deb(deb: Path, folder: Path) -> Rpm:
    """A package with the files of a Debian one, as a vendor makes both; no scripts that do anything."""
    root, top = folder / "root", folder / "rpmbuild"
    run("dpkg-deb", "--extract", deb, root)
    conffiles = set(run("dpkg-deb", "--info", deb, "conffiles").split())
    names = [f"/{path.relative_to(root)}" for path in sorted(root.rglob("*")) if path.is_file()]
    files = [("%config(noreplace) " if name in conffiles else "") + name for name in names]
    fields = {name: run("dpkg-deb", "--field", deb, name).strip() for name in ("Package", "Version")}
    spec = folder / "package.spec"
    version = fields["Version"].partition("-")[0]
    spec.write_text(SPEC.format(name=fields["Package"], version=version, root=root, files="\n".join(files)))
    options = ("--define", f"_topdir {top}", "--define", "__os_install_post %{nil}")
    run("rpmbuild", "-bb", "--quiet", "--target", "noarch", *options, spec)
    (path,) = top.glob("RPMS/noarch/*.rpm")
    return Rpm(path)


def lint(*command: str | Path) -> str:
    """What a linter complains about; empty if nothing."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 2, 64, 66), done.stderr
    return "".join(
        line for line in done.stdout.splitlines(keepends=True) if ": W: " in line or ": E: " in line
    )
