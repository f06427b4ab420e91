"""When usm.properties and eas.properties are written, with what, and what is said of it. Nothing is deployed."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks import merge, properties, report, run, scripts
from tasks.nodes import Node
from tests.deploy.fakes import PROJECT, FakeHost, node, on, plain

ETC = "/opt/open-xchange/etc/groupware"
STATE = "/var/lib/open-xchange-usm"
FRESH = Node(generation=6, etc=ETC)
WORKERS = "com.openexchange.usm.workers"
HEARTBEAT = "com.openexchange.usm.eas.ping.max_heartbeat"
DATABASE = "com.openexchange.usm.database.url"


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which nothing has been said, and no secret of the person who runs the tests."""
    monkeypatch.setattr(report, "notes", [])
    monkeypatch.setattr(properties, "_said", set())
    for name in ("USM_DATABASE_URL", "USM_SECRET_KEYS", "USM_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)


def told(**texts: str) -> tuple[bool, str]:
    """What a host answers when it is asked for its texts, such as ``usm_text``."""
    lines = [
        f"{name.replace('_', ' ')} {base64.b64encode(text.encode(merge.ENCODING)).decode()}"
        for name, text in texts.items()
    ]
    return True, "\n".join(lines)


def having(texts: Mapping[str, str], **settings: Any) -> FakeHost:
    """A node with these texts (``usm_text``, ``eas_base``, …)."""
    files = {
        name: f"{merge.digest(texts[f'{name}_text'])} 640 root:open-xchange"
        for name in ("usm", "eas")
        if f"{name}_text" in texts
    }
    bases = {name: merge.digest(texts[f"{name}_base"]) for name in ("usm", "eas") if f"{name}_base" in texts}
    host = node(state=replace(FRESH, properties=files, rendered=bases), **settings)
    host.groups = ["ox", "web"]
    host.answers = {"properties.sh read": told(**texts)}
    return host


def deployed(**settings: Any) -> dict[str, str]:
    """The texts of a node after a run with these settings."""
    host = having({}, **settings)
    with on(host):
        wanted = properties.wanted()
    texts = {f"{name}_text": each.text for name, each in wanted.items()}
    bases = {f"{name}_base": merge.remember(each, merge.digest(each.text)) for name, each in wanted.items()}
    return {**texts, **bases}


def done(host: FakeHost) -> list[tuple[str, str, str]]:
    """What is done on a host: each command, and for one that writes, the text and what is remembered."""
    with on(host):
        return [_read_back(command) for command in properties.steps()]


def _read_back(command: Any) -> tuple[str, str, str]:
    if (
        not isinstance(getattr(command, "connector_arguments", None), dict)
        or "_stdin" not in command.connector_arguments
    ):
        return plain(command), "", ""
    text, wanted = (
        base64.b64decode(line).decode(merge.ENCODING)
        for line in command.connector_arguments["_stdin"].splitlines()
    )
    return plain(command), text, wanted


def edited(texts: dict[str, str], **lines: str) -> dict[str, str]:
    """The same node after somebody has written other lines: ``workers="4"`` for the key that ends so."""
    changed = dict(texts)
    for ending, value in lines.items():
        for name in ("usm_text", "eas_text"):
            changed[name] = re.sub(rf"(?m)^(com\.[\w.]+\.{ending})=.*$", rf"\1={value}", changed[name])
    assert changed != texts
    return changed


WRITE_USM = f"properties.sh write {ETC}/usm.properties 640 root:open-xchange 5 {STATE}/rendered"
WRITE_EAS = f"properties.sh write {ETC}/eas.properties 640 root:open-xchange 5 {STATE}/rendered"


def test_a_host_without_the_files_gets_both_and_what_was_wanted_is_remembered() -> None:
    found = done(having({}))
    assert [line for line, _, _ in found] == [f"rm -f {STATE}/started", WRITE_USM, WRITE_EAS]
    for (_, text, wanted), name in zip(found[1:], ("usm", "eas"), strict=True):
        assert (text, wanted) == (deployed()[f"{name}_text"], deployed()[f"{name}_base"])
    assert report.notes == []


def test_where_everything_is_right_nothing_is_done_and_no_text_is_asked_for() -> None:
    host = having(deployed())
    with on(host):
        properties.check()
    assert done(host) == []
    assert host.asked == []


def test_a_changed_setting_writes_the_file_that_holds_it() -> None:
    (first, second) = done(having(deployed(), max_heartbeat=900))
    assert (first[0], second[0]) == (f"rm -f {STATE}/started", WRITE_EAS)
    assert f"{HEARTBEAT}=900\n" in second[1]
    assert [(note.kind, note.text) for note in report.notes] == [
        (
            "difference",
            f"--- {ETC}/eas.properties\n+++ {ETC}/eas.properties\n-{HEARTBEAT}=1770\n+{HEARTBEAT}=900",
        )
    ]


def test_an_edit_stays_is_said_and_only_remembered() -> None:
    """The file is as it should be, so whatever runs with it goes on."""
    texts = edited(deployed(), workers="4")
    ((line, text, wanted),) = done(having(texts))
    assert (line, text) == (WRITE_USM, "")
    assert merge.result_of(wanted) == merge.digest(texts["usm_text"])
    assert [(note.kind, note.text) for note in report.notes] == [
        ("kept", f"{WORKERS}=4 on this host; say it in group_data to make it everyone's")
    ]
    assert done(having({**texts, "usm_base": wanted})) == []


@pytest.mark.parametrize("given", [{"workers": 8}, {"workers": 0}], ids=["another", "that of everybody"])
def test_a_value_that_is_given_for_the_host_wins_over_the_edit(given: dict[str, int]) -> None:
    host = having(edited(deployed(), workers="4"), **given)
    host.given = given
    (_, (_, text, _)) = done(host)
    assert f"{WORKERS}={given['workers']}\n" in text


def test_a_file_from_before_keeps_its_edits_and_loses_what_its_package_shipped() -> None:
    beta = "# beta\ncom.openexchange.usm.workers=4\ncom.openexchange.usm.log.level=debug\ncom.vendor=1\n"
    texts = {
        "usm_text": beta
        + f"{properties.OX_URL}=http://your.ox.server/ajax/\n{properties.LISTEN_HOST}=127.0.0.1\n",
        "usm_shipped": "com.openexchange.usm.log.level=debug\n",
        "eas_text": f"{HEARTBEAT}=1000\n",
    }
    _, (_, usm, _), (_, eas, _) = done(having(texts, ox_url="http://ox/ajax/"))
    found = merge.values(usm)
    assert (found[WORKERS], found["com.vendor"]) == ("4", "1")
    assert found["com.openexchange.usm.log.level"] == "info"
    assert found[properties.OX_URL] == "http://ox/ajax/"
    assert merge.values(eas)[HEARTBEAT] == "1000"


@pytest.mark.parametrize("product", ["beta", "vendor"])
@pytest.mark.parametrize("is_pristine", [True, False])
def test_files_of_earlier_products_become_ours(product: str, is_pristine: bool) -> None:
    """Those of the stand-in packages, as they came, and with an edit and a key of another program."""
    shipped = {
        name: (PROJECT / "lab/packages/files" / product / f"{name}.properties").read_text()
        for name in ("usm", "eas")
    }
    edits = f"{WORKERS}=7\n{properties.OX_URL}=http://ox.example.org/ajax/\n# mine\nmy.key=x\n"
    texts = {f"{name}_text": text for name, text in shipped.items()}
    if is_pristine:
        texts |= {f"{name}_shipped": text for name, text in shipped.items()}
    else:
        texts["usm_text"] += edits
    host = having(texts)
    with on(host):
        properties.check()
    _, (_, usm, _), (_, eas, _) = done(host)
    found, ours = merge.values(usm) | merge.values(eas), deployed()
    defaults = merge.values(ours["usm_text"]) | merge.values(ours["eas_text"])
    before = merge.values(texts["usm_text"]) | merge.values(texts["eas_text"])
    assert found.keys() == before.keys() | defaults.keys()
    if is_pristine:
        assert {key: found[key] for key in defaults} == defaults
    else:
        kept = {WORKERS: "7", properties.OX_URL: "http://ox.example.org/ajax/", "my.key": "x"}
        assert {key: found[key] for key in kept} == kept
        assert "\n# mine\nmy.key=x\n" in usm
        assert {key: found[key] for key in before} == {**before, **kept}


def test_edits_that_a_package_put_aside_count_where_it_brought_its_own_file() -> None:
    saved = f"{WORKERS}=4\n"
    for texts in ({}, {"usm_text": f"{WORKERS}=1\n", "usm_shipped": f"{WORKERS}=1\n"}):
        (_, (_, usm, _), *_) = done(having({**texts, "usm_saved": saved}))
        assert merge.values(usm)[WORKERS] == "4"
    (_, (_, usm, _), *_) = done(having({"usm_text": f"{WORKERS}=2\n", "usm_saved": saved}))
    assert merge.values(usm)[WORKERS] == "2"


def test_a_run_that_was_cut_off_after_writing_the_file_is_not_taken_for_an_edit() -> None:
    before, after = deployed(), deployed(max_heartbeat=900)
    texts = {**after, "eas_base": before["eas_base"], "eas_next": after["eas_base"]}
    (_, (line, text, _)) = done(having(texts, max_heartbeat=1000))
    assert (line, merge.values(text)[HEARTBEAT]) == (WRITE_EAS, "1000")
    ((line, text, wanted),) = done(having(texts))[1:]
    assert (line, merge.values(text)[HEARTBEAT], wanted) == (WRITE_EAS, "1770", before["eas_base"])


def test_a_run_that_was_cut_off_before_writing_the_file_loses_no_edit() -> None:
    before, after = deployed(), deployed(max_heartbeat=900)
    texts = edited({**before, "eas_next": after["eas_base"]}, max_heartbeat="600")
    _, (_, text, _) = done(having({**texts, "eas_text": texts["eas_text"] + "x=1\n"}))
    assert merge.values(text)[HEARTBEAT] == "600"


@pytest.mark.parametrize(
    "changed",
    [{"properties": "644 root:open-xchange"}, {"properties": "640 root:root"}, {"leftovers": "dpkg-dist"}],
    ids=["mode", "owner", "leftover"],
)
def test_rights_and_leftovers_are_put_right_without_writing_the_text(changed: dict[str, str]) -> None:
    host = having(deployed())
    (kind, value) = next(iter(changed.items()))
    state = next(iter(host.facts.values()))
    if kind == "properties":
        value = f"{merge.digest(deployed()['usm_text'])} {value}"
    host.facts = {
        type_: replace(state, **{kind: {**getattr(state, kind), "usm": value}}) for type_ in host.facts
    }
    ((line, text, _),) = done(host)
    assert (line, text) == (WRITE_USM, "")


def test_a_password_is_kept_like_any_value_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    url = "mysql+pymysql://usm:hush@db/usm"
    texts = edited(deployed(), **{"database.url": url})
    texts["usm_text"] += f"proxy.password=hush\n{WORKERS}=3\n"
    with caplog.at_level("DEBUG"):
        _, (line, text, _) = done(having(texts))
    assert merge.values(text)[DATABASE] == url
    assert merge.values(text)["proxy.password"] == "hush"
    told = line + caplog.text + "".join(note.text for note in report.notes)
    assert f"{DATABASE}=***" in told
    assert "hush" not in told


def test_a_database_from_the_secrets_wins_over_the_one_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USM_DATABASE_URL", "mysql+pymysql://usm:hush@db/usm")
    texts = edited(deployed(), **{"database.url": "sqlite:////tmp/x"})
    _, (_, text, _) = done(having(texts))
    assert merge.values(text)[DATABASE] == "mysql+pymysql://usm:hush@db/usm"


def test_a_key_that_stands_there_twice_is_reported() -> None:
    texts = deployed()
    texts["usm_text"] += "a=1\na=2\n"
    done(having(texts))
    (warning,) = [note.text for note in report.notes if note.kind == "warning"]
    count = deployed()["usm_text"].count("\n")
    assert warning == f"{ETC}/usm.properties: a stands there again after line {count + 1}; the last counts"


# Refused before anything is touched.


def refused(host: FakeHost) -> str:
    with on(host), pytest.raises(run.DeployError) as caught:
        properties.check()
    return str(caught.value)


def test_a_value_edited_on_the_host_that_cannot_be_used_is_refused_with_its_place() -> None:
    texts = edited(deployed(), workers="four", max_heartbeat="soon")
    line = texts["usm_text"].split("\n").index(f"{WORKERS}=four") + 1
    said = refused(having(texts))
    assert (
        f"edited on ox1 cannot be used: {ETC}/usm.properties:{line}: {WORKERS}=four: expected a whole" in said
    )
    assert f"{HEARTBEAT}=soon: expected a whole number from 60 to 3540 (setting max_heartbeat)" in said
    assert said.endswith("Nothing has been touched")


def test_a_value_edited_on_the_host_that_does_not_count_may_be_anything() -> None:
    host = having(edited(deployed(), workers="four"), workers=2)
    with on(host):
        properties.check()


def test_a_file_on_the_host_that_cannot_be_read_is_refused_with_its_place() -> None:
    texts = deployed()
    texts["eas_text"] = "a=1\n" + texts["eas_text"] + "b=\\u00g1\n"
    line = texts["eas_text"].count("\n")
    assert refused(having(texts)).startswith(f"{ETC}/eas.properties:{line} on ox1 cannot be read: ")


def test_a_setting_that_cannot_be_used_is_refused_whatever_is_on_the_host() -> None:
    assert "the settings in group_data/ cannot be used: usm.properties:" in refused(
        having({}, workers="many")
    )


def test_fifty_hosts_with_addresses_of_their_own_are_one_check(monkeypatch: pytest.MonkeyPatch) -> None:
    properties._complaint.cache_clear()
    properties.check_settings.cache_clear()
    asked: list[object] = []
    monkeypatch.setattr(
        subprocess, "run", lambda *words, **more: asked.append(words) or subprocess.CompletedProcess([], 0)
    )
    found = [node(f"ox{number}", FRESH, address=f"192.0.2.{number}") for number in range(50)]
    for host in found:
        with on(host, found):
            properties.check()
    properties._complaint.cache_clear()
    properties.check_settings.cache_clear()
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["extra_usm_properties", "extra_eas_properties"])
@pytest.mark.parametrize(("key", "setting"), [(WORKERS, "workers"), (f" {HEARTBEAT} ", "max_heartbeat")])
def test_an_extra_line_for_a_key_that_has_a_setting_is_refused(name: str, key: str, setting: str) -> None:
    said = refused(having({}, **{name: {key: "1"}}))
    assert (
        said
        == f"{name} has {key.strip()}, which is the setting {setting}: set that instead. Nothing has been touched"
    )


