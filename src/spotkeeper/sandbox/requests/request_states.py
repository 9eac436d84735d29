"""The life of a Spot request, as one table: kind x situation x event -> what EC2 shows and does.

The server runs from this table and the documentation is rendered from it. An event without a row
changes nothing: cancelling a cancelled request, stopping a stopped machine.

Sources, as marked in each row: [status] UserGuide/spot-instances-request-status-lifecycle.html,
[requests] UserGuide/spot-requests.html, [stop] UserGuide/interruption-behavior.html and
stop-spot-instances, [run] the documentation strings of RunInstances in the EC2 API model,
[tools] codes seen in the issues of public tools, [reading] our reading where AWS is silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The two kinds of request that RunInstances allows."""

    BOX = "persistent, stop or hibernate"
    ONCE = "one-time, terminate"


class Situation(StrEnum):
    """Where a request is; finer than EC2's own state."""

    WAITING = "waiting"
    RUNNING = "running"
    NOTICED = "noticed"
    STOPPED_BY_USER = "stopped by the user"
    STOPPED_BY_EC2 = "stopped by EC2"
    CANCELLED_RUNNING = "cancelled, running"
    CANCELLED_NOTICED = "cancelled, noticed"
    CANCELLED_STOPPED = "cancelled, stopped"
    ENDED = "ended"


class Event(StrEnum):
    """What can happen to a request."""

    FULFIL = "the pool has room at the price"
    NO_ROOM = "the pool has no room"
    OUTBID = "the price rises above the maximum"
    RECLAIM = "EC2 wants the capacity back"
    INTERRUPT = "the notice runs out"
    USER_STOP = "the user stops the instance"
    USER_START = "the user starts the instance"
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
    """What EC2 shows and does next. ``{cause}`` is "no-capacity" or "by-price"."""

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
S, E, X = Situation, Event, Effect

STOPPED_CODE = "instance-stopped-by-user"
ENDED_CODE = "instance-terminated-by-user"
STILL_RUNS = "request-canceled-and-instance-running"

ONE_TIME_STOP = Refusal(
    "UnsupportedOperation",
    "You can't stop the Spot Instance '{instance}' because it is associated with a one-time Spot "
    "Instance request. You can only stop Spot Instances associated with persistent Spot Instance "
    "requests.",
    "[tools] [stop]",
)
NOT_YOURS_TO_START = Refusal(
    "IncorrectSpotRequestState",
    "The Spot Instance '{instance}' cannot be started: its Spot request '{request}' is not in a "
    "state from which you may start it.",
    "[tools] [stop] only EC2 restarts what EC2 stopped, nobody what is cancelled",
)
CANCELLED_STOP = Refusal(
    "IncorrectSpotRequestState",
    "The Spot Instance '{instance}' cannot be stopped: its Spot request '{request}' is cancelled.",
    "[stop] not when the request is cancelled; the code is our reading",
)

CANCELLED: Mapping[tuple[Situation, Event], Outcome] = {
    (S.CANCELLED_RUNNING, E.USER_STOP): CANCELLED_STOP,
    (S.CANCELLED_RUNNING, E.USER_TERMINATE): Move(
        S.ENDED, "cancelled", ENDED_CODE, X.TERMINATE, "[status]"
    ),
    (S.CANCELLED_RUNNING, E.RECLAIM): Move(
        S.CANCELLED_NOTICED, "cancelled", "marked-for-termination", X.NOTICE, "[reading]"
    ),
    (S.CANCELLED_RUNNING, E.OUTBID): Move(
        S.CANCELLED_NOTICED, "cancelled", "marked-for-termination", X.NOTICE, "[reading]"
    ),
    (S.CANCELLED_NOTICED, E.INTERRUPT): Move(
        S.ENDED, "cancelled", "instance-terminated-{cause}", X.TERMINATE_BY_EC2, "[reading]"
    ),
    (S.CANCELLED_NOTICED, E.USER_STOP): CANCELLED_STOP,
    (S.CANCELLED_NOTICED, E.USER_TERMINATE): Move(
        S.ENDED, "cancelled", ENDED_CODE, X.TERMINATE, "[status]"
    ),
    (S.CANCELLED_STOPPED, E.USER_START): NOT_YOURS_TO_START,
    (S.CANCELLED_STOPPED, E.USER_TERMINATE): Move(
        S.ENDED, "cancelled", ENDED_CODE, X.TERMINATE, "[status]"
    ),
}

