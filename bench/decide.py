"""The deadline policy on 1,080 public cases: what it costs, and whether it is ever late.

The cases are those of a public leaderboard ("Can't Be Late", UCB-ADRS/ADRS-Leaderboard): a job of
48 hours within 52 or 70, three restarts, 180 traces of when Spot of a pool was to be had. Greedy,
Uniform Progress and the optimum are known there to a cent, which tells that the same is reckoned.
Their optimum starts a machine 40 times at most; ours is compared with that one too, which is found
here by another way, a whole table.

The file is found in the folder that SPOT_TEST_DATA names. Exits with 1 when a limit is missed.
"""

import gzip
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spotkeeper.work import deadline
from spotkeeper.work.backtest import Backtest
from spotkeeper.work.deadline import PurchasingOption, Terms, Tick, decide, work_left_h
from spotkeeper.work.optimum import least_usd
from spotkeeper.work.policies import POLICIES
from spotkeeper.work.simulation import DeadlinePolicy, Job, SimulatedRun, simulate
from spotkeeper.work.trace import Quote, Window

FILE = Path(os.environ.get("SPOT_TEST_DATA", "/nowhere")) / (
    "adrs-leaderboard-cant-be-late-cases.json.gz"
)
WORK_H, WITHIN_H = 48.0, (52.0, 70.0)
ON_DEMAND_USD, SPOT_USD = 3.06, 0.9731
LEADERBOARD_STARTS = 40

#: Means that are published, to a cent.
KNOWN_USD = {"greedy": 119.03, "uniform-progress": 101.68}
KNOWN_OPTIMUM_USD = 92.25
#: Means that ours may cost at most.
MOST_USD = {"ours": 94.8, "ours-without-controller": 94.9}
HALF_A_CENT = 0.005
LEAST_TICKS_PER_S = 300_000
MOST_OPTIMA_S = 60.0

#: How wrong an estimate is tried, and what our own is called there.
OTHER_VALUES = {
    "KEPT_SLACK": (0.06, 0.08, 0.15, 0.20),
    "KEPT_SLACK_PER_RESTART_H": (0.0, 0.5, 1.0),
    "PAYABLE_RESTARTS": (0.0, 0.15, 0.35, 0.6),
    "PRIOR_LOSSES": (1.2, 2.2, 3.0),
    "PRIOR_H": (0.35, 0.5, 1.0, 1.4),
    "EARNED_LIFE": (0.0, 0.6, 1.0),
}
BELIEVED_TIMES = (0.5, 0.8, 1.0, 1.25, 2.0)
TIMES = (0.7, 0.85, 1.0, 1.15, 1.3)
OURS = "30 % more until it is told"
BARELY_H = 1e-6


class Case(NamedTuple):
    """A job, and when Spot is to be had."""

    job: Job
    window: Window


def cases() -> list[Case]:
    """All of them; in the file 1 is preempted and 0 is available."""
    with gzip.open(FILE) as file:
        found = json.load(file)
    quotes = {"0": (Quote(SPOT_USD, is_offered=True),), "1": (Quote(SPOT_USD, is_offered=False),)}
    windows = {name: [quotes[sign] for sign in signs] for name, signs in found["traces"].items()}
    return [
        Case(
            Job(WORK_H, within_h, Terms(case["gap_s"] / 3600, case["overhead_h"], ON_DEMAND_USD)),
            windows[case["trace"]],
        )
        for case in found["cases"]
        for within_h in WITHIN_H
    ]


def table_optimum_usd(case: Case, most_starts: int = LEADERBOARD_STARTS) -> float:
    """The cheapest schedule with so many starts at most, by a table of all ticks run and starts
    made, for nothing, Spot and On-Demand; a restart takes as much of the ticks that were run."""
    tick_h, restart_h, _ = case.job.terms
    ticks = case.job.ticks
    usd = np.full((3, most_starts + 1, ticks + 2), np.inf)
    usd[0, 0, 0] = 0.0
    for (quote,) in case.window[:ticks]:
        best, before = usd.min(axis=0), usd
        usd = np.full_like(before, np.inf)
        usd[0] = best
        prices = ((1, quote.usd_per_hour if quote.is_offered else math.inf), (2, ON_DEMAND_USD))
        for machine, usd_per_hour in prices:
            usd[machine, :, 1:] = before[machine, :, :-1]
            usd[machine, 1:, 1:] = np.minimum(usd[machine, 1:, 1:], best[:-1, :-1])
            usd[machine] += usd_per_hour * tick_h
    least = usd.min(axis=0)
    needed = [
        math.ceil((case.job.work_h + starts * restart_h) / tick_h - 1e-9)
        for starts in range(most_starts + 1)
    ]
    return min(
        float(least[starts, first:].min(initial=np.inf)) for starts, first in enumerate(needed)
    )


