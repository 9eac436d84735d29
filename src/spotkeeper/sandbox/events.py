"""What falls due by itself: notices, relaunches, expiries, droughts. Each at its own time.

There is no background loop: before every call the world catches up with its clock, moment by
moment, so that `advance 3h` stamps what happened in between with the times it happened at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from spotkeeper.sandbox import catalogue, machines
from spotkeeper.sandbox.refusal import EC2Error
from spotkeeper.sandbox.request_states import Event, Situation
from spotkeeper.sandbox.spot_requests import SpotRequest
from spotkeeper.sandbox.world import region_backends, spot_requests, world

RUNNING = {Situation.RUNNING, Situation.CANCELLED_RUNNING}
NOTICED = {Situation.NOTICED, Situation.CANCELLED_NOTICED}
EXPIRES = {
    Situation.WAITING,
    Situation.RUNNING,
    Situation.NOTICED,
    Situation.STOPPED_BY_USER,
    Situation.STOPPED_BY_EC2,
}


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


def catch_up() -> None:
    """Bring the world to its clock's now."""
    now = world().now
    moment = world().settled_at or now
    crossings = list(_price_crossings(moment, now))
    while upcoming := [d for d in chain(crossings, _appointments()) if moment < d <= now]:
        moment = min(upcoming)
        with world().clock.at(moment):
            settle()
    settle()
    world().settled_at = now
    _forget()


def settle() -> None:
    """Fire everything that is due at this very moment."""
    for request in spot_requests():
        while event := due_event(_view(request)):
            try:
                request.happen(event)
            except EC2Error:  # what it would launch from is gone: its group, key or subnet
                request.give_up()


def _view(request: SpotRequest) -> View:
    now = world().now
    return View(
        situation=request.situation,
        status_code=request.status_code,
        notice_is_over=request.notice_ends is not None and now >= request.notice_ends,
        has_expired=request.valid_until is not None and now >= request.valid_until,
        may_relaunch=now >= request.relaunch_at,
        dry=world().capacity.is_dry(request.pool, now),
        reclaiming=world().capacity.reclaims(request.pool, now),
        outbid=world().spot_price(request.pool) > request.terms.max_price,
    )


def _appointments() -> Iterator[datetime]:
    """Every moment for which something is due already."""
    yield from world().capacity.turning_points()
    for request in spot_requests():
        if request.situation is Situation.ENDED:
            continue
        own = (request.notice_ends, request.valid_until, request.relaunch_at)
        yield from (moment for moment in own if moment)


def _price_crossings(after: datetime, until: datetime) -> Iterator[datetime]:
    """When the price of a pool crosses the maximum of a request in it."""
    market, begin, end = world().market, int(after.timestamp()), int(until.timestamp())
    for request in spot_requests():
        if request.terms.max_price >= catalogue.on_demand(*_region_and_type(request)):
            continue  # the Spot price never gets there
        outbid = market.price(request.pool, begin) > request.terms.max_price
        for change in market.changes_within(request.pool, begin, end):
            if (change.micros > request.terms.max_price) is not outbid:
                outbid = not outbid
                yield datetime.fromtimestamp(change.second, UTC)


def _region_and_type(request: SpotRequest) -> tuple[str, str]:
    return request.pool.region, request.pool.instance_type


def _forget() -> None:
    """Drop what AWS drops from its lists after a while."""
    for backend in region_backends().values():
        requests = backend.spot_instance_requests
        for key in [key for key, request in requests.items() if request.is_forgotten]:
            del requests[key]
            backend.tags.pop(key, None)
    machines.forget_the_long_terminated()


def held_by(instance_ids: list[str]) -> dict[str, SpotRequest]:
    """The requests that hold these instances, by instance id."""
    found = (r for r in spot_requests() if r.instance_id in instance_ids)
    return {request.instance_id: request for request in found}
