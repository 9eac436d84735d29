"""The life of a Spot request over HTTP: the stories that the state table tells."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

from ec2_sandbox.errors import BadInput, NotFound

pytestmark = pytest.mark.sandbox

POOL = "g5.xlarge@us-east-1a"
DAYS = timedelta(days=80)
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


@dataclass
class Machine:
    """A launched machine and the eyes to watch it."""

    sandbox: Sandbox
    ec2: Any
    instance_id: str
    request_id: str

    def request(self) -> dict[str, Any]:
        found = self.ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[self.request_id])
        shown: dict[str, Any] = found["SpotInstanceRequests"][0]
        return shown

    def instance(self) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[self.instance_id])
        shown: dict[str, Any] = found["Reservations"][0]["Instances"][0]
        return shown

    def seen(self) -> tuple[str, str, str]:
        request = self.request()
        return request["State"], request["Status"]["Code"], self.instance()["State"]["Name"]

    def do(self, verb: str) -> Any:
        return getattr(self.ec2, f"{verb}_instances")(InstanceIds=[self.instance_id])

    def cancel(self) -> str:
        answer = self.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[self.request_id])
        return str(answer["CancelledSpotInstanceRequests"][0]["State"])

    def wait(self, **length: float) -> None:
        self.sandbox.control.advance(timedelta(**length))

    def refused(self, verb: str) -> str:
        with pytest.raises(ClientError) as caught:
            self.do(verb)
        return str(caught.value.response["Error"]["Code"])


def launch(sandbox: Sandbox, **options: Any) -> Machine:
    ec2 = sandbox.client("ec2")
    kinds = ("instance", "spot-instances-request")
    tags = [{"Key": "spotkeeper:name", "Value": "dev"}]
    instance = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="g5.xlarge",
        MinCount=1,
        MaxCount=1,
        Placement={"AvailabilityZone": "us-east-1a"},
        InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options},
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in kinds],
    )["Instances"][0]
    return Machine(sandbox, ec2, instance["InstanceId"], instance["SpotInstanceRequestId"])


@pytest.fixture
def box(sandbox: Sandbox) -> Machine:
    valid_until = sandbox.control.now() + timedelta(days=2)
    return launch(
        sandbox,
        SpotInstanceType="persistent",
        InstanceInterruptionBehavior="stop",
        ValidUntil=valid_until,
    )


@pytest.fixture
def once(sandbox: Sandbox) -> Machine:
    return launch(sandbox)


def test_a_request_is_fulfilled_at_once(box: Machine) -> None:
    request = box.request()
    assert box.seen() == ("active", "fulfilled", "running")
    assert request["InstanceId"] == box.instance_id
    assert request["LaunchedAvailabilityZone"] == "us-east-1a"
    assert request["Type"] == "persistent"
    assert request["InstanceInterruptionBehavior"] == "stop"
    assert request["Status"]["Message"] == "Your Spot request is fulfilled."
    assert request["LaunchSpecification"]["InstanceType"] == "g5.xlarge"


def test_botocores_own_waiters_are_content(box: Machine) -> None:
    for waiter, asked in (
        ("spot_instance_request_fulfilled", {"SpotInstanceRequestIds": [box.request_id]}),
        ("instance_running", {"InstanceIds": [box.instance_id]}),
        ("instance_status_ok", {"InstanceIds": [box.instance_id]}),
    ):
        box.ec2.get_waiter(waiter).wait(**asked, WaiterConfig={"MaxAttempts": 1})


def test_an_interrupted_box_comes_back_by_itself(box: Machine) -> None:
    at = box.sandbox.control.now()
    told = box.sandbox.control.interrupt("dev")
    assert told["instance_id"] == box.instance_id
    assert told["pool"] == POOL
    assert box.seen() == ("active", "marked-for-stop", "running")
    box.wait(minutes=3)
    assert box.seen() == ("disabled", "instance-stopped-no-capacity", "stopped")
    stopped = box.request()["Status"]["UpdateTime"]
    assert timedelta(seconds=119) < stopped - at < timedelta(seconds=130)
    assert box.instance()["StateReason"]["Code"] == "Server.SpotInstanceShutdown"
    assert box.refused("start") == "IncorrectSpotRequestState"
    box.wait(minutes=10)
    assert box.seen() == ("active", "fulfilled", "running")


def test_an_interrupted_once_is_gone(once: Machine) -> None:
    once.sandbox.control.interrupt(once.instance_id)
    assert once.seen() == ("closed", "instance-terminated-no-capacity", "running")
    once.wait(minutes=2)
    assert once.seen() == ("closed", "instance-terminated-no-capacity", "terminated")
    reason = once.instance()["StateReason"]["Code"]
    assert reason == "Server.SpotInstanceTermination"


def test_a_drained_pool_takes_everybody(box: Machine) -> None:
    other = launch(box.sandbox)
    box.sandbox.control.drain(POOL)
    assert box.seen()[1] == "marked-for-stop"
    assert other.seen()[1] == "instance-terminated-no-capacity"
    box.wait(days=1)
    assert box.seen()[2] == "stopped"
    box.sandbox.control.refill(POOL)
    assert box.seen() == ("active", "fulfilled", "running")


def test_a_price_above_the_maximum_interrupts(sandbox: Sandbox) -> None:
    sandbox.control.price(POOL, "0.30")
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    box = launch(sandbox, MaxPrice="0.40", **options)
    sandbox.control.price(POOL, "0.50")
    assert box.seen()[1] == "marked-for-stop"
    box.wait(minutes=2)
    assert box.seen()[1:] == ("instance-stopped-by-price", "stopped")
    sandbox.control.price(POOL, "0.35")
    assert box.seen() == ("active", "fulfilled", "running")


def test_months_pass_at_their_own_times(sandbox: Sandbox) -> None:
    """A maximum in the middle of the natural prices is crossed again and again."""
    sandbox.reset(speed=0, step=0, begins="2026-03-01T00:00:00+00:00")
    ec2, now = sandbox.client("ec2"), sandbox.control.now()
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=["m5.large"], AvailabilityZone="us-east-1a", StartTime=now - DAYS
    )
    prices = sorted(float(row["SpotPrice"]) for page in pages for row in page["SpotPriceHistory"])
    ec2.request_spot_instances(
        LaunchSpecification={
            "ImageId": IMAGE,
            "InstanceType": "m5.large",
            "Placement": {"AvailabilityZone": "us-east-1a"},
        },
        SpotPrice=str(prices[len(prices) // 2]),
        Type="persistent",
        InstanceInterruptionBehavior="stop",
        ValidUntil=now + DAYS,
    )
    sandbox.control.advance(DAYS - timedelta(hours=1))
    told = sandbox.control.events(kind="request")
    moments = [event["at"] for event in told]
    assert moments == sorted(moments)
    assert len(set(moments)) > 3
    stops = [event for event in told if event["facts"]["code"] == "instance-stopped-by-price"]
    starts = [event for event in told if event["facts"]["code"] == "fulfilled"]
    assert abs(len(starts) - len(stops)) <= 1
    assert len(stops) > 0


def test_the_user_stops_and_starts_a_box(box: Machine) -> None:
    box.do("stop")
    assert box.seen() == ("disabled", "instance-stopped-by-user", "stopped")
    instance = box.instance()
    assert "PublicIpAddress" not in instance
    assert instance["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert instance["StateTransitionReason"].startswith("User initiated (")
    box.do("stop")
    box.sandbox.control.drain(POOL)
    assert box.refused("start") == "Unsupported"
    box.sandbox.control.refill(POOL)
    assert box.seen()[2] == "stopped"
    box.do("start")
    assert box.seen() == ("active", "fulfilled", "running")


def test_a_once_cannot_be_stopped(once: Machine) -> None:
    assert once.refused("stop") == "UnsupportedOperation"
    assert once.seen() == ("active", "fulfilled", "running")


def test_terminating_first_is_the_classic_trap(box: Machine) -> None:
    box.do("terminate")
    assert box.seen() == ("open", "instance-terminated-by-user", "terminated")
    box.wait(minutes=1)
    request = box.request()
    assert request["State"] == "active"
    assert request["InstanceId"] != box.instance_id
    found = box.ec2.describe_instances(InstanceIds=[request["InstanceId"]])
    anew = found["Reservations"][0]["Instances"][0]
    assert anew["Tags"] == [{"Key": "spotkeeper:name", "Value": "dev"}]
    assert anew["SpotInstanceRequestId"] == box.request_id


def test_an_open_request_waits_for_capacity(box: Machine) -> None:
    box.do("stop")
    box.sandbox.control.drain(POOL)
    box.do("terminate")
    box.wait(minutes=1)
    assert box.seen()[:2] == ("open", "capacity-not-available")
    assert box.cancel() == "cancelled"
    assert box.seen()[:2] == ("cancelled", "canceled-before-fulfillment")


def test_cancel_then_terminate_ends_it(box: Machine) -> None:
    assert box.cancel() == "cancelled"
    assert box.seen() == ("cancelled", "request-canceled-and-instance-running", "running")
    assert box.refused("stop") == "IncorrectSpotRequestState"
    for _ in range(2):
        box.do("terminate")
        assert box.cancel() == "cancelled"
        assert box.seen() == ("cancelled", "instance-terminated-by-user", "terminated")
    box.wait(hours=1)
    assert box.request()["State"] == "cancelled"
    states = Counter(
        instance["State"]["Name"]
        for reservation in box.ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    )
    assert not states - Counter(terminated=1)


def test_cancelling_what_is_stopped_terminates_it(box: Machine) -> None:
    box.do("stop")
    box.cancel()
    assert box.seen() == ("cancelled", "instance-terminated-by-user", "terminated")
    assert box.refused("start") == "IncorrectInstanceState"


def test_a_once_terminated_by_its_user_is_closed(once: Machine) -> None:
    once.do("terminate")
    assert once.seen() == ("closed", "instance-terminated-by-user", "terminated")


def test_valid_until_cancels_and_the_instance_goes_on(box: Machine) -> None:
    box.wait(days=2)
    assert box.seen() == ("cancelled", "request-canceled-and-instance-running", "running")


def test_a_stopped_one_that_expires_cannot_be_started(box: Machine) -> None:
    box.do("stop")
    box.wait(days=2)
    assert box.seen() == ("cancelled", "instance-stopped-by-user", "stopped")
    assert box.refused("start") == "IncorrectSpotRequestState"


def test_a_request_that_cannot_be_fulfilled_any_more_fails(box: Machine) -> None:
    subnet_id = box.instance()["SubnetId"]
    box.do("terminate")
    box.ec2.delete_subnet(SubnetId=subnet_id)
    box.wait(minutes=1)
    assert box.seen()[:2] == ("failed", "bad-parameters")


def test_lists_forget_after_a_while(box: Machine) -> None:
    box.cancel()
    box.do("terminate")
    box.wait(hours=3, minutes=59)
    assert box.request()["State"] == "cancelled"
    assert box.ec2.describe_instances()["Reservations"] == []
    box.wait(minutes=2)
    assert box.ec2.describe_spot_instance_requests()["SpotInstanceRequests"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "active"),
        ("status-code", "fulf*"),
        ("tag-key", "spotkeeper:*"),
        ("tag:spotkeeper:name", "dev"),
    ],
)
def test_requests_are_found_by(box: Machine, name: str, value: str) -> None:
    found = box.ec2.describe_spot_instance_requests(
        Filters=[{"Name": name, "Values": [value, "other"]}]
    )
    assert [one["SpotInstanceRequestId"] for one in found["SpotInstanceRequests"]] == [
        box.request_id
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instance-lifecycle", "spot"),
        ("availability-zone", "us-east-1a"),
        ("tag:spotkeeper:name", "d*"),
        ("instance-state-name", "running"),
    ],
)
def test_instances_are_found_by(box: Machine, name: str, value: str) -> None:
    found = box.ec2.describe_instances(Filters=[{"Name": name, "Values": [value]}])
    assert found["Reservations"][0]["Instances"][0]["InstanceId"] == box.instance_id
    nothing = box.ec2.describe_instances(Filters=[{"Name": name, "Values": ["other"]}])
    assert nothing["Reservations"] == []


def test_requests_come_in_pages(box: Machine) -> None:
    ids = {box.request_id, *(launch(box.sandbox).request_id for _ in range(3))}
    pages = box.ec2.get_paginator("describe_spot_instance_requests")
    found = [
        [request["SpotInstanceRequestId"] for request in page["SpotInstanceRequests"]]
        for page in pages.paginate(PaginationConfig={"PageSize": 2})
    ]
    assert [len(page) for page in found] == [2, 2]
    assert {one for page in found for one in page} == ids


def test_unknown_ids_are_errors(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    for operation, asked, code in (
        (ec2.describe_spot_instance_requests, ["sir-0"], "InvalidSpotInstanceRequestID.NotFound"),
        (ec2.cancel_spot_instance_requests, ["sir-0"], "InvalidSpotInstanceRequestID.NotFound"),
        (ec2.cancel_spot_instance_requests, [], "MissingParameter"),
    ):
        with pytest.raises(ClientError, match=code):
            operation(SpotInstanceRequestIds=asked)
    for verb in ("describe", "start", "stop", "terminate"):
        with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
            getattr(ec2, f"{verb}_instances")(InstanceIds=["i-0123456789abcdef0"])


def test_control_verbs_explain_themselves(sandbox: Sandbox) -> None:
    with pytest.raises(NotFound, match="nobody"):
        sandbox.control.interrupt("nobody")
    with pytest.raises(NotFound, match="no Spot pool"):
        sandbox.control.drain("g5.xlarge@us-east-1z")
    with pytest.raises(BadInput, match="not a pool"):
        sandbox.control.drain("g5.xlarge")
    with pytest.raises(BadInput, match="On-Demand"):
        sandbox.control.price(POOL, "99")
