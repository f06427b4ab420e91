"""Who is served, who waits and who is refused when there is more than a worker can do: no clock, no threads but one."""

from __future__ import annotations

import random
import threading

import pytest

from app.web.admission import Admission, Limits, Lines, Overloaded, Turn
from tests.fakes.clock import ManualClock

FEW = Limits(at_once=2, own_at_once=1, waiting=4, own_waiting=3, patience=0.01)


def joined(lines: Lines, *names: str, certain: bool = False) -> list[Turn]:
    turns = [Turn(name, certain) for name in names]
    for turn in turns:
        lines.join(turn)
    return turns


def served(turns: list[Turn]) -> list[bool]:
    return [turn.called.is_set() and not turn.is_refused for turn in turns]


def refused(turns: list[Turn]) -> list[bool]:
    return [turn.is_refused for turn in turns]


def test_as_many_are_served_as_there_is_room_for_and_the_next_when_one_goes():
    lines = Lines(FEW)
    turns = joined(lines, "anton", "berta", "clara")
    assert served(turns) == [True, True, False]
    lines.leave(turns[0])
    assert served(turns) == [True, True, True]
    assert (lines.busy, lines.waiting) == (2, 0)


def test_one_user_never_takes_all_the_room():
    lines = Lines(FEW)
    storm = joined(lines, "anton", "anton", "anton")
    assert served(storm) == [True, False, False]
    assert served(joined(lines, "berta")) == [True]


def test_lines_are_served_in_turn_whoever_has_the_longest():
    lines = Lines(Limits(at_once=1, own_at_once=1, waiting=100, own_waiting=100))
    turns = joined(lines, *["anton"] * 50, "berta", "clara")
    order = []
    for _ in range(4):
        now = next(turn for turn in turns if served([turn]) == [True] and turn not in order)
        order.append(now)
        lines.leave(now)
    assert sorted(turn.who for turn in order[1:4]) == ["anton", "berta", "clara"]


def test_a_user_whose_own_line_is_full_is_refused_at_once_and_nobody_else():
    lines = Lines(FEW)
    storm = joined(lines, *["anton"] * 10)
    assert refused(storm) == [False] * 4 + [True] * 6
    assert refused(joined(lines, "berta", "berta")) == [False, False]


def test_when_all_lines_are_full_the_end_of_the_longest_is_refused():
    lines = Lines(FEW)
    storm = joined(lines, *["anton"] * 4)
    others = joined(lines, "berta", "clara", "dora")
    assert served(others) == [True, False, False]
    assert refused([*storm, *others]) == [False, False, False, True, False, False, False]
    assert lines.waiting == 4


def test_a_newcomer_is_refused_unless_another_has_twice_as_many():
    lines = Lines(FEW)
    waiting = joined(lines, "anton", "berta", "anton", "anton", "berta", "berta")
    assert refused(waiting) == [False] * 6
    assert refused(joined(lines, "clara")) == [False]
    assert refused(waiting) == [False, False, False, True, False, False]
    assert refused(joined(lines, "clara")) == [True]


def test_a_newcomer_is_measured_by_the_longest_line_as_it_is_now():
    lines = Lines(Limits(at_once=0, own_at_once=0, waiting=2, own_waiting=3))
    joined(lines, "anton", "berta", certain=True)
    assert lines.is_full_for("clara")
    second = joined(lines, "anton", certain=True)[0]
    assert not lines.is_full_for("clara")
    lines.leave(second)
    assert lines.is_full_for("clara")


def test_from_half_full_on_nobody_lines_up_who_has_more_than_the_mean():
    lines = Lines(Limits(at_once=1, own_at_once=1, waiting=8, own_waiting=8))
    assert refused(joined(lines, *["anton"] * 3, "berta")) == [False] * 4
    assert refused(joined(lines, "berta")) == [False]
    assert refused(joined(lines, "clara")) == [False]
    assert refused(joined(lines, "anton", "berta", "clara")) == [True, True, False]
    assert lines.waiting == 6
    assert refused(joined(lines, "anton", "berta")) == [False, False]


