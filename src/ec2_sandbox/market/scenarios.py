"""What the named scenarios make of a pool's shortages. Pure.

``living`` and ``fresh-account``  the model as it is
``calm`` and ``article``          room everywhere, no shortages; the Spot Advisor's buckets are the
                                  living market's, as they tell of the month before
``drought``                       GPU pools are dry nearly always in four zones of five
``storm``                         about twenty times the shortages, deep, a zone's pools together
``reclaim-soon``                  no shortages; an instance gets its notice at a fixed age
"""

from collections.abc import Callable
from functools import lru_cache

from ec2_sandbox.market.chance import uniform
from ec2_sandbox.market.on_demand import Hardware
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.scarcity import shortages_per_hour
from ec2_sandbox.market.shortages import HOUR, ShortageModel, ZoneShortages
from ec2_sandbox.options import Scenario

NO_SHORTAGES = ShortageModel(per_hour=0.0)

# Long and close together: such a pool is dry for nineteen hours of twenty.
DROUGHT = ShortageModel(per_hour=2.0, shortest=HOUR, longest=3 * HOUR)
ZONES_IN_DROUGHT = 0.8

STORM_FACTOR = 20
ZONE_SHORTAGES_PER_HOUR = 3.0
STORM_SHORTEST, STORM_LONGEST = 4 * 60, 20 * 60
STORM_SHALLOWEST = 0.5

# Scenario "reclaim-soon": the age of the advice and of the notice, and how long the pool is dry.
ADVICE_AGE = 4 * 60
NOTICE_AGE = 5 * 60
AFTERMATH = 10 * 60


@lru_cache(maxsize=20_000)
def shortage_model(
    scenario: Scenario, seed: int, pool: Pool, hardware_of: Callable[[str], Hardware]
) -> ShortageModel:
    """How the pool's shortages are in the scenario."""
    hardware = hardware_of(pool.instance_type)
    match scenario:
        case "calm" | "article" | "reclaim-soon":
            return NO_SHORTAGES
        case "drought":
            return _in_drought(seed, pool, hardware)
        case "storm":
            return _in_storm(seed, pool, hardware)
        case "living" | "fresh-account":
            return living(seed, pool, hardware)


def living(seed: int, pool: Pool, hardware: Hardware) -> ShortageModel:
    """The market as it is."""
    return ShortageModel(shortages_per_hour(seed, pool, hardware))


def _in_drought(seed: int, pool: Pool, hardware: Hardware) -> ShortageModel:
    if hardware.accelerators and uniform(seed, "drought", pool) < ZONES_IN_DROUGHT:
        return DROUGHT
    return living(seed, pool, hardware)


def _in_storm(seed: int, pool: Pool, hardware: Hardware) -> ShortageModel:
    """The pool's own go on; the zone's bring the nineteen others, up to one each."""
    own = shortages_per_hour(seed, pool, hardware)
    probability = min(1.0, (STORM_FACTOR - 1) * own / ZONE_SHORTAGES_PER_HOUR)
    zone_wide = ZoneShortages(ZONE_SHORTAGES_PER_HOUR, probability)
    return ShortageModel(own, STORM_SHORTEST, STORM_LONGEST, STORM_SHALLOWEST, zone_wide)
