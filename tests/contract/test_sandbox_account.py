"""Groups, tags, DryRun, faults, errors: the rest of what a tool meets in an account."""

from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ORDER = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
SPOT = {"MarketType": "spot"}


def code_of(error: Any) -> str:
    return str(error.value.response["Error"]["Code"])


def group(ec2: Any) -> str:
    made = ec2.create_security_group(
        GroupName="g",
        Description="d",
        TagSpecifications=[
            {"ResourceType": "security-group", "Tags": [{"Key": "mine", "Value": "yes"}]}
        ],
    )
    return str(made["GroupId"])


def test_a_group_in_use_cannot_go(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    group_id = group(ec2)
    launched = ec2.run_instances(**ORDER, SecurityGroupIds=[group_id], InstanceMarketOptions=SPOT)
    instance = launched["Instances"][0]
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [group_id]
    with pytest.raises(ClientError) as caught:
        ec2.delete_security_group(GroupId=group_id)
    assert code_of(caught) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    ec2.delete_security_group(GroupId=group_id)


def test_tags_of_everything_are_listed_and_go_with_it(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    group_id = group(ec2)
    key = ec2.create_key_pair(
        KeyName="k",
        KeyType="ed25519",
        TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "mine", "Value": "y"}]}],
    )
    mine = {"Name": "tag:mine", "Values": ["y*"]}
    found = {t["ResourceId"]: t["ResourceType"] for t in tags(ec2, mine)}
    assert found == {group_id: "security-group", key["KeyPairId"]: "key-pair"}
    assert tags(ec2, mine, {"Name": "resource-type", "Values": ["key-pair"]})
    assert not tags(ec2, {"Name": "value", "Values": ["no"]})
    ec2.delete_key_pair(KeyName="k")
    ec2.delete_security_group(GroupId=group_id)
    assert tags(ec2, mine) == []


def tags(ec2: Any, *filters: dict[str, Any]) -> list[dict[str, str]]:
    pages = ec2.get_paginator("describe_tags").paginate(
        Filters=list(filters), PaginationConfig={"PageSize": 5}
    )
    return [tag for page in pages for tag in page["Tags"]]


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("cancel_spot_instance_requests", {"SpotInstanceRequestIds": []}),
        ("create_key_pair", {"KeyName": "k"}),
        ("create_security_group", {"GroupName": "g", "Description": "d"}),
        ("describe_images", {}),
        ("describe_instance_status", {}),
        ("describe_instance_type_offerings", {}),
        ("describe_instance_types", {}),
        ("describe_instances", {}),
        ("describe_key_pairs", {}),
        ("describe_regions", {}),
        ("describe_availability_zones", {}),
        ("describe_security_groups", {}),
        ("describe_network_interfaces", {}),
        ("describe_spot_instance_requests", {}),
        ("describe_spot_price_history", {}),
        ("describe_subnets", {}),
        ("describe_tags", {}),
        ("describe_volumes", {}),
        ("describe_vpcs", {}),
        ("import_key_pair", {"KeyName": "k", "PublicKeyMaterial": b"k"}),
        ("delete_key_pair", {"KeyName": "k"}),
        ("delete_security_group", {"GroupName": "default"}),
        ("terminate_instances", {"InstanceIds": []}),
    ],
)
def test_dry_run_changes_nothing(sandbox: Sandbox, method: str, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(sandbox.client("ec2"), method)(**asked, DryRun=True)
    assert code_of(caught) == "DryRunOperation"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_the_next_calls_fail_as_told(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    sandbox.control.fail("DescribeVpcs", "UnauthorizedOperation", message="no", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match=r"UnauthorizedOperation.*: no"):
            ec2.describe_vpcs()
    assert ec2.describe_vpcs()["Vpcs"]


def test_other_protocols_fail_in_their_own_shape(sandbox: Sandbox) -> None:
    for service, operation, method in (
        ("sts", "GetCallerIdentity", "get_caller_identity"),
        ("pricing", "GetProducts", "get_products"),
    ):
        sandbox.control.fail(operation, "AccessDeniedException", http_status=403)
        asked = {"ServiceCode": "AmazonEC2"} if service == "pricing" else {}
        with pytest.raises(ClientError) as caught:
            getattr(sandbox.client(service), method)(**asked)
        assert code_of(caught) == "AccessDeniedException"


@pytest.mark.parametrize("http_status", [503, 0], ids=["503", "dropped"])
def test_an_answer_can_be_lost_after_the_effect(sandbox: Sandbox, http_status: int) -> None:
    ec2 = sandbox.client("ec2")
    sandbox.control.fail(
        "RunInstances", "ServiceUnavailable", after_effect=True, http_status=http_status
    )
    with pytest.raises((ClientError, ConnectionClosedError)):
        ec2.run_instances(**ORDER, ClientToken="t", InstanceMarketOptions=SPOT)
    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["t"]}])
    assert len(found["Reservations"]) == 1


def test_calls_are_counted_since_the_reset(sandbox: Sandbox) -> None:
    sandbox.client("ec2").describe_vpcs()
    sandbox.client("sts", "eu-west-1").get_caller_identity()
    assert sandbox.control.calls() == [
        ("DescribeVpcs", "us-east-1"),
        ("GetCallerIdentity", "eu-west-1"),
    ]


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("request_spot_instances", {}),
        (
            "create_fleet",
            {
                "LaunchTemplateConfigs": [],
                "TargetCapacitySpecification": {"TotalTargetCapacity": 1},
            },
        ),
    ],
)
def test_stubs_of_moto_are_refused(sandbox: Sandbox, method: str, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(sandbox.client("ec2"), method)(**asked)
    assert code_of(caught) == "UnsupportedOperation"


def test_a_request_can_be_tagged_later(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    launched = ec2.run_instances(**ORDER, InstanceMarketOptions=SPOT)["Instances"][0]
    ids = [launched["InstanceId"], launched["SpotInstanceRequestId"]]
    ec2.create_tags(Resources=ids, Tags=[{"Key": "late", "Value": "1"}])
    found = tags(ec2, {"Name": "key", "Values": ["late"]})
    assert sorted(tag["ResourceId"] for tag in found) == sorted(ids)


def test_termination_protection_holds(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    launched = ec2.run_instances(**ORDER, DisableApiTermination=True)["Instances"][0]
    with pytest.raises(ClientError) as caught:
        ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    assert code_of(caught) == "OperationNotPermitted"


def test_what_is_not_modelled_is_an_aws_error(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client("ec2").describe_capacity_block_offerings(CapacityDurationHours=24)
    assert code_of(caught) == "InternalError"


def test_every_answer_says_that_it_is_simulated(sandbox: Sandbox) -> None:
    answer = sandbox.client("ec2").describe_vpcs()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-spotkeeper-sandbox"] == "simulated"
    with urlopen(f"{sandbox.url}/_sandbox/health") as response:  # noqa: S310 - our own server
        assert response.headers["x-spotkeeper-sandbox"] == "simulated"


def test_a_key_pair_is_deleted_by_its_id(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    kept = ec2.create_key_pair(KeyName="kept")["KeyPairId"]
    gone = ec2.create_key_pair(KeyName="gone")["KeyPairId"]
    ec2.delete_key_pair(KeyPairId=gone)
    assert [row["KeyPairId"] for row in ec2.describe_key_pairs()["KeyPairs"]] == [kept]
    with pytest.raises(ClientError, match=r"InvalidKeyPair\.NotFound"):
        ec2.delete_key_pair(KeyPairId=gone)
