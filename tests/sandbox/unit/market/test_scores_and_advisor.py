"""A good placement score and a low advisor bucket mean few interruptions."""

from collections.abc import Sequence
from statistics import correlation, fmean
from typing import Any

import pytest

from ec2_sandbox.market import advisor
from ec2_sandbox.market.capacity import Capacity
from ec2_sandbox.market.hazard import hazard_left, hazard_met
from ec2_sandbox.market.on_demand import Accelerator, Hardware
from ec2_sandbox.market.placement_scores import different_types, score
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.options import Scenario

BEGINS, HOUR, DAY = 1_767_571_200, 3_600, 86_400  # 2026-01-05
ZONES = [f"us-east-1{letter}" for letter in "abcdef"]
GPU = (Accelerator("A10G", 1),)


def hardware(instance_type: str) -> Hardware:
    accelerators = GPU if instance_type.startswith("g") else ()
    return Hardware(vcpus=8, memory_gib=32, accelerators=accelerators)


def market(scenario: Scenario = "living", seed: int = 1) -> Capacity:
    return Capacity(seed, scenario, {}, hardware)


def scored(capacity: Capacity, pools: list[Pool], second: int = BEGINS, target: int = 1) -> int:
    units = {pool.instance_type: 1 for pool in pools}
    return score(capacity, pools, second, target=target, units=units)


def is_interrupted(capacity: Capacity, pool: Pool, second: int) -> bool:
    """Whether an instance that starts now is interrupted within a day, or cannot start at all."""
    asked: dict[str, Any] = {"started": second, "lot": 0.5, "after": second, "until": second + DAY}
    return capacity.is_dry(pool, second) or capacity.next_reclaim(pool, **asked) is not None


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each, equal ones sharing the mean of theirs."""
    order = sorted(values)
    return [order.index(one) + (order.count(one) - 1) / 2 for one in values]


def test_better_scores_mean_fewer_interruptions_over_the_next_day() -> None:
    capacity, scores, lost = market(), [], []
    for number in range(300):
        zone, second = ZONES[number % 6], BEGINS + number * 5 * HOUR
        pools = [Pool(zone, f"g{number}{letter}.2xlarge") for letter in ("", "e", "f")]
        best = max(pools, key=lambda pool: capacity.headroom(pool, second))
        scores.append(scored(capacity, pools, second))
        lost.append(is_interrupted(capacity, best, second))
    assert correlation(ranks(scores), ranks(lost)) < -0.35
    bands = [
        [was for one, was in zip(scores, lost, strict=True) if low <= one <= low + 2]
        for low in (2, 5, 8)
    ]
    low, middle, high = (sum(band) / len(band) for band in bands)
    assert low > middle > high
    assert low > 3 * high


@pytest.mark.parametrize("scenario", ["calm", "article"])
def test_a_calm_market_scores_ten(scenario: Scenario) -> None:
    pools = [Pool(ZONES[0], f"g{number}.2xlarge") for number in range(3)]
    assert scored(market(scenario), pools) == 10


def test_dry_pools_score_one() -> None:
    capacity = market("drought")
    pools = [
        pool
        for number in range(40)
        if capacity.is_dry(pool := Pool(ZONES[0], f"g{number}.2xlarge"), BEGINS)
    ]
    assert len(pools) > 20
    assert scored(capacity, pools) == 1


def test_more_capacity_never_scores_higher() -> None:
    pools = [Pool(zone, f"g{number}.2xlarge") for number in range(4) for zone in ZONES]
    scores = [scored(market(), pools, target=10**power) for power in range(8)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] == 1


@pytest.mark.parametrize(
    "types",
    [
        ["m5.large"],
        ["m5.large", "c5.large"],
        ["m3.xlarge", "m3d.xlarge", "c5.large"],
        ["g4dn.xlarge", "g4n.xlarge", "g4dn.xlarge"],
    ],
)
def test_fewer_than_three_types_always_score_low(types: list[str]) -> None:
    assert not different_types(types)
    for seed in range(10):
        pools = [Pool(zone, name) for name in types for zone in ZONES]
        assert scored(market("calm", seed), pools) <= 3
        assert scored(market("living", seed), pools) <= 3


@pytest.mark.parametrize(
    "types", [["m5.large", "m5a.large", "m5.xlarge"], ["u-6tb1.metal", "c5.large", "t3.nano"]]
)
def test_other_sizes_and_processors_are_other_types(types: list[str]) -> None:
    assert different_types(types)


def test_hazard_falls_with_age() -> None:
    hazards = [hazard_left(hours) for hours in (0, 0.5, 2, 9, 50, 500)]
    assert hazards[0] == 1
    assert hazards == sorted(hazards, reverse=True)
    in_first_hour = hazard_met(1)
    assert (hazard_met(3) - hazard_met(1)) / 2 == pytest.approx(0.3 * in_first_hour, rel=0.4)
    assert (hazard_met(12) - hazard_met(6)) / 6 == pytest.approx(0.1 * in_first_hour, rel=0.2)
    assert (hazard_met(96) - hazard_met(48)) / 48 == pytest.approx(0.02 * in_first_hour, rel=0.3)


def test_the_bucket_is_what_happens_to_instances() -> None:
    capacity, day, expected, met = market(), BEGINS // DAY, [], []
    starts = range(BEGINS - 30 * DAY, BEGINS, 8 * HOUR)
    for number in range(20):
        pools = [Pool(zone, f"m{number}.2xlarge") for zone in ZONES]
        expected.append(advisor.interrupted_share(capacity, pools, day))
        for pool in pools:
            started = [second for second in starts if not capacity.is_dry(pool, second)]
            met.append(fmean(is_interrupted(capacity, pool, second) for second in started))
    assert fmean(met) == pytest.approx(fmean(expected), rel=0.1)
    of_types = [fmean(met[at : at + 6]) for at in range(0, len(met), 6)]
    assert correlation(of_types, expected) > 0.9


def test_calm_shows_the_buckets_of_the_month_before() -> None:
    pools = [Pool(zone, "g5.2xlarge") for zone in ZONES]
    share = advisor.interrupted_share(market(), pools, BEGINS // DAY)
    assert advisor.interrupted_share(market("calm"), pools, BEGINS // DAY) == share > 0
    assert advisor.bucket(market("reclaim-soon"), pools, BEGINS // DAY) == 4
    assert advisor.interrupted_share(market("storm"), pools, BEGINS // DAY) > share
