"""Reading usm.properties and eas.properties."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from app import main
from app.config import KEYS, ConfigError, Delay, Settings, etc_directory, load

PREFIX = "com.openexchange.usm."


@pytest.fixture
def etc(tmp_path: Path):
    """Writes both files and returns their folder."""

    def write(usm: str = "", eas: str = "") -> Path:
        (tmp_path / "usm.properties").write_bytes(usm.encode("iso-8859-1"))
        (tmp_path / "eas.properties").write_bytes(eas.encode("iso-8859-1"))
        return tmp_path

    return write


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return [str(problem) for problem in caught.value.problems]


def test_empty_files_give_the_defaults_of_the_original(etc):
    loaded = load(etc())
    settings = loaded.settings
    assert loaded.warnings == []
    assert settings.email_pull_delay == Delay(percent=50)
    assert settings.email_pull_min_delay == 60000
    assert settings.cache_session_timeout == 43200
    assert settings.cache_syncstate_timeout == 3600
    assert settings.session_cache_check_interval == 60000
    assert settings.session_cache_check_interval_log_info == 300000
    assert settings.max_objects_per_folder == 65535
    assert settings.max_attachment_count_per_object == 100
    assert settings.force_new_sync_key_on_empty_sync is False
    assert settings.allow_folder_selection is False
    assert settings.alias == "/Microsoft-Server-ActiveSync"
    assert settings.json_alias == "/usm-json"
    assert settings.domain_user == "$USER@$DOMAIN"
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 8010)
    assert (settings.admin_host, settings.admin_port) == ("127.0.0.1", 8011)


def test_values_of_both_files_are_read_in_javas_notation(etc):
    settings = load(
        etc(
            usm=f"! a remark\n{PREFIX}ox.url = http\\://ox.example.org:8009/ajax\n"
            f"{PREFIX}session.sync.email_pull_delay:90000\n{PREFIX}workers   3\n",
            eas=f"{PREFIX}eas.ping.max_heartbeat=\\\n   900\n{PREFIX}eas.login_pattern.domain_user=$USER\\u0040x\n",
        )
    ).settings
    assert settings.ox_url == "http://ox.example.org:8009/ajax/"
    assert settings.email_pull_delay == Delay(milliseconds=90000)
    assert settings.workers == 3
    assert settings.max_heartbeat == 900
    assert settings.domain_user == "$USER@x"


def test_an_unknown_key_is_a_warning_with_its_line_and_no_refusal(etc):
    loaded = load(etc(usm=f"# one\n\nvendor.key=a\n{PREFIX}workers=2\n"))
    assert [str(warning) for warning in loaded.warnings] == [
        f"{loaded.settings.etc}/usm.properties:3: unknown key vendor.key is ignored"
    ]
    assert loaded.settings.workers == 2


def test_a_key_set_twice_counts_the_last_time_and_says_so(etc):
    loaded = load(etc(usm=f"{PREFIX}workers=2\n{PREFIX}workers=4\n"))
    assert loaded.settings.workers == 4
    assert "usm.properties:2" in str(loaded.warnings[0])
    assert "usm.properties:1 no longer counts" in str(loaded.warnings[0])


def test_every_wrong_value_is_named_at_once_with_file_line_key_and_value(etc):
    folder = etc(
        usm=f"{PREFIX}ox.url=http:///ajax/\n\n{PREFIX}workers=many\n",
        eas=f"{PREFIX}eas.ping.max_heartbeat=99999\n",
    )
    found = problems(folder)
    assert len(found) == 3
    assert found[0].startswith(f"{folder}/usm.properties:1: {PREFIX}ox.url=http:///ajax/: ")
    assert found[1].startswith(f"{folder}/usm.properties:3: {PREFIX}workers=many: ")
    assert found[2].startswith(f"{folder}/eas.properties:1: {PREFIX}eas.ping.max_heartbeat=99999: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ox.url", "localhost:8009/ajax/"),
        ("ox.url", "ftp://localhost/ajax/"),
        ("ox.url", "http://"),
        ("ox.url", "http://host:port/ajax/"),
        ("ox.url", "http://[::1/ajax/"),
        ("ox.url", "http://host/ajax/?a=1"),
        ("listen.port", "0"),
        ("listen.port", "65536"),
        ("listen.port", "80 10"),
        ("listen.host", "a host"),
        ("workers", "-1"),
        ("workers", "2.5"),
        ("workers", "9" * 40),
        ("session.sync.email_pull_delay", "soon"),
        ("session.sync.email_pull_delay", "0%"),
        ("session.sync.email_pull_delay", "101%"),
        ("session.sync.email_pull_delay", "-1"),
        ("session.sync.email_pull_min_delay", "60s"),
        ("force_new_sync_key_on_empty_sync", "yes"),
        ("log.level", "loud"),
        ("database.url", "oracle://host/db"),
        ("eas.alias", "Microsoft-Server-ActiveSync"),
        ("eas.alias", "/a b"),
        ("eas.login_pattern.domain_user", "$DOMAIN"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(etc, key, value):
    found = problems(etc(usm=f"{PREFIX}{key}={value}\n"))
    assert len(found) == 1
    assert f"usm.properties:1: {PREFIX}{key}={value}: " in found[0]


def test_a_password_in_a_wrong_database_url_is_not_repeated(etc):
    found = problems(etc(usm=f"{PREFIX}database.url=oracle://usm:se/cr@t@host/db\n"))
    assert "usm:***@host/db" in found[0]
    assert "cr@t" not in found[0]


def test_an_empty_value_means_the_default(etc):
    settings = load(etc(usm=f"{PREFIX}workers=\n{PREFIX}database.url=\n{PREFIX}ox.url=  \n")).settings
    assert settings.workers == 0
    assert settings.database_url == ""
    assert settings.ox_url == "http://127.0.0.1:8009/ajax/"


def test_values_are_checked_against_each_other(etc):
    found = problems(
        etc(
            usm=f"{PREFIX}listen.port=8011\n",
            eas=f"{PREFIX}eas.ping.min_heartbeat=900\n{PREFIX}eas.ping.max_heartbeat=600\n",
        )
    )
    assert len(found) == 2
    assert "admin.port=8011" in found[0]
    assert "eas.properties:1" in found[1]


def test_a_missing_file_is_named(etc):
    folder = etc()
    (folder / "eas.properties").unlink()
    assert problems(folder) == [f"{folder}/eas.properties: cannot be read: No such file or directory"]


def test_a_broken_escape_is_named_with_its_line_and_the_rest_is_still_checked(etc):
    found = problems(etc(usm=f"a=1\nb=\\u12\n{PREFIX}workers=x\n"))
    assert len(found) == 2
    assert "usm.properties:2" in found[0]
    assert "usm.properties:3" in found[1]


def test_lines_are_counted_over_continued_lines_and_windows_line_ends(etc):
    found = problems(etc(usm=f"a=1\\\r\n  2\r\n# not continued \\\r\n{PREFIX}workers=x\r\n"))
    assert "usm.properties:4" in found[0]


def test_every_key_has_a_meaning_and_a_default_that_its_own_reader_takes():
    for key, entry in KEYS.items():
        assert key.startswith(PREFIX)
        assert entry.metadata["meaning"].endswith(".")
        default = entry.metadata["default"]
        if default:
            assert entry.metadata["read"](default) == entry.default, key


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().workers = 3  # type: ignore[misc]


def test_the_settings_of_an_ox_6_host_are_found_in_their_own_folder(tmp_path, monkeypatch):
    six, seven = tmp_path / "etc" / "groupware", tmp_path / "etc"
    six.mkdir(parents=True)
    monkeypatch.setattr("app.config.loading.ETC_DIRECTORIES", (six, seven))
    assert etc_directory() == seven
    (seven / "usm.properties").write_text("")
    assert etc_directory() == seven
    (six / "usm.properties").write_text("")
    assert etc_directory() == six


@pytest.mark.parametrize(
    "wrong",
    ["http://host", "redis://", "redis:///0", "redis://host/zero", "redis://host:port/0", "redis://[host/0"]
    + [
        f"redis://usm:{password}@host:6379/0"
        for password in ("se#cr", "1#cr", "se?cr", "1?cr", "se/cr", "1/cr")
    ],
)
def test_an_address_of_redis_that_is_none_is_refused_without_the_password(etc, wrong):
    (problem,) = problems(etc(usm=f"{PREFIX}notify.redis_url={wrong}\n"))
    assert "usm.properties:1" in problem
    assert "expected redis://host:6379/0" in problem
    assert "cr@" not in problem
    assert "'se'" not in problem


def test_addresses_with_a_password_are_not_shown_among_the_settings(etc):
    redis, database = "redis://:topsecret@host:6379/1?health_check_interval=9", "sqlite:///topsecret"
    text = f"{PREFIX}notify.redis_url={redis}\n{PREFIX}database.url={database}\n"
    settings = load(etc(usm=text)).settings
    assert (settings.redis_url, settings.database_url) == (redis, database)
    assert "topsecret" not in repr(settings)


KEYS_IN_BASE64 = ("A" * 43 + "=", "B" * 42 + "A=")


def test_keys_for_secrets_are_read_in_their_order(etc):
    first, second = KEYS_IN_BASE64
    for text in (f"{first},{second}", f"{first} , {second}", f" {first}\t{second},"):
        keys = load(etc(usm=f"{PREFIX}secret_keys={text}\n")).settings.secret_keys
        assert [len(key) for key in keys] == [32, 32]
        assert keys[0] == bytes(32)
    settings = load(etc(usm=f"{PREFIX}secret_keys={first}\n")).settings
    assert repr(bytes(32)) not in repr(settings)
    assert not load(etc()).settings.secret_keys


@pytest.mark.parametrize("text", ["topsecret", "dG9wc2VjcmV0", KEYS_IN_BASE64[0] + ",topsecret", "A" * 44])
def test_a_key_that_is_none_is_refused_and_not_shown(etc, text):
    (problem,) = problems(etc(usm=f"{PREFIX}secret_keys={text}\n"))
    assert "usm.properties:1" in problem
    assert "openssl rand -base64 32" in problem
    assert text not in problem
    assert "***" in problem


def test_recovery_passwords_without_a_key_are_a_warning(etc):
    policy = f"{PREFIX}eas.policy.PasswordRecoveryEnabled=1\n"
    (warning,) = load(etc(eas=policy)).warnings
    assert str(warning).endswith(f"are kept only with {PREFIX}secret_keys")
    assert ":1: " in str(warning)
    assert load(etc(eas=policy, usm=f"{PREFIX}secret_keys={KEYS_IN_BASE64[0]}\n")).warnings == []
    assert load(etc(eas=policy.replace("=1", "=0"))).warnings == []


def test_without_a_key_no_device_is_asked_for_a_recovery_password(etc):
    policy = "".join(f"{PREFIX}eas.policy.{name}=1\n" for name in ("PasswordRecoveryEnabled", "AllowBrowser"))
    without = load(etc(eas=policy)).settings
    assert main.eas_settings(without).policy == {"AllowBrowser": "1"}
    assert main.ring(without) is None
    with_key = load(etc(eas=policy, usm=f"{PREFIX}secret_keys={KEYS_IN_BASE64[0]}\n")).settings
    assert main.eas_settings(with_key).policy == {"AllowBrowser": "1", "PasswordRecoveryEnabled": "1"}
    assert main.ring(with_key) is not None
