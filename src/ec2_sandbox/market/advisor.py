"""The Spot Advisor's buckets, from the same capacity that interrupts instances. Pure.

The frequency of interruption of a type in a region is the share of its instances that are to be
interrupted within their first day, at the rates of the trailing month, over all its zones alike.
Scenarios without shortages show the living market's: the month before was like that.
"""

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

from ec2_sandbox.market import scenarios
from ec2_sandbox.market.capacity import Capacity
from ec2_sandbox.market.hazard import hazard_met
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.shortages import mean_demand

LIFETIME_HOURS = 24.0
TRAILING_DAYS = 30


class Range(NamedTuple):
    """One bucket of the feed: its label, and the percentage at which the next one begins."""

    label: str
    below: float
    maximum: int  # as the feed has it


RANGES = (
    Range("<5%", 5, 5),
    Range("5-10%", 10, 11),
    Range("10-15%", 15, 16),
    Range("15-20%", 20, 22),
    Range(">20%", 100, 100),
)


def bucket(capacity: Capacity, pools: Sequence[Pool], day: int) -> int:
    """The index of the range that one type's pools of one region are in, on a day since 1970."""
    percentage = 100 * interrupted_share(capacity, pools, day)
    return next((at for at, one in enumerate(RANGES) if percentage < one.below), len(RANGES) - 1)


def interrupted_share(capacity: Capacity, pools: Sequence[Pool], day: int) -> float:
    """How many of a type's instances are interrupted within their first day."""
    if capacity.scenario == "reclaim-soon":
        return 1.0
    demand = mean_demand(capacity.seed, pools[0], day - TRAILING_DAYS, day)
    met = demand * hazard_met(LIFETIME_HOURS)
    return sum(1 - exp(-_rate(capacity, pool) * met) for pool in pools) / len(pools)


def _rate(capacity: Capacity, pool: Pool) -> float:
    """The pool's shortages per hour in the long term."""
    model = capacity.shortage_model(pool)
    if not model.per_hour:
        model = scenarios.living(capacity.seed, pool, capacity.hardware(pool.instance_type))
    return model.per_hour + model.zone_wide_per_hour
