"""The products of AmazonEC2 in the price list: one type in one region, sold in several ways.

Who asks only for type and region gets Windows, dedicated tenancy and capacity reservations too, as
from AWS. Amounts are the sandbox's On-Demand prices, in micro-dollars per hour.
"""

import re
from base64 import b32encode
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.market.money import usd
from ec2_sandbox.services.pricing.disk_prices import DiskProduct
from ec2_sandbox.services.pricing.locations import PLACES

Attributes = Mapping[str, str]

ON_DEMAND_TERM, HOURLY_RATE = "JRTCKXETXF", "6YS6EN2CT7"  # AWS's codes for both
EFFECTIVE = "2026-11-01T00:00:00Z"
WINDOWS_VCPU_MICROS = 46_000  # Windows costs so much more for each vCPU and hour

SIZES = {"nano": 0.25, "micro": 0.5, "small": 1.0, "medium": 2.0, "large": 4.0}

COMPUTE_FAMILIES = ("Compute Instance", "Compute Instance (bare metal)")

# First letters of the family, and what AWS calls such types; the first that fits counts.
FAMILIES = (
    (r"t1\.", "Micro instances"),
    (r"(?:g|gr|p)\d", "GPU instance"),
    (r"vt\d", "Media Accelerator Instances"),
    (r"(?:inf|trn|dl)\d", "Machine Learning ASIC Instances"),
    (r"f\d", "FPGA Instances"),
    (r"(?:c|cc|hpc)\d", "Compute optimized"),
    (r"(?:r|x|z|u|cr)\d?[-\d]", "Memory optimized"),
    (r"(?:i|d|h|im|is|hs)\d", "Storage optimized"),
    (r"", "General purpose"),
)

COMMON = {
    "servicecode": "AmazonEC2",
    "servicename": "Amazon Elastic Compute Cloud",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
    "licenseModel": "No License required",
    "locationType": "AWS Region",
    "availabilityzone": "NA",
    "classicnetworkingsupport": "false",
    "vpcnetworkingsupport": "true",
    "processorArchitecture": "64-bit",
}


class Way(NamedTuple):
    """One way to buy a type: what it costs beside On-Demand Linux, and its attributes."""

    usage: str
    share: float
    attributes: Attributes


def _way(usage: str, share: float, system: str, *, tenancy: str, capacity: str) -> Way:
    operation = "RunInstances:0002" if system == "Windows" else "RunInstances"
    attributes = {
        "operatingSystem": system,
        "operation": operation,
        "tenancy": tenancy,
        "capacitystatus": capacity,
    }
    return Way(usage, share, attributes)


WAYS = (
    _way("BoxUsage", 1, "Linux", tenancy="Shared", capacity="Used"),
    _way("UnusedBox", 1, "Linux", tenancy="Shared", capacity="UnusedCapacityReservation"),
    _way("Reservation", 0, "Linux", tenancy="Shared", capacity="AllocatedCapacityReservation"),
    _way("DedicatedUsage", 1.06, "Linux", tenancy="Dedicated", capacity="Used"),
    _way("BoxUsage", 1, "Windows", tenancy="Shared", capacity="Used"),
)
WAY_FIELDS = frozenset(WAYS[0].attributes)


class Product(NamedTuple):
    """A type in a region, and a way to buy it."""

    hardware: Attributes
    way: Way
    unit: str = "Hrs"

    @property
    def attributes(self) -> Attributes:
        """All that the price list says about it."""
        prefix = PLACES[self.hardware["regionCode"]].prefix
        usage = f"{prefix}{self.way.usage}:{self.hardware['instanceType']}"
        return {**COMMON, **self.hardware, **self.way.attributes, "usagetype": usage}

    @property
    def family(self) -> str:
        """Bare metal is a family of its own."""
        return COMPUTE_FAMILIES[".metal" in self.hardware["instanceType"]]

    @property
    def title(self) -> str:
        """What it is, in words."""
        attributes = self.way.attributes
        system = attributes["operatingSystem"]
        return f"{attributes['tenancy']} {system} {self.hardware['instanceType']} Instance Hour"

    @property
    def micros(self) -> int:
        """The price of a unit."""
        region, name = self.hardware["regionCode"], self.hardware["instanceType"]
        linux = round(catalogue.on_demand(region, name) * self.way.share)
        windows = self.way.attributes["operatingSystem"] == "Windows"
        return linux + (WINDOWS_VCPU_MICROS * catalogue.vcpus(name) if windows else 0)


