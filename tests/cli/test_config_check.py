"""usmctl config check: every value with its effect, what is wrong, and what fights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.administration import settings_check
from app.administration.settings_check import CONFLICTS, NAMES
from app.cli.usmctl import usmctl
from app.config import KEYS, POLICY

PREFIX = "com.openexchange.usm."
LOGIN = "anna:scrypt$15$8$1$NQWdaxgfAQKsN+ria8rD+w==$DVrcRl1r7qzs5izhJNGDP3Yw4dl5ZNYsJxJrQgdGhtE="
"""What ``usmctl admin-password`` makes."""

QUIET = f"{PREFIX}database.url=mysql+pymysql://usm:topsecret@db/usm\n"

Write = Callable[..., Path]


@pytest.fixture
def etc(tmp_path: Path) -> Write:
    def write(usm: str = "", eas: str = "") -> Path:
        (tmp_path / "usm.properties").write_text(usm)
        (tmp_path / "eas.properties").write_text(eas)
        return tmp_path

    return write


def call(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(folder), "config", "check", *words])


def rows(folder: Path, *words: str) -> list[dict[str, str]]:
    return list(json.loads(call(folder, "--json", *words).stdout))


def of(folder: Path, key: str) -> dict[str, str]:
    return next(row for row in rows(folder) if row["key"] == key)


def test_every_setting_is_listed_with_its_effect(etc: Write) -> None:
    found = rows(etc())
    assert [row["key"] for row in found] == list(KEYS)
    assert {row["state"] for row in found} == {"default"}
    assert all(row["effect"].rstrip().endswith(".") for row in found)
    assert call(etc()).exit_code == 0


def test_an_edit_is_told_from_a_default_that_is_written_down(etc: Write) -> None:
    folder = etc(
        f"{PREFIX}workers=4\n\n{PREFIX}listen.port=8010\n{PREFIX}log.level=\n", f"{PREFIX}eas.oauth=FALSE\n"
    )
    assert (of(folder, f"{PREFIX}workers")["state"], of(folder, f"{PREFIX}workers")["where"]) == (
        "edit",
        "usm.properties:1",
    )
    for key, place in (("listen.port", "usm.properties:3"), ("log.level", "usm.properties:4")):
        assert of(folder, PREFIX + key)["state"] == "default"
        assert of(folder, PREFIX + key)["where"] == place
    assert of(folder, f"{PREFIX}log.level")["value"] == "info"
    assert of(folder, f"{PREFIX}eas.oauth")["state"] == "default"
    assert [row["key"] for row in rows(folder, "--edits")] == [f"{PREFIX}workers"]


def test_the_last_of_two_lines_counts_and_unknown_keys_are_told(etc: Write) -> None:
    folder = etc(f"{PREFIX}workers=2\n{PREFIX}workers=3\nvendor.password=topsecret\n")
    found = [row for row in rows(folder, "--edits") if row["key"]]
    assert [(row["key"], row["value"], row["state"]) for row in found] == [
        (f"{PREFIX}workers", "3", "edit"),
        (f"{PREFIX}workers", "2", "no longer counts"),
        ("vendor.password", "***", "unknown"),
    ]
    assert [row["state"] for row in rows(folder) if not row["key"]] == ["odd", "odd"]
    assert "topsecret" not in call(folder).output


def test_what_is_wrong_has_file_line_key_and_value(etc: Write) -> None:
    folder = etc(f"\n{PREFIX}workers=many\n", f"{POLICY}AllowCamera=7\n{PREFIX}eas.ping.min_heartbeat=3000\n")
    done = call(folder)
    assert done.exit_code == 1
    for words in (
        f"wrong: usm.properties:2: {PREFIX}workers=many: expected",
        f"wrong: eas.properties:1: {POLICY}AllowCamera=7: ",
        f"{PREFIX}eas.ping.min_heartbeat=3000: must not exceed",
    ):
        assert words in done.output
    assert of(folder, f"{PREFIX}workers")["state"] == "wrong"
    assert of(folder, f"{POLICY}AllowCamera")["state"] == "wrong"


def test_a_missing_file_is_wrong(tmp_path: Path) -> None:
    done = call(tmp_path)
    assert done.exit_code == 1
    assert "usm.properties" in done.output


def test_passwords_are_never_shown(etc: Write) -> None:
    key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
    folder = etc(
        f"{QUIET}{PREFIX}secret_keys={key}\n{PREFIX}notify.secret=topsecret\n"
        f"{PREFIX}notify.redis_url=redis://:topsecret@redis:6379/0\n{PREFIX}admin.logins={LOGIN}\n"
    )
    for form in ("table", "csv", "json"):
        text = call(folder, "--format", form).output
        assert "topsecret" not in text
        assert key not in text
        assert LOGIN not in text
        assert "***" in text


def conflicts(folder: Path, *words: str) -> list[str]:
    return [row["key"].split(" ")[0] for row in rows(folder, *words) if row["state"] == "conflict"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["eas.ping.min_heartbeat=1", "eas.throttle.repeats=150"], "throttle_repeats"),
        (["eas.throttle.repeats=300"], "throttle_repeats"),
        (["eas.throttle.parallel=1"], "throttle_parallel"),
        (["eas.throttle.requests=50"], "throttle_requests"),
        (["eas.policy.PasswordRecoveryEnabled=1", "eas.policy.DevicePasswordEnabled=1"], "secret_keys"),
        (["eas.policy.MinDevicePasswordLength=6"], f"{POLICY}DevicePasswordEnabled"),
        (["eas.policy.AllowCamera=0", "eas.provisioning=off"], "provisioning"),
        (["session.sync.email_pull_min_delay=-1"], "email_pull_min_delay"),
        (["session.sync.email_pull_min_delay=1800000"], "email_pull_min_delay"),
        (["session.sync.pull_interval=1800000"], "pull_interval"),
        (["eas.sync.max_window_size=50"], "default_window"),
        (["graceful_timeout=60"], "graceful_timeout"),
        (["eas.devices.max=4"], "max_twins"),
        (["eas.devices.default=quarantine"], "device_default"),
        (["eas.devices.default=block"], "device_default"),
        (["eas.oauth.authorization_uri=https://example.org/"], "oauth_authorization_uri"),
        (["database.lock_timeout=70000"], "lock_timeout"),
        (["ox.url=http://192.0.2.1/ajax/"], "ox_url"),
        (["ox.url=http://ox.example.org/ajax/"], "ox_url"),
        (["admin.host=192.0.2.1"], "admin_host"),
        (["admin.host=admin.example.org", f"admin.logins={LOGIN}"], "admin_host"),
        (["allow_plain_http=true"], "allow_plain_http"),
        (["ox.failed_login_memory=0"], "failed_login_memory"),
        (["database.url=sqlite:////tmp/x"], "database_url"),
        (["eas.ping.max_heartbeat=1890"], "max_heartbeat"),
    ],
)
def test_settings_that_fight_are_told(etc: Write, lines: list[str], expected: str) -> None:
    folder = etc("".join(f"{PREFIX}{line}\n" for line in lines))
    assert conflicts(folder) == [NAMES.get(expected, expected)]
    done = call(folder)
    assert done.exit_code == 0
    assert "conflict: " in done.output


@pytest.mark.parametrize(
    "lines",
    [
        ["eas.throttle.repeats=0", "eas.throttle.requests=0", "eas.throttle.parallel=0"],
        ["session.sync.email_pull_min_delay=-1", "notify.secret=x"],
        ["eas.devices.default=block", "eas.devices.allow=type:X"],
        ["eas.devices.max=0"],
        ["eas.policy.DevicePasswordEnabled=1", "eas.policy.MinDevicePasswordLength=6"],
        ["ox.url=https://ox.example.org/ajax/"],
        ["ox.url=http://localhost/ajax/"],
        ["admin.host=::1"],
    ],
)
def test_settings_that_go_together_are_not(etc: Write, lines: list[str]) -> None:
    assert conflicts(etc("".join(f"{PREFIX}{line}\n" for line in lines))) == []


def test_each_conflict_names_settings_that_exist() -> None:
    for names, _ in CONFLICTS:
        assert all(name in NAMES or name.startswith(POLICY) for name in names)


def test_every_proxy_on_the_way_is_held_against_the_wait(etc: Write) -> None:
    folder = etc()
    assert conflicts(folder, "--proxy-timeout", "1800", "--proxy-timeout", "1785") == []
    assert conflicts(folder, "--proxy-timeout", "1800", "--proxy-timeout", "1784") == [NAMES["max_heartbeat"]]
    [found] = settings_check.check(folder, [300]).conflicts
    assert "at most 285 s" in found.text
