"""Spot quotas in vCPUs, per region: codes, names, defaults (UserGuide/using-spot-limits.html)."""

import re
from typing import NamedTuple

from spotkeeper.sandbox.world import World


class Quota(NamedTuple):
    """``families`` is what it covers: letters, then the generation's digit. None for On-Demand."""

    code: str
    name: str
    families: str | None
    default: float
    fresh: float


QUOTAS = (
    Quota(
        "L-34B43A08",
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        r"[acdhimrtz]\d|im\d|is\d",
        640,
        5,
    ),
    Quota("L-3819A6DF", "All G and VT Spot Instance Requests", r"(?:g|gr|vt)\d", 128, 0),
    Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", r"p[234]", 128, 0),
    Quota("L-C4BD4855", "All P5 Spot Instance Requests", r"p[56]", 192, 0),
    Quota("L-6B0D517C", "All Trn Spot Instance Requests", r"trn\d", 128, 0),
    Quota("L-B5D1601B", "All Inf Spot Instance Requests", r"inf\d", 128, 0),
    Quota("L-85EED4F7", "All DL Spot Instance Requests", r"dl\d", 96, 0),
    Quota("L-88CF9481", "All F Spot Instance Requests", r"f\d", 128, 0),
    Quota("L-E3A00192", "All X Spot Instance Requests", r"x\d", 128, 0),
    Quota(
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        None,
        640,
        5,
    ),
    Quota("L-DB2E81BA", "Running On-Demand G and VT instances", None, 128, 0),
    Quota("L-417A185B", "Running On-Demand P instances", None, 128, 0),
)
BY_CODE = {quota.code: quota for quota in QUOTAS}


def quota_of(instance_type: str) -> Quota | None:
    """The Spot quota a type counts against; None for types without one."""
    for quota in QUOTAS:
        if quota.families and re.match(f"(?:{quota.families})", instance_type):
            return quota
    return None


def limit(world: World, quota: Quota, region: str) -> float:
    """The applied value, in vCPUs."""
    before = quota.fresh if world.options.is_fresh else quota.default
    return world.quotas.get((region, quota.code), before)
