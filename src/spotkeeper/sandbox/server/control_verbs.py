"""The control verbs, server side: the world is moved, EC2 only shows the consequences."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from spotkeeper.errors import BadInput, NotFound, SpotkeeperError
from spotkeeper.sandbox import catalogue, quotas
from spotkeeper.sandbox.faults import Fault
from spotkeeper.sandbox.market.capacity import Drought
from spotkeeper.sandbox.market.money import micros, usd
from spotkeeper.sandbox.market.pools import Pool, parse_pool
from spotkeeper.sandbox.options import SandboxOptions
from spotkeeper.sandbox.requests.due_events import NOTICED, RUNNING
from spotkeeper.sandbox.requests.request_states import Event
from spotkeeper.sandbox.requests.spot_requests import SpotRequest, look_again_at
from spotkeeper.sandbox.server import state
from spotkeeper.sandbox.world import spot_requests, world

Body = Mapping[str, Any]
Content = dict[str, Any]

DROUGHT_AFTER_INTERRUPTION = timedelta(minutes=10)
LEAST_PRICE = 100  # micro-dollars
NAME_TAGS = ("spotkeeper:name", "Name")


def now(_body: Body) -> Content:
    """The sandbox's time."""
    return {"now": world().now.isoformat()}


def advance(body: Body) -> Content:
    """Move the clock forwards; what falls due happens on the way."""
    seconds = float(body["seconds"])
    if seconds < 0:
        raise BadInput(
            "The sandbox's clock only moves forwards", next_step="Give a positive duration."
        )
    world().clock.advance(timedelta(seconds=seconds))
    world().catch_up()
    return now(body)


def interrupt(body: Body) -> Content:
    """Give a machine its notice now; its pool is dry for a while, nobody else is touched."""
    request = _request_named(body["name"])
    minutes = body.get("minutes")
    length = timedelta(minutes=minutes) if minutes is not None else DROUGHT_AFTER_INTERRUPTION
    ends = world().now + length
    request.happen(Event.RECLAIM)
    world().droughts[request.pool] = Drought(world().now, ends, reclaims=False)
    look_again_at(request.pool)
    return {
        "instance_id": request.instance_id,
        "request_id": request.id,
        "pool": str(request.pool),
        "action": request.terms.interruption_behavior,
        "at": request.notice_ends.isoformat() if request.notice_ends else None,
        "capacity_back_at": ends.isoformat(),
    }


def drain(body: Body) -> Content:
    """Make a pool dry: no launches, and a notice to every Spot instance in it."""
    pool, minutes = _pool(body), body.get("minutes")
    ends = world().now + timedelta(minutes=minutes) if minutes is not None else None
    world().droughts[pool] = Drought(world().now, ends, reclaims=True)
    look_again_at(pool)
    return {"pool": str(pool), "until": ends.isoformat() if ends else None}


def refill(body: Body) -> Content:
    """End a drought; what EC2 stopped starts again."""
    pool = _pool(body)
    world().droughts.pop(pool, None)
    look_again_at(pool)
    return {"pool": str(pool)}


def price(body: Body) -> Content:
    """Force a pool's Spot price from now on; like EC2's it is never above On-Demand."""
    pool = _pool(body)
    try:
        forced = micros(str(body["usd"]))
    except (ValueError, OverflowError):
        raise BadInput(
            f"'{body['usd']}' is not a price", next_step="Give dollars per hour, as in 0.35."
        ) from None
    ceiling = catalogue.on_demand(pool.region, pool.instance_type)
    if not LEAST_PRICE <= forced <= ceiling:
        raise BadInput(
            f"A Spot price of {pool} is between 0.0001 and its On-Demand price {usd(ceiling)}",
            next_step="Give a price in that range.",
        )
    world().force_price(pool, forced)
    look_again_at(pool)
    return {"pool": str(pool), "usd": usd(forced)}


def quota(body: Body) -> Content:
    """Set a quota in one region, or in all."""
    code = body["code"]
    if code not in quotas.BY_CODE:
        raise NotFound(
            f"There is no EC2 quota {code}",
            next_step=f"Use one of {', '.join(quotas.BY_CODE)}.",
        )
    regions = [body["region"]] if body.get("region") else catalogue.ENABLED_REGIONS
    for region in regions:
        world().quotas[region, code] = float(body["vcpus"])
    return {"code": code, "vcpus": float(body["vcpus"])}


def fail(body: Body) -> Content:
    """Make the next calls of an operation fail."""
    world().faults.append(Fault(**body))
    return {}


def calls(_body: Body) -> Content:
    """The AWS calls since the last reset."""
    return {"calls": [list(call) for call in world().calls]}


def reset(body: Body) -> Content:
    """A fresh account and market."""
    state.start_afresh(SandboxOptions(**body))
    return {}


VERBS: Mapping[str, Callable[[Body], Content]] = {
    "now": now,
    "advance": advance,
    "interrupt": interrupt,
    "drain": drain,
    "refill": refill,
    "price": price,
    "quota": quota,
    "fail": fail,
    "calls": calls,
    "reset": reset,
}


LOOKS = {"now", "calls"}  # change nothing


def carry_out(verb: str, body: Body) -> tuple[int, Content]:
    """The HTTP status and the content of the answer."""
    if verb not in VERBS:
        return 404, {"kind": "not-found", "message": f"no control verb '{verb}'"}
    try:
        world().catch_up()
        content = VERBS[verb](body)
        world().catch_up()
    except SpotkeeperError as problem:
        return 400, {
            "kind": problem.kind,
            "message": problem.message,
            "next_step": problem.next_step,
        }
    return 200, content


def _pool(body: Body) -> Pool:
    pool = parse_pool(str(body["pool"]))
    if not catalogue.is_spot_pool(pool):
        raise NotFound(
            f"There is no Spot pool {pool}",
            next_step="`spot find` lists pools; write TYPE@ZONE.",
        )
    return pool


def _request_named(name: str) -> SpotRequest:
    """The running Spot machine by name or instance id, in any region."""
    found = [
        request
        for request in spot_requests()
        if request.situation in RUNNING | NOTICED and name in _names(request)
    ]
    if not found:
        raise NotFound(
            f"No running Spot machine is called '{name}'",
            next_step="Give its name or its instance id; `spot ls` shows both.",
        )
    if len(found) > 1:
        ids = ", ".join(str(request.instance_id) for request in found)
        raise BadInput(
            f"{len(found)} Spot machines are called '{name}'",
            next_step=f"Give an instance id: {ids}.",
        )
    request: SpotRequest = found[0]
    return request


def _names(request: SpotRequest) -> set[str]:
    tags = request.ec2_backend.tags.get(request.instance_id, {})
    return {str(request.instance_id), *(tags[key] for key in NAME_TAGS if key in tags)}