Priced = Product | DiskProduct


@cache
def hardware_of(region: str) -> tuple[Attributes, ...]:
    """Every type of a region, without the ways to buy it."""
    return tuple(_hardware(region, name) for name in catalogue.zones_of_types(region))


def products(region: str, ways: tuple[Way, ...]) -> Iterator[Product]:
    """The region's products by type, bought in these ways; Windows needs an Intel or AMD."""
    for hardware in hardware_of(region):
        x86 = "x86_64" in catalogue.architectures(hardware["instanceType"])
        for way in ways:
            if x86 or way.attributes["operatingSystem"] == "Linux":
                yield Product(hardware, way)


def document(product: Priced) -> dict[str, Any]:
    """A product with its price, as one string of PriceList spells it."""
    attributes = product.attributes
    sku = _sku(attributes)
    amount = f"{usd(product.micros)}0000"
    dimension = {
        "rateCode": f"{sku}.{ON_DEMAND_TERM}.{HOURLY_RATE}",
        "unit": product.unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${amount} per simulated {product.title}",
        "pricePerUnit": {"USD": amount},
        "appliesTo": [],
    }
    term = {
        "sku": sku,
        "offerTermCode": ON_DEMAND_TERM,
        "effectiveDate": EFFECTIVE,
        "termAttributes": {},
        "priceDimensions": {dimension["rateCode"]: dimension},
    }
    return {
        "product": {"sku": sku, "productFamily": product.family, "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{sku}.{ON_DEMAND_TERM}": term}},
        "version": "simulated",
        "publicationDate": EFFECTIVE,
    }


def _sku(attributes: Attributes) -> str:
    """Sixteen letters and digits, the same in every sandbox."""
    facts = "|".join((attributes["regionCode"], attributes["usagetype"], attributes["operation"]))
    return b32encode(blake2b(facts.encode(), digest_size=10).digest()).decode()


def _hardware(region: str, name: str) -> Attributes:
    described = catalogue.instance_types()[name]
    attributes = {
        "instanceType": name,
        "instanceFamily": next(text for start, text in FAMILIES if re.match(start, name)),
        "regionCode": region,
        "location": PLACES[region].location,
        "vcpu": str(catalogue.vcpus(name)),
        "memory": f"{described['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
        "storage": _storage(described),
        "normalizationSizeFactor": _size_factor(name),
        "currentGeneration": "Yes" if described.get("CurrentGeneration") else "No",
    }
    if network := described.get("NetworkInfo", {}).get("NetworkPerformance"):
        attributes["networkPerformance"] = network
    if gpus := described.get("GpuInfo", {}).get("Gpus"):
        attributes["gpu"] = str(gpus[0].get("Count") or 0)
        attributes["gpuMemory"] = f"{gpus[0]['MemoryInfo']['SizeInMiB'] / 1024:g} GB"
    return attributes


def _storage(described: Mapping[str, Any]) -> str:
    disks = described.get("InstanceStorageInfo", {}).get("Disks")
    if not disks:
        return "EBS only"
    kind = "SSD" if disks[0]["Type"] == "ssd" else "HDD"
    return f"{disks[0]['Count']} x {disks[0]['SizeInGB']} {kind}"


def _size_factor(name: str) -> str:
    size = name.partition(".")[2]
    if found := re.fullmatch(r"(\d*)xlarge", size):
        return f"{8 * int(found[1] or 1)}"
    return f"{SIZES[size]:g}" if size in SIZES else "NA"
