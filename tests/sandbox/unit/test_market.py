"""The market of the pools that the catalogue lists."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox import catalogue
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.prices import DAY, Market

NOW = 1_790_000_000


@cache
def pools(region: str) -> st.SearchStrategy[Pool]:
    return st.sampled_from(catalogue.spot_pools(region))


@given(
    st.sampled_from(catalogue.ENABLED_REGIONS).flatmap(pools),
    st.integers(0, 10_000),
    st.integers(NOW - 400 * DAY, NOW + 400 * DAY),
)
def test_no_pool_of_any_region_is_above_on_demand(pool: Pool, seed: int, second: int) -> None:
    market = Market(seed, "living", catalogue.on_demand)
    ceiling = catalogue.on_demand(pool.region, pool.instance_type)
    assert 0 < market.price(pool, second) <= ceiling


@pytest.mark.parametrize("region", catalogue.ENABLED_REGIONS)
def test_every_type_has_an_on_demand_price(region: str) -> None:
    for name in catalogue.zones_of_types(region):
        assert 2_000 <= catalogue.on_demand(region, name) < 1_000_000_000


def test_accelerators_are_counted_with_their_slices() -> None:
    def parts(name: str) -> list[tuple[str, float]]:
        return [(part.name, part.number) for part in catalogue.hardware(name).accelerators]

    assert parts("g5.12xlarge") == [("A10G", 4)]
    assert parts("g6f.2xlarge") == [("L4", 0.25)]
    assert parts("p4d.24xlarge") == [("A100", 8)]
    assert parts("p4de.24xlarge") == [("A100-80GB", 8)]
    assert parts("inf2.xlarge") == [("Inferentia2", 1)]
    assert parts("m5.large") == []


def test_disks_are_summed_by_kind() -> None:
    assert catalogue.hardware("m5d.12xlarge").ssd_gb == 1_800
    assert catalogue.hardware("d3.xlarge").hdd_gb > 5_000
    assert catalogue.hardware("m5.large").ssd_gb == 0