@dataclass
class Limits:
    """Prints what was found beside its limit, and counts what was missed."""

    missed: int = 0

    def hold(self, what: str, found: float, limit: str, *, is_held: bool) -> None:
        """One line."""
        self.missed += not is_held
        print(f"{what:<52}{found:>12,.2f}  {limit}{'' if is_held else '  MISSED'}")


class Measured(NamedTuple):
    """What all policies made of all cases, and what it took."""

    result: Backtest
    optima_cpu_s: float
    ticks_per_s: float


def measured(known: Sequence[Case]) -> Measured:
    """Every policy on every case, and the optimum."""
    begin = time.process_time()
    optima = [least_usd(*case) for case in known]
    optima_cpu_s = time.process_time() - begin
    runs, ticks_per_s = {}, {}
    for name, policy in POLICIES.items():
        begin = time.process_time()
        runs[name] = [simulate(policy, *case) for case in known]
        ticks = sum(len(run.choices) for run in runs[name])
        ticks_per_s[name] = ticks / (time.process_time() - begin)
    return Measured(Backtest(known[0].job, optima, runs), optima_cpu_s, ticks_per_s["ours"])


def print_policies(known: Sequence[Case], result: Backtest) -> None:
    """A line for the optimum and for each policy."""
    restarts = sorted({case.job.terms.restart_h for case in known})
    heads = [f"{within_h:g} h" for within_h in WITHIN_H] + [f"d {each:g}" for each in restarts]
    print(f"{len(known):,} runs: mean dollars; d: restart in hours; p95: of cost / optimum\n")
    print(f"{'':<24}{'mean':>8}" + "".join(f"{head:>8}" for head in heads), end="")
    print(f"{'p95':>7}{'switches':>10}{'late':>6}{'gap closed %':>14}")
    rows = [(result.optimum(), result.optima_usd)]
    rows += [(result.result(name), [run.usd for run in result.runs[name]]) for name in POLICIES]
    for found, usd in rows:
        by_case = list(zip(usd, (case.job for case in known), strict=True))
        parts = [
            *(statistics.fmean(x for x, job in by_case if job.within_h == h) for h in WITHIN_H),
            *(
                statistics.fmean(x for x, job in by_case if job.terms.restart_h == h)
                for h in restarts
            ),
        ]
        print(
            f"{found.policy:<24}{found.mean_usd:>8.2f}" + "".join(f"{p:>8.2f}" for p in parts),
            end="",
        )
        print(f"{told(found.p95_of_optimum, 3):>7}{told(found.mean_switches, 1):>10}", end="")
        print(f"{found.late:>6}{told(found.gap_closed_percent, 1):>14}")
    print()


def told(number: float | None, places: int) -> str:
    """A number, or a dash where there is none."""
    return "-" if number is None else f"{number:.{places}f}"


def hold_policies(known: Sequence[Case], found: Measured, limits: Limits) -> None:
    """What is published, to a cent, and what ours must keep to."""
    result = found.result
    limited = statistics.fmean(table_optimum_usd(case) for case in known)
    means = {name: result.result(name).mean_usd for name in KNOWN_USD}
    means[f"optimum of at most {LEADERBOARD_STARTS} starts"] = limited
    for (name, mean), usd in zip(
        means.items(), (*KNOWN_USD.values(), KNOWN_OPTIMUM_USD), strict=True
    ):
        limits.hold(f"{name}: mean $", mean, f"is {usd}", is_held=abs(mean - usd) < HALF_A_CENT)
    for name, most in MOST_USD.items():
        ours = result.result(name)
        limits.hold(
            f"{name}: mean $", ours.mean_usd, f"at most {most}", is_held=ours.mean_usd <= most
        )
        limits.hold(f"{name}: late runs", ours.late, "none", is_held=not ours.late)
    speed, optima_s = found.ticks_per_s, found.optima_cpu_s
    limits.hold(
        "ours: ticks in a CPU second",
        speed,
        f"at least {LEAST_TICKS_PER_S:,}",
        is_held=speed >= LEAST_TICKS_PER_S,
    )
    limits.hold(
        "all optima: CPU seconds",
        optima_s,
        f"at most {MOST_OPTIMA_S:g}",
        is_held=optima_s <= MOST_OPTIMA_S,
    )


