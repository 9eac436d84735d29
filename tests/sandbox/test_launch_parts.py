"""RunInstances over HTTP: the disks and network interfaces that come with an instance."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox
from tests.sandbox.launching import launch_one

pytestmark = pytest.mark.sandbox

DATA_DISK = "/dev/sdf"
TAGS = [{"ResourceType": "network-interface", "Tags": [{"Key": "job", "Value": "7"}]}]


def disk(**ebs: Any) -> list[dict[str, Any]]:
    return [{"DeviceName": DATA_DISK, "Ebs": ebs}]


def snapshot(ec2: Any, gb: int) -> str:
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=gb)["VolumeId"]
    return str(ec2.create_snapshot(VolumeId=volume)["SnapshotId"])


def data_disk_of(ec2: Any, instance: dict[str, Any]) -> dict[str, Any]:
    filters = [
        {"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]},
        {"Name": "attachment.device", "Values": [DATA_DISK]},
    ]
    (found,) = ec2.describe_volumes(Filters=filters)["Volumes"]
    return dict(found)


@pytest.mark.parametrize(("asked", "size"), [({}, 7), ({"VolumeSize": 9}, 9)])
def test_a_disk_from_a_snapshot_is_at_least_as_large(
    sandbox: Sandbox, asked: dict[str, int], size: int
) -> None:
    ec2 = sandbox.client("ec2")
    source = snapshot(ec2, 7)
    instance = launch_one(sandbox, BlockDeviceMappings=disk(SnapshotId=source, **asked))
    found = data_disk_of(ec2, instance)
    assert (found["Size"], found["SnapshotId"]) == (size, source)


def test_a_disk_has_what_its_type_gives_it(sandbox: Sandbox) -> None:
    instance = launch_one(sandbox, BlockDeviceMappings=disk(VolumeSize=200, VolumeType="gp2"))
    assert data_disk_of(sandbox.client("ec2"), instance)["Iops"] == 600


def test_an_image_of_ones_own_keeps_its_size(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    image = ec2.create_image(InstanceId=launch_one(sandbox)["InstanceId"], Name="mine")["ImageId"]
    (shown,) = ec2.describe_images(ImageIds=[image])["Images"]
    root = shown["BlockDeviceMappings"][0]["Ebs"]
    instance = launch_one(sandbox, ImageId=image)
    volume_id = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    assert (volume["Size"], volume["SnapshotId"]) == (root["VolumeSize"], root["SnapshotId"])


@pytest.mark.parametrize(
    ("ebs", "code"),
    [
        ({"SnapshotId": "snap-00000000000000000"}, "InvalidSnapshot.NotFound"),
        ({"VolumeType": "gp3"}, "MissingParameter"),
        ({"VolumeSize": 8, "VolumeType": "io2"}, "MissingParameter"),
        ({"VolumeSize": 8, "VolumeType": "gp9"}, "UnknownVolumeType"),
        ({"VolumeSize": 70_000}, "InvalidParameterValue"),
    ],
)
def test_a_disk_that_cannot_be_is_refused(
    sandbox: Sandbox, ebs: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        launch_one(sandbox, BlockDeviceMappings=disk(**ebs))


def test_a_mapping_of_nothing_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError, match="must contain the parameter ebs"):
        launch_one(sandbox, BlockDeviceMappings=[{"DeviceName": DATA_DISK}])
    mappings = [{"DeviceName": DATA_DISK, "NoDevice": ""}]
    assert len(launch_one(sandbox, BlockDeviceMappings=mappings)["BlockDeviceMappings"]) == 1


@pytest.mark.parametrize(("asked", "left"), [({}, 0), ({"DeleteOnTermination": False}, 1)])
def test_an_interface_made_for_the_launch_goes_with_it_unless_it_is_kept(
    sandbox: Sandbox, asked: dict[str, Any], left: int
) -> None:
    ec2 = sandbox.client("ec2")
    interfaces = [{"DeviceIndex": 0, **asked}]
    instance = launch_one(sandbox, NetworkInterfaces=interfaces, TagSpecifications=TAGS)
    filters = [{"Name": "tag:job", "Values": ["7"]}]
    assert len(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]) == 1
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert len(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]) == left


def test_an_interface_that_was_there_before_stays_and_keeps_its_tags(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    zone = [{"Name": "availability-zone", "Values": ["us-east-1a"]}]
    subnet = ec2.describe_subnets(Filters=zone)["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    interface = {"DeviceIndex": 0, "NetworkInterfaceId": made}
    instance = launch_one(sandbox, NetworkInterfaces=[interface], TagSpecifications=TAGS)
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    (left,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[made])["NetworkInterfaces"]
    assert left["TagSet"] == []


ADDRESS = {"DeviceIndex": 0, "PrivateIpAddress": "10.0.0.1"}
ADDRESSES = [{"Primary": True, "PrivateIpAddress": "10.0.0.1"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"NetworkInterfaces": [ADDRESS]}, "InvalidParameterValue"),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0, "PrivateIpAddresses": ADDRESSES}]},
            "InvalidParameterValue",
        ),
        (
            {
                "PrivateIpAddress": "172.31.0.2",
                "Placement": {"AvailabilityZone": "us-east-1a"},
            },
            "reserved address range",
        ),
        ({"PrivateIpAddress": "172.31.0.9", "MaxCount": 2}, "InvalidParameterCombination"),
        ({"NetworkInterfaces": [ADDRESS], "MaxCount": 2}, "InvalidParameterCombination"),
    ],
)
def test_an_address_that_cannot_be_is_refused(
    sandbox: Sandbox, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        launch_one(sandbox, **changes)
    assert sandbox.client("ec2").describe_instances()["Reservations"] == []


# Networks


@pytest.fixture
def elsewhere(sandbox: Sandbox) -> str:
    """A subnet of another network than the default one."""
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    asked = {"VpcId": vpc, "CidrBlock": "10.0.0.0/24", "AvailabilityZone": "us-east-1a"}
    return str(ec2.create_subnet(**asked)["Subnet"]["SubnetId"])


def default_group(ec2: Any) -> str:
    (network,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    of_it = [{"Name": "vpc-id", "Values": [network["VpcId"]]}]
    (found,) = ec2.describe_security_groups(Filters=of_it)["SecurityGroups"]
    return str(found["GroupId"])


def test_a_group_of_another_network_is_refused(sandbox: Sandbox, elsewhere: str) -> None:
    group = default_group(sandbox.client("ec2"))
    interface = {"DeviceIndex": 0, "SubnetId": elsewhere, "Groups": [group]}
    for asked in (
        {"SubnetId": elsewhere, "SecurityGroupIds": [group]},
        {"NetworkInterfaces": [interface]},
    ):
        with pytest.raises(ClientError, match="belong to different networks"):
            launch_one(sandbox, **asked)


def test_a_group_outside_the_default_network_needs_its_subnet(
    sandbox: Sandbox, elsewhere: str
) -> None:
    ec2 = sandbox.client("ec2")
    (subnet,) = ec2.describe_subnets(SubnetIds=[elsewhere])["Subnets"]
    made = ec2.create_security_group(GroupName="g", Description="d", VpcId=subnet["VpcId"])
    for asked in ({"SecurityGroupIds": [made["GroupId"]]}, {"SecurityGroups": ["g"]}):
        with pytest.raises(ClientError, match="does not exist in default VPC"):
            launch_one(sandbox, **asked)
    instance = launch_one(sandbox, SecurityGroupIds=[made["GroupId"]], SubnetId=elsewhere)
    assert [group["GroupId"] for group in instance["SecurityGroups"]] == [made["GroupId"]]


def test_groups_have_one_place_only(sandbox: Sandbox, elsewhere: str) -> None:
    group = default_group(sandbox.client("ec2"))
    for asked in (
        {"SecurityGroupIds": [group], "NetworkInterfaces": [{"DeviceIndex": 0}]},
        {"SecurityGroups": ["default"], "SubnetId": elsewhere},
    ):
        with pytest.raises(ClientError, match="InvalidParameterCombination"):
            launch_one(sandbox, **asked)


def test_an_instance_is_where_its_interface_is(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    zone = [{"Name": "availability-zone", "Values": ["us-east-1d"]}]
    subnet = ec2.describe_subnets(Filters=zone)["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    interface = {"DeviceIndex": 0, "NetworkInterfaceId": made}
    instance = launch_one(sandbox, NetworkInterfaces=[interface])
    assert instance["Placement"]["AvailabilityZone"] == "us-east-1d"


def test_a_full_subnet_takes_no_more(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    asked = {"VpcId": vpc, "CidrBlock": "10.0.0.0/28", "AvailabilityZone": "us-east-1a"}
    subnet = ec2.create_subnet(**asked)["Subnet"]["SubnetId"]
    launch_one(sandbox, SubnetId=subnet, MaxCount=10)
    with pytest.raises(ClientError, match="InsufficientFreeAddressesInSubnet"):
        launch_one(sandbox, SubnetId=subnet, MinCount=2, MaxCount=2)
    last = launch_one(sandbox, SubnetId=subnet)["InstanceId"]
    with pytest.raises(ClientError, match="InsufficientFreeAddressesInSubnet"):
        launch_one(sandbox, SubnetId=subnet)
    ec2.terminate_instances(InstanceIds=[last])
    launch_one(sandbox, SubnetId=subnet)
    machines = [
        one for found in ec2.describe_instances()["Reservations"] for one in found["Instances"]
    ]
    assert len(machines) == 12


# The rest


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"LaunchTemplateName": "nobody"}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"LaunchTemplateId": "lt-00000000000000000"}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateId": "nonsense"}, "InvalidLaunchTemplateId.Malformed"),
        (
            {"LaunchTemplateName": "a", "LaunchTemplateId": "lt-00000000000000000"},
            "InvalidParameterCombination",
        ),
    ],
)
def test_a_template_that_is_not_there_is_refused(
    sandbox: Sandbox, template: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        launch_one(sandbox, LaunchTemplate=template)


@pytest.mark.parametrize(
    ("resource", "tag", "code"),
    [
        ("instance", {"Key": "aws:mine", "Value": "7"}, "InvalidParameterValue"),
        ("instance", {"Key": "x" * 128, "Value": "7"}, "InvalidParameterValue"),
        ("instance", {"Key": "job", "Value": "x" * 256}, "InvalidParameterValue"),
        ("instance", {"Value": "7"}, "MissingParameter"),
        ("vpc", {"Key": "job", "Value": "7"}, "InvalidParameterValue"),
    ],
)
def test_a_tag_that_cannot_be_is_refused(
    sandbox: Sandbox, resource: str, tag: dict[str, str], code: str
) -> None:
    tags = [{"ResourceType": resource, "Tags": [tag]}]
    with pytest.raises(ClientError, match=code):
        launch_one(sandbox, TagSpecifications=tags)


@pytest.mark.parametrize(
    "changes",
    [
        {"InstanceInitiatedShutdownBehavior": "sleep"},
        {"InstanceMarketOptions": {"SpotOptions": {"SpotInstanceType": "forever"}}},
        {"InstanceMarketOptions": {"SpotOptions": {"InstanceInterruptionBehavior": "sleep"}}},
    ],
)
def test_a_word_that_ec2_does_not_know_is_refused(
    sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        launch_one(sandbox, **changes)
