"""When people are busy, by the module that 6.22 to 7.8 have for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standin.client import FAR_FUTURE, Client

HOUR = 3_600_000
START = 1_900_000_800_000  # a moment far ahead, at a whole hour


@pytest.fixture
def busy(ox: Client) -> Iterator[int]:
    """Two appointments that touch, and one that is free; the id of the user."""
    if ox.server.generation > 7:
        answer = ox.send("GET", "freebusy", "get", participant="1", **{"from": 0, "until": 1})
        assert answer.status_code == 404 or "error" in answer.json()
        pytest.skip("the newest generation has no such module")
    folder = ox.config("folder/calendar")
    made = []
    for offset, kind in ((0, 1), (1, 1), (3, 4)):
        body = {
            "folder_id": folder,
            "title": "Contract",
            "start_date": START + offset * HOUR,
            "end_date": START + (offset + 1) * HOUR,
            "shown_as": kind,
            "ignore_conflicts": True,
        }
        made.append(ox.put("calendar", "new", body, timezone="UTC")["data"]["id"])
    yield int(ox.config("identifier"))
    for item in made:
        body = {"id": item, "folder": folder}
        ox.put(
            "calendar",
            "delete",
            body if ox.server.generation == 6 else [body],
            timestamp=FAR_FUTURE,
            folder=folder,
        )


def span(**more: object) -> dict[str, object]:
    return {"from": START - HOUR, "until": START + 9 * HOUR, "timezone": "UTC", **more}


def test_the_intervals_of_a_participant(ox: Client, busy: int) -> None:
    rows = ox.get("freebusy", "get", participant=str(busy), **span())["data"]
    assert [(row["start_date"] - START, row["end_date"] - START, row["shown_as"]) for row in rows] == [
        (0, HOUR, 1),
        (HOUR, 2 * HOUR, 1),
        (3 * HOUR, 4 * HOUR, 4),
    ]
    assert rows[0]["title"] == "Contract"


def test_overlaps_are_put_together(ox: Client, busy: int) -> None:
    rows = ox.get("freebusy", "get", participant=ox.server.login, **span(merged="true"))["data"]
    assert rows == [{"start_date": START, "end_date": START + 2 * HOUR, "shown_as": 1}]


def test_several_participants(ox: Client, busy: int) -> None:
    names = [str(busy), "nobody@example.com", "999999"]
    data = ox.put("freebusy", "list", names, **span(merged="true"))["data"]
    assert set(data) == set(names)
    assert len(data[str(busy)]["data"]) == 1
    assert data["nobody@example.com"]["data"] == []


def test_others_do_not_learn_what_it_is_about(berta: Client, ox: Client, busy: int) -> None:
    rows = berta.get("freebusy", "get", participant=str(busy), **span())["data"]
    assert len(rows) == 3
    assert "title" not in rows[0]
