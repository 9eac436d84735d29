"""The policies that a backtest compares: ours, the published ones, and two without a thought."""

from collections.abc import Mapping

from spotkeeper.work import deadline
from spotkeeper.work.deadline import (
    NOTHING,
    ON_DEMAND,
    ROUNDING_H,
    SPOT,
    PurchasingOption,
    Tick,
    ticks_needed,
)
from spotkeeper.work.simulation import ASKS_EVERY_H, DeadlinePolicy, Job


def _ours(job: Job, tick: Tick) -> PurchasingOption:
    return deadline.decide(job.terms, tick)


def _spot_only(_: Job, tick: Tick) -> PurchasingOption:
    return NOTHING if tick.spot_usd_per_hour is None else SPOT


def _on_demand(_job: Job, _tick: Tick) -> PurchasingOption:
    return ON_DEMAND


def _greedy(job: Job, tick: Tick) -> PurchasingOption:
    """Spot whenever it is there, until On-Demand must be bought with one restart to spare."""
    if tick.running is not SPOT and _needs(job, tick, restarts=2) >= tick.ticks_left:
        return ON_DEMAND
    return _spot_only(job, tick)


def _uniform_progress(job: Job, tick: Tick) -> PurchasingOption:
    """Work that is done in proportion to the time that has passed, bought where it is behind.

    Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024. Work
    exactly on the line counts as on it.
    """
    pace, restart_h = job.work_h / job.within_h, job.terms.restart_h
    passed_h = (job.ticks - tick.ticks_left) * job.terms.tick_h
    done_h = job.work_h - tick.left_h
    if _needs(job, tick, restarts=1) >= tick.ticks_left:
        runs_on = tick.running is SPOT and tick.restart_left_h <= ROUNDING_H
        return SPOT if runs_on else ON_DEMAND
    if tick.running is not SPOT and _needs(job, tick, restarts=2) >= tick.ticks_left:
        return ON_DEMAND
    if tick.spot_usd_per_hour is None:
        is_behind = done_h < passed_h * pace - ROUNDING_H
        return ON_DEMAND if tick.running is ON_DEMAND or is_behind else NOTHING
    is_ahead = done_h > (passed_h + 2 * restart_h) * pace + ROUNDING_H
    return SPOT if tick.running is not ON_DEMAND or is_ahead else ON_DEMAND


def _needs(job: Job, tick: Tick, *, restarts: int) -> int:
    return ticks_needed(tick.left_h + restarts * job.terms.restart_h, job.terms.tick_h)


GREEDY = "greedy"

#: By the name that `spot backtest --policy` takes.
POLICIES: Mapping[str, DeadlinePolicy] = {
    "ours": DeadlinePolicy(_ours, weighs_restarts=True),
    "ours-without-controller": DeadlinePolicy(_ours, ASKS_EVERY_H, weighs_restarts=True),
    "uniform-progress": DeadlinePolicy(_uniform_progress),
    GREEDY: DeadlinePolicy(_greedy),
    "spot-only": DeadlinePolicy(_spot_only),
    "on-demand": DeadlinePolicy(_on_demand),
}
