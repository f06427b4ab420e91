"""How often the source is asked while devices wait: counted, with a clock that jumps."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from app.notify.plan import Plan
from app.notify.pull import PullRule
from tests.notify.sparing import FOLDERS, Node

HOUR = 3600.0
RULE = PullRule(mail_delay=30.0, mail_min_delay=30.0, interval=30.0)
"""Mail is looked at as often as everything else."""


@pytest.mark.parametrize("phones", [1, 3, 20])
@pytest.mark.parametrize("folders", [FOLDERS[:1], FOLDERS[2:], FOLDERS])
def test_a_user_costs_one_call_an_interval_whatever_the_phones_and_folders(phones, folders):
    node = Node(RULE)
    node.park([3], phones, folders)
    node.run(HOUR)
    assert len(node.calls.made) in (120, 121)
    assert {count for *_, count in node.calls.made} == {len(folders)}


@pytest.mark.parametrize("processes", [2, 4, 16])
def test_a_user_costs_no_more_where_the_phones_wait_in_several_processes(processes):
    share = random.Random(processes).random
    plans = [Plan(RULE, share) for _ in range(processes)]
    for plan in plans:
        plan.add("phone", FOLDERS, 1770.0, 0.0)
    looks: list[float] = []
    while True:
        now, first = min((plan.due() or 0.0, number) for number, plan in enumerate(plans))
        if now > HOUR:
            break
        looks.append(now)
        for number, plan in enumerate(plans):
            (plan.looked if number == first else plan.heard)(FOLDERS, now)
    assert len(looks) in (120, 121)


@pytest.mark.parametrize("seed", range(5))
def test_no_wait_is_longer_than_the_interval_and_none_much_shorter(seed):
    node = Node(RULE, seed=seed)
    node.park([3], 3)
    node.run(HOUR)
    times = [0.0, *node.calls.times()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= 30.0 + 1e-6
    assert min(gaps[1:]) >= 30.0 * 0.5


def test_mail_as_the_original_has_it_adds_no_calls_of_its_own():
    node = Node(PullRule())
    node.park([3], 2)
    node.run(1770.0)
    assert len(node.calls.made) in (59, 60)
    assert [count for *_, count in node.calls.made].count(len(FOLDERS)) == 2


def test_devices_of_different_patience_share_the_looks_of_the_least_patient_one():
    node = Node(PullRule(mail_min_delay=60, interval=HOUR))
    node.park([3], folders=FOLDERS[:1], wait=1200)
    node.plans[3].add("patient", FOLDERS[:1], 3000, 0.0)
    node.run(HOUR)
    assert len(node.calls.made) in (6, 7)


def test_users_that_arrive_at_the_same_moment_are_looked_after_evenly():
    node = Node(RULE)
    node.park(range(3000))
    node.run(300.0)
    assert len(node.calls.made) in range(3000 * 10 - 3000, 3000 * 10 + 3001)
    # 100 a second in the mean.
    assert node.calls.most_in(1.0, 0.0, 300.0) < 150


def test_a_source_that_fails_one_user_is_asked_for_that_user_less_and_less_often():
    node = Node(RULE, lambda now: None)
    node.park([3])
    node.run(HOUR)
    # Pauses of 30, 60, 120, 240 and then 300 seconds at most, half of that at least.
    assert 13 <= len(node.calls.made) <= 26


def test_a_source_that_is_down_is_asked_by_one_on_trial_and_not_by_everybody():
    node = Node(RULE, lambda now: None if 60 <= now < 660 else 0.0)
    node.park(range(3000))
    node.run(660.0)
    assert node.breaker.is_open
    assert node.calls.between(60, 660) <= 5 + 9


def test_a_source_that_comes_back_meets_its_usual_number_of_calls_and_no_crowd():
    node = Node(RULE, lambda now: None if 60 <= now < 660 else 0.0)
    node.park(range(3000))
    node.run(1800.0)
    assert not node.breaker.is_open
    assert node.calls.most_in(1.0, 660, 1800) < 150
    (*_, last) = (moment for moment in node.calls.times() if moment < 660)
    back = min(moment for moment in node.calls.times() if moment >= 660)
    assert back - last <= 300
    # Everybody is looked after again within the interval after the look that was answered.
    seen = {user for moment, user, _ in node.calls.made if back <= moment <= back + 31}
    assert len(seen) >= 2990


def test_a_source_that_is_down_again_at_once_is_left_alone_again():
    node = Node(RULE, lambda now: 0.0 if now < 60 or 600 < now < 605 else None)
    node.park(range(3000))
    node.run(1200.0)
    assert node.calls.between(605, 1200) <= 5 + 9


@pytest.mark.parametrize(("takes", "least", "most"), [(0.1, 118, 122), (2.0, 28, 36), (60.0, 9, 13)])
def test_a_slow_source_is_asked_less_often_in_proportion(takes, least, most):
    node = Node(RULE, lambda now: takes)
    node.park(range(100))
    node.run(600.0)
    before = len(node.calls.made)
    node.run(600.0 + HOUR)
    assert least <= (len(node.calls.made) - before) / 100 <= most


def test_a_source_that_is_quick_again_is_asked_as_often_as_before():
    node = Node(RULE, lambda now: 4.0 if now < 600 else 0.1)
    node.park(range(100))
    node.run(1200.0)
    assert node.breaker.stretch == 1.0
    before = len(node.calls.made)
    node.run(1200.0 + HOUR)
    assert 118 <= (len(node.calls.made) - before) / 100 <= 122


def test_who_does_not_wait_for_anything_is_not_looked_after():
    node = Node(RULE)
    node.park([3], folders=())
    node.run(HOUR)
    node.park([4])
    node.plans[4].remove(0)
    node.run(HOUR)
    assert node.calls.made == []
