"""The same seed and the same calls are the same history and the same answers, to the byte."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ec2_sandbox import Sandbox
from ec2_sandbox.server import history_file

pytestmark = pytest.mark.sandbox

PERSISTENT = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
BOX = {"MarketType": "spot", "SpotOptions": PERSISTENT}
NAMED = [{"Key": "Name", "Value": "dev"}, {"Key": "team", "Value": "a"}]
ROLE = '{"Version":"2012-10-17","Statement":[]}'
READS = (
    "describe_instances",
    "describe_spot_instance_requests",
    "describe_volumes",
    "describe_network_interfaces",
    "describe_security_groups",
    "describe_subnets",
    "describe_tags",
    "describe_fleets",
    "describe_addresses",
    "describe_launch_templates",
    "describe_instance_status",
    "describe_images",
)


class Recorder:
    """boto3 clients of one sandbox, and the raw body of everything it answered."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.answers: list[tuple[int, bytes]] = []

    def client(self, service: str, region: str = "us-east-1") -> Any:
        once = Config(retries={"total_max_attempts": 1})
        arguments = self.sandbox.client_arguments(region)
        made: Any = boto3.Session().client(service, config=once, **arguments)  # type: ignore[call-overload]
        http = made._endpoint.http_session
        http.send = self._noted(http.send)
        return made

    def _noted(self, send: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noted(request: Any) -> Any:
            response = send(request)
            self.answers.append((response.status_code, response.content))
            return response

        return noted


def launch(ec2: Any, image: str, instance_type: str, count: int, **how: Any) -> list[str]:
    tags = [
        {"ResourceType": kind, "Tags": NAMED}
        for kind in ("instance", "volume", "spot-instances-request")
        if kind != "spot-instances-request" or "InstanceMarketOptions" in how
    ]
    made = ec2.run_instances(
        ImageId=image,
        InstanceType=instance_type,
        MinCount=count,
        MaxCount=count,
        ClientToken=f"token-{instance_type}",
        TagSpecifications=tags,
        **how,
    )
    return [each["InstanceId"] for each in made["Instances"]]


def fleet(ec2: Any, kind: str) -> None:
    ec2.create_fleet(
        Type=kind,
        ClientToken=f"token-{kind}",
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateName": "one", "Version": "1"},
                "Overrides": [{"InstanceType": "m5.large"}, {"InstanceType": "c5.large"}],
            }
        ],
        TargetCapacitySpecification={
            "TotalTargetCapacity": 3,
            "DefaultTargetCapacityType": "spot",
        },
    )


def live(sandbox: Sandbox, record: Recorder) -> None:
    """A few days with a bit of everything."""
    ec2 = record.client("ec2")
    [image, *_] = ec2.describe_images(
        Filters=[{"Name": "architecture", "Values": ["x86_64"]}],
    )["Images"]
    groups = [
        ec2.create_security_group(GroupName=name, Description="d")["GroupId"]
        for name in ("one", "two", "three")
    ]
    plain = launch(ec2, image["ImageId"], "t3.micro", 2, SecurityGroupIds=groups)
    boxes = launch(ec2, image["ImageId"], "m5.large", 3, InstanceMarketOptions=BOX)
    template = {"ImageId": image["ImageId"], "InstanceType": "m5.large"}
    ec2.create_launch_template(
        LaunchTemplateName="one", LaunchTemplateData=template, ClientToken="template"
    )
    for kind in ("instant", "request", "maintain"):
        fleet(ec2, kind)
    sandbox.interrupt(boxes[0])
    sandbox.advance(timedelta(minutes=5))
    record.client("ec2", "eu-west-1").describe_subnets()
    ec2.allocate_address(Domain="vpc")
    record.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=ROLE)
    record.client("sts").get_caller_identity()
    sandbox.advance(timedelta(days=3))
    for read in READS:
        getattr(ec2, read)()
    now = sandbox.now()
    ec2.describe_spot_price_history(
        InstanceTypes=["g5.xlarge"], StartTime=now - timedelta(days=2), EndTime=now
    )
    ec2.terminate_instances(InstanceIds=[*plain, *boxes])
    sandbox.advance(timedelta(hours=2))
    ec2.describe_instances()


def life_of(**options: Any) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The history file and all the answers of a fresh daemon."""
    with Sandbox(**options) as sandbox:
        record = Recorder(sandbox)
        live(sandbox, record)
        history = sandbox.home / history_file.NAME
        return history.read_bytes(), record.answers


def test_two_lives_of_one_seed_are_the_same_to_the_byte() -> None:
    history, answers = life_of(seed=7, scenario="living", dwell=1)
    again, answers_again = life_of(seed=7, scenario="living", dwell=1)
    assert history.count(b"\n") > 50
    assert again == history
    assert [status for status, _ in answers] == [200] * len(answers)
    for first, second in zip(answers, answers_again, strict=True):
        assert first == second


@pytest.mark.soak
def test_another_seed_is_another_life() -> None:
    with Sandbox(seed=1) as sandbox:
        first = Recorder(sandbox)
        first.client("ec2").describe_spot_price_history(InstanceTypes=["g5.xlarge"])
        first.client("ec2").describe_vpcs()
        sandbox.reset(seed=2)
        second = Recorder(sandbox)
        second.client("ec2").describe_spot_price_history(InstanceTypes=["g5.xlarge"])
        second.client("ec2").describe_vpcs()
        assert all(one != other for one, other in zip(first.answers, second.answers, strict=True))
        sandbox.reset(seed=1)
        third = Recorder(sandbox)
        third.client("ec2").describe_spot_price_history(InstanceTypes=["g5.xlarge"])
        third.client("ec2").describe_vpcs()
        assert third.answers == first.answers
