"""Which facts of an image decide whether, and with which disks, a machine can be launched."""

from typing import Any

import pytest

from spotkeeper.aws.images import image_of
from spotkeeper.errors import BadInput
from spotkeeper.model.disk import Disk

pytestmark = pytest.mark.world("facts of images", by="users' reports")


def mapping(device: str, gib: int | None, kind: str | None = "gp3") -> dict[str, Any]:
    ebs = {"VolumeSize": gib, "VolumeType": kind, "SnapshotId": "snap-1"}
    return {"DeviceName": device, "Ebs": {k: v for k, v in ebs.items() if v is not None}}


def described(**facts: Any) -> dict[str, Any]:
    """As DescribeImages answers."""
    usual = {
        "ImageId": "ami-1",
        "Architecture": "x86_64",
        "RootDeviceName": "/dev/sda1",
        "RootDeviceType": "ebs",
        "Name": "mine",
        "State": "available",
        "VirtualizationType": "hvm",
        "BlockDeviceMappings": [mapping("/dev/sda1", 75)],
    }
    return {**usual, **facts}


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"State": "failed"}, "its state is failed"),
        ({"State": "pending"}, "its state is pending"),
        ({"RootDeviceType": "instance-store"}, "no EBS volume"),
        ({"Platform": "windows"}, "Windows"),
        ({"VirtualizationType": "paravirtual"}, "paravirtual"),
        ({"RootDeviceName": None}, "no root device"),
        ({"Architecture": None}, "architecture"),
    ],
)
def test_an_image_from_which_nothing_starts_is_refused_with_the_reason(
    facts: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        image_of(described(**facts), "us-east-1")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"PlatformDetails": "Linux/UNIX"}, ""),
        ({"PlatformDetails": "Red Hat Enterprise Linux"}, "Red Hat Enterprise Linux"),
        ({"ProductCodes": [{"ProductCodeId": "x", "ProductCodeType": "marketplace"}]},
         "a product of the AWS Marketplace"),
    ],
)  # fmt: skip
def test_what_costs_more_than_plain_linux_is_told(facts: dict[str, Any], told: str) -> None:
    assert image_of(described(**facts), "us-east-1").billed_as == told


@pytest.mark.parametrize(
    ("mappings", "root", "root_gib", "further"),
    [
        ([mapping("/dev/sda1", 75)], "/dev/sda1", 75, ()),
        ([mapping("/dev/xvda", 200)], "/dev/xvda", 200, ()),
        ([mapping("/dev/sda1", None)], "/dev/sda1", 1, ()),
        (
            [mapping("/dev/sdb", 500, "io2"), mapping("/dev/sda1", 75)],
            "/dev/sda1",
            75,
            (Disk("io2", 500, by_size_alone=False),),
        ),
        (
            [mapping("/dev/sda1", 75), mapping("/dev/sdb", 10, None)],
            "/dev/sda1",
            75,
            (Disk("gp2", 10),),
        ),
        (
            [mapping("/dev/sda1", 75), {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}],
            "/dev/sda1",
            75,
            (),
        ),
        ([], "/dev/sda1", 1, ()),
        (None, "/dev/sda1", 1, ()),
    ],
)
def test_the_mapping_says_which_disk_is_the_root_and_which_come_besides(
    mappings: list[dict[str, Any]] | None, root: str, root_gib: int, further: tuple[Disk, ...]
) -> None:
    found = image_of(described(BlockDeviceMappings=mappings), "us-east-1")
    assert (found.root_device, found.root_gib, found.further_disks) == (root, root_gib, further)


@pytest.mark.parametrize(
    ("facts", "boot_mode", "of_stranger"),
    [
        ({}, "", True),
        ({"BootMode": "uefi"}, "uefi", True),
        ({"BootMode": "uefi-preferred", "ImageOwnerAlias": "amazon"}, "", False),
        ({"ImageOwnerAlias": "amazon", "Name": "bottlerocket-aws-ecs-2-x86_64"}, "", True),
    ],
)
def test_how_an_image_boots_and_whether_anybody_knows_its_cloud_init(
    facts: dict[str, Any],
    boot_mode: str,
    of_stranger: bool,  # noqa: FBT001
) -> None:
    found = image_of(described(**facts), "us-east-1")
    assert (found.boot_mode, found.of_stranger) == (boot_mode, of_stranger)
    assert not image_of(described(**facts), "us-east-1", "ubuntu").of_stranger  # an alias of ours


def test_an_image_that_aws_publishes_under_a_name_is_no_strangers() -> None:
    assert not image_of(described(Name="ubuntu/images"), "us-east-1", "ubuntu").of_stranger
