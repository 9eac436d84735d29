"""The control verbs over HTTP: what somebody who plays EC2's part does, clients meet."""

from datetime import datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from time import monotonic
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from tests.conftest import Sandbox
from tests.story import account

from ec2_sandbox import bill as billing
from ec2_sandbox.errors import BadInput, NotFound
from ec2_sandbox.history import HappeningKind

pytestmark = pytest.mark.sandbox

BEGINS = "2026-01-05T08:00:00+00:00"
HOUR = timedelta(hours=1)
POOL = "m5.large@us-east-1a"


@pytest.fixture
def still(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose clock stands still but for its calls and ``advance``."""
    sandbox.reset(speed=0, step=1, begins=BEGINS)
    return sandbox


def launched(sandbox: Sandbox, name: str = "dev", **how: Any) -> str:
    """A Spot box, by its id."""
    spot = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    order = {
        "ImageId": account.amazon_image(sandbox),
        "InstanceType": "m5.large",
        "MinCount": 1,
        "MaxCount": 1,
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": spot},
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}
        ],
    }
    made = sandbox.client("ec2").run_instances(**{**order, **how})
    instance_id: str = made["Instances"][0]["InstanceId"]
    return instance_id


def state_of(sandbox: Sandbox, instance_id: str) -> str:
    found = sandbox.client("ec2").describe_instances(InstanceIds=[instance_id])
    name: str = found["Reservations"][0]["Instances"][0]["State"]["Name"]
    return name


def refused(call: Any, **parameters: Any) -> tuple[str, int]:
    """The code and HTTP status of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


# Time


def test_every_call_takes_a_step_and_an_advance_takes_itself(still: Sandbox) -> None:
    begins = datetime.fromisoformat(BEGINS)
    assert still.control.now() == begins
    still.client("ec2").describe_vpcs()
    still.client("ec2").describe_instance_types(InstanceTypes=["m5.large"])
    assert still.control.now() == begins + timedelta(seconds=2)
    assert still.control.advance(HOUR) == begins + HOUR + timedelta(seconds=2)


# Machines


def test_a_machine_that_shuts_itself_down_ends_its_own_way(still: Sandbox) -> None:
    box = launched(still)
    told = still.control.shutdown("dev")
    assert told["instance_id"] == box
    assert state_of(still, box) == "stopped"
    [event] = [e for e in still.control.events(name="dev") if e["facts"].get("state") == "stopped"]
    assert event["facts"]["cause"] == "guest"
    with pytest.raises(NotFound, match="No running machine is called 'dev'"):
        still.control.shutdown("dev")


def test_a_quota_of_one_region_leaves_the_others(still: Sandbox) -> None:
    still.control.quota("L-34B43A08", 0, "us-east-1")
    code, _ = refused(lambda: launched(still))
    assert code == "MaxSpotInstanceCountExceeded"
    [event] = still.control.events(kind="quota")
    assert (event["region"], event["facts"]["vcpus"]) == ("us-east-1", "0")


# Faults


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("RequestLimitExceeded", 503),
        ("Throttling", 503),
        ("UnauthorizedOperation", 403),
        ("AuthFailure", 401),
        ("InternalError", 500),
        ("Unavailable", 503),
        ("InvalidParameterValue", 400),
    ],
)
@pytest.mark.one_in(3)
def test_every_code_has_its_http_status(still: Sandbox, code: str, status: int) -> None:
    still.control.fail("DescribeVpcs", code)
    assert refused(still.client("ec2").describe_vpcs) == (code, status)
    assert still.client("ec2").describe_vpcs()["Vpcs"]


@pytest.mark.parametrize("action", ["describevpcs", "DescribeVpc", "RequestMachine"])
def test_an_action_that_no_service_has_cannot_fail(still: Sandbox, action: str) -> None:
    with pytest.raises(BadInput, match=f"has an operation '{action}'"):
        still.control.fail(action, "Unavailable")


def test_a_fault_hits_so_many_calls_of_its_action_and_region(still: Sandbox) -> None:
    still.control.fail("DescribeVpcs", "Unavailable", times=2, region="eu-west-1")
    assert still.client("ec2").describe_vpcs()["Vpcs"]
    for _ in range(2):
        assert refused(still.client("ec2", "eu-west-1").describe_vpcs)[0] == "Unavailable"
    assert still.client("ec2", "eu-west-1").describe_vpcs()["Vpcs"]
    assert still.control.status()["faults_pending"] == 0


