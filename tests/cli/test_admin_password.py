"""usmctl admin-password: an entry by which an administrator signs in."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import config
from app.cli.usmctl import usmctl
from app.config import ConfigError
from app.pages.admin.logins import Logins
from tests.cli.test_stuck import etc

__all__ = ["etc"]

PASSWORD = "correct horse battery"


def call(*words: str, given: str = f"{PASSWORD}\n") -> Result:
    return CliRunner().invoke(usmctl, ["admin-password", *words], input=given)


def test_an_entry_opens_the_pages_and_tells_nothing_of_the_password(etc: Path) -> None:
    first = call("anna", "--password-stdin").stdout.strip()
    second = call("bert", given=f"{PASSWORD}\n{PASSWORD}\n").stdout.strip()
    assert PASSWORD not in first
    assert first.partition(":")[2] != second.partition(":")[2]
    with (etc / "usm.properties").open("a") as file:
        file.write(f"com.openexchange.usm.admin.logins={first}, {second}\n")
    settings = config.load(etc).settings
    logins = Logins(settings.admin_logins)
    assert logins.opens("anna", PASSWORD)
    assert logins.opens("bert", PASSWORD)
    assert not logins.opens("anna", PASSWORD + "x")
    assert not logins.opens("nobody", PASSWORD)
    assert logins.mark("anna") != logins.mark("bert") != logins.mark("nobody") == ""
    assert first not in repr(settings)
    assert "scrypt" not in repr(settings)


def test_a_short_password_and_a_strange_name_are_refused() -> None:
    done = call("anna", "--password-stdin", given="short\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "at least 10 characters" in done.stderr
    assert call("an:na", "--password-stdin").exit_code == 2


@pytest.mark.parametrize(
    "value",
    [
        "anna:correct",
        "anna:scrypt$31$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "anna:scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, "
        "anna:scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ],
)
def test_an_entry_that_opens_nothing_or_costs_too_much_is_an_error_of_the_settings(
    value: str, etc: Path
) -> None:
    with (etc / "usm.properties").open("a") as file:
        file.write(f"com.openexchange.usm.admin.logins={value}\n")
    with pytest.raises(ConfigError, match="usmctl admin-password"):
        config.load(etc)
