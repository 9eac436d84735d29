"""The least that a job could have cost, had everything been known beforehand. Exact.

Ticks in which nothing changes are a block. To move a tick of work from one block that is used in
part to another such costs nothing or saves, until one of them is used whole or not at all. So
there is a cheapest schedule with one such block at most, and no other kind need be tried.

Of two beginnings of a schedule that stand at the same place, one that did less for more is
dropped; so is one that cannot end below a limit. To tell that early, work is given a price: the
cheapest way to go on, less the price of the work done on it, is a bound for every beginning. At
the price for which the bound of the whole is highest, it lies hardly below the cheapest schedule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import NamedTuple

from spotkeeper.work.deadline import ROUNDING_H
from spotkeeper.work.simulation import Job
from spotkeeper.work.trace import Window

ROUNDING_USD = 1e-7
#: At this price of work all is done that can be done.
ANY_USD_PER_HOUR = 1e6


class _Block(NamedTuple):
    """Ticks in which the same machines can be had, each by its number with dollars per tick."""

    ticks: int
    offers: tuple[tuple[int, float], ...]


class _Way(NamedTuple):
    """A way to go on; ``bound_usd`` is its cost less the price of the work done on it."""

    bound_usd: float = 0.0
    usd: float = 0.0
    done_h: float = 0.0

    def after(self, usd: float, done_h: float, price: float) -> "_Way":
        """The same way with something before it."""
        bound_usd = self.bound_usd + usd - price * done_h
        return _Way(bound_usd, self.usd + usd, self.done_h + done_h)


class _Guide(NamedTuple):
    """The best way on between two blocks: when nothing runs, by the place of the data, and when a
    machine runs, by its number."""

    idle: list[_Way]
    running: list[_Way]


#: What the beginning of a schedule has cost, and the work that it leaves.
_Beginning = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Standing:
    """Beginnings between two blocks, as in a guide."""

    idle: list[list[_Beginning]]
    running: list[list[_Beginning]]


def least_usd(job: Job, window: Window) -> float:
    """The cost of the cheapest schedule that is in time, of a job for which there is one."""
    problem = _Problem(job, window)
    price, guides = problem.best_guides()
    bound_usd = min(guides[0].idle).bound_usd + price * job.work_h
    margin_usd = problem.on_demand_usd
    while (found := _Search(problem, price, bound_usd + margin_usd).through(guides)) is None:
        margin_usd *= 2
    return found


class _Problem:
    """A job in blocks. Machines are Spot in each zone, then On-Demand at each place of the data;
    there is one place only where it costs nothing to move."""

    def __init__(self, job: Job, window: Window) -> None:
        self.work_h, self.egress_usd = job.work_h, job.egress_usd
        self.tick_h, self.restart_h, on_demand_usd_per_hour = job.terms
        self.on_demand_usd = on_demand_usd_per_hour * self.tick_h
        zones = len(window[0])
        self.places = range(zones if self.egress_usd else 1)
        self.place_of = [zone if self.egress_usd else 0 for zone in range(zones)]
        self.place_of += self.places
        on_demand = tuple((zones + place, self.on_demand_usd) for place in self.places)
        offers = (
            tuple(
                (zone, quote.usd_per_hour * self.tick_h)
                for zone, quote in enumerate(quotes)
                if quote.is_offered
            )
            for quotes in window[: job.ticks]
        )
        self.blocks = [
            _Block(len(list(ticks)), (*spot, *on_demand)) for spot, ticks in groupby(offers)
        ]

    def moves(self, to: int) -> Iterator[tuple[int, float]]:
        """From where the data can be moved to a place, and what that costs."""
        for place in self.places:
            yield place, 0.0 if place == to else self.egress_usd

    def best_guides(self) -> tuple[float, list[_Guide]]:
        """The price of work with the highest bound, and the best ways on at it."""
        less, more = _Way(), min(self._guides(ANY_USD_PER_HOUR)[0].idle)
        while True:
            price = (more.usd - less.usd) / (more.done_h - less.done_h)
            guides = self._guides(price)
            way = min(guides[0].idle)
            if way.bound_usd >= less.usd - price * less.done_h - ROUNDING_USD:
                return price, guides
            if way.done_h >= self.work_h - ROUNDING_H:
                more = way
            else:
                less = way

    def _guides(self, price: float) -> list[_Guide]:
        """From before the first block to behind the last."""
        guide = _Guide([_Way()] * len(self.places), [_Way()] * len(self.place_of))
        guides = [guide]
        for block in reversed(self.blocks):
            guide = self._before(block, guide, price)
            guides.append(guide)
        return guides[::-1]

    def _before(self, block: _Block, after: _Guide, price: float) -> _Guide:
        length_h = block.ticks * self.tick_h
        idle, running = list(after.idle), {}
        for machine, usd_per_tick in block.offers:
            usd, way = block.ticks * usd_per_tick, after.running[machine]
            running[machine] = way.after(usd, length_h, price)
            for place, egress_usd in self.moves(self.place_of[machine]):
                started = way.after(usd + egress_usd, length_h - self.restart_h, price)
                idle[place] = min(idle[place], started)
        left = [idle[place] for place in self.place_of]
        return _Guide(idle, [min(way, running.get(m, way)) for m, way in enumerate(left)])


class _Search:
    """Looks for the cheapest schedule below a limit."""

    def __init__(self, problem: _Problem, price: float, limit_usd: float) -> None:
        self._problem, self._price = problem, price
        self._limit_usd = self._best_usd = limit_usd

    def through(self, guides: list[_Guide]) -> float | None:
        """The cost of the cheapest schedule; None where it is not below the limit."""
        problem = self._problem
        none: list[list[_Beginning]] = [[] for _ in problem.place_of]
        whole = _Standing([[(0.0, problem.work_h)] for _ in problem.places], none)
        partly = _Standing([[] for _ in problem.places], none)
        for block, guide in zip(problem.blocks, guides[1:], strict=True):
            whole, partly = self._pass_block(block, guide, whole, partly)
        return self._best_usd if self._best_usd < self._limit_usd else None

    def _pass_block(
        self, block: _Block, guide: _Guide, whole: _Standing, partly: _Standing
    ) -> tuple[_Standing, _Standing]:
        """The beginnings that use every block whole or not at all, and those with one in part."""
        now = _Standing([list(all_) for all_ in whole.idle], [[] for _ in whole.running])
        then = _Standing([list(all_) for all_ in partly.idle], [[] for _ in partly.running])
        for machine, usd in block.offers:
            place, bound_usd = self._problem.place_of[machine], guide.running[machine].bound_usd
            started = self._started(whole, place)
            begun = whole.running[machine] + started
            now.running[machine] = self._kept(self._worked(begun, block.ticks, usd), bound_usd)
            ends = self._worked(
                partly.running[machine] + self._started(partly, place), block.ticks, usd
            )
            ends += self._parts(started, block.ticks, usd, bound_usd)
            then.running[machine] = self._kept(ends, bound_usd)
            now.idle[place] += now.running[machine]
            then.idle[place] += then.running[machine]
            then.idle[place] += self._parts(begun, block.ticks, usd, guide.idle[place].bound_usd)
        for standing in (now, then):
            for place, way in enumerate(guide.idle):
                standing.idle[place] = self._kept(standing.idle[place], way.bound_usd)
        return now, then

    def _started(self, standing: _Standing, to: int) -> list[_Beginning]:
        restart_h = self._problem.restart_h
        return [
            (usd + egress_usd, left_h + restart_h)
            for place, egress_usd in self._problem.moves(to)
            for usd, left_h in standing.idle[place]
        ]

    def _worked(
        self, begun: list[_Beginning], ticks: int, usd_per_tick: float
    ) -> list[_Beginning]:
        usd, done_h = ticks * usd_per_tick, ticks * self._problem.tick_h
        return [(before + usd, left_h - done_h) for before, left_h in begun]

    def _parts(
        self, begun: list[_Beginning], ticks: int, usd_per_tick: float, bound_usd: float
    ) -> list[_Beginning]:
        """Less than the whole block, as far as it may end below what is known."""
        price, tick_h = self._price, self._problem.tick_h
        room_usd, saved_usd = self._best_usd - bound_usd, price * tick_h - usd_per_tick
        bounds = [(usd + price * left_h, usd, left_h) for usd, left_h in begun]
        return [
            (usd + part * usd_per_tick, left_h - part * tick_h)
            for part in range(1, ticks)
            for so_far, usd, left_h in bounds
            if so_far - part * saved_usd < room_usd
        ]

    def _kept(self, beginnings: list[_Beginning], bound_usd: float) -> list[_Beginning]:
        """Those that may still become the cheapest; what is done is the cheapest so far."""
        kept, least_h = [], inf
        room_usd = self._best_usd - bound_usd
        for beginning in sorted(beginnings):
            usd, left_h = beginning
            if left_h < least_h:
                if left_h <= ROUNDING_H:
                    self._best_usd = min(self._best_usd, usd)
                    break
                least_h = left_h - ROUNDING_H
                if usd + self._price * left_h < room_usd:
                    kept.append(beginning)
        return kept
