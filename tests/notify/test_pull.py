"""The rules for when a waiting device's folders are looked at."""

from __future__ import annotations

import pytest

from app.notify.pull import PullRule

DEFAULT = PullRule(mail_share=0.5, mail_min_delay=60)


@pytest.mark.parametrize(
    ("wait", "period"),
    [(59, None), (61, 54.9), (100, 60), (120, 60), (600, 300), (1770, 885)],
)
def test_the_originals_defaults_look_at_half_of_the_wait_but_not_before_a_minute(wait, period):
    assert DEFAULT.mail_period(wait) == (None if period is None else pytest.approx(period))


def test_an_absolute_delay_counts_in_seconds_whatever_the_wait():
    assert PullRule(mail_delay=90, mail_min_delay=60).mail_period(1770) == 90


def test_a_delay_longer_than_the_wait_means_a_look_near_its_end():
    period = PullRule(mail_delay=900, mail_min_delay=60).mail_period(100)
    assert period is not None
    assert 80 < period < 100


def test_a_delay_below_the_least_one_is_raised_to_it():
    assert PullRule(mail_delay=5, mail_min_delay=60).mail_period(1770) == 60


def test_settings_of_nothing_do_not_make_the_looks_come_without_a_pause():
    period = PullRule(mail_delay=0, mail_min_delay=0).mail_period(1770)
    assert period is not None
    assert period >= 0.05


def test_a_negative_least_delay_switches_looks_at_mail_off():
    assert PullRule(mail_delay=5, mail_min_delay=-1).mail_period(1770) is None


def test_the_pause_after_failures_doubles_up_to_a_limit():
    rule = PullRule(interval=10, longest_pause=60)
    assert [rule.pause(failures) for failures in (0, 1, 2, 3, 4, 500)] == [0, 10, 20, 40, 60, 60]
