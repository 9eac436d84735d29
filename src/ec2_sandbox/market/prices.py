"""The Spot market: a price is a pure function of (seed, pool, time), but for what is put over it.

A pool is either pinned, always at one price, or it moves: in small steps, up to four a day, around
a level of its own. EC2 lists a price at least once a day, changed or not, and so does this market.
How many pools are pinned, how far the others move and how much the zones of a type differ is
fitted to public price histories; ``bench/calibration_prices.py`` prints both side by side.

Nothing is stored but forced prices, so 90 days of history cost nothing to keep. Money is in whole
micro-dollars per hour, time in whole seconds since 1970: this is where speed decides.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from struct import unpack
from typing import NamedTuple, Protocol

from ec2_sandbox.market.pools import Pool
from ec2_sandbox.options import Scenario

DAY = 86_400
SLOT = DAY // 4  # a pool has at most one record in each
SLOTS_PER_DAY = 4
BITS_64 = (1 << 64) - 1
LEAST = 100  # micro-dollars: the fourth decimal, the finest that EC2 shows

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

# The fitted constants. A table holds the deciles of a distribution, least to most, in thousandths.
PINNED_PERCENT = (16, 34)  # of types: in every zone; in every zone or in some
PINNED_PERCENT_ACCELERATED = (60, 100)
PINNED_ZONES_PERCENT = 42  # of the zones of a type that is pinned in some
LEVEL = (110, 220, 250, 275, 295, 315, 335, 355, 375, 405, 560)  # of On-Demand
SWING = (5, 30, 70, 110, 155, 200, 255, 320, 410, 620, 2_200)  # above a pool's lowest
ZONES = (0, 0, 20, 50, 90, 140, 200, 280, 400, 660, 2_000)  # above the cheapest zone

KNOT = 9 * DAY  # a moving price heads for a new level this often
BUSIEST = 340  # of 256: more than a fourth of the moving pools have a record in every slot
JITTER = 0x1FFF  # seconds, about two hours
PINNED_JITTER = 0x1F
ACCELERATED = re.compile(r"^(p|g|gr|f|inf|trn|dl|vt)\d")


class Change(NamedTuple):
    """From ``second`` on the pool costs ``micros``, which may be what it cost before."""

    second: int
    micros: int


class PriceSeries(Protocol):
    """A pool's prices, without beginning or end."""

    def change_in_effect(self, second: int) -> Change:
        """The latest change at or before ``second``."""

    def changes_within(self, after: int, until: int) -> list[Change]:
        """Every change with ``after < second <= until``, oldest first."""


@dataclass(frozen=True)
class Market:
    """Prices of all pools of one seed.

    ``forced`` holds, per pool, changes oldest first, and wins; ``replayed`` the pools that follow
    a recorded history.
    """

    seed: int
    scenario: Scenario
    on_demand: Callable[[str, str], int]
    forced: Mapping[Pool, tuple[Change, ...]] = field(default_factory=dict)
    replayed: Mapping[Pool, PriceSeries] = field(default_factory=dict)

    def price(self, pool: Pool, second: int) -> int:
        """The price in effect at ``second``."""
        return self.change_in_effect(pool, second).micros

    def change_in_effect(self, pool: Pool, second: int) -> Change:
        """The latest change at or before ``second``."""
        if pool in self.forced:
            for change in reversed(self.forced[pool]):
                if change.second <= second:
                    return change
        return self._series(pool).change_in_effect(second)

    def changes_within(self, pool: Pool, after: int, until: int) -> list[Change]:
        """Every change with ``after < second <= until``, oldest first."""
        forced = self.forced.get(pool, ())
        natural_until = min(until, forced[0].second - 1) if forced else until
        natural = self._series(pool).changes_within(after, natural_until)
        return natural + [change for change in forced if after < change.second <= until]

    def _series(self, pool: Pool) -> PriceSeries:
        return self.replayed.get(pool) or _price_model(
            self.seed, self.scenario, self.on_demand, pool
        )


