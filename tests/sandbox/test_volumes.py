"""Volumes, snapshots and Elastic IPs: limits, zones, states, and what is told of them."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ZONE = "us-east-1a"


def launch(ec2: Any, **more: Any) -> dict[str, Any]:
    order = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
    placed = {"Placement": {"AvailabilityZone": ZONE}}
    return dict(ec2.run_instances(**order, **placed, **more)["Instances"][0])


def volume_of(ec2: Any, volume_id: str) -> dict[str, Any]:
    return dict(ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0])


@pytest.mark.parametrize(
    ("asked", "iops", "throughput"),
    [
        ({"Size": 10}, 100, None),
        ({"Size": 1_000}, 3_000, None),
        ({"Size": 10, "VolumeType": "gp3"}, 3_000, 125),
        ({"Size": 100, "VolumeType": "gp3", "Iops": 8_000, "Throughput": 500}, 8_000, 500),
        ({"Size": 10, "VolumeType": "io2", "Iops": 500}, 500, None),
    ],
)
def test_a_volume_has_the_settings_of_its_type(
    sandbox: Sandbox, asked: dict[str, Any], iops: int, throughput: int | None
) -> None:
    ec2 = sandbox.client("ec2")
    made = ec2.create_volume(AvailabilityZone=ZONE, **asked)
    assert made["State"] == "creating"
    found = volume_of(ec2, made["VolumeId"])
    assert (found["Iops"], found.get("Throughput")) == (iops, throughput)
    assert found["State"] == "available"


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ({}, "MissingParameter", "size/snapshot"),
        ({"Size": 10, "VolumeType": "sc2"}, "UnknownVolumeType", "sc2"),
        ({"Size": 100, "VolumeType": "st1"}, "InvalidParameterValue", "minimum is 125GiB"),
        ({"Size": 16_385}, "InvalidParameterValue", "maximum is 16384GiB"),
        ({"Size": 10, "VolumeType": "io1"}, "InvalidParameterDependency", "Iops"),
        (
            {"Size": 10, "VolumeType": "gp3", "Iops": 1_000},
            "InvalidParameterValue",
            "too low; minimum is 3000",
        ),
        (
            {"Size": 10, "VolumeType": "gp3", "Iops": 6_000},
            "InvalidParameterValue",
            "ratio of 600.000000 is too high; maximum is 500",
        ),
        (
            {"Size": 10, "VolumeType": "gp3", "Throughput": 1_000},
            "InvalidParameterValue",
            "ratio of 0.333333 is too high; maximum is 0.250000",
        ),
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound", ""),
    ],
)
def test_a_volume_beyond_its_limits_is_refused(
    sandbox: Sandbox, asked: dict[str, Any], code: str, text: str
) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client("ec2").create_volume(AvailabilityZone=ZONE, **asked)
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]


def test_a_volume_is_attached_in_its_own_zone_once(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)["InstanceId"]
    elsewhere = ec2.create_volume(AvailabilityZone="us-east-1b", Size=1)["VolumeId"]
    with pytest.raises(ClientError, match=r"InvalidVolume\.ZoneMismatch"):
        ec2.attach_volume(VolumeId=elsewhere, InstanceId=instance, Device="/dev/sdf")
    here = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    ec2.attach_volume(VolumeId=here, InstanceId=instance, Device="/dev/sdf")
    (attachment,) = volume_of(ec2, here)["Attachments"]
    assert attachment["DeleteOnTermination"] is False
    with pytest.raises(ClientError, match="VolumeInUse"):
        ec2.attach_volume(VolumeId=here, InstanceId=instance, Device="/dev/sdg")
    with pytest.raises(ClientError, match="VolumeInUse"):
        ec2.delete_volume(VolumeId=here)
    another = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    with pytest.raises(ClientError, match="already in use"):
        ec2.attach_volume(VolumeId=another, InstanceId=instance, Device="/dev/sdf")


def test_a_detached_volume_outlives_its_machine(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    instance = launch(ec2)
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    with pytest.raises(ClientError, match="Unable to detach root volume"):
        ec2.detach_volume(VolumeId=root)
    data = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    ec2.attach_volume(VolumeId=data, InstanceId=instance["InstanceId"], Device="/dev/sdf")
    ec2.detach_volume(VolumeId=data)
    with pytest.raises(ClientError, match="IncorrectState"):
        ec2.detach_volume(VolumeId=data)
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]] == [data]


def test_a_volume_grows_four_times_a_day(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=10)["VolumeId"]
    changed = ec2.modify_volume(VolumeId=volume, VolumeType="gp3", Size=20)["VolumeModification"]
    assert (changed["OriginalIops"], changed["TargetIops"]) == (100, 3_000)
    assert (changed["OriginalSize"], changed["TargetSize"]) == (10, 20)
    with pytest.raises(ClientError, match="cannot be smaller"):
        ec2.modify_volume(VolumeId=volume, Size=10)
    for size in (30, 40, 50):
        ec2.modify_volume(VolumeId=volume, Size=size)
    with pytest.raises(ClientError, match="VolumeModificationRateExceeded"):
        ec2.modify_volume(VolumeId=volume, Size=60)
    sandbox.control.advance(timedelta(days=1))
    ec2.modify_volume(VolumeId=volume, Size=60)
    found = volume_of(ec2, volume)
    assert (found["Size"], found["VolumeType"], found["Throughput"]) == (60, "gp3", 125)


def test_a_snapshot_takes_a_while(sandbox: Sandbox) -> None:
    sandbox.reset(dwell=1, speed=0)
    ec2 = sandbox.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=100)["VolumeId"]
    made = ec2.create_snapshot(VolumeId=volume)
    assert made["State"] == "pending"
    asked = {"SnapshotIds": [made["SnapshotId"]]}
    sandbox.control.advance(timedelta(seconds=30))
    (half,) = ec2.describe_snapshots(**asked)["Snapshots"]
    assert half["State"] == "pending"
    assert 40 <= int(half["Progress"].rstrip("%")) <= 60
    with pytest.raises(ClientError, match="IncorrectState"):
        ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"])
    sandbox.control.advance(timedelta(seconds=60))
    (whole,) = ec2.describe_snapshots(**asked)["Snapshots"]
    assert (whole["State"], whole["Progress"]) == ("completed", "100%")
    copy = ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"])
    assert copy["Size"] == 100
    with pytest.raises(ClientError, match="smaller than snapshot"):
        ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"], Size=99)


def test_what_costs_money_is_told(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=10, VolumeType="gp3")["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.delete_volume(VolumeId=volume)
    address = ec2.allocate_address()
    ec2.release_address(AllocationId=address["AllocationId"])
    told = [
        (row["kind"], row["subject"], row["facts"]["state"])
        for row in sandbox.control.events()
        if row["kind"] in {"volume", "snapshot", "address"}
    ]
    assert told == [
        ("volume", volume, "created"),
        ("snapshot", snapshot, "created"),
        ("snapshot", snapshot, "deleted"),
        ("volume", volume, "deleted"),
        ("address", address["AllocationId"], "allocated"),
        ("address", address["AllocationId"], "released"),
    ]


def test_a_region_has_five_elastic_addresses(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    for _ in range(5):
        ec2.allocate_address()
    with pytest.raises(ClientError, match="AddressLimitExceeded"):
        ec2.allocate_address()


def test_disks_of_the_launch_go_with_the_instance_unless_told_otherwise(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    goes = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20}}
    stays = {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 30, "DeleteOnTermination": False}}
    machine = launch(ec2, BlockDeviceMappings=[goes, stays])
    assert len(ec2.describe_volumes()["Volumes"]) == 3

    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])

    [left] = ec2.describe_volumes()["Volumes"]
    assert (left["Size"], left["State"]) == (30, "available")