BOX: Mapping[tuple[Situation, Event], Outcome] = {
    (S.WAITING, E.FULFIL): Move(S.RUNNING, "active", "fulfilled", X.LAUNCH, "[status]"),
    (S.WAITING, E.NO_ROOM): Move(
        S.WAITING, "open", "capacity-not-available", X.NONE, "[status] holding"
    ),
    (S.WAITING, E.OUTBID): Move(S.WAITING, "open", "price-too-low", X.NONE, "[status] holding"),
    (S.WAITING, E.CANCEL): Move(
        S.ENDED, "cancelled", "canceled-before-fulfillment", X.NONE, "[status]"
    ),
    (S.WAITING, E.EXPIRE): Move(S.ENDED, "cancelled", "schedule-expired", X.NONE, "[status]"),
    (S.RUNNING, E.RECLAIM): Move(S.NOTICED, "active", "marked-for-stop", X.NOTICE, "[status]"),
    (S.RUNNING, E.OUTBID): Move(S.NOTICED, "active", "marked-for-stop", X.NOTICE, "[status]"),
    (S.RUNNING, E.USER_STOP): Move(
        S.STOPPED_BY_USER, "disabled", STOPPED_CODE, X.STOP, "[status] [stop]"
    ),
    (S.RUNNING, E.USER_TERMINATE): Move(
        S.WAITING, "open", ENDED_CODE, X.TERMINATE, "[requests] a new instance is launched"
    ),
    (S.RUNNING, E.CANCEL): Move(
        S.CANCELLED_RUNNING, "cancelled", STILL_RUNS, X.NONE, "[requests] it goes on costing"
    ),
    (S.RUNNING, E.EXPIRE): Move(
        S.CANCELLED_RUNNING, "cancelled", STILL_RUNS, X.NONE, "[requests] it goes on costing"
    ),
    (S.NOTICED, E.INTERRUPT): Move(
        S.STOPPED_BY_EC2, "disabled", "instance-stopped-{cause}", X.STOP_BY_EC2, "[status]"
    ),
    (S.NOTICED, E.USER_STOP): Move(
        S.STOPPED_BY_USER, "disabled", STOPPED_CODE, X.STOP, "[reading]"
    ),
    (S.NOTICED, E.USER_TERMINATE): Move(S.WAITING, "open", ENDED_CODE, X.TERMINATE, "[requests]"),
    (S.NOTICED, E.CANCEL): Move(
        S.CANCELLED_NOTICED, "cancelled", STILL_RUNS, X.NONE, "[requests]"
    ),
    (S.NOTICED, E.EXPIRE): Move(
        S.CANCELLED_NOTICED, "cancelled", STILL_RUNS, X.NONE, "[requests]"
    ),
    (S.STOPPED_BY_USER, E.USER_START): Move(
        S.RUNNING, "active", "fulfilled", X.START, "[stop] needs capacity and the price"
    ),
    (S.STOPPED_BY_USER, E.USER_TERMINATE): Move(
        S.WAITING, "open", ENDED_CODE, X.TERMINATE, "[requests] running or stopped"
    ),
    (S.STOPPED_BY_USER, E.CANCEL): Move(
        S.ENDED, "cancelled", ENDED_CODE, X.TERMINATE, "[requests] EC2 ends what is stopped"
    ),
    (S.STOPPED_BY_USER, E.EXPIRE): Move(
        S.CANCELLED_STOPPED, "cancelled", STOPPED_CODE, X.NONE, "[status]"
    ),
    (S.STOPPED_BY_EC2, E.FULFIL): Move(
        S.RUNNING, "active", "fulfilled", X.START, "[stop] same zone, type and disk"
    ),
    (S.STOPPED_BY_EC2, E.USER_START): NOT_YOURS_TO_START,
    (S.STOPPED_BY_EC2, E.USER_TERMINATE): Move(
        S.WAITING, "open", ENDED_CODE, X.TERMINATE, "[requests] running or stopped"
    ),
    (S.STOPPED_BY_EC2, E.CANCEL): Move(
        S.ENDED, "cancelled", ENDED_CODE, X.TERMINATE, "[requests] EC2 ends what is stopped"
    ),
    (S.STOPPED_BY_EC2, E.EXPIRE): Move(
        S.ENDED,
        "cancelled",
        "instance-terminated-by-service",
        X.TERMINATE_BY_EC2,
        "[status] terminated from a stopped state",
    ),
    **CANCELLED,
}

