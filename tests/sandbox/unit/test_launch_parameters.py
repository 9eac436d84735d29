"""What a launch would ignore is refused, and what is modelled is spelled as in EC2's model."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.sandbox.everything import IMAGE
from tests.sandbox.front_door import Door

from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.spot_requests.launch_parameters import DEFAULTS, MODELLED, check_modelled

LAUNCHES = (
    ("RunInstances",),
    ("CreateLaunchTemplate", "LaunchTemplateData"),
    ("RequestSpotInstances", "LaunchSpecification"),
)


def paths(shape: Any, above: str = "") -> set[str]:
    while shape.type_name == "list":
        shape = shape.member
    if shape.type_name != "structure":
        return set()
    names = {f"{above}{name}" for name in shape.members}
    return names.union(*(paths(one, f"{above}{name}.") for name, one in shape.members.items()))


def test_every_parameter_that_is_modelled_is_one_of_ec2() -> None:
    session: Any = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")
    model = session.client("ec2", region_name="us-east-1").meta.service_model
    known = set()
    for operation, *members in LAUNCHES:
        shape = model.operation_model(operation).input_shape
        for member in members:
            shape = shape.members[member]
        known |= paths(shape)
    assert MODELLED | DEFAULTS.keys() <= known


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"Placement": {"GroupName": "g"}}, "Placement.GroupName"),
        ({"Placement": {"Tenancy": "dedicated"}}, "Placement.Tenancy"),
        ({"CpuOptions": {"CoreCount": 2}}, "CpuOptions.CoreCount"),
        ({"CreditSpecification": {"CpuCredits": "unlimited"}}, "CreditSpecification"),
        ({"ElasticGpuSpecification": [{"Type": "eg1"}]}, "ElasticGpuSpecification.Type"),
        (
            {"LicenseSpecifications": [{"LicenseConfigurationArn": "a"}]},
            "LicenseSpecifications.LicenseConfigurationArn",
        ),
        ({"NetworkInterfaces": [{"InterfaceType": "efa"}]}, "NetworkInterfaces.InterfaceType"),
        ({"NetworkInterfaces": [{"NetworkCardIndex": 1}]}, "NetworkInterfaces.NetworkCardIndex"),
        ({"SomethingOfNextYear": True}, "SomethingOfNextYear"),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(asked: dict[str, Any], name: str) -> None:
    with pytest.raises(EC2Error, match=f"does not model {name} of"):
        check_modelled({"InstanceType": "m5.large", **asked}, "m5.large")


@pytest.mark.parametrize(
    "asked",
    [
        {"Placement": {"Tenancy": "default", "GroupName": "", "AvailabilityZone": "us-east-1a"}},
        {"CreditSpecification": {"CpuCredits": "unlimited"}},
        {"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkCardIndex": 0}], "CpuOptions": {}},
        {"CapacityReservationSpecification": {"CapacityReservationPreference": "open"}},
    ],
)
def test_what_says_no_more_than_the_default_is_taken(asked: dict[str, Any]) -> None:
    check_modelled(asked, "t3.micro")


def test_an_ipv6_address_is_given_and_a_missing_vpc_is_told(tmp_path: Any) -> None:
    ec2 = Door(tmp_path).client("ec2")
    order = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.0.1.0/24", Ipv6CidrBlock=block)
    placed = {"SubnetId": subnet["Subnet"]["SubnetId"], "Ipv6AddressCount": 1}
    (made,) = ec2.run_instances(**order, **placed)["Instances"]
    assert made["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]
    (default,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    inside = [{"Name": "vpc-id", "Values": [default["VpcId"]]}]
    for one in ec2.describe_subnets(Filters=inside)["Subnets"]:
        ec2.delete_subnet(SubnetId=one["SubnetId"])
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    ends = {"InternetGatewayId": gateway["InternetGatewayId"]}
    ec2.detach_internet_gateway(**ends, VpcId=default["VpcId"])
    ec2.delete_vpc(VpcId=default["VpcId"])
    with pytest.raises(ClientError, match="VPCIdNotSpecified"):
        ec2.run_instances(**order)
