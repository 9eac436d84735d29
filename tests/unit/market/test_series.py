"""A price as a step function: what holds for every series, and the figures of a small one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.market.series import Series, means, outbid, series, summary

START = datetime(2026, 8, 25, tzinfo=UTC).timestamp()
HOUR = 3600.0

prices = st.integers(1, 500_000_000).map(lambda micro: micro / 1_000_000)
limits = prices.map(lambda usd: Decimal(repr(usd)))


@st.composite
def histories(draw: st.DrawFn) -> Series:
    """A series of one to forty prices, each of which holds for a second or more."""
    lengths = draw(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=40))
    times = [START + sum(lengths[:number]) for number in range(len(lengths))]
    usd = draw(st.lists(prices, min_size=len(times), max_size=len(times)))
    return series(times, usd, end=START + sum(lengths))


def hours(*steps: tuple[float, float], end: float, begin: float | None = None) -> Series:
    """A series of (hour, dollars) steps."""
    return series(
        [START + at * HOUR for at, _ in steps],
        [usd for _, usd in steps],
        end=START + end * HOUR,
        begin=None if begin is None else START + begin * HOUR,
    )


def test_the_figures_of_a_small_history() -> None:
    found = summary(hours((0, 0.3), (1, 0.5), (2, 0.3), (9, 0.4), end=10))

    assert (found.least, found.greatest) == (Decimal("0.3"), Decimal("0.5"))
    assert found.median == Decimal("0.3")
    assert found.last == Decimal("0.4")
    assert found.changes == 3


def test_the_median_weighs_a_price_with_how_long_it_held() -> None:
    short = [(hour / 60, 0.9) for hour in range(10)]

    assert summary(hours(*short, (1, 0.2), end=10)).median == Decimal("0.2")
    assert summary(hours(*short, (1, 0.2), end=1.5)).median == Decimal("0.9")


def test_prices_leave_as_the_decimals_that_were_read() -> None:
    found = summary(hours((0, 0.1375), (1, 12.345678), end=2))

    assert (found.least, found.greatest) == (Decimal("0.1375"), Decimal("12.345678"))


def test_a_history_begins_with_the_price_in_effect_and_forgets_what_was_before() -> None:
    found = hours((0, 0.9), (1, 0.2), (5, 0.3), end=10, begin=3)

    assert [(at.timestamp() - START, float(usd)) for at, usd in found.changes()] == [
        (3 * HOUR, 0.2),
        (5 * HOUR, 0.3),
    ]
    assert summary(found).greatest == Decimal("0.3")


def test_a_pool_that_is_younger_than_the_window_begins_when_it_begins() -> None:
    found = hours((4, 0.2), end=10, begin=3)

    assert found.begin.timestamp() == START + 4 * HOUR
    assert found.span == timedelta(hours=6)


def test_rows_may_come_in_any_order_and_the_later_of_two_counts() -> None:
    shuffled = hours((5, 0.3), (0, 0.2), (2, 0.8), (2, 0.4), end=6)

    assert list(shuffled.usd_per_hour) == [0.2, 0.4, 0.3]


def test_a_change_that_our_clock_has_not_reached_moves_the_end() -> None:
    assert hours((0, 0.2), (11, 0.3), end=10).end == START + 11 * HOUR


def test_one_row_of_this_moment_has_figures_too() -> None:
    found = hours((0, 0.2), end=0)

    assert summary(found).median == Decimal("0.2")
    assert outbid(found, Decimal("0.1")).share == 1
    assert outbid(found, Decimal("0.2")).share == 0


def test_what_a_maximum_price_would_have_done() -> None:
    found = hours((0, 0.2), (10, 0.5), (11, 0.6), (12, 0.2), (50, 0.5), (53, 0.2), end=100)

    told = outbid(found, Decimal("0.4"))

    assert told.share == pytest.approx(0.05)
    assert told.times == 2
    assert told.first_after == timedelta(hours=10)


def test_a_price_of_exactly_the_maximum_does_not_interrupt() -> None:
    told = outbid(hours((0, 0.3), end=9), Decimal("0.3"))

    assert (told.share, told.times, told.first_after) == (0, 0, None)


def test_a_maximum_below_the_first_price_is_outbid_from_the_beginning() -> None:
    told = outbid(hours((0, 0.3), (5, 0.1), end=10), Decimal("0.2"))

    assert (told.share, told.times, told.first_after) == (0.5, 1, timedelta(0))


def test_means_are_weighted_by_time_and_unknown_before_the_first_price() -> None:
    found = hours((2, 0.2), (3, 0.4), end=8)
    begin, end = (datetime.fromtimestamp(START + at * HOUR, UTC) for at in (0, 8))

    drawn = means(found, begin, end, 4)

    assert drawn[0] is None
    assert drawn[1:] == [pytest.approx(0.3), pytest.approx(0.4), pytest.approx(0.4)]


@given(histories(), limits)
def test_a_share_of_time_is_between_nothing_and_all(found: Series, limit: Decimal) -> None:
    told = outbid(found, limit)

    assert 0 <= told.share <= 1
    assert (told.first_after is None) == (told.times == 0) == (told.share == 0)


@given(histories(), limits, limits)
def test_a_higher_maximum_is_never_outbid_more(found: Series, one: Decimal, two: Decimal) -> None:
    low, high = outbid(found, min(one, two)), outbid(found, max(one, two))

    assert high.share <= low.share
    if low.first_after is not None and high.first_after is not None:
        assert low.first_after <= high.first_after


@given(histories())
def test_the_median_is_a_price_between_the_least_and_the_greatest(found: Series) -> None:
    figures = summary(found)

    assert figures.least <= figures.median <= figures.greatest
    assert float(figures.median) in found.usd_per_hour


@given(histories())
def test_half_of_the_time_is_on_either_side_of_the_median(found: Series) -> None:
    median = float(summary(found).median)
    rows = list(zip(found.usd_per_hour, found.lengths(), strict=True))
    half = (found.end - found.times[0]) / 2

    assert sum(length for usd, length in rows if usd <= median) >= half
    assert sum(length for usd, length in rows if usd < median) <= half


@given(histories(), st.data(), limits)
def test_a_repeated_price_changes_nothing(
    found: Series, data: st.DataObject, cap: Decimal
) -> None:
    place = data.draw(st.integers(0, len(found.times) - 1))
    until = [*found.times[1:], found.end][place]
    middle = (found.times[place] + until) / 2
    repeated = series(
        [*found.times[: place + 1], middle, *found.times[place + 1 :]],
        [*found.usd_per_hour[: place + 1], *found.usd_per_hour[place:]],
        end=found.end,
    )

    assert summary(repeated) == summary(found)
    assert outbid(repeated, cap).share == pytest.approx(outbid(found, cap).share)
    assert outbid(repeated, cap).times == outbid(found, cap).times
    assert outbid(repeated, cap).first_after == outbid(found, cap).first_after


@given(histories(), st.integers(1, 50))
def test_means_stay_between_the_extremes(found: Series, count: int) -> None:
    drawn = means(found, found.begin, found.begin + found.span, count)

    low, high = min(found.usd_per_hour), max(found.usd_per_hour)
    known = [value for value in drawn if value is not None]
    assert all(low * (1 - 1e-9) <= value <= high * (1 + 1e-9) for value in known)
