"""A job under a policy, tick by tick: what it would have cost, and whether it was late. Pure.

Whole ticks are billed, and whether a pool is to be had in the coming tick is known when the tick
is decided. A start costs its restart, in which nothing is done. On-Demand is always to be had, and
runs where the data is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite

from spotkeeper.work import deadline
from spotkeeper.work.deadline import (
    NOTHING,
    ON_DEMAND,
    ROUNDING_H,
    SPOT,
    PurchasingOption,
    Terms,
    Tick,
)
from spotkeeper.work.trace import Quote, Window

#: Without a controller a Spot request stands while On-Demand runs. A machine that comes too young
#: is given back, after so much of an hour, and asked for again after a while.
GIVE_BACK_H = 2 / 60
ASKS_EVERY_H = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """Work, how soon it must be done, and on what terms; ``egress_usd`` is what it costs to move
    its data to another zone."""

    work_h: float
    within_h: float
    terms: Terms
    egress_usd: float = 0.0

    @property
    def ticks(self) -> int:
        """Whole ticks until the deadline."""
        return int(self.within_h / self.terms.tick_h + ROUNDING_H)

    @property
    def fits(self) -> bool:
        """Whether On-Demand alone would be in time."""
        return deadline.fits(self.terms, self.work_h, self.ticks)


@dataclass(frozen=True, slots=True)
class DeadlinePolicy:
    """A way to decide.

    ``asks_every_h``     what it sees of Spot while On-Demand runs: it learns by asking, and waits
                         for so long after it gave back what it got; 0: it sees everything.
    ``weighs_restarts``  whether it chooses pools by price alone, or counts what a restart costs.
    """

    decide: Callable[[Job, Tick], PurchasingOption]
    asks_every_h: float = 0.0
    weighs_restarts: bool = False


@dataclass(slots=True)
class SimulatedRun:
    """What became of a job: what it cost, how often a machine was started, each with a restart,
    and what was paid for in each tick. A run that is late is told until its deadline."""

    usd: float = 0.0
    switches: int = 0
    is_late: bool = True
    choices: list[PurchasingOption] = field(default_factory=list)


def simulate(
    policy: DeadlinePolicy,
    job: Job,
    window: Window,
    estimate: Callable[[float], float] | None = None,
) -> SimulatedRun:
    """Run a job. What the policy is told of the work that is left, when so many hours are done, is
    an ``estimate``, or without one the truth."""
    simulation = _Simulation(policy, job, estimate or (lambda done_h: job.work_h - done_h))
    for number, quotes in zip(range(job.ticks), window, strict=False):
        simulation.pass_tick(number, quotes)
        if simulation.done_h >= job.work_h - ROUNDING_H:
            simulation.run.is_late = False
            break
    return simulation.run


class _Simulation:
    """A job while it runs."""

    def __init__(
        self, policy: DeadlinePolicy, job: Job, estimate: Callable[[float], float]
    ) -> None:
        self.run = SimulatedRun()
        self.done_h = 0.0
        self._policy, self._job, self._terms = policy, job, job.terms
        self._ticks, self._estimate = job.ticks, estimate
        self._running, self._restart_left_h = NOTHING, 0.0
        self._zone: int | None = None  # where the data is
        self._offered_since: int | None = None
        self._asks_again = 0
        self._own_h: defaultdict[int, float] = defaultdict(float)
        self._own_losses: Counter[int] = Counter()

    def pass_tick(self, number: int, quotes: Sequence[Quote]) -> None:
        """Decide a tick, pay for it, and work in it."""
        zone = self._zone_to_take(quotes)
        if self._running is SPOT and zone != self._zone:
            self._lose()
        seen = self._look(number, zone)
        usd_per_hour = None if seen is None else quotes[seen].usd_per_hour
        tick = Tick(
            self._running,
            self._restart_left_h,
            self._estimate(self.done_h),
            self._ticks - number,
            usd_per_hour,
            (number - (self._offered_since or 0)) * self._terms.tick_h,
            self._dearness(quotes, seen),
        )
        choice = self._policy.decide(self._job, tick)
        if choice is not self._running:
            self._start(choice, seen)
        elif choice is ON_DEMAND and usd_per_hour is not None:
            self._give_back(number, usd_per_hour)
        self._work(choice, usd_per_hour)

    def _zone_to_take(self, quotes: Sequence[Quote]) -> int | None:
        """The zone that it runs in, else the best of those that are offered."""
        if self._running is SPOT and self._zone is not None and quotes[self._zone].is_offered:
            return self._zone
        offered = [zone for zone, quote in enumerate(quotes) if quote.is_offered]
        if len(offered) <= 1:
            return offered[0] if offered else None
        return min(offered, key=lambda zone: self._price(zone, quotes[zone].usd_per_hour))

    def _lose(self) -> None:
        self._running = NOTHING
        if self._zone is not None:
            self._own_losses[self._zone] += 1

    def _look(self, number: int, zone: int | None) -> int | None:
        """The zone that is seen to be offered."""
        if self._running is ON_DEMAND and number < self._asks_again:
            return None
        if zone is None:
            self._offered_since = None
        elif self._offered_since is None:
            self._offered_since = number
        return zone

    def _price(self, zone: int, usd_per_hour: float) -> float:
        if not self._policy.weighs_restarts:
            return usd_per_hour
        left_h = self._job.work_h - self.done_h
        return deadline.effective_usd_per_hour(
            usd_per_hour,
            deadline.expected_life_h(self._own_h[zone], self._own_losses[zone], left_h),
            self._terms.restart_h,
            egress_usd=self._egress_usd(zone),
        )

    def _egress_usd(self, zone: int) -> float:
        return 0.0 if self._zone in {None, zone} else self._job.egress_usd

    def _dearness(self, quotes: Sequence[Quote], zone: int | None) -> float:
        if zone is None or len(quotes) == 1 or self._running is not NOTHING:
            return 0.0
        known = [self._price(each, usd) for each, (usd, _) in enumerate(quotes) if isfinite(usd)]
        return deadline.dearness(
            self._price(zone, quotes[zone].usd_per_hour),
            min(known),
            self._terms.on_demand_usd_per_hour,
        )

    def _start(self, choice: PurchasingOption, zone: int | None) -> None:
        self._running = choice
        if choice is NOTHING:
            return
        self.run.switches += 1
        self._restart_left_h = self._terms.restart_h
        if choice is SPOT and zone is not None:
            self.run.usd += self._egress_usd(zone)
            self._zone = zone
        elif self._policy.asks_every_h:
            self._offered_since, self._asks_again = None, 0

    def _give_back(self, number: int, usd_per_hour: float) -> None:
        """What was got is too young to leave On-Demand for."""
        if self._policy.asks_every_h:
            self.run.usd += GIVE_BACK_H * usd_per_hour
            pause = max(1, round(self._policy.asks_every_h / self._terms.tick_h))
            self._asks_again = number + pause

    def _work(self, choice: PurchasingOption, spot_usd_per_hour: float | None) -> None:
        self.run.choices.append(choice)
        if choice is NOTHING:
            return
        tick_h = self._terms.tick_h
        usd_per_hour = self._terms.on_demand_usd_per_hour
        if choice is SPOT and spot_usd_per_hour is not None and self._zone is not None:
            usd_per_hour = spot_usd_per_hour
            self._own_h[self._zone] += tick_h
        self.run.usd += usd_per_hour * tick_h
        self.done_h += max(tick_h - self._restart_left_h, 0.0)
        self._restart_left_h = max(self._restart_left_h - tick_h, 0.0)
