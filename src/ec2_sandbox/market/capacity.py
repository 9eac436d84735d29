"""Which pools have room, when, and whom EC2 takes it back from: one hidden number for all of it.

The number is a pool's headroom, from -1 to 1. Above 0 there is room; at or below 0 the pool is dry
and its depth says whom EC2 takes back: those whose seniority is less, the young first.

Pure: a function of (seed, scenario, pool, second) and of what was forced on pools. Times are whole
seconds since 1970, but for the moments of what is forced.
"""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import merge

from ec2_sandbox.market import scenarios
from ec2_sandbox.market.hazard import seniority
from ec2_sandbox.market.on_demand import Hardware
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.scarcity import pool_size
from ec2_sandbox.market.shortages import (
    DAY,
    HOUR,
    NEAR_MISS,
    Shortage,
    ShortageModel,
    demand,
    shortages_of_day,
)
from ec2_sandbox.options import Scenario

# At this rate of shortages per hour half of a pool is free between them.
HALF_FULL_RATE = 0.25
LEAST_PLENTY = timedelta(minutes=10)


@dataclass(frozen=True)
class Drought:
    """A pool without room for new instances from ``begins`` until ``ends`` (None: refilled).

    ``reclaims`` also takes the instances that run in it, each with its notice.
    """

    begins: datetime
    ends: datetime | None
    reclaims: bool

    dry = True


@dataclass(frozen=True)
class Plenty:
    """A pool that was refilled: it has room from ``begins`` until ``ends``."""

    begins: datetime
    ends: datetime

    dry = False
    reclaims = False


Forced = Drought | Plenty


def ordinary(_instance_type: str) -> Hardware:
    """Eight vCPUs without a GPU, whatever the type."""
    return Hardware(vcpus=8, memory_gib=32)


