"""The control verbs, server side: the world is moved, EC2 only shows the consequences."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ec2_sandbox import catalogue, modelled
from ec2_sandbox.client.home import Home
from ec2_sandbox.errors import BadInput, NotFound, SandboxError
from ec2_sandbox.faults import BOOT, Fault
from ec2_sandbox.guests import guests
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.market.capacity import Drought
from ec2_sandbox.market.money import micros, usd
from ec2_sandbox.options import checked
from ec2_sandbox.server import reports, state
from ec2_sandbox.server.call_log import log
from ec2_sandbox.server.control_args import Asked
from ec2_sandbox.server.machines_named import instance_named, request_named
from ec2_sandbox.services.imds import servers
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.spot_requests import endings
from ec2_sandbox.spot_requests.spot_requests import FULFILMENT, look_again_at
from ec2_sandbox.throttle import Throttle
from ec2_sandbox.world import world

Content = dict[str, Any]

LEAST_PRICE = 100  # micro-dollars
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LONGEST_LATENCY = 60.0  # real seconds
EVERYWHERE = ""  # the region of what is told of all regions


def advance(asked: Asked) -> Content:
    """Move the clock forwards; what falls due happens on the way."""
    length = asked.length("seconds", SECOND)
    _told(f"advance {_spelled(length)}")
    here = guests.guests()
    if here is not None and here.are_on:
        here.advance(world().now + length)
    else:
        world().clock.advance(length)
        world().catch_up()
    return reports.now(asked)


def interrupt(asked: Asked) -> Content:
    """Give a machine its notice now; its pool is dry for a while, nobody else is touched."""
    request = request_named(asked.text("name"))
    length = asked.length_if_any("minutes", MINUTE) or endings.DRY_AFTER_INTERRUPTION
    ends = world().now + length
    _told(f"interrupt {asked.text('name')}")
    endings.interrupt_request(request, ends)
    return {
        "instance_id": request.instance_id,
        "request_id": request.id,
        "pool": str(request.pool),
        "action": request.terms.interruption_behavior,
        "at": request.notice_ends.isoformat() if request.notice_ends else None,
        "capacity_back_at": ends.isoformat(),
    }


def shutdown(asked: Asked) -> Content:
    """What `shutdown -h now` inside the machine does."""
    instance = instance_named(asked.text("name"))
    _told(f"shutdown {asked.text('name')}")
    endings.guest_shutdown(instance)
    return {"instance_id": instance.id, "state": instance.state}


def drain(asked: Asked) -> Content:
    """Make a pool dry: no launches, and a notice to every Spot instance in it."""
    pool, length = asked.pool(), asked.length_if_any("minutes", MINUTE)
    ends = world().now + length if length is not None else None
    world().droughts[pool] = Drought(world().now, ends, reclaims=True)
    until = ends.isoformat() if ends else ""
    world().tell(HappeningKind.MARKET, str(pool), pool.region, {"what": "drained", "until": until})
    look_again_at(pool)
    return {"pool": str(pool), "until": until or None}


def refill(asked: Asked) -> Content:
    """End a drought; what EC2 stopped starts again."""
    pool = asked.pool()
    world().droughts[pool] = world().capacity.refilled(pool, world().now)
    world().tell(HappeningKind.MARKET, str(pool), pool.region, {"what": "refilled"})
    look_again_at(pool)
    return {"pool": str(pool)}


def price(asked: Asked) -> Content:
    """Force a pool's Spot price from now on; like EC2's it is never above On-Demand."""
    pool, wanted = asked.pool(), asked.text("usd")
    try:
        forced = micros(wanted)
    except (ValueError, OverflowError):
        raise BadInput(
            f"'{wanted}' is not a price", next_step="Give dollars per hour, as in 0.35."
        ) from None
    ceiling = catalogue.on_demand(pool.region, pool.instance_type)
    if not LEAST_PRICE <= forced <= ceiling:
        raise BadInput(
            f"A Spot price of {pool} is between 0.0001 and its On-Demand price {usd(ceiling)}",
            next_step="Give a price in that range.",
        )
    world().force_price(pool, forced)
    facts = {"what": "priced", "usd": usd(forced)}
    world().tell(HappeningKind.MARKET, str(pool), pool.region, facts)
    look_again_at(pool)
    return {"pool": str(pool), "usd": usd(forced)}


def quota(asked: Asked) -> Content:
    """Set a quota in one region, or in all."""
    code, vcpus, region = asked.text("code"), asked.number("vcpus"), asked.region_if_any()
    if code not in quotas.BY_CODE:
        raise NotFound(
            f"There is no EC2 quota {code}", next_step=f"Use one of {', '.join(quotas.BY_CODE)}."
        )
    for each in [region] if region else catalogue.ENABLED_REGIONS:
        world().quotas[each, code] = vcpus
    facts = {"vcpus": f"{vcpus:g}", "by": "control"}
    world().tell(HappeningKind.QUOTA, code, region or EVERYWHERE, facts)
    return {"code": code, "vcpus": vcpus}


def fail(asked: Asked) -> Content:
    """Make the next calls of an operation fail."""
    times, status = int(asked.number("times")), asked.number_if_any("http_status")
    if times < 1:
        raise BadInput("'times' must be one or more")
    operation = asked.text("operation")
    if operation not in {BOOT, FULFILMENT} and not modelled.is_operation(operation):
        raise BadInput(f"No service here has an operation {operation!r}, as in RunInstances")
    fault = Fault(
        operation=operation,
        code=asked.text("code"),
        message=str(asked.body.get("message") or ""),
        times=times,
        region=asked.region_if_any(),
        http_status=None if status is None else int(status),
        after_effect=asked.truth("after_effect"),
    )
    if fault.status and not 400 <= fault.status <= 599:  # noqa: PLR2004
        raise BadInput("'http_status' must be 0 or from 400 to 599")
    world().faults.append(fault)
    effect = "after its effect" if fault.after_effect else ""
    _told(f"fail-next {fault.operation} {fault.code}", {"times": str(times), "when": effect})
    return {}


def latency(asked: Asked) -> Content:
    """Let every call, or every call of one action, wait; in real time."""
    seconds, action = asked.number("seconds"), asked.text_if_any("action") or ""
    if seconds > LONGEST_LATENCY:
        raise BadInput(f"A latency is at most {LONGEST_LATENCY:.0f} s")
    world().latencies = {name: s for name, s in world().latencies.items() if name != action}
    if seconds:
        world().latencies = {**world().latencies, action: seconds}
    _told(f"latency {seconds:g} s", {"for": action})
    return {"seconds": seconds, "action": action or None}


def throttle(asked: Asked) -> Content:
    """Limit calls as EC2 does, from full buckets on; or no more."""
    switched_on = asked.truth("on")
    world().throttle = Throttle() if switched_on else None
    _told(f"throttle {'on' if switched_on else 'off'}")
    return {"on": switched_on}


def metadata(asked: Asked) -> Content:
    """Where the metadata service of a machine answers, on this computer."""
    instance_id = instance_named(asked.text("name")).id
    return {"endpoint": servers.servers().endpoint(instance_id), "instance_id": instance_id}


def logins(_asked: Asked) -> Content:
    """Where the ssh server of each running machine listens; port 0: nowhere, or not yet."""
    here = guests.guests()
    return {
        "guests": world().options.guests,
        "machines": {} if here is None else {key: one.login() for key, one in here.all()},
    }


def reset(asked: Asked) -> Content:
    """A fresh account and market."""
    if here := guests.guests():
        here.clear()
    state.start_afresh(checked(asked.body))
    log.clear()
    if note := market_note():
        Home(asked.home).add_note(note)
    return {}


def market_note() -> str | None:
    """What must be said of the prices that are replayed, if any are."""
    return world().replayed.told() if world().options.replay else None


Verb = Callable[[Asked], Content]

#: These change nothing.
LOOKS: Mapping[str, Verb] = {
    "now": reports.now,
    "status": reports.status,
    "events": reports.events,
    "bill": reports.bill,
    "calls": reports.calls,
    "metadata": metadata,
    "logins": logins,
}
VERBS: Mapping[str, Verb] = {
    **LOOKS,
    "advance": advance,
    "interrupt": interrupt,
    "shutdown": shutdown,
    "drain": drain,
    "refill": refill,
    "price": price,
    "quota": quota,
    "fail": fail,
    "latency": latency,
    "throttle": throttle,
    "reset": reset,
}


def carry_out(verb: str, body: object, home: Path) -> tuple[int, Content]:
    """The HTTP status and the content of the answer."""
    if verb not in VERBS:
        return 404, {"kind": "not-found", "message": f"no control verb '{verb}'"}
    try:
        if not isinstance(body, dict):
            raise BadInput("The body must be a JSON object")
        if verb != "reset":
            world().catch_up()
        content = VERBS[verb](Asked(body, home))
        world().catch_up()
    except SandboxError as problem:
        return 400, {
            "kind": problem.kind,
            "message": problem.message,
            "next_step": problem.next_step,
        }
    return 200, content


def _spelled(length: timedelta) -> str:
    """As it is typed: 1d2h, 30m, 0.5s."""
    hours, seconds = divmod(length.seconds + length.microseconds / 1e6, 3_600)
    minutes, seconds = divmod(seconds, 60)
    parts = ((length.days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number:g}{unit}" for number, unit in parts if number) or "0s"


def _told(verb: str, details: Mapping[str, str] | None = None) -> None:
    """For the history: somebody played EC2's part."""
    world().tell(HappeningKind.CONTROL, verb, EVERYWHERE, details or {})
