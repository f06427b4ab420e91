"""The SQL store against a plain model, with every call in any order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.store import SingleDatabase, SqlStateStore
from app.usm.model import ContentType, FolderRef, SessionId
from app.usm.ports import Head, Heads

SESSIONS = st.sampled_from(
    [SessionId(1, 3, "EAS", "one"), SessionId(1, 3, "EAS", "two"), SessionId(2, 3, "EAS", "one")]
)
FOLDERS = st.integers(0, 2)
ITEMS = st.sampled_from([f"item{number}" for number in range(12)])
CHANGES = st.dictionaries(ITEMS, st.none() | st.text(max_size=3), max_size=6)
TEXT = st.text(max_size=5)

Key = tuple[SessionId, int]


class Kept:
    """A folder: its keys, oldest first, each with its record and stamps."""

    def __init__(self, generation: str, record: str) -> None:
        self.generation = generation
        self.keys: dict[int, tuple[str, dict[str, str]]] = {1: (record, {})}
        self.journal: str | None = None


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.databases = SingleDatabase("sqlite://")
        self.store = SqlStateStore(self.databases)
        self.kept: dict[Key, Kept] = {}
        self.numbers: dict[SessionId, dict[str, FolderRef]] = {}
        self.noted: dict[SessionId, dict[str, str]] = {}

    def teardown(self) -> None:
        self.databases.close()

    @rule(session=SESSIONS, folder=FOLDERS, generation=TEXT, record=TEXT)
    def begin(self, session: SessionId, folder: int, generation: str, record: str) -> None:
        self.store.begin(session, folder, generation, record)
        self.kept[session, folder] = Kept(generation, record)

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), changes=st.lists(CHANGES, min_size=1, max_size=12), record=TEXT)
    def save_often(self, data: st.DataObject, changes: list[dict[str, str | None]], record: str) -> None:
        session, folder = data.draw(st.sampled_from(sorted(self.kept, key=repr)))
        for change in changes:
            self._save(session, folder, max(self.kept[session, folder].keys), change, record)

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), changes=CHANGES, record=TEXT, under_lock=st.booleans())
    def save_any(
        self, data: st.DataObject, changes: dict[str, str | None], record: str, under_lock: bool
    ) -> None:
        session, folder = data.draw(st.sampled_from(sorted(self.kept, key=repr)))
        base = data.draw(st.sampled_from(sorted(self.kept[session, folder].keys)))
        if under_lock:
            with self.store.lock(session, folder):
                self.store.heads(session, folder)
                self._save(session, folder, base, changes, record)
        else:
            self._save(session, folder, base, changes, record)

    def _save(
        self, session: SessionId, folder: int, base: int, changes: dict[str, str | None], record: str
    ) -> None:
        self.store.save(session, folder, base, changes, record)
        kept = self.kept[session, folder]
        below = kept.keys[base]
        stamps = {item: stamp for item, stamp in (below[1] | changes).items() if stamp is not None}
        kept.keys = {base: below, base + 1: (record, stamps)}
        kept.journal = None

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), text=TEXT)
    def write_journal(self, data: st.DataObject, text: str) -> None:
        session, folder = data.draw(st.sampled_from(sorted(self.kept, key=repr)))
        self.store.write_journal(session, folder, text)
        self.kept[session, folder].journal = text

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), changes=CHANGES, under_lock=st.booleans())
    def amend(self, data: st.DataObject, changes: dict[str, str | None], under_lock: bool) -> None:
        session, folder = data.draw(st.sampled_from(sorted(self.kept, key=repr)))
        if under_lock:
            with self.store.lock(session, folder):
                self.store.heads(session, folder)
                self.store.amend(session, {folder: changes})
        else:
            self.store.amend(session, {folder: changes})
        kept = self.kept[session, folder]
        for counter, (record, stamps) in kept.keys.items():
            merged = {item: stamp for item, stamp in (stamps | changes).items() if stamp is not None}
            kept.keys[counter] = (record, merged)

    @rule(session=SESSIONS, number=st.integers(1, 5), name=TEXT)
    def rename_folder(self, session: SessionId, number: int, name: str) -> None:
        self.store.rename_folder(session, number, name)
        numbers = self.numbers.get(session, {})
        before = next((ref.id for ref in numbers.values() if ref.number == number), None)
        if before is not None and before != name:
            del numbers[before]
            if name in numbers:
                numbers[before] = FolderRef(numbers[name].number, before, ContentType.MAIL)
            numbers[name] = FolderRef(number, name, ContentType.MAIL)

    @rule(session=SESSIONS, names=st.lists(TEXT, max_size=4))
    def number_folders(self, session: SessionId, names: list[str]) -> None:
        numbers = self.numbers.setdefault(session, {})
        for name in names:
            numbers.setdefault(name, FolderRef(len(numbers) + 1, name, ContentType.MAIL))
        found = self.store.number_folders(session, [(name, ContentType.MAIL) for name in names])
        assert found == [numbers[name] for name in names]

    @rule(session=SESSIONS, values=st.dictionaries(TEXT, st.none() | TEXT, max_size=4))
    def write_fields(self, session: SessionId, values: dict[str, str | None]) -> None:
        self.store.write_fields(session, values)
        noted = self.noted.get(session, {}) | values
        self.noted[session] = {name: value for name, value in noted.items() if value is not None}

    @rule(session=SESSIONS)
    def forget(self, session: SessionId) -> None:
        self.store.forget(session)
        self.kept = {key: kept for key, kept in self.kept.items() if key[0] != session}
        self.numbers.pop(session, None)
        self.noted.pop(session, None)

    @rule(session=SESSIONS)
    def read_what_a_session_has(self, session: SessionId) -> None:
        assert self.store.fields(session) == self.noted.get(session, {})
        refs = self.numbers.get(session, {}).values()
        assert self.store.folder_refs(session) == sorted(refs, key=lambda ref: ref.number)

    @rule(session=SESSIONS, folder=FOLDERS)
    def read_a_folder_that_was_not_begun(self, session: SessionId, folder: int) -> None:
        if (session, folder) not in self.kept:
            assert self.store.heads(session, folder) is None
            assert self.store.journal(session, folder) is None

    @invariant()
    def folders_are_as_in_the_model(self) -> None:
        for (session, folder), kept in self.kept.items():
            counters = sorted(kept.keys, reverse=True)
            heads = [Head(counter, kept.keys[counter][0]) for counter in counters]
            expected = Heads(kept.generation, heads[0], heads[1] if len(heads) > 1 else None)
            assert self.store.heads(session, folder) == expected
            for counter in counters:
                assert self.store.stamps(session, folder, counter) == kept.keys[counter][1]
            assert self.store.journal(session, folder) == kept.journal


StoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestStore = StoreMachine.TestCase