class PriceModel(NamedTuple):
    """How one pool's price behaves; its methods make it a ``PriceSeries``.

    ``key``     the pool's own 64 random bits.
    ``lowest``  micro-dollars, never less.
    ``swing``   micro-dollars above the lowest, never more; 0 is a pinned pool.
    ``pace``    how many of 256 slots have a record, the daily one left aside.
    ``daily``   the slot of the day, 0 to 3, that always has one.
    ``offset``  seconds into a slot from which its record may come.
    """

    key: int
    lowest: int
    swing: int
    pace: int
    daily: int
    offset: int

    def change_in_effect(self, second: int) -> Change:
        """The latest change at or before ``second``: a day and a slot before it at most."""
        slot = second // SLOT
        while not 0 < (at := self._second_of_record(slot)) <= second:
            slot -= 1
        return Change(at, self._micros(at))

    def changes_within(self, after: int, until: int) -> list[Change]:
        """Every change with ``after < second <= until``, oldest first."""
        seconds = map(self._second_of_record, range(after // SLOT, until // SLOT + 1))
        return [Change(at, self._micros(at)) for at in seconds if at and after < at <= until]

    def _second_of_record(self, slot: int) -> int:
        """When in a slot the price is listed; 0 when it is not."""
        bits = _mixed(self.key + slot)
        if bits & 0xFF >= self.pace and slot % SLOTS_PER_DAY != self.daily:
            return 0
        return slot * SLOT + self.offset + (bits >> 8 & (JITTER if self.swing else PINNED_JITTER))

    def _micros(self, second: int) -> int:
        """On a line from knot to knot, but for a 128th that the second itself decides."""
        if not self.swing:
            return self.lowest
        knot, since = divmod(second + self.key % KNOT, KNOT)
        here, there = _mixed(self.key - knot) >> 48, _mixed(self.key - knot - 1) >> 48
        height = (here * (KNOT - since) + there * since) // KNOT * 127 // 128 + second % 512
        return (self.lowest + (self.swing * height >> 16)) // LEAST * LEAST


@lru_cache(maxsize=65_536)  # all pools of all regions
def _price_model(
    seed: int, scenario: str, on_demand: Callable[[str, str], int], pool: Pool
) -> PriceModel:
    """What a pool has of its type in the region, and of its own."""
    of_type = _words(f"{seed}|{pool.region}|{pool.instance_type}")
    of_pool = _words(f"{seed}|{pool}")
    ceiling = on_demand(pool.region, pool.instance_type)
    lowest, swing = _range(pool.instance_type, ceiling, of_type=of_type, of_pool=of_pool)
    if scenario == "article" and pool.region == "eu-west-1":
        lowest, swing = _range_of_the_article(pool, lowest, swing)
    lowest = min(ceiling, max(LEAST, lowest // LEAST * LEAST))
    return PriceModel(
        key=int.from_bytes(blake2b(f"{pool}|{seed}".encode(), digest_size=8).digest()),
        lowest=lowest,
        swing=(swing := min(swing, ceiling - lowest)),
        pace=BUSIEST * of_pool[0] >> 16 if swing else 0,
        daily=of_pool[1] % SLOTS_PER_DAY,
        offset=1 + of_pool[2] % (SLOT - JITTER - 1),
    )


def _range(
    instance_type: str, ceiling: int, *, of_type: tuple[int, ...], of_pool: tuple[int, ...]
) -> tuple[int, int]:
    """The lowest price of a pool and its swing, both in micro-dollars."""
    level = ceiling * _at_quantile(LEVEL, of_type[0]) // 1_000
    if _is_pinned(instance_type, of_type[1], of_pool[3]):
        return level, 0
    # A zone is more often at one end of the type's range than in the middle.
    zone = min(1 << 16, max(0, 2 * of_pool[4] - (1 << 15)))
    mean = level + level * (_at_quantile(ZONES, of_type[2]) * zone >> 16) // 1_000
    swing = _at_quantile(SWING, of_pool[5])
    return mean * 2_000 // (2_000 + swing), mean * 2 * swing // (2_000 + swing)


def _is_pinned(instance_type: str, type_word: int, pool_word: int) -> bool:
    accelerated = ACCELERATED.match(instance_type)
    everywhere, somewhere = PINNED_PERCENT_ACCELERATED if accelerated else PINNED_PERCENT
    percent = type_word * 100 >> 16
    in_some = percent < somewhere and pool_word * 100 >> 16 < PINNED_ZONES_PERCENT
    return percent < everywhere or in_some


def _range_of_the_article(pool: Pool, lowest: int, swing: int) -> tuple[int, int]:
    """The article's price in its zone, a little more in the others."""
    if pool in ARTICLE_SPOT:
        return ARTICLE_SPOT[pool], 0
    floor = ARTICLE_FLOOR.get(pool.instance_type, 0)
    return max(lowest, floor * 102 // 100), swing


def _at_quantile(deciles: tuple[int, ...], word: int) -> int:
    """The value at ``word / 65536`` of a distribution, on a line between its deciles."""
    index, rest = divmod(word * (len(deciles) - 1), 1 << 16)
    return deciles[index] + ((deciles[index + 1] - deciles[index]) * rest >> 16)


def _words(text: str) -> tuple[int, ...]:
    """Eight numbers below 65,536 that look random."""
    return unpack("<8H", blake2b(text.encode(), digest_size=16).digest())


def _mixed(bits: int) -> int:
    """64 other bits: the output step of SplitMix64 (Steele, Lea, Flood 2014), quick in Python."""
    bits = bits * 0x9E3779B97F4A7C15 & BITS_64
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & BITS_64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & BITS_64
    return bits ^ bits >> 31
