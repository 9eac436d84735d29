"""What the tests of fleets have in common: how a fleet is asked for, and how it is looked at."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

AL2023 = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TYPES = ("c5.large", "m5.large", "r5.large")


def template(client: Any, **data: Any) -> None:
    client.create_launch_template(
        LaunchTemplateName="worker",
        LaunchTemplateData={"ImageId": AL2023, "InstanceType": "m5.large", **data},
    )


def configs(*overrides: dict[str, Any], **specification: Any) -> list[dict[str, Any]]:
    named = {"LaunchTemplateName": "worker", "Version": "$Latest", **specification}
    return [{"LaunchTemplateSpecification": named, "Overrides": list(overrides)}]


def in_zone(instance_type: str, zone: str = "a", **more: Any) -> dict[str, Any]:
    return {"InstanceType": instance_type, "AvailabilityZone": f"us-east-1{zone}", **more}


POOLS = [in_zone(name) for name in TYPES]
NEEDS = {
    "VCpuCount": {"Min": 4, "Max": 4},
    "MemoryMiB": {"Min": 15_000, "Max": 17_000},
    "AllowedInstanceTypes": ["m5.*"],
}


def asked(*overrides: dict[str, Any], units: int = 1, **changes: Any) -> dict[str, Any]:
    """An instant Spot fleet, with changes; None leaves one out."""
    strategy = changes.pop("strategy", None)
    wanted = {
        "Type": "instant",
        "LaunchTemplateConfigs": configs(*overrides),
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": units,
            "DefaultTargetCapacityType": "spot",
        },
        "SpotOptions": {"AllocationStrategy": strategy} if strategy else None,
        **changes,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def on_demand(units: int, **more: Any) -> dict[str, Any]:
    return {"TotalTargetCapacity": units, "DefaultTargetCapacityType": "on-demand", **more}


def types(fleet: dict[str, Any]) -> dict[str, int]:
    """How many instances of each type an instant fleet has."""
    found: Counter[str] = Counter()
    for group in fleet["Instances"]:
        found[group["InstanceType"]] += len(group["InstanceIds"])
    return dict(found)


def codes(fleet: dict[str, Any]) -> list[str]:
    return [error["ErrorCode"] for error in fleet["Errors"]]


def refused(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def maintained(ec2: Any, *overrides: dict[str, Any], units: int = 2, **changes: Any) -> str:
    wanted = asked(*(overrides or POOLS), units=units, **{"Type": "maintain", **changes})
    return str(ec2.create_fleet(**wanted)["FleetId"])


def shown(ec2: Any, fleet_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_fleets(FleetIds=[fleet_id])["Fleets"][0]
    return found


def members(ec2: Any, fleet_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ec2.describe_fleet_instances(FleetId=fleet_id)["ActiveInstances"]
    return found


def ids(ec2: Any, fleet_id: str) -> list[str]:
    return [member["InstanceId"] for member in members(ec2, fleet_id)]


def events(ec2: Any, fleet_id: str, **more: Any) -> list[str]:
    found = ec2.describe_fleet_history(FleetId=fleet_id, StartTime=LONG_AGO, **more)
    return [record["EventInformation"]["EventSubType"] for record in found["HistoryRecords"]]


def instances(ec2: Any) -> Iterator[dict[str, Any]]:
    for reservation in ec2.describe_instances()["Reservations"]:
        yield from reservation["Instances"]


def alive(ec2: Any) -> list[dict[str, Any]]:
    return [one for one in instances(ec2) if one["State"]["Name"] in {"pending", "running"}]
