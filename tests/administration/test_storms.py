"""Who asks most, over all workers of a node."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from app.administration.storms import OLD, Storms
from app.eas.throttle import Load
from app.usm.model import SessionId

PHONE = SessionId(1, 3, "EAS", "phone")
SPREAD = SessionId(1, 6, "EAS", "over all workers")
OTHER = SessionId(1, 4, "EAS", "ötzi/1")


def write(folder: Path, pid: int, at: float, *rows: tuple[SessionId, int, int, int]) -> None:
    told = [[s.context_id, s.user_id, s.protocol, s.device_id, *counts] for s, *counts in rows]
    (folder / f"{pid}.json").write_text(json.dumps({"at": at, "rows": told}))


def test_what_all_workers_count_is_added_up(tmp_path: Path) -> None:
    mine = [
        Load(PHONE, 100, 5, 0),
        Load(OTHER, 4, 1, 2),
        Load(SPREAD, 15, 1, 0),
        Load(SessionId(1, 5, "EAS", "calm"), 4, 1, 0),
    ]
    storms = Storms(lambda most: mine, tmp_path, lambda: 1000.0)
    storms.report()
    write(tmp_path, 1, 1000 - OLD + 1, (PHONE, 50, 2, 1), (OTHER, 40, 40, 3))
    write(tmp_path, 2, 1000 - OLD, (PHONE, 9999, 9, 9))
    write(tmp_path, 4, 1000, (SPREAD, 15, 1, 0))
    (tmp_path / "3.json").write_text("{")
    assert storms.rows() == [Load(OTHER, 44, 41, 5), Load(PHONE, 150, 7, 1), Load(SPREAD, 30, 2, 0)]


def test_a_calm_worker_leaves_no_report(tmp_path: Path) -> None:
    loads = [Load(PHONE, 100, 5, 0)]
    storms = Storms(lambda most: loads, tmp_path, lambda: 1000.0)
    storms.report()
    assert [path.name for path in tmp_path.iterdir()] == [f"{os.getpid()}.json"]
    loads.clear()
    storms.report()
    assert not list(tmp_path.iterdir())


def test_a_worker_that_is_alone_tells_of_itself() -> None:
    storms = Storms(lambda most: [Load(PHONE, 100, 5, 0)], None)
    storms.start()
    storms.report()
    assert storms.rows() == [Load(PHONE, 100, 5, 0)]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        Storms(lambda most: [], tmp_path / "file" / "storms").start()
    assert "workers do not hear" in caplog.text
