"""Timers are facts of the calendar."""

from __future__ import annotations

import pytest

from tieout.errors import InputError
from tieout.kernel.timers import Timer, Timers


def test_a_repeating_timer_falls_on_whole_multiples_plus_its_offset() -> None:
    timers = Timers()
    timers.set_every("bell", 10, after_ns=25, offset_ns=3)
    assert [timers.pop() for _ in range(3)] == [Timer("bell", due) for due in (33, 43, 53)]


def test_the_first_due_time_is_later_than_the_start() -> None:
    timers = Timers()
    timers.set_every("bell", 10, after_ns=30)
    assert timers.next_due_ns == 40


def test_ties_fire_in_the_order_they_were_set() -> None:
    timers = Timers()
    timers.set_at("second", 5)
    timers.set_at("first", 5)
    assert [timers.pop().name, timers.pop().name] == ["second", "first"]
    assert timers.next_due_ns is None


def test_setting_a_name_again_replaces_it_and_cancel_forgets_it() -> None:
    timers = Timers()
    timers.set_at("bell", 5)
    timers.set_at("bell", 9)
    assert timers.snapshot() == ((9, "bell", 0),)
    assert timers.pop() == Timer("bell", 9)
    timers.set_every("bell", 5, after_ns=0)
    timers.cancel("bell")
    timers.cancel("bell")
    assert timers.next_due_ns is None


def test_the_next_due_time_follows_every_change() -> None:
    timers = Timers()
    assert timers.next_due_ns is None
    timers.set_at("late", 9)
    timers.set_every("bell", 4, after_ns=0)
    assert timers.next_due_ns == 4
    timers.pop()
    assert timers.next_due_ns == 8
    timers.set_every("bell", 20, after_ns=0)
    assert timers.next_due_ns == 9
    timers.set_at("early", 1)
    assert timers.next_due_ns == 1
    timers.cancel("early")
    timers.cancel("late")
    assert timers.next_due_ns == 20


def test_clear_forgets_everything() -> None:
    timers = Timers()
    timers.set_at("bell", 5)
    timers.clear()
    assert timers.next_due_ns is None


def test_an_interval_must_be_positive() -> None:
    with pytest.raises(InputError, match="must be positive"):
        Timers().set_every("bell", 0, after_ns=0)
