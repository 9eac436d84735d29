"""What happens, as the events that EC2 sends to EventBridge.

Envelopes and details as in UserGuide/spot-instance-termination-notices.html,
rebalance-recommendations.html, spot-instances-request-status-lifecycle.html,
monitoring-instance-state-changes.html and ec2-fleet-event-types.html.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from ec2_sandbox.catalogue import ACCOUNT_ID
from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.market.pools import parse_pool
from ec2_sandbox.world import world

EC2, FLEET = "aws.ec2", "aws.ec2fleet"

FLEET_EVENTS = {
    "state-change": "EC2 Fleet State Change",
    "spot-request-change": "EC2 Fleet Spot Instance Request Change",
    "instance-change": "EC2 Fleet Instance Change",
    "information": "EC2 Fleet Information",
    "error": "EC2 Fleet Error",
}
# Key of a fleet event's detail to the fact that fills it.
FLEET_DETAIL = {
    "instance-id": "instance",
    "spot-instance-request-id": "request",
    "description": "description",
    "sub-type": "sub_type",
}

Event = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """What an event says, without its envelope."""

    source: str
    detail_type: str
    resource: str
    detail: Mapping[str, str]


def message_of(happening: Happening) -> Message | None:
    """What AWS would announce of a happening; None when it would keep silent."""
    read = MESSAGES.get(happening.kind)
    return read(happening) if read else None


def _interruption(happening: Happening) -> Message:
    """The ARN names the zone and no account, as AWS has it in this event alone."""
    zone = parse_pool(happening.facts["pool"]).zone
    detail = {"instance-id": happening.subject, "instance-action": happening.facts["action"]}
    resource = f"arn:aws:ec2:{zone}:instance/{happening.subject}"
    return Message(EC2, "EC2 Spot Instance Interruption Warning", resource, detail)


def _rebalance(happening: Happening) -> Message:
    detail = {"instance-id": happening.subject}
    arn = _arn(happening.region, f"instance/{happening.subject}")
    return Message(EC2, "EC2 Instance Rebalance Recommendation", arn, detail)


def _fulfilment(happening: Happening) -> Message | None:
    instance_id = happening.facts.get("instance")
    if happening.facts.get("code") != "fulfilled" or not instance_id:
        return None
    detail = {"spot-instance-request-id": happening.subject, "instance-id": instance_id}
    arn = _arn(happening.region, f"instance/{instance_id}")
    return Message(EC2, "EC2 Spot Instance Request Fulfillment", arn, detail)


def _state_change(happening: Happening) -> Message:
    detail = {"instance-id": happening.subject, "state": happening.facts["state"]}
    arn = _arn(happening.region, f"instance/{happening.subject}")
    return Message(EC2, "EC2 Instance State-change Notification", arn, detail)


def _fleet(happening: Happening) -> Message | None:
    facts = happening.facts
    detail_type = FLEET_EVENTS.get(facts.get("event", ""))
    if detail_type is None:
        return None
    detail = {key: facts[fact] for key, fact in FLEET_DETAIL.items() if facts.get(fact)}
    arn = _arn(happening.region, f"fleet/{happening.subject}")
    return Message(FLEET, detail_type, arn, detail)


MESSAGES: Mapping[HappeningKind, Callable[[Happening], Message | None]] = {
    HappeningKind.NOTICE: _interruption,
    HappeningKind.REBALANCE: _rebalance,
    HappeningKind.REQUEST: _fulfilment,
    HappeningKind.INSTANCE: _state_change,
    HappeningKind.FLEET: _fleet,
}


def _arn(region: str, resource: str) -> str:
    return f"arn:aws:ec2:{region}:{ACCOUNT_ID}:{resource}"


def envelope(happening: Happening, message: Message, *, number: int, seed: int) -> Event:
    """The whole event; ``number`` is that of the happening in the history."""
    stamped = f"event|{seed}|{number}|{happening.as_json()}".encode()
    return {
        "version": "0",
        "id": str(UUID(bytes=blake2b(stamped, digest_size=16).digest(), version=4)),
        "detail-type": message.detail_type,
        "source": message.source,
        "account": ACCOUNT_ID,
        "time": happening.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": happening.region,
        "resources": [message.resource],
        "detail": dict(message.detail),
    }


def hear(happening: Happening) -> None:
    """An observer of the history: send the event to whoever has a rule for it."""
    if "moto.events.models" not in sys.modules:  # nobody made a rule
        return
    message = message_of(happening)
    if message is None:
        return
    from ec2_sandbox.services.events.event_targets import send

    history = world().history
    number = history.saved + len(history.unsaved)
    send(envelope(happening, message, number=number, seed=world().options.seed))
