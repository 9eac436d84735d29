"""The life of a Spot request, as one table: kind, situation, event -> what EC2 shows and does.

The server runs from this table, the documentation shows it, and a test drives each of its rows. An
event without a row changes nothing: cancelling a cancelled request, say.

Sources, as marked in each row: [status] UserGuide/spot-instances-request-status-lifecycle.html,
[requests] UserGuide/spot-requests.html, [stop] UserGuide/interruption-behavior.html and
stop-spot-instances, [model] the documentation strings of RunInstances and RequestSpotInstances in
the EC2 API model, [tools] codes seen in public tools, [reading] our reading where AWS is silent.
"""

from collections.abc import Iterator, Mapping
from itertools import product

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

# B: a box, O: once, A: again.
KINDS = {"B": RequestKind.BOX, "O": RequestKind.ONCE, "A": RequestKind.AGAIN}

# Codes that are longer than a row.
CODES = {
    "by-service": "instance-terminated-by-service",
    "ended": "instance-terminated-by-user",
    "interrupted": "instance-terminated-{cause}",
    "marked": "marked-for-termination",
    "still-runs": "request-canceled-and-instance-running",
    "stopped": "instance-stopped-by-user",
    "unfulfilled": "canceled-before-fulfillment",
}

REFUSALS = {
    "ONE_TIME_STOP": Refusal(
        "UnsupportedOperation",
        "You can't stop the Spot Instance '{instance}' because it is associated with a one-time "
        "Spot Instance request. You can only stop Spot Instances associated with persistent Spot "
        "Instance requests.",
        "[tools] [stop]",
    ),
    "NOT_YOURS_TO_START": Refusal(
        "IncorrectSpotRequestState",
        "You can't start the Spot Instance '{instance}' because the associated Spot Instance "
        "request is not in an appropriate state to support start.",
        "[tools] [stop] only EC2 restarts what EC2 stopped, nobody what is cancelled or unsettled",
    ),
    "CANCELLED_STOP": Refusal(
        "IncorrectSpotRequestState",
        "The Spot Instance '{instance}' cannot be stopped: its Spot request '{request}' is "
        "cancelled.",
        "[stop] not when the request is cancelled; the code is our reading",
    ),
}

