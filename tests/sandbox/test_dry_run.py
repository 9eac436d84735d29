"""DryRun of every operation that EC2's model gives it: the check, never the effect."""

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

from ec2_sandbox.ec2.responses import SandboxEC2Response

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
TOO_DEEP = 6

# What shows that something was made, changed or taken away.
LOOKS = (
    "describe_addresses",
    "describe_fleets",
    "describe_instances",
    "describe_internet_gateways",
    "describe_key_pairs",
    "describe_launch_templates",
    "describe_network_interfaces",
    "describe_route_tables",
    "describe_security_groups",
    "describe_snapshots",
    "describe_spot_instance_requests",
    "describe_subnets",
    "describe_tags",
    "describe_volumes",
    "describe_vpcs",
)


class Values:
    """The least parameters of an operation, with ids of things that exist."""

    def __init__(self, ec2: Any) -> None:
        vpc = ec2.describe_vpcs()["Vpcs"][0]
        subnet = ec2.describe_subnets()["Subnets"][0]
        zone = subnet["AvailabilityZone"]
        launched = ec2.run_instances(
            ImageId=IMAGE,
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            InstanceMarketOptions={"MarketType": "spot"},
        )["Instances"][0]
        volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
        self.known: dict[str, Any] = {
            "AllocationId": ec2.allocate_address()["AllocationId"],
            "AvailabilityZone": zone,
            "CidrBlock": "10.1.0.0/16",
            "GroupId": ec2.create_security_group(GroupName="g", Description="d")["GroupId"],
            "GroupName": "g",
            "ImageId": IMAGE,
            "InstanceId": launched["InstanceId"],
            "InstanceType": "m5.large",
            "KeyName": ec2.create_key_pair(KeyName="k", KeyType="ed25519")["KeyName"],
            "NetworkInterfaceId": launched["NetworkInterfaces"][0]["NetworkInterfaceId"],
            "Resource": volume,
            "Size": 2,
            "SnapshotId": ec2.create_snapshot(VolumeId=volume)["SnapshotId"],
            "SpotInstanceRequestId": launched["SpotInstanceRequestId"],
            "SubnetId": subnet["SubnetId"],
            "VolumeId": volume,
            "VpcId": vpc["VpcId"],
        }

    def least(self, shape: Any, name: str, depth: int = 0) -> Any:
        """A value of the shape."""
        if shape.type_name == "structure":
            wanted = set(shape.required_members) | (set(shape.members) & {"GroupId", "KeyName"})
            deep = depth > TOO_DEEP
            return {
                member: self.least(shape.members[member], member, depth + 1)
                for member in ([] if deep else sorted(wanted))
            }
        if shape.type_name == "list":
            return [self.least(shape.member, name.removesuffix("s"), depth + 1)]
        return self.known.get(name) or _plain(shape)


def _plain(shape: Any) -> Any:
    if getattr(shape, "enum", None):
        return shape.enum[0]
    least = max(1, int(shape.metadata.get("min", 1)))
    plain = {"boolean": True, "blob": b"x", "timestamp": "2026-01-06T00:00:00Z"}
    numbers = {"integer", "long", "float", "double"}
    if shape.type_name in numbers:
        return least
    return plain.get(shape.type_name, "x" * least)


def everything(ec2: Any) -> dict[str, Any]:
    found = {}
    for look in LOOKS:
        answer = getattr(ec2, look)()
        answer.pop("ResponseMetadata")
        found[look] = answer
    return found


def refusal(method: Any, asked: dict[str, Any]) -> str:
    try:
        method(**asked, DryRun=True)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    pytest.fail(f"{method.__name__} was carried out")


@pytest.mark.soak
def test_no_dry_run_has_an_effect(sandbox: Sandbox) -> None:
    sandbox.reset(speed=0, begins="2026-01-05T00:00:00+00:00")
    ec2 = sandbox.client("ec2")
    values = Values(ec2)
    before = everything(ec2)
    codes: Counter[str] = Counter()
    for method, operation in ec2.meta.method_to_api_mapping.items():
        shape = ec2.meta.service_model.operation_model(operation).input_shape
        if not hasattr(SandboxEC2Response, method) or "DryRun" not in shape.members:
            continue
        codes[refusal(getattr(ec2, method), values.least(shape, operation))] += 1
    assert codes["DryRunOperation"] > 150
    assert everything(ec2) == before


@pytest.mark.parametrize(
    ("method", "asked", "code"),
    [
        ("describe_volumes", {"VolumeIds": ["vol-1"]}, "InvalidVolume.NotFound"),
        (
            "describe_subnets",
            {"Filters": [{"Name": "nonsense", "Values": ["x"]}]},
            "InvalidParameterValue",
        ),
        ("create_volume", {"AvailabilityZone": "us-east-1z", "Size": 1}, "InvalidZone.NotFound"),
        (
            "terminate_instances",
            {"InstanceIds": ["i-0123456789abcdef0"]},
            "InvalidInstanceID.NotFound",
        ),
    ],
)
def test_a_dry_run_is_checked(
    sandbox: Sandbox, method: str, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(sandbox.client("ec2"), method)(**asked, DryRun=True)
    assert caught.value.response["Error"]["Code"] == code
