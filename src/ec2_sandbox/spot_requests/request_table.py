"""The life of a Spot request, as one table: kind x situation x event -> what EC2 shows and does.

The server runs from this table, the documentation is rendered from it, and a test drives each of
its rows. An event without a row changes nothing: cancelling a cancelled request, say.

Sources, as marked in each row: [status] UserGuide/spot-instances-request-status-lifecycle.html,
[requests] UserGuide/spot-requests.html, [stop] UserGuide/interruption-behavior.html and
stop-spot-instances, [model] the documentation strings of RunInstances and RequestSpotInstances in
the EC2 API model, [tools] codes seen in public tools, [reading] our reading where AWS is silent.
"""

from collections.abc import Mapping

from ec2_sandbox.spot_requests.request_states import (
    Effect,
    Move,
    Outcome,
    Refusal,
    RequestEvent,
    RequestKind,
    Rows,
    Situation,
)

S, E, X = Situation, RequestEvent, Effect

FULFILLED = "fulfilled"
STOPPED_CODE = "instance-stopped-by-user"
ENDED_CODE = "instance-terminated-by-user"
INTERRUPTED_CODE = "instance-terminated-{cause}"
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
    "You can't start the Spot Instance '{instance}' because the associated Spot Instance request "
    "is not in an appropriate state to support start.",
    "[tools] [stop] only EC2 restarts what EC2 stopped, nobody what is cancelled or unsettled",
)
CANCELLED_STOP = Refusal(
    "IncorrectSpotRequestState",
    "The Spot Instance '{instance}' cannot be stopped: its Spot request '{request}' is cancelled.",
    "[stop] not when the request is cancelled; the code is our reading",
)

# What keeps an open request waiting, and the code that says so.
HOLDS: Mapping[RequestEvent, str] = {
    E.ZONE_GROUP: "az-group-constraint",
    E.LIMIT: "limit-exceeded",
    E.NO_ROOM: "capacity-not-available",
    E.OUTBID: "price-too-low",
}


def _moves(*changes: tuple[Situation, RequestEvent, Situation, str, str], effect: Effect) -> Rows:
    """Rows of one effect: situation, event, next situation, "state code", source."""
    rows = {}
    for situation, event, then, shown, source in changes:
        state, code = shown.split()
        rows[situation, event] = Move(then, state, code, effect, source)
    return rows


def _holds(held: Mapping[RequestEvent, str]) -> Rows:
    return {
        (situation, event): Move(S.WAITING, "open", code, X.NONE, "[status] holding")
        for situation in (S.EVALUATING, S.WAITING)
        for event, code in held.items()
    }


def _cancelled_before_fulfilment() -> Rows:
    before = (S.EVALUATING, S.SCHEDULED, S.WAITING, S.PLACING)
    cancelled = ((s, E.CANCEL, "canceled-before-fulfillment") for s in before)
    expired = ((s, E.EXPIRE, "schedule-expired") for s in (S.EVALUATING, S.WAITING))
    return {
        (situation, event): Move(S.ENDED, "cancelled", code, X.NONE, "[status]")
        for situation, event, code in (*cancelled, *expired)
    }


OPEN: Rows = {
    **_holds(HOLDS),
    **_cancelled_before_fulfilment(),
    **_moves(
        (S.EVALUATING, E.NOT_YET, S.SCHEDULED, "open not-scheduled-yet", "[status] holding"),
        (S.EVALUATING, E.CONSTRAINT, S.WAITING, "open constraint-not-fulfillable", "[status]"),
        (S.SCHEDULED, E.VALID, S.EVALUATING, "open pending-evaluation", "[model] ValidFrom"),
        (S.EVALUATING, E.FULFIL, S.PLACING, "open pending-fulfillment", "[status]"),
        (S.WAITING, E.FULFIL, S.PLACING, "open pending-fulfillment", "[status]"),
        (S.EVALUATING, E.BAD, S.ENDED, "closed bad-parameters", "[status] in evaluation"),
        (S.PLACING, E.BAD, S.ENDED, "failed bad-parameters", "[status] before fulfilment"),
        (S.PLACING, E.FAULT, S.ENDED, "closed system-error", "[status]"),
        effect=X.NONE,
    ),
    **_moves((S.PLACING, E.LAUNCH, S.RUNNING, "active fulfilled", "[status]"), effect=X.LAUNCH),
}

# RunInstances answers at once or with an error, so its requests are never seen open before.
AT_ONCE: Rows = _moves(
    (S.EVALUATING, E.GRANT, S.RUNNING, "active fulfilled", "[status] [model]"), effect=X.LAUNCH
)

IN_LAUNCH_GROUP: Rows = _holds({E.LAUNCH_GROUP: "launch-group-constraint"})

