"""What happens to an instance: begin, start, stop, terminate, with the states in between.

Each state is told to the history, disks too: the bill is computed from nothing else.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from moto.ec2.models.instances import StateReason

from ec2_sandbox import catalogue
from ec2_sandbox.agenda import Alarm
from ec2_sandbox.faults import BOOT, Fault, take
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.services.service_quotas import quotas
from ec2_sandbox.spot_requests import addresses
from ec2_sandbox.spot_requests.request_states import Effect, RequestEvent
from ec2_sandbox.world import world

# A terminated instance stays visible for about an hour (UserGuide/terminating-instances.html).
TERMINATED_VISIBLE = timedelta(hours=1)

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
ALIVE = {"pending", "running"}
OVER = {"shutting-down", "terminated"}

# How long EC2 takes, in seconds: shortest, longest. A fair guess; AWS promises nothing.
PENDING = (5, 20)
STOPPING = (10, 40)
SHUTTING_DOWN = (5, 30)
SETTLING = (15, 60)  # until the Spot request of a stop is disabled; some tell of minutes
MOMENT = timedelta(milliseconds=1)


class Reason(NamedTuple):
    """Why an instance stops or ends: EC2's words, and whose doing it is."""

    code: str
    message: str
    transition: str
    cause: str


USER = Reason("Client.UserInitiatedShutdown", "User initiated shutdown", "User initiated", "user")
FLEET = USER._replace(cause="fleet")
EC2 = USER._replace(cause="ec2")  # for what EC2 launches and starts; nothing ends with it
GUEST = Reason(
    "Client.InstanceInitiatedShutdown",
    "Instance initiated shutdown",
    "Instance initiated",
    "guest",
)
SPOT_STOP = Reason(
    "Server.SpotInstanceShutdown", "Spot Instance shutdown", "Server.SpotInstanceShutdown", "ec2"
)
SPOT_END = Reason(
    "Server.SpotInstanceTermination",
    "Spot Instance termination",
    "Server.SpotInstanceTermination",
    "ec2",
)

# Of an encrypted disk: seen in public reports, sometimes with Client.InternalError for its code.
NO_KEY = Fault(BOOT, "Server.InternalError", "Client.InternalError: Client error on launch")


def pool_of(instance: Any) -> Pool:
    """Where it runs."""
    return Pool(instance.placement.zone, instance.instance_type)


def carry_out(effect: Effect, instance: Any, reason: Reason = USER) -> None:
    """Do to the instance what the request's table says."""
    match effect:
        case Effect.LAUNCH:
            begin(instance, reason)
        case Effect.START:
            start(instance, reason)
        case Effect.STOP:
            stop(instance, reason)
        case Effect.STOP_BY_EC2:
            stop(instance, SPOT_STOP)
        case Effect.TERMINATE:
            terminate(instance, reason)
        case Effect.TERMINATE_BY_EC2:
            terminate(instance, SPOT_END)
        case Effect.NONE | Effect.NOTICE:
            pass


def begin(instance: Any, reason: Reason = USER) -> None:
    """A new instance, with its disks."""
    for volume in _volumes(instance):
        tell_volume(volume, "created", instance.id)
    _boot(instance, reason.cause, RequestEvent.USER_TERMINATE)


def start(instance: Any, reason: Reason = USER) -> None:
    """Run again, with a new public address and launch time."""
    instance.start()
    instance.launch_time = world().now.replace(tzinfo=None)
    _boot(instance, reason.cause, RequestEvent.USER_STOP)


def stop(instance: Any, reason: Reason = USER) -> None:
    """Stop; the disks stay."""
    _enter(instance, "stopping", reason.cause)
    _explain(instance, reason)
    _after(STOPPING, instance, partial(_stopped, instance, reason))


def terminate(instance: Any, reason: Reason = USER) -> None:
    """End; disks with DeleteOnTermination go, the others become available."""
    _enter(instance, "shutting-down", reason.cause)
    _explain(instance, reason)
    _after(SHUTTING_DOWN, instance, partial(_terminated, instance, reason))


def tell_volume(volume: Any, state: str, instance_id: str) -> None:
    """A disk's life, as the bill needs it."""
    facts = {
        "state": state,
        "gb": str(volume.size),
        "type": volume.volume_type,
        "zone": volume.zone.name,
        "instance": instance_id,
        "iops": str(volume.iops or ""),
        "throughput": str(volume.throughput or ""),
    }
    world().tell(HappeningKind.VOLUME, volume.id, volume.ec2_backend.region_name, facts)