# Kinds, situations, events, then a refusal, or the next situation, EC2's state and code, what
# becomes of the instance, and the source. RunInstances answers at once or with an error, so that
# its requests are never seen open before.
ROWS = """
BO | EVALUATING | GRANT | RUNNING | active fulfilled | LAUNCH | [status] [model]
BOA | EVALUATING | NOT_YET | SCHEDULED | open not-scheduled-yet | - | [status] holding
BOA | EVALUATING | BAD | ENDED | closed bad-parameters | - | [status] in evaluation
BOA | EVALUATING | CONSTRAINT | WAITING | open constraint-not-fulfillable | - | [status]
BOA | EVALUATING WAITING | ZONE_GROUP | WAITING | open az-group-constraint | - | [status] holding
BOA | EVALUATING WAITING | LIMIT | WAITING | open limit-exceeded | - | [status] holding
BOA | EVALUATING WAITING | NO_ROOM | WAITING | open capacity-not-available | - | [status] holding
BOA | EVALUATING WAITING | OUTBID | WAITING | open price-too-low | - | [status] holding
OA | EVALUATING | LAUNCH_GROUP | WAITING | open launch-group-constraint | - | [status] holding
OA | WAITING | LAUNCH_GROUP | WAITING | open launch-group-constraint | - | [status] holding
BOA | EVALUATING WAITING | FULFIL | PLACING | open pending-fulfillment | - | [status]
BOA | EVALUATING SCHEDULED | CANCEL | ENDED | cancelled unfulfilled | - | [status]
BOA | WAITING PLACING | CANCEL | ENDED | cancelled unfulfilled | - | [status]
BOA | EVALUATING WAITING | EXPIRE | ENDED | cancelled schedule-expired | - | [status]
BOA | SCHEDULED | VALID | EVALUATING | open pending-evaluation | - | [model] ValidFrom
BOA | PLACING | BAD | ENDED | failed bad-parameters | - | [status] before fulfilment
BOA | PLACING | LAUNCH | RUNNING | active fulfilled | LAUNCH | [status]
BOA | PLACING | FAULT | ENDED | closed system-error | - | [status]
A | RUNNING | OUTBID RECLAIM GROUP_ENDS | NOTICED | open interrupted | NOTICE | [status] at once
B | RUNNING | OUTBID RECLAIM | NOTICED | active marked-for-stop | NOTICE | [status]
O | RUNNING | OUTBID | NOTICED | closed interrupted | NOTICE | [status] at once
O | RUNNING | RECLAIM | NOTICED | closed interrupted | NOTICE | [status] at once
O | RUNNING | GROUP_ENDS | NOTICED | closed interrupted | NOTICE | [status] at once
BA | RUNNING | USER_STOP | STOPPING_BY_USER | active marked-for-stop | STOP | [status] [stop]
O | RUNNING NOTICED CANCELLED_RUNNING CANCELLED_NOTICED | USER_STOP | ONE_TIME_STOP
BA | RUNNING | USER_TERMINATE | WAITING | open ended | TERMINATE | [requests] anew
O | RUNNING NOTICED | USER_TERMINATE | ENDED | closed ended | TERMINATE | [status]
BOA | RUNNING | CANCEL | CANCELLED_RUNNING | cancelled still-runs | - | [requests] it costs on
BA | RUNNING | EXPIRE | CANCELLED_RUNNING | cancelled still-runs | - | [requests] it costs on
BA | STARTING | EXPIRE | CANCELLED_RUNNING | cancelled still-runs | - | [requests] it costs on
A | NOTICED | INTERRUPT | WAITING | open interrupted | TERMINATE_BY_EC2 | [requests] anew
B | NOTICED | INTERRUPT | STOPPING_BY_EC2 | active marked-for-stop | STOP_BY_EC2 | [status]
O | NOTICED | INTERRUPT | ENDED | closed interrupted | TERMINATE_BY_EC2 | [status]
BA | NOTICED | USER_STOP | STOPPING_BY_USER | active marked-for-stop | STOP | [reading]
BA | NOTICED | USER_TERMINATE | WAITING | open ended | TERMINATE | [requests]
BA | STOPPING_BY_USER STARTING | USER_TERMINATE | WAITING | open ended | TERMINATE | [requests]
BA | NOTICED | CANCEL | CANCELLED_NOTICED | cancelled still-runs | - | [requests] it costs on
BA | NOTICED | EXPIRE | CANCELLED_NOTICED | cancelled still-runs | - | [requests] it costs on
BA | STOPPING_BY_USER | STOPPED | STOPPED_BY_USER | disabled stopped | - | [status]
BA | STOPPING_BY_USER CANCELLED_STOPPED | USER_START | NOT_YOURS_TO_START
BA | STOPPING_BY_USER | CANCEL | ENDED | cancelled ended | TERMINATE | [reading] as when stopped
BA | STOPPED_BY_USER | USER_START | STARTING | open pending-evaluation | START | [stop]
BA | STOPPED_BY_USER | USER_TERMINATE | WAITING | open ended | TERMINATE | [requests]
BA | STOPPED_BY_USER | CANCEL | ENDED | cancelled ended | TERMINATE | [requests] EC2 ends it
BA | STOPPED_BY_USER | EXPIRE | CANCELLED_STOPPED | cancelled stopped | - | [status]
BA | STARTING | STARTED | RUNNING | active fulfilled | - | [stop]
BA | STARTING | CANCEL | CANCELLED_RUNNING | cancelled still-runs | - | [requests] it costs on
B | STOPPING_BY_EC2 | STOPPED | STOPPED_BY_EC2 | disabled instance-stopped-{cause} | - | [status]
B | STOPPING_BY_EC2 STOPPED_BY_EC2 | USER_START | NOT_YOURS_TO_START
B | STOPPING_BY_EC2 | USER_TERMINATE | WAITING | open ended | TERMINATE | [requests]
B | STOPPING_BY_EC2 | CANCEL | ENDED | cancelled ended | TERMINATE | [reading] as when stopped
B | STOPPED_BY_EC2 | FULFIL | RUNNING | active fulfilled | START | [stop] same zone, type and disk
B | STOPPED_BY_EC2 | ROOT_GONE | ENDED | cancelled by-service | TERMINATE_BY_EC2 | [stop]
B | STOPPED_BY_EC2 | USER_TERMINATE | WAITING | open ended | TERMINATE | [requests]
B | STOPPED_BY_EC2 | CANCEL | ENDED | cancelled ended | TERMINATE | [requests] EC2 ends it
B | STOPPED_BY_EC2 | EXPIRE | ENDED | cancelled by-service | TERMINATE_BY_EC2 | [status]
BOA | CANCELLED_RUNNING | RECLAIM | CANCELLED_NOTICED | cancelled marked | NOTICE | [reading]
BOA | CANCELLED_RUNNING | OUTBID | CANCELLED_NOTICED | cancelled marked | NOTICE | [reading]
BA | CANCELLED_RUNNING CANCELLED_NOTICED | USER_STOP | CANCELLED_STOP
BOA | CANCELLED_RUNNING | USER_TERMINATE | ENDED | cancelled ended | TERMINATE | [status]
BOA | CANCELLED_NOTICED | USER_TERMINATE | ENDED | cancelled ended | TERMINATE | [status]
BOA | CANCELLED_NOTICED | INTERRUPT | ENDED | cancelled interrupted | TERMINATE_BY_EC2 | [reading]
BA | CANCELLED_STOPPED | USER_TERMINATE | ENDED | cancelled ended | TERMINATE | [status]
"""


def _read(rows: str) -> Iterator[tuple[RequestKind, Situation, RequestEvent, Outcome]]:
    for row in rows.strip().splitlines():
        kinds, situations, events, *rest = row.split(" | ")
        found = REFUSALS[rest[0]] if len(rest) == 1 else _move(*rest)
        for kind, situation, event in product(kinds, situations.split(), events.split()):
            yield KINDS[kind], Situation[situation], RequestEvent[event], found


def _move(then: str, shown: str, effect: str, source: str) -> Move:
    state, code = shown.split()
    becomes = Effect.NONE if effect == "-" else Effect[effect]
    return Move(Situation[then], state, CODES.get(code, code), becomes, source)


def _by_kind() -> Mapping[RequestKind, Rows]:
    table: dict[RequestKind, dict[tuple[Situation, RequestEvent], Outcome]] = {}
    for kind, situation, event, found in _read(ROWS):
        table.setdefault(kind, {})[situation, event] = found
    return table


TABLE = _by_kind()


def outcome(kind: RequestKind, situation: Situation, event: RequestEvent) -> Outcome | None:
    """What the event does; None when it changes nothing."""
    return TABLE[kind].get((situation, event))
