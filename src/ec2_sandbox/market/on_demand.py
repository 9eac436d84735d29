"""Simulated On-Demand prices: a formula over the hardware, exact for six types. Pure.

vCPUs, memory, local disks and accelerators each have a price; the family's name says the rest:
whose processor of which generation, extra network, burstable, bare metal. The few constants are
fitted to public list prices of us-east-1 (``bench/calibration_prices.py`` prints the error). It is
a plausible price, not AWS's.
"""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

MICROS = 1_000_000

# Dollars per hour, at the sixth generation of Intel.
VCPU_USD = 0.0347
MEMORY_GIB_USD = 0.0035
DENSE_MEMORY_GIB_USD = 0.0054  # what goes beyond DENSE_FROM GiB per vCPU
DENSE_FROM = 8
SSD_USD = 0.0008  # per vCPU with 1 GB of its own; more disk costs less than in proportion
HDD_USD = 0.0003
DISK_EXPONENT = 0.65
BURSTABLE_MEMORY_GIB_USD = 0.0104  # all that a burstable type is priced by

# Times the price of the machine without its accelerators.
MAKER_FACTOR = {"Intel": 1.0, "AMD": 0.9, "AWS": 0.8}
NEWER_FACTOR = {"Intel": 1.05, "AMD": 1.06, "AWS": 1.09}  # per generation after NEWEST_ALIKE
OLDER_FACTOR = 1.08  # per generation before EARLY
WHOLE_CORE_FACTOR = 1.26  # a vCPU that is a core, not a thread
BANDWIDTH_FACTOR = 1.5
EARLY_BANDWIDTH_FACTOR = 1.21  # up to the generation EARLY
FREQUENCY_FACTOR = 1.4
FLEX_FACTOR = 0.95
METAL_FACTOR = 1.05  # after NEWEST_ALIKE
FAMILY_FACTOR = {"u": 1.45, "z": 1.35}
EARLY, NEWEST_ALIKE = 5, 6  # the two generations that cost the same

# Dollars per accelerator and hour above the machine around it.
ACCELERATOR_USD = {
    "K80": 0.50,
    "M60": 0.16,
    "V100": 2.57,
    "T4": 0.32,
    "T4g": 0.29,
    "A10G": 0.78,
    "L4": 0.47,
    "L40S": 1.80,
    "RTX PRO 4500": 1.83,
    "RTX PRO Server 6000": 2.56,
    "A100": 1.57,
    "A100-80GB": 2.22,
    "H100": 4.74,
    "H200": 5.60,
    "B200": 11.84,
    "B300": 14.00,
    "Inferentia": 0.044,
    "Inferentia2": 0.39,
    "Trainium": 0.86,
    "Trainium2": 2.00,
    "U30": 0.15,
    "Virtex UltraScale+ (VU47P)": 0.12,
}
UNLISTED_ACCELERATOR_USD = 1.00

# Public list prices of an m5.large against us-east-1.
REGION_FACTOR = {
    "us-east-1": 1.00,
    "us-east-2": 1.00,
    "us-west-1": 1.17,
    "us-west-2": 1.00,
    "ap-northeast-1": 1.29,
    "ap-northeast-2": 1.23,
    "ap-northeast-3": 1.29,
    "ap-south-1": 1.05,
    "ap-southeast-1": 1.25,
    "ap-southeast-2": 1.25,
    "ca-central-1": 1.11,
    "eu-central-1": 1.20,
    "eu-north-1": 1.06,
    "eu-west-1": 1.11,
    "eu-west-2": 1.16,
    "eu-west-3": 1.17,
    "sa-east-1": 1.59,
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

FAMILY = re.compile(r"^(?P<letters>[a-z]+)-?(?P<generation>\d*)(?P<extras>[a-z]*)")
PLAIN = {"c", "m", "r"}  # families whose number is an age and whose letters are extras


class Accelerator(NamedTuple):
    """``number`` devices of one kind; a slice of a device counts as a fraction."""

    name: str
    number: float


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of, as DescribeInstanceTypes tells it."""

    vcpus: int
    memory_gib: float
    maker: str = "Intel"
    threads_per_core: int = 2
    ssd_gb: int = 0
    hdd_gb: int = 0
    accelerators: tuple[Accelerator, ...] = ()


def on_demand_micros(region: str, instance_type: str, hardware: Hardware) -> int:
    """Micro-dollars per hour, Linux, shared tenancy, in whole hundreds (four decimals)."""
    if region == "eu-west-1" and instance_type in EXACT_EU_WEST_1:
        return EXACT_EU_WEST_1[instance_type]
    usd = _machine_usd(instance_type, hardware) + sum(
        part.number * ACCELERATOR_USD.get(part.name, UNLISTED_ACCELERATOR_USD)
        for part in hardware.accelerators
    )
    return max(100, round(usd * REGION_FACTOR.get(region, ELSEWHERE_FACTOR) * 10_000) * 100)


def _machine_usd(instance_type: str, hardware: Hardware) -> float:
    """Dollars per hour in us-east-1, without the accelerators."""
    family, _, size = instance_type.partition(".")
    found = FAMILY.match(family)
    letters, number, extras = found.groups() if found else ("", "", "")
    generation = int(number or 0)
    factor = _processor_factor(hardware, generation)
    if letters == "t" and generation > 1:
        return hardware.memory_gib * BURSTABLE_MEMORY_GIB_USD * factor
    if letters in PLAIN:
        factor *= _extras_factor(extras, generation) * OLDER_FACTOR ** max(0, EARLY - generation)
    factor *= FLEX_FACTOR if family.endswith("-flex") else 1
    factor *= METAL_FACTOR if size.startswith("metal") and generation > NEWEST_ALIKE else 1
    factor *= FAMILY_FACTOR.get(letters, 1)
    return _parts_usd(hardware) * factor + _disks_usd(hardware)


def _parts_usd(hardware: Hardware) -> float:
    """vCPUs and memory."""
    dense_gib = max(0, hardware.memory_gib - DENSE_FROM * hardware.vcpus)
    return (
        hardware.vcpus * VCPU_USD
        + (hardware.memory_gib - dense_gib) * MEMORY_GIB_USD
        + dense_gib * DENSE_MEMORY_GIB_USD
    )


def _disks_usd(hardware: Hardware) -> float:
    """Local disks: the more of them a vCPU has, the less a gigabyte costs."""
    each = ((hardware.ssd_gb, SSD_USD), (hardware.hdd_gb, HDD_USD))
    return sum(
        hardware.vcpus * usd * math.pow(gb / hardware.vcpus, DISK_EXPONENT)
        for gb, usd in each
        if gb
    )


def _processor_factor(hardware: Hardware, generation: int) -> float:
    newer = max(0, generation - NEWEST_ALIKE)
    factor: float = MAKER_FACTOR.get(hardware.maker, 1.0)
    factor *= NEWER_FACTOR.get(hardware.maker, 1.0) ** newer
    if hardware.threads_per_core == 1 and hardware.maker != "AWS":
        factor *= WHOLE_CORE_FACTOR
    return factor


def _extras_factor(extras: str, generation: int) -> float:
    """``n``: network, ``b``: EBS bandwidth, ``z``: frequency. Disks (``d``) are priced by size."""
    factor = FREQUENCY_FACTOR if "z" in extras else 1.0
    if "n" in extras or "b" in extras:
        factor *= EARLY_BANDWIDTH_FACTOR if generation <= EARLY else BANDWIDTH_FACTOR
    return factor
