"""EC2's shapes of the market → our values, and nowhere else."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

Shape = Mapping[str, Any]


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
