"""What falls due by itself, in order: one heap for everything that has a time.

There is no background loop. Before and after every call the world catches up with its clock,
moment by moment, so that ``advance 3h`` stamps what happened in between with its own times. The
work is proportional to what happens, not to how much exists.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Protocol

ROUNDS_AT_ONCE = 1_000  # more at one moment for one thing is an endless loop


#: Stamps everything in its block with the moment.
At = Callable[[datetime], AbstractContextManager[None]]


class Due(Protocol):
    """Something to which things happen by themselves."""

    @property
    def agenda_key(self) -> str:
        """Its id, unique in the world."""

    def next_due(self, now: datetime) -> datetime | None:
        """When to look at it next: ``now`` or later; None when nothing can happen by itself."""

    def fall_due(self) -> None:
        """Do what is due at the clock's now; nothing when it was only a look."""


@dataclass
class Agenda:
    """The appointments of all things, one for each."""

    heap: list[tuple[datetime, int, Due]] = field(default_factory=list)
    current: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    settled_at: datetime | None = None

    def plan(self, thing: Due, now: datetime) -> None:
        """Take the thing's next appointment in place of its former one."""
        moment = thing.next_due(now)
        if moment is None:
            self.forget(thing)
            return
        self.sequence += 1
        self.current[thing.agenda_key] = self.sequence
        heappush(self.heap, (max(moment, now), self.sequence, thing))

    def forget(self, thing: Due) -> None:
        """Nothing will happen to the thing by itself any more."""
        self.current.pop(thing.agenda_key, None)

    def catch_up(self, now: datetime, at: At) -> None:
        """Let everything that is due up to ``now`` happen, each thing at its own moment."""
        rounds = 0
        while self.heap and self.heap[0][0] <= now:
            moment, sequence, thing = heappop(self.heap)
            if self.current.get(thing.agenda_key) != sequence:
                continue  # planned anew since
            rounds = rounds + 1 if moment == self.settled_at else 0
            if rounds > ROUNDS_AT_ONCE * (len(self.current) + 1):
                raise RuntimeError(f"{thing.agenda_key} is due for ever at {moment}")
            self.settled_at = moment
            self.forget(thing)
            with at(moment):
                thing.fall_due()
                if thing.agenda_key not in self.current:
                    self.plan(thing, moment)


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of the moments that there are."""
    return min((moment for moment in moments if moment is not None), default=None)


@dataclass
class Alarm:
    """One thing to be done once, at ``moment``. ``act`` must be picklable: no lambda."""

    agenda_key: str
    moment: datetime | None
    act: Callable[[], None]

    def next_due(self, now: datetime) -> datetime | None:
        """Its moment, until it went off."""
        return max(now, self.moment) if self.moment else None

    def fall_due(self) -> None:
        """Go off, once."""
        self.moment = None
        self.act()


def seconds(number: float) -> timedelta:
    """A short length of sandbox time."""
    return timedelta(seconds=number)
