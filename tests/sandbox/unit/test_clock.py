import pickle
from datetime import UTC, datetime, timedelta

import pytest

from ec2_sandbox.clock import Clock

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


def test_at_speed_zero_it_moves_by_steps_only() -> None:
    moments = iter([10.0, 20.0, 30.0])
    clock = Clock(EPOCH, speed=0, step=timedelta(seconds=2), real=lambda: next(moments))
    assert clock.now() == clock.now() == EPOCH
    clock.tick()
    assert clock.now() == EPOCH + timedelta(seconds=2)
    clock.advance(timedelta(hours=1))
    assert clock.now() == EPOCH + timedelta(hours=1, seconds=2)


def test_a_call_takes_no_step_while_real_time_runs() -> None:
    clock = Clock(EPOCH, speed=1, real=lambda: 10.0)
    clock.tick()
    assert clock.now() == EPOCH


def test_it_goes_on_where_it_was_after_being_stored() -> None:
    clock = Clock(EPOCH, speed=0)
    clock.advance(timedelta(days=3))
    assert pickle.loads(pickle.dumps(clock)).now() == EPOCH + timedelta(days=3)  # noqa: S301
