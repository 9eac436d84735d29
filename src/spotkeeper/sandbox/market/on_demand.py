"""Simulated On-Demand prices: a formula over the hardware, exact for six types. Pure.

The formula is fitted to public us-east-1 list prices of general, compute and memory types and of
the common GPU types. It is a plausible price, not AWS's.
"""

from collections.abc import Iterable
from typing import NamedTuple

MICROS = 1_000_000

VCPU_USD = 0.0333
MEMORY_GIB_USD = 0.0037

# Dollars per GPU and hour above the vCPUs and memory around it.
GPU_USD = {
    "K80": 0.61,
    "M60": 0.70,
    "T4": 0.335,
    "T4g": 0.25,
    "V100": 2.57,
    "A10G": 0.81,
    "L4": 0.61,
    "L40S": 1.61,
    "A100": 3.16,
    "H100": 5.13,
    "H200": 6.30,
    "B200": 9.00,
    "B300": 12.00,
}
UNLISTED_GPU_USD = 1.00

REGION_FACTOR = {
    "us-east-1": 1.00,
    "us-east-2": 1.00,
    "us-west-2": 1.00,
    "us-west-1": 1.20,
    "ca-central-1": 1.11,
    "eu-west-1": 1.11,
    "eu-west-2": 1.16,
    "eu-west-3": 1.17,
    "eu-north-1": 1.06,
    "eu-central-1": 1.19,
    "sa-east-1": 1.60,
}
ELSEWHERE_FACTOR = 1.22

# The On-Demand prices of the article that the product starts from, in micro-dollars per hour.
EXACT_EU_WEST_1 = {
    "m4.2xlarge": 444_000,
    "c4.2xlarge": 478_000,
    "g3.4xlarge": 1_210_000,
    "g3.8xlarge": 2_420_000,
    "p2.xlarge": 972_000,
    "p3.2xlarge": 3_305_000,
}


class Gpu(NamedTuple):
    """``number`` GPUs of one kind; a fraction of a GPU counts as a fraction."""

    name: str
    number: float


def on_demand_micros(
    region: str, instance_type: str, *, vcpus: int, memory_gib: float, gpus: Iterable[Gpu]
) -> int:
    """Micro-dollars per hour, Linux, shared tenancy, in whole hundreds (four decimals)."""
    if region == "eu-west-1" and instance_type in EXACT_EU_WEST_1:
        return EXACT_EU_WEST_1[instance_type]
    usd = vcpus * VCPU_USD + memory_gib * MEMORY_GIB_USD
    usd += sum(gpu.number * GPU_USD.get(gpu.name, UNLISTED_GPU_USD) for gpu in gpus)
    return max(5_000, round(usd * REGION_FACTOR.get(region, ELSEWHERE_FACTOR) * 10_000) * 100)
