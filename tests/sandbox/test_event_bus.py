"""EC2's events on EventBridge: what reaches a queue or a log group, and what does not."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import QUIET, Sandbox
from tests.sandbox.launching import BEGINS, BOX, IMAGE, ONCE, launch_one

from ec2_sandbox.client import daemon

MINUTE = timedelta(minutes=1)
EC2 = {"source": ["aws.ec2"]}
WARNING = {"detail-type": ["EC2 Spot Instance Interruption Warning"]}


class Bus:
    """A queue, and rules that fill it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sqs, self.events = sandbox.client("sqs"), sandbox.client("events")
        self.url: str = self.sqs.create_queue(QueueName="notices")["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn: str = asked["Attributes"]["QueueArn"]

    def rule(self, pattern: dict[str, Any], name: str = "ec2", **target: Any) -> None:
        """Send what fits to the queue."""
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        to_queue = {"Id": "queue", "Arn": self.arn, **target}
        self.events.put_targets(Rule=name, Targets=[to_queue])

    def bodies(self) -> list[str]:
        """Every message, as often as there are any."""
        found: list[str] = []
        while True:
            got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            if not got.get("Messages"):
                return found
            for message in got["Messages"]:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def received(self) -> list[dict[str, Any]]:
        """The events in the queue."""
        return [json.loads(body) for body in self.bodies()]

    def launch(self, **chosen: Any) -> str:
        """One instance; its id."""
        return str(launch_one(self.sandbox, **chosen)["InstanceId"])


@pytest.fixture
def bus(sandbox: Sandbox) -> Bus:
    sandbox.reset(speed=0, begins=BEGINS)
    return Bus(sandbox)


def test_an_interruption_warning_reaches_a_queue(bus: Bus) -> None:
    bus.rule({**EC2, **WARNING})
    instance_id = bus.launch(
        InstanceMarketOptions=BOX, Placement={"AvailabilityZone": "us-east-1b"}
    )
    bus.sandbox.control.interrupt(instance_id)
    (event,) = bus.received()
    identity, time = event.pop("id"), event.pop("time")
    assert event == {
        "version": "0",
        "detail-type": "EC2 Spot Instance Interruption Warning",
        "source": "aws.ec2",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": [f"arn:aws:ec2:us-east-1b:instance/{instance_id}"],
        "detail": {"instance-id": instance_id, "instance-action": "stop"},
    }
    assert time.startswith("2026-01-05T00:00:")
    assert len(identity) == 36


def test_states_and_fulfilment_are_told_in_their_order(bus: Bus) -> None:
    bus.rule(EC2)
    instance_id = bus.launch(InstanceMarketOptions=BOX)
    bus.sandbox.client("ec2").stop_instances(InstanceIds=[instance_id])
    received = bus.received()
    states = [event["detail"]["state"] for event in received if "state" in event["detail"]]
    assert states == ["pending", "running", "stopping", "stopped"]
    fulfilled = [event for event in received if "Fulfillment" in event["detail-type"]]
    assert [event["detail"]["instance-id"] for event in fulfilled] == [instance_id]


def test_each_event_has_the_time_at_which_it_happened(bus: Bus) -> None:
    bus.sandbox.reset(speed=0, begins=BEGINS, dwell=1)
    bus = Bus(bus.sandbox)
    bus.rule({**EC2, "detail": {"state": ["terminated", "shutting-down"]}})
    instance_id = bus.launch()
    bus.sandbox.control.advance(MINUTE)
    bus.sandbox.client("ec2").terminate_instances(InstanceIds=[instance_id])
    ended = bus.sandbox.control.now()
    bus.sandbox.control.advance(10 * MINUTE)
    first, second = bus.received()
    assert first["time"] == ended.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert first["time"] < second["time"] < "2026-01-05T00:02:30Z"


def test_a_rule_gets_only_what_fits_its_pattern(bus: Bus) -> None:
    bus.rule({**EC2, "detail": {"state": [{"prefix": "run"}]}})
    bus.launch()
    assert [event["detail"]["state"] for event in bus.received()] == ["running"]


def test_a_disabled_rule_gets_nothing(bus: Bus) -> None:
    bus.rule(EC2)
    bus.events.disable_rule(Name="ec2")
    bus.launch()
    assert bus.received() == []
    bus.events.enable_rule(Name="ec2")
    bus.launch()
    assert bus.received() != []


def test_a_rule_of_another_region_gets_nothing(bus: Bus) -> None:
    bus.rule(EC2)
    launch_one(bus.sandbox, "eu-west-1")
    assert bus.received() == []


def test_a_target_may_want_a_part_or_something_else(bus: Bus) -> None:
    running = {**EC2, "detail": {"state": ["running"]}}
    transformer = {
        "InputPathsMap": {"id": "$.detail.instance-id"},
        "InputTemplate": '"<id> runs"',
    }
    bus.rule(running, "part", InputPath="$.detail")
    bus.rule(running, "constant", Input='"something runs"')
    bus.rule(running, "template", InputTransformer=transformer)
    instance_id = bus.launch()
    assert sorted(bus.bodies()) == sorted(
        [
            json.dumps({"instance-id": instance_id, "state": "running"}),
            '"something runs"',
            f'"{instance_id} runs"',
        ]
    )


def test_a_log_group_can_be_a_target(bus: Bus) -> None:
    logs = bus.sandbox.client("logs")
    logs.create_log_group(logGroupName="/aws/events/ec2")
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/ec2"
    bus.rule({**EC2, "detail": {"state": ["running"]}}, Arn=arn)
    instance_id = bus.launch()
    lines = logs.filter_log_events(logGroupName="/aws/events/ec2")["events"]
    assert [json.loads(line["message"])["detail"]["instance-id"] for line in lines] == [
        instance_id
    ]


def test_a_target_that_is_gone_harms_nobody(bus: Bus) -> None:
    bus.rule(EC2)
    bus.sqs.delete_queue(QueueUrl=bus.url)
    assert bus.launch().startswith("i-")


def test_events_of_ones_own_are_delivered_too(bus: Bus) -> None:
    bus.rule({"source": ["my.app"]})
    entry = {"Source": "my.app", "DetailType": "Done", "Detail": '{"n": 1}'}
    answer = bus.events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    (event,) = bus.received()
    assert (event["source"], event["detail"]) == ("my.app", {"n": 1})
    assert event["id"] == answer["Entries"][0]["EventId"]


def test_the_same_calls_make_the_same_events(bus: Bus) -> None:
    def told() -> list[dict[str, Any]]:
        bus.sandbox.reset(speed=0, begins=BEGINS, seed=3)
        fresh = Bus(bus.sandbox)
        fresh.rule(EC2)
        fresh.sandbox.control.interrupt(fresh.launch(InstanceMarketOptions=BOX))
        fresh.sandbox.control.advance(5 * MINUTE)
        return fresh.received()

    first = told()
    assert len(first) >= 4
    assert told() == first


def test_a_fleet_tells_its_states_and_launches(bus: Bus) -> None:
    bus.rule({"source": ["aws.ec2fleet"]})
    ec2 = bus.sandbox.client("ec2")
    ec2.create_launch_template(
        LaunchTemplateName="worker",
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"},
    )
    template = {"LaunchTemplateName": "worker", "Version": "1"}
    made = ec2.create_fleet(
        Type="maintain",
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": template}],
        TargetCapacitySpecification={
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot",
        },
    )
    bus.sandbox.control.advance(5 * MINUTE)
    received = bus.received()
    arn = f"arn:aws:ec2:us-east-1:123456789012:fleet/{made['FleetId']}"
    assert {tuple(event["resources"]) for event in received} == {(arn,)}
    told = [(event["detail-type"], event["detail"]["sub-type"]) for event in received]
    assert ("EC2 Fleet State Change", "submitted") in told
    assert ("EC2 Fleet State Change", "active") in told
    assert ("EC2 Fleet Instance Change", "launched") in told


def test_a_rebalance_recommendation_reaches_a_queue(bus: Bus) -> None:
    bus.sandbox.reset(scenario="storm", speed=0, begins=BEGINS)
    bus = Bus(bus.sandbox)
    bus.rule({"detail-type": ["EC2 Instance Rebalance Recommendation"]})
    zone = {"AvailabilityZone": "us-east-1d"}
    instance_id = bus.launch(InstanceType="g5.xlarge", Placement=zone, InstanceMarketOptions=ONCE)
    bus.sandbox.control.advance(60 * MINUTE)
    (event,) = bus.received()
    assert event["detail"] == {"instance-id": instance_id}
    assert event["resources"] == [f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"]


def test_who_waits_for_a_message_holds_up_nobody(sandbox: Sandbox) -> None:
    bus = Bus(sandbox)
    bus.rule({**EC2, "detail": {"state": ["running"]}})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bus.sqs.receive_message, QueueUrl=bus.url, WaitTimeSeconds=20)
        instance_id = bus.launch()
        (message,) = waiting.result()["Messages"]
    assert json.loads(message["Body"])["detail"]["instance-id"] == instance_id


def test_a_wait_for_messages_ends_although_the_clock_stands_still(bus: Bus) -> None:
    got = bus.sqs.receive_message(QueueUrl=bus.url, WaitTimeSeconds=20)
    assert not got.get("Messages")


@pytest.mark.soak
def test_rules_and_messages_survive_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        bus = Bus(Sandbox(daemon.start(home, options=QUIET)))
        bus.rule({**EC2, "detail": {"state": ["running"]}})
        before = bus.launch()
        daemon.stop(home)
        again = Bus(Sandbox(daemon.start(home)))
        after = again.launch()
        seen = [event["detail"]["instance-id"] for event in again.received()]
        assert seen == [before, after]
    finally:
        daemon.stop(home)
