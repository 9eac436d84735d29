"""What happens to a Spot request by itself, and when to look at it next. Decisions are pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from spotkeeper.sandbox import catalogue
from spotkeeper.sandbox.agenda import earliest
from spotkeeper.sandbox.requests.request_states import Event, Situation
from spotkeeper.sandbox.world import world

RUNNING = {Situation.RUNNING, Situation.CANCELLED_RUNNING}
NOTICED = {Situation.NOTICED, Situation.CANCELLED_NOTICED}
WAITS_FOR_ROOM = {Situation.WAITING, Situation.STOPPED_BY_EC2}
EXPIRES = {
    Situation.WAITING,
    Situation.RUNNING,
    Situation.NOTICED,
    Situation.STOPPED_BY_USER,
    Situation.STOPPED_BY_EC2,
}
HORIZON = timedelta(days=1)  # how far ahead the market is searched at once


@dataclass(frozen=True)
class View:
    """What decides a request's next event, at one moment."""

    situation: Situation
    status_code: str
    notice_is_over: bool
    has_expired: bool
    may_relaunch: bool
    dry: bool
    reclaiming: bool
    outbid: bool


def due_event(view: View) -> Event | None:
    """The event that a request is due, if any."""
    if view.situation in NOTICED and view.notice_is_over:
        return Event.INTERRUPT
    if view.has_expired and view.situation in EXPIRES:
        return Event.EXPIRE
    if view.situation in RUNNING and (view.reclaiming or view.outbid):
        return Event.RECLAIM if view.reclaiming else Event.OUTBID
    return _fulfilment(view)


def _fulfilment(view: View) -> Event | None:
    """Capacity for whoever waits for it."""
    if view.situation is Situation.STOPPED_BY_EC2:
        return None if view.dry or view.outbid else Event.FULFIL
    if view.situation is not Situation.WAITING or not view.may_relaunch:
        return None
    if view.dry:
        return None if view.status_code == "capacity-not-available" else Event.NO_ROOM
    if view.outbid:
        return None if view.status_code == "price-too-low" else Event.OUTBID
    return Event.FULFIL


def view_of(request: Any) -> View:
    """How things stand for a request now."""
    now, second, capacity = world().now, world().second, world().capacity
    return View(
        situation=request.situation,
        status_code=request.status_code,
        notice_is_over=request.notice_ends is not None and now >= request.notice_ends,
        has_expired=request.valid_until is not None and now >= request.valid_until,
        may_relaunch=now >= request.relaunch_at,
        dry=capacity.is_dry(request.pool, second),
        reclaiming=request.situation in RUNNING
        and capacity.reclaims(
            request.pool, started=request.started, lot=request.lot, second=second
        ),
        outbid=world().spot_price(request.pool) > request.terms.max_price,
    )


def next_look(request: Any, now: datetime) -> datetime | None:
    """When to look at a request that has nothing due now; None for one that is over."""
    own = (request.notice_ends, request.valid_until, request.relaunch_at)
    known = [moment for moment in own if moment and moment > now]
    return earliest(*known, _market_turn(request, now))


def _market_turn(request: Any, now: datetime) -> datetime | None:
    """When the pool may do something to the request; the horizon when it will not until then."""
    after = int(now.timestamp())
    until = after + int(HORIZON.total_seconds())
    capacity, turn = world().capacity, None
    if request.situation in RUNNING:
        turn = capacity.next_reclaim(
            request.pool, started=request.started, lot=request.lot, after=after, until=until
        )
    elif request.situation in WAITS_FOR_ROOM:
        turn = capacity.next_turn(request.pool, after, until)
    else:
        return None
    seconds = [second for second in (turn, _price_crossing(request, after, until)) if second]
    return datetime.fromtimestamp(min(seconds, default=until), UTC)


def _price_crossing(request: Any, after: int, until: int) -> int | None:
    """When the price of the pool crosses the request's maximum."""
    if request.terms.max_price >= catalogue.on_demand(
        request.pool.region, request.pool.instance_type
    ):
        return None  # the Spot price never gets there
    market = world().market
    outbid = market.price(request.pool, after) > request.terms.max_price
    for change in market.changes_within(request.pool, after, until):
        if (change.micros > request.terms.max_price) is not outbid:
            return change.second
    return None
