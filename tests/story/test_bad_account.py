"""Credentials, permissions and an account that is not ready: the fix is in the message."""

import json
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import as_if_aws
from tests.story.conftest import Spot
from tests.story.refusals import nothing_was_made, paragraph

UP = ("up", "train", "--type", "g5.xlarge", "--yes")
DENIED = {"message": "You are not authorized", "http_status": 403}


@pytest.mark.parametrize(
    "line", [("ls",), ("find", "--gpus", "1"), UP, ("down", "train", "--yes")]
)
def test_without_credentials_the_ways_to_log_in_are_named(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    monkeypatch.delenv("SPOT_SANDBOX")

    answer = spot(*line, "--region", "us-east-1", "--endpoint-url", sandbox.url)

    told = paragraph(answer, 4)
    assert "Unable to locate credentials" in told
    assert "aws configure sso" in told
    assert "AWS_PROFILE" in told
    assert sandbox.control.calls() == []


def test_a_profile_that_does_not_exist_is_named(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPOT_SANDBOX")
    (home / "old.json").write_text(json.dumps({"Name": "x", "AWSCLI_Profile": "nobody"}))

    for line in (("ls", "--profile", "nobody"), (*UP, "--config", "old.json")):
        told = paragraph(spot(*line), 4)
        assert "nobody" in told
        assert "aws configure list-profiles" in told


def test_without_a_region_the_ways_to_name_one_are_told(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_aws(sandbox, monkeypatch)
    monkeypatch.delenv("AWS_REGION")

    told = paragraph(spot(*UP), 2)

    assert "No region" in told
    assert "--region us-east-1" in told
    assert nothing_was_made(sandbox)


def test_an_expired_login_is_told_at_the_first_call(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("DescribeRegions", "RequestExpired", message="Request has expired")

    told = paragraph(spot("ls"), 4)

    assert "Request has expired (RequestExpired)" in told
    assert "aws sso login" in told


def test_a_login_that_expires_during_a_launch_stops_it_and_leaves_nothing(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.control.fail("RunInstances", "ExpiredToken", message="expired", http_status=403)

    told = paragraph(spot(*UP), 4)

    assert "ExpiredToken" in told
    assert "Log in again" in told
    assert sandbox.control.calls().count(("RunInstances", "us-east-1")) == 1
    assert account.left(sandbox) == []


@pytest.mark.parametrize(
    "operation", ["DescribeTags", "CreateSecurityGroup", "ImportKeyPair", "RunInstances"]
)
@pytest.mark.one_in(2)
def test_a_denied_action_stops_the_launch_and_names_the_policy(
    spot: Spot, sandbox: Sandbox, operation: str
) -> None:
    sandbox.control.fail(operation, "UnauthorizedOperation", **DENIED)  # type: ignore[arg-type]

    told = paragraph(spot(*UP), 4)

    assert f"{operation} in us-east-1" in told
    assert "UnauthorizedOperation" in told
    assert "`spot policy up`" in told
    assert sandbox.control.calls().count((operation, "us-east-1")) == 1
    assert account.left(sandbox) == []


@pytest.mark.parametrize(
    "line", [("find", "--type", "t3.micro"), ("up", "train", "--type", "t3.micro", "--yes")]
)
def test_a_region_that_is_not_enabled_is_not_blamed_on_the_keys(
    spot: Spot, sandbox: Sandbox, line: tuple[str, ...]
) -> None:
    told = paragraph(spot(*line, "--region", "af-south-1"), 4)

    assert "af-south-1 is not enabled for this account" in told
    assert "Enable the region" in told
    assert nothing_was_made(sandbox)


def test_the_quota_of_a_new_account_is_told_and_nothing_is_left(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.reset(account="fresh")

    told = paragraph(spot(*UP), 6)

    assert "MaxSpotInstanceCountExceeded" in told
    assert "spot doctor" in told
    assert account.left(sandbox) == []


def test_without_a_default_vpc_the_way_to_make_one_is_told_before_the_question(
    spot: Spot, sandbox: Sandbox
) -> None:
    delete_default_vpc(sandbox)

    told = paragraph(spot("up", "train", "--type", "g5.xlarge"), 1)

    assert "There is no default VPC" in told
    assert "aws ec2 create-default-vpc --region us-east-1" in told
    assert "--subnet" in told
    assert nothing_was_made(sandbox)


def test_a_subnet_of_the_users_own_needs_no_default_vpc(spot: Spot, sandbox: Sandbox) -> None:
    delete_default_vpc(sandbox)
    client = sandbox.client("ec2")
    vpc_id = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = client.create_subnet(
        VpcId=vpc_id, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1b"
    )["Subnet"]

    up = spot("up", "train", "--type", "t3.micro", "--subnet", subnet["SubnetId"], "--yes")

    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)
    assert machine["SubnetId"] == subnet["SubnetId"]
    [group] = account.groups(sandbox)
    assert group["VpcId"] == vpc_id


def delete_default_vpc(sandbox: Sandbox) -> None:
    """As some companies do in every account."""
    client = sandbox.client("ec2")
    for subnet in client.describe_subnets()["Subnets"]:
        client.delete_subnet(SubnetId=subnet["SubnetId"])
    for gateway in client.describe_internet_gateways()["InternetGateways"]:
        for attachment in gateway["Attachments"]:
            client.detach_internet_gateway(
                InternetGatewayId=gateway["InternetGatewayId"], VpcId=attachment["VpcId"]
            )
        client.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    for vpc in client.describe_vpcs()["Vpcs"]:
        client.delete_vpc(VpcId=vpc["VpcId"])


def test_the_spot_role_that_may_not_be_created_is_named(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail(
        "RunInstances",
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        message="The provided credentials do not have permission to create the role",
        http_status=403,
    )

    told = paragraph(spot(*UP), 4)

    assert "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com" in told
    assert account.left(sandbox) == []


def test_an_endpoint_that_does_not_answer_is_named(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_aws(sandbox, monkeypatch)
    monkeypatch.setattr("spotkeeper.aws.session.AwsSession._config", _impatient)

    told = paragraph(
        spot("ls", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"), 1
    )

    assert "127.0.0.1:9" in told
    assert "--endpoint-url" in told


def _impatient(_: object, *, launches: bool) -> object:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1}, connect_timeout=1)


FORBIDDEN = (
    "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:"
    "assumed-role/dev/me is not authorized to perform: ec2:DescribeTags on resource: * with an "
    "explicit deny in a service control policy."
)


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_regions_that_are_denied_for_one_reason_are_one_line(spot: Spot, sandbox: Sandbox) -> None:
    assert spot("up", "train", "--type", "g5.xlarge", "--region", "eu-west-1", "--yes").code == 0
    denied = ("us-east-1", "us-west-2")
    for region in denied:
        for operation in ("DescribeTags", "DescribeSpotPriceHistory"):
            sandbox.control.fail(
                operation,
                "UnauthorizedOperation",
                message=FORBIDDEN,
                http_status=403,
                region=region,
                times=9,
            )

    for line in (("ls",), ("sweep",), ("find", "--type", "m5.large", "--region", "any")):
        answer = spot(*line)
        assert answer.code == 0, answer.err
        [note] = [each for each in answer.err.splitlines() if "explicit deny" in each]
        assert [region for region in denied if region not in note] == [], note
        assert note.count("explicit deny") == 1

    answer = spot("down", "train", "--yes")
    assert answer.code == 0, answer.err
    assert answer.err.count("explicit deny") == 1
    assert account.left(sandbox, "eu-west-1") == []


@pytest.mark.world("situations, at the command line", by="users' reports")
def test_an_explicit_deny_is_told_in_few_words_and_more_permissions_are_no_advice(
    spot: Spot, sandbox: Sandbox
) -> None:
    encoded = f"{FORBIDDEN} Encoded authorization failure message: {'Ab3-' * 250}"
    sandbox.control.fail("RunInstances", "UnauthorizedOperation", message=encoded, http_status=403)

    told = paragraph(spot(*UP), 4)

    assert len(told) < 700
    assert "spot policy up" not in told
