"""Messages, moves and answers: each happens once, however often a device asks, and whenever the server dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.usm import deeds
from app.usm.content import Reply, Upload
from app.usm.deeds import Kind
from app.usm.errors import (
    Busy,
    FolderGone,
    ItemFailed,
    ItemGone,
    ItemRefused,
    SourceUnavailable,
    StoreUnavailable,
)
from app.usm.journal import Entry, Record, digest_of
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ContentType,
    ExchangeRequest,
    ExchangeResult,
    Folder,
    Move,
    MoveOutcome,
    Outgoing,
    SendOutcome,
)
from tests.usm.conftest import CONTACTS, INBOX, World

TRIPS = "default0/INBOX/Trips"
TRASH = "default0/Trash"
HELLO = Outgoing(b"Subject: hello\r\n\r\nHi")


class Crash(Exception):
    """The process dies here."""


def at(*names: str, error: Callable[[], Exception] = Crash) -> Callable[[str], None]:
    def fail(name: str) -> None:
        if name in names:
            raise error()

    return fail


def never(name: str) -> None:
    """Nothing happens."""


def lost() -> Exception:
    return SourceUnavailable("no answer", in_doubt=True)


# -- sending ---------------------------------------------------------------------------------------------------


def test_a_message_is_sent_once(world: World) -> None:
    assert world.session().send("c1", HELLO) is SendOutcome.SENT
    assert world.session().send("c1", HELLO) is SendOutcome.REPEATED
    assert world.session().send("c2", HELLO) is SendOutcome.SENT
    assert len(world.source.sent) == 2


def test_a_message_without_a_name_is_known_by_its_content(world: World) -> None:
    assert world.session().send("", HELLO) is SendOutcome.SENT
    assert world.session().send("", HELLO) is SendOutcome.REPEATED
    assert world.session().send("", Outgoing(b"Subject: other\r\n\r\n")) is SendOutcome.SENT


def test_two_devices_may_use_one_name(world: World) -> None:
    assert world.session("phone1").send("c1", HELLO) is SendOutcome.SENT
    assert world.session("phone2").send("c1", HELLO) is SendOutcome.SENT
    assert len({message.mark for message in world.source.sent}) == 2


def test_a_refused_message_may_be_sent_again(world: World) -> None:
    with pytest.raises(ItemRefused):
        world.session().send("c1", Outgoing(b"refused"))
    assert world.session().send("c1", HELLO) is SendOutcome.SENT


def test_a_source_that_was_not_reached_is_asked_again_at_once(world: World) -> None:
    world.source.before = at("send", error=lambda: SourceUnavailable("down"))
    with pytest.raises(SourceUnavailable):
        world.session().send("c1", HELLO)
    world.source.before = never
    assert world.session().send("c1", HELLO) is SendOutcome.SENT


@pytest.mark.parametrize("error", [Crash, lost])
def test_a_message_whose_sending_was_not_noted_is_found(world: World, error: Callable[[], Exception]) -> None:
    world.source.after = at("send", error=error)
    with pytest.raises((Crash, SourceUnavailable)):
        world.session().send("c1", HELLO)
    world.source.after = never
    assert world.session().send("c1", HELLO) is SendOutcome.REPEATED
    assert world.session().send("c1", HELLO) is SendOutcome.REPEATED
    assert len(world.source.sent) == 1


@pytest.mark.parametrize("copy", [True, False])
def test_a_message_that_is_not_found_is_sent_once_it_cannot_be_on_its_way(world: World, copy: bool) -> None:
    message = Outgoing(HELLO.mime, copy=copy)
    world.source.before = at("send")
    with pytest.raises(Crash):
        world.session().send("c1", message)
    world.source.before = never
    with pytest.raises(SourceUnavailable) as told:
        world.session().send("c1", message)
    world.clock.advance(told.value.retry_after)
    assert world.session().send("c1", message) is SendOutcome.SENT
    assert len(world.source.sent) == 1


def test_a_message_that_was_sent_is_reported_although_it_cannot_be_noted(world: World) -> None:
    world.source.after = lambda name: setattr(
        world.store, "before", at("save", error=lambda: StoreUnavailable("down"))
    )
    assert world.session().send("c1", HELLO) is SendOutcome.SENT
    world.store.before = never
    world.source.after = never
    assert world.session().send("c1", HELLO) is SendOutcome.REPEATED


def test_a_message_that_is_being_sent_is_not_sent_by_a_second_request(world: World) -> None:
    session = world.session()
    with deeds.opened(world.store, session.id, Kind.SENT, world.clock, world.tokens), pytest.raises(Busy):
        session.send("c1", HELLO)


def test_deeds_are_forgotten_after_a_while_and_when_there_are_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "MOST", 3)
    for number in range(5):
        world.session().send(f"c{number}", HELLO)
        world.clock.advance(1)
    assert world.session().send("c4", HELLO) is SendOutcome.REPEATED
    assert world.session().send("c0", HELLO) is SendOutcome.SENT
    world.clock.advance(deeds.KEPT + 1)
    world.session().send("c9", HELLO)
    assert world.session().send("c4", HELLO) is SendOutcome.SENT


# -- moving ----------------------------------------------------------------------------------------------------


def ask(world: World, folder: str, key: str, device: str = "phone1") -> ExchangeResult:
    return world.session(device).exchange(ExchangeRequest(world.number(folder, device), key))


def in_sync(world: World, *folders: str) -> dict[str, str]:
    """The keys with which the device holds all that is in these folders."""
    return {folder: ask(world, folder, ask(world, folder, "0").key).key for folder in folders}


def move(world: World, item: str, source: str, target: str) -> tuple[MoveOutcome, str]:
    [result] = world.session().move([Move(item, world.number(source), world.number(target))])
    return result.outcome, result.item_id


def quiet(world: World, keys: dict[str, str]) -> bool:
    return all(not ask(world, folder, key).changes for folder, key in keys.items())


def test_a_moved_item_is_told_by_neither_folder(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS)
    outcome, moved = move(world, item, INBOX, TRIPS)
    assert outcome is MoveOutcome.DONE
    assert list(world.source.items[TRIPS]) == [moved]
    assert quiet(world, keys)
    assert world.waiter.announced[-1] == (1, 3, (INBOX, TRIPS), world.session().id)


def test_other_devices_are_told_of_the_move(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    start = ask(world, INBOX, "0", "phone2").key
    key = ask(world, INBOX, start, "phone2").key
    in_sync(world, INBOX, TRIPS)
    move(world, item, INBOX, TRIPS)
    assert [change.kind for change in ask(world, INBOX, key, "phone2").changes] == [ChangeKind.DELETE]


def test_a_repeated_move_gets_the_same_answer(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS)
    first = move(world, item, INBOX, TRIPS)
    assert move(world, item, INBOX, TRIPS) == first
    assert world.source.calls.count("move") == 1
    assert quiet(world, keys)


def test_an_answer_to_a_sync_that_was_lost_before_the_move_is_repeated_without_the_item(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS)
    other = world.source.put(INBOX, {"subject": "b"})
    ask(world, INBOX, keys[INBOX])  # its answer is lost
    move(world, item, INBOX, TRIPS)
    again = ask(world, INBOX, keys[INBOX])
    assert [(change.kind, change.item_id) for change in again.changes] == [(ChangeKind.ADD, other)]


@pytest.mark.parametrize("folders", [(), (INBOX,), (TRIPS,)])
def test_folders_never_synchronised_need_no_state(world: World, folders: tuple[str, ...]) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, *folders)
    first = move(world, item, INBOX, TRIPS)
    assert first[0] is MoveOutcome.DONE
    assert move(world, item, INBOX, TRIPS) == first
    assert quiet(world, keys)


STEPS = [
    *((when, what) for when in ("before", "after") for what in ("move",)),
    ("store", "begin"),
    ("store", "save"),
    ("store", "amend"),
]


@pytest.mark.parametrize(("where", "what"), STEPS)
@pytest.mark.parametrize("content", ["mail", "contacts"])
def test_a_crash_at_any_step_moves_once(world: World, where: str, what: str, content: str) -> None:
    source, target = (INBOX, TRIPS) if content == "mail" else (CONTACTS, "32")
    world.source.tree.append(Folder("32", None, "Private", ContentType.CONTACTS))
    world.source.items["32"] = {}
    item = world.source.put(source, {"subject": "a"})
    keys = in_sync(world, source, target)
    seen = []

    def die(name: str) -> None:
        seen.append(name)
        if name == what and seen.count(name) == (2 if where == "store 2" else 1):
            raise Crash

    if where == "after":
        world.source.after = die
    elif where == "before":
        world.source.before = die
    else:
        world.store.before = die
    with pytest.raises(Crash):
        move(world, item, source, target)
    world.source.before = world.source.after = world.store.before = never
    world.clock.advance(61)
    outcome, moved = move(world, item, source, target)
    assert outcome is MoveOutcome.DONE
    assert list(world.source.items[target]) == [moved]
    assert world.source.items[source] == {}
    for folder, key in keys.items():
        changes = ask(world, folder, key).changes
        assert {change.kind for change in changes} <= {ChangeKind.CHANGE}, (
            "at most what may have changed since"
        )


def test_a_move_that_the_source_never_answered_is_not_repeated_too_early(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    world.source.before = at("move", error=lost)
    with pytest.raises(SourceUnavailable):
        move(world, item, INBOX, TRIPS)
    world.source.before = never
    with pytest.raises(SourceUnavailable) as told:
        move(world, item, INBOX, TRIPS)
    world.clock.advance(told.value.retry_after)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.DONE


def test_an_item_that_disappeared_on_its_way_is_gone_in_the_end(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    world.source.after = at("move")
    with pytest.raises(Crash):
        move(world, item, INBOX, TRIPS)
    world.source.after = never
    world.source.items[TRIPS].clear()
    with pytest.raises(SourceUnavailable) as told:
        move(world, item, INBOX, TRIPS)
    world.clock.advance(told.value.retry_after)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.GONE


def test_what_was_moved_before_the_source_failed_is_noted(world: World) -> None:
    first, second = (world.source.put(INBOX, {"subject": name}) for name in "ab")
    keys = in_sync(world, INBOX, TRIPS)
    moves = [Move(item, world.number(INBOX), world.number(TRIPS)) for item in (first, second)]
    calls: list[str] = []

    def fail(name: str) -> None:
        calls.append(name)
        if calls.count("move") == 2:
            raise SourceUnavailable("down")

    world.source.before = fail
    with pytest.raises(SourceUnavailable):
        world.session().move(moves)
    world.source.before = never
    assert quiet(world, keys)
    assert [result.outcome for result in world.session().move(moves)] == [MoveOutcome.DONE] * 2
    assert world.source.calls.count("move") == 3
    assert len(world.source.items[TRIPS]) == 2


def test_a_repeated_move_tells_what_happened_to_the_item_since(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS)
    _, moved = move(world, item, INBOX, TRIPS)  # its answer is lost
    world.source.touch(TRIPS, moved, {"subject": "b"})
    keys[TRIPS] = ask(world, TRIPS, keys[TRIPS]).key  # a change of what the device does not have
    assert move(world, item, INBOX, TRIPS) == (MoveOutcome.DONE, moved)
    told = ask(world, TRIPS, keys[TRIPS])
    assert [change.payload.fields for change in told.changes] == [{"subject": "b"}]
    world.source.drop(TRIPS, moved)
    ask(world, TRIPS, told.key)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.GONE
    [gone] = ask(world, INBOX, keys[INBOX]).changes
    assert (gone.kind, gone.item_id) == (ChangeKind.DELETE, item)


def test_a_target_begun_after_the_move_has_told_of_the_item(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX)
    move(world, item, INBOX, TRIPS)  # its answer is lost
    in_sync(world, TRIPS)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.GONE
    assert [change.kind for change in ask(world, INBOX, keys[INBOX]).changes] == [ChangeKind.DELETE]


def test_rounds_that_told_of_a_move_that_crashed_tell_the_rest(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS)
    world.source.after = at("move")
    with pytest.raises(Crash):
        move(world, item, INBOX, TRIPS)
    world.source.after = never
    assert [change.kind for change in ask(world, TRIPS, keys[TRIPS]).changes] == [ChangeKind.ADD]
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.GONE
    assert [change.kind for change in ask(world, INBOX, keys[INBOX]).changes] == [ChangeKind.DELETE]


def test_an_item_that_leaves_no_trace_is_not_found_after_a_crash(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    world.number(INBOX)
    monkeypatch.setattr(world.source, "traces", lambda folder, ids: {})
    world.source.after = at("move")
    with pytest.raises(Crash):
        move(world, item, INBOX, TRIPS)
    world.source.after = never
    world.clock.advance(61)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.GONE
    assert len(world.source.items[TRIPS]) == 1


@pytest.mark.parametrize(("source", "target"), [(INBOX, TRIPS), (CONTACTS, "32")])
def test_an_item_changed_before_it_moved_is_told_as_it_is(world: World, source: str, target: str) -> None:
    world.source.tree.append(Folder("32", None, "Private", ContentType.CONTACTS))
    world.source.items["32"] = {}
    item = world.source.put(source, {"subject": "a"})
    keys = in_sync(world, source, target)
    world.source.touch(source, item, {"subject": "b"})
    _, moved = move(world, item, source, target)
    [told] = ask(world, target, keys[target]).changes
    assert (told.kind, told.item_id, told.payload.fields) == (ChangeKind.CHANGE, moved, {"subject": "b"})


def test_an_item_that_came_back_moves_again(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "a"})
    world.source.tree.append(Folder("32", None, "Private", ContentType.CONTACTS))
    world.source.items["32"] = {}
    keys = in_sync(world, CONTACTS, "32")
    for _ in range(2):
        assert move(world, item, CONTACTS, "32") == (MoveOutcome.DONE, item)
        assert move(world, item, "32", CONTACTS) == (MoveOutcome.DONE, item)
    assert list(world.source.items[CONTACTS]) == [item]
    assert quiet(world, keys)


def test_an_item_that_went_elsewhere_without_the_device_knowing_moves_on(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS, TRASH)
    move(world, item, INBOX, TRIPS)  # its answer is lost, and the person thinks again
    outcome, moved = move(world, item, INBOX, TRASH)
    assert (outcome, list(world.source.items[TRASH])) == (MoveOutcome.DONE, [moved])
    assert move(world, item, INBOX, TRASH) == (outcome, moved)
    assert quiet(world, keys)


def test_an_item_that_cannot_move_on_is_told_where_it_is(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS, TRASH)
    _, moved = move(world, item, INBOX, TRIPS)
    world.source.readonly.add(TRASH)
    assert move(world, item, INBOX, TRASH)[0] is MoveOutcome.REFUSED
    assert [(each.kind, each.item_id) for each in ask(world, INBOX, keys[INBOX]).changes] == [
        (ChangeKind.DELETE, item)
    ]
    assert [(each.kind, each.item_id) for each in ask(world, TRIPS, keys[TRIPS]).changes] == [
        (ChangeKind.ADD, moved)
    ]


@pytest.mark.parametrize("target", [INBOX, TRASH])
def test_an_item_lost_with_its_folder_before_the_move_was_heard_of_comes_anew(
    world: World, target: str
) -> None:
    key = world.session().folders("0").key
    item = world.source.put(TRIPS, {"subject": "a"})
    keys = in_sync(world, TRIPS, INBOX, TRASH)
    wanted = [Move(item, world.number(TRIPS), world.number(folder)) for folder in (INBOX, target)]
    [heard] = world.session().move(wanted[:1])  # nobody heard
    world.source.remove(TRIPS)
    world.session().folders(key)
    [result] = world.session().move(wanted[1:])
    assert (result.outcome, result.item_id) == (MoveOutcome.GONE, "")
    told = ask(world, INBOX, keys[INBOX]).changes
    assert [(each.kind, each.item_id) for each in told] == [(ChangeKind.ADD, heard.item_id)]


def test_a_hierarchy_that_was_only_begun_costs_no_item(world: World) -> None:
    world.session().folders("0")
    item = world.source.put(INBOX, {"subject": "a"})
    keys = in_sync(world, INBOX, TRIPS)
    _, moved = move(world, item, INBOX, TRIPS)  # nobody heard
    world.source.before = at("folders")
    with pytest.raises(Crash):
        world.session().folders("0")
    world.source.before = never
    assert move(world, item, INBOX, TRIPS) == (MoveOutcome.GONE, "")
    told = [ask(world, folder, key).changes for folder, key in keys.items()]
    assert [[(each.kind, each.item_id) for each in changes] for changes in told] == [
        [(ChangeKind.DELETE, item)],
        [(ChangeKind.ADD, moved)],
    ]


def test_after_a_crash_an_item_moves_on_to_where_it_is_wanted_now(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    world.number(INBOX)
    world.source.after = at("move")
    with pytest.raises(Crash):
        move(world, item, INBOX, TRIPS)
    world.source.after = never
    assert move(world, item, INBOX, TRASH)[0] is MoveOutcome.DONE
    assert [len(world.source.items[folder]) for folder in (INBOX, TRIPS, TRASH)] == [0, 0, 1]


def test_moves_that_cannot_be_say_why(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    inbox, trips = world.number(INBOX), world.number(TRIPS)
    results = world.session().move(
        [Move(item, 99, trips), Move(item, inbox, 99), Move(item, inbox, inbox), Move("77", inbox, trips)]
    )
    assert [result.outcome for result in results] == [
        MoveOutcome.GONE,
        MoveOutcome.TARGET_GONE,
        MoveOutcome.SAME_FOLDER,
        MoveOutcome.GONE,
    ]
    world.source.readonly.add(TRIPS)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.REFUSED
    world.source.readonly.clear()
    world.source.before = at("move", error=lambda: ItemFailed("not now"))
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.FAILED
    world.source.before = never
    with world.store.lock(world.session().id, trips):
        assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.BUSY
    world.source.remove(TRIPS)
    assert move(world, item, INBOX, TRIPS)[0] is MoveOutcome.TARGET_GONE
    world.source.remove(INBOX)
    assert move(world, item, INBOX, TRASH)[0] is MoveOutcome.GONE


def test_folders_that_are_gone_after_a_crash_end_the_doubt(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "a"})
    other = world.source.put(INBOX, {"subject": "b"})
    for each in (item, other):
        world.number(INBOX)
        world.source.after = at("move")
        with pytest.raises(Crash):
            move(world, each, INBOX, TRIPS)
        world.source.after = never
    world.clock.advance(61)
    world.source.remove(TRIPS)
    assert move(world, item, INBOX, TRASH)[0] is MoveOutcome.GONE
    world.source.remove(INBOX)
    assert move(world, other, INBOX, TRASH)[0] is MoveOutcome.GONE


# -- answering -------------------------------------------------------------------------------------------------


def answer(world: World, item: str, reply: Reply, message: Outgoing | None = None) -> str:
    return world.session().reply(world.number(INBOX), item, reply, message=message)


def test_an_answer_is_stored_and_sent_once(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "meeting"})
    first = answer(world, item, Reply.ACCEPTED, HELLO)
    assert answer(world, item, Reply.ACCEPTED, HELLO) == first == f"appointment of {item}"
    assert len(world.source.replies) == len(world.source.sent) == 1


def test_another_answer_and_then_the_first_again_are_all_sent(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "meeting"})
    for reply in (Reply.ACCEPTED, Reply.DECLINED, Reply.ACCEPTED):
        answer(world, item, reply, HELLO)
    assert [reply[2] for reply in world.source.replies] == [Reply.ACCEPTED, Reply.DECLINED, Reply.ACCEPTED]
    assert len(world.source.sent) == 3


def test_the_same_answer_much_later_is_another_one(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "meeting"})
    answer(world, item, Reply.ACCEPTED, HELLO)
    world.clock.advance(3601)
    answer(world, item, Reply.ACCEPTED, HELLO)
    assert len(world.source.sent) == 2


def test_occurrences_are_answered_one_by_one(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "meeting"})
    number = world.number(INBOX)
    for day in (1, 2, 1):
        world.session().reply(number, item, Reply.ACCEPTED, occurrence=datetime(2026, 1, day, tzinfo=UTC))
    assert len(world.source.replies) == 2
    assert world.source.sent == []


@pytest.mark.parametrize("where", ["reply", "send"])
def test_a_crash_while_answering_tells_the_organizer_once(world: World, where: str) -> None:
    item = world.source.put(INBOX, {"subject": "meeting"})
    number = world.number(INBOX)
    assert number
    world.source.after = at(where)
    with pytest.raises(Crash):
        answer(world, item, Reply.ACCEPTED, HELLO)
    world.source.after = never
    answer(world, item, Reply.ACCEPTED, HELLO)
    assert len(world.source.sent) == 1


def test_what_is_no_invitation_may_be_answered_again(world: World) -> None:
    with pytest.raises(ItemGone):
        answer(world, "77", Reply.ACCEPTED)
    with pytest.raises(FolderGone):
        world.session().reply(99, "1", Reply.ACCEPTED)


# -- reading ---------------------------------------------------------------------------------------------------


def test_single_items_files_and_bytes_are_read(world: World) -> None:
    item = world.source.put(INBOX, {"mime": b"From: a", "files": {"2": b"data"}})
    number = world.number(INBOX)
    session = world.session()
    assert session.mime(number, item) == b"From: a"
    assert b"".join(session.attachment(number, item, "2").chunks) == b"data"
    assert list(session.read(number, [item, "99"], ())) == [item]
    assert session.senders() == ["anton@example.org"]
    assert session.default_folder(ContentType.CONTACTS) == session.folder(world.number(CONTACTS))
    assert session.default_folder(ContentType.TASKS) is None
    assert session.tells_organizers is world.source.tells_organizers
    session.empty(number, subfolders=True)
    assert world.source.items[INBOX] == {}
    assert TRIPS not in world.source.items


def test_a_change_with_another_file_is_another_change() -> None:
    def change(data: bytes) -> ClientChange:
        upload = Upload("1", "plan.pdf", data)
        return ClientChange(ChangeKind.ADD, client_id="a", fields={"add_attachments": (upload,)})

    assert digest_of(change(b"one")) == digest_of(change(b"one"))
    assert digest_of(change(b"one")) != digest_of(change(b"two"))


def test_what_a_node_of_a_newer_release_noted_besides_is_passed_over() -> None:
    record = Record(3, {"item:7": Entry("d", item_id="7", stamp="v1", echo=True)})
    newer = record.dumps().replace('"echo":true', '"echo":true,"unheard":[1]')
    assert Record.loads(newer) == record
