"""The allocation strategies, over pools as plain values."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.fleets.allocation import (
    POOLS_TRIED_IN_VAIN,
    Candidate,
    Options,
    first_to_go,
    narrowed,
    shares,
    units_in,
)
from ec2_sandbox.fleets.fleet_requests import SPOT_STRATEGIES
from ec2_sandbox.market.pools import Pool


def pool(index: int, instance_type: str = "m5.large", zone: str = "a", **more: Any) -> Candidate:
    values = {"price": 30_000, "room": 100, "headroom": 1.0, **more}
    return Candidate(override=index, pool=Pool(f"us-east-1{zone}", instance_type), **values)


CHEAP = pool(0, "c5.large", price=10_000, headroom=0.3)
MIDDLE = pool(1, "m5.large", price=20_000, headroom=0.9)
DEAR = pool(2, "r5.large", price=30_000, headroom=1.0)
THREE = [DEAR, CHEAP, MIDDLE]


def chosen(
    strategy: str, units: float = 1, *pools: Candidate, **more: Any
) -> list[tuple[int, int]]:
    """Which override gets how many."""
    plan = shares(pools or THREE, Options(strategy, **more), units=units)
    return [(share.candidate.override, share.number) for share in plan]


@pytest.mark.parametrize(
    ("strategy", "override"),
    [
        ("lowest-price", 0),
        ("capacity-optimized", 2),
        ("price-capacity-optimized", 1),
        ("capacity-optimized-prioritized", 2),
    ],
)
def test_each_strategy_has_its_own_first_pool(strategy: str, override: int) -> None:
    assert chosen(strategy) == [(override, 1)]


def test_what_one_pool_cannot_give_comes_from_the_next() -> None:
    tight = [replace(one, room=2) for one in THREE]
    assert chosen("lowest-price", 5, *tight) == [(0, 2), (1, 2), (2, 1)]


def test_diversified_shares_evenly() -> None:
    assert chosen("diversified", 7) == [(0, 3), (1, 2), (2, 2)]


def test_lowest_price_may_share_among_the_cheapest() -> None:
    assert chosen("lowest-price", 4, pools_to_use=2) == [(0, 2), (1, 2)]


def test_a_safe_pool_without_enough_room_is_not_safe_for_so_many() -> None:
    small = replace(DEAR, room=1)
    assert chosen("price-capacity-optimized", 3, small, MIDDLE, CHEAP)[0] == (1, 3)


def test_priority_decides_among_equals_and_is_lowest_without_a_number() -> None:
    first, last = pool(0, "c5.large"), pool(1, priority=3.0)
    assert chosen("capacity-optimized-prioritized", 1, first, last) == [(1, 1)]
    assert chosen("prioritized", 1, first, last) == [(1, 1)]


def test_price_is_per_unit_unless_one_instance_is_enough_in_any_case() -> None:
    small, big = pool(0, weight=2.0, price=30_000), pool(1, weight=8.0, price=80_000)
    assert chosen("lowest-price", 8, small, big) == [(1, 1)]
    assert chosen("lowest-price", 1, small, big) == [(0, 1)]


def test_weights_are_rounded_up_to_the_next_instance() -> None:
    assert chosen("lowest-price", 5, pool(0, weight=2.0)) == [(0, 3)]


def test_three_dry_pools_are_tried_and_no_more() -> None:
    dry = [pool(index, zone=zone, room=0) for index, zone in enumerate("abcde")]
    plan = shares(dry, Options(), units=1)
    assert [(share.number, share.in_vain) for share in plan] == [(1, True)] * POOLS_TRIED_IN_VAIN
    assert shares(dry, Options(), units=1, failed=POOLS_TRIED_IN_VAIN) == []


def test_dry_pools_never_keep_a_fleet_from_a_pool_with_room() -> None:
    dry = [pool(index, zone=zone, room=0, price=1) for index, zone in enumerate("abcde")]
    plan = shares([*dry, DEAR], Options(), units=2, failed=POOLS_TRIED_IN_VAIN)
    assert [(share.candidate, share.number) for share in plan] == [(DEAR, 2)]


def test_a_budget_ends_the_launches() -> None:
    plan = shares([MIDDLE], Options(), units=9, budget=70_000)
    assert [share.number for share in plan] == [3]


def test_a_single_type_or_zone_is_the_best_that_holds_all() -> None:
    pools = [
        pool(0, "c5.large", "a", price=1, room=2),
        pool(1, "m5.large", "a", price=2, room=9),
        pool(2, "m5.large", "b", price=3, room=9),
    ]
    one_type = narrowed(pools, Options(single_type=True), 4)
    assert {one.pool.instance_type for one in one_type} == {"m5.large"}
    one_zone = narrowed(pools, Options(single_zone=True), 4)
    assert {one.pool.zone for one in one_zone} == {"us-east-1a"}
    assert narrowed(pools, Options(), 4) == pools
    assert narrowed([], Options(single_zone=True), 4) == []


@pytest.mark.parametrize(
    ("strategy", "gone"),
    [("lowest-price", [2, 1]), ("capacity-optimized", [0, 1]), ("diversified", [3, 2])],
)
def test_each_strategy_has_its_own_first_to_go(strategy: str, gone: list[int]) -> None:
    members = [CHEAP, MIDDLE, DEAR]
    if strategy == "diversified":
        members = [MIDDLE, CHEAP, MIDDLE, MIDDLE]
    assert first_to_go(members, strategy, excess=2) == gone


def test_a_fleet_is_never_made_too_small() -> None:
    members = [pool(0, weight=3.0), pool(1, weight=2.0)]
    assert first_to_go(members, "lowest-price", excess=2.5) == [1]
    assert first_to_go(members, "lowest-price", excess=1) == []


candidates = st.lists(
    st.builds(
        pool,
        st.integers(0, 5),
        st.sampled_from(["c5.large", "m5.large", "r5.large"]),
        st.sampled_from("abc"),
        price=st.integers(1, 100_000),
        room=st.integers(0, 20),
        headroom=st.floats(-1, 1),
        weight=st.sampled_from([1.0, 2.0, 8.0]),
        priority=st.sampled_from([0.0, 1.0]),
    ),
    max_size=8,
    unique_by=lambda one: one.place,
)


@given(candidates, st.sampled_from(SPOT_STRATEGIES), st.integers(1, 60), st.integers(1, 3))
def test_a_plan_keeps_to_the_room_and_is_as_full_as_it_can_be(
    pools: list[Candidate], strategy: str, units: int, together: int
) -> None:
    plan = shares(pools, Options(strategy, pools_to_use=together), units=units)
    useful = [share for share in plan if not share.in_vain]
    given_units = sum(share.number * share.candidate.weight for share in useful)
    assert all(1 <= share.number <= share.candidate.room for share in useful)
    assert len({share.candidate.place for share in plan}) == len(plan)
    assert given_units >= min(units, units_in(pools))
    heaviest = max((one.weight for one in pools), default=0)
    assert given_units < units + heaviest


@given(candidates, st.sampled_from(SPOT_STRATEGIES), st.integers(1, 60))
def test_a_plan_is_the_same_whatever_the_order_of_the_pools(
    pools: list[Candidate], strategy: str, units: int
) -> None:
    options = Options(strategy)
    assert shares(pools, options, units=units) == shares(pools[::-1], options, units=units)
