"""Done in time for the least money: when to wait for Spot, when to pay On-Demand. Pure.

Laptop and machine decide by these same functions, so the standard library of Python 3.9 is enough
for them. Lengths of time are hours and prices dollars per hour, both as floats: hundreds of
thousands are weighed against each other in a second, and no bill is added up from them.

The words of the formulas; ``docs/deadline.md`` tells them with their reasons:

    left_h     work that remains
    restart_h  from the start of a machine until the work goes on; nothing is done meanwhile
    slack_h    time to the deadline that neither the work nor one more restart needs
    tick_h     time between two decisions
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

#: Slack that is kept for an hour of work that remains, and how much more of it for an hour of
#: restart. Slack that is not used is worth nothing; but with none no further restart can be paid,
#: and Spot that comes later is lost. The longer a restart, the more of it a return to Spot takes.
KEPT_SLACK = 0.10
KEPT_SLACK_PER_RESTART_H = 0.25

#: Part of the restarts to expect on Spot that the slack must be able to pay before On-Demand is
#: left for it. About this value it hardly matters; 0 would take whatever comes.
PAYABLE_RESTARTS = 0.25

#: What is believed of a pool before anything is known of it: so many losses in so many hours.
#: Spot that has been offered for long stays for long; nothing else that was tried tells as much.
PRIOR_LOSSES = 1.8
PRIOR_H = 0.7

#: Part of the life that only earns back its own restart, which is taken off what is expected.
EARNED_LIFE = 0.3

#: No machine is expected to live less, so that little work makes no price infinite.
LEAST_LIFE_H = 0.1

#: A length of work that a person estimates is planned with so much more, until so many hours are
#: done and the command itself tells how far it is; without a word of it with a little more always.
ESTIMATE_UNTIL_TOLD = 1.3
ESTIMATE_UNTOLD = 1.15
TRUSTED_AFTER_H = 2.0

#: A measured speed is planned with twice its relative spread, and with this at the least.
LEAST_SPREAD = 0.025

#: Restarts are planned with so many times the longest that was seen; a mean is too short for half
#: of them, and each that is longer than planned can make the work late.
RESTART_MARGIN = 1.25

#: Shorter lengths are rounding. A tie that is missed by it moves a mean by cents.
ROUNDING_H = 1e-9


class PurchasingOption(Enum):
    """What can be paid for in a tick; EC2 calls the last two purchasing options."""

    NOTHING = "waiting"
    SPOT = "spot"
    ON_DEMAND = "on-demand"


NOTHING = PurchasingOption.NOTHING
SPOT = PurchasingOption.SPOT
ON_DEMAND = PurchasingOption.ON_DEMAND


class Terms(NamedTuple):
    """What stays the same while the work goes on."""

    tick_h: float
    restart_h: float
    on_demand_usd_per_hour: float


class Tick(NamedTuple):
    """What is known when it is decided what to pay for in the coming tick.

    ``running``             what runs; NOTHING also after a loss.
    ``restart_left_h``      how much of its restart is still to come.
    ``ticks_left``          whole ticks until the deadline.
    ``spot_usd_per_hour``   the pool to take in this tick, None where none is offered.
    ``spot_age_h``          for how long one has been offered without a break.
    ``dearness``            of that pool, as ``dearness`` tells it.
    """

    running: PurchasingOption
    restart_left_h: float
    left_h: float
    ticks_left: int
    spot_usd_per_hour: float | None
    spot_age_h: float = 0.0
    dearness: float = 0.0


def decide(terms: Terms, tick: Tick) -> PurchasingOption:
    """What to pay for in the coming tick.

    Never late, if On-Demand can be had: whatever saves money is done only where On-Demand from the
    next tick on would still be in time. So at the last tick at which it is, it is bought.
    """
    choice = _wanted(terms, tick)
    if choice is NOTHING and not _is_in_time(terms, tick, NOTHING):
        choice = SPOT
    if choice is SPOT and (tick.spot_usd_per_hour is None or not _is_in_time(terms, tick, SPOT)):
        return ON_DEMAND
    return choice


def fits(terms: Terms, left_h: float, ticks: int) -> bool:
    """Whether the work would be done in so many ticks if On-Demand started now."""
    return ticks_needed(left_h + terms.restart_h, terms.tick_h) <= ticks


def ticks_needed(length_h: float, tick_h: float) -> int:
    """How many whole ticks a length of time takes."""
    return math.ceil(length_h / tick_h - ROUNDING_H)


def on_demand_at(
    deadline: datetime,
    left_h: float,
    restart_h: float,
    *,
    reserve_h: float = 0.0,
    dearness: float = 1.0,
) -> datetime:
    """When On-Demand is bought if no machine has run until then: what ``decide`` would do, told in
    advance, for nothing is learnt while nothing runs. With a ``dearness`` below 1, when a pool may
    be used that is as dear as that.

    ``reserve_h`` is work that may be lost with the machine, and how late On-Demand may come.
    """
    left_h += reserve_h
    kept_h = _kept_slack_h(left_h, restart_h) / dearness
    return deadline - timedelta(hours=restart_h + left_h + kept_h)


def take_over_age_h(
    terms: Terms, left_h: float, slack_h: float, spot_usd_per_hour: float
) -> float:
    """For how long Spot must have been offered before On-Demand is left for it: 0 for at once,
    infinity where neither slack nor price allow it.

    Left on that age, Spot is expected to live long enough for the slack to pay its part of the
    restarts that the rest of the work would then have.
    """
    saved = terms.on_demand_usd_per_hour - spot_usd_per_hour
    if slack_h <= 0 or saved <= 0:
        return math.inf
    payable_h = PAYABLE_RESTARTS * terms.restart_h * left_h / slack_h
    earned_h = EARNED_LIFE * terms.restart_h * terms.on_demand_usd_per_hour / saved
    return max(0.0, PRIOR_LOSSES * (payable_h + earned_h) - PRIOR_H)


def _wanted(terms: Terms, tick: Tick) -> PurchasingOption:
    """What is cheapest in the long run, whether or not it is safe."""
    running, left_h, spot_usd_per_hour = tick.running, tick.left_h, tick.spot_usd_per_hour
    if running is SPOT:
        return SPOT
    slack_h = tick.ticks_left * terms.tick_h - left_h - terms.restart_h
    if running is ON_DEMAND:
        if spot_usd_per_hour is None:
            return ON_DEMAND
        age_h = take_over_age_h(terms, left_h, slack_h, spot_usd_per_hour)
        return SPOT if tick.spot_age_h >= age_h - ROUNDING_H else ON_DEMAND
    kept_h = _kept_slack_h(left_h, terms.restart_h)
    if spot_usd_per_hour is not None and slack_h * tick.dearness <= kept_h and tick.dearness < 1:
        return SPOT
    return NOTHING if slack_h > kept_h + ROUNDING_H else ON_DEMAND


def _kept_slack_h(left_h: float, restart_h: float) -> float:
    return (KEPT_SLACK + KEPT_SLACK_PER_RESTART_H * restart_h) * left_h


def _is_in_time(terms: Terms, tick: Tick, choice: PurchasingOption) -> bool:
    """Whether On-Demand at the next tick would be in time, even if Spot is lost in this one."""
    left_h = tick.left_h
    if choice is SPOT:
        restart_h = tick.restart_left_h if tick.running is SPOT else terms.restart_h
        left_h -= max(terms.tick_h - restart_h, 0.0)
    return left_h <= ROUNDING_H or fits(terms, left_h, tick.ticks_left - 1)


# Several pools: the dearer, the later. On-Demand is only the dearest of them.


def effective_usd_per_hour(
    usd_per_hour: float, life_h: float, restart_h: float, *, egress_usd: float = 0.0
) -> float:
    """A price with what its restart and the move of the data cost, spread over the life there."""
    return usd_per_hour + (restart_h * usd_per_hour + egress_usd) / life_h


def expected_life_h(own_h: float, own_losses: int, left_h: float) -> float:
    """How long a machine of a pool will live, after so many hours and losses of our own there; no
    longer than the work."""
    life_h = (PRIOR_H + own_h) / (PRIOR_LOSSES - 1 + own_losses)
    return min(life_h, max(left_h, LEAST_LIFE_H))


def dearness(effective: float, cheapest_effective: float, on_demand_usd_per_hour: float) -> float:
    """Where a pool stands between the cheapest of the plan, offered or not (0: taken at once), and
    On-Demand (1: taken when On-Demand would be)."""
    if effective <= cheapest_effective:
        return 0.0
    if cheapest_effective >= on_demand_usd_per_hour:
        return math.inf
    return (effective - cheapest_effective) / (on_demand_usd_per_hour - cheapest_effective)


# What people tell is wrong: how much work there is, and how long a restart takes.


def work_left_h(
    told_h: float, done_h: float, share_done: float | None = None, *, spread: float = 0.0
) -> float:
    """The work to plan with, of which a person told ``told_h`` and ``done_h`` are done.

    ``share_done`` is how far the command says it is, 0 to 1; ``spread`` the relative spread of the
    speed that was measured from it.
    """
    if share_done is None:
        return max(ESTIMATE_UNTOLD * told_h - done_h, 0.0)
    estimated_h = max(ESTIMATE_UNTIL_TOLD * told_h - done_h, 0.0)
    if share_done <= 0:
        return estimated_h
    measured_h = done_h * (1 - share_done) / share_done * (1 + 2 * max(spread, LEAST_SPREAD))
    trust = min(done_h / TRUSTED_AFTER_H, 1.0)
    return (1 - trust) * estimated_h + trust * measured_h


def restart_to_plan_h(told_h: float, seen_h: Sequence[float] = ()) -> float:
    """The restart to plan with, by what was told until one was seen."""
    return RESTART_MARGIN * max(seen_h, default=told_h)
