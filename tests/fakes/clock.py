"""Time that moves only when somebody sleeps, or when a test says so."""

from datetime import UTC, datetime, timedelta

FIRST_DAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock for fakes that share a world."""

    def __init__(self, now: datetime = FIRST_DAY) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def sleep(self, length: timedelta) -> None:
        self._now += max(length, timedelta(0))

    def advance(self, **length: float) -> None:
        """``clock.advance(minutes=3)``."""
        self.sleep(timedelta(**length))
