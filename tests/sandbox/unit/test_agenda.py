"""The agenda: everything at its own moment, in order, in work that grows with what happens."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from ec2_sandbox.agenda import Agenda, Alarm
from ec2_sandbox.clock import Clock

MORNING = datetime(2026, 1, 5, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Beat:
    """Something that falls due every so often."""

    agenda_key: str
    clock: Clock
    every: timedelta
    heard: list[datetime] = field(default_factory=list)
    looks: int = 0
    next_at: datetime = MORNING

    def next_due(self, now: datetime) -> datetime | None:
        self.looks += 1
        return max(now, self.next_at)

    def fall_due(self) -> None:
        self.heard.append(self.clock.now())
        self.next_at = self.clock.now() + self.every


def clock() -> Clock:
    return Clock(MORNING, speed=0)


def test_each_thing_happens_at_its_own_moment_and_in_order() -> None:
    time, agenda = clock(), Agenda()
    heard: list[tuple[str, datetime]] = []

    def note(word: str) -> None:
        heard.append((word, time.now()))

    for word, minutes in (("late", 9), ("early", 2), ("never", 90)):
        agenda.plan(Alarm(word, MORNING + minutes * MINUTE, partial(note, word)), MORNING)
    time.advance(10 * MINUTE)
    agenda.catch_up(time.now(), time.at)
    assert heard == [("early", MORNING + 2 * MINUTE), ("late", MORNING + 9 * MINUTE)]


def test_the_last_appointment_counts() -> None:
    time, agenda = clock(), Agenda()
    heard: list[str] = []
    alarm = Alarm("one", MORNING + MINUTE, partial(heard.append, "rung"))
    agenda.plan(alarm, MORNING)
    alarm.moment = MORNING + 5 * MINUTE
    agenda.plan(alarm, MORNING)
    agenda.catch_up(MORNING + 2 * MINUTE, time.at)
    assert heard == []
    agenda.catch_up(MORNING + 5 * MINUTE, time.at)
    agenda.catch_up(MORNING + 6 * MINUTE, time.at)
    assert heard == ["rung"]


def test_what_is_forgotten_does_not_happen() -> None:
    time, agenda = clock(), Agenda()
    heard: list[str] = []
    alarm = Alarm("one", MORNING + MINUTE, partial(heard.append, "rung"))
    agenda.plan(alarm, MORNING)
    agenda.forget(alarm)
    agenda.catch_up(MORNING + 2 * MINUTE, time.at)
    assert heard == []


@pytest.mark.parametrize("days", [1, 10, 100])
def test_a_long_span_costs_as_much_as_happens_in_it(days: int) -> None:
    time, agenda = clock(), Agenda()
    beat = Beat("beat", time, timedelta(hours=1))
    agenda.plan(beat, MORNING)
    time.advance(timedelta(days=days))
    agenda.catch_up(time.now(), time.at)
    assert len(beat.heard) == 24 * days + 1
    assert beat.looks <= 2 * len(beat.heard)
    assert len(agenda.heap) == 1


def test_one_long_span_is_the_same_as_many_short_ones() -> None:
    heard = []
    for pieces in (1, 50):
        time, agenda = clock(), Agenda()
        beats = [Beat(f"beat {n}", time, timedelta(minutes=7 + n)) for n in range(3)]
        for beat in beats:
            agenda.plan(beat, MORNING)
        for _ in range(pieces):
            time.advance(timedelta(hours=10) / pieces)
            agenda.catch_up(time.now(), time.at)
        heard.append([beat.heard for beat in beats])
    assert heard[0] == heard[1]


def test_something_that_is_always_due_is_told_and_not_repeated_for_ever() -> None:
    time, agenda = clock(), Agenda()
    agenda.plan(Beat("stuck", time, timedelta()), MORNING)
    with pytest.raises(RuntimeError, match="stuck is due for ever"):
        agenda.catch_up(MORNING + MINUTE, time.at)
