"""What pools cost and when they were to be had, tick by tick: what a backtest is run on."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from spotkeeper.market.series import Series


class Quote(NamedTuple):
    """A pool in one tick: its price, infinity where none is known, and whether it could be had."""

    usd_per_hour: float
    is_offered: bool


#: The quotes of all pools, for one tick after another.
Window = Sequence[Sequence[Quote]]


@dataclass(frozen=True, slots=True)
class PoolTrace:
    """One pool; of its quotes only those are kept that differ from the one before.

    ``since``  the tick from which each quote holds; rising, and the first is 0.
    """

    name: str
    since: "array[int]" = field(default_factory=lambda: array("L"))
    usd_per_hour: "array[float]" = field(default_factory=lambda: array("d"))
    offered: "array[int]" = field(default_factory=lambda: array("b"))

    @classmethod
    def of_series(cls, name: str, series: Series, begin: datetime, tick: timedelta) -> "PoolTrace":
        """A pool whose price is known over time. In each tick it has its highest price; before the
        first one it is not known, and cannot be had."""
        found = cls(name)
        held, now, highest = inf, 0, 0.0 if series.begin <= begin else inf
        for at, usd in zip(series.times, series.usd_per_hour, strict=True):
            number, into_s = divmod(at - begin.timestamp(), tick.total_seconds())
            if number > now:
                found.add(now, Quote(highest, highest < inf))
                found.add(now + 1, Quote(held, held < inf))
                now, highest = int(number), held if into_s else 0.0
            held, highest = usd, max(highest, usd)
        found.add(now, Quote(highest, highest < inf))
        found.add(now + 1, Quote(held, is_offered=True))
        return found

    def add(self, tick: int, quote: Quote) -> None:
        """The quote holds from this tick on, in place of one that was to hold from it."""
        if self.since and self.since[-1] == tick:
            for kept in (self.since, self.usd_per_hour, self.offered):
                kept.pop()
        if not self.since or self.quote(-1) != quote:
            self.since.append(tick)
            self.usd_per_hour.append(quote.usd_per_hour)
            self.offered.append(quote.is_offered)

    def quote(self, place: int) -> Quote:
        """One of the quotes that are kept."""
        return Quote(self.usd_per_hour[place], bool(self.offered[place]))

    def quotes(self, first: int, ticks: int) -> Iterator[Quote]:
        """The quote of each tick from the ``first`` on."""
        for quote, length in self.stretches(first, first + ticks):
            yield from (quote for _ in range(length))

    def stretches(self, first: int, end: int) -> Iterator[tuple[Quote, int]]:
        """Each quote with the number of ticks for which it holds, between two ticks."""
        place = bisect_right(self.since, first) - 1
        while first < end:
            after = self.since[place + 1] if place + 1 < len(self.since) else end
            yield self.quote(place), min(after, end) - first
            first, place = after, place + 1

    def changed(self, change: Callable[[Quote], Quote]) -> "PoolTrace":
        """The same pool with other quotes."""
        found = PoolTrace(self.name)
        for place, tick in enumerate(self.since):
            found.add(tick, change(self.quote(place)))
        return found


@dataclass(frozen=True, slots=True)
class Trace:
    """All pools over the same ticks."""

    begin: datetime
    tick: timedelta
    ticks: int
    pools: tuple[PoolTrace, ...]

    @property
    def offered_share(self) -> float:
        """The part of all ticks of all pools in which they could be had."""
        offered = sum(
            length
            for pool in self.pools
            for quote, length in pool.stretches(0, self.ticks)
            if quote.is_offered
        )
        return offered / (self.ticks * len(self.pools))

    def window(self, first: int, ticks: int) -> Window:
        """So many ticks from the ``first`` on."""
        return list(zip(*(pool.quotes(first, ticks) for pool in self.pools), strict=True))

    def starts(self, ticks: int, count: int) -> list[int]:
        """The first ticks of up to ``count`` windows, evenly from the beginning to the end."""
        last = self.ticks - ticks
        count = min(count, last + 1)
        return [last * number // max(count - 1, 1) for number in range(count)]

    def moment(self, tick: int) -> datetime:
        """When a tick begins."""
        return self.begin + tick * self.tick
