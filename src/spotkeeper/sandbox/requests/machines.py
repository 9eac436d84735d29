"""What happens to an instance: start, stop, terminate, each stamped with sandbox time."""

from datetime import timedelta
from functools import partial
from typing import Any

from moto.ec2.models.instances import StateReason

from spotkeeper.sandbox.agenda import Alarm
from spotkeeper.sandbox.requests.request_states import Effect
from spotkeeper.sandbox.world import world

# A terminated instance stays visible for about an hour (UserGuide/terminating-instances.html).
TERMINATED_VISIBLE = timedelta(hours=1)

USER = ("Client.UserInitiatedShutdown", "User initiated shutdown", "User initiated")
SPOT_STOP = (
    "Server.SpotInstanceShutdown",
    "Spot Instance shutdown",
    "Server.SpotInstanceShutdown",
)
SPOT_END = (
    "Server.SpotInstanceTermination",
    "Spot Instance termination",
    "Server.SpotInstanceTermination",
)


def carry_out(effect: Effect, instance: Any) -> None:
    """Do to the instance what the request's table says."""
    match effect:
        case Effect.START:
            start(instance)
        case Effect.STOP:
            stop(instance, USER)
        case Effect.STOP_BY_EC2:
            stop(instance, SPOT_STOP)
        case Effect.TERMINATE:
            terminate(instance, USER)
        case Effect.TERMINATE_BY_EC2:
            terminate(instance, SPOT_END)
        case Effect.NONE | Effect.NOTICE | Effect.LAUNCH:
            pass


def start(instance: Any) -> None:
    """Run again, with a new public address and launch time."""
    instance.start()
    instance.launch_time = world().now.replace(tzinfo=None)


def stop(instance: Any, reason: tuple[str, str, str] = USER) -> None:
    """Stop; the disks stay."""
    instance.stop()
    _explain(instance, reason)


def terminate(instance: Any, reason: tuple[str, str, str] = USER) -> None:
    """End; disks with DeleteOnTermination go, the others become available."""
    instance.terminate()
    world().plan(Alarm(instance.id, world().now + TERMINATED_VISIBLE, partial(_forget, instance)))
    _explain(instance, reason)


def _forget(instance: Any) -> None:
    """Take an instance off the list that was terminated an hour ago."""
    reservations = instance.ec2_backend.reservations
    for key, reservation in list(reservations.items()):
        if instance in reservation.instances:
            reservation.instances.remove(instance)
            if not reservation.instances:
                del reservations[key]


def _explain(instance: Any, reason: tuple[str, str, str]) -> None:
    code, message, transition = reason
    stamp = world().now.strftime("%Y-%m-%d %H:%M:%S GMT")
    instance.state_reason = StateReason(f"{code}: {message}", code)
    instance._reason = f"{transition} ({stamp})"  # noqa: SLF001 - moto offers no setter
