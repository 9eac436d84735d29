"""The machine images of every region, and the SSM public parameters that name them.

AWS's own images as far as people who develop models use them: Deep Learning AMIs, Ubuntu, Amazon
Linux. Ids are made from region and name, so they are the same in every sandbox.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

from moto.utilities.utils import load_resource

from ec2_sandbox import catalogue

RELEASE = "20261101"
CREATED = datetime(2026, 11, 1, 8)  # noqa: DTZ001 - naive UTC, as moto has its times

AMAZON_DLAMI = "898082745236"
AMAZON_LINUX = "137112412989"
CANONICAL = "099720109477"

ARCH = {"x86_64": "amd64", "arm64": "arm64"}


@dataclass(frozen=True)
class Image:
    """One image in one region; disk size in GB."""

    region: str
    name: str
    owner_id: str
    owner_alias: str | None
    architecture: str
    root_device: str
    root_gb: int
    parameters: tuple[str, ...]

    @property
    def id(self) -> str:
        """The same in every sandbox."""
        return f"ami-0{_digest(self.region, self.name)}"

    @property
    def snapshot_id(self) -> str:
        """What the root disk is made from."""
        return f"snap-0{_digest(self.region, self.name, 'root')}"

    @property
    def virtualization(self) -> str:
        """Amazon Linux 1 has images that no type of today runs."""
        return "paravirtual" if "-pv-" in self.name else "hvm"

    @property
    def boot_mode(self) -> str:
        """Graviton knows UEFI alone."""
        return "uefi-preferred" if self.architecture == "x86_64" else "uefi"

    def described(self) -> dict[str, Any]:
        """The image as DescribeImages shows it."""
        return {
            "ImageId": self.id,
            "Name": self.name,
            "Description": self.name,
            "ImageLocation": f"amazon/{self.name}",
            "OwnerId": self.owner_id,
            "ImageOwnerAlias": self.owner_alias,
            "Architecture": self.architecture,
            "Public": True,
            "State": "available",
            "ImageType": "machine",
            "CreationDate": CREATED,
            "DeprecationTime": "2028-11-01T08:00:00.000Z",
            "PlatformDetails": "Linux/UNIX",
            "UsageOperation": "RunInstances",
            "RootDeviceType": "instance-store" if self.name.endswith("-s3") else "ebs",
            "RootDeviceName": self.root_device,
            "VirtualizationType": self.virtualization,
            "Hypervisor": "xen",
            "EnaSupport": True,
            "SriovNetSupport": "simple",
            "BootMode": self.boot_mode,
            "ImdsSupport": "v2.0",
            "BlockDeviceMappings": [
                {
                    "DeviceName": self.root_device,
                    "Ebs": {
                        "SnapshotId": self.snapshot_id,
                        "VolumeSize": self.root_gb,
                        "VolumeType": "gp3",
                        "Iops": 3000,
                        "Throughput": 125,
                        "DeleteOnTermination": True,
                        "Encrypted": False,
                    },
                }
            ],
        }


def _digest(*parts: str) -> str:
    return blake2b("|".join(parts).encode(), digest_size=8).hexdigest()


@cache
def images_of(region: str) -> dict[str, Image]:
    """Every image of a region, by id."""
    found = [*_deep_learning(region), *_ubuntu(region), *_amazon_linux(region)]
    return {image.id: image for image in found}


@cache
def parameters_of(region: str) -> dict[str, str]:
    """SSM public parameter to image id."""
    return {
        parameter: image.id
        for image in images_of(region).values()
        for parameter in image.parameters
    }


def _deep_learning(region: str) -> Iterator[Image]:
    systems = {
        "ubuntu-24.04": ("Ubuntu 24.04", "/dev/sda1"),
        "ubuntu-22.04": ("Ubuntu 22.04", "/dev/sda1"),
        "amazon-linux-2023": ("Amazon Linux 2023", "/dev/xvda"),
    }
    for system, (title, root) in systems.items():
        for arch in ARCH:
            prefix = "Deep Learning ARM64 Base" if arch == "arm64" else "Deep Learning Base"
            base = f"base-oss-nvidia-driver-gpu-{system}"
            yield Image(
                region=region,
                name=f"{prefix} OSS Nvidia Driver GPU AMI ({title}) {RELEASE}",
                owner_id=AMAZON_DLAMI,
                owner_alias="amazon",
                architecture=arch,
                root_device=root,
                root_gb=75,
                parameters=(f"/aws/service/deeplearning/ami/{arch}/{base}/latest/ami-id",),
            )


# Canonical's releases, each under the paths that public code looks for it, with the disk types of
# the parameters that name it.
UBUNTU = {
    ("24.04", "noble", "hvm-ssd-gp3"): ("gp3", "gp2"),
    ("22.04", "jammy", "hvm-ssd-gp3"): ("gp3",),
    ("22.04", "jammy", "hvm-ssd"): ("gp2",),
    ("20.04", "focal", "hvm-ssd"): ("gp2",),
}


def _ubuntu(region: str) -> Iterator[Image]:
    for (version, codename, folder), disks in UBUNTU.items():
        for arch, name in ARCH.items():
            path = f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{name}/hvm"
            yield Image(
                region=region,
                name=f"ubuntu/images/{folder}/ubuntu-{codename}-{version}-{name}-server-{RELEASE}",
                owner_id=CANONICAL,
                owner_alias=None,
                architecture=arch,
                root_device="/dev/sda1",
                root_gb=8,
                parameters=tuple(f"{path}/ebs-{disk}/ami-id" for disk in disks),
            )


# How Amazon writes the release into an image's name, by the beginning of the parameter's.
AMAZON_RELEASES = {
    "al2023": f"2023.9.{RELEASE}.0",
    "al2027": f"2027.0.{RELEASE}.0",
    "amzn2": f"2.0.{RELEASE}.0",
    "amzn": "2018.03.0.20231218.0",
}
AMAZON_LINUX_NAME = re.compile(
    r"(?P<head>(?P<line>al\d{4}|amzn2?)-.+?)(?P<tail>(-kernel-[\d.]+)?-(?P<arch>x86_64|arm64).*)"
)


def _amazon_linux(region: str) -> Iterator[Image]:
    """One for every image that AWS's public parameters name, as moto has copied them."""
    try:
        copied = load_resource(f"ssm/resources/ami-amazon-linux-latest/{region}.json")
    except FileNotFoundError:
        return
    parameters: dict[str, list[str]] = {}
    for one in sorted(copied, key=lambda one: (len(one["Name"]), one["Name"])):
        parameters.setdefault(one["Value"], []).append(one["Name"])
    for names in parameters.values():
        numbered = [name for name in names if "-default-" not in name] or names
        found = AMAZON_LINUX_NAME.fullmatch(numbered[0].rpartition("/")[2])
        if found:
            yield Image(
                region=region,
                name=f"{found['head']}-{AMAZON_RELEASES[found['line']]}{found['tail']}",
                owner_id=AMAZON_LINUX,
                owner_alias="amazon",
                architecture=found["arch"],
                root_device="/dev/xvda",
                root_gb=8,
                parameters=tuple(names),
            )


def publish_parameters(region: str) -> None:
    """Make SSM of this region answer the public parameters with our images."""
    from moto.ssm.models import Parameter, ssm_backends

    stored = ssm_backends[catalogue.ACCOUNT_ID][region]._parameters  # noqa: SLF001 - no setter
    stored.latest_ecs_amis_loaded = True  # ECS is not modelled, nor are its images
    for name, image_id in parameters_of(region).items():
        versions = stored[name]  # the first look loads moto's own
        versions[:] = [
            Parameter(
                account_id=catalogue.ACCOUNT_ID,
                name=name,
                value=image_id,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=0,
                version=1,
                data_type="text",
            )
        ]