@dataclass(frozen=True)
class Capacity:
    """The capacity of all pools of one seed; ``droughts`` holds what was forced on pools."""

    seed: int
    scenario: Scenario
    droughts: Mapping[Pool, Forced] = field(default_factory=dict)
    hardware: Callable[[str], Hardware] = ordinary

    # Now

    def headroom(self, pool: Pool, second: int) -> float:
        """The hidden number: the free share of the pool, or how deep its shortage is, negative."""
        if forced := self._forced_at(pool, second):
            return 1.0 if not forced.dry else -1.0 if forced.reclaims else 0.0
        depths = [shortage.depth for shortage in self._shortages_at(pool, second)]
        if depths:
            return -max(depths)
        return HALF_FULL_RATE / (HALF_FULL_RATE + self.pressure(pool, second))

    def room(self, pool: Pool, second: int) -> int:
        """How many more instances the pool takes."""
        headroom = self.headroom(pool, second)
        if headroom <= 0:
            return 0
        size = pool_size(self.seed, pool, self.hardware(pool.instance_type))
        return max(1, int(headroom * size))

    def is_dry(self, pool: Pool, second: int) -> bool:
        """Whether EC2 refuses every launch and start in the pool."""
        if forced := self._forced_at(pool, second):
            return forced.dry
        return bool(self._shortages_at(pool, second))

    def reclaims(self, pool: Pool, *, started: int, lot: float, second: int) -> bool:
        """Whether EC2 takes an instance back; ``lot`` is its luck in the pool, from 0 to 1."""
        if self.scenario == "reclaim-soon" and second >= started + scenarios.NOTICE_AGE:
            return True
        if forced := self._forced_at(pool, second):
            return forced.reclaims
        return any(
            second >= shortage.notice_at(lot) and _takes(shortage, started)
            for shortage in self._shortages_at(pool, second)
        )

    def advises(self, pool: Pool, *, started: int, lot: float, second: int) -> bool:
        """Whether EC2 recommends to leave: the instance is at elevated risk, or is taken back."""
        if self.scenario == "reclaim-soon" and second >= started + scenarios.ADVICE_AGE:
            return True
        if forced := self._forced_at(pool, second):
            return forced.reclaims
        return any(_endangers(shortage, started) for shortage in self._shortages_at(pool, second))

    # Next

    def next_turn(self, pool: Pool, after: int, until: int) -> int | None:
        """The first second in (after, until] at which ``is_dry`` changes."""
        edges = [edge for each in self._shortages_within(pool, after, until) for edge in each[:2]]
        edges = sorted([*edges, *self._forced_edges(pool)])
        return _first(edges, after, until, partial(self._turns, pool))

    def _turns(self, pool: Pool, second: int) -> bool:
        return self.is_dry(pool, second) != self.is_dry(pool, second - 1)

    def next_reclaim(
        self, pool: Pool, *, started: int, lot: float, after: int, until: int
    ) -> int | None:
        """The first second in (after, until] at which ``reclaims`` is true."""
        told = (
            max(shortage.notice_at(lot), started)
            for shortage in self._shortages_within(pool, after, until)
            if _takes(shortage, started)
        )
        others = self._other_moments(pool, after, started + scenarios.NOTICE_AGE)
        holds = partial(self.reclaims, pool, started=started, lot=lot)
        return _first(merge(told, others), after, until, holds)

    def next_advice(
        self, pool: Pool, *, started: int, lot: float, after: int, until: int
    ) -> int | None:
        """The first second in (after, until] at which ``advises`` is true."""
        advised = (
            max(shortage.begins, started)
            for shortage in self._shortages_within(pool, after, until)
            if _endangers(shortage, started)
        )
        others = self._other_moments(pool, after, started + scenarios.ADVICE_AGE)
        holds = partial(self.advises, pool, started=started, lot=lot)
        return _first(merge(advised, others), after, until, holds)

    def _other_moments(self, pool: Pool, after: int, old_enough: int) -> list[int]:
        """When else an instance's fate may change than at a shortage, in order."""
        by_age = [old_enough] if self.scenario == "reclaim-soon" else []
        return sorted([after + 1, *by_age, *self._forced_edges(pool)])

    # Outlook

    def pressure(self, pool: Pool, second: int) -> float:
        """The shortages per hour to expect at that time, from the long term and demand."""
        model = self.shortage_model(pool)
        if not model.per_hour:
            return 0.0
        return model.per_hour * demand(self.seed, pool, second) + model.zone_wide_per_hour

    def shortage_model(self, pool: Pool) -> ShortageModel:
        """How the pool's shortages are in this scenario."""
        return scenarios.shortage_model(self.scenario, self.seed, pool, self.hardware)

    # What is forced

    def refilled(self, pool: Pool, now: datetime) -> Plenty:
        """What a refill forces: room until the shortage is over, at least ten minutes."""
        second = int(now.timestamp())
        ends = max((each.ends for each in self._shortages_at(pool, second)), default=second)
        return Plenty(now, max(now + LEAST_PLENTY, datetime.fromtimestamp(ends, UTC)))

    def aftermath(self, now: datetime) -> Drought | None:
        """What a notice does to its pool: "reclaim-soon" has no shortage that keeps it dry."""
        if self.scenario != "reclaim-soon":
            return None
        return Drought(now, now + timedelta(seconds=scenarios.AFTERMATH), reclaims=False)

    def _forced_at(self, pool: Pool, second: int) -> Forced | None:
        forced = self.droughts.get(pool)
        if forced is None or second < int(forced.begins.timestamp()):
            return None
        return forced if forced.ends is None or second < int(forced.ends.timestamp()) else None

    def _forced_edges(self, pool: Pool) -> list[int]:
        forced = self.droughts.get(pool)
        edges = (forced.begins, forced.ends) if forced else ()
        return [int(edge.timestamp()) for edge in edges if edge]

    def _shortages_at(self, pool: Pool, second: int) -> list[Shortage]:
        """The shortages under way."""
        return [
            each for each in self._shortages_within(pool, second, second) if second < each.ends
        ]

    def _shortages_within(self, pool: Pool, after: int, until: int) -> Iterator[Shortage]:
        """Every natural shortage that may be under way between the two seconds, in order."""
        model = self.shortage_model(pool)
        if not model.per_hour:
            return
        earliest = after - model.longest
        for day in range(earliest // DAY, until // DAY + 1):
            shortages = shortages_of_day(self.seed, pool, day, model)
            yield from shortages[bisect(shortages, (earliest,)) : bisect(shortages, (until + 1,))]


def _first(
    moments: Iterable[int], after: int, until: int, holds: Callable[..., bool]
) -> int | None:
    """The first of the moments, which are in order, in (after, until] at which something holds."""
    for moment in moments:
        if moment > until:
            return None
        if moment > after and holds(second=moment):
            return moment
    return None


def _takes(shortage: Shortage, started: int) -> bool:
    """Whether EC2 wants the instance back: who is young when the shortage begins goes first."""
    return shortage.depth > seniority(max(0, shortage.begins - started) / HOUR)


def _endangers(shortage: Shortage, started: int) -> bool:
    """Whether the shortage takes the instance, or nearly."""
    return shortage.depth + NEAR_MISS > seniority(max(0, shortage.begins - started) / HOUR)
