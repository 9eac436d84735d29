"""A pool's price as a step function, and what can be read from it. Pure.

A price holds until the next change (DescribeSpotPriceHistory), so a figure about a time weighs
every price with how long it held: a price of a minute says little about a month.

Prices are floats here, and times are seconds since 1970: a history has hundreds of thousands of
them. They are compared and picked, never added up, and the shortest decimal that reads back as the
float is the one that EC2 wrote; whatever leaves this file is ``Decimal``.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from operator import ge, ne, sub

from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.pool import Pool
from spotkeeper.model.record import Record, Result, number
from spotkeeper.model.record import moment as json_time


@dataclass(frozen=True, slots=True)
class Series:
    """The prices of a pool from ``times[0]`` to ``end``; each holds until the next one's time.

    ``times`` rise and are never none. The last price holds until ``end``.
    """

    times: Sequence[float]
    usd_per_hour: Sequence[float]
    end: float

    @property
    def begin(self) -> datetime:
        """When the first price is known to hold."""
        return moment(self.times[0])

    @property
    def span(self) -> timedelta:
        """How long the prices are known."""
        return timedelta(seconds=self.end - self.times[0])

    def changes(self) -> Iterator[tuple[datetime, Decimal]]:
        """Every row: since when, and dollars per hour."""
        for at, usd in zip(self.times, self.usd_per_hour, strict=True):
            yield moment(at), decimal(usd)

    def lengths(self) -> Iterator[float]:
        """How many seconds each price held."""
        times = list(self.times)
        return map(sub, [*times[1:], self.end], times)


@dataclass(frozen=True, slots=True)
class Summary:
    """A series in a few figures, in dollars per hour.

    ``median``   half of the time the price was not above it.
    ``changes``  how often the price became another one.
    """

    least: Decimal
    median: Decimal
    greatest: Decimal
    last: Decimal
    changes: int


@dataclass(frozen=True, slots=True)
class Outbid:
    """What a maximum price would have done.

    ``share``        part of the time in which the price was above it, 0 to 1.
    ``times``        how often the price rose above it, the beginning included.
    ``first_after``  when that was for the first time, from the beginning on.
    """

    share: float
    times: int = 0
    first_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A maximum price tried on the past of one pool; both unknown where On-Demand is needed and
    not known."""

    history: "PoolHistory"
    usd_per_hour: Decimal | None
    outcome: Outbid | None


@dataclass(frozen=True, slots=True, repr=False)
class PoolHistory(Result):
    """A pool, its prices, from how many rows they are, and its list price where that is known."""

    pool: Pool
    series: Series
    rows: int
    on_demand_usd_per_hour: Decimal | None = None

    def trial(self, asked: MaxPrice) -> Trial:
        """Set the price that is meant now, and see what it would have done."""
        usd = asked.resolve(summary(self.series).last, self.on_demand_usd_per_hour)
        return Trial(self, usd, None if usd is None else outbid(self.series, usd))

    def place(self) -> Record:
        """Whose prices they are."""
        zone = self.pool.zone
        return {
            "region": zone.region or None,
            "zone": zone.name or None,
            "zone_id": zone.id,
            "instance_type": self.pool.instance_type,
            "platform": self.pool.platform,
        }

    def to_dict(self, max_price: MaxPrice | None = None) -> Record:
        """As an item of ``--output json``: the figures, what a maximum price would have done, and
        the series as pairs of time and dollars per hour."""
        figures, known = summary(self.series), self.series
        listed = self.on_demand_usd_per_hour
        tried = self.trial(max_price) if max_price else None
        outcome = tried.outcome if tried else None
        first = outcome.first_after if outcome else None
        return {
            **self.place(),
            "from": json_time(known.begin),
            "until": json_time(known.begin + known.span),
            "rows": self.rows,
            "changes": figures.changes,
            "spot_usd_per_hour": number(figures.last),
            "min_usd_per_hour": number(figures.least),
            "median_usd_per_hour": number(figures.median),
            "max_usd_per_hour": number(figures.greatest),
            "on_demand_usd_per_hour": number(listed or None),
            "percent_of_on_demand": _percent(figures.last, listed),
            "highest_percent_of_on_demand": _percent(figures.greatest, listed),
            "max_price_usd_per_hour": number(tried.usd_per_hour or None) if tried else None,
            "outbid_percent": round(outcome.share * 100, 4) if outcome else None,
            "outbid_times": outcome.times if outcome else None,
            "first_outbid_after_seconds": int(first.total_seconds())
            if first is not None
            else None,
            "series": [[json_time(at), float(usd)] for at, usd in known.changes()],
        }


