"""What clients look for on the first day of an account, and the images that they make."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.utilities.utils import load_resource
from tests.sandbox.everything import IMAGE
from tests.sandbox.front_door import Door, saved_world

from ec2_sandbox.server import state

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
POLICY = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
ORDER = {"InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_the_default_vpc_has_a_way_to_the_internet(door: Door) -> None:
    ec2 = door.client("ec2")
    for _ in range(2):
        (vpc,) = ec2.describe_vpcs()["Vpcs"]
        attached = {"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}
        (gateway,) = ec2.describe_internet_gateways(Filters=[attached])["InternetGateways"]
        main = {"Name": "association.main", "Values": ["true"]}
        (table,) = ec2.describe_route_tables(Filters=[main])["RouteTables"]
        ways = {one["DestinationCidrBlock"]: one["GatewayId"] for one in table["Routes"]}
        assert ways == {"172.31.0.0/16": "local", "0.0.0.0/0": gateway["InternetGatewayId"]}
        _delete(ec2, vpc["VpcId"], gateway["InternetGatewayId"])
        ec2.create_default_vpc()


def _delete(ec2: Any, vpc: str, gateway: str) -> None:
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


def test_policies_of_aws_can_be_attached_and_are_kept_where_they_are(door: Door) -> None:
    iam = door.client("iam")
    before = len(saved_world(door.home))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="r", PolicyArn=POLICY)
    assert len(saved_world(door.home)) < before + 20_000
    state.restore(door.home, door.options, door.application.aws.carry_out_again)
    allowed = {"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"}
    without_version = json.dumps({"Statement": [allowed]})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=without_version)
    (kept,) = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    assert kept["PolicyArn"] == POLICY
    assert iam.get_policy(PolicyArn=POLICY)["Policy"]["AttachmentCount"] == 1
    iam.detach_role_policy(RoleName="r", PolicyArn=POLICY)
    assert len(iam.list_policies(Scope="AWS", MaxItems=1000)["Policies"]) > 900


def test_every_public_parameter_names_an_image_that_is_there(door: Door) -> None:
    ec2, ssm = door.client("ec2"), door.client("ssm")
    images = {one["ImageId"]: one for one in ec2.describe_images()["Images"]}
    copied = load_resource("ssm/resources/ami-amazon-linux-latest/us-east-1.json")
    for name in sorted(one["Name"] for one in copied):
        image = images[ssm.get_parameter(Name=name)["Parameter"]["Value"]]
        assert image["Architecture"] in name
        assert image["Name"].partition("-")[0] in name
    for path in ("canonical/ubuntu", "deeplearning"):
        found = ssm.get_parameters_by_path(Path=f"/aws/service/{path}", Recursive=True)
        assert {one["Value"] for one in found["Parameters"]} <= images.keys()


@pytest.mark.parametrize(
    "glob",
    [
        "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*",
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
        "ubuntu/images/hvm-ssd/ubuntu-focal-20.04-*-server-*",
        "amzn2-ami-hvm-*-x86_64-gp2",
        "al2023-ami-2023.*-kernel-6.1-x86_64",
    ],
)
def test_images_are_found_by_the_names_that_public_code_uses(door: Door, glob: str) -> None:
    ec2 = door.client("ec2")
    named = [{"Name": "name", "Values": [glob]}]
    found = ec2.describe_images(Owners=["amazon", "099720109477"], Filters=named)["Images"]
    assert found
    for image in found:
        kind = "m6g.large" if image["Architecture"] == "arm64" else "m5.large"
        assert ec2.run_instances(**{**ORDER, "InstanceType": kind}, ImageId=image["ImageId"])


def test_what_no_type_of_today_runs_is_refused(door: Door) -> None:
    image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/amzn-ami-pv-x86_64-ebs"
    with pytest.raises(ClientError, match="'paravirtual' are currently not supported"):
        door.client("ec2").run_instances(**ORDER, ImageId=image)


DATA = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 30, "VolumeType": "st1"}}


def test_an_image_of_a_machine_has_its_disks_and_its_architecture(door: Door) -> None:
    ec2 = door.client("ec2")
    arm = IMAGE.replace("x86_64", "arm64")
    big = {**DATA, "Ebs": {"VolumeSize": 125, "VolumeType": "st1", "DeleteOnTermination": False}}
    kind = {**ORDER, "InstanceType": "m6g.large"}
    machine = ec2.run_instances(**kind, ImageId=arm, BlockDeviceMappings=[big])["Instances"][0]
    made = ec2.create_image(InstanceId=machine["InstanceId"], Name="mine")["ImageId"]
    (image,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert (image["Architecture"], image["BootMode"]) == ("arm64", "uefi")
    disks = {one["DeviceName"]: one["Ebs"] for one in image["BlockDeviceMappings"]}
    assert disks["/dev/sdf"]["VolumeSize"] == 125
    assert disks["/dev/sdf"]["DeleteOnTermination"] is False
    ids = {ebs["SnapshotId"] for ebs in disks.values()}
    shown = ec2.describe_snapshots(SnapshotIds=sorted(ids))["Snapshots"]
    assert {one["VolumeSize"] for one in shown} == {8, 125}
    with pytest.raises(ClientError, match=r"InvalidSnapshot\.InUse"):
        ec2.delete_snapshot(SnapshotId=min(ids))
    ec2.run_instances(**kind, ImageId=made)
    copies = [one for one in ec2.describe_volumes()["Volumes"] if one.get("SnapshotId") in ids]
    assert sorted((one["Size"], one["VolumeType"]) for one in copies) == [(8, "gp3"), (125, "st1")]
    copied = ec2.copy_image(SourceImageId=made, SourceRegion="us-east-1", Name="copy")["ImageId"]
    (copy,) = ec2.describe_images(ImageIds=[copied])["Images"]
    assert (copy["Architecture"], copy["BootMode"], copy["EnaSupport"]) == ("arm64", "uefi", True)
    assert [one["Ebs"]["VolumeSize"] for one in copy["BlockDeviceMappings"]] == [8, 125]
    sizes = [one["VolumeSize"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]
    assert sorted(sizes) == [8, 8, 125, 125]
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        ec2.copy_image(SourceImageId=machine["ImageId"], SourceRegion="us-east-1", Name="copy")


def test_a_registered_image_is_what_was_said_of_it(door: Door) -> None:
    ec2 = door.client("ec2")
    zone = {"AvailabilityZone": "us-east-1a"}
    volume = ec2.create_volume(**zone, Size=20)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    said = {
        "Architecture": "arm64",
        "RootDeviceName": "/dev/xvda",
        "VirtualizationType": "hvm",
        "BootMode": "uefi",
        "EnaSupport": True,
    }
    disks = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    made = ec2.register_image(Name="own", BlockDeviceMappings=disks, **said)["ImageId"]
    (image,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert said.items() <= image.items()
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 20
    nothing = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-00000000000000000"}}]
    with pytest.raises(ClientError, match=r"InvalidSnapshot\.NotFound"):
        ec2.register_image(Name="nothing", BlockDeviceMappings=nothing)
