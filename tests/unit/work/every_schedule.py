"""The cheapest schedule by trying all of them: tick by tick, whatever stands alike kept once.

It knows none of the arguments by which ``spotkeeper.work.optimum`` leaves schedules out: it starts
and stops whatever it likes in every tick and counts the restarts as they pass. Run as a program,
it draws the traces of ``cases.json`` and writes them with their cheapest schedules.
"""

import json
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from spotkeeper.work.deadline import Terms
from spotkeeper.work.simulation import Job
from spotkeeper.work.trace import Quote, Window

CASES = Path(__file__).with_name("cases.json")
ON_DEMAND = -1
ROUNDING = 9


class State(NamedTuple):
    """What runs (a zone, On-Demand, None), where the data is, and what is left of its restart."""

    machine: int | None
    place: int | None
    restart_left_h: float
    done_h: float


def cheapest_usd(job: Job, window: Window) -> float:
    """The least that it takes to do the work in time; infinity where that cannot be done."""
    tick_h = job.terms.tick_h
    states, best = {State(None, None, 0.0, 0.0): 0.0}, inf
    for number, quotes in enumerate(window[: job.ticks], start=1):
        left_h = (job.ticks - number) * tick_h
        after: dict[State, float] = {}
        for state, usd in states.items():
            for found, paid in ways(job, state, quotes):
                total = usd + paid
                if total >= best:
                    continue
                if found.done_h >= job.work_h - 1e-9:
                    best = total
                elif found.done_h + left_h > job.work_h - 1e-6 and total < after.get(found, inf):
                    after[found] = total
        states = after
    return best


def ways(job: Job, state: State, quotes: Any) -> Iterator[tuple[State, float]]:
    """Every state after the next tick, with what it costs to get there."""
    tick_h, restart_h, on_demand = job.terms
    yield state._replace(machine=None, restart_left_h=0.0), 0.0
    offers = [(zone, quote.usd_per_hour) for zone, quote in enumerate(quotes) if quote.is_offered]
    for machine, usd_per_hour in (*offers, (ON_DEMAND, on_demand)):
        place = state.place if machine == ON_DEMAND else machine
        paid = usd_per_hour * tick_h
        if place != state.place and state.place is not None:
            paid += job.egress_usd
        rest_h = state.restart_left_h if machine == state.machine else restart_h
        done_h = state.done_h + max(tick_h - rest_h, 0.0)
        rest_h = round(max(rest_h - tick_h, 0.0), ROUNDING)
        yield State(machine, place, rest_h, round(done_h, ROUNDING)), paid


def drawn_case(number: int) -> dict[str, Any]:
    """A job and the zones that it may run in, always the same for a number."""
    chance = Random(number)  # noqa: S311 - a test's own traces
    zones = (1, 1, 1, 2, 3)[number % 5]
    tick_h = chance.choice((0.25, 0.5))
    work_h = chance.choice((10, 14, 18))
    restart_h = chance.choice((0.05, 0.1, 0.2, 0.6))
    ticks = int((work_h * chance.choice((1.1, 1.3, 1.6)) + restart_h) / tick_h) + 1
    return {
        "tick_h": tick_h,
        "work_h": work_h,
        "within_h": ticks * tick_h,
        "restart_h": restart_h,
        "on_demand": 3.06,
        "egress_usd": chance.choice((0.0, 0.7)) if zones > 1 else 0.0,
        "zones": [drawn_zone(chance, ticks) for _ in range(zones)],
    }


def drawn_zone(chance: Random, ticks: int) -> dict[str, Any]:
    """When a zone has Spot, as 1 and 0, and its prices with the ticks from which they hold."""
    life, gap = chance.choice((3, 8, 20)), chance.choice((2, 6, 15))
    told, is_there = "", chance.random() < 0.5
    while len(told) < ticks:
        length = 1 + int(chance.expovariate(1 / (life if is_there else gap)))
        told, is_there = told + "01"[is_there] * length, not is_there
    usd = round(chance.uniform(0.8, 1.6), 4)
    prices = [[0, usd], [chance.randrange(1, ticks), round(usd * chance.uniform(0.7, 1.5), 4)]]
    return {"there": told[:ticks], "prices": prices[: chance.choice((1, 2))]}


def job_of(case: dict[str, Any]) -> Job:
    """The job of a case."""
    terms = Terms(case["tick_h"], case["restart_h"], case["on_demand"])
    return Job(case["work_h"], case["within_h"], terms, case["egress_usd"])


def window_of(case: dict[str, Any]) -> Window:
    """The quotes of a case."""
    zones = [list(quotes_of(zone)) for zone in case["zones"]]
    return list(zip(*zones, strict=True))


def quotes_of(zone: dict[str, Any]) -> Iterator[Quote]:
    """The quotes of a zone, tick by tick."""
    for tick, there in enumerate(zone["there"]):
        usd = [price for since, price in zone["prices"] if since <= tick][-1]
        yield Quote(usd, there == "1")


def main() -> None:
    """Write forty cases."""
    cases = [drawn_case(number) for number in range(40)]
    for case in cases:
        case["optimum_usd"] = round(cheapest_usd(job_of(case), window_of(case)), 4)
        sys.stderr.write(f"{case['optimum_usd']} ")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    CASES.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
