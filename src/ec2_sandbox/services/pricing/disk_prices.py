"""The price list's products for disks: each volume type in each region, by the GB-month.

Prices are those of the bill, which has us-east-1's in every region.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ec2_sandbox.bill import GB_MONTH_USD, MICROS
from ec2_sandbox.services.pricing.locations import PLACES

COMMON = {
    "servicecode": "AmazonEC2",
    "servicename": "Amazon Elastic Compute Cloud",
    "locationType": "AWS Region",
    "operation": "",
}


class Make(NamedTuple):
    """A volume type in the words of the price list."""

    usage: str
    volume_type: str
    media: str


MAKES: Mapping[str, Make] = {
    "gp3": Make(".gp3", "General Purpose", "SSD-backed"),
    "gp2": Make(".gp2", "General Purpose", "SSD-backed"),
    "io1": Make(".piops", "Provisioned IOPS", "SSD-backed"),
    "io2": Make(".io2", "Provisioned IOPS", "SSD-backed"),
    "st1": Make(".st1", "Throughput Optimized HDD", "HDD-backed"),
    "sc1": Make(".sc1", "Cold HDD", "HDD-backed"),
    "standard": Make("", "Magnetic", "HDD-backed"),
}

#: What only disks have.
DISK_FIELDS = ("volumeApiName", "volumeType", "storageMedia")


class DiskProduct(NamedTuple):
    """A volume type in a region."""

    region: str
    name: str
    family: str = "Storage"  # of snapshots, IOPS and throughput, which are not here, others
    unit: str = "GB-Mo"

    @property
    def attributes(self) -> Mapping[str, str]:
        """All that the price list says about it."""
        make, place = MAKES[self.name], PLACES[self.region]
        return {
            **COMMON,
            "regionCode": self.region,
            "location": place.location,
            "volumeApiName": self.name,
            "volumeType": make.volume_type,
            "storageMedia": make.media,
            "usagetype": f"{place.prefix}EBS:VolumeUsage{make.usage}",
        }

    @property
    def title(self) -> str:
        """What it is, in words."""
        return f"GB-month of {MAKES[self.name].volume_type} ({self.name}) provisioned storage"

    @property
    def micros(self) -> int:
        """The price of a unit."""
        return int(GB_MONTH_USD[self.name] * MICROS)


def disk_products(region: str) -> Iterator[DiskProduct]:
    """Every volume type of a region."""
    return (DiskProduct(region, name) for name in MAKES)
