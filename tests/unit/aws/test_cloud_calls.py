"""What ``Ec2Cloud`` asks of EC2, and how it reads answers that the sandbox never gives."""

from dataclasses import replace
from typing import cast

import pytest
from tests.fakes import orders
from tests.unit.aws.recorder import Answer, NoMemory, RecordingSession

from spotkeeper.aws.account import Ec2Account
from spotkeeper.aws.cloud import Ec2Cloud
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import (
    InUse,
    NotFound,
    PermissionDenied,
    Refused,
    ResourceGone,
    SpotkeeperError,
)
from spotkeeper.model.connect import ConnectEndpoint
from spotkeeper.model.quota import QUOTA_FAMILIES
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_OWNER

REGION = "us-east-1"
IDENTITY: list[Answer] = [{"Account": "1", "Arn": "arn:aws:iam::1:user/me"}]


def refused(code: str) -> Refused:
    return Refused(f"no ({code})", aws_code=code)


def cloud(**answers: list[Answer]) -> tuple[Ec2Cloud, RecordingSession]:
    session = RecordingSession(**{"GetCallerIdentity": IDENTITY, **answers})
    return Ec2Cloud(cast("AwsSession", session), NoMemory()), session


def test_every_call_fits_its_operation() -> None:
    subnet = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "us-east-1a"}
    made, session = cloud(
        DescribeSubnets=[{"Subnets": [subnet]}],
        CreateSecurityGroup=[{"GroupId": "sg-1"}],
    )
    made.subnets(REGION)
    made.subnets(REGION, "subnet-1")
    made.tagged_resources(REGION)
    made.observe(REGION, "1:user/me", "dev")
    made.volumes(REGION, "1:user/me", "dev")
    made.create_group(REGION, "spotkeeper-1", vpc_id="vpc-1", tags={"a": "b"})
    made.open_ssh(REGION, "sg-1", "198.51.100.7/32")
    made.open_ssh(REGION, "sg-1", "sg-2")
    assert made.connect_endpoint(REGION, "vpc-1") is None
    made.close_ssh(REGION, "sg-1", "198.51.100.7/32")
    made.ssh_groups(REGION, "1:user/me", ["sg-1"])
    made.import_key(REGION, "key", public_key="ssh-ed25519 AAAA", tags={"a": "b"})
    made.ask(orders.order())
    made.cancel(REGION, ["sir-1"])
    made.terminate(REGION, ["i-1"])
    made.stop(REGION, "i-1")
    made.start(REGION, "i-1")
    made.retag(REGION, ["i-1"], {"a": "b"})
    made.delete_volume(REGION, "vol-1")
    made.delete_group(REGION, "sg-1")
    made.delete_key(REGION, "key-1")
    assert len({operation for operation, _ in session.calls}) == 21


def test_the_legacy_calls_are_never_made() -> None:
    from pathlib import Path

    import spotkeeper

    for path in Path(spotkeeper.__file__).parent.glob("aws/*.py"):
        assert "RequestSpotInstances" not in path.read_text()
        assert "RequestSpotFleet" not in path.read_text()


