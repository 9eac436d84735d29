"""EC2's vCPU quotas per region: codes, names, what they cover, defaults.

AWS's defaults are those of UserGuide/using-spot-limits.html and ec2-on-demand-instances.html: what
a new account has. The generous account has room to try everything, GPUs included.
"""

import re
from dataclasses import dataclass
from functools import cache

from ec2_sandbox.world import World

NAMED = "Standard (A, C, D, H, I, M, R, T, Z)"
STANDARD = r"[acdhimrtz]\d|im\d|is\d|hpc\d"
GRAPHICS = r"(?:g|gr|vt)\d"


@dataclass(frozen=True)
class Quota:
    """``families`` matches the types that it covers: letters, then the generation's digit.

    ``default``      vCPUs of the sandbox's generous account.
    ``fresh``        vCPUs of a new AWS account: AWS's default.
    ``usage_class``  its name in CloudWatch AWS/Usage, as in "G/Spot".
    """

    code: str
    name: str
    families: str
    default: float
    fresh: float
    usage_class: str

    def covers(self, instance_type: str) -> bool:
        """Whether instances of the type count against it."""
        return re.match(f"(?:{self.families})", instance_type) is not None


SPOT_QUOTAS = (
    Quota("L-34B43A08", f"All {NAMED} Spot Instance Requests", STANDARD, 640, 5, "Standard/Spot"),
    Quota("L-3819A6DF", "All G and VT Spot Instance Requests", GRAPHICS, 128, 0, "G/Spot"),
    Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", r"p[234]", 128, 0, "P/Spot"),
    Quota("L-C4BD4855", "All P5 Spot Instance Requests", r"p[56]", 192, 0, "P5/Spot"),
    Quota("L-6B0D517C", "All Trn Spot Instance Requests", r"trn\d", 128, 0, "Trn/Spot"),
    Quota("L-B5D1601B", "All Inf Spot Instance Requests", r"inf\d", 128, 0, "Inf/Spot"),
    Quota("L-85EED4F7", "All DL Spot Instance Requests", r"dl\d", 96, 0, "DL/Spot"),
    Quota("L-88CF9481", "All F Spot Instance Requests", r"f\d", 128, 0, "F/Spot"),
    Quota("L-E3A00192", "All X Spot Instance Requests", r"x\d", 128, 0, "X/Spot"),
)
ON_DEMAND_QUOTAS = (
    Quota(
        "L-1216C47A", f"Running On-Demand {NAMED} instances", STANDARD, 640, 5, "Standard/OnDemand"
    ),
    Quota("L-DB2E81BA", "Running On-Demand G and VT instances", GRAPHICS, 128, 0, "G/OnDemand"),
    Quota("L-417A185B", "Running On-Demand P instances", r"p\d", 192, 0, "P/OnDemand"),
    Quota("L-2C3B7624", "Running On-Demand Trn instances", r"trn\d", 128, 0, "Trn/OnDemand"),
    Quota("L-1945791B", "Running On-Demand Inf instances", r"inf\d", 128, 0, "Inf/OnDemand"),
    Quota("L-6E869C2A", "Running On-Demand DL instances", r"dl\d", 96, 0, "DL/OnDemand"),
    Quota("L-74FC7D96", "Running On-Demand F instances", r"f\d", 128, 0, "F/OnDemand"),
    Quota("L-7295265B", "Running On-Demand X instances", r"x\d", 128, 0, "X/OnDemand"),
)
QUOTAS = (*SPOT_QUOTAS, *ON_DEMAND_QUOTAS)
BY_CODE = {quota.code: quota for quota in QUOTAS}


@cache
def quota_of(instance_type: str, *, spot: bool = True) -> Quota | None:
    """The quota that a type counts against as Spot, or On-Demand; None for types without one."""
    quotas = SPOT_QUOTAS if spot else ON_DEMAND_QUOTAS
    return next((quota for quota in quotas if quota.covers(instance_type)), None)


def limit(world: World, quota: Quota, region: str) -> float:
    """The applied value, in vCPUs."""
    before = quota.fresh if world.options.is_fresh else quota.default
    return world.quotas.get((region, quota.code), before)


def count(world: World, quota: Quota | None, region: str, vcpus: int) -> None:
    """So many more in use, or fewer: kept up to date rather than added up anew."""
    if quota is not None:  # types without one are not counted
        key = (region, quota.code)
        world.vcpus[key] = world.vcpus.get(key, 0) + vcpus


def in_use(world: World, quota: Quota, region: str) -> int:
    """vCPUs of running On-Demand instances, or of Spot instances and open requests."""
    return world.vcpus.get((region, quota.code), 0)
