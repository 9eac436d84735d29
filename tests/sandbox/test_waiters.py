"""botocore's own waiters and paginators, and ``aws ec2 wait``: they know nothing of a sandbox."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from tests.conftest import Sandbox

from ec2_sandbox.client import daemon

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ZONE = "us-east-1a"
PATIENCE = {"Delay": 0, "MaxAttempts": 60}
BOX: dict[str, Any] = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
TEMPLATE = {"ImageId": IMAGE, "InstanceType": "m5.large"}


@pytest.fixture
def account(sandbox: Sandbox) -> Sandbox:
    """Transitions last as long as on EC2, and every call takes two seconds."""
    sandbox.reset(dwell=1, speed=0, step=2, begins="2026-01-05T00:00:00+00:00")
    return sandbox


def launch(sandbox: Sandbox, count: int = 1, **options: Any) -> tuple[list[str], list[str]]:
    """Ids of Spot instances and of their requests."""
    launched = sandbox.client("ec2").run_instances(
        ImageId=IMAGE,
        InstanceType="m5.large",
        MinCount=count,
        MaxCount=count,
        Placement={"AvailabilityZone": ZONE},
        InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["Instances"]
    return (
        [one["InstanceId"] for one in launched],
        [one["SpotInstanceRequestId"] for one in launched],
    )


def calls(sandbox: Sandbox, operation: str) -> int:
    return [name for name, _ in sandbox.control.calls()].count(operation)


def wait(sandbox: Sandbox, waiter: str, instance: str) -> int:
    """How often the waiter had to ask."""
    before = calls(sandbox, "DescribeInstances")
    client = sandbox.client("ec2")
    client.get_waiter(waiter).wait(InstanceIds=[instance], WaiterConfig=PATIENCE)
    return calls(sandbox, "DescribeInstances") - before


def test_instance_waiters_wait_through_every_transition(account: Sandbox) -> None:
    (instance,), _ = launch(account, **BOX)
    ec2 = account.client("ec2")
    assert wait(account, "instance_running", instance) > 1
    ec2.stop_instances(InstanceIds=[instance])
    assert wait(account, "instance_stopped", instance) > 1
    account.control.advance(timedelta(minutes=1))  # until its request is disabled
    ec2.start_instances(InstanceIds=[instance])
    assert wait(account, "instance_running", instance) > 1
    ec2.terminate_instances(InstanceIds=[instance])
    assert wait(account, "instance_terminated", instance) > 1


def test_the_waiter_for_running_gives_up_on_what_is_ended(account: Sandbox) -> None:
    (instance,), _ = launch(account)
    account.client("ec2").terminate_instances(InstanceIds=[instance])
    with pytest.raises(WaiterError, match="terminal failure"):
        wait(account, "instance_running", instance)


def test_the_fulfilment_of_an_open_request_is_waited_for(account: Sandbox) -> None:
    ec2 = account.client("ec2")
    asked = ec2.request_spot_instances(LaunchSpecification=TEMPLATE)["SpotInstanceRequests"]
    ids = [request["SpotInstanceRequestId"] for request in asked]
    assert [request["State"] for request in asked] == ["open"]
    waiter = ec2.get_waiter("spot_instance_request_fulfilled")
    waiter.wait(SpotInstanceRequestIds=ids, WaiterConfig=PATIENCE)
    assert calls(account, "DescribeSpotInstanceRequests") > 1


def test_the_fulfilment_of_a_request_nobody_sees_yet_is_waited_for(account: Sandbox) -> None:
    account.reset(speed=0, step=2, visibility=30.0, begins="2026-01-05T00:00:00+00:00")
    _, ids = launch(account)
    waiter = account.client("ec2").get_waiter("spot_instance_request_fulfilled")
    waiter.wait(SpotInstanceRequestIds=ids, WaiterConfig=PATIENCE)
    assert calls(account, "DescribeSpotInstanceRequests") > 1


def test_the_waiter_for_a_request_gives_up_on_one_that_is_cancelled(account: Sandbox) -> None:
    ec2 = account.client("ec2")
    asked = ec2.request_spot_instances(SpotPrice="0.001", LaunchSpecification=TEMPLATE)
    ids = [request["SpotInstanceRequestId"] for request in asked["SpotInstanceRequests"]]
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=ids)
    waiter = ec2.get_waiter("spot_instance_request_fulfilled")
    with pytest.raises(WaiterError, match="terminal failure"):
        waiter.wait(SpotInstanceRequestIds=ids, WaiterConfig=PATIENCE)


def test_status_checks_are_waited_for(account: Sandbox) -> None:
    (instance,), _ = launch(account)
    ec2 = account.client("ec2")
    many = {"Delay": 0, "MaxAttempts": 300}
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=[instance], WaiterConfig=many)
    assert calls(account, "DescribeInstanceStatus") > 1


@pytest.mark.soak
def test_the_cli_waits_too(account: Sandbox) -> None:
    (instance,), ids = launch(account)
    account.control.advance(timedelta(minutes=1))
    _aws(account, "instance-running", "--instance-ids", instance)
    _aws(account, "spot-instance-request-fulfilled", "--spot-instance-request-ids", *ids)
    account.client("ec2").terminate_instances(InstanceIds=[instance])
    account.control.advance(timedelta(minutes=2))
    _aws(account, "instance-terminated", "--instance-ids", instance)


def _aws(sandbox: Sandbox, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "ec2", "wait", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **daemon.environment(sandbox.status)},
    )
    assert done.returncode == 0, done.stderr


# Pages


def machines(account: Sandbox) -> None:
    for count in (3, 7, 2):
        launch(account, count)


def volumes(account: Sandbox) -> None:
    for _ in range(7):
        account.client("ec2").create_volume(AvailabilityZone=ZONE, Size=1, VolumeType="gp3")


def fleets(account: Sandbox) -> None:
    ec2 = account.client("ec2")
    made = ec2.create_launch_template(LaunchTemplateName="pages", LaunchTemplateData=TEMPLATE)
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    named = {"LaunchTemplateId": template, "Version": "1"}
    for _ in range(3):
        ec2.create_fleet(
            Type="maintain",
            LaunchTemplateConfigs=[{"LaunchTemplateSpecification": named}],
            TargetCapacitySpecification={
                "TotalTargetCapacity": 0,
                "DefaultTargetCapacityType": "spot",
            },
        )


def nothing(_: Sandbox) -> None:
    """The catalogue is there from the start."""


def instances_of(page: dict[str, Any]) -> list[Any]:
    reservations = page["Reservations"]
    return [one for reservation in reservations for one in reservation["Instances"]]


def listed(key: str) -> Callable[[dict[str, Any]], list[Any]]:
    return lambda page: list(page[key])


GPU_TYPES = {"Filters": [{"Name": "instance-type", "Values": ["g5.*"]}]}
PRICES = {"InstanceTypes": ["m5.large"], "StartTime": "2026-01-03T00:00:00Z"}
PAGES = [
    ("describe_instances", {}, machines, instances_of, 5),
    ("describe_spot_instance_requests", {}, machines, listed("SpotInstanceRequests"), 5),
    ("describe_instance_status", {"IncludeAllInstances": True}, machines, None, 5),
    ("describe_tags", {}, machines, listed("Tags"), 5),
    ("describe_volumes", {}, volumes, listed("Volumes"), 5),
    ("describe_fleets", {}, fleets, listed("Fleets"), 2),
    ("describe_instance_types", GPU_TYPES, nothing, listed("InstanceTypes"), 5),
    ("describe_instance_type_offerings", GPU_TYPES, nothing, listed("InstanceTypeOfferings"), 5),
    ("describe_spot_price_history", PRICES, nothing, listed("SpotPriceHistory"), 5),
]


@pytest.mark.parametrize(
    ("operation", "asked", "prepare", "rows_of", "size"), PAGES, ids=[row[0] for row in PAGES]
)
@pytest.mark.one_in(3)
def test_pages_hold_together_what_one_answer_would(
    account: Sandbox,
    operation: str,
    asked: dict[str, Any],
    prepare: Callable[[Sandbox], None],
    rows_of: Callable[[dict[str, Any]], list[Any]] | None,
    size: int,
) -> None:
    prepare(account)
    account.control.advance(timedelta(minutes=15))
    ec2 = account.client("ec2")
    rows_of = rows_of or listed("InstanceStatuses")
    whole = rows_of(getattr(ec2, operation)(**asked))
    paginator = ec2.get_paginator(operation)
    pages = [
        rows_of(page) for page in paginator.paginate(**asked, PaginationConfig={"PageSize": size})
    ]
    assert len(pages) > 1
    assert all(len(page) == size for page in pages[:-1])
    assert [row for page in pages for row in page] == whole
    assert whole


def test_a_reservation_may_be_split_over_two_pages(account: Sandbox) -> None:
    machines(account)
    first = account.client("ec2").describe_instances(MaxResults=5)
    assert [len(one["Instances"]) for one in first["Reservations"]] == [3, 2]
    second = account.client("ec2").describe_instances(MaxResults=5, NextToken=first["NextToken"])
    assert [len(one["Instances"]) for one in second["Reservations"]] == [5]
    ids = [reservation["ReservationId"] for reservation in first["Reservations"]]
    assert second["Reservations"][0]["ReservationId"] == ids[1]


@pytest.mark.parametrize("size", [4, 1_001])
def test_a_page_of_instances_has_its_bounds(account: Sandbox, size: int) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        account.client("ec2").describe_instances(MaxResults=size)
