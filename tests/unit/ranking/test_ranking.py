"""Offers in order: numbers, not text; the same market, the same order."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import offer, pool

from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Refusal, SortBy
from spotkeeper.ranking.ranking import rank

PRICES = st.decimals("0.0001", "100", places=4)
TYPES = ["g5.xlarge", "g6.xlarge", "m5.large"]
ON_DEMAND = st.one_of(st.none(), PRICES)


@st.composite
def markets(draw: st.DrawFn) -> list[Offer]:
    """Offers of distinct pools."""
    pools = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["g5.xlarge", "g6.xlarge", "m5.large"]), st.sampled_from("abc")
            ),
            unique=True,
        )
    )
    return [
        offer(
            str(draw(PRICES)),
            on_demand=None if (listed := draw(ON_DEMAND)) is None else str(listed),
            at=pool(name, f"us-east-1{letter}"),
        )
        for name, letter in pools
    ]


def names(offers: tuple[Offer, ...]) -> list[str]:
    return [str(each.pool) for each in offers]


def test_prices_are_ordered_as_numbers_and_not_as_text() -> None:
    texts = ["10.0", "9.5", "0.0900", "0.1", "1", "0.09"]
    offers = [
        offer(usd, at=pool(zone=f"us-east-1{z}")) for usd, z in zip(texts, "abcdef", strict=True)
    ]
    ordered = rank(offers, Need(), by=SortBy.PRICE).offers
    prices = [each.spot_usd_per_hour for each in ordered]
    assert prices == sorted(prices)
    assert prices[-1] == 10


@pytest.mark.parametrize("by", list(SortBy))
@given(market=markets(), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_feed_does_not_matter(
    by: SortBy, market: list[Offer], seed: Random
) -> None:
    shuffled = list(market)
    seed.shuffle(shuffled)
    assert rank(shuffled, Need(), by=by) == rank(market, Need(), by=by)


@given(market=markets(), limit=PRICES)
def test_kept_and_refused_are_all(market: list[Offer], limit: Decimal) -> None:
    ranking = rank(market, Need(max_usd_per_hour=limit))
    together = names(ranking.offers) + [each.pool for each in ranking.refused]
    assert sorted(together) == sorted(str(each.pool) for each in market)
    assert all(each.spot_usd_per_hour <= limit for each in ranking.offers)


@given(market=markets())
def test_the_cheapest_is_first_by_price(market: list[Offer]) -> None:
    prices = [each.spot_usd_per_hour for each in rank(market, Need(), by=SortBy.PRICE).offers]
    assert prices == sorted(prices)


@given(market=markets())
def test_the_biggest_saving_is_first_by_saving(market: list[Offer]) -> None:
    ordered = rank(market, Need(), by=SortBy.SAVING).offers
    savings = [each.saving_percent for each in ordered if each.saving_percent is not None]
    assert savings == sorted(savings, reverse=True)


def test_an_unknown_saving_comes_after_every_saving() -> None:
    unknown = offer("0.1", on_demand=None, at=pool(zone="us-east-1a"))
    small = offer("0.99", on_demand="1", at=pool(zone="us-east-1b"))
    assert rank([unknown, small], Need(), by=SortBy.SAVING).offers == (small, unknown)


def test_value_is_the_price_while_the_risk_is_unknown() -> None:
    cheap, dear = offer("0.1", at=pool(zone="us-east-1b")), offer("0.2")
    assert rank([dear, cheap], Need()).offers == (cheap, dear)


def test_equal_prices_are_ordered_by_pool() -> None:
    zones = ["us-west-2a", "eu-west-1b", "us-east-1a"]
    offers = [offer("0.4", at=pool(zone=zone)) for zone in zones]
    assert names(rank(offers, Need()).offers) == [f"g5.xlarge@{zone}" for zone in sorted(zones)]


def test_equal_prices_written_differently_are_equal() -> None:
    first, second = (
        offer("0.40", at=pool(zone="us-east-1a")),
        offer("0.4", at=pool(zone="us-east-1b")),
    )
    assert rank([second, first], Need()).offers == (first, second)


def test_earlier_refusals_and_warnings_are_passed_on_first() -> None:
    earlier = Refusal("m5.large@us-east-1*", "no GPU")
    need = Need(max_usd_per_hour=Decimal("0.1"))
    ranking = rank([offer()], need, refused=[earlier], warnings=["eu-west-1: no answer"])
    assert ranking.refused[0] == earlier
    assert [each.pool for each in ranking.refused[1:]] == ["g5.xlarge@us-east-1a"]
    assert ranking.warnings == ("eu-west-1: no answer",)
