"""Pools tick by tick: out of prices over time, and cut into windows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.market.series import Series
from spotkeeper.work.trace import PoolTrace, Quote, Trace

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
TICK = timedelta(minutes=10)
TICKS = 30

#: Changes of a price: minutes since the beginning, and dollars an hour.
changes = st.lists(
    st.tuples(st.integers(0, 10 * TICKS), st.sampled_from((0.2, 0.3, 0.5))),
    min_size=1,
    max_size=15,
    unique_by=lambda change: change[0],
).map(sorted)


def highest(found: list[tuple[int, float]], tick: int) -> float:
    """The highest price in effect at any moment of a tick, infinity where one has none."""
    begin, end = 10 * tick, 10 * tick + 10
    before = [usd for minute, usd in found if minute <= begin]
    within = [usd for minute, usd in found if begin < minute < end]
    return max([before[-1] if before else inf, *within])


@given(changes)
def test_a_tick_has_the_highest_price_of_its_time(found: list[tuple[int, float]]) -> None:
    times = [BEGIN.timestamp() + 60 * minute for minute, _ in found]
    series = Series(times, [usd for _, usd in found], times[-1])

    pool = PoolTrace.of_series("a", series, BEGIN, TICK)

    prices = [highest(found, tick) for tick in range(TICKS)]
    assert list(pool.quotes(0, TICKS)) == [Quote(usd, usd < inf) for usd in prices]


@given(st.lists(st.builds(Quote, st.sampled_from((0.2, 0.3)), st.booleans()), min_size=4))
def test_what_repeats_is_kept_once_and_every_window_is_what_was_added(quotes: list[Quote]) -> None:
    pool = PoolTrace("a")
    for tick, quote in enumerate(quotes):
        pool.add(tick, quote)
    trace = Trace(BEGIN, TICK, len(quotes), (pool, pool))

    for first in range(len(quotes) - 2):
        assert trace.window(first, 2) == [(quote, quote) for quote in quotes[first : first + 2]]
    kept = [pool.quote(place) for place in range(len(pool.since))]
    assert all(one != other for one, other in pairwise(kept))
    assert trace.offered_share == pytest.approx(
        sum(quote.is_offered for quote in quotes) / len(quotes)
    )


@pytest.mark.parametrize(
    ("ticks", "count", "starts"),
    [
        (300, 1, [0]),
        (300, 3, [0, 100, 200]),
        (500, 9, [0]),
        (498, 9, [0, 1, 2]),  # there are no more
    ],
)
def test_starts_are_spread_evenly_from_the_beginning_to_the_last_that_fits(
    ticks: int, count: int, starts: list[int]
) -> None:
    assert Trace(BEGIN, TICK, 500, ()).starts(ticks, count) == starts