def test_an_extra_line_in_both_files_is_refused() -> None:
    said = refused(having({}, extra_usm_properties={"a": 1}, extra_eas_properties={"a": 2}))
    assert said.startswith("a is both in extra_usm_properties and in extra_eas_properties")


def test_extra_lines_come_and_go_with_the_setting() -> None:
    extra = {
        "extra_eas_properties": {"com.openexchange.usm.eas.policy.MinDevicePasswordLength": 6, "a b": "ü"}
    }
    _, (_, text, _) = done(having(deployed(), **extra))
    assert merge.values(text)["a b"] == "ü"
    _, (_, text, _) = done(having(deployed(**extra)))
    assert text == deployed()["eas_text"]


def test_every_key_of_the_templates_is_known_by_its_setting() -> None:
    for name in properties.FILES:
        keys = merge.values(deployed()[f"{name}_text"])
        assert properties.settings_of(f"{name}.properties.j2").keys() == keys.keys()


# The vendor's bundles inside the groupware.

VENDOR = "# Vendor\r\ncom.openexchange.usm.ox.url = http://your.ox.server/ajax/\r\ncom.vendor.x : \\\r\n 1"
BUNDLES = {"product": "bundles", "ox_url": "http://ox/ajax/"}
WRITE_BUNDLE = f"properties.sh write {ETC}/usm.properties - - 5 {STATE}/rendered"


