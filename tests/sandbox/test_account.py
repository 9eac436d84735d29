"""Groups, tags, DryRun, faults, errors: the rest of what a tool meets in an account."""

from datetime import timedelta
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
    ],
)
@pytest.mark.one_in(3)
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


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ({"GroupName": "sg-x", "Description": "d"}, "InvalidParameterValue", "format sg-*"),
        (
            {"GroupName": "g", "Description": "it's"},
            "InvalidParameterValue",
            "Valid descriptions are strings less than 256 characters",
        ),
        ({"GroupName": "g", "Description": "d" * 256}, "InvalidParameterValue", "less than 256"),
        ({"GroupName": "g\u00e9", "Description": "d"}, "InvalidParameterValue", "GroupName"),
        ({"GroupName": "default", "Description": "d"}, "InvalidGroup.Reserved", "default"),
    ],
)
def test_a_group_has_a_name_that_ec2_takes(
    sandbox: Sandbox, asked: dict[str, Any], code: str, text: str
) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client("ec2").create_security_group(**asked)
    assert code_of(caught) == code
    assert text in caught.value.response["Error"]["Message"]


def test_a_group_that_something_names_cannot_go(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    named, naming = group(ec2), ec2.create_security_group(GroupName="n", Description="d")
    rule = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": named}]}
    ec2.authorize_security_group_ingress(GroupId=naming["GroupId"], IpPermissions=[rule])
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=named)
    ec2.revoke_security_group_ingress(GroupId=naming["GroupId"], IpPermissions=[rule])
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[named])["NetworkInterface"]
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupName="g")
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    ec2.delete_security_group(GroupId=named)
    with pytest.raises(ClientError, match="CannotDelete"):
        ec2.delete_security_group(GroupName="default")


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("sir-01234567", "InvalidSpotInstanceRequestID.NotFound"),
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
    ],
)
def test_only_what_exists_is_tagged(sandbox: Sandbox, resource: str, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client("ec2").create_tags(Resources=[resource], Tags=[{"Key": "k"}])
    assert code_of(caught) == code


def test_keys_of_aws_are_reserved(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    with pytest.raises(ClientError, match="reserved for internal use"):
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "aws:mine", "Value": "v"}])
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "empty"}])
    assert tags(ec2, {"Name": "key", "Values": ["empty"]})[0]["Value"] == ""


@pytest.mark.parametrize(
    ("method", "asked", "other"),
    [
        ("create_volume", {"AvailabilityZone": "us-east-1a", "Size": 1}, {"Size": 2}),
        ("create_network_interface", {"Description": "a"}, {"Description": "b"}),
        ("create_route_table", {}, {"TagSpecifications": []}),
    ],
)
def test_the_same_token_is_the_same_thing(
    sandbox: Sandbox, method: str, asked: dict[str, Any], other: dict[str, Any]
) -> None:
    ec2 = sandbox.client("ec2")
    if method == "create_network_interface":
        asked = {**asked, "SubnetId": ec2.describe_subnets()["Subnets"][0]["SubnetId"]}
    if method == "create_route_table":
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        spec = {"ResourceType": "route-table", "Tags": [{"Key": "k", "Value": "v"}]}
        asked, other = {"VpcId": vpc}, {"TagSpecifications": [spec]}
    create = getattr(ec2, method)

    def answer(**more: Any) -> dict[str, Any]:
        said = create(**{**asked, **more})
        said.pop("ResponseMetadata")
        return dict(said)

    first = answer(ClientToken="t")
    assert answer(ClientToken="t") == first
    assert answer(ClientToken="u") != first
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        answer(**other, ClientToken="t")
    sandbox.control.advance(timedelta(days=2))
    assert answer(ClientToken="t") != first


def test_a_service_linked_role_is_named_as_on_aws(sandbox: Sandbox) -> None:
    sandbox.reset(account="fresh")
    iam = sandbox.client("iam")
    for service, name in (
        ("spot", "AWSServiceRoleForEC2Spot"),
        ("ec2fleet", "AWSServiceRoleForEC2Fleet"),
    ):
        asked = {"AWSServiceName": f"{service}.amazonaws.com"}
        role = iam.create_service_linked_role(**asked)["Role"]
        assert role["RoleName"] == name
        assert role["Path"] == f"/aws-service-role/{service}.amazonaws.com/"
        with pytest.raises(iam.exceptions.InvalidInputException, match="has been taken"):
            iam.create_service_linked_role(**asked)


def test_the_first_spot_launch_makes_the_role(sandbox: Sandbox) -> None:
    sandbox.reset(account="fresh")
    sandbox.client("ec2").run_instances(**ORDER, InstanceMarketOptions=SPOT)
    role = sandbox.client("iam").get_role(RoleName="AWSServiceRoleForEC2Spot")["Role"]
    assert role["Arn"].endswith("spot.amazonaws.com/AWSServiceRoleForEC2Spot")
