"""RequestSpotInstances over HTTP: what it takes, what it refuses, what it shows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
POOL = "g5.xlarge@us-east-1a"
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def specification(**changes: Any) -> dict[str, Any]:
    return {
        "ImageId": IMAGE,
        "InstanceType": "g5.xlarge",
        "Placement": {"AvailabilityZone": "us-east-1a"},
        **changes,
    }


def ask(client: Any, **changes: Any) -> list[dict[str, Any]]:
    asked = {"LaunchSpecification": specification(), **changes}
    found: list[dict[str, Any]] = client.request_spot_instances(**asked)["SpotInstanceRequests"]
    return found


def ids(requests: list[dict[str, Any]]) -> list[str]:
    return [request["SpotInstanceRequestId"] for request in requests]


def shown(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.describe_spot_instance_requests()["SpotInstanceRequests"]
    return found


def test_requests_are_open_first_and_then_fulfilled(sandbox: Sandbox) -> None:
    sandbox.reset(dwell=1, speed=0, step=0)
    ec2 = sandbox.client("ec2")
    asked = ask(ec2, InstanceCount=2)
    assert {(one["State"], one["Status"]["Code"]) for one in asked} == {
        ("open", "pending-evaluation")
    }
    sandbox.control.advance(timedelta(seconds=10))
    ec2.get_waiter("spot_instance_request_fulfilled").wait(
        SpotInstanceRequestIds=ids(asked), WaiterConfig={"MaxAttempts": 1}
    )
    assert len({one["InstanceId"] for one in shown(ec2)}) == 2


def test_the_defaults_are_those_of_ec2(sandbox: Sandbox) -> None:
    request = ask(sandbox.client("ec2"))[0]
    assert request["Type"] == "one-time"
    assert request["InstanceInterruptionBehavior"] == "terminate"
    assert float(request["SpotPrice"]) == pytest.approx(1.006, rel=0.2)
    assert request["ValidUntil"] - request["CreateTime"] == timedelta(days=7)
    assert "InstanceId" not in request


def test_the_whole_launch_specification_is_used(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    group = ec2.create_security_group(GroupName="ours", Description="ours")["GroupId"]
    ec2.create_key_pair(KeyName="key")
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 77, "VolumeType": "gp3"}}
    spec = specification(
        SecurityGroupIds=[group],
        KeyName="key",
        BlockDeviceMappings=[disk],
        EbsOptimized=True,
        Monitoring={"Enabled": True},
        UserData="IyEvYmluL3No",
    )
    tags = [{"Key": "team", "Value": "blue"}]
    ask(
        ec2,
        LaunchSpecification=spec,
        TagSpecifications=[{"ResourceType": "spot-instances-request", "Tags": tags}],
    )
    request = shown(ec2)[0]
    assert request["Tags"] == tags
    launch = request["LaunchSpecification"]
    assert launch["SecurityGroups"] == [{"GroupId": group, "GroupName": "ours"}]
    assert launch["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 77
    instance = ec2.describe_instances()["Reservations"][0]["Instances"][0]
    assert (instance["KeyName"], instance["EbsOptimized"]) == ("key", True)
    assert instance["Monitoring"]["State"] == "enabled"
    assert instance["SpotInstanceRequestId"] == request["SpotInstanceRequestId"]
    assert "Tags" not in instance
    assert ec2.describe_volumes()["Volumes"][0]["Size"] == 77


def test_a_client_token_asks_once(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    first = ask(ec2, ClientToken="token")
    assert ids(ask(ec2, ClientToken="token")) == ids(first)
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        ask(ec2, ClientToken="token", InstanceCount=2)
    assert len(shown(ec2)) == 1


def test_open_requests_count_against_the_quota(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    sandbox.control.quota("L-3819A6DF", 8, region="us-east-1")
    sandbox.control.drain(POOL)
    waiting = ask(ec2, InstanceCount=2)
    with pytest.raises(ClientError, match="MaxSpotInstanceCountExceeded"):
        ask(ec2)
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=ids(waiting))
    assert ask(ec2)


def test_without_a_zone_the_request_goes_where_there_is_room(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    zones = [f"us-east-1{letter}" for letter in "abcdf"]
    for zone in zones:
        sandbox.control.drain(f"g5.xlarge@{zone}")
    ask(ec2, LaunchSpecification={"ImageId": IMAGE, "InstanceType": "g5.xlarge"})
    assert shown(ec2)[0]["Status"]["Code"] == "capacity-not-available"
    sandbox.control.refill("g5.xlarge@us-east-1d")
    assert shown(ec2)[0]["LaunchedAvailabilityZone"] == "us-east-1d"


def test_what_is_too_dear_says_both_numbers(sandbox: Sandbox) -> None:
    sandbox.control.price(POOL, "0.5")
    ec2 = sandbox.client("ec2")
    ask(ec2, SpotPrice="0.45")
    assert shown(ec2)[0]["Status"]["Message"] == (
        "Your Spot request price of 0.45 is lower than the minimum required Spot request "
        "fulfillment price of 0.5."
    )


def test_a_request_that_is_broken_says_why(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    ec2.create_key_pair(KeyName="key")
    sandbox.control.drain(POOL)
    ask(ec2, LaunchSpecification=specification(KeyName="key"))
    ec2.delete_key_pair(KeyName="key")
    sandbox.control.refill(POOL)
    request = shown(ec2)[0]
    assert (request["State"], request["Status"]["Code"]) == ("failed", "bad-parameters")
    assert request["Fault"]["Code"] == "InvalidKeyPair.NotFound"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"LaunchSpecification": {}}, "MissingParameter"),
        ({"InstanceCount": 0}, "InvalidParameterValue"),
        ({"BlockDurationMinutes": 60}, "UnsupportedOperation"),
        ({"SpotPrice": "0.0001"}, "InvalidParameterValue"),
        ({"InstanceInterruptionBehavior": "stop"}, "InvalidParameterCombination"),
        ({"Type": "forever"}, "InvalidParameterValue"),
        ({"Type": "persistent", "InstanceInterruptionBehavior": "x"}, "InvalidParameterValue"),
        ({"ValidFrom": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidParameterValue"),
        ({"ValidUntil": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidParameterValue"),
        ({"ValidFrom": LATER, "ValidUntil": LATER}, "InvalidParameterCombination"),
        (
            {
                "Type": "persistent",
                "InstanceInterruptionBehavior": "stop",
                "LaunchGroup": "together",
            },
            "InvalidParameterCombination",
        ),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": []}]},
            "InvalidParameterValue",
        ),
        ({"LaunchSpecification": specification(ImageId="ami-0")}, "InvalidAMIID.NotFound"),
        ({"LaunchSpecification": specification(KeyName="no")}, "InvalidKeyPair.NotFound"),
        ({"LaunchSpecification": specification(InstanceType="zz.big")}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
@pytest.mark.one_in(3)
def test_ec2_says_no(sandbox: Sandbox, changes: dict[str, Any], code: str) -> None:
    ec2 = sandbox.client("ec2")
    with pytest.raises(ClientError) as caught:
        ask(ec2, **changes)
    assert caught.value.response["Error"]["Code"] == code
    assert shown(ec2) == []


def test_a_group_can_neither_be_stopped_nor_outlive_one_of_its_own(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    ask(ec2, Type="persistent", LaunchGroup="together", InstanceCount=2)
    first, second = (request["InstanceId"] for request in shown(ec2))
    with pytest.raises(ClientError, match="launch group"):
        ec2.stop_instances(InstanceIds=[first])
    sandbox.control.interrupt(first)
    assert {request["Status"]["Code"] for request in shown(ec2)} == {
        "instance-terminated-no-capacity",
        "instance-terminated-launch-group-constraint",
    }
    sandbox.control.advance(timedelta(minutes=2))
    states = ec2.describe_instance_status(InstanceIds=[first, second], IncludeAllInstances=True)[
        "InstanceStatuses"
    ]
    assert {one["InstanceState"]["Name"] for one in states} == {"terminated"}
