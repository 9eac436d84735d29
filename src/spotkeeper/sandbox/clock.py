"""Sandbox time: real time x speed + offset. Everything the server stamps is stamped with it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Clock:
    """A clock that can be moved forwards, never backwards."""

    speed: float = 1.0
    offset: timedelta = timedelta()
    real: Callable[[], float] = time.time
    _pinned: datetime | None = None

    def now(self) -> datetime:
        """The sandbox's time, UTC; inside ``at`` the moment that is being replayed."""
        if self._pinned is not None:
            return self._pinned
        return datetime.fromtimestamp(self.real() * self.speed, UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        """Move forwards; what falls due in between is for the caller to replay with ``at``."""
        if by < timedelta():
            raise ValueError("the sandbox's clock only moves forwards")
        self.offset += by

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Stamp everything in the block with ``moment``: an event happens at its own time."""
        before, self._pinned = self._pinned, moment
        try:
            yield
        finally:
            self._pinned = before