def _boot(instance: Any, cause: str, failure: RequestEvent) -> None:
    """Come up; or end, or stop again, where that was asked for."""
    _enter(instance, "pending", cause)
    fault, rest = take(world().faults, BOOT, instance.region_name)
    world().faults[:] = rest
    if fault is None and getattr(instance, "lacks_key", False):
        fault = NO_KEY
    if fault is None:
        _after(PENDING, instance, partial(_enter, instance, "running", cause))
        return
    reason = Reason(fault.code, fault.text, fault.code, "ec2")
    lasts = world().dwell(*PENDING, instance.id, instance.state, world().second)
    # Never within the call that launches it, which has answered with a pending instance.
    act = partial(_fail, instance, failure, reason)
    world().plan(Alarm(instance.id, world().now + (lasts or MOMENT), act))


def _fail(instance: Any, failure: RequestEvent, reason: Reason) -> None:
    if instance.state != "pending":
        return
    if request := getattr(instance, "spot_request", None):
        request.happen(failure, reason)
    elif failure is RequestEvent.USER_STOP:
        stop(instance, reason)
    else:
        terminate(instance, reason)


def _stopped(instance: Any, reason: Reason) -> None:
    instance.stop()
    _explain(instance, reason)
    _enter(instance, "stopped", reason.cause)
    if request := getattr(instance, "spot_request", None):
        _after(SETTLING, instance, partial(request.happen, RequestEvent.STOPPED))


def _terminated(instance: Any, reason: Reason) -> None:
    volumes = list(_volumes(instance))
    addresses.take_back(instance)
    instance.terminate()
    for volume in volumes:
        if volume.id not in instance.ec2_backend.volumes:
            tell_volume(volume, "deleted", instance.id)
    _explain(instance, reason)
    _enter(instance, "terminated", reason.cause)
    world().plan(Alarm(instance.id, world().now + TERMINATED_VISIBLE, partial(_forget, instance)))


def _forget(instance: Any) -> None:
    """Take an instance off the list that was terminated an hour ago."""
    backend = instance.ec2_backend
    reservation = backend.reservations[instance.reservation_id]
    reservation.instances.remove(instance)
    if not reservation.instances:
        del backend.reservations[reservation.id]
    backend.tags.pop(instance.id, None)


def _after(length: tuple[int, int], instance: Any, act: partial[None]) -> None:
    """Do it when the passing state is over; at once when such states last no time."""
    lasts = world().dwell(*length, instance.id, instance.state, world().second)
    if lasts:
        world().plan(Alarm(instance.id, world().now + lasts, act))
    else:
        act()


def _enter(instance: Any, state: str, cause: str) -> None:
    """The instance's next state, counted and told."""
    counted = getattr(instance, "is_counted", False)
    instance._state.name, instance._state.code = state, CODES[state]  # noqa: SLF001 - no setter
    instance.is_counted = state in ALIVE
    _count(instance, instance.is_counted - counted)
    request = getattr(instance, "spot_request", None)
    facts = {
        "state": state,
        "pool": str(pool_of(instance)),
        "type": instance.instance_type,
        "zone": instance.placement.zone,
        "lifecycle": instance.lifecycle or "on-demand",
        "cause": cause,
        "request": request.id if request else "",
        "ip": instance.public_ip or "",
    }
    world().tell(HappeningKind.INSTANCE, instance.id, instance.region_name, facts)


def _count(instance: Any, change: int) -> None:
    """On-Demand instances count against a quota while they run; Spot is counted by request."""
    if change and instance.lifecycle != "spot":
        quota = quotas.quota_of(instance.instance_type, spot=False)
        vcpus = change * catalogue.vcpus(instance.instance_type)
        quotas.count(world(), quota, instance.region_name, vcpus)


def _volumes(instance: Any) -> Iterable[Any]:
    known = instance.ec2_backend.volumes
    for device in instance.block_device_mapping.values():
        if device.volume_id in known:
            yield known[device.volume_id]


def _explain(instance: Any, reason: Reason) -> None:
    stamp = world().now.strftime("%Y-%m-%d %H:%M:%S GMT")
    coded = reason.message.startswith(("Client.", "Server."))
    message = reason.message if coded else f"{reason.code}: {reason.message}"
    instance.state_reason = StateReason(message, reason.code)
    instance._reason = f"{reason.transition} ({stamp})"  # noqa: SLF001 - moto offers no setter
