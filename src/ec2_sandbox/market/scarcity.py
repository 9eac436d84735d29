"""How scarce a pool is for ever: its shortages per hour and its size. Pure.

In a shortage EC2 wants a pool's capacity back. Its rate is that of the type in the region, which
grows with the size and with GPUs, times a factor of the zone. The constants are
fitted to the shares of the Spot Advisor's buckets in us-east-1 (bench/calibration_capacity.py).
"""

from functools import lru_cache
from math import exp, log, log2

from ec2_sandbox.market.chance import normal, uniform
from ec2_sandbox.market.on_demand import Hardware
from ec2_sandbox.market.pools import Pool

# The natural logarithm of a type's shortages per hour.
ORDINARY = -2.72  # eight vCPUs without a GPU
PER_DOUBLING = 0.15  # of the vCPUs
GPU = 1.5
TRAINING_GPU = 0.6  # on top
ARM = -0.4

TRAINING_GPUS = {"V100", "A100", "H100", "H200", "B200", "B300"}

# How far types scatter around that: whole families, single types, types from region to region.
FAMILY_SPREAD = 1.1
TYPE_SPREAD = 0.9
REGION_SPREAD = 0.8

MOST_SHORTAGES_PER_HOUR = 1.0  # of a type, on the way to which scarce types crowd
ZONE_RATIO = 15.0  # between the worst and the best zone that a type can have

POOL_VCPUS = 24_000  # of Spot capacity in an ordinary pool
LEAST_SIZE = 2


def shortages_per_hour(seed: int, pool: Pool, hardware: Hardware) -> float:
    """The long-term rate of shortages of a pool, the same at all times."""
    in_region = _type_rate(seed, pool.region, pool.instance_type, hardware)
    return in_region * exp(log(ZONE_RATIO) * (uniform(seed, "zone", pool) - 0.5))


@lru_cache(maxsize=5_000)
def _type_rate(seed: int, region: str, instance_type: str, hardware: Hardware) -> float:
    family = instance_type.partition(".")[0]
    rate = exp(
        _by_hardware(hardware)
        + FAMILY_SPREAD * normal(seed, "family", family)
        + TYPE_SPREAD * normal(seed, "type", instance_type)
        + REGION_SPREAD * normal(seed, "region", region, instance_type)
    )
    return MOST_SHORTAGES_PER_HOUR * rate / (MOST_SHORTAGES_PER_HOUR + rate)


def _by_hardware(hardware: Hardware) -> float:
    kinds = {part.name for part in hardware.accelerators if part.number}
    return (
        ORDINARY
        + PER_DOUBLING * log2(hardware.vcpus / 8)
        + (GPU if kinds else 0)
        + (TRAINING_GPU if kinds & TRAINING_GPUS else 0)
        + (ARM if hardware.maker == "AWS" else 0)
    )


def pool_size(seed: int, pool: Pool, hardware: Hardware) -> int:
    """Instances that the pool has when all its Spot capacity is free."""
    share = uniform(seed, "size", pool) / (1 + 8 * shortages_per_hour(seed, pool, hardware))
    return max(LEAST_SIZE, round(POOL_VCPUS / hardware.vcpus * share))
