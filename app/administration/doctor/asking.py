"""``usmctl doctor``: everything a supporter would ask, each a line with advice.

Every question has a thread of its own and :data:`app.administration.doctor.case.PATIENCE` seconds; all are asked side
by side, and told in their order. Where a question does not come back something hangs, and that is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.administration.doctor import around, host, outside
from app.administration.doctor.case import PATIENCE, Case
from app.administration.findings import Finding, wrong

Ask = Callable[[Case], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Question:
    """``seconds``: how long it may take, if that is more than :data:`PATIENCE`."""

    name: str
    ask: Ask
    seconds: Callable[[Case], float] = lambda _: PATIENCE


QUESTIONS: Final[tuple[Question, ...]] = (
    Question("program", host.program),
    Question("settings", host.settings),
    Question("service", host.service),
    Question("log", host.log),
    Question("disk", host.disk),
    Question("database", around.database, lambda _: 3 * PATIENCE),
    Question("ox", around.ox),
    Question("user", around.user),
    Question("redis", around.redis),
    Question("dovecot", around.dovecot),
    Question("outside", outside.paths),
    Question("certificate", outside.certificate),
    Question("heartbeat", outside.heartbeat, lambda case: PATIENCE + case.probe_heartbeat),
)


@dataclass(slots=True)
class _Asked:
    """One that is being asked."""

    question: Question
    deadline: float
    over: threading.Event = field(default_factory=threading.Event)
    found: list[Finding] = field(default_factory=list)

    def run(self, case: Case) -> None:
        """Ask; whatever goes wrong is an answer."""
        try:
            self.found.extend(self.question.ask(case))
        except Exception as error:  # noqa: BLE001  (a supporter wants to know; its words might hold a secret)
            self.found.append(
                wrong(self.question.name, f"could not be found out: unexpected {type(error).__name__}")
            )
        self.over.set()

    def findings(self) -> Sequence[Finding]:
        """What was found, waited for until the deadline."""
        if self.over.wait(max(self.deadline - time.monotonic(), 0.0)):
            return self.found
        return [
            *self.found,
            wrong(self.question.name, "no answer in time: something hangs", "ask again, then look there"),
        ]


def examine(case: Case, questions: Sequence[Question] = QUESTIONS) -> Iterator[Finding]:
    """What is found, question by question."""
    now = time.monotonic()
    asked = [_Asked(question, now + question.seconds(case)) for question in questions]
    for each in asked:
        threading.Thread(
            target=each.run, args=(case,), name=f"doctor-{each.question.name}", daemon=True
        ).start()
    for each in asked:
        yield from each.findings()
