"""What the named scenarios make of a pool's dips. Pure.

``living`` and ``fresh-account``  the model as it is
``calm`` and ``article``          room everywhere, never a dip; the Spot Advisor's buckets are the
                                  living market's, as they tell of the month before
``drought``                       GPU pools are dry nearly always in four zones of five
``storm``                         about twenty times the dips, deep, a zone's pools together
``reclaim-soon``                  no dips; an instance gets its notice at a fixed age
"""

from collections.abc import Callable
from functools import lru_cache

from ec2_sandbox.market.chance import uniform
from ec2_sandbox.market.dips import HOUR, Gusts, Regime
from ec2_sandbox.market.on_demand import Hardware
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.scarcity import dips_per_hour
from ec2_sandbox.options import Scenario

NO_DIPS = Regime(dips_per_hour=0.0)

# Long and close together: such a pool is dry for nineteen hours of twenty.
DROUGHT = Regime(dips_per_hour=2.0, shortest=HOUR, longest=3 * HOUR)
ZONES_IN_DROUGHT = 0.8

STORM_FACTOR = 20
GUSTS_PER_HOUR = 3.0
STORM_SHORTEST, STORM_LONGEST = 4 * 60, 20 * 60
STORM_SHALLOWEST = 0.5

# Scenario "reclaim-soon": the age of the advice and of the notice, and how long the pool is dry.
ADVICE_AGE = 4 * 60
NOTICE_AGE = 5 * 60
AFTERMATH = 10 * 60


@lru_cache(maxsize=20_000)
def regime(
    scenario: Scenario, seed: int, pool: Pool, hardware_of: Callable[[str], Hardware]
) -> Regime:
    """How the pool's dips are in the scenario."""
    hardware = hardware_of(pool.instance_type)
    match scenario:
        case "calm" | "article" | "reclaim-soon":
            return NO_DIPS
        case "drought":
            return _in_drought(seed, pool, hardware)
        case "storm":
            return _in_storm(seed, pool, hardware)
        case "living" | "fresh-account":
            return living(seed, pool, hardware)


def living(seed: int, pool: Pool, hardware: Hardware) -> Regime:
    """The market as it is."""
    return Regime(dips_per_hour(seed, pool, hardware))


def _in_drought(seed: int, pool: Pool, hardware: Hardware) -> Regime:
    if hardware.accelerators and uniform(seed, "drought", pool) < ZONES_IN_DROUGHT:
        return DROUGHT
    return living(seed, pool, hardware)


def _in_storm(seed: int, pool: Pool, hardware: Hardware) -> Regime:
    """The pool's own dips go on; the gusts bring the nineteen others, up to one in each gust."""
    own = dips_per_hour(seed, pool, hardware)
    gusts = Gusts(GUSTS_PER_HOUR, min(1.0, (STORM_FACTOR - 1) * own / GUSTS_PER_HOUR))
    return Regime(own, STORM_SHORTEST, STORM_LONGEST, STORM_SHALLOWEST, gusts)
