"""Up to 12.1 an HTTP status stands in for the common statuses (MS-ASCMD 2.2.2)."""

from __future__ import annotations

import pytest

from app.eas.answer import failure
from app.eas.versions import COMMANDS, STATUS_IN_BODY, Version
from app.wbxml import decode
from tests.schemas import validate

OLD = [version for version in Version if version < STATUS_IN_BODY]
NEW = [version for version in Version if version >= STATUS_IN_BODY]

INSTEAD = [
    (101, "Sync", 400),
    (102, "Sync", 400),
    (103, "Sync", 400),
    (106, "Sync", 400),
    (106, "SendMail", 500),
    (110, "Sync", 500),
    (111, "Sync", 503),
    (112, "Sync", 403),
    (113, "SendMail", 507),
    (125, "Sync", 403),
    (126, "Sync", 403),
    (132, "Sync", 403),
    (132, "Provision", 500),
    (137, "Sync", 501),
    (138, "Sync", 400),
    (140, "Sync", 449),
    (141, "Sync", 449),
    (142, "Sync", 449),
    (143, "Sync", 449),
    (144, "Sync", 449),
    (147, "Sync", 400),
]


@pytest.mark.requirement("MS-ASPROV", 1034)
@pytest.mark.requirement(
    "MS-ASCMD", 7461, 7462, 7545, 7546, 7547, 7548, 7549, 7550, 7551, 7552, 7553, 7554, 7555, 7556, 7557, 7558, 7559,
    7562, 7563, 7564, 7565, 7566, 7567,
)  # fmt: skip
@pytest.mark.parametrize("version", OLD, ids=lambda version: version.text)
@pytest.mark.parametrize(("status", "command", "http"), INSTEAD)
def test_http_says_what_the_status_would(version: Version, status: int, command: str, http: int) -> None:
    answer = failure(command, version, status)
    assert answer.status == http
    assert answer.body == b""
    assert "Content-Type" not in answer.headers


@pytest.mark.requirement("MS-ASHTTP", 190, 287)
@pytest.mark.parametrize("version", OLD, ids=lambda version: version.text)
def test_what_may_pass_says_when_to_come_again(version: Version) -> None:
    assert int(failure("Sync", version, 111).headers["Retry-After"]) > 0


@pytest.mark.requirement("MS-ASCMD", 7561)
@pytest.mark.parametrize("version", OLD, ids=lambda version: version.text)
def test_a_wipe_of_a_device_without_a_policy_key_is_forbidden_first(version: Version) -> None:
    assert failure("Sync", version, 140, has_key=False).status == 403


@pytest.mark.requirement("MS-ASCMD", 4811)
@pytest.mark.parametrize("version", NEW, ids=lambda version: version.text)
@pytest.mark.parametrize(("status", "command", "http"), INSTEAD)
def test_from_14_0_on_the_status_stands_in_the_answer(
    version: Version, status: int, command: str, http: int
) -> None:
    answer = failure(command, version, status)
    assert answer.status == 200
    validate(answer.body, version.text)
    assert str(status) in [child.text for child in decode(answer.body)]


@pytest.mark.parametrize("version", Version, ids=lambda version: version.text)
@pytest.mark.parametrize("rule", COMMANDS.values(), ids=lambda rule: rule.name)
def test_every_command_of_every_version_can_fail(version: Version, rule: object) -> None:
    answer = failure(rule.name, version, 137)  # type: ignore[attr-defined]
    assert answer.status in (200, 501)
    validate(answer.body, version.text)
