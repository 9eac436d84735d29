"""Spot placement scores: whether a request is going to succeed, from 1 to 10. Pure.

The same headroom that refuses launches and the same pressure that brings interruptions decide it:
the share of the target that the pools can take now, filled as ``capacity-optimized`` does, times
the chance that what was taken is still there a day later. AWS says nothing of how it computes its
own and does not promise the second part; here a good score means few interruptions.
"""

import re
from collections.abc import Iterable, Mapping
from math import exp

from ec2_sandbox.market.capacity import Capacity
from ec2_sandbox.market.hazard import hazard_met
from ec2_sandbox.market.pools import Pool

BEST, LOW = 10, 3
ENOUGH_TYPES = 3  # fewer always score low (UserGuide/how-sps-works.html)
LOOKAHEAD_HOURS = 24.0

VARIANT = re.compile(r"^(?P<series>[a-z]+\d+)(?P<attributes>[a-z]*)(?P<rest>[-.].*)$")


def outlook(capacity: Capacity, pool: Pool, second: int) -> float:
    """The chance that an instance started now in the pool is still there a day later."""
    if capacity.is_dry(pool, second):
        return 0.0
    return exp(-capacity.pressure(pool, second) * hazard_met(LOOKAHEAD_HOURS))


def score(
    capacity: Capacity,
    pools: Iterable[Pool],
    second: int,
    *,
    target: int,
    units: Mapping[str, int],
) -> int:
    """The score of a request that may use all these pools.

    ``target`` is in the request's units, of which an instance of a type brings ``units``.
    """
    best_first = sorted((-capacity.headroom(pool, second), pool) for pool in pools)
    missing, kept = target, 0.0
    for negative_headroom, pool in best_first:
        if negative_headroom >= 0 or missing == 0:
            break
        brought = min(missing, capacity.room(pool, second) * units[pool.instance_type])
        kept += brought * outlook(capacity, pool, second)
        missing -= brought
    top = BEST if different_types(pool.instance_type for _, pool in best_first) else LOW
    return 1 + round((top - 1) * kept / target)


def different_types(instance_types: Iterable[str]) -> bool:
    """Whether there are three types, not counting one type with and without local disks twice."""
    return len({_without_disks(name) for name in instance_types}) >= ENOUGH_TYPES


def _without_disks(instance_type: str) -> str:
    """m3d.xlarge as m3.xlarge: in a type's name ``d`` stands for its local disks."""
    found = VARIANT.match(instance_type)
    if found is None:
        return instance_type
    return f"{found['series']}{found['attributes'].replace('d', '')}{found['rest']}"
