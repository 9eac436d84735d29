"""What happens to a Spot request by itself, and when to look at it next. Decisions are pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.agenda import earliest
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.spot_requests.placing import LaunchPlace, best_pool, place
from ec2_sandbox.spot_requests.request_states import Move, RequestEvent, Situation
from ec2_sandbox.spot_requests.request_table import outcome
from ec2_sandbox.world import world

RUNNING = {Situation.RUNNING, Situation.CANCELLED_RUNNING}
NOTICED = {Situation.NOTICED, Situation.CANCELLED_NOTICED}
WAITS_FOR_ROOM = {Situation.WAITING, Situation.STOPPED_BY_EC2}

# Situations that last for seconds only, and what ends them.
PASSING = {Situation.PLACING: RequestEvent.LAUNCH, Situation.STARTING: RequestEvent.STARTED}

HORIZON = timedelta(days=1)  # how far ahead the market is searched at once

# Some obstacles go away without a change of the market: they are looked at this often.
LOOK_AGAIN = timedelta(minutes=5)
UNFORESEEABLE = {"az-group-constraint", "launch-group-constraint", "limit-exceeded"}


@dataclass(frozen=True)
class View:
    """What decides a request's next event, at one moment.

    ``pool`` and ``obstacle`` say where it could be launched or started, and what is in the way.
    ``obstacle_is_shown`` when the request's status already tells of it.
    """

    situation: Situation
    pool: Pool
    obstacle: RequestEvent | None = None
    obstacle_is_shown: bool = False
    pass_is_over: bool = True
    notice_is_over: bool = False
    is_early: bool = False
    has_expired: bool = False
    may_relaunch: bool = True
    is_broken: bool = False
    root_is_gone: bool = False
    reclaiming: bool = False
    outbid: bool = False


def due_event(view: View) -> RequestEvent | None:
    """The event that a request is due, if any."""
    if view.has_expired and not view.notice_is_over:
        return RequestEvent.EXPIRE
    decide = DECISIONS.get(view.situation)
    return decide(view) if decide else None


def _passed(view: View) -> RequestEvent | None:
    return PASSING[view.situation] if view.pass_is_over else None


def _evaluated(view: View) -> RequestEvent | None:
    if not view.pass_is_over:
        return None
    if view.is_early:
        return RequestEvent.NOT_YET
    return RequestEvent.BAD if view.is_broken else view.obstacle or RequestEvent.FULFIL


def _scheduled(view: View) -> RequestEvent | None:
    return None if view.is_early else RequestEvent.VALID


def _waited(view: View) -> RequestEvent | None:
    if not view.may_relaunch or view.obstacle_is_shown:
        return None
    return view.obstacle or RequestEvent.FULFIL


def _ran(view: View) -> RequestEvent | None:
    if view.reclaiming:
        return RequestEvent.RECLAIM
    return RequestEvent.OUTBID if view.outbid else None


def _noticed(view: View) -> RequestEvent | None:
    return RequestEvent.INTERRUPT if view.notice_is_over else None


def _stopped(view: View) -> RequestEvent | None:
    if view.obstacle:
        return None
    return RequestEvent.ROOT_GONE if view.root_is_gone else RequestEvent.FULFIL


DECISIONS: Mapping[Situation, Callable[[View], RequestEvent | None]] = {
    Situation.EVALUATING: _evaluated,
    Situation.SCHEDULED: _scheduled,
    Situation.WAITING: _waited,
    Situation.STOPPED_BY_EC2: _stopped,
    **dict.fromkeys(PASSING, _passed),
    **dict.fromkeys((Situation.RUNNING, Situation.CANCELLED_RUNNING), _ran),
    **dict.fromkeys((Situation.NOTICED, Situation.CANCELLED_NOTICED), _noticed),
}


def view_of(request: Any) -> View:
    """How things stand for a request now."""
    now, terms = world().now, request.terms
    found = _place(request, now)
    running = request.situation in RUNNING
    return View(
        situation=request.situation,
        pool=found.pool,
        obstacle=found.obstacle,
        obstacle_is_shown=found.obstacle is not None and _is_shown(request, found.obstacle),
        pass_is_over=request.pass_ends is None or now >= request.pass_ends,
        notice_is_over=request.notice_ends is not None and now >= request.notice_ends,
        is_early=terms.valid_from is not None and now < terms.valid_from,
        has_expired=_can_expire(request) and now >= terms.valid_until,
        may_relaunch=now >= request.relaunch_at,
        is_broken=request.situation is Situation.EVALUATING and _is_broken(request),
        root_is_gone=request.situation is Situation.STOPPED_BY_EC2 and _lacks_root(request),
        reclaiming=running and _is_reclaimed(request),
        outbid=running and world().spot_price(request.pool) > terms.max_price,
    )


def _place(request: Any, now: datetime) -> LaunchPlace:
    if request.situation is Situation.STOPPED_BY_EC2:
        return best_pool((request.pool,), request.terms.max_price)
    if request.situation is Situation.EVALUATING or (
        request.situation is Situation.WAITING and now >= request.relaunch_at
    ):
        return place(request)
    return LaunchPlace(request.pool, None)


def _is_shown(request: Any, obstacle: RequestEvent) -> bool:
    """Whether the obstacle would change nothing of what the user sees."""
    found = outcome(request.terms.kind, Situation.WAITING, obstacle)
    if found is None:
        return request.situation is Situation.WAITING
    return isinstance(found, Move) and found.code == request.status_code


def _can_expire(request: Any) -> bool:
    """A one-time request that was launched, say, expires no more."""
    terms, situation = request.terms, request.situation
    return (
        terms.valid_until is not None
        and outcome(terms.kind, situation, RequestEvent.EXPIRE) is not None
    )


def _is_broken(request: Any) -> bool:
    try:
        request.launcher.check()
    except EC2Error:
        return True
    return False


def _lacks_root(request: Any) -> bool:
    instance = request.instance
    return instance.root_device_name not in instance.block_device_mapping


def _is_reclaimed(request: Any) -> bool:
    return world().capacity.reclaims(
        request.pool, started=request.started, lot=request.lot, second=world().second
    )


def is_advised(request: Any) -> bool:
    """Whether EC2 recommends to leave the pool; once for every start."""
    if request.situation not in RUNNING or request.rebalance_at is not None:
        return False
    return world().capacity.advises(
        request.pool, started=request.started, lot=request.lot, second=world().second
    )


def next_look(request: Any, now: datetime) -> datetime | None:
    """When to look at a request that has nothing due now; None for one that waits for its user."""
    terms = request.terms
    own = [request.notice_ends, request.relaunch_at, request.pass_ends, terms.valid_from]
    if _can_expire(request):
        own.append(terms.valid_until)
    if request.situation is Situation.WAITING and request.status_code in UNFORESEEABLE:
        own.append(now + LOOK_AGAIN)
    known = [moment for moment in own if moment and moment > now]
    return earliest(*known, _market_turn(request, now))


def _market_turn(request: Any, now: datetime) -> datetime | None:
    """When a pool may do something to the request; the horizon when it will not until then."""
    if request.situation not in RUNNING | WAITS_FOR_ROOM:
        return None
    after = int(now.timestamp())
    until = after + int(HORIZON.total_seconds())
    seconds = [second for second in _turns(request, after, until) if second]
    return datetime.fromtimestamp(min(seconds, default=until), UTC)


def _turns(request: Any, after: int, until: int) -> Iterator[int | None]:
    capacity, pool = world().capacity, request.pool
    if request.situation in RUNNING:
        fate = {"started": request.started, "lot": request.lot, "after": after, "until": until}
        yield capacity.next_reclaim(pool, **fate)
        if request.rebalance_at is None:
            yield capacity.next_advice(pool, **fate)
        yield _price_crossing(pool, request.terms.max_price, after, until)
        return
    pools = (pool,) if request.situation is Situation.STOPPED_BY_EC2 else request.launcher.pools
    for pool in pools:
        yield capacity.next_turn(pool, after, until)
        yield _price_crossing(pool, request.terms.max_price, after, until)


def _price_crossing(pool: Pool, max_price: int, after: int, until: int) -> int | None:
    """When the price of the pool crosses the maximum."""
    if max_price >= catalogue.on_demand(pool.region, pool.instance_type):
        return None  # the Spot price never gets there
    market = world().market
    outbid = market.price(pool, after) > max_price
    for change in market.changes_within(pool, after, until):
        if (change.micros > max_price) is not outbid:
            return change.second
    return None
