"""What billable time cost, to AWS's rules."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON, pool

from spotkeeper.costs.usage import Cost, Interval, on_demand_usd, spot_usd
from spotkeeper.model.offer import SpotPrice

HOUR = timedelta(hours=1)
ROUNDING = Decimal("1e-15")
PRICES = st.decimals("0.0001", "50", places=4)
SECONDS = st.integers(0, 10 * 86_400)


def ran(begin: datetime, length: timedelta, *, interrupted: bool = False) -> Interval:
    return Interval(
        "us-east-1", "us-east-1a", "g5.xlarge", begin, begin + length, interrupted=interrupted
    )


def price(usd: str | Decimal, since: timedelta = -HOUR) -> SpotPrice:
    return SpotPrice(pool(), Decimal(usd), NOON + since)


@st.composite
def histories(draw: st.DrawFn) -> list[SpotPrice]:
    """Price changes around noon, oldest first, at distinct moments."""
    offsets = draw(
        st.lists(st.integers(-86_400, 11 * 86_400), min_size=1, max_size=8, unique=True)
    )
    return [price(draw(PRICES), timedelta(seconds=offset)) for offset in sorted(offsets)]


def test_an_hour_costs_the_price_of_an_hour() -> None:
    assert spot_usd(ran(NOON, HOUR), [price("0.4253")]) == Decimal("0.4253")


def test_a_second_costs_a_second() -> None:
    two = spot_usd(ran(NOON, timedelta(seconds=3602)), [price("3.6")])
    assert two == Decimal("3.602")


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=1), timedelta(minutes=1)])
def test_a_start_costs_at_least_a_minute(length: timedelta) -> None:
    assert spot_usd(ran(NOON, length), [price("0.6")]) == Decimal("0.01")
    assert on_demand_usd(ran(NOON, length), Decimal("0.6")) == Decimal("0.01")


def test_an_interruption_within_the_first_hour_is_free() -> None:
    early = ran(NOON, timedelta(minutes=59, seconds=59), interrupted=True)
    assert spot_usd(early, [price("0.6")]) == 0


@pytest.mark.parametrize("length", [HOUR, 5 * HOUR])
def test_an_interruption_later_costs_the_time_used(length: timedelta) -> None:
    late = ran(NOON, length, interrupted=True)
    assert spot_usd(late, [price("0.6")]) == Decimal("0.6") * (length // HOUR)


def test_the_first_hour_is_not_free_for_who_stops_by_himself() -> None:
    assert spot_usd(ran(NOON, HOUR / 2), [price("0.6")]) == Decimal("0.3")


def test_a_price_that_changes_is_paid_from_its_change_on() -> None:
    history = [price("1"), price("2", HOUR), price("4", 3 * HOUR)]
    assert spot_usd(ran(NOON, 4 * HOUR), history) == 1 + 2 * 2 + 4


def test_prices_of_before_and_after_do_not_count() -> None:
    history = [price("9", -5 * HOUR), price("1", -HOUR), price("7", 2 * HOUR)]
    assert spot_usd(ran(NOON, 2 * HOUR), history) == 2


def test_the_first_known_price_counts_for_what_lies_before_it() -> None:
    assert spot_usd(ran(NOON, 2 * HOUR), [price("1", HOUR)]) == 2


@given(history=histories(), seconds=SECONDS, interrupted=st.booleans())
def test_a_cost_is_never_negative_nor_above_the_highest_price(
    history: list[SpotPrice],
    seconds: int,
    interrupted: bool,  # noqa: FBT001 - from hypothesis
) -> None:
    length = timedelta(seconds=seconds)
    cost = spot_usd(ran(NOON, length, interrupted=interrupted), history)
    billed = Decimal(max(seconds, 60)) / 3600
    assert 0 <= cost <= max(each.usd_per_hour for each in history) * billed + ROUNDING


@given(history=histories(), seconds=st.integers(3600, 10 * 86_400))
def test_a_cost_is_never_below_the_lowest_price(history: list[SpotPrice], seconds: int) -> None:
    cost = spot_usd(ran(NOON, timedelta(seconds=seconds)), history)
    least = min(each.usd_per_hour for each in history) * Decimal(seconds) / 3600
    assert cost >= least - ROUNDING


@given(first=PRICES, second=PRICES, before=SECONDS, after=SECONDS)
def test_a_stretch_split_at_a_price_change_costs_the_same(
    first: Decimal, second: Decimal, before: int, after: int
) -> None:
    head, tail = timedelta(seconds=60 + before), timedelta(seconds=60 + after)
    history = [price(first), price(second, head)]
    whole = spot_usd(ran(NOON, head + tail), history)
    parts = spot_usd(ran(NOON, head), history) + spot_usd(ran(NOON + head, tail), history)
    assert abs(whole - parts) <= ROUNDING


@given(history=histories(), shorter=SECONDS, longer=SECONDS)
def test_longer_never_costs_less(history: list[SpotPrice], shorter: int, longer: int) -> None:
    less, more = sorted((shorter, longer))
    cheap = spot_usd(ran(NOON, timedelta(seconds=less)), history)
    assert cheap <= spot_usd(ran(NOON, timedelta(seconds=more)), history) + ROUNDING


def cost(spot: str, on_demand: str | None) -> Cost:
    listed = None if on_demand is None else Decimal(on_demand)
    return Cost(
        "train",
        "g5.xlarge",
        "us-east-1a",
        ran=HOUR,
        spot_usd=Decimal(spot),
        disk_usd=Decimal("0.01"),
        address_usd=Decimal("0.005"),
        on_demand_usd=listed,
    )


def test_a_cost_says_what_it_saved_where_that_can_be_said() -> None:
    assert cost("0.3", "1").saving_percent == Decimal("70.00")
    assert cost("0.3", None).saving_percent is None
    assert cost("0", "0").saving_percent is None


def test_a_sum_is_of_all_parts_and_unknown_where_one_is() -> None:
    one = cost("0.3", None)
    assert one.total_usd == Decimal("0.315")
    both = one.plus(cost("0.7", "2"))
    assert (both.ran, both.total_usd, both.on_demand_usd) == (2 * HOUR, Decimal("1.03"), None)
    assert replace(one, disk_usd=None).plus(one).total_usd is None
