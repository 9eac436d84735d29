from datetime import UTC, datetime, timedelta

import pytest

from spotkeeper.sandbox.clock import Clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_it_is_real_time_times_speed_plus_offset() -> None:
    clock = Clock(speed=60, offset=timedelta(hours=1), real=lambda: 10.0)
    assert clock.now() == EPOCH + timedelta(hours=1, minutes=10)


def test_advancing_moves_it() -> None:
    clock = Clock(real=lambda: 0.0)
    clock.advance(timedelta(days=2))
    assert clock.now() == EPOCH + timedelta(days=2)


def test_it_never_goes_back() -> None:
    with pytest.raises(ValueError, match="only moves forwards"):
        Clock().advance(timedelta(seconds=-1))


def test_a_moment_can_be_replayed() -> None:
    clock = Clock(real=lambda: 100.0)
    with clock.at(EPOCH):
        assert clock.now() == EPOCH
    assert clock.now() == EPOCH + timedelta(seconds=100)