CANCELLED: Rows = {
    (S.CANCELLED_RUNNING, E.USER_STOP): CANCELLED_STOP,
    (S.CANCELLED_NOTICED, E.USER_STOP): CANCELLED_STOP,
    **_moves(
        (S.CANCELLED_RUNNING, E.USER_TERMINATE, S.ENDED, f"cancelled {ENDED_CODE}", "[status]"),
        (S.CANCELLED_NOTICED, E.USER_TERMINATE, S.ENDED, f"cancelled {ENDED_CODE}", "[status]"),
        effect=X.TERMINATE,
    ),
    **_moves(
        *(
            (
                S.CANCELLED_RUNNING,
                event,
                S.CANCELLED_NOTICED,
                "cancelled marked-for-termination",
                "[reading]",
            )
            for event in (E.RECLAIM, E.OUTBID)
        ),
        effect=X.NOTICE,
    ),
    **_moves(
        (S.CANCELLED_NOTICED, E.INTERRUPT, S.ENDED, f"cancelled {INTERRUPTED_CODE}", "[reading]"),
        effect=X.TERMINATE_BY_EC2,
    ),
}

# A persistent request outlives its instance, can be stopped, and ends only when it is cancelled.
PERSISTENT: Rows = {
    **OPEN,
    **CANCELLED,
    **_moves(
        *(
            (s, E.USER_TERMINATE, S.WAITING, f"open {ENDED_CODE}", source)
            for s, source in (
                (S.RUNNING, "[requests] a new instance is launched"),
                (S.NOTICED, "[requests]"),
                (S.STOPPING_BY_USER, "[requests]"),
                (S.STOPPED_BY_USER, "[requests] running or stopped"),
                (S.STARTING, "[requests]"),
            )
        ),
        (
            S.STOPPING_BY_USER,
            E.CANCEL,
            S.ENDED,
            f"cancelled {ENDED_CODE}",
            "[reading] as when it is stopped",
        ),
        (
            S.STOPPED_BY_USER,
            E.CANCEL,
            S.ENDED,
            f"cancelled {ENDED_CODE}",
            "[requests] EC2 ends what is stopped",
        ),
        (S.CANCELLED_STOPPED, E.USER_TERMINATE, S.ENDED, f"cancelled {ENDED_CODE}", "[status]"),
        effect=X.TERMINATE,
    ),
    **_moves(
        (S.RUNNING, E.USER_STOP, S.STOPPING_BY_USER, "active marked-for-stop", "[status] [stop]"),
        (S.NOTICED, E.USER_STOP, S.STOPPING_BY_USER, "active marked-for-stop", "[reading]"),
        effect=X.STOP,
    ),
    **_moves(
        (S.STOPPED_BY_USER, E.USER_START, S.STARTING, "open pending-evaluation", "[stop]"),
        effect=X.START,
    ),
    **_moves(
        (S.STOPPING_BY_USER, E.STOPPED, S.STOPPED_BY_USER, f"disabled {STOPPED_CODE}", "[status]"),
        (S.STARTING, E.STARTED, S.RUNNING, "active fulfilled", "[stop]"),
        (
            S.STOPPED_BY_USER,
            E.EXPIRE,
            S.CANCELLED_STOPPED,
            f"cancelled {STOPPED_CODE}",
            "[status]",
        ),
        *(
            (situation, event, then, f"cancelled {STILL_RUNS}", "[requests] it goes on costing")
            for situation, then in (
                (S.RUNNING, S.CANCELLED_RUNNING),
                (S.NOTICED, S.CANCELLED_NOTICED),
                (S.STARTING, S.CANCELLED_RUNNING),
            )
            for event in (E.CANCEL, E.EXPIRE)
        ),
        effect=X.NONE,
    ),
    (S.CANCELLED_STOPPED, E.USER_START): NOT_YOURS_TO_START,
    (S.STOPPING_BY_USER, E.USER_START): NOT_YOURS_TO_START,
}

