"""Whatever ends or stops an instance other than EC2's own interruptions: user, fleet, guest."""

from datetime import datetime, timedelta
from typing import Any

from ec2_sandbox.market.capacity import Drought
from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.spot_requests import machines
from ec2_sandbox.spot_requests.machines import GUEST, OVER, USER, Reason
from ec2_sandbox.spot_requests.request_states import RequestEvent
from ec2_sandbox.spot_requests.spot_requests import SpotRequest, look_again_at, request_of
from ec2_sandbox.world import world

DRY_AFTER_INTERRUPTION = timedelta(minutes=10)


def terminate_instance(instance: Any, reason: Reason = USER) -> None:
    """Terminate in whatever state it is; a Spot instance through its request."""
    if instance.state in OVER:
        return
    if request := request_of(instance):
        request.happen(RequestEvent.USER_TERMINATE, reason)
    else:
        machines.terminate(instance, reason)


def stop_instance(instance: Any, reason: Reason = USER) -> None:
    """Stop what runs; a Spot instance through its request, which may refuse."""
    if instance.state != "running":
        return
    if request := request_of(instance):
        request.happen(RequestEvent.USER_STOP, reason)
    else:
        machines.stop(instance, reason)


def guest_shutdown(instance: Any) -> None:
    """`shutdown` inside the instance: it stops or terminates as the launch said.

    It cannot be refused, so what may not be stopped is terminated
    (UserGuide/terminating-instances.html, instance initiated shutdown behavior).
    """
    if instance.state != "running":
        return
    if instance.instance_initiated_shutdown_behavior == "terminate":
        terminate_instance(instance, GUEST)
        return
    try:
        stop_instance(instance, GUEST)
    except EC2Error:
        terminate_instance(instance, GUEST)


def interrupt_request(request: SpotRequest, dry_until: datetime | None = None) -> None:
    """Its notice now, by somebody's order; its pool is dry for a while, nobody else is touched."""
    request.happen(RequestEvent.RECLAIM)
    ends = dry_until or world().now + DRY_AFTER_INTERRUPTION
    world().droughts[request.pool] = Drought(world().now, ends, reclaims=False)
    look_again_at(request.pool)
