from datetime import UTC, datetime, timedelta

import pytest

from spotkeeper.sandbox.clock import Clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_it_is_real_time_times_speed_and_never_goes_back_with_it() -> None:
    moments = iter([10.0, 20.0, 15.0, 16.0])
    clock = Clock(EPOCH, speed=60, real=lambda: next(moments))
    assert clock.now() == EPOCH + timedelta(minutes=10)
    assert clock.now() == EPOCH + timedelta(minutes=10)  # the computer's clock was put back
    assert clock.now() == EPOCH + timedelta(minutes=11)


def test_advancing_moves_it() -> None:
    clock = Clock(EPOCH, real=lambda: 0.0)
    clock.advance(timedelta(days=2))
    assert clock.now() == EPOCH + timedelta(days=2)


def test_it_never_goes_back() -> None:
    with pytest.raises(ValueError, match="only moves forwards"):
        Clock().advance(timedelta(seconds=-1))


def test_a_moment_can_be_replayed() -> None:
    clock = Clock(EPOCH + timedelta(seconds=100), real=lambda: 0.0)
    with clock.at(EPOCH):
        assert clock.now() == EPOCH
    assert clock.now() == EPOCH + timedelta(seconds=100)
