"""Builds packages that hosts had before ours: ``python -m lab.packages vendor`` or ``beta``."""

from __future__ import annotations

from pathlib import Path

import click

from lab.packages import beta, forms, vendor

_BUILDERS = {"vendor": vendor.build, "beta": beta.build}
_VERSIONS = {"vendor": vendor.VERSION, "beta": beta.VERSION}


@click.command()
@click.argument("which", type=click.Choice(sorted(_BUILDERS)))
@click.option("--version", help="The package's version; by default the usual one.")
@click.option("--generation", type=click.Choice(["6", "7"]), default="6", show_default=True)
@click.option("--form", type=click.Choice(sorted(forms.BUILDERS)), default="deb", show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True
)
def main(which: str, version: str | None, generation: str, form: str, output: Path) -> None:
    """Build a package that hosts had before ours; prints its path."""
    click.echo(_BUILDERS[which](output, version or _VERSIONS[which], int(generation), form))


if __name__ == "__main__":
    main(prog_name="python -m lab.packages")
