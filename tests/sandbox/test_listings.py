"""Filters, wildcards, pages and unknown ids of what EC2 lists; the same for every operation."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

LISTS = {
    "describe_addresses": "Addresses",
    "describe_availability_zones": "AvailabilityZones",
    "describe_images": "Images",
    "describe_instance_status": "InstanceStatuses",
    "describe_internet_gateways": "InternetGateways",
    "describe_key_pairs": "KeyPairs",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_regions": "Regions",
    "describe_security_groups": "SecurityGroups",
    "describe_snapshots": "Snapshots",
    "describe_subnets": "Subnets",
    "describe_tags": "Tags",
    "describe_volumes": "Volumes",
    "describe_vpcs": "Vpcs",
}


def found(ec2: Any, method: str, **filters: str | list[str]) -> list[Any]:
    """What passes; underscores of a filter's name are written as hyphens, two as a dot."""
    asked = [
        {
            "Name": name.replace("__", ".").replace("_", "-"),
            "Values": values if isinstance(values, list) else [values],
        }
        for name, values in filters.items()
    ]
    return list(getattr(ec2, method)(Filters=asked)[LISTS[method]])


@pytest.mark.parametrize("method", LISTS)
def test_an_unknown_filter_is_an_error(sandbox: Sandbox, method: str) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*The filter 'zz' is invalid"):
        found(sandbox.client("ec2"), method, zz="x")


def test_volumes_pass_every_filter_of_the_model(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "a*b"}]}]
    for zone, gib in (("us-east-1a", 10), ("us-east-1b", 20)):
        ec2.create_volume(AvailabilityZone=zone, Size=gib, VolumeType="gp3")
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=30, TagSpecifications=tags)

    def sizes(**filters: str | list[str]) -> list[int]:
        return [one["Size"] for one in found(ec2, "describe_volumes", **filters)]

    assert sizes(availability_zone="us-east-1a") == [10, 30]
    assert sizes(availability_zone="*b", volume_type="gp?") == [20]
    assert sizes(size=["10", "20"], encrypted="false") == [10, 20]
    assert sizes(attachment__status="attached") == []
    assert sizes(tag_key="t*") == [30]
    assert sizes(create_time="20*Z") == [10, 20, 30]


def test_a_backslash_takes_the_meaning_from_a_wildcard(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    for value in ("a*b", "axb"):
        tags = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": value}]}]
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=tags)
    for pattern, count in ((r"a\*b", 1), ("a*b", 2)):
        asked = [{"Name": "tag:team", "Values": [pattern]}]
        assert len(ec2.describe_volumes(Filters=asked)["Volumes"]) == count


def test_groups_are_found_by_their_rules(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{**ssh, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}]
    )
    (one,) = found(
        ec2,
        "describe_security_groups",
        ip_permission__cidr="198.51.100.*",
        ip_permission__to_port="22",
        ip_permission__protocol="tcp",
    )
    assert one["GroupId"] == group
    assert len(found(ec2, "describe_security_groups", group_name="default")) == 1


@pytest.mark.parametrize("name", ["default-for-az", "defaultForAz"])
def test_an_alias_is_the_same_filter(sandbox: Sandbox, name: str) -> None:
    asked = [{"Name": name, "Values": ["true"]}]
    assert len(sandbox.client("ec2").describe_subnets(Filters=asked)["Subnets"]) == 6


def test_two_hundred_values_are_the_most(sandbox: Sandbox) -> None:
    asked = [{"Name": "volume-id", "Values": [f"vol-{number}" for number in range(201)]}]
    with pytest.raises(ClientError, match="FilterLimitExceeded"):
        sandbox.client("ec2").describe_volumes(Filters=asked)


@pytest.mark.parametrize("method", ["describe_volumes", "describe_security_groups"])
def test_pages_are_cut_without_loss(sandbox: Sandbox, method: str) -> None:
    ec2 = sandbox.client("ec2")
    for number in range(12):
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
        ec2.create_security_group(GroupName=f"g{number}", Description="d")
    whole = getattr(ec2, method)()[LISTS[method]]
    pages = list(ec2.get_paginator(method).paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page[LISTS[method]]) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert [one for page in pages for one in page[LISTS[method]]] == whole
    assert len(whole) >= 12
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        getattr(ec2, method)(MaxResults=5, NextToken="nonsense")


@pytest.mark.parametrize(
    ("method", "asked", "text"),
    [
        ("describe_key_pairs", {"KeyNames": ["k", "no"]}, "The key pair 'no' does not exist"),
        (
            "describe_security_groups",
            {"GroupNames": ["no", "nor"]},
            "The security group 'no, nor' does not exist",
        ),
        ("describe_snapshots", {"SnapshotIds": ["snap-1"]}, "The snapshot 'snap-1' does not"),
        ("describe_volumes", {"VolumeIds": ["vol-1"]}, "The volume 'vol-1' does not exist."),
        ("describe_addresses", {"PublicIps": ["192.0.2.1"]}, "Address '192.0.2.1' not found."),
    ],
)
def test_an_error_names_what_is_unknown(
    sandbox: Sandbox, method: str, asked: dict[str, Any], text: str
) -> None:
    ec2 = sandbox.client("ec2")
    ec2.create_key_pair(KeyName="k", KeyType="ed25519")
    with pytest.raises(ClientError) as caught:
        getattr(ec2, method)(**asked)
    assert text in caught.value.response["Error"]["Message"]


def test_types_pass_every_filter_of_the_model(sandbox: Sandbox) -> None:
    asked = {
        "instance-storage-info.disk.type": ["ssd"],
        "network-info.efa-supported": ["true"],
        "vcpu-info.valid-threads-per-core": ["2"],
        "instance-type": ["p4*"],
    }
    types = sandbox.client("ec2").describe_instance_types(
        Filters=[{"Name": name, "Values": values} for name, values in asked.items()]
    )["InstanceTypes"]
    assert "p4d.24xlarge" in {one["InstanceType"] for one in types}
