"""Images: where AWS and Canonical publish their newest ones, and which facts of one decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spotkeeper.aws.shapes import PAID_FOR_SPEED
from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.ports import Image
from spotkeeper.model.disk import Disk
from spotkeeper.model.pool import LINUX

#: Owners whose images are used without asking; an image of anybody else must be the caller's own.
TRUSTED_OWNERS = ("amazon", "self")


@dataclass(frozen=True, slots=True)
class Alias:
    """An SSM public parameter per architecture, and the login its image has."""

    parameters: Mapping[str, str]
    login: str


#: Public parameters ("Images" in docs/reference/aws.md): current families only, so that the newest
#: image is always meant.
ALIASES: Mapping[str, Alias] = {
    "deep-learning": Alias(
        {
            arch: f"/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-24.04"
            "/latest/ami-id"
            for arch in ("x86_64", "arm64")
        },
        "ubuntu",
    ),
    "ubuntu": Alias(
        {
            arch: f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{name}/hvm/ebs-gp3"
            "/ami-id"
            for arch, name in (("x86_64", "amd64"), ("arm64", "arm64"))
        },
        "ubuntu",
    ),
    "amazon-linux": Alias(
        {
            arch: f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}"
            for arch in ("x86_64", "arm64")
        },
        "ec2-user",
    ),
}


def login_for(name: str) -> str:
    """The login of an image known only by its name (EC2 User Guide, default user names)."""
    lowered = name.lower()
    for word, login in (("ubuntu", "ubuntu"), ("debian", "admin"), ("bitnami", "bitnami")):
        if word in lowered:
            return login
    return "ec2-user"


#: What is kept of DescribeImages' answer: all that decides whether, and at what cost, a machine
#: can be launched from it.
FACTS = (
    "ImageId",
    "Architecture",
    "RootDeviceName",
    "RootDeviceType",
    "Name",
    "State",
    "Platform",
    "VirtualizationType",
    "BlockDeviceMappings",
    "BootMode",
    "ImageOwnerAlias",
    "PlatformDetails",
    "ProductCodes",
)

#: The value of ``BootMode`` that is no condition: UEFI where a type has it, else legacy BIOS.
ANY_BOOT_MODE = "uefi-preferred"

#: Images of Amazon's own that have no cloud-init.
NO_CLOUD_INIT = "bottlerocket"


def image_of(described: Mapping[str, Any], region: str, login: str | None = None) -> Image:
    """An image as DescribeImages tells it; ``login`` is known of an alias of ours.

    Raises:
        BadInput: no machine of ours can be launched from it, and why.
    """
    image_id = described["ImageId"]
    if told := _unfit(described):
        raise BadInput(
            f"Image {image_id} cannot be used: {told}",
            next_step=f"Take another --image, such as {', '.join(ALIASES)}.",
            region=region,
        )
    disks = {
        mapping["DeviceName"]: mapping["Ebs"]
        for mapping in described.get("BlockDeviceMappings") or ()
        if "Ebs" in mapping and "DeviceName" in mapping
    }
    # A root name that no mapping has is that of the first disk, as the kernel calls it otherwise.
    named = described.get("RootDeviceName") or ""
    root = named if named in disks or not disks else next(iter(disks))
    further = tuple(_disk(ebs) for device, ebs in disks.items() if device != root)
    name = described.get("Name") or ""
    return Image(
        id=image_id,
        region=region,
        arch=described.get("Architecture") or "",
        root_device=root,
        root_gib=int(disks.get(root, {}).get("VolumeSize") or 1),
        login=login or login_for(name),
        name=name,
        further_disks=further,
        boot_mode=(described.get("BootMode") or "").replace(ANY_BOOT_MODE, ""),
        of_stranger=login is None
        and (described.get("ImageOwnerAlias") != "amazon" or NO_CLOUD_INIT in name),
        billed_as=_billed_as(described),
    )


def _billed_as(described: Mapping[str, Any]) -> str:
    """``PlatformDetails``, where it is no plain Linux, or the Marketplace, which sells it."""
    platform = described.get("PlatformDetails") or LINUX
    codes = {code.get("ProductCodeType") for code in described.get("ProductCodes") or ()}
    sold = "a product of the AWS Marketplace" if "marketplace" in codes else ""
    return sold if platform == LINUX else str(platform)


def _unfit(described: Mapping[str, Any]) -> str:
    """Why no machine can be launched from an image; empty where one can."""
    state = described.get("State") or "available"
    virtualization = described.get("VirtualizationType") or "hvm"
    reasons = (
        (state != "available", f"its state is {state}"),
        (described.get("RootDeviceType") == "instance-store", "its root is no EBS volume"),
        (described.get("Platform") == "windows", "it is for Windows, and the guard needs Linux"),
        (
            virtualization != "hvm",
            f"its virtualization is {virtualization}, which old types only have",
        ),
        (not described.get("RootDeviceName"), "it names no root device"),
        (not described.get("Architecture"), "it does not say its architecture"),
    )
    return next((told for unfit, told in reasons if unfit), "")


def _disk(ebs: Mapping[str, Any]) -> Disk:
    """A disk of the image's mapping, which is also paid for its speed where that is named."""
    kind = ebs.get("VolumeType") or "gp2"
    return Disk(kind, int(ebs.get("VolumeSize") or 1), kind not in PAID_FOR_SPEED)
