from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.market.on_demand import EXACT_EU_WEST_1
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.prices import ARTICLE_SPOT, DAY, SLOT, Change, Market

ON_DEMAND = 1_006_000
NOW = 1_790_000_000
LETTERS = "abcdef"

seeds = st.integers(0, 10_000)
seconds = st.integers(NOW - 400 * DAY, NOW + 400 * DAY)
pools = st.builds(
    Pool,
    st.sampled_from(["us-east-1a", "eu-west-1b", "ap-south-1c"]),
    st.sampled_from(["g5.xlarge", "m5.large", "p4d.24xlarge", "t4g.nano", "c8gn.48xlarge"]),
)
ceilings = st.integers(100, 200_000_000)


def market(seed: int = 1, ceiling: int = ON_DEMAND) -> Market:
    return Market(seed, "living", lambda _region, _type: ceiling)


def swing(pool: Pool, days: int = 90) -> float:
    prices = [c.micros for c in market().changes_within(pool, NOW - days * DAY, NOW)]
    return max(prices) / min(prices)


@given(seeds, pools, seconds, ceilings)
def test_spot_is_never_above_on_demand_and_never_free(
    seed: int, pool: Pool, second: int, ceiling: int
) -> None:
    assert 0 < market(seed, ceiling).price(pool, second) <= ceiling


@given(seeds, pools, seconds)
def test_the_same_seed_is_the_same_market(seed: int, pool: Pool, second: int) -> None:
    once, again = (market(seed).changes_within(pool, second, second + 9 * DAY) for _ in range(2))
    assert once == again


def test_another_seed_is_another_market() -> None:
    found = {market(seed).price(Pool("us-east-1a", "m5.large"), NOW) for seed in range(20)}
    assert len(found) > 10


@given(seeds, pools, seconds, st.integers(0, 30 * DAY))
def test_the_price_is_that_of_the_last_change(
    seed: int, pool: Pool, after: int, length: int
) -> None:
    priced = market(seed)
    changes = priced.changes_within(pool, after, after + length)
    assert changes == sorted(changes)
    assert all(after < change.second <= after + length for change in changes)
    for change in changes:
        assert priced.change_in_effect(pool, change.second) == change
    last = changes[-1] if changes else priced.change_in_effect(pool, after)
    assert priced.change_in_effect(pool, after + length) == last


@given(seeds, pools, seconds, st.integers(0, 10 * DAY), st.integers(0, 10 * DAY))
def test_two_ranges_that_meet_are_one(
    seed: int, pool: Pool, after: int, first: int, second: int
) -> None:
    priced, middle, until = market(seed), after + first, after + first + second
    parts = priced.changes_within(pool, after, middle) + priced.changes_within(pool, middle, until)
    assert parts == priced.changes_within(pool, after, until)


@given(seeds, pools, st.integers(NOW // DAY - 90, NOW // DAY))
def test_every_day_has_one_to_four_records(seed: int, pool: Pool, day: int) -> None:
    found = market(seed).changes_within(pool, day * DAY - 1, day * DAY + DAY - 1)
    assert 1 <= len(found) <= 4
    slots = [change.second // SLOT for change in found]
    assert len(set(slots)) == len(slots)


def test_most_accelerated_pools_keep_one_price_and_most_others_move() -> None:
    zones = [f"us-east-1{letter}" for letter in LETTERS]
    accelerated = [Pool(zone, f"g{n}.xlarge") for n in range(20) for zone in zones]
    others = [Pool(zone, f"m{n}.large") for n in range(20) for zone in zones]
    pinned = [swing(pool, 9) == 1 for pool in accelerated]
    moving = [swing(pool, 9) > 1 for pool in others]
    assert sum(pinned) > len(pinned) / 2
    assert sum(moving) > len(moving) / 2


def test_a_moving_price_moves_in_small_steps() -> None:
    pool = next(
        pool for n in range(100) if swing(pool := Pool("us-east-1a", f"m{n}.large")) > 1.05
    )
    prices = [c.micros for c in market().changes_within(pool, NOW - 90 * DAY, NOW)]
    steps = sorted(abs(b / a - 1) for a, b in pairwise(prices))
    assert steps[len(steps) // 2] < (swing(pool) - 1) / 10


def test_a_forced_price_holds_from_its_instant_on() -> None:
    pool = Pool("us-east-1a", "g5.xlarge")
    first, second = Change(NOW, 900_000), Change(NOW + DAY, 100)
    forced = Market(1, "calm", lambda *_: ON_DEMAND, {pool: (first, second)})
    natural = Market(1, "calm", lambda *_: ON_DEMAND)
    assert forced.change_in_effect(pool, NOW + DAY - 1) == first
    assert forced.price(pool, NOW + 50 * DAY) == 100
    assert forced.price(pool, NOW - 1) == natural.price(pool, NOW - 1)
    assert forced.changes_within(pool, NOW - 1, NOW + 9 * DAY) == [first, second]


@given(seeds, st.sampled_from(sorted(ARTICLE_SPOT)), seconds)
def test_the_article_zone_is_the_cheapest_at_any_time(seed: int, cheapest: Pool, at: int) -> None:
    article = Market(seed, "article", lambda _region, name: EXACT_EU_WEST_1[name])
    assert article.price(cheapest, at) == ARTICLE_SPOT[cheapest]
    for letter in "abc":
        other = Pool(f"eu-west-1{letter}", cheapest.instance_type)
        price = article.price(other, at)
        assert other == cheapest or ARTICLE_SPOT[cheapest] < price
        assert price <= EXACT_EU_WEST_1[cheapest.instance_type]
