"""Appointments of several people: participants, answers, rights in other people's folders (http-api section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.standin.appointments import (
    DAY,
    HOUR,
    at,
    calendar_folder,
    day,
    delete,
    empty,
    get,
    new,
    own_calendar,
    session,
    starts,
    update,
    updates,
    user_id,
)
from tests.standin.client import FAR_FUTURE, Client, Server

_READ, _ALL = 1 | 2 << 7, 2 | 2 << 7 | 2 << 14 | 2 << 21


@pytest.fixture(scope="module")
def ox(server: Server) -> Iterator[Client]:
    """A session of the user under test."""
    with session(server) as client:
        yield client


@pytest.fixture(scope="module")
def kept_calendar(ox: Client) -> Iterator[str]:
    """A calendar for the tests of the module."""
    with calendar_folder(ox) as folder:
        yield folder


@pytest.fixture
def calendar(ox: Client, kept_calendar: str) -> Iterator[str]:
    """An empty calendar."""
    yield kept_calendar
    empty(ox, kept_calendar)


@pytest.fixture(scope="module")
def berta(server: Server) -> Iterator[Client]:
    """A colleague."""
    with session(server, "berta@example.org") as client:
        yield client


@pytest.fixture
def shared(ox: Client) -> Iterator[str]:
    """An empty calendar to be shared, gone afterwards."""
    with calendar_folder(ox, "Contract shared") as folder:
        yield folder


@pytest.fixture
def meeting(ox: Client, calendar: str, berta: Client) -> Iterator[tuple[Any, int]]:
    """A meeting with berta and somebody outside, gone afterwards."""
    participants = [
        {"type": 1, "id": user_id(berta)},
        {"type": 5, "mail": "gast@example.com", "display_name": "Gast"},
    ]
    made = new(ox, calendar, participants=participants)
    yield made
    delete(ox, calendar, made[0])


def _code(ox: Client, old: str, new_one: str) -> str:
    return new_one if ox.server.generation == 8 else old


def _confirm(ox: Client, folder: Any, identity: Any, reply: int, message: str = "", **params: Any) -> Any:
    body = {"confirmation": reply, "confirmmessage": message}
    return ox.put(
        "calendar", "confirm", body, id=identity, folder=folder, **{"timestamp": FAR_FUTURE, **params}
    )


def _replies(shown: dict[str, Any]) -> dict[int, int]:
    return {user["id"]: user["confirmation"] for user in shown["users"]}


def _share(ox: Client, folder: str, others: list[dict[str, Any]]) -> None:
    mine = {"entity": user_id(ox), "group": False, "bits": 403710016}
    stamp = ox.get("folders", "get", id=folder, tree=0)["timestamp"]
    answer = ox.put("folders", "update", {"permissions": [mine, *others]}, id=folder, timestamp=stamp, tree=0)
    assert "error" not in answer, answer


def test_without_participants_there_is_only_the_owner(ox: Client, calendar: str) -> None:
    shown = get(ox, calendar, new(ox, calendar)[0])
    assert [(each["type"], each["id"]) for each in shown["participants"]] == [(1, user_id(ox))]
    assert _replies(shown) == {user_id(ox): 1}
    assert shown["confirmations"] == []


def test_everybody_sees_a_meeting_in_the_own_default_calendar(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, stamp = meeting
    theirs = own_calendar(berta)
    assert [identity] in updates(berta, theirs, stamp - 1)["data"]
    shown = get(berta, theirs, identity)
    assert str(shown["folder_id"]) == theirs
    assert _replies(shown) == {user_id(ox): 1, user_id(berta): 0}
    assert shown["organizer"] == "anton@example.org"
    guest = {"type": 5, "mail": "gast@example.com", "display_name": "Gast"}
    assert guest in shown["participants"]
    assert shown["confirmations"] == [{**guest, "status": 0}]
    assert str(get(ox, calendar, identity)["folder_id"]) == calendar
    elsewhere = berta.get("calendar", "get", id=identity, folder=calendar)
    assert elsewhere["code"] in ("FLD-0003", "FLD-0008")


def test_an_answer_is_seen_by_all_and_needs_no_right_to_write(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, stamp = meeting
    answered = _confirm(berta, own_calendar(berta), identity, 3, "Vielleicht")
    assert answered["timestamp"] > stamp
    shown = get(ox, calendar, identity)
    mine = next(user for user in shown["users"] if user["id"] == user_id(berta))
    assert (mine["confirmation"], mine["confirmmessage"]) == (3, "Vielleicht")
    assert updates(ox, calendar, stamp)["data"] == [[identity]]
    late = _confirm(berta, own_calendar(berta), identity, 1, timestamp=stamp)
    assert late["categories"] == "CONFLICT"
    stranger = ox.put(
        "calendar", "confirm", {"confirmation": 1, "id": 999}, id=identity, folder=calendar,
        timestamp=FAR_FUTURE,
    )  # fmt: skip
    assert "error" in stranger


def test_the_answer_of_somebody_outside_is_kept_too(
    ox: Client, calendar: str, meeting: tuple[Any, int]
) -> None:
    identity, _ = meeting
    body = {"type": 5, "mail": "gast@example.com", "confirmation": 2, "confirmmessage": "Nein"}
    ox.put("calendar", "confirm", body, id=identity, folder=calendar, timestamp=FAR_FUTURE)
    assert get(ox, calendar, identity)["confirmations"] == [
        {"type": 5, "mail": "gast@example.com", "display_name": "Gast", "status": 2, "message": "Nein"}
    ]


def test_alarms_are_each_ones_own(ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]) -> None:
    identity, _ = meeting
    update(ox, calendar, identity, {"alarm": 5})
    assert "error" not in update(berta, own_calendar(berta), identity, {"alarm": 30})
    assert get(ox, calendar, identity)["alarm"] == 5
    assert get(berta, own_calendar(berta), identity)["alarm"] == 30
    update(ox, calendar, identity, {"alarm": None})
    assert get(ox, calendar, identity)["alarm"] == -1
    assert get(berta, own_calendar(berta), identity)["alarm"] == 30


def test_a_new_time_asks_everybody_anew_and_a_new_title_does_not(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, _ = meeting
    _confirm(berta, own_calendar(berta), identity, 1)
    update(ox, calendar, identity, {"title": "Neu"})
    shown = get(ox, calendar, identity)
    assert (_replies(shown)[user_id(berta)], shown["sequence"]) == (1, 0)
    update(ox, calendar, identity, {"start_date": at("2031-03-24 08:00")})
    shown = get(ox, calendar, identity)
    assert _replies(shown) == {user_id(ox): 1, user_id(berta): 0}
    assert shown["sequence"] == 1


def test_who_is_taken_out_does_not_see_it_any_longer(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, stamp = meeting
    update(ox, calendar, identity, {"participants": [{"type": 1, "id": user_id(ox)}]})
    assert identity in updates(berta, own_calendar(berta), stamp)["data"]
    assert "error" in berta.get("calendar", "get", id=identity, folder=own_calendar(berta))
    update(
        ox, calendar, identity,
        {"participants": [{"type": 1, "id": user_id(ox)}, {"type": 5, "mail": "berta@example.org"}]},
    )  # fmt: skip
    assert _replies(get(berta, own_calendar(berta), identity))[user_id(berta)] == 0
    assert identity not in updates(berta, own_calendar(berta), stamp)["data"]


def test_the_owner_cannot_be_taken_out(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    refused = update(ox, calendar, meeting[0], {"participants": [{"type": 1, "id": user_id(berta)}]})
    assert refused["code"] == _code(ox, "APP-0076", "CAL-4035")


def test_a_group_takes_part_with_its_members(ox: Client, calendar: str, berta: Client) -> None:
    found = ox.put("group", "search", {"pattern": "Vertrieb"})["data"]
    group = {"type": 2, "id": found[0]["id"]}
    identity, _ = new(ox, calendar, participants=[group])
    shown = get(ox, calendar, identity)
    assert set(_replies(shown)) == {user_id(ox), user_id(berta)}
    assert sorted((each["type"], each["id"]) for each in shown["participants"]) == [
        (1, user_id(ox)),
        (2, group["id"]),
    ]
    assert get(berta, own_calendar(berta), identity)["title"] == "Contract"
    delete(ox, calendar, identity)


def test_the_organizer_deletes_for_all(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, stamp = meeting
    delete(ox, calendar, identity)
    assert updates(berta, own_calendar(berta), stamp)["data"] == [identity]


def test_somebody_else_only_leaves(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, stamp = meeting
    assert delete(berta, own_calendar(berta), identity)["data"] == []
    assert identity in updates(berta, own_calendar(berta), stamp)["data"]
    assert "error" in berta.get("calendar", "get", id=identity, folder=own_calendar(berta))
    assert updates(ox, calendar, stamp)["data"] == [[identity]]
    left = _replies(get(ox, calendar, identity))
    assert user_id(berta) not in left


def test_somebody_else_leaves_one_occurrence_only(ox: Client, calendar: str, berta: Client) -> None:
    theirs = own_calendar(berta)
    identity, stamp = new(
        ox, calendar, participants=[{"type": 1, "id": user_id(berta)}], recurrence_type=1, interval=1,
        occurrences=3,
    )  # fmt: skip
    delete(berta, theirs, identity, recurrence_position=2)
    assert len(starts(ox, calendar, "2031-03-24", "2031-03-28")) == 3
    mine = [
        row
        for row in starts(berta, theirs, "2031-03-24", "2031-03-28", "201,1,206")
        if int(identity) in (int(row[1]), row[2])
    ]
    assert [row[0] for row in mine] == [at("2031-03-24 09:00"), at("2031-03-26 09:00")]
    assert [identity] in updates(berta, theirs, stamp)["data"]
    delete(ox, calendar, identity)


def test_only_the_newest_generation_lets_nobody_but_the_organizer_change_it(
    ox: Client, berta: Client, calendar: str, meeting: tuple[Any, int]
) -> None:
    identity, _ = meeting
    answer = update(berta, own_calendar(berta), identity, {"title": "Von Berta"})
    if ox.server.generation == 8:
        assert answer["code"] == "CAL-4038"
    else:
        assert get(ox, calendar, identity)["title"] == "Von Berta"


def test_each_one_moves_the_own_view_of_a_meeting(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, stamp = meeting
    with calendar_folder(berta) as theirs:
        moved = update(berta, own_calendar(berta), identity, {"folder_id": theirs})
        assert "error" not in moved
        assert updates(berta, theirs, stamp)["data"] == [[identity]]
        assert identity in updates(berta, own_calendar(berta), stamp)["data"]
        assert str(get(ox, calendar, identity)["folder_id"]) == calendar
        delete(ox, calendar, identity)
        assert updates(berta, theirs, stamp)["data"] == [identity]


def test_what_is_busy_is_told_to_all_and_what_it_is_about_to_those_who_take_part(
    ox: Client, calendar: str, berta: Client, meeting: tuple[Any, int]
) -> None:
    identity, _ = meeting
    # A Sunday night, when nobody has anything.
    start = at("2031-03-23 03:00")
    other, _ = new(ox, calendar, title="Geheim", start_date=start)
    free, _ = new(ox, calendar, title="Frei", start_date=start, shown_as=4)
    span = {"id": user_id(ox), "type": 1, "start": start - HOUR, "end": at("2031-03-25 00:00")}
    busy = berta.get("calendar", "freebusy", timezone="UTC", **span)["data"]
    secret = [each for each in busy if each["start_date"] == start]
    assert len(secret) == 1
    assert not {"id", "title", "folder_id"} & secret[0].keys()
    known = [each for each in busy if each.get("id") == identity]
    assert [each["title"] for each in known] == ["Contract"]
    mine = ox.get("calendar", "freebusy", timezone="UTC", **span)["data"]
    assert {other, identity} <= {each["id"] for each in mine}
    assert free not in {each["id"] for each in mine}


def test_a_conflict_with_somebody_else_tells_whom_it_concerns(
    ox: Client, calendar: str, berta: Client
) -> None:
    start = at("2031-03-23 03:00")
    with calendar_folder(berta) as theirs:
        new(berta, theirs, title="Geheim", start_date=start)
        body = {
            "folder_id": calendar, "title": "Neu", "start_date": start, "end_date": start + HOUR,
            "participants": [{"type": 1, "id": user_id(berta)}],
        }  # fmt: skip
        found = ox.put("calendar", "new", body, timezone="UTC")["data"]["conflicts"]
        mine = [each for each in found if each["start_date"] == start]
        assert len(mine) == 1
        assert "title" not in mine[0]
        assert [each["id"] for each in mine[0]["participants"]] == [user_id(berta)]


def test_a_shared_calendar_to_read_is_read_and_not_written(ox: Client, shared: str, berta: Client) -> None:
    identity, _ = new(ox, shared)
    private, _ = new(ox, shared, title="Privat", private_flag=True, start_date=at("2031-03-25 09:00"))
    _share(ox, shared, [{"entity": user_id(berta), "group": False, "bits": _READ}])
    assert get(berta, shared, identity)["title"] == "Contract"
    span = {"folder": shared, "start": day("2031-03-24"), "end": day("2031-03-27"), "columns": "1,200"}
    assert berta.get("calendar", "all", **span)["data"] == [[identity, "Contract"]]
    hidden = berta.get("calendar", "all", showPrivate="true", **span)["data"]
    assert hidden == [[identity, "Contract"], [private, None]]
    assert "error" in berta.get("calendar", "get", id=private, folder=shared)
    start = at("2031-03-26 09:00")
    made = berta.put(
        "calendar", "new", {"folder_id": shared, "title": "x", "start_date": start, "end_date": start}
    )
    assert made["code"] == _code(ox, "APP-0063", "CAL-4031")
    assert update(berta, shared, identity, {"title": "x"})["code"] == _code(ox, "APP-0058", "CAL-4031")
    refused = delete(berta, shared, identity)
    assert refused["code"] == _code(ox, "APP-0013", "CAL-4032")
    assert refused["categories"] == "PERMISSION_DENIED"


def test_what_is_made_in_a_shared_calendar_is_its_owners(ox: Client, shared: str, berta: Client) -> None:
    _share(ox, shared, [{"entity": user_id(berta), "group": False, "bits": _ALL}])
    identity, _ = new(berta, shared, alarm=10)
    shown = get(ox, shared, identity)
    assert _replies(shown) == {user_id(ox): 1}
    assert (shown["created_by"], shown["alarm"]) == (user_id(berta), 10)
    update(berta, shared, identity, {"title": "Von Berta"})
    assert get(ox, shared, identity)["title"] == "Von Berta"
    assert delete(berta, shared, identity)["data"] == []


def test_an_appointment_in_a_public_folder_is_seen_there_only(ox: Client, berta: Client) -> None:
    everybody = {"entity": 0, "group": True, "bits": _ALL}
    mine = {"entity": user_id(ox), "group": False, "bits": 403710016}
    body = {"title": "Contract public", "module": "calendar", "permissions": [mine, everybody]}
    made = ox.put("folders", "new", body, folder_id="2", tree=0)
    folder = str(made["data"])
    try:
        identity, stamp = new(
            ox, folder, participants=[{"type": 1, "id": user_id(ox)}, {"type": 1, "id": user_id(berta)}]
        )
        assert updates(berta, folder, stamp - 1)["data"] == [[identity]]
        assert updates(berta, own_calendar(berta), stamp - 1)["data"] == []
        update(berta, folder, identity, {"title": "Von Berta"})
        assert get(ox, folder, identity)["title"] == "Von Berta"
        refused = ox.put(
            "calendar", "new",
            {"folder_id": folder, "title": "x", "start_date": DAY, "end_date": DAY, "private_flag": True},
        )  # fmt: skip
        assert refused["code"] == _code(ox, "APP-0022", "CAL-4222")
    finally:
        ox.put("folders", "delete", [folder], timestamp=2**62, tree=0)


def test_only_newer_servers_let_others_take_part_in_what_is_private(
    ox: Client, calendar: str, berta: Client
) -> None:
    start = at("2031-03-24 09:00")
    body = {
        "folder_id": calendar, "title": "x", "start_date": start, "end_date": start + HOUR,
        "private_flag": True, "participants": [{"type": 1, "id": user_id(berta)}], "ignore_conflicts": True,
    }  # fmt: skip
    answer = ox.put("calendar", "new", body, timezone="UTC")
    if ox.server.generation < 8:
        assert answer["code"] == "APP-0023"
    else:
        assert get(berta, own_calendar(berta), answer["data"]["id"])["private_flag"] is True
        delete(ox, calendar, answer["data"]["id"])