def test_one_after_the_other_the_users_of_a_storm_are_refused_on_arrival_and_hardly_ever_later():
    lines, there, late, chance = Lines(Limits()), [], 0, random.Random(7)
    for number in range(20_000):
        turn = Turn("anton" if number % 2 else f"user{chance.randrange(30)}", False)
        on_arrival = lines.is_full_for(turn.who)
        lines.join(turn)
        if not on_arrival:
            there.append(turn)
        if number % 10 == 0 and (now := served(there)).count(True):
            lines.leave(there.pop(now.index(True)))
        late += sum(refused(there))
        there = [each for each in there if not each.is_refused]
    assert (lines.busy, lines.waiting) == (24, 100)
    assert late < 200


def test_whoever_would_be_refused_on_arrival_is_known_before_and_nobody_else():
    chance = random.Random(6)
    outcomes = {True: 0, False: 0}
    for limits in (FEW, Limits(at_once=3, own_at_once=2, waiting=8, own_waiting=5), Limits(1, 1, 0, 1)):
        lines, there = Lines(limits), []
        for _ in range(2000):
            if there and chance.random() < 0.3:
                gone = there.pop(chance.randrange(len(there)))
                if not gone.is_refused:
                    lines.leave(gone)
                continue
            turn = Turn(
                chance.choice(["anton", "anton", "anton", "berta", "clara", "dora"]), chance.random() < 0.1
            )
            is_full = not turn.is_certain and lines.is_full_for(turn.who)
            lines.join(turn)
            assert turn.is_refused is is_full
            outcomes[is_full] += 1
            there.append(turn)
    assert min(outcomes.values()) > 300


def test_what_was_parked_waits_but_is_never_refused():
    lines = Lines(FEW)
    joined(lines, "anton", "berta")
    back = joined(lines, *["clara"] * 6, certain=True)
    assert refused(back) == [False] * 6
    newcomer = joined(lines, "clara")
    assert refused(newcomer) == [True]


def test_everything_is_as_before_when_the_storm_is_over():
    lines = Lines(FEW)
    turns = joined(lines, *["anton", "berta", "clara"] * 20)
    while waiting := [turn for turn in turns if served([turn]) == [True]]:
        for turn in waiting:
            lines.leave(turn)
            turns.remove(turn)
    assert all(refused(turns))
    assert (lines.busy, lines.waiting) == (0, 0)
    assert served(joined(lines, "anton", "berta")) == [True, True]


def test_who_waited_too_long_is_refused_and_told_when_to_come_again(caplog):
    count: list[int] = []
    admission = Admission(FEW, ManualClock(), lambda: count.append(1), share=lambda: 0.5)
    first, second = admission.enter("anton"), admission.enter("berta")
    for _ in range(3):
        with pytest.raises(Overloaded) as refusal:
            admission.enter("clara")
        assert refusal.value.retry_after == 35
    assert len(count) == 3
    assert len([record for record in caplog.records if "overload" in record.message]) == 1
    admission.leave(first)
    admission.leave(admission.enter("clara"))
    admission.leave(second)


def test_whoever_is_refused_by_a_full_line_does_not_wait_for_it():
    admission = Admission(Limits(at_once=1, own_at_once=1, waiting=0, patience=600), ManualClock())
    turn = admission.enter("anton")
    with pytest.raises(Overloaded):
        admission.enter("berta")
    admission.leave(turn)
    admission.leave(admission.enter("berta"))


def test_a_newcomer_is_refused_by_his_name_only_while_his_line_is_full():
    count: list[int] = []
    limits = Limits(at_once=1, own_at_once=1, waiting=0, patience=600)
    admission = Admission(limits, ManualClock(), lambda: count.append(1), share=lambda: 1.0)
    assert admission.refuse("anton") is None
    turn = admission.enter("anton")
    assert admission.is_crowded
    assert [admission.refuse("anton"), admission.refuse("berta")] == [60, 60]
    assert len(count) == 2
    admission.leave(turn)
    assert admission.refuse("berta") is None


def test_nobody_asks_who_is_to_be_refused_before_a_line_can_be_full():
    admission = Admission(FEW, ManualClock())
    assert not admission.is_crowded


def test_the_next_in_line_goes_on_as_soon_as_there_is_room():
    admission = Admission(Limits(at_once=1, own_at_once=1, patience=60), ManualClock())
    turn, got = admission.enter("anton"), []
    waiting = threading.Thread(target=lambda: got.append(admission.enter("berta")))
    waiting.start()
    admission.leave(turn)
    waiting.join(30)
    assert [each.who for each in got] == ["berta"]
