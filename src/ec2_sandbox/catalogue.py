"""What exists: regions, zones, instance types, and which pools they make.

moto carries AWS's own lists; the old GPU types are added. Read only.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from ec2_sandbox import old_gpu_types
from ec2_sandbox.market.on_demand import Accelerator, Hardware, on_demand_micros
from ec2_sandbox.market.pools import Pool

ACCOUNT_ID = "123456789012"

# The regions that an AWS account has from its first day.
ENABLED_REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
)

A100_MIB = 40_960  # EC2 calls the GPU with twice the memory by the same name
OTHER_ACCELERATORS = (
    ("NeuronInfo", "NeuronDevices"),
    ("FpgaInfo", "Fpgas"),
    ("MediaAcceleratorInfo", "Accelerators"),
)


def all_regions() -> list[str]:
    """Every region of the commercial partition, enabled or not."""
    names = (region.name for region in RegionsAndZonesBackend.regions)
    return sorted(name for name in names if not name.startswith(("cn-", "us-gov-")))


@cache
def zone_ids(region: str) -> Mapping[str, str]:
    """Zone name to zone id, for example us-east-1a to use1-az6."""
    return {zone.name: zone.zone_id for zone in RegionsAndZonesBackend.zones.get(region, [])}


@cache
def instance_types() -> Mapping[str, Mapping[str, Any]]:
    """Every type as DescribeInstanceTypes shows it, by name."""
    known = {
        name: {**described, "HibernationSupported": described.get("HibernationSupported", False)}
        for name, described in INSTANCE_TYPES.items()
    }
    known.update({old.name: old_gpu_types.described(old) for old in old_gpu_types.TABLE})
    return dict(sorted(known.items()))


@cache
def zones_of_types(region: str) -> Mapping[str, tuple[str, ...]]:
    """Type to the names of the zones that offer it."""
    zones: dict[str, list[str]] = {}
    for offering in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, []):
        if offering["InstanceType"] in instance_types():
            zones.setdefault(offering["InstanceType"], []).append(offering["Location"])
    if region in old_gpu_types.REGIONS:
        zones.update({old.name: list(zone_ids(region)) for old in old_gpu_types.TABLE})
    return {name: tuple(sorted(zones[name])) for name in sorted(zones)}


@cache
def spot_pools(region: str) -> tuple[Pool, ...]:
    """Every pool of a region that can be had as Spot, by type and zone."""
    return tuple(
        Pool(zone, name)
        for name, zones in zones_of_types(region).items()
        if "spot" in instance_types()[name]["SupportedUsageClasses"]
        for zone in zones
    )


def is_spot_pool(pool: Pool) -> bool:
    """Whether the pool exists in an enabled region and can be had as Spot."""
    return pool.region in ENABLED_REGIONS and pool in _spot_pool_set(pool.region)


@cache
def _spot_pool_set(region: str) -> frozenset[Pool]:
    return frozenset(spot_pools(region))


def vcpus(instance_type: str) -> int:
    """What the type counts against a vCPU quota."""
    return int(instance_types()[instance_type]["VCpuInfo"]["DefaultVCpus"])


def units_of(instance_type: str, unit: str) -> int:
    """What one instance brings towards a target (TargetCapacityUnitType); no type that is: one."""
    described = instance_types().get(instance_type)
    if described is None or unit == "units":
        return 1
    is_vcpu = unit == "vcpu"
    return vcpus(instance_type) if is_vcpu else int(described["MemoryInfo"]["SizeInMiB"])


def architectures(instance_type: str) -> list[str]:
    """The architectures of images that run on the type."""
    found: list[str] = instance_types()[instance_type]["ProcessorInfo"]["SupportedArchitectures"]
    return found


@cache
def on_demand(region: str, instance_type: str) -> int:
    """The simulated On-Demand price in micro-dollars per hour."""
    return on_demand_micros(region, instance_type, hardware(instance_type))


@cache
def hardware(instance_type: str) -> Hardware:
    """What a type's price is made of."""
    described = instance_types()[instance_type]
    disks = described.get("InstanceStorageInfo", {}).get("Disks", ())
    return Hardware(
        vcpus=vcpus(instance_type),
        memory_gib=described["MemoryInfo"]["SizeInMiB"] / 1024,
        maker=described["ProcessorInfo"].get("Manufacturer", "Intel"),
        threads_per_core=described["VCpuInfo"].get("DefaultThreadsPerCore", 2),
        ssd_gb=sum(disk["Count"] * disk["SizeInGB"] for disk in disks if disk["Type"] == "ssd"),
        hdd_gb=sum(disk["Count"] * disk["SizeInGB"] for disk in disks if disk["Type"] == "hdd"),
        accelerators=tuple(_accelerators(described)),
    )


def _accelerators(described: Mapping[str, Any]) -> Iterator[Accelerator]:
    """GPUs and the like; a type with a slice of a GPU says Count 0 and its share."""
    for gpu in described.get("GpuInfo", {}).get("Gpus", []):
        big = gpu["Name"] == "A100" and gpu["MemoryInfo"]["SizeInMiB"] > A100_MIB
        number = gpu.get("Count") or gpu.get("GpuPartitionSize") or 0
        yield Accelerator("A100-80GB" if big else gpu["Name"], number)
    for section, member in OTHER_ACCELERATORS:
        for device in described.get(section, {}).get(member, []):
            yield Accelerator(device["Name"], device["Count"])
