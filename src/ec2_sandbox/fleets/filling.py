"""What a fleet does to come near to its target: launch, replace, end what is too much."""

from collections.abc import Sequence
from datetime import timedelta
from math import inf
from typing import Any

from ec2_sandbox.fleets import fleet_events, maintaining
from ec2_sandbox.fleets.allocation import Candidate, Share
from ec2_sandbox.fleets.attempts import Attempt, Member
from ec2_sandbox.fleets.candidates import LIFECYCLES, SPOT, Override, candidates, overrides
from ec2_sandbox.fleets.fleet_requests import FleetType
from ec2_sandbox.fleets.launching import Purchase
from ec2_sandbox.world import world


def work(fleet: Any) -> None:
    """One step towards the target; EC2's error when it has nothing to launch from any more."""
    if fleet.request.type is FleetType.REQUEST:
        _fill_outstanding(fleet)
        return
    for lifecycle in LIFECYCLES:
        missing = fleet.target(lifecycle) - fleet.held(lifecycle)
        if missing > 0:
            fill(fleet, lifecycle, missing)
        elif missing < 0 and fleet.request.ends_excess:
            _shrink(fleet, lifecycle, -missing)
    _replace_those_at_risk(fleet)


def fill(fleet: Any, lifecycle: str, units: float, but: Sequence[Candidate] = ()) -> list[Member]:
    """Launch ``units`` of capacity, in other pools than those named."""
    if units <= 0:
        return []
    attempt = _attempt(fleet, lifecycle)
    shunned = {one.pool for one in but}
    pools = [one for one in _pools(fleet, attempt) if one.pool not in shunned]
    attempt.fill(pools, units, _budget(fleet, lifecycle))
    fleet.take(attempt)
    return attempt.members


def assigned(fleet: Any) -> list[tuple[str, Share]]:
    """The pools that a request fleet asks, whether or not they have room now."""
    found = []
    for lifecycle in LIFECYCLES:
        attempt = _attempt(fleet, lifecycle)
        units = fleet.target(lifecycle)
        plan = maintaining.assigned(_pools(fleet, attempt), attempt.options, units)
        found += [(lifecycle, share) for share in plan]
    return found


def _fill_outstanding(fleet: Any) -> None:
    """A request fleet waits in the pools that it chose at the beginning."""
    left = []
    waiting = dict.fromkeys(lifecycle for lifecycle, _ in fleet.outstanding)
    attempts = {lifecycle: _attempt(fleet, lifecycle) for lifecycle in waiting}
    for lifecycle, share in fleet.outstanding:
        missing = share.number - attempts[lifecycle].launch_share(share)
        if missing:
            left.append((lifecycle, share._replace(number=missing)))
    for attempt in attempts.values():
        fleet.take(attempt)
    fleet.outstanding = left


def _shrink(fleet: Any, lifecycle: str, excess: float) -> None:
    """End what is too much (ExcessCapacityTerminationPolicy)."""
    members = [member for member in fleet.living(lifecycle) if not member.is_leaving]
    strategy = fleet.options(lifecycle).strategy
    for member in maintaining.too_many(members, strategy, excess):
        fleet.tell(fleet_events.gone(member.instance, "termination_notified"))
        member.end_soon()


def _replace_those_at_risk(fleet: Any) -> None:
    """Capacity Rebalancing: a replacement first, then perhaps the end of the old instance."""
    rebalance = fleet.request.rebalance
    if rebalance is None:
        return
    for member in fleet.living(SPOT):
        if not member.at_risk or member.is_leaving:
            continue
        room = maintaining.MOST_TIMES_TARGET * fleet.request.target.total - fleet.fulfilled()
        if room < member.weight:
            return
        if fill(fleet, SPOT, member.weight, but=[member.candidate]):
            member.leaves_at = world().now
            delay = timedelta(seconds=rebalance.delay)
            member.ends_at = world().now + delay if rebalance.terminates else None


def _attempt(fleet: Any, lifecycle: str) -> Attempt:
    request = fleet.request
    purchase = Purchase(fleet.id, lifecycle, request.interruption_behavior, request.tags)
    found: list[Override] = overrides(request, fleet.ec2_backend)
    return Attempt(found, purchase, fleet.options(lifecycle), fleet.ec2_backend)


def _pools(fleet: Any, attempt: Attempt) -> list[Candidate]:
    lifecycle = attempt.purchase.lifecycle
    return [
        pool
        for override in attempt.overrides
        for pool in candidates(override, lifecycle, fleet.request, fleet.ec2_backend)
    ]


def _budget(fleet: Any, lifecycle: str) -> float:
    """What MaxTotalPrice leaves, micro-dollars per hour."""
    budget = fleet.options(lifecycle).budget
    if budget is None:
        return inf
    spent: float = sum(member.candidate.price for member in fleet.living(lifecycle))
    return float(budget) - spent
