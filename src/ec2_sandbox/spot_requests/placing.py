"""Where an open request could be launched now, or what keeps it waiting."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ec2_sandbox.market.pools import Pool
from ec2_sandbox.spot_requests.request_states import RequestEvent, Situation
from ec2_sandbox.world import world

UNDECIDED = {Situation.EVALUATING, Situation.SCHEDULED, Situation.WAITING}


class LaunchPlace(NamedTuple):
    """The best pool, and what is in the way of a launch there."""

    pool: Pool
    obstacle: RequestEvent | None


def best_pool(pools: Sequence[Pool], max_price: int) -> LaunchPlace:
    """The cheapest pool with room."""
    capacity, second = world().capacity, world().second
    with_room = [pool for pool in pools if not capacity.is_dry(pool, second)]
    if not with_room:
        return LaunchPlace(pools[0], RequestEvent.NO_ROOM)
    pool = min(with_room, key=world().spot_price)
    return LaunchPlace(pool, RequestEvent.OUTBID if world().spot_price(pool) > max_price else None)


def place(request: Any) -> LaunchPlace:
    """The pool for an open request, with its groups and the account's limits in mind."""
    pools, terms = request.launcher.pools, request.terms
    if not pools:
        return LaunchPlace(request.pool, RequestEvent.CONSTRAINT)
    found = best_pool(pools, terms.max_price)
    if found.obstacle is None and terms.zone_group:
        found = _in_zone_group(request, found)
    if found.obstacle:
        return found
    if request.launcher.is_over_limit():
        return LaunchPlace(found.pool, RequestEvent.LIMIT)
    if terms.launch_group and not _launches_together(request, found.pool):
        return LaunchPlace(found.pool, RequestEvent.LAUNCH_GROUP)
    return found


def _in_zone_group(request: Any, anywhere: LaunchPlace) -> LaunchPlace:
    """All of a zone group go where its first instance went."""
    zone = next(
        (
            one.pool.zone
            for one in _same(request, "zone_group")
            if one.situation not in UNDECIDED | {Situation.ENDED}
        ),
        None,
    )
    if zone is None:
        return anywhere
    allowed = [pool for pool in request.launcher.pools if pool.zone == zone]
    found = best_pool(allowed, request.terms.max_price) if allowed else anywhere
    if not allowed or found.obstacle:
        return LaunchPlace(anywhere.pool, RequestEvent.ZONE_GROUP)
    return found


def _launches_together(request: Any, pool: Pool) -> bool:
    """Whether all open requests of the launch group could be launched now."""
    others = [one for one in _same(request, "launch_group") if one.situation in UNDECIDED]
    places = [best_pool(one.launcher.pools or (one.pool,), one.terms.max_price) for one in others]
    if any(found.obstacle for found in places) or any(
        one.situation is Situation.SCHEDULED for one in others
    ):
        return False
    wanted = 1 + sum(found.pool == pool for found in places)
    return world().capacity.room(pool, world().second) >= wanted


def launch_group_of(request: Any) -> list[Any]:
    """The other requests that are launched and interrupted together with this one."""
    return _same(request, "launch_group") if request.terms.launch_group else []


def _same(request: Any, group: str) -> list[Any]:
    """The region's other requests in the same group."""
    name = getattr(request.terms, group)
    known = request.ec2_backend.spot_instance_requests.values()
    return [one for one in known if one is not request and getattr(one.terms, group, None) == name]
