"""What every state store does: the fake in memory, SQLite, MariaDB, and MariaDB through a configdb."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from app.usm.errors import Busy
from app.usm.model import ContentType, FolderRef, SessionId
from app.usm.ports import Head, Heads, StateStore

ODD = "ä\U0001f4e7\n\t'\";--\\%_ \u200e"
"""Text that a careless store would spoil."""


def test_a_glance_shows_all_that_is_kept_of_folders(store: StateStore, session: SessionId) -> None:
    assert store.glances(session, [1]) == store.glances(session, []) == {}
    inbox, sent = store.number_folders(
        session, [("default0/INBOX", ContentType.MAIL), (f"8{ODD}", ContentType.CALENDAR)]
    )
    store.begin(session, 1, "g1", "")
    store.save(session, 1, 1, {"a": "1", "b": "1"}, "")
    store.save(session, 1, 2, {"a": None, "c": "2"}, "last")
    store.begin(session, 2, "g2", "")
    store.write_journal(session, 2, "an intent")
    store.begin(session, 0, "g3", "")
    found = store.glances(session, [2, 3, 1, 0])
    assert {number: glance.ref for number, glance in found.items()} == {0: None, 1: inbox, 2: sent}
    assert {number: glance.heads for number, glance in found.items()} == {
        number: store.heads(session, number) for number in (0, 1, 2)
    }
    assert [found[number].stamps for number in (0, 1, 2)] == [{}, {"b": "1", "c": "2"}, {}]
    assert [found[number].journal for number in (0, 1, 2)] == [None, None, "an intent"]
    assert store.newest(session, [2, 3, 1]) == {number: found[number].stamps for number in (1, 2)}
    assert store.glances(session, [3]) == {}


def test_the_hierarchy_shows_what_is_kept_and_all_numbers(store: StateStore, session: SessionId) -> None:
    assert store.hierarchy(session) == (None, [])
    names = (
        ("default0/INBOX", ContentType.MAIL),
        (f"8{ODD}", ContentType.CALENDAR),
        ("31", ContentType.TASKS),
    )
    refs = list(store.number_folders(session, names))
    assert store.hierarchy(session) == (None, refs)
    store.begin(session, 2, "g1", "")
    store.save(session, 2, 1, {"x": "1"}, "")
    assert store.hierarchy(session) == (None, refs)
    store.begin(session, 0, "g2", "")
    for counter in range(1, 12):
        store.save(session, 0, counter, {"1": ODD, "2": "b", f"{counter}": "c"}, f"{counter}")
        glance, found = store.hierarchy(session)
        again = store.glances(session, [0])[0]
        assert glance is not None
        assert (glance.ref, glance.heads, glance.mark) == (None, again.heads, again.mark)
        assert glance.stamps == again.stamps
        assert found == refs
    store.rename_folder(session, 3, "32")
    _, found = store.hierarchy(session)
    assert found == store.folder_refs(session) == [*refs[:2], FolderRef(3, "32", ContentType.TASKS)]


def test_a_glance_is_of_no_use_after_any_write(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "")
    store.begin(session, 8, "g2", "")
    writes = (
        lambda: store.save(session, 7, 1, {"a": "1"}, ""),
        lambda: store.save(session, 7, 1, {"a": "1"}, ""),
        lambda: store.amend(session, {7: {"a": "2"}}),
        lambda: store.write_journal(session, 7, "an intent"),
        lambda: store.write_journal(session, 7, "another"),
        lambda: store.begin(session, 7, "g1", ""),
    )
    for write in writes:
        glance, other = (store.glances(session, [number])[number] for number in (7, 8))
        with store.lock(session, 7):
            assert store.is_as(session, 7, glance)
            write()
            assert not store.is_as(session, 7, glance)
        with store.lock(session, 8):
            assert store.is_as(session, 8, other)


def test_a_folder_that_was_never_begun_has_no_keys(store: StateStore, session: SessionId) -> None:
    assert store.heads(session, 7) is None
    assert store.journal(session, 7) is None


def test_a_secret_does_not_show_in_the_fields(store: StateStore, session: SessionId) -> None:
    store.write_fields(session, {"a": "b"})
    store.keep_secret(session, "secret", f"4711{ODD}")
    assert set(store.fields(session)) == {"a", "secret"}
    assert "4711" not in store.fields(session)["secret"]
    store.keep_secret(session, "secret", None)
    assert store.fields(session) == {"a": "b"}


def test_a_begun_folder_is_empty_at_counter_1(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "first")
    assert store.heads(session, 7) == Heads("g1", Head(1, "first"))
    assert store.stamps(session, 7, 1) == {}


def test_a_save_adds_changes_and_removes(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "")
    store.save(session, 7, 1, {"a": "1", "b": "1"}, "two")
    store.save(session, 7, 2, {"a": None, "b": "2", "c": "1"}, "three")
    assert store.heads(session, 7) == Heads("g1", Head(3, "three"), Head(2, "two"))
    assert store.stamps(session, 7, 3) == {"b": "2", "c": "1"}
    assert store.stamps(session, 7, 2) == {"a": "1", "b": "1"}


def test_a_save_without_changes_keeps_the_stamps(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "")
    store.save(session, 7, 1, {"a": "1"}, "")
    store.save(session, 7, 2, {}, "x")
    assert store.stamps(session, 7, 3) == store.stamps(session, 7, 2) == {"a": "1"}


def test_the_same_step_can_be_saved_again(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "one")
    store.save(session, 7, 1, {"a": "1"}, "two")
    store.save(session, 7, 2, {"a": None, "b": "1"}, "three")
    store.save(session, 7, 2, {"c": "1"}, "three again")
    assert store.heads(session, 7) == Heads("g1", Head(3, "three again"), Head(2, "two"))
    assert store.stamps(session, 7, 3) == {"a": "1", "c": "1"}
    assert store.stamps(session, 7, 2) == {"a": "1"}


def test_the_first_step_can_be_saved_again(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "one")
    store.save(session, 7, 1, {"a": "1"}, "two")
    store.save(session, 7, 1, {}, "two again")
    assert store.heads(session, 7) == Heads("g1", Head(2, "two again"), Head(1, "one"))
    assert store.stamps(session, 7, 2) == {}


def test_removing_what_is_not_there_changes_nothing(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "")
    store.save(session, 7, 1, {"never": None}, "")
    assert store.stamps(session, 7, 2) == {}


def test_beginning_again_drops_everything(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "")
    store.save(session, 7, 1, {"a": "1"}, "")
    store.write_journal(session, 7, "intent")
    store.begin(session, 7, "g2", "fresh")
    assert store.heads(session, 7) == Heads("g2", Head(1, "fresh"))
    assert store.stamps(session, 7, 1) == {}
    assert store.journal(session, 7) is None


def test_a_journal_stays_until_the_next_save(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "")
    store.write_journal(session, 7, "first")
    store.write_journal(session, 7, "second")
    assert store.journal(session, 7) == "second"
    assert store.heads(session, 7) == Heads("g1", Head(1, ""))
    store.save(session, 7, 1, {}, "")
    assert store.journal(session, 7) is None


def test_an_amendment_holds_at_every_key(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "one")
    store.save(session, 7, 1, {"a": "1", "b": "1"}, "two")
    store.save(session, 7, 2, {"a": "2", "c": "1"}, "three")
    store.write_journal(session, 7, "intent")
    store.amend(session, {7: {"a": None, "d": "1"}})
    assert store.stamps(session, 7, 3) == {"b": "1", "c": "1", "d": "1"}
    assert store.stamps(session, 7, 2) == {"b": "1", "d": "1"}
    assert store.heads(session, 7) == Heads("g1", Head(3, "three"), Head(2, "two"))
    assert store.journal(session, 7) == "intent"
    store.save(session, 7, 2, {"b": None}, "three again")
    assert store.stamps(session, 7, 3) == {"d": "1"}


def test_amending_what_was_never_begun_or_nothing_changes_nothing(
    store: StateStore, session: SessionId
) -> None:
    store.amend(session, {7: {"a": "1"}})
    assert store.heads(session, 7) is None
    store.begin(session, 7, "g1", "one")
    with store.lock(session, 7):
        store.amend(session, {7: {}})
    assert store.stamps(session, 7, 1) == {}


def test_many_amendments_leave_few_layers(store: StateStore, session: SessionId) -> None:
    store.begin(session, 7, "g1", "one")
    for number in range(40):
        store.amend(session, {7: {f"a{number}": "1"}})
    store.save(session, 7, 1, {"b": "1"}, "two")
    assert store.stamps(session, 7, 2) == {f"a{number}": "1" for number in range(40)} | {"b": "1"}


def test_a_folder_with_another_id_keeps_its_number(store: StateStore, session: SessionId) -> None:
    store.number_folders(session, [("old", ContentType.MAIL), ("other", ContentType.MAIL)])
    store.rename_folder(session, 1, "new")
    assert list(store.folder_refs(session)) == [
        FolderRef(1, "new", ContentType.MAIL),
        FolderRef(2, "other", ContentType.MAIL),
    ]
    assert store.number_folders(session, [("old", ContentType.MAIL)])[0].number == 3


def test_a_folder_that_takes_the_id_of_another_leaves_it_its_own(
    store: StateStore, session: SessionId
) -> None:
    store.number_folders(session, [("a", ContentType.MAIL), ("b", ContentType.MAIL)])
    store.rename_folder(session, 1, "b")
    assert {ref.number: ref.id for ref in store.folder_refs(session)} == {1: "b", 2: "a"}
    store.rename_folder(session, 1, "b")
    store.rename_folder(session, 9, "c")
    assert {ref.number: ref.id for ref in store.folder_refs(session)} == {1: "b", 2: "a"}


def test_folders_sessions_and_contexts_are_apart(store: StateStore, session: SessionId) -> None:
    others = [
        dataclasses.replace(session, context_id=2),
        dataclasses.replace(session, context_id=3),
        dataclasses.replace(session, user_id=4),
        dataclasses.replace(session, protocol="JSON"),
        dataclasses.replace(session, device_id=session.device_id.lower()),
    ]
    for number, other in enumerate(others):
        store.begin(other, 7, "other", str(number))
        store.write_fields(other, {"f": str(number)})
    store.begin(session, 7, "g1", "mine")
    store.begin(session, 8, "g2", "next")
    store.save(session, 7, 1, {"a": "1"}, "")
    assert store.stamps(session, 8, 1) == {}
    assert store.fields(session) == {}
    for number, other in enumerate(others):
        assert store.heads(other, 7) == Heads("other", Head(1, str(number)))
        assert store.fields(other) == {"f": str(number)}


def test_any_text_comes_back_as_it_was(store: StateStore, session: SessionId) -> None:
    store.begin(session, 0, "g", ODD * 5000)
    store.save(session, 0, 1, {ODD: ODD, "A": "1", "a": "2", "a ": "3", "": ""}, ODD)
    store.write_journal(session, 0, ODD)
    store.write_fields(session, {"f": ODD * 5000, "F": "", "g": "x"})
    (ref,) = store.number_folders(session, [(ODD, ContentType.MAIL)])
    assert store.stamps(session, 0, 2) == {ODD: ODD, "A": "1", "a": "2", "a ": "3", "": ""}
    assert store.heads(session, 0) == Heads("g", Head(2, ODD), Head(1, ODD * 5000))
    assert store.journal(session, 0) == ODD
    assert store.fields(session) == {"f": ODD * 5000, "F": "", "g": "x"}
    assert ref == FolderRef(1, ODD, ContentType.MAIL)


def test_folders_are_numbered_from_1_and_keep_their_number(store: StateStore, session: SessionId) -> None:
    long = "default0/" + "sub/" * 300
    wanted = [("default0/INBOX", ContentType.MAIL), ("31", ContentType.CONTACTS), (long, ContentType.MAIL)]
    first = store.number_folders(session, wanted)
    assert first == [FolderRef(n, *of) for n, of in enumerate(wanted, 1)]
    # One is gone for a while, one is new, and the order is another.
    again = store.number_folders(session, [(long + "x", ContentType.MAIL), wanted[2], wanted[0]])
    assert [ref.number for ref in again] == [4, 3, 1]
    assert store.number_folders(session, [wanted[1]]) == [FolderRef(2, *wanted[1])]
    assert sorted(ref.number for ref in store.folder_refs(session)) == [1, 2, 3, 4]


def test_folder_ids_that_look_alike_are_different(store: StateStore, session: SessionId) -> None:
    ids = ["INBOX/Foo", "INBOX/foo", "INBOX/foo ", "INBOX/foó", "INBOX/fo\u0301o"]
    refs = store.number_folders(session, [(name, ContentType.MAIL) for name in ids])
    assert [ref.number for ref in refs] == [1, 2, 3, 4, 5]
    assert {ref.id for ref in store.folder_refs(session)} == set(ids)


def test_the_same_folder_named_twice_gets_one_number(store: StateStore, session: SessionId) -> None:
    refs = store.number_folders(session, [("x", ContentType.MAIL)] * 2)
    assert refs == [FolderRef(1, "x", ContentType.MAIL)] * 2


def test_a_thousand_folders_fit_on_a_device(store: StateStore, session: SessionId) -> None:
    ids = [(f"default0/INBOX/{number}", ContentType.MAIL) for number in range(1000)]
    assert [ref.number for ref in store.number_folders(session, ids)] == list(range(1, 1001))
    assert len(store.folder_refs(session)) == 1000


def test_fields_are_set_and_removed_one_by_one(store: StateStore, session: SessionId) -> None:
    store.write_fields(session, {"policy": "1", "os": "iOS"})
    store.write_fields(session, {"policy": "2", "model": "x", "never": None})
    store.write_fields(session, {"os": None})
    store.write_fields(session, {})
    assert store.fields(session) == {"policy": "2", "model": "x"}


def test_a_folder_has_one_writer_at_a_time(store: StateStore, session: SessionId) -> None:
    with store.lock(session, 7):
        with pytest.raises(Busy), store.lock(session, 7):
            pytest.fail("two writers at once")
        with store.lock(session, 8), store.lock(dataclasses.replace(session, user_id=4), 7):
            pass
    with store.lock(session, 7):
        pass


def test_a_lock_is_let_go_when_its_holder_fails(store: StateStore, session: SessionId) -> None:
    with pytest.raises(ZeroDivisionError), store.lock(session, 7):
        raise ZeroDivisionError
    with store.lock(session, 7):
        pass


def test_threads_of_one_process_exclude_each_other(sql_store: StateStore, session: SessionId) -> None:
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with sql_store.lock(session, 7):
            held.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(10)
        with pytest.raises(Busy), sql_store.lock(session, 7):
            pytest.fail("two writers at once")
    finally:
        leave.set()
        thread.join()
    with sql_store.lock(session, 7):
        pass
