"""How far a refusal reaches, and what many of them add up to. Pure."""

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import geography

from spotkeeper.errors import NoCapacity, RegionNotEnabled, Scope, SpotkeeperError
from spotkeeper.lifecycle.launch import TRY_NEXT, Blocked, all_refused
from spotkeeper.model.pool import Pool

A, B, ABROAD = "g5.xlarge@us-east-1a", "g5.xlarge@us-east-1b", "g5.xlarge@eu-west-1a"


def test_all_refused_keeps_the_refusal_where_it_is_the_same_for_all() -> None:
    refusals: list[tuple[Pool, SpotkeeperError]] = [
        (geography.pool(A), RegionNotEnabled("closed")),
        (geography.pool(ABROAD), RegionNotEnabled("closed too")),
    ]
    assert isinstance(all_refused(refusals), RegionNotEnabled)
    mixed = [*refusals, (geography.pool(B), NoCapacity("dry", aws_code="X"))]
    error = all_refused(mixed)
    assert isinstance(error, NoCapacity)
    assert "3 pools" in error.message


POOLS = st.sampled_from([p for region in geography.ZONES for p in geography.all_pools(region)])
REFUSALS = st.lists(st.tuples(POOLS, st.sampled_from(sorted(TRY_NEXT))), max_size=8)


@given(refusals=REFUSALS, pool=POOLS)
def test_a_pool_is_blocked_exactly_as_far_as_the_refusals_reach(
    refusals: list[tuple[Pool, Scope]], pool: Pool
) -> None:
    blocked = Blocked()
    for refused, scope in refusals:
        blocked.add(refused, scope)
        assert blocked.covers(refused)
    reached = any(
        refused == pool
        or (scope is Scope.REGION and refused.region == pool.region)
        or (
            scope is Scope.TYPE_IN_REGION
            and (refused.instance_type, refused.region) == (pool.instance_type, pool.region)
        )
        for refused, scope in refusals
    )
    assert blocked.covers(pool) is reached
