"""Spot quotas: counted in vCPUs of running and requested Spot Instances, per region and family."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuotaFamily:
    """One Spot quota; ``families`` are prefixes of the type names that count against it."""

    code: str
    name: str
    families: tuple[str, ...]

    @property
    def short_name(self) -> str:
        """The name without what all of them have in common: ``G and VT``."""
        return self.name.removeprefix("All ").removesuffix(" Spot Instance Requests")


@dataclass(frozen=True, slots=True)
class SpotQuota:
    """One Spot quota of an account in one region, and how much of it running machines and open
    requests take."""

    limit_vcpus: int
    used_vcpus: int

    @property
    def free_vcpus(self) -> int:
        """What is left; never below 0, though a quota may be lowered below its use."""
        return max(0, self.limit_vcpus - self.used_vcpus)


#: Source: EC2 developer guide, "Amazon EC2 instance type quotas".
QUOTA_FAMILIES = (
    QuotaFamily("L-3819A6DF", "All G and VT Spot Instance Requests", ("g", "vt")),
    QuotaFamily("L-C4BD4855", "All P5 Spot Instance Requests", ("p5",)),
    QuotaFamily("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", ("p4", "p3", "p2")),
    QuotaFamily("L-6B0D517C", "All Trn Spot Instance Requests", ("trn",)),
    QuotaFamily("L-B5D1601B", "All Inf Spot Instance Requests", ("inf",)),
    QuotaFamily("L-85EED4F7", "All DL Spot Instance Requests", ("dl",)),
    QuotaFamily("L-88CF9481", "All F Spot Instance Requests", ("f",)),
    QuotaFamily("L-E3A00192", "All X Spot Instance Requests", ("x",)),
    QuotaFamily(
        "L-34B43A08",
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        ("a", "c", "d", "h", "i", "m", "r", "t", "z"),
    ),
)


def quota_family(instance_type: str) -> QuotaFamily | None:
    """The quota that an instance type counts against; ``None`` for a family not listed above.

    The longest prefix wins: ``trn1`` is Trn and not T, ``dl1`` is DL and not D.
    """
    matches = [
        (len(prefix), quota.code, quota)
        for quota in QUOTA_FAMILIES
        for prefix in quota.families
        if instance_type.startswith(prefix)
    ]
    return max(matches)[2] if matches else None