def test_the_vendors_file_gets_the_url_and_keeps_every_other_byte() -> None:
    texts = {"usm_text": VENDOR, "eas_text": "a=1\n"}
    _, (line, usm, _), (_, eas, _) = done(having(texts, **BUNDLES))
    assert line == WRITE_BUNDLE
    assert usm == VENDOR.replace(
        "com.openexchange.usm.ox.url = http://your.ox.server/ajax/", f"{properties.OX_URL}=http://ox/ajax/"
    )
    assert eas == ""


def test_the_vendors_files_are_left_alone_when_they_are_right() -> None:
    texts = {"usm_text": VENDOR, "eas_text": "a=1\n"}
    _, (_, usm, first), (_, _, second) = done(having(texts, **BUNDLES))
    after = {**texts, "usm_text": usm, "usm_base": first, "eas_base": second}
    host = having(after, **BUNDLES)
    assert done(host) == []
    assert host.asked == []


def test_an_url_that_was_edited_in_the_vendors_file_stays_unless_one_is_given() -> None:
    texts = {"usm_text": f"{properties.OX_URL}=http://mine/ajax/\n", "eas_text": ""}
    assert [text for _, text, _ in done(having(texts, product="bundles"))] == ["", ""]
    _, (_, usm, _), _ = done(having(texts, **BUNDLES))
    assert usm == f"{properties.OX_URL}=http://ox/ajax/\n"


