"""A call that fails has done nothing, and what is not modelled is refused at once."""

import sys
from math import inf
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.sandbox.everything import IMAGE, REFUSED, Session
from tests.sandbox.front_door import Door, every_step_failing

from ec2_sandbox.moto_hooks import sandbox_utcnow
from ec2_sandbox.server import journal, state
from ec2_sandbox.server.aws_calls import READS

SIGNED_AS = {"emr": "elasticmapreduce"}
LAUNCH = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 2, "MaxCount": 2}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def refusal(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer: Any = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_a_launch_that_fails_half_way_has_done_nothing(door: Door) -> None:
    ec2 = door.client("ec2")
    with every_step_failing(door, lambda step: step * 2) as left:
        ec2.run_instances(**LAUNCH, InstanceMarketOptions={"MarketType": "spot"})
    assert left == []
    assert len(ec2.describe_spot_instance_requests()["SpotInstanceRequests"]) == 2


@pytest.mark.parametrize("empty", [{"Name": ""}, {"Arn": ""}, {}])
def test_an_empty_instance_profile_is_none(door: Door, empty: dict[str, str]) -> None:
    order = {**LAUNCH, "InstanceMarketOptions": {"MarketType": "spot"}}
    for launched in door.client("ec2").run_instances(**order, IamInstanceProfile=empty)[
        "Instances"
    ]:
        assert launched["InstanceLifecycle"] == "spot"
        assert "IamInstanceProfile" not in launched


def test_every_look_that_needs_no_parameter_is_answered_or_refused_for_good(door: Door) -> None:
    ec2 = door.client("ec2")
    answered = set()
    for operation in ec2.meta.service_model.operation_names:
        shape = ec2.meta.service_model.operation_model(operation).input_shape
        if operation.startswith(READS) and not (shape and shape.required_members):
            try:
                ec2._make_api_call(operation, {})
            except ClientError as caught:
                refused: Any = caught.response
                assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400, operation
            else:
                answered.add(operation)
    assert {"DescribeInstances", "DescribeSpotPriceHistory", "DescribeVpcs"} < answered
    assert len(answered) > 50


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("autoscaling", "describe_auto_scaling_groups", {}, "InvalidAction"),
        ("cloudformation", "describe_stacks", {}, "InvalidAction"),
        ("emr", "list_clusters", {}, "UnknownOperationException"),
        ("batch", "describe_compute_environments", {}, "UnknownOperationException"),
        ("ec2", "request_spot_fleet", REFUSED["request_spot_fleet"], "UnsupportedOperation"),
        ("ec2", "create_placement_group", {"GroupName": "g"}, "UnsupportedOperation"),
        ("ssm", "describe_instance_information", {}, "UnknownOperationException"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(
    door: Door,
    capsys: pytest.CaptureFixture[str],
    service: str,
    operation: str,
    arguments: dict[str, Any],
    code: str,
) -> None:
    call = getattr(door.client(service), operation)
    assert refusal(call, **arguments) == (400, code)
    assert f"not modelled: {SIGNED_AS.get(service, service)} " in capsys.readouterr().err


LOOKS = (
    *("addresses", "fleets", "instances", "key_pairs", "launch_templates", "network_interfaces"),
    *("security_groups", "snapshots", "spot_instance_requests", "subnets", "tags", "volumes"),
)


def seen(ec2: Any) -> dict[str, Any]:
    """Everything that EC2 tells of the account."""
    answers = {name: getattr(ec2, f"describe_{name}")() for name in LOOKS}
    return {name: {**answer, "ResponseMetadata": None} for name, answer in answers.items()}


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_calls_that_were_kept_in_place_of_snapshots_bring_the_same_world_back(
    door: Door, monkeypatch: pytest.MonkeyPatch, *, everything: bool
) -> None:
    begin = journal.Journal.begin

    def begin_without_end(this: journal.Journal, identity: str, cost_s: float) -> None:
        begin(this, identity, cost_s)
        this.limit_s = inf

    monkeypatch.setattr(journal.Journal, "begin", begin_without_end)
    for name, module in list(sys.modules.items()):  # what moto copied before it was bent
        if name.startswith("moto.") and "utcnow" in vars(module):
            monkeypatch.setattr(module, "utcnow", sandbox_utcnow)
    ec2 = door.client("ec2")
    if everything:
        Session(door, ec2).run()
    ec2.create_key_pair(KeyName="of-chance")  # no two are the same: this cannot be repeated
    west = door.client("ec2", "us-west-2")
    west.describe_instance_types(InstanceTypes=["m5.large"])  # makes what a region begins with
    for size in (1, 2, 3):
        ec2.run_instances(**LAUNCH, InstanceMarketOptions={"MarketType": "spot"})
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=size)
        refusal(ec2.create_volume, AvailabilityZone="us-east-1x", Size=size)
    before = seen(ec2)
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=4)
    whole, of_west = seen(ec2), west.describe_vpcs()["Vpcs"]
    addresses = {
        each["PrivateIpAddress"] for each in whole["network_interfaces"]["NetworkInterfaces"]
    }
    assert not addresses & {f"172.31.0.{reserved}" for reserved in range(4)}  # by AWS
    kept = (door.home / journal.NAME).read_bytes()
    for calls, expected in ((kept, whole), (kept[:-1], before)):  # a crash cut the last one short
        (door.home / journal.NAME).write_bytes(calls)
        state.restore(door.home, door.options, door.application.aws.carry_out_again)
        assert (seen(ec2), west.describe_vpcs()["Vpcs"]) == (expected, of_west)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # generators, cut
def test_whatever_call_fails_at_whatever_step_has_done_nothing(door: Door) -> None:
    ec2 = door.client("ec2")
    with every_step_failing(door, lambda step: step + 1 + step // 20) as left:
        Session(door, ec2).run()
    assert left == []
