"""The world that the fakes share: regions, zones, hardware, images and prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from spotkeeper.lifecycle.ports import Image, Subnet
from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.model.tags import Caller

CALLER = Caller("123456789012", "arn:aws:iam::123456789012:user/me")
OWNER = CALLER.owner

#: Region to zone letters.
ZONES: Mapping[str, str] = {"us-east-1": "abc", "eu-west-1": "ab"}
REGION = "us-east-1"
HOME_VPC = "vpc-home"


def zone(name: str) -> Zone:
    """The zone of a name such as ``us-east-1a``."""
    return Zone(name[:-1], name, f"{name[:-1]}-az{ord(name[-1]) - 96}")


def pool(text: str) -> Pool:
    """``g5.xlarge@us-east-1a`` as a pool."""
    instance_type, _, zone_name = text.partition("@")
    return Pool(instance_type, zone(zone_name))


def hardware(
    name: str,
    vcpus: int,
    gib: int,
    *,
    arch: str = "x86_64",
    gpu: str | None = None,
    hibernates: bool = False,
) -> InstanceType:
    """A row of the catalogue."""
    gpus = Gpus(gpu, "NVIDIA", 1, 24 * 1024) if gpu else None
    return InstanceType(
        name,
        vcpus,
        gib * 1024,
        (arch,),
        gpus,
        spot_supported=True,
        hibernation_supported=hibernates,
    )


HARDWARE: Mapping[str, InstanceType] = {
    row.name: row
    for row in (
        hardware("g5.xlarge", 4, 16, gpu="A10G"),
        hardware("g6.xlarge", 4, 16, gpu="L4"),
        hardware("p3.2xlarge", 8, 61, gpu="V100"),
        hardware("m5.large", 2, 8, hibernates=True),
        hardware("m7g.large", 2, 8, arch="arm64"),
    )
}

ON_DEMAND: Mapping[str, Decimal] = {
    "g5.xlarge": Decimal("1.006"),
    "g6.xlarge": Decimal("0.8048"),
    "p3.2xlarge": Decimal("3.06"),
    "m5.large": Decimal("0.096"),
    "m7g.large": Decimal("0.0816"),
}

USD_PER_GIB_MONTH: Mapping[str, Decimal] = {"gp3": Decimal("0.08")}


def everyday_price(of: Pool) -> Decimal:
    """Two fifths of On-Demand, a tenth of a cent more in every further zone."""
    step = Decimal(ord(of.zone.name[-1]) - ord("a")) / 1000
    return ON_DEMAND[of.instance_type] * 2 / 5 + step


def all_pools(region: str) -> tuple[Pool, ...]:
    """Every pool of a region."""
    return tuple(Pool(t, zone(region + letter)) for letter in ZONES[region] for t in HARDWARE)


def subnets_of(region: str) -> tuple[Subnet, ...]:
    """The default subnet of every zone."""
    return tuple(
        Subnet(f"subnet-{region}{letter}", HOME_VPC, zone(region + letter))
        for letter in ZONES[region]
    )


@dataclass(frozen=True)
class Picture:
    """An image that exists in every region."""

    arch: str
    root_gib: int
    login: str
    name: str


PICTURES: Mapping[str, Picture] = {
    f"ami-{alias}-{arch}": Picture(arch, root_gib, login, f"{alias} for {arch}")
    for alias, root_gib, login in (
        ("deep-learning", 75, "ubuntu"),
        ("ubuntu", 8, "ubuntu"),
        ("amazon-linux", 8, "ec2-user"),
    )
    for arch in ("x86_64", "arm64")
}


def image(region: str, image_id: str) -> Image:
    """A picture as the lifecycle sees it."""
    found = PICTURES[image_id]
    return Image(
        image_id, region, found.arch, "/dev/xvda", found.root_gib, found.login, found.name
    )
