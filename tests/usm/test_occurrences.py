"""Single occurrences of a series, drafts that are replaced or sent: changes after which an item is not what it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.usm.content import Occurrence
from app.usm.errors import ItemConflict, ItemFailed, ItemRefused, SourceUnavailable
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ConflictRule,
    ExchangeRequest,
    ExchangeResult,
    Outcome,
)
from tests.usm.conftest import CONTACTS, INBOX, World

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
TUESDAY = datetime(2026, 1, 6, 9, tzinfo=UTC)


class Crash(Exception):
    """The process dies here."""


def ask(
    world: World, key: str, *changes: ClientChange, folder: str = CONTACTS, **options: object
) -> ExchangeResult:
    request = ExchangeRequest(world.number(folder), key, tuple(changes), **options)  # type: ignore[arg-type]
    return world.session().exchange(request)


def series(world: World) -> tuple[str, str]:
    item = world.source.put(CONTACTS, {"subject": "daily"})
    return item, ask(world, ask(world, "0").key).key


def change(item: str, occurrence: datetime | None, **fields: object) -> ClientChange:
    return ClientChange(ChangeKind.CHANGE, item_id=item, fields=fields, occurrence=occurrence)


def delete(item: str, occurrence: datetime) -> ClientChange:
    return ClientChange(ChangeKind.DELETE, item_id=item, occurrence=occurrence)


def exceptions(world: World, item: str) -> tuple[Occurrence, ...]:
    return tuple(world.source.items[CONTACTS][item].fields.get("exceptions", ()))


def test_occurrences_are_changed_and_deleted_without_an_echo(world: World) -> None:
    item, key = series(world)
    result = ask(world, key, change(item, MONDAY, subject="once"), delete(item, TUESDAY))
    assert [answer.outcome for answer in result.results] == [Outcome.DONE] * 2
    assert result.changes == ()
    assert exceptions(world, item) == (
        Occurrence(MONDAY, fields={"subject": "once"}),
        Occurrence(TUESDAY, deleted=True),
    )
    assert ask(world, result.key).changes == ()


def test_repeated_changes_of_a_series_are_told_apart(world: World) -> None:
    item, key = series(world)
    changes = (change(item, None, subject="all"), change(item, MONDAY, subject="once"), delete(item, TUESDAY))
    first = ask(world, key, *changes)
    calls = len([name for name in world.source.calls if name in ("update", "delete")])
    again = ask(world, key, *changes)
    assert again == first
    assert len([name for name in world.source.calls if name in ("update", "delete")]) == calls == 3


def test_a_repeated_request_with_another_change_is_no_conflict_with_itself(world: World) -> None:
    item, key = series(world)
    ask(world, key, change(item, MONDAY, subject="a"), change(item, TUESDAY, subject="b"))
    again = ask(world, key, change(item, MONDAY, subject="c"), change(item, TUESDAY, subject="b"))
    assert [answer.outcome for answer in again.results] == [Outcome.DONE] * 2
    assert exceptions(world, item)[0].fields == {"subject": "c"}
    assert ask(world, again.key).changes == ()


@pytest.mark.parametrize("rule", list(ConflictRule))
def test_a_series_changed_on_both_sides_follows_the_rule(world: World, rule: ConflictRule) -> None:
    item, key = series(world)
    world.source.touch(CONTACTS, item, {"subject": "server"})
    result = ask(world, key, change(item, MONDAY, subject="phone"), conflict=rule)
    wins = rule is ConflictRule.CLIENT_WINS
    assert [answer.outcome for answer in result.results] == [Outcome.DONE if wins else Outcome.CONFLICT]
    assert bool(exceptions(world, item)) is wins
    [told] = result.changes
    assert told.payload.fields["subject"] == "server", "the rest of the series is the source's in any case"
    assert ask(world, result.key).changes == ()


def test_an_occurrence_that_is_deleted_goes_although_the_series_was_changed(world: World) -> None:
    item, key = series(world)
    world.source.touch(CONTACTS, item, {"subject": "server"})
    result = ask(world, key, delete(item, MONDAY))
    assert [answer.outcome for answer in result.results] == [Outcome.DONE]
    assert [entry.kind for entry in result.changes] == [ChangeKind.CHANGE]
    assert exceptions(world, item) == (Occurrence(MONDAY, deleted=True),)


def test_a_series_that_was_deleted_takes_its_occurrences_along(world: World) -> None:
    item, key = series(world)
    world.source.drop(CONTACTS, item)
    result = ask(world, key, change(item, MONDAY, subject="x"), delete(item, TUESDAY))
    assert [answer.outcome for answer in result.results] == [Outcome.GONE, Outcome.DONE]
    assert [entry.kind for entry in result.changes] == [ChangeKind.DELETE]


def test_an_occurrence_that_is_gone_already_is_as_wanted(world: World) -> None:
    item, key = series(world)
    ask(world, key, delete(item, MONDAY))
    world.source.touch(CONTACTS, item, {})
    key = ask(world, ask(world, "0").key).key
    result = ask(world, key, delete(item, MONDAY))
    assert [answer.outcome for answer in result.results] == [Outcome.DONE]
    assert [entry.kind for entry in result.changes] == [ChangeKind.CHANGE], "the device gets what there is"


@pytest.mark.parametrize("inside", [True, False])
def test_a_source_that_does_not_tell_the_series_has_it_sent_again(world: World, inside: bool) -> None:
    world.source.tells_series = False
    received = datetime(2026, 1, 1, tzinfo=UTC)
    item = world.source.put(CONTACTS, {"subject": "daily"}, received=received)
    key = ask(world, ask(world, "0").key).key
    since = None if inside else datetime(2026, 2, 1, tzinfo=UTC)
    result = ask(world, key, delete(item, MONDAY), since=since)
    assert exceptions(world, item)
    assert [entry.kind for entry in result.changes] == [ChangeKind.CHANGE if inside else ChangeKind.FORGET]


def test_occurrences_that_the_source_will_not_take_come_back(world: World) -> None:
    item, key = series(world)
    world.source.readonly.add(CONTACTS)
    result = ask(world, key, change(item, MONDAY, subject="x"), delete(item, TUESDAY))
    assert [answer.outcome for answer in result.results] == [Outcome.REFUSED] * 2
    assert [entry.kind for entry in result.changes] == [ChangeKind.CHANGE]


def test_occurrences_at_which_the_source_fails_can_be_tried_again(world: World) -> None:
    item, key = series(world)

    def fail(name: str) -> None:
        if name in ("update", "delete"):
            raise ItemFailed("not now")

    world.source.before = fail
    result = ask(world, key, delete(item, TUESDAY), change(item, MONDAY, subject="x"))
    assert [answer.outcome for answer in result.results] == [Outcome.FAILED] * 2
    assert [entry.kind for entry in result.changes] == [ChangeKind.CHANGE]


def test_a_series_that_changes_at_the_very_moment_is_a_conflict(world: World) -> None:
    item, key = series(world)

    def conflict(name: str) -> None:
        if name == "update":
            raise ItemConflict("changed")

    world.source.before = conflict
    result = ask(world, key, change(item, MONDAY, subject="x"))
    assert [answer.outcome for answer in result.results] == [Outcome.CONFLICT]
    assert [entry.kind for entry in result.changes] == [ChangeKind.CHANGE]


def test_a_series_that_the_device_does_not_hold_cannot_be_changed(world: World) -> None:
    _, key = series(world)
    other = world.source.put(CONTACTS, {"subject": "new"})
    result = ask(world, key, delete(other, MONDAY), want_changes=False)
    assert [answer.outcome for answer in result.results] == [Outcome.GONE]
    assert exceptions(world, other) == ()


# -- drafts ------------------------------------------------------------------------------------------------------


def draft(world: World) -> tuple[str, str]:
    item = world.source.put(INBOX, {"subject": "draft", "draft": True})
    return item, ask(world, ask(world, "0", folder=INBOX).key, folder=INBOX).key


def test_a_draft_that_became_another_message_is_exchanged_on_the_device(world: World) -> None:
    item, key = draft(world)
    wanted = change(item, None, subject="better")
    first = ask(world, key, wanted, folder=INBOX)
    [new] = world.source.items[INBOX]
    assert [answer.outcome for answer in first.results] == [Outcome.DONE]
    assert [(entry.kind, entry.item_id) for entry in first.changes] == [
        (ChangeKind.DELETE, item),
        (ChangeKind.ADD, new),
    ]
    assert ask(world, key, wanted, folder=INBOX) == first
    assert list(world.source.items[INBOX]) == [new]


def test_a_draft_is_sent_once(world: World) -> None:
    item, key = draft(world)
    wanted = change(item, None, send=True)
    first = ask(world, key, wanted, folder=INBOX)
    assert [(entry.kind, entry.item_id) for entry in first.changes] == [(ChangeKind.DELETE, item)]
    assert ask(world, key, wanted, folder=INBOX) == first
    assert len(world.source.sent) == 1


def test_a_message_added_to_be_sent_is_sent_once(world: World) -> None:
    key = ask(world, "0", folder=INBOX).key
    wanted = ClientChange(ChangeKind.ADD, client_id="c1", fields={"subject": "x", "send": True})

    def die(name: str) -> None:
        if name == "create":
            raise Crash

    world.source.after = die
    with pytest.raises(Crash):
        ask(world, key, wanted, folder=INBOX)
    world.source.after = lambda name: None
    first = ask(world, key, wanted, folder=INBOX)
    assert [(answer.outcome, answer.item_id) for answer in first.results] == [(Outcome.DONE, "")]
    assert ask(world, key, wanted, folder=INBOX) == first
    assert len(world.source.sent) == 1


def test_a_message_added_and_sent_is_told_as_done(world: World) -> None:
    key = ask(world, "0", folder=INBOX).key
    wanted = ClientChange(ChangeKind.ADD, client_id="c1", fields={"subject": "x", "send": True})
    result = ask(world, key, wanted, folder=INBOX)
    assert [answer.outcome for answer in result.results] == [Outcome.DONE]
    assert len(world.source.sent) == 1


def texts(world: World) -> list[str]:
    return sorted(str(item.fields["body"]) for item in world.source.items[INBOX].values())


def gone(world: World) -> tuple[str, str]:
    """A draft that somebody replaced elsewhere while the device held it."""
    item, key = draft(world)
    world.source.drop(INBOX, item)
    world.source.put(INBOX, {"subject": "draft", "body": "theirs", "draft": True})
    return item, key


def test_what_a_device_writes_on_a_draft_that_is_gone_becomes_a_draft_of_its_own(world: World) -> None:
    item, key = gone(world)
    wanted = change(item, None, body="mine", send=True, remove_attachments=("1",))
    first = ask(world, key, wanted, folder=INBOX)
    assert [answer.outcome for answer in first.results] == [Outcome.GONE]
    assert [entry.kind for entry in first.changes] == [ChangeKind.DELETE, ChangeKind.ADD, ChangeKind.ADD]
    assert texts(world) == ["mine", "theirs"]
    assert world.source.sent == []
    assert sorted(entry.kind.value for entry in ask(world, key, wanted, folder=INBOX).changes) == sorted(
        entry.kind.value for entry in first.changes
    )
    assert texts(world) == ["mine", "theirs"]


@pytest.mark.parametrize("step", ["create", "update"])
def test_what_a_device_writes_is_kept_once_although_the_process_dies(world: World, step: str) -> None:
    item, key = gone(world)
    wanted = change(item, None, body="mine")

    def die(name: str) -> None:
        if name == step:
            raise Crash

    world.source.before = die
    with pytest.raises(Crash):
        ask(world, key, wanted, folder=INBOX)
    world.source.before = lambda name: None
    world.source.after = die
    world.clock.advance(world.settings.doubt_seconds)
    if step == "create":
        with pytest.raises(Crash):
            ask(world, key, wanted, folder=INBOX)
    world.source.after = lambda name: None
    ask(world, key, wanted, folder=INBOX)
    assert texts(world) == ["mine", "theirs"]


def test_while_nobody_knows_whether_the_words_are_kept_the_device_waits(world: World) -> None:
    item, key = gone(world)
    wanted = change(item, None, body="mine")

    def fail(name: str) -> None:
        if name == "create":
            raise SourceUnavailable("cut", in_doubt=True)

    world.source.before = fail
    with pytest.raises(SourceUnavailable, match="cut"):
        ask(world, key, wanted, folder=INBOX)
    world.source.before = lambda name: None
    with pytest.raises(SourceUnavailable, match="on its way"):
        ask(world, key, wanted, folder=INBOX)
    world.clock.advance(world.settings.doubt_seconds)
    ask(world, key, wanted, folder=INBOX)
    assert texts(world) == ["mine", "theirs"]


def test_words_that_the_source_will_not_keep_are_told_as_gone(world: World) -> None:
    item, key = gone(world)

    def refuse(name: str) -> None:
        if name == "create":
            raise ItemRefused("not here")

    world.source.before = refuse
    result = ask(world, key, change(item, None, body="mine"), folder=INBOX)
    assert [answer.outcome for answer in result.results] == [Outcome.GONE]
    assert texts(world) == ["theirs"]


def test_marks_alone_are_no_words(world: World) -> None:
    item, key = gone(world)
    ask(world, key, change(item, None, read=True), folder=INBOX)
    assert texts(world) == ["theirs"]
