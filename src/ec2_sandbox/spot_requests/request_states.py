"""The life of a Spot request: its words. The table that is made of them is ``request_table``."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RequestKind(StrEnum):
    """The three kinds of request; RunInstances makes only the first two."""

    BOX = "persistent, stop or hibernate"
    ONCE = "one-time, terminate"
    AGAIN = "persistent, terminate"


class Situation(StrEnum):
    """Where a request is; finer than EC2's own state."""

    EVALUATING = "being evaluated"
    SCHEDULED = "not yet valid"
    WAITING = "waiting"
    PLACING = "being fulfilled"
    RUNNING = "running"
    NOTICED = "noticed"
    STOPPING_BY_USER = "being stopped by the user"
    STOPPED_BY_USER = "stopped by the user"
    STARTING = "being started by the user"
    STOPPING_BY_EC2 = "being stopped by EC2"
    STOPPED_BY_EC2 = "stopped by EC2"
    CANCELLED_RUNNING = "cancelled, running"
    CANCELLED_NOTICED = "cancelled, noticed"
    CANCELLED_STOPPED = "cancelled, stopped"
    ENDED = "ended"


class RequestEvent(StrEnum):
    """What can happen to a request."""

    GRANT = "RunInstances launches it in the same call"
    NOT_YET = "ValidFrom has not come"
    VALID = "ValidFrom comes"
    BAD = "what it would launch from is gone"
    CONSTRAINT = "no allowed zone offers the type"
    ZONE_GROUP = "its zone group is elsewhere"
    LIMIT = "its disks are above the account's limit"
    NO_ROOM = "the pool has no room"
    OUTBID = "the price is above the maximum"
    LAUNCH_GROUP = "its launch group cannot be launched together"
    FULFIL = "the pool has room at the price"
    LAUNCH = "the instance is launched"
    FAULT = "the launch fails inside EC2"
    RECLAIM = "EC2 wants the capacity back"
    GROUP_ENDS = "its launch group is interrupted"
    INTERRUPT = "the notice runs out"
    STOPPED = "its instance's stop is settled"
    ROOT_GONE = "EC2 starts it and the root disk is gone"
    USER_STOP = "the user stops the instance"
    USER_START = "the user starts the instance"
    STARTED = "the start is granted"
    USER_TERMINATE = "the user terminates the instance"
    CANCEL = "the user cancels the request"
    EXPIRE = "ValidUntil passes"


class Effect(StrEnum):
    """What becomes of the instance."""

    NONE = "-"
    LAUNCH = "a new instance"
    START = "the same instance starts"
    NOTICE = "two minutes to go"
    STOP = "stopped by the user"
    STOP_BY_EC2 = "stopped by EC2"
    TERMINATE = "terminated by the user"
    TERMINATE_BY_EC2 = "terminated by EC2"


@dataclass(frozen=True)
class Move:
    """What EC2 shows and does next.

    ``{cause}`` in the code is "no-capacity", "by-price" or "launch-group-constraint".
    """

    then: Situation
    state: str
    code: str
    effect: Effect
    source: str


@dataclass(frozen=True)
class Refusal:
    """EC2 answers the call with an error and nothing changes."""

    code: str
    message: str
    source: str


Outcome = Move | Refusal
Rows = Mapping[tuple[Situation, RequestEvent], Outcome]

# Why an instance was interrupted, by the event that began it.
CAUSES: Mapping[RequestEvent, str] = {
    RequestEvent.RECLAIM: "no-capacity",
    RequestEvent.OUTBID: "by-price",
    RequestEvent.GROUP_ENDS: "launch-group-constraint",
}

MESSAGES: Mapping[str, str] = {
    "pending-evaluation": "Your Spot request has been submitted for review, and is pending "
    "evaluation.",
    "pending-fulfillment": "Your Spot request is pending fulfillment.",
    "fulfilled": "Your Spot request is fulfilled.",
    "not-scheduled-yet": "Your Spot request will not be evaluated until its scheduled date.",
    "capacity-not-available": "There is no Spot capacity available that matches your request.",
    "price-too-low": "Your Spot request price is lower than the minimum required Spot request "
    "fulfillment price.",
    "az-group-constraint": "Your Spot request cannot be fulfilled because its instances cannot "
    "all be launched in the same Availability Zone.",
    "launch-group-constraint": "Your Spot request cannot be fulfilled because the instances of "
    "its launch group cannot be launched together.",
    "constraint-not-fulfillable": "Your Spot request cannot be fulfilled: none of the "
    "Availability Zones that it allows offers the instance type.",
    "limit-exceeded": "Your Spot request exceeds the limit on the storage of your EBS volumes.",
    "bad-parameters": "Your Spot request failed due to bad parameters.",
    "system-error": "Your Spot request failed because of an unexpected system error.",
    "canceled-before-fulfillment": "Your Spot request is canceled before it was fulfilled.",
    "schedule-expired": "Your Spot request expired before it was fulfilled.",
    "marked-for-stop": "Your Spot instance is marked for stop.",
    "marked-for-termination": "Your Spot instance is marked for termination.",
    "instance-stopped-by-user": "You stopped your Spot instance.",
    "instance-stopped-no-capacity": "Your Spot instance was stopped because there is no Spot "
    "capacity available that matches your request.",
    "instance-stopped-by-price": "Your Spot instance was stopped because the Spot price exceeded "
    "your maximum price.",
    "instance-terminated-by-user": "Spot Instance terminated due to user-initiated termination.",
    "instance-terminated-no-capacity": "Your Spot instance was terminated because there is no "
    "Spot capacity available that matches your request.",
    "instance-terminated-by-price": "Your Spot instance was terminated because the Spot price "
    "exceeded your maximum price.",
    "instance-terminated-launch-group-constraint": "Your Spot instance was terminated because "
    "another one of its launch group was.",
    "instance-terminated-by-service": "Your Spot instance was terminated from a stopped state.",
    "request-canceled-and-instance-running": "Your Spot request is canceled, but your instance "
    "is still running.",
}
