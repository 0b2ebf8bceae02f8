"""The deadline, on a clock of its own: it passes once, when it was last set to, and never else."""

import pytest

from mailbatch.smtp.deadline import Deadline


class Alarm:
    """A timer of the clock."""

    def __init__(self, clock, when, callback):
        self.clock, self.at, self.callback = clock, when, callback

    def cancel(self):
        self.clock.alarms.remove(self)

    def when(self):
        return self.at


class Clock:
    """A clock that is set forward by hand, and the timers that wait on it."""

    def __init__(self):
        self.now = 1000.0
        self.alarms = []

    def time(self):
        return self.now

    def call_at(self, when, callback):
        alarm = Alarm(self, when, callback)
        self.alarms.append(alarm)
        return alarm

    def go_on_until(self, now):
        """Let time pass, timer by timer."""
        while due := sorted((a for a in self.alarms if a.at <= now), key=Alarm.when):
            self.now = due[0].at
            self.alarms.remove(due[0])
            due[0].callback()
        self.now = now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def passed():
    """The times at which the deadline passed."""
    return []


@pytest.fixture
def deadline(clock, passed):
    return Deadline(clock, lambda: passed.append(clock.now))


def test_it_passes_once(clock, deadline, passed):
    assert not deadline.armed
    deadline.set(5.0)
    assert deadline.armed
    clock.go_on_until(1004.9)
    assert passed == []
    clock.go_on_until(1100.0)
    assert passed == [1005.0]
    assert not deadline.armed
    assert clock.alarms == []


def test_it_can_be_set_again_once_it_has_passed(clock, deadline, passed):
    deadline.set(5.0)
    clock.go_on_until(1010.0)
    deadline.set(5.0)
    clock.go_on_until(1100.0)
    assert passed == [1005.0, 1015.0]


def test_what_is_moved_back_passes_then_and_costs_no_timer(clock, deadline, passed):
    """A reply moves it: one timer serves them all, and looks again when it goes off."""
    for _ in range(100):
        deadline.set(5.0)
        assert len(clock.alarms) == 1
        clock.go_on_until(clock.now + 1.0)
    assert passed == []
    clock.go_on_until(2000.0)
    assert passed == [1104.0]


def test_what_is_moved_forward_passes_then(clock, deadline, passed):
    """Long for the content, short for the next command."""
    deadline.set(600.0)
    deadline.set(5.0)
    assert [alarm.when() for alarm in clock.alarms] == [1005.0]
    clock.go_on_until(2000.0)
    assert passed == [1005.0]


def test_a_timer_that_is_early_enough_is_kept(clock, deadline):
    deadline.set(5.0)
    (first,) = clock.alarms
    deadline.set(5.0)
    assert clock.alarms == [first]


def test_what_is_cleared_does_not_pass(clock, deadline, passed):
    """The timer may still go off: it finds nothing to do, and none is left behind it."""
    deadline.set(5.0)
    deadline.clear()
    assert not deadline.armed
    clock.go_on_until(2000.0)
    assert passed == []
    assert clock.alarms == []


def test_what_is_cleared_and_set_again_passes_then(clock, deadline, passed):
    deadline.set(5.0)
    deadline.clear()
    deadline.set(7.0)
    clock.go_on_until(2000.0)
    assert passed == [1007.0]


def test_closing_leaves_no_timer(clock, deadline, passed):
    deadline.close()
    deadline.set(5.0)
    deadline.close()
    assert not deadline.armed
    assert clock.alarms == []
    deadline.set(3.0)
    clock.go_on_until(2000.0)
    assert passed == [1003.0]


def test_what_expires_may_set_the_next_one(clock, passed):
    def expired():
        passed.append(clock.now)
        if len(passed) < 3:
            deadline.set(2.0)

    deadline = Deadline(clock, expired)
    deadline.set(1.0)
    clock.go_on_until(2000.0)
    assert passed == [1001.0, 1003.0, 1005.0]
