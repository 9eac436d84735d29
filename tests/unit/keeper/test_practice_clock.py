from datetime import UTC, datetime, timedelta

from spotkeeper.keeper.clocks import PracticeClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Moved:
    """Stands in for the sandbox's control: only its clock."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> datetime:
        self.time += by
        return self.time


def test_to_sleep_in_practice_is_to_move_the_sandboxs_time() -> None:
    clock = PracticeClock(Moved())
    clock.sleep(timedelta(minutes=5))
    assert clock.now() == NOON + timedelta(minutes=5)


def test_a_length_below_zero_moves_nothing() -> None:
    clock = PracticeClock(Moved())
    clock.sleep(timedelta(seconds=-1))
    assert clock.now() == NOON
