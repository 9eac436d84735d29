"""How far a refusal reaches, and what many of them add up to. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import geography

from spotkeeper.errors import (
    NoCapacity,
    NotOffered,
    PriceTooLow,
    QuotaReached,
    Refused,
    RegionNotEnabled,
    Scope,
    SpotkeeperError,
)
from spotkeeper.lifecycle.refused_pools import TRY_NEXT, Blocked, all_refused, with_quota
from spotkeeper.model.pool import Pool
from spotkeeper.model.quota import quota_family

A, B, ABROAD = "g5.xlarge@us-east-1a", "g5.xlarge@us-east-1b", "g5.xlarge@eu-west-1a"


def refused(*refusals: tuple[str, SpotkeeperError]) -> SpotkeeperError:
    return all_refused([(geography.pool(pool), refusal) for pool, refusal in refusals])


def dry(zone: str) -> NoCapacity:
    words = f"RunInstances: no room in {zone}; try another zone than {zone}"
    return NoCapacity(words, aws_code="InsufficientInstanceCapacity")


def test_what_all_pools_lack_is_one_sentence_that_names_them() -> None:
    error = refused((A, dry("a")), (B, dry("b")), (ABROAD, dry("a")))
    assert type(error) is NoCapacity
    assert error.message.startswith(f"No capacity in 3 pools ({A}, {B}, {ABROAD}): ")
    assert error.message.count("no room") == 1


def test_one_reason_that_is_no_capacity_is_never_told_as_such() -> None:
    words = "RunInstances in us-east-1: ED25519 key pairs are not supported with Windows AMIs"
    other = "g6.xlarge@us-east-1a"
    told = [
        (pool, Refused(f"{words} for {pool.partition('@')[0]}", aws_code="Unsupported"))
        for pool in (A, other)
    ]
    error = refused(*told)
    assert type(error) is Refused
    assert error.message.startswith(f"Refused in 2 pools ({A}, {other}): ")
    assert error.message.count("ED25519") == 1
    assert "apacity" not in error.message


def test_what_differs_has_a_sentence_each() -> None:
    error = refused((A, dry("a")), (ABROAD, RegionNotEnabled("eu-west-1 is closed")))
    assert type(error) is NoCapacity
    assert error.message.endswith(f"; refused in {ABROAD}: eu-west-1 is closed")


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (RegionNotEnabled("x"), RegionNotEnabled("x"), RegionNotEnabled),
        (PriceTooLow("x"), PriceTooLow("y"), PriceTooLow),
        (PriceTooLow("x"), NotOffered("y"), NoCapacity),
        (NoCapacity("x"), QuotaReached("y"), QuotaReached),
        (Refused("x"), NotOffered("y"), NotOffered),
    ],
)
def test_the_kind_is_the_one_that_its_user_can_do_most_about(
    first: SpotkeeperError, second: SpotkeeperError, kind: type[SpotkeeperError]
) -> None:
    for told in ((first, second), (second, first)):
        error = refused((A, told[0]), (B, told[1]))
        assert type(error) is kind
        assert error.next_step


def test_a_quota_is_named_and_stays_so_when_nothing_is_left() -> None:
    refusal = QuotaReached("Max spot instance count exceeded", scope=Scope.FAMILY_IN_REGION)
    named = with_quota(refusal, geography.HARDWARE["g5.xlarge"])
    error = refused((A, named), (ABROAD, named))
    assert error.exit_code == 6
    assert "All G and VT Spot Instance Requests" in error.message
    assert error.details == {"quota_code": "L-3819A6DF"}


POOLS = st.sampled_from([p for region in geography.ZONES for p in geography.all_pools(region)])
IMAGES = st.sampled_from(["ubuntu", "deep-learning"])
REFUSALS = st.lists(st.tuples(POOLS, IMAGES, st.sampled_from(sorted(TRY_NEXT))), max_size=8)


@given(refusals=REFUSALS, pool=POOLS, image=IMAGES)
def test_a_pool_is_blocked_exactly_as_far_as_the_refusals_reach(
    refusals: list[tuple[Pool, str, Scope]], pool: Pool, image: str
) -> None:
    blocked = Blocked()
    for refused, of, scope in refusals:
        blocked.add(refused, scope, of)
        assert blocked.covers(refused, of)

    def reaches(refused: Pool, of: str, scope: Scope) -> bool:
        here = refused.region == pool.region
        family, ours = quota_family(refused.instance_type), quota_family(pool.instance_type)
        return {
            Scope.ZONE: refused == pool,
            Scope.TYPE_IN_REGION: here and refused.instance_type == pool.instance_type,
            Scope.FAMILY_IN_REGION: here and family == ours,
            Scope.REGION: here,
            Scope.IMAGE: of == image,
        }[scope]

    assert blocked.covers(pool, image) is any(reaches(*refusal) for refusal in refusals)