def test_group_and_key_are_tagged_in_the_creating_call() -> None:
    made, session = cloud(CreateSecurityGroup=[{"GroupId": "sg-1"}])
    made.create_group(REGION, "spotkeeper-1", vpc_id="vpc-1", tags={"a": "b"})
    made.import_key(REGION, "key", public_key="ssh-ed25519 AAAA", tags={"a": "b"})
    for operation, kind in (
        ("CreateSecurityGroup", ResourceKind.GROUP),
        ("ImportKeyPair", ResourceKind.KEY),
    ):
        [body] = session.bodies(operation)
        assert body["TagSpecifications"] == [
            {"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]}
        ]


def test_a_duplicate_group_is_looked_up_by_name_in_its_vpc() -> None:
    made, session = cloud(
        CreateSecurityGroup=[refused("InvalidGroup.Duplicate")],
        DescribeSecurityGroups=[{"SecurityGroups": [{"GroupId": "sg-9"}]}],
    )
    assert made.create_group(REGION, "g", vpc_id="vpc-1", tags={}) == "sg-9"
    [body] = session.bodies("DescribeSecurityGroups")
    assert {each["Name"]: each["Values"] for each in body["Filters"]} == {
        "group-name": ["g"],
        "vpc-id": ["vpc-1"],
    }


def test_a_duplicate_group_that_is_not_listed_yet_is_an_error_of_ours() -> None:
    made, _ = cloud(
        CreateSecurityGroup=[refused("InvalidGroup.Duplicate")],
        DescribeSecurityGroups=[{"SecurityGroups": []}],
    )
    with pytest.raises(SpotkeeperError):
        made.create_group(REGION, "g", vpc_id="vpc-1", tags={})


def test_a_rule_or_key_that_exists_is_no_error_and_every_other_refusal_is() -> None:
    made, _ = cloud(
        AuthorizeSecurityGroupIngress=[refused("InvalidPermission.Duplicate"), refused("Other")],
        ImportKeyPair=[refused("InvalidKeyPair.Duplicate"), refused("Other")],
    )
    made.open_ssh(REGION, "sg-1", "198.51.100.7/32")
    made.import_key(REGION, "key", public_key="ssh-ed25519 AAAA", tags={})
    with pytest.raises(Refused):
        made.open_ssh(REGION, "sg-1", "198.51.100.7/32")
    with pytest.raises(Refused):
        made.import_key(REGION, "key", public_key="ssh-ed25519 AAAA", tags={})


def test_a_dry_run_that_would_be_allowed_is_no_error_and_every_other_refusal_is() -> None:
    made, session = cloud(
        RunInstances=[refused("DryRunOperation"), refused("InvalidParameterValue")]
    )
    made.ask(orders.order())
    assert session.bodies("RunInstances")[0]["DryRun"] is True
    with pytest.raises(Refused):
        made.ask(orders.order())


@pytest.mark.parametrize(
    ("call", "operation", "key"),
    [
        ("cancel", "CancelSpotInstanceRequests", "SpotInstanceRequestIds"),
        ("terminate", "TerminateInstances", "InstanceIds"),
    ],
)
def test_one_unknown_id_does_not_spare_the_others(call: str, operation: str, key: str) -> None:
    unknown = NotFound("no", aws_code="NotFound")
    answers: list[Answer] = [unknown, {}, unknown, {}]
    made, session = cloud(**{operation: answers})
    getattr(made, call)(REGION, ["a", "b", "c"])
    assert [body[key] for body in session.bodies(operation)] == [
        ["a", "b", "c"],
        ["a"],
        ["b"],
        ["c"],
    ]


@pytest.mark.parametrize("call", ["cancel", "terminate"])
def test_a_denied_ending_is_told(call: str) -> None:
    denied = PermissionDenied("no")
    made, _ = cloud(CancelSpotInstanceRequests=[denied], TerminateInstances=[denied])
    with pytest.raises(PermissionDenied):
        getattr(made, call)(REGION, ["a", "b"])


def test_what_is_gone_already_is_deleted() -> None:
    gone = ResourceGone("no")
    made, _ = cloud(
        DeleteVolume=[refused("InvalidVolume.NotFound")],
        DeleteSecurityGroup=[gone],
        DeleteKeyPair=[gone],
    )
    made.delete_volume(REGION, "vol-1")
    made.delete_group(REGION, "sg-1")
    made.delete_key(REGION, "key-1")


def test_a_group_in_use_stays() -> None:
    made, _ = cloud(DeleteSecurityGroup=[InUse("no")])
    with pytest.raises(InUse):
        made.delete_group(REGION, "sg-1")


def test_an_instance_that_only_its_request_knows_is_looked_up() -> None:
    request = {
        "SpotInstanceRequestId": "sir-1",
        "State": "active",
        "CreateTime": orders.UNTIL,
        "InstanceId": "i-1",
    }
    made, session = cloud(
        DescribeSpotInstanceRequests=[{"SpotInstanceRequests": [request]}],
        DescribeInstances=[{"Reservations": []}],
    )
    made.observe(REGION, "1:user/me", "dev")
    by_tag, by_request = session.bodies("DescribeInstances")
    assert by_tag["Filters"] != by_request["Filters"]
    assert by_request["Filters"] == [{"Name": "spot-instance-request-id", "Values": ["sir-1"]}]


def test_every_quota_is_asked_by_its_code() -> None:
    session = RecordingSession(GetServiceQuota=[{"Quota": {"Value": 8.0}}])
    account = Ec2Account(cast("AwsSession", session))
    for family in QUOTA_FAMILIES:
        assert account.spot_quota_vcpus(REGION, family.code) == 8.0
    assert len(session.bodies("GetServiceQuota")) == len(QUOTA_FAMILIES)


def test_a_quota_nobody_changed_is_awss_default_and_an_unknown_one_is_unknown() -> None:
    missing = refused("NoSuchResourceException")
    session = RecordingSession(
        GetServiceQuota=[missing],
        GetAWSDefaultServiceQuota=[{"Quota": {"Value": 5.0}}, missing],
    )
    account = Ec2Account(cast("AwsSession", session))
    assert account.spot_quota_vcpus(REGION, "L-34B43A08") == 5.0
    assert account.spot_quota_vcpus(REGION, "L-34B43A08") is None


def test_the_dry_run_of_the_doctor_fits_and_changes_nothing() -> None:
    session = RecordingSession(RunInstances=[refused("DryRunOperation"), PermissionDenied("no")])
    account = Ec2Account(cast("AwsSession", session))
    image = replace(orders.order().image)
    account.may_launch(REGION, image, "g5.xlarge", owner="me")
    [body] = session.bodies("RunInstances")
    assert body["DryRun"] is True
    # what a policy asks of a launch, the dry run has
    for each in body["TagSpecifications"]:
        assert {"Key": TAG_OWNER, "Value": "me"} in each["Tags"]
    with pytest.raises(PermissionDenied):
        account.may_launch(REGION, image, "g5.xlarge", owner="me", subnet_id="subnet-1", role="x")
    asked = session.bodies("RunInstances")[-1]
    assert (asked["SubnetId"], asked["IamInstanceProfile"]) == ("subnet-1", {"Name": "x"})


def test_an_endpoint_says_who_its_machines_see_calling() -> None:
    row = {"InstanceConnectEndpointId": "eice-1", "SecurityGroupIds": ["sg-1"]}
    kept = {**row, "PreserveClientIp": True}
    made, _ = cloud(
        DescribeInstanceConnectEndpoints=[
            {"InstanceConnectEndpoints": [each]} for each in (row, kept)
        ]
    )
    for keeps_address in (False, True):
        found = ConnectEndpoint("eice-1", ("sg-1",), keeps_address)
        assert made.connect_endpoint(REGION, "vpc-1") == found


def test_the_spot_role_is_there_or_not() -> None:
    session = RecordingSession(GetRole=[{}, refused("NoSuchEntity"), refused("Other")])
    account = Ec2Account(cast("AwsSession", session))
    assert account.spot_role_exists()
    assert not account.spot_role_exists()
    with pytest.raises(Refused):
        account.spot_role_exists()