def test_keys_for_the_vendors_files_are_data() -> None:
    texts = {"usm_text": VENDOR, "eas_text": "a=1\n"}
    chosen = {"usm": {properties.OX_URL: "http://b/ajax/"}, "eas": {"a": 2, "b": True}}
    _, (_, usm, _), (_, eas, _) = done(having(texts, product="bundles", bundle_properties=chosen))
    assert merge.values(usm)[properties.OX_URL] == "http://b/ajax/"
    assert eas == "a=2\nb=true\n"


def test_files_that_the_vendors_package_did_not_bring_are_a_failure() -> None:
    assert done(having({}, **BUNDLES)) == [
        (f"fail: the package has brought no {ETC}/usm.properties: is it the right one?", "", "")
    ]


# The script, on files of this machine.


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


OWN = f"{os.getuid()}:{os.getgid()}"


def script(*words: object, stdin: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", scripts.text("properties"), "properties.sh", *map(str, words)]
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)


def write(
    etc: Path, text: str | None, wanted: str = "wanted", mode: str = "640", owner: str = OWN, copies: int = 3
) -> subprocess.CompletedProcess[str]:
    lines = [
        "" if text is None else base64.b64encode(text.encode(merge.ENCODING)).decode(),
        base64.b64encode(wanted.encode()).decode(),
    ]
    rendered = etc.parent / "state" / "rendered"
    done = script(
        "write", etc / "usm.properties", mode, owner, copies, rendered, stdin="\n".join(lines) + "\n"
    )
    return done


