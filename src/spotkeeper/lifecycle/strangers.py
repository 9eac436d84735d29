"""Spot requests of others that look forgotten: told of, never touched. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from spotkeeper.lifecycle.ports import Foreign, Possession, Thing, ThingKind
from spotkeeper.model.spot_request import (
    CANCELLED_AND_RUNNING,
    ENDED_BY_USER,
    TAKEN_AT_NOTICE,
    RequestState,
)

#: An instance so much younger than its persistent request is not the request's first one.
MUCH_YOUNGER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A Spot request of somebody else that looks forgotten, and how to end it by hand."""

    thing: Thing
    born: datetime
    reason: str
    command: str
    instance: Possession | None = None


def forgotten(foreign: Foreign) -> Stranger | None:
    """What is to be told of a request of somebody else; ``None`` for one that looks wanted."""
    request, instance = foreign.request, foreign.instance
    reason = _looks_forgotten(foreign)
    if not reason:
        return None
    command = (
        f"aws ec2 cancel-spot-instance-requests --region {request.region} "
        f"--spot-instance-request-ids {request.id}"
    )
    if instance:
        command += (
            f" && aws ec2 terminate-instances --region {request.region} "
            f"--instance-ids {instance.thing.id}"
        )
    thing = Thing(ThingKind.REQUEST, request.id, request.region)
    return Stranger(thing, request.created_at, reason, command, instance)


def _looks_forgotten(foreign: Foreign) -> str:
    request, instance = foreign.request, foreign.instance
    if request.status_code == CANCELLED_AND_RUNNING:
        return "the request is cancelled, its instance still runs" if instance else ""
    if not request.persistent or not request.cancellable:
        return ""
    if (
        request.state is RequestState.OPEN
        and request.status_code in ENDED_BY_USER | TAKEN_AT_NOTICE
    ):
        return "its instance was ended, and EC2 will launch another one"
    if instance and instance.born and instance.born - request.created_at >= MUCH_YOUNGER:
        return "it launched its instance anew, long after it was made"
    return ""
