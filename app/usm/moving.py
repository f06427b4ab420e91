"""Moving items between folders, each once, with the states of both folders following.

1. what is noted of a move tells whether it was done: then the answer is the same again;
2. each item gets a *trace* by which it can be found in the target, and the intent is noted;
3. the source moves the items;
4. the device holds each item in the target now and no more where it was: both states say so at all kept keys,
   whichever the device stands on, so that neither folder tells it what it knows (Outlook would show the item twice);
   with that, all at once, the moves are noted as done.

After a crash between any two of these, or an answer of the source that was lost, the device repeats the move: an item
that is no longer where it was is looked for in the target by its trace. If the device was told of it by a round of
either folder meanwhile, the rounds tell it the rest, and for this move the item is gone.

An item that was moved, while the device lost that answer and moves it to yet another folder, is moved on from where it
is. If the device lost the folder it was in besides, it has the item no more, and gets it anew where it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final

from app.usm import held
from app.usm.decide import MERGED
from app.usm.deeds import Deed, Deeds
from app.usm.errors import Busy, FolderGone, ItemError, ItemFailed, ItemGone, SourceUnavailable, UsmError
from app.usm.model import HIERARCHY, FolderRef, Move, MoveOutcome, MoveResult, SessionId, UsmSettings, Written
from app.usm.ports import DataSource, StateStore

_log = logging.getLogger(__name__)

_NO_STATE: Final[Mapping[str, str]] = {}
"""Of a folder that was never synchronised."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A move, and the place where the item is by now."""

    move: Move
    folder: int
    item_id: str

    @property
    def name(self) -> str:
        """The deed of moving the item from where it is."""
        return _name(self.folder, self.item_id)

    @property
    def went_on(self) -> bool:
        """Whether it is not where the device has it."""
        return self.folder != self.move.folder


def _name(folder: int, item_id: str) -> str:
    return f"{folder}:{item_id}"


def relocate(
    source: DataSource, refs: Mapping[int, FolderRef], moves: Sequence[Move], touched: set[str]
) -> list[MoveResult]:
    """Move items of which no state is to know; what became of each. ``touched`` gets the source's ids of the folders
    that items left or came to, also of a source that fails on the way. Raises ``SourceUnavailable``."""
    results = []
    for move in moves:
        outcome, written = _mistake(refs, move), None
        if outcome is None:
            outcome, written = _moved(source, refs[move.folder], refs[move.target], move.item_id)
        if written is not None:
            touched |= {refs[move.folder].id, refs[move.target].id}
        results.append(MoveResult(move, outcome, "" if written is None else written.id))
    return results


def _mistake(refs: Mapping[int, FolderRef], move: Move) -> MoveOutcome | None:
    if move.folder not in refs:
        return MoveOutcome.GONE
    if move.target not in refs:
        return MoveOutcome.TARGET_GONE
    return MoveOutcome.SAME_FOLDER if move.folder == move.target else None


def _moved(
    source: DataSource, folder: FolderRef, target: FolderRef, item_id: str
) -> tuple[MoveOutcome, Written | None]:
    """Move one item at the source. Raises ``SourceUnavailable``."""
    try:
        return MoveOutcome.DONE, source.move(folder, item_id, target)
    except ItemGone:
        return MoveOutcome.GONE, None
    except FolderGone:
        gone = target.id not in source.probe([target])
        return MoveOutcome.TARGET_GONE if gone else MoveOutcome.GONE, None
    except ItemError as error:
        _log.warning("item %s of folder %s: %s", item_id, folder.id, error)
        return MoveOutcome.FAILED if isinstance(error, ItemFailed) else MoveOutcome.REFUSED, None