def names(folder: Path) -> list[str]:
    return sorted(re.sub(r"\d{14}", "DATE", path.name) for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_byte_by_byte_with_its_rights(etc: Path) -> None:
    text = "a=grün\r\n\x00\\"
    assert write(etc, text).returncode == 0
    assert (etc / "usm.properties").read_bytes() == text.encode(merge.ENCODING)
    assert mode(etc / "usm.properties") == 0o640
    rendered = etc.parent / "state" / "rendered"
    assert (rendered / "usm.properties").read_text() == "wanted"
    assert (mode(rendered), mode(rendered / "usm.properties")) == (0o700, 0o600)
    assert (names(etc), names(rendered)) == (["usm.properties"], ["usm.properties"])


def test_the_file_of_before_stays_as_a_copy_and_of_copies_only_the_last(etc: Path) -> None:
    for stamp in (20010101000000, 20020101000000, 20030101000000):
        (etc / f"usm.properties.{stamp}").write_text(str(stamp))
    (etc / "usm.properties.bak").write_text("mine")
    (etc / "usm.properties.2001").write_text("mine")
    (etc / "usm.properties").write_text("before")
    (etc / "usm.properties").chmod(0o600)
    assert write(etc, "after").returncode == 0
    copies = sorted(etc.glob("usm.properties." + "[0-9]" * 14))
    assert [path.read_text() for path in copies] == ["20020101000000", "20030101000000", "before"]
    assert mode(copies[-1]) == 0o600
    assert {"usm.properties.bak", "usm.properties.2001"} < {path.name for path in etc.iterdir()}


@pytest.mark.parametrize("suffix", ["dpkg-dist", "dpkg-old", "ucf-old", "rpmsave"])
def test_of_what_packages_left_only_the_last_stay_as_well(etc: Path, suffix: str) -> None:
    for stamp in (20010101000000, 20020101000000, 20030101000000):
        (etc / f"usm.properties.{stamp}.{suffix}").write_text(str(stamp))
        (etc / f"usm.properties.{stamp}").write_text("a copy")
    (etc / "usm.properties").write_text("before")
    (etc / f"usm.properties.{suffix}").write_text("left now")
    assert write(etc, None).returncode == 0
    left = [path.read_text() for path in sorted(etc.glob(f"usm.properties.*.{suffix}"))]
    assert left == ["20020101000000", "20030101000000", "left now"]
    assert not (etc / f"usm.properties.{suffix}").exists()
    assert len(list(etc.glob("usm.properties." + "[0-9]" * 14))) == 3


def test_two_changes_in_one_second_leave_two_copies(etc: Path) -> None:
    for text in ("one", "two", "three"):
        assert write(etc, text).returncode == 0
    assert sorted(path.read_text() for path in etc.glob("usm.properties.*")) == ["one", "two"]


def test_a_copy_of_a_file_that_everybody_could_read_can_be_read_by_nobody_else(etc: Path) -> None:
    (etc / "usm.properties").write_text("before")
    (etc / "usm.properties").chmod(0o644)
    write(etc, "after")
    (copy,) = etc.glob("usm.properties.*")
    assert mode(copy) == 0o640


def test_without_a_text_only_rights_and_what_is_remembered_change(etc: Path) -> None:
    file = etc / "usm.properties"
    file.write_text("as it is")
    file.chmod(0o644)
    before = file.stat().st_ino
    assert write(etc, None, "other").returncode == 0
    assert (file.read_text(), mode(file), file.stat().st_ino) == ("as it is", 0o640, before)
    assert (etc.parent / "state/rendered/usm.properties").read_text() == "other"
    assert names(etc) == ["usm.properties"]


def test_what_a_package_left_beside_it_is_put_away(etc: Path) -> None:
    for suffix in ("dpkg-dist", "rpmnew", "rpmsave"):
        (etc / f"usm.properties.{suffix}").write_text(suffix)
    write(etc, "after")
    assert names(etc) == [
        "usm.properties",
        *(f"usm.properties.DATE.{suffix}" for suffix in ("dpkg-dist", "rpmnew", "rpmsave")),
    ]


def test_rights_of_the_vendors_file_and_what_lies_beside_it_stay(etc: Path) -> None:
    (etc / "usm.properties").write_text("before")
    (etc / "usm.properties").chmod(0o604)
    (etc / "usm.properties.dpkg-dist").write_text("x")
    assert write(etc, "after", mode="-", owner="-").returncode == 0
    assert (mode(etc / "usm.properties"), (etc / "usm.properties").read_text()) == (0o604, "after")
    assert "usm.properties.dpkg-dist" in names(etc)


def test_a_connection_that_breaks_in_the_middle_of_a_text_changes_nothing(etc: Path) -> None:
    (etc / "usm.properties").write_text("before")
    whole = base64.b64encode(b"after").decode()
    rendered = etc.parent / "state/rendered"
    for cut in ("", whole, f"{whole}\n", f"{whole}\n{whole}"):
        done = script("write", etc / "usm.properties", "640", OWN, 3, rendered, stdin=cut)
        assert done.returncode != 0
        assert (etc / "usm.properties").read_text() == "before"
        assert names(etc) == ["usm.properties"]


def test_an_owner_that_does_not_exist_changes_nothing_and_leaves_nothing(etc: Path) -> None:
    (etc / "usm.properties").write_text("before")
    assert write(etc, "after", owner="root:no-such-group-5b1").returncode != 0
    assert (etc / "usm.properties").read_text() == "before"
    assert names(etc) == ["usm.properties"]
    assert names(etc.parent / "state/rendered") == []


def test_every_text_that_tells_of_edits_is_read(etc: Path) -> None:
    rendered = etc.parent / "rendered"
    rendered.mkdir()
    texts = {
        etc / "usm.properties": ("usm", "text", "ü"),
        rendered / "usm.properties": ("usm", "base", "b"),
        rendered / "usm.properties.new": ("usm", "next", "n"),
        etc / "usm.properties.dpkg-dist": ("usm", "shipped", "1"),
        etc / "usm.properties.rpmnew": ("usm", "shipped", "2"),
        etc / "eas.properties.rpmsave": ("eas", "saved", ""),
    }
    for path, (_, _, text) in texts.items():
        path.write_text(text, encoding=merge.ENCODING)
    done = script("read", etc, rendered)
    assert (done.returncode, done.stderr) == (0, "")
    found = {
        (*line.split(" ")[:2], base64.b64decode(line.split(" ")[2]).decode(merge.ENCODING))
        for line in done.stdout.splitlines()
    }
    assert found == set(texts.values())


def test_a_folder_that_does_not_exist_yet_has_nothing_to_read(tmp_path: Path) -> None:
    done = script("read", tmp_path / "no", tmp_path / "no")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_as_its_package_brought_it_counts_as_shipped(etc: Path) -> None:
    """dpkg is asked for the checksums of what all packages brought; here by a stand-in that answers for ours."""
    (etc / "usm.properties").write_text("a=1\n")
    (etc / "eas.properties").write_text("edited\n")
    brought = hashlib.md5(b"a=1\n").hexdigest()
    tools = etc.parent / "bin"
    tools.mkdir()
    lines = f" {etc}/usm.properties {brought} obsolete\\n {etc}/eas.properties {brought}\\n"
    (tools / "dpkg-query").write_text(f"#!/bin/sh\nprintf '{lines}'\n")
    (tools / "dpkg-query").chmod(0o755)
    done = script("read", etc, etc.parent / "no", path=f"{tools}:{os.environ['PATH']}")
    found = [line.split(" ")[:2] for line in done.stdout.splitlines()]
    assert found == [["usm", "text"], ["usm", "shipped"], ["eas", "text"]]
