"""When a fleet tries again, and what it tells of its problems."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ec2_sandbox.fleets import fleet_events, maintaining
from ec2_sandbox.fleets.allocation import Candidate, Options
from ec2_sandbox.fleets.attempts import Failure
from ec2_sandbox.market.capacity import Drought
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.options import SandboxOptions
from ec2_sandbox.world import new_world, replace_world, world

POOL = Pool("us-east-1a", "m5.large")
NOW = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def calm_world() -> Iterator[None]:
    before = world()
    begins = NOW.isoformat()
    replace_world(new_world(SandboxOptions(scenario="calm", speed=0, begins=begins)))
    yield
    replace_world(before)


def failure(code: str = "InsufficientInstanceCapacity", message: str = "No room.") -> Failure:
    return Failure(Candidate(0, POOL, price=38_000), "spot", {}, code, message)


def test_a_fleet_without_problems_does_not_try_again() -> None:
    assert maintaining.next_try([], 0, NOW) is None


def test_it_waits_longer_each_time_up_to_a_limit() -> None:
    waits = [maintaining.next_try([failure()], tries, NOW) for tries in range(1, 8)]
    minutes = [(moment - NOW) // MINUTE for moment in waits if moment]
    assert minutes == [1, 2, 4, 8, 15, 15, 15]


def test_it_is_there_when_a_pool_has_room_again() -> None:
    ends = NOW + 5 * MINUTE
    world().droughts[POOL] = Drought(NOW - MINUTE, ends, reclaims=False)
    assert maintaining.next_try([failure()], 6, NOW) == ends


def test_a_request_fleet_waits_where_its_strategy_says_room_or_not() -> None:
    pools = [Candidate(0, POOL, price=9), Candidate(1, POOL, price=5, headroom=-1.0)]
    (share,) = maintaining.assigned(pools, Options(), 7)
    assert (share.candidate.override, share.number) == (1, 7)


def sub_types(*failures: Failure) -> list[str]:
    return [event.sub_type for event in fleet_events.problems(failures)]


@pytest.mark.parametrize(
    ("code", "sub_type"),
    [
        ("InsufficientInstanceCapacity", "launchSpecTemporarilyBlacklisted"),
        ("MaxSpotInstanceCountExceeded", "spotInstanceCountLimitExceeded"),
        ("VcpuLimitExceeded", "spotInstanceCountLimitExceeded"),
        ("InvalidAMIID.NotFound", "spotFleetRequestConfigurationInvalid"),
    ],
)
def test_every_problem_has_its_event(code: str, sub_type: str) -> None:
    assert sub_types(failure(code)) == [sub_type]


def test_a_fleet_that_bids_too_little_everywhere_is_halted() -> None:
    dear = failure("SpotMaxPriceTooLow")
    assert sub_types(dear) == ["launchSpecUnusable", "fleetProgressHalted"]
    assert sub_types(dear, failure()) == ["launchSpecUnusable", "launchSpecTemporarilyBlacklisted"]
    assert "market price $0.038" in fleet_events.problems([dear])[0].description


def test_a_pool_that_was_not_tried_is_no_problem() -> None:
    assert sub_types(failure("UnfulfillableCapacity")) == []
