"""Sandbox time: real time x speed, and what was advanced. Everything is stamped with it.

With speed 0 real time does not matter at all: the clock moves by ``step`` with every AWS call and
by ``advance``, so that the same calls always meet the same moments.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def aware(moment: datetime) -> datetime:
    """UTC where nothing is said: moto parses times as naive UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def utc(moment: datetime | None) -> datetime | None:
    """The same of a time that may not be given."""
    return moment and aware(moment)


@dataclass
class Clock:
    """A clock that only moves forwards, whatever the computer's clock does.

    ``begins``  the sandbox time at which it is made.
    ``step``    sandbox time that every AWS call takes when the speed is 0.
    """

    begins: datetime = field(default_factory=lambda: datetime.now(UTC))
    speed: float = 1.0
    step: timedelta = timedelta(seconds=1)
    real: Callable[[], float] = time.time
    is_held: bool = False
    _pinned: datetime | None = None

    def __post_init__(self) -> None:
        self._reached = self.begins
        self._anchor = self.real()

    def now(self) -> datetime:
        """The sandbox's time, UTC; inside ``at`` the moment that is being replayed."""
        if self._pinned is not None:
            return self._pinned
        if speed := 1.0 if self.is_held else self.speed:
            moment = self.real()
            self._reached += timedelta(seconds=max(0.0, moment - self._anchor) * speed)
            self._anchor = moment
        return self._reached

    def hold(self, *, held: bool) -> None:
        """Go with real time for as long as somebody real must be waited for."""
        if held is not self.is_held:
            self.now()
            self._anchor, self.is_held = self.real(), held

    def advance(self, by: timedelta) -> None:
        """Move forwards; what falls due in between is for the caller to replay with ``at``."""
        if by < timedelta():
            raise ValueError("the sandbox's clock only moves forwards")
        self._reached = self.now() + by

    def tick(self) -> None:
        """An AWS call arrives."""
        if not self.speed:
            self._reached += self.step

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Stamp everything in the block with ``moment``: an event happens at its own time."""
        before, self._pinned = self._pinned, moment
        try:
            yield
        finally:
            self._pinned = before
