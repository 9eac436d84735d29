from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.sandbox.market.on_demand import EXACT_EU_WEST_1, Gpu, on_demand_micros
from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.market.prices import ARTICLE_SPOT, DAY, Change, Market

ON_DEMAND = 1_006_000
NOW = 1_790_000_000

seeds = st.integers(0, 10_000)
seconds = st.integers(NOW - 400 * DAY, NOW + 400 * DAY)
pools = st.builds(
    Pool,
    st.sampled_from(["us-east-1a", "eu-west-1b", "ap-south-1c"]),
    st.sampled_from(["g5.xlarge", "m5.large", "p4d.24xlarge"]),
)


def market(seed: int = 1) -> Market:
    return Market(seed, "calm", lambda _region, _type: ON_DEMAND)


@given(seeds, pools, seconds)
def test_spot_is_never_above_on_demand_and_never_free(seed: int, pool: Pool, second: int) -> None:
    assert 0 < market(seed).price(pool, second) <= ON_DEMAND


@given(seeds, pools, seconds)
def test_the_price_is_a_pure_function(seed: int, pool: Pool, second: int) -> None:
    assert market(seed).price(pool, second) == market(seed).price(pool, second)


@given(seeds, pools, seconds, st.integers(0, 30 * DAY))
def test_the_price_is_a_step_function(seed: int, pool: Pool, after: int, length: int) -> None:
    priced = market(seed)
    changes = priced.changes_within(pool, after, after + length)
    assert changes == sorted(changes)
    for change in changes:
        assert priced.price(pool, change.second) == change.micros
    last = changes[-1].micros if changes else priced.price(pool, after)
    assert priced.price(pool, after + length) == last


@given(seeds, pools, st.integers(NOW - 90 * DAY, NOW))
def test_it_changes_a_few_times_a_day(seed: int, pool: Pool, second: int) -> None:
    begin = second // DAY * DAY
    assert 2 <= len(market(seed).changes_within(pool, begin - 1, begin + DAY - 1)) <= 5


def test_a_forced_price_holds_from_its_instant_on() -> None:
    pool = Pool("us-east-1a", "g5.xlarge")
    forced = Market(1, "calm", lambda *_: ON_DEMAND, {pool: (Change(NOW, 900_000),)})
    assert forced.price(pool, NOW + 50 * DAY) == 900_000
    assert forced.price(pool, NOW - 1) == market().price(pool, NOW - 1)
    assert forced.changes_within(pool, NOW - 1, NOW + 9 * DAY) == [Change(NOW, 900_000)]


@given(seeds, st.sampled_from(sorted(ARTICLE_SPOT)), seconds)
def test_the_article_zone_is_the_cheapest_at_any_time(seed: int, cheapest: Pool, at: int) -> None:
    article = Market(seed, "article", lambda _region, name: EXACT_EU_WEST_1[name])
    assert article.price(cheapest, at) == ARTICLE_SPOT[cheapest]
    for letter in "abc":
        other = Pool(f"eu-west-1{letter}", cheapest.instance_type)
        price = article.price(other, at)
        assert other == cheapest or ARTICLE_SPOT[cheapest] < price
        assert price <= EXACT_EU_WEST_1[cheapest.instance_type]


def test_on_demand_prices_are_near_the_public_list() -> None:
    g5 = on_demand_micros("us-east-1", "g5.xlarge", vcpus=4, memory_gib=16, gpus=[Gpu("A10G", 1)])
    m5 = on_demand_micros("us-east-1", "m5.large", vcpus=2, memory_gib=8, gpus=[])
    assert abs(g5 - 1_006_000) < 20_000
    assert abs(m5 - 96_000) < 5_000


def test_on_demand_prices_of_the_article_are_exact() -> None:
    for name, micros in EXACT_EU_WEST_1.items():
        assert on_demand_micros("eu-west-1", name, vcpus=1, memory_gib=1, gpus=[]) == micros
