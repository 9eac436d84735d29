"""How a fleet is kept at its target: decisions only."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ec2_sandbox.agenda import earliest
from ec2_sandbox.fleets.allocation import Candidate, Options, Share, first_to_go, shares
from ec2_sandbox.fleets.attempts import Failure, Member
from ec2_sandbox.world import world

# Capacity Rebalancing stops when the fleet has twice its target
# (UserGuide/ec2-fleet-capacity-rebalance.html).
MOST_TIMES_TARGET = 2

FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(minutes=15)
DOUBLINGS = 4  # 1, 2, 4, 8 minutes, then LAST_RETRY
POOLS_WATCHED = 10

# Where the request waits whatever the room is (FleetType request).
ANY_ROOM = 10_000


def next_try(failures: Sequence[Failure], tries: int, now: datetime) -> datetime | None:
    """When to try again: later each time, but not later than a pool that failed has room."""
    if not failures:
        return None
    delay = FIRST_RETRY * 2 ** (tries - 1) if tries <= DOUBLINGS else LAST_RETRY
    return earliest(now + delay, _next_turn(failures[:POOLS_WATCHED], now, now + delay))


def _next_turn(failures: Iterable[Failure], now: datetime, until: datetime) -> datetime | None:
    """When the first of the pools may have room again."""
    capacity = world().capacity
    after, last = int(now.timestamp()), int(until.timestamp())
    turns = (capacity.next_turn(failure.candidate.pool, after, last) for failure in failures)
    found = min((turn for turn in turns if turn is not None), default=None)
    return datetime.fromtimestamp(found, UTC) if found else None


def too_many(members: Sequence[Member], strategy: str, excess: float) -> list[Member]:
    """The members that a fleet ends when its target is lowered."""
    now = [_as_it_is_now(member) for member in members]
    return [members[index] for index in first_to_go(now, strategy, excess=excess)]


def _as_it_is_now(member: Member) -> Candidate:
    """Its pool with the price and the headroom of today; On-Demand ones do not change."""
    candidate = member.candidate
    if member.lifecycle != "spot":
        return candidate
    headroom = world().capacity.headroom(candidate.pool, world().second)
    return replace(candidate, price=world().spot_price(candidate.pool), headroom=headroom)


def assigned(pools: Iterable[Candidate], options: Options, units: int) -> list[Share]:
    """The pools that a fleet of type request places its requests in."""
    anywhere = [replace(one, room=max(one.room, ANY_ROOM)) for one in pools]
    return shares(anywhere, options, units=units)
