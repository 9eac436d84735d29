"""What a fleet tells: DescribeFleetHistory for 48 hours, and the world's history.

Types and sub-types are those of UserGuide/monitor-ec2-fleet-using-eventbridge.html.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ec2_sandbox.fleets.attempts import Failure
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.market.money import short_usd
from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.world import world

KEPT = timedelta(hours=48)  # DescribeFleetHistory

STATE_CHANGE = "state-change"
INSTANCE_CHANGE = "instance-change"
REQUEST_CHANGE = "spot-request-change"
INFORMATION = "information"
ERROR = "error"

# Kind of event to DescribeFleetHistory's EventType; it shows no changes of Spot requests.
EVENT_TYPES = {
    STATE_CHANGE: "fleet-change",
    INSTANCE_CHANGE: "instance-change",
    INFORMATION: "service-error",
    ERROR: "service-error",
}

NOT_TRIED = "UnfulfillableCapacity"
NO_CAPACITY = "InsufficientInstanceCapacity"
QUOTAS = {"MaxSpotInstanceCountExceeded", "VcpuLimitExceeded", "InstanceLimitExceeded"}


@dataclass(frozen=True)
class FleetEvent:
    """One event of a fleet."""

    kind: str
    sub_type: str
    description: str = ""
    instance_id: str | None = None
    request_id: str | None = None

    def facts(self) -> dict[str, str]:
        """As the world's history has it."""
        return {
            "event": self.kind,
            "sub_type": self.sub_type,
            "description": self.description,
            **({"instance": self.instance_id} if self.instance_id else {}),
            **({"request": self.request_id} if self.request_id else {}),
        }


@dataclass
class FleetHistory:
    """The events of one fleet, oldest first; instant fleets have none."""

    records: deque[tuple[datetime, FleetEvent]] = field(default_factory=deque)

    def add(self, event: FleetEvent, *, fleet_id: str, region: str, state: str) -> None:
        """Keep the event and tell the world."""
        now = world().now
        while self.records and now - self.records[0][0] > KEPT:
            self.records.popleft()
        if event.kind in EVENT_TYPES:
            self.records.append((now, event))
        world().tell(HappeningKind.FLEET, fleet_id, region, {"state": state, **event.facts()})

    def since(self, start: datetime, event_type: str | None) -> list[dict[str, Any]]:
        """DescribeFleetHistory's records."""
        begins = max(start, world().now - KEPT)
        return [
            _described(moment, event)
            for moment, event in self.records
            if moment >= begins and event_type in {None, EVENT_TYPES[event.kind]}
        ]


def _described(moment: datetime, event: FleetEvent) -> dict[str, Any]:
    information = {
        "EventSubType": event.sub_type,
        "EventDescription": event.description or None,
        "InstanceId": event.instance_id,
    }
    return {
        "Timestamp": moment,
        "EventType": EVENT_TYPES[event.kind],
        "EventInformation": {key: value for key, value in information.items() if value},
    }


def launched(instance: Any) -> FleetEvent:
    """A new instance."""
    description = {
        "instanceType": instance.instance_type,
        "image": instance.image_id,
        "productDescription": "Linux/UNIX",
        "availabilityZone": instance.placement.zone,
    }
    text = json.dumps(description, separators=(",", ":"))
    return FleetEvent(INSTANCE_CHANGE, "launched", text, instance_id=instance.id)


def gone(instance: Any, sub_type: str = "terminated") -> FleetEvent:
    """An instance ended, or was told to end because the fleet is too large."""
    return FleetEvent(INSTANCE_CHANGE, sub_type, instance_id=instance.id)


def request_changed(request_id: str, state: str, before: str) -> FleetEvent:
    """A Spot request of the fleet has another state."""
    text = f"SpotInstanceRequestId {request_id}, PreviousState: {before}"
    return FleetEvent(REQUEST_CHANGE, state, text, request_id=request_id)


def broken(error: EC2Error) -> FleetEvent:
    """What the fleet launches from is gone."""
    return FleetEvent(ERROR, "spotFleetRequestConfigurationInvalid", str(error.message))


def problems(failures: Iterable[Failure]) -> list[FleetEvent]:
    """What keeps a fleet from its target: information lets it go on, an error does not."""
    events = list(dict.fromkeys(_problems(failures)))
    unusable = [event for event in events if event.sub_type == "launchSpecUnusable"]
    if unusable and len(unusable) == len(events):
        text = "The price of every launch specification is below the Spot price."
        events.append(FleetEvent(INFORMATION, "fleetProgressHalted", text))
    return events


def _problems(failures: Iterable[Failure]) -> Iterator[FleetEvent]:
    for failure in failures:
        pool = failure.candidate.pool
        what = f"{pool.instance_type}, Linux/UNIX, {pool.zone}"
        if failure.code == NOT_TRIED:
            continue
        if failure.code == "SpotMaxPriceTooLow":
            price = short_usd(failure.candidate.price)
            text = f"{what}, Spot bid price is less than Spot market price ${price}"
            yield FleetEvent(INFORMATION, "launchSpecUnusable", text)
        elif failure.code in QUOTAS:
            yield FleetEvent(ERROR, "spotInstanceCountLimitExceeded", failure.message)
        elif failure.code == NO_CAPACITY:
            text = f"{what}: {failure.message}"
            yield FleetEvent(INFORMATION, "launchSpecTemporarilyBlacklisted", text)
        else:
            text = f"{what}: {failure.message}"
            yield FleetEvent(ERROR, "spotFleetRequestConfigurationInvalid", text)
