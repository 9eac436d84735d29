"""The hidden number: what it says now and what it says will come next agree to the second."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.market.capacity import Capacity, Drought, Forced
from ec2_sandbox.market.on_demand import Accelerator, Hardware
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.scarcity import ZONE_RATIO, shortages_per_hour
from ec2_sandbox.options import SCENARIOS, Scenario

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
BEGINS = int(MONDAY.timestamp())
HOUR, DAY = 3_600, 86_400
ZONES = [f"us-east-1{letter}" for letter in "abcdef"]
SCARCE = Hardware(vcpus=96, memory_gib=1_152, accelerators=(Accelerator("A100", 8),))
COMMON = Hardware(vcpus=2, memory_gib=8, maker="AWS")


def hardware(instance_type: str) -> Hardware:
    """Types beginning with p are scarce, all others common."""
    return SCARCE if instance_type.startswith("p") else COMMON


def market(
    scenario: Scenario = "living", seed: int = 1, forced: dict[Pool, Forced] | None = None
) -> Capacity:
    return Capacity(seed, scenario, forced or {}, hardware)


def first_room(capacity: Capacity, pool: Pool) -> int:
    """The first second of the week at which an instance can start there."""
    if not capacity.is_dry(pool, BEGINS):
        return BEGINS
    turn = capacity.next_turn(pool, BEGINS, BEGINS + DAY)
    assert turn is not None
    return turn


pools = st.builds(Pool, st.sampled_from(ZONES), st.sampled_from(["p4d.24xlarge", "m8g.large"]))
seconds = st.integers(BEGINS, BEGINS + 10 * DAY)
forced_edges = st.tuples(st.integers(-HOUR, HOUR), st.integers(1, HOUR), st.booleans())


@st.composite
def situations(draw: st.DrawFn) -> tuple[Capacity, Pool, int]:
    """A market, a pool of it with or without something forced on it, and a moment."""
    pool, second = draw(pools), draw(seconds)
    forced: dict[Pool, Forced] = {}
    at = datetime.fromtimestamp(second, UTC)
    capacity = market(draw(st.sampled_from(SCENARIOS)), draw(st.integers(1, 99)), forced)
    begins, length, reclaims = draw(forced_edges)
    kind = draw(st.sampled_from(["nature", "drought", "plenty"]))
    start = at + timedelta(seconds=begins)
    if kind == "drought":
        forced[pool] = Drought(start, start + timedelta(seconds=length), reclaims=reclaims)
    if kind == "plenty":
        forced[pool] = capacity.refilled(pool, start)
    return capacity, pool, second


@given(situations(), st.integers(0, 3 * DAY), st.floats(0, 0.99))
@pytest.mark.soak
def test_next_is_the_first_second_at_which_it_is_so(
    situation: tuple[Capacity, Pool, int], age: int, lot: float
) -> None:
    capacity, pool, after = situation
    started, until = after - age, after + HOUR // 2
    window = range(after + 1, until + 1)
    reclaimed = [s for s in window if capacity.reclaims(pool, started=started, lot=lot, second=s)]
    advised = [s for s in window if capacity.advises(pool, started=started, lot=lot, second=s)]
    turned = [s for s in window if capacity.is_dry(pool, s) != capacity.is_dry(pool, s - 1)]
    asked: dict[str, Any] = {"started": started, "lot": lot, "after": after, "until": until}
    assert capacity.next_reclaim(pool, **asked) == next(iter(reclaimed), None)
    assert capacity.next_advice(pool, **asked) == next(iter(advised), None)
    assert capacity.next_turn(pool, after, until) == next(iter(turned), None)


@given(situations(), st.integers(0, 3 * DAY), st.floats(0, 0.99))
def test_one_number_tells_room_and_reclaims(
    situation: tuple[Capacity, Pool, int], age: int, lot: float
) -> None:
    capacity, pool, second = situation
    headroom = capacity.headroom(pool, second)
    asked: dict[str, Any] = {"started": second - age, "lot": lot, "second": second}
    assert -1 <= headroom <= 1
    assert capacity.is_dry(pool, second) == (headroom <= 0) == (capacity.room(pool, second) == 0)
    if capacity.reclaims(pool, **asked):
        assert capacity.advises(pool, **asked)
        assert capacity.scenario == "reclaim-soon" or headroom < 0


@given(pools, seconds, st.integers(0, 3 * DAY), st.integers(0, 3 * DAY))
def test_the_young_go_first(pool: Pool, second: int, one: int, other: int) -> None:
    young, old = second - min(one, other), second - max(one, other)
    capacity = market()
    if capacity.reclaims(pool, started=old, lot=0.5, second=second):
        assert capacity.reclaims(pool, started=young, lot=0.5, second=second)


def test_a_pool_is_interrupted_within_minutes() -> None:
    pool, capacity = Pool(ZONES[1], "p4d.24xlarge"), market()
    start = first_room(capacity, pool)
    asked: dict[str, Any] = {"started": start, "after": start, "until": start + 5 * DAY}
    told = [capacity.next_reclaim(pool, lot=lot / 20, **asked) for lot in range(20)]
    first, last = min(filter(None, told)), max(filter(None, told))
    assert None not in told
    assert 60 < last - first < 300


def test_advice_comes_before_the_notice() -> None:
    pool, capacity = Pool(ZONES[1], "p4d.24xlarge"), market()
    start = first_room(capacity, pool)
    asked: dict[str, Any] = {
        "started": start,
        "lot": 0.5,
        "after": start,
        "until": start + 5 * DAY,
    }
    advised, told = capacity.next_advice(pool, **asked), capacity.next_reclaim(pool, **asked)
    assert advised is not None
    assert told is not None
    assert told - advised == 120


@pytest.mark.parametrize("instance_type", ["p4d.24xlarge", "m8g.large"])
def test_zones_of_a_type_differ_but_not_more_than_15_times(instance_type: str) -> None:
    ratios = []
    for seed in range(200):
        rates = [
            shortages_per_hour(seed, Pool(z, instance_type), hardware(instance_type))
            for z in ZONES
        ]
        ratios.append(max(rates) / min(rates))
    assert max(ratios) <= ZONE_RATIO
    assert max(ratios) > 10


def test_another_seed_is_another_market() -> None:
    pool, until = Pool(ZONES[0], "p4d.24xlarge"), BEGINS + DAY
    turns = {market(seed=seed).next_turn(pool, BEGINS, until) for seed in range(20)}
    assert len(turns) > 15


def dry_share(capacity: Capacity, pool: Pool, days: int = 7) -> float:
    looks = range(BEGINS, BEGINS + days * DAY, 300)
    return sum(capacity.is_dry(pool, second) for second in looks) / len(looks)


@pytest.mark.parametrize("scenario", ["calm", "article"])
def test_a_calm_market_has_room_everywhere(scenario: Scenario) -> None:
    pool, capacity = Pool(ZONES[0], "p4d.24xlarge"), market(scenario)
    assert dry_share(capacity, pool) == 0
    assert capacity.headroom(pool, BEGINS) == 1
    assert capacity.next_turn(pool, BEGINS, BEGINS + DAY) is None


def test_in_a_drought_gpu_pools_are_dry_in_most_zones_most_of_the_time() -> None:
    pools_of_gpus = [Pool(zone, "p4d.24xlarge") for zone in ZONES]
    dry = [dry_share(market("drought", seed), pool) for pool in pools_of_gpus for seed in range(4)]
    assert sum(share > 0.85 for share in dry) / len(dry) > 0.6
    common = Pool(ZONES[0], "m8g.large")
    assert dry_share(market("drought"), common) == dry_share(market(), common)


def dry_spells(capacity: Capacity, pool: Pool, days: int = 20) -> list[int]:
    """When the pool runs dry."""
    found = []
    for day in range(days):
        second, midnight = BEGINS + day * DAY, BEGINS + (day + 1) * DAY
        while turn := capacity.next_turn(pool, second, midnight):
            found += [turn] if capacity.is_dry(pool, turn) else []
            second = turn
    return found


def test_a_storm_brings_about_twenty_times_the_shortages_and_to_a_zone_at_once() -> None:
    in_zone = [Pool(ZONES[0], f"m{n}g.large") for n in range(20)]
    living = sum(len(dry_spells(market(), pool)) for pool in in_zone)
    storm = {pool: dry_spells(market("storm"), pool) for pool in in_zone}
    assert 10 < sum(map(len, storm.values())) / living < 25
    worst = max(in_zone, key=lambda pool: len(storm[pool]))
    company = [
        sum(any(abs(other - second) < 200 for other in storm[pool]) for pool in in_zone)
        for second in storm[worst][:100]
    ]
    assert sum(company) / len(company) > 4


def test_reclaim_soon_gives_notice_five_minutes_after_the_start() -> None:
    pool, capacity = Pool(ZONES[0], "m8g.large"), market("reclaim-soon")
    asked: dict[str, Any] = {"started": BEGINS, "lot": 0.7, "after": BEGINS, "until": BEGINS + DAY}
    assert capacity.next_advice(pool, **asked) == BEGINS + 240
    assert capacity.next_reclaim(pool, **asked) == BEGINS + 300
    told = MONDAY + timedelta(minutes=5)
    aftermath = capacity.aftermath(told)
    assert aftermath == Drought(told, told + timedelta(minutes=10), reclaims=False)
    assert market().aftermath(told) is None


def test_a_refill_ends_a_natural_dip_and_nature_goes_on_after_it() -> None:
    pool, nature = Pool(ZONES[1], "p4d.24xlarge"), market()
    dry = next(s for s in range(BEGINS, BEGINS + DAY, 60) if nature.headroom(pool, s) < 0)
    ends = nature.next_turn(pool, dry, dry + DAY)
    refilled = nature.refilled(pool, datetime.fromtimestamp(dry, UTC))
    capacity = market(forced={pool: refilled})
    assert not capacity.is_dry(pool, dry)
    assert not capacity.reclaims(pool, started=dry - 60, lot=0, second=dry + 500)
    assert ends is not None
    assert refilled.ends.timestamp() >= ends - HOUR
    later = int(refilled.ends.timestamp()) + DAY
    assert capacity.headroom(pool, later) == nature.headroom(pool, later)


def test_an_interruption_by_hand_takes_nobody_else() -> None:
    pool = Pool(ZONES[1], "p4d.24xlarge")
    drought = Drought(MONDAY, MONDAY + timedelta(minutes=10), reclaims=False)
    capacity = market(forced={pool: drought})
    assert capacity.is_dry(pool, BEGINS)
    assert capacity.headroom(pool, BEGINS) == 0
    assert not capacity.reclaims(pool, started=BEGINS - 5, lot=0, second=BEGINS + 300)