def _percent(usd: Decimal, whole: Decimal | None) -> float | None:
    return round(float(usd / whole * 100), 2) if whole else None


def series(
    times: Sequence[float],
    usd_per_hour: Sequence[float],
    *,
    end: float,
    begin: float | None = None,
) -> Series:
    """The rows in order of time, from the price in effect at ``begin`` on.

    Of two rows of the same time the later one counts. A row after ``end``, from a clock that goes
    before ours, moves the end.
    """
    if any(map(ge, times, times[1:])):
        rising = dict(sorted(zip(times, usd_per_hour, strict=True), key=lambda row: row[0]))
        times, usd_per_hour = list(rising), list(rising.values())
    if begin is not None and times[0] < begin:
        first = sum(1 for at in times if at <= begin) - 1
        times = [begin, *times[first + 1 :]]
        usd_per_hour = usd_per_hour[first:]
    return Series(times, usd_per_hour, max(end, times[-1]))


def summary(of: Series) -> Summary:
    """The figures of a series."""
    prices = list(of.usd_per_hour)
    return Summary(
        least=decimal(min(prices)),
        median=decimal(_median(of)),
        greatest=decimal(max(prices)),
        last=decimal(prices[-1]),
        changes=sum(map(ne, prices, prices[1:])),
    )


def _median(of: Series) -> float:
    held: dict[float, float] = defaultdict(float)
    for usd, length in zip(of.usd_per_hour, of.lengths(), strict=True):
        held[usd] += length
    half, passed = sum(held.values()) / 2, 0.0
    for usd in sorted(held):
        passed += held[usd]
        if passed >= half and passed:
            return usd
    return of.usd_per_hour[-1]  # nothing but this moment is known


def outbid(of: Series, max_price_usd_per_hour: Decimal) -> Outbid:
    """What a maximum price would have done; EC2 takes a machine when the price is above it."""
    limit = float(max_price_usd_per_hour)
    above = [usd > limit for usd in of.usd_per_hour]
    if not any(above):
        return Outbid(0.0)
    seconds = of.end - of.times[0]
    over = sum(length for is_over, length in zip(above, of.lengths(), strict=True) if is_over)
    rises = above[0] + sum(not before and after for before, after in pairwise(above))
    first = of.times[above.index(True)] - of.times[0]
    share = min(1.0, over / seconds) if seconds else 1.0
    return Outbid(share, rises, timedelta(seconds=first))


def means(of: Series, begin: datetime, end: datetime, count: int) -> list[float | None]:
    """The mean price of each of ``count`` equal parts of a time, weighted by time, to be drawn;
    ``None`` where no price is known."""
    width = (end - begin).total_seconds() / count
    edges = [begin.timestamp() + width * number for number in range(count + 1)]
    totals, known = [0.0] * count, [0.0] * count
    part = 0
    for since, until, usd in zip(of.times, [*of.times[1:], of.end], of.usd_per_hour, strict=True):
        while part < count and edges[part + 1] <= since:
            part += 1
        for place in range(part, count):
            length = min(until, edges[place + 1]) - max(since, edges[place])
            if length <= 0:
                break
            totals[place] += usd * length
            known[place] += length
    parts = zip(totals, known, strict=True)
    return [total / length if length else None for total, length in parts]


def decimal(usd: float) -> Decimal:
    """The decimal that was read as this float."""
    return Decimal(repr(usd))


def moment(seconds: float) -> datetime:
    """A time, aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)
