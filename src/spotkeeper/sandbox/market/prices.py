"""The Spot market: a price is a pure function of (seed, pool, time), plus the prices forced on it.

Two to five small steps a day around a level of its own for every pool, with a slow wave, always
below On-Demand. Nothing but forced prices is stored, so 90 days of history of every pool cost
nothing to keep, and the same seed is the same market for ever. Money is in micro-dollars per hour,
time in whole seconds since 1970: this is the one place where speed decides.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.options import Scenario

DAY = 86_400

# Scenario "article": the Spot price of the type's cheapest zone, which never changes.
ARTICLE_SPOT = {
    Pool("eu-west-1b", "m4.2xlarge"): 137_500,
    Pool("eu-west-1c", "c4.2xlarge"): 128_000,
    Pool("eu-west-1b", "g3.4xlarge"): 372_600,
    Pool("eu-west-1c", "g3.8xlarge"): 726_000,
    Pool("eu-west-1a", "p2.xlarge"): 291_600,
    Pool("eu-west-1b", "p3.2xlarge"): 991_500,
}
ARTICLE_FLOOR = {pool.instance_type: micros for pool, micros in ARTICLE_SPOT.items()}


class Change(NamedTuple):
    """From ``second`` on the pool costs ``micros``."""

    second: int
    micros: int


@dataclass(frozen=True)
class Market:
    """Prices of all pools of one seed. ``forced`` holds, per pool, changes oldest first."""

    seed: int
    scenario: Scenario
    on_demand: Callable[[str, str], int]
    forced: Mapping[Pool, tuple[Change, ...]] = field(default_factory=dict)

    def price(self, pool: Pool, second: int) -> int:
        """The price in effect at ``second``."""
        return self.change_in_effect(pool, second).micros

    def change_in_effect(self, pool: Pool, second: int) -> Change:
        """The latest change at or before ``second``."""
        forced = [change for change in self.forced.get(pool, ()) if change.second <= second]
        return forced[-1] if forced else self._natural_in_effect(pool, second)

    def changes_within(self, pool: Pool, after: int, until: int) -> list[Change]:
        """Every change with ``after < second <= until``, oldest first."""
        forced = self.forced.get(pool, ())
        natural_until = min(until, forced[0].second - 1) if forced else until
        natural = (
            change
            for day in range(after // DAY, natural_until // DAY + 1)
            for change in self._changes_of_day(pool, day)
        )
        kept = [change for change in natural if after < change.second <= natural_until]
        return kept + [change for change in forced if after < change.second <= until]

    def _natural_in_effect(self, pool: Pool, second: int) -> Change:
        day = second // DAY
        for change in reversed(self._changes_of_day(pool, day)):
            if change.second <= second:
                return change
        return self._changes_of_day(pool, day - 1)[-1]

    def _changes_of_day(self, pool: Pool, day: int) -> list[Change]:
        on_demand = self.on_demand(pool.region, pool.instance_type)
        level = _level(self.seed, pool) + 0.06 * math.sin((day + _phase(pool)) / 9)
        return [
            Change(second, self._micros(pool, on_demand, level + wobble))
            for second, wobble in _steps(self.seed, pool, day)
        ]

    def _micros(self, pool: Pool, on_demand: int, fraction: float) -> int:
        floor = ARTICLE_FLOOR.get(pool.instance_type, 0)
        if self.scenario == "article" and floor and pool.region == "eu-west-1":
            if pool in ARTICLE_SPOT:
                return floor
            return round(floor * (1.02 + fraction / 2) / 100) * 100
        return min(on_demand, max(100, round(on_demand * fraction / 100) * 100))


def _phase(pool: Pool) -> int:
    """Where in its slow wave a pool is on day 0, so that pools do not move together."""
    return _level_digest(0, pool)[1]


@lru_cache(maxsize=100_000)
def _level(seed: int, pool: Pool) -> float:
    """The pool's own share of On-Demand: a quarter to two thirds."""
    return 0.25 + _level_digest(seed, pool)[0] / 255 * 0.40


@lru_cache(maxsize=200_000)
def _level_digest(seed: int, pool: Pool) -> bytes:
    return blake2b(f"{seed}|{pool}".encode(), digest_size=2).digest()


def _steps(seed: int, pool: Pool, day: int) -> list[tuple[int, float]]:
    """The (second, wobble) of a day's changes, oldest first: two to five, each within 2 %."""
    digest = blake2b(f"{seed}|{pool}|{day}".encode(), digest_size=26).digest()
    count = 2 + digest[0] % 4
    seconds = sorted({int.from_bytes(digest[i * 4 + 1 : i * 4 + 5]) % DAY for i in range(count)})
    return [
        (day * DAY + second, (digest[21 + index] / 255 - 0.5) * 0.04)
        for index, second in enumerate(seconds)
    ]