ONCE: Mapping[tuple[Situation, Event], Outcome] = {
    (S.WAITING, E.FULFIL): Move(S.RUNNING, "active", "fulfilled", X.LAUNCH, "[status]"),
    (S.RUNNING, E.RECLAIM): Move(
        S.NOTICED, "closed", "instance-terminated-{cause}", X.NOTICE, "[status] shown at once"
    ),
    (S.RUNNING, E.OUTBID): Move(
        S.NOTICED, "closed", "instance-terminated-{cause}", X.NOTICE, "[status] shown at once"
    ),
    (S.RUNNING, E.USER_STOP): ONE_TIME_STOP,
    (S.RUNNING, E.USER_TERMINATE): Move(S.ENDED, "closed", ENDED_CODE, X.TERMINATE, "[status]"),
    (S.RUNNING, E.CANCEL): Move(
        S.CANCELLED_RUNNING, "cancelled", STILL_RUNS, X.NONE, "[requests] it goes on costing"
    ),
    (S.NOTICED, E.INTERRUPT): Move(
        S.ENDED, "closed", "instance-terminated-{cause}", X.TERMINATE_BY_EC2, "[status]"
    ),
    (S.NOTICED, E.USER_STOP): ONE_TIME_STOP,
    (S.NOTICED, E.USER_TERMINATE): Move(S.ENDED, "closed", ENDED_CODE, X.TERMINATE, "[status]"),
    **{
        (situation, event): ONE_TIME_STOP if event is E.USER_STOP else outcome
        for (situation, event), outcome in CANCELLED.items()
        if situation is not S.CANCELLED_STOPPED
    },
}

TABLE: Mapping[Kind, Mapping[tuple[Situation, Event], Outcome]] = {Kind.BOX: BOX, Kind.ONCE: ONCE}

MESSAGES: Mapping[str, str] = {
    "pending-evaluation": "Your Spot request has been submitted for review, and is pending "
    "evaluation.",
    "fulfilled": "Your Spot request is fulfilled.",
    "capacity-not-available": "There is no Spot capacity available that matches your request.",
    "price-too-low": "Your Spot request price is lower than the minimum required Spot request "
    "fulfillment price.",
    "bad-parameters": "Your Spot request has bad parameters.",
    "canceled-before-fulfillment": "Your Spot request is canceled before it was fulfilled.",
    "schedule-expired": "Your Spot request expired before it was fulfilled.",
    "marked-for-stop": "Your Spot instance is marked for stop.",
    "marked-for-termination": "Your Spot instance is marked for termination.",
    "instance-stopped-by-user": "You stopped your Spot instance.",
    "instance-stopped-no-capacity": "Your Spot instance was stopped because there is no Spot "
    "capacity available that matches your request.",
    "instance-stopped-by-price": "Your Spot instance was stopped because the Spot price exceeded "
    "your maximum price.",
    "instance-terminated-by-user": "Your Spot instance was terminated by you.",
    "instance-terminated-no-capacity": "Your Spot instance was terminated because there is no "
    "Spot capacity available that matches your request.",
    "instance-terminated-by-price": "Your Spot instance was terminated because the Spot price "
    "exceeded your maximum price.",
    "instance-terminated-by-service": "Your Spot instance was terminated from a stopped state.",
    "request-canceled-and-instance-running": "Your Spot request is canceled, but your instance "
    "is still running.",
}


def outcome(kind: Kind, situation: Situation, event: Event) -> Outcome | None:
    """What the event does; None when it changes nothing."""
    return TABLE[kind].get((situation, event))


def as_markdown() -> str:
    """The table as the documentation shows it."""
    lines = ["| request | situation | event | request state, code | instance | source |"]
    lines.append("|---|---|---|---|---|---|")
    for kind, rows in TABLE.items():
        for (situation, event), found in rows.items():
            shown = (
                f"{found.state}, `{found.code}` | {found.effect}"
                if isinstance(found, Move)
                else f"refused: `{found.code}` | -"
            )
            lines.append(f"| {kind} | {situation} | {event} | {shown} | {found.source} |")
    return "\n".join(lines)
