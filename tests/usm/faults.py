"""What may become of a request: it is lost, its answer is, the server dies, something fails or happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from app.usm.errors import ItemFailed, SourceUnavailable, StoreUnavailable
from tests.usm.conftest import World

WRITES: Final = frozenset({"create", "update", "delete", "move"})
"""The source's calls that can fail at one item."""


class Crash(Exception):
    """The server process dies here."""


@dataclass(frozen=True)
class Fate:
    """What becomes of a request. ``countdown``: at which of its calls to the source or writes to the store; ``within``:
    how many of the statements of that write are carried out, where it has any. ``event`` and ``pick``: of "meanwhile",
    what happens to which item or folder."""

    kind: str
    countdown: int = 0
    within: int = 0
    event: str = ""
    pick: int = 0


ANSWERED: Final = Fate("answered")

EVENTS: Final = ("put", "touch", "drop", "shift", "other folder", "hierarchy", "other phone")
"""What may happen while a request is at work."""

FATES: Final = st.one_of(
    st.sampled_from([ANSWERED, Fate("request lost"), Fate("answer lost")]),
    st.builds(
        Fate,
        st.sampled_from(["crash", "crash", "source down", "source silent", "store down", "item failed"]),
        st.integers(0, 7),
        st.integers(0, 4),
    ),
    st.builds(
        Fate,
        st.just("meanwhile"),
        st.integers(0, 7),
        st.just(0),
        st.sampled_from(EVENTS),
        st.integers(0, 11),
    ),
)


@dataclass(frozen=True)
class _Fault:
    """An exception, the hooks it comes from, and the calls that it is for (all if there are none)."""

    error: Callable[[], Exception]
    places: tuple[str, ...]
    names: frozenset[str] | None = None


FAULTS: Final = {
    "crash": _Fault(Crash, ("before", "after", "write")),
    "source down": _Fault(lambda: SourceUnavailable("it is down"), ("before",)),
    "source silent": _Fault(lambda: SourceUnavailable("no answer", in_doubt=True), ("before", "after")),
    "store down": _Fault(lambda: StoreUnavailable("it is down"), ("write",)),
    "item failed": _Fault(lambda: ItemFailed("not now"), ("before",), WRITES),
}


def _nothing(name: str) -> None:
    """All goes well."""


class Faults:
    """Makes a fate happen in a world. ``meanwhile`` carries out the event of a fate."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.meanwhile: Callable[[Fate], None] = lambda fate: None
        self.off()

    def off(self) -> None:
        """From now on all goes well."""
        self._set()

    def on(self, fate: Fate) -> None:
        """Let it happen to the next request."""
        left = fate.countdown

        def step(act: Callable[[], None], names: frozenset[str] | None = None) -> Callable[[str], None]:
            def passed(name: str) -> None:
                nonlocal left
                if names is None or name in names:
                    left -= 1
                    if left == -1:
                        act()

            return passed

        def meanwhile() -> None:
            self.off()  # what the others do goes well
            self.meanwhile(fate)

        self.off()
        if fate.kind == "meanwhile":
            self._set(before=step(meanwhile), after=step(meanwhile), write=step(meanwhile))
        elif fate.kind in FAULTS:
            fault = FAULTS[fate.kind]
            left //= 4 if fault.names else 1
            self._world.store.within = fate.within

            def fail() -> None:
                raise fault.error()

            self._set(**{place: step(fail, fault.names) for place in fault.places})

    def _set(
        self,
        before: Callable[[str], None] = _nothing,
        after: Callable[[str], None] = _nothing,
        write: Callable[[str], None] = _nothing,
    ) -> None:
        self._world.source.before = before
        self._world.source.after = after
        self._world.store.before = write
