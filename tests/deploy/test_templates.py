"""Every template renders with the defaults, nothing undefined, and the application accepts what comes out."""

import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest

from app import config
from tasks import properties, run
from tasks.render import property_value, render

PROJECT = Path(__file__).resolve().parents[2]


def settings(group: str = "all") -> dict[str, Any]:
    defaults = runpy.run_path(str(PROJECT / "group_data" / "all.py"))
    return {**defaults, **runpy.run_path(str(PROJECT / "group_data" / f"{group}.py"))}


def written(folder: Path, values: Mapping[str, Any]) -> Path:
    for name in config.FILES:
        (folder / name).write_text(render(f"{name}.j2", values), encoding="ascii")
    return folder


@pytest.mark.parametrize("group", ["all", "lab"])
def test_the_application_accepts_the_rendered_files_without_a_word(tmp_path: Path, group: str) -> None:
    loaded = config.load(written(tmp_path, settings(group)))
    assert loaded.warnings == []


def test_defaults_of_the_deployment_are_those_of_the_application(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, settings()))
    assert loaded.settings == config.Settings(etc=tmp_path)


def test_every_key_of_the_application_stands_in_a_template_with_its_meaning() -> None:
    for name in config.FILES:
        lines = render(f"{name}.j2", settings()).splitlines()
        paragraphs = "\n".join(lines).split("\n\n")
        for paragraph in paragraphs:
            if re.search(r"(?m)^com\.", paragraph):
                assert paragraph.startswith("#"), paragraph
    keys = {
        match.group()
        for name in config.FILES
        for match in re.finditer(r"(?m)^com\.[\w.]+(?==)", render(f"{name}.j2", settings()))
    }
    assert keys == set(config.KEYS)


def test_a_setting_is_called_as_the_field_of_the_application() -> None:
    absent = {entry.name for entry in config.KEYS.values()} - settings().keys()
    assert absent == set()


def test_a_changed_setting_arrives_in_the_application(tmp_path: Path) -> None:
    values = {
        **settings(),
        "max_heartbeat": 900,
        "allow_folder_selection": True,
        "ox_url": "http://ox.example.org/ajax/",
    }
    found = config.load(written(tmp_path, values)).settings
    assert (found.max_heartbeat, found.allow_folder_selection) == (900, True)
    assert found.ox_url == "http://ox.example.org/ajax/"


def test_further_lines_are_kept_as_other_programs_keys(tmp_path: Path) -> None:
    values = {**settings(), "extra_usm_properties": {"com.example.key": "välue = 1"}}
    loaded = config.load(written(tmp_path, values))
    assert [warning.message for warning in loaded.warnings] == ["unknown key com.example.key is ignored"]


@pytest.mark.parametrize("template", sorted(path.name for path in (PROJECT / "templates").glob("*.j2")))
def test_a_template_with_a_name_left_out_is_refused(template: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(template, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, ""),
        (2000, "2000"),
        ("http://a:8009/ajax/", "http://a:8009/ajax/"),
        ("C:\\x", "C:\\\\x"),
        (" x", "\\ x"),
        ("a\nb=c", "a\\nb=c"),
        ("grün", "gr\\u00fcn"),
        ("😀", "\\ud83d\\ude00"),
    ],
)
def test_values_are_escaped_as_java_reads_them(tmp_path: Path, value: object, text: str) -> None:
    assert property_value(value) == text


def test_a_value_cannot_become_another_key(tmp_path: Path) -> None:
    values = {**settings(), "log_file": "/tmp/x\ncom.openexchange.usm.workers=99"}
    found = config.load(written(tmp_path, values)).settings
    assert found.workers == 0
    assert found.log_file == "/tmp/x\ncom.openexchange.usm.workers=99"


@pytest.mark.parametrize(
    "wrong",
    ["listen.port=80x", "eas.sync.max_window_size=-3", "ox.url=127.0.0.1:8009"],
)
def test_settings_that_the_application_refuses_are_named_before_anything_is_touched(wrong: str) -> None:
    line = f"com.openexchange.usm.{wrong}\n"
    with pytest.raises(run.DeployError, match=r"Nothing has been touched") as caught:
        properties.check_settings((("usm", line), ("eas", "")))
    assert wrong.partition("=")[2] in str(caught.value)
    assert "usm.properties" in str(caught.value)


def test_settings_that_the_application_takes_pass() -> None:
    properties.check_settings((("usm", "com.openexchange.usm.listen.port=8010\n"), ("eas", "")))