BOX: Rows = {
    **PERSISTENT,
    **AT_ONCE,
    **_moves(
        (S.RUNNING, E.RECLAIM, S.NOTICED, "active marked-for-stop", "[status]"),
        (S.RUNNING, E.OUTBID, S.NOTICED, "active marked-for-stop", "[status]"),
        effect=X.NOTICE,
    ),
    **_moves(
        (S.NOTICED, E.INTERRUPT, S.STOPPING_BY_EC2, "active marked-for-stop", "[status]"),
        effect=X.STOP_BY_EC2,
    ),
    **_moves(
        (
            S.STOPPING_BY_EC2,
            E.STOPPED,
            S.STOPPED_BY_EC2,
            "disabled instance-stopped-{cause}",
            "[status]",
        ),
        effect=X.NONE,
    ),
    **_moves(
        (S.STOPPING_BY_EC2, E.USER_TERMINATE, S.WAITING, f"open {ENDED_CODE}", "[requests]"),
        (
            S.STOPPED_BY_EC2,
            E.USER_TERMINATE,
            S.WAITING,
            f"open {ENDED_CODE}",
            "[requests] running or stopped",
        ),
        (
            S.STOPPING_BY_EC2,
            E.CANCEL,
            S.ENDED,
            f"cancelled {ENDED_CODE}",
            "[reading] as when it is stopped",
        ),
        (
            S.STOPPED_BY_EC2,
            E.CANCEL,
            S.ENDED,
            f"cancelled {ENDED_CODE}",
            "[requests] EC2 ends what is stopped",
        ),
        effect=X.TERMINATE,
    ),
    **_moves(
        (
            S.STOPPED_BY_EC2,
            E.FULFIL,
            S.RUNNING,
            "active fulfilled",
            "[stop] same zone, type and disk",
        ),
        effect=X.START,
    ),
    **_moves(
        *(
            (S.STOPPED_BY_EC2, event, S.ENDED, "cancelled instance-terminated-by-service", source)
            for event, source in (
                (E.ROOT_GONE, "[stop] the start fails and EC2 terminates it"),
                (E.EXPIRE, "[status] terminated from a stopped state"),
            )
        ),
        effect=X.TERMINATE_BY_EC2,
    ),
    (S.STOPPING_BY_EC2, E.USER_START): NOT_YOURS_TO_START,
    (S.STOPPED_BY_EC2, E.USER_START): NOT_YOURS_TO_START,
}

AGAIN: Rows = {
    **PERSISTENT,
    **IN_LAUNCH_GROUP,
    **_moves(
        *(
            (S.RUNNING, event, S.NOTICED, f"open {INTERRUPTED_CODE}", "[status] shown at once")
            for event in (E.RECLAIM, E.OUTBID, E.GROUP_ENDS)
        ),
        effect=X.NOTICE,
    ),
    **_moves(
        (
            S.NOTICED,
            E.INTERRUPT,
            S.WAITING,
            f"open {INTERRUPTED_CODE}",
            "[requests] a new instance when there is room",
        ),
        effect=X.TERMINATE_BY_EC2,
    ),
}

ONCE: Rows = {
    **OPEN,
    **AT_ONCE,
    **IN_LAUNCH_GROUP,
    **CANCELLED,
    **_moves(
        *(
            (S.RUNNING, event, S.NOTICED, f"closed {INTERRUPTED_CODE}", "[status] shown at once")
            for event in (E.RECLAIM, E.OUTBID, E.GROUP_ENDS)
        ),
        effect=X.NOTICE,
    ),
    **_moves(
        (S.RUNNING, E.USER_TERMINATE, S.ENDED, f"closed {ENDED_CODE}", "[status]"),
        (S.NOTICED, E.USER_TERMINATE, S.ENDED, f"closed {ENDED_CODE}", "[status]"),
        effect=X.TERMINATE,
    ),
    **_moves(
        (
            S.RUNNING,
            E.CANCEL,
            S.CANCELLED_RUNNING,
            f"cancelled {STILL_RUNS}",
            "[requests] it goes on costing",
        ),
        effect=X.NONE,
    ),
    **_moves(
        (S.NOTICED, E.INTERRUPT, S.ENDED, f"closed {INTERRUPTED_CODE}", "[status]"),
        effect=X.TERMINATE_BY_EC2,
    ),
    (S.RUNNING, E.USER_STOP): ONE_TIME_STOP,
    (S.NOTICED, E.USER_STOP): ONE_TIME_STOP,
    (S.CANCELLED_RUNNING, E.USER_STOP): ONE_TIME_STOP,
    (S.CANCELLED_NOTICED, E.USER_STOP): ONE_TIME_STOP,
}

TABLE: Mapping[RequestKind, Rows] = {
    RequestKind.BOX: BOX,
    RequestKind.ONCE: ONCE,
    RequestKind.AGAIN: AGAIN,
}


def outcome(kind: RequestKind, situation: Situation, event: RequestEvent) -> Outcome | None:
    """What the event does; None when it changes nothing."""
    return TABLE[kind].get((situation, event))


def as_markdown() -> str:
    """The table as the documentation shows it."""
    lines = ["| request | situation | event | request state, code | instance | source |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [
        f"| {kind} | {situation} | {event} | {_shown(found)} | {found.source} |"
        for kind in RequestKind
        for situation in Situation
        for event in RequestEvent
        if (found := outcome(kind, situation, event))
    ]
    return "\n".join(lines)


def _shown(found: Outcome) -> str:
    if isinstance(found, Refusal):
        return f"refused: `{found.code}` | -"
    return f"{found.state}, `{found.code}` | {found.effect}"
