"""EC2's shapes of machines → our values, and nowhere else."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from spotkeeper.model.disk import USUAL_TYPE, Disk
from spotkeeper.model.machine import Instance, InstanceState, Volume
from spotkeeper.model.spot_request import RequestState, SpotRequest

Shape = Mapping[str, Any]

#: Volume types whose speed is paid for, and what of it is in the price of a gp3's size
#: (EBS pricing).
PAID_FOR_SPEED = frozenset({"io1", "io2"})
INCLUDED_IOPS = 3_000
INCLUDED_MIB_PER_SECOND = 125


def tags(described: Iterable[Shape] | None) -> dict[str, str]:
    """EC2's list of keys and values as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in described or ()}


def instance(described: Shape, region: str) -> Instance:
    """``Instance`` of DescribeInstances and RunInstances."""
    return Instance(
        id=described["InstanceId"],
        region=region,
        zone_name=described["Placement"]["AvailabilityZone"],
        instance_type=described["InstanceType"],
        state=InstanceState(described["State"]["Name"]),
        launched_at=described["LaunchTime"],
        lifecycle=described.get("InstanceLifecycle"),
        request_id=described.get("SpotInstanceRequestId"),
        public_ip=described.get("PublicIpAddress"),
        image_id=described.get("ImageId"),
        key_name=described.get("KeyName"),
        state_reason=described.get("StateReason", {}).get("Code", ""),
        volume_ids=tuple(
            mapping["Ebs"]["VolumeId"]
            for mapping in described.get("BlockDeviceMappings", ())
            if "Ebs" in mapping
        ),
        tags=tags(described.get("Tags")),
    )


def spot_request(described: Shape, region: str) -> SpotRequest:
    """``SpotInstanceRequest`` of DescribeSpotInstanceRequests."""
    status = described.get("Status", {})
    specification = described.get("LaunchSpecification", {})
    price = described.get("SpotPrice")
    return SpotRequest(
        id=described["SpotInstanceRequestId"],
        region=region,
        state=RequestState(described["State"]),
        status_code=status.get("Code", described["State"]),
        status_since=status.get("UpdateTime", described["CreateTime"]),
        persistent=described.get("Type") == "persistent",
        interruption_behavior=described.get("InstanceInterruptionBehavior", "terminate"),
        created_at=described["CreateTime"],
        instance_id=described.get("InstanceId"),
        instance_type=specification.get("InstanceType"),
        zone_name=described.get("LaunchedAvailabilityZone")
        or specification.get("Placement", {}).get("AvailabilityZone"),
        valid_until=described.get("ValidUntil"),
        max_usd_per_hour=Decimal(price) if price else None,
        tags=tags(described.get("Tags")),
    )


def volume(described: Shape, region: str) -> Volume:
    """``Volume`` of DescribeVolumes."""
    return Volume(
        id=described["VolumeId"],
        region=region,
        state=described["State"],
        disk=disk(described),
        tags=tags(described.get("Tags")),
    )


def disk(described: Shape) -> Disk:
    """What ``Volume`` of DescribeVolumes costs by. io1, io2, and gp3 beyond what is included, are
    paid for their speed as well."""
    kind = described.get("VolumeType", "")
    iops, mib_per_second = described.get("Iops") or 0, described.get("Throughput") or 0
    fast = iops > INCLUDED_IOPS or mib_per_second > INCLUDED_MIB_PER_SECOND
    by_size_alone = kind not in PAID_FOR_SPEED and not (kind == USUAL_TYPE and fast)
    return Disk(kind, int(described["Size"]), by_size_alone)
