"""RunInstances over HTTP: what is launched, and every way in which EC2 says no."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

TAGS = [{"Key": "spotkeeper:name", "Value": "dev"}]
TAGGED = ("instance", "volume", "network-interface", "spot-instances-request")
AL2023 = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default"


def spot(**options: Any) -> dict[str, Any]:
    return {"MarketType": "spot", "SpotOptions": options}


BOX = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}


def order(**changes: Any) -> dict[str, Any]:
    """One g5.xlarge as a once machine in us-east-1a, with changes; None leaves one out."""
    asked = {
        "ImageId": f"{AL2023}-x86_64",
        "InstanceType": "g5.xlarge",
        "MinCount": 1,
        "MaxCount": 1,
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "InstanceMarketOptions": spot(),
        **changes,
    }
    return {key: value for key, value in asked.items() if value is not None}


def refused(client: Any, **changes: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        client.run_instances(**order(**changes))
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_spot_launch_says_so_at_once(sandbox: Sandbox) -> None:
    instance = sandbox.client("ec2").run_instances(**order())["Instances"][0]
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["SpotInstanceRequestId"].startswith("sir-")
    assert len(instance["SpotInstanceRequestId"]) == 12
    assert instance["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert instance["State"]["Name"] == "pending"


def test_addresses_are_documentation_addresses(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    ec2.run_instances(**order(MinCount=3, MaxCount=3))
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            assert instance["PublicIpAddress"].startswith(("203.0.113.", "198.51.100."))


def test_tags_are_on_everything_the_launch_made(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    specifications = [{"ResourceType": kind, "Tags": TAGS} for kind in TAGGED]
    ec2.run_instances(**order(TagSpecifications=specifications))
    found = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["spotkeeper:*"]}])["Tags"]
    assert sorted(tag["ResourceType"] for tag in found) == sorted(TAGGED)
    requests = ec2.describe_spot_instance_requests(
        Filters=[{"Name": "tag:spotkeeper:name", "Values": ["d?v"]}]
    )
    assert requests["SpotInstanceRequests"][0]["Tags"] == TAGS


def test_all_of_max_count_is_launched(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    for market in (spot(), None):
        changes = order(MinCount=1, MaxCount=3, InstanceMarketOptions=market)
        assert len(ec2.run_instances(**changes)["Instances"]) == 3
    assert len(ec2.describe_spot_instance_requests()["SpotInstanceRequests"]) == 3


@pytest.mark.parametrize("market", [spot(), None], ids=["spot", "on-demand"])
def test_a_client_token_launches_once(sandbox: Sandbox, market: Any) -> None:
    ec2 = sandbox.client("ec2")
    asked = order(ClientToken="token", InstanceMarketOptions=market)
    first = ec2.run_instances(**asked)["Instances"][0]["InstanceId"]
    assert ec2.run_instances(**asked)["Instances"][0]["InstanceId"] == first
    code, _ = refused(ec2, ClientToken="token", InstanceType="g5.2xlarge")
    assert code == "IdempotentParameterMismatch"
    ec2.terminate_instances(InstanceIds=[first])
    code, _ = refused(ec2, ClientToken="token", InstanceMarketOptions=market)
    assert code == "IdempotentInstanceTerminated"


def test_the_root_disk_is_what_was_asked_for(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    root = {"VolumeSize": 200, "VolumeType": "gp3", "Encrypted": True}
    data = {"VolumeSize": 10, "DeleteOnTermination": False}
    disks = [
        {"DeviceName": "/dev/xvda", "Ebs": root},
        {"DeviceName": "/dev/sdf", "Ebs": data},
    ]
    launched = ec2.run_instances(**order(BlockDeviceMappings=disks))["Instances"][0]
    volumes = {v["Attachments"][0]["Device"]: v for v in ec2.describe_volumes()["Volumes"]}
    shown = {key: volumes["/dev/xvda"][key] for key in ("Size", "VolumeType", "Encrypted")}
    assert shown == {"Size": 200, "VolumeType": "gp3", "Encrypted": True}
    assert volumes["/dev/xvda"]["Attachments"][0]["DeleteOnTermination"] is True
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    left = ec2.describe_volumes()["Volumes"]
    assert [(volume["Size"], volume["State"]) for volume in left] == [(10, "available")]
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_metadata_and_shutdown_options_are_kept(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    launched = ec2.run_instances(
        **order(MetadataOptions=options, InstanceInitiatedShutdownBehavior="terminate")
    )["Instances"][0]
    assert launched["MetadataOptions"]["HttpTokens"] == "required"
    shown = ec2.describe_instance_attribute(
        InstanceId=launched["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert shown["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_without_a_zone_ec2_chooses_one_with_room(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    for letter in "abcd":
        sandbox.control.drain(f"g5.xlarge@us-east-1{letter}")
    launched = ec2.run_instances(**order(Placement=None))["Instances"][0]
    assert launched["Placement"]["AvailabilityZone"] == "us-east-1f"


def test_a_launch_template_fills_what_the_call_leaves_out(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    data = {"ImageId": f"{AL2023}-x86_64", "InstanceType": "m5.large"}
    ec2.create_launch_template(LaunchTemplateName="plain", LaunchTemplateData=data)
    launched = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        LaunchTemplate={"LaunchTemplateName": "plain"},
        InstanceMarketOptions=spot(),
    )["Instances"][0]
    assert launched["InstanceType"] == "m5.large"
    assert launched["InstanceLifecycle"] == "spot"


def test_the_whole_of_a_launch_template_is_heeded(sandbox: Sandbox) -> None:
    ec2, iam = sandbox.client("ec2"), sandbox.client("iam")
    iam.create_instance_profile(InstanceProfileName="ours")
    group = ec2.create_security_group(GroupName="ours", Description="ours")["GroupId"]
    data = {
        "ImageId": f"{AL2023}-x86_64",
        "InstanceType": "m5.large",
        "InstanceMarketOptions": spot(**BOX),
        "IamInstanceProfile": {"Name": "ours"},
        "MetadataOptions": {"HttpTokens": "required"},
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "Groups": [group], "AssociatePublicIpAddress": False}
        ],
        "TagSpecifications": [{"ResourceType": kind, "Tags": TAGS} for kind in TAGGED],
    }
    template = ec2.create_launch_template(
        LaunchTemplateName="whole", LaunchTemplateData={**data, "InstanceType": "m5.xlarge"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data)
    for version, size in (("$Latest", "m5.large"), ("$Default", "m5.xlarge"), ("2", "m5.large")):
        chosen = {"LaunchTemplateId": template, "Version": version}
        launched = ec2.run_instances(MinCount=1, MaxCount=1, LaunchTemplate=chosen)["Instances"]
        assert launched[0]["InstanceType"] == size
    found = ec2.describe_instances(InstanceIds=[launched[0]["InstanceId"]])
    instance = found["Reservations"][0]["Instances"][0]
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["IamInstanceProfile"]["Arn"].endswith("instance-profile/ours")
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [group]
    assert "PublicIpAddress" not in instance
    assert {tag["Key"]: tag["Value"] for tag in instance["Tags"]} == {
        "spotkeeper:name": "dev",
        "aws:ec2launchtemplate:id": template,
        "aws:ec2launchtemplate:version": "2",
    }
    requests = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert {request["Type"] for request in requests} == {"persistent"}
    assert requests[0]["Tags"] == TAGS


def test_addresses_are_used_again_and_never_twice(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    first, second = (ec2.run_instances(**order())["Instances"][0] for _ in range(2))
    taken = first["PrivateIpAddress"]
    assert taken != second["PrivateIpAddress"]
    assert refused(ec2, PrivateIpAddress=taken)[0] == "InvalidIPAddress.InUse"
    ec2.terminate_instances(InstanceIds=[first["InstanceId"]])
    again = ec2.run_instances(**order())["Instances"][0]
    assert again["PrivateIpAddress"] == taken


def test_as_many_as_there_is_room_for_are_launched(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    sandbox.control.quota("L-34B43A08", 1_000_000, region="us-east-1")
    asked = {"InstanceType": "r5.24xlarge", "MaxCount": 1_000}
    assert refused(ec2, MinCount=1_000, **asked)[0] == "InsufficientInstanceCapacity"
    launched = ec2.run_instances(**order(MinCount=1, **asked))["Instances"]
    assert 1 <= len(launched) < 1_000


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"InstanceType": "zz.large"}, "InvalidParameterValue", "zz.large"),
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound", "does not exist"),
        ({"ImageId": "nonsense"}, "InvalidAMIID.Malformed", "nonsense"),
        ({"ImageId": f"{AL2023}-arm64"}, "InvalidParameterValue", "architecture"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound", "nobody"),
        ({"SecurityGroupIds": ["sg-0"]}, "InvalidGroup.NotFound", "sg-0"),
        ({"SubnetId": "subnet-0"}, "InvalidSubnetID.NotFound", "subnet-0"),
        ({"UserData": "x" * 16_385}, "InvalidUserData.Malformed", "16384 bytes"),
        (
            {"Placement": {"AvailabilityZone": "us-east-1z"}},
            "InvalidParameterValue",
            "us-east-1z",
        ),
        (
            {"Placement": {"AvailabilityZone": "us-east-1e"}},
            "Unsupported",
            "not supported in your requested Availability Zone",
        ),
        ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterValue", "maxCount"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4}}]},
            "InvalidBlockDeviceMapping",
            "smaller than snapshot",
        ),
        ({"InstanceMarketOptions": spot(MaxPrice="0.0005")}, "InvalidParameterValue", "0.001"),
        (
            {"InstanceMarketOptions": spot(SpotInstanceType="persistent")},
            "InvalidParameterCombination",
            "'persistent'",
        ),
        (
            {"InstanceMarketOptions": spot(InstanceInterruptionBehavior="stop")},
            "InvalidParameterCombination",
            "The request with type 'one-time' is not supported when "
            "instanceInterruptionBehavior is set to 'stop'.",
        ),
        (
            {"InstanceMarketOptions": spot(ValidUntil=datetime(2030, 1, 1, tzinfo=UTC))},
            "InvalidParameterCombination",
            "validUntil cannot be specified",
        ),
        (
            {
                "InstanceMarketOptions": spot(
                    SpotInstanceType="persistent", InstanceInterruptionBehavior="hibernate"
                )
            },
            "UnsupportedHibernationConfiguration",
            "g5.xlarge",
        ),
        (
            {"InstanceMarketOptions": spot(ValidUntil=datetime(2020, 1, 1, tzinfo=UTC), **BOX)},
            "InvalidParameterValue",
            "ValidUntil",
        ),
        (
            {"InstanceMarketOptions": spot(BlockDurationMinutes=60)},
            "UnsupportedOperation",
            "defined duration",
        ),
        (
            {"HibernationOptions": {"Configured": True}},
            "InvalidParameterCombination",
            "HibernationOptions.Configured is set to 'true'",
        ),
        ({"PrivateIpAddress": "10.0.0.1"}, "InvalidParameterValue", "address range"),
        ({"PrivateIpAddress": "nonsense"}, "InvalidParameterValue", "nonsense"),
        (
            {"IamInstanceProfile": {"Name": "nobody"}},
            "InvalidParameterValue",
            "Invalid IAM Instance Profile name",
        ),
        (
            {
                "InstanceMarketOptions": None,
                "TagSpecifications": [
                    {"ResourceType": "spot-instances-request", "Tags": TAGS},
                ],
            },
            "InvalidParameterCombination",
            "cannot specify tags for Spot instances requests",
        ),
    ],
)
@pytest.mark.one_in(3)
def test_ec2_says_no(sandbox: Sandbox, changes: dict[str, Any], code: str, text: str) -> None:
    ec2 = sandbox.client("ec2")
    found_code, found_text = refused(ec2, **changes)
    assert found_code == code
    assert text in found_text
    assert ec2.describe_instances()["Reservations"] == []


def test_a_price_under_the_market_names_both_numbers(sandbox: Sandbox) -> None:
    sandbox.control.price("g5.xlarge@us-east-1a", "0.5")
    code, text = refused(
        sandbox.client("ec2"), InstanceMarketOptions=spot(MaxPrice="0.4500", **BOX)
    )
    assert code == "SpotMaxPriceTooLow"
    assert text == (
        "Your Spot request price of 0.45 is lower than the minimum required Spot request "
        "fulfillment price of 0.5."
    )


def test_a_dry_pool_has_no_capacity(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    sandbox.control.drain("g5.xlarge@us-east-1a", minutes=5)
    assert refused(ec2) == (
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available that matches your request.",
    )
    sandbox.control.advance(timedelta(minutes=5))
    assert ec2.run_instances(**order())["Instances"]


def test_the_quota_counts_vcpus(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    sandbox.control.quota("L-3819A6DF", 8, region="us-east-1")
    ec2.run_instances(**order(MinCount=2, MaxCount=2))
    assert refused(ec2) == ("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")


def test_a_fresh_account_gets_no_gpu(sandbox: Sandbox) -> None:
    sandbox.reset(account="fresh")
    ec2 = sandbox.client("ec2")
    assert refused(ec2)[0] == "MaxSpotInstanceCountExceeded"
    assert ec2.run_instances(**order(InstanceType="m5.large"))["Instances"]


def test_dry_run_launches_nothing_and_does_not_meet_the_market(sandbox: Sandbox) -> None:
    sandbox.control.drain("g5.xlarge@us-east-1a")
    assert refused(sandbox.client("ec2"), DryRun=True)[0] == "DryRunOperation"


def test_hibernation_needs_a_type_that_can_and_an_encrypted_root(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    hibernating = {
        "InstanceType": "m5.large",
        "InstanceMarketOptions": spot(
            SpotInstanceType="persistent", InstanceInterruptionBehavior="hibernate"
        ),
    }
    assert refused(ec2, **hibernating)[0] == "UnsupportedHibernationConfiguration"
    root = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}]
    assert ec2.run_instances(**order(BlockDeviceMappings=root, **hibernating))["Instances"]
