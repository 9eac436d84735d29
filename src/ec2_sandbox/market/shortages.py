"""The shortages of a pool: when EC2 wants capacity back, for how long and how much. Pure.

They come at random, at a rate that rises and falls with the region's day and, over months, with
the season of a type. A pool's day of shortages is drawn from a hash of (seed, pool, day); nothing
is stored but what was drawn lately. Times are whole seconds since 1970.
"""

from functools import lru_cache
from math import exp, pi, sin
from typing import NamedTuple

from ec2_sandbox.market.chance import uniform, uniforms
from ec2_sandbox.market.pools import Pool

HOUR = 3_600
DAY = 86_400

# The notices of one shortage go out over these seconds; its rebalance advice all at once.
NOTICES_OVER = 240
NEAR_MISS = 0.05  # an instance is advised when a shortage this much deeper would take it

# Demand is a factor on the rate: exp(DAILY) up and down over a day, exp(SEASONAL) over a season.
DAILY = 0.45
SEASONAL = 0.35
SEASON_DAYS = 73
PEAK = exp(DAILY + SEASONAL)
MEAN_DAILY = 1.051  # the mean of exp(DAILY x sine)

ZONE_IS_SHORT_WITHIN = 120  # seconds from the first pool of a zone to the last

DAYS_KEPT = 20_000
NUMBERS_PER_SHORTAGE = 4

# What numbers are drawn by; other words would be another market.
OWN_COUNT, OWN, ZONE_COUNT, ZONE = "dips", "dip", "gusts", "gust"


class Shortage(NamedTuple):
    """The pool is dry from ``begins`` until ``ends``; ``depth`` is whom it takes, up to 1."""

    begins: int
    ends: int
    depth: float

    def notice_at(self, lot: float) -> int:
        """When an instance in it is told; ``lot`` is its luck in the pool, from 0 to 1."""
        return self.begins + int(NOTICES_OVER * lot)


class ZoneShortages(NamedTuple):
    """They come to many pools of a zone at once; each meets a pool with a probability."""

    per_hour: float
    probability: float


class ShortageModel(NamedTuple):
    """How a pool's shortages are: how many, and the bounds of their length (seconds) and depth."""

    per_hour: float
    shortest: int = 5 * 60
    longest: int = 90 * 60
    shallowest: float = 0.0
    zone_wide: ZoneShortages | None = None

    @property
    def zone_wide_per_hour(self) -> float:
        """How many more per hour come with the zone's."""
        return self.zone_wide.per_hour * self.zone_wide.probability if self.zone_wide else 0.0


def demand(seed: int, pool: Pool, second: int) -> float:
    """The factor on a pool's rate of shortages then; its mean over a season is close to 1."""
    day, since = divmod(second, DAY)
    return _daily(_busy_hours(seed, pool.region), since / DAY) * season(seed, pool, day)


def _daily(phase: float, share_of_day: float) -> float:
    return exp(DAILY * sin(2 * pi * (share_of_day + phase)))


@lru_cache(maxsize=1_000)
def _busy_hours(seed: int, region: str) -> float:
    return uniform(seed, "busy hours", region)


def mean_demand(seed: int, pool: Pool, first_day: int, last_day: int) -> float:
    """Demand's mean over some days, from a few samples of its slow part."""
    days = range(first_day, last_day + 1, max(1, (last_day - first_day) // 4))
    return MEAN_DAILY * sum(season(seed, pool, day) for day in days) / len(days)


def season(seed: int, pool: Pool, day: int) -> float:
    """The slow part of demand: the fashion of a type in a region."""
    phase = uniform(seed, "season", pool.region, pool.instance_type)
    return exp(SEASONAL * sin(2 * pi * (day / SEASON_DAYS + phase)))


@lru_cache(maxsize=DAYS_KEPT)
def shortages_of_day(
    seed: int, pool: Pool, day: int, model: ShortageModel
) -> tuple[Shortage, ...]:
    """The shortages that begin on a day (since 1970), in order of their beginning."""
    own, met = _own_shortages(seed, pool, day, model), _zone_shortages_met(seed, pool, day, model)
    return tuple(sorted([*own, *met]))


def _own_shortages(seed: int, pool: Pool, day: int, model: ShortageModel) -> list[Shortage]:
    """Drawn at the rate of the peak, then kept as demand has it."""
    count = _poisson(model.per_hour * 24 * PEAK, uniform(seed, OWN_COUNT, pool, day))
    if count == 0:
        return []
    drawn = iter(uniforms(count * NUMBERS_PER_SHORTAGE, seed, OWN, pool, day))
    phase, height = _busy_hours(seed, pool.region), season(seed, pool, day) / PEAK
    return [
        _shortage(day * DAY + int(at * DAY), length, depth, model)
        for at, length, depth, kept in zip(drawn, drawn, drawn, drawn, strict=True)
        if kept < _daily(phase, at) * height
    ]


def _zone_shortages_met(seed: int, pool: Pool, day: int, model: ShortageModel) -> list[Shortage]:
    if model.zone_wide is None:
        return []
    met = []
    for second in zone_shortages_of_day(seed, pool.zone, day, model.zone_wide.per_hour):
        hit, delay, length, depth = uniforms(NUMBERS_PER_SHORTAGE, seed, ZONE, pool, second)
        if hit < model.zone_wide.probability:
            begins = min(second + int(ZONE_IS_SHORT_WITHIN * delay), day * DAY + DAY - 1)
            met.append(_shortage(begins, length, depth, model))
    return met


@lru_cache(maxsize=DAYS_KEPT)
def zone_shortages_of_day(seed: int, zone: str, day: int, per_hour: float) -> tuple[int, ...]:
    """The seconds of a day at which a zone is hit."""
    count = _poisson(per_hour * 24, uniform(seed, ZONE_COUNT, zone, day))
    drawn = uniforms(count, seed, ZONE, zone, day) if count else []
    return tuple(sorted(day * DAY + int(at * DAY) for at in drawn))


def _shortage(begins: int, length: float, depth: float, model: ShortageModel) -> Shortage:
    """Lengths are log-uniform: most are short, a few take hours."""
    seconds = model.shortest * (model.longest / model.shortest) ** length
    return Shortage(
        begins, begins + int(seconds), model.shallowest + (1 - model.shallowest) * depth
    )


def _poisson(mean: float, drawn: float) -> int:
    """The Poisson count whose cumulative probability reaches the number drawn."""
    probability = cumulative = exp(-mean)
    count = 0
    while cumulative < drawn and count < 10 * mean + 50:
        count += 1
        probability *= mean / count
        cumulative += probability
    return count