class Mover:
    """The work on one request that moves items; made anew for each, under the lock of its deeds."""

    def __init__(
        self,
        session: SessionId,
        source: DataSource,
        store: StateStore,
        deeds: Deeds,
        settings: UsmSettings,
        refs: Mapping[int, FolderRef],
    ) -> None:
        self._session = session
        self._source = source
        self._store = store
        self._deeds = deeds
        self._settings = settings
        self._refs = refs
        self._results: dict[Move, MoveResult] = {}
        self.touched: set[str] = set()
        """The source's ids of the folders that items left or came to."""

    def run(self, moves: Sequence[Move]) -> list[MoveResult]:
        """Do it all. Raises ``SourceUnavailable``, ``StoreUnavailable``; what was moved until then is noted."""
        groups: dict[tuple[int, int], list[_Task]] = {}
        for move in dict.fromkeys(moves):
            outcome = _mistake(self._refs, move)
            if outcome is not None:
                self._answer(move, outcome)
            elif (task := self._where(move)) is not None:
                groups.setdefault((task.folder, move.target), []).append(task)
        for (folder, target), tasks in groups.items():
            self._work_off(self._refs[folder], self._refs[target], tasks)
        return [self._results[move] for move in moves]

    def _answer(self, move: Move, outcome: MoveOutcome, item_id: str = "") -> None:
        self._results[move] = MoveResult(move, outcome, item_id)

    # -- what was done before ----------------------------------------------------------------------------------

    def _where(self, move: Move) -> _Task | None:
        """The move as it is to be done, ``None`` where it is answered already."""
        deed = self._deeds.get(_name(move.folder, move.item_id))
        if deed is None:
            return _Task(move, move.folder, move.item_id)
        if not deed.done:
            return self._settled(move, deed)
        if self._holds(move.folder, move.item_id):  # it came back since
            return _Task(move, move.folder, move.item_id)
        folder, _, item_id = deed.result.partition(":")
        if not self._has_folder(move.folder):
            # It lost the item with the folder before it heard; both tell it the truth, should it still have the folder.
            self._own_up(_Task(move, int(folder), item_id))
            self._answer(move, MoveOutcome.GONE)
            return None
        if int(folder) == move.target:
            self._answer_again(move, item_id, deed)
            return None
        return _Task(move, int(folder), item_id)

    def _has_folder(self, folder: int) -> bool:
        """Whether the device has a folder, as far as it was told."""
        heads = self._store.heads(self._session, HIERARCHY)
        return heads is None or str(folder) in self._store.stamps(
            self._session, HIERARCHY, heads.newest.counter
        )

    def _answer_again(self, move: Move, item_id: str, deed: Deed) -> None:
        """Between the lost answer and this one the device may have been told of the item in the target, which it
        did not have yet: if it was changed, it gets it once more; if it was deleted, or the target was begun since so
        that the device has got it there, it is gone for this move too."""
        stamp, now = deed.trace, self._state(move.target).get(item_id)
        generation = self._generation(move.target)
        same = generation == deed.what and (now is not None or not generation)
        outcome = MoveOutcome.DONE if same else MoveOutcome.GONE
        with self._locked(move.folder, move.target):
            if outcome is MoveOutcome.GONE:
                self._store.amend(self._session, {move.folder: {move.item_id: held.WRONG}})
            elif now is not None and now != stamp:
                self._store.amend(self._session, {move.target: {item_id: held.WRONG}})
        self._answer(move, outcome, item_id if outcome is MoveOutcome.DONE else "")

    def _generation(self, folder: int) -> str:
        heads = self._store.heads(self._session, folder)
        return "" if heads is None else heads.generation

    def _state(self, folder: int) -> Mapping[str, str]:
        heads = self._store.heads(self._session, folder)
        if heads is None:
            return _NO_STATE
        return self._store.stamps(self._session, folder, heads.newest.counter)

    def _holds(self, folder: int, item_id: str) -> bool:
        return item_id in self._state(folder)

    def _settled(self, move: Move, deed: Deed) -> _Task | None:
        """An earlier try of which nobody heard: whatever it aimed at, find out where the item is."""
        folder, target = self._refs[move.folder], self._refs.get(int(deed.what))
        try:
            listing = self._source.listing(folder, None)
        except FolderGone:
            self._answer(move, MoveOutcome.GONE)
            return None
        left = deed.at + self._settings.doubt_seconds - self._deeds.now()
        if move.item_id in listing.stamps or move.item_id in listing.outside:
            if left > 0:
                raise SourceUnavailable(f"item {move.item_id} may be on its way out of {folder.id!r}", left)
            return _Task(move, move.folder, move.item_id)
        found = self._found(target, deed.trace)
        if target is None or found is None:
            if left > 0:
                raise SourceUnavailable(f"item {move.item_id} may be on its way out of {folder.id!r}", left)
            return _Task(move, move.folder, move.item_id)
        if self._was_told(move, target.number, found.id):
            self._deeds.note({_name(move.folder, move.item_id): None})
            self._answer(move, MoveOutcome.GONE)
            return None
        # Somebody may have changed it since: the device gets it as it is now.
        arrived = {move.item_id: replace(found, altered=True)}
        with self._locked(folder.number, target.number):
            self._follow(folder, target, [_Task(move, move.folder, move.item_id)], arrived, ())
        if target.number == move.target:
            self._answer(move, MoveOutcome.DONE, found.id)
            return None
        return _Task(move, target.number, found.id)

    def _was_told(self, move: Move, target: int, item_id: str) -> bool:
        """Whether rounds of either folder told the device meanwhile, as if somebody else had moved the item: then they
        tell it the rest as well."""
        before = self._state(move.folder)
        return item_id in self._state(target) or (before is not _NO_STATE and move.item_id not in before)

    def _found(self, target: FolderRef | None, trace: str) -> Written | None:
        if target is None or not trace:
            return None
        try:
            return self._source.find_moved(target, [trace]).get(trace)
        except FolderGone:
            return None

    # -- what is done now --------------------------------------------------------------------------------------

    def _locked(self, *folders: int) -> ExitStack:
        """The locks of both, always in the same order, so that nobody waits for one who waits for him."""
        with ExitStack() as stack:
            for number in sorted(folders):
                stack.enter_context(self._store.lock(self._session, number))
            return stack.pop_all()

    def _work_off(self, folder: FolderRef, target: FolderRef, tasks: Sequence[_Task]) -> None:
        try:
            locks = self._locked(folder.number, target.number)
        except Busy:
            for task in tasks:
                self._answer(task.move, MoveOutcome.BUSY)
            return
        with locks:
            self._move_all(folder, target, tasks)
        for task in tasks:
            if task.went_on and self._results[task.move].outcome is not MoveOutcome.DONE:
                self._own_up(task)

    def _move_all(self, folder: FolderRef, target: FolderRef, tasks: Sequence[_Task]) -> None:
        outdated = self._outdated(folder)
        begun = {
            task.item_id: Deed(self._deeds.now(), what=str(target.number), trace=trace)
            for task, trace in zip(tasks, self._traces(folder, tasks), strict=True)
        }
        self._deeds.note({_name(folder.number, item): deed for item, deed in begun.items()})
        moved: dict[str, Written] = {}
        for task in tasks:
            try:
                outcome, written = _moved(self._source, folder, target, task.item_id)
            except UsmError as error:
                if isinstance(error, SourceUnavailable) and error.in_doubt:
                    del begun[task.item_id]
                self._follow(folder, target, tasks, moved, begun)
                raise
            if written is not None:
                altered = written.altered or outdated(written, task.item_id)
                moved[task.item_id] = replace(written, altered=altered)
            self._answer(task.move, outcome, "" if written is None else written.id)
        self._follow(folder, target, tasks, moved, begun)

    def _outdated(self, folder: FolderRef) -> Callable[[Written, str], bool]:
        """Tells whether the device holds an older version of a moved item than the source has. A message's stamp stays
        when it moves; that of all else is new in any case, and has to be looked up before."""
        known = self._state(folder.number)
        before: Mapping[str, str] = {}
        if known and folder.content not in MERGED:
            with suppress(FolderGone):
                before = self._source.listing(folder, None).stamps

        def outdated(written: Written, item_id: str) -> bool:
            now = before.get(item_id, written.stamp)
            return known is not _NO_STATE and known.get(item_id) != now

        return outdated

    def _traces(self, folder: FolderRef, tasks: Sequence[_Task]) -> list[str]:
        try:
            traces = self._source.traces(folder, [task.item_id for task in tasks])
        except FolderGone:
            traces = {}
        return [traces.get(task.item_id, "") for task in tasks]

    def _follow(
        self,
        folder: FolderRef,
        target: FolderRef,
        tasks: Sequence[_Task],
        moved: Mapping[str, Written],
        begun: Collection[str],
    ) -> None:
        """Let both states follow what was moved, and note it. Of what was ``begun`` the rest was not done."""
        notes: dict[str, Deed | None] = {
            _name(folder.number, item): None for item in begun if item not in moved
        }
        generation = self._generation(target.number) if moved else ""
        for task in tasks:
            if (written := moved.get(task.item_id)) is not None:
                stamp = held.WRONG if written.altered else written.stamp
                result = _name(target.number, written.id)
                deed = Deed(self._deeds.now(), True, generation, stamp, result)
                notes[task.name] = notes[_name(task.move.folder, task.move.item_id)] = deed
        if not moved:
            self._deeds.note(notes)
            return
        self.touched |= {folder.id, target.id}
        arrived: dict[str, str | None] = {
            each.id: held.WRONG if each.altered else each.stamp for each in moved.values()
        }
        self._deeds.note_with(notes, {folder.number: dict.fromkeys(moved), target.number: arrived})

    def _own_up(self, task: _Task) -> None:
        """An item that had gone further than its device knows stays where it is: both folders tell the device."""
        with self._locked(task.move.folder, task.folder):
            self._deeds.note_with(
                {_name(task.move.folder, task.move.item_id): None},
                {task.move.folder: {task.move.item_id: held.WRONG}, task.folder: {task.item_id: None}},
            )
