"""A fleet as DescribeFleets and CreateFleet show it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.fleets import fleet_events
from ec2_sandbox.fleets.attempts import Failure, Member
from ec2_sandbox.fleets.candidates import LIFECYCLES

# What EC2 shows for a time that was not given.
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def described(fleet: Any) -> dict[str, Any]:
    """FleetData."""
    request, params = fleet.request, fleet.request.params
    return {
        "FleetId": fleet.id,
        "FleetState": fleet.state,
        "ActivityStatus": activity_status(fleet),
        "CreateTime": fleet.created_at,
        "ClientToken": request.client_token,
        "Type": request.type,
        "ExcessCapacityTerminationPolicy": "termination"
        if request.ends_excess
        else "no-termination",
        "FulfilledCapacity": fleet.fulfilled(),
        "FulfilledOnDemandCapacity": fleet.fulfilled("on-demand"),
        "LaunchTemplateConfigs": [_config(config) for config in request.configs],
        "TargetCapacitySpecification": _target(request),
        "TerminateInstancesWithExpiration": request.ends_with_expiration,
        "ReplaceUnhealthyInstances": bool(params.get("ReplaceUnhealthyInstances")),
        "ValidFrom": request.valid_from or NO_TIME,
        "ValidUntil": request.valid_until or NO_TIME,
        "SpotOptions": _spot_options(params.get("SpotOptions") or {}),
        "OnDemandOptions": _spelled(params.get("OnDemandOptions") or {}),
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in fleet.get_tags()],
        **fleet.instant_answer,
    }


def activity_status(fleet: Any) -> str:
    """FleetActivityStatus; "fulfilled is the only possible status for instant fleets"."""
    if fleet.is_instant:
        return "fulfilled"
    if fleet.state == "deleted_terminating" or _is_shrinking(fleet):
        return "pending_termination"
    if fleet.fulfilled() >= fleet.request.target.total:
        return "fulfilled"
    kinds = {event.kind for event in fleet.told}
    return "error" if kinds == {fleet_events.ERROR} else "pending_fulfillment"


def filter_values(shown: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeFleets' filters; they spell states with hyphens."""
    return {
        "activity-status": _both_spellings(shown["ActivityStatus"]),
        "excess-capacity-termination-policy": [
            shown["ExcessCapacityTerminationPolicy"],
            str(shown["ExcessCapacityTerminationPolicy"] == "termination").lower(),
        ],
        "fleet-state": _both_spellings(shown["FleetState"]),
        "replace-unhealthy-instances": shown["ReplaceUnhealthyInstances"],
        "type": str(shown["Type"]),
    }


def instant_answer(
    members: Iterable[Member], failures: Iterable[Failure]
) -> dict[str, list[dict[str, Any]]]:
    """What an instant fleet says at once and keeps: Instances by pool, and Errors."""
    groups: dict[Any, list[Member]] = {}
    for member in members:
        groups.setdefault((member.lifecycle, member.candidate.place), []).append(member)
    errors = [
        {
            "LaunchTemplateAndOverrides": failure.shown,
            "Lifecycle": failure.lifecycle,
            "ErrorCode": failure.code,
            "ErrorMessage": failure.message,
        }
        for failure in failures
    ]
    return {"Instances": [_of_pool(group) for group in groups.values()], "Errors": errors}


def _of_pool(group: list[Member]) -> dict[str, Any]:
    first, pool = group[0], group[0].candidate.pool
    return {
        "InstanceIds": [member.instance.id for member in group],
        "InstanceType": pool.instance_type,
        "Lifecycle": first.lifecycle,
        "LaunchTemplateAndOverrides": first.shown,
        "AvailabilityZone": pool.zone,
        "AvailabilityZoneId": catalogue.zone_ids(pool.region)[pool.zone],
        "SubnetId": first.instance.subnet_id,
    }


def active_instance(member: Member) -> dict[str, Any]:
    """ActiveInstance; in the sandbox no instance is ever impaired."""
    return {
        "InstanceId": member.instance.id,
        "InstanceType": member.candidate.pool.instance_type,
        "SpotInstanceRequestId": member.request_id,
        "InstanceHealth": "healthy",
    }


def _is_shrinking(fleet: Any) -> bool:
    held = sum(fleet.held(lifecycle) for lifecycle in LIFECYCLES)
    leaving = any(one.is_leaving or one.is_over for one in fleet.members.values())
    return leaving and held >= fleet.request.target.total


def _both_spellings(state: str) -> list[str]:
    return [state, state.replace("_", "-")]


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    specification = dict(config["LaunchTemplateSpecification"])
    specification.pop("LaunchTemplateSpecificationUserData", None)
    return {**config, "LaunchTemplateSpecification": specification}


def _target(request: Any) -> dict[str, Any]:
    asked = request.target.asked
    return {
        "OnDemandTargetCapacity": 0,
        "SpotTargetCapacity": 0,
        "DefaultTargetCapacityType": "on-demand",
        **asked,
    }


def _spot_options(asked: Mapping[str, Any]) -> dict[str, Any]:
    pools = {} if asked.get("AllocationStrategy") else {"InstancePoolsToUseCount": 1}
    return {"InstanceInterruptionBehavior": "terminate", **pools, **_spelled(asked)}


def _spelled(asked: Mapping[str, Any]) -> dict[str, Any]:
    """With the strategy in EC2's spelling: that of the default is not the one of its model (the
    AWS command line's example of describe-fleets)."""
    strategy = asked.get("AllocationStrategy") or "lowest-price"
    shown = "lowestPrice" if strategy == "lowest-price" else strategy
    return {**asked, "AllocationStrategy": shown}
