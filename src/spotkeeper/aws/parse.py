"""EC2's shapes → our values, and nowhere else."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.machine import Instance, InstanceState, Volume
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.model.spot_request import RequestState, SpotRequest

Shape = Mapping[str, Any]


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
        size_gib=int(described["Size"]),
        tags=tags(described.get("Tags")),
    )


def instance_type(described: Shape) -> InstanceType:
    """``InstanceTypeInfo`` of DescribeInstanceTypes."""
    return InstanceType(
        name=described["InstanceType"],
        vcpus=int(described["VCpuInfo"]["DefaultVCpus"]),
        memory_mib=int(described["MemoryInfo"]["SizeInMiB"]),
        archs=tuple(described.get("ProcessorInfo", {}).get("SupportedArchitectures", ())),
        gpus=_gpus(described.get("GpuInfo", {}).get("Gpus", ())),
        spot_supported="spot" in described.get("SupportedUsageClasses", ()),
        hibernation_supported=bool(described.get("HibernationSupported")),
    )


def _gpus(described: Iterable[Shape]) -> Gpus | None:
    for gpu in described:
        return Gpus(
            name=gpu.get("Name", "unknown"),
            manufacturer=gpu.get("Manufacturer", "unknown"),
            count=int(gpu.get("Count", 0)),
            memory_mib_each=int(gpu.get("MemoryInfo", {}).get("SizeInMiB", 0)),
            share=float(gpu.get("GpuPartitionSize", 1)),
        )
    return None


def spot_price(described: Shape, region: str) -> SpotPrice:
    """``SpotPrice`` of DescribeSpotPriceHistory."""
    zone = Zone(region, described["AvailabilityZone"], described.get("AvailabilityZoneId"))
    pool = Pool(described["InstanceType"], zone, described["ProductDescription"])
    return SpotPrice(pool, Decimal(described["SpotPrice"]), described["Timestamp"])
