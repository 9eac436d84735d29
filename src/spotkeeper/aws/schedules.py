"""The lifecycle's ``Schedules`` over EventBridge Scheduler, in one schedule group of ours.

Schedules carry no tags, so the owner stands in the description (Scheduler API, CreateSchedule).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import GuardRoleMissing, Refused
from spotkeeper.model.schedule import GuardCall, Schedule

GROUP = "spotkeeper"
OWNED_BY = "spotkeeper:owner="

#: EC2 operation and parameter of each call, as universal targets spell them (Scheduler user guide,
#: "Using universal targets").
TARGETS: Mapping[GuardCall, tuple[str, str]] = {
    GuardCall.CANCEL: ("cancelSpotInstanceRequests", "SpotInstanceRequestIds"),
    GuardCall.TERMINATE: ("terminateInstances", "InstanceIds"),
}

#: A call that EC2 refuses is repeated for a day, the longest that the Scheduler offers.
RETRY = {
    "MaximumRetryAttempts": 185,
    "MaximumEventAgeInSeconds": int(timedelta(days=1).total_seconds()),
}

_AT = "at(%Y-%m-%dT%H:%M:%S)"

Body = dict[str, Any]


class EventBridgeSchedules:
    """Speaks to EventBridge Scheduler through one session."""

    def __init__(self, session: AwsSession) -> None:
        self._aws = session

    def arm(self, schedule: Schedule) -> None:
        """Create it, or replace the one of that name.

        Raises:
            GuardRoleMissing: the Scheduler may not take on the role.
            SpotkeeperError: any other refusal.
        """
        try:
            self._write("CreateSchedule", schedule)
        except Refused as refusal:
            if refusal.aws_code == "ConflictException":
                self._write("UpdateSchedule", schedule)
            elif refusal.aws_code == "ResourceNotFoundException":
                self._make_group(schedule.region)
                self._write("CreateSchedule", schedule)
            else:
                raise

    def find(self, region: str, name: str) -> Schedule | None:
        """The schedule as it is kept; ``None`` for none, and for one that we did not make."""
        try:
            kept = self._call("GetSchedule", region, Name=name, GroupName=GROUP)
        except Refused as refusal:
            if refusal.aws_code != "ResourceNotFoundException":
                raise
            return None
        return parsed(kept, region)

    def disarm(self, region: str, name: str) -> None:
        """Delete it; gone already is fine."""
        try:
            self._call("DeleteSchedule", region, Name=name, GroupName=GROUP)
        except Refused as refusal:
            if refusal.aws_code != "ResourceNotFoundException":
                raise

    def listed(self, region: str, prefix: str = "") -> tuple[Schedule, ...]:
        """Each read in full, since the list says neither time nor owner."""
        asked: Body = {"GroupName": GROUP} | ({"NamePrefix": prefix} if prefix else {})
        try:
            rows = self._aws.pages(
                "ListSchedules", region, key="Schedules", service="scheduler", **asked
            )
        except Refused as refusal:
            if refusal.aws_code != "ResourceNotFoundException":
                raise
            return ()
        found = (self.find(region, row["Name"]) for row in rows)
        return tuple(sorted(schedule for schedule in found if schedule is not None))

    def _write(self, operation: str, schedule: Schedule) -> None:
        partition = self._aws.partition(schedule.region)
        try:
            self._call(operation, schedule.region, **body(schedule, partition))
        except Refused as refusal:
            if refusal.aws_code != "ValidationException" or "role" not in refusal.message:
                raise
            raise GuardRoleMissing(
                refusal.message, region=schedule.region, aws_code=refusal.aws_code
            ) from refusal

    def _make_group(self, region: str) -> None:
        try:
            self._call("CreateScheduleGroup", region, Name=GROUP, ClientToken=GROUP)
        except Refused as refusal:
            if refusal.aws_code != "ConflictException":
                raise

    def _call(self, operation: str, region: str, **parameters: Any) -> Any:
        return self._aws.call(operation, region, service="scheduler", **parameters)


def body(schedule: Schedule, partition: str) -> Body:
    """``CreateSchedule`` and ``UpdateSchedule``, which replaces every field: the same for both."""
    operation, key = TARGETS[schedule.call]
    wanted: Body = {
        "Name": schedule.name,
        "GroupName": GROUP,
        "Description": f"{OWNED_BY}{schedule.owner}",
        "ScheduleExpression": schedule.at.astimezone(UTC).strftime(_AT),
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "State": "ENABLED",
        "Target": {
            "Arn": f"arn:{partition}:scheduler:::aws-sdk:ec2:{operation}",
            "RoleArn": schedule.role,
            "Input": json.dumps({key: [schedule.target]}),
            "RetryPolicy": RETRY,
        },
    }
    return {**wanted, "ClientToken": sha256(json.dumps(wanted).encode()).hexdigest()}


def parsed(kept: Mapping[str, Any], region: str) -> Schedule | None:
    """``GetScheduleOutput`` as one of ours; ``None`` for what we would not have made, such as one
    that somebody disabled."""
    target, told = kept["Target"], kept.get("Description") or ""
    operation = str(target["Arn"]).rpartition(":")[2]
    calls = {TARGETS[call][0]: call for call in GuardCall}
    if operation not in calls or not told.startswith(OWNED_BY) or kept["State"] != "ENABLED":
        return None
    call = calls[operation]
    try:
        at = datetime.strptime(kept["ScheduleExpression"], _AT).replace(tzinfo=UTC)
        [named] = json.loads(target["Input"])[TARGETS[call][1]]
    except (ValueError, KeyError, TypeError):
        return None
    return Schedule(
        region=region,
        name=kept["Name"],
        at=at,
        call=call,
        target=str(named),
        role=target["RoleArn"],
        owner=told.removeprefix(OWNED_BY),
        created=kept.get("CreationDate"),
    )