def test_after_its_effect_only_the_answer_is_lost(still: Sandbox) -> None:
    still.control.fail("CreateSecurityGroup", "InternalError", after_effect=True)
    create = still.client("ec2").create_security_group
    assert refused(create, GroupName="g", Description="d") == ("InternalError", 503)
    assert refused(create, GroupName="g", Description="d")[0] == "InvalidGroup.Duplicate"


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_connection_can_be_dropped(still: Sandbox, *, after_effect: bool) -> None:
    still.control.fail("DescribeVpcs", "Lost", http_status=0, after_effect=after_effect)
    with pytest.raises(ConnectionClosedError):
        still.client("ec2").describe_vpcs()


def test_a_latency_is_real_and_may_be_of_one_action(still: Sandbox) -> None:
    still.control.latency(timedelta(milliseconds=300), "DescribeVpcs")
    began = monotonic()
    still.client("ec2").describe_vpcs()
    assert monotonic() - began >= 0.3
    assert still.control.status()["latencies"] == {"DescribeVpcs": 0.3}
    still.control.latency(timedelta(), "DescribeVpcs")
    assert still.control.status()["latencies"] == {}


# Throttling


def test_throttling_is_off_at_first_and_ec2s_when_it_is_on(still: Sandbox) -> None:
    vpcs = still.client("ec2").describe_vpcs
    for _ in range(130):
        vpcs()
    still.reset(speed=0, step=0, begins=BEGINS)
    still.control.throttle(on=True)
    for _ in range(100):
        vpcs()
    assert refused(vpcs) == ("RequestLimitExceeded", 503)
    assert still.client("ec2", "eu-west-1").describe_vpcs()["Vpcs"]
    still.control.advance(timedelta(seconds=1))
    for _ in range(20):
        vpcs()
    assert refused(vpcs) == ("RequestLimitExceeded", 503)
    still.control.throttle(on=False)
    vpcs()


# What happened


def test_the_history_tells_a_life_in_order_and_in_sandbox_time(still: Sandbox) -> None:
    box = launched(still)
    still.control.interrupt("dev")
    still.control.advance(3 * HOUR)
    still.client("ec2").terminate_instances(InstanceIds=[box])
    told = still.control.events()
    assert [e["at"] for e in told] == sorted(e["at"] for e in told)
    states = [e["facts"]["state"] for e in told if e["kind"] == "instance" and e["subject"] == box]
    assert [s for s in states if s != "pending"] == [
        "running",
        "stopping",
        "stopped",
        "running",
        "shutting-down",
        "terminated",
    ]
    sentences = [event["sentence"] for event in told]
    assert f"{box} is stopping: EC2 takes the capacity back" in sentences
    assert any("gets its notice: stop" in sentence for sentence in sentences)
    assert "asked for: interrupt dev" in sentences


def test_events_are_found_by_time_kind_and_name(still: Sandbox) -> None:
    launched(still, "dev")
    still.control.advance(HOUR)
    other = launched(still, "other")
    still.control.price(POOL, "0.05")
    everything = still.control.events()
    recent = still.control.events(since=timedelta(minutes=5))
    assert 0 < len(recent) < len(everything)
    moment = datetime.fromisoformat(recent[0]["at"])
    assert still.control.events(since=moment) == recent
    assert {e["kind"] for e in still.control.events(kind="market")} == {"market"}
    about = still.control.events(name="other")
    assert {e["subject"] for e in about if e["kind"] == "instance"} == {other}
    assert {"request", "volume"} <= {e["kind"] for e in about}
    assert [e["subject"] for e in still.control.events(name=POOL, kind="market")] == [POOL]