#: What is planned with, of the hours that were told, that are done, and that it takes in truth.
ESTIMATES: Mapping[str, Callable[[float, float, float], float]] = {
    "what was told": lambda told_h, done_h, _: max(told_h - done_h, BARELY_H),
    "always 15 % more": lambda told_h, done_h, _: max(1.15 * told_h - done_h, BARELY_H),
    "always 30 % more": lambda told_h, done_h, _: max(1.3 * told_h - done_h, BARELY_H),
    "the truth": lambda _, done_h, true_h: true_h - done_h,
    OURS: lambda told_h, done_h, true_h: work_left_h(told_h, done_h, done_h / true_h),
}


def print_estimates(known: Sequence[Case], limits: Limits) -> None:
    """The policy where the work is so many times what was told, in runs that On-Demand can do."""
    print(
        "\nMean dollars where the work is so many times the 48 hours that were told (late runs)\n"
    )
    print(f"{'planned with':<36}" + "".join(f"{f'{times:g} x':>14}" for times in TIMES))
    late = 0
    for within_h in WITHIN_H:
        for name, estimate in ESTIMATES.items():
            tried = [estimated(known, within_h, times, estimate) for times in TIMES]
            print(
                f"{f'{name}, {within_h:g} h':<36}" + "".join(f"{cell(runs):>14}" for runs in tried)
            )
            late += name == OURS and sum(run.is_late for runs in tried for run in runs)
    print()
    limits.hold(f"{OURS}: late runs", late, "none", is_held=not late)


def cell(runs: Sequence[SimulatedRun]) -> str:
    """The mean of some runs, and how many were late."""
    late = sum(run.is_late for run in runs)
    mean = statistics.fmean(run.usd for run in runs) if runs else None
    return told(mean, 2) + (f" ({late})" if late else "")


def estimated(
    known: Sequence[Case],
    within_h: float,
    times: float,
    estimate: Callable[[float, float, float], float],
) -> list[SimulatedRun]:
    """The runs of a deadline whose work is so many times what was told."""
    true_h = times * WORK_H
    found = []
    for job, window in known:
        true = replace(job, work_h=true_h)
        if job.within_h == within_h and true.fits:
            found.append(
                simulate(
                    POLICIES["ours"], true, window, lambda done_h: estimate(WORK_H, done_h, true_h)
                )
            )
    return found


def print_restarts(known: Sequence[Case]) -> None:
    """The policy where restarts are believed to be so many times as long as they are."""
    print(
        "\nMean dollars where a restart is believed to take so many times what it takes (late)\n"
    )
    print(f"{'':<36}" + "".join(f"{f'{times:g} x':>14}" for times in BELIEVED_TIMES))
    tried = [[simulate(believing(times), *case) for case in known] for times in BELIEVED_TIMES]
    print(f"{'':<36}" + "".join(f"{cell(runs):>14}" for runs in tried))


def believing(times: float) -> DeadlinePolicy:
    """Our policy with another length of a restart than the true one."""

    def decides(job: Job, tick: Tick) -> PurchasingOption:
        restart_h = times * job.terms.restart_h
        return decide(job.terms._replace(restart_h=restart_h), tick)

    return DeadlinePolicy(decides)


def print_constants(known: Sequence[Case]) -> None:
    """The policy with other constants, one at a time."""
    print("\nMean dollars with another value of one constant\n")
    for name, values in OTHER_VALUES.items():
        usual = getattr(deadline, name)
        cells = []
        for value in values:
            setattr(deadline, name, value)
            mean = statistics.fmean(simulate(POLICIES["ours"], *case).usd for case in known)
            cells.append(f"{value:g}: {mean:.2f}")
        setattr(deadline, name, usual)
        print(f"{name:<26} {usual:g}".ljust(36) + "".join(f"{cell:>14}" for cell in cells))


def main() -> int:
    """0 when every limit was held."""
    if not FILE.is_file():
        print(f"Skipped: SPOT_TEST_DATA names no folder with {FILE.name}.")
        return 0
    known, limits = cases(), Limits()
    found = measured(known)
    print_policies(known, found.result)
    hold_policies(known, found, limits)
    print_estimates(known, limits)
    print_restarts(known)
    print_constants(known)
    return int(limits.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
