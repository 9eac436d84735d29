"""The dips of a pool: when EC2 wants capacity back, for how long and how much. Pure.

They come at random, at a rate that rises and falls with the region's day and, over months, with
the season of a type. A pool's day of dips is drawn from a hash of (seed, pool, day); nothing is
stored but what was drawn lately. Times are whole seconds since 1970.
"""

from functools import lru_cache
from math import exp, pi, sin
from typing import NamedTuple

from ec2_sandbox.market.chance import uniform, uniforms
from ec2_sandbox.market.pools import Pool

HOUR = 3_600
DAY = 86_400

# The notices of one dip go out over these seconds; its rebalance advice all at once.
NOTICES_OVER = 240
NEAR_MISS = 0.05  # an instance is advised when a dip this much deeper would take it

# The tide on the rate: a factor exp(DAILY) up and down over a day, exp(SEASONAL) over a season.
DAILY = 0.45
SEASONAL = 0.35
SEASON_DAYS = 73
CREST = exp(DAILY + SEASONAL)
MEAN_DAILY = 1.051  # the mean of exp(DAILY x sine)

GUST_REACHES_ALL = 120  # seconds from the first pool of a zone to the last

DAYS_KEPT = 20_000
NUMBERS_PER_DIP = 4


class Dip(NamedTuple):
    """The pool is dry from ``begins`` until ``ends``; ``depth`` is whom it takes, up to 1."""

    begins: int
    ends: int
    depth: float

    def notice_at(self, lot: float) -> int:
        """When an instance in it is told; ``lot`` is its luck in the pool, from 0 to 1."""
        return self.begins + int(NOTICES_OVER * lot)


class Gusts(NamedTuple):
    """Dips that come to many pools of a zone at once; each hits a pool with a probability."""

    per_hour: float
    probability: float


class Regime(NamedTuple):
    """How a pool's dips are: how many, and the bounds of their length (seconds) and depth."""

    dips_per_hour: float
    shortest: int = 5 * 60
    longest: int = 90 * 60
    shallowest: float = 0.0
    gusts: Gusts | None = None

    @property
    def gusts_per_hour(self) -> float:
        """The dips per hour that gusts bring."""
        return self.gusts.per_hour * self.gusts.probability if self.gusts else 0.0


def tide(seed: int, pool: Pool, second: int) -> float:
    """The factor on a pool's rate of dips then; its mean over a season is close to 1."""
    day, since = divmod(second, DAY)
    return _daily(_busy_hours(seed, pool.region), since / DAY) * season(seed, pool, day)


def _daily(phase: float, share_of_day: float) -> float:
    return exp(DAILY * sin(2 * pi * (share_of_day + phase)))


@lru_cache(maxsize=1_000)
def _busy_hours(seed: int, region: str) -> float:
    return uniform(seed, "busy hours", region)


def mean_tide(seed: int, pool: Pool, first_day: int, last_day: int) -> float:
    """The tide's mean over some days, from a few samples of its slow part."""
    days = range(first_day, last_day + 1, max(1, (last_day - first_day) // 4))
    return MEAN_DAILY * sum(season(seed, pool, day) for day in days) / len(days)


def season(seed: int, pool: Pool, day: int) -> float:
    """The slow part of the tide: the fashion of a type in a region."""
    phase = uniform(seed, "season", pool.region, pool.instance_type)
    return exp(SEASONAL * sin(2 * pi * (day / SEASON_DAYS + phase)))


@lru_cache(maxsize=DAYS_KEPT)
def dips_of_day(seed: int, pool: Pool, day: int, regime: Regime) -> tuple[Dip, ...]:
    """The dips that begin on a day (since 1970), in order of their beginning."""
    dips = [*_own_dips(seed, pool, day, regime), *_gusts_met(seed, pool, day, regime)]
    return tuple(sorted(dips))


def _own_dips(seed: int, pool: Pool, day: int, regime: Regime) -> list[Dip]:
    """Drawn at the rate of the crest, then kept as the tide has it."""
    count = _poisson(regime.dips_per_hour * 24 * CREST, uniform(seed, "dips", pool, day))
    if count == 0:
        return []
    drawn = iter(uniforms(count * NUMBERS_PER_DIP, seed, "dip", pool, day))
    phase, height = _busy_hours(seed, pool.region), season(seed, pool, day) / CREST
    return [
        _dip(day * DAY + int(at * DAY), length, depth, regime)
        for at, length, depth, kept in zip(drawn, drawn, drawn, drawn, strict=True)
        if kept < _daily(phase, at) * height
    ]


def _gusts_met(seed: int, pool: Pool, day: int, regime: Regime) -> list[Dip]:
    if regime.gusts is None:
        return []
    met = []
    for second in gusts_of_day(seed, pool.zone, day, regime.gusts.per_hour):
        hit, delay, length, depth = uniforms(NUMBERS_PER_DIP, seed, "gust", pool, second)
        if hit < regime.gusts.probability:
            begins = min(second + int(GUST_REACHES_ALL * delay), day * DAY + DAY - 1)
            met.append(_dip(begins, length, depth, regime))
    return met


@lru_cache(maxsize=DAYS_KEPT)
def gusts_of_day(seed: int, zone: str, day: int, per_hour: float) -> tuple[int, ...]:
    """The seconds of a day at which a zone is hit."""
    count = _poisson(per_hour * 24, uniform(seed, "gusts", zone, day))
    drawn = uniforms(count, seed, "gust", zone, day) if count else []
    return tuple(sorted(day * DAY + int(at * DAY) for at in drawn))


def _dip(begins: int, length: float, depth: float, regime: Regime) -> Dip:
    """Lengths are log-uniform: most are short, a few take hours."""
    seconds = regime.shortest * (regime.longest / regime.shortest) ** length
    return Dip(begins, begins + int(seconds), regime.shallowest + (1 - regime.shallowest) * depth)


def _poisson(mean: float, drawn: float) -> int:
    """The Poisson count whose cumulative probability reaches the number drawn."""
    probability = cumulative = exp(-mean)
    count = 0
    while cumulative < drawn and count < 10 * mean + 50:
        count += 1
        probability *= mean / count
        cumulative += probability
    return count