def test_every_kind_of_control_is_told(still: Sandbox) -> None:
    launched(still)
    still.control.advance(HOUR)
    still.control.interrupt("dev", minutes=1)
    still.control.drain(POOL, 5)
    still.control.refill(POOL)
    still.control.price(POOL, "0.05")
    still.control.quota("L-3819A6DF", 8)
    still.control.fail("RunInstances", "InternalError", times=2, after_effect=True)
    still.control.latency(timedelta(milliseconds=1))
    still.control.throttle()
    by_hand = {str(HappeningKind.CONTROL), str(HappeningKind.MARKET), str(HappeningKind.QUOTA)}
    told = [e["sentence"] for e in still.control.events() if e["kind"] in by_hand]
    assert told == [
        "asked for: advance 1h",
        "asked for: interrupt dev",
        f"{POOL} is drained until 09:05:02",
        f"{POOL} is refilled",
        f"{POOL} costs $0.050000/h from now on",
        "quota L-3819A6DF is 8 vCPU (control)",
        "asked for: fail-next RunInstances InternalError times 2, when after its effect",
        "asked for: latency 0.001 s",
        "asked for: throttle on",
    ]


# The bill


def test_the_bill_is_the_seconds_at_the_price_of_each(still: Sandbox) -> None:
    still.control.price(POOL, "0.06")
    launched(still)
    still.control.advance(HOUR)
    still.control.price(POOL, "0.03")
    still.control.advance(HOUR)
    told = still.control.bill()
    [run] = [line for line in told["lines"] if "Spot" in line["what"]]
    assert run["note"] == "goes on"
    assert run["seconds"] == 2 * 3600
    assert float(run["usd"]) == pytest.approx(0.09)
    assert sum(Decimal(line["usd"]) for line in told["lines"]) == pytest.approx(
        Decimal(told["usd"])
    )
    assert 0 < told["saving"] < 1


def test_the_first_hour_is_free_when_ec2_interrupts(still: Sandbox) -> None:
    launched(still)
    still.control.advance(timedelta(minutes=30))
    still.control.interrupt("dev", minutes=600)
    still.control.advance(HOUR)
    [run] = [line for line in still.control.bill()["lines"] if "Spot" in line["what"]]
    assert (run["usd"], run["note"]) == ("0", billing.FREE)


def test_a_stopped_box_costs_its_disk_only(still: Sandbox) -> None:
    box = launched(still)
    still.client("ec2").stop_instances(InstanceIds=[box])
    before = Decimal(still.control.bill()["usd"])
    still.control.advance(timedelta(days=1))
    told = still.control.bill()
    growing = [line["what"] for line in told["lines"] if line["note"] == "goes on"]
    assert growing == ["8 GB gp3 disk"]
    assert Decimal(told["usd"]) - before == pytest.approx(Decimal("8") * Decimal("0.08") / 30)


def test_an_address_of_ones_own_costs_until_it_is_released(still: Sandbox) -> None:
    client = still.client("ec2")
    made = client.allocate_address(Domain="vpc")
    still.control.advance(10 * HOUR)
    client.release_address(AllocationId=made["AllocationId"])
    still.control.advance(10 * HOUR)
    [line] = still.control.bill()["lines"]
    assert float(line["usd"]) == pytest.approx(0.05, abs=0.001)


# The state of things


def test_the_status_counts_what_there_is(still: Sandbox) -> None:
    box = launched(still)
    still.control.fail("RunInstances", "InternalError", times=3)
    found = still.control.status()
    assert (found["machines_running"], found["requests_open"]) == (1, 1)
    assert (found["faults_pending"], found["throttle"]) == (3, False)
    still.client("ec2").terminate_instances(InstanceIds=[box])
    assert still.control.status()["machines_running"] == 0


def test_a_reset_is_a_new_history_and_the_same_market(still: Sandbox) -> None:
    launched(still)
    first = account.pools(still, "m5.large")
    still.reset(speed=0, step=1, begins=BEGINS)
    assert still.control.events() == []
    assert still.control.bill()["lines"] == []
    assert account.pools(still, "m5.large") == first


def test_the_reset_of_moto_resets_it_too(still: Sandbox) -> None:
    launched(still)
    connection = HTTPConnection("127.0.0.1", still.status.port or 0)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    connection.close()
    assert account.left(still) == []
    assert still.control.events() == []


def test_a_question_that_was_broken_off_spoils_no_later_one(
    still: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, put = still.control, HTTPConnection.putheader
    control.now()

    def ctrl_c(connection: HTTPConnection, name: str, *values: Any) -> None:
        if name == "x-spotkeeper-token":
            raise KeyboardInterrupt
        put(connection, name, *values)

    monkeypatch.setattr(HTTPConnection, "putheader", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        control.now()
    monkeypatch.setattr(HTTPConnection, "putheader", put)
    assert control.now().isoformat() == BEGINS
