"""Which pools a fleet launches from: EC2's allocation strategies. Pure.

What each strategy does is in the documentation strings of SpotOptionsRequest and
OnDemandOptionsRequest in the EC2 API model. Capacity comes as headroom, which says how safe a pool
is, and as room, in instances.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import NamedTuple

from ec2_sandbox.market.pools import Pool

# After so many pools that gave nothing, EC2 tries only those that look as if they had room; the
# others come back as UnfulfillableCapacity (seen on AWS with instant fleets over six pools).
POOLS_TRIED_IN_VAIN = 3

BANDS = 4  # pools whose headroom falls into the same quarter are equally safe


@dataclass(frozen=True)
class Candidate:
    """One pool that one override of the fleet allows.

    ``override``  its place among the fleet's overrides, from 0.
    ``weight``    units of target capacity that one instance is worth.
    ``priority``  0 is the highest; infinite when none was given.
    ``price``     micro-dollars per instance hour, now, of the lifecycle in question.
    ``room``      instances it would give now; 0 also when it is too dear or does not exist.
    ``headroom``  how safe the pool is: the share of it that is free, from -1 to 1.
    """

    override: int
    pool: Pool
    weight: float = 1.0
    priority: float = inf
    price: int = 0
    room: int = 0
    headroom: float = 0.0
    subnet_id: str | None = None

    @property
    def place(self) -> tuple[int, Pool]:
        """What decides when all else is equal."""
        return self.override, self.pool


@dataclass(frozen=True)
class Options:
    """SpotOptions or OnDemandOptions, as far as they decide on pools.

    ``pools_to_use``  for lowest-price: how many pools share evenly.
    ``minimum``       fewer units than this, and none is launched.
    ``budget``        micro-dollars per hour for all instances together; None is no limit.
    """

    strategy: str = "lowest-price"
    pools_to_use: int = 1
    single_type: bool = False
    single_zone: bool = False
    minimum: int = 0
    budget: int | None = None


class Share(NamedTuple):
    """So many instances from a pool; ``in_vain`` marks one that is expected to fail."""

    candidate: Candidate
    number: int
    in_vain: bool = False


Group = list[Candidate]
Order = Callable[[Candidate], tuple[float, ...]]


def shares(
    candidates: Iterable[Candidate],
    options: Options,
    *,
    units: float,
    failed: int = 0,
    budget: float = inf,
) -> list[Share]:
    """The launches that bring ``units`` of capacity, best pools first.

    Fewer when there is no room for more. ``failed`` pools have given nothing so far.
    """
    plan: list[Share] = []
    for group in _groups(list(candidates), options, units):
        if units <= 0:
            break
        vain = [one for one in group if one.room < 1]
        for one in vain[: max(0, POOLS_TRIED_IN_VAIN - failed)]:
            plan.append(Share(one, 1, in_vain=True))
            failed += 1
        for share in _evenly([one for one in group if one.room > 0], units, budget):
            plan.append(share)
            units -= share.number * share.candidate.weight
            budget -= share.number * share.candidate.price
    return plan


def narrowed(candidates: Sequence[Candidate], options: Options, units: float) -> list[Candidate]:
    """With SingleInstanceType and SingleAvailabilityZone: the best type, zone or pool."""
    if not (options.single_type or options.single_zone):
        return list(candidates)
    kinds: dict[tuple[str, str], Group] = {}
    for group in _groups(list(candidates), options, units):
        for one in group:
            kind = (
                one.pool.instance_type if options.single_type else "",
                one.pool.zone if options.single_zone else "",
            )
            kinds.setdefault(kind, []).append(one)
    # The groups stand in the strategy's order: the first with enough room is the best.
    return max(kinds.values(), key=lambda group: min(units_in(group), units), default=[])


def units_in(candidates: Iterable[Candidate]) -> float:
    """The capacity that all the pools together would give now."""
    return sum(one.room * one.weight for one in candidates)


def first_to_go(members: Sequence[Candidate], strategy: str, *, excess: float) -> list[int]:
    """Which members a fleet ends that is too large: their places in the list (ModifyFleet).

    The dearest, those in the tightest pools, or those of the fullest pools; of equals the newest.
    Never so many that the fleet would be too small.
    """
    gone = []
    for index in sorted(range(len(members)), key=_badness(members, strategy), reverse=True):
        if members[index].weight <= excess:
            gone.append(index)
            excess -= members[index].weight
    return gone


def _badness(members: Sequence[Candidate], strategy: str) -> Callable[[int], tuple[float, int]]:
    seen: Counter[Pool] = Counter()
    worse = []
    for member in members:
        seen[member.pool] += 1
        if strategy == "diversified":
            worse.append(float(seen[member.pool]))
        elif strategy in {"lowest-price", "prioritized"}:
            worse.append(member.price / member.weight)
        else:
            worse.append(-member.headroom)
    return lambda index: (worse[index], index)


def _groups(candidates: list[Candidate], options: Options, units: float) -> list[Group]:
    """Pools in the order of the strategy; those of one group share evenly."""
    in_order = sorted(candidates, key=lambda one: one.place)
    if options.strategy == "diversified":
        return [in_order]
    ranked = sorted(in_order, key=_order(options.strategy, in_order, units))
    together = options.pools_to_use if options.strategy == "lowest-price" else 1
    return [ranked[:together], *([one] for one in ranked[together:])]


def _order(strategy: str, candidates: list[Candidate], units: float) -> Order:
    by_unit = any(one.weight <= units for one in candidates)

    def price(one: Candidate) -> float:
        # When every weight is above the target, one instance is launched and its price counts.
        return one.price / one.weight if by_unit else one.price

    def safety(one: Candidate) -> int:
        enough = one.room >= ceil(units / one.weight)
        return -round(one.headroom * BANDS) if enough else 0

    orders: dict[str, Order] = {
        "lowest-price": lambda one: (price(one),),
        "prioritized": lambda one: (one.priority, price(one)),
        "capacity-optimized": lambda one: (-one.headroom, -one.room, price(one)),
        "capacity-optimized-prioritized": lambda one: (safety(one), one.priority, -one.headroom),
        "price-capacity-optimized": lambda one: (safety(one), price(one)),
    }
    return orders[strategy]


def _evenly(group: Group, units: float, budget: float) -> list[Share]:
    """One instance from each pool in turn, until there is enough, or no room or money left."""
    counts = dict.fromkeys(group, 0)
    open_pools = list(group)
    while open_pools and units > 0:
        for one in list(open_pools):
            if units <= 0:
                break
            if counts[one] >= one.room or one.price > budget:
                open_pools.remove(one)
                continue
            counts[one] += 1
            units -= one.weight
            budget -= one.price
    return [Share(one, count) for one, count in counts.items() if count]
